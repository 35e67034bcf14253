//! One cell: what an element of a resource is as a value of its column.

use std::borrow::Cow;

use turntable_scan::{Kind as Json, Value};

use crate::bindings::turntable::mapping::types::{IssueCode, Severity};
use crate::choice_elements;
use crate::column::{Access, Code, Column, Concept, Kind};
use crate::field::{Field, Part};
use crate::judge::{self, Refusal};
use crate::path::{self, Found, Move};
use crate::place::{self, Step};
use crate::reference;
use crate::table::Source;
use crate::time::{self, Precision};

/// What one row is read from.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) source: &'static Source,
    pub(crate) resource: Value<'a>,
    /// The resource's id.
    pub(crate) id: &'a str,
    /// The resource; in a child table, the element that the row is.
    pub(crate) element: Value<'a>,
    /// In a child table: where the element is.
    pub(crate) place: &'a [Step],
}

/// A cell and what there is to say about it.
#[derive(Debug, Default)]
pub(crate) struct Cell<'a> {
    /// `None` = null.
    pub(crate) text: Option<Cow<'a, str>>,
    pub(crate) finding: Option<Finding<'a>>,
}

#[derive(Debug)]
pub(crate) struct Finding<'a> {
    pub(crate) severity: Severity,
    pub(crate) code: IssueCode,
    pub(crate) at: Value<'a>,
    pub(crate) message: &'static str,
}

pub(crate) fn read<'a>(field: Field, scope: Scope<'a>) -> Cell<'a> {
    let (column, part) = match field {
        Field::Parent(_) => {
            return Cell::owned(scope.parent());
        }
        Field::Column(column, part) => (column, part),
    };
    if !field.exists_for(scope.source) {
        return Cell::default();
    }
    match column.kind {
        // A new row whose id the service will choose has no key yet.
        Kind::Key if scope.id.is_empty() => return Cell::default(),
        Kind::Key => return Cell::owned(scope.key()),
        Kind::Constant(_, value) => return Cell::constant(column, value, scope.source),
        _ => {}
    }
    if let Some(read) = column.read_with {
        let element = match column.path.is_empty() {
            true => Some(scope.element),
            false => field.alternatives().find_map(|moves| path::find(scope.element, moves)).map(|found| found.element),
        };
        return Cell { text: element.and_then(read), finding: None };
    }
    let mut first_finding = None;
    for moves in field.alternatives() {
        let cell = read_path(column, part, &moves, scope.element);
        if cell.text.is_some() {
            return cell;
        }
        first_finding = first_finding.or(cell.finding);
    }
    Cell { text: None, finding: first_finding }
}

fn read_path<'a>(column: &'static Column, part: Part, moves: &[Move], element: Value<'a>) -> Cell<'a> {
    let Some(found) = path::find(element, moves.iter().cloned()) else {
        return match column.kind {
            Kind::Choice(options) if column.access == Access::ReadOnly => {
                type_of_choice(column, options, moves, element)
            }
            _ => Cell::default(),
        };
    };
    let mut found = found;
    if !matches!(column.kind, Kind::Json) && found.element.kind() == Json::Array {
        found.repeated |= path::has_several(found.element);
        match path::present(found.element) {
            Some(first) => found.element = first,
            None => return Cell::default(),
        }
    }
    match convert(column, part, &found) {
        Ok(text) => Cell { finding: text.as_ref().and_then(|_| repetition(column, &found)), text },
        Err((code, message)) => {
            let finding = Finding { severity: Severity::Warning, code, at: found.element, message };
            Cell { text: None, finding: Some(finding) }
        }
    }
}

/// Several codings are the rule in a concept, and no news.
fn repetition<'a>(column: &Column, found: &Found<Value<'a>>) -> Option<Finding<'a>> {
    (found.repeated && !matches!(column.kind, Kind::Concept(_))).then_some(Finding {
        severity: Severity::Information,
        code: IssueCode::Truncated,
        at: found.element,
        message: judge::REPEATS,
    })
}

fn convert<'a>(column: &Column, part: Part, found: &Found<Value<'a>>) -> Result<Option<Cow<'a, str>>, Refusal> {
    let value = found.element;
    match column.kind {
        Kind::Concept(Concept::Code) => code_part(column, part, value),
        Kind::Text | Kind::Uri | Kind::Concept(_) => string(value).map(Some),
        Kind::Boolean => match value.boolean() {
            Some(_) => Ok(Some(Cow::Borrowed(value.raw()))),
            None => Err(judge::NOT_BOOLEAN),
        },
        Kind::Int => whole(value, i32::MIN.into(), i32::MAX.into()).map(Some),
        Kind::Long => whole(value, i64::MIN, i64::MAX).map(Some),
        Kind::Decimal => match value.number() {
            Some(digits) => Ok(Some(Cow::Borrowed(digits))),
            None => Err(judge::NOT_NUMBER),
        },
        Kind::Date => dated(value, judge::date),
        Kind::DateTime | Kind::PartialDate => dated(value, judge::moment),
        Kind::Choice(options) => choice(column, options, found),
        Kind::Lookup(targets) => lookup(value, targets),
        Kind::Json => Ok(Some(Cow::Borrowed(value.raw()))),
        Kind::Key | Kind::Constant(..) => {
            debug_assert!(part == Part::Whole, "keys and constants have no parts");
            Ok(None)
        }
    }
}

