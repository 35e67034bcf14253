//! A column as an object: its type in Dataverse's terms, and the options of its choice.

use serde_json::{Value, json};

use super::label::{Object, id, is_custom, label, managed, members, schema_name};
use crate::model::catalog::Catalog;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::odata::options::CONCEPT_TYPE;

/// Characters of a text for which nobody has set a limit.
const TEXT_MAX: u32 = 4_000;
const MEMO_MAX: u32 = 1_048_576;

/// A column that the host adds for itself is nobody's.
pub(super) fn is_shown(table: &Table, column: ColumnIndex) -> bool {
    table.columns.get(column).is_some_and(|described| described.access.read || column == table.key)
}

pub(super) fn type_name(table: &Table, column: ColumnIndex) -> &'static str {
    names(table, column)[0]
}

/// The type of the object, `AttributeType`, `AttributeTypeName`.
fn names(table: &Table, column: ColumnIndex) -> [&'static str; 3] {
    match &table.columns[column].kind {
        Kind::Key => ["UniqueIdentifierAttributeMetadata", "Uniqueidentifier", "UniqueidentifierType"],
        Kind::Text { multi_line: true, .. } | Kind::Json => ["MemoAttributeMetadata", "Memo", "MemoType"],
        Kind::Text { .. } | Kind::Uri | Kind::PartialDate => ["StringAttributeMetadata", "String", "StringType"],
        Kind::Boolean => ["BooleanAttributeMetadata", "Boolean", "BooleanType"],
        Kind::Int32 => ["IntegerAttributeMetadata", "Integer", "IntegerType"],
        Kind::Int64 => ["BigIntAttributeMetadata", "BigInt", "BigIntType"],
        Kind::Decimal { .. } => ["DecimalAttributeMetadata", "Decimal", "DecimalType"],
        Kind::Date | Kind::DateTime => ["DateTimeAttributeMetadata", "DateTime", "DateTimeType"],
        Kind::Choice(_) => match table.columns[column].name.as_str() {
            "statecode" => ["StateAttributeMetadata", "State", "StateType"],
            "statuscode" => ["StatusAttributeMetadata", "Status", "StatusType"],
            _ => ["PicklistAttributeMetadata", "Picklist", "PicklistType"],
        },
        Kind::Lookup(_) | Kind::ConceptKey { .. } => ["LookupAttributeMetadata", "Lookup", "LookupType"],
    }
}

pub(super) fn object(table: &Table, column: ColumnIndex, catalog: &Catalog) -> Object {
    let described = &table.columns[column];
    let [_, kind, kind_name] = names(table, column);
    let of = format!("{}/{}", table.name, described.name);
    let required = match (&described.kind, described.required) {
        (Kind::Key, _) => "SystemRequired",
        (_, true) => "ApplicationRequired",
        _ => "None",
    };
    let is_key = column == table.key;
    let mut object = members([
        ("MetadataId", json!(id("column", &of))),
        ("LogicalName", json!(described.name)),
        ("SchemaName", json!(schema_name(&described.name))),
        ("EntityLogicalName", json!(table.name)),
        ("ColumnNumber", json!(column + 1)),
        ("DisplayName", label(&described.label, &of)),
        ("Description", label(&described.description, &of)),
        ("AttributeType", json!(kind)),
        ("AttributeTypeName", json!({ "Value": kind_name })),
        (
            "RequiredLevel",
            json!({
                "Value": required, "CanBeChanged": false, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
            }),
        ),
        ("IsPrimaryId", json!(is_key)),
        ("IsPrimaryName", json!(column == table.primary_name)),
        ("IsValidForRead", json!(true)),
        ("IsValidForCreate", json!(described.access.create)),
        ("IsValidForUpdate", json!(described.access.update && !is_key)),
        ("IsValidForForm", json!(true)),
        ("IsValidForGrid", json!(true)),
        ("IsRequiredForForm", json!(required != "None")),
        ("IsFilterable", json!(true)),
        ("IsRetrievable", json!(true)),
        ("IsSearchable", json!(false)),
        ("IsSecured", json!(table.is_masked(column))),
        ("IsLogical", json!(false)),
        ("IsDataSourceSecret", json!(false)),
        ("CanBeSecuredForRead", json!(false)),
        ("CanBeSecuredForCreate", json!(false)),
        ("CanBeSecuredForUpdate", json!(false)),
        ("IsCustomAttribute", json!(is_custom(&described.name))),
        ("IsManaged", json!(true)),
        ("AttributeOf", Value::Null),
        ("LinkedAttributeId", Value::Null),
        ("InheritsFrom", Value::Null),
        ("AutoNumberFormat", Value::Null),
        ("ExternalName", Value::Null),
        ("SourceType", json!(0)),
        ("DeprecatedVersion", Value::Null),
        ("IntroducedVersion", json!("1.0")),
        ("HasChanged", Value::Null),
        ("IsCustomizable", managed(false, "iscustomizable")),
        ("IsRenameable", managed(false, "isrenameable")),
        ("IsValidForAdvancedFind", managed(true, "canmodifysearchsettings")),
        ("IsAuditEnabled", managed(false, "canmodifyauditsettings")),
        ("IsGlobalFilterEnabled", managed(false, "canmodifyglobalfiltersettings")),
        ("IsSortableEnabled", managed(true, "canmodifyissortablesettings")),
        ("CanModifyAdditionalSettings", managed(false, "canmodifyadditionalsettings")),
    ]);
    object.extend(of_kind(&described.kind, catalog));
    object
}

