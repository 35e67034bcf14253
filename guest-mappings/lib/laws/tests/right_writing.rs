//! What a mapping writes is held to R4, whatever resources there are to try it with.

use turntable_laws::{Law, Named, Native, check, valid};
use turntable_mapping::*;

const CODES: &[Code] = &[code(1, "final", "Final"), code(2, "fnal", "Final")];

/// What the law says of columns of Observation, over no resource at all.
fn check_columns(columns: &'static [Column], expected: &[&str]) {
    let told = [&[key("id", "Id")], columns].concat();
    let tables = vec![table("t", "ts", "T", "", told.leak()).source(resource("Observation"))].leak();
    let mapping = Box::leak(Box::new(mapping("m", "1.0.0", tables)));
    let found = valid(&Native(mapping));
    let mut told: Vec<_> = found
        .iter()
        .map(|violation| {
            let [column, path] = [&violation.column, &violation.path].map(|name| name.as_deref().unwrap_or("-"));
            format!("{column} {path}: {}", violation.difference)
        })
        .collect();
    told.sort();
    assert_eq!(told, expected);
    let report = check(&Native(mapping), &[], None);
    assert_eq!(report.holds(Law::Valid), expected.is_empty());
}

#[test]
fn columns_that_fit_their_elements_are_right() {
    const COLUMNS: &[Column] = &[
        text("a", "A", "note[0].text"),
        text("b", "B", "status"),
        text("c", "C", "valueTime"),
        text("d", "D", "component.where(code.text='x').valueString"),
        text("e", "E", "extension('http://x').valueBase64Binary"),
        concept("f", "F", "category[0]"),
        partial_date("g", "G", "effectiveDateTime"),
        decimal("h", "H", "valueQuantity.value"),
        decimal("i", "I", "component.where(code.text='x').valueInteger"),
        lookup("j", "J", &[("contacts", "Patient")], "subject"),
        boolean("k", "K", "modifierExtension.where(url='http://x').valueBoolean"),
        json("l", "L", "effectiveTiming"),
        uri("m", "M", "instantiatesUri"),
        text("n", "N", "code.text"),
    ];
    const NOT_IN_R4: &str = "m Observation.instantiatesUri: what it writes is not R4: R4 has no such element";
    check_columns(COLUMNS, &[NOT_IN_R4]);
}

#[test]
fn a_list_or_its_element_in_place_of_the_other_is_named() {
    const COLUMNS: &[Column] = &[
        text("a", "A", "note.text"),
        concept("b", "B", "category"),
        text("c", "C", "valueString[0]"),
        concept("d", "D", "method[0]"),
        text("e", "E", "component[0].valueQuantity[0].unit"),
        text("f", "F", "code.text"),
    ];
    check_columns(
        COLUMNS,
        &[
            "a Observation.note: what it writes is not R4: R4 has a list here",
            "b_code Observation.category: what it writes is not R4: R4 has a list here",
            "b_display Observation.category: what it writes is not R4: R4 has a list here",
            "b_system Observation.category: what it writes is not R4: R4 has a list here",
            "c Observation.valueString: what it writes is not R4: R4 has one value here, no list",
            "d_code Observation.method: what it writes is not R4: R4 has one value here, no list",
            "d_display Observation.method: what it writes is not R4: R4 has one value here, no list",
            "d_system Observation.method: what it writes is not R4: R4 has one value here, no list",
            "e Observation.component[0].code: what it writes is not R4: R4 requires this element",
        ],
    );
}

