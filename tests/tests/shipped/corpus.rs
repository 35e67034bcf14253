//! The shipped mappings, in the real sandbox, against every resource there is: `corpus/`, the sample bundles and the
//! mappings' own samples always, the shared data when it is there (`TURNTABLE_TEST_ALL=1` makes its absence a failure).
//! No resource may lose its row, no write may touch what its column does not name, and no digit may change.

#![expect(clippy::print_stdout, reason = "how much was compared, shown beside a failure")]

mod element_path;
mod resources;
mod territory;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{LazyLock, OnceLock};

use serde_json::Value;
use turntable::mapping::component::{Batch, Documents, FhirRequest, Mapping, Severity, WriteChange, WriteOperation};
use turntable::mapping::sandbox::Sandbox;
use turntable::mapping::shipped::SHIPPED;
use turntable::model::limits::Limits;
use turntable::model::table::{Column, ColumnIndex, Kind, Table};
use turntable::model::value::SortKey;

use turntable_r4::r4;
use turntable_tests::Judge;

use element_path::{ElementPath, RowPlace, entries_of_lists, is_joined, lists_of_key};
use resources::{Corpus, Resource};
use territory::{Territory, leaf_changes, literals, new_literals};

/// Resources of one call.
const DOCUMENTS: usize = 500;
/// Changes and bytes of one call; each change carries its whole resource.
const CHANGES: usize = 400;
const CHANGE_BYTES: usize = 4 << 20;
/// Failures that are shown; the rest is counted.
const SHOWN: usize = 40;
/// Resources of one shape (the same element names) whose columns are changed one by one.
const OF_ONE_SHAPE: usize = 1;
/// Changes of a column in a chunk of resources that the second judge looks at: it takes longer than all else.
const JUDGED: usize = 3;

#[test]
fn every_resource_gives_its_rows() {
    let mut failures = Failures::default();
    let (mut rows, mut cells) = (0, 0);
    for_each_table(|mapping, table, resources| {
        let mut has_carried_row = false;
        for chunk in resources.chunks(DOCUMENTS) {
            let Some(batch) = read(mapping, table, chunk, &mut failures) else { continue };
            rows += batch.rows.len();
            has_carried_row |= batch.origin.iter().any(|origin| chunk[*origin as usize].is_carried);
            check_rows(table, chunk, &batch, &mut failures);
            cells += check_cells(table, chunk, &batch, &mut failures);
        }
        if !has_carried_row {
            failures.add(format!("{}: no resource that the repository carries gives a row", table.name));
        }
    });
    println!("{rows} rows, {cells} cells compared with the element their path names");
    assert!(rows > 100 && cells > 1_000, "the corpus is not read: {rows} rows, {cells} cells");
    failures.assert_none();
}

#[test]
fn the_same_rows_whatever_is_asked_beside_them() {
    let mut failures = Failures::default();
    for_each_table(|mapping, table, resources| {
        for chunk in resources.chunks(DOCUMENTS) {
            let Some(all) = read(mapping, table, chunk, &mut failures) else { continue };
            if read(mapping, table, chunk, &mut failures).as_ref() != Some(&all) {
                failures.add(format!("{}: two calls, two answers", table.name));
            }
            // Fewer columns, and the resources in another order.
            let columns: Vec<ColumnIndex> =
                (0..table.mapped()).filter(|column| column % 3 == 1 || *column == table.key).collect();
            let reversed: Vec<&Resource> = chunk.iter().rev().copied().collect();
            let Some(some) = rows(mapping, table, &reversed, &columns, &mut failures) else { continue };
            let cells = |batch: &Batch| -> BTreeMap<String, Vec<Option<String>>> {
                let row = |row| columns.iter().map(|c| batch.rows.cell(row, *c).map(str::to_owned)).collect();
                (0..batch.rows.len()).map(|at| (format!("{:?}", batch.rows.cell(at, table.key)), row(at))).collect()
            };
            if has_unique_keys(table, &all) && cells(&all) != cells(&some) {
                failures.add(format!("{}: a cell depends on what else was asked for", table.name));
            }
        }
    });
    failures.assert_none();
}

