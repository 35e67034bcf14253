//! A program as a mapping: what `describe` and `rows` of the contract answer.

use turntable_scan::{Document, Value};

use crate::bindings::exports::turntable::mapping::read::{Failure, ReadRequest, RowBatch, TableRequest};
use crate::bindings::exports::turntable::mapping::schema::{
    self as wit, ColumnAccess, ColumnType, DecimalType, SearchBinding, SearchOps, Sortable, TableAccess, TextType,
};
use crate::bindings::turntable::mapping::types::{Cells, Documents, Issue, IssueCode, Severity};
use crate::machine::Fault;
use crate::program::{Column, Kind, Program, Search, SearchKind};
use crate::rows::{self, Finding, Stop};

/// Warnings of one call; what goes beyond is left out, errors never.
const MAX_WARNINGS: usize = 10_000;
/// Of the key column. The view's columns follow.
const KEY: u16 = 0;

/// Answers `schema.describe`.
pub fn describe(program: &Program<'_>) -> wit::Mapping {
    let text = program.columns.iter().position(|column| matches!(column.kind, Kind::Text | Kind::MultiLine));
    wit::Mapping {
        name: program.name.to_string(),
        version: program.version.to_string(),
        tables: vec![wit::Table {
            name: program.name.to_string(),
            entity_set: program.entity_set.to_string(),
            label: program.label.to_string(),
            description: program.description.to_string(),
            sources: vec![source(program)],
            columns: std::iter::once(key(program)).chain(program.columns.iter().map(column)).collect(),
            concepts: Vec::new(),
            key: KEY,
            primary_name: text.map_or(KEY, in_table),
            version: None,
            access: TableAccess::READ,
            parent: None,
            one_row_per_resource: program.one_row,
        }],
    }
}

/// Answers `read.rows`. Every document is on its own: one that gives no row, and is not left out by the view, says so
/// in an issue.
pub fn rows(program: &Program<'_>, request: &ReadRequest) -> Result<Vec<RowBatch>, Failure> {
    let documents = cut(&request.documents)?;
    request.tables.iter().map(|asked| rows_of(program, &documents, asked)).collect()
}

fn rows_of(program: &Program<'_>, documents: &[&[u8]], asked: &TableRequest) -> Result<RowBatch, Failure> {
    if *asked.table != *program.name {
        return Err(Failure::BadRequest(format!("the view {} has no table of that name", program.name)));
    }
    let mut wanted = vec![false; program.columns.len()];
    for &column in asked.columns.iter().filter(|column| **column != KEY) {
        match wanted.get_mut(usize::from(column) - 1) {
            Some(wanted) => *wanted = true,
            None => return Err(Failure::BadRequest(format!("{} has no column {column}", program.name))),
        }
    }
    let mut reader = Reader {
        program,
        columns: &asked.columns,
        wanted,
        batch: RowBatch {
            cells: Cells { text: String::new(), present: Vec::new(), ends: Vec::new() },
            origin: Vec::new(),
            issues: Vec::new(),
        },
    };
    let mut nodes = Vec::new();
    for (index, bytes) in documents.iter().enumerate() {
        let index = u32::try_from(index).map_err(|_| Failure::BadRequest("too many documents".into()))?;
        match Document::parse_with(bytes, std::mem::take(&mut nodes)) {
            Ok(document) => {
                reader.document(index, &document)?;
                nodes = document.into_nodes();
            }
            Err(error) => reader.refuse(index, IssueCode::Structure, None, None, &error.to_string()),
        }
    }
    Ok(reader.batch)
}

fn key(program: &Program<'_>) -> wit::Column {
    let elements = program.row_elements.iter().map(|name| &**name).filter(|name| *name != "id");
    wit::Column {
        name: program.key.to_string(),
        label: "Key".to_owned(),
        description: "Made from the resource's id and the place of the row in it".to_owned(),
        kind: ColumnType::Key,
        access: ColumnAccess::READ,
        required: false,
        path: "id".to_owned(),
        elements: std::iter::once("id").chain(elements).map(str::to_owned).collect(),
    }
}

fn column(column: &Column<'_>) -> wit::Column {
    wit::Column {
        name: column.name.to_string(),
        label: column.label.to_string(),
        description: column.description.to_string(),
        kind: match column.kind {
            Kind::Text => ColumnType::Text(TextType { max_length: None, multi_line: false }),
            Kind::MultiLine => ColumnType::Text(TextType { max_length: None, multi_line: true }),
            Kind::Boolean => ColumnType::Boolean,
            Kind::Int32 => ColumnType::Int32,
            Kind::Int64 => ColumnType::Int64,
            Kind::Decimal => ColumnType::Decimal(DecimalType { precision: 38, scale: None }),
            Kind::Date => ColumnType::Date,
            Kind::DateTime => ColumnType::DateTime,
            Kind::Uri => ColumnType::Uri,
            Kind::Json => ColumnType::Json,
        },
        access: ColumnAccess::READ,
        required: false,
        path: column.path.to_string(),
        elements: column.elements.iter().map(ToString::to_string).collect(),
    }
}

fn source(program: &Program<'_>) -> wit::Source {
    let bound = program.columns.iter().enumerate();
    let bindings = bound.filter_map(|(at, column)| Some(binding(in_table(at), column.search.as_ref()?)));
    let by_key = Search { param: "_id".into(), kind: SearchKind::Token };
    wit::Source {
        resource_type: program.resource.to_string(),
        profiles: program.profiles.iter().map(ToString::to_string).collect(),
        search: std::iter::once(binding(KEY, &by_key)).chain(bindings).collect(),
        fixed_params: Vec::new(),
        includes: Vec::new(),
        discriminator: None,
    }
}

