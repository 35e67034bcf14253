//! What the value of an element is for a column: shown, not shown, or refused with a reason. `cell` and `plan::emit` find
//! values each in a way of its own; what those come to is said here, for both.

use turntable_scan::block::same;
use turntable_scan::number;

use crate::bindings::turntable::mapping::types::IssueCode;
use crate::reference::Target;
use crate::time::Precision;

/// Why an element is not shown.
pub(crate) type Refusal = (IssueCode, &'static str);

pub(crate) const NOT_TEXT: Refusal = (IssueCode::Value, "expected a text");
pub(crate) const NOT_BOOLEAN: Refusal = (IssueCode::Value, "expected true or false");
pub(crate) const NOT_NUMBER: Refusal = (IssueCode::Value, "expected a number");
pub(crate) const NOT_CODE: Refusal = (IssueCode::Value, "expected a code");
pub(crate) const NOT_REFERENCE: Refusal = (IssueCode::Value, "expected a reference");

/// Said of an element of which the first of several is shown.
pub(crate) const REPEATS: &str = "the element repeats; the column shows the first";

/// The whole number that a JSON number is rounded to.
pub(crate) fn whole(digits: &str, low: i64, high: i64) -> Result<i64, Refusal> {
    let rounded = number::round(digits).filter(|number| (low..=high).contains(number));
    rounded.ok_or((IssueCode::Value, "the number is out of range"))
}

/// A text of this precision as a date; without one it is none.
pub(crate) fn date(precision: Option<Precision>) -> Result<(), Refusal> {
    let fits = precision == Some(Precision::Day);
    fits.then_some(()).ok_or((IssueCode::Value, "expected a full date (YYYY-MM-DD)"))
}

/// A text of this precision as a date-time of any.
pub(crate) fn moment(precision: Option<Precision>) -> Result<(), Refusal> {
    precision.map(|_| ()).ok_or((IssueCode::Value, "expected a date or time as FHIR writes it"))
}

/// A code. `option` is that of the choice, with the system that it is of; `system` is what stands beside the code.
#[inline]
pub(crate) fn code<S: AsRef<str>>(
    option: Option<Option<&[u8]>>,
    open: bool,
    system: impl FnOnce() -> Option<S>,
) -> Result<(), Refusal> {
    match option {
        Some(Some(expected)) if system().is_some_and(|own| own.as_ref().as_bytes() != expected) => {
            Err((IssueCode::CodeInvalid, "the code is of a system that the choice does not have"))
        }
        None if !open => Err((IssueCode::CodeInvalid, "a code that the choice does not have")),
        _ => Ok(()),
    }
}

/// The resource type of a reference, as a code.
pub(crate) fn resource_type(is_option: bool, open: bool) -> Result<(), Refusal> {
    let fits = is_option || open;
    fits.then_some(()).ok_or((IssueCode::CodeInvalid, "a reference to a type that the choice does not have"))
}

/// The type of a choice element, as a code.
pub(crate) fn element_type(is_option: bool, open: bool) -> Result<(), Refusal> {
    let fits = is_option || open;
    fits.then_some(()).ok_or((IssueCode::CodeInvalid, "a type that the choice does not have"))
}

/// Whether a type, as the name of a choice element has it, is the one of a code: `String` of `string`.
pub(crate) fn is_of_type(code: &str, kind: &str) -> bool {
    match (code.as_bytes().split_first(), kind.as_bytes().split_first()) {
        (Some((first, rest)), Some((own, others))) => first.to_ascii_uppercase() == *own && same(rest, others),
        _ => false,
    }
}

/// Whether a lookup to these types shows a reference. `declared` is the type that stands beside it.
#[inline]
pub(crate) fn reference<S: AsRef<str>>(
    target: Target<'_>,
    mut has: impl FnMut(&str) -> bool,
    declared: impl FnOnce() -> Option<S>,
) -> Result<bool, Refusal> {
    match target {
        Target::Resource { kind, .. } => Ok(has(kind)),
        Target::Urn => Ok(declared().is_none_or(|kind| has(kind.as_ref()))),
        Target::Contained => Ok(false),
        Target::Other => Err((IssueCode::Value, "not a reference to a resource")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_their_systems() {
        let judged = |option: Option<Option<&str>>, open, system: Option<&str>| {
            code(option.map(|expected| expected.map(str::as_bytes)), open, || system).map_err(|(_, message)| message)
        };
        assert_eq!(judged(Some(None), false, Some("s")), Ok(()));
        assert_eq!(judged(Some(Some("s")), false, Some("s")), Ok(()));
        assert_eq!(judged(Some(Some("s")), false, None), Ok(()));
        let wrong = Err("the code is of a system that the choice does not have");
        assert_eq!(judged(Some(Some("s")), false, Some("t")), wrong);
        assert_eq!(judged(Some(Some("s")), true, Some("t")), wrong);
        assert_eq!(judged(None, true, Some("t")), Ok(()));
        assert_eq!(judged(None, false, None), Err("a code that the choice does not have"));
    }

    #[test]
    fn references_and_what_they_point_to() {
        let judged = |target, declared: Option<&str>| reference(target, |kind| kind == "Patient", || declared).ok();
        assert_eq!(judged(Target::Resource { kind: "Patient", id: "a" }, Some("Group")), Some(true));
        assert_eq!(judged(Target::Resource { kind: "Group", id: "a" }, Some("Patient")), Some(false));
        assert_eq!(judged(Target::Urn, None), Some(true));
        assert_eq!(judged(Target::Urn, Some("Patient")), Some(true));
        assert_eq!(judged(Target::Urn, Some("Group")), Some(false));
        assert_eq!(judged(Target::Contained, Some("Patient")), Some(false));
        assert_eq!(judged(Target::Other, Some("Patient")), None);
    }

    #[test]
    fn types_of_choice_elements() {
        for (code, kind, expected) in [
            ("string", "String", true),
            ("CodeableConcept", "CodeableConcept", true),
            ("string", "string", false),
            ("string", "Strings", false),
            ("", "String", false),
            ("string", "", false),
        ] {
            assert_eq!(is_of_type(code, kind), expected, "{code} {kind}");
        }
    }

    #[test]
    fn numbers_and_dates() {
        assert_eq!(whole("2.5", 0, 3).ok(), Some(3));
        assert_eq!(whole("3.5", 0, 3).ok(), None);
        assert!(date(Some(Precision::Day)).is_ok() && date(Some(Precision::Month)).is_err() && date(None).is_err());
        assert!(moment(Some(Precision::Month)).is_ok() && moment(None).is_err());
    }
}
