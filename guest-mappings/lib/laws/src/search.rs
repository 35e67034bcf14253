//! The law of sound search: what a binding pushes to the service finds every row that the column's own value would,
//! and no other where the binding says exact. FHIR's matching is evaluated here, over the resource itself, by the
//! parameter's expression in R4's definitions.

use turntable_mapping::bindings::exports::turntable::mapping::schema::{
    self as wit, ColumnType, SearchBinding, SearchKind, SearchOps,
};
use turntable_mapping::tools::reference;
use turntable_mapping::tools::time::{self, Instant};
use turntable_r4::r4;
use turntable_scan::{Value, number};

use crate::case::{Case, Check};
use crate::report::Law;
use crate::subject::Row;

/// What a service indexes for a parameter.
#[derive(Clone, Debug, PartialEq)]
enum Indexed {
    /// System, where there is one, and code.
    Token(Option<String>, String),
    Text(String),
    /// First and last instant; an open end is none.
    Time(Option<Instant>, Option<Instant>),
}

/// A value in the resource with its type.
type Typed<'a> = (Value<'a>, String);

impl Check<'_> {
    pub(crate) fn sound_search(&mut self, case: Case<'_>, rows: &[Row]) {
        let source = case.table.sources.iter().find(|source| source.resource_type == case.kind);
        for binding in source.iter().flat_map(|source| &source.search) {
            let Some(column) = case.table.columns.get(usize::from(binding.column)) else { continue };
            let Some(indexed) = index(case, binding) else { continue };
            for row in rows {
                let cell = row.cells.get(usize::from(binding.column)).and_then(Option::as_deref);
                let has_others = !case.table.one_row_per_resource;
                if let Some(what) = unsound(column, binding, cell, &indexed, has_others) {
                    self.broken(Law::SoundSearch, case, Some(column), None, format!("{}: {what}", binding.param));
                }
            }
        }
    }
}

/// What is wrong with a binding for a row that shows `cell`, where the service indexed these values.
fn unsound(
    column: &wit::Column,
    binding: &SearchBinding,
    cell: Option<&str>,
    indexed: &[Indexed],
    has_others: bool,
) -> Option<String> {
    let claims = |ops: SearchOps| (binding.exact | binding.superset).intersects(ops);
    if binding.null_iff_absent && cell.is_none() != indexed.is_empty() {
        return Some("the column is null although the element is there, or the other way round: drop missing".into());
    }
    if let Some(cell) = cell {
        let equal = SearchOps::EQ | SearchOps::ANY_OF | SearchOps::LE | SearchOps::GE | SearchOps::STARTS_WITH;
        if claims(equal | SearchOps::LT | SearchOps::GT) && !indexed.iter().any(|it| finds(column, binding, cell, it)) {
            return Some("a search for what the row shows does not find the resource".into());
        }
    }
    let exact = binding.exact.intersects(SearchOps::EQ | SearchOps::ANY_OF);
    // Another row of the same resource may be the one that was meant.
    let finds_other =
        |it: &Indexed| can_be_asked(column, it) && !cell.is_some_and(|cell| finds(column, binding, cell, it));
    (exact && !has_others && indexed.iter().any(finds_other))
        .then(|| "it also finds resources whose row shows another value: add superset".into())
}

/// Whether a search for what the cell says finds what was indexed.
fn finds(column: &wit::Column, binding: &SearchBinding, cell: &str, indexed: &Indexed) -> bool {
    match (binding.kind, indexed) {
        (SearchKind::Token, Indexed::Token(system, code)) => {
            let asked = match &binding.template {
                Some(template) => template.replace("{}", cell),
                None => match option_system(column, cell) {
                    Some(system) => format!("{system}|{cell}"),
                    None => cell.to_owned(),
                },
            };
            match asked.rsplit_once('|') {
                Some((asked, wanted)) => wanted == code && system.as_deref().unwrap_or_default() == asked,
                None => asked == *code,
            }
        }
        (SearchKind::Reference, Indexed::Text(text)) => {
            reference::same(text, cell) || text.ends_with(&format!("/{cell}"))
        }
        (SearchKind::String, Indexed::Text(text)) => {
            let (text, cell) = (folded(text), folded(cell));
            text.starts_with(&cell) || (binding.superset.contains(SearchOps::CONTAINS) && text.contains(&cell))
        }
        (SearchKind::Uri, Indexed::Text(text)) => text == cell,
        (SearchKind::Number | SearchKind::Quantity, Indexed::Text(text)) => {
            number::compare(text, cell).is_some_and(std::cmp::Ordering::is_eq)
        }
        (SearchKind::Date, Indexed::Time(first, last)) => time::instant(cell).is_none_or(|at| {
            first.as_ref().is_none_or(|first| *first <= at) && last.as_ref().is_none_or(|last| at <= *last)
        }),
        _ => false,
    }
}

