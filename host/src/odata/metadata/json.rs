//! `$metadata` as JSON.

use serde_json::{Map, Value, json};

use super::annotations::{self, Annotation, VOCABULARIES, of_container, of_property, of_set, of_type};
use super::{ACTIONS, ANSWERS, CONTAINER, EntityType, NAMESPACE, Property, Told, describe};
use crate::model::limits::Limits;

/// `$metadata` as CSDL 4.01 JSON.
pub fn csdl_json(told: Told<'_>) -> Vec<u8> {
    let types = describe(told);
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
    schema.insert(CONTAINER.into(), json_container(&types, told.limits));
    let include = |[namespace, alias, address]: [&str; 3]| {
        (address.to_owned(), json!({"$Include": [{"$Namespace": namespace, "$Alias": alias}]}))
    };
    let document = json!({
        "$Version": "4.01",
        "$EntityContainer": format!("{NAMESPACE}.{CONTAINER}"),
        "$Reference": VOCABULARIES.map(include).into_iter().collect::<Map<_, _>>(),
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
    annotate(&mut members, of_type(entity));
    Value::Object(members)
}

fn annotate(members: &mut Map<String, Value>, annotations: Vec<Annotation>) {
    members.extend(annotations.iter().map(|of| (format!("@{}", of.term), json_value(&of.value))));
}

fn json_value(value: &annotations::Value) -> Value {
    match value {
        annotations::Value::Bool(value) => json!(value),
        annotations::Value::Int(value) => json!(value),
        annotations::Value::Text(text) | annotations::Value::Path(text) => json!(text),
        annotations::Value::Member(_, member) => json!(member),
        annotations::Value::Record(properties) => {
            properties.iter().map(|(name, value)| ((*name).to_owned(), json_value(value))).collect()
        }
        annotations::Value::List(items) => items.iter().map(json_value).collect(),
    }
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
    annotate(&mut member, of_property(property));
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

fn json_container(types: &[EntityType], limits: &Limits) -> Value {
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
        annotate(&mut set, of_set(entity, limits));
        container.insert(entity.set.clone(), Value::Object(set));
    }
    for (name, _) in ACTIONS {
        container.insert(name.into(), json!({ "$Action": format!("{NAMESPACE}.{name}") }));
    }
    annotate(&mut container, of_container());
    Value::Object(container)
}
