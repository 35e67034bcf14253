//! Values onto paths: when a value differs from what is shown, which of several go together, and how each
//! kind of column is written.

use turntable_scan::{Document, Kind as Json, Value, number};

use crate::bindings::turntable::mapping::types::IssueCode;
use crate::choice_elements;
use crate::column::{Code, Column, Concept, Kind};
use crate::edit::Edit;
use crate::field::{Field, Part};
use crate::located::{Located, at};
use crate::path::Move;
use crate::problem::Problem;
use crate::reference::{self, Target};
use crate::spoken;
use crate::time::{self, Precision};

/// A value that a column is to get, `None` for null.
#[derive(Clone)]
pub(crate) struct Assigned {
    pub(crate) column: u16,
    pub(crate) field: Field,
    pub(crate) value: Option<String>,
    moves: Vec<Move>,
    /// Another column writes the same element.
    covered: bool,
}

impl Assigned {
    pub(crate) fn new(column: u16, field: Field, value: Option<String>) -> Self {
        Self { column, field, value, moves: field.moves(), covered: false }
    }

    /// Written to the current one of several.
    pub(crate) fn is_of_current(&self) -> bool {
        self.moves.iter().any(|step| matches!(step, Move::Current(_)))
    }

    fn has_hook(&self) -> bool {
        self.field.column().is_some_and(|column| column.write_with.is_some())
    }
}

/// Whether a value is what the column shows: the same number, instant, target, code or text.
pub(crate) fn same(field: Field, shown: Option<&str>, value: Option<&str>) -> bool {
    let (shown, value) = match (shown, value) {
        (Some(shown), Some(value)) => (shown, value),
        (shown, value) => return shown == value,
    };
    shown == value
        || match field.column().map(|column| column.kind) {
            Some(Kind::Int | Kind::Long | Kind::Decimal) => same_number(shown, value),
            Some(Kind::DateTime) => same_instant(shown, value),
            Some(Kind::Lookup(_)) | None => reference::same(shown, value),
            Some(Kind::Json) => same_json(shown, value),
            _ => false,
        }
}

/// Finds the columns that write one element: they must agree. A null beside a value is dropped, since the
/// value is what the client wants there.
pub(crate) fn reconcile(resource_type: &str, assigned: &mut [Assigned]) -> Vec<Located> {
    let mut problems = Vec::new();
    for later in 1..assigned.len() {
        for earlier in 0..later {
            let (a, b) = (&assigned[earlier], &assigned[later]);
            if a.covered || b.covered || a.has_hook() || b.has_hook() {
                continue;
            }
            if a.moves != b.moves {
                if a.value.is_some() && b.value.is_some() && are_two_types(resource_type, &a.moves, &b.moves) {
                    problems.push(at(b.column, TWO_TYPES));
                }
                continue;
            }
            match (&a.value, &b.value) {
                (_, None) => assigned[later].covered = true,
                (None, Some(_)) => assigned[earlier].covered = true,
                (Some(x), Some(y)) => match preferred(a, x, b, y) {
                    Some(true) => assigned[later].covered = true,
                    Some(false) => assigned[earlier].covered = true,
                    None => problems.push(at(b.column, TWO_VALUES)),
                },
            }
        }
    }
    problems
}

const TWO_VALUES: Problem = Problem::conflict("another column writes another value to the same element");
const TWO_TYPES: Problem = Problem::conflict("another column writes the same choice element as another type");

/// Which of two values of one element says more: true = the first. `None` if they differ.
fn preferred(a: &Assigned, x: &str, b: &Assigned, y: &str) -> Option<bool> {
    let kind = |set: &Assigned| set.field.column().map(|column| column.kind);
    match (kind(a), kind(b)) {
        (Some(Kind::Int | Kind::Long), Some(Kind::Decimal)) if rounds_to(y, x) => Some(false),
        (Some(Kind::Decimal), Some(Kind::Int | Kind::Long)) if rounds_to(x, y) => Some(true),
        (Some(Kind::DateTime), Some(Kind::PartialDate)) if same_instant(x, y) => Some(false),
        _ => same(a.field, Some(x), Some(y)).then_some(true),
    }
}

fn rounds_to(decimal: &str, whole: &str) -> bool {
    number::round(decimal).is_some_and(|rounded| same_number(&rounded.to_string(), whole))
}

/// `valueQuantity…` and `valueString…` of the same object.
fn are_two_types(resource_type: &str, a: &[Move], b: &[Move]) -> bool {
    let shared = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (Some(Move::Member(a)), Some(Move::Member(b))) = (a.get(shared), b.get(shared)) else {
        return false;
    };
    // Every pair of values is asked about, and few begin alike.
    a.as_bytes().first() == b.as_bytes().first()
        && a != b
        && choice_elements::base(resource_type, a)
            .is_some_and(|base| choice_elements::base(resource_type, b) == Some(base))
}

/// The values of one change: those to be written, and those that are there already.
struct Given<'a> {
    assigned: &'a [Assigned],
    kept: &'a [Assigned],
}