/// The compiler binds only columns that show the one value that the parameter searches. What else the service finds,
/// the host filters again: a view may drop rows.
fn binding(column: u16, search: &Search<'_>) -> SearchBinding {
    let equal = SearchOps::EQ | SearchOps::ANY_OF;
    let ordered = SearchOps::EQ | SearchOps::LT | SearchOps::LE | SearchOps::GT | SearchOps::GE;
    let (kind, superset) = match search.kind {
        SearchKind::Token => (wit::SearchKind::Token, equal),
        SearchKind::Uri => (wit::SearchKind::Uri, equal),
        SearchKind::Date => (wit::SearchKind::Date, ordered),
    };
    SearchBinding {
        column,
        param: search.param.to_string(),
        kind,
        exact: SearchOps::empty(),
        superset,
        null_iff_absent: false,
        partial: search.kind == SearchKind::Date,
        sort: Sortable::None,
        template: None,
    }
}

/// Position in the table of a column of the view. A view has far fewer columns than fit.
fn in_table(column: usize) -> u16 {
    u16::try_from(column + 1).unwrap_or(u16::MAX)
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

struct Reader<'p, 'r> {
    program: &'p Program<'p>,
    columns: &'r [u16],
    wanted: Vec<bool>,
    batch: RowBatch,
}

impl Reader<'_, '_> {
    fn document(&mut self, index: u32, document: &Document<'_>) -> Result<(), Failure> {
        let resource = document.root();
        if !resource.get("resourceType").is_some_and(|kind| kind.is(&self.program.resource)) {
            self.refuse(index, IssueCode::Structure, None, Some("/resourceType"), "not the resource type of this view");
            return Ok(());
        }
        let Some(id) = resource.get("id").and_then(Value::text).filter(|id| !id.is_empty()) else {
            self.refuse(index, IssueCode::Required, None, Some("/id"), "the resource has no id");
            return Ok(());
        };
        let found = match rows::rows(self.program, resource, &self.wanted) {
            Ok(found) => found,
            Err(stop) => {
                self.stopped(index, &stop);
                return Ok(());
            }
        };
        for row in &found.rows {
            let key = [&*id, &row.path].concat();
            let cells = self.columns.iter().map(|column| match column.checked_sub(1) {
                None => Some(key.as_str()),
                Some(column) => found.cell(row, column),
            });
            self.row(index, cells)?;
        }
        for finding in &found.findings {
            self.warn(index, document, finding);
        }
        Ok(())
    }

    fn row<'c>(&mut self, index: u32, row: impl Iterator<Item = Option<&'c str>>) -> Result<(), Failure> {
        let cells = &mut self.batch.cells;
        let first = cells.present.len();
        cells.present.resize(first + self.columns.len().div_ceil(8), 0);
        for (position, cell) in row.enumerate() {
            let Some(text) = cell else { continue };
            cells.text.push_str(text);
            let end = u32::try_from(cells.text.len());
            cells.ends.push(end.map_err(|_| Failure::BadRequest("the cells would be longer than 4 GiB".into()))?);
            cells.present[first + position / 8] |= 1 << (position % 8);
        }
        self.batch.origin.push(index);
        Ok(())
    }

    fn stopped(&mut self, index: u32, stop: &Stop) {
        let message = match (stop.fault, stop.column) {
            (Fault::Several, Some(_)) => "several values where the view wants one: say `collection: true` or `first()`",
            (Fault::Several, None) => "several values where an expression of the view wants one",
            (Fault::Steps, _) => "the view takes too many steps on it",
            (Fault::Rows, _) => "it would give more than 10000 rows",
        };
        let column = stop.column.map(|column| in_table(column.into()));
        self.refuse(index, IssueCode::NotSupported, column, None, message);
    }

    fn refuse(&mut self, index: u32, code: IssueCode, column: Option<u16>, pointer: Option<&str>, message: &str) {
        let (pointer, message) = (pointer.map(str::to_owned), message.to_owned());
        self.batch.issues.push(Issue { severity: Severity::Error, code, index, column, pointer, message });
    }

    fn warn(&mut self, index: u32, document: &Document<'_>, finding: &Finding) {
        if self.batch.issues.len() < MAX_WARNINGS {
            self.batch.issues.push(Issue {
                severity: Severity::Warning,
                code: IssueCode::Value,
                index,
                column: Some(in_table(finding.column.into())),
                pointer: finding.at.and_then(|at| document.at(at)).map(|value| pointer(document.root(), value)),
                message: finding.message.to_owned(),
            });
        }
    }
}

/// The RFC 6901 pointer to a value inside `root`.
fn pointer(root: Value<'_>, target: Value<'_>) -> String {
    let mut pointer = String::new();
    let mut at = root;
    let holds = |value: &Value<'_>| value.position() <= target.position() && target.range().start < value.range().end;
    while at.position() != target.position() {
        let member = at.members().find(|(_, value)| holds(value));
        let item = at.items().enumerate().find(|(_, value)| holds(value));
        let (name, value) = match (member, item) {
            (Some((key, value)), _) => (key.text().unwrap_or_default().replace('~', "~0").replace('/', "~1"), value),
            (None, Some((index, value))) => (index.to_string(), value),
            (None, None) => break,
        };
        pointer.push('/');
        pointer.push_str(&name);
        at = value;
    }
    pointer
}
