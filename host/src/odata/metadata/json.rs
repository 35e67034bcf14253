//! `$metadata` as JSON.

use serde_json::{Map, Value, json};

use super::{
    ACTIONS, ANSWERS, CAPABILITIES, CAPABILITIES_URL, CONTAINER, EntityType, FUNCTIONS, NAMESPACE, Property, describe,
    restrictions,
};
use crate::model::catalog::Catalog;

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
