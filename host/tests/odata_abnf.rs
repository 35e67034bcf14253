//! The OASIS test cases for the OData grammar: every valid input of the rules that the parser covers is taken, every
//! invalid one is refused at the character that the case names. Rules that are not covered are listed, and a rule that
//! is in neither list fails the test.
#![expect(clippy::print_stdout, reason = "the rules not covered are to be seen")]

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use turntable::model::limits::Limits;
use turntable::odata::lexer::SyntaxError;
use turntable::odata::literal::{self, Scanned};
use turntable::odata::{headers, selection, syntax};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/odata-abnf/odata-abnf-testcases.yaml");

/// Paths and whole URLs are resolved against tables (`odata::request`), never by grammar alone; `$search` is refused by
/// name; the rest is for payloads and headers that this side only writes or passes on.
const NOT_COVERED: [&str; 17] = [
    "context",
    "customQueryOption",
    "header",
    "odataRelativeUri",
    "odataUri",
    "prefer",
    "primitiveValue",
    "queryOptions with $search",
    "request-id",
    "resourcePath",
    "search",
    "searchExpr",
    "skiptoken",
    "stringInUrl",
    "systemQueryOption",
    "queryOptions with $index",
    "queryOptions with $format",
];

#[test]
fn the_grammar_is_that_of_the_standard() {
    let text = std::fs::read_to_string(CASES).expect("the cases are part of the repository");
    let mut not_covered = BTreeSet::new();
    let mut failures = Vec::new();
    let mut checked = 0;
    for case in cases(&text) {
        match judge(&case) {
            None => drop(not_covered.insert(case.rule_name())),
            Some(found) => {
                checked += 1;
                if found != case.fail_at.map_or(Ok(()), Err) {
                    failures.push(format!(
                        "{}: {} `{}`: {found:?}, not {:?}",
                        case.name, case.rule, case.input, case.fail_at
                    ));
                }
            }
        }
    }
    println!("{checked} cases; rules not covered: {not_covered:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(not_covered, NOT_COVERED.iter().map(|rule| (*rule).to_owned()).collect());
    assert!(checked > 280, "{checked} cases");
}

#[derive(Debug, Default)]
struct Case {
    name: String,
    rule: String,
    input: String,
    fail_at: Option<usize>,
}

impl Case {
    /// Query options are many rules in one.
    fn rule_name(&self) -> String {
        let option = ["$search", "index", "format"].into_iter().find(|option| self.input.contains(option));
        match option.filter(|_| self.rule == "queryOptions") {
            Some(option) => format!("queryOptions with ${}", option.trim_start_matches('$')),
            None => self.rule.clone(),
        }
    }
}

/// Taken, or refused at a character of the input; None = not covered.
fn judge(case: &Case) -> Option<Result<(), usize>> {
    let name = case.rule_name();
    if let Some(scan) = payload_rule(&name) {
        return Some(whole(&case.input, scan));
    }
    let (decoded, places) = decode(&case.input);
    let found = match url_rule(&name) {
        Some(scan) => whole(&decoded, scan),
        None => expression_rule(&name, &decoded)?,
    };
    Some(found.map_err(|at| places.get(at).copied().unwrap_or(case.input.len())))
}

type Scan = fn(&str, usize) -> Scanned;

/// Literals as bodies have them: nothing is percent-decoded.
fn payload_rule(rule: &str) -> Option<Scan> {
    Some(match rule {
        "booleanValue" => |text, at| literal::boolean(text, at, true),
        "dateTimeOffsetValue" => literal::date_time_offset,
        "dateValue" => literal::date,
        "decimalValue" | "doubleValue" => literal::number,
        "durationValue" => literal::duration,
        "enumValue" => literal::enumeration_members,
        "timeOfDayValue" => literal::time_of_day,
        "odataIdentifier" => literal::identifier,
        "preference" | "maxpagesizePreference" | "includeAnnotationsPreference" => {
            |text, _| headers::check_preference(text).map(|()| text.len())
        }
        _ => return None,
    })
}

/// Literals as URLs have them.
fn url_rule(rule: &str) -> Option<Scan> {
    Some(match rule {
        "binaryLiteral" => literal::binary,
        "boolean" => |text, at| literal::boolean(text, at, false),
        "date" => literal::date,
        "dateTimeOffsetLiteral" => literal::date_time_offset,
        "doubleLiteral" | "singleLiteral" => literal::number,
        "durationLiteral" => literal::prefixed_duration,
        "enumLiteral" => literal::enumeration,
        "guid" => literal::guid,
        "sbyteLiteral" => |text, at| literal::integer(text, at, 3),
        "int16Literal" => |text, at| literal::integer(text, at, 5),
        "int32Literal" => |text, at| literal::integer(text, at, 10),
        "int64Literal" => |text, at| literal::integer(text, at, 19),
        "stringLiteral" => literal::string,
        "timeOfDayLiteral" => literal::time_of_day,
        rule if rule.starts_with("geography") || rule.starts_with("geometry") => literal::geo,
        _ => return None,
    })
}

/// Everything that is parsed by tokens.
fn expression_rule(rule: &str, text: &str) -> Option<Result<(), usize>> {
    let limits = Limits::default();
    let at = |e: SyntaxError| e.at;
    Some(match rule {
        "commonExpr" | "boolCommonExpr" | "firstMemberExpr" | "propertyPathExpr" | "isofExpr" | "primitiveLiteral"
        | "null" => syntax::expression(text, &limits).map(drop).map_err(at),
        "anyExpr" => syntax::lambda(text, &limits).map(drop).map_err(at),
        "functionParameter" => syntax::arguments(text, &limits).map(drop).map_err(at),
        "filter" | "orderby" | "orderBy" | "select" | "expand" | "compute" | "queryOptions" => options(text),
        _ => return None,
    })
}

/// `name=value&…`; positions are those in the whole text.
fn options(text: &str) -> Result<(), usize> {
    let limits = Limits::default();
    let mut start = 0;
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value_at = start + name.len() + 1;
        let at = |e: SyntaxError| value_at + e.at;
        let lower = name.trim_start_matches('$').to_ascii_lowercase();
        let system = name.starts_with('$') || ["top", "skip", "count"].contains(&lower.as_str());
        if system && !pair.contains('=') {
            return Err(start + pair.len());
        }
        match lower.as_str() {
            "filter" => syntax::expression(value, &limits).map(drop).map_err(at)?,
            "orderby" => syntax::order_by(value, &limits).map(drop).map_err(at)?,
            "select" => selection::select(value, &limits).map(drop).map_err(at)?,
            "expand" => selection::expand(value, &limits).map(drop).map_err(at)?,
            "compute" => selection::compute(value, &limits).map(drop).map_err(at)?,
            "count" => whole(value, |text, at| literal::boolean(text, at, false)).map_err(|at| value_at + at)?,
            "top" | "skip" => whole(value, |text, at| literal::integer(text, at, 19)).map_err(|at| value_at + at)?,
            alias if alias.starts_with('@') => syntax::expression(value, &limits).map(drop).map_err(at)?,
            custom => assert!(!name.starts_with('$'), "the option `${custom}` is not covered"),
        }
        start += pair.len() + 1;
    }
    Ok(())
}

