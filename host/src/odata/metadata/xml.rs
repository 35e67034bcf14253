//! `$metadata` as XML.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::annotations::{Annotation, VOCABULARIES, Value, of_container, of_property, of_set, of_type};
use super::{ACTIONS, ANSWERS, CONTAINER, EntityType, Members, NAMESPACE, Navigation, Property, Told, describe};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;

/// `$metadata` as CSDL 4.0 XML.
pub fn csdl_xml(told: Told<'_>) -> Result<Vec<u8>> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 1);
    let written = xml_document(&mut writer, &describe(told), told.limits);
    written.map_err(|e| Error::new(Code::Internal, "the metadata cannot be written").internal(e.to_string()))?;
    Ok(writer.into_inner())
}

type Xml = Writer<Vec<u8>>;

fn xml_document(writer: &mut Xml, types: &[EntityType], limits: &Limits) -> io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    let edmx = writer
        .create_element("edmx:Edmx")
        .with_attributes([("Version", "4.0"), ("xmlns:edmx", "http://docs.oasis-open.org/odata/ns/edmx")]);
    edmx.write_inner_content(|w| {
        for [namespace, alias, address] in VOCABULARIES {
            w.create_element("edmx:Reference").with_attribute(("Uri", address)).write_inner_content(|w| {
                let include = [("Namespace", namespace), ("Alias", alias)];
                w.create_element("edmx:Include").with_attributes(include).write_empty().map(drop)
            })?;
        }
        w.create_element("edmx:DataServices").write_inner_content(|w| {
            let schema =
                [("Namespace", NAMESPACE), ("Alias", "mscrm"), ("xmlns", "http://docs.oasis-open.org/odata/ns/edm")];
            w.create_element("Schema").with_attributes(schema).write_inner_content(|w| {
                types.iter().try_for_each(|entity| xml_type(w, entity))?;
                xml_actions(w)?;
                xml_container(w, types, limits)
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
        entity.navigations.iter().try_for_each(|navigation| xml_navigation(w, navigation))?;
        of_type(entity).iter().try_for_each(|annotation| xml_annotation(w, annotation))
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
    let element = writer.create_element("Property").with_attributes(facets);
    let annotations = of_property(property);
    if annotations.is_empty() {
        return element.write_empty().map(drop);
    }
    let inside = |w: &mut Xml| annotations.iter().try_for_each(|annotation| xml_annotation(w, annotation));
    element.write_inner_content(inside).map(drop)
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

fn xml_container(writer: &mut Xml, types: &[EntityType], limits: &Limits) -> io::Result<()> {
    let element = writer.create_element("EntityContainer").with_attribute(("Name", CONTAINER));
    element.write_inner_content(|w| {
        types.iter().try_for_each(|entity| xml_set(w, entity, limits))?;
        for (name, _) in ACTIONS {
            let of = format!("{NAMESPACE}.{name}");
            let import = [("Name", name), ("Action", of.as_str())];
            w.create_element("ActionImport").with_attributes(import).write_empty()?;
        }
        of_container().iter().try_for_each(|annotation| xml_annotation(w, annotation))
    })?;
    Ok(())
}

fn xml_set(writer: &mut Xml, entity: &EntityType, limits: &Limits) -> io::Result<()> {
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
        of_set(entity, limits).iter().try_for_each(|annotation| xml_annotation(w, annotation))
    })?;
    Ok(())
}

fn xml_annotation(writer: &mut Xml, annotation: &Annotation) -> io::Result<()> {
    let term = in_full(annotation.term);
    xml_value(writer, "Annotation", ("Term", &term), &annotation.value)
}

/// A constant expression: as an attribute of what has it, where that is possible.
fn xml_value(writer: &mut Xml, element: &str, own: (&str, &str), value: &Value) -> io::Result<()> {
    let (name, text) = match value {
        Value::Bool(value) => ("Bool", value.to_string()),
        Value::Int(value) => ("Int", value.to_string()),
        Value::Text(text) => ("String", text.clone()),
        Value::Path(path) => ("PropertyPath", path.clone()),
        Value::Member(of, member) => ("EnumMember", format!("{}/{member}", in_full(of))),
        Value::Record(_) | Value::List(_) => {
            return writer
                .create_element(element)
                .with_attribute(own)
                .write_inner_content(|w| xml_expression(w, value))
                .map(drop);
        }
    };
    writer.create_element(element).with_attributes([own, (name, text.as_str())]).write_empty().map(drop)
}

/// The same as an element of its own.
fn xml_expression(writer: &mut Xml, value: &Value) -> io::Result<()> {
    let text = |writer: &mut Xml, element: &str, text: &str| {
        writer.create_element(element).write_text_content(BytesText::new(text)).map(drop)
    };
    match value {
        Value::Bool(value) => text(writer, "Bool", if *value { "true" } else { "false" }),
        Value::Int(value) => text(writer, "Int", &value.to_string()),
        Value::Text(of) => text(writer, "String", of),
        Value::Path(path) => text(writer, "PropertyPath", path),
        Value::Member(of, member) => text(writer, "EnumMember", &format!("{}/{member}", in_full(of))),
        Value::Record(properties) => writer
            .create_element("Record")
            .write_inner_content(|w| {
                let mut properties = properties.iter();
                properties.try_for_each(|(name, value)| xml_value(w, "PropertyValue", ("Property", name), value))
            })
            .map(drop),
        Value::List(items) => writer
            .create_element("Collection")
            .write_inner_content(|w| items.iter().try_for_each(|item| xml_expression(w, item)))
            .map(drop),
    }
}

/// A name with its namespace in the place of the alias: older clients know no aliases.
fn in_full(name: &str) -> String {
    let (alias, rest) = name.split_once('.').unwrap_or_default();
    let namespace = VOCABULARIES.iter().find(|[_, own, _]| *own == alias).map_or(alias, |[namespace, ..]| *namespace);
    format!("{namespace}.{rest}")
}
