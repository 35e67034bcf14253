use super::*;
use crate::model::error::Code;
use crate::model::key;
use crate::model::query::{Arithmetic, Compare, Function, Literal, Primitive, TextTest};
use crate::model::value::parse_instant;
use crate::plan::example::observation::*;
use crate::plan::example::*;
use crate::plan::unparse;

/// Rows of a few columns of the observations; `""` = null.
fn rows<const N: usize>(columns: [usize; N], cells: &[[&str; N]]) -> Rows {
    let mut rows = Rows::new(columns.to_vec());
    for row in cells {
        rows.push(row.iter().map(|cell| (!cell.is_empty()).then_some(*cell)));
    }
    rows
}

#[track_caller]
fn check(column: usize, cell: &str, filter: &Filter, expected: Option<bool>) {
    let table = observations();
    let rows = rows([column], &[[cell]]);
    let result = Residual::new(filter, &table).and_then(|r| r.evaluate(&rows, 0)).unwrap();
    assert_eq!(result, expected, "{} of {cell:?}", unparse::filter(filter, &table));
}

#[track_caller]
fn refused(column: usize, cell: &str, filter: &Filter, code: Code) {
    let table = observations();
    let rows = rows([column], &[[cell]]);
    let result = Residual::new(filter, &table).and_then(|r| r.evaluate(&rows, 0));
    assert_eq!(result.unwrap_err().code(), code, "{}", unparse::filter(filter, &table));
}

fn call(function: Function, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Call(function, arguments.into_iter().collect())
}

fn lit(literal: Literal) -> Expr {
    Expr::Literal(literal)
}

fn equal(expr: Expr, literal: Literal) -> Filter {
    Filter::Compare(Compare::Eq, expr, lit(literal))
}

#[test]
fn three_valued_logic() {
    let [t, f, n] = [("true", Some(true)), ("false", Some(false)), ("", None)];
    let cases = [
        (t, t, Some(true), Some(true)),
        (t, f, Some(false), Some(true)),
        (t, n, None, Some(true)),
        (f, t, Some(false), Some(true)),
        (f, f, Some(false), Some(false)),
        (f, n, Some(false), None),
        (n, t, None, Some(true)),
        (n, f, Some(false), None),
        (n, n, None, None),
    ];
    let value = |cell: &str| match cell {
        "" => Filter::Is(lit(Literal::Null)),
        cell => Filter::Is(lit(Literal::Bool(cell == "true"))),
    };
    for ((a, _), (b, _), both, either) in cases {
        check(ACTIVE, a, &and(Filter::Is(Expr::Column(ACTIVE)), value(b)), both);
        check(ACTIVE, a, &or(Filter::Is(Expr::Column(ACTIVE)), value(b)), either);
    }
    for (cell, expected) in [("true", Some(false)), ("false", Some(true)), ("", None)] {
        check(ACTIVE, cell, &not(Filter::Is(Expr::Column(ACTIVE))), expected);
    }
}

#[test]
fn null_is_a_value_to_eq_and_ne_only() {
    check(TIMES, "", &eq(TIMES, Literal::Null), Some(true));
    check(TIMES, "1", &eq(TIMES, Literal::Null), Some(false));
    check(TIMES, "", &compare(Compare::Ne, TIMES, Literal::Null), Some(false));
    check(TIMES, "", &eq(TIMES, number("1")), Some(false));
    check(TIMES, "", &compare(Compare::Ne, TIMES, number("1")), Some(true));
    for op in [Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge] {
        check(TIMES, "", &compare(op, TIMES, number("1")), None);
        check(TIMES, "1", &compare(op, TIMES, Literal::Null), None);
        check(TIMES, "", &not(compare(op, TIMES, number("1"))), None);
    }
    check(NOTE, "", &test(TextTest::Contains, NOTE, "a"), None);
    check(TIMES, "", &is_in(TIMES, [number("1")]), Some(false));
    check(TIMES, "", &is_in(TIMES, [number("1"), Literal::Null]), Some(true));
    check(TIMES, "1", &is_in(TIMES, [number("2"), number("1.0")]), Some(true));
    check(NOTE, "", &equal(call(Function::Length, [Expr::Column(NOTE)]), Literal::Null), Some(true));
}

