//! Choice sets and lookup targets. Numbers from 935100000 are our own.

use turntable_mapping::{Code, code};

pub(crate) const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
pub(crate) const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

pub(crate) const STATUS: &[Code] = &[
    code(935000000, "registered", "Registered"),
    code(935000001, "preliminary", "Preliminary"),
    code(935000002, "final", "Final"),
    code(935000003, "amended", "Amended"),
    code(935000004, "corrected", "Corrected"),
    code(935000005, "cancelled", "Cancelled"),
    code(935000006, "entered-in-error", "Entered in error"),
    code(935000007, "unknown", "Unknown"),
];

pub(crate) const SUBJECT: &[Code] = &[
    code(935000000, "Patient", "Patient"),
    code(935000001, "Group", "Group"),
    code(935000002, "Device", "Device"),
    code(935000003, "Location", "Location"),
];

pub(crate) const CONTEXT: &[Code] =
    &[code(935000000, "Encounter", "Encounter"), code(935000001, "EpisodeOfCare", "Episode of care")];

pub(crate) const DEVICE: &[Code] =
    &[code(935000000, "Device", "Device"), code(935000001, "DeviceMetric", "Device metric")];

pub(crate) const EFFECTIVE: &[Code] = &[
    code(935000000, "dateTime", "Date and time"),
    code(935000001, "Period", "Period"),
    // In R4, not in Microsoft's set.
    code(935100000, "instant", "Instant"),
    code(935100001, "Timing", "Timing"),
];

pub(crate) const VALUE: &[Code] = &[
    code(935000000, "Quantity", "Quantity"),
    code(935000001, "CodeableConcept", "Codeable concept"),
    code(935000002, "string", "Text"),
    code(935000003, "boolean", "Yes or no"),
    code(935000004, "Range", "Range"),
    code(935000005, "Ratio", "Ratio"),
    code(935000006, "SampledData", "Sampled data"),
    // STU3 only.
    code(935000007, "Attachment", "Attachment"),
    code(935000008, "time", "Time of day"),
    code(935000009, "dateTime", "Date and time"),
    code(935000010, "Period", "Period"),
    // In R4, not in Microsoft's set.
    code(935100000, "integer", "Whole number"),
];

pub(crate) const COMPARATOR: &[Code] =
    &[code(935000000, "<", "<"), code(935000001, "<=", "<="), code(935000002, ">=", ">="), code(935000003, ">", ">")];

pub(crate) const RATIO_COMPARATOR: &[Code] =
    &[code(935000000, "<", "<"), code(935000001, "<=", "<="), code(935000002, ">", ">"), code(935000003, ">=", ">=")];

pub(crate) const IDENTIFIER_USE: &[Code] = &[
    code(935000000, "usual", "Usual"),
    code(935000001, "official", "Official"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "secondary", "Secondary"),
    // In R4, not in Microsoft's set.
    code(935100000, "old", "Old"),
];

pub(crate) const PERFORMER_TYPE: &[Code] = &[
    code(935000000, "Practitioner", "Practitioner"),
    code(935000001, "Organization", "Organization"),
    code(935000002, "Patient", "Patient"),
    code(935000003, "RelatedPerson", "Related person"),
    // In R4, not in Microsoft's set.
    code(935100000, "PractitionerRole", "Practitioner role"),
    code(935100001, "CareTeam", "Care team"),
];

// Numbered in the order of STU3's types; a service request was a procedure request there.
pub(crate) const BASED_ON_TYPE: &[Code] = &[
    code(935000000, "CarePlan", "Care plan"),
    code(935000001, "DeviceRequest", "Device request"),
    code(935000002, "ImmunizationRecommendation", "Immunization recommendation"),
    code(935000003, "MedicationRequest", "Medication request"),
    code(935000004, "NutritionOrder", "Nutrition order"),
    code(935000005, "ServiceRequest", "Service request"),
];

pub(crate) const MEMBER_TYPE: &[Code] = &[
    code(935000000, "Observation", "Observation"),
    code(935000001, "QuestionnaireResponse", "Questionnaire response"),
    code(935000002, "MolecularSequence", "Molecular sequence"),
];

// Kinds of relation in STU3; the others are elements of their own in R4, or gone.
pub(crate) const RELATION: &[Code] = &[
    code(935000000, "has-member", "Has member"),
    code(935000001, "derived-from", "Derived from"),
    code(935000002, "sequel-to", "Sequel to"),
    code(935000003, "replaces", "Replaces"),
    code(935000004, "qualified-by", "Qualified by"),
    code(935000005, "interfered-by", "Interfered by"),
];

/// What a lookup may point to: pairs of entity set and resource type.
type Targets = &'static [(&'static str, &'static str)];

pub(crate) const PERFORMERS: Targets = &[
    ("contacts", "Practitioner"),
    ("contacts", "Patient"),
    ("contacts", "RelatedPerson"),
    ("accounts", "Organization"),
    ("msemr_careteams", "CareTeam"),
    ("msemr_practitionerroles", "PractitionerRole"),
];

pub(crate) const ORDERS: Targets = &[
    ("msemr_careplans", "CarePlan"),
    ("msemr_devicerequests", "DeviceRequest"),
    ("tt_immunizationrecommendations", "ImmunizationRecommendation"),
    ("msemr_medicationrequests", "MedicationRequest"),
    ("msemr_nutritionorders", "NutritionOrder"),
    ("tt_servicerequests", "ServiceRequest"),
];

pub(crate) const EVENTS: Targets = &[
    ("msemr_medicationadministrations", "MedicationAdministration"),
    ("tt_medicationdispenses", "MedicationDispense"),
    ("tt_medicationstatements", "MedicationStatement"),
    ("msemr_procedures", "Procedure"),
    ("tt_immunizations", "Immunization"),
    ("tt_imagingstudies", "ImagingStudy"),
];

pub(crate) const SOURCES: Targets = &[
    ("msemr_observations", "Observation"),
    ("tt_documentreferences", "DocumentReference"),
    ("tt_imagingstudies", "ImagingStudy"),
    ("tt_medias", "Media"),
    ("tt_questionnaireresponses", "QuestionnaireResponse"),
    ("tt_molecularsequences", "MolecularSequence"),
];

pub(crate) const AUTHORS: Targets = &[
    ("contacts", "Practitioner"),
    ("contacts", "Patient"),
    ("contacts", "RelatedPerson"),
    ("accounts", "Organization"),
];
