use std::collections::BTreeMap;

use super::*;
use crate::model::key::guid;
use crate::model::query::TextTest;
use crate::plan::example::observation::*;
use crate::plan::example::*;

fn only(filter: &Filter, table: &Table, server: &ServerSearch) -> Search {
    match searches(Some(filter), table, server, &HashMap::new()).as_slice() {
        [Searched::Search(search)] => Search::clone(search),
        other => panic!("{other:?}"),
    }
}

/// One condition on the observations: its class and its parameters as `name=value&…`.
#[track_caller]
fn check(filter: Filter, class: Class, params: &str) {
    let search = only(&filter, &observations(), &ServerSearch::default());
    let text = &search.conjuncts[0].text;
    let shown: Vec<String> = search.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!((search.conjuncts[0].class, shown.join("&").as_str()), (class, params), "{text}");
    assert_eq!(search.residual.is_some(), class != Class::Exact, "{text}");
}

#[track_caller]
fn nothing(filter: Filter) {
    let searched = searches(Some(&filter), &observations(), &ServerSearch::default(), &HashMap::new());
    assert!(matches!(searched.as_slice(), [Searched::Nothing { .. }]), "{searched:?}");
}

use Class::{Exact, Inexact, Unsupported};
use Compare::{Ge, Gt, Le, Lt, Ne};

#[test]
fn keys_and_references() {
    check(eq(ID, guid_of("a1")), Exact, "_id=a1");
    check(is_in(ID, [guid_of("a1"), guid_of("b2"), guid_of("a1")]), Exact, "_id=a1,b2");
    check(or(eq(ID, guid_of("a1")), eq(ID, guid_of("b2"))), Exact, "_id=a1,b2");
    check(compare(Ne, ID, guid_of("a1")), Unsupported, "");
    check(eq(SUBJECT, guid_of("a1")), Exact, "subject=Patient/a1,Group/a1");
    check(is_in(SUBJECT, [guid_of("a"), guid_of("b")]), Exact, "subject=Patient/a,Group/a,Patient/b,Group/b");
    nothing(is_in(ID, []));
    nothing(eq(ID, guid_of("an-id-of-more-than-19-symbols")));
    nothing(eq(ID, Literal::Null));
    check(compare(Ne, ID, Literal::Null), Exact, "");
}

#[test]
fn keys_that_need_the_map() {
    let id = "an-id-of-more-than-19-symbols";
    let ids = HashMap::from([(guid(id), id.to_owned())]);
    let filter = is_in(ID, [guid_of(id), guid_of("a1"), guid_of("another-id-that-nobody-has-seen")]);
    assert_eq!(hashed_keys(&filter).len(), 2);
    let searched = searches(Some(&filter), &observations(), &ServerSearch::default(), &ids);
    let [Searched::Search(search)] = searched.as_slice() else { panic!("{searched:?}") };
    assert_eq!(search.params, [("_id".to_owned(), format!("{id},a1"))]);
}

#[test]
fn choices_and_booleans() {
    check(eq(STATUS, number("1")), Exact, "status=final");
    check(is_in(STATUS, [number("1"), number("3")]), Exact, "status=final,amended");
    check(or(eq(STATUS, number("3")), is_in(STATUS, [number("1")])), Exact, "status=final,amended");
    nothing(eq(STATUS, number("9")));
    check(compare(Ne, STATUS, number("1")), Unsupported, "");
    check(not(eq(STATUS, number("1"))), Unsupported, "");
    check(not(compare(Ne, STATUS, number("1"))), Exact, "status=final");
    check(compare(Gt, STATUS, number("1")), Unsupported, "");
    check(eq(CATEGORY, number("10")), Inexact, "category=http://cat|vital-signs");
    check(eq(CATEGORY, number("11")), Inexact, r"category=http://cat|lab\|x");
    check(not(is_in(CATEGORY, [number("10")])), Unsupported, "");
    check(Filter::Is(Expr::Column(ACTIVE)), Exact, "active=true");
    check(not(Filter::Is(Expr::Column(ACTIVE))), Exact, "active=false");
    check(compare(Ne, ACTIVE, Literal::Bool(true)), Unsupported, "");
}

