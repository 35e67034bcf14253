//! Every mapping written as YAML, its twin, is the same mapping: for one in Rust, but for the columns that are code.
#![expect(clippy::print_stdout, reason = "a test over data says how much it looked at")]

use turntable_laws::{Native, Subject, other_value, samples};
use turntable_mapping::bindings::exports::turntable::mapping::schema::{Column, ColumnAccess};
use turntable_mapping::bindings::exports::turntable::mapping::write::{Assignment, Change, Operation};
use turntable_mapping::bindings::turntable::mapping::types::Issue;
use turntable_mapping::tools::default_name;
use turntable_mapping::{Mapping, Table, describe, descriptor, resources};
use turntable_mapping_tests::data::{self, request};
use turntable_mapping_tests::mappings::{Shipped, Source, all};
use turntable_mapping_yaml::{read, to_yaml, to_yaml_in_part};
use turntable_plan::rows;

/// The columns that have no form in YAML, by mapping.
const CODE: [(&str, &[&str]); 2] = [
    ("contact", &["contact.fullname: read_with is code", "msemr_additionalname.tt_fullname: read_with is code"]),
    ("location", &["tt_locationhours.tt_daysofweek: read_with and write_with is code"]),
];

#[test]
fn what_is_read_again_describes_the_same() {
    for shipped in all() {
        let mapping = shipped.mapping().unwrap_or_else(|| panic!("{:?}", shipped.faults()));
        let code = CODE.iter().find(|(name, _)| *name == shipped.name).map_or(&[][..], |(_, code)| code);
        match to_yaml(mapping) {
            Ok(text) => {
                let twin = twin(&shipped.name, &text);
                assert!(descriptor::to_bytes(twin) == descriptor::to_bytes(mapping), "{} is another", shipped.name);
                assert!(code.is_empty(), "{} has no code any more", shipped.name);
            }
            Err(unsaid) => {
                assert_eq!(unsaid.iter().map(ToString::to_string).collect::<Vec<_>>(), code, "{}", shipped.name);
                let (text, left_out) = to_yaml_in_part(mapping);
                assert_eq!(left_out, unsaid);
                let left_out: Vec<_> = left_out.iter().filter_map(|one| Some((one.table, one.column?))).collect();
                let rest = without(mapping, &left_out);
                let twin = twin(&shipped.name, &text);
                assert!(descriptor::to_bytes(twin) == descriptor::to_bytes(&rest), "{} is another", shipped.name);
            }
        }
    }
}

/// The mapping without these columns, each by its table and name, and without functions of tables. A table that was named
/// by one of them is named as if it had never had it.
fn without(mapping: &Mapping, columns: &[(&str, &str)]) -> Mapping {
    let tables = mapping.tables.iter().map(|table| {
        let stays = |name: &str| !columns.contains(&(table.name, name));
        let left: Vec<_> = table.columns.iter().filter(|column| stays(column.name)).copied().collect();
        let left = Vec::leak(left);
        let primary_name = if stays(table.primary_name) { table.primary_name } else { default_name(left) };
        let version = table.version.filter(|version| stays(version));
        Table { columns: left, primary_name, version, before_write: None, after_read: None, ..*table }
    });
    Mapping { tables: Vec::leak(tables.collect()), ..*mapping }
}

#[test]
fn twins_give_the_same_rows_and_write_the_same() {
    for shipped in all() {
        let Source::Rust(mapping) = shipped.source else { continue };
        let twin = twin(&shipped.name, &to_yaml_in_part(mapping).0);
        let (mut read, mut written) = (0, 0);
        for table in &describe(twin).tables {
            let pair = Pair::new(mapping, twin, &table.name);
            for resource in table.sources.iter().flat_map(|source| texts(&shipped, &source.resource_type)) {
                read += pair.read_the_same(&resource);
                written += pair.write_the_same(&resource, read);
            }
        }
        println!("{}: {read} rows, {written} changes", shipped.name);
        assert!(written > 0, "{}: nothing was compared", shipped.name);
    }
}

