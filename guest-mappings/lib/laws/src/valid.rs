//! The law of right writing: what a change comes to is FHIR R4 (`turntable_r4`, which judges what is written in service
//! too). A fault counts that the resource did not have before, and that another value, or another column of the
//! mapping, would not mend.
//!
//! [`Check::judge`] looks at what the other laws write to the resources at hand. [`Check::fresh`] writes each column into
//! a resource that holds nothing else, where every object and list has to be made: what the resources at hand already
//! have hides nothing there.

use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::bindings::exports::turntable::mapping::schema::{ColumnAccess, ColumnType, TableAccess};
use turntable_mapping::bindings::exports::turntable::mapping::write::{Assignment, Change, FhirRequest, Operation};
use turntable_r4::{Fault, Wrong, r4};
use turntable_scan::Document;

use crate::ask::{self, Alone};
use crate::case::{Case, Check, all, parts};
use crate::definitions::code_at;
use crate::report::Law;
use crate::subject::Row;

/// The id of the resource that holds nothing else.
const ID: &str = "new";

/// A row into which values are written by themselves.
#[derive(Clone, Copy)]
struct Ground<'a> {
    case: Case<'a>,
    operation: Operation,
    /// Of the row that is updated.
    key: Option<&'a str>,
    /// What a new row is given beside the value: what says what it is, its parent, what is required.
    given: &'a [Assignment],
}

impl Ground<'_> {
    fn change(&self, column: u16, value: &str) -> Change {
        let given = self.given.iter().filter(|given| given.column != column).cloned();
        let is_new_resource = self.operation == Operation::Create && self.case.table.parent.is_none();
        Change {
            operation: self.operation,
            key: self.key.map(str::to_owned),
            assignments: given.chain([Assignment { column, value: Some(value.to_owned()) }]).collect(),
            existing: (!is_new_resource).then(|| self.case.text.as_bytes().to_vec()),
        }
    }
}

