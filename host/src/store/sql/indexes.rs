//! Indexes by which a page is read without a look at rows that are not on it. Such an index begins with the columns that the
//! filter holds to one value; the columns of the order and the key follow, as the order has them; then those that the
//! filter asks for besides. So the database goes through it in the order asked for, checks the filter on it, and fetches
//! a row only to show it. Where few rows match, that is a walk over a narrow index: never worse than one over all rows.
//!
//! An index serves reads of its shape alone. The database is told so: it may use one only where a statement names it, since by
//! itself it would also walk one in the order of a column, and fetch row after row to find that the filter drops it.

use std::fmt;

use crate::model::query::{Expr, Filter, TextTest};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::store::native::NativeScan;
use crate::store::sql::conditions::{conjuncts_of, equal_column, filter_columns};
use crate::store::sql::names::{quoted, stem, table_name};

/// Columns of one index, its key aside.
const COLUMNS_MAX: usize = 8;

/// Of every row, and part of the index: without this condition in a statement the database does not use the index.
pub(crate) const USABLE: &str = "\"key\" >= x''";

/// Between the set of rows and the shape, in the name of an index.
const MARK: &str = "::";

/// What reads an index serves, by the stems of the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    /// Held to one value; sorted.
    equal: Vec<String>,
    /// In their order, each with whether it descends; none of `equal`.
    order: Vec<(String, bool)>,
    /// Asked for besides; sorted, none of the others.
    besides: Vec<String>,
}

impl Shape {
    /// The shape of a page's read; None where no index would be of use, or it would have to hold long texts. The filter must
    /// be one that the database checks, the order one that it gives.
    pub(crate) fn of(scan: &NativeScan) -> Option<Self> {
        let table = &*scan.table;
        if scan.top.is_none() || !scan.beside.is_empty() {
            return None;
        }
        let conjuncts = conjuncts_of(scan.filter.as_ref());
        let equal: Vec<_> = conjuncts.iter().filter_map(|filter| equal_column(table, filter)).collect();
        let mut order: Vec<(ColumnIndex, bool)> = Vec::new();
        for by in &scan.order {
            let Expr::Column(column) = by.by else { return None };
            if column == table.key && by.descending {
                return None;
            }
            if column == table.key {
                break;
            }
            if !equal.contains(&column) && !order.iter().any(|(held, _)| *held == column) {
                order.push((column, by.descending));
            }
        }
        let mut besides = Vec::new();
        for filter in conjuncts.into_iter().filter(|filter| equal_column(table, filter).is_none()) {
            if !asks_sort_keys(table, filter) {
                return None;
            }
            filter_columns(table, filter, &mut besides);
        }
        besides.retain(|column| !equal.contains(column) && !order.iter().any(|(held, _)| held == column));
        let mut all = equal.iter().chain(order.iter().map(|(column, _)| column)).chain(&besides);
        if !all.all(|column| is_short(table, *column)) {
            return None;
        }
        let sorted = |columns: &[ColumnIndex]| {
            let mut stems: Vec<_> = columns.iter().map(|column| stem(table, *column).into_owned()).collect();
            stems.sort_unstable();
            stems.dedup();
            stems
        };
        let shape = Self {
            equal: sorted(&equal),
            order: order.iter().map(|(column, descending)| (stem(table, *column).into_owned(), *descending)).collect(),
            besides: sorted(&besides),
        };
        let columns = shape.equal.len() + shape.order.len() + shape.besides.len();
        // Rows that lead to one row are found by the index that every lookup has.
        let is_lookup = columns == 1 && equal.first().is_some_and(|column| has_an_index(table, *column));
        ((1..=COLUMNS_MAX).contains(&columns) && !is_lookup).then_some(shape)
    }

    /// Whether an index of this shape serves reads of another.
    pub(crate) fn serves(&self, read: &Self) -> bool {
        let holds = |column: &String| self.besides.contains(column);
        self.equal == read.equal && self.order == read.order && read.besides.iter().all(holds)
    }

    /// What the index of a set of rows is called.
    pub(crate) fn name(&self, set: &str) -> String {
        format!("{set}{MARK}{self}")
    }

    /// The set of rows and the shape of an index by its name; None of any other index.
    pub(crate) fn named(name: &str) -> Option<(&str, Self)> {
        let (set, columns) = name.split_once(MARK)?;
        let mut shape = Self::default();
        for column in columns.split(',') {
            let (column, role) = column.split_at_checked(column.len().checked_sub(1)?)?;
            match role {
                "=" => shape.equal.push(column.to_owned()),
                "+" | "-" => shape.order.push((column.to_owned(), role == "-")),
                "?" => shape.besides.push(column.to_owned()),
                _ => return None,
            }
        }
        Some((set, shape))
    }