#[test]
fn writing_back_what_is_shown_changes_nothing() {
    let mut failures = Failures::default();
    let mut written = 0;
    for_each_table(|mapping, table, resources| {
        let columns: Vec<ColumnIndex> = writable(table).collect();
        for chunk in resources.chunks(DOCUMENTS) {
            let Some(batch) = read(mapping, table, chunk, &mut failures) else { continue };
            let rewrite = |row: usize| {
                let cells = columns.iter().map(|c| (*c, batch.rows.cell(row, *c).map(str::to_owned)));
                update(table, &batch, row, chunk, cells.collect())
            };
            let changes: Vec<WriteChange> = (0..batch.rows.len()).map(rewrite).collect();
            written += changes.len();
            let answers = write(mapping, table, &changes, &mut failures);
            for (row, answer) in answers.into_iter().enumerate() {
                let resource = chunk[batch.origin[row] as usize];
                match answer {
                    Ok(FhirRequest::Unchanged) => {}
                    Ok(FhirRequest::Update(body)) if body == resource.text.as_bytes() => {}
                    Ok(_) => failures.add(format!("{resource} {}: row {row} written back changes it", table.name)),
                    Err(why) => failures.add(format!("{resource} {}: row {row} refused: {why}", table.name)),
                }
            }
        }
    });
    assert!(written > 100, "the corpus is not read: {written} rows");
    failures.assert_none();
}

#[test]
fn a_change_of_one_column_touches_nothing_else() {
    let mut failures = Failures::default();
    let mut tally = Tally::default();
    for_each_table(|mapping, table, resources| {
        let values = pool(mapping, table, resources, &mut failures);
        for chunk in resources::of_each_shape(resources, OF_ONE_SHAPE).chunks(DOCUMENTS) {
            let Some(batch) = read(mapping, table, chunk, &mut failures) else { continue };
            for column in writable(table) {
                change_column(mapping, table, chunk, &batch, column, &values[&column], &mut failures, &mut tally);
            }
        }
        for column in writable(table) {
            let name = format!("{}.{}", table.name, table.columns[column].name);
            if tally.tried.contains(&name) && !tally.accepted.contains(&name) {
                failures.add(format!("{name}: writable, but no change of it was ever taken"));
            }
        }
    });
    println!(
        "{} changes of {} columns compared, {} refused: {:#?}",
        tally.compared,
        tally.accepted.len(),
        tally.refused.values().sum::<usize>(),
        tally.refused
    );
    assert!(tally.compared > 1_000, "the corpus is not read: {} changes", tally.compared);
    failures.assert_none();
}

/// What became of changes of one column.
#[derive(Default)]
struct Tally {
    compared: usize,
    /// Table and column of changes: the corpus has no row of some tables.
    tried: BTreeSet<String>,
    /// Those of them that were taken.
    accepted: BTreeSet<String>,
    refused: BTreeMap<String, usize>,
}

/// Changes one column in every row of the batch: to another value, and to null.
#[expect(clippy::too_many_arguments, reason = "one step of one test")]
fn change_column(
    mapping: &Mapping,
    table: &Table,
    resources: &[&Resource],
    batch: &Batch,
    column: ColumnIndex,
    values: &[String],
    failures: &mut Failures,
    tally: &mut Tally,
) {
    let definition = &table.columns[column];
    let name = format!("{}.{}", table.name, definition.name);
    let mut changes = Vec::new();
    let mut meant = Vec::new();
    for row in 0..batch.rows.len() {
        let shown = batch.rows.cell(row, column);
        let other = values.iter().cycle().skip(row % values.len().max(1)).take(values.len());
        let other = other.into_iter().find(|value| shown != Some(value.as_str())).cloned();
        for value in [other, None] {
            if value.as_deref() != shown {
                changes.push(update(table, batch, row, resources, vec![(column, value.clone())]));
                meant.push((row, value));
            }
        }
    }
    let mut changed = Vec::new();
    for ((row, value), answer) in meant.into_iter().zip(write(mapping, table, &changes, failures)) {
        let resource = resources[batch.origin[row] as usize];
        tally.tried.insert(name.clone());
        match answer {
            Ok(FhirRequest::Update(body)) => {
                tally.compared += 1;
                tally.accepted.insert(name.clone());
                let territory =
                    Territory::new(&resource.resource_type, definition, place(table, batch, row), value.as_deref());
                if let Err(what) = stays(&resource.text, &body, &territory) {
                    failures.add(format!("{resource} {name} = {value:?}: {what}"));
                }
                if changed.len() < JUDGED
                    && let Some(what) = judged(&resource.text, &body)
                {
                    failures.add(format!("{resource} {name} = {value:?}: {what}"));
                }
                changed.push((resource, row, value, body));
            }
            Ok(FhirRequest::Unchanged)
                if value.as_deref().is_some_and(|value| is_same(definition, batch, row, column, value)) => {}
            Ok(_) => failures.add(format!("{resource} {name} = {value:?}: nothing changed")),
            Err(why) => *tally.refused.entry(format!("{name} {why}")).or_default() += 1,
        }
    }
    check_put_get(mapping, table, column, batch, &changed, failures);
}

