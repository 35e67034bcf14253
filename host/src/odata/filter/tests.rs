use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::sample::{self, GUID};
use super::*;
use crate::model::limits::Limits;

/// The condition as text, or code, message and hint of the refusal.
fn resolve(text: &str, table: &str) -> Result<String, String> {
    let catalog = sample::catalog();
    let aliases = BTreeMap::from([
        ("five".to_owned(), "5".to_owned()),
        ("both".to_owned(), "(1,2)".to_owned()),
        ("list".to_owned(), "[1,2]".to_owned()),
        ("column".to_owned(), "'msemr_count'".to_owned()),
        ("again".to_owned(), "@five".to_owned()),
        ("cond".to_owned(), "msemr_count eq 7".to_owned()),
    ]);
    let limits = Limits::default();
    let context = Context { catalog: &catalog, limits: &limits, aliases: &aliases, now: sample::now() };
    let table = catalog.table(table).unwrap();
    let joined = RefCell::default();
    match filter(Source { text, target: "$filter" }, table, context, &joined) {
        Ok(filter) => Ok(sample::show_with(&filter, &joined.borrow(), table, &catalog)),
        Err(e) => Err(format!("{e}")),
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(resolve(text, "msemr_observation").as_deref(), Ok(expected), "{text}");
}

fn refused(text: &str, expected: &str) {
    let error = resolve(text, "msemr_observation").expect_err(text);
    assert!(error.contains(expected), "{text}: {error}");
}

#[test]
fn literals_take_the_type_of_their_column() {
    check("msemr_name eq 'O''Neil'", "msemr_name eq 'O'Neil'");
    check("msemr_status eq 935000001", "msemr_status eq 935000001");
    check("msemr_value gt -1.50", "msemr_value gt -1.50");
    check("msemr_value gt +007", "msemr_value gt 7");
    check("msemr_value eq 0.5", "msemr_value eq 0.5");
    check("5 lt msemr_count", "5 lt msemr_count");
    check("msemr_count eq '5'", "msemr_count eq 5");
    check("msemr_issued ge 2020-01-31", "msemr_issued ge at:2020-01-31T00:00:00Z");
    check("msemr_issued ge 2020-01-31T10:00:00+02:00", "msemr_issued ge at:2020-01-31T08:00:00Z");
    check("msemr_issued ge '2020-01-31T10:00:00Z'", "msemr_issued ge at:2020-01-31T10:00:00Z");
    check("msemr_onset eq 2015-02-07", "msemr_onset eq '2015-02-07'");
    check("msemr_onset eq '2015'", "msemr_onset eq '2015'");
    for guid in [GUID.to_owned(), format!("'{GUID}'"), format!("guid'{GUID}'")] {
        check(&format!("_msemr_patient_value eq {guid}"), &format!("_msemr_patient_value eq guid:{GUID}"));
    }
    check("msemr_name ne null", "msemr_name ne null");
    check("msemr_patient eq null", "_msemr_patient_value eq null");
    assert_eq!(resolve("birthdate eq 1970-05-17T00:00:00Z", "contact").as_deref(), Ok("birthdate eq date:1970-05-17"));
    assert_eq!(resolve("active", "contact").as_deref(), Ok("active"));
    assert_eq!(resolve("not active and active eq true", "contact").as_deref(), Ok("((not active) and active eq true)"));
}

#[test]
fn functions_and_arithmetic() {
    check("contains(tolower(msemr_name),'x')", "Contains(ToLower(msemr_name),'x')");
    check("StartsWith(msemr_name,'x')", "StartsWith(msemr_name,'x')");
    check("length(msemr_name) gt 3", "Length(msemr_name) gt 3");
    check("substring(msemr_name,1,2) eq 'ab'", "Substring(msemr_name,1,2) eq 'ab'");
    check("year(msemr_issued) eq 2020", "Year(msemr_issued) eq 2020");
    check("date(msemr_issued) eq 2020-01-01", "Date(msemr_issued) eq date:2020-01-01");
    check("msemr_issued lt now()", "msemr_issued lt at:2026-03-15T12:30:00Z");
    check("msemr_value add 2 mul 3 ge -msemr_count", "(msemr_value Add (2 Mul 3)) ge -(msemr_count)");
    check("round(msemr_value) eq 5", "Round(msemr_value) eq 5");
    check("msemr_count in (1,2)", "msemr_count in (1,2)");
    check("msemr_name in [\"a\",'b',null]", "msemr_name in ('a','b',null)");
    check("msemr_count in ()", "msemr_count in ()");
}

#[test]
fn conditions_are_compared_with_true_and_false() {
    let contains = "Contains(msemr_name,'x')";
    check("contains(msemr_name,'x') eq true", &format!("({contains} and msemr_name ne null)"));
    check("true eq contains(msemr_name,'x')", &format!("({contains} and msemr_name ne null)"));
    check("contains(msemr_name,'x') eq false", &format!("((not {contains}) and msemr_name ne null)"));
    check("contains(msemr_name,'x') ne true", &format!("(not ({contains} and msemr_name ne null))"));
    check("(msemr_count gt 1) eq false", "((not msemr_count gt 1) and msemr_count ne null)");
    check(
        "(msemr_count eq 1 or not (msemr_count lt 0)) eq true",
        "(msemr_count eq 1 or ((not msemr_count lt 0) and msemr_count ne null))",
    );
    check("(msemr_count in (1,2)) eq false", "(not msemr_count in (1,2))");
    check(
        "startswith(msemr_patient/fullname,'x') eq true",
        "msemr_patient.One[(StartsWith(fullname,'x') and fullname ne null)]",
    );
    check(
        "startswith(msemr_patient/fullname,'x') ne true",
        "(not msemr_patient.One[(StartsWith(fullname,'x') and fullname ne null)])",
    );
    check("Microsoft.Dynamics.CRM.In(PropertyName='msemr_count',PropertyValues=['1']) eq true", "msemr_count in (1)");
}

#[test]
fn aliases_stand_for_their_values() {
    check("msemr_count eq @five", "msemr_count eq 5");
    check("msemr_count eq @none", "msemr_count eq null");
    check("msemr_count in @list", "msemr_count in (1,2)");
    check("@cond", "msemr_count eq 7");
    refused("msemr_count eq @again", "NotSupported: an alias inside");
}

#[test]
fn relations_become_conditions_on_their_rows() {
    check("msemr_patient/fullname eq 'x'", "msemr_patient.One[fullname eq 'x']");
    check("contains(msemr_patient/fullname,'x')", "msemr_patient.One[Contains(fullname,'x')]");
    check("msemr_patient/active", "msemr_patient.One[active]");
    check("$it/msemr_patient/fullname in ('x')", "msemr_patient.One[fullname in ('x')]");
    check(&format!("msemr_patient/contactid eq {GUID}"), &format!("msemr_patient.One[contactid eq guid:{GUID}]"));
    // What null fulfils holds also where there is no row.
    check("msemr_patient/fullname ne 'x'", "(not msemr_patient.One[fullname eq 'x'])");
    check("msemr_patient/fullname eq null", "(not msemr_patient.One[fullname ne null])");
    check("msemr_patient/fullname ne null", "msemr_patient.One[fullname ne null]");
    check("msemr_code/msemr_name eq 'x'", "msemr_code_display eq 'x'");
    let collection = "msemr_observation_msemr_patient";
    let many = |text: &str, expected: &str| {
        let (text, expected) = (text.replace('*', collection), expected.replace('*', collection));
        assert_eq!(resolve(&text, "contact"), Ok(expected), "{text}");
    };
    many("*/any()", "*.Any[]");
    many("*/any(o:o/msemr_count gt 5 or o/msemr_name eq 'x')", "*.Any[(msemr_count gt 5 or msemr_name eq 'x')]");
    many("not */all(o:o/msemr_count gt 5)", "(not *.All[msemr_count gt 5])");
    many("*/any(o:o/msemr_patient/active)", "*.Any[msemr_patient.One[active]]");
    check(
        "msemr_patient/msemr_observation_msemr_patient/any(o:o/msemr_count eq 1)",
        "msemr_patient.One[msemr_observation_msemr_patient.Any[msemr_count eq 1]]",
    );
}

#[test]
fn what_a_condition_says_is_a_value() {
    check("(msemr_count eq 1) eq (msemr_name eq 'x')", "(msemr_count eq 1) eq (msemr_name eq 'x')");
    check(
        "(msemr_count gt 1 and not (msemr_count gt 5)) ne null",
        "((msemr_count gt 1 and (not msemr_count gt 5))) ne null",
    );
    check("(contains(msemr_name,'x'))", "Contains(msemr_name,'x')");
    // Behind a lookup they answer where there is no row, so they are evaluated beside the row.
    check(
        "(msemr_patient/active eq null) eq (msemr_count eq 1)",
        "(joined:0 eq null) eq (msemr_count eq 1) with msemr_patient/active",
    );
    check("case(msemr_count gt 1:'a',true:'b') eq 'a'", "case(msemr_count gt 1:'a',true:'b') eq 'a'");
    check("case(msemr_count gt 1:msemr_value,true:'2') gt 1", "case(msemr_count gt 1:msemr_value,true:2) gt 1");
    check("isof(msemr_count,Edm.Int32)", "msemr_count ne null");
    check("isof(msemr_count,Edm.Decimal)", "false");
    let many = "msemr_observation_msemr_patient/any(o:o/msemr_count gt 1) eq true";
    let expected = "((joined:0 ne 0 and joined:0 ne null)) eq true with msemr_observation_msemr_patient/$count($filter=…)[msemr_count gt 1]";
    assert_eq!(resolve(many, "contact").as_deref(), Ok(expected));
    refused("case(msemr_count gt 1:'a',true:5) eq 'a'", "a text is expected");
}

#[test]
fn times_and_durations() {
    check("time(msemr_issued) ge 10:30", "Time(msemr_issued) ge time:10:30:00");
    check("hour(time(msemr_issued)) eq 7", "Hour(Time(msemr_issued)) eq 7");
    check("fractionalseconds(msemr_issued) gt 0.5", "FractionalSeconds(msemr_issued) gt 0.5");
    check("totaloffsetminutes(msemr_issued) eq 0", "TotalOffsetMinutes(msemr_issued) eq 0");
    check("msemr_issued sub duration'P1D' gt now()", "(msemr_issued Sub duration:P1D) gt at:2026-03-15T12:30:00Z");
    check(
        "now() sub msemr_issued lt -duration'PT1H'",
        "(at:2026-03-15T12:30:00Z Sub msemr_issued) lt -(duration:PT1H)",
    );
    check("totalseconds(now() sub msemr_issued) gt 5", "TotalSeconds((at:2026-03-15T12:30:00Z Sub msemr_issued)) gt 5");
    check("duration'PT1H' mul 2 eq 'PT2H'", "(duration:PT1H Mul 2) eq duration:PT2H");
    refused("msemr_issued add msemr_issued gt now()", "a number is expected");
    refused("msemr_issued add 5 gt now()", "a number is expected, this is a date-time");
    refused("msemr_issued gt duration'P1D'", "a date-time is expected, this is a duration");
    refused("time(msemr_issued) gt 25:00", "BadFilter");
}

#[test]
fn casts_and_numbers_beyond_all() {
    check("cast(msemr_count,Edm.String) eq '1'", "Cast(Text)(msemr_count) eq '1'");
    check("cast(msemr_name,Edm.Int32) gt 1", "Cast(Int32)(msemr_name) gt 1");
    check("cast(msemr_patient/fullname,Edm.Int32) gt 1", "msemr_patient.One[Cast(Int32)(fullname) gt 1]");
    check("msemr_count divby 2 eq 1", "(msemr_count DivBy 2) eq 1");
    check("msemr_count lt INF", "msemr_count le msemr_count");
    check("-INF ge msemr_count", "msemr_count lt msemr_count");
    check("msemr_count ne NaN", "true");
    check("msemr_count eq INF", "false");
    check("NaN eq NaN", "false");
    refused("cast(msemr_issued,Edm.Int32) eq 1", "NotSupported: a cast of a date-time to Edm.Int32");
    refused("cast(msemr_count,Edm.Double) eq 1", "NotSupported: `cast` with the type `Edm.Double`");
    refused("msemr_count add INF gt 1", "NotSupported: the number `INF`");
}

#[test]
fn functions_of_dataverse_are_plain_conditions() {
    let check = |text: &str, expected: &str| check(&format!("Microsoft.Dynamics.CRM.{text}"), expected);
    check("In(PropertyName='msemr_count',PropertyValues=['1','2'])", "msemr_count in (1,2)");
    check(
        "Between(PropertyName='msemr_count',PropertyValues=[\"1\",\"2\"])",
        "(msemr_count ge 1 and msemr_count le 2)",
    );
    check(
        "On(PropertyName='msemr_issued',PropertyValue=2020-02-29)",
        "(msemr_issued ge at:2020-02-29T00:00:00Z and msemr_issued lt at:2020-03-01T00:00:00Z)",
    );
    check(
        "OnOrAfter(PropertyName='msemr_issued',PropertyValue='2020-02-29')",
        "msemr_issued ge at:2020-02-29T00:00:00Z",
    );
    check(
        "OnOrBefore(PropertyName='msemr_issued',PropertyValue=2020-02-29)",
        "msemr_issued lt at:2020-03-01T00:00:00Z",
    );
    check(
        "Today(PropertyName='msemr_issued')",
        "(msemr_issued ge at:2026-03-15T00:00:00Z and msemr_issued lt at:2026-03-16T00:00:00Z)",
    );
    check(
        "LastXDays(PropertyName='msemr_issued',PropertyValue=7)",
        "(msemr_issued ge at:2026-03-08T00:00:00Z and msemr_issued le at:2026-03-15T12:30:00Z)",
    );
    // The fifteenth of March 2026 is a Sunday.
    let spans = [
        ("ThisWeek", "2026-03-15", "2026-03-22"),
        ("LastWeek", "2026-03-08", "2026-03-15"),
        ("NextWeek", "2026-03-22", "2026-03-29"),
        ("ThisMonth", "2026-03-01", "2026-04-01"),
        ("LastMonth", "2026-02-01", "2026-03-01"),
        ("NextMonth", "2026-04-01", "2026-05-01"),
        ("ThisYear", "2026-01-01", "2027-01-01"),
        ("LastYear", "2025-01-01", "2026-01-01"),
        ("NextYear", "2027-01-01", "2028-01-01"),
    ];
    for (function, first, next) in spans {
        check(
            &format!("{function}(PropertyName='msemr_issued')"),
            &format!("(msemr_issued ge at:{first}T00:00:00Z and msemr_issued lt at:{next}T00:00:00Z)"),
        );
    }
    let now = "at:2026-03-15T12:30:00Z";
    let relative = [
        (
            "Last7Days(PropertyName='msemr_issued')",
            format!("(msemr_issued ge at:2026-03-08T00:00:00Z and msemr_issued le {now})"),
        ),
        (
            "LastXHours(PropertyName='msemr_issued',PropertyValue=2)",
            format!("(msemr_issued ge at:2026-03-15T10:30:00Z and msemr_issued le {now})"),
        ),
        (
            "NextXHours(PropertyName='msemr_issued',PropertyValue=2)",
            format!("(msemr_issued ge {now} and msemr_issued le at:2026-03-15T14:30:00Z)"),
        ),
        (
            "LastXMonths(PropertyName='msemr_issued',PropertyValue=1)",
            format!("(msemr_issued ge at:2026-02-15T00:00:00Z and msemr_issued le {now})"),
        ),
        (
            "NextXYears(PropertyName='msemr_issued',PropertyValue=1)",
            format!("(msemr_issued ge {now} and msemr_issued lt at:2027-03-16T00:00:00Z)"),
        ),
        (
            "OlderThanXWeeks(PropertyName='msemr_issued',PropertyValue=1)",
            "msemr_issued lt at:2026-03-08T00:00:00Z".to_owned(),
        ),
        (
            "OlderThanXMinutes(PropertyName='msemr_issued',PropertyValue=30)",
            "msemr_issued lt at:2026-03-15T12:00:00Z".to_owned(),
        ),
    ];
    for (function, expected) in relative {
        check(function, &expected);
    }
    refused("Microsoft.Dynamics.CRM.LastXMinutes(PropertyName='msemr_issued',PropertyValue=1)", "NotSupported");
    assert!(
        resolve("Microsoft.Dynamics.CRM.LastXHours(PropertyName='birthdate',PropertyValue=1)", "contact")
            .unwrap_err()
            .contains("cannot work")
    );
    let date = "Microsoft.Dynamics.CRM.NextXDays(PropertyName='birthdate',PropertyValue=1)";
    let expected = "(birthdate ge date:2026-03-15 and birthdate lt date:2026-03-17)";
    assert_eq!(resolve(date, "contact").as_deref(), Ok(expected));
    refused("Microsoft.Dynamics.CRM.ContainValues(PropertyName='msemr_name',PropertyValues=['1'])", "is for choices");
    refused("Microsoft.Dynamics.CRM.Contains(PropertyName='msemr_count',PropertyValue='1')", "is for texts");
    refused("Microsoft.Dynamics.CRM.On(PropertyName='msemr_count',PropertyValue=2020-01-01)", "is for dates");
    refused("Microsoft.Dynamics.CRM.LastXDays(PropertyName='msemr_issued',PropertyValue=99999999)", "cannot work");
}

#[test]
fn functions_of_dataverse_take_sets_texts_and_aliases() {
    let check = |text: &str, expected: &str| check(&format!("Microsoft.Dynamics.CRM.{text}"), expected);
    check("ContainValues(PropertyName='msemr_status',PropertyValues=['935000001'])", "msemr_status in (935000001)");
    check(
        "DoesNotContainValues(PropertyName='msemr_status',PropertyValues=[935000001,935000002])",
        "(not msemr_status in (935000001,935000002))",
    );
    check("Contains(PropertyName='msemr_name',PropertyValue='a')", "Contains(msemr_name,'a')");
    check("DoesNotContain(PropertyName='msemr_name',PropertyValue='a')", "(not Contains(msemr_name,'a'))");
    check("In(PropertyName=@column,PropertyValues=@list)", "msemr_count in (1,2)");
    check(
        "OlderThanXHours(PropertyName='msemr_issued',PropertyValue=@five)",
        "msemr_issued lt at:2026-03-15T07:30:00Z",
    );
}

#[test]
fn functions_of_dataverse_that_mean_nothing_here_say_why() {
    let why = [
        (
            "Above(PropertyName='msemr_count',PropertyValue=0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11)",
            "neither the key of a table nor a lookup",
        ),
        (
            "UnderOrEqual(PropertyName='msemr_patient',PropertyValue=0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11)",
            "part of each other",
        ),
        (
            "NotUnder(PropertyName='_msemr_patient_value',PropertyValue=0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11)",
            "part of each other",
        ),
        ("EqualUserId(PropertyName='msemr_name')", "no login"),
        ("NotEqualBusinessId(PropertyName='msemr_name')", "no login"),
        ("EqualUserOrUserHierarchyAndTeams(PropertyName='msemr_name')", "no login"),
        ("EqualUserLanguage(PropertyName='msemr_name')", "1033"),
        ("InFiscalYear(PropertyName='msemr_issued',PropertyValue=2020)", "fiscal calendar"),
        ("LastXFiscalPeriods(PropertyName='msemr_issued',PropertyValue=2)", "fiscal calendar"),
        ("ThisFiscalPeriod(PropertyName='msemr_issued')", "fiscal calendar"),
    ];
    for (function, expected) in why {
        refused(&format!("Microsoft.Dynamics.CRM.{function}"), expected);
        refused(&format!("Microsoft.Dynamics.CRM.{function}"), "NotSupported");
    }
    for (function, expected) in [
        ("On(PropertyName='msemr_issued',PropertyValue=2020-01-01,PropertyValues=[1])", "each once"),
        ("Today(PropertyName='msemr_issued',PropertyValue=1)", "each once"),
        ("Today(PropertyName='msemr_issued',PropertyName='msemr_issued')", "each once"),
        ("Today('msemr_issued')", "each once"),
        ("Under(PropertyName='msemr_patient',PropertyValue=1)", "the key of a row is expected"),
        ("Under(PropertyName='msemr_patient')", "needs `PropertyValue=…`"),
        ("In(PropertyName='msemr_count')", "needs `PropertyValues=…`"),
        ("In(PropertyName=@nothing,PropertyValues=[1])", "in quotes"),
    ] {
        refused(&format!("Microsoft.Dynamics.CRM.{function}"), expected);
    }
}

#[test]
fn what_does_not_exist_is_an_error_with_a_place_and_a_hint() {
    refused(
        "msemr_nam eq 'x'",
        "UnknownColumn: `msemr_observation` has no column `msemr_nam`, at position 0 (did you mean `msemr_name`?)",
    );
    refused("msemr_count eq 1 and x eq 1", "at position 21");
    refused(
        "lenght(msemr_name) eq 1",
        "BadFilter: there is no function `lenght` at position 0 (did you mean `length`?)",
    );
    refused("msemr_name eq 5", "a text is expected, this is a number at position 14 (put the value in single quotes)");
    refused("msemr_issued gt 5", "a date-time is expected");
    refused("msemr_status eq 'final'", "a choice is compared by its number: 935000001 = Final");
    refused("msemr_count", "a condition is expected");
    refused("msemr_name eq msemr_count", "a text cannot be compared with a number");
    refused("contains(msemr_count,'1')", "a text is expected");
    refused("length(msemr_name,1) eq 1", "takes 1 argument");
    refused("msemr_count eq 1 and", "BadFilter");
    refused("'äöü' eq msemr_nam", "at position 9");
    refused("msemr_patient/any(x:true)", "leads to one row");
    refused("msemr_patient/nothing eq 1", "`contact` has no column `nothing`");
    refused("msemr_device/name eq 'x'", "UnknownColumn");
}

#[test]
fn patterns() {
    let shown = |text: &str| resolve(text, "msemr_observation");
    assert_eq!(shown("matchesPattern(msemr_name,'^A.*e$')").as_deref(), Ok("Matches(msemr_name,'^A.*e$')"));
    let compared = shown("matchespattern(tolower(msemr_name),'a') eq false").unwrap();
    assert!(compared.contains("Matches(ToLower(msemr_name),'a')"), "{compared}");
    assert!(shown("matchespattern(msemr_name,null)").is_ok());
    let malformed = shown("matchespattern(msemr_name,'a)')").unwrap_err();
    assert!(
        malformed.starts_with("BadFilter: a parenthesis closes nothing (character 1 of the pattern), at position 26"),
        "{malformed}"
    );
    assert!(shown("matchespattern(msemr_count,'a')").unwrap_err().starts_with("BadFilter"));
    let many = vec!["matchespattern(msemr_name,'a')"; 17].join(" or ");
    assert!(shown(&many).unwrap_err().starts_with("NotSupported: a condition with more than 16 patterns"));
}

#[test]
fn what_we_do_not_evaluate_is_refused_by_name() {
    for (text, expected) in [
        ("isof(Model.Thing)", "`isof`"),
        ("msemr_count has Sales.Pattern'Yellow'", "`has`"),
        ("geo.distance(msemr_name,msemr_name) lt 5", "`geo.distance`"),
        (
            "matchesPattern(msemr_name,'(?=x)')",
            "looking around (character 0 of the pattern) is not supported, at position 26",
        ),
        ("matchespattern(msemr_name,msemr_name)", "a pattern that is no literal"),
        ("$root/contacts('x')/fullname eq 'y'", "`$root`"),
        ("Some.Function(a=1)", "`Some.Function`"),
        ("msemr_patient/Model.Vip/fullname eq 'x'", "`Model.Vip`"),
        ("{\"a\":1} eq null", "an object"),
    ] {
        let error = resolve(text, "msemr_observation").expect_err(text);
        assert!(error.starts_with("NotSupported") && error.contains(expected), "{text}: {error}");
    }
    let outer = "msemr_patient/msemr_observation_msemr_patient/any(o:o/msemr_name eq msemr_name)";
    let error = resolve(outer, "msemr_observation").unwrap_err();
    assert!(error.starts_with("NotSupported") && error.contains("outer row"), "{error}");
    let outer = "*/any(o:o/msemr_patient/*/any(p:p/msemr_count gt o/msemr_count))";
    let outer = outer.replace('*', "msemr_observation_msemr_patient");
    assert!(resolve(&outer, "contact").unwrap_err().contains("outer row behind a lookup"));
    let counted = "msemr_patient/$count gt 0";
    assert!(resolve(counted, "msemr_observation").unwrap_err().starts_with("BadFilter"));
}

#[test]
fn values_of_other_tables_stand_beside_the_row() {
    let many = |text: &str, expected: &str| {
        let full = |text: &str| text.replace('*', "msemr_observation_msemr_patient");
        assert_eq!(resolve(&full(text), "contact"), Ok(full(expected)), "{text}");
    };
    check("msemr_patient/fullname eq msemr_name", "joined:0 eq msemr_name with msemr_patient/fullname");
    check(
        "contains(msemr_patient/fullname,msemr_name) and msemr_patient/fullname ne msemr_name",
        "(Contains(joined:0,msemr_name) and joined:0 ne msemr_name) with msemr_patient/fullname",
    );
    many("*/$count gt 0", "joined:0 gt 0 with */$count");
    many(
        "*/$count($filter=msemr_count gt 1 and msemr_patient/active) ge */$count",
        "joined:0 ge joined:1 with */$count($filter=…)[(msemr_count gt 1 and msemr_patient.One[active])], */$count",
    );
    many("*/$filter(msemr_count gt 1)/$count eq 2", "joined:0 eq 2 with */$count($filter=…)[msemr_count gt 1]");
    check(
        "msemr_patient/*/$count eq 1".replace('*', "msemr_observation_msemr_patient").as_str(),
        "msemr_patient.One[joined:0 eq 1 with msemr_observation_msemr_patient/$count]",
    );
    many("*/any(o:o/msemr_name eq fullname)", "*.Any[msemr_name eq joined:0 with msemr_patient/fullname]");
    many(
        "*/all(o:o/msemr_patient/active or o/msemr_name eq $it/fullname)",
        "*.All[(msemr_patient.One[active] or msemr_name eq joined:0) with msemr_patient/fullname]",
    );
}

#[test]
fn aliases_cannot_make_a_filter_of_any_size() {
    let catalog = sample::catalog();
    let aliases = BTreeMap::from([("a".to_owned(), vec!["active"; 400].join(" or "))]);
    let limits = Limits::default();
    let context = Context { catalog: &catalog, limits: &limits, aliases: &aliases, now: sample::now() };
    let often = |times: usize| {
        let text = vec!["@a"; times].join(" and ");
        filter(
            Source { text: &text, target: "$filter" },
            catalog.table("contact").unwrap(),
            context,
            &RefCell::default(),
        )
    };
    assert!(often(5).is_ok());
    assert!(often(300).unwrap_err().message().contains("url_bytes"));
}

#[test]
fn relations_in_a_row_are_limited() {
    let catalog = sample::catalog();
    let limits = Limits { filter_depth: 12, ..Limits::default() };
    let context = Context { catalog: &catalog, limits: &limits, aliases: &BTreeMap::new(), now: sample::now() };
    let hops = |times: usize| {
        let round = "msemr_patient/msemr_observation_msemr_patient/any(x:x/";
        let text = format!("{}msemr_count eq 1{}", round.repeat(times), ")".repeat(times));
        filter(
            Source { text: &text, target: "$filter" },
            catalog.table("msemr_observation").unwrap(),
            context,
            &RefCell::default(),
        )
    };
    assert!(hops(3).is_ok());
    assert!(hops(20).unwrap_err().message().contains("filter_depth"));
}

#[test]
fn long_chains_are_shallow() {
    let text = vec!["msemr_count eq 1"; 200].join(" or ");
    let shown = resolve(&text, "msemr_observation").unwrap();
    let depth = shown
        .chars()
        .scan(0_i32, |open, c| {
            *open += i32::from(c == '(') - i32::from(c == ')');
            Some(*open)
        })
        .max();
    assert!(depth < Some(12), "{depth:?}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z0-9 ()'\"/$@:,.\\[\\]{}=+-]{0,60}") {
        drop(resolve(&text, "msemr_observation"));
    }

    #[test]
    fn no_order_of_words_makes_it_panic(words in proptest::collection::vec(proptest::sample::select(vec![
        "msemr_name", "msemr_count", "eq", "ne", "and", "or", "not", "(", ")", "'x'", "5", "null", "in", ",", "add", "-",
        "msemr_patient/", "fullname", "contains(", "any(", "x:", "x/", "2020-01-01", "@five", "[", "]", "$it/", "now()",
    ]), 0..24)) {
        drop(resolve(&words.join(" "), "msemr_observation"));
        drop(resolve(&words.concat(), "contact"));
    }
}
