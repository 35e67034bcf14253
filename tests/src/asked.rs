//! New rows as somebody makes them who knows nothing of a table but what its errors ask for.

use serde_json::{Value, json};
use turntable::mapping::sandbox::Sandbox;
use turntable::mapping::shipped::SHIPPED;
use turntable::model::limits::Limits;
use turntable::model::table::{Column, Kind, Lookup, Source, Table};

use crate::server::Server;

/// Errors that are followed for one row, of which each names all that it misses: the columns that are marked as required,
/// then what R4 requires, then what it requires in what was given for that.
const ROUNDS: usize = 5;

/// Makes rows in the tables of a server.
pub struct Asked<'a> {
    pub server: &'a Server,
    /// All that there are.
    pub tables: &'a [Table],
    /// By resource type the key of a row that lookups may be bound to. Rows of other types are made.
    pub known: &'a [(&'a str, &'a str)],
    /// Where rows of other tables are made: `native`, `virtual`, or as the table is routed.
    pub route: Option<&'a str>,
}

/// A row that was made.
pub struct Made {
    /// What was asked for, added to what was sent at first.
    pub body: Value,
    /// As the server answered it.
    pub row: Value,
    /// Rows of other tables that it is bound to, made for it: their tables and addresses, the last made first.
    pub others: Vec<(String, String)>,
}

impl Asked<'_> {
    /// A row of a table, begun with these columns.
    ///
    /// # Panics
    /// If what the server asks for does not lead to a row.
    pub async fn row(&self, table: &Table, body: Value) -> Made {
        let mut made = Made { body, row: Value::Null, others: Vec::new() };
        let (mut asked, mut refused) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let answer = self.server.post(&table.entity_set, &made.body).await;
            if answer.status == 201 {
                made.row = answer.json();
                return made;
            }
            assert_eq!(answer.status, 400, "{} {}: {answer:?}", table.name, made.body);
            asked = answer.json()["error"]["details"].as_array().cloned().unwrap_or_default();
            assert!(!asked.is_empty(), "{} {}: {answer:?}", table.name, made.body);
            for detail in &asked {
                if let Some(code) = code_in(detail) {
                    made.body[detail["target"].as_str().expect("a column")] = json!(code);
                    continue;
                }
                if detail["code"] == "BadValue" {
                    let column = detail["target"].as_str().expect("a column").to_owned();
                    let is_ours = made.body.as_object_mut().and_then(|body| body.remove(&column)).is_some();
                    assert!(is_ours, "{}: {detail}", table.name);
                    refused.push(column);
                    continue;
                }
                assert_eq!(detail["code"], "RequiredColumn", "{} {}: {detail}", table.name, made.body);
                // A row of a child table may need no column in particular, but something.
                let is_any = detail["target"].is_null() && table.parent.is_some();
                let any = |column: &&Column| is_any && is_open(table, column) && !refused.contains(&column.name);
                let named = |column: &&Column| detail["target"] == *column.name || any(column);
                let column = table.columns.iter().find(named);
                let column = column.unwrap_or_else(|| panic!("{} {}: no column in {detail}", table.name, made.body));
                self.give(table, column, &mut made).await;
            }
        }
        panic!("{} {}: always something else is asked for, {asked:?}", table.name, made.body)
    }

    async fn give(&self, table: &Table, column: &Column, made: &mut Made) {
        let Kind::Lookup(lookup) = &column.kind else {
            made.body[&column.name] = value(column).unwrap_or_else(|| panic!("no value for {}", column.name));
            return;
        };
        let row = match self.known(lookup) {
            Some(row) => row,
            None => {
                let found = lookup.targets.iter().find_map(|target| {
                    let other = self.tables.iter().find(|other| other.entity_set == target.entity_set)?;
                    Some((other, other.source(&target.resource_type)?))
                });
                let (other, source) = found.unwrap_or_else(|| panic!("{}: no rows for {}", table.name, column.name));
                if let Some(route) = self.route {
                    self.server.turn(&other.name, route).await.expect(200);
                }
                let there = Box::pin(self.row(other, begun(other, source))).await;
                let key = there.row[&other.columns[other.key].name].as_str().unwrap_or_default();
                let row = format!("{}({key})", other.entity_set);
                made.others.splice(0..0, there.others);
                made.others.insert(0, (other.name.clone(), row.clone()));
                format!("/{row}")
            }
        };
        made.body[format!("{}@odata.bind", lookup.navigation)] = json!(row);
    }

    fn known(&self, lookup: &Lookup) -> Option<String> {
        lookup.targets.iter().find_map(|target| {
            let (_, key) = self.known.iter().find(|(kind, _)| *kind == target.resource_type)?;
            Some(format!("/{}({key})", target.entity_set))
        })
    }
}

/// The first code of those that an error says to be right where another stands.
fn code_in(detail: &Value) -> Option<&str> {
    let (_, named) = detail["message"].as_str()?.split_once(": no code of ")?;
    let (_, codes) = named.split_once(": ")?;
    codes.split([',', ' ']).next()
}

/// Whether a new row can say a column that is an element's, and not its parent.
fn is_open(table: &Table, column: &Column) -> bool {
    let is_parent = table.parent.as_ref().is_some_and(|parent| table.columns[parent.column].name == column.name);
    column.access.create && !column.path.is_empty() && !is_parent && column.kind != Kind::Json
}

/// A value of a column as it is written; none for a lookup, or JSON.
pub fn value(column: &Column) -> Option<Value> {
    Some(match &column.kind {
        Kind::Lookup(_) | Kind::Json => return None,
        Kind::Choice(choice) => json!(choice.options.first().map(|option| option.value)),
        Kind::Boolean => json!(true),
        Kind::Int32 | Kind::Int64 => json!(1),
        Kind::Decimal { .. } => json!(1.5),
        Kind::Date => json!("2024-05-01"),
        Kind::DateTime => json!("2024-05-01T08:00:00Z"),
        Kind::PartialDate => json!("2024-05"),
        Kind::Uri => json!("http://example.org/made"),
        Kind::Text { .. } | Kind::Key | Kind::ConceptKey { .. } => json!("made"),
    })
}

/// What a new row of this source begins with: the column that says that it is of it, where there are several.
///
/// # Panics
/// If the column has no value for it.
pub fn begun(table: &Table, source: &Source) -> Value {
    let Some((column, code)) = &source.discriminator else { return json!({}) };
    let column = &table.columns[*column];
    let value = match &column.kind {
        Kind::Choice(choice) => json!(choice.by_code(code).expect("an option").value),
        _ => json!(code),
    };
    json!({ &column.name: value })
}

/// The tables of all shipped mappings.
///
/// # Panics
/// If they cannot be described.
pub fn shipped_tables() -> Vec<Table> {
    let sandbox = Sandbox::new(&Limits::default(), None).expect("a sandbox");
    let mappings = SHIPPED.iter().map(|shipped| sandbox.shipped(shipped).expect("it is shipped"));
    mappings.flat_map(|mapping| mapping.tables.clone()).map(|table| (*table).clone()).collect()
}
