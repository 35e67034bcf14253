//! Choice sets and lookup targets. Numbers from 935100000 are our own.

use turntable_mapping::{Code, code};

pub(crate) const CLINICAL_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
pub(crate) const VERIFICATION_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

pub(crate) const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
pub(crate) const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

pub(crate) const TYPE: &[Code] =
    &[code(935000000, "allergy", "Allergy"), code(935000001, "intolerance", "Intolerance")];

pub(crate) const CRITICALITY: &[Code] = &[
    code(935000000, "low", "Low risk"),
    code(935000001, "high", "High risk"),
    code(935000002, "unable-to-assess", "Unable to assess risk"),
];

pub(crate) const VERIFICATION: &[Code] = &[
    code(935000000, "unconfirmed", "Unconfirmed"),
    code(935000001, "confirmed", "Confirmed"),
    code(935000002, "refuted", "Refuted"),
    code(935000003, "entered-in-error", "Entered in error"),
];

// Sets that Microsoft's model lacks, in a range of numbers of our own.
pub(crate) const CLINICAL: &[Code] = &[
    code(935100000, "active", "Active"),
    code(935100001, "inactive", "Inactive"),
    code(935100002, "resolved", "Resolved"),
];

pub(crate) const CATEGORIES: &[Code] = &[
    code(935100000, "food", "Food"),
    code(935100001, "medication", "Medication"),
    code(935100002, "environment", "Environment"),
    code(935100003, "biologic", "Biologic"),
];

pub(crate) const SEVERITY: &[Code] =
    &[code(935100000, "mild", "Mild"), code(935100001, "moderate", "Moderate"), code(935100002, "severe", "Severe")];

pub(crate) const ONSET: &[Code] = &[
    code(935100000, "dateTime", "Date and time"),
    code(935100001, "Age", "Age"),
    code(935100002, "Period", "Period"),
    code(935100003, "Range", "Range of ages"),
    code(935100004, "string", "Words"),
];

pub(crate) const IDENTIFIER_USE: &[Code] = &[
    code(935000000, "usual", "Usual"),
    code(935000001, "official", "Official"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "secondary", "Secondary"),
    // In R4, not in Microsoft's set.
    code(935100000, "old", "Old"),
];

/// What a lookup may point to: pairs of entity set and resource type.
type Targets = &'static [(&'static str, &'static str)];

pub(crate) const PEOPLE: Targets = &[
    ("contacts", "Practitioner"),
    ("contacts", "Patient"),
    ("contacts", "RelatedPerson"),
    ("msemr_practitionerroles", "PractitionerRole"),
];

pub(crate) const AUTHORS: Targets = &[
    ("contacts", "Practitioner"),
    ("contacts", "Patient"),
    ("contacts", "RelatedPerson"),
    ("accounts", "Organization"),
];
