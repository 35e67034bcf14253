use super::*;
use crate::model::aggregate::{Best, Measure, Then};
use crate::model::query::{Compare, Filter, Literal, Query};
use crate::plan::example::observation::*;
use crate::plan::example::*;

/// Observations with their category, text, number of times, value and moment; `""` = null.
const COLUMNS: [usize; 5] = [CATEGORY, NOTE, TIMES, VALUE, EFFECTIVE];

const CELLS: [[&str; 5]; 6] = [
    ["vital-signs", "Müller", "1", "0.1", "2024-01-01T00:00:00Z"],
    ["vital-signs", "MULLER", "2", "0.2", "2024-01-01T01:00:00+01:00"],
    ["vital-signs", "ash", "", "1e-3", ""],
    ["unheard-of", "ash", "-3", "", "2020"],
    ["", "ash", "9", "72.10", ""],
    ["", "", "", "72.1", "2025-06-01T12:00:00.5Z"],
];

fn sample() -> Rows {
    let mut rows = Rows::new(COLUMNS.to_vec());
    for row in CELLS {
        rows.push(row.iter().map(|cell| (!cell.is_empty()).then_some(*cell)));
    }
    rows
}

fn step(by: &[usize], aggregates: &[(Method, usize)]) -> Grouping {
    let by = by.iter().map(|column| (format!("by{column}"), Expr::Column(*column)));
    let aggregates = aggregates.iter().enumerate().map(|(nth, (method, column))| {
        (format!("a{nth}"), *method, (*method != Method::Rows).then_some(Expr::Column(*column)))
    });
    Grouping::new(&observations(), by.collect(), aggregates.collect()).unwrap()
}

fn shown(rows: &Rows) -> Vec<String> {
    let row = |row| rows.row(row).map(|cell| cell.unwrap_or("-")).collect::<Vec<_>>().join(" ");
    (0..rows.len()).map(row).collect()
}

fn folded(step: Grouping, rows: &Rows) -> Result<Rows> {
    let mut folding = Folding::new(Arc::new(observations()), step, 100)?;
    // In pieces, backwards: that makes no difference.
    for row in (0..rows.len()).rev() {
        folding.add(&rows.pick(&[row]))?;
    }
    folding.done()
}

#[track_caller]
fn check(by: &[usize], aggregates: &[(Method, usize)], expected: &[&str]) {
    assert_eq!(shown(&folded(step(by, aggregates), &sample()).unwrap()), expected);
}

#[test]
fn groups_are_of_equal_values_null_among_them() {
    use Method::{Distinct, Rows, Values};
    check(&[NOTE], &[(Rows, 0)], &["- 1", "ash 3", "MULLER 2"]);
    // A code that the choice has no number for is null.
    check(&[CATEGORY], &[(Rows, 0), (Values, NOTE), (Distinct, NOTE)], &["- 3 2 1", "vital-signs 3 3 2"]);
    check(&[EFFECTIVE], &[(Rows, 0)], &["- 2", "2020 1", "2024-01-01T00:00:00Z 2", "2025-06-01T12:00:00.5Z 1"]);
    check(&[VALUE], &[(Rows, 0)], &["- 1", "1e-3 1", "0.1 1", "0.2 1", "72.1 2"]);
    check(&[CATEGORY, NOTE], &[], &["- -", "- ash", "vital-signs ash", "vital-signs MULLER"]);
}

#[test]
fn sums_are_exact_and_extremes_have_their_text() {
    use Method::{Average, Distinct, Least, Most, Rows, Sum, Values};
    check(
        &[],
        &[(Rows, 0), (Sum, VALUE), (Average, VALUE), (Sum, TIMES), (Average, TIMES)],
        &["6 144.501 28.9002 9 2.25"],
    );
    check(&[], &[(Least, EFFECTIVE), (Most, EFFECTIVE), (Most, NOTE)], &["2020 2025-06-01T12:00:00.5Z MULLER"]);
    check(&[], &[(Least, VALUE), (Most, VALUE), (Distinct, VALUE), (Values, VALUE)], &["1e-3 72.1 4 5"]);
    check(&[CATEGORY], &[(Sum, TIMES)], &["- 6", "vital-signs 3"]);
}

#[test]
fn of_nothing_there_is_one_row_or_none() {
    let none = Rows::new(COLUMNS.to_vec());
    use Method::{Average, Distinct, Least, Rows as All, Sum};
    let all = [(All, 0), (Sum, VALUE), (Average, VALUE), (Least, NOTE), (Distinct, NOTE)];
    assert_eq!(shown(&folded(step(&[], &all), &none).unwrap()), ["0 - - - 0"]);
    assert_eq!(shown(&folded(step(&[NOTE], &all), &none).unwrap()), Vec::<String>::new());
}

