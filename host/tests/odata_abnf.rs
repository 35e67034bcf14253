//! The OASIS test cases for the OData grammar: every valid input of the rules that the parser covers is taken, every
//! invalid one is refused at the character that the case names. Paths and what we refuse by name are read as requests to
//! a few tables: what comes of each is in `odata_abnf/requests.txt`. Rules that cannot occur are listed with the reason,
//! and a rule that is in no list fails the test.
#![expect(clippy::print_stdout, reason = "the rules not covered are to be seen")]

use std::collections::BTreeSet;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use turntable::model::catalog::Catalog;
use turntable::model::limits::Limits;
use turntable::model::table::{Column, ColumnAccess, Kind, Lookup, Rank, Table, TableAccess, Target};
use turntable::model::value::Instant;
use turntable::odata::lexer::SyntaxError;
use turntable::odata::literal::{self, Scanned};
use turntable::odata::request::{Message, read};
use turntable::odata::{headers, search, selection, syntax};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/odata-abnf/odata-abnf-testcases.yaml");

/// Rules of what this side never reads, and why.
const NOT_READ: [(&str, &str); 3] = [
    (
        "context",
        "context URLs stand in answers; in a body `@odata.context` is ignored as every annotation of a client is",
    ),
    ("request-id", "the name of a request in a `$batch`, which is refused by name"),
    ("primitiveValue", "the body of a write of a single property, which is refused by name"),
];

/// What requests to the tables of [`catalog`] come to: input, a tab, `taken` or the refusal. `TURNTABLE_BLESS=1` writes
/// it anew.
const REQUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/odata_abnf/requests.txt");

const GROUP_CASES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/odata-abnf/odata-aggregation-testcases.yaml");
const GROUP_REQUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/odata_abnf/groups.txt");

