//! Tables and a terse way to write filters, for the tests of planning.

use std::sync::Arc;

use uuid::Uuid;

use crate::model::catalog::Catalog;
use crate::model::key;
use crate::model::query::{Compare, Expr, Filter, Literal, Order, TextTest};
use crate::model::table::{
    Binding, Choice, ChoiceOption, Column, ColumnAccess, ColumnIndex, Concept, Kind, Lookup, Parent, Rank, SearchKind,
    SearchOps, Sortable, Source, Table, TableAccess, Target,
};
use crate::model::value::Number;

/// One row a resource, a column of every kind.
pub(super) mod observation {
    pub(crate) const ID: usize = 0;
    pub(crate) const STATUS: usize = 1;
    pub(crate) const CODE: usize = 2;
    pub(crate) const SYSTEM: usize = 3;
    pub(crate) const CATEGORY: usize = 4;
    pub(crate) const SUBJECT: usize = 5;
    pub(crate) const EFFECTIVE: usize = 6;
    pub(crate) const MODIFIED: usize = 7;
    pub(crate) const VALUE: usize = 8;
    pub(crate) const TIMES: usize = 9;
    pub(crate) const NOTE: usize = 10;
    pub(crate) const ACTIVE: usize = 11;
    pub(crate) const BORN: usize = 12;
    pub(crate) const ONSET: usize = 13;
    pub(crate) const VERSION: usize = 14;
    pub(crate) const CONCEPT: usize = 15;
}

pub(super) fn observations() -> Table {
    use SearchKind::{Date, Number, Quantity, Reference, String, Token};
    let status = Choice {
        options: vec![option(1, "final", None), option(2, "preliminary", None), option(3, "amended", None)],
        open: false,
        value_set: None,
    };
    let category = Choice {
        options: vec![option(10, "vital-signs", Some("http://cat")), option(11, "lab|x", Some("http://cat"))],
        open: true,
        value_set: None,
    };
    let columns = [
        ("id", Kind::Key),
        ("status", Kind::Choice(status)),
        ("code", text()),
        ("system", Kind::Uri),
        ("category", Kind::Choice(category)),
        ("subject", lookup("subject", &[("patients", "Patient"), ("groups", "Group")])),
        ("effective", Kind::DateTime),
        ("modified", Kind::DateTime),
        ("value", Kind::Decimal { precision: 38, scale: None }),
        ("times", Kind::Int32),
        ("note", text()),
        ("active", Kind::Boolean),
        ("born", Kind::Date),
        ("onset", Kind::PartialDate),
        ("version", text()),
        ("concept", Kind::ConceptKey { concept: 0 }),
    ];
    use observation::*;
    let search = vec![
        Binding { null_iff_absent: true, ..exact(STATUS, "status", Token) },
        Binding { template: Some("http://loinc.org|{}".into()), ..superset(CODE, "code", Token) },
        Binding { null_iff_absent: true, ..superset(CATEGORY, "category", Token) },
        Binding { null_iff_absent: true, ..exact(SUBJECT, "subject", Reference) },
        Binding { partial: true, sort: Sortable::BestEffort, ..superset(EFFECTIVE, "date", Date) },
        Binding { sort: Sortable::Guaranteed, ..superset(MODIFIED, "_lastUpdated", Date) },
        superset(VALUE, "value-quantity", Quantity),
        superset(TIMES, "times", Number),
        superset(NOTE, "note", String),
        Binding { null_iff_absent: true, ..exact(ACTIVE, "active", Token) },
        Binding { partial: true, null_iff_absent: true, ..exact(BORN, "birthdate", Date) },
        Binding { partial: true, ..superset(ONSET, "onset", Date) },
    ];
    let concept = Concept { name: "concept".into(), code: CODE, system: SYSTEM, display: None, text: None };
    Table { version: Some(VERSION), concepts: vec![concept], ..table("observation", columns, "Observation", search) }
}

/// Patients and practitioners in one table, told apart by `type`.
pub(super) fn contacts() -> Table {
    let kinds = Choice {
        options: vec![option(1, "patient", None), option(2, "practitioner", None)],
        open: false,
        value_set: None,
    };
    let columns = [("id", Kind::Key), ("type", Kind::Choice(kinds)), ("lastname", text()), ("born", Kind::Date)];
    let names = |param: &str| superset(2, param, SearchKind::String);
    let patients = vec![names("family"), Binding { partial: true, ..superset(3, "birthdate", SearchKind::Date) }];
    let mut table = table("contact", columns, "Patient", patients);
    table.sources[0].discriminator = Some((1, "patient".into()));
    table.sources[0].fixed_params = vec![("active".into(), "true".into())];
    table.sources.push(Source {
        resource_type: "Practitioner".into(),
        discriminator: Some((1, "practitioner".into())),
        fixed_params: Vec::new(),
        search: vec![names("name")],
        ..table.sources[0].clone()
    });
    table
}

/// Rows cut from encounters.
pub(super) fn participants() -> Table {
    let columns =
        [("id", Kind::Key), ("encounter", lookup("encounter", &[("encounters", "Encounter")])), ("role", text())];
    let role = Binding { null_iff_absent: true, ..exact(2, "participant-type", SearchKind::Token) };
    let parent = Parent { table: "encounter".into(), column: 1 };
    let table = table("participant", columns, "Encounter", vec![role]);
    Table { parent: Some(parent), one_row_per_resource: false, ..table }
}

