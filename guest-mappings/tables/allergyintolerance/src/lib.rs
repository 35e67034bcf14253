//! `msemr_allergyintolerance` ⇄ FHIR AllergyIntolerance, with its reactions and other lists as child tables.
//!
//! Microsoft's table keeps code and name as plain strings and has no clinical status, category, onset, note
//! or reaction, and no child table: all those are `tt_`. The plain code is that of the first coding; all of
//! them are rows of `tt_allergyintolerancecode`.
//!
//! Left out, and kept by every write: `language`, `text`, `meta.profile`, `meta.tag` and `meta.security`
//! (about the document, not the allergy), `contained`, extensions (each site has its own), `modifierExtension`
//! (a reader that does not know one must not act on it, in a column or not).
#![forbid(unsafe_code)]

mod codes;
mod lists;

use turntable_mapping::*;

use crate::codes::*;

pub const MAPPING: Mapping = mapping(
    "allergyintolerance",
    env!("CARGO_PKG_VERSION"),
    &[
        ALLERGY,
        lists::REACTION,
        lists::MANIFESTATION,
        lists::REACTION_NOTE,
        lists::CODE,
        lists::CATEGORY,
        lists::NOTE,
        lists::IDENTIFIER,
    ],
);

#[rustfmt::skip]
const ALLERGY: Table = table("msemr_allergyintolerance", "msemr_allergyintolerances", "Allergy intolerance", "A risk of harm to a patient on exposure to a substance.", &[
    key("msemr_allergyintoleranceid", "Allergy intolerance"),
    text("msemr_name", "Name", "code.text").required().describe("What the patient reacts to, in words."),
    text("tt_identifier", "Identifier", "identifier[0].value").describe("The first, if there are several.").search(token("identifier").superset()),
    uri("tt_identifiersystem", "Identifier system", "identifier[0].system"),
    text("msemr_code", "Code", "code.coding[0].code").search(token("code").superset()),
    uri("tt_codesystem", "Code system", "code.coding[0].system"),
    text("tt_codedisplay", "Code display", "code.coding[0].display"),
    lookup("msemr_patient", "Patient", &[("contacts", "Patient")], "patient").required().search(reference("patient")),
    choice("msemr_type", "Type", TYPE, "type").search(token("type")),
    choice("tt_category", "Category", CATEGORIES, "category[0]").describe("The first, if there are several.").search(token("category").superset()),
    choice("msemr_criticality", "Criticality", CRITICALITY, "criticality").search(token("criticality")),
    choice("tt_clinicalstatus", "Clinical status", CLINICAL, "clinicalStatus.coding[0].code").system(CLINICAL_SYSTEM).search(token("clinical-status").superset()),
    choice("msemr_verificationstatus", "Verification status", VERIFICATION, "verificationStatus.coding[0].code").system(VERIFICATION_SYSTEM).search(token("verification-status").superset()),
    lookup("tt_encounter", "Encounter", &[("msemr_encounters", "Encounter")], "encounter").describe("The one in which the allergy was asserted."),

    choice("tt_onsettype", "Onset type", ONSET, "onset").derived(),
    partial_date("tt_onsetdatetime", "Onset", "onsetDateTime"),
    decimal("tt_onsetage", "Onset: age", "onsetAge.value"),
    text("tt_onsetageunit", "Onset: unit of age", "onsetAge.unit"),
    quantity_code("tt_onsetagecode", "Onset: unit code of age", "onsetAge"),
    date_time("tt_onsetperiodstart", "Onset: from", "onsetPeriod.start"),
    date_time("tt_onsetperiodend", "Onset: until", "onsetPeriod.end"),
    decimal("tt_onsetrangelow", "Onset: age from", "onsetRange.low.value"),
    text("tt_onsetrangelowunit", "Onset: unit of age from", "onsetRange.low.unit"),
    decimal("tt_onsetrangehigh", "Onset: age to", "onsetRange.high.value"),
    text("tt_onsetrangehighunit", "Onset: unit of age to", "onsetRange.high.unit"),
    text("tt_onsetstring", "Onset: in words", "onsetString"),

    lookup("tt_recorder", "Recorder", PEOPLE, "recorder").describe("Who wrote it down.").search(reference("recorder")),
    lookup("tt_asserter", "Asserter", PEOPLE, "asserter").describe("Who says so.").search(reference("asserter")),
    date_time("tt_recordeddate", "Recorded on", "recordedDate").search(by_date("date").partial().missing()),
    date_time("tt_lastoccurrence", "Last occurrence", "lastOccurrence").search(by_date("last-date").partial().missing()),
    text("tt_note", "Note", "note[0].text").multi_line().describe("The first, if there are several."),
    concept("tt_reactionmanifestation", "Reaction", "reaction[0].manifestation[0]").describe("The first manifestation of the first reaction.").search(token("manifestation").superset()),
    text("tt_reactionmanifestationtext", "Reaction (text)", "reaction[0].manifestation[0].text"),

    text("msemr_azurefhirid", "Azure FHIR ID", "id").derived().search(token("_id")),
    text("msemr_azurefhirversion", "Azure FHIR version", "meta.versionId").derived(),
    date_time("msemr_azurefhirlastupdatedon", "Azure FHIR last updated on", "meta.lastUpdated").derived().search(by_date("_lastUpdated")),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("AllergyIntolerance"))
.primary_name("msemr_name")
.version("msemr_azurefhirversion");

turntable_mapping::export!(MAPPING);
