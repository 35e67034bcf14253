//! Child tables of child tables, and rows that are their element itself (`$this`).
#![allow(clippy::unwrap_used, reason = "tests")]

use turntable_laws::testing::{change, issues_of, rows_of, update_row};
use turntable_laws::{Law, Named, Native, check_some};
use turntable_mapping::bindings::exports::turntable::mapping::schema::ColumnType;
use turntable_mapping::bindings::exports::turntable::mapping::write::{FhirRequest, Operation};
use turntable_mapping::*;

const MAPPING: Mapping = mapping("team", "0.1.0", &[TEAM, PARTICIPANT, ROLE, MEMBER, NOTE, DIET, ALIAS]);

const KIND: &[Code] = &[code(1, "a", "A"), code(2, "b", "B")];

#[rustfmt::skip]
const TEAM: Table = table("team", "teams", "Team", "", &[
    key("id", "Id"),
    text("name", "Name", "name"),
])
.source(resource("CareTeam"));

#[rustfmt::skip]
const PARTICIPANT: Table = child("participant", "participants", "Participant", "", parent("team", "of"), "participant", &[
    key("id", "Id"),
    lookup("person", "Person", &[("people", "Patient")], "member"),
])
.source(resource("CareTeam"));

#[rustfmt::skip]
const ROLE: Table = child("role", "roles", "Role", "", parent("participant", "of"), "role", &[
    key("id", "Id"),
    concept("role", "Role", "$this"),
    text("words", "Words", "$this.text"),
])
.source(resource("CareTeam"));

#[rustfmt::skip]
const MEMBER: Table = child("member", "members", "Member", "", parent("team", "of"), "managingOrganization", &[
    key("id", "Id"),
    lookup("account", "Account", &[("accounts", "Organization")], "$this"),
    text("display", "Display", "display"),
])
.source(resource("CareTeam"));

#[rustfmt::skip]
const NOTE: Table = child("category", "categories", "Category", "", parent("team", "of"), "kind", &[
    key("id", "Id"),
    choice("kind", "Kind", KIND, "$this"),
])
.source(resource("CareTeam"));

#[rustfmt::skip]
const DIET: Table = child("diet", "diets", "Diet", "", parent("team", "of"), "stay.diet", &[
    key("id", "Id"),
    concept("diet", "Diet", "$this"),
])
.source(resource("CareTeam"));

#[rustfmt::skip]
const ALIAS: Table = child("alias", "aliases", "Alias", "", parent("participant", "of"), "alias", &[
    key("id", "Id"),
    text("alias", "Alias", "$this"),
    text("language", "Language", "$this"). derived(),
])
.source(resource("CareTeam"));