/// Rows that lead to observations.
pub(super) fn reports() -> Table {
    let columns = [("id", Kind::Key), ("result", lookup("result", &[("observations", "Observation")]))];
    let result = Binding { null_iff_absent: true, ..exact(1, "result", SearchKind::Reference) };
    table("report", columns, "DiagnosticReport", vec![result])
}

/// All of them, and encounters and patients for their lookups to lead to.
pub(super) fn catalog() -> Catalog {
    let patients = Table { name: "patient".into(), entity_set: "patients".into(), ..contacts() };
    let columns = [("id", Kind::Key), ("patient", lookup("patient", &[("patients", "Patient")])), ("note", text())];
    let subject = Binding { null_iff_absent: true, ..exact(1, "patient", SearchKind::Reference) };
    let encounters = table("encounter", columns, "Encounter", vec![subject]);
    Catalog::new([observations(), contacts(), participants(), patients, encounters].map(Arc::new))
}

fn table<const N: usize>(name: &str, columns: [(&str, Kind); N], resource_type: &str, search: Vec<Binding>) -> Table {
    let source = Source {
        resource_type: resource_type.into(),
        profiles: Vec::new(),
        search,
        fixed_params: Vec::new(),
        includes: Vec::new(),
        discriminator: None,
    };
    Table {
        name: name.into(),
        entity_set: format!("{name}s"),
        label: name.into(),
        description: String::new(),
        sources: vec![source],
        columns: columns.into_iter().map(|(name, kind)| column(name, kind)).collect(),
        concepts: Vec::new(),
        key: 0,
        primary_name: 0,
        version: None,
        access: TableAccess { read: true, create: true, update: true, delete: true },
        parent: None,
        one_row_per_resource: true,
        made_by: String::new(),
        adds_version: false,
        narrowed: Default::default(),
    }
}

fn column(name: &str, kind: Kind) -> Column {
    Column {
        name: name.into(),
        label: name.into(),
        description: String::new(),
        kind,
        access: ColumnAccess { read: true, create: true, update: true },
        required: false,
        path: String::new(),
        elements: Vec::new(),
    }
}

fn text() -> Kind {
    Kind::Text { max_length: None, multi_line: false }
}

fn lookup(navigation: &str, targets: &[(&str, &str)]) -> Kind {
    let target = |(entity_set, resource_type): &(&str, &str)| Target {
        entity_set: (*entity_set).into(),
        resource_type: (*resource_type).into(),
        rank: Rank::Only,
    };
    Kind::Lookup(Lookup { targets: targets.iter().map(target).collect(), navigation: navigation.into() })
}

fn option(value: i32, code: &str, system: Option<&str>) -> ChoiceOption {
    ChoiceOption { value, code: code.into(), system: system.map(Into::into), label: code.into() }
}

const ALL: SearchOps = SearchOps {
    eq: true,
    ne: true,
    lt: true,
    le: true,
    gt: true,
    ge: true,
    any_of: true,
    starts_with: true,
    contains: true,
    missing: true,
};

pub(super) fn exact(column: ColumnIndex, param: &str, kind: SearchKind) -> Binding {
    Binding { exact: ALL, ..superset(column, param, kind) }
}

pub(super) fn superset(column: ColumnIndex, param: &str, kind: SearchKind) -> Binding {
    Binding {
        column,
        param: param.into(),
        kind,
        exact: SearchOps::default(),
        superset: ALL,
        null_iff_absent: false,
        partial: false,
        sort: Sortable::None,
        template: None,
    }
}

pub(super) fn compare(op: Compare, column: ColumnIndex, literal: Literal) -> Filter {
    Filter::Compare(op, Expr::Column(column), Expr::Literal(literal))
}

pub(super) fn eq(column: ColumnIndex, literal: Literal) -> Filter {
    compare(Compare::Eq, column, literal)
}

pub(super) fn is_in(column: ColumnIndex, list: impl IntoIterator<Item = Literal>) -> Filter {
    Filter::In(Expr::Column(column), list.into_iter().collect())
}

pub(super) fn test(test: TextTest, column: ColumnIndex, part: &str) -> Filter {
    Filter::Text(test, Expr::Column(column), Expr::Literal(string(part)))
}

pub(super) fn and(a: Filter, b: Filter) -> Filter {
    Filter::And(Box::new(a), Box::new(b))
}

pub(super) fn or(a: Filter, b: Filter) -> Filter {
    Filter::Or(Box::new(a), Box::new(b))
}

pub(super) fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

pub(super) fn by(column: ColumnIndex, descending: bool) -> Order {
    Order { by: Expr::Column(column), descending }
}

pub(super) fn number(text: &str) -> Literal {
    Literal::Number(Number::parse(text.to_owned()).unwrap())
}

pub(super) fn string(text: &str) -> Literal {
    Literal::Text(text.into())
}

pub(super) fn day(text: &str) -> Literal {
    Literal::Date(text.parse().unwrap())
}

pub(super) fn moment(text: &str) -> Literal {
    Literal::Instant(crate::model::value::parse_instant(text).unwrap())
}

pub(super) fn guid_of(id: &str) -> Literal {
    Literal::Guid(guid(id))
}

pub(super) fn guid(id: &str) -> Uuid {
    key::guid(id)
}
