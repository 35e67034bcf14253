//! `msemr_encounter` ⇄ FHIR Encounter, with a child table for each of its lists.
//!
//! Column names and choice numbers are those of Microsoft's model; `tt_` marks what R4 has and the
//! model lacks. Two generations of columns live side by side there (`msemr_periodstart` and the older
//! `msemr_encounterstartdate`): both read and write the same element.
//!
//! The first of `type`, `reasonCode`, `diagnosis`, … is a column of the encounter too.
//!
//! Left out, and kept by every write: `language`, `text`, `meta.profile`, `meta.tag` and `meta.security`
//! (about the document, not the visit), `contained`, extensions (each site has its own), `modifierExtension`
//! (a reader that does not know one must not act on it, in a column or not), the pre-admission identifier
//! beyond its value and system.
#![forbid(unsafe_code)]

mod codes;
mod lists;

use turntable_mapping::*;

use crate::codes::*;

pub const MAPPING: Mapping = mapping(
    "encounter",
    env!("CARGO_PKG_VERSION"),
    &[
        ENCOUNTER,
        lists::PARTICIPANT,
        lists::PARTICIPANT_TYPE,
        lists::LOCATION,
        lists::DIAGNOSIS,
        lists::STATUS_HISTORY,
        lists::CLASS_HISTORY,
        lists::TYPE,
        lists::REASON,
        lists::REASON_REFERENCE,
        lists::EPISODE_OF_CARE,
        lists::ACCOUNT,
        lists::BASED_ON,
        lists::APPOINTMENT,
        lists::DIET,
        lists::COURTESY,
        lists::ARRANGEMENT,
        lists::IDENTIFIER,
    ],
);

