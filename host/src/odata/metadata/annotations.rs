//! What `$metadata` says of tables and columns beyond their types, in the standard's vocabularies (OASIS,
//! odata-vocabularies: Core and Capabilities), as one description of which both forms are written. What the vocabularies
//! take for granted is said where clients ask for it all the same (Power Query does); nothing is said that is not so.

use super::{EntityType, Property, Written};
use crate::model::limits::Limits;
use crate::odata::expression::functions::FUNCTIONS;

/// The vocabularies that are used: namespace, alias, address.
pub(super) const VOCABULARIES: [[&str; 3]; 2] = [
    ["Org.OData.Core.V1", "Core", "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Core.V1.xml"],
    [
        "Org.OData.Capabilities.V1",
        "Capabilities",
        "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Capabilities.V1.xml",
    ],
];

/// A term, by its alias, and its value.
pub(super) struct Annotation {
    pub(super) term: &'static str,
    pub(super) value: Value,
}

/// Constant expressions, as far as they are used.
pub(super) enum Value {
    Bool(bool),
    Int(usize),
    Text(String),
    /// To a property of the type that the annotated thing has.
    Path(String),
    /// The type, by its alias, and the member.
    Member(&'static str, &'static str),
    Record(Vec<(&'static str, Self)>),
    List(Vec<Self>),
}

fn annotation(term: &'static str, value: Value) -> Annotation {
    Annotation { term, value }
}

fn yes(value: bool) -> Value {
    Value::Bool(value)
}

/// Of the whole service.
pub(super) fn of_container() -> Vec<Annotation> {
    let functions = FUNCTIONS.iter().map(|function| Value::Text((*function).to_owned()));
    let forms = ["application/json", "multipart/mixed"].map(|form| Value::Text(form.to_owned()));
    vec![
        annotation("Capabilities.ConformanceLevel", Value::Member("Capabilities.ConformanceLevelType", "Minimal")),
        annotation("Capabilities.BatchSupported", yes(true)),
        annotation(
            "Capabilities.BatchSupport",
            Value::Record(vec![
                ("Supported", yes(true)),
                ("ContinueOnErrorSupported", yes(true)),
                ("ReferencesInRequestBodiesSupported", yes(true)),
                ("SupportedFormats", Value::List(forms.into())),
            ]),
        ),
        annotation("Capabilities.FilterFunctions", Value::List(functions.collect())),
        annotation("Capabilities.KeyAsSegmentSupported", yes(false)),
    ]
}

/// Of an entity set. Conditions and orders on every column that can be read are answered on both routes: what a FHIR service
/// cannot do is done here.
pub(super) fn of_set(entity: &EntityType, limits: &Limits) -> Vec<Annotation> {
    let access = entity.access;
    let record = |term, properties| annotation(term, Value::Record(properties));
    let paths = |wanted: &dyn Fn(&Property) -> bool| {
        let properties = entity.properties.iter().filter(|property| wanted(property));
        properties.map(|property| Value::Path(property.name.clone())).collect::<Vec<_>>()
    };
    let required = paths(&|property| property.required);
    let mut insert = vec![("Insertable", yes(access.create))];
    let mut update = vec![("Updatable", yes(access.update))];
    if access.create {
        // Those that can be written at some other time say so themselves (`Core.Computed`).
        insert.extend(none_empty("NonInsertableProperties", paths(&|property| property.written == Written::OnUpdate)));
        insert.extend(none_empty("RequiredProperties", required));
    }
    if access.update {
        update.push(("Upsertable", yes(access.create && entity.is_root)));
    }
    let mut all = vec![
        record("Capabilities.ReadRestrictions", vec![("Readable", yes(access.read))]),
        record("Capabilities.InsertRestrictions", insert),
        record("Capabilities.UpdateRestrictions", update),
        record("Capabilities.DeleteRestrictions", vec![("Deletable", yes(access.delete))]),
    ];
    if access.read {
        all.extend([
            record("Capabilities.FilterRestrictions", vec![("Filterable", yes(true)), ("RequiresFilter", yes(false))]),
            record("Capabilities.SortRestrictions", vec![("Sortable", yes(true))]),
            record("Capabilities.CountRestrictions", vec![("Countable", yes(true))]),
            record("Capabilities.SearchRestrictions", vec![("Searchable", yes(true))]),
            record(
                "Capabilities.ExpandRestrictions",
                vec![
                    ("Expandable", yes(!entity.navigations.is_empty())),
                    ("MaxLevels", Value::Int(limits.expand_depth)),
                ],
            ),
            record("Capabilities.ChangeTracking", vec![("Supported", yes(entity.is_tracked))]),
            annotation("Capabilities.TopSupported", yes(true)),
            annotation("Capabilities.SkipSupported", yes(true)),
        ]);
    }
    if let Some(version) = &entity.version {
        all.push(annotation("Core.OptimisticConcurrency", Value::List(vec![Value::Path(version.clone())])));
    }
    all
}

/// Of an entity type.
pub(super) fn of_type(entity: &EntityType) -> Vec<Annotation> {
    let mut all = said_of(&entity.name, &entity.label, &entity.description);
    if !entity.alternate_keys.is_empty() {
        let part = |name: &String| {
            Value::Record(vec![("Alias", Value::Text(name.clone())), ("Name", Value::Path(name.clone()))])
        };
        let key = |names: &Vec<String>| Value::Record(vec![("Key", Value::List(names.iter().map(part).collect()))]);
        let keys = entity.alternate_keys.iter().map(key).collect();
        all.push(annotation("Core.AlternateKeys", Value::List(keys)));
    }
    all
}

/// Of a column.
pub(super) fn of_property(property: &Property) -> Vec<Annotation> {
    let mut all = said_of(&property.name, &property.label, &property.description);
    all.extend(match property.written {
        // Its value is made here; one that a client sends back as it was shown is passed over.
        Written::Never => Some(annotation("Core.Computed", yes(true))),
        Written::OnCreate => Some(annotation("Core.Immutable", yes(true))),
        Written::ByNavigation => Some(annotation("Core.Permissions", Value::Member("Core.Permission", "Read"))),
        Written::OnUpdate | Written::Always => None,
    });
    all
}

fn said_of(name: &str, label: &str, description: &str) -> Vec<Annotation> {
    let label = Some(label).filter(|label| !label.is_empty() && *label != name);
    let description = Some(description).filter(|text| !text.is_empty() && label != Some(*text));
    let text = |term, text: &str| annotation(term, Value::Text(text.to_owned()));
    let label = label.map(|label| text("Core.Description", label));
    label.into_iter().chain(description.map(|said| text("Core.LongDescription", said))).collect()
}

fn none_empty(name: &'static str, list: Vec<Value>) -> Option<(&'static str, Value)> {
    (!list.is_empty()).then_some((name, Value::List(list)))
}