#[test]
fn nulls() {
    check(eq(STATUS, Literal::Null), Exact, "status:missing=true");
    check(compare(Ne, STATUS, Literal::Null), Exact, "status:missing=false");
    check(eq(BORN, Literal::Null), Exact, "birthdate:missing=true");
    // A code outside an open choice's options is there, and null; so is a reference that leads nowhere.
    check(eq(CATEGORY, Literal::Null), Unsupported, "");
    check(compare(Ne, CATEGORY, Literal::Null), Inexact, "category:missing=false");
    check(compare(Ne, SUBJECT, Literal::Null), Inexact, "subject:missing=false");
    check(eq(NOTE, Literal::Null), Unsupported, "");
    check(is_in(STATUS, [number("1"), Literal::Null]), Unsupported, "");
    nothing(compare(Lt, VALUE, Literal::Null));
}

#[test]
fn text() {
    check(eq(NOTE, string("James")), Inexact, "note=James,Jameſ");
    check(eq(NOTE, string("José")), Inexact, "note=Jos,Joſ");
    check(eq(NOTE, string("a,b$c|d")), Inexact, r"note=a\,b\$c\|d");
    check(is_in(NOTE, [string("Ann"), string("Bob")]), Inexact, "note=Ann,Bob");
    check(test(TextTest::StartsWith, NOTE, "Ja"), Inexact, "note=Ja,Jẚ");
    check(test(TextTest::Contains, NOTE, "Müller"), Inexact, "note:contains=ller");
    check(test(TextTest::EndsWith, NOTE, "es"), Unsupported, "");
    check(eq(NOTE, string("Éa")), Unsupported, "");
    check(eq(NOTE, string("")), Unsupported, "");
    check(compare(Gt, NOTE, string("a")), Unsupported, "");
    let lower = Expr::Call(crate::model::query::Function::ToLower, vec![Expr::Column(NOTE)]);
    check(Filter::Compare(Compare::Eq, lower, Expr::Literal(string("james"))), Inexact, "note=james,jameſ");
    // Letters that are the same here, and not to every service.
    check(eq(NOTE, string("Maler")), Inexact, "note=Maler");
    check(test(TextTest::StartsWith, NOTE, "Mas"), Inexact, "note=Mas,Maſ,Maß,Maﬆ,Maﬅ");
    check(test(TextTest::Contains, NOTE, "ill"), Inexact, "note:contains=ill,ﬃll,ﬁll");
    // Tokens may be compared with case; text is not.
    check(eq(CODE, string("8867-4")), Inexact, "code=http://loinc.org|8867-4");
    let cases = ["LP2", "lp2", "Lp2", "lP2"].map(|case| format!("http://loinc.org|{case}")).join(",");
    check(eq(CODE, string("LP2")), Inexact, &format!("code={cases}"));
    check(eq(CODE, string("Étage")), Unsupported, "");
}

#[test]
fn what_the_service_has_refused_is_not_asked_again() {
    let refused = |names: &[&str]| ServerSearch {
        ignored: names.iter().map(|name| format!("Observation.{name}")).collect(),
        ..ServerSearch::default()
    };
    let class = |filter: &Filter, server: &ServerSearch| {
        let searched = searches(Some(filter), &observations(), server, &HashMap::new());
        let Searched::Search(search) = &searched[0] else { panic!("{searched:?}") };
        search.conjuncts[0].class
    };
    let contains = test(TextTest::Contains, NOTE, "Jones");
    assert_eq!(only(&contains, &observations(), &refused(&["note:contains,"])).params[0].1, "Jone");
    let long_s = ServerSearch { long_s: ["Observation.note".into()].into(), ..ServerSearch::default() };
    assert_eq!(only(&eq(NOTE, string("Jones")), &observations(), &long_s).params[0].1, "Jones");
    assert_eq!(class(&contains, &refused(&["note:contains"])), Unsupported);
    assert_eq!(class(&eq(NOTE, string("Jones")), &refused(&["note:contains"])), Inexact);
    let several = is_in(STATUS, [number("1"), number("2")]);
    assert_eq!(class(&several, &refused(&["status,"])), Unsupported);
    assert_eq!(class(&eq(STATUS, number("1")), &refused(&["status,"])), Exact);
}

