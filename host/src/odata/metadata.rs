//! What the service has, for clients that look first: the service document, and `$metadata` as XML and as JSON. Both
//! forms are written from one description of the tables, so that they cannot differ.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::headers::{Detail, Format};
use super::options::{CONCEPT_FIELDS, CONCEPT_SET, CONCEPT_TYPE};
use crate::model::catalog::{Catalog, Relation};
use crate::model::limits::Limits;
use crate::model::table::{Column, Kind, Table, TableAccess};

pub use json::csdl_json;
pub use xml::csdl_xml;

mod annotations;
mod json;
mod xml;

/// The schema's namespace; clients know it from Dataverse.
pub const NAMESPACE: &str = "Microsoft.Dynamics.CRM";

const CONTAINER: &str = "System";
const DATE: &str = "Edm.Date";
const MOMENT: &str = "Edm.DateTimeOffset";
/// A named list of properties or parameters: name, type, whether it may be null.
type Members = &'static [(&'static str, &'static str, bool)];

const RESULTS: &str = "Collection(Microsoft.Dynamics.CRM.msind_upsertfhirbundleresult)";

/// Types of what actions answer.
const ANSWERS: [(&str, Members); 3] = [
    (
        "msind_UpsertBundleResponse",
        &[
            ("msind_Status", "Edm.Boolean", false),
            ("msind_StatusDetail", "Edm.String", true),
            ("msind_Results", RESULTS, false),
        ],
    ),
    (
        "msind_upsertfhirbundleresult",
        &[
            ("msind_fhirresourceid", "Edm.String", true),
            ("msind_fhirresourcetype", "Edm.String", true),
            ("msind_resultingrecordid", "Edm.String", true),
            ("msind_resultingrecordtype", "Edm.String", true),
            ("msind_requestactionperformed", "Edm.Int32", true),
            ("msind_requeststatus", "Edm.Int32", true),
            ("msind_requeststatusdetail", "Edm.String", true),
        ],
    ),
    (
        "msind_RetrieveBundleResponse",
        &[
            ("msind_Status", "Edm.Boolean", false),
            ("msind_StatusDetail", "Edm.String", true),
            ("msind_JSON", "Edm.String", true),
        ],
    ),
];

/// Unbound actions, Microsoft's own, each with its parameters; each answers the type of its name with `Response`.
const ACTIONS: [(&str, Members); 2] = [
    ("msind_UpsertBundle", &[("msind_JSON", "Edm.String", false), ("msind_BundleTag", "Edm.String", true)]),
    ("msind_RetrieveBundle", &[("msind_FHIRQuery", "Edm.String", false)]),
];

/// The service root: its entity sets. `base` is its URL, with a slash at its end.
pub fn service_document(catalog: &Catalog, base: &str, format: Format) -> Vec<u8> {
    let sets: Vec<Value> = catalog
        .tables()
        .map(|table| json!({"name": table.entity_set, "kind": "EntitySet", "url": table.entity_set, "title": table.label}))
        .collect();
    let mut document = Map::new();
    if format.detail != Detail::None {
        document.insert("@odata.context".into(), json!(format!("{base}$metadata")));
    }
    document.insert("value".into(), Value::Array(sets));
    Value::Object(document).to_string().into_bytes()
}

/// What is told, and to whom.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    pub catalog: &'a Catalog,
    pub limits: &'a Limits,
    /// To clients that know no `Edm.Date`.
    pub dates_as_moments: bool,
}

struct EntityType {
    name: String,
    key: String,
    properties: Vec<Property>,
    navigations: Vec<Navigation>,
    set: String,
    access: TableAccess,
    label: String,
    description: String,
    /// Its rows are resources of their own.
    is_root: bool,
    /// The property that has the version of a row.
    version: Option<String>,
    /// The property that names a row as well as its key does.
    alternate_keys: Vec<Vec<String>>,
    /// What changes in its rows can be told.
    is_tracked: bool,
    /// Not a table of its own, or one under its second name: left out of the service document.
    hidden: bool,
}