impl Check<'_> {
    /// Each column of each table by itself, in a row that holds nothing else.
    pub(crate) fn fresh(&mut self) {
        let schema = self.schema;
        for table in schema.tables.iter().filter(|table| table.parent.is_none()) {
            for source in table.sources.iter().filter(|source| r4().is_resource(&source.resource_type)) {
                let kind = source.resource_type.as_str();
                self.in_row(table, kind, &format!("{{\"resourceType\":\"{kind}\",\"id\":\"{ID}\"}}"), ID);
            }
        }
    }

    /// The same for a row of a resource, and for new rows below it.
    fn in_row(&mut self, table: &wit::Table, kind: &str, text: &str, key: &str) {
        let Ok(document) = Document::parse(text.as_bytes()) else { return };
        let case = Case { table, name: "a new resource", text, kind, document: &document };
        if table.access.contains(TableAccess::UPDATE) {
            self.columns(Ground { case, operation: Operation::Update, key: Some(key), given: &[] });
        }
        if table.parent.is_none() && table.access.contains(TableAccess::CREATE) {
            self.columns(Ground { case, operation: Operation::Create, key: None, given: &given(table, kind, key) });
        }
        let schema = self.schema;
        let below = schema.tables.iter().filter(|child| {
            let is_child = child.parent.as_ref().is_some_and(|parent| parent.table == table.name);
            is_child && child.access.contains(TableAccess::CREATE)
        });
        for child in below.filter(|child| child.sources.iter().any(|source| source.resource_type == kind)) {
            if self.is_late() {
                return;
            }
            let case = Case { table: child, ..case };
            let given = given(child, kind, key);
            let made = self.columns(Ground { case, operation: Operation::Create, key: None, given: &given });
            if let Some((text, key)) = made.and_then(|text| self.last_row(case, text)) {
                self.in_row(child, kind, &text, &key);
            }
        }
    }

    /// A resource with the key of its last row in a table.
    fn last_row(&self, case: Case<'_>, text: String) -> Option<(String, String)> {
        let batch = self.subject.rows(&case.table.name, &[&text], &all(case.table)).ok()?;
        let key = batch.rows.last()?.cells.get(usize::from(case.table.key)).cloned().flatten()?;
        Some((text, key))
    }

    /// Writes each column in turn, and says what of it is not R4. Gives the first resource that came of it.
    fn columns(&mut self, ground: Ground<'_>) -> Option<String> {
        let wanted = match ground.operation {
            Operation::Create => ColumnAccess::CREATE,
            _ => ColumnAccess::UPDATE,
        };
        let columns = ground.case.table.columns.iter().zip(0_u16..);
        let columns = columns.filter(|(column, _)| column.access.contains(wanted) && !is_parent(ground.case, column));
        // The first value that is right settles a column, so few need more than one round; of options and targets
        // each must be right.
        let mut open: Vec<_> =
            columns.map(|(column, at)| (column, at, values(ground.case.kind, column), None)).collect();
        let mut made = None;
        for round in 0.. {
            open.retain(|(_, _, values, _)| values.len() > round);
            if open.is_empty() || self.is_late() {
                break;
            }
            let changes: Vec<_> = open.iter().map(|(_, at, values, _)| ground.change(*at, &values[round])).collect();
            let written = self.written(ground.case, &changes)?;
            let mut next = Vec::new();
            for ((column, at, values, first), text) in open.into_iter().zip(written) {
                let fault = text.as_ref().map(|text| {
                    let fault = |fault: &Fault| is_fault(self.schema, ground.case.kind, column, fault);
                    r4().new_faults(Some(ground.case.text.as_bytes()), text.as_bytes()).into_iter().find(fault)
                });
                made = made.or(text.filter(|_| fault == Some(None)));
                let is_last = values.len() == round + 1;
                match fault {
                    Some(None) if !each_counts(column) => {}
                    Some(Some(fault)) if each_counts(column) => self.is_wrong(ground.case, column, fault),
                    fault => match first.or(fault.flatten()) {
                        Some(first) if is_last => self.is_wrong(ground.case, column, first),
                        first => next.push((column, at, values, first)),
                    },
                }
            }
            open = next;
        }
        made
    }

    /// The resources that changes come to, none for one that is refused; none at all where the call fails.
    fn written(&mut self, case: Case<'_>, changes: &[Change]) -> Option<Vec<Option<String>>> {
        let mut written = Vec::new();
        for part in parts(changes, |change| change.existing.as_ref().map_or(0, Vec::len)) {
            match ask::resources(self.subject, &case.table.name, part) {
                Ok(answers) => written.extend(answers.into_iter().map(|answer| match answer {
                    Ok(FhirRequest::Create(bytes) | FhirRequest::Update(bytes)) => String::from_utf8(bytes).ok(),
                    _ => None,
                })),
                Err(Alone { what, .. }) => {
                    self.broken(Law::Valid, case, None, None, format!("writing fails: {what}"));
                    return None;
                }
            }
        }
        Some(written)
    }

    /// What a change of one column made of a resource at hand. A value that the element's type does not have is the
    /// value's fault, not the column's.
    pub(crate) fn judge(&mut self, case: Case<'_>, column: &wit::Column, after: &str) {
        let is_of_value = |fault: &Fault| {
            let mut paths = column.path.split('|').map(str::trim);
            fault.wrong == Wrong::Value && paths.any(|path| path.is_empty() || is_near(path, fault))
        };
        let fault = |fault: &Fault| is_fault(self.schema, case.kind, column, fault) && !is_of_value(fault);
        let found = r4().new_faults(Some(case.text.as_bytes()), after.as_bytes()).into_iter().find(fault);
        if let Some(fault) = found {
            self.is_wrong(case, column, fault);
        }
    }

    /// A new row that is given all that a row at hand shows. What it lacks is asked for when an app makes one.
    pub(crate) fn made_anew(&mut self, case: Case<'_>, row: &Row) {
        if case.table.parent.is_some() || !case.table.access.contains(TableAccess::CREATE) {
            return;
        }
        let columns = case.table.columns.iter().zip(0_u16..).zip(&row.cells);
        let shown =
            columns.filter(|((column, _), cell)| cell.is_some() && column.access.contains(ColumnAccess::CREATE));
        let told = given(case.table, case.kind, ID).into_iter().filter(|given| is_told(case, given.column));
        let shown = shown.map(|((_, column), value)| Assignment { column, value: value.clone() });
        let shown = shown.filter(|shown| !is_told(case, shown.column));
        let change = Change {
            operation: Operation::Create,
            key: None,
            assignments: told.chain(shown).collect(),
            existing: None,
        };
        let Some(text) = self.written(case, &[change]).and_then(|mut written| written.pop().flatten()) else { return };
        let faults = r4().new_faults(Some(case.text.as_bytes()), text.as_bytes());
        for fault in faults.into_iter().filter(|fault| fault.wrong != Wrong::Missing) {
            let reaching = case.table.columns.iter().find(|column| reaches(column, &fault));
            match reaching {
                Some(column) if matches!(column.kind, ColumnType::Json) => {}
                Some(column) => self.is_wrong(case, column, fault),
                None => {
                    let what = format!("a new row is not R4: {}", fault.message);
                    self.broken(Law::Valid, case, None, Some(fault.path), what);
                }
            }
        }
    }

    /// Named once for a column, though it is met in many resources.
    fn is_wrong(&mut self, case: Case<'_>, column: &wit::Column, fault: Fault) {
        let known = self.report.violations.iter().any(|other| {
            other.law == Law::Valid && other.table == case.table.name && other.column.as_ref() == Some(&column.name)
        });
        if !known {
            let what = format!("what it writes is not R4: {}", fault.message);
            self.broken(Law::Valid, case, Some(column), Some(fault.path), what);
        }
    }
}