fn folded(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn option_system<'a>(column: &'a wit::Column, code: &str) -> Option<&'a str> {
    let ColumnType::Choice(choice) = &column.kind else { return None };
    choice.options.iter().find(|option| option.code == code)?.system.as_deref()
}

/// Whether anyone can ask for it through this column: an unknown code and a reference to another type have no value.
fn can_be_asked(column: &wit::Column, indexed: &Indexed) -> bool {
    match (&column.kind, indexed) {
        (ColumnType::Choice(choice), Indexed::Token(_, code)) => {
            choice.open || choice.options.iter().any(|option| option.code == *code)
        }
        (ColumnType::Lookup(lookup), Indexed::Text(text)) => match reference::target(text) {
            reference::Target::Resource { kind, .. } => lookup.resource_types.iter().any(|known| known == kind),
            _ => false,
        },
        _ => true,
    }
}

/// What a service indexes of the resource for a parameter; None where that is not evaluated here.
fn index(case: Case<'_>, binding: &SearchBinding) -> Option<Vec<Indexed>> {
    let parameter = r4().parameter(case.kind, &binding.param)?;
    if parameter.expression.is_empty() {
        return None;
    }
    let mut indexed = Vec::new();
    for alternative in parameter.expression.split('|') {
        for (value, kind) in evaluate(case.document.root(), case.kind, alternative.trim())? {
            indexed.extend(entries(binding.kind, value, &kind)?);
        }
    }
    Some(indexed)
}

/// `.a.b.where(x='y')`, `(.a.b as T).c`, `.a.as(T)`, `.a.where(resolve() is T)`. None for anything else.
fn evaluate<'a>(root: Value<'a>, resource: &str, expression: &str) -> Option<Vec<Typed<'a>>> {
    let start = vec![(root, resource.to_owned())];
    if let Some(inner) = expression.strip_prefix('(') {
        let (inner, rest) = inner.split_once(')')?;
        let (path, kind) = inner.split_once(" as ")?;
        let cast = of_type(steps(start, path)?, kind.trim());
        return steps(cast, rest);
    }
    steps(start, expression)
}

fn steps<'a>(mut found: Vec<Typed<'a>>, path: &str) -> Option<Vec<Typed<'a>>> {
    let mut rest = path.trim();
    while let Some(after) = rest.strip_prefix('.') {
        let end = after.find(['.', '(', '[']).unwrap_or(after.len());
        let name = &after[..end];
        rest = &after[end..];
        if let Some(inside) = rest.strip_prefix('(') {
            let close = closing(inside)?;
            let argument = &inside[..close];
            rest = &inside[close + 1..];
            found = match name {
                "as" => of_type(found, argument),
                "where" => filtered(found, argument)?,
                _ => return None,
            };
        } else {
            found = found.iter().flat_map(|(value, kind)| members(*value, kind, name)).collect();
        }
        if let Some(indexed) = rest.strip_prefix("[0]") {
            found.truncate(1);
            rest = indexed;
        }
    }
    rest.is_empty().then_some(found)
}

/// Where the bracket that was opened closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn of_type<'a>(found: Vec<Typed<'a>>, wanted: &str) -> Vec<Typed<'a>> {
    found.into_iter().filter(|(_, kind)| kind.eq_ignore_ascii_case(wanted)).collect()
}

fn filtered<'a>(found: Vec<Typed<'a>>, condition: &str) -> Option<Vec<Typed<'a>>> {
    if let Some(wanted) = condition.strip_prefix("resolve() is ") {
        // Where a `urn:uuid:` leads, the bundle around it says; here it may be any type.
        let is = |value: Value<'_>| reference::resource_type(value).is_none_or(|kind| kind == wanted.trim());
        return Some(found.into_iter().filter(|(value, _)| is(*value)).collect());
    }
    let (member, literal) = condition.split_once('=')?;
    let literal = literal.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    let is = |value: Value<'_>| value.get(member.trim()).is_some_and(|value| value.is(literal));
    Some(found.into_iter().filter(|(value, _)| is(*value)).collect())
}