impl Given<'_> {
    /// Of the members of an object, those that the change does not give itself.
    fn others<'n>(&self, object: &[Move], names: &[&'n str]) -> Vec<&'n str> {
        let gives = |name: &str| {
            let mut values = self.assigned.iter().chain(self.kept).filter(|set| set.value.is_some());
            values.any(|set| {
                let inner = set.moves.strip_prefix(object);
                inner.is_some_and(|inner| matches!(inner.first(), Some(Move::Member(own)) if own == name))
            })
        };
        names.iter().copied().filter(|name| !gives(name)).collect()
    }
}

/// Writes all values, nulls first so that they take nothing away that a value brings. What is `kept` is not
/// written, but what another value makes untrue is not dropped there.
pub(crate) fn apply(edit: &mut Edit<'_>, assigned: &[Assigned], kept: &[Assigned]) -> Vec<Located> {
    let all = Given { assigned, kept };
    for set in assigned {
        edit.pin(&set.moves);
    }
    let spoken = spoken::listen(edit, assigned.iter().map(|set| set.moves.as_slice()));
    let mut problems = Vec::new();
    let (nulls, values): (Vec<_>, Vec<_>) =
        assigned.iter().filter(|set| !set.covered).partition(|set| set.value.is_none());
    for set in nulls.into_iter().chain(values) {
        let Some(column) = set.field.column() else {
            continue;
        };
        let written = match (column.write_with, &set.value) {
            (Some(write), value) => write(edit, value.as_deref()),
            (None, None) => erase(edit, set, column, &all),
            (None, Some(value)) => write(edit, set, column, value, &all),
        };
        problems.extend(written.err().map(|problem| at(set.column, problem)));
    }
    spoken::speak(edit, spoken);
    problems
}

fn erase(edit: &mut Edit<'_>, set: &Assigned, column: &'static Column, all: &Given<'_>) -> Result<(), Problem> {
    match column.kind {
        // A code that is gone leaves no coding.
        Kind::Choice(_) if column.system.is_some() => {
            let (_, coding) = set.moves.split_last().ok_or(NO_ELEMENT)?;
            edit.clear_members(coding, &["code", "system", "display", "version", "userSelected"])
        }
        Kind::Concept(concept) => {
            // While the code is there, it tells which of several codings is meant.
            drop_stale(edit, set, column, concept, all);
            edit.clear(&set.moves)?;
            match set.moves.split_last() {
                Some((_, coding)) if concept != Concept::Code => edit.clear_members(coding, &[]),
                _ => Ok(()),
            }
        }
        Kind::Json => edit.clear_whole(&set.moves),
        _ => edit.clear(&set.moves),
    }
}

fn write(
    edit: &mut Edit<'_>,
    set: &Assigned,
    column: &'static Column,
    value: &str,
    all: &Given<'_>,
) -> Result<(), Problem> {
    let leaf = match column.kind {
        Kind::Text | Kind::Uri | Kind::Concept(_) => edit.tree.text_leaf(text(value)?),
        Kind::Boolean => match value {
            "true" => edit.tree.bare_leaf(Json::True, value),
            "false" => edit.tree.bare_leaf(Json::False, value),
            _ => return Err(Problem::value("expected true or false")),
        },
        Kind::Int => edit.tree.bare_leaf(Json::Number, whole(value, i32::MIN.into(), i32::MAX.into())?),
        Kind::Long => edit.tree.bare_leaf(Json::Number, whole(value, i64::MIN, i64::MAX)?),
        Kind::Decimal if number::is_number(value) => edit.tree.bare_leaf(Json::Number, value),
        Kind::Decimal => return Err(Problem::value("expected a number")),
        Kind::Date => edit.tree.text_leaf(moment(value, |precision| precision == Precision::Day, DAY)?),
        Kind::DateTime => edit.tree.text_leaf(zoned(value)?),
        Kind::PartialDate => edit.tree.text_leaf(zoned(value)?),
        Kind::Json => {
            let value = edit.copy(value)?;
            return edit.put_whole(&set.moves, value);
        }
        Kind::Choice(options) => return write_choice(edit, set, column, options, value, all),
        Kind::Lookup(targets) => return write_lookup(edit, set, targets, value, all),
        Kind::Key | Kind::Constant(..) => return Err(NO_ELEMENT),
    };
    edit.put(&set.moves, leaf)?;
    if let Kind::Concept(concept) = column.kind {
        drop_stale(edit, set, column, concept, all);
    }
    Ok(())
}

const NO_ELEMENT: Problem = Problem::not_supported("the column has no element in FHIR");

