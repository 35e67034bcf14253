//! FHIR R4's elements, search parameters and required codes, the nearest right name for a wrong one, and what of a
//! resource is not as R4 has it.
//!
//! The files in `r4/` are read at first use, in a few milliseconds. `README.md` says where they come from.

mod definitions;
mod faults;
mod nearest;
mod parse;
mod primitive;

use std::sync::OnceLock;

pub use definitions::{
    Binding, CHOICE, Code, Element, ElementType, Member, Parameter, R4, Strength, suggestion, value_set_url,
};
pub use faults::{Fault, Wrong};
pub use nearest::nearest;

/// R4's definitions.
pub fn r4() -> &'static R4 {
    static DEFINITIONS: OnceLock<R4> = OnceLock::new();
    DEFINITIONS.get_or_init(|| {
        R4::parse(
            include_str!("../r4/elements.txt"),
            include_str!("../r4/search-parameters.txt"),
            include_str!("../r4/required-codes.txt"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found() {
        let check = |of: &str, member: &str, expected: &str| {
            assert_eq!(r4().member(of, member).map_or("none".to_owned(), |m| m.kind), expected, "{of}.{member}");
        };
        check("Condition", "onsetDateTime", "dateTime");
        check("Condition", "onset", CHOICE);
        check("Condition", "onsetDatetime", "none");
        check("Condition", "id", "string");
        check("Condition", "meta", "Meta");
        check("Condition", "stage", "Condition.stage");
        check("Condition.stage", "summary", "CodeableConcept");
        check("Condition.stage", "extension", "Extension");
        check("Observation.component", "referenceRange", "Observation.referenceRange");
        check("Observation.referenceRange", "low", "Quantity");
        check("Extension", "valueCode", "code");
        check("Timing.repeat", "boundsPeriod", "Period");
        check("Meta", "project", "none");
        let onset = r4().element("Condition.onset[x]").unwrap();
        assert_eq!(
            onset.types.iter().map(|of| of.name).collect::<Vec<_>>(),
            ["dateTime", "Age", "Period", "Range", "string"]
        );
        let subject = r4().element("Condition.subject").unwrap();
        assert!(subject.required && !subject.repeats && subject.types[0].targets == ["Patient", "Group"]);
    }

    #[test]
    fn codes_and_parameters_are_found() {
        let status = r4().element("Encounter.status").unwrap();
        let binding = status.binding.unwrap();
        assert_eq!((binding.strength, binding.value_set), (Strength::Required, "encounter-status"));
        let codes = r4().codes(binding.value_set).unwrap();
        assert!(codes.iter().any(|code| (code.code, code.display) == ("in-progress", "In Progress")));
        assert_eq!(r4().codes("http://hl7.org/fhir/ValueSet/encounter-status|4.0.1").unwrap(), codes);
        assert_eq!(r4().codes("no-such-set"), None);
        let patient = r4().parameter("Condition", "patient").unwrap();
        assert_eq!((patient.kind, patient.expression), ("reference", ".subject.where(resolve() is Patient)"));
        assert_eq!(patient.targets, ["Patient"]);
        assert_eq!(r4().parameter("Condition", "_id").unwrap().expression, ".id");
        assert!(r4().parameter("Condition", "evidence-detail").unwrap().targets.is_empty());
        assert!(r4().is_resource("Parameters") && !r4().is_resource("Address"));
        assert_eq!(r4().resources().len(), 146);
    }

    #[test]
    fn wrong_names_have_a_nearest_right_one() {
        assert_eq!(r4().suggest_member("Condition", "onsetDatetime"), "; did you mean onsetDateTime?");
        assert_eq!(r4().suggest_member("Condition.stage", "sumary"), "; did you mean summary?");
        assert_eq!(r4().suggest_member("Condition", "zzz"), "");
        assert_eq!(r4().suggest_resource("Medication_Request"), "; did you mean MedicationRequest?");
        assert_eq!(r4().suggest_parameter("Condition", "onset_date"), "; did you mean onset-date?");
    }
}
