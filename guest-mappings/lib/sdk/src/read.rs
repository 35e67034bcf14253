//! FHIR to rows.

use std::borrow::Cow;

use turntable_scan::{Document, Value};

use crate::bindings::exports::turntable::mapping::read::{Failure, ReadRequest, RowBatch, TableRequest};
use crate::bindings::turntable::mapping::types::{Documents, IssueCode};
use crate::cell::{self, Scope};
use crate::column::ReadWith;
use crate::field::{Field, fields};
use crate::output::Output;
use crate::place;
use crate::plan::{self, Plan};
use crate::row::Row;
use crate::table::{Mapping, Source, Table, lists};

/// Answers `read.rows`, by the plan that the build embedded if there is one. Every document is on its own: one that
/// gives no row says so in an issue.
pub fn rows(mapping: &'static Mapping, request: &ReadRequest) -> Result<Vec<RowBatch>, Failure> {
    rows_declared(|_| mapping, request)
}

/// Like [`rows`], for a mapping that it takes time to come by: where there is a plan, what a table needs of it is asked
/// for only if a document has to go the long way.
pub fn rows_declared(
    mapping: impl Fn(&str) -> &'static Mapping,
    request: &ReadRequest,
) -> Result<Vec<RowBatch>, Failure> {
    let plan = plan::embedded();
    let batch = |asked: &TableRequest| rows_by(&|| mapping(&asked.table), plan, &request.documents, asked);
    request.tables.iter().map(batch).collect()
}

/// The same with this plan of the mapping; without one the long way, which says what every cell is.
pub fn rows_planned(
    mapping: &'static Mapping,
    plan: Option<Plan>,
    request: &ReadRequest,
) -> Result<Vec<RowBatch>, Failure> {
    request.tables.iter().map(|asked| rows_by(&|| mapping, plan, &request.documents, asked)).collect()
}

/// How many documents of a request go the long way for some table although there is a plan.
pub fn unsettled(mapping: &'static Mapping, plan: Option<Plan>, request: &ReadRequest) -> usize {
    request.tables.iter().map(|asked| unsettled_of(mapping, plan, &request.documents, asked)).max().unwrap_or(0)
}

fn unsettled_of(mapping: &'static Mapping, plan: Option<Plan>, documents: &Documents, asked: &TableRequest) -> usize {
    let planned = plan.and_then(|plan| plan::Rows::new(plan, &asked.table, &asked.columns, documents.ends.len()));
    let Some(mut planned) = planned else { return documents.ends.len() };
    let function = |column: u16| read_with(mapping, &asked.table, column);
    let starts = std::iter::once(0).chain(documents.ends.iter().map(|end| *end as usize));
    let settled = starts.zip(&documents.ends).filter(|(start, end)| {
        let (buffer, length) = (&documents.data[*start..], **end as usize - start);
        planned.document(0, buffer, length, &function, &mut Output::default()).is_ok_and(|settled| settled)
    });
    documents.ends.len() - settled.count()
}

fn rows_by(
    mapping: &impl Fn() -> &'static Mapping,
    plan: Option<Plan>,
    documents: &Documents,
    asked: &TableRequest,
) -> Result<RowBatch, Failure> {
    let mut planned = plan.and_then(|plan| plan::Rows::new(plan, &asked.table, &asked.columns, documents.ends.len()));
    // What only the long way needs is made when it is first gone.
    let mut reader = match planned {
        Some(_) => None,
        None => Some(Reader::new(mapping(), asked)?),
    };
    let function = |column: u16| read_with(mapping(), &asked.table, column);
    let mut output = Output::for_documents(documents.data.len(), documents.ends.len(), asked.columns.len());
    let mut start = 0;
    for (index, &end) in (0..).zip(&documents.ends) {
        let end = end as usize;
        let bytes = documents.data.get(start..end);
        let bytes = bytes.ok_or_else(|| Failure::BadRequest("ends are not ascending or reach past the data".into()))?;
        let buffer = documents.data.get(start..).unwrap_or(bytes);
        start = end;
        if let Some(planned) = &mut planned
            && planned.document(index, buffer, bytes.len(), &function, &mut output)?
        {
            continue;
        }
        if reader.is_none() {
            reader = Some(Reader::new(mapping(), asked)?);
        }
        if let Some(reader) = &mut reader {
            match Document::parse(bytes) {
                Ok(document) => reader.document(index, &document, &mut output)?,
                Err(error) => output.refuse(index, IssueCode::Structure, None, error.to_string()),
            }
        }
    }
    Ok(output.into_batch())
}

