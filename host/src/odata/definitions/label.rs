//! What all definitions are written with: identifiers, labels, names.

use serde_json::{Map, Value, json};

use crate::model::key;

pub(super) type Object = Map<String, Value>;

/// A number of the language that labels are in: English (United States).
const LANGUAGE: u32 = 1033;

/// The same in every process and forever, for one name of one kind of thing.
pub(super) fn id(kind: &str, name: &str) -> String {
    key::concept(Some(kind), name).to_string()
}

pub(super) fn members<const N: usize>(members: [(&str, Value); N]) -> Object {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A text in the one language that there is; where it is empty, none.
pub(super) fn label(text: &str, of: &str) -> Value {
    if text.is_empty() {
        return json!({ "LocalizedLabels": [], "UserLocalizedLabel": null });
    }
    let label = json!({
        "Label": text,
        "LanguageCode": LANGUAGE,
        "IsManaged": true,
        "MetadataId": id("label", &format!("{of}/{text}")),
        "HasChanged": null,
    });
    json!({ "LocalizedLabels": [label], "UserLocalizedLabel": label })
}

/// What nobody can change here.
pub(super) fn managed(value: bool, name: &str) -> Value {
    json!({ "Value": value, "CanBeChanged": false, "ManagedPropertyLogicalName": name })
}

/// Of what has a publisher's prefix.
pub(super) fn is_custom(name: &str) -> bool {
    name.contains('_')
}

/// A name of the platform begins with a capital there.
pub(super) fn schema_name(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) if !is_custom(name) => first.to_uppercase().chain(letters).collect(),
        _ => name.to_owned(),
    }
}

/// The numbers of the platform's own tables are known; those of others differ from one environment to the next, and are
/// from 10,000 on.
pub(super) fn type_code(name: &str) -> u32 {
    match name {
        "account" => 1,
        "contact" => 2,
        "task" => 4212,
        _ => 10_000 + u32::try_from(key::concept(Some("table"), name).as_u128() % 90_000).unwrap_or_default(),
    }
}