/// What only columns of a kind have.
fn of_kind(kind: &Kind, catalog: &Catalog) -> Object {
    let texts = |format: &str, length: u32| {
        members([("Format", json!(format)), ("FormatName", json!({ "Value": format })), ("MaxLength", json!(length))])
    };
    let range = |least: Value, most: Value| members([("MinValue", least), ("MaxValue", most)]);
    match kind {
        Kind::Key => Object::new(),
        Kind::Text { max_length, multi_line: true } => texts("TextArea", max_length.unwrap_or(MEMO_MAX)),
        Kind::Json => texts("TextArea", MEMO_MAX),
        Kind::Text { max_length, .. } => texts("Text", max_length.unwrap_or(TEXT_MAX)),
        Kind::Uri => texts("Url", TEXT_MAX),
        Kind::PartialDate => texts("Text", TEXT_MAX),
        Kind::Boolean => members([("DefaultValue", Value::Null)]),
        Kind::Int32 => {
            let mut of = range(json!(i32::MIN), json!(i32::MAX));
            of.insert("Format".into(), json!("None"));
            of
        }
        Kind::Int64 => range(json!(i64::MIN), json!(i64::MAX)),
        Kind::Decimal { precision, scale } => {
            let scale = scale.unwrap_or(10).min(10);
            let most = 10_f64.powi(i32::from(precision.saturating_sub(scale)).min(11));
            let mut of = range(json!(-most), json!(most));
            of.insert("Precision".into(), json!(scale));
            of
        }
        Kind::Date | Kind::DateTime => {
            let [format, behaviour] = match kind {
                Kind::Date => ["DateOnly", "DateOnly"],
                _ => ["DateAndTime", "UserLocal"],
            };
            members([("Format", json!(format)), ("DateTimeBehavior", json!({ "Value": behaviour }))])
        }
        Kind::Choice(_) => members([("DefaultFormValue", json!(-1))]),
        Kind::Lookup(lookup) => {
            let targets = lookup.targets.iter().filter_map(|target| catalog.find_entity_set(&target.entity_set));
            let mut names: Vec<&str> = Vec::new();
            for target in targets {
                if !names.contains(&target.name.as_str()) {
                    names.push(&target.name);
                }
            }
            members([("Targets", json!(names)), ("Format", json!("None"))])
        }
        Kind::ConceptKey { .. } => members([("Targets", json!([CONCEPT_TYPE])), ("Format", json!("None"))]),
    }
}

/// The choice of a column: of a boolean yes and no.
pub(super) fn options(table: &Table, column: ColumnIndex) -> Object {
    let described = &table.columns[column];
    let name = format!("{}_{}", table.name, described.name);
    let option = |value: i32, text: &str, code: &str| {
        json!({
            "Value": value,
            "Label": label(text, &name),
            "Description": label("", &name),
            "Color": null,
            "ExternalValue": code,
            "IsManaged": true,
            "MetadataId": null,
            "HasChanged": null,
        })
    };
    let mut object = members([
        ("MetadataId", json!(id("choice", &name))),
        ("Name", json!(name)),
        ("DisplayName", label(&described.label, &name)),
        ("Description", label(&described.description, &name)),
        ("IsGlobal", json!(false)),
        ("IsCustomOptionSet", json!(is_custom(&described.name))),
        ("IsManaged", json!(true)),
        ("ExternalTypeName", Value::Null),
        ("IntroducedVersion", json!("1.0")),
        ("HasChanged", Value::Null),
        ("IsCustomizable", managed(false, "iscustomizable")),
    ]);
    match &described.kind {
        Kind::Choice(choice) => {
            let kind = match names(table, column)[1] {
                kind @ ("State" | "Status") => kind,
                _ => "Picklist",
            };
            let options = choice.options.iter().map(|o| option(o.value, &o.label, &o.code));
            object.insert("OptionSetType".into(), json!(kind));
            object.insert("Options".into(), options.collect());
        }
        _ => {
            object.insert("OptionSetType".into(), json!("Boolean"));
            object.insert("TrueOption".into(), option(1, "Yes", "true"));
            object.insert("FalseOption".into(), option(0, "No", "false"));
        }
    }
    object
}