#[rustfmt::skip]
const ENCOUNTER: Table = table("msemr_encounter", "msemr_encounters", "Encounter", "A meeting of a patient with those who provide care: a visit, a stay, a call.", &[
    key("msemr_encounterid", "Encounter"),
    text("msemr_name", "Name", "type[0].text | type[0].coding[0].display").derived(),
    text("msemr_encounteridentifier", "Identifier", "identifier[0].value").max(100).search(token("identifier").superset()),
    uri("tt_identifiersystem", "Identifier system", "identifier[0].system"),
    choice("msemr_encounterstatus", "Status", STATUS, "status").required().search(token("status")),
    choice("msemr_class", "Class", CLASS, "class.code").system(ACT_CODE).open().required().search(token("class").superset()),
    choice("msemr_encounterclass", "Encounter class", COARSE_CLASS, "class.code").system(ACT_CODE).open().derived().describe("The older, coarser set; no number for a class it does not know.").search(token("class").superset()),
    concept("tt_type", "Type", "type[0]").search(token("type").superset()),
    text("tt_typetext", "Type (text)", "type[0].text").describe("What kind of encounter it is, in words."),
    concept("tt_servicetype", "Service type", "serviceType"),
    text("tt_servicetypetext", "Service type (text)", "serviceType.text"),
    concept("tt_reasoncode", "Reason", "reasonCode[0]").search(token("reason-code").superset()),
    text("tt_reasontext", "Reason (text)", "reasonCode[0].text"),
    lookup("tt_reasonreference", "Reason (record)", REASONS, "reasonReference[0]").describe("The first, if there are several.").search(reference("reason-reference").superset()),

    lookup("msemr_subjectpatient", "Patient", &[("contacts", "Patient")], "subject").search(reference("patient")),
    lookup("msemr_encounterpatientidentifier", "Patient (older column)", &[("contacts", "Patient")], "subject").search(reference("patient")),
    lookup("msemr_encountergroupidentifier", "Group", &[("tt_groups", "Group")], "subject").search(reference("subject")),
    lookup("msemr_onbehalfof", "On behalf of", &[("accounts", "Organization")], "serviceProvider").describe("The organisation responsible for the encounter.").search(reference("service-provider")),
    lookup("tt_practitioner", "Practitioner", &[("contacts", "Practitioner")], "participant[0].individual").describe("The first participant, if that is a practitioner; see the participants for all.").search(reference("practitioner").superset()),
    lookup("tt_location", "Location", &[("msemr_locations", "Location")], "location[0].location").describe("The first, if there are several.").search(reference("location").superset()),
    lookup("tt_diagnosis", "Diagnosis", &[("msemr_conditions", "Condition"), ("msemr_procedures", "Procedure")], "diagnosis[0].condition").describe("The first, if there are several.").search(reference("diagnosis").superset()),
    lookup("tt_account", "Billing account", &[("tt_accounts", "Account")], "account[0]").describe("The first, if there are several.").search(reference("account").superset()),
    lookup("tt_basedon", "Based on", &[("tt_servicerequests", "ServiceRequest")], "basedOn[0]").describe("The first, if there are several.").search(reference("based-on").superset()),
    lookup("msemr_encounterparentencounteridentifier", "Part of", &[("msemr_encounters", "Encounter")], "partOf").search(reference("part-of")),
    lookup("msemr_contextencounter", "Context (encounter)", &[("msemr_encounters", "Encounter")], "").describe("STU3 only."),
    lookup("msemr_contextepisodeofcare", "Episode of care", &[("msemr_episodeofcares", "EpisodeOfCare")], "episodeOfCare[0]").search(reference("episode-of-care").superset()),
    lookup("msemr_appointmentemr", "Appointment", &[("msemr_appointmentemrs", "Appointment")], "appointment[0]").search(reference("appointment").superset()),

    date_time("msemr_periodstart", "Start", "period.start").search(by_date("date").partial()),
    date_time("msemr_periodend", "End", "period.end").search(by_date("date").partial()),
    date_time("msemr_encounterstartdate", "Start (older column)", "period.start").search(by_date("date").partial()),
    date_time("msemr_encounterenddate", "End (older column)", "period.end").search(by_date("date").partial()),
    decimal("msemr_encounterlength", "Length", "length.value").describe("In the unit of the resource; the time in and out may differ.").search(quantity("length")),
    text("tt_lengthunit", "Length: unit", "length.unit"),
    quantity_code("tt_lengthcode", "Length: unit code", "length"),
    int("msemr_duration", "Duration", "length.value").describe("The length, rounded."),

    choice("msemr_priority", "Priority", PRIORITY, "priority.coding[0].code").system(ACT_PRIORITY).open(),
    concept("msemr_encounterpriority", "Priority (any code)", "priority"),
    text("tt_prioritytext", "Priority (text)", "priority.text"),
    concept("msemr_hospitalizationadmitsource", "Admit source", "hospitalization.admitSource"),
    text("tt_hospitalizationadmitsourcetext", "Admit source (text)", "hospitalization.admitSource.text"),
    lookup("msemr_hospitalizationorigin", "Origin", &[("msemr_locations", "Location")], "hospitalization.origin").describe("Where the patient came from, if that is a location."),
    lookup("msemr_hospitalizationdestination", "Destination", &[("msemr_locations", "Location")], "hospitalization.destination").describe("Where the patient was discharged to, if that is a location."),
    concept("msemr_hospitalizationdischargedisposition", "Discharge disposition", "hospitalization.dischargeDisposition"),
    text("tt_hospitalizationdischargedispositiontext", "Discharge disposition (text)", "hospitalization.dischargeDisposition.text"),
    lookup("tt_hospitalizationoriginorganization", "Origin (organization)", &[("accounts", "Organization")], "hospitalization.origin"),
    lookup("tt_hospitalizationdestinationorganization", "Destination (organization)", &[("accounts", "Organization")], "hospitalization.destination"),
    uri("tt_hospitalizationpreadmissionsystem", "Pre-admission number: system", "hospitalization.preAdmissionIdentifier.system"),
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

turntable_mapping::export!(MAPPING);
