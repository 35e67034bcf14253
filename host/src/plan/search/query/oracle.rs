//! Is what we push a superset? A small FHIR search evaluator over made-up resources, in both readings of what an
//! implicit precision means and with the service's clock in three zones, answers the pushed searches; after the
//! residual the rows must be just those that the row filter keeps of everything.

use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use proptest::prelude::*;
use rust_decimal::Decimal;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::*;
use crate::model::query::TextTest;
use crate::model::rows::Rows;
use crate::model::value::{Instant, first_day, fold, parse_instant};
use crate::plan::evaluate::residual::filter_rows;
use crate::plan::example::observation::*;
use crate::plan::example::*;
use crate::plan::search::chain::{Side, chains};

/// What a service takes a number or a moment to be: R4 can be read both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// A value is the point that it names.
    Points,
    /// A value is the range of all that would be rounded to it; `ge` is above that range, or within.
    Ranges,
}

#[derive(Clone, Copy, Debug)]
struct Service {
    reading: Reading,
    /// The zone in which it reads a date without one.
    hours: i8,
    texts: Texts,
}

/// What a service makes of texts before it compares them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Texts {
    /// As we do.
    Folded,
    /// It makes letters small and drops accents: `ſ` is no `s`, `ß` not `ss`.
    Small,
}

impl Texts {
    fn of(self, text: &str) -> String {
        match self {
            Self::Folded => fold(text),
            Self::Small => text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect(),
        }
    }
}

/// What a search parameter sees of a resource, and the cell that the row shows.
#[derive(Clone, Debug, Default)]
struct Resource {
    id: String,
    status: Option<&'static str>,
    /// The row shows the first.
    codes: Vec<&'static str>,
    categories: Vec<(&'static str, &'static str)>,
    subject: Option<&'static str>,
    /// One text, or a period of which the row shows the start, or the end if it has none.
    effective: Option<(Option<&'static str>, Option<&'static str>)>,
    modified: Option<&'static str>,
    value: Option<&'static str>,
    times: Option<&'static str>,
    notes: Vec<&'static str>,
    active: Option<bool>,
    born: Option<&'static str>,
    onset: Option<&'static str>,
}

const STATUSES: [&str; 3] = ["final", "preliminary", "amended"];
const CODES: [&str; 4] = ["8867-4", "8480-6", "LP29684", "lp29684"];
const CATEGORIES: [(&str, &str); 3] = [("http://cat", "vital-signs"), ("http://cat", "lab|x"), ("http://other", "z")];
const SUBJECTS: [&str; 4] = ["Patient/a1", "Group/a1", "Patient/b2", "Patient/an-id-of-more-than-19-symbols"];
const MOMENTS: [&str; 12] = [
    "2020",
    "2020-05",
    "2020-05-01",
    "2020-04-30",
    "2020-05-02",
    "2020-05-01T00:00:00Z",
    "2020-05-01T00:00:00+14:00",
    "2020-05-01T23:59:59-12:00",
    "2020-05-01T12:00:00.250Z",
    "2020-05-31T22:00:00Z",
    "2019-12-31T23:59:59Z",
    "2021-01-01T00:00:00Z",
];
const DAYS: [&str; 6] = ["1970-01-01", "1969-12-31", "1970-01-02", "2020-05-01", "2020-12-31", "2021-01-01"];
const NUMBERS: [&str; 12] =
    ["70", "70.2", "69.5", "70.5", "69.999999", "70.000001", "0", "-70", "1e2", "72.10", "0.0000001", "1e-7"];
const WHOLE: [&str; 4] = ["0", "69", "70", "-1"];
const NOTES: [&str; 18] = [
    "James",
    "JAMES",
    "Jameson",
    "José",
    "jose\u{301}",
    "Jos",
    "Saint James",
    "a,b|c$d",
    "",
    "\u{c9}luard",
    "Jameſ",
    "ſaint JAMEẛ",
    "Maße",
    "MASSE",
    "Oﬃce at ﬆ",
    "office AT ST",
    "annẚ ŉ",
    "annaʾ",
];

