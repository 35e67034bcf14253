//! Reactions, and the other lists of an allergy, as child tables. None of them is in Microsoft's model.

use turntable_mapping::*;

use crate::codes::*;

#[rustfmt::skip]
pub(crate) const REACTION: Table = child("tt_allergyintolerancereaction", "tt_allergyintolerancereactions", "Allergic reaction", "An adverse reaction that was seen.",
    parent("msemr_allergyintolerance", "tt_allergyintolerance"), "reaction", &[
    key("tt_allergyintolerancereactionid", "Allergic reaction"),
    text("tt_name", "Name", "description | manifestation[0].text | manifestation[0].coding[0].display").derived(),
    text("tt_description", "Description", "description").multi_line(),
    concept("tt_manifestation", "Manifestation", "manifestation[0]").describe("The first; all are rows of their own.").search(token("manifestation").superset()),
    text("tt_manifestationtext", "Manifestation (text)", "manifestation[0].text"),
    concept("tt_substance", "Substance", "substance").describe("More exactly than the allergy's own code says.").search(token("code").superset()),
    text("tt_substancetext", "Substance (text)", "substance.text"),
    choice("tt_severity", "Severity", SEVERITY, "severity").search(token("severity").superset()),
    date_time("tt_onset", "Onset", "onset").search(by_date("onset").partial()),
    concept("tt_exposureroute", "Route of exposure", "exposureRoute").search(token("route").superset()),
    text("tt_exposureroutetext", "Route of exposure (text)", "exposureRoute.text"),
    text("tt_note", "Note", "note[0].text").multi_line().describe("The first, if there are several."),
])
.source(resource("AllergyIntolerance"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const MANIFESTATION: Table = child("tt_allergyintolerancereactionmanifestation", "tt_allergyintolerancereactionmanifestations", "Manifestation", "A symptom or sign of a reaction.",
    parent("tt_allergyintolerancereaction", "tt_reaction"), "manifestation", &[
    key("tt_allergyintolerancereactionmanifestationid", "Manifestation"),
    text("tt_name", "Name", "text | coding[0].display").derived(),
    concept("tt_manifestation", "Manifestation", "$this").search(token("manifestation").superset()),
    text("tt_text", "Text", "text"),
])
.source(resource("AllergyIntolerance"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const REACTION_NOTE: Table = child("tt_allergyintolerancereactionnote", "tt_allergyintolerancereactionnotes", "Reaction note", "A comment on a reaction.",
    parent("tt_allergyintolerancereaction", "tt_reaction"), "note", &[
    key("tt_allergyintolerancereactionnoteid", "Reaction note"),
    text("tt_text", "Text", "text").multi_line().required(),
    date_time("tt_time", "Written on", "time"),
    lookup("tt_author", "Author", AUTHORS, "authorReference"),
    text("tt_authorname", "Author: name", "authorString").describe("Given instead of a reference."),
])
.source(resource("AllergyIntolerance"))
.primary_name("tt_text");

#[rustfmt::skip]
pub(crate) const CODE: Table = child("tt_allergyintolerancecode", "tt_allergyintolerancecodes", "Allergy code", "One of the codings that say what the patient reacts to.",
    parent("msemr_allergyintolerance", "tt_allergyintolerance"), "code.coding", &[
    key("tt_allergyintolerancecodeid", "Allergy code"),
    text("tt_display", "Display", "display"),
    text("tt_code", "Code", "code").search(token("code").superset()),
    uri("tt_system", "System", "system"),
    text("tt_version", "System version", "version"),
    boolean("tt_userselected", "Chosen by the user", "userSelected"),
])
.source(resource("AllergyIntolerance"))
.primary_name("tt_display");

#[rustfmt::skip]
pub(crate) const CATEGORY: Table = child("tt_allergyintolerancecategory", "tt_allergyintolerancecategories", "Allergy category", "A broad class of what the patient reacts to.",
    parent("msemr_allergyintolerance", "tt_allergyintolerance"), "category", &[
    key("tt_allergyintolerancecategoryid", "Allergy category"),
    text("tt_name", "Name", "$this").derived(),
    choice("tt_category", "Category", CATEGORIES, "$this").search(token("category").superset()),
])
.source(resource("AllergyIntolerance"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const NOTE: Table = child("tt_allergyintolerancenote", "tt_allergyintolerancenotes", "Allergy note", "A comment on an allergy.",
    parent("msemr_allergyintolerance", "tt_allergyintolerance"), "note", &[
    key("tt_allergyintolerancenoteid", "Allergy note"),
    text("tt_text", "Text", "text").multi_line().required(),
    date_time("tt_time", "Written on", "time"),
    lookup("tt_author", "Author", AUTHORS, "authorReference"),
    text("tt_authorname", "Author: name", "authorString").describe("Given instead of a reference."),
])
.source(resource("AllergyIntolerance"))
.primary_name("tt_text");

#[rustfmt::skip]
pub(crate) const IDENTIFIER: Table = child("tt_allergyintoleranceidentifier", "tt_allergyintoleranceidentifiers", "Allergy identifier", "A number by which an allergy is known in some system.",
    parent("msemr_allergyintolerance", "tt_allergyintolerance"), "identifier", &[
    key("tt_allergyintoleranceidentifierid", "Allergy identifier"),
    text("tt_value", "Value", "value").search(token("identifier").superset()),
    uri("tt_system", "System", "system"),
    choice("tt_use", "Use", IDENTIFIER_USE, "use"),
    concept("tt_type", "Type", "type"),
    lookup("tt_assigner", "Assigner", &[("accounts", "Organization")], "assigner"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("AllergyIntolerance"))
.primary_name("tt_value");
