//! A column's type: what the view says of it, or what R4 says of its path; and the search parameter that finds it.

use turntable_r4::{R4, suggestion};

use super::code::{Known, Shape};
use super::syntax::{Expr, Node};
use crate::program::{Kind, Search, SearchKind};
use crate::types::{Family, Primitive};

/// The kind of a column of a declared type: `integer`, `http://hl7.org/fhirpath/System.String`, `Coding`.
pub(super) fn declared(name: &str, r4: &R4) -> Result<(Kind, Option<Family>), String> {
    let name = name.rsplit('/').next().unwrap_or(name);
    if let Some(primitive) = Primitive::named(name) {
        return Ok((of_primitive(primitive), Some(primitive.family())));
    }
    if let Some(family) = name.strip_prefix("System.").and_then(Family::named) {
        return Ok((of_family(family), Some(family)));
    }
    if r4.elements(name).next().is_some() {
        return Ok((Kind::Json, None));
    }
    let names: Vec<&str> = Primitive::ALL.iter().map(|primitive| primitive.name()).collect();
    Err(format!("there is no type `{name}`{}", suggestion(name, &names)))
}

/// The kind of a column whose view says nothing of its type. What may be anything is shown as JSON.
pub(super) fn inferred(shape: &Shape) -> Kind {
    match &shape.known {
        Known::System(family) => of_family(*family),
        Known::Type(name) => Primitive::named(name).map_or(Kind::Json, of_primitive),
        Known::Unknown | Known::OneOf(_) => Kind::Json,
    }
}

/// Whether values of what the path gives can be of the declared type. The error is what to say.
pub(super) fn fits(declared: Option<Family>, shape: &Shape) -> Result<(), String> {
    let given = match &shape.known {
        Known::Type(name) if shape.family().is_none() => {
            return match declared {
                Some(_) => Err(format!("the path gives {name}, which is no simple value")),
                None => Ok(()),
            };
        }
        _ => shape.family(),
    };
    let (Some(declared), Some(given)) = (declared, given) else { return Ok(()) };
    let is_moment = |family| matches!(family, Family::Date | Family::DateTime | Family::Time);
    let is_date = |family| matches!(family, Family::Date | Family::DateTime);
    let fits = declared == given
        || declared == Family::Text
        || declared.is_number() && given.is_number()
        || is_moment(declared) && given == Family::Text
        || is_date(declared) && is_date(given);
    if fits { Ok(()) } else { Err(format!("the path gives {}, not {}", given.name(), declared.name())) }
}

/// The parameter that finds a resource by this column: only for the one value of a top-level element.
pub(super) fn search(expr: &Expr, shape: &Shape, kind: Kind, resource: &str, r4: &R4) -> Option<Search<'static>> {
    let element = match &expr.node {
        Node::Name(name) => name.as_str(),
        Node::Call(None, name, arguments) if name == "getResourceKey" && arguments.is_empty() => "id",
        _ => return None,
    };
    if element == "id" {
        return Some(Search { param: "_id".into(), kind: SearchKind::Token });
    }
    if shape.many {
        return None;
    }
    let expression = format!(".{element}");
    let parameter = r4.parameters(resource).iter().find(|parameter| parameter.expression == expression)?;
    let Known::Type(of) = &shape.known else { return None };
    let kind = match (parameter.kind, of.as_str(), kind) {
        ("token", "code" | "boolean", Kind::Text | Kind::Boolean) => SearchKind::Token,
        ("date", "date" | "dateTime" | "instant", Kind::Date | Kind::DateTime) => SearchKind::Date,
        ("uri", "uri" | "url" | "canonical", Kind::Uri) => SearchKind::Uri,
        _ => return None,
    };
    Some(Search { param: parameter.code.into(), kind })
}

fn of_primitive(primitive: Primitive) -> Kind {
    match primitive {
        Primitive::Integer64 => Kind::Int64,
        Primitive::Markdown | Primitive::Xhtml | Primitive::Base64Binary => Kind::MultiLine,
        Primitive::Uri | Primitive::Url | Primitive::Canonical | Primitive::Oid | Primitive::Uuid => Kind::Uri,
        other => of_family(other.family()),
    }
}

fn of_family(family: Family) -> Kind {
    match family {
        Family::Boolean => Kind::Boolean,
        Family::Text | Family::Time => Kind::Text,
        Family::Integer => Kind::Int32,
        Family::Decimal => Kind::Decimal,
        Family::Date => Kind::Date,
        Family::DateTime => Kind::DateTime,
    }
}