const PARTS: [&str; 14] =
    ["Jam", "os\u{e9}", "", "a,b", "s", "ess", "JAMES", "as", "mass", "f", "ffi", "ice at s", "anna", "n"];

impl Resource {
    fn cells(&self) -> Vec<Option<String>> {
        let shown = self.effective.and_then(|(start, end)| start.or(end));
        let text = |cell: Option<&str>| cell.map(str::to_owned);
        vec![
            Some(self.id.clone()),
            text(self.status),
            text(self.codes.first().copied()),
            self.codes.first().map(|_| "http://loinc.org".to_owned()),
            text(self.categories.first().map(|(_, code)| *code)),
            text(self.subject),
            text(shown),
            text(self.modified),
            text(self.value),
            text(self.times),
            text(self.notes.first().copied()),
            self.active.map(|a| a.to_string()),
            text(self.born),
            text(self.onset),
            None,
        ]
    }

    fn meets(&self, param: &str, value: &str, service: Service) -> bool {
        let (name, modifier) = param.split_once(':').map_or((param, None), |(name, modifier)| (name, Some(modifier)));
        if modifier == Some("missing") {
            return self.is_missing(name) == (value == "true");
        }
        if modifier == Some("not") {
            return !self.meets(name, value, service);
        }
        split(value, ',').iter().any(|value| match name {
            "_id" => self.id == unescape(value),
            "status" => self.status.is_some_and(|status| status == unescape(value)),
            "active" => self.active.is_some_and(|active| active.to_string() == *value),
            "code" => self.codes.iter().any(|code| token("http://loinc.org", code, value)),
            "category" => self.categories.iter().any(|(system, code)| token(system, code, value)),
            "subject" => self.subject.is_some_and(|subject| subject == value),
            "note" => self.notes.iter().any(|note| {
                let (note, value) = (service.texts.of(note), service.texts.of(&unescape(value)));
                if modifier == Some("contains") { note.contains(&value) } else { note.starts_with(&value) }
            }),
            "date" => self.effective.is_some_and(|(start, end)| {
                let start_range = start.map(|s| moments(s, service));
                let end_range = end.map(|e| moments(e, service));
                let range = match (start_range, end_range) {
                    (Some(one), None) if self.is_instant() => one,
                    (start, end) => (start.map_or(i128::MIN, |r| r.0), end.map_or(i128::MAX, |r| r.1)),
                };
                compares(value, range, service, |literal| moments(literal, service))
            }),
            "_lastUpdated" => self.moment(self.modified, value, service),
            "birthdate" => self.moment(self.born, value, service),
            "onset" => self.moment(self.onset, value, service),
            "value-quantity" => number(self.value, value, service),
            "times" => number(self.times, value, service),
            other => panic!("the service does not know {other}"),
        })
    }

    /// A period without an end is not the same as a moment; every third resource has periods.
    fn is_instant(&self) -> bool {
        !self.id.ends_with('0')
    }

    fn moment(&self, stored: Option<&str>, value: &str, service: Service) -> bool {
        stored.is_some_and(|stored| compares(value, moments(stored, service), service, |l| moments(l, service)))
    }

    fn is_missing(&self, param: &str) -> bool {
        match param {
            "status" => self.status.is_none(),
            "active" => self.active.is_none(),
            "birthdate" => self.born.is_none(),
            "category" => self.categories.is_empty(),
            "subject" => self.subject.is_none(),
            other => panic!("`:missing` of {other} is not sound"),
        }
    }
}

fn token(system: &str, code: &str, value: &str) -> bool {
    match split(value, '|').as_slice() {
        [only] => unescape(only) == code,
        [wanted, wanted_code] => unescape(wanted) == system && unescape(wanted_code) == code,
        other => panic!("no token: {other:?}"),
    }
}

