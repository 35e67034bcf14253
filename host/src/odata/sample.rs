//! Tables for the tests of this area: patients, observations with a bit of everything, and a lookup to a table that is
//! not there.

use std::sync::Arc;

use crate::model::catalog::{Catalog, Relation};
use crate::model::query::{Expr, Filter, Joined, Literal};
use crate::model::table::{
    Choice, ChoiceOption, Column, ColumnAccess, Concept, Kind, Lookup, Rank, Table, TableAccess, Target,
};
use crate::model::value::{Instant, parse_instant};

pub(crate) const GUID: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const BASE: &str = "http://localhost:8080/api/data/v9.2/";

/// 2026-03-15, half past twelve.
pub(crate) fn now() -> Instant {
    parse_instant("2026-03-15T12:30:00Z").unwrap()
}

pub(crate) fn catalog() -> Catalog {
    Catalog::new([Arc::new(contact()), Arc::new(observation())])
}

pub(crate) fn contact() -> Table {
    let gender = choice(false, &[(1, "male", "Male"), (2, "female", "Female")]);
    let columns = vec![
        column("contactid", Kind::Key),
        column("fullname", text(Some(10))),
        column("birthdate", Kind::Date),
        column("gendercode", gender),
        column("active", Kind::Boolean),
        column("version", text(None)).read_only(),
    ];
    table("contact", "contacts", columns, Vec::new())
}

pub(crate) fn observation() -> Table {
    let status = choice(true, &[(935_000_001, "final", "Final"), (935_000_002, "amended", "Amended")]);
    let patient = lookup("msemr_patient", &[("contacts", "Patient")]);
    let device = lookup("msemr_device", &[("msemr_devices", "Device")]);
    let columns = vec![
        column("msemr_observationid", Kind::Key),
        column("msemr_name", text(None)),
        column("msemr_status", status).required(),
        column("msemr_patient", patient).required(),
        column("msemr_device", device),
        column("msemr_issued", Kind::DateTime),
        column("msemr_value", Kind::Decimal { precision: 9, scale: None }),
        column("msemr_count", Kind::Int32),
        column("msemr_total", Kind::Int64),
        column("msemr_onset", Kind::PartialDate),
        column("msemr_link", Kind::Uri),
        column("msemr_extra", Kind::Json),
        column("msemr_code_code", text(None)),
        column("msemr_code_system", Kind::Uri),
        column("msemr_code_display", text(None)),
        column("version", text(None)).read_only(),
        column("msemr_code", Kind::ConceptKey { concept: 0 }).read_only(),
    ];
    let concept = Concept { name: "msemr_code".into(), code: 12, system: 13, display: Some(14), text: None };
    table("msemr_observation", "msemr_observations", columns, vec![concept])
}

