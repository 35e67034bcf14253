//! `$select`, `$filter`, `$expand`, `$top` and `$count` over [`Subject`]s, and these as JSON. What else there is of query
//! options is refused by name.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::label::Object;
use super::subject::{Led, Set, Subject};
use super::user_view;
use crate::model::catalog::{Catalog, nearest};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::odata::metadata::NAMESPACE;
use crate::odata::options::Options;
use crate::odata::selection::{self, Item, Nested};
use crate::odata::syntax::{self, Argument, Node, Operator, Segment, SegmentKind, Syntax};

/// What is wanted of a set, or of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// Names of properties; none = all.
    select: Option<Vec<String>>,
    filter: Option<Node>,
    expand: Vec<(String, Wanted)>,
    top: Option<usize>,
    pub(super) count: bool,
}

/// Options that these objects take; all others are refused.
const TAKEN: [&str; 7] = ["select", "filter", "expand", "top", "count", "format", "explain"];

impl Wanted {
    pub(super) fn parse(options: &Options, limits: &Limits) -> Result<Self> {
        if let Some(name) = options.names().find(|name| !TAKEN.contains(name)) {
            return Err(unsupported(&format!("`${name}` over definitions")).target(format!("${name}")));
        }
        let mut wanted = Self::default();
        let wrong = |target: &'static str, code: Code, text: &str| {
            let text = text.to_owned();
            move |error: crate::odata::lexer::SyntaxError| error.refusal(code, target, &text)
        };
        if let Some(text) = options.get("select") {
            let items = selection::select(text, limits).map_err(wrong("$select", Code::BadOption, text))?;
            wanted.select = names(&items)?;
        }
        if let Some(text) = options.get("filter") {
            let node = syntax::expression(text, limits).map_err(wrong("$filter", Code::BadFilter, text))?;
            wanted.filter = Some(node);
        }
        if let Some(text) = options.get("expand") {
            let items = selection::expand(text, limits).map_err(wrong("$expand", Code::BadOption, text))?;
            wanted.expand = items.iter().map(expanded).collect::<Result<_>>()?;
        }
        wanted.top = options.get("top").map(|text| number("$top", text)).transpose()?;
        wanted.count = match options.get("count").map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Error::new(Code::BadOption, "`$count` is true or false").target("$count")),
        };
        Ok(wanted)
    }

    /// For `@odata.context`: `(LogicalName,OptionSet())`.
    pub(super) fn shape(&self) -> String {
        let mut items: Vec<String> = self.select.iter().flatten().cloned().collect();
        items.extend(self.expand.iter().map(|(name, wanted)| match wanted.shape() {
            shape if shape.is_empty() => format!("{name}()"),
            shape => format!("{name}{shape}"),
        }));
        if items.is_empty() { String::new() } else { format!("({})", items.join(",")) }
    }

    /// Whether nothing but single properties is asked for.
    pub(super) fn is_for_one(&self) -> bool {
        self.filter.is_none() && self.top.is_none() && !self.count
    }
}

/// Those of a set that meet the filter, and how many there are of them before `$top` cuts.
pub(super) fn chosen<'c>(set: &Set<'c>, wanted: &Wanted, catalog: &'c Catalog) -> Result<(Vec<Subject<'c>>, usize)> {
    let Some(filter) = &wanted.filter else {
        let mut all = set.subjects.clone();
        let count = all.len();
        all.truncate(wanted.top.unwrap_or(count));
        return Ok((all, count));
    };
    let known = set.names(catalog);
    // Names are right or wrong whatever the set holds.
    let checking = Filtering { known: &known, set, object: None, subject: None, catalog };
    checking.holds(filter)?;
    let mut all = Vec::new();
    for subject in &set.subjects {
        let object = subject.object(catalog);
        let filtering = Filtering { object: Some(&object), subject: Some(*subject), ..checking };
        if filtering.holds(filter)? {
            all.push(*subject);
        }
    }
    let count = all.len();
    all.truncate(wanted.top.unwrap_or(count));
    Ok((all, count))
}

/// Refuses names that nothing in a set has.
pub(super) fn check(set: &Set<'_>, wanted: &Wanted, catalog: &Catalog) -> Result<()> {
    let known = set.names(catalog);
    let steps: Vec<&str> = set.subjects.iter().flat_map(|subject| subject.steps()).copied().collect();
    for name in wanted.select.iter().flatten() {
        if !known.contains(name) && !steps.contains(&name.as_str()) {
            return Err(unknown(name, &known, "$select"));
        }
    }
    for (name, _) in &wanted.expand {
        if !steps.contains(&name.as_str()) && !set.subjects.is_empty() {
            return Err(unknown(name, &steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>(), "$expand"));
        }
    }
    Ok(())
}

