//! `msemr_allergyintolerance` ⇄ FHIR AllergyIntolerance.
//!
//! Microsoft's table keeps code and name as plain strings and has no clinical status, category, onset or
//! note: those are the `tt_` columns. Reactions are in no column and survive every write untouched.
#![forbid(unsafe_code)]

use turntable_mapping::*;

pub const MAPPING: Mapping = mapping("allergyintolerance", env!("CARGO_PKG_VERSION"), &[ALLERGY]);

#[rustfmt::skip]
const ALLERGY: Table = table("msemr_allergyintolerance", "msemr_allergyintolerances", "Allergy intolerance", "A risk of harm to a patient on exposure to a substance.", &[
    key("msemr_allergyintoleranceid", "Allergy intolerance"),
    text("msemr_name", "Name", "code.text").required().describe("What the patient reacts to, in words."),
    text("msemr_code", "Code", "code.coding[0].code").search(token("code").superset()),
    uri("tt_codesystem", "Code system", "code.coding[0].system"),
    text("tt_codedisplay", "Code display", "code.coding[0].display"),
    lookup("msemr_patient", "Patient", &[("contacts", "Patient")], "patient").required().search(reference("patient")),
    choice("msemr_type", "Type", TYPE, "type").search(token("type")),
    choice("tt_category", "Category", CATEGORY, "category[0]").describe("The first, if there are several.").search(token("category").superset()),
    choice("msemr_criticality", "Criticality", CRITICALITY, "criticality").search(token("criticality")),
    choice("tt_clinicalstatus", "Clinical status", CLINICAL, "clinicalStatus.coding[0].code").system(CLINICAL_SYSTEM).search(token("clinical-status").superset()),
    choice("msemr_verificationstatus", "Verification status", VERIFICATION, "verificationStatus.coding[0].code").system(VERIFICATION_SYSTEM).search(token("verification-status").superset()),
    partial_date("tt_onsetdatetime", "Onset", "onsetDateTime"),
    date_time("tt_recordeddate", "Recorded on", "recordedDate").search(by_date("date").partial().missing()),
    date_time("tt_lastoccurrence", "Last occurrence", "lastOccurrence").search(by_date("last-date").partial().missing()),
    text("tt_note", "Note", "note[0].text").multi_line(),

    text("msemr_azurefhirid", "Azure FHIR ID", "id").derived().search(token("_id")),
    text("msemr_azurefhirversion", "Azure FHIR version", "meta.versionId").derived(),
    date_time("msemr_azurefhirlastupdatedon", "Azure FHIR last updated on", "meta.lastUpdated").derived().search(by_date("_lastUpdated")),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("AllergyIntolerance"))
.primary_name("msemr_name")
.version("msemr_azurefhirversion");

const CLINICAL_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const VERIFICATION_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

const TYPE: &[Code] = &[code(935000000, "allergy", "Allergy"), code(935000001, "intolerance", "Intolerance")];

const CRITICALITY: &[Code] = &[
    code(935000000, "low", "Low risk"),
    code(935000001, "high", "High risk"),
    code(935000002, "unable-to-assess", "Unable to assess risk"),
];

const VERIFICATION: &[Code] = &[
    code(935000000, "unconfirmed", "Unconfirmed"),
    code(935000001, "confirmed", "Confirmed"),
    code(935000002, "refuted", "Refuted"),
    code(935000003, "entered-in-error", "Entered in error"),
];

// Sets that Microsoft's model lacks, in a range of numbers of our own.
const CLINICAL: &[Code] = &[
    code(935100000, "active", "Active"),
    code(935100001, "inactive", "Inactive"),
    code(935100002, "resolved", "Resolved"),
];

const CATEGORY: &[Code] = &[
    code(935100000, "food", "Food"),
    code(935100001, "medication", "Medication"),
    code(935100002, "environment", "Environment"),
    code(935100003, "biologic", "Biologic"),
];

turntable_mapping::export!(MAPPING);