#[test]
fn text_is_compared_without_case_and_accents() {
    check(NOTE, "JOSÉ", &eq(NOTE, string("jose")), Some(true));
    check(NOTE, "jose", &eq(NOTE, string("José")), Some(true));
    check(NOTE, "José", &compare(Compare::Ne, NOTE, string("JOSE")), Some(false));
    check(NOTE, "Ärzte", &compare(Compare::Lt, NOTE, string("b")), Some(true));
    check(NOTE, "Maria José", &test(TextTest::Contains, NOTE, "A JOS"), Some(true));
    check(NOTE, "Ñandú", &test(TextTest::StartsWith, NOTE, "nan"), Some(true));
    check(NOTE, "Ñandú", &test(TextTest::EndsWith, NOTE, "DU"), Some(true));
    check(NOTE, "abc", &test(TextTest::EndsWith, NOTE, "ab"), Some(false));
    check(NOTE, "%", &eq(NOTE, string("abc")), Some(false));
    check(ONSET, "2015-02", &eq(ONSET, string("2015-02")), Some(true));
}

#[test]
fn values_are_compared_by_what_they_mean() {
    check(VALUE, "72.10", &eq(VALUE, number("72.1")), Some(true));
    check(VALUE, "1e2", &eq(VALUE, number("100")), Some(true));
    check(VALUE, "9", &compare(Compare::Lt, VALUE, number("10")), Some(true));
    check(VALUE, "12345678901234567890123456789012.1", &compare(Compare::Gt, VALUE, number("1")), Some(true));
    check(TIMES, "3", &compare(Compare::Gt, TIMES, number("2.99")), Some(true));
    check(STATUS, "preliminary", &eq(STATUS, number("2")), Some(true));
    check(STATUS, "preliminary", &compare(Compare::Gt, STATUS, number("1")), Some(true));
    check(CATEGORY, "elsewhere", &eq(CATEGORY, Literal::Null), Some(true));
    check(SUBJECT, "Patient/a1", &eq(SUBJECT, guid_of("a1")), Some(true));
    check(SUBJECT, "http://h/fhir/Patient/a1/_history/2", &is_in(SUBJECT, [guid_of("a1")]), Some(true));
    check(SUBJECT, "Patient/A1", &eq(SUBJECT, guid_of("a1")), Some(false));
    check(ID, "a1", &eq(ID, guid_of("a1")), Some(true));
    check(EFFECTIVE, "2020-01-01T01:00:00+02:00", &eq(EFFECTIVE, moment("2019-12-31T23:00:00Z")), Some(true));
    check(EFFECTIVE, "2020-01", &eq(EFFECTIVE, day("2020-01-01")), Some(true));
    check(BORN, "2020-01-02", &compare(Compare::Gt, BORN, moment("2020-01-01T23:59:59Z")), Some(true));
    check(BORN, "2020-01-02", &compare(Compare::Le, BORN, day("2020-01-02")), Some(true));
    check(ACTIVE, "true", &Filter::Is(Expr::Column(ACTIVE)), Some(true));
}

#[test]
fn columns_are_compared_with_columns() {
    let table = observations();
    let rows = rows([VALUE, TIMES, EFFECTIVE, BORN], &[["2.0", "2", "2020-01-01T00:00:00Z", "2020-01-01"]]);
    let kept = |op, a, b| {
        filter_rows(Some(&Filter::Compare(op, Expr::Column(a), Expr::Column(b))), &table, &rows).unwrap() == [0]
    };
    assert!(kept(Compare::Eq, VALUE, TIMES));
    assert!(!kept(Compare::Lt, TIMES, VALUE));
    assert!(kept(Compare::Eq, EFFECTIVE, BORN));
}