/// One as JSON. `typed`: with the name of its type, where there may be several.
pub(super) fn shown<'c>(subject: Subject<'c>, wanted: &Wanted, typed: bool, catalog: &'c Catalog) -> Result<Object> {
    let object = subject.object(catalog);
    let mut shown = Map::new();
    if typed {
        shown.insert("@odata.type".into(), format!("#{NAMESPACE}.{}", subject.type_name()).into());
    }
    if let Subject::UserView(view) = subject {
        shown.insert("@odata.etag".into(), user_view::etag(view).into());
    }
    match &wanted.select {
        None => shown.extend(object),
        Some(select) => {
            // As for rows, the key is always there.
            let key = subject.key_property();
            let all = select
                .iter()
                .map(String::as_str)
                .chain([key].into_iter().filter(|key| !select.iter().any(|s| s == key)));
            shown.extend(all.filter_map(|name| Some((name.to_owned(), object.get(name)?.clone()))));
        }
    }
    for (name, inner) in &wanted.expand {
        let value = match subject.step(name, catalog) {
            None => continue,
            Some(Led::One(None)) => Value::Null,
            Some(Led::One(Some(one))) => {
                check(&one_of(one), inner, catalog)?;
                Value::Object(self::shown(one, inner, false, catalog)?)
            }
            Some(Led::Many(set)) => list(&set, inner, catalog)?.0,
        };
        shown.insert(name.clone(), value);
    }
    Ok(shown)
}

/// Those that are wanted of a set as JSON, and how many meet the filter.
pub(super) fn list<'c>(set: &Set<'c>, wanted: &Wanted, catalog: &'c Catalog) -> Result<(Value, usize)> {
    check(set, wanted, catalog)?;
    let (chosen, count) = chosen(set, wanted, catalog)?;
    let typed = set.is_mixed();
    let shown = chosen.into_iter().map(|subject| Ok(Value::Object(shown(subject, wanted, typed, catalog)?)));
    Ok((Value::Array(shown.collect::<Result<_>>()?), count))
}

/// A set of one, for what is said of sets.
pub(super) fn one_of(subject: Subject<'_>) -> Set<'_> {
    let kind = match subject {
        Subject::Table(_) => super::subject::SetKind::Tables,
        Subject::Attribute(..) => super::subject::SetKind::Attributes,
        Subject::OptionSet(..) => super::subject::SetKind::OptionSets,
        Subject::Relationship(_) => super::subject::SetKind::Relationships,
        Subject::Key(..) => super::subject::SetKind::Keys,
        Subject::Takes(..) | Subject::Message(_) => super::subject::SetKind::Takes,
        Subject::View(..) => super::subject::SetKind::Views,
        Subject::UserView(_) => super::subject::SetKind::UserViews,
    };
    Set { subjects: vec![subject], kind }
}

/// A filter at work on one object; on none, only its names are looked at.
#[derive(Clone, Copy)]
struct Filtering<'f, 'c> {
    known: &'f [String],
    set: &'f Set<'c>,
    object: Option<&'f Object>,
    subject: Option<Subject<'c>>,
    catalog: &'c Catalog,
}

impl Filtering<'_, '_> {
    fn holds(&self, node: &Node) -> Result<bool> {
        // All parts are looked at, so that what is wrong in one is wrong whatever the others say.
        let all = |nodes: &[Node]| nodes.iter().map(|node| self.holds(node)).collect::<Result<Vec<bool>>>();
        Ok(match &node.syntax {
            Syntax::And(nodes) => all(nodes)?.into_iter().all(|holds| holds),
            Syntax::Or(nodes) => all(nodes)?.into_iter().any(|holds| holds),
            Syntax::Not(node) => !self.holds(node)?,
            Syntax::Binary(Operator::In, of, list) => {
                let Syntax::List(items) = &list.syntax else {
                    return Err(self.refused(list, "`in` with anything but a list"));
                };
                let of = self.value(of)?;
                let items = items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>>>()?;
                items.iter().any(|item| compare(&of, item) == Some(Ordering::Equal))
            }
            Syntax::Binary(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                let order = compare(&left, &right);
                match operator {
                    Operator::Eq => order == Some(Ordering::Equal),
                    Operator::Ne => order != Some(Ordering::Equal),
                    Operator::Gt => order == Some(Ordering::Greater),
                    Operator::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)) && !left.is_null(),
                    Operator::Lt => order == Some(Ordering::Less),
                    Operator::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)) && !left.is_null(),
                    _ => return Err(self.refused(node, "arithmetic as a condition")),
                }
            }
            Syntax::Path(path) => match path.as_slice() {
                [Segment { kind: SegmentKind::Name { name, arguments: Some(arguments) }, .. }] => {
                    self.test(node, &name.to_ascii_lowercase(), arguments)?
                }
                _ => self.value(node)? == Value::Bool(true),
            },
            Syntax::Bool(value) => *value,
            _ => return Err(self.refused(node, "this condition")),
        })
    }

    fn test(&self, node: &Node, name: &str, arguments: &[Argument]) -> Result<bool> {
        let test: fn(&str, &str) -> bool = match name {
            "contains" => |text, part| text.contains(part),
            "startswith" => |text, part| text.starts_with(part),
            "endswith" => |text, part| text.ends_with(part),
            _ => return Err(self.refused(node, &format!("the function `{name}`"))),
        };
        let [text, part] = arguments else { return Err(self.refused(node, "this number of arguments")) };
        let (text, part) = (self.value(&text.value)?, self.value(&part.value)?);
        Ok(matches!((text.as_str(), part.as_str()), (Some(text), Some(part)) if test(text, part)))
    }

    fn value(&self, node: &Node) -> Result<Value> {
        Ok(match &node.syntax {
            Syntax::Null => Value::Null,
            Syntax::Bool(value) => Value::Bool(*value),
            Syntax::Number(text) => {
                serde_json::from_str(text).map_err(|_| self.refused(node, "a number of this form"))?
            }
            Syntax::Text(text) => Value::String(text.clone()),
            Syntax::Guid(text) => Value::String(text.to_ascii_lowercase()),
            // `Microsoft.Dynamics.CRM.RelationshipType'OneToManyRelationship'`
            Syntax::Typed { prefix, text } if prefix.starts_with(NAMESPACE) => Value::String(text.clone()),
            Syntax::Path(path) => self.path(node, path)?,
            _ => return Err(self.refused(node, "a value of this form")),
        })
    }

    fn path(&self, node: &Node, path: &[Segment]) -> Result<Value> {
        let mut names = Vec::with_capacity(path.len());
        for segment in path {
            match &segment.kind {
                SegmentKind::Name { name, arguments: None } => names.push(name.as_str()),
                _ => return Err(self.refused(node, "a path of this form")),
            }
        }
        let [first, rest @ ..] = names.as_slice() else { return Err(self.refused(node, "an empty path")) };
        let steps = || self.set.subjects.iter().flat_map(|subject| subject.steps());
        let (value, rest) = if self.known.iter().any(|known| known == first) {
            (self.object.and_then(|object| object.get(*first)).cloned().unwrap_or_default(), rest)
        } else if let Some(step) = steps().find(|step| *step == first) {
            let [name, rest @ ..] = rest else { return Err(self.refused(node, &format!("`{step}` as a value"))) };
            match self.subject.and_then(|subject| subject.step(step, self.catalog)) {
                Some(Led::Many(_)) => return Err(self.refused(node, &format!("a condition on `{step}`"))),
                Some(Led::One(Some(one))) => (one.object(self.catalog).remove(*name).unwrap_or_default(), rest),
                _ => (Value::Null, rest),
            }
        } else {
            return Err(unknown(first, self.known, "$filter"));
        };
        Ok(rest.iter().fold(value, |value, name| value.get(name).cloned().unwrap_or_default()))
    }

    fn refused(&self, node: &Node, what: &str) -> Error {
        unsupported(&format!("{what} over definitions, at byte {},", node.at)).target("$filter")
    }
}

