//! Choice sets and lookup targets. Numbers from 935100000 are our own.

use turntable_mapping::{Code, code};

pub(crate) const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
pub(crate) const ACT_PRIORITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActPriority";

pub(crate) const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
pub(crate) const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

pub(crate) const STATUS: &[Code] = &[
    code(935000000, "planned", "Planned"),
    code(935000001, "arrived", "Arrived"),
    code(935000002, "triaged", "Triaged"),
    code(935000003, "in-progress", "In progress"),
    code(935000004, "onleave", "On leave"),
    code(935000005, "finished", "Finished"),
    code(935000006, "cancelled", "Cancelled"),
    code(935000007, "entered-in-error", "Entered in error"),
    code(935000008, "unknown", "Unknown"),
];

pub(crate) const CLASS: &[Code] = &[
    code(935000000, "AMB", "Ambulatory"),
    code(935000001, "EMER", "Emergency"),
    code(935000002, "FLD", "Field"),
    code(935000003, "HH", "Home health"),
    code(935000004, "IMP", "Inpatient encounter"),
    code(935000005, "ACUTE", "Inpatient acute"),
    code(935000006, "NONAC", "Inpatient non-acute"),
    code(935000007, "PRENC", "Pre-admission"),
    code(935000008, "SS", "Short stay"),
    code(935000009, "VR", "Virtual"),
    // In R4's set, not in Microsoft's.
    code(935100000, "OBSENC", "Observation encounter"),
];

// The model's set for a class of the history: coarser than that of the encounter itself.
pub(crate) const PAST_CLASS: &[Code] = &[
    code(935000000, "IMP", "Inpatient"),
    code(935000001, "outpatient", "Outpatient"),
    code(935000002, "AMB", "Ambulatory"),
    code(935000003, "EMER", "Emergency"),
    // In R4's set, not in Microsoft's.
    code(935100000, "OBSENC", "Observation encounter"),
    code(935100001, "FLD", "Field"),
    code(935100002, "HH", "Home health"),
    code(935100003, "ACUTE", "Inpatient acute"),
    code(935100004, "NONAC", "Inpatient non-acute"),
    code(935100005, "PRENC", "Pre-admission"),
    code(935100006, "SS", "Short stay"),
    code(935100007, "VR", "Virtual"),
];

pub(crate) const COARSE_CLASS: &[Code] = &[
    code(935000000, "IMP", "Inpatient"),
    code(935000001, "outpatient", "Outpatient"),
    code(935000002, "AMB", "Ambulatory"),
    code(935000003, "EMER", "Emergency"),
];

pub(crate) const PRIORITY: &[Code] = &[
    code(935000000, "A", "As soon as possible"),
    code(935000001, "CR", "Callback results"),
    code(935000002, "CS", "Callback for scheduling"),
    code(935000003, "CSP", "Callback placer for scheduling"),
    code(935000004, "CSR", "Contact recipient for scheduling"),
    code(935000005, "EL", "Elective"),
    code(935000006, "EM", "Emergency"),
    code(935000007, "P", "Preoperative"),
    code(935000008, "PRN", "As needed"),
    code(935000009, "R", "Routine"),
    code(935000010, "RR", "Rush reporting"),
    code(935000011, "S", "Stat"),
    code(935000012, "T", "Timing critical"),
    code(935000013, "UD", "Use as directed"),
    code(935000014, "UR", "Urgent"),
];

pub(crate) const INDIVIDUAL: &[Code] = &[
    code(935000000, "Practitioner", "Practitioner"),
    code(935000001, "RelatedPerson", "Related person"),
    // In R4, not in Microsoft's set.
    code(935100000, "PractitionerRole", "Practitioner role"),
];

pub(crate) const LOCATION_STATUS: &[Code] = &[
    code(935000000, "planned", "Planned"),
    code(935000001, "active", "Active"),
    code(935000002, "reserved", "Reserved"),
    code(935000003, "completed", "Completed"),
];

pub(crate) const IDENTIFIER_USE: &[Code] = &[
    code(935000000, "usual", "Usual"),
    code(935000001, "official", "Official"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "secondary", "Secondary"),
    // In R4, not in Microsoft's set.
    code(935100000, "old", "Old"),
];

// A set that Microsoft's model lacks, in a range of numbers of our own.
pub(crate) const REASON_TYPE: &[Code] = &[
    code(935100000, "Condition", "Condition"),
    code(935100001, "Procedure", "Procedure"),
    code(935100002, "Observation", "Observation"),
    code(935100003, "ImmunizationRecommendation", "Immunization recommendation"),
];

/// What a reason may point to: pairs of entity set and resource type.
pub(crate) const REASONS: &[(&str, &str)] = &[
    ("msemr_conditions", "Condition"),
    ("msemr_procedures", "Procedure"),
    ("msemr_observations", "Observation"),
    ("tt_immunizationrecommendations", "ImmunizationRecommendation"),
];
