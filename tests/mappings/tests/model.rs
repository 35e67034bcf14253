//! The shipped tables are those of Microsoft's model: its tables, columns, kinds, targets of lookups and numbers of
//! choices, where the model has them; what differs is in `model/left-out.tsv`, with its reason.

use std::collections::{BTreeMap, BTreeSet};

use turntable_mapping::bindings::exports::turntable::mapping::schema::{Column, ColumnType, Table};
use turntable_mapping::describe;
use turntable_mapping_tests::mappings::all;

const COLUMNS: &str = include_str!("../model/columns.tsv");
const CHOICES: &str = include_str!("../model/choices.tsv");
const LEFT_OUT: &str = include_str!("../model/left-out.tsv");

/// Numbers from here on are our own, for codes that R4 has and the model lacks.
const OUR_NUMBERS: i32 = 935_100_000;

/// Kind of difference, table, column, number; `*` where it does not matter.
type Difference = [String; 4];

#[test]
fn names_and_numbers_are_the_models() {
    let mut differences = BTreeSet::new();
    let ours = ours();
    let model = model();
    for (name, columns) in &model {
        let Some(table) = ours.get(name) else {
            differences.insert(difference(["no-table", name, "*", "*"]));
            continue;
        };
        compare(name, columns, table, &ours, &mut differences);
    }
    for (name, table) in &ours {
        let own = |name: &str| name.starts_with("msemr_");
        if own(name) && !model.contains_key(name) {
            differences.insert(difference(["our-table", name, "*", "*"]));
        }
        for column in table.columns.iter().filter(|column| own(&column.name)) {
            if model.get(name).is_some_and(|columns| !columns.contains_key(stem(table, column))) {
                differences.insert(difference(["our-column", name, stem(table, column), "*"]));
            }
        }
    }
    let excused = excused();
    let covers = |excuse: &Difference, found: &Difference| {
        excuse.iter().zip(found).all(|(excuse, found)| excuse == "*" || excuse == found)
    };
    let unexplained: Vec<_> = differences
        .iter()
        .filter(|found| !excused.iter().any(|excuse| covers(excuse, found)))
        .map(|found| found.join("\t"))
        .collect();
    assert!(unexplained.is_empty(), "not as in the model, without a reason:\n{}", unexplained.join("\n"));
    let stale: Vec<_> = excused
        .iter()
        .filter(|excuse| !differences.iter().any(|found| covers(excuse, found)))
        .map(|excuse| excuse.join("\t"))
        .collect();
    assert!(stale.is_empty(), "in left-out.tsv, but there:\n{}", stale.join("\n"));
}

fn compare(
    name: &str,
    columns: &BTreeMap<String, Modelled>,
    table: &Table,
    ours: &BTreeMap<String, Table>,
    differences: &mut BTreeSet<Difference>,
) {
    for (column, modelled) in columns {
        let Some(ours_of) = table.columns.iter().find(|one| stem(table, one) == column) else {
            differences.insert(difference(["no-column", name, column, "*"]));
            continue;
        };
        if !modelled.is_shown_as(ours_of, is_concept(table, column)) {
            differences.insert(difference(["kind", name, column, "*"]));
        }
        if let (ColumnType::Lookup(lookup), Some(target)) = (&ours_of.kind, &modelled.target) {
            let leads_there = lookup.tables.iter().all(|set| {
                ours.values().find(|table| table.entity_set == *set).is_none_or(|table| is(&table.name, target))
            });
            if !leads_there {
                differences.insert(difference(["target", name, column, "*"]));
            }
        }
        let options = match &ours_of.kind {
            ColumnType::Choice(choice) => choice.options.iter().map(|option| option.value).collect(),
            _ => BTreeSet::new(),
        };
        for number in modelled.numbers.difference(&options) {
            differences.insert(difference(["no-number", name, column, &number.to_string()]));
        }
        let is_set = !modelled.numbers.is_empty();
        for number in options.difference(&modelled.numbers).filter(|number| is_set && **number < OUR_NUMBERS) {
            differences.insert(difference(["our-number", name, column, &number.to_string()]));
        }
    }
}

