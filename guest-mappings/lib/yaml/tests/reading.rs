//! What is right is read as the Rust form has it, and what is wrong is named with its place and a way out.

use turntable_mapping::{
    Code, Column, Mapping, Table, by_date, child, choice, code, concept, constant, date_time, decimal, describe,
    descriptor, key, lookup, mapping, parent, reference, resource, table, text, token,
};
use turntable_mapping_yaml::{parse, read, to_yaml, to_yaml_in_part};

const YAML: &str = r#"# A mapping with one of most things.
mapping: visit
version: 1.2.0
options:
  status:
    open: {935000000: Open}
    no:   {935000001: 'Done: no', system: 'http://x/other'}
  kind:
    P: {1: Person}
    A: {2: Animal}
tables:
  msemr_visit:
    set: msemr_visits
    label: Visit
    description: 'A visit: when, whose.'
    sources:
      - {resource: Patient, when: {msemr_kind: P}, profiles: [http://x/p], fixed: {active: true}, includes: ['Patient:link']}
      - {resource: Person, when: {msemr_kind: A}}
    name: msemr_name
    version: msemr_version
    columns:
      msemr_visitid:  {key: true, label: Visit}
      msemr_kind:     {constant: '', options: kind, label: Kind}
      msemr_name:     {text: "name.where(use='official' and rank=1).text | name[0].text", label: Name, max: 100, multi_line: true}
      msemr_status:   {choice: 'status.coding[0].code', options: status, system: 'http://x/status', value_set: 'http://x/set', open: true, label: Status, search: {token: status, superset: true, template: 'http://x|{}'}}
      msemr_start:    {date_time: period.start, label: Start, required: true, search: [{date: date, partial: true, missing: true}, {date: since, only: Patient, sorted: true}]}
      msemr_type:     {concept: type, label: Type, only: Patient, description: Which.}
      msemr_size:     {decimal: size.value, label: Size, scale: [12, 2], create_only: true}
      msemr_owner:    {lookup: owner, to: {contacts: [Patient, RelatedPerson], accounts: Organization}, label: Owner, search: {reference: owner}}
      msemr_version:  {text: meta.versionId, label: Version, derived: true}
      statecode:      {constant: '0', options: state, label: State}
  msemr_visitpart:
    set: msemr_visitparts
    label: Part
    description: A part.
    parent: {table: msemr_visit, column: msemr_visit, element: part.list}
    read_only: true
    columns:
      msemr_visitpartid: {key: true, label: Part}
      msemr_what:        {concept: $this, label: What}
"#;

const STATUS: &[Code] =
    &[code(935_000_000, "open", "Open"), code(935_000_001, "no", "Done: no").system("http://x/other")];
const KIND: &[Code] = &[code(1, "P", "Person"), code(2, "A", "Animal")];
const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];

const COLUMNS: &[Column] = &[
    key("msemr_visitid", "Visit"),
    constant("msemr_kind", "Kind", KIND, ""),
    text("msemr_name", "Name", "name.where(use='official' and rank=1).text | name[0].text").max(100).multi_line(),
    choice("msemr_status", "Status", STATUS, "status.coding[0].code")
        .system("http://x/status")
        .value_set("http://x/set")
        .open()
        .search(token("status").superset().template("http://x|{}")),
    date_time("msemr_start", "Start", "period.start")
        .required()
        .search(by_date("date").partial().missing())
        .search(by_date("since").only("Patient").sorted()),
    concept("msemr_type", "Type", "type").only("Patient").describe("Which."),
    decimal("msemr_size", "Size", "size.value").scale(12, 2).create_only(),
    lookup(
        "msemr_owner",
        "Owner",
        &[("contacts", "Patient"), ("contacts", "RelatedPerson"), ("accounts", "Organization")],
        "owner",
    )
    .search(reference("owner")),
    text("msemr_version", "Version", "meta.versionId").derived(),
    constant("statecode", "State", STATE, "0"),
];

const VISIT: Table = table("msemr_visit", "msemr_visits", "Visit", "A visit: when, whose.", COLUMNS)
    .source(
        resource("Patient")
            .when("msemr_kind", "P")
            .profile("http://x/p")
            .fixed("active", "true")
            .include("Patient:link"),
    )
    .source(resource("Person").when("msemr_kind", "A"))
    .primary_name("msemr_name")
    .version("msemr_version");

const PART: Table = child(
    "msemr_visitpart",
    "msemr_visitparts",
    "Part",
    "A part.",
    parent("msemr_visit", "msemr_visit"),
    "part.list",
    &[key("msemr_visitpartid", "Part"), concept("msemr_what", "What", "$this")],
)
.source(resource("Patient"))
.source(resource("Person"))
.read_only();

const RUST: Mapping = mapping("visit", "1.2.0", &[VISIT, PART]);

#[test]
fn yaml_and_rust_say_the_same() {
    let read = read(YAML, "visit.yaml").expect("the file has no fault");
    assert_eq!(format!("{read:#?}"), format!("{RUST:#?}"));
    assert_eq!(format!("{:?}", describe(read)), format!("{:?}", describe(&RUST)));
}

#[test]
fn what_is_printed_is_read_as_the_same() {
    let printed = to_yaml(&RUST).expect("it has no code");
    assert_eq!(descriptor::to_bytes(read(&printed, "printed").expect(&printed)), descriptor::to_bytes(&RUST));
}

#[test]
fn what_has_no_form_in_yaml_is_named() {
    const COLUMNS: &[Column] = &[
        key("id", "Id"),
        text("fine", "", "a"),
        text("read", "", "a").read_with(|_| None),
        text("both", "", "a").read_with(|_| None).write_with(|_, _| Ok(())),
        concept("open", "", "a").open(),
        lookup("apart", "", &[("xs", "X"), ("ys", "Y"), ("xs", "Z")], "a"),
        choice("twice", "", &[code(1, "a", "A"), code(1, "b", "B")], "a"),
        text("sought", "", "a").search(token("a").missing().superset()),
    ];
    const TABLE: Table = table("t", "ts", "", "", COLUMNS)
        .source(resource("X"))
        .primary_name("read")
        .before_write(|_| Ok(()))
        .after_read(|_| {});
    const CODE: Mapping = mapping("m", "1.0.0", &[TABLE]);
    let unsaid = to_yaml(&CODE).expect_err("it has code");
    assert_eq!(
        unsaid.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "t: before_write is code",
            "t: after_read is code",
            "t.read: read_with is code",
            "t.both: read_with and write_with is code",
            "t.open: open does not go with concept",
            "t.apart: the targets in xs do not stand together",
            "t.twice: two of its options have one code or one number",
            "t.sought: its search by a is none that modifiers make",
        ]
    );
    let (printed, left_out) = to_yaml_in_part(&CODE);
    assert_eq!(left_out, unsaid);
    let rest: Vec<_> = describe(read(&printed, "printed").expect(&printed)).tables.remove(0).columns;
    assert_eq!(rest.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["id", "fine"]);
}