/// A table of a mapping and of its twin.
struct Pair {
    table: String,
    /// Of the mapping and of the twin, in the twin's order.
    columns: [Vec<(u16, Column)>; 2],
    mappings: [&'static Mapping; 2],
    key: usize,
}

impl Pair {
    fn new(mapping: &'static Mapping, twin: &'static Mapping, table: &str) -> Self {
        let find = |mapping: &'static Mapping| describe(mapping).tables.into_iter().find(|other| other.name == table);
        let (Some(own), Some(twins)) = (find(mapping), find(twin)) else { panic!("both have {table}") };
        let place = |column: &Column| own.columns.iter().position(|other| other.name == column.name);
        let place = |column: &Column| place(column).unwrap_or_else(|| panic!("{table} has no {}", column.name));
        let columns = twins.columns.iter().map(|column| (place(column) as u16, column.clone())).collect();
        Self {
            table: table.to_owned(),
            key: usize::from(twins.key),
            columns: [columns, (0..).zip(twins.columns).collect()],
            mappings: [mapping, twin],
        }
    }

    /// How many rows, which are the same with what is said of them.
    fn read_the_same(&self, resource: &str) -> usize {
        let [own, twins] = [0, 1].map(|at| {
            let columns = self.columns[at].iter().map(|(index, _)| *index).collect();
            let batches = rows(self.mappings[at], &request(&self.table, columns, &[resource]));
            let mut batches = batches.unwrap_or_else(|failure| panic!("{}: {failure:?}", self.table));
            let batch = batches.remove(0);
            let issues = self.said(at, &batch.issues);
            (batch.cells.present, batch.cells.ends, batch.cells.text, batch.origin, issues)
        });
        assert_eq!(own, twins, "{} of {resource}", self.table);
        own.3.len()
    }

    /// How many changes of one column each, to null and to another value, which come to the same. `turn` says which
    /// of the columns: a few a row, others for another resource.
    fn write_the_same(&self, resource: &str, turn: usize) -> usize {
        const EVERY: usize = 3;
        let columns: Vec<_> = self.columns[1].iter().map(|(index, _)| *index).collect();
        let shown = Native(self.mappings[1]).rows(&self.table, &[resource], &columns).unwrap_or_default();
        let mut count = 0;
        for row in shown.rows {
            let writable = |column: &Column| column.access.contains(ColumnAccess::UPDATE);
            let some =
                (0..columns.len()).filter(|at| (at + turn).is_multiple_of(EVERY) && writable(&self.columns[1][*at].1));
            let changes: Vec<_> = some
                .flat_map(|at| {
                    let other = other_value(&self.columns[1][at].1.kind, row.cells[at].as_deref());
                    [(at, None), (at, other)]
                })
                .collect();
            count += changes.len();
            let [own, twins] = [0, 1].map(|side| {
                let change = |(at, value): &(usize, Option<String>)| Change {
                    operation: Operation::Update,
                    key: row.cells[self.key].clone(),
                    assignments: vec![Assignment { column: self.columns[side][*at].0, value: value.clone() }],
                    existing: Some(resource.as_bytes().to_vec()),
                };
                let answers =
                    resources(self.mappings[side], &self.table, &changes.iter().map(change).collect::<Vec<_>>());
                let answers = answers.unwrap_or_else(|failure| panic!("{}: {failure:?}", self.table));
                let answers = answers.into_iter().map(|answer| match answer {
                    Ok(request) => format!("{request:?}"),
                    Err(issues) => self.said(side, &issues).join("; "),
                });
                answers.collect::<Vec<_>>()
            });
            assert_eq!(own, twins, "{} of {resource}", self.table);
        }
        count
    }

    /// Issues with the names of their columns.
    fn said(&self, side: usize, issues: &[Issue]) -> Vec<String> {
        let name = |index: u16| self.columns[side].iter().find(|(own, _)| *own == index);
        let said = issues.iter().map(|issue| {
            let column = issue.column.map(|index| name(index).map(|(_, column)| &column.name));
            format!("{:?}", (column, Issue { column: None, ..issue.clone() }))
        });
        said.collect()
    }
}

fn twin(name: &str, text: &str) -> &'static Mapping {
    read(text, &format!("the twin of {name}")).unwrap_or_else(|faults| {
        panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    })
}

/// The mapping's own samples of a type, and the data at hand.
fn texts(shipped: &Shipped, kind: &str) -> Vec<String> {
    let own = samples::resources(&shipped.samples, |other| other == kind).into_iter().map(|(_, text)| text);
    own.chain(data::resources(kind).iter().map(|resource| resource.text.clone())).collect()
}