/// Values of one type, else nothing. A text is compared as it stands.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        _ => None,
    }
}

fn names(items: &[Item]) -> Result<Option<Vec<String>>> {
    let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
    for item in items {
        match item.path.as_slice() {
            [part] if part.name == "*" => return Ok(None),
            [part] if item.options.is_empty() && !part.name.contains(['@', '$']) => {
                if seen.insert(&part.name) {
                    names.push(part.name.clone());
                }
            }
            _ => return Err(unsupported("a path in `$select` over definitions").target("$select")),
        }
    }
    Ok(Some(names))
}

fn expanded(item: &Item) -> Result<(String, Wanted)> {
    let [part] = item.path.as_slice() else {
        return Err(unsupported("a path in `$expand` over definitions").target("$expand"));
    };
    let mut wanted = Wanted::default();
    for Nested { name, value, .. } in &item.options {
        match value {
            selection::Value::Select(items) => wanted.select = names(items)?,
            selection::Value::Expression(node) if name == "filter" => wanted.filter = Some(node.clone()),
            selection::Value::Expand(items) => wanted.expand = items.iter().map(expanded).collect::<Result<_>>()?,
            selection::Value::Text(text) if name == "top" => wanted.top = Some(number("$expand($top)", text)?),
            _ => return Err(unsupported(&format!("`${name}` in `$expand` over definitions")).target("$expand")),
        }
    }
    Ok((part.name.clone(), wanted))
}

fn number(target: &str, text: &str) -> Result<usize> {
    let wrong = || Error::new(Code::BadOption, format!("`{target}` is a whole number from 0 on")).target(target);
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().map_err(|_| wrong()) } else { Err(wrong()) }
}

fn unknown(name: &str, known: &[String], target: &str) -> Error {
    let error = Error::new(Code::UnknownColumn, format!("there is no property `{name}` here")).target(target);
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

pub(super) fn unsupported(what: &str) -> Error {
    Error::new(Code::NotSupported, format!("{what} is not supported"))
}
