//! The lists of an encounter as child tables.
//!
//! Tables that Microsoft's model names have its names; their columns follow its style where its documents
//! leave them open.

use turntable_mapping::*;

use crate::codes::*;

#[rustfmt::skip]
pub(crate) const PARTICIPANT: Table = child("msemr_encounterparticipant", "msemr_encounterparticipants", "Encounter participant", "One of the people who provided care in an encounter.",
    parent("msemr_encounter", "msemr_encounterparticipantdetailsid"), "participant", &[
    key("msemr_encounterparticipantid", "Encounter participant"),
    text("msemr_participantname", "Participant", "individual.display"),
    choice("msemr_individualtype", "Individual type", INDIVIDUAL, "individual").derived(),
    lookup("msemr_encounterparticipantsid", "Person", &[("contacts", "Practitioner"), ("contacts", "RelatedPerson")], "individual").derived().search(reference("participant").superset()),
    lookup("msemr_individualtypepractitioner", "Practitioner", &[("contacts", "Practitioner")], "individual").search(reference("practitioner").superset()),
    lookup("msemr_individualtyperelatedperson", "Related person", &[("contacts", "RelatedPerson")], "individual").search(reference("participant").superset()),
    lookup("tt_individualtypepractitionerrole", "Practitioner role", &[("msemr_practitionerroles", "PractitionerRole")], "individual").search(reference("participant").superset()),
    concept("tt_type", "Role", "type[0]").search(token("participant-type").superset()),
    text("tt_typetext", "Role (text)", "type[0].text"),
    date_time("msemr_periodstart", "Start", "period.start"),
    date_time("msemr_periodend", "End", "period.end"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_participantname");

#[rustfmt::skip]
pub(crate) const PARTICIPANT_TYPE: Table = child("msemr_encounterparticipanttype", "msemr_encounterparticipanttypes", "Encounter participant type", "A role of a participant in an encounter.",
    parent("msemr_encounterparticipant", "msemr_encounterparticipant"), "type", &[
    key("msemr_encounterparticipanttypeid", "Encounter participant type"),
    text("msemr_name", "Name", "text | coding[0].display").derived(),
    concept("msemr_encounterparticipanttype", "Type", "$this").search(token("participant-type").superset()),
    text("tt_text", "Text", "text"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const LOCATION: Table = child("msemr_encounterlocation", "msemr_encounterlocations", "Encounter location", "A place where the patient was during an encounter.",
    parent("msemr_encounter", "msemr_encounter"), "location", &[
    key("msemr_encounterlocationid", "Encounter location"),
    text("msemr_name", "Name", "location.display"),
    lookup("msemr_encounterlocationidentifier", "Location", &[("msemr_locations", "Location")], "location").required().search(reference("location").superset()),
    choice("msemr_encounterlocationstatus", "Status", LOCATION_STATUS, "status"),
    concept("tt_physicaltype", "Physical type", "physicalType"),
    text("tt_physicaltypetext", "Physical type (text)", "physicalType.text"),
    date_time("msemr_encounterlocationstartdate", "Start", "period.start").search(by_date("location-period").partial()),
    date_time("msemr_encounterlocationenddate", "End", "period.end").search(by_date("location-period").partial()),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const DIAGNOSIS: Table = child("msemr_encounterdiagnosis", "msemr_encounterdiagnosises", "Encounter diagnosis", "A condition that was relevant to an encounter, or a procedure.",
    parent("msemr_encounter", "msemr_encounter"), "diagnosis", &[
    key("msemr_encounterdiagnosisid", "Encounter diagnosis"),
    text("msemr_name", "Name", "condition.display"),
    lookup("msemr_encounterconditionidentifier", "Condition", &[("msemr_conditions", "Condition")], "condition").search(reference("diagnosis").superset()),
    lookup("msemr_encounterprocedureidentifier", "Procedure", &[("msemr_procedures", "Procedure")], "condition").search(reference("diagnosis").superset()),
    concept("msemr_encounterrole", "Role", "use").describe("Admission, billing, discharge, …"),
    text("tt_encounterroletext", "Role (text)", "use.text"),
    int("msemr_encounterrank", "Rank", "rank").describe("Among the diagnoses of that role; 1 comes first."),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const STATUS_HISTORY: Table = child("msemr_encounterstatushistory", "msemr_encounterstatushistories", "Encounter status history", "A status that an encounter had, and when.",
    parent("msemr_encounter", "msemr_encounter"), "statusHistory", &[
    key("msemr_encounterstatushistoryid", "Encounter status history"),
    text("msemr_name", "Name", "status").derived(),
    choice("msemr_encounterstatus", "Status", STATUS, "status").required(),
    date_time("msemr_encounterstatusstartdate", "Start", "period.start"),
    date_time("msemr_encounterstatusenddate", "End", "period.end"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const CLASS_HISTORY: Table = child("msemr_encounterclasshistory", "msemr_encounterclasshistories", "Encounter class history", "A class that an encounter had, and when.",
    parent("msemr_encounter", "msemr_encounter"), "classHistory", &[
    key("msemr_encounterclasshistoryid", "Encounter class history"),
    text("msemr_name", "Name", "class.display | class.code").derived(),
    choice("msemr_encounterclass", "Class", PAST_CLASS, "class.code").system(ACT_CODE).open().required(),
    date_time("msemr_encounterclassstartdate", "Start", "period.start"),
    date_time("msemr_encounterclassenddate", "End", "period.end"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const TYPE: Table = child("msemr_encountertype", "msemr_encountertypes", "Encounter type", "A kind that an encounter is of.",
    parent("msemr_encounter", "msemr_encounter"), "type", &[
    key("msemr_encountertypeid", "Encounter type"),
    text("msemr_name", "Name", "text | coding[0].display").derived(),
    concept("msemr_encountertype", "Type", "$this").search(token("type").superset()),
    text("tt_text", "Text", "text"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const REASON: Table = child("msemr_encounterreason", "msemr_encounterreasons", "Encounter reason", "Why an encounter takes place, as a code.",
    parent("msemr_encounter", "msemr_encounter"), "reasonCode", &[
    key("msemr_encounterreasonid", "Encounter reason"),
    text("msemr_display", "Display", "coding[0].display"),
    text("msemr_code", "Code", "coding[0].code").search(token("reason-code").superset()),
    uri("tt_system", "System", "coding[0].system"),
    text("tt_text", "Text", "text"),
    concept("msemr_encounterreasoncode", "Reason", "$this").search(token("reason-code").superset()),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_display");

#[rustfmt::skip]
pub(crate) const REASON_REFERENCE: Table = child("tt_encounterreasonreference", "tt_encounterreasonreferences", "Encounter reason (record)", "Why an encounter takes place, as a record of it.",
    parent("msemr_encounter", "tt_encounter"), "reasonReference", &[
    key("tt_encounterreasonreferenceid", "Encounter reason (record)"),
    text("tt_name", "Name", "display"),
    choice("tt_reasontype", "Reason type", REASON_TYPE, "$this").derived(),
    lookup("tt_reason", "Reason", REASONS, "$this").search(reference("reason-reference").superset()),
])
.source(resource("Encounter"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const EPISODE_OF_CARE: Table = child("msemr_encounterepisodeofcare", "msemr_encounterepisodeofcares", "Encounter episode of care", "An episode of care that an encounter is counted to.",
    parent("msemr_encounter", "msemr_encounter"), "episodeOfCare", &[
    key("msemr_encounterepisodeofcareid", "Encounter episode of care"),
    text("msemr_name", "Name", "display"),
    lookup("msemr_encounterepisodeofcareidentifier", "Episode of care", &[("msemr_episodeofcares", "EpisodeOfCare")], "$this").search(reference("episode-of-care").superset()),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const ACCOUNT: Table = child("msemr_encounteraccount", "msemr_encounteraccounts", "Encounter account", "An account that may be used to bill an encounter.",
    parent("msemr_encounter", "msemr_encounter"), "account", &[
    key("msemr_encounteraccountid", "Encounter account"),
    text("msemr_name", "Name", "display"),
    lookup("msemr_encounteraccount", "Billing account", &[("tt_accounts", "Account")], "$this").search(reference("account").superset()),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const BASED_ON: Table = child("msemr_encounterreferralrequest", "msemr_encounterreferralrequests", "Encounter referral", "A request that an encounter answers (STU3 incomingReferral).",
    parent("msemr_encounter", "msemr_encounter"), "basedOn", &[
    key("msemr_encounterreferralrequestid", "Encounter referral"),
    text("msemr_name", "Name", "display"),
    lookup("msemr_encounterreferralrequest", "Referral request", &[("msemr_referralrequests", "ServiceRequest")], "$this").search(reference("based-on").superset()),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const APPOINTMENT: Table = child("tt_encounterappointment", "tt_encounterappointments", "Encounter appointment", "An appointment that an encounter was planned by.",
    parent("msemr_encounter", "tt_encounter"), "appointment", &[
    key("tt_encounterappointmentid", "Encounter appointment"),
    text("tt_name", "Name", "display"),
    lookup("tt_appointment", "Appointment", &[("msemr_appointmentemrs", "Appointment")], "$this").search(reference("appointment").superset()),
])
.source(resource("Encounter"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const DIET: Table = child("msemr_encounterhospitalizationdiet", "msemr_encounterhospitalizationdiets", "Encounter diet", "A diet that the patient asked for.",
    parent("msemr_encounter", "msemr_encounter"), "hospitalization.dietPreference", &[
    key("msemr_encounterhospitalizationdietid", "Encounter diet"),
    text("msemr_name", "Name", "text | coding[0].display").derived(),
    concept("msemr_encounterdietpreference", "Diet", "$this"),
    text("tt_text", "Text", "text"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const COURTESY: Table = child("msemr_encounterhospitalizationcourtesy", "msemr_encounterhospitalizationcourtesies", "Encounter courtesy", "A special courtesy for the patient.",
    parent("msemr_encounter", "msemr_encounter"), "hospitalization.specialCourtesy", &[
    key("msemr_encounterhospitalizationcourtesyid", "Encounter courtesy"),
    text("msemr_name", "Name", "text | coding[0].display").derived(),
    concept("msemr_specialcourtesyidentifier", "Courtesy", "$this"),
    text("tt_text", "Text", "text"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const ARRANGEMENT: Table = child("msemr_encounterhospitalizationarrangement", "msemr_encounterhospitalizationarrangements", "Encounter arrangement", "A special arrangement for the patient: a wheelchair, an interpreter.",
    parent("msemr_encounter", "msemr_encounter"), "hospitalization.specialArrangement", &[
    key("msemr_encounterhospitalizationarrangementid", "Encounter arrangement"),
    text("msemr_name", "Name", "text | coding[0].display").derived(),
    concept("msemr_specialarrangementidentifier", "Arrangement", "$this").search(token("special-arrangement").superset()),
    text("tt_text", "Text", "text"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Encounter"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const IDENTIFIER: Table = child("tt_encounteridentifier", "tt_encounteridentifiers", "Encounter identifier", "A number by which an encounter is known in some system.",
    parent("msemr_encounter", "tt_encounter"), "identifier", &[
    key("tt_encounteridentifierid", "Encounter identifier"),
    text("tt_value", "Value", "value").search(token("identifier").superset()),
    uri("tt_system", "System", "system"),
    choice("tt_use", "Use", IDENTIFIER_USE, "use"),
    concept("tt_type", "Type", "type"),
    lookup("tt_assigner", "Assigner", &[("accounts", "Organization")], "assigner"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Encounter"))
.primary_name("tt_value");