#[test]
fn a_column_is_found_by_its_name() {
    let document = parse(YAML, "visit.yaml").expect("the file has no fault");
    let fault = document.fault("msemr_visit", "msemr_type", "odd".to_owned());
    assert_eq!(fault.to_string(), "visit.yaml:27:7: odd");
}

/// Changes one thing in the file and says what then is wrong.
#[track_caller]
fn faults(from: &str, to: &str, expected: &[&str]) {
    assert_eq!(YAML.matches(from).count(), 1, "{from}");
    let faults = read(&YAML.replace(from, to), "v").err().unwrap_or_default();
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{to}");
}

#[test]
fn what_is_wrong_has_its_place_and_the_nearest_right_name() {
    let no_name = "the table has no column msemr_nam (did you mean msemr_name?)";
    faults("    name: msemr_name", "    name: msemr_nam", &[&format!("v:19:11: {no_name}")]);
    faults(
        "multi_line: true",
        "multiline: true",
        &["v:24:114: a column has no key multiline (did you mean multi_line?)"],
    );
    faults(
        "{concept: type,",
        "{concpt: type,",
        &[
            "v:27:7: msemr_type does not say what it is: one of key, text, boolean, int, long, decimal, date, date_time, \
             partial_date, uri, json, choice, constant, lookup, concept, coding, quantity_code, code_concept",
            "v:27:24: a column has no key concpt (did you mean concept?)",
        ],
    );
    faults(
        "options: status,",
        "options: staus,",
        &[
            "v:5:3: no column uses the options status",
            "v:25:66: there is no set of options staus (did you mean status?)",
        ],
    );
    faults(
        "period.start,",
        "period..start,",
        &["v:26:35: the path period..start does not parse: expected a member name"],
    );
    faults("A: {2: Animal}", "A: {1: Animal}", &["v:10:9: 1 is the number of two options, first in line 9"]);
    faults("    A: {2", "    P: {2", &["v:10:5: P is given twice, first in line 9"]);
    faults("statecode: ", "msemr_size: ", &["v:31:7: msemr_size is given twice, first in line 28"]);
    faults(
        "{msemr_kind: A}",
        "{msemr_kind: B}",
        &["v:18:35: B is none of the options of msemr_kind (did you mean P?)"],
    );
    faults(
        "only: Patient, description",
        "only: Patent, description",
        &["v:27:58: no row of the table comes from Patent; they come from Patient, Person (did you mean Patient?)"],
    );
    faults(
        "table: msemr_visit,",
        "table: msemr_vist,",
        &["v:36:21: there is no table msemr_vist above this one; a parent comes before its children (did you mean \
         msemr_visit?)"],
    );
    faults(
        "{key: true, label: Part}",
        "{text: a, label: Part}",
        &["v:39:7: 0 of the columns are keys; there must be one: msemr_visitpartid: {key: true, label: …}"],
    );
    faults("version: 1.2.0", "version: '1'", &["v:3:10: a version has three numbers: 0.1.0"]);
    faults("max: 100", "max: lots", &["v:24:109: max is a number of characters"]);
    faults("derived: true}", "derived: yes}", &["v:30:71: derived is true or false"]);
    faults(
        "scale: [12, 2]",
        "max: 2",
        &["v:28:58: max says nothing about decimal; it goes with text, concept, coding, quantity_code, code_concept"],
    );
    faults(
        "{text: meta.versionId,",
        "{text: $this,",
        &["v:30:30: $this is an element, in a child table; in a table of whole resources it is none"],
    );
    faults(
        "'status.coding[0].code'",
        "status.coding[0].code",
        &[
            "v:25:45: this is no YAML: while parsing a flow mapping, did not find expected ',' or '}' (in { } and [ ], text \
         that has [ ] { } , or \": \" stands in quotes)",
        ],
    );
}

#[test]
fn no_text_panics() {
    for end in (0..YAML.len()).filter(|end| YAML.is_char_boundary(*end)) {
        let _ = read(&YAML[..end], "v");
    }
    for odd in ["", "- a", "a: &x 1\nb: *x", "!!map {}", "{[a]: b}", "a: 1\n---\nb: 2", &"[".repeat(1000)] {
        assert!(read(odd, "v").is_err(), "{odd}");
    }
}