/// Range of microseconds, the end not in it.
fn moments(text: &str, service: Service) -> (i128, i128) {
    let micro = |moment: Instant| i128::from(moment.as_microsecond());
    if text.contains('T') {
        let start = micro(parse_instant(text).expect("a moment"));
        return (start, start + if text.contains('.') { 1_000 } else { 1_000_000 });
    }
    let first: Date = first_day(text).expect("a date");
    let next = match text.len() {
        4 => first.checked_add(1.year()),
        7 => first.checked_add(1.month()),
        _ => first.checked_add(1.day()),
    };
    let zone = TimeZone::fixed(Offset::constant(service.hours));
    let local = |day: Date| micro(DateTime::from(day).to_zoned(zone.clone()).expect("in range").timestamp().into());
    (local(first), local(next.expect("in range")))
}

/// Range of billionths, the end not in it; as points, a range of the least width.
fn numbers(text: &str, service: Service) -> (i128, i128) {
    let decimal = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).expect("a number");
    let billionths = |d: Decimal| (d * Decimal::from(1_000_000_000_000_i64)).trunc().mantissa();
    let point = billionths(decimal);
    match service.reading {
        Reading::Points => (point, point + 1),
        Reading::Ranges => {
            let half = billionths(Decimal::new(5, decimal.scale() + 1)).max(1);
            (point - half, point + half)
        }
    }
}

fn number(stored: Option<&str>, value: &str, service: Service) -> bool {
    stored.is_some_and(|stored| compares(value, numbers(stored, service), service, |l| numbers(l, service)))
}

/// Whether what is stored meets a prefixed value, as R4 words it.
fn compares(value: &str, stored: (i128, i128), service: Service, range: impl Fn(&str) -> (i128, i128)) -> bool {
    let (op, literal) = value.split_at(2);
    let (least, end) = range(literal);
    let contained = least <= stored.0 && stored.1 <= end;
    let (above, below) = match service.reading {
        Reading::Points => (stored.1 > least + 1, stored.0 < least),
        Reading::Ranges => (stored.1 > end, stored.0 < least),
    };
    match op {
        "eq" => contained,
        "gt" => above,
        "lt" => below,
        "ge" => above || contained || (service.reading == Reading::Points && stored.1 > least),
        "le" => below || contained || (service.reading == Reading::Points && stored.0 <= least),
        other => panic!("no prefix: {other}"),
    }
}

fn split(text: &str, at: char) -> Vec<String> {
    let (mut parts, mut escaped) = (vec![String::new()], false);
    for c in text.chars() {
        if c == at && !escaped {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("never empty").push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    parts
}

fn unescape(text: &str) -> String {
    let (mut plain, mut escaped) = (String::new(), false);
    for c in text.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(c);
            escaped = false;
        }
    }
    plain
}

static TABLE: LazyLock<Table> = LazyLock::new(observations);

fn rows_of<'r>(resources: impl IntoIterator<Item = &'r Resource>) -> Rows {
    let mut rows = Rows::new((0..=VERSION).collect());
    for resource in resources {
        let cells = resource.cells();
        rows.push(cells.iter().map(Option::as_deref));
    }
    rows
}

fn kept_ids(rows: &Rows, filter: Option<&Filter>) -> Vec<String> {
    let kept = filter_rows(filter, &TABLE, rows).expect("typed");
    let mut ids: Vec<String> = kept.iter().filter_map(|row| rows.cell(*row, ID)).map(str::to_owned).collect();
    ids.sort();
    ids
}

fn compare_routes(filter: &Filter, resources: &[Resource]) {
    let long = SUBJECTS[3].trim_start_matches("Patient/");
    let ids = HashMap::from([(crate::model::key::guid(long), long.to_owned())]);
    let names = |names: &[&str]| names.iter().map(|name| format!("Observation.{name}")).collect();
    let knowing = |ignored: &[&str], long_s: &[&str]| ServerSearch {
        ignored: names(ignored),
        long_s: names(long_s),
        ..ServerSearch::default()
    };
    for (server, long_s) in [
        (knowing(&[], &[]), false),
        (knowing(&["note,", "note:contains,"], &[]), false),
        (knowing(&[], &["note"]), true),
        (ServerSearch { negates: names(&["status", "active", "category", "code"]), ..knowing(&[], &[]) }, false),
    ] {
        let apart = searches_apart(filter, &TABLE, &server, &ids);
        for searched in [Some(searches(Some(filter), &TABLE, &server, &ids)), apart].into_iter().flatten() {
            compare_searches(filter, resources, &searched, long_s);
        }
    }
}

