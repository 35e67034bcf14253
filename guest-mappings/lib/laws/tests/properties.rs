//! What holds for any row and any resource: a row that is written is the row that is read, writing what is
//! shown changes nothing, and what a change does not name keeps its bytes.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use turntable_laws::testing::{create, rows_of, update};
use turntable_mapping::*;
use turntable_scan::Document;

const MAPPING: Mapping = mapping("any", "0.1.0", &[PERSON]);

const GENDER: &[Code] = &[code(1, "male", "Male"), code(2, "female", "Female")];

#[rustfmt::skip]
const PERSON: Table = table("person", "people", "Person", "", &[
    key("id", "Id"),
    text("first", "First", "name[0].given[0]"),
    text("second", "Second", "name[0].given[1]"),
    text("family", "Family", "name[0].family"),
    text("official", "Official", "address.where(use='home').text"),
    text("phone", "Phone", "telecom.where(system='phone' and use='home').value"),
    text("mrn", "MRN", "identifier.where(type.coding.code='MR').value"),
    choice("gender", "Gender", GENDER, "gender"),
    date("born", "Born", "birthDate"),
    date_time("birthtime", "Birth time", "_birthDate.extension('http://x/time').valueDateTime"),
    boolean("modified", "Modified", "modifierExtension.where(url='http://x/m').valueBoolean"),
    concept("marital", "Marital", "maritalStatus"),
    decimal("weight", "Weight", "extension('http://x/weight').valueQuantity.value"),
    text("unit", "Unit", "extension('http://x/weight').valueQuantity.unit"),
    lookup("doctor", "Doctor", &[("people", "Practitioner")], "generalPractitioner[0]"),
])
.source(resource("Patient"));

/// Column and JSON value.
type Values = BTreeMap<&'static str, Option<String>>;

fn words() -> BoxedStrategy<String> {
    // Quotes, escapes, other planes and what looks like JSON; no control characters, which FHIR has not.
    prop_oneof!["[a-zA-Zäß😀\"\\\\/{}\\[\\]: ,]{1,12}", Just("null".to_owned())]
        .prop_map(|text| format!("{text:?}"))
        .boxed()
}

/// A JSON text of plain characters: Rust's own escapes are JSON's for these.
fn value(column: &str) -> BoxedStrategy<String> {
    match column {
        "gender" => prop_oneof![Just("\"male\"".to_owned()), Just("\"female\"".to_owned())].boxed(),
        "born" => "\"19[0-9]{2}-0[1-9]-[12][0-8]\"".boxed(),
        "birthtime" => "\"19[0-9]{2}-0[1-9]-[12][0-8]T0[0-9]:30:00(\\.[0-9]{1,9})?(Z|\\+02:00)\"".boxed(),
        "modified" => any::<bool>().prop_map(|value| value.to_string()).boxed(),
        "weight" => "-?[1-9][0-9]{0,20}(\\.[0-9]{1,20})?([eE][+-]?[1-9])?".boxed(),
        "doctor" => "\"Practitioner/[a-z0-9.-]{1,20}\"".boxed(),
        _ => words(),
    }
}

const COLUMNS: [&str; 16] = [
    "first",
    "second",
    "family",
    "official",
    "phone",
    "mrn",
    "gender",
    "born",
    "birthtime",
    "modified",
    "marital_code",
    "marital_system",
    "marital_display",
    "weight",
    "unit",
    "doctor",
];

/// Some columns, each with a value or null.
fn values() -> impl Strategy<Value = Values> {
    let some =
        COLUMNS.map(|column| option::of(option::of(value(column))).prop_map(move |value| value.map(|v| (column, v))));
    some.to_vec().prop_map(|values| values.into_iter().flatten().collect())
}

/// Members that no column reads, with odd numbers and spaces.
fn others() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![
            Just(r#""x" : 1.0E-3"#.to_owned()),
            Just(r#""contact":[{"name":{"family":"\u0041"},"rank":1.50}]"#.to_owned()),
            Just(r#""text": {"div":"<p>\/</p>" }"#.to_owned()),
            Just(r#""contained":[{"resourceType":"Organization","id":"c"}]"#.to_owned()),
        ],
        0..4,
    )
    .prop_map(|members| {
        members.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" , ")
    })
}

fn json(values: &Values) -> String {
    let members: Vec<_> =
        values.iter().map(|(column, value)| format!("{column:?}:{}", value.as_deref().unwrap_or("null"))).collect();
    format!("{{{}}}", members.join(","))
}

/// The one row of a resource, as texts of JSON values.
fn row(resource: &str) -> BTreeMap<String, String> {
    let rows = rows_of(&MAPPING, "person", resource);
    let document = Document::parse(rows.as_bytes()).unwrap();
    let row = document.root().items().next().unwrap();
    row.members()
        .map(|(key, value)| {
            (key.text().unwrap().into_owned(), value.text().map_or(value.raw().to_owned(), |text| text.into_owned()))
        })
        .collect()
}

fn text_of(json: &str) -> String {
    let document = Document::parse(json.as_bytes()).unwrap();
    document.root().text().map_or_else(|| json.to_owned(), |text| text.into_owned())
}

proptest! {
    #[test]
    fn a_row_that_is_written_is_the_row_that_is_read(values in values()) {
        let resource = create(&MAPPING, "person", Some("p"), &json(&values));
        let row = row(&resource);
        for (column, value) in &values {
            prop_assert_eq!(row.get(*column).cloned(), value.as_deref().map(text_of), "{} in {}", column, resource);
        }
        // And nothing else is in it: written back, it is the same resource; taken back, it is empty.
        prop_assert_eq!(update(&MAPPING, "person", &resource, &json(&values)), resource.clone());
        let nulls: Values = COLUMNS.iter().map(|column| (*column, None)).collect();
        prop_assert_eq!(update(&MAPPING, "person", &resource, &json(&nulls)), r#"{"resourceType":"Patient","id":"p"}"#, "{}", resource);
    }

    #[test]
    fn a_change_leaves_the_rest(before in values(), others in others(), change in values()) {
        let made = create(&MAPPING, "person", Some("p"), &json(&before));
        let start = made.strip_suffix('}').unwrap();
        let resource = if others.is_empty() { made.clone() } else { format!("{start}, {others} }}") };
        let after = update(&MAPPING, "person", &resource, &json(&change));
        let (shown, now) = (row(&resource), row(&after));
        for column in COLUMNS {
            let expected = match change.get(column) {
                Some(value) => value.as_deref().map(text_of),
                None => shown.get(column).cloned(),
            };
            // A changed code leaves no display behind that described it, a removed date nothing that was said of it.
            let goes = column == "marital_display" || column == "birthtime" && change.get("born") == Some(&None);
            let stale = goes && !change.contains_key(column) && !now.contains_key(column);
            prop_assert!(stale || now.get(column).cloned() == expected, "{} of {} by {} is {}", column, resource, json(&change), after);
        }
        for other in others.split(" , ") {
            prop_assert!(after.contains(other), "{} of {} is not in {}", other, resource, after);
        }
        // A second time it is no change.
        prop_assert_eq!(update(&MAPPING, "person", &after, &json(&change)), after);
    }
}