/// The values behind a member, each of a list; of a choice element whichever type is there.
fn members<'a>(value: Value<'a>, kind: &str, name: &str) -> Vec<Typed<'a>> {
    let names: Vec<(String, String)> = match r4().member(kind, name) {
        Some(member) if member.kind != turntable_r4::CHOICE => vec![(name.to_owned(), member.kind)],
        Some(_) => {
            let typed = r4().members(kind).into_iter().filter(|typed| typed.starts_with(name) && typed != name);
            typed.filter_map(|typed| r4().member(kind, &typed).map(|member| (typed, member.kind))).collect()
        }
        None => Vec::new(),
    };
    let found = names.into_iter().filter_map(|(name, kind)| Some((value.get(&name)?, kind)));
    found
        .flat_map(|(value, kind)| {
            let items: Vec<_> = value.items().collect();
            let values = if items.is_empty() { vec![value] } else { items };
            values.into_iter().filter(|value| !value.is_null()).map(move |value| (value, kind.clone()))
        })
        .collect()
}

/// What of a value is indexed. None where that is not evaluated here.
fn entries(search: SearchKind, value: Value<'_>, kind: &str) -> Option<Vec<Indexed>> {
    let text = |value: Value<'_>| value.text().map(|text| text.into_owned()).or_else(|| Some(value.raw().to_owned()));
    let member = |name: &str| value.get(name).and_then(Value::text).map(|text| text.into_owned());
    Some(match (search, kind) {
        (SearchKind::Token, "CodeableConcept") => {
            let codings = value.get("coding").into_iter().flat_map(Value::items).collect::<Vec<_>>();
            let tokens = codings.into_iter().filter_map(|coding| entries(search, coding, "Coding"));
            tokens.flatten().collect()
        }
        (SearchKind::Token, "Coding") => {
            member("code").map(|code| Indexed::Token(member("system"), code)).into_iter().collect()
        }
        (SearchKind::Token, "Identifier") => {
            member("value").map(|value| Indexed::Token(member("system"), value)).into_iter().collect()
        }
        (SearchKind::Token, "ContactPoint") => {
            member("value").map(|value| Indexed::Token(None, value)).into_iter().collect()
        }
        (SearchKind::Token, "code" | "string" | "id" | "uri" | "boolean") => {
            text(value).map(|text| Indexed::Token(None, text)).into_iter().collect()
        }
        (SearchKind::Reference, "Reference") => {
            let text = reference::text(value).filter(|text| !text.starts_with('#'));
            text.map(|text| Indexed::Text(text.into_owned())).into_iter().collect()
        }
        (SearchKind::String, "HumanName" | "Address") => texts(value),
        (SearchKind::String, "string" | "markdown")
        | (SearchKind::Uri, "uri" | "url" | "canonical")
        | (SearchKind::Number, "integer" | "positiveInt" | "unsignedInt" | "decimal") => {
            text(value).map(Indexed::Text).into_iter().collect()
        }
        (SearchKind::Quantity, "Quantity" | "Age" | "Duration" | "Money" | "SimpleQuantity") => {
            let number = value.get("value").and_then(Value::number);
            number.map(|number| Indexed::Text(number.to_owned())).into_iter().collect()
        }
        (SearchKind::Date, "date" | "dateTime" | "instant") => {
            let at = time::instant(&text(value)?)?;
            vec![Indexed::Time(Some(at.clone()), Some(at))]
        }
        (SearchKind::Date, "Period") => {
            let at = |name: &str| member(name).and_then(|text| time::instant(&text));
            let (start, end) = (at("start"), at("end"));
            // No search can be held to a period that ends before it starts.
            if matches!((&start, &end), (Some(start), Some(end)) if end < start) {
                return None;
            }
            vec![Indexed::Time(start, end)]
        }
        _ => return None,
    })
}

/// All texts of a name or an address.
fn texts(value: Value<'_>) -> Vec<Indexed> {
    let own = value.members().filter(|(key, _)| !key.is("use") && !key.is("type"));
    let texts = own.flat_map(|(_, value)| value.items().chain([value]).collect::<Vec<_>>());
    texts.filter_map(|value| value.text()).map(|text| Indexed::Text(text.into_owned())).collect()
}