#[test]
fn functions() {
    let note = || Expr::Column(NOTE);
    let check_text = |cell: &str, expr: Expr, expected: Literal| check(NOTE, cell, &equal(expr, expected), Some(true));
    check_text("naïve", call(Function::Length, [note()]), number("5"));
    check_text("Zoë Ångström", call(Function::IndexOf, [note(), lit(string("angs"))]), number("4"));
    check_text("abc", call(Function::IndexOf, [note(), lit(string("x"))]), number("-1"));
    check_text("ÄÖÜß", call(Function::Substring, [note(), lit(number("2"))]), string("üß"));
    check_text("abcdef", call(Function::Substring, [note(), lit(number("1")), lit(number("3"))]), string("bcd"));
    check_text("abc", call(Function::Substring, [note(), lit(number("-1"))]), string("abc"));
    check_text("abc", call(Function::Substring, [note(), lit(number("9"))]), string(""));
    check_text("  a ", call(Function::Trim, [note()]), string("a"));
    check_text("aB", call(Function::ToUpper, [note()]), string("ab"));
    check_text("a", call(Function::Concat, [note(), lit(string("b"))]), string("ab"));
    let at = |function| call(function, [Expr::Column(EFFECTIVE)]);
    let cell = "2020-01-01T00:30:15+02:00";
    for (function, expected) in [
        (Function::Year, "2019"),
        (Function::Month, "12"),
        (Function::Day, "31"),
        (Function::Hour, "22"),
        (Function::Minute, "30"),
        (Function::Second, "15"),
    ] {
        check(EFFECTIVE, cell, &equal(at(function), number(expected)), Some(true));
    }
    check(EFFECTIVE, cell, &equal(at(Function::Date), day("2019-12-31")), Some(true));
    check(BORN, "2020-05-17", &equal(call(Function::Month, [Expr::Column(BORN)]), number("5")), Some(true));
    for (function, cell, expected) in [
        (Function::Round, "2.5", "3"),
        (Function::Round, "-2.5", "-3"),
        (Function::Floor, "-2.1", "-3"),
        (Function::Ceiling, "2.1", "3"),
    ] {
        check(VALUE, cell, &equal(call(function, [Expr::Column(VALUE)]), number(expected)), Some(true));
    }
    let now = parse_instant("2026-01-01T00:00:00Z").unwrap();
    let now = call(Function::Now, [lit(Literal::Instant(now))]);
    let past = Filter::Compare(Compare::Lt, Expr::Column(EFFECTIVE), now);
    check(EFFECTIVE, cell, &past, Some(true));
}