/// A column of the model.
struct Modelled {
    kind: String,
    target: Option<String>,
    numbers: BTreeSet<i32>,
}

impl Modelled {
    fn is_shown_as(&self, ours: &Column, is_concept: bool) -> bool {
        use ColumnType as C;
        match self.kind.as_str() {
            // A concept is columns for its code, system and display, and a lookup that the host makes of them.
            "lookup" if self.target.as_deref() == Some("CodeableConcept") => {
                is_concept || matches!(ours.kind, C::Lookup(_))
            }
            "lookup" | "partylist" => matches!(ours.kind, C::Lookup(_)),
            "entityId" => matches!(ours.kind, C::Key | C::Lookup(_)),
            "listLookup" | "listLookupCorrelated" => matches!(ours.kind, C::Choice(_)),
            "dateTime" => matches!(ours.kind, C::DateTime | C::Date | C::PartialDate),
            "integer" => matches!(ours.kind, C::Int32 | C::Int64),
            "decimal" | "double" => matches!(ours.kind, C::Decimal(_)),
            "boolean" => matches!(ours.kind, C::Boolean),
            _ => matches!(ours.kind, C::Text(_) | C::Uri),
        }
    }
}

/// The model's columns by table and name, all in lower case.
fn model() -> BTreeMap<String, BTreeMap<String, Modelled>> {
    let mut tables: BTreeMap<String, BTreeMap<String, Modelled>> = BTreeMap::new();
    for [table, column, kind, target] in rows(COLUMNS) {
        let target = (!target.is_empty()).then(|| target.to_owned());
        let modelled = Modelled { kind: kind.to_owned(), target, numbers: BTreeSet::new() };
        tables.entry(table.to_lowercase()).or_default().insert(column.to_lowercase(), modelled);
    }
    for [table, column, number, _] in rows(CHOICES) {
        let columns = tables.get_mut(&table.to_lowercase());
        if let Some(modelled) = columns.and_then(|columns| columns.get_mut(&column.to_lowercase())) {
            modelled.numbers.insert(number.parse().expect("a number"));
        }
    }
    tables
}

fn ours() -> BTreeMap<String, Table> {
    let shipped = all();
    let tables = shipped.iter().flat_map(|shipped| describe(shipped.mapping().expect("a mapping")).tables);
    tables.map(|table| (table.name.clone(), table)).collect()
}

/// The name that the model has for a column: a concept's without `_code`, `_system` and `_display`.
fn stem<'c>(table: &Table, column: &'c Column) -> &'c str {
    let endings = ["_code", "_system", "_display"];
    let stem = endings.iter().find_map(|ending| column.name.strip_suffix(ending));
    stem.filter(|stem| stem.contains('_') && is_concept(table, stem)).unwrap_or(&column.name)
}

fn is_concept(table: &Table, name: &str) -> bool {
    ["_code", "_display"].iter().all(|ending| {
        table.columns.iter().any(|column| column.name.strip_suffix(ending).is_some_and(|stem| stem == name))
    })
}

/// Whether the model calls a table so: `CarePlan` is `msemr_careplan`. Types that the model has no table of stand there
/// as `CodeableConcept`; our tables of them are `tt_`.
fn is(table: &str, target: &str) -> bool {
    let target = target.to_lowercase();
    table.strip_prefix("msemr_").unwrap_or(table) == target || target == "codeableconcept" && table.starts_with("tt_")
}

fn excused() -> Vec<Difference> {
    rows::<5>(LEFT_OUT)
        .map(|[kind, table, column, number, reason]| {
            assert!(!reason.is_empty(), "{kind} {table} {column} has no reason");
            difference([kind, table, column, number])
        })
        .collect()
}

fn difference(parts: [&str; 4]) -> Difference {
    parts.map(str::to_owned)
}

/// The cells of each row under the heading.
fn rows<const N: usize>(table: &str) -> impl Iterator<Item = [&str; N]> {
    table.lines().skip(1).map(|line| {
        let mut cells = line.split('\t');
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    })
}
