//! What the compiler says of views that are wrong: the place, what is wrong, and the nearest right name.

use turntable_view::compile;

/// A view of a patient with these columns, as paths.
fn view(paths: &[&str]) -> String {
    let column = |(at, path): (usize, &&str)| format!(r#"{{ "name": "c{at}", "type": "string", "path": "{path}" }}"#);
    let columns: Vec<String> = paths.iter().enumerate().map(column).collect();
    format!("{{ \"resource\": \"Patient\",\n\"select\": [{{ \"column\": [{}] }}] }}", columns.join(", "))
}

fn first_fault(text: &str) -> String {
    match compile(text, "view") {
        Ok(compiled) => compiled.warnings.first().map_or("it compiles".into(), |fault| format!("warning: {fault}")),
        Err(faults) => faults[0].to_string(),
    }
}

#[test]
fn paths() {
    let check = |path: &str, expected: &str| {
        let said = first_fault(&view(&[path]));
        let said = said.split_once("path: ").map_or(said.as_str(), |(_, message)| message);
        assert_eq!(said, expected, "{path}");
    };
    check("name.famly", "HumanName has no element `famly`; did you mean family?");
    check("gendr", "Patient has no element `gendr`; did you mean gender?");
    check("deceasedBoolean", "FHIRPath writes `deceasedBoolean` as `deceased.ofType(boolean)`");
    check("deceased.ofType(bolean)", "there is no type `bolean`; did you mean boolean?");
    check("name.frist()", "views have no function `frist`; did you mean first?");
    check("now()", "`now` is not offered: a view has no clock: filter by time when you read the table");
    check("%usee", "the view has no constant `usee`");
    check("birthDate > 5", "`>` orders texts, numbers, or dates and times, and both of one kind");
    check("gender + 1", "`+` joins two texts or adds two numbers; `&` joins anything");
    check("gender.where()", "`where` is not offered: not with so many arguments");
    check("name.first(1)", "`first` takes 0 arguments, not 1");
    check("name.getReferenceKey()", "`getReferenceKey` is about a Reference, and this is none");
    check(
        "managingOrganization.getReferenceKey(Organisation)",
        "there is no resource type `Organisation`; did you mean Organization?",
    );
    check("name.", "expected a name after the dot, found the end");
    check("colour", "Patient has no element `colour`; in R4 this is always empty");
    check("name.family", "it compiles");
    check("name", "2:49: /select/0/column/0/type: the path gives HumanName, which is no simple value");
}

#[test]
fn structure() {
    let check = |text: &str, expected: &str| assert_eq!(first_fault(text), expected, "{text}");
    check("{", "1:2: no JSON: unexpected end");
    check("{}", "1:1: a view names the `resource` type that it is of");
    check(r#"{"resource": "Patiant"}"#, "1:14: /resource: there is no resource type `Patiant`; did you mean Patient?");
    check(r#"{"resource": "Patient"}"#, "1:1: a view has at least one `select`");
    check(
        "{\"resource\": \"Patient\",\n \"select\": [{\"colum\": []}]}",
        "2:14: /select/0/colum: there is no `colum` here; did you mean column?",
    );
    check(
        r#"{"resource": "Patient", "select": [{"column": [{"name": "1", "path": "id"}]}]}"#,
        "1:57: /select/0/column/0/name: a name begins with a letter and has letters, digits and `_` only",
    );
    check(
        r#"{"resource": "Patient", "select": [{"column": [{"name": "a", "path": "id"}, {"name": "A", "path": "id"}]}]}"#,
        "1:86: /select/0/column/1/name: there is a column `a` already; letter case does not count",
    );
    check(
        r#"{"resource": "Patient", "select": [{"column": [{"name": "a", "path": "active", "type": "integer"}]}]}"#,
        "1:88: /select/0/column/0/type: the path gives Boolean, not Integer",
    );
    check(
        r#"{"resource": "Patient", "constant": [{"name": "c", "valueDate": "2020-13"}], "select": []}"#,
        "1:38: /constant/0: this is no date",
    );
    check(
        r#"{"resource": "Patient", "select": [{"forEach": "name", "repeat": ["name"], "column": []}]}"#,
        "1:36: /select/0: `forEach` and `repeat` are both here; a select has one of them",
    );
}

/// The byte of an expression is the column of the file.
#[test]
fn places() {
    let text = view(&["id", "name.where(use = 'official').famly"]);
    let fault = compile(&text, "view").unwrap_err().remove(0);
    let line = text.lines().nth(fault.line - 1).unwrap();
    assert_eq!((fault.line, &line[fault.column - 1..fault.column + 4]), (2, "famly"));
}

/// Nested as deeply as JSON may be, and as long as a view may be: refused, not run out of stack.
#[test]
fn no_view_is_too_much() {
    let nested = "{\"select\":[".repeat(60) + &"]}".repeat(60);
    assert!(compile(&format!(r#"{{"resource": "Patient", "select": [{nested}]}}"#), "view").is_err());
    let criteria = "name.where(".repeat(20) + "true" + &")".repeat(20);
    assert!(first_fault(&view(&[&criteria])).contains("at most 16 deep"));
    assert!(compile(&" ".repeat(2 << 20), "view").is_err());
}
