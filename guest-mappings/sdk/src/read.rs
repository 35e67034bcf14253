//! FHIR to rows.

use turntable_scan::{Document, Error, Value};

use crate::bindings::exports::turntable::mapping::read::{Failure, ReadRequest, RowBatch};
use crate::bindings::turntable::mapping::types::{Cells, Documents, Issue, IssueCode, Severity};
use crate::cell::{self, Finding, Scope};
use crate::field::{Field, fields};
use crate::place;
use crate::row::Row;
use crate::table::{Mapping, Source, Table};

/// Warnings of one call; what goes beyond is left out, errors never.
pub(crate) const MAX_WARNINGS: usize = 10_000;

/// Set in the end of a cell that is null.
const NULL: u32 = 1 << 31;

/// Answers `read.rows`. Every document is on its own: one that gives no row says so in an issue.
pub fn rows(mapping: &'static Mapping, request: &ReadRequest) -> Result<RowBatch, Failure> {
    let table = find_table(mapping, &request.table)?;
    let all = fields(table);
    let columns = request.columns.iter().map(|&index| match all.get(usize::from(index)) {
        Some(&field) => Ok((index, field)),
        None => Err(Failure::BadRequest(format!("{} has no column {index}", table.name))),
    });
    let mut reader = Reader {
        table,
        lists: place::lists(mapping, table),
        names: Vec::new(),
        columns: columns.collect::<Result<_, _>>()?,
        batch: RowBatch {
            cells: Cells { text: String::new(), ends: Vec::new() },
            origin: Vec::new(),
            issues: Vec::new(),
        },
    };
    if table.after_read.is_some() {
        reader.names = reader.columns.iter().map(|(_, field)| field.name().into_owned()).collect();
    }
    let mut nodes = Vec::new();
    for (index, bytes) in cut(&request.documents)?.into_iter().enumerate() {
        let index = u32::try_from(index).map_err(|_| Failure::BadRequest("too many documents".into()))?;
        match Document::parse_with(bytes, std::mem::take(&mut nodes)) {
            Ok(document) => {
                reader.document(index, &document)?;
                nodes = document.into_nodes();
            }
            Err(error) => reader.malformed(index, error),
        }
    }
    Ok(reader.batch)
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

fn cut(documents: &Documents) -> Result<Vec<&[u8]>, Failure> {
    let mut start = 0;
    let mut cuts = Vec::with_capacity(documents.ends.len());
    for &end in &documents.ends {
        let bytes = documents.data.get(start..end as usize);
        cuts.push(bytes.ok_or_else(|| Failure::BadRequest("ends are not ascending or reach past the data".into()))?);
        start = end as usize;
    }
    Ok(cuts)
}

struct Reader {
    table: &'static Table,
    /// Whose elements the rows are.
    lists: Vec<&'static str>,
    columns: Vec<(u16, Field)>,
    /// Names of `columns`, if a hook wants them.
    names: Vec<String>,
    batch: RowBatch,
}

impl Reader {
    fn document(&mut self, index: u32, document: &Document<'_>) -> Result<(), Failure> {
        let resource = document.root();
        let Some(source) = find_source(self.table, resource) else {
            self.refuse(index, IssueCode::Structure, "/resourceType", "not a resource type that this table maps");
            return Ok(());
        };
        let Some(id) = resource.get("id").and_then(Value::text).filter(|id| !id.is_empty()) else {
            self.refuse(index, IssueCode::Required, "/id", "the resource has no id");
            return Ok(());
        };
        let scope = Scope { source, resource, id: &id, element: resource, place: &[] };
        let lists = std::mem::take(&mut self.lists);
        let read =
            place::each(resource, &lists, &mut |place, element| self.row(index, Scope { element, place, ..scope }));
        self.lists = lists;
        read
    }

    fn row(&mut self, index: u32, scope: Scope<'_>) -> Result<(), Failure> {
        let Some(after_read) = self.table.after_read else {
            for at in 0..self.columns.len() {
                let (column, field) = self.columns[at];
                let cell = cell::read(field, scope);
                self.push_cell(cell.text.as_deref())?;
                if let Some(finding) = cell.finding {
                    self.warn(index, column, scope.resource, &finding);
                }
            }
            self.batch.origin.push(index);
            return Ok(());
        };
        let mut cells = Vec::with_capacity(self.columns.len());
        for at in 0..self.columns.len() {
            let (column, field) = self.columns[at];
            let cell = cell::read(field, scope);
            cells.push(cell.text.map(|text| text.into_owned()));
            if let Some(finding) = cell.finding {
                self.warn(index, column, scope.resource, &finding);
            }
        }
        let mut row = Row { resource: scope.resource, element: scope.element, names: &self.names, cells };
        after_read(&mut row);
        for cell in row.cells {
            self.push_cell(cell.as_deref())?;
        }
        self.batch.origin.push(index);
        Ok(())
    }

    fn push_cell(&mut self, text: Option<&str>) -> Result<(), Failure> {
        let cells = &mut self.batch.cells;
        cells.text.push_str(text.unwrap_or(""));
        let end = u32::try_from(cells.text.len()).ok().filter(|end| end & NULL == 0);
        let end = end.ok_or_else(|| Failure::BadRequest("the cells would be longer than 2 GiB".into()))?;
        cells.ends.push(if text.is_some() { end } else { end | NULL });
        Ok(())
    }

    fn malformed(&mut self, index: u32, error: Error) {
        self.refuse_at(index, IssueCode::Structure, None, error.to_string());
    }

    fn refuse(&mut self, index: u32, code: IssueCode, pointer: &str, message: &str) {
        self.refuse_at(index, code, Some(pointer.to_owned()), message.to_owned());
    }

    fn refuse_at(&mut self, index: u32, code: IssueCode, pointer: Option<String>, message: String) {
        let severity = Severity::Error;
        self.batch.issues.push(Issue { severity, code, index, column: None, pointer, message });
    }

    fn warn(&mut self, index: u32, column: u16, root: Value<'_>, finding: &Finding<'_>) {
        if self.batch.issues.len() < MAX_WARNINGS {
            self.batch.issues.push(Issue {
                severity: finding.severity,
                code: finding.code,
                index,
                column: Some(column),
                pointer: Some(pointer(root, finding.at)),
                message: finding.message.to_owned(),
            });
        }
    }
}

/// The RFC 6901 pointer to a value inside `root`.
pub(crate) fn pointer(root: Value<'_>, target: Value<'_>) -> String {
    let mut pointer = String::new();
    let mut at = root;
    let holds = |value: &Value<'_>| value.position() <= target.position() && target.range().start < value.range().end;
    while at.position() != target.position() {
        let member = at.members().find(|(_, value)| holds(value));
        let item = at.items().enumerate().find(|(_, value)| holds(value));
        pointer.push('/');
        match (member, item) {
            (Some((key, value)), _) => {
                let name = key.text().unwrap_or_default();
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                at = value;
            }
            (None, Some((index, value))) => {
                pointer.push_str(&index.to_string());
                at = value;
            }
            (None, None) => break,
        }
    }
    pointer
}
