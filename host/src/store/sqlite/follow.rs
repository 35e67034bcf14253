//! Native tables follow their mappings.

use std::sync::Arc;

use crate::model::error::Result;
use crate::model::table::Table;
use crate::store::sqlite::database::Database;
use crate::store::sqlite::tables::{Changes, check_names};

impl Database {
    /// Makes those of these tables that are there what their descriptions say; the others are made with their first rows.
    /// Repeating it changes nothing. An error leaves all as it was. Where a column is read in another way than before,
    /// cells that do not fit become null: rows must then be made anew.
    pub(crate) fn follow(&self, tables: &[Arc<Table>]) -> Result<()> {
        for table in tables {
            check_names(table)?;
            self.tables.check_case(table)?;
        }
        let (mut changes, mut outdated) = (Changes::default(), Vec::new());
        for table in tables {
            match self.tables.made(&table.set()) {
                Some(made) if made.is_up_to_date(table) => changes.fits(&made, table),
                Some(_) => outdated.push(table),
                None => {}
            }
        }
        if !outdated.is_empty() {
            self.writing(|transaction| outdated.iter().try_for_each(|table| changes.ensure(transaction, table)))?;
        }
        self.tables.apply(changes);
        Ok(())
    }
}

#[cfg(test)]
impl Database {
    /// As if the table had rows already.
    pub(crate) fn ensure_table(&self, table: &Arc<Table>) -> Result<()> {
        check_names(table)?;
        self.tables.check_case(table)?;
        let mut changes = Changes::default();
        self.writing(|transaction| changes.ensure(transaction, table))?;
        self.tables.apply(changes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::error::Code;
    use crate::model::key;
    use crate::model::query::{Compare, Expr, Filter, Literal};
    use crate::model::rows::Rows;
    use crate::model::table::{Choice, ChoiceOption, Concept, Kind};
    use crate::model::value::Number;
    use crate::store::sql::select;
    use crate::store::sqlite::scan::sample::scan;
    use crate::store::sqlite::tables::{REBUILD_ROWS, Stands, sample};

    fn text() -> Kind {
        Kind::Text { max_length: None, multi_line: false }
    }

    fn option(value: i32, code: &str) -> ChoiceOption {
        ChoiceOption { value, code: code.into(), system: None, label: code.into() }
    }

    /// A key and some columns.
    fn table(described: &[(&str, Kind)]) -> Arc<Table> {
        Arc::new(columns(described))
    }

    fn columns(columns: &[(&str, Kind)]) -> Table {
        let mut table = sample::table();
        table.columns.truncate(1);
        table.columns.extend(columns.iter().map(|(name, kind)| sample::column(name, kind.clone())));
        table.concepts.clear();
        table.parent = None;
        table
    }

    /// Puts a row as a resource of its own; columns beyond the cells are null.
    fn put(store: &Database, table: &Arc<Table>, cells: &[&str]) {
        let mut rows = Rows::new((0..table.columns.len()).collect());
        rows.push((0..table.columns.len()).map(|column| cells.get(column).copied()));
        store.put_each(table, &rows).unwrap();
    }

    fn kept(store: &Database, table: &Arc<Table>, column: &str, literal: Literal) -> u64 {
        let column = Expr::Column(table.column(column).unwrap());
        let filter = Filter::Compare(Compare::Eq, column, Expr::Literal(literal));
        assert_eq!(select::division(&scan(table, &[], Some(filter.clone()))).left, []);
        store.count(table, filter)
    }

    #[test]
    fn a_table_is_made_with_its_first_row() {
        let store = Database::temporary().unwrap();
        let (old, new) = (table(&[("a", text())]), table(&[("a", text()), ("b", Kind::Int32)]));
        let made = || [&*old.name, "other"].iter().filter(|name| store.tables.made(name).is_some()).count();
        store.follow(std::slice::from_ref(&old)).unwrap();
        assert_eq!((made(), store.count_rows(&old).unwrap()), (0, 0), "nothing was written yet");
        put(&store, &old, &["1", "x"]);
        assert_eq!((made(), store.count_rows(&old).unwrap()), (1, 1));
        // Rows by a description that nobody told the store of: what it lacks is added.
        assert_eq!(store.tables.stands(&new, 0..3), Stands::Partly);
        let everything = scan(&new, &[0, 2], None);
        assert_eq!(store.scanned(&everything).unwrap_err().code(), Code::Busy, "a column that is not there yet");
        put(&store, &new, &["2", "y", "7"]);
        assert_eq!(store.scanned(&everything).unwrap().rows.len(), 2);
        // A transaction that fails makes nothing.
        let mut other = columns(&[("n", Kind::Int32)]);
        other.name = "other".into();
        let other = Arc::new(other);
        let mut rows = Rows::new(vec![0, 1]);
        rows.push([Some("1"), Some("no number")]);
        assert_eq!(store.put_each(&other, &rows).unwrap_err().code(), Code::BadValue);
        assert_eq!((made(), store.tables.stands(&other, 0..2)), (1, Stands::Missing));
        put(&store, &other, &["1", "5"]);
        assert_eq!(store.count_rows(&other).unwrap(), 1);
    }

    #[test]
    fn columns_are_added_and_stay_when_they_are_no_longer_described() {
        let store = Database::temporary().unwrap();
        let (old, new) = (table(&[("a", text())]), table(&[("a", text()), ("b", Kind::Int32)]));
        store.ensure_table(&old).unwrap();
        put(&store, &old, &["1", "x"]);
        store.ensure_table(&new).unwrap();
        store.ensure_table(&new).unwrap();
        put(&store, &new, &["2", "y", "7"]);
        let number = || Literal::Number(Number::parse("7").unwrap());
        assert_eq!(kept(&store, &new, "b", number()), 1);
        assert_eq!(kept(&store, &new, "b", Literal::Null), 1);
        store.ensure_table(&old).unwrap();
        assert_eq!(kept(&store, &old, "a", Literal::Text("X".into())), 1);
        store.ensure_table(&new).unwrap();
        assert_eq!(kept(&store, &new, "b", number()), 1, "the rollback finds its data");
    }

    #[test]
    fn a_changed_kind_makes_new_keys() {
        let store = Database::temporary().unwrap();
        let as_text = table(&[("a", text())]);
        let as_number = table(&[("a", Kind::Decimal { precision: 10, scale: None })]);
        store.ensure_table(&as_text).unwrap();
        // More rows than are rebuilt in one go.
        let mut rows = Rows::new(vec![0, 1]);
        let count = REBUILD_ROWS * 2 + 1;
        (0..count).for_each(|n| rows.push([Some(n.to_string().as_str()), Some("72.10")]));
        store.put_each(&as_text, &rows).unwrap();
        let number = || Literal::Number(Number::parse("72.1").unwrap());

        store.ensure_table(&as_number).unwrap();
        assert_eq!(kept(&store, &as_number, "a", number()), count as u64);
        store.ensure_table(&as_text).unwrap();
        assert_eq!(kept(&store, &as_text, "a", Literal::Text("72.10".into())), count as u64);
        assert_eq!(kept(&store, &as_text, "a", Literal::Text("72.1".into())), 0);
    }

    #[test]
    fn a_cell_that_does_not_fit_the_new_kind_becomes_null_with_its_key() {
        let check = |kind: Kind, cell: &str, expected: Option<&str>| {
            let store = Database::temporary().unwrap();
            let before = table(&[("a", text()), ("b", text())]);
            let after = table(&[("a", kind), ("b", text())]);
            store.ensure_table(&before).unwrap();
            put(&store, &before, &["1", cell, "beside"]);
            store.ensure_table(&after).unwrap();
            let row = store.row(&after, key::guid("1"), &[0, 1, 2]).unwrap();
            assert_eq!(row.row(0).collect::<Vec<_>>(), [Some("1"), expected, Some("beside")], "{cell}");
            assert_eq!(kept(&store, &after, "a", Literal::Null), u64::from(expected.is_none()), "{cell}");
            assert_eq!(kept(&store, &after, "b", Literal::Text("beside".into())), 1);

            put(&store, &after, &["1", "1", "made anew"]);
            assert_eq!(kept(&store, &after, "b", Literal::Text("made anew".into())), 1);
        };
        check(Kind::Int32, "12", Some("12"));
        check(Kind::Int32, "2147483648", None);
        check(Kind::Decimal { precision: 10, scale: None }, "heavy", None);
        let open = |open| Kind::Choice(Choice { options: vec![option(1, "1")], open, value_set: None });
        check(open(false), "gone", None);
        check(open(false), "1", Some("1"));
    }

    #[test]
    fn a_choice_with_other_values_makes_new_keys() {
        let store = Database::temporary().unwrap();
        let status = sample::table().column("status").unwrap();
        let Kind::Choice(choice) = sample::table().columns[status].kind.clone() else { unreachable!() };
        let before = table(&[("status", Kind::Choice(choice.clone()))]);
        store.ensure_table(&before).unwrap();
        put(&store, &before, &["1", "planned"]);
        let mut renumbered = choice;
        renumbered.options[0].value = 42;
        let after = table(&[("status", Kind::Choice(renumbered))]);
        store.ensure_table(&after).unwrap();
        assert_eq!(kept(&store, &after, "status", Literal::Number(Number::parse("42").unwrap())), 1);
        assert_eq!(kept(&store, &after, "status", Literal::Number(Number::parse("5").unwrap())), 0);
    }

    #[test]
    fn a_new_concept_gets_its_keys() {
        let store = Database::temporary().unwrap();
        let before = table(&[("code", text()), ("system", text())]);
        store.ensure_table(&before).unwrap();
        put(&store, &before, &["1", "c", "s"]);
        let mut after = columns(&[("code", text()), ("system", text()), ("code", Kind::ConceptKey { concept: 0 })]);
        after.concepts = vec![Concept { name: "code".into(), code: 1, system: 2, display: None, text: None }];
        let after = Arc::new(after);
        store.ensure_table(&after).unwrap();
        let made = store.row(&after, key::guid("1"), &[3]).unwrap();
        let expected: Uuid = key::concept(Some("s"), "c");
        assert_eq!(made.cell(0, 3), Some(expected.to_string().as_str()));
        let filter = Filter::Compare(Compare::Eq, Expr::Column(3), Expr::Literal(Literal::Guid(expected)));
        assert_eq!(store.count(&after, filter), 1);
    }

    #[test]
    fn the_key_column_changes_only_without_rows() {
        let store = Database::temporary().unwrap();
        let before = table(&[("a", text())]);
        store.ensure_table(&before).unwrap();
        let mut after = columns(&[("a", text())]);
        after.columns[0].name = "other_id".into();
        let after = Arc::new(after);
        store.ensure_table(&after).unwrap();
        put(&store, &after, &["1"]);
        assert_eq!(store.ensure_table(&before).unwrap_err().code(), Code::Conflict);
        assert!(store.row(&after, key::guid("1"), &[0, 1]).is_some());
    }

    #[test]
    fn names_that_a_database_would_confuse_are_refused() {
        let store = Database::temporary().unwrap();
        store.ensure_table(&table(&[])).unwrap();
        let check = |name: &str, columns: &[(&str, Kind)], expected: Code| {
            let mut table = self::columns(columns);
            table.name = name.into();
            let table = Arc::new(table);
            assert_eq!(store.follow(std::slice::from_ref(&table)).unwrap_err().code(), expected, "{name}");
            assert_eq!(store.ensure_table(&table).unwrap_err().code(), expected, "{name}");
        };
        check("_turntable_keys", &[], Code::ComponentRefused);
        check("_Turntable_x", &[], Code::ComponentRefused);
        check("sqlite_x", &[], Code::ComponentRefused);
        check("", &[], Code::ComponentRefused);
        check("a\"; DROP TABLE sample; --", &[], Code::ComponentRefused);
        check("a", &[("b", text()), ("B", text())], Code::ComponentRefused);
        check("a", &[("b\0", text())], Code::ComponentRefused);
        check("Sample", &[], Code::Conflict);
    }
}
