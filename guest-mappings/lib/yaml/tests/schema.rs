//! The schema for editors knows the keys that the reader knows, no more and no fewer.

use std::collections::BTreeSet;

use serde_json::Value;
use turntable_mapping_yaml::keys::{KINDS, MAPPING, MODIFIERS, PARENT, SEARCH_KINDS, SEARCH_MODIFIERS, SOURCE, TABLE};

const SCHEMA: &str = include_str!("../../../mapping.schema.json");

#[test]
fn the_schema_has_the_keys_of_the_reader() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let modifiers: Vec<_> = MODIFIERS.iter().map(|(name, _)| *name).collect();
    for (object, keys) in [
        ("", MAPPING.to_vec()),
        ("/definitions/table", TABLE.to_vec()),
        ("/definitions/source", SOURCE.to_vec()),
        ("/definitions/parent", PARENT.to_vec()),
        ("/definitions/column", [KINDS, &modifiers].concat()),
        ("/definitions/search", [SEARCH_KINDS, SEARCH_MODIFIERS].concat()),
    ] {
        let object = schema.pointer(object).expect("the schema has the object");
        let properties = object["properties"].as_object().expect("an object has properties");
        let known: BTreeSet<_> = properties.keys().map(String::as_str).collect();
        assert_eq!(known, keys.into_iter().collect());
        assert_eq!(object["additionalProperties"], false, "a mistyped key is a mistake in an editor too");
    }
}

#[test]
fn every_key_of_a_column_says_what_it_is_and_each_kind_stands_alone() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let of = |pointer: &str| schema.pointer(pointer).cloned().expect("the schema has the object");
    for (object, kinds) in [("/definitions/column", KINDS), ("/definitions/search", SEARCH_KINDS)] {
        let alone = of(&format!("{object}/oneOf"));
        let alone: Vec<_> =
            alone.as_array().expect("a list").iter().filter_map(|one| one["required"][0].as_str()).collect();
        assert_eq!(alone, kinds);
        for (key, property) in of(&format!("{object}/properties")).as_object().expect("an object") {
            assert!(property["description"].is_string(), "{key}");
        }
    }
}