fn table(name: &str, entity_set: &str, columns: Vec<Column>, concepts: Vec<Concept>) -> Table {
    let version = columns.iter().position(|c| c.name == "version");
    Table {
        name: name.into(),
        entity_set: entity_set.into(),
        label: name.into(),
        description: String::new(),
        sources: Vec::new(),
        columns,
        concepts,
        key: 0,
        primary_name: 1,
        version,
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

impl Column {
    fn read_only(mut self) -> Self {
        self.access = ColumnAccess { read: true, create: false, update: false };
        self
    }

    fn required(mut self) -> Self {
        self.required = true;
        self.path.clone_from(&self.name);
        self
    }
}

fn text(max_length: Option<u32>) -> Kind {
    Kind::Text { max_length, multi_line: false }
}

fn choice(open: bool, options: &[(i32, &str, &str)]) -> Kind {
    let option = |(value, code, label): &(i32, &str, &str)| ChoiceOption {
        value: *value,
        code: (*code).into(),
        system: None,
        label: (*label).into(),
    };
    Kind::Choice(Choice { options: options.iter().map(option).collect(), open, value_set: None })
}

fn lookup(navigation: &str, targets: &[(&str, &str)]) -> Kind {
    let target = |(entity_set, resource_type): &(&str, &str)| Target {
        entity_set: (*entity_set).into(),
        resource_type: (*resource_type).into(),
        rank: Rank::Only,
    };
    Kind::Lookup(Lookup { targets: targets.iter().map(target).collect(), navigation: navigation.into() })
}

/// The same with the names of what is joined to the row for it, and the conditions of counts.
pub(crate) fn show_with(filter: &Filter, joined: &[Joined], table: &Table, catalog: &Catalog) -> String {
    let one = |joined: &Joined| {
        let (Relation::Lookup { table, .. } | Relation::Collection { table, .. }) = &joined.to else { unreachable!() };
        let target = catalog.table(table).unwrap();
        let inner = joined.query.filter.as_ref();
        let inner = inner.map(|filter| format!("[{}]", show_with(filter, &joined.query.joined, target, catalog)));
        format!("{}{}", joined.name, inner.unwrap_or_default())
    };
    let names: Vec<_> = joined.iter().map(one).collect();
    let with = if names.is_empty() { String::new() } else { format!(" with {}", names.join(", ")) };
    format!("{}{with}", show(filter, table, catalog))
}

/// A condition as text, every group in parentheses.
pub(crate) fn show(filter: &Filter, table: &Table, catalog: &Catalog) -> String {
    let inner = |filter: &Filter| show(filter, table, catalog);
    let value = |expr: &Expr| show_expr(expr, table);
    match filter {
        Filter::And(a, b) => format!("({} and {})", inner(a), inner(b)),
        Filter::Or(a, b) => format!("({} or {})", inner(a), inner(b)),
        Filter::Not(a) => format!("(not {})", inner(a)),
        Filter::Compare(op, a, b) => format!("{} {} {}", value(a), format!("{op:?}").to_lowercase(), value(b)),
        Filter::In(a, list) => {
            let list: Vec<_> = list.iter().map(show_literal).collect();
            format!("{} in ({})", value(a), list.join(","))
        }
        Filter::Text(test, a, b) => format!("{test:?}({},{})", value(a), value(b)),
        Filter::Is(a) => value(a),
        Filter::Among(among) => format!("{} among {}", value(&among.of), among.table.name),
        Filter::Related { navigation, to, quantifier, filter, joined } => {
            let (Relation::Lookup { table, .. } | Relation::Collection { table, .. }) = to else { unreachable!() };
            let target = catalog.table(table).unwrap();
            let filter = filter.as_ref().map(|f| show_with(f, joined, target, catalog)).unwrap_or_default();
            format!("{navigation}.{quantifier:?}[{filter}]")
        }
    }
}

pub(crate) fn show_expr(expr: &Expr, table: &Table) -> String {
    match expr {
        Expr::Column(index) | Expr::Leading(index, _) => match table.columns.get(*index) {
            Some(column) => column.property().into_owned(),
            None => format!("joined:{}", index - table.columns.len()),
        },
        Expr::Literal(literal) => show_literal(literal),
        Expr::Call(function, arguments) => {
            let arguments: Vec<_> = arguments.iter().map(|a| show_expr(a, table)).collect();
            format!("{function:?}({})", arguments.join(","))
        }
        Expr::Arithmetic(op, a, b) => format!("({} {op:?} {})", show_expr(a, table), show_expr(b, table)),
        Expr::Negate(a) => format!("-({})", show_expr(a, table)),
        Expr::Condition(condition) => format!("({})", show(condition, table, &catalog())),
        Expr::Case(branches) => {
            let branches = branches.iter().map(|(condition, value)| {
                format!("{}:{}", show(condition, table, &catalog()), show_expr(value, table))
            });
            format!("case({})", branches.collect::<Vec<_>>().join(","))
        }
    }
}

fn show_literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".into(),
        Literal::Bool(value) => value.to_string(),
        Literal::Number(number) => number.text().into(),
        Literal::Text(text) => format!("'{text}'"),
        Literal::Guid(guid) => format!("guid:{guid}"),
        Literal::Date(date) => format!("date:{date}"),
        Literal::Instant(instant) => format!("at:{instant}"),
        Literal::Time(time) => format!("time:{}", crate::model::value::time_text(*time)),
        Literal::Duration(duration) => format!("duration:{}", crate::model::value::duration_text(*duration)),
    }
}