fn compare_searches(filter: &Filter, resources: &[Resource], searched: &[Searched], long_s: bool) {
    let expected = kept_ids(&rows_of(resources), Some(filter));
    // What it takes for an `s` it has been found to.
    for service in every_service().filter(|service| service.texts == Texts::Folded || !long_s) {
        let (mut found, mut urls) = (Vec::new(), Vec::new());
        for searched in searched {
            let Searched::Search(search) = searched else {
                continue;
            };
            let url = search.relative_url();
            let answer = resources.iter().filter(|r| search.params.iter().all(|(n, v)| r.meets(n, v, service)));
            let answer = rows_of(answer);
            let checked = kept_ids(&answer, search.residual.as_ref());
            assert_eq!(checked, kept_ids(&answer, search.filter.as_ref()), "what is exact of {url}");
            found.extend(checked);
            urls.push(url);
        }
        found.sort();
        assert_eq!(found, expected, "{} as {urls:?} by {service:?}", unparse::filter(filter, &TABLE));
    }
}

fn every_service() -> impl Iterator<Item = Service> {
    let zones = [(-12, Texts::Small), (0, Texts::Folded), (14, Texts::Small)];
    [Reading::Points, Reading::Ranges]
        .into_iter()
        .flat_map(move |reading| zones.map(|(hours, texts)| Service { reading, hours, texts }))
}

fn pick<T: Copy + std::fmt::Debug + 'static>(from: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(from)
}

fn maybe<T: Copy + std::fmt::Debug + 'static>(from: &'static [T]) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.8, pick(from))
}

fn resources() -> impl Strategy<Value = Vec<Resource>> {
    let list = |from: &'static [&'static str]| proptest::collection::vec(pick(from), 0..3);
    let one = (
        (maybe(&STATUSES), list(&CODES), proptest::collection::vec(pick(&CATEGORIES), 0..3), maybe(&SUBJECTS)),
        (maybe(&MOMENTS), maybe(&MOMENTS), maybe(&MOMENTS[5..]), maybe(&NUMBERS), maybe(&WHOLE)),
        (list(&NOTES), maybe(&[true, false]), maybe(&DAYS), maybe(&MOMENTS)),
    );
    proptest::collection::vec(one, 1..12).prop_map(|all| {
        let resource = |(n, (a, b, c)): (usize, (_, _, _))| build(n, a, b, c);
        all.into_iter().enumerate().map(resource).collect()
    })
}