#[test]
fn what_differs_is_asked_where_that_is_known_to_give_rows_without_a_value() {
    let negates = ["status", "active", "code", "category"].map(|name| format!("Observation.{name}")).into();
    let server = ServerSearch { negates, ..ServerSearch::default() };
    let asked = |filter: Filter| {
        let searched = searches(Some(&filter), &observations(), &server, &HashMap::new());
        let Searched::Search(search) = &searched[0] else { panic!("{searched:?}") };
        let params: Vec<_> = search.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (searched.len(), params.join("&"), search.residual.is_some())
    };
    let ne = |column, literal| compare(Ne, column, literal);
    let status = |value: &str| ne(STATUS, number(value));
    let is = |filter: Filter, expected: &str| assert_eq!(asked(filter), (1, expected.to_owned(), true));
    is(status("1"), "status:not=final");
    is(not(eq(STATUS, number("1"))), "status:not=final");
    is(and(status("1"), status("2")), "status:not=final&status:not=preliminary");
    is(ne(ACTIVE, Literal::Bool(true)), "active:not=true");
    // A list would leave out both.
    is(or(status("1"), status("2")), "");
    // What finds more than the rows meant leaves out too many.
    is(ne(CODE, string("8867-4")), "");
    is(ne(CATEGORY, number("10")), "");
    is(ne(SUBJECT, guid_of("a1")), "");
    is(ne(VALUE, number("1")), "");
}

#[test]
fn dates_are_widened() {
    let at = |op| compare(op, EFFECTIVE, moment("2020-05-01T12:00:00Z"));
    check(at(Ge), Inexact, "date=ge2020-04-30T21:59:59Z");
    check(at(Gt), Inexact, "date=ge2020-04-30T21:59:59Z");
    check(at(Le), Inexact, "date=le2020-05-02T02:00:01Z");
    check(at(Lt), Inexact, "date=le2020-05-02T02:00:01Z");
    check(at(Compare::Eq), Inexact, "date=ge2020-04-30T21:59:59Z&date=le2020-05-02T02:00:01Z");
    check(at(Ne), Unsupported, "");
    check(not(at(Lt)), Inexact, "date=ge2020-04-30T21:59:59Z");
    check(
        Filter::Compare(Lt, Expr::Literal(day("2020-05-01")), Expr::Column(EFFECTIVE)),
        Inexact,
        "date=ge2020-04-30T09:59:59Z",
    );
    let modified = compare(Gt, MODIFIED, moment("2020-05-01T12:00:00.5Z"));
    check(modified, Inexact, "_lastUpdated=ge2020-05-01T11:59:59Z");
    check(eq(BORN, day("1970-01-01")), Inexact, "birthdate=ge1969-12-31T09:59:59Z&birthdate=le1970-01-02T14:00:01Z");
    check(
        is_in(BORN, [day("1970-01-03"), day("1970-01-01")]),
        Inexact,
        "birthdate=ge1969-12-31T09:59:59Z&birthdate=le1970-01-04T14:00:01Z",
    );
    check(eq(ONSET, string("2015-02")), Inexact, "onset=ge2015-01-31T09:59:59Z&onset=le2015-02-01T14:00:01Z");
    check(compare(Gt, ONSET, string("2015-02")), Unsupported, "");
    let year = Expr::Call(crate::model::query::Function::Year, vec![Expr::Column(BORN)]);
    check(
        Filter::Compare(Compare::Eq, year, Expr::Literal(number("2020"))),
        Inexact,
        "birthdate=ge2019-12-31T09:59:59Z&birthdate=le2021-01-01T14:00:01Z",
    );
    let on = Expr::Call(crate::model::query::Function::Date, vec![Expr::Column(MODIFIED)]);
    check(
        Filter::Compare(Compare::Eq, on, Expr::Literal(day("2020-05-01"))),
        Inexact,
        "_lastUpdated=ge2020-04-30T23:59:59Z&_lastUpdated=le2020-05-02T00:00:01Z",
    );
}

#[test]
fn numbers_are_widened() {
    check(eq(VALUE, number("70")), Inexact, "value-quantity=ge69.999999&value-quantity=le70.000001");
    check(compare(Gt, VALUE, number("70")), Inexact, "value-quantity=ge69.999999");
    check(compare(Le, TIMES, number("3")), Inexact, "times=le3.000001");
    check(is_in(TIMES, [number("3"), number("5")]), Inexact, "times=ge2.999999&times=le5.000001");
    check(compare(Ne, VALUE, number("70")), Unsupported, "");
    check(compare(Gt, VALUE, number("1e300")), Unsupported, "");
}

