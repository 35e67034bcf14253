//! Operators of a FetchXML `condition`, by their names (Microsoft Learn, "operators", of the FetchXML reference).

use crate::model::query::{Compare, TextTest};
use crate::odata::dataverse;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Compare(Compare),
    /// There is no value; or there is one.
    Null(bool),
    /// `%` at the beginning and the end stands for any text.
    Like(bool),
    Text(TextTest, bool),
    /// A query function of Dataverse, by its name there.
    Function(&'static str),
}

/// None: there is no such operator. Err: why it means nothing here.
pub(super) fn test(operator: &str) -> Option<Result<Test, &'static str>> {
    let test = match operator {
        "eq" => Test::Compare(Compare::Eq),
        "ne" | "neq" => Test::Compare(Compare::Ne),
        "gt" => Test::Compare(Compare::Gt),
        "ge" => Test::Compare(Compare::Ge),
        "lt" => Test::Compare(Compare::Lt),
        "le" => Test::Compare(Compare::Le),
        "null" => Test::Null(true),
        "not-null" => Test::Null(false),
        "like" => Test::Like(true),
        "not-like" => Test::Like(false),
        "begins-with" => Test::Text(TextTest::StartsWith, true),
        "not-begin-with" => Test::Text(TextTest::StartsWith, false),
        "ends-with" => Test::Text(TextTest::EndsWith, true),
        "not-end-with" => Test::Text(TextTest::EndsWith, false),
        other => {
            let (_, function) = FUNCTIONS.iter().find(|(name, _)| *name == other)?;
            return Some(dataverse::refused(function).map_or(Ok(Test::Function(function)), Err));
        }
    };
    Some(Ok(test))
}

/// Every name, for hints.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    const PLAIN: [&str; 15] = [
        "eq",
        "ne",
        "neq",
        "gt",
        "ge",
        "lt",
        "le",
        "null",
        "not-null",
        "like",
        "not-like",
        "begins-with",
        "not-begin-with",
        "ends-with",
        "not-end-with",
    ];
    PLAIN.into_iter().chain(FUNCTIONS.iter().map(|(name, _)| *name))
}

const FUNCTIONS: [(&str, &str); 68] = [
    ("in", "In"),
    ("not-in", "NotIn"),
    ("between", "Between"),
    ("not-between", "NotBetween"),
    ("contain-values", "ContainValues"),
    ("not-contain-values", "DoesNotContainValues"),
    ("on", "On"),
    ("on-or-after", "OnOrAfter"),
    ("on-or-before", "OnOrBefore"),
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("tomorrow", "Tomorrow"),
    ("last-seven-days", "Last7Days"),
    ("next-seven-days", "Next7Days"),
    ("last-week", "LastWeek"),
    ("this-week", "ThisWeek"),
    ("next-week", "NextWeek"),
    ("last-month", "LastMonth"),
    ("this-month", "ThisMonth"),
    ("next-month", "NextMonth"),
    ("last-year", "LastYear"),
    ("this-year", "ThisYear"),
    ("next-year", "NextYear"),
    ("last-x-hours", "LastXHours"),
    ("next-x-hours", "NextXHours"),
    ("last-x-days", "LastXDays"),
    ("next-x-days", "NextXDays"),
    ("last-x-weeks", "LastXWeeks"),
    ("next-x-weeks", "NextXWeeks"),
    ("last-x-months", "LastXMonths"),
    ("next-x-months", "NextXMonths"),
    ("last-x-years", "LastXYears"),
    ("next-x-years", "NextXYears"),
    ("olderthan-x-minutes", "OlderThanXMinutes"),
    ("olderthan-x-hours", "OlderThanXHours"),
    ("olderthan-x-days", "OlderThanXDays"),
    ("olderthan-x-weeks", "OlderThanXWeeks"),
    ("olderthan-x-months", "OlderThanXMonths"),
    ("olderthan-x-years", "OlderThanXYears"),
    ("above", "Above"),
    ("eq-or-above", "AboveOrEqual"),
    ("under", "Under"),
    ("eq-or-under", "UnderOrEqual"),
    ("not-under", "NotUnder"),
    ("eq-userid", "EqualUserId"),
    ("ne-userid", "NotEqualUserId"),
    ("eq-userteams", "EqualUserTeams"),
    ("eq-useroruserteams", "EqualUserOrUserTeams"),
    ("eq-useroruserhierarchy", "EqualUserOrUserHierarchy"),
    ("eq-useroruserhierarchyandteams", "EqualUserOrUserHierarchyAndTeams"),
    ("eq-businessid", "EqualBusinessId"),
    ("ne-businessid", "NotEqualBusinessId"),
    ("eq-userlanguage", "EqualUserLanguage"),
    ("this-fiscal-year", "ThisFiscalYear"),
    ("this-fiscal-period", "ThisFiscalPeriod"),
    ("next-fiscal-year", "NextFiscalYear"),
    ("next-fiscal-period", "NextFiscalPeriod"),
    ("last-fiscal-year", "LastFiscalYear"),
    ("last-fiscal-period", "LastFiscalPeriod"),
    ("last-x-fiscal-years", "LastXFiscalYears"),
    ("last-x-fiscal-periods", "LastXFiscalPeriods"),
    ("next-x-fiscal-years", "NextXFiscalYears"),
    ("next-x-fiscal-periods", "NextXFiscalPeriods"),
    ("in-fiscal-year", "InFiscalYear"),
    ("in-fiscal-period", "InFiscalPeriod"),
    ("in-fiscal-period-and-year", "InFiscalPeriodAndYear"),
    ("in-or-before-fiscal-period-and-year", "InOrBeforeFiscalPeriodAndYear"),
    ("in-or-after-fiscal-period-and-year", "InOrAfterFiscalPeriodAndYear"),
];
