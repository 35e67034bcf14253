//! A small mapping that uses every kind of column, read and written.
#![allow(clippy::unwrap_used, reason = "tests")]

use turntable_laws::testing::{change, check, create, issues_of, laws, refusals, rows_of, update, update_row};
use turntable_laws::{Law, Named, Native, check_some};
use turntable_mapping::*;

use turntable_mapping::bindings::exports::turntable::mapping::write::{FhirRequest, Operation};

const MAPPING: Mapping = mapping("test", "0.1.0", &[OBSERVATION, COMPONENT, PERSON]);

const STATUS: &[Code] = &[code(1, "final", "Final"), code(2, "amended", "Amended")];
const MARITAL: &[Code] =
    &[code(1, "M", "Married"), code(2, "S", "Single"), code(3, "UNK", "Unknown").system("urn:null")];
const VALUE: &[Code] = &[code(1, "Quantity", "Quantity"), code(2, "string", "Text")];
const SUBJECT: &[Code] = &[code(1, "Patient", "Patient"), code(2, "Group", "Group")];
const KIND: &[Code] = &[code(1, "P", "Patient"), code(2, "R", "Practitioner")];
const LINK: &[Code] = &[code(1, "seealso", "See also")];

#[rustfmt::skip]
const OBSERVATION: Table = table("observation", "observations", "Observation", "", &[
    key("id", "Id"),
    text("title", "Title", "code.text | code.coding[0].display").derived(),
    choice("status", "Status", STATUS, "status").required(),
    concept("code", "Code", "code"),
    lookup("patient", "Patient", &[("people", "Patient")], "subject").search(reference("patient")),
    lookup("group", "Group", &[("groups", "Group")], "subject"),
    choice("subjecttype", "Subject type", SUBJECT, "subject").derived(),
    choice("valuetype", "Value type", VALUE, "value").derived(),
    decimal("value", "Value", "valueQuantity.value"),
    int("rounded", "Rounded", "valueQuantity.value"),
    text("unit", "Unit", "valueQuantity.unit"),
    text("words", "Words", "valueString"),
    date_time("effective", "Effective", "effectiveDateTime"),
    date_time("issued", "Issued", "issued"),
    text("note", "Note", "note[0].text"),
    text("second", "Second note", "note[1].text"),
    json("category", "Category", "category"),
    boolean("notdone", "Not done", "modifierExtension.where(url='http://x/not').valueBoolean"),
    coding("loinc", "LOINC", "method.coding.where(system='http://loinc.org')"),
    text("mrn", "Logical subject", "focus[0].identifier.value"),
    text("nested", "Nested", "extension('http://x/outer').extension('inner').valueString"),
    text("version", "Version", "meta.versionId").derived(),
])
.source(resource("Observation"))
.version("version");

#[rustfmt::skip]
const COMPONENT: Table = child("component", "components", "Component", "", parent("observation", "observation"), "component", &[
    key("id", "Id"),
    concept("code", "Code", "code"),
    decimal("value", "Value", "valueQuantity.value"),
    text("words", "Words", "valueString"),
])
.source(resource("Observation"));

#[rustfmt::skip]
const PERSON: Table = table("person", "people", "Person", "", &[
    key("id", "Id"),
    constant("kind", "Kind", KIND, ""),
    constant("state", "State", STATUS, "final"),
    text("full", "Full name", "name[0]").read_with(full_name),
    text("given", "Given", "name[0].given[0]"),
    text("middle", "Middle", "name[0].given[1]"),
    text("third", "Third", "name[0].given[2]"),
    text("phone", "Phone", "telecom.where(system='phone' and use='home').value"),
    text("email", "Email", "telecom.where(system='email').value"),
    text("mrn", "MRN", "identifier.where(type.coding.code='MR').value").only("Patient"),
    date("born", "Born", "birthDate"),
    partial_date("bornroughly", "Born roughly", "birthDate"),
    date_time("birthtime", "Birth time", "_birthDate.extension('http://x/birthTime').valueDateTime"),
    boolean("active", "Active", "active"),
    choice("marital", "Marital", MARITAL, "maritalStatus.coding[0].code").system("urn:marital"),
    uri("site", "Site", "extension('http://x/site').value.ofType(uri)"),
    code_concept("link", "Link", "http://hl7.org/fhir/link-type", "link[0].type"),
    text("shout", "Shout", "text.status").read_with(upper).write_with(write_lower),
    choice("linktype", "Link type", LINK, "link[0].type").open().derived(),
])
.source(resource("Patient").when("kind", "P"))
.source(resource("Practitioner").when("kind", "R"));