#[test]
fn alternatives() {
    let [a, b] = [eq(STATUS, number("1")), eq(CATEGORY, number("10"))];
    check(or(a.clone(), b.clone()), Unsupported, "");
    check(or(a.clone(), eq(STATUS, number("9"))), Exact, "status=final");
    check(or(test(TextTest::StartsWith, NOTE, "A"), eq(NOTE, string("B"))), Inexact, "note=A,ẚ,B");
    check(or(eq(STATUS, number("2")), and(a.clone(), b.clone())), Inexact, "status=preliminary,final");
    check(not(or(a.clone(), b.clone())), Unsupported, "");
    check(or(a.clone(), Filter::Is(Expr::Literal(Literal::Bool(true)))), Exact, "");
    check(or(compare(Ne, STATUS, Literal::Null), eq(STATUS, Literal::Null)), Unsupported, "");
    nothing(and(a, Filter::Is(Expr::Literal(Literal::Bool(false)))));
}

#[test]
fn what_is_not_pushed_is_left_to_the_residual() {
    let table = observations();
    let filter = and(
        and(eq(STATUS, number("1")), compare(Ge, BORN, day("2020-01-01"))),
        not(or(eq(NOTE, string("x")), eq(ID, Literal::Null))),
    );
    let search = only(&filter, &table, &ServerSearch::default());
    assert_eq!(
        search.conjuncts.iter().map(|c| (c.text.as_str(), c.class)).collect::<Vec<_>>(),
        [("status eq 1", Exact), ("born ge 2020-01-01", Inexact), ("note ne 'x'", Unsupported), ("id ne null", Exact)],
    );
    let residual = search.residual.as_ref().map(|f| unparse::filter(f, &table).to_string());
    assert_eq!(residual.as_deref(), Some("born ge 2020-01-01 and note ne 'x'"));
    let whole = search.filter.as_ref().map(|f| unparse::filter(f, &table).to_string());
    assert_eq!(whole.as_deref(), Some("status eq 1 and born ge 2020-01-01 and note ne 'x' and id ne null"));
    assert_eq!(search.relative_url(), "Observation?status=final&birthdate=ge2019-12-31T09:59:59Z");
}

#[test]
fn a_discriminator_chooses_the_source() {
    let table = contacts();
    let check = |filter: Option<Filter>, expected: &[&str]| {
        let shown: Vec<String> = searches(filter.as_ref(), &table, &ServerSearch::default(), &HashMap::new())
            .iter()
            .map(|searched| match searched {
                Searched::Search(search) => search.relative_url(),
                Searched::Nothing { resource_type, .. } => format!("no {resource_type}"),
            })
            .collect();
        assert_eq!(shown, expected, "{filter:?}");
    };
    let patient = || eq(1, number("1"));
    let practitioner = || eq(1, number("2"));
    check(None, &["Patient?active=true", "Practitioner"]);
    check(Some(practitioner()), &["no Patient", "Practitioner"]);
    check(Some(compare(Ne, 1, number("2"))), &["Patient?active=true", "no Practitioner"]);
    check(Some(is_in(1, [number("1"), number("2")])), &["Patient?active=true", "Practitioner"]);
    let named = eq(2, string("Ann"));
    check(Some(and(patient(), named.clone())), &["Patient?active=true&family=Ann", "no Practitioner"]);
    check(
        Some(or(and(patient(), named.clone()), and(practitioner(), eq(2, string("Bob"))))),
        &["Patient?active=true&family=Ann", "Practitioner?name=Bob"],
    );
    check(Some(or(patient(), named)), &["Patient?active=true", "Practitioner?name=Ann"]);
    check(
        Some(compare(Ge, 3, day("2020-01-01"))),
        &["Patient?active=true&birthdate=ge2019-12-31T09:59:59Z", "Practitioner"],
    );
}