/// Whether a fault is one of the column that was written.
fn is_fault(schema: &wit::Mapping, kind: &str, column: &wit::Column, fault: &Fault) -> bool {
    match (fault.wrong, &column.kind) {
        // The values of such a column are what an app sends.
        (_, ColumnType::Json) if reaches(column, fault) => false,
        // Another column of the mapping gives it, and is asked for when a change lacks it.
        (Wrong::Missing, _) => {
            let tables =
                schema.tables.iter().filter(|table| table.sources.iter().any(|source| source.resource_type == kind));
            let mut columns = tables.flat_map(|table| &table.columns);
            !columns.any(|other| other.access.intersects(WRITTEN) && reaches(other, fault))
        }
        _ => true,
    }
}

const WRITTEN: ColumnAccess = ColumnAccess::CREATE.union(ColumnAccess::UPDATE);

fn reaches(column: &wit::Column, fault: &Fault) -> bool {
    column.path.split('|').any(|path| fault.is_reached_by(path.trim()))
}

/// Whether a path leads to the element that is wrong, or to one beside it: a code, and the system that it is of.
fn is_near(path: &str, fault: &Fault) -> bool {
    fault.is_reached_by(path) || path.rsplit_once('.').is_some_and(|(around, _)| fault.is_reached_by(around))
}

/// Whether a mapping names all values of a column itself, so that each of them must be right.
fn each_counts(column: &wit::Column) -> bool {
    matches!(column.kind, ColumnType::Choice(_) | ColumnType::Lookup(_))
}

fn is_parent(case: Case<'_>, column: &wit::Column) -> bool {
    let link = case.table.parent.as_ref().and_then(|parent| case.table.columns.get(usize::from(parent.column)));
    link.is_some_and(|link| link.name == column.name)
}

/// Whether a column says which resource a row is.
fn is_told(case: Case<'_>, column: u16) -> bool {
    let told = case.table.sources.iter().filter_map(|source| source.discriminator.as_ref());
    told.map(|told| told.column).any(|told| told == column)
}

/// What a new row needs beside a value.
fn given(table: &wit::Table, kind: &str, parent_key: &str) -> Vec<Assignment> {
    let told = table.sources.iter().find(|source| source.resource_type == kind);
    let told = told.and_then(|source| source.discriminator.as_ref()).map(|told| (told.column, told.value.clone()));
    let parent = table.parent.as_ref().map(|parent| (parent.column, format!("{kind}/{parent_key}")));
    let required = table.columns.iter().zip(0..).filter(|(column, _)| column.required);
    let required = required.filter_map(|(column, at)| Some((at, values(kind, column).into_iter().next()?)));
    let mut given: Vec<Assignment> = Vec::new();
    for (column, value) in told.into_iter().chain(parent).chain(required) {
        if given.iter().all(|other| other.column != column) {
            given.push(Assignment { column, value: Some(value) });
        }
    }
    given
}

/// Values of a column, of each form that R4 has for what such a column may stand over.
fn values(kind: &str, column: &wit::Column) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    match &column.kind {
        ColumnType::Text(_) => {
            let code = code_at(kind, &column.path);
            let others = ["other", "http://example.org/other", "2001-02-03", "12:30:00", "b3RoZXI=", OID, UUID];
            code.into_iter().chain(others).map(str::to_owned).collect()
        }
        ColumnType::Boolean => texts(&["true"]),
        ColumnType::Int32 | ColumnType::Int64 => texts(&["1"]),
        ColumnType::Decimal(_) => texts(&["0.10", "1"]),
        ColumnType::Date => texts(&["2001-02-03"]),
        ColumnType::DateTime => texts(&["2001-02-03T04:05:06.789Z"]),
        ColumnType::PartialDate => texts(&["2001-02"]),
        ColumnType::Uri => texts(&["http://example.org/other", OID, UUID]),
        ColumnType::Choice(choice) => choice.options.iter().map(|option| option.code.clone()).collect(),
        ColumnType::Lookup(lookup) => lookup.resource_types.iter().map(|kind| format!("{kind}/other")).collect(),
        ColumnType::Json => texts(&["{\"text\":\"other\"}"]),
        ColumnType::Key => Vec::new(),
    }
}

const OID: &str = "urn:oid:1.2.3";
const UUID: &str = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