    /// The statement that makes the index.
    pub(crate) fn create(&self, table: &Table) -> String {
        let key = |column: &String| quoted(&format!("k_{column}"));
        let mut columns: Vec<String> = self.equal.iter().map(key).collect();
        let ordered = |(column, descending): &(String, bool)| key(column) + if *descending { " DESC" } else { "" };
        columns.extend(self.order.iter().map(ordered));
        columns.push("\"key\"".into());
        columns.extend(self.besides.iter().map(key));
        let (name, columns) = (quoted(&self.name(&table.set())), columns.join(", "));
        format!("CREATE INDEX IF NOT EXISTS {name} ON {} ({columns}) WHERE {USABLE}", table_name(table))
    }
}

/// `status=,effective-,category?`: held to one value, descending order, asked for besides.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let equal = self.equal.iter().map(|column| (column, '='));
        let order = self.order.iter().map(|(column, descending)| (column, if *descending { '-' } else { '+' }));
        let besides = self.besides.iter().map(|column| (column, '?'));
        for (nth, (column, role)) in equal.chain(order).chain(besides).enumerate() {
            write!(f, "{}{column}{role}", if nth == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Whether a filter is about values of the table's own columns and nothing else: which type a lookup leads to is in no sort
/// key. Rows that are found by a list of keys are found by the indexes that every lookup has.
fn asks_sort_keys(table: &Table, filter: &Filter) -> bool {
    let plain = |expr: &Expr| matches!(expr, Expr::Column(_) | Expr::Literal(_));
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => asks_sort_keys(table, a) && asks_sort_keys(table, b),
        Filter::Not(inner) => asks_sort_keys(table, inner),
        Filter::Text(TextTest::Matches, ..) => false,
        Filter::Compare(_, a, b) | Filter::Text(_, a, b) => plain(a) && plain(b),
        Filter::In(Expr::Column(column), _) => !has_an_index(table, *column),
        Filter::Is(expr) => plain(expr),
        Filter::In(..) | Filter::Related { .. } | Filter::Among(_) => false,
    }
}

/// Whether the database always has an index by this column.
pub(crate) fn has_an_index(table: &Table, column: ColumnIndex) -> bool {
    let described = &table.columns[column];
    matches!(described.kind, Kind::Lookup(_)) || described.name == "msemr_azurefhirid" || column == table.key
}

/// The key is found without; texts without a measure would make an index as large as the table.
fn is_short(table: &Table, column: ColumnIndex) -> bool {
    let long = matches!(table.columns[column].kind, Kind::Json | Kind::Text { multi_line: true, .. });
    column != table.key && !long
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::query::{Compare, Literal, Order};
    use crate::model::table::{Column, Lookup, TableAccess};
    use crate::model::value::Number;

    fn table() -> Table {
        let text = || Kind::Text { max_length: None, multi_line: false };
        let columns = [
            ("msemr_azurefhirid", Kind::Key),
            ("name", text()),
            ("other_name", text()),
            ("note", Kind::Text { max_length: None, multi_line: true }),
            ("active", Kind::Boolean),
            ("status", Kind::Int32),
            ("count", Kind::Int64),
            ("weight", Kind::Decimal { precision: 18, scale: None }),
            ("day", Kind::Date),
            ("moment", Kind::DateTime),
            ("patient", Kind::Lookup(Lookup { targets: Vec::new(), navigation: "patient".into() })),
        ];
        Table {
            name: "sample".into(),
            entity_set: "samples".into(),
            label: String::new(),
            description: String::new(),
            sources: Vec::new(),
            columns: columns.into_iter().map(|(name, kind)| Column::sample(name, kind)).collect(),
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
        }
    }

    fn column(name: &str) -> Expr {
        Expr::Column(table().column(name).expect("a column of the sample"))
    }

    fn compare(op: Compare, name: &str, literal: Literal) -> Filter {
        Filter::Compare(op, column(name), Expr::Literal(literal))
    }

    fn text(text: &str) -> Literal {
        Literal::Text(text.into())
    }

    fn number(text: &'static str) -> Literal {
        Literal::Number(Number::parse(text).unwrap())
    }

    fn scan(filters: Vec<Filter>, order: &[(&str, bool)]) -> NativeScan {
        NativeScan {
            table: Arc::new(table()),
            columns: vec![0],
            filter: filters.into_iter().reduce(Filter::both),
            order: order.iter().map(|(name, descending)| Order { by: column(name), descending: *descending }).collect(),
            skip: 0,
            top: Some(10),
            count: true,
            beside: Vec::new(),
        }
    }

    fn shape(filters: Vec<Filter>, order: &[(&str, bool)]) -> Option<String> {
        Shape::of(&scan(filters, order)).map(|shape| shape.to_string())
    }

    #[test]
    fn the_shape_of_a_read() {
        let is = |filters: Vec<Filter>, order: &[(&str, bool)], expected: Option<&str>| {
            assert_eq!(shape(filters, order).as_deref(), expected);
        };
        let eq = |name, literal| compare(Compare::Eq, name, literal);
        let guid = || Literal::Guid(uuid::Uuid::nil());
        is(vec![], &[], None);
        is(vec![], &[("name", true)], Some("name-"));
        is(vec![], &[("name", true), ("msemr_azurefhirid", false), ("day", false)], Some("name-"));
        is(vec![], &[("msemr_azurefhirid", true)], None);
        is(vec![eq("status", number("5"))], &[("moment", true), ("name", false)], Some("status=,moment-,name+"));
        is(vec![eq("status", number("5"))], &[("status", true), ("day", false), ("day", true)], Some("status=,day+"));
        is(vec![eq("name", Literal::Null), Filter::Is(column("active"))], &[], Some("active=,name="));
        is(vec![eq("count", number("1.5"))], &[], Some("count?"));
        is(vec![compare(Compare::Ge, "day", Literal::Null)], &[("day", false)], Some("day+"));
        let any = Filter::Or(
            eq("name", text("a")).into(),
            Filter::Text(TextTest::Contains, column("other_name"), Expr::Literal(text("b"))).into(),
        );
        is(
            vec![any.clone(), eq("active", Literal::Bool(true))],
            &[("count", false)],
            Some("active=,count+,name?,other_name?"),
        );
        is(vec![eq("patient", guid())], &[], None);
        is(vec![eq("patient", guid())], &[("moment", true)], Some("patient=,moment-"));
        is(vec![Filter::In(column("patient"), vec![guid()])], &[("moment", true)], None);
        is(vec![], &[("note", false)], None);
        is(vec![Filter::In(column("name"), vec![text("a")])], &[("moment", true)], Some("moment-,name?"));
        is(vec![eq("msemr_azurefhirid", guid())], &[("moment", true)], None);
        assert_eq!(Shape::of(&NativeScan { top: None, ..scan(vec![any], &[]) }), None, "all rows are shown anyway");
    }

    #[test]
    fn names_say_the_shape() {
        let filters = || vec![compare(Compare::Eq, "status", number("5")), compare(Compare::Gt, "weight", number("5"))];
        let shape = Shape::of(&scan(filters(), &[("day", false), ("name", true)])).unwrap();
        let name = shape.name("sample@abc");
        assert_eq!(name, "sample@abc::status=,day+,name-,weight?");
        assert_eq!(Shape::named(&name), Some(("sample@abc", shape.clone())));
        for other in ["sample:patient", "sample::", "sample::status", "sqlite_autoindex_sample_1"] {
            assert_eq!(Shape::named(other), None, "{other}");
        }
        assert_eq!(
            shape.create(&table()),
            "CREATE INDEX IF NOT EXISTS \"sample::status=,day+,name-,weight?\" ON \"sample\" \
             (\"k_status\", \"k_day\", \"k_name\" DESC, \"key\", \"k_weight\") WHERE \"key\" >= x''"
        );
    }

    #[test]
    fn an_index_serves_what_it_holds_in_its_order() {
        let named = |columns: &str| Shape::named(&format!("s::{columns}")).unwrap().1;
        let check = |index: &str, read: &str, expected: bool| {
            assert_eq!(named(index).serves(&named(read)), expected, "{index} {read}");
        };
        check("a=,b+,c?,d?", "a=,b+,c?,d?", true);
        check("a=,b+,c?,d?", "a=,b+,d?", true);
        check("a=,b+", "a=,b+,d?", false);
        check("a=,b+", "a=,b-", false);
        check("a=,b+", "b+", false);
        check("b+,a?", "a=,b+", false);
    }
}