#[test]
fn expressions_are_values_too() {
    let year = Expr::Call(crate::model::query::Function::Year, vec![Expr::Column(EFFECTIVE)]);
    let times = Expr::Negate(Box::new(Expr::Column(TIMES)));
    let by = vec![("year".to_owned(), year)];
    let of = Grouping::new(&observations(), by, vec![("less".to_owned(), Method::Sum, Some(times))]).unwrap();
    assert_eq!(shown(&folded(of, &sample()).unwrap()), ["- -9", "2020 3", "2024 -3", "2025 -"]);
}

#[test]
fn more_groups_than_the_limit_are_refused() {
    let mut folding = Folding::new(Arc::new(observations()), step(&[VALUE], &[]), 4).unwrap();
    let error = folding.add(&sample()).unwrap_err();
    assert_eq!(error.code(), Code::ScanBudgetExceeded);
    assert!(error.message().contains("`aggregate_groups`"), "{error}");
}

#[test]
fn steps_filters_and_orders_follow_each_other() {
    let first = step(&[NOTE], &[(Method::Rows, 0), (Method::Sum, VALUE)]);
    let more_than_one = |column| {
        let one = Expr::Literal(Literal::Number(Number::parse("1").unwrap()));
        Filter::Compare(Compare::Gt, Expr::Column(column), one)
    };
    let first_rows = || folded(first.clone(), &sample()).unwrap();
    let order = vec![Order { by: Expr::Column(1), descending: true }];
    let then = Query { filter: Some(more_than_one(1)), order, ..Query::default() };
    let of = Query::default();
    let aggregation = Aggregation { of: of.clone(), steps: vec![first.clone()], then };
    check_of(&aggregation);
    assert_eq!(shown(&rest(&aggregation, first_rows(), 10).unwrap()), ["ash 3 72.101", "MULLER 2 0.3"]);

    let kept = Grouping { filter: Some(more_than_one(1)), ..first.clone() };
    let second = vec![
        ("groups".to_owned(), Method::Rows, None),
        ("rows".to_owned(), Method::Sum, Some(Expr::Column(1))),
        ("least".to_owned(), Method::Least, Some(Expr::Column(0))),
    ];
    let second = Grouping::new(&first.table, Vec::new(), second).unwrap();
    let aggregation = Aggregation { of, steps: vec![kept.clone(), second], then: Query::default() };
    check_of(&aggregation);
    let kept_rows = folded(kept, &sample()).unwrap();
    assert_eq!(shown(&rest(&aggregation, kept_rows, 10).unwrap()), ["2 5 ash"]);
}

/// By the sums of three groups: none, 72.1; `ash`, 72.101; `MULLER`, 0.3.
#[test]
fn the_best_stay_in_their_order() {
    let first = step(&[NOTE], &[(Method::Rows, 0), (Method::Sum, VALUE)]);
    let number = |text: &'static str| Number::parse(text).unwrap();
    let all = shown(&folded(first.clone(), &sample()).unwrap());
    let names = |then: Vec<Then>| {
        let rows = shown(&folded(Grouping { then, ..first.clone() }, &sample()).unwrap());
        assert!(rows.iter().all(|row| all.contains(row)));
        rows.iter().map(|row| row.split(' ').next().unwrap()).collect::<Vec<_>>().join(" ")
    };
    let check = |column: usize, largest: bool, measure: Measure, expected: &str| {
        let best = Best { by: Expr::Column(column), largest, measure: measure.clone() };
        assert_eq!(names(vec![Then::Best(best)]), expected, "{column} {largest} {measure:?}");
    };
    check(2, true, Measure::Count(1), "ash");
    check(2, false, Measure::Count(1), "MULLER");
    check(2, true, Measure::Count(2), "- ash");
    check(2, true, Measure::Count(9), "- ash MULLER");
    // Null is no value.
    check(0, true, Measure::Count(1), "MULLER");
    check(0, false, Measure::Count(9), "ash MULLER");
    check(2, true, Measure::Sum(number("72.101")), "ash");
    check(2, true, Measure::Sum(number("72.1010001")), "- ash");
    check(2, true, Measure::Sum(number("1000")), "- ash MULLER");
    check(2, false, Measure::Sum(number("0.3")), "MULLER");
    check(2, true, Measure::Percent(number("49.8")), "ash");
    check(2, true, Measure::Percent(number("50")), "- ash");
    check(2, true, Measure::Percent(number("100")), "- ash MULLER");
    check(2, false, Measure::Percent(number("0.2")), "MULLER");
    let one = Order { by: Expr::Column(2), descending: true };
    assert_eq!(names(vec![Then::Order(vec![one.clone()])]), "ash - MULLER");
    assert_eq!(names(vec![Then::Order(vec![one]), Then::Skip(1), Then::Top(1)]), "-");
    let kept = Filter::Compare(Compare::Ne, Expr::Column(0), Expr::Literal(Literal::Null));
    assert_eq!(names(vec![Then::Top(2), Then::Filter(kept)]), "ash");
}

fn check_of(aggregation: &Aggregation) {
    super::check(aggregation, &Arc::new(observations())).unwrap();
}