type Codes = (Option<&'static str>, Vec<&'static str>, Vec<(&'static str, &'static str)>, Option<&'static str>);
type Text = Option<&'static str>;

fn build(
    n: usize,
    (status, codes, categories, subject): Codes,
    (start, end, modified, value, times): (Text, Text, Text, Text, Text),
    (notes, active, born, onset): (Vec<&'static str>, Option<bool>, Text, Text),
) -> Resource {
    let id = format!("r{}{}", n, n % 3);
    let effective = match (start, end) {
        (None, None) => None,
        // A period runs forward, and the moment alone is a moment.
        (Some(start), Some(end)) if id.ends_with('0') && parse_instant(start) <= parse_instant(end) => {
            Some((Some(start), Some(end)))
        }
        (Some(start), _) => Some((Some(start), None)),
        (None, Some(end)) if id.ends_with('0') => Some((None, Some(end))),
        (None, Some(end)) => Some((Some(end), None)),
    };
    Resource { id, status, codes, categories, subject, effective, modified, value, times, notes, active, born, onset }
}

fn filters() -> impl Strategy<Value = Filter> {
    let op = || pick(&[Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge]);
    let equality = || pick(&[Compare::Eq, Compare::Eq, Compare::Ne]);
    let numbers = || pick(&NUMBERS).prop_map(crate::plan::example::number);
    let whole = || pick(&WHOLE).prop_map(crate::plan::example::number);
    let choice = |values: &'static [i32]| pick(values).prop_map(|v| crate::plan::example::number(&v.to_string()));
    let moment_or_day = || {
        prop_oneof![
            pick(&MOMENTS).prop_map(|m| Literal::Instant(parse_instant(m).expect("a moment"))),
            pick(&DAYS).prop_map(day),
        ]
    };
    let keys = || pick(&SUBJECTS).prop_map(|s| guid_of(s.split_once('/').expect("a reference").1));
    let year =
        (op(), pick(&["2020", "1970", "2019"]), pick(&[EFFECTIVE, BORN, MODIFIED])).prop_map(|(op, year, column)| {
            let year_of = Expr::Call(crate::model::query::Function::Year, vec![Expr::Column(column)]);
            Filter::Compare(op, year_of, Expr::Literal(crate::plan::example::number(year)))
        });
    let null = (equality(), pick(&[STATUS, CODE, CATEGORY, SUBJECT, EFFECTIVE, VALUE, NOTE, ACTIVE, BORN]))
        .prop_map(|(op, column)| compare(op, column, Literal::Null));
    let value = prop_oneof![
        (op(), numbers()).prop_map(|(op, n)| compare(op, VALUE, n)),
        (op(), whole()).prop_map(|(op, n)| compare(op, TIMES, n)),
        (op(), moment_or_day(), pick(&[EFFECTIVE, MODIFIED, BORN])).prop_map(|(op, m, column)| compare(op, column, m)),
        year,
        (op(), pick(&MOMENTS)).prop_map(|(op, text)| compare(op, ONSET, string(text))),
        (op(), choice(&[1, 2, 3, 4])).prop_map(|(op, v)| compare(op, STATUS, v)),
        (equality(), choice(&[10, 11, 12])).prop_map(|(op, v)| compare(op, CATEGORY, v)),
        (equality(), keys()).prop_map(|(op, key)| compare(op, SUBJECT, key)),
        (equality(), pick(&["r00", "r11", "r30", "zz"])).prop_map(|(op, id)| compare(op, ID, guid_of(id))),
        (op(), pick(&CODES)).prop_map(|(op, code)| compare(op, CODE, string(code))),
        (op(), pick(&NOTES)).prop_map(|(op, note)| compare(op, NOTE, string(note))),
        (pick(&[TextTest::StartsWith, TextTest::Contains, TextTest::EndsWith]), pick(&PARTS))
            .prop_map(|(kind, part)| test(kind, NOTE, part)),
        Just(Filter::Is(Expr::Column(ACTIVE))),
        proptest::collection::vec(choice(&[1, 2, 3, 4]), 0..3).prop_map(|list| is_in(STATUS, list)),
        proptest::collection::vec(numbers(), 0..3).prop_map(|list| is_in(VALUE, list)),
        proptest::collection::vec(keys(), 0..4).prop_map(|list| is_in(SUBJECT, list)),
        proptest::collection::vec(pick(&DAYS).prop_map(day), 1..3).prop_map(|list| is_in(BORN, list)),
        proptest::collection::vec(pick(&NOTES).prop_map(string), 1..3).prop_map(|list| is_in(NOTE, list)),
    ];
    prop_oneof![1 => null, 6 => value].prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| and(a, b)),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| or(a, b)),
            1 => inner.prop_map(not),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn search_and_residual_keep_the_rows_that_the_filter_keeps(filter in filters(), resources in resources()) {
        compare_routes(&filter, &resources);
    }

    #[test]
    fn a_filter_survives_its_normal_form(filter in filters(), resources in resources()) {
        let rows = rows_of(&resources);
        let all = all(conjuncts(&filter));
        prop_assert_eq!(kept_ids(&rows, Some(&filter)), kept_ids(&rows, all.as_ref()));
    }
}