fn full_name(name: Value<'_>) -> Option<std::borrow::Cow<'_, str>> {
    name.get("family").and_then(Value::text)
}

fn upper(value: Value<'_>) -> Option<std::borrow::Cow<'_, str>> {
    value.text().map(|text| text.to_uppercase().into())
}

fn write_lower(edit: &mut Edit<'_>, value: Option<&str>) -> Result<(), Problem> {
    match value {
        Some("BAD") => Err(Problem::not_supported("not this one")),
        Some(value) => edit.set_text("text.status", &value.to_lowercase()),
        None => edit.remove("text.status"),
    }
}

/// An Observation with these members.
fn observation(members: &str) -> String {
    format!(r#"{{"resourceType":"Observation","id":"o1","status":"final"{members}}}"#)
}

fn patient(members: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"p1"{members}}}"#)
}

#[test]
fn reads_each_kind() {
    for (members, expected) in [
        ("", r#"{"id":"o1","status":"final","patient":null,"value":null,"valuetype":null}"#),
        (r#","code":{"text":"T","coding":[{"code":"a"}]}"#, r#"{"title":"T","code_code":"a","code_system":null}"#),
        (
            r#","code":{"coding":[null,{"display":"D\n","system":"s"}]}"#,
            r#"{"code_display":"D\n","code_system":"s","title":null}"#,
        ),
        (
            r#","valueQuantity":{"value":72.50,"unit":"kg"}"#,
            r#"{"value":"72.50","rounded":73,"unit":"kg","valuetype":"Quantity"}"#,
        ),
        (r#","valueString":"x\ud83d\ude00""#, r#"{"words":"x😀","valuetype":"string"}"#),
        (r#","valueBoolean":true"#, r#"{"valuetype":null}"#),
        (r#","subject":{"reference":"Patient/1"}"#, r#"{"patient":"Patient/1","group":null,"subjecttype":"Patient"}"#),
        (
            r#","subject":{"reference":"http://x/fhir/Group/1/_history/2"}"#,
            r#"{"patient":null,"group":"http://x/fhir/Group/1/_history/2","subjecttype":"Group"}"#,
        ),
        (r##","subject":{"reference":"#c"}"##, r#"{"patient":null,"group":null,"subjecttype":null}"#),
        (
            r#","subject":{"type":"Group","identifier":{"value":"x"}}"#,
            r#"{"patient":null,"group":null,"subjecttype":"Group"}"#,
        ),
        (
            r#","subject":{"reference":"urn:uuid:1","type":"Group"}"#,
            r#"{"patient":null,"group":"urn:uuid:1","subjecttype":"Group"}"#,
        ),
        (r#","subject":{"reference":"urn:uuid:1"}"#, r#"{"patient":"urn:uuid:1","subjecttype":null}"#),
        (
            r#","effectiveDateTime":"2015-02","issued":"2015-02-07T13:28:17.239+02:00""#,
            r#"{"effective":"2015-02","issued":"2015-02-07T13:28:17.239+02:00"}"#,
        ),
        (r#","note":[null,{"text":"b"}]"#, r#"{"note":null,"second":"b"}"#),
        (r#","category":[ {"a":1.0} ],"meta":{"versionId":"3"}"#, r#"{"category":"[ {\"a\":1.0} ]","version":"3"}"#),
        (r#","status":null,"_status":{"extension":[]}"#, r#"{"status":null}"#),
    ] {
        check(&MAPPING, "observation", &observation(members), expected);
    }
    for (members, expected) in [
        ("", r#"{"id":"p1","kind":"P","state":"final"}"#),
        (r#","name":[{"family":"F","given":[null,"B"]}]"#, r#"{"full":"F","given":null,"middle":"B"}"#),
        (
            r#","telecom":[{"system":"phone","value":"1"},{"system":"phone","use":"home","value":"2"}]"#,
            r#"{"phone":"2","email":null}"#,
        ),
        (r#","identifier":[{"value":"x"},{"type":{"coding":[{"code":"MR"}]},"value":"m"}]"#, r#"{"mrn":"m"}"#),
        (
            r#","birthDate":"1970-03-01","_birthDate":{"extension":[{"url":"http://x/birthTime","valueDateTime":"1970-03-01T01:02:03Z"}]}"#,
            r#"{"born":"1970-03-01","bornroughly":"1970-03-01","birthtime":"1970-03-01T01:02:03Z"}"#,
        ),
        (r#","birthDate":"1970-03""#, r#"{"born":null,"bornroughly":"1970-03"}"#),
        (r#","active":false,"maritalStatus":{"coding":[{"code":"M"}]}"#, r#"{"active":"false","marital":"M"}"#),
        (r#","maritalStatus":{"coding":[{"code":"M","system":"urn:other"}]}"#, r#"{"marital":null}"#),
        (r#","maritalStatus":{"coding":[{"code":"UNK","system":"urn:null"}]}"#, r#"{"marital":"UNK"}"#),
        (r#","extension":[{"url":"http://x/site","valueUri":"http://s"}]"#, r#"{"site":"http://s"}"#),
        (
            r#","link":[{"type":"seealso"}]"#,
            r#"{"link_code":"seealso","link_system":"http://hl7.org/fhir/link-type","link_display":null,"linktype":"seealso"}"#,
        ),
        (r#","text":{"status":"generated"}"#, r#"{"shout":"GENERATED"}"#),
    ] {
        check(&MAPPING, "person", &patient(members), expected);
    }
    check(
        &MAPPING,
        "person",
        r#"{"resourceType":"Practitioner","id":"r","identifier":[{"type":{"coding":[{"code":"MR"}]},"value":"m"}]}"#,
        r#"{"kind":"R","mrn":null}"#,
    );
}

#[test]
fn oddities_are_issues_without_values() {
    for (members, expected) in [
        (r#","valueQuantity":{"value":"72"}"#, "warning value value /valueQuantity/value: expected a number"),
        (
            r#","effectiveDateTime":"secret""#,
            "warning value effective /effectiveDateTime: expected a date or time as FHIR writes it",
        ),
        (r#","valueString":5"#, "warning value words /valueString: expected a text"),
        (
            r#","subject":{"reference":"Device/1"}"#,
            "warning code-invalid subjecttype /subject: a reference to a type that the choice does not have",
        ),
        (
            r#","subject":{"reference":"Patient?x=secret"}"#,
            "warning value patient /subject: not a reference to a resource",
        ),
        (
            r#","code":[{"text":"a"},{"text":"b"}]"#,
            "information truncated title /code/0/text: the element repeats; the column shows the first",
        ),
        (
            r#","valueQuantity":{"value":1e400}"#,
            "warning value rounded /valueQuantity/value: the number is out of range",
        ),
    ] {
        let issues = issues_of(&MAPPING, "observation", &observation(members));
        assert_eq!(issues.first().map(String::as_str), Some(expected));
    }
    for (resource, expected) in [
        (
            r#"{"resourceType":"Patient","id":"p"}"#,
            "error structure /resourceType: not a resource type that this table maps",
        ),
        (r#"{"resourceType":"Observation"}"#, "error required /id: the resource has no id"),
        (r#"{"resourceType":"Observation","id":}"#, "error structure: expected a value at byte 35"),
        ("[]", "error structure /resourceType: not a resource type that this table maps"),
    ] {
        assert_eq!(issues_of(&MAPPING, "observation", resource), [expected]);
    }
}

#[test]
fn writes_in_place() {
    for (before, changes, after) in [
        (
            r#","valueQuantity":{ "value" : 72.10 , "unit":"kg"},"x":1.0"#,
            r#"{"value":"72.2"}"#,
            r#","valueQuantity":{ "value" : 72.2 , "unit":"kg"},"x":1.0"#,
        ),
        ("", r#"{"value":1.50,"unit":"kg"}"#, r#","valueQuantity":{"value":1.50,"unit":"kg"}"#),
        (r#","valueQuantity":{"value":1,"unit":"kg"}"#, r#"{"unit":null,"value":null}"#, ""),
        (r#","valueQuantity":{"value":1,"unit":"kg"}"#, r#"{"unit":null}"#, r#","valueQuantity":{"value":1}"#),
        // Another type of the same choice element.
        (r#","valueQuantity":{"value":1},"a":2"#, r#"{"words":"w"}"#, r#","a":2,"valueString":"w""#),
        (r#","_valueString":{"id":"i"},"valueString":"x""#, r#"{"value":2}"#, r#","valueQuantity":{"value":2}"#),
        (r#","valueQuantity":{"value":1}"#, r#"{"words":null}"#, r#","valueQuantity":{"value":1}"#),
        (r#","valueQuantity":{"value":1}"#, r#"{"value":null,"words":"w"}"#, r#","valueString":"w""#),
        // References.
        (
            r#","subject":{"id":"i","reference":"Patient/1","display":"Old","type":"Patient"}"#,
            r#"{"patient":"Patient/2"}"#,
            r#","subject":{"id":"i","reference":"Patient/2"}"#,
        ),
        (
            r#","subject":{"reference":"Patient/1"}"#,
            r#"{"patient":null,"group":"Group/1"}"#,
            r#","subject":{"reference":"Group/1"}"#,
        ),
        (r#","subject":{"reference":"Patient/1","display":"D"}"#, r#"{"patient":null}"#, ""),
        (
            r#","subject":{"identifier":{"value":"x"}}"#,
            r#"{"group":"Group/1"}"#,
            r#","subject":{"reference":"Group/1"}"#,
        ),
        // Concepts: the coding shown is changed, its display is no longer true, the others and the text stay.
        (
            r#","code":{"coding":[{"system":"s","version":"1","code":"a","display":"A"},{"code":"z"}],"text":"T"}"#,
            r#"{"code_code":"b"}"#,
            r#","code":{"coding":[{"system":"s","code":"b"},{"code":"z"}],"text":"T"}"#,
        ),
        (
            r#","code":{"coding":[{"code":"a","display":"A"}]}"#,
            r#"{"code_code":"b","code_display":"B"}"#,
            r#","code":{"coding":[{"code":"b","display":"B"}]}"#,
        ),
        // What the change gives is not stale, though it was there before.
        (
            r#","code":{"coding":[{"code":"a","display":"A"}]}"#,
            r#"{"code_code":"b","code_display":"A"}"#,
            r#","code":{"coding":[{"code":"b","display":"A"}]}"#,
        ),
        (
            r#","code":{"text":"T"}"#,
            r#"{"code_code":"b","code_system":"s"}"#,
            r#","code":{"text":"T","coding":[{"code":"b","system":"s"}]}"#,
        ),
        (
            r#","code":{"coding":[{"code":"a","system":"s","display":"A"}],"text":"T"}"#,
            r#"{"code_code":null,"code_system":null,"code_display":null}"#,
            r#","code":{"text":"T"}"#,
        ),
        // Modifiers, nested extensions: made with their URLs, gone with their values, wherever they stand.
        ("", r#"{"notdone":true}"#, r#","modifierExtension":[{"url":"http://x/not","valueBoolean":true}]"#),
        (
            r#","modifierExtension":[{"url":"http://x/not","valueBoolean":true},{"url":"u"}]"#,
            r#"{"notdone":null}"#,
            r#","modifierExtension":[{"url":"u"}]"#,
        ),
        (r#","modifierExtension":[{"url":"http://x/not","valueBoolean":true}]"#, r#"{"notdone":null}"#, ""),
        (
            "",
            r#"{"nested":"n"}"#,
            r#","extension":[{"url":"http://x/outer","extension":[{"url":"inner","valueString":"n"}]}]"#,
        ),
        (
            r#","extension":[{"url":"http://x/outer","extension":[{"url":"inner","valueString":"n"}]},{"url":"u"}]"#,
            r#"{"nested":null}"#,
            r#","extension":[{"url":"u"}]"#,
        ),
        // The coding of one system, wherever it stands.
        (
            r#","method":{"coding":[{"system":"s","code":"a"}],"text":"T"}"#,
            r#"{"loinc_code":"1-8","loinc_display":"D"}"#,
            r#","method":{"coding":[{"system":"s","code":"a"},{"system":"http://loinc.org","code":"1-8","display":"D"}],"text":"T"}"#,
        ),
        (
            r#","method":{"coding":[{"system":"s","code":"a"},{"system":"http://loinc.org","code":"1-8","display":"D"}]}"#,
            r#"{"loinc_code":"2-6"}"#,
            r#","method":{"coding":[{"system":"s","code":"a"},{"system":"http://loinc.org","code":"2-6"}]}"#,
        ),
        (
            r#","method":{"coding":[{"system":"s","code":"a"},{"system":"http://loinc.org","code":"1-8","display":"D"}]}"#,
            r#"{"loinc_code":null,"loinc_system":null,"loinc_display":null}"#,
            r#","method":{"coding":[{"system":"s","code":"a"}]}"#,
        ),
        // A logical reference by what identifies it.
        ("", r#"{"mrn":"m"}"#, r#","focus":[{"identifier":{"value":"m"}}]"#),
        // Lists keep their places.
        ("", r#"{"second":"b","note":"a"}"#, r#","note":[{"text":"a"},{"text":"b"}]"#),
        (
            "",
            r#"{"second":"b"}"#,
            r#","note":[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},{"text":"b"}]"#,
        ),
        (
            r#","note":[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},{"text":"b"}]"#,
            r#"{"note":"a"}"#,
            r#","note":[{"text":"a"},{"text":"b"}]"#,
        ),
        (
            r#","note":[{"text":"a"},{"text":"b"}]"#,
            r#"{"note":null}"#,
            r#","note":[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},{"text":"b"}]"#,
        ),
        (r#","note":[{"text":"a"},{"text":"b"}]"#, r#"{"second":null}"#, r#","note":[{"text":"a"}]"#),
        (r#","note":[{"text":"a"},{"text":"b"}]"#, r#"{"note":null,"second":null}"#, ""),
        // What is shown already changes nothing.
        (
            r#","valueQuantity":{"value":72.50}"#,
            r#"{"value":"72.5","rounded":73}"#,
            r#","valueQuantity":{"value":72.50}"#,
        ),
        (
            r#","effectiveDateTime":"2015-02""#,
            r#"{"effective":"2015-02-01T00:00:00Z"}"#,
            r#","effectiveDateTime":"2015-02""#,
        ),
        (
            r#","subject":{"reference":"http://x/Patient/1"}"#,
            r#"{"patient":"Patient/1"}"#,
            r#","subject":{"reference":"http://x/Patient/1"}"#,
        ),
        (r#","category":[ {"a":"\u0041"} ]"#, r#"{"category":"[{\"a\":\"A\"}]"}"#, r#","category":[ {"a":"\u0041"} ]"#),
        (r#","meta":{"versionId":"3"}"#, r#"{"version":"3","title":null,"id":"o1"}"#, r#","meta":{"versionId":"3"}"#),
        // Decimal and its rounding in one change.
        ("", r#"{"value":72.4,"rounded":72}"#, r#","valueQuantity":{"value":72.4}"#),
        (r#","category":[1,2]"#, r#"{"category":null}"#, ""),
        (r#","category":[1]"#, r#"{"category":"{\"b\":[1.0]}"}"#, r#","category":{"b":[1.0]}"#),
    ] {
        assert_eq!(update(&MAPPING, "observation", &observation(before), changes), observation(after), "{changes}");
    }
}

#[test]
fn writes_people_in_place() {
    const DAR: &str =
        r#"{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}"#;
    let absent = |text: &str| text.replace("DAR", DAR);
    for (before, changes, after) in [
        ("", r#"{"given":"A","middle":"B"}"#, r#","name":[{"given":["A","B"]}]"#),
        ("", r#"{"middle":"B"}"#, r#","name":[{"given":[null,"B"],"_given":[DAR,null]}]"#),
        (
            r#","name":[{"given":[null,"B"],"_given":[DAR,null]}]"#,
            r#"{"given":"A"}"#,
            r#","name":[{"given":["A","B"]}]"#,
        ),
        (
            r#","name":[{"given":["A","B"]}]"#,
            r#"{"given":null}"#,
            r#","name":[{"given":[null,"B"],"_given":[DAR,null]}]"#,
        ),
        (
            r#","name":[{"given":["A","B"],"_given":[null,{"id":"i"}]}]"#,
            r#"{"middle":null}"#,
            r#","name":[{"given":["A"]}]"#,
        ),
        (r#","name":[{"given":["A"],"family":"F"}]"#, r#"{"given":null}"#, r#","name":[{"family":"F"}]"#),
        ("", r#"{"phone":"1"}"#, r#","telecom":[{"system":"phone","use":"home","value":"1"}]"#),
        (r#","telecom":[{"system":"phone","use":"home","value":"1"}]"#, r#"{"phone":null}"#, ""),
        (
            r#","telecom":[{"system":"phone","use":"home","value":"1"},{"system":"email","value":"e"}]"#,
            r#"{"phone":null}"#,
            r#","telecom":[{"system":"phone","use":"home"},{"system":"email","value":"e"}]"#,
        ),
        ("", r#"{"mrn":"m"}"#, r#","identifier":[{"type":{"coding":[{"code":"MR"}]},"value":"m"}]"#),
        (
            r#","identifier":[{"value":"x"},{"type":{"coding":[{"code":"MR"}]},"value":"m"}]"#,
            r#"{"mrn":null}"#,
            r#","identifier":[{"value":"x"}]"#,
        ),
        ("", r#"{"site":"http://s"}"#, r#","extension":[{"url":"http://x/site","valueUri":"http://s"}]"#),
        (
            r#","extension":[{"url":"http://x/site","valueUri":"http://s"},{"url":"u"}]"#,
            r#"{"site":null}"#,
            r#","extension":[{"url":"u"}]"#,
        ),
        (r#","birthDate":"1970-03""#, r#"{"born":"1970-03-01"}"#, r#","birthDate":"1970-03-01""#),
        ("", r#"{"born":null,"bornroughly":"1970"}"#, r#","birthDate":"1970""#),
        (
            r#","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}"#,
            r#"{"born":"1970-03-01"}"#,
            r#","birthDate":"1970-03-01""#,
        ),
        (
            r#","birthDate":"1970-01-01","_birthDate":{"id":"i"}"#,
            r#"{"born":"1970-03-01"}"#,
            r#","birthDate":"1970-03-01","_birthDate":{"id":"i"}"#,
        ),
        (r#","birthDate":"1970-01-01","_birthDate":{"id":"i"}"#, r#"{"born":null}"#, ""),
        ("", r#"{"marital":"M"}"#, r#","maritalStatus":{"coding":[{"code":"M","system":"urn:marital"}]}"#),
        (
            r#","maritalStatus":{"coding":[{"code":"M","system":"urn:marital","display":"Married"}],"text":"T"}"#,
            r#"{"marital":"UNK"}"#,
            r#","maritalStatus":{"coding":[{"code":"UNK","system":"urn:null"}],"text":"T"}"#,
        ),
        (
            r#","maritalStatus":{"coding":[{"code":"M","system":"urn:marital","display":"Married"}],"text":"T"}"#,
            r#"{"marital":null}"#,
            r#","maritalStatus":{"text":"T"}"#,
        ),
        ("", r#"{"active":true,"kind":"P","state":"final"}"#, r#","active":true"#),
        ("", r#"{"shout":"ADDED"}"#, r#","text":{"status":"added"}"#),
        (r#","text":{"status":"added"}"#, r#"{"shout":null}"#, ""),
        ("", r#"{"link_code":"seealso"}"#, r#","link":[{"type":"seealso"}]"#),
    ] {
        assert_eq!(
            update(&MAPPING, "person", &patient(&absent(before)), changes),
            patient(&absent(after)),
            "{changes}"
        );
    }
}

#[test]
fn refuses_by_name() {
    for (members, changes, expected) in [
        (
            "",
            r#"{"value":1,"words":"w"}"#,
            "error conflict words: another column writes the same choice element as another type",
        ),
        (
            "",
            r#"{"patient":"Patient/1","group":"Group/1"}"#,
            "error conflict group: another column writes another value to the same element",
        ),
        (
            "",
            r#"{"value":72.4,"rounded":99}"#,
            "error conflict rounded: another column writes another value to the same element",
        ),
        ("", r#"{"title":"x"}"#, "error not-supported title: the column is read only"),
        ("", r#"{"id":"x"}"#, "error conflict id: the key cannot be changed"),
        ("", r#"{"status":null}"#, "error required status: the column cannot be null"),
        ("", r#"{"status":"odd"}"#, "error code-invalid status: a code that the choice does not have"),
        ("", r#"{"value":"abc"}"#, "error value value: expected a number"),
        ("", r#"{"rounded":"1.5"}"#, "error value rounded: expected a whole number in range"),
        ("", r#"{"words":""}"#, "error value words: FHIR has no empty texts: use null"),
        (
            "",
            r#"{"effective":"2015-02-07T13:28:17"}"#,
            "error value effective: a time needs a zone: Z, or an offset like +01:00",
        ),
        ("", r#"{"patient":"Device/1"}"#, "error value patient: a reference to a type that the column does not take"),
        ("", r#"{"category":"{"}"#, "error value category: not JSON"),
        (
            r#","code":"odd""#,
            r#"{"code_code":"x"}"#,
            "error conflict code_code: the resource has an element of another type here, which would be lost",
        ),
        (
            r#","note":{"text":"a"}"#,
            r#"{"second":"x"}"#,
            "error conflict second: the resource has an element of another type here, which would be lost",
        ),
        (
            r#","issued":"2015-01-01T00:00:00Z","issued":"2016-01-01T00:00:00Z""#,
            r#"{"issued":null}"#,
            "error conflict issued: the resource has two members of one name here",
        ),
    ] {
        let refusals = refusals(&MAPPING, "observation", &observation(members), changes);
        assert_eq!(refusals.first().map(String::as_str), Some(expected), "{changes}");
    }
    for (changes, expected) in [
        (r#"{"kind":"R"}"#, "error not-supported kind: the column has the same value in every such row"),
        (r#"{"full":"x"}"#, "error not-supported full: the column is read only"),
        (r#"{"shout":"BAD"}"#, "error not-supported shout: not this one"),
        (r#"{"link_system":"x"}"#, "error not-supported link_system: the column is read only"),
    ] {
        assert_eq!(refusals(&MAPPING, "person", &patient(""), changes), [expected]);
    }
}

#[test]
fn creates() {
    let text = create(&MAPPING, "observation", Some("new"), r#"{"status":"final","patient":"Patient/1","value":1.0}"#);
    assert_eq!(
        text,
        r#"{"resourceType":"Observation","id":"new","status":"final","subject":{"reference":"Patient/1"},"valueQuantity":{"value":1.0}}"#
    );
    assert_eq!(
        create(&MAPPING, "person", None, r#"{"kind":"R","active":true,"id":null}"#),
        r#"{"resourceType":"Practitioner","active":true}"#
    );
    let refused = |table: &str, key: Option<&str>, values: &str| {
        let issues = change(&MAPPING, table, Operation::Create, key, None, values).unwrap_err();
        issues[0].message.clone()
    };
    assert_eq!(refused("observation", None, "{}"), "the column must have a value");
    assert_eq!(refused("person", None, "{}"), "says what the new row is");
    assert_eq!(refused("person", None, r#"{"kind":"X"}"#), "rows of this kind cannot be created here");
    assert_eq!(
        refused("person", None, r#"{"kind":"R","mrn":"1"}"#),
        "the column does not exist for this type of resource"
    );
    assert!(refused("observation", Some("a\"b"), r#"{"status":"final"}"#).contains("key cannot be a FHIR id"));
}

#[test]
fn child_rows() {
    let text = observation(
        r#","component":[{"code":{"coding":[{"code":"a"}]},"valueQuantity":{"value":1.0}},null,{"valueString":"s"}]"#,
    );
    let rows = rows_of(&MAPPING, "component", &text);
    assert_eq!(
        rows,
        r#"[
  {
    "id": "o1/component/0",
    "code_code": "a",
    "value": 1.0,
    "observation": "Observation/o1"
  },
  {
    "id": "o1/component/2",
    "words": "s",
    "observation": "Observation/o1"
  }
]
"#
    );
    let after = update_row(&MAPPING, "component", "o1/component/2", &text, r#"{"value":2}"#);
    assert_eq!(after, text.replace(r#""valueString":"s""#, r#""valueQuantity":{"value":2}"#));
    // Emptied, it stays a row.
    let after = update_row(&MAPPING, "component", "o1/component/2", &text, r#"{"words":null}"#);
    assert!(after.contains("data-absent-reason"), "{after}");

    let answer = |operation, key, values: &str| change(&MAPPING, "component", operation, key, Some(&text), values);
    let written = |answer: Result<FhirRequest, Vec<_>>| match answer
        .map_err(|issues: Vec<turntable_mapping::bindings::turntable::mapping::types::Issue>| issues[0].message.clone())
    {
        Ok(FhirRequest::Update(bytes)) => String::from_utf8(bytes).unwrap(),
        Ok(_) => "not an update".into(),
        Err(message) => message,
    };
    let created = written(answer(Operation::Create, None, r#"{"code_code":"n","observation":"Observation/o1"}"#));
    assert_eq!(created, text.replace("\"s\"}]}", "\"s\"},{\"code\":{\"coding\":[{\"code\":\"n\"}]}}]}"));
    let deleted = written(answer(Operation::Delete, Some("o1/component/0"), "{}"));
    assert_eq!(deleted, observation(r#","component":[null,{"valueString":"s"}]"#));
    assert!(written(answer(Operation::Update, Some("o1/component/1"), r#"{"value":1}"#)).contains("no such element"));
    assert!(written(answer(Operation::Update, Some("o1/component/9"), r#"{"value":1}"#)).contains("no such element"));
    assert!(written(answer(Operation::Update, Some("o2/component/0"), r#"{"value":1}"#)).contains("not that of a row"));
    assert!(written(answer(Operation::Create, None, "{}")).contains("needs a value"));
    assert!(
        written(answer(Operation::Create, None, r#"{"value":1,"observation":"Observation/other"}"#))
            .contains("another parent")
    );

    let one = observation(r#","component":[{"valueString":"s"}]"#);
    let gone = change(&MAPPING, "component", Operation::Delete, Some("o1/component/0"), Some(&one), "{}");
    assert_eq!(written(gone), observation(""));
    let first = change(&MAPPING, "component", Operation::Create, None, Some(&observation("")), r#"{"words":"s"}"#);
    assert_eq!(written(first), one);
}

/// All laws but that of right writing: the columns here are of every kind, not such as make a whole resource.
#[track_caller]
fn held(resource: &str) {
    let laws = Law::ALL.into_iter().filter(|law| *law != Law::Valid).collect::<Vec<_>>();
    let broken = check_some(&Native(&MAPPING), &laws, &[Named { name: "the resource", text: resource }]);
    assert!(broken.is_empty(), "{}", broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_laws_hold_on_rich_resources() {
    held(&observation(
        r#","meta":{"versionId":"1"},"code":{"coding":[{"system":"s","code":"a","display":"A"},{"code":"b"}],"text":"T"},"subject":{"reference":"Patient/1","display":"x"},"effectiveDateTime":"2015-02","issued":"2015-02-07T13:28:17.239+02:00","valueQuantity":{"value":72.50,"unit":"kg"},"note":[{"text":"a"},{"text":"b"}],"category":[{"text":"c"}],"component":[{"code":{"text":"x"},"valueQuantity":{"value":1}},{"valueString":"y"}]"#,
    ));
    held(&patient(
        r#","text":{"status":"generated"},"name":[{"family":"F","given":["A","B","C"],"_given":[null,{"id":"i"},null]}],"telecom":[{"system":"email","value":"e"},{"system":"phone","use":"home","value":"1"}],"identifier":[{"type":{"coding":[{"code":"MR"}]},"value":"m"},{"value":"x"}],"birthDate":"1970-03-01","_birthDate":{"extension":[{"url":"http://x/birthTime","valueDateTime":"1970-03-01T01:02:03Z"}]},"active":true,"maritalStatus":{"coding":[{"code":"M","system":"urn:marital"}]},"link":[{"type":"seealso"}],"extension":[{"url":"http://x/site","valueUri":"http://s"}]"#,
    ));
}

#[test]
fn a_choice_element_is_said_in_either_form() {
    const FORMS: [(&str, &str); 4] = [
        ("code.ofType(CodeableConcept)", "codeReference"),
        ("codeCodeableConcept", "code.ofType(Reference)"),
        ("code.ofType(CodeableConcept)", "code.ofType(Reference)"),
        ("codeCodeableConcept", "codeReference"),
    ];
    for (of_concept, of_reference) in FORMS {
        let columns = vec![
            key("id", "Id"),
            concept("code", "Code", of_concept),
            lookup("device", "Device", &[("devices", "Device")], of_reference),
        ];
        let tables = vec![table("t", "ts", "T", "", columns.leak()).source(resource("DeviceRequest"))];
        let mapping: &Mapping = Box::leak(Box::new(mapping("m", "1.0.0", tables.leak())));
        laws(mapping, r#"{"resourceType":"DeviceRequest","id":"d","codeReference":{"reference":"Device/x"}}"#);
        let concept = r#"{"resourceType":"DeviceRequest","id":"d","codeCodeableConcept":{"coding":[{"code":"c"}]}}"#;
        laws(mapping, concept);
        let written = update(mapping, "t", concept, r#"{"device": "Device/y"}"#);
        assert_eq!(written, r#"{"resourceType":"DeviceRequest","id":"d","codeReference":{"reference":"Device/y"}}"#);
    }
}