/// The function that reads a column.
fn read_with(mapping: &'static Mapping, table: &str, column: u16) -> Option<ReadWith> {
    let field = *fields(find_table(mapping, table).ok()?).get(usize::from(column))?;
    field.column()?.read_with
}

pub(crate) fn find_table(mapping: &'static Mapping, name: &str) -> Result<&'static Table, Failure> {
    let table = mapping.tables.iter().find(|table| table.name == name);
    table.ok_or_else(|| Failure::BadRequest(format!("the mapping {} has no table of that name", mapping.name)))
}

/// The source of a resource: the one of its `resourceType`.
pub(crate) fn find_source(table: &'static Table, resource: Value<'_>) -> Option<&'static Source> {
    let kind = resource.get("resourceType").and_then(Value::text)?;
    table.sources().find(|source| source.resource_type == kind)
}

struct Reader {
    table: &'static Table,
    /// Whose elements the rows are.
    lists: Vec<&'static str>,
    columns: Vec<(u16, Field)>,
    /// Names of `columns`, if a hook wants them.
    names: Vec<String>,
}

impl Reader {
    fn new(mapping: &'static Mapping, asked: &TableRequest) -> Result<Self, Failure> {
        let table = find_table(mapping, &asked.table)?;
        let all = fields(table);
        let columns = asked.columns.iter().map(|&index| match all.get(usize::from(index)) {
            Some(&field) => Ok((index, field)),
            None => Err(Failure::BadRequest(format!("{} has no column {index}", table.name))),
        });
        let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
        let hooked = columns.iter().filter(|_| table.after_read.is_some());
        let names = hooked.map(|(_, field)| field.name().into_owned()).collect();
        Ok(Self { table, lists: lists(mapping, table), columns, names })
    }

    fn document(&self, index: u32, document: &Document<'_>, output: &mut Output) -> Result<(), Failure> {
        let resource = document.root();
        let refuse = |output: &mut Output, code, pointer, message: &str| {
            output.refuse(index, code, Some(pointer), message.to_owned());
            Ok(())
        };
        let Some(source) = find_source(self.table, resource) else {
            let message = "not a resource type that this table maps";
            return refuse(output, IssueCode::Structure, "/resourceType", message);
        };
        let Some(id) = resource.get("id").and_then(Value::text).filter(|id| !id.is_empty()) else {
            return refuse(output, IssueCode::Required, "/id", "the resource has no id");
        };
        let scope = Scope { source, resource, id: &id, element: resource, place: &[] };
        let mut row = |place: &[_], element| self.row(index, Scope { element, place, ..scope }, output);
        place::each(resource, &self.lists, &mut row)
    }

    fn row(&self, index: u32, scope: Scope<'_>, output: &mut Output) -> Result<(), Failure> {
        let mut cells = Vec::with_capacity(self.columns.len());
        for &(column, field) in &self.columns {
            let cell = cell::read(field, scope);
            cells.push(cell.text);
            if let Some(finding) = cell.finding {
                let (severity, code) = (finding.severity, finding.code);
                output.warn(index, column, severity, code, finding.message, scope.resource, finding.at);
            }
        }
        let Some(after_read) = self.table.after_read else { return output.push_row(index, &cells) };
        let cells = cells.into_iter().map(|cell| cell.map(Cow::into_owned)).collect();
        let mut row = Row { resource: scope.resource, element: scope.element, names: &self.names, cells };
        after_read(&mut row);
        output.push_row(index, &row.cells)
    }
}
