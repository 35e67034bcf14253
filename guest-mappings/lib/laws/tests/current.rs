//! Of several names, addresses and contact points the one that holds now is shown, changed, and made where there is none.

use turntable_laws::testing::{check, laws, refusals, update};
use turntable_mapping::*;

#[rustfmt::skip]
const PERSON: Table = table("person", "people", "Person", "", &[
    key("id", "Id"),
    text("family", "Family", "name.current().family"),
    text("given", "Given", "name.current().given[0]"),
    text("text", "Name", "name.current().text"),
    choice("use", "Use", USE, "name.current().use"),
    date_time("until", "Until", "name.current().period.end"),
    text("city", "City", "address.current().city"),
    text("line", "Street", "address.current().line[1]"),
    text("phone", "Phone", "telecom.current(system='phone').value"),
    text("home", "Home phone", "telecom.current(system='phone' and use='home').value"),
    int("rank", "Rank", "telecom.current(system='phone').rank"),
    text("contactphone", "Contact's phone", "contact[0].telecom.current(system='phone').value"),
])
.source(resource("Patient"));

const USE: &[Code] = &[
    code(1, "usual", "Usual"),
    code(2, "official", "Official"),
    code(3, "temp", "Temp"),
    code(4, "nickname", "Nickname"),
    code(5, "anonymous", "Anonymous"),
    code(6, "old", "Old"),
    code(7, "maiden", "Maiden"),
];

const MAPPING: Mapping = mapping("test", "0.1.0", &[PERSON]);

fn patient(members: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"p",{members}}}"#)
}

#[track_caller]
fn changed(members: &str, change: &str, expected: &str) {
    let expected = match expected {
        "" => r#"{"resourceType":"Patient","id":"p"}"#.to_owned(),
        members => patient(members),
    };
    assert_eq!(update(&MAPPING, "person", &patient(members), change), expected);
}

#[test]
fn what_is_shown_is_what_is_changed() {
    let names = r#""name":[{"use":"old","family":"Alt"},{"use":"official","family":"Aktuell","given":["Eva"]}]"#;
    check(&MAPPING, "person", &patient(names), r#"{"family": "Aktuell", "given": "Eva", "use": "official"}"#);
    changed(names, r#"{"family": "Neu"}"#, &names.replace("Aktuell", "Neu"));
    let phones = r#""telecom":[{"system":"phone","value":"1","use":"old"},{"system":"phone","value":"2","rank":9},{"system":"phone","value":"3","rank":2,"use":"home"}]"#;
    check(&MAPPING, "person", &patient(phones), r#"{"phone": "3", "home": "3", "rank": "2"}"#);
    changed(phones, r#"{"phone": "4"}"#, &phones.replace("\"3\"", "\"4\""));
    let contact = r#""contact":[{"telecom":[{"system":"phone","value":"1","period":{"end":"2001"}},{"system":"phone","value":"2"}]}]"#;
    check(&MAPPING, "person", &patient(contact), r#"{"contactphone": "2"}"#);
    changed(contact, r#"{"contactphone": "3"}"#, &contact.replace("\"2\"", "\"3\""));
}

#[test]
fn where_none_holds_now_a_new_one_is_made() {
    let old = r#""address":[{"use":"old","city":"Ulm"}]"#;
    check(&MAPPING, "person", &patient(old), r#"{"city": null}"#);
    let added = r#""address":[{"use":"old","city":"Ulm"},{"city":"Bonn"}]"#;
    changed(old, r#"{"city": "Bonn"}"#, added);
    changed(added, r#"{"city": "Köln"}"#, &added.replace("Bonn", "Köln"));
    let fax = r#""telecom":[{"system":"fax","value":"1"}]"#;
    let both = r#""telecom":[{"system":"fax","value":"1"},{"system":"phone","use":"home","value":"2"}]"#;
    changed(fax, r#"{"home": "2"}"#, both);
    // A name that has ended is still the name, where there is no other.
    let maiden = r#""name":[{"use":"maiden","family":"A"}]"#;
    check(&MAPPING, "person", &patient(maiden), r#"{"family": "A"}"#);
    changed(maiden, r#"{"given": "Eva"}"#, r#""name":[{"use":"maiden","family":"A","given":["Eva"]}]"#);
}

#[test]
fn several_values_of_one_change_go_to_one_element() {
    let names = r#""name":[{"use":"usual","family":"A"},{"use":"official","family":"B"}]"#;
    let expected = names.replace(r#""B""#, r#""C","given":["Eva"],"text":"Eva C""#);
    changed(names, r#"{"family": "C", "given": "Eva", "text": "Eva C"}"#, &expected);
}

#[test]
fn another_one_does_not_take_the_place_of_what_is_changed() {
    let names = patient(r#""name":[{"use":"usual","family":"A"},{"use":"official","family":"B"}]"#);
    for change in [r#"{"use": "old"}"#, r#"{"use": "usual"}"#, r#"{"until": "2001-01-01T00:00:00Z", "family": "C"}"#] {
        let refused = refusals(&MAPPING, "person", &names, change);
        assert!(
            !refused.is_empty() && refused.iter().all(|why| why.contains("the current one")),
            "{change}: {refused:?}"
        );
    }
    // Alone it stays what it is.
    changed(r#""name":[{"family":"B"}]"#, r#"{"use": "old"}"#, r#""name":[{"family":"B","use":"old"}]"#);
    // What is emptied keeps its place before one that has ended.
    let phones = r#""telecom":[{"system":"phone","value":"1","period":{"end":"2001"}},{"system":"phone","value":"2"}]"#;
    let emptied = update(&MAPPING, "person", &patient(phones), r#"{"phone": null}"#);
    check(&MAPPING, "person", &emptied, r#"{"phone": null}"#);
    changed(r#""telecom":[{"system":"phone","value":"2"}]"#, r#"{"phone": null}"#, "");
    changed(r#""address":[{"city":"Ulm"}]"#, r#"{"city": null}"#, "");
}

#[test]
fn the_laws_hold() {
    for members in [
        r#""name":[{"use":"old","family":"A"},{"use":"official","family":"B","given":["C","D"]}]"#,
        r#""name":[{"family":"B"},{"family":"A","use":"usual","period":{"start":"2001","end":"2002"}}]"#,
        r#""name":{"family":"B"},"address":{"use":"old","city":"U"}"#,
        r#""address":[{"use":"old","city":"U"},{"use":"home","line":["a"]},{"use":"work","city":"V","line":["a","b"]}]"#,
        r#""address":[{"city":"U","period":{"end":"2001"}}]"#,
        r#""telecom":[{"system":"phone","value":"1","rank":2},null,{"system":"phone","value":"2","rank":1,"use":"home"}]"#,
        r#""telecom":[{"system":"phone","use":"home"},{"system":"phone","value":"2"},{"system":"email","value":"e"}]"#,
        r#""contact":[{"telecom":[{"system":"phone","value":"1","use":"old"}]}]"#,
    ] {
        laws(&MAPPING, &patient(members));
    }
}