#[test]
fn arithmetic() {
    let on = |op, column, by: &str| Expr::Arithmetic(op, Box::new(Expr::Column(column)), Box::new(lit(number(by))));
    check(TIMES, "7", &equal(on(Arithmetic::Div, TIMES, "2"), number("3")), Some(true));
    check(TIMES, "7", &equal(on(Arithmetic::Div, TIMES, "2.0"), number("3.5")), Some(true));
    check(TIMES, "7", &equal(on(Arithmetic::Mod, TIMES, "4"), number("3")), Some(true));
    check(VALUE, "0.1", &equal(on(Arithmetic::Add, VALUE, "0.2"), number("0.3")), Some(true));
    check(VALUE, "1e2", &equal(on(Arithmetic::Mul, VALUE, "0.5"), number("50")), Some(true));
    check(VALUE, "", &equal(on(Arithmetic::Sub, VALUE, "1"), Literal::Null), Some(true));
    check(VALUE, "-3", &equal(Expr::Negate(Box::new(Expr::Column(VALUE))), number("3")), Some(true));
    refused(TIMES, "7", &equal(on(Arithmetic::Div, TIMES, "0"), number("3")), Code::BadFilter);
    refused(VALUE, "7", &equal(on(Arithmetic::Mod, VALUE, "0.0"), number("3")), Code::BadFilter);
    refused(TIMES, "7", &equal(on(Arithmetic::Mul, TIMES, "9223372036854775807"), number("3")), Code::BadFilter);
    // Of any size, without rounding; a quotient that does not end has 28 digits.
    let large = "10000000000000000000000000000000000000001";
    check(VALUE, "1e40", &equal(on(Arithmetic::Add, VALUE, "1"), number(large)), Some(true));
    check(VALUE, "1e-40", &equal(on(Arithmetic::Mul, VALUE, "1e40"), number("1")), Some(true));
    check(VALUE, "2", &equal(on(Arithmetic::Div, VALUE, "3"), number("0.6666666666666666666666666667")), Some(true));
    let third = "0.3333333333333333333333333333333333333333333333";
    check(VALUE, third, &equal(call(Function::Floor, [on(Arithmetic::Mul, VALUE, "10")]), number("3")), Some(true));
    check(VALUE, "1e100", &equal(call(Function::Round, [Expr::Column(VALUE)]), number("1e100")), Some(true));
    let int = Function::Cast(Primitive::Int32);
    check(VALUE, third, &equal(call(int, [on(Arithmetic::Mul, VALUE, "8")]), number("3")), Some(true));
    refused(VALUE, "1e2000", &equal(on(Arithmetic::Add, VALUE, "1"), number("3")), Code::BadFilter);
    let guarded = and(compare(Compare::Ne, TIMES, number("7")), equal(on(Arithmetic::Div, TIMES, "0"), number("1")));
    check(TIMES, "7", &guarded, Some(false));
    // Whichever stands first; where neither decides, it is refused.
    let divided = || equal(on(Arithmetic::Div, TIMES, "0"), number("1"));
    let is = |by: &str| compare(Compare::Eq, TIMES, number(by));
    check(TIMES, "7", &and(divided(), is("8")), Some(false));
    check(TIMES, "7", &or(divided(), is("7")), Some(true));
    check(TIMES, "7", &not(or(is("7"), divided())), Some(false));
    refused(TIMES, "7", &and(divided(), is("7")), Code::BadFilter);
    refused(TIMES, "7", &or(divided(), is("8")), Code::BadFilter);
    refused(TIMES, "7", &and(is("7"), divided()), Code::BadFilter);
}

#[test]
fn what_has_no_meaning_is_refused() {
    refused(NOTE, "a", &eq(NOTE, number("1")), Code::BadFilter);
    refused(STATUS, "final", &eq(STATUS, string("final")), Code::BadFilter);
    refused(BORN, "2020-01-01", &eq(BORN, string("2020-01-01")), Code::BadFilter);
    refused(TIMES, "1", &Filter::Is(Expr::Column(TIMES)), Code::BadFilter);
    refused(TIMES, "1", &test(TextTest::Contains, TIMES, "1"), Code::BadFilter);
    refused(NOTE, "a", &is_in(NOTE, [string("a"), number("1")]), Code::BadFilter);
    refused(NOTE, "a", &equal(call(Function::Year, [Expr::Column(NOTE)]), number("1")), Code::BadFilter);
    refused(TIMES, "many", &eq(TIMES, number("1")), Code::BadValue);
    // A column that was not fetched must not pass for null.
    refused(NOTE, "a", &eq(TIMES, Literal::Null), Code::Internal);
}