#[derive(Default)]
struct Property {
    name: String,
    edm: &'static str,
    nullable: bool,
    max_length: Option<u32>,
    precision: Option<u8>,
    /// `Some(None)` = variable
    scale: Option<Option<u8>>,
    label: String,
    description: String,
    written: Written,
    /// A new row must have a value.
    required: bool,
}

/// When a client gives a property its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Written {
    #[default]
    Never,
    OnCreate,
    OnUpdate,
    Always,
    /// The key of a row that is bound: by the navigation property.
    ByNavigation,
}

struct Navigation {
    name: String,
    to: String,
    set: String,
    collection: bool,
    partner: Option<String>,
    /// Own property and the key it refers to.
    constraint: Option<(String, String)>,
}

fn describe(told: Told<'_>) -> Vec<EntityType> {
    let Told { catalog, dates_as_moments, .. } = told;
    let described = catalog.described();
    // Of a table that has two names the service document has the first.
    let is_twin = |table: &Table| catalog.table(&table.name).is_none();
    let entity = |table: &Arc<Table>| EntityType { hidden: is_twin(table), ..describe_table(table, described) };
    let mut types: Vec<EntityType> = described.tables().map(entity).collect();
    if catalog.tables().any(|table| !table.concepts.is_empty()) && catalog.table(CONCEPT_TYPE).is_none() {
        types.push(describe_concept());
    }
    if dates_as_moments {
        let properties = types.iter_mut().flat_map(|entity| &mut entity.properties);
        properties.filter(|property| property.edm == DATE).for_each(|property| property.edm = MOMENT);
    }
    types
}

fn describe_table(table: &Table, catalog: &Catalog) -> EntityType {
    let readable = table.columns.iter().filter(|column| column.access.read || column.kind == Kind::Key);
    let name = |column: &usize| table.columns[*column].name.clone();
    EntityType {
        name: table.name.clone(),
        key: table.columns[table.key].name.clone(),
        properties: readable.map(|column| described(table, column)).collect(),
        navigations: catalog
            .relations(table)
            .iter()
            .filter_map(|(name, to)| navigation(table, name, to, catalog))
            .collect(),
        set: table.entity_set.clone(),
        access: table.access,
        label: table.label.clone(),
        description: table.description.clone(),
        is_root: table.parent.is_none(),
        version: table.version.map(|column| &table.columns[column]).filter(|c| c.access.read).map(|c| c.name.clone()),
        alternate_keys: table.alternate_keys().iter().map(|key| key.iter().map(name).collect()).collect(),
        is_tracked: catalog.is_tracked(table),
        hidden: false,
    }
}

fn describe_concept() -> EntityType {
    let text =
        |name: &&str| Property { name: (*name).to_owned(), edm: "Edm.String", nullable: true, ..Property::default() };
    let [key, texts @ ..] = &CONCEPT_FIELDS;
    let key_property = Property { name: (*key).to_owned(), edm: "Edm.Guid", ..Property::default() };
    EntityType {
        name: CONCEPT_TYPE.into(),
        key: (*key).to_owned(),
        properties: std::iter::once(key_property).chain(texts.iter().map(text)).collect(),
        navigations: Vec::new(),
        set: CONCEPT_SET.into(),
        access: TableAccess { read: false, create: false, update: false, delete: false },
        label: String::new(),
        description: String::new(),
        is_root: false,
        version: None,
        alternate_keys: Vec::new(),
        is_tracked: false,
        hidden: true,
    }
}

fn described(table: &Table, column: &Column) -> Property {
    let access = column.access;
    let (creates, updates) = (access.create && table.access.create, access.update && table.access.update);
    let written = match column.kind {
        // Of a new row of a root table it may be chosen, of none later on.
        Kind::Key if table.parent.is_none() && table.access.create => Written::OnCreate,
        Kind::Key | Kind::ConceptKey { .. } => Written::Never,
        Kind::Lookup(_) if creates || updates => Written::ByNavigation,
        _ => match (creates, updates) {
            (true, true) => Written::Always,
            (true, false) => Written::OnCreate,
            (false, true) => Written::OnUpdate,
            (false, false) => Written::Never,
        },
    };
    Property {
        label: column.label.clone(),
        description: column.description.clone(),
        written,
        // A lookup is given by its navigation property, of which the vocabulary has no such word.
        required: column.required && !matches!(column.kind, Kind::Key | Kind::Lookup(_)),
        ..property(&column.property(), &column.kind)
    }
}

