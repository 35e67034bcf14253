//! What the service has, for clients that look first: the service document, and `$metadata` as XML and as JSON. Both
//! forms are written from one description of the tables, so that they cannot differ.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};
use serde_json::{Map, Value, json};

use super::headers::{Detail, Format};
use super::options::{CONCEPT_FIELDS, CONCEPT_SET, CONCEPT_TYPE};
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Error, Result};
use crate::model::table::{Kind, Table, TableAccess};

/// The schema's namespace; clients know it from Dataverse.
pub const NAMESPACE: &str = "Microsoft.Dynamics.CRM";

const CONTAINER: &str = "System";
const CAPABILITIES: &str = "Org.OData.Capabilities.V1";
const CAPABILITIES_URL: &str =
    "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Capabilities.V1.xml";

/// Canonical functions that a `$filter` may use.
const FUNCTIONS: [&str; 20] = [
    "contains",
    "endswith",
    "startswith",
    "length",
    "indexof",
    "substring",
    "tolower",
    "toupper",
    "trim",
    "concat",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "date",
    "round",
    "floor",
    "ceiling",
];

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

/// `$metadata` as CSDL 4.0 XML.
pub fn csdl_xml(catalog: &Catalog) -> Result<Vec<u8>> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 1);
    let written = xml_document(&mut writer, &describe(catalog));
    written.map_err(|e| Error::new(Code::Internal, "the metadata cannot be written").internal(e.to_string()))?;
    Ok(writer.into_inner())
}

/// `$metadata` as CSDL 4.01 JSON.
pub fn csdl_json(catalog: &Catalog) -> Vec<u8> {
    let types = describe(catalog);
    let mut schema = Map::new();
    schema.insert("$Alias".into(), json!("mscrm"));
    for entity in &types {
        schema.insert(entity.name.clone(), json_type(entity));
    }
    for (name, members) in ANSWERS {
        let mut answer = Map::from_iter([("$Kind".to_owned(), json!("ComplexType"))]);
        answer.extend(members.iter().map(|member| (member.0.to_owned(), json_member(member))));
        schema.insert(name.into(), Value::Object(answer));
    }
    for (name, parameters) in ACTIONS {
        let parameter = |of: &(&str, &str, bool)| {
            let mut parameter = json_member(of);
            parameter["$Name"] = json!(of.0);
            parameter
        };
        let action = json!([{
            "$Kind": "Action",
            "$Parameter": parameters.iter().map(parameter).collect::<Vec<_>>(),
            "$ReturnType": { "$Type": format!("{NAMESPACE}.{name}Response") },
        }]);
        schema.insert(name.into(), action);
    }
    schema.insert(CONTAINER.into(), json_container(&types));
    let document = json!({
        "$Version": "4.01",
        "$EntityContainer": format!("{NAMESPACE}.{CONTAINER}"),
        "$Reference": {
            CAPABILITIES_URL: {"$Include": [{"$Namespace": CAPABILITIES, "$Alias": "Capabilities"}]}
        },
        NAMESPACE: schema,
    });
    document.to_string().into_bytes()
}