#[test]
fn kinds_constants_options_and_targets_are_named() {
    const COLUMNS: &[Column] = &[
        int("a", "A", "valueString"),
        text("b", "B", "valueBoolean"),
        boolean("c", "C", "valueInteger"),
        date_time("d", "D", "subject.identifier.period.start"),
        date("e", "E", "issued"),
        choice("f", "F", CODES, "status"),
        lookup("g", "G", &[("contacts", "Patient"), ("devices", "Device"), ("x", "Account")], "subject"),
        text("h", "H", "identifier.where(use='offical').value"),
        text("i", "I", "code.txt"),
        text("j", "J", "component[0].valueString"),
        uri("k", "K", "valueQuantity.system"),
        text("l", "L", "referenceRange[0].text"),
        text("m", "M", "valueQuantity"),
    ];
    check_columns(
        COLUMNS,
        &[
            "a Observation.valueString: what it writes is not R4: R4 has a text that is not empty here",
            "b Observation.valueBoolean: what it writes is not R4: R4 has true or false here",
            "c Observation.valueInteger: what it writes is not R4: R4 has a whole number here",
            "e Observation.issued: what it writes is not R4: R4 has a date and time with its zone here",
            "f Observation.status: what it writes is not R4: no code of observation-status: registered, preliminary, final, amended, corrected, cancelled, entered-in-error, unknown",
            "g Observation.subject.reference: what it writes is not R4: a reference to Patient, Group, Device, Location",
            "h Observation.identifier[0].use: what it writes is not R4: no code of identifier-use: usual, official, temp, secondary, old",
            "i Observation.code.txt: what it writes is not R4: R4 has no such element; did you mean text?",
            "j Observation.component[0].code: what it writes is not R4: R4 requires this element",
            "m Observation.valueQuantity: what it writes is not R4: R4 has an object here, a Quantity",
        ],
    );
}

#[test]
fn new_rows_of_lists_are_held_to_r4_too() {
    #[rustfmt::skip]
    const TABLES: &[Table] = &[
        table("t", "ts", "T", "", &[key("id", "Id"), concept("code", "Code", "code")]).source(resource("Observation")),
        child("c", "cs", "C", "", parent("t", "t"), "component", &[
            key("id", "Id"),
            concept("code", "Code", "code"),
            text("low", "Low", "referenceRange.text"),
            text("value", "Value", "valueString"),
        ]).source(resource("Observation")),
        child("r", "rs", "R", "", parent("c", "c"), "referenceRange", &[
            key("id", "Id"),
            int("text", "Text", "text"),
            concept("applies", "Applies", "appliesTo[0]"),
        ]).source(resource("Observation")),
    ];
    const MAPPING: Mapping = mapping("m", "1.0.0", TABLES);
    let mut found: Vec<_> = valid(&Native(&MAPPING)).iter().map(ToString::to_string).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "valid: c.low, a new resource at Observation.component[0].referenceRange: what it writes is not R4: R4 has a list here",
            "valid: r.text, a new resource at Observation.component[0].referenceRange[0].text: what it writes is not R4: R4 has a text that is not empty here",
        ]
    );
}

#[test]
fn what_is_written_to_resources_at_hand_is_judged() {
    /// Takes the element's list away with its value.
    fn write(edit: &mut Edit<'_>, value: Option<&str>) -> Result<(), Problem> {
        match value {
            Some(text) => edit.set_text("note[0].text", text),
            None => edit.set_json("note", "[]"),
        }
    }
    fn read(note: Value<'_>) -> Option<std::borrow::Cow<'_, str>> {
        note.get("text")?.text()
    }
    const TABLES: &[Table] = &[table(
        "t",
        "ts",
        "T",
        "",
        &[key("id", "Id"), text("note", "Note", "note[0]").read_with(read).write_with(write)],
    )
    .source(resource("Observation"))];
    const MAPPING: Mapping = mapping("m", "1.0.0", TABLES);
    assert_eq!(valid(&Native(&MAPPING)), []);
    let text = r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"c"},"note":[{"text":"n"}]}"#;
    let report = check(&Native(&MAPPING), &[Named { name: "o", text }], None);
    let found: Vec<_> = report.violations.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["valid: t.note, o at Observation.note: what it writes is not R4: a list is not empty"]);
}

#[test]
fn namesakes_that_repeat_in_one_place_only_are_told_apart() {
    for (kind, path) in [
        ("Questionnaire", "item[0].prefix"),
        ("Patient", "name[0].prefix"),
        ("Patient", "identifier.value"),
        ("AdverseEvent", "identifier.value"),
        ("Observation", "subject.identifier.value"),
        ("Organization", "telecom.where(system='phone').value"),
    ] {
        let mut columns = vec![key("id", "Id"), text("a", "A", path)];
        if kind == "Questionnaire" {
            columns.extend([text("b", "B", "item[0].linkId"), text("c", "C", "item[0].type")]);
        }
        let tables = vec![table("t", "ts", "T", "", columns.leak()).source(resource(kind))].leak();
        let mapping: &Mapping = Box::leak(Box::new(mapping("m", "1.0.0", tables)));
        assert_eq!(valid(&Native(mapping)), [], "{kind} {path}");
    }
}