#[test]
fn a_concept_key_is_made_of_its_code_and_system() {
    let table = observations();
    let wanted = Literal::Guid(key::concept(Some("http://loinc.org"), "8867-4"));
    let cells = rows([CODE, SYSTEM], &[["8867-4", "http://loinc.org"], ["8867-4", ""], ["", ""]]);
    assert_eq!(filter_rows(Some(&eq(CONCEPT, wanted.clone())), &table, &cells).unwrap(), [0]);
    assert_eq!(filter_rows(Some(&eq(CONCEPT, Literal::Null)), &table, &cells).unwrap(), [2]);
    let text = key::concept(Some("http://loinc.org"), "8867-4").to_string();
    let column = rows([CONCEPT], &[[&text], [""]]);
    assert_eq!(filter_rows(Some(&eq(CONCEPT, wanted)), &table, &column).unwrap(), [0]);
}

#[test]
fn order_is_total_with_nulls_first_ascending_and_last_descending() {
    let table = observations();
    let cells = rows(
        [ID, VALUE, NOTE],
        &[["5", "10", "b"], ["4", "", "B"], ["3", "9", "á"], ["2", "10.0", "A"], ["1", "", ""]],
    );
    let check = |by: &[Order], expected: &[usize]| {
        assert_eq!(order(&cells, by, &table).unwrap(), expected, "{}", unparse::order(by, &table));
    };
    let mut by_guid: Vec<usize> = (0..5).collect();
    by_guid.sort_by_key(|row| guid(cells.cell(*row, ID).unwrap()));
    assert_eq!(by_guid, [4, 3, 2, 1, 0]);
    check(&[], &by_guid);
    check(&[by(VALUE, false)], &[4, 1, 2, 3, 0]);
    check(&[by(VALUE, true)], &[3, 0, 2, 4, 1]);
    check(&[by(NOTE, false), by(VALUE, true)], &[4, 3, 2, 0, 1]);
    let length = Order { by: call(Function::Length, [Expr::Column(NOTE)]), descending: true };
    check(&[length], &[3, 2, 1, 0, 4]);
}

#[test]
fn columns_that_a_query_takes() {
    let table = observations();
    let query = Query {
        select: Some(vec![NOTE]),
        filter: Some(and(eq(VALUE, number("1")), not(is_in(STATUS, [number("1")])))),
        order: vec![by(EFFECTIVE, true)],
        ..Query::default()
    };
    assert_eq!(columns_needed(&query, &table), [ID, STATUS, EFFECTIVE, VALUE, NOTE, VERSION]);
    assert_eq!(columns_needed(&Query::default(), &table).len(), table.columns.len());
}

#[test]
fn filters_are_printed_as_they_would_be_written() {
    let table = observations();
    let check = |filter: Filter, expected: &str| assert_eq!(unparse::filter(&filter, &table).to_string(), expected);
    let [a, b, c] = ["1", "2", "3"].map(|n| eq(TIMES, number(n)));
    check(or(and(a.clone(), b.clone()), c.clone()), "times eq 1 and times eq 2 or times eq 3");
    check(and(or(a.clone(), b.clone()), c.clone()), "(times eq 1 or times eq 2) and times eq 3");
    check(and(a.clone(), and(b.clone(), c.clone())), "times eq 1 and (times eq 2 and times eq 3)");
    check(not(or(a, b)), "not (times eq 1 or times eq 2)");
    check(eq(NOTE, string("O'Brien")), "note eq 'O''Brien'");
    check(compare(Compare::Ge, BORN, day("1970-01-02")), "born ge 1970-01-02");
    check(
        is_in(SUBJECT, [Literal::Guid(uuid::Uuid::nil())]),
        "_subject_value in (00000000-0000-0000-0000-000000000000)",
    );
    let sum = Expr::Arithmetic(Arithmetic::Add, Box::new(Expr::Column(TIMES)), Box::new(lit(number("1"))));
    let product = Expr::Arithmetic(Arithmetic::Mul, Box::new(sum), Box::new(lit(number("2.50"))));
    check(equal(product, number("5")), "(times add 1) mul 2.50 eq 5");
    check(test(TextTest::StartsWith, NOTE, "a"), "startswith(note,'a')");
}