fn property(name: &str, kind: &Kind) -> Property {
    // More digits of a second than most clients can hold help nobody.
    const FRACTION: u8 = 7;
    let base = Property { name: name.to_owned(), nullable: true, ..Property::default() };
    match kind {
        Kind::Key => Property { edm: "Edm.Guid", nullable: false, ..base },
        Kind::Lookup(_) | Kind::ConceptKey { .. } => Property { edm: "Edm.Guid", ..base },
        Kind::Text { max_length, .. } => Property { edm: "Edm.String", max_length: *max_length, ..base },
        Kind::PartialDate | Kind::Uri | Kind::Json => Property { edm: "Edm.String", ..base },
        Kind::Boolean => Property { edm: "Edm.Boolean", ..base },
        Kind::Int32 | Kind::Choice(_) => Property { edm: "Edm.Int32", ..base },
        Kind::Int64 => Property { edm: "Edm.Int64", ..base },
        Kind::Decimal { precision, scale } => {
            Property { edm: "Edm.Decimal", precision: Some(*precision), scale: Some(*scale), ..base }
        }
        Kind::Date => Property { edm: DATE, ..base },
        Kind::DateTime => Property { edm: MOMENT, precision: Some(FRACTION), ..base },
    }
}

fn navigation(table: &Table, name: &str, to: &Relation, catalog: &Catalog) -> Option<Navigation> {
    let base = |to: &str, set: &str, collection| Navigation {
        name: name.to_owned(),
        to: to.to_owned(),
        set: set.to_owned(),
        collection,
        partner: None,
        constraint: None,
    };
    Some(match to {
        Relation::Lookup { column, table: target } => {
            let target = catalog.table(target)?;
            let property = table.columns[*column].property().into_owned();
            Navigation {
                partner: Some(format!("{}_{}", table.name, table.columns[*column].name)),
                constraint: Some((property, target.columns[target.key].name.clone())),
                ..base(&target.name, &target.entity_set, false)
            }
        }
        Relation::Collection { table: other, column } => {
            let other = catalog.table(other)?;
            let back = catalog.relations(other).iter().find(
                |(_, to)| matches!(to, Relation::Lookup { column: c, table: t } if c == column && *t == table.name),
            );
            Navigation { partner: back.map(|(name, _)| name.clone()), ..base(&other.name, &other.entity_set, true) }
        }
        Relation::Concept { concept } => {
            let index = table.columns.iter().position(|c| c.kind == Kind::ConceptKey { concept: *concept })?;
            let property = table.columns[index].property().into_owned();
            Navigation {
                constraint: Some((property, CONCEPT_FIELDS[0].to_owned())),
                ..base(CONCEPT_TYPE, CONCEPT_SET, false)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, BASE};
    use super::*;

    fn told<'a>(catalog: &'a Catalog, limits: &'a Limits) -> Told<'a> {
        Told { catalog, limits, dates_as_moments: false }
    }

    fn xml(catalog: &Catalog) -> String {
        String::from_utf8(csdl_xml(told(catalog, &Limits::default())).unwrap()).unwrap()
    }

    #[test]
    fn the_service_document_lists_the_sets() {
        let document = service_document(&sample::catalog(), BASE, Format::default());
        let expected = format!(
            r#"{{"@odata.context":"{BASE}$metadata","value":[{{"name":"contacts","kind":"EntitySet","url":"contacts","title":"contact"}},{{"name":"msemr_observations","kind":"EntitySet","url":"msemr_observations","title":"msemr_observation"}}]}}"#
        );
        assert_eq!(String::from_utf8(document).unwrap(), expected);
    }

    #[test]
    fn xml_says_what_rows_look_like() {
        let text = xml(&sample::catalog());
        for expected in [
            r#"<Property Name="contactid" Type="Edm.Guid" Nullable="false""#,
            r#"<Property Name="fullname" Type="Edm.String" MaxLength="10""#,
            r#"<Property Name="birthdate" Type="Edm.Date""#,
            r#"<Property Name="msemr_status" Type="Edm.Int32""#,
            r#"<Property Name="msemr_value" Type="Edm.Decimal" Precision="9" Scale="variable""#,
            r#"<Property Name="_msemr_patient_value" Type="Edm.Guid""#,
            r#"<Property Name="_msemr_device_value" Type="Edm.Guid""#,
            r#"<NavigationProperty Name="msemr_patient" Type="Microsoft.Dynamics.CRM.contact" Partner="msemr_observation_msemr_patient">"#,
            r#"<ReferentialConstraint Property="_msemr_patient_value" ReferencedProperty="contactid"/>"#,
            r#"<NavigationProperty Name="msemr_observation_msemr_patient" Type="Collection(Microsoft.Dynamics.CRM.msemr_observation)" Partner="msemr_patient"/>"#,
            r#"<ReferentialConstraint Property="_msemr_code_value" ReferencedProperty="msemr_codeableconceptid"/>"#,
            r#"<EntitySet Name="msemr_codeableconcepts" EntityType="Microsoft.Dynamics.CRM.msemr_codeableconcept" IncludeInServiceDocument="false">"#,
            r#"<NavigationPropertyBinding Path="msemr_patient" Target="contacts"/>"#,
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        for expected in [
            r#"<Annotation Term="Org.OData.Core.V1.Permissions" EnumMember="Org.OData.Core.V1.Permission/Read"/>"#,
            r#"<Annotation Term="Org.OData.Core.V1.Computed" Bool="true"/>"#,
            r#"<PropertyValue Property="MaxLevels" Int="3"/>"#,
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        // A lookup to a table that is not here has only its key.
        assert!(!text.contains("Name=\"msemr_device\""));
    }

    #[test]
    fn without_concepts_there_is_no_concept_type() {
        let catalog = Catalog::new([Arc::new(sample::contact())]);
        assert!(!xml(&catalog).contains(CONCEPT_TYPE));
    }

    #[test]
    fn json_says_the_same_as_xml() {
        let catalog = sample::catalog();
        let json: Value = serde_json::from_slice(&csdl_json(told(&catalog, &Limits::default()))).unwrap();
        let schema = &json[NAMESPACE];
        let text = xml(&catalog);
        for entity in describe(told(&catalog, &Limits::default())) {
            let members = schema[&entity.name].as_object().unwrap();
            assert_eq!(members["$Key"], json!([entity.key]));
            let names: Vec<_> = members.keys().filter(|name| !name.starts_with(['$', '@'])).collect();
            assert_eq!(names.len(), entity.properties.len() + entity.navigations.len());
            for name in names {
                assert!(text.contains(&format!("Name=\"{name}\"")), "{name}");
            }
        }
        assert_eq!(schema["msemr_observation"]["msemr_patient"]["$Partner"], "msemr_observation_msemr_patient");
        let insert = &schema["System"]["contacts"]["@Capabilities.InsertRestrictions"];
        assert_eq!(insert["Insertable"], true, "{insert}");
        assert_eq!(schema["msemr_observation"]["_msemr_code_value"]["@Core.Computed"], true);
        assert_eq!(schema["msemr_observation"]["_msemr_patient_value"]["@Core.Permissions"], "Read");
        // What the one says of columns and tables the other says too.
        let terms = |text: &str, of: &str| text.matches(of).count();
        let json_text = json.to_string();
        for (term, full) in [
            ("@Core.Computed", "Core.V1.Computed"),
            ("@Core.Immutable", "Core.V1.Immutable"),
            ("@Capabilities.TopSupported", "Capabilities.V1.TopSupported"),
            ("@Capabilities.ExpandRestrictions", "Capabilities.V1.ExpandRestrictions"),
        ] {
            assert_eq!(terms(&json_text, &format!("\"{term}\"")), terms(&text, &format!("{full}\"")), "{term}");
        }
        assert_eq!(schema["msemr_observation"]["msemr_value"]["$Scale"], "variable");
    }
}