#[test]
fn rows_of_a_child_table_are_bounded_by_the_parent() {
    let table = participants();
    let key = "e1/participant/0";
    let ids = HashMap::from([(guid(key), key.to_owned())]);
    let check = |filter: Filter, class: Class, params: &str| {
        let searched = searches(Some(&filter), &table, &ServerSearch::default(), &ids);
        let [Searched::Search(search)] = searched.as_slice() else { panic!("{searched:?}") };
        let shown: Vec<String> = search.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!((search.conjuncts[0].class, shown.join("&").as_str()), (class, params));
    };
    check(eq(1, guid_of("e1")), Exact, "_id=e1");
    check(is_in(1, [guid_of("e1"), guid_of("e2")]), Exact, "_id=e1,e2");
    check(eq(0, guid_of(key)), Inexact, "_id=e1");
    // A search finds the resource for any of its participants, whatever the mapping promises.
    check(eq(2, string("1")), Inexact, "participant-type=1");
    check(compare(Ne, 2, Literal::Null), Inexact, "participant-type:missing=false");
    check(eq(2, Literal::Null), Unsupported, "");
}

#[test]
fn long_lists_of_keys_are_asked_for_in_several_searches() {
    let keys: Vec<Literal> = (0..250).map(|n| guid_of(&format!("p{n}"))).collect();
    let doubled = keys.iter().chain(&keys).cloned();
    let searched = searches(Some(&is_in(SUBJECT, doubled)), &observations(), &ServerSearch::default(), &HashMap::new());
    let values: Vec<usize> = searched
        .iter()
        .map(|searched| match searched {
            Searched::Search(search) => search.params[0].1.split(',').count(),
            Searched::Nothing { .. } => 0,
        })
        .collect();
    assert_eq!(values, [200, 200, 100]);
    // Not pushed, it is one search with one residual.
    let never = ServerSearch { never: ["Observation.subject".into()].into(), ..ServerSearch::default() };
    let searched = searches(Some(&is_in(SUBJECT, keys)), &observations(), &never, &HashMap::new());
    assert_eq!(searched.len(), 1);
}

#[test]
fn only_parameters_that_the_service_knows_are_sent() {
    let declared = |params: &[&str]| {
        let params = params.iter().map(|p| (*p).to_owned()).collect();
        Some(BTreeMap::from([("Observation".to_owned(), params)]))
    };
    let set = |name: &str| BTreeSet::from([name.to_owned()]);
    let check = |server: ServerSearch, filter: Filter, params: &str| {
        let search = only(&filter, &observations(), &server);
        let shown: Vec<String> = search.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown.join("&"), params, "{server:?}");
        assert_eq!(search.all_exact(), !params.is_empty() && search.conjuncts[0].class == Exact);
    };
    let status = || eq(STATUS, number("1"));
    let knows = |params: &[&str]| ServerSearch { declared: declared(params), ..ServerSearch::default() };
    check(knows(&["status"]), status(), "status=final");
    check(knows(&["code"]), status(), "");
    check(knows(&[]), eq(ID, guid_of("a1")), "_id=a1");
    check(ServerSearch { force: set("Observation.status"), ..knows(&[]) }, status(), "status=final");
    check(ServerSearch { never: set("Observation.status"), ..knows(&["status"]) }, status(), "");
    check(ServerSearch { ignored: set("Observation.status"), ..ServerSearch::default() }, status(), "");
    check(
        ServerSearch { force: set("Observation.code"), ..ServerSearch::default() },
        eq(CODE, string("LP29684")),
        "code=http://loinc.org|LP29684",
    );
}

#[test]
fn the_self_link_shows_what_got_lost() {
    let filter = and(eq(STATUS, number("1")), eq(BORN, day("1970-01-01")));
    let mut search = only(&filter, &observations(), &ServerSearch::default());
    search.params.insert(0, ("category".into(), "vital-signs".into()));
    search.fixed = 1;
    search.params.push(("_sort".into(), "-date".into()));
    let lost = |url: &str| {
        let lost = verify_self_link(&search, url);
        (lost.fixed.join(","), lost.filters.join(","), lost.sort)
    };
    let none = (String::new(), String::new(), false);
    let all = format!("http://h/fhir/{}", search.relative_url());
    assert_eq!(lost(&format!("{all}&_count=20")), none);
    assert_eq!(lost(&all.replace(':', "%3A").replace("category=", "_format=json&category=")), none);
    assert_eq!(lost(&all.replace("&status=final", "")), (String::new(), "status".into(), false));
    assert_eq!(lost(&all.replace("status=", "status:not=")), (String::new(), "status".into(), false));
    assert_eq!(lost(&all.replace("=le1970-01-02", "=le1970-01-03")), (String::new(), "birthdate".into(), false));
    assert_eq!(lost(&all.replace("&_sort=-date", "")), (String::new(), String::new(), true));
    assert_eq!(lost(""), ("category".into(), "status,birthdate,birthdate".into(), true));
}