struct EntityType {
    name: String,
    key: String,
    properties: Vec<Property>,
    navigations: Vec<Navigation>,
    set: String,
    access: TableAccess,
    /// Not a table of its own: left out of the service document.
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

fn describe(catalog: &Catalog) -> Vec<EntityType> {
    let mut types: Vec<EntityType> = catalog.tables().map(|table| describe_table(table, catalog)).collect();
    if catalog.tables().any(|table| !table.concepts.is_empty()) && catalog.table(CONCEPT_TYPE).is_none() {
        types.push(describe_concept());
    }
    types
}

fn describe_table(table: &Table, catalog: &Catalog) -> EntityType {
    let readable = table.columns.iter().filter(|column| column.access.read || column.kind == Kind::Key);
    EntityType {
        name: table.name.clone(),
        key: table.columns[table.key].name.clone(),
        properties: readable.map(|column| property(&column.property(), &column.kind)).collect(),
        navigations: catalog
            .relations(table)
            .iter()
            .filter_map(|(name, to)| navigation(table, name, to, catalog))
            .collect(),
        set: table.entity_set.clone(),
        access: table.access,
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
        hidden: true,
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
        Kind::Date => Property { edm: "Edm.Date", ..base },
        Kind::DateTime => Property { edm: "Edm.DateTimeOffset", precision: Some(FRACTION), ..base },
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

type Xml = Writer<Vec<u8>>;

fn xml_document(writer: &mut Xml, types: &[EntityType]) -> io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    let edmx = writer
        .create_element("edmx:Edmx")
        .with_attributes([("Version", "4.0"), ("xmlns:edmx", "http://docs.oasis-open.org/odata/ns/edmx")]);
    edmx.write_inner_content(|w| {
        w.create_element("edmx:Reference").with_attribute(("Uri", CAPABILITIES_URL)).write_inner_content(|w| {
            let include = [("Namespace", CAPABILITIES), ("Alias", "Capabilities")];
            w.create_element("edmx:Include").with_attributes(include).write_empty().map(drop)
        })?;
        w.create_element("edmx:DataServices").write_inner_content(|w| {
            let schema =
                [("Namespace", NAMESPACE), ("Alias", "mscrm"), ("xmlns", "http://docs.oasis-open.org/odata/ns/edm")];
            w.create_element("Schema").with_attributes(schema).write_inner_content(|w| {
                types.iter().try_for_each(|entity| xml_type(w, entity))?;
                xml_actions(w)?;
                xml_container(w, types)
            })?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn xml_type(writer: &mut Xml, entity: &EntityType) -> io::Result<()> {
    let element = writer.create_element("EntityType").with_attribute(("Name", entity.name.as_str()));
    element.write_inner_content(|w| {
        w.create_element("Key").write_inner_content(|w| {
            w.create_element("PropertyRef").with_attribute(("Name", entity.key.as_str())).write_empty().map(drop)
        })?;
        entity.properties.iter().try_for_each(|property| xml_property(w, property))?;
        entity.navigations.iter().try_for_each(|navigation| xml_navigation(w, navigation))
    })?;
    Ok(())
}

fn xml_property(writer: &mut Xml, property: &Property) -> io::Result<()> {
    let mut facets: Vec<(&str, String)> = vec![("Name", property.name.clone()), ("Type", property.edm.to_owned())];
    if !property.nullable {
        facets.push(("Nullable", "false".into()));
    }
    facets.extend(property.max_length.map(|length| ("MaxLength", length.to_string())));
    facets.extend(property.precision.map(|precision| ("Precision", precision.to_string())));
    facets.extend(property.scale.map(|scale| ("Scale", scale.map_or_else(|| "variable".into(), |s| s.to_string()))));
    let facets = facets.iter().map(|(name, value)| (*name, value.as_str()));
    writer.create_element("Property").with_attributes(facets).write_empty().map(drop)
}

fn xml_navigation(writer: &mut Xml, navigation: &Navigation) -> io::Result<()> {
    let to = format!("{NAMESPACE}.{}", navigation.to);
    let to = if navigation.collection { format!("Collection({to})") } else { to };
    let mut element = writer
        .create_element("NavigationProperty")
        .with_attributes([("Name", navigation.name.as_str()), ("Type", to.as_str())]);
    if let Some(partner) = &navigation.partner {
        element = element.with_attribute(("Partner", partner.as_str()));
    }
    match &navigation.constraint {
        Some((own, key)) => element.write_inner_content(|w| {
            let properties = [("Property", own.as_str()), ("ReferencedProperty", key.as_str())];
            w.create_element("ReferentialConstraint").with_attributes(properties).write_empty().map(drop)
        }),
        None => element.write_empty(),
    }
    .map(drop)
}

fn xml_actions(writer: &mut Xml) -> io::Result<()> {
    let members = |writer: &mut Xml, element: &str, members: Members| {
        members.iter().try_for_each(|(name, edm, nullable)| {
            let nullable = if *nullable { "true" } else { "false" };
            let attributes = [("Name", *name), ("Type", *edm), ("Nullable", nullable)];
            writer.create_element(element).with_attributes(attributes).write_empty().map(drop)
        })
    };
    for (name, properties) in ANSWERS {
        let answer = writer.create_element("ComplexType").with_attribute(("Name", name));
        answer.write_inner_content(|w| members(w, "Property", properties))?;
    }
    for (name, parameters) in ACTIONS {
        let action = writer.create_element("Action").with_attribute(("Name", name));
        action.write_inner_content(|w| {
            members(w, "Parameter", parameters)?;
            let of = format!("{NAMESPACE}.{name}Response");
            let returned = [("Type", of.as_str()), ("Nullable", "false")];
            w.create_element("ReturnType").with_attributes(returned).write_empty().map(drop)
        })?;
    }
    Ok(())
}

fn xml_container(writer: &mut Xml, types: &[EntityType]) -> io::Result<()> {
    let element = writer.create_element("EntityContainer").with_attribute(("Name", CONTAINER));
    element.write_inner_content(|w| {
        types.iter().try_for_each(|entity| xml_set(w, entity))?;
        for (name, _) in ACTIONS {
            let of = format!("{NAMESPACE}.{name}");
            let import = [("Name", name), ("Action", of.as_str())];
            w.create_element("ActionImport").with_attributes(import).write_empty()?;
        }
        let level = "Org.OData.Capabilities.V1.ConformanceLevelType/Minimal";
        w.create_element("Annotation")
            .with_attribute(("Term", "Org.OData.Capabilities.V1.ConformanceLevel"))
            .write_inner_content(|w| {
                w.create_element("EnumMember").write_text_content(quick_xml::events::BytesText::new(level)).map(drop)
            })?;
        let batch = [("Term", "Org.OData.Capabilities.V1.BatchSupported"), ("Bool", "true")];
        w.create_element("Annotation").with_attributes(batch).write_empty()?;
        let functions = ("Term", "Org.OData.Capabilities.V1.FilterFunctions");
        w.create_element("Annotation").with_attribute(functions).write_inner_content(|w| {
            w.create_element("Collection").write_inner_content(|w| {
                FUNCTIONS.iter().try_for_each(|function| {
                    let text = quick_xml::events::BytesText::new(function);
                    w.create_element("String").write_text_content(text).map(drop)
                })
            })?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn xml_set(writer: &mut Xml, entity: &EntityType) -> io::Result<()> {
    let of_type = format!("{NAMESPACE}.{}", entity.name);
    let mut element = writer
        .create_element("EntitySet")
        .with_attributes([("Name", entity.set.as_str()), ("EntityType", of_type.as_str())]);
    if entity.hidden {
        element = element.with_attribute(("IncludeInServiceDocument", "false"));
    }
    element.write_inner_content(|w| {
        for navigation in &entity.navigations {
            let binding = [("Path", navigation.name.as_str()), ("Target", navigation.set.as_str())];
            w.create_element("NavigationPropertyBinding").with_attributes(binding).write_empty()?;
        }
        restrictions(entity).into_iter().try_for_each(|(term, name, value)| {
            let term = format!("{CAPABILITIES}.{term}");
            w.create_element("Annotation").with_attribute(("Term", term.as_str())).write_inner_content(|w| {
                w.create_element("Record").write_inner_content(|w| {
                    let value = [("Property", name), ("Bool", if value { "true" } else { "false" })];
                    w.create_element("PropertyValue").with_attributes(value).write_empty().map(drop)
                })?;
                Ok(())
            })?;
            Ok(())
        })
    })?;
    Ok(())
}

/// Term, its property, and the value, for what a set does not do as the standard's defaults would have it.
fn restrictions(entity: &EntityType) -> Vec<(&'static str, &'static str, bool)> {
    let access = entity.access;
    vec![
        ("ReadRestrictions", "Readable", access.read),
        ("InsertRestrictions", "Insertable", access.create),
        ("UpdateRestrictions", "Updatable", access.update),
        ("DeleteRestrictions", "Deletable", access.delete),
        ("SearchRestrictions", "Searchable", false),
    ]
}

fn json_type(entity: &EntityType) -> Value {
    let mut members = Map::new();
    members.insert("$Kind".into(), json!("EntityType"));
    members.insert("$Key".into(), json!([entity.key]));
    for property in &entity.properties {
        members.insert(property.name.clone(), json_property(property));
    }
    for navigation in &entity.navigations {
        let mut member = Map::new();
        member.insert("$Kind".into(), json!("NavigationProperty"));
        member.insert("$Type".into(), json!(format!("{NAMESPACE}.{}", navigation.to)));
        member.insert(if navigation.collection { "$Collection" } else { "$Nullable" }.into(), json!(true));
        if let Some(partner) = &navigation.partner {
            member.insert("$Partner".into(), json!(partner));
        }
        if let Some((own, key)) = &navigation.constraint {
            member.insert("$ReferentialConstraint".into(), json!({own.as_str(): key}));
        }
        members.insert(navigation.name.clone(), Value::Object(member));
    }
    Value::Object(members)
}

fn json_property(property: &Property) -> Value {
    let mut member = Map::new();
    // Edm.String is the default of the format.
    if property.edm != "Edm.String" {
        member.insert("$Type".into(), json!(property.edm));
    }
    if property.nullable {
        member.insert("$Nullable".into(), json!(true));
    }
    if let Some(length) = property.max_length {
        member.insert("$MaxLength".into(), json!(length));
    }
    if let Some(precision) = property.precision {
        member.insert("$Precision".into(), json!(precision));
    }
    if let Some(scale) = property.scale {
        member.insert("$Scale".into(), scale.map_or_else(|| json!("variable"), |scale| json!(scale)));
    }
    Value::Object(member)
}

/// A property or parameter, without its name; a string without a length is what CSDL takes one for.
fn json_member((_, edm, nullable): &(&str, &str, bool)) -> Value {
    let mut member = Map::new();
    match edm.strip_prefix("Collection(").and_then(|edm| edm.strip_suffix(')')) {
        Some(of) => {
            member.insert("$Collection".into(), json!(true));
            member.insert("$Type".into(), json!(of));
        }
        None if *edm != "Edm.String" => drop(member.insert("$Type".into(), json!(edm))),
        None => {}
    }
    if *nullable {
        member.insert("$Nullable".into(), json!(true));
    }
    Value::Object(member)
}

fn json_container(types: &[EntityType]) -> Value {
    let mut container = Map::new();
    container.insert("$Kind".into(), json!("EntityContainer"));
    for entity in types {
        let mut set = Map::new();
        set.insert("$Collection".into(), json!(true));
        set.insert("$Type".into(), json!(format!("{NAMESPACE}.{}", entity.name)));
        if entity.hidden {
            set.insert("$IncludeInServiceDocument".into(), json!(false));
        }
        if !entity.navigations.is_empty() {
            let bindings: Map<_, _> = entity.navigations.iter().map(|n| (n.name.clone(), json!(n.set))).collect();
            set.insert("$NavigationPropertyBinding".into(), Value::Object(bindings));
        }
        for (term, name, value) in restrictions(entity) {
            set.insert(format!("@Capabilities.{term}"), json!({name: value}));
        }
        container.insert(entity.set.clone(), Value::Object(set));
    }
    for (name, _) in ACTIONS {
        container.insert(name.into(), json!({ "$Action": format!("{NAMESPACE}.{name}") }));
    }
    container.insert("@Capabilities.ConformanceLevel".into(), json!("Minimal"));
    container.insert("@Capabilities.BatchSupported".into(), json!(true));
    container.insert("@Capabilities.FilterFunctions".into(), json!(FUNCTIONS));
    Value::Object(container)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::sample::{self, BASE};
    use super::*;

    fn xml(catalog: &Catalog) -> String {
        String::from_utf8(csdl_xml(catalog).unwrap()).unwrap()
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
            r#"<Property Name="contactid" Type="Edm.Guid" Nullable="false"/>"#,
            r#"<Property Name="fullname" Type="Edm.String" MaxLength="10"/>"#,
            r#"<Property Name="birthdate" Type="Edm.Date"/>"#,
            r#"<Property Name="msemr_status" Type="Edm.Int32"/>"#,
            r#"<Property Name="msemr_value" Type="Edm.Decimal" Precision="9" Scale="variable"/>"#,
            r#"<Property Name="_msemr_patient_value" Type="Edm.Guid"/>"#,
            r#"<Property Name="_msemr_device_value" Type="Edm.Guid"/>"#,
            r#"<NavigationProperty Name="msemr_patient" Type="Microsoft.Dynamics.CRM.contact" Partner="msemr_observation_msemr_patient">"#,
            r#"<ReferentialConstraint Property="_msemr_patient_value" ReferencedProperty="contactid"/>"#,
            r#"<NavigationProperty Name="msemr_observation_msemr_patient" Type="Collection(Microsoft.Dynamics.CRM.msemr_observation)" Partner="msemr_patient"/>"#,
            r#"<ReferentialConstraint Property="_msemr_code_value" ReferencedProperty="msemr_codeableconceptid"/>"#,
            r#"<EntitySet Name="msemr_codeableconcepts" EntityType="Microsoft.Dynamics.CRM.msemr_codeableconcept" IncludeInServiceDocument="false">"#,
            r#"<NavigationPropertyBinding Path="msemr_patient" Target="contacts"/>"#,
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
        let json: Value = serde_json::from_slice(&csdl_json(&catalog)).unwrap();
        let schema = &json[NAMESPACE];
        let text = xml(&catalog);
        for entity in describe(&catalog) {
            let members = schema[&entity.name].as_object().unwrap();
            assert_eq!(members["$Key"], json!([entity.key]));
            assert_eq!(members.len(), 2 + entity.properties.len() + entity.navigations.len());
            for name in members.keys().filter(|name| !name.starts_with('$')) {
                assert!(text.contains(&format!("Name=\"{name}\"")), "{name}");
            }
        }
        assert_eq!(schema["msemr_observation"]["msemr_patient"]["$Partner"], "msemr_observation_msemr_patient");
        assert_eq!(schema["System"]["contacts"]["@Capabilities.InsertRestrictions"], json!({"Insertable": true}));
        assert_eq!(schema["msemr_observation"]["msemr_value"]["$Scale"], "variable");
    }
}