/// What a second judge finds wrong after a change that the server would take, and did not before it.
fn judged(before: &str, after: &[u8]) -> Option<String> {
    static JUDGE: LazyLock<Option<Judge>> = LazyLock::new(Judge::start);
    let judge = JUDGE.as_ref()?;
    if !r4().new_faults(Some(before.as_bytes()), after).is_empty() {
        return None;
    }
    let faults = |text: &[u8]| judge.faults(&serde_json::from_slice(text).expect("JSON"));
    let found = faults(after);
    // What was wrong before may have moved in its list meanwhile.
    let new = found.len() > if found.is_empty() { 0 } else { faults(before.as_bytes()).len() };
    new.then(|| format!("fhir.resources: {found:?}"))
}

/// What was written is what is read.
fn check_put_get(
    mapping: &Mapping,
    table: &Table,
    column: ColumnIndex,
    batch: &Batch,
    changed: &[(&Resource, usize, Option<String>, Vec<u8>)],
    failures: &mut Failures,
) {
    let mut columns = vec![table.key, column];
    columns.sort_unstable();
    columns.dedup();
    for chunk in changed.chunks(DOCUMENTS) {
        let documents: Documents = chunk.iter().map(|(_, _, _, body)| body.as_slice()).collect();
        let after = match mapping.rows(&table.name, &documents, &columns) {
            Ok(after) => after,
            Err(error) => return failures.add(format!("{}: {error}", table.name)),
        };
        let rows: HashMap<(u32, Option<&str>), usize> =
            (0..after.rows.len()).map(|row| ((after.origin[row], after.rows.cell(row, table.key)), row)).collect();
        for (at, (resource, row, value, _)) in (0_u32..).zip(chunk) {
            let found = rows.get(&(at, batch.rows.cell(*row, table.key)));
            let shown = found.map(|row| after.rows.cell(*row, column));
            let is_shown = match (&table.columns[column].kind, shown.flatten(), value.as_deref()) {
                // Written as it is given, shown without white space.
                (Kind::Json, Some(shown), Some(value)) => json(shown) == json(value),
                _ => shown == Some(value.as_deref()),
            };
            if !is_shown {
                let name = &table.columns[column].name;
                failures.add(format!("{resource} {}.{name} = {value:?}: shows {shown:?}", table.name));
            }
        }
    }
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// Everything outside the territory is as it was, and so is every digit.
fn stays(before: &str, after: &[u8], territory: &Territory) -> Result<(), String> {
    let after = std::str::from_utf8(after).map_err(|error| error.to_string())?;
    let old: Value = serde_json::from_str(before).map_err(|error| error.to_string())?;
    let new: Value = serde_json::from_str(after).map_err(|error| error.to_string())?;
    let changes = leaf_changes(&old, &new);
    if changes.is_empty() {
        return Err("an update that changes nothing".to_owned());
    }
    territory.covers(&old, &new, &changes)?;
    let told: Vec<String> = changes.iter().flat_map(|c| [c.old, c.new]).flatten().map(Value::to_string).collect();
    let told: Vec<&str> = told.iter().flat_map(|told| literals(told)).collect();
    let is_told = |literal: &str| told.iter().any(|told| same_literal(told, literal));
    match new_literals(before, after).into_iter().find(|literal| !is_told(literal)) {
        Some(literal) => Err(format!("the number {literal} has come or gone")),
        None => Ok(()),
    }
}

/// `1E2` is `1e+2` when it comes out of a `Value`.
fn same_literal(a: &str, b: &str) -> bool {
    a == b || a.to_ascii_lowercase().replace("e+", "e") == b.to_ascii_lowercase().replace("e+", "e")
}

/// One row for each resource, or one for each entry of the child's list, each under its own key, and no error.
fn check_rows(table: &Table, resources: &[&Resource], batch: &Batch, failures: &mut Failures) {
    for issue in batch.issues.iter().filter(|issue| issue.severity == Severity::Error) {
        let at = (resources[issue.index], issue.pointer.as_deref().unwrap_or_default());
        failures.add(format!("{} {}: error at {}: {}", at.0, table.name, at.1, issue.message));
    }
    let mut found: Vec<Vec<&str>> = vec![Vec::new(); resources.len()];
    for (row, origin) in batch.origin.iter().enumerate() {
        found[*origin as usize].push(batch.rows.cell(row, table.key).unwrap_or_default());
    }
    let lists = found.iter().flatten().next().map_or_else(Vec::new, |key| lists_of_key(key));
    for (resource, found) in resources.iter().zip(&found) {
        let expected = match (&table.parent, lists.is_empty()) {
            (None, _) => vec![resource.id.clone()],
            (Some(_), true) => Vec::new(),
            (Some(_), false) => {
                let entries = entries_of_lists(&resource.value, &lists).into_iter();
                entries.map(|entry| format!("{}{entry}", resource.id)).collect()
            }
        };
        if *found != expected {
            failures.add(format!("{resource} {}: rows {found:?}, expected {expected:?}", table.name));
        }
    }
    // No row shows what the lists are; then there must be nothing to show.
    if table.parent.is_some() && lists.is_empty() {
        let paths: Vec<ElementPath> =
            writable(table).filter_map(|column| ElementPath::parse(&table.columns[column].path)).collect();
        for resource in resources {
            if let Some(path) = paths.iter().find(|path| !path.values(&resource.value, &RowPlace::default()).is_empty())
            {
                failures.add(format!("{resource} {}: no row, though {path:?} is there", table.name));
            }
        }
    }
}

/// Every cell of a column with a plain path is what stands there: an evaluation that shares no code with the mappings.
fn check_cells(table: &Table, resources: &[&Resource], batch: &Batch, failures: &mut Failures) -> usize {
    let told: BTreeSet<(usize, Option<ColumnIndex>)> = batch.issues.iter().map(|i| (i.index, i.column)).collect();
    let mut compared = 0;
    for (column, definition) in table.columns.iter().enumerate().take(table.mapped()) {
        // A path that cannot be inverted may mean more than it says: the type that is there, the system of a code.
        let is_plain = definition.access.update && !is_joined(definition);
        let Some(path) = ElementPath::parse(&definition.path).filter(|_| is_plain) else { continue };
        for row in 0..batch.rows.len() {
            let origin = batch.origin[row] as usize;
            let resource = resources[origin];
            // A column may exist for one of the table's types only.
            let other_type = table.sources.iter().position(|s| s.resource_type == resource.resource_type) > Some(0);
            let shown = batch.rows.cell(row, column);
            if told.contains(&(origin, Some(column))) || (other_type && shown.is_none()) {
                continue;
            }
            let Some(expected) =
                element_path::expected_cell(definition, &path, &resource.value, &place(table, batch, row))
            else {
                continue;
            };
            compared += 1;
            let is_expected = match (shown, expected.as_deref()) {
                (Some(shown), Some(expected)) => same_literal(shown, expected),
                (shown, expected) => shown == expected,
            };
            if !is_expected {
                let name = &definition.name;
                failures.add(format!("{resource} {}.{name} ({row}): {shown:?}, expected {expected:?}", table.name));
            }
        }
    }
    compared
}

/// Columns that a row may be written back with.
fn writable(table: &Table) -> impl Iterator<Item = ColumnIndex> {
    let columns = table.columns.iter().enumerate().take(table.mapped());
    columns.filter(|(_, column)| column.access.update && !column.path.is_empty()).map(|(index, _)| index)
}

/// For each writable column values to write: one of the corpus if there is one, and made ones.
fn pool(
    mapping: &Mapping,
    table: &Table,
    resources: &[&Resource],
    failures: &mut Failures,
) -> HashMap<ColumnIndex, Vec<String>> {
    let mut pool: HashMap<ColumnIndex, Vec<String>> =
        writable(table).map(|column| (column, synthetic(&table.columns[column]))).collect();
    let Some(batch) = read(mapping, table, &resources[..resources.len().min(DOCUMENTS)], failures) else { return pool };
    for (column, values) in &mut pool {
        let limit = match table.columns[*column].kind {
            Kind::Text { max_length: Some(length), .. } => length as usize,
            _ => 200,
        };
        let cells = (0..batch.rows.len()).filter_map(|row| batch.rows.cell(row, *column));
        let mut seen: Vec<&str> = cells.filter(|cell| !cell.is_empty() && cell.chars().count() <= limit).collect();
        seen.sort_unstable();
        seen.dedup();
        let is_lookup = matches!(table.columns[*column].kind, Kind::Lookup(_));
        values
            .extend(seen.into_iter().filter(|cell| !is_lookup || !cell.starts_with("urn:")).take(2).map(str::to_owned));
    }
    pool
}

fn synthetic(column: &Column) -> Vec<String> {
    let texts: &[&str] = match &column.kind {
        Kind::Text { .. } => &["other \"text\" \\ é"],
        Kind::Boolean => &["true", "false"],
        Kind::Int32 | Kind::Int64 => &["41", "42"],
        Kind::Decimal { .. } => &["0.10", "72.100"],
        Kind::Date => &["2001-02-03", "2004-02-29"],
        Kind::DateTime => &["2001-02-03T04:05:06.789Z", "2001-02-04T00:00:00+01:00"],
        Kind::PartialDate => &["2001-02", "2001"],
        Kind::Uri => &["http://example.org/other"],
        Kind::Json => &["{\"other\":[1.0]}"],
        Kind::Choice(choice) => {
            return choice.options.iter().take(3).map(|option| option.code.clone()).collect();
        }
        Kind::Lookup(lookup) => {
            return lookup.targets.iter().map(|target| format!("{}/another", target.resource_type)).collect();
        }
        Kind::Key | Kind::ConceptKey { .. } => &[],
    };
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Whether the value is another spelling of what is shown, so that nothing need be written.
fn is_same(column: &Column, batch: &Batch, row: usize, index: ColumnIndex, value: &str) -> bool {
    let number = matches!(column.kind, Kind::DateTime | Kind::Int32 | Kind::Int64 | Kind::Decimal { .. });
    let key = |cell| SortKey::of(&column.kind, cell).ok();
    number && key(batch.rows.cell(row, index)) == key(Some(value))
}

fn update(
    table: &Table,
    batch: &Batch,
    row: usize,
    resources: &[&Resource],
    assignments: Vec<(ColumnIndex, Option<String>)>,
) -> WriteChange {
    WriteChange {
        operation: WriteOperation::Update,
        key: batch.rows.cell(row, table.key).map(str::to_owned),
        assignments,
        existing: Some(resources[batch.origin[row] as usize].text.clone().into_bytes()),
    }
}

fn read(mapping: &Mapping, table: &Table, resources: &[&Resource], failures: &mut Failures) -> Option<Batch> {
    let columns: Vec<ColumnIndex> = (0..table.mapped()).collect();
    rows(mapping, table, resources, &columns, failures)
}

fn rows(
    mapping: &Mapping,
    table: &Table,
    resources: &[&Resource],
    columns: &[ColumnIndex],
    failures: &mut Failures,
) -> Option<Batch> {
    let documents: Documents = resources.iter().map(|resource| resource.text.as_bytes()).collect();
    let batch = mapping.rows(&table.name, &documents, columns);
    batch.map_err(|error| failures.add(format!("{}: {error} {:?}", table.name, error.get_internal()))).ok()
}

/// All changes in as many calls as they need. The error is the first reason against a change.
fn write(
    mapping: &Mapping,
    table: &Table,
    changes: &[WriteChange],
    failures: &mut Failures,
) -> Vec<Result<FhirRequest, String>> {
    let mut answers = Vec::with_capacity(changes.len());
    let mut rest = changes;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |change: &&WriteChange| {
            bytes += change.existing.as_ref().map_or(0, Vec::len);
            bytes <= CHANGE_BYTES
        };
        let count = rest.iter().take(CHANGES).take_while(fits).count().max(1);
        let (now, later) = rest.split_at(count);
        match mapping.resource(&table.name, now) {
            Ok(given) => answers.extend(given.into_iter().map(|answer| answer.map_err(|issues| reason(&issues)))),
            Err(error) => {
                failures.add(format!("{}: {error} {:?}", table.name, error.get_internal()));
                answers.extend(now.iter().map(|_| Err("the call failed".to_owned())));
            }
        }
        rest = later;
    }
    answers
}

fn reason(issues: &[turntable::mapping::component::Issue]) -> String {
    issues.first().map(|issue| format!("{:?}: {}", issue.code, issue.message)).unwrap_or_default()
}

/// The entries of a child table's lists that a row shows.
fn place(table: &Table, batch: &Batch, row: usize) -> RowPlace {
    let key = table.parent.as_ref().and_then(|_| batch.rows.cell(row, table.key));
    key.map_or_else(RowPlace::default, RowPlace::of_key)
}

/// Copies of one resource come in several bundles.
fn has_unique_keys(table: &Table, batch: &Batch) -> bool {
    let keys: BTreeSet<_> = (0..batch.rows.len()).map(|row| batch.rows.cell(row, table.key)).collect();
    keys.len() == batch.rows.len()
}

fn for_each_table(mut check: impl FnMut(&Mapping, &Table, &[&Resource])) {
    let corpus = corpus();
    for mapping in mappings() {
        for table in &mapping.tables {
            let types: Vec<_> = table.sources.iter().map(|source| source.resource_type.as_str()).collect();
            let resources: Vec<&Resource> =
                corpus.resources.iter().filter(|r| types.contains(&r.resource_type.as_str())).collect();
            assert!(!resources.is_empty(), "the corpus has no {types:?}");
            check(mapping, table, &resources);
        }
    }
}

fn mappings() -> &'static [Mapping] {
    static MAPPINGS: OnceLock<Vec<Mapping>> = OnceLock::new();
    MAPPINGS.get_or_init(|| {
        // Large batches on a busy machine: time is not what is tested here.
        let limits = Limits { mapping_ms: 120_000, mapping_memory_bytes: 512 << 20, ..Limits::default() };
        let sandbox = Sandbox::new(&limits, None).expect("the sandbox starts");
        assert!(!SHIPPED.is_empty(), "no mapping ships");
        SHIPPED.iter().map(|one| sandbox.shipped(one).unwrap_or_else(|e| panic!("{}: {e}", one.name))).collect()
    })
}

fn corpus() -> &'static Corpus {
    static CORPUS: OnceLock<Corpus> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let tables = mappings().iter().flat_map(|mapping| &mapping.tables);
        let types = tables.flat_map(|table| &table.sources).map(|source| source.resource_type.clone()).collect();
        Corpus::read(types)
    })
}

/// All that is wrong, not only the first.
#[derive(Default)]
struct Failures {
    shown: Vec<String>,
    count: usize,
}

impl Failures {
    fn add(&mut self, failure: String) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(failure);
        }
    }

    #[track_caller]
    fn assert_none(self) {
        assert!(self.count == 0, "{} failures, the first of them:\n{}", self.count, self.shown.join("\n"));
    }
}
