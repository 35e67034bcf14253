//! `msemr_encounter` ⇄ FHIR Encounter, with its participants as a child table.
//!
//! Column names and choice numbers are those of Microsoft's model; `tt_` marks what R4 has and the
//! model lacks. Two generations of columns live side by side there (`msemr_periodstart` and the older
//! `msemr_encounterstartdate`): both read and write the same element.
#![forbid(unsafe_code)]

use turntable_mapping::*;

pub const MAPPING: Mapping = mapping("encounter", env!("CARGO_PKG_VERSION"), &[ENCOUNTER, PARTICIPANT]);

#[rustfmt::skip]
const ENCOUNTER: Table = table("msemr_encounter", "msemr_encounters", "Encounter", "A meeting of a patient with those who provide care: a visit, a stay, a call.", &[
    key("msemr_encounterid", "Encounter"),
    text("msemr_name", "Name", "type[0].text | type[0].coding[0].display").derived(),
    text("msemr_encounteridentifier", "Identifier", "identifier[0].value").max(100).search(token("identifier").superset()),
    choice("msemr_encounterstatus", "Status", STATUS, "status").required().search(token("status")),
    choice("msemr_class", "Class", CLASS, "class.code").system(ACT_CODE).open().required().search(token("class").superset()),
    choice("msemr_encounterclass", "Encounter class", COARSE_CLASS, "class.code").system(ACT_CODE).open().derived().describe("The older, coarser set; no number for a class it does not know.").search(token("class").superset()),
    concept("tt_type", "Type", "type[0]").search(token("type").superset()),
    concept("tt_reasoncode", "Reason", "reasonCode[0]").search(token("reason-code").superset()),

    lookup("msemr_subjectpatient", "Patient", &[("contacts", "Patient")], "subject").search(reference("patient")),
    lookup("msemr_encounterpatientidentifier", "Patient (older column)", &[("contacts", "Patient")], "subject").search(reference("patient")),
    lookup("msemr_encountergroupidentifier", "Group", &[("tt_groups", "Group")], "subject").search(reference("subject")),
    lookup("msemr_onbehalfof", "On behalf of", &[("accounts", "Organization")], "serviceProvider").describe("The organisation responsible for the encounter.").search(reference("service-provider")),
    lookup("msemr_encounterparentencounteridentifier", "Part of", &[("msemr_encounters", "Encounter")], "partOf").search(reference("part-of")),
    lookup("msemr_contextencounter", "Context (encounter)", &[("msemr_encounters", "Encounter")], "").describe("STU3 only."),
    lookup("msemr_contextepisodeofcare", "Episode of care", &[("msemr_episodeofcares", "EpisodeOfCare")], "episodeOfCare[0]").search(reference("episode-of-care").superset()),
    lookup("msemr_appointmentemr", "Appointment", &[("msemr_appointmentemrs", "Appointment")], "appointment[0]").search(reference("appointment").superset()),

    date_time("msemr_periodstart", "Start", "period.start").search(by_date("date").partial()),
    date_time("msemr_periodend", "End", "period.end").search(by_date("date").partial()),
    date_time("msemr_encounterstartdate", "Start (older column)", "period.start").search(by_date("date").partial()),
    date_time("msemr_encounterenddate", "End (older column)", "period.end").search(by_date("date").partial()),
    decimal("msemr_encounterlength", "Length", "length.value").describe("In the unit of the resource; the time in and out may differ.").search(quantity("length")),
    int("msemr_duration", "Duration", "length.value").describe("The length, rounded."),

    choice("msemr_priority", "Priority", PRIORITY, "priority.coding[0].code").system(ACT_PRIORITY).open(),
    concept("msemr_encounterpriority", "Priority (any code)", "priority"),
    concept("msemr_hospitalizationadmitsource", "Admit source", "hospitalization.admitSource"),
    lookup("msemr_hospitalizationorigin", "Origin", &[("msemr_locations", "Location")], "hospitalization.origin").describe("Where the patient came from, if that is a location."),
    lookup("msemr_hospitalizationdestination", "Destination", &[("msemr_locations", "Location")], "hospitalization.destination").describe("Where the patient was discharged to, if that is a location."),
    concept("msemr_hospitalizationdischargedisposition", "Discharge disposition", "hospitalization.dischargeDisposition"),
    text("msemr_hospitalizationpreadmissionnumber", "Pre-admission number", "hospitalization.preAdmissionIdentifier.value").max(100),
    concept("msemr_hospitalizationreadmission", "Re-admission", "hospitalization.reAdmission"),

    text("msemr_azurefhirid", "Azure FHIR ID", "id").derived().search(token("_id")),
    text("msemr_azurefhirversion", "Azure FHIR version", "meta.versionId").derived(),
    date_time("msemr_azurefhirlastupdatedon", "Azure FHIR last updated on", "meta.lastUpdated").derived().search(by_date("_lastUpdated")),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name")
.version("msemr_azurefhirversion");

#[rustfmt::skip]
const PARTICIPANT: Table = child("msemr_encounterparticipant", "msemr_encounterparticipants", "Encounter participant", "One of the people who provided care in an encounter.",
    parent("msemr_encounter", "msemr_encounterparticipantdetailsid"), "participant", &[
    key("msemr_encounterparticipantid", "Encounter participant"),
    text("msemr_participantname", "Participant", "individual.display"),
    choice("msemr_individualtype", "Individual type", INDIVIDUAL, "individual").derived(),
    lookup("msemr_encounterparticipantsid", "Person", &[("contacts", "Practitioner"), ("contacts", "RelatedPerson")], "individual").derived().search(reference("participant").superset()),
    lookup("msemr_individualtypepractitioner", "Practitioner", &[("contacts", "Practitioner")], "individual").search(reference("practitioner").superset()),
    lookup("msemr_individualtyperelatedperson", "Related person", &[("contacts", "RelatedPerson")], "individual").search(reference("participant").superset()),
    concept("tt_type", "Role", "type[0]").search(token("participant-type").superset()),
    date_time("msemr_periodstart", "Start", "period.start"),
    date_time("msemr_periodend", "End", "period.end"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_participantname");

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const ACT_PRIORITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActPriority";

const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

const STATUS: &[Code] = &[
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

const CLASS: &[Code] = &[
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

const COARSE_CLASS: &[Code] = &[
    code(935000000, "IMP", "Inpatient"),
    code(935000001, "outpatient", "Outpatient"),
    code(935000002, "AMB", "Ambulatory"),
    code(935000003, "EMER", "Emergency"),
];

const PRIORITY: &[Code] = &[
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

const INDIVIDUAL: &[Code] = &[
    code(935000000, "Practitioner", "Practitioner"),
    code(935000001, "RelatedPerson", "Related person"),
    // In R4, not in Microsoft's set.
    code(935100000, "PractitionerRole", "Practitioner role"),
];

turntable_mapping::export!(MAPPING);