fn string(value: Value<'_>) -> Result<Cow<'_, str>, Refusal> {
    value.text().ok_or(judge::NOT_TEXT)
}

fn whole(value: Value<'_>, low: i64, high: i64) -> Result<Cow<'_, str>, Refusal> {
    let digits = value.number().ok_or(judge::NOT_NUMBER)?;
    judge::whole(digits, low, high).map(|number| Cow::Owned(number.to_string()))
}

fn dated(
    value: Value<'_>,
    judged: impl Fn(Option<Precision>) -> Result<(), Refusal>,
) -> Result<Option<Cow<'_, str>>, Refusal> {
    let text = string(value)?;
    judged(time::precision(&text))?;
    Ok(Some(text))
}

fn choice<'a>(
    column: &Column,
    options: &'static [Code],
    found: &Found<Value<'a>>,
) -> Result<Option<Cow<'a, str>>, Refusal> {
    let value = found.element;
    if value.kind() == Json::Object {
        if !reference::is_reference(value) {
            return Err(judge::NOT_CODE);
        }
        let Some(kind) = reference::resource_type(value) else { return Ok(None) };
        judge::resource_type(options.iter().any(|option| option.code == kind), column.open)?;
        return Ok(Some(kind));
    }
    let code = string(value)?;
    let option = options.iter().find(|option| option.code == code);
    let expected = option.map(|option| option.system.or(column.system).map(str::as_bytes));
    let system = || found.container.get("system").and_then(Value::text);
    judge::code(expected, column.open, system)?;
    Ok(Some(code))
}

/// A concept whose element is only a code: the system is known, a display there is not.
fn code_part<'a>(column: &Column, part: Part, value: Value<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
    let code = string(value)?;
    Ok(match part {
        Part::Whole | Part::Code => Some(code),
        Part::System => column.system.map(Cow::Borrowed),
        Part::Display => None,
    })
}

/// The path `value` where the resource has `valueQuantity`: the code `Quantity`.
fn type_of_choice<'a>(column: &Column, options: &'static [Code], moves: &[Move], element: Value<'a>) -> Cell<'a> {
    let Some((Move::Member(base), before)) = moves.split_last() else {
        return Cell::default();
    };
    let container = path::find(element, before.iter().cloned()).and_then(|found| path::present(found.element));
    let present = |(key, value): (Value<'a>, Value<'a>)| {
        let name = key.text().filter(|_| !value.is_null())?;
        Some((choice_elements::alternative(&name, base)?.to_owned(), value))
    };
    let Some((kind, value)) = container.and_then(|container| container.members().find_map(present)) else {
        return Cell::default();
    };
    let option = options.iter().find(|option| judge::is_of_type(option.code, &kind));
    match judge::element_type(option.is_some(), column.open) {
        Ok(()) => {
            Cell { text: Some(option.map_or(Cow::Owned(kind), |option| Cow::Borrowed(option.code))), finding: None }
        }
        Err((code, message)) => {
            let finding = Finding { severity: Severity::Warning, code, at: value, message };
            Cell { text: None, finding: Some(finding) }
        }
    }
}

fn lookup<'a>(
    value: Value<'a>,
    targets: &'static [(&'static str, &'static str)],
) -> Result<Option<Cow<'a, str>>, Refusal> {
    if value.kind() != Json::Object && value.kind() != Json::String {
        return Err(judge::NOT_REFERENCE);
    }
    let has = |kind: &str| targets.iter().any(|(_, target)| *target == kind);
    let Some(text) = reference::text(value) else {
        return Ok(None);
    };
    let declared = || reference::resource_type(value);
    Ok(judge::reference(reference::target(&text), has, declared)?.then_some(text))
}

impl<'a> Cell<'a> {
    fn owned(text: String) -> Self {
        Self { text: Some(Cow::Owned(text)), finding: None }
    }

    fn constant(column: &Column, value: &'static str, source: &Source) -> Self {
        let code = constant_of(column, value, source);
        Self { text: code.map(Cow::Borrowed), finding: None }
    }
}

/// The code of a constant column in rows from that source.
pub fn constant_of(column: &Column, value: &'static str, source: &Source) -> Option<&'static str> {
    match source.when {
        Some((name, code)) if name == column.name => Some(code),
        _ => Some(value).filter(|value| !value.is_empty()),
    }
}

impl Scope<'_> {
    pub(crate) fn key(&self) -> String {
        place::key(self.id, self.place)
    }

    /// The parent of a child row, as a reference: `Encounter/a1`, `CareTeam/a1/participant/0`.
    pub(crate) fn parent(&self) -> String {
        let above = self.place.split_last().map_or(&[][..], |(_, above)| above);
        [self.source.resource_type, "/", &place::key(self.id, above)].concat()
    }
}