#[test]
fn sorting() {
    let table = observations();
    let source = &table.sources[0];
    let check = |order: &[Order], expected: Option<(&str, Sortable)>| {
        let got = sort(order, source, &ServerSearch::default());
        assert_eq!(got.as_ref().map(|(value, sort)| (value.as_str(), *sort)), expected);
    };
    check(&[by(EFFECTIVE, true)], Some(("-date", Sortable::BestEffort)));
    check(&[by(MODIFIED, false)], Some(("_lastUpdated", Sortable::Guaranteed)));
    check(&[by(STATUS, false)], None);
    check(&[by(MODIFIED, false), by(EFFECTIVE, false)], None);
    check(&[], None);
}

/// The searches of an `or`, each as its URL and what is checked of its rows.
#[track_caller]
fn check_apart(filter: Filter, expected: &[[&str; 2]]) {
    let searched = searches_apart(&filter, &observations(), &ServerSearch::default(), &HashMap::new());
    let shown = searched.into_iter().flatten().map(|searched| {
        let Searched::Search(search) = searched else { panic!("{searched:?}") };
        let residual = search.residual.as_ref().map(|left| unparse::filter(left, &observations()).to_string());
        [search.relative_url(), residual.unwrap_or_default()]
    });
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

#[test]
fn alternatives_of_several_parameters_are_searches_of_their_own() {
    let status = || eq(STATUS, number("1"));
    let patient = || eq(SUBJECT, guid_of("a1"));
    check_apart(
        or(status(), or(patient(), eq(STATUS, number("3")))),
        &[
            ["Observation?status=final%2Camended".replace("%2C", ",").as_str(), ""],
            ["Observation?subject=Patient/a1,Group/a1", "(status eq 1 or status eq 3) ne true"],
        ],
    );
    // Each alternative may be several conditions, some of which cannot be asked.
    check_apart(
        or(and(status(), compare(Ne, NOTE, string("x"))), eq(NOTE, string("James"))),
        &[
            ["Observation?status=final", "note ne 'x'"],
            ["Observation?note=James,Jame%C5%BF", "note eq 'James' and (status eq 1 and note ne 'x') ne true"],
        ],
    );
    check_apart(
        and(is_in(STATUS, [number("1"), Literal::Null]), eq(NOTE, string("James"))),
        &[
            ["Observation?status:missing=true&note=James,Jame%C5%BF", "note eq 'James'"],
            ["Observation?status=final&note=James,Jame%C5%BF", "note eq 'James' and (status eq null) ne true"],
        ],
    );
}

#[test]
fn alternatives_are_asked_together_where_that_is_less() {
    let status = || eq(STATUS, number("1"));
    let note = || eq(NOTE, string("James"));
    let unasked = || compare(Ne, NOTE, string("x"));
    // One parameter; one that cannot be asked; few rows anyhow.
    check_apart(or(status(), eq(STATUS, number("3"))), &[]);
    check_apart(or(status(), unasked()), &[]);
    check_apart(and(or(status(), note()), eq(ID, guid_of("a1"))), &[]);
    check_apart(and(or(status(), note()), eq(SUBJECT, guid_of("a1"))), &[]);
    let keys: Vec<Literal> = (0..1_000).map(|n| guid_of(&format!("k{n}"))).collect();
    check_apart(and(or(status(), note()), is_in(SUBJECT, keys)), &[]);
    // No row meets an alternative.
    check_apart(or(status(), eq(STATUS, number("9"))), &[]);
    let born = |day: &str| compare(Ge, BORN, crate::plan::example::day(day));
    let dates = ["2000-01-01", "2001-01-01", "2002-01-01", "2003-01-01", "2004-01-01", "2005-01-01", "2006-01-01"];
    let many = |count: usize| dates[..count].iter().fold(or(status(), note()), |all, date| or(all, born(date)));
    let found = |filter: &Filter| searches_apart(filter, &observations(), &ServerSearch::default(), &HashMap::new());
    assert_eq!(found(&many(6)).map(|searched| searched.len()), Some(8));
    assert_eq!(found(&many(7)), None);
}