#[test]
fn the_grammar_is_that_of_the_standard() {
    let text = std::fs::read_to_string(CASES).expect("the cases are part of the repository");
    let (mut not_read, mut requests) = (BTreeSet::new(), String::new());
    let mut failures = Vec::new();
    let mut checked = 0;
    for case in cases(&text) {
        if let Some((path, query)) = as_request(&case) {
            checked += 1;
            let outcome = request(&path, &query);
            // What the grammar does not have is refused; what it has may be, as we have not all of it.
            if case.fail_at.is_some() && outcome == "taken" {
                failures.push(format!("{}: `{}` is taken, and wrong at {:?}", case.name, case.input, case.fail_at));
            }
            requests += &format!("{}\t{outcome}\n", case.input);
            continue;
        }
        match judge(&case) {
            None => drop(not_read.insert(case.rule_name())),
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
    println!("{checked} cases; not read: {NOT_READ:#?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(not_read, NOT_READ.iter().map(|(rule, _)| (*rule).to_owned()).collect());
    assert!(checked > 500, "{checked} cases");
    if std::env::var_os("TURNTABLE_BLESS").is_some() {
        std::fs::write(REQUESTS, &requests).expect("the list can be written");
    }
    let expected = std::fs::read_to_string(REQUESTS).unwrap_or_default();
    for (found, expected) in requests.lines().zip(expected.lines().chain(std::iter::repeat(""))) {
        assert_eq!(found, expected, "TURNTABLE_BLESS=1 writes the list anew");
    }
    assert_eq!(requests.lines().count(), expected.lines().count());
}

/// The cases for `$apply`, asked of sales: what the grammar does not have is refused, what it has is taken or refused by
/// name.
#[test]
fn groups_are_asked_for_as_the_standard_has_it() {
    let text = std::fs::read_to_string(GROUP_CASES).expect("the cases are part of the repository");
    let (mut requests, mut taken) = (String::new(), 0);
    for case in cases(&text) {
        // The others are about functions in conditions, hierarchies and products of sets.
        if !case.input.starts_with("$apply=") {
            continue;
        }
        let outcome = request("Sales", &case.input);
        taken += usize::from(outcome == "taken");
        let is_right = match case.fail_at {
            Some(_) => outcome != "taken",
            None => ["taken", "NotSupported:", "UnknownColumn:", "BadOption:"]
                .iter()
                .any(|start| outcome.starts_with(start)),
        };
        assert!(is_right, "{}: `{}` is {outcome}", case.name, case.input);
        requests += &format!("{}\t{outcome}\n", case.input);
    }
    assert!(taken > 5, "{taken} requests are taken");
    if std::env::var_os("TURNTABLE_BLESS").is_some() {
        std::fs::write(GROUP_REQUESTS, &requests).expect("the list can be written");
    }
    let expected = std::fs::read_to_string(GROUP_REQUESTS).unwrap_or_default();
    for (found, expected) in requests.lines().zip(expected.lines().chain(std::iter::repeat(""))) {
        assert_eq!(found, expected, "TURNTABLE_BLESS=1 writes the list anew");
    }
    assert_eq!(requests.lines().count(), expected.lines().count());
}

/// Path under the service root and query, of rules that are about requests.
fn as_request(case: &Case) -> Option<(String, String)> {
    let rooted = |uri: &str| uri.split_once('?').map_or((uri.to_owned(), String::new()), |(p, q)| (p.into(), q.into()));
    Some(match case.rule_name().as_str() {
        "odataRelativeUri" | "resourcePath" => rooted(&case.input),
        // Where the service is is its own business: what is asked of it begins behind its root.
        "odataUri" => {
            let roots = ["/MyService/", "/service/", "/OData.svc/", "/serviceRoot/", "My.Org:80/", "My.Org/"];
            let absolute = case.input.contains("://");
            let root = roots.iter().filter(|_| absolute).find_map(|root| Some(case.input.split_once(root)?.1));
            rooted(root.unwrap_or(&case.input))
        }
        "search" | "systemQueryOption" | "customQueryOption" => ("Products".into(), case.input.clone()),
        rule if rule.starts_with("queryOptions with") => ("Products".into(), case.input.clone()),
        _ => return None,
    })
}

/// `taken`, or the code and the text of the refusal. Where the cases have a number as key there is a GUID.
fn request(path: &str, query: &str) -> String {
    const GUID: &str = "(11111111-2222-4333-8444-555555555555)";
    let path = ["(0)", "(1)", "(2)", "(4)", "(42)"].iter().fold(path.to_owned(), |path, key| path.replace(key, GUID));
    // A client never sends what stands behind a hash.
    let whole = |text: &str| text.split('#').next().unwrap_or_default().to_owned();
    let (path, query) = (whole(&path), whole(query));
    let headers = headers::Headers(&[]);
    let base = "http://localhost/service/";
    let message =
        Message { method: "GET", path: &path, query: &query, headers, body: b"", base, user_view: None, found: &[] };
    match read(&message, &catalog(), &Limits::default(), Instant::from_microsecond(0)) {
        Ok(_) => "taken".to_owned(),
        Err(error) => format!("{error}"),
    }
}

/// Those tables of the cases' service that tables of ours can be like: keys are GUIDs here.
fn catalog() -> Catalog {
    let text = || Kind::Text { max_length: None, multi_line: false };
    let column = |name: &str, kind: Kind| Column {
        name: name.into(),
        label: name.into(),
        description: String::new(),
        kind,
        access: ColumnAccess { read: true, create: true, update: true },
        required: false,
        path: String::new(),
        elements: Vec::new(),
    };
    let lookup = |name: &str, entity_set: &str| {
        let target = Target { entity_set: entity_set.into(), resource_type: "Basic".into(), rank: Rank::default() };
        column(name, Kind::Lookup(Lookup { targets: vec![target], navigation: name.into() }))
    };
    let table = |name: &str, entity_set: &str, more: Vec<Column>| {
        let columns = [column("ID", Kind::Key), column("Name", text())].into_iter().chain(more).collect();
        Arc::new(Table {
            name: name.into(),
            entity_set: entity_set.into(),
            label: name.into(),
            description: String::new(),
            sources: Vec::new(),
            columns,
            concepts: Vec::new(),
            key: 0,
            primary_name: 1,
            version: None,
            access: TableAccess { read: true, create: true, update: true, delete: true },
            parent: None,
            one_row_per_resource: true,
            made_by: String::new(),
            adds_version: false,
            narrowed: Default::default(),
        })
    };
    let number = Kind::Decimal { precision: 38, scale: None };
    Catalog::new([
        table("Category", "Categories", vec![]),
        table(
            "Product",
            "Products",
            vec![column("Price", number), column("Age", Kind::Int32), lookup("Category", "Categories")],
        ),
        table("Customer", "Customers", vec![column("CountryCode", text())]),
        table("Employee", "Employees", vec![column("LastName", text()), lookup("Manager", "Employees")]),
        table(
            "Sale",
            "Sales",
            vec![
                column("Amount", Kind::Decimal { precision: 38, scale: None }),
                column("Cost", Kind::Decimal { precision: 38, scale: None }),
                lookup("Customer", "Customers"),
                lookup("Product", "Products"),
            ],
        ),
    ])
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
    if name == "header" {
        return Some(header(&case.input));
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
        // Opaque up to where the next option begins.
        "skiptoken" => |text, _| Ok(text.find('&').unwrap_or(text.len())),
        "prefer" => |text, _| {
            let value = text.strip_prefix("Prefer: ").expect("the header's name");
            let at = text.len() - value.len();
            let each = value.split(',').try_fold(at, |at, one| {
                headers::check_preference(one).map(|()| at + one.len() + 1).map_err(|inside| at + inside)
            });
            each.map(|_| text.len())
        },
        "preference" | "maxpagesizePreference" | "includeAnnotationsPreference" => {
            |text, _| headers::check_preference(text).map(|()| text.len())
        }
        _ => return None,
    })
}

/// A header is taken, or it is none that is read: of those a client may send any.
fn header(line: &str) -> Result<(), usize> {
    let (name, value) = line.split_once(':').expect("a header");
    headers::Headers(&[(name, value)]).check_version().map_err(|_| name.len() + 1)
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
        // It stands in collections and objects only.
        "stringInUrl" => syntax::expression(&format!("[{text}]"), &limits).map(drop).map_err(|e| e.at - 1),
        "anyExpr" => syntax::lambda(text, &limits).map(drop).map_err(at),
        "searchExpr" => search::parse(text, &limits).map(drop).map_err(at),
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
        "FailAt" => {
            let number = value.split('#').next().unwrap_or_default();
            case.fail_at = Some(number.trim().parse().expect("a number"));
        }
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