/// Reports that lead to the observations, one to each: what their search is asked about the observations finds every report whose
/// observation the filter keeps.
fn compare_chains(filter: &Filter, resources: &[Resource]) {
    let table = reports();
    let negates = ["Observation.status", "Observation.active"].map(str::to_owned).into();
    let server = ServerSearch { negates, ..ServerSearch::default() };
    let own = Side { table: &table, server: &server, column: 1 };
    let related = Side { table: &TABLE, server: &server, column: ID };
    let long = SUBJECTS[3].trim_start_matches("Patient/");
    let ids = HashMap::from([(crate::model::key::guid(long), long.to_owned())]);
    let Some(asked) = chains(own, related, Some(filter), &ids) else { return };
    let kept = kept_ids(&rows_of(resources), Some(filter));
    for (service, chain) in every_service().flat_map(|service| asked.iter().map(move |chain| (service, chain))) {
        for resource in resources.iter().filter(|resource| kept.contains(&resource.id)) {
            let lost = chain.params.iter().find(|(name, value)| {
                let name = name.strip_prefix("result:Observation.").expect("asked of the observations");
                !resource.meets(name, value, service)
            });
            assert_eq!(lost, None, "{} hides {resource:?} of {service:?}", unparse::filter(filter, &TABLE));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_chain_finds_the_rows_that_lead_to_what_the_filter_keeps(filter in filters(), resources in resources()) {
        compare_chains(&filter, &resources);
    }
}

/// Each trap: a condition, and a stored value that the obvious translation loses in one reading or another.
#[test]
fn the_obvious_translations_lose_these_rows() {
    let check = |filter: Filter, resource: Resource| {
        let resource = Resource { id: "r1".into(), ..resource };
        assert_eq!(kept_ids(&rows_of([&resource]), Some(&filter)), ["r1"], "{}", unparse::filter(&filter, &TABLE));
        compare_routes(&filter, std::slice::from_ref(&resource));
    };
    let none = Resource::default;
    let midnight = || moment("2020-05-01T00:00:00Z");
    // 1: `eq` wants the stored range contained.
    check(eq(EFFECTIVE, midnight()), Resource { effective: Some((Some("2020-05"), None)), ..none() });
    // 2: `gt70` may mean above 70.5.
    check(compare(Compare::Gt, VALUE, crate::plan::example::number("70")), Resource { value: Some("70.2"), ..none() });
    // 3: the lower bound of `2020-05` in the service's zone may be after midnight UTC.
    check(compare(Compare::Le, EFFECTIVE, midnight()), Resource { effective: Some((Some("2020-05"), None)), ..none() });
    // 4: `:not` may leave out what has no value.
    check(compare(Compare::Ne, STATUS, crate::plan::example::number("1")), none());
    // 5: `:exact` compares case.
    check(eq(NOTE, string("james")), Resource { notes: vec!["JAMES"], ..none() });
    check(eq(NOTE, string("jose")), Resource { notes: vec!["José"], ..none() });
}

#[test]
fn the_oracle_knows_the_traps() {
    let resource = Resource {
        id: "r1".into(),
        value: Some("70.2"),
        effective: Some((Some("2020-05"), None)),
        notes: vec!["JAMES"],
        ..Resource::default()
    };
    let check = |param: &str, value: &str, reading: Reading, hours: i8, expected: bool| {
        assert_eq!(
            resource.meets(param, value, Service { reading, hours, texts: Texts::Folded }),
            expected,
            "{param}={value} {reading:?}"
        );
    };
    use Reading::{Points, Ranges};
    check("date", "eq2020-05-01", Points, 0, false);
    check("value-quantity", "gt70", Points, 0, true);
    check("value-quantity", "gt70", Ranges, 0, false);
    check("value-quantity", "ge69.999999", Ranges, 0, true);
    check("date", "le2020-05-01T00:00:00Z", Points, 0, true);
    check("date", "le2020-05-01T00:00:00Z", Points, -12, false);
    check("date", "le2020-05-01T14:00:01Z", Ranges, -12, true);
    check("date", "ge2020-05-31T23:00:00Z", Points, 14, false);
    check("note", "jam", Points, 0, true);
    check("category", "http://cat|vital-signs", Points, 0, false);
}