fn team(members: &str) -> String {
    format!(r#"{{"resourceType":"CareTeam","id":"t"{members}}}"#)
}

fn sent(table: &str, operation: Operation, key: Option<&str>, existing: &str, values: &str) -> String {
    match change(&MAPPING, table, operation, key, Some(existing), values) {
        Ok(FhirRequest::Update(bytes)) => String::from_utf8(bytes).unwrap(),
        Ok(other) => format!("{other:?}"),
        Err(issues) => format!("{:?} {:?}: {}", issues[0].code, issues[0].column, issues[0].message),
    }
}

fn created(table: &str, existing: &str, values: &str) -> String {
    sent(table, Operation::Create, None, existing, values)
}

fn deleted(table: &str, key: &str, existing: &str) -> String {
    sent(table, Operation::Delete, Some(key), existing, "{}")
}

#[test]
fn rows_of_two_levels() {
    let text = team(
        r#","participant":[{"role":[{"text":"x"}]},null,{"role":[null,{"coding":[{"code":"a"}]},{}]},{"role":{"text":"alone"}},{}]"#,
    );
    assert_eq!(
        rows_of(&MAPPING, "role", &text),
        r#"[
  {
    "id": "t/participant/0/role/0",
    "words": "x",
    "of": "CareTeam/t/participant/0"
  },
  {
    "id": "t/participant/2/role/1",
    "role_code": "a",
    "of": "CareTeam/t/participant/2"
  },
  {
    "id": "t/participant/2/role/2",
    "of": "CareTeam/t/participant/2"
  },
  {
    "id": "t/participant/3/role/0",
    "words": "alone",
    "of": "CareTeam/t/participant/3"
  }
]
"#
    );
    assert_eq!(issues_of(&MAPPING, "role", &text), [""; 0]);
    assert_eq!(
        rows_of(&MAPPING, "alias", &team(r#","participant":[{"alias":["x",null,"y"]}]"#)),
        r#"[
  {
    "id": "t/participant/0/alias/0",
    "alias": "x",
    "language": "x",
    "of": "CareTeam/t/participant/0"
  },
  {
    "id": "t/participant/0/alias/2",
    "alias": "y",
    "language": "y",
    "of": "CareTeam/t/participant/0"
  }
]
"#
    );
}

#[test]
fn the_schema_says_where_rows_are_cut_from() {
    let described = describe(&MAPPING);
    let table = |name: &str| described.tables.iter().find(|table| table.name == name).unwrap();
    let role = table("role");
    let column = |at: usize| (role.columns[at].path.as_str(), role.columns[at].elements.join(","));
    assert_eq!(column(1), ("participant.role.coding.code", "participant".into()));
    assert_eq!(column(4), ("participant.role.text", "participant".into()));
    let parent = role.parent.as_ref().unwrap();
    assert_eq!((parent.table.as_str(), parent.column), ("participant", 5));
    let ColumnType::Lookup(lookup) = &role.columns[5].kind else { panic!("no lookup") };
    assert_eq!((lookup.tables.join(","), lookup.resource_types.join(",")), ("participants".into(), "CareTeam".into()));
    let account = &table("member").columns[1];
    assert_eq!(
        (account.path.as_str(), account.elements.join(",")),
        ("managingOrganization", "managingOrganization".into())
    );
    let diet = &table("diet").columns[1];
    assert_eq!((diet.path.as_str(), diet.elements.join(",")), ("stay.diet.coding.code", "stay".into()));
}

#[test]
fn rows_change_in_place() {
    for (table, key, before, values, after) in [
        (
            "role",
            "t/participant/1/role/0",
            r#","participant":[null, {"role":[ {"coding":[{"code":"a","display":"A"},{"code":"z"}]} ],"x":1.0}]"#,
            r#"{"role_code":"b","words":"w"}"#,
            r#","participant":[null, {"role":[ {"coding":[{"code":"b"},{"code":"z"}],"text":"w"} ],"x":1.0}]"#,
        ),
        (
            "member",
            "t/managingOrganization/1",
            r#","managingOrganization":[{"reference":"Organization/1"},{"reference":"Organization/2","display":"D"}]"#,
            r#"{"account":"Organization/3"}"#,
            r#","managingOrganization":[{"reference":"Organization/1"},{"reference":"Organization/3"}]"#,
        ),
        // Given with the new target, the display is that of the new one.
        (
            "member",
            "t/managingOrganization/0",
            r#","managingOrganization":[{"reference":"Organization/1","display":"D"}]"#,
            r#"{"account":"Organization/3","display":"E"}"#,
            r#","managingOrganization":[{"reference":"Organization/3","display":"E"}]"#,
        ),
        (
            "category",
            "t/kind/1",
            r#","kind":["a","b"],"_kind":[null,{"id":"i"}]"#,
            r#"{"kind":"a"}"#,
            r#","kind":["a","a"],"_kind":[null,{"id":"i"}]"#,
        ),
        (
            "alias",
            "t/participant/0/alias/0",
            r#","participant":[{"alias":"alone"}]"#,
            r#"{"alias":"other"}"#,
            r#","participant":[{"alias":"other"}]"#,
        ),
    ] {
        assert_eq!(update_row(&MAPPING, table, key, &team(before), values), team(after), "{table} {key}");
    }
    // A row that is nothing but its value cannot be emptied; one that is an object can.
    let refused = sent("category", Operation::Update, Some("t/kind/0"), &team(r#","kind":["a"]"#), r#"{"kind":null}"#);
    assert_eq!(refused, "IssueCode::Conflict Some(1): the row is this value and nothing else: delete the row");
    let member = team(r#","managingOrganization":[{"reference":"Organization/1","display":"D"}]"#);
    let emptied = update_row(&MAPPING, "member", "t/managingOrganization/0", &member, r#"{"account":null}"#);
    assert!(emptied.contains(r#"[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason""#));
}

#[test]
fn rows_arrive_at_the_end_of_their_list() {
    for (table, before, values, after) in [
        (
            "role",
            r#","participant":[{"x":1.0},{"role":[{"text":"x"}]}]"#,
            r#"{"of":"CareTeam/t/participant/1","words":"y"}"#,
            r#","participant":[{"x":1.0},{"role":[{"text":"x"},{"text":"y"}]}]"#,
        ),
        (
            "role",
            r#","participant":[{"x":1.0},{"role":[{"text":"x"}]}]"#,
            r#"{"of":"CareTeam/t/participant/0","role_code":"c"}"#,
            r#","participant":[{"x":1.0,"role":[{"coding":[{"code":"c"}]}]},{"role":[{"text":"x"}]}]"#,
        ),
        ("category", "", r#"{"kind":"a"}"#, r#","kind":["a"]"#),
        ("category", r#","kind":["a"]"#, r#"{"kind":"b","of":"CareTeam/t"}"#, r#","kind":["a","b"]"#),
        ("category", r#","_kind":[{"id":"i"}]"#, r#"{"kind":"b"}"#, r#","_kind":[{"id":"i"},null],"kind":[null,"b"]"#),
        (
            "member",
            "",
            r#"{"account":"Organization/1","display":"D"}"#,
            r#","managingOrganization":[{"reference":"Organization/1","display":"D"}]"#,
        ),
        ("diet", "", r#"{"diet_code":"v"}"#, r#","stay":{"diet":[{"coding":[{"code":"v"}]}]}"#),
        ("diet", r#","stay":{"a":1}"#, r#"{"diet_code":"v"}"#, r#","stay":{"a":1,"diet":[{"coding":[{"code":"v"}]}]}"#),
        (
            "alias",
            r#","participant":[{}]"#,
            r#"{"of":"CareTeam/t/participant/0","alias":"x"}"#,
            r#","participant":[{"alias":["x"]}]"#,
        ),
    ] {
        assert_eq!(created(table, &team(before), values), team(after), "{table} {values}");
    }
    let existing = team(r#","participant":[{"role":{"text":"alone"}}]"#);
    for (values, expected) in [
        (r#"{"words":"y"}"#, "IssueCode::Required Some(5): a new row needs its parent: which element it goes into"),
        (
            r#"{"of":"CareTeam/u/participant/0","words":"y"}"#,
            "IssueCode::Conflict Some(5): the row belongs to another parent",
        ),
        (r#"{"of":"CareTeam/t","words":"y"}"#, "IssueCode::Conflict Some(5): the row belongs to another parent"),
        (
            r#"{"of":"CareTeam/t/participant/7","words":"y"}"#,
            "IssueCode::Conflict None: the resource has no such element; another change may have moved it: read the rows again",
        ),
        (
            r#"{"of":"CareTeam/t/participant/0","words":"y"}"#,
            "IssueCode::Conflict None: the resource has no list where the row belongs",
        ),
    ] {
        assert_eq!(created("role", &existing, values), expected);
    }
    assert_eq!(
        created("role", &team(r#","participant":[{}]"#), r#"{"of":"CareTeam/t/participant/0"}"#),
        "IssueCode::Required None: a new row needs a value in some column"
    );
}

#[test]
fn rows_leave_no_empty_containers() {
    let absent =
        r#"{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}"#;
    for (table, key, before, after) in [
        (
            "role",
            "t/participant/0/role/0",
            r#","participant":[{"role":[{"text":"x"}, {"text":"y"}]}]"#,
            r#","participant":[{"role":[{"text":"y"}]}]"#.to_owned(),
        ),
        (
            "role",
            "t/participant/0/role/0",
            r#","participant":[{"a":1,"role":[{"text":"x"}]}]"#,
            r#","participant":[{"a":1}]"#.to_owned(),
        ),
        // The participant is a row, and stays one.
        (
            "role",
            "t/participant/0/role/0",
            r#","participant":[{"role":[{"text":"x"}]}]"#,
            format!(r#","participant":[{absent}]"#),
        ),
        (
            "role",
            "t/participant/0/role/0",
            r#","participant":[{"a":1,"role":{"text":"x"}}]"#,
            r#","participant":[{"a":1}]"#.to_owned(),
        ),
        ("diet", "t/stay/diet/0", r#","stay":{"diet":[{"text":"x"}]},"a":1"#, r#","a":1"#.to_owned()),
        (
            "category",
            "t/kind/0",
            r#","kind":["a","b"],"_kind":[{"id":"i"},{"id":"j"}]"#,
            r#","kind":["b"],"_kind":[{"id":"j"}]"#.to_owned(),
        ),
        ("category", "t/kind/0", r#","kind":["a","b"],"_kind":[{"id":"i"},null]"#, r#","kind":["b"]"#.to_owned()),
        ("category", "t/kind/0", r#","kind":["a"],"_kind":[{"id":"i"}],"a":1"#, r#","a":1"#.to_owned()),
        ("category", "t/kind/1", r#","kind":[null,"a"]"#, String::new()),
        (
            "category",
            "t/kind/1",
            r#","kind":[null,"a"],"_kind":[{"id":"i"},null]"#,
            r#","kind":[null],"_kind":[{"id":"i"}]"#.to_owned(),
        ),
    ] {
        assert_eq!(deleted(table, key, &team(before)), team(&after), "{table} {before}");
    }
    // With its participant, the roles go.
    let text = team(r#","participant":[{"role":[{"text":"x"}]},{"role":[{"text":"y"}]}]"#);
    let after = deleted("participant", "t/participant/0", &text);
    assert_eq!(after, team(r#","participant":[{"role":[{"text":"y"}]}]"#));
    assert!(deleted("role", "t/participant/0/role/3", &text).contains("no such element"));
    assert!(deleted("role", "t/participant/0", &text).contains("not that of a row"));
}

#[test]
fn the_laws_hold() {
    let resource = team(
        r#","name":"N","participant":[{"member":{"reference":"Patient/1"},"role":[{"coding":[{"system":"s","code":"a","display":"A"}],"text":"x"}],"alias":["x"]},{"alias":["y",null],"_alias":[null,{"id":"i"}]}],"managingOrganization":[{"reference":"Organization/1","display":"D"}],"kind":["a","b"],"stay":{"diet":[{"text":"v"}]}"#,
    );
    // R4 has no such team: only what it would say of it is left out.
    let all = Law::ALL.into_iter().filter(|law| *law != Law::Valid).collect::<Vec<_>>();
    let broken = check_some(&Native(&MAPPING), &all, &[Named { name: "team", text: &resource }]);
    assert_eq!(broken, []);
}

#[test]
fn writing_what_an_odd_element_shows_changes_nothing() {
    let unchanged = |table: &str, key: &str, resource: &str, values: &str| {
        let answer = change(&MAPPING, table, Operation::Update, Some(key), Some(resource), values);
        assert!(matches!(answer, Ok(FhirRequest::Unchanged)), "{resource}: {answer:?}");
    };
    for list in ["[{}]", "{}", r#"[{}],"participant":[{}]"#] {
        let resource = format!(r#"{{"resourceType":"CareTeam","id":"t","participant":{list}}}"#);
        unchanged("participant", "t/participant/0", &resource, r#"{"person":null}"#);
    }
}
