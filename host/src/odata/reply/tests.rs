use super::super::sample::{self, BASE, GUID};
use super::*;
use crate::model::error;

/// An observation's cells in the order of its columns.
const CELLS: [Option<&str>; 17] = [
    Some(GUID),
    Some("a \"b\"\\\n\u{1}é"),
    Some("final"),
    Some("Patient/p1"),
    None,
    Some("2015-02-07T13:28:17.2390+02:00"),
    Some("72.10"),
    Some("-5"),
    Some("9007199254740993"),
    Some("2015-02"),
    Some("http://loinc.org"),
    Some("{\"a\":1}"),
    Some("8867-4"),
    Some("http://loinc.org"),
    Some("Heart rate"),
    Some("3"),
    None,
];

fn rows(change: &[(usize, Option<&'static str>)]) -> Rows {
    let mut cells = CELLS;
    for (column, cell) in change {
        cells[*column] = *cell;
    }
    let mut rows = Rows::new((0..cells.len()).collect());
    rows.push(cells);
    rows
}

fn write(query: &Query, rows: &Rows, expanded: &[Expanded], format: Format, annotations: &str) -> Result<String> {
    let (catalog, table) = (sample::catalog(), sample::observation());
    let annotations = Annotations::parse(annotations);
    let (omit_nulls, names, expand_bytes) = (false, &Names::default(), usize::MAX);
    let style = Style {
        catalog: &catalog,
        base: BASE,
        format,
        annotations: &annotations,
        expand_bytes,
        omit_nulls,
        names,
        twins: false,
        pause: || Ok(()),
    };
    let bytes = one(style, Found { table: &table, query, rows, expanded }, 0)?;
    let text = String::from_utf8(bytes).expect("UTF-8");
    serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
    Ok(text)
}

fn style_of<'a>(catalog: &'a Catalog, annotations: &'a Annotations) -> Style<'a> {
    static NAMES: std::sync::LazyLock<Names> = std::sync::LazyLock::new(Names::default);
    Style {
        catalog,
        base: BASE,
        format: Format::default(),
        annotations,
        expand_bytes: usize::MAX,
        omit_nulls: false,
        names: &NAMES,
        twins: false,
        pause: || Ok(()),
    }
}

fn member(text: &str, name: &str) -> Option<String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap();
    object.get(name).map(ToString::to_string)
}

#[test]
fn cells_are_written_by_kind() {
    let text = write(&Query::default(), &rows(&[]), &[], Format::default(), "").unwrap();
    let check = |name: &str, expected: &str| assert_eq!(member(&text, name).as_deref(), Some(expected), "{name}");
    check("@odata.context", &format!("\"{BASE}$metadata#msemr_observations/$entity\""));
    check("@odata.etag", r#""W/\"3\"""#);
    check("msemr_observationid", &format!("\"{GUID}\""));
    check("msemr_name", r#""a \"b\"\\\n\u0001é""#);
    check("msemr_status", "935000001");
    check("_msemr_patient_value", &format!("\"{}\"", key::guid("p1")));
    check("_msemr_device_value", "null");
    check("msemr_issued", "\"2015-02-07T11:28:17.2390Z\"");
    check("msemr_value", "72.10");
    check("msemr_count", "-5");
    check("msemr_total", "9007199254740993");
    check("msemr_onset", "\"2015-02\"");
    check("msemr_extra", r#""{\"a\":1}""#);
    check("_msemr_code_value", &format!("\"{}\"", key::concept(Some("http://loinc.org"), "8867-4")));
    assert!(!text.contains("Formatted") && !text.contains("odata.type"));
}

#[test]
fn the_level_of_detail_is_kept() {
    let none = Format { detail: Detail::None, ieee754_compatible: true, ..Format::default() };
    let text = write(&Query::default(), &rows(&[]), &[], none, "").unwrap();
    assert!(!text.contains("@odata"), "{text}");
    assert_eq!(member(&text, "msemr_value").as_deref(), Some("\"72.10\""));
    assert_eq!(member(&text, "msemr_total").as_deref(), Some("\"9007199254740993\""));
    let full = Format { detail: Detail::Full, ..Format::default() };
    let text = write(&Query::default(), &rows(&[]), &[], full, "").unwrap();
    assert_eq!(member(&text, "@odata.id"), Some(format!("\"{BASE}msemr_observations({GUID})\"")));
    assert_eq!(member(&text, "@odata.type").as_deref(), Some("\"#Microsoft.Dynamics.CRM.msemr_observation\""));
    assert_eq!(member(&text, "msemr_issued@odata.type").as_deref(), Some("\"#DateTimeOffset\""));
    assert!(text.contains("msemr_patient@odata.navigationLink"));
}

#[test]
fn annotations_come_when_asked_for() {
    let text = write(&Query::default(), &rows(&[(2, Some("unknown"))]), &[], Format::default(), "*").unwrap();
    let check = |name: &str, expected: &str| assert_eq!(member(&text, name).as_deref(), Some(expected), "{name}");
    check("msemr_status", "null");
    check(&format!("msemr_status@{FORMATTED}"), "\"unknown\"");
    check(&format!("msemr_issued@{FORMATTED}"), "\"2015-02-07 11:28\"");
    check(&format!("_msemr_code_value@{FORMATTED}"), "\"Heart rate\"");
    check(&format!("_msemr_patient_value@{LOGICAL_NAME}"), "\"contact\"");
    check(&format!("_msemr_patient_value@{NAVIGATION}"), "\"msemr_patient\"");
    let text = write(&Query::default(), &rows(&[]), &[], Format::default(), "*,-Microsoft.*").unwrap();
    assert!(text.contains("\"Final\"") && !text.contains(LOGICAL_NAME));
}

#[test]
fn nulls_are_omitted_unless_an_annotation_says_more() {
    let (catalog, table) = (sample::catalog(), sample::observation());
    let check = |detail: Detail, annotations: &str, code: Option<&'static str>, expected: &[&str]| {
        let annotations = Annotations::parse(annotations);
        let format = Format { detail, ..Format::default() };
        let style = Style { omit_nulls: true, format, ..style_of(&catalog, &annotations) };
        let query = Query { select: Some(vec![1, 2, 4, 6]), ..Query::default() };
        let rows = rows(&[(1, None), (2, code), (4, None)]);
        let text = one(style, Found { table: &table, query: &query, rows: &rows, expanded: &[] }, 0).unwrap();
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&text).unwrap();
        let names: Vec<_> = object.keys().filter(|name| name.starts_with("msemr_") || name.starts_with('_')).collect();
        assert_eq!(names, expected, "{detail:?} {annotations:?}");
    };
    check(Detail::None, "", Some("final"), &["msemr_observationid", "msemr_status", "msemr_value"]);
    // A code that its choice has no number for is null.
    check(Detail::None, "", Some("unknown"), &["msemr_observationid", "msemr_value"]);
    let labelled = ["msemr_observationid", "msemr_status@OData.Community.Display.V1.FormattedValue", "msemr_status"];
    check(Detail::Minimal, "*", Some("unknown"), &[&labelled[..], &["msemr_value"]].concat());
    check(Detail::None, "", None, &["msemr_observationid", "msemr_value"]);
}

#[test]
fn lookups_are_called_what_their_rows_are_called() {
    let (catalog, table, annotations) = (sample::catalog(), sample::observation(), Annotations::parse("*"));
    let mut names = Names::default();
    names.add("contacts", key::guid("p1"), "Jim \"J\"");
    names.add("msemr_devices", key::guid("p2"), "no patient");
    let style = Style { names: &names, ..style_of(&catalog, &annotations) };
    assert!(style.wants_names());
    let check = |cell: &'static str, expected: Option<&str>| {
        let (query, rows) = (Query { select: Some(vec![3]), ..Query::default() }, rows(&[(3, Some(cell))]));
        let text = one(style, Found { table: &table, query: &query, rows: &rows, expanded: &[] }, 0).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(member(&text, &format!("_msemr_patient_value@{FORMATTED}")).as_deref(), expected, "{cell}");
    };
    check("Patient/p1", Some(r#""Jim \"J\"""#));
    check("Patient/p2", None);
}

#[test]
fn a_cell_of_the_wrong_kind_fails_the_answer() {
    for (column, cell) in
        [(6, "1,5"), (6, "NaN"), (7, "1.5"), (7, "+5"), (8, "x"), (5, "soon"), (5, "2015-02-30T00:00:00Z")]
    {
        let error = write(&Query::default(), &rows(&[(column, Some(cell))]), &[], Format::default(), "").unwrap_err();
        assert_eq!(error.code(), Code::MappingIllFormed, "{cell}");
        assert!(!error.message().contains(cell), "{error}");
    }
}

#[test]
fn pages_and_related_rows() {
    let lookup = Relation::Lookup { column: 3, table: "contact".into() };
    let inner = Query { select: Some(vec![1]), ..Query::default() };
    let query = Query {
        select: Some(vec![1]),
        expand: vec![
            Expand { navigation: "msemr_patient".into(), to: lookup, form: ExpandForm::Rows, query: inner },
            Expand {
                navigation: "msemr_code".into(),
                to: Relation::Concept { concept: 0 },
                form: ExpandForm::Rows,
                query: Query { select: Some(vec![1]), ..Query::default() },
            },
        ],
        ..Query::default()
    };
    assert_eq!(columns(&sample::observation(), &query), [0, 1, 3, 12, 13, 14, 15]);
    let mut contacts = Rows::new(vec![0, 1]);
    contacts.push([Some("p1"), Some("James")]);
    let mut found = rows(&[(1, Some("x"))]);
    found.append(&rows(&[(1, None), (12, None)]));
    let patients = Expanded { rows: contacts, of_parent: vec![vec![0], vec![]], ..Expanded::default() };
    let (catalog, table, annotations) = (sample::catalog(), sample::observation(), Annotations::default());
    let style = style_of(&catalog, &annotations);
    let expanded = [patients, Expanded::default()];
    let found = Found { table: &table, query: &query, rows: &found, expanded: &expanded };
    let bytes = page(style, found, Page { count: Some(9), next_link: Some("next?a=1&b"), ..Page::default() }).unwrap();
    let (patient, concept) = (key::guid("p1"), key::concept(Some("http://loinc.org"), "8867-4"));
    let expected = format!(
        concat!(
            r#"{{"@odata.context":"{}$metadata#msemr_observations(msemr_name,msemr_patient(fullname),msemr_code(msemr_code))","#,
            r#""@odata.count":9,"value":[{{"@odata.etag":"W/\"3\"","msemr_observationid":"{}","msemr_name":"x","#,
            r#""msemr_patient":{{"contactid":"{}","fullname":"James"}},"#,
            r#""msemr_code":{{"msemr_codeableconceptid":"{}","msemr_code":"8867-4"}}}},"#,
            r#"{{"@odata.etag":"W/\"3\"","msemr_observationid":"{}","msemr_name":null,"msemr_patient":null,"msemr_code":null}}],"#,
            r#""@odata.nextLink":"next?a=1&b"}}"#,
        ),
        BASE, GUID, patient, concept, GUID
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn collections_have_their_own_counts() {
    let to = Relation::Collection { table: "msemr_observation".into(), column: 3 };
    let navigation = "msemr_observation_msemr_patient";
    let inner = Query { select: Some(vec![7]), ..Query::default() };
    let expand = Expand { navigation: navigation.into(), to, form: ExpandForm::Rows, query: inner };
    let query = Query { select: Some(vec![1]), expand: vec![expand], ..Query::default() };
    let mut contacts = Rows::new(vec![0, 1]);
    contacts.push([Some(GUID), Some("James")]);
    let own = Expanded { rows: rows(&[]), of_parent: vec![vec![0]], counts: vec![5], expanded: Vec::new() };
    let (catalog, table, annotations) = (sample::catalog(), sample::contact(), Annotations::default());
    let style = style_of(&catalog, &annotations);
    let found = Found { table: &table, query: &query, rows: &contacts, expanded: &[own] };
    let text = String::from_utf8(one(style, found, 0).unwrap()).unwrap();
    let expected = format!(
        r#""{navigation}@odata.count":5,"{navigation}":[{{"@odata.etag":"W/\"3\"","msemr_observationid":"{GUID}","msemr_count":-5}}]}}"#
    );
    assert!(text.ends_with(&expected), "{text}");
    let lost = one(style, Found { expanded: &[], ..found }, 0);
    assert_eq!(lost.unwrap_err().code(), Code::Internal);
    let not_fetched = contacts.project(&[0]);
    let lost = one(style, Found { rows: &not_fetched, ..found }, 0);
    assert_eq!(lost.unwrap_err().message(), "the column `fullname` was not fetched");
}

#[test]
fn properties_and_concepts() {
    let (catalog, table, annotations) = (sample::catalog(), sample::observation(), Annotations::default());
    let style = style_of(&catalog, &annotations);
    let text = |bytes: Option<Vec<u8>>| bytes.map(|b| String::from_utf8(b).unwrap());
    let value = text(property(style, &table, &rows(&[]), 0, 6).unwrap()).unwrap();
    let expected =
        format!(r#"{{"@odata.context":"{BASE}$metadata#msemr_observations({GUID})/msemr_value","value":72.10}}"#);
    assert_eq!(value, expected);
    assert_eq!(property(style, &table, &rows(&[]), 0, 4).unwrap(), None);
    assert_eq!(property_text(style, &table, &rows(&[]), 0, 6).unwrap().as_deref(), Some("72.10"));
    assert_eq!(property_text(style, &table, &rows(&[]), 0, 1).unwrap().as_deref(), CELLS[1]);
    let found = text(concept(style, &table, &rows(&[]), 0, 0).unwrap()).unwrap();
    assert!(
        found.ends_with(r#""msemr_system":"http://loinc.org","msemr_name":"Heart rate","msemr_text":null}"#),
        "{found}"
    );
    assert_eq!(concept(style, &table, &rows(&[(12, None)]), 0, 0).unwrap(), None);
}

#[test]
fn errors_have_the_shape_of_odata() {
    let detail = error::Detail { code: "a".into(), message: "b".into(), target: Some("c".into()) };
    let error = Error::new(Code::BadValue, "m").target("t").hint("h").internal("secret").detail(detail);
    let expected = r#"{"error":{"code":"BadValue","message":"m","target":"t","details":[{"code":"a","message":"b","target":"c"}],"@Turntable.hint":"h"}}"#;
    assert_eq!(String::from_utf8(super::error(&error)).unwrap(), expected);
}