fn whole(text: &str, scan: impl Fn(&str, usize) -> Scanned) -> Result<(), usize> {
    match scan(text, 0)? {
        end if end == text.len() => Ok(()),
        end => Err(end),
    }
}

/// Percent-decoded once, and for each byte where it stood.
fn decode(text: &str) -> (String, Vec<usize>) {
    let decoded = percent_decode_str(text).decode_utf8().expect("the cases are UTF-8").into_owned();
    let bytes = text.as_bytes();
    let mut places = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        places.push(at);
        at += if bytes[at] == b'%' { 3 } else { 1 };
    }
    (decoded, places)
}

/// The few forms of YAML that the file has: scalars plain, in single or double quotes, on one line or folded.
fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut field: Option<(String, Vec<String>)> = None;
    let body = text.split_once("\nTestCases:\n").expect("the file has cases").1;
    for line in body.lines().chain(["    End: x"]) {
        let key = line.strip_prefix("  - ").or_else(|| line.strip_prefix("    ")).filter(|rest| {
            rest.starts_with(|c: char| c.is_ascii_uppercase())
                && ["Name:", "Rule:", "FailAt:", "Input:", "Expect:", "End:"].iter().any(|key| rest.starts_with(key))
        });
        match key.and_then(|rest| rest.split_once(':')) {
            Some((key, value)) => {
                if let Some((name, lines)) = field.take() {
                    set(&mut cases, &name, &scalar(&lines));
                }
                field = Some((key.to_owned(), vec![value.trim().to_owned()]));
            }
            None => {
                if let Some((_, lines)) = &mut field {
                    lines.push(line.trim().to_owned());
                }
            }
        }
    }
    cases
}

fn set(cases: &mut Vec<Case>, field: &str, value: &str) {
    if field == "Name" {
        cases.push(Case { name: value.to_owned(), ..Case::default() });
    }
    let case = cases.last_mut().expect("a case begins with its name");
    match field {
        "Rule" => case.rule = value.to_owned(),
        "Input" => case.input = value.to_owned(),
        "FailAt" => case.fail_at = Some(value.parse().expect("a number")),
        _ => {}
    }
}

fn scalar(lines: &[String]) -> String {
    let mut folded = String::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        match folded.strip_suffix('\\') {
            Some(open) if folded.starts_with('"') => folded = format!("{open}{line}"),
            _ if folded.is_empty() => folded.push_str(line),
            _ => folded = format!("{folded} {line}"),
        }
    }
    match folded.chars().next() {
        Some('"') => serde_json::from_str(&folded).expect("double quotes as in JSON"),
        Some('\'') => folded[1..folded.len() - 1].replace("''", "'"),
        _ => folded,
    }
}
