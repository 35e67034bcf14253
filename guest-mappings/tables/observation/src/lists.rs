//! The lists of an observation as child tables.
//!
//! Tables that Microsoft's model names have its names; their columns follow its style where its documents
//! leave them open.

use turntable_mapping::*;

use crate::codes::*;

#[rustfmt::skip]
pub(crate) const REFERENCE_RANGE: Table = child("msemr_observationreferencerange", "msemr_observationreferenceranges", "Observation reference range", "A range that helps to read the value of an observation.",
    parent("msemr_observation", "msemr_observation"), "referenceRange", &[
    key("msemr_observationreferencerangeid", "Observation reference range"),
    text("msemr_description", "Name", "text | type.text | type.coding[0].display").derived(),
    int("msemr_rangelow", "Low", "low.value").describe("Rounded."),
    int("msemr_rangehigh", "High", "high.value").describe("Rounded."),
    decimal("tt_rangelowvalue", "Low (all digits)", "low.value"),
    text("tt_rangelowunit", "Low: unit", "low.unit"),
    quantity_code("tt_rangelowcode", "Low: unit code", "low"),
    decimal("tt_rangehighvalue", "High (all digits)", "high.value"),
    text("tt_rangehighunit", "High: unit", "high.unit"),
    quantity_code("tt_rangehighcode", "High: unit code", "high"),
    text("msemr_rangetext", "Range text", "text").multi_line(),
    concept("msemr_rangetype", "Type", "type").describe("What the range is about: normal, critical, therapeutic."),
    concept("tt_appliesto", "Applies to", "appliesTo[0]").describe("The first, if there are several."),
    int("msemr_referencerangeagelow", "Age: from", "age.low.value").describe("Rounded."),
    int("msemr_referencerangeagehigh", "Age: to", "age.high.value").describe("Rounded."),
    decimal("tt_agelowvalue", "Age: from (all digits)", "age.low.value"),
    text("tt_agelowunit", "Age from: unit", "age.low.unit"),
    decimal("tt_agehighvalue", "Age: to (all digits)", "age.high.value"),
    text("tt_agehighunit", "Age to: unit", "age.high.unit"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_description");

#[rustfmt::skip]
pub(crate) const APPLIES_TO: Table = child("msemr_observationreferencerangeappliesto", "msemr_observationreferencerangeappliestos", "Reference range applies to", "A population that a reference range is meant for.",
    parent("msemr_observationreferencerange", "msemr_observationreferencerange"), "appliesTo", &[
    key("msemr_observationreferencerangeappliestoid", "Reference range applies to"),
    text("msemr_name", "Name", "text | coding[0].display").derived(),
    concept("msemr_obsreferencerangeappliesto", "Applies to", "$this"),
    text("tt_text", "Text", "text"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const CATEGORY: Table = child("msemr_observationcategory", "msemr_observationcategories", "Observation category", "A broad class of an observation: laboratory, vital signs, social history.",
    parent("msemr_observation", "msemr_observation"), "category", &[
    key("msemr_observationcategoryid", "Observation category"),
    text("msemr_name", "Name", "text | coding[0].display").derived(),
    concept("msemr_observationcategory", "Category", "$this").search(token("category").superset()),
    text("tt_text", "Text", "text"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const CODE: Table = child("msemr_observationcode", "msemr_observationcodes", "Observation code", "One of the codings that say what was observed.",
    parent("msemr_observation", "msemr_observation"), "code.coding", &[
    key("msemr_observationcodeid", "Observation code"),
    text("msemr_display", "Display", "display"),
    text("msemr_code", "Code", "code").search(token("code").superset()),
    uri("msemr_system", "System", "system"),
    text("tt_version", "System version", "version"),
    boolean("tt_userselected", "Chosen by the user", "userSelected"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_display");

#[rustfmt::skip]
pub(crate) const INTERPRETATION: Table = child("msemr_observationinterpretation", "msemr_observationinterpretations", "Observation interpretation", "What a value means: high, low, normal.",
    parent("msemr_observation", "msemr_observation"), "interpretation", &[
    key("msemr_observationinterpretationid", "Observation interpretation"),
    text("msemr_display", "Display", "coding[0].display"),
    text("msemr_code", "Code", "coding[0].code"),
    uri("msemr_system", "System", "coding[0].system"),
    text("tt_text", "Text", "text"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_display");

#[rustfmt::skip]
pub(crate) const PERFORMER: Table = child("msemr_observationperformer", "msemr_observationperformers", "Observation performer", "One of those who are responsible for an observation.",
    parent("msemr_observation", "msemr_observation"), "performer", &[
    key("msemr_observationperformerid", "Observation performer"),
    text("msemr_name", "Name", "display"),
    choice("msemr_obsperformertype", "Performer type", PERFORMER_TYPE, "$this").derived(),
    lookup("msemr_obsperformerpractitioner", "Practitioner", &[("contacts", "Practitioner")], "$this").search(reference("performer").superset()),
    lookup("msemr_obsperformerorganization", "Organization", &[("accounts", "Organization")], "$this").search(reference("performer").superset()),
    lookup("msemr_obsperformerpatient", "Patient", &[("contacts", "Patient")], "$this").search(reference("performer").superset()),
    lookup("msemr_obsperformerrelatedperson", "Related person", &[("contacts", "RelatedPerson")], "$this").search(reference("performer").superset()),
    lookup("tt_obsperformerpractitionerrole", "Practitioner role", &[("msemr_practitionerroles", "PractitionerRole")], "$this").search(reference("performer").superset()),
    lookup("tt_obsperformercareteam", "Care team", &[("msemr_careteams", "CareTeam")], "$this").search(reference("performer").superset()),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const BASED_ON: Table = child("msemr_observationbasedon", "msemr_observationbasedons", "Observation based on", "A plan, proposal or order that an observation fulfils.",
    parent("msemr_observation", "msemr_observation"), "basedOn", &[
    key("msemr_observationbasedonid", "Observation based on"),
    text("msemr_name", "Name", "display"),
    choice("msemr_obsbasedontype", "Based on", BASED_ON_TYPE, "$this").derived(),
    lookup("msemr_obsbasedontypecareplan", "Care plan", &[("msemr_careplans", "CarePlan")], "$this").search(reference("based-on").superset()),
    lookup("msemr_obsbasedontypedevicerequest", "Device request", &[("msemr_devicerequests", "DeviceRequest")], "$this").search(reference("based-on").superset()),
    lookup("msemr_obsbasedontypeimmunizationrequest", "Immunization recommendation", &[("tt_immunizationrecommendations", "ImmunizationRecommendation")], "$this").search(reference("based-on").superset()),
    lookup("msemr_obsbasedontypemedrequest", "Medication request", &[("msemr_medicationrequests", "MedicationRequest")], "$this").search(reference("based-on").superset()),
    lookup("msemr_obsbasedontypenutritionorder", "Nutrition order", &[("msemr_nutritionorders", "NutritionOrder")], "$this").search(reference("based-on").superset()),
    lookup("msemr_obsbasedontypeprocedurerequest", "Procedure request", &[("msemr_procedurerequests", "ServiceRequest")], "$this").describe("A service request, as a procedure request was called in STU3.").search(reference("based-on").superset()),
    lookup("msemr_obsbasedontypereferralrequest", "Referral request", &[("msemr_referralrequests", "ServiceRequest")], "$this").describe("The same service request, as a referral.").search(reference("based-on").superset()),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const RELATED_RESOURCE: Table = child("msemr_observationrelatedresource", "msemr_observationrelatedresources", "Observation member", "An observation of a group of observations (R4 hasMember; STU3 had it among the related resources).",
    parent("msemr_observation", "msemr_observation"), "hasMember", &[
    key("msemr_observationrelatedresourceid", "Observation member"),
    text("msemr_name", "Name", "display"),
    choice("msemr_obsrelatedresourcetargettype", "Member type", MEMBER_TYPE, "$this").derived(),
    constant("msemr_obsrelatedresourcetype", "Relation", RELATION, "has-member"),
    lookup("msemr_obsrelatedresourceobservation", "Member (observation)", &[("msemr_observations", "Observation")], "$this").search(reference("has-member").superset()),
    lookup("msemr_obsrelatedresourcequestionaireresponse", "Member (questionnaire response)", &[("tt_questionnaireresponses", "QuestionnaireResponse")], "$this").search(reference("has-member").superset()),
    lookup("msemr_obsrelatedresourcesequenceidentfier", "Member (molecular sequence)", &[("tt_molecularsequences", "MolecularSequence")], "$this").search(reference("has-member").superset()),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const DERIVED_FROM: Table = child("tt_observationderivedfrom", "tt_observationderivedfroms", "Observation derived from", "What an observation was worked out from (STU3 had it among the related resources).",
    parent("msemr_observation", "tt_observation"), "derivedFrom", &[
    key("tt_observationderivedfromid", "Observation derived from"),
    text("tt_name", "Name", "display"),
    lookup("tt_derivedfrom", "Derived from", SOURCES, "$this").search(reference("derived-from").superset()),
])
.source(resource("Observation"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const PART_OF: Table = child("tt_observationpartof", "tt_observationpartofs", "Observation part of", "A larger event that an observation is a step of.",
    parent("msemr_observation", "tt_observation"), "partOf", &[
    key("tt_observationpartofid", "Observation part of"),
    text("tt_name", "Name", "display"),
    lookup("tt_partof", "Part of", EVENTS, "$this").search(reference("part-of").superset()),
])
.source(resource("Observation"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const FOCUS: Table = child("tt_observationfocus", "tt_observationfocuses", "Observation focus", "What an observation is about, if not its subject: an implant, a foetus, a parent.",
    parent("msemr_observation", "tt_observation"), "focus", &[
    key("tt_observationfocusid", "Observation focus"),
    text("tt_name", "Name", "display"),
    text("tt_reference", "Reference", "reference").describe("As FHIR writes it, e.g. Patient/123: it may be to any type of resource."),
])
.source(resource("Observation"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const NOTE: Table = child("tt_observationnote", "tt_observationnotes", "Observation note", "A comment on an observation.",
    parent("msemr_observation", "tt_observation"), "note", &[
    key("tt_observationnoteid", "Observation note"),
    text("tt_text", "Text", "text").multi_line().required(),
    date_time("tt_time", "Written on", "time"),
    lookup("tt_author", "Author", AUTHORS, "authorReference"),
    text("tt_authorname", "Author: name", "authorString").describe("Given instead of a reference."),
])
.source(resource("Observation"))
.primary_name("tt_text");

#[rustfmt::skip]
pub(crate) const IDENTIFIER: Table = child("tt_observationidentifier", "tt_observationidentifiers", "Observation identifier", "A number by which an observation is known in some system.",
    parent("msemr_observation", "tt_observation"), "identifier", &[
    key("tt_observationidentifierid", "Observation identifier"),
    text("tt_value", "Value", "value").search(token("identifier").superset()),
    uri("tt_system", "System", "system"),
    choice("tt_use", "Use", IDENTIFIER_USE, "use"),
    concept("tt_type", "Type", "type"),
    lookup("tt_assigner", "Assigner", &[("accounts", "Organization")], "assigner"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Observation"))
.primary_name("tt_value");