fn write_choice(
    edit: &mut Edit<'_>,
    set: &Assigned,
    column: &'static Column,
    options: &'static [Code],
    value: &str,
    all: &Given<'_>,
) -> Result<(), Problem> {
    let option = options.iter().find(|option| option.code == value);
    if option.is_none() && !column.open {
        return Err(Problem::new(IssueCode::CodeInvalid, "a code that the choice does not have"));
    }
    let leaf = edit.tree.text_leaf(text(value)?);
    edit.put(&set.moves, leaf)?;
    let system = option.and_then(|option| option.system).or(column.system);
    if let (Some(system), Some((_, coding))) = (system, set.moves.split_last()) {
        let mut moves = coding.to_vec();
        moves.push(Move::Member("system".into()));
        let leaf = edit.tree.text_leaf(system);
        edit.put(&moves, leaf)?;
        // They described the code that was there.
        edit.drop_members(coding, &all.others(coding, &["display", "version", "userSelected"]));
    }
    Ok(())
}

fn write_lookup(
    edit: &mut Edit<'_>,
    set: &Assigned,
    targets: &[(&str, &str)],
    value: &str,
    all: &Given<'_>,
) -> Result<(), Problem> {
    match reference::target(value) {
        Target::Resource { kind, .. } if targets.iter().any(|(_, target)| *target == kind) => {}
        Target::Urn => {}
        Target::Resource { .. } => {
            return Err(Problem::value("a reference to a type that the column does not take"));
        }
        Target::Contained | Target::Other => {
            return Err(Problem::value("expected a reference: Type/id"));
        }
    }
    let object = edit.reach_object(&set.moves)?;
    // They described the target that was there.
    edit.drop_members(&set.moves, &all.others(&set.moves, &["display", "identifier", "type"]));
    let leaf = edit.tree.text_leaf(value);
    edit.tree.set_member(object, "reference", leaf);
    edit.tree.remove_member(object, "_reference");
    Ok(())
}

/// Another code or system makes what described the old one untrue, unless the change gives it anew.
fn drop_stale(edit: &mut Edit<'_>, set: &Assigned, column: &'static Column, concept: Concept, all: &Given<'_>) {
    let Field::Column(_, Part::Code | Part::System) = set.field else {
        return;
    };
    let Some((_, coding)) = set.moves.split_last().filter(|_| concept != Concept::Code) else {
        return;
    };
    // The unit of a quantity is what people read, with or without a code: it stays.
    if concept != Concept::Quantity {
        edit.drop_members(coding, &all.others(coding, &["display", "version", "userSelected"]));
    }
    debug_assert!(matches!(column.kind, Kind::Concept(_)), "only concepts go stale here");
}

fn text(value: &str) -> Result<&str, Problem> {
    if value.is_empty() {
        return Err(Problem::value("FHIR has no empty texts: use null"));
    }
    let forbidden = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    match value.bytes().any(forbidden) {
        true => Err(Problem::value("a control character that FHIR does not allow")),
        false => Ok(value),
    }
}

fn whole(value: &str, low: i64, high: i64) -> Result<&str, Problem> {
    let fits = number::is_number(value) && value.parse().is_ok_and(|number| (low..=high).contains(&number));
    if fits { Ok(value) } else { Err(Problem::value("expected a whole number in range")) }
}

const DAY: &str = "expected a full date: YYYY-MM-DD";

fn moment<'v>(value: &'v str, fits: impl Fn(Precision) -> bool, message: &'static str) -> Result<&'v str, Problem> {
    match time::precision(value) {
        Some(precision) if fits(precision) => Ok(value),
        _ => Err(Problem::value(message)),
    }
}

/// FHIR wants a zone with every time.
fn zoned(value: &str) -> Result<&str, Problem> {
    let time = value.split_once('T').map_or("", |(_, time)| time);
    if !time.is_empty() && !time.contains(['Z', '+', '-']) {
        return Err(Problem::value("a time needs a zone: Z, or an offset like +01:00"));
    }
    moment(value, |_| true, "expected a date or time as FHIR writes it: YYYY, YYYY-MM, YYYY-MM-DD or with a time")
}

pub fn same_number(a: &str, b: &str) -> bool {
    number::compare(a, b) == Some(std::cmp::Ordering::Equal)
}

pub fn same_instant(a: &str, b: &str) -> bool {
    time::instant(a).is_some_and(|a| time::instant(b) == Some(a))
}

pub fn same_json(a: &str, b: &str) -> bool {
    let (Ok(a), Ok(b)) = (Document::parse(a.as_bytes()), Document::parse(b.as_bytes())) else {
        return false;
    };
    same_value(a.root(), b.root())
}

/// Recurses no deeper than the scanner lets documents nest.
fn same_value(a: Value<'_>, b: Value<'_>) -> bool {
    match (a.kind(), b.kind()) {
        (Json::Object, Json::Object) => {
            let same = |(key, value): (Value<'_>, Value<'_>)| {
                let other = key.text().and_then(|name| b.get(&name));
                other.is_some_and(|other| same_value(value, other))
            };
            a.members().count() == b.members().count() && a.members().all(same)
        }
        (Json::Array, Json::Array) => {
            a.items().count() == b.items().count() && a.items().zip(b.items()).all(|(a, b)| same_value(a, b))
        }
        (Json::String, Json::String) => a.text() == b.text(),
        // Digits count: 72.10 says more than 72.1.
        (a_kind, b_kind) => a_kind == b_kind && a.raw() == b.raw(),
    }
}
