//! What the service has, for clients that look first: the service document, and `$metadata` as XML and as JSON. Both
//! forms are written from one description of the tables, so that they cannot differ.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::headers::{Detail, Format};
use super::options::{CONCEPT_FIELDS, CONCEPT_SET, CONCEPT_TYPE};
use crate::model::catalog::{Catalog, Relation};
use crate::model::table::{Kind, Table, TableAccess};

pub use json::csdl_json;
pub use xml::csdl_xml;

mod json;
mod xml;

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

struct EntityType {
    name: String,
    key: String,
    properties: Vec<Property>,
    navigations: Vec<Navigation>,
    set: String,
    access: TableAccess,
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
    let described = catalog.described();
    // Of a table that has two names the service document has the first.
    let is_twin = |table: &Table| catalog.table(&table.name).is_none();
    let entity = |table: &Arc<Table>| EntityType { hidden: is_twin(table), ..describe_table(table, described) };
    let mut types: Vec<EntityType> = described.tables().map(entity).collect();
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

#[cfg(test)]
mod tests {
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
