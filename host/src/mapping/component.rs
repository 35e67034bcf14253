//! A mapping: bytes or a description to tables, resources to rows, changes to resources. All that a guest answers is checked
//! here, so that behind this file an index is in range and a row whole.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use turntable_componentize::Sample;
use turntable_scan::Lexer;

use super::{
    code::{Fetch, Guest, Lazy},
    contract::{
        COMPONENT_TYPE,
        exports::turntable::mapping::{read, write},
        turntable::mapping::types,
    },
    describe::{Description, described},
    inspect::{self, Inspection, inspect},
    sandbox::{Call, Sandbox, Speaker, Stop, clean},
    shipped::Shipped,
};
use crate::model::{
    error::{Code, Error, Result},
    limits::Limits,
    rows::Rows,
    table::{ColumnIndex, Table},
};
use crate::telemetry::context::{self, Step};
use crate::telemetry::spans::Attribute;

/// Spaces behind the last document, so that a reader may load whole blocks.
const PADDING: [u8; 64] = [b' '; 64];
/// Bytes of a message or pointer in an issue.
const ISSUE_TEXT: usize = 1_000;

/// A mapping that can be called, from any thread. One that ships, or was let in before this start, is known by its
/// description and compiled by its first call.
pub struct Mapping {
    /// For people and errors, e.g. `encounter`.
    pub name: String,
    /// The author's.
    pub version: String,
    /// `sha256:<hex>` of the component.
    pub digest: String,
    pub tables: Vec<Arc<Table>>,
    /// Of a component that was loaded; none of one that is known by its description.
    pub samples: Vec<Sample>,
    sandbox: Sandbox,
    writes: bool,
    code: Lazy,
    speaker: Arc<Speaker>,
    counters: Counters,
}

/// What happened in calls of one mapping since it was loaded.
#[derive(Debug, Default)]
pub struct Counters {
    pub calls: AtomicU64,
    /// The guest trapped, or said itself that it failed.
    pub faults: AtomicU64,
    pub timeouts: AtomicU64,
    /// Refused more memory and gave up.
    pub memory: AtomicU64,
    /// Answers that were too large or not well formed.
    pub ill_formed: AtomicU64,
    /// Calls that found no slot.
    pub busy: AtomicU64,
}

/// Resources for one call, in one buffer.
#[derive(Clone, Debug)]
pub struct Documents {
    /// Ends in [`PADDING`], always.
    data: Vec<u8>,
    ends: Vec<u32>,
}

/// Rows, and where they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub rows: Rows,
    /// For each row the index of its document, ascending.
    pub origin: Vec<u32>,
    pub issues: Vec<Issue>,
}

/// One finding of a mapping about one document or one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    pub code: IssueCode,
    /// Of the document, or of the change.
    pub index: usize,
    pub column: Option<ColumnIndex>,
    /// JSON pointer inside the document.
    pub pointer: Option<String>,
    /// The guest's own words: for the log, and for whoever sees the resource anyway.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    Information,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueCode {
    Structure,
    Required,
    Value,
    CodeInvalid,
    NotSupported,
    Conflict,
    Truncated,
}

/// A change as the contract has it: keys and references are FHIR's, values are cell texts.
#[derive(Clone, Debug)]
pub struct WriteChange {
    pub operation: WriteOperation,
    /// Text of the key cell; None on a create where the service chooses.
    pub key: Option<String>,
    /// None = set to null.
    pub assignments: Vec<(ColumnIndex, Option<String>)>,
    /// The resource as just read; on update, and for any change of a row of a child table.
    pub existing: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOperation {
    Create,
    Update,
    Delete,
}

/// What is to be sent for a change. For a child table it is always the parent's resource that is updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FhirRequest {
    Create(Vec<u8>),
    Update(Vec<u8>),
    Delete,
    Unchanged,
}

/// A description, and the contract that it is one by: a component of another contract is not what it says there.
#[derive(Serialize, Deserialize)]
struct Kept<D> {
    contract: String,
    description: D,
}

impl Sandbox {
    /// Inspects, compiles (or finds compiled), asks the mapping what it offers and checks the answer. Takes tenths of
    /// a second and holds the thread: not for the path of a request.
    pub fn load(&self, bytes: &[u8]) -> Result<Mapping> {
        let Inspection { digest, component, writes, samples, .. } = inspect(bytes, self.limits())?;
        let guest = Guest::new(self, &digest, writes, || Ok(component.into()))?;
        let label = format!("the mapping {}", short(&digest));
        let answer = self.call(&guest.program, &Speaker::new(label.clone()), |store, instance| {
            guest.schema.load(&mut *store, instance)?.call_describe(&mut *store)
        });
        let mapping = answer.map_err(|stop| stopped(stop, &format!("{label}, asked to describe itself,"), self))?;
        let description = described(mapping, writes, self.limits())?;
        Ok(Mapping { samples, ..self.mapping(&digest, description, Lazy::made(guest)) })
    }

    /// A mapping that ships. Nothing of its component is looked at yet.
    pub fn shipped(&self, shipped: &'static Shipped) -> Result<Mapping> {
        let component = || Ok(shipped.component.into());
        Ok(self.mapping(shipped.digest, shipped.description()?, Lazy::later(Box::new(component))))
    }

    /// A mapping that was let in before, by what [`Mapping::kept`] gave then. None if that is not to be relied on: what
    /// another version of this program wrote, or a component of another contract, is to be loaded.
    pub(crate) fn kept(&self, digest: &str, kept: &Value, component: Fetch) -> Option<Mapping> {
        let kept = Kept::<Description>::deserialize(kept).ok().filter(|kept| kept.contract == contract())?;
        Some(self.mapping(digest, kept.description, Lazy::later(component)))
    }

    fn mapping(&self, digest: &str, description: Description, code: Lazy) -> Mapping {
        let Description { name, version, writes, tables } = description;
        Mapping {
            speaker: Speaker::new(format!("{name} {version} ({})", short(digest))),
            name,
            version,
            digest: digest.to_owned(),
            tables: tables.into_iter().map(|table| Arc::new(Table { made_by: made_by(digest), ..table })).collect(),
            samples: Vec::new(),
            sandbox: self.clone(),
            writes,
            code,
            counters: Counters::default(),
        }
    }
}

/// The names of the tables in what [`Mapping::kept`] gave; of a mapping that ships they are all that is kept.
pub fn names_kept(kept: &Value) -> Vec<&str> {
    let tables = kept.pointer("/description/tables").unwrap_or(kept).as_array();
    tables.into_iter().flatten().filter_map(|table| table.as_str().or_else(|| table["name"].as_str())).collect()
}

/// To be raised where this program makes other rows of what the same version of a mapping answers: all are made anew then.
const ROWS: u32 = 2;

/// What the rows of a version are told by ([`Table::made_by`]): the beginning of its digest, which is 64 bits of a hash.
pub fn made_by(digest: &str) -> String {
    let hash = digest.rsplit_once(':').map_or(digest, |(_, hash)| hash);
    let hash: String = hash.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    format!("{hash}.{ROWS}")
}

/// Names the contract that this program speaks.
fn contract() -> String {
    inspect::digest(COMPONENT_TYPE)
}

impl Mapping {
    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.iter().find(|table| table.name == name)
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Lines of log that were dropped because there were too many.
    pub fn log_lines_dropped(&self) -> u64 {
        self.speaker.lines_dropped.load(Relaxed)
    }

    /// Rows to FHIR too.
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// What a later start needs to know the mapping without running it: for [`Sandbox::kept`].
    pub(crate) fn kept(&self) -> Value {
        let description = Description {
            name: self.name.clone(),
            version: self.version.clone(),
            writes: self.writes,
            tables: self.tables.iter().map(|table| Table::clone(table)).collect(),
        };
        serde_json::to_value(Kept { contract: contract(), description }).unwrap_or_default()
    }

    /// Compiles the code, unless that is done: what otherwise the first call does. Takes tenths of a second and holds
    /// the thread.
    pub fn prepare(&self) -> Result<()> {
        self.guest().map(drop)
    }

    fn guest(&self) -> Result<&Guest> {
        let made = self.code.get(|component| {
            let begun = Instant::now();
            let step = || Step::internal(format!("compile {}", self.name));
            let make = || Guest::new(&self.sandbox, &self.digest, self.writes, component);
            let made = context::step_here(step, make, |made, _| made.as_ref().err().map(|e| format!("{:?}", e.code())));
            let took = begun.elapsed().as_millis();
            tracing::debug!(target: "mapping", mapping = self.name, version = self.version, took, "code is at hand");
            made
        });
        made.map_err(|error| {
            if error.code() != Code::ComponentRefused {
                return error;
            }
            let why = error.get_internal().unwrap_or_default();
            let text = format!("the mapping {} {} ({}) cannot be run", self.name, self.version, short(&self.digest));
            Error::new(Code::MappingFault, text)
                .hint("Load it again to see what is wrong with it, or go back to the version before.")
                .internal(format!("{}: {why}", error.message()))
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.sandbox.limits()
    }

    /// FHIR to rows of one table, see [`Mapping::rows_of`].
    pub fn rows(&self, table: &str, resources: &Documents, columns: &[ColumnIndex]) -> Result<Batch> {
        let batches = self.rows_of(&[(table, columns)], resources)?;
        batches.into_iter().next().ok_or_else(|| Error::new(Code::Internal, "no batch for a table that was asked for"))
    }

    /// FHIR to rows of several tables in one call: a batch for each, in order. A table comes with the columns that are
    /// wanted of it, which the mapping builds ([`Table::mapped`]), ascending, at least one.
    /// Holds the thread for as long as the guest runs, see [`Sandbox`].
    pub fn rows_of(&self, asked: &[(&str, &[ColumnIndex])], resources: &Documents) -> Result<Vec<Batch>> {
        let tables = asked.iter().map(|(table, _)| self.known(table)).collect::<Result<Vec<_>>>()?;
        let columns = tables.iter().zip(asked).map(|(table, (_, columns))| asked_columns(table, columns));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let who = self.at(&tables);
        self.check_input(&who, resources.len(), resources.bytes())?;
        if resources.is_empty() || tables.is_empty() {
            let none = |(_, columns): &(&str, &[ColumnIndex])| Batch::none(columns);
            return Ok(asked.iter().map(none).collect());
        }
        let wanted: Vec<_> = tables
            .iter()
            .zip(&columns)
            .map(|(table, columns)| read::TableRequest { table: &table.name, columns })
            .collect();
        let none = Documents::new();
        let request = read::ReadRequest {
            documents: types::Documents { data: &resources.data, ends: &resources.ends },
            related: types::Documents { data: &none.data, ends: &none.ends },
            tables: &wanted,
        };
        let answers = self.call(&who, |store, instance, guest| {
            guest.read.load(&mut *store, instance)?.call_rows(&mut *store, request)
        })?;
        if answers.len() != tables.len() {
            return Err(self.ill_formed(&who, "not one batch for each table"));
        }
        let checked = tables.iter().zip(asked).zip(answers).map(|((table, (_, columns)), answer)| {
            check_batch(table, resources.len(), columns, answer)
                .map_err(|what| self.ill_formed(&self.at(&[*table]), what))
        });
        checked.collect()
    }

    /// Rows to FHIR: for each change, in order, what to send, or the reasons against it.
    /// Holds the thread for as long as the guest runs, see [`Sandbox`].
    pub fn resource(&self, table: &str, changes: &[WriteChange]) -> Result<Vec<Result<FhirRequest, Vec<Issue>>>> {
        let table = self.known(table)?;
        let who = self.at(&[table]);
        if !self.writes {
            return Err(Error::new(Code::NotSupported, format!("{who} only reads"))
                .hint("Write through the service, or load a mapping that writes."));
        }
        self.check_input(&who, changes.len(), changes.iter().map(WriteChange::bytes).sum())?;
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let assignments = changes.iter().map(|change| assigned(table, change)).collect::<Result<Vec<_>>>()?;
        let said: Vec<_> = changes.iter().zip(&assignments).map(|(change, assigned)| change.said(assigned)).collect();
        let answers = self.call(&who, |store, instance, guest| {
            let write = guest.write.as_ref().ok_or_else(|| wasmtime::format_err!("it has no functions to write"))?;
            write.load(&mut *store, instance)?.call_resource(&mut *store, &table.name, &said)
        })?;
        if answers.len() != changes.len() {
            return Err(self.ill_formed(&who, "not one answer for each change"));
        }
        let checked = changes.iter().zip(answers).map(|(change, answer)| {
            check_request(table, changes.len(), change.operation, answer).map_err(|what| self.ill_formed(&who, what))
        });
        checked.collect()
    }

    fn known(&self, table: &str) -> Result<&Arc<Table>> {
        self.table(table).ok_or_else(|| {
            Error::new(Code::Internal, format!("mapping {} {} has no table {table}", self.name, self.version))
        })
    }

    fn check_input(&self, who: &str, documents: usize, bytes: usize) -> Result<()> {
        let limits = self.sandbox.limits();
        let (what, limit) = if documents > limits.mapping_documents {
            (format!("{documents} resources or changes"), "limits.mapping_documents")
        } else if bytes > limits.mapping_input_bytes.min(u32::MAX as usize) {
            (format!("{bytes} bytes"), "limits.mapping_input_bytes")
        } else {
            return Ok(());
        };
        let text = format!("{who} cannot be given {what} at once");
        Err(Error::new(Code::MappingInputTooLarge, text).hint(format!("Ask for smaller pages, or raise {limit}.")))
    }

    /// One call; what the guest calls a failure is one.
    fn call<T>(
        &self,
        who: &str,
        guest: impl FnOnce(
            &mut wasmtime::Store<Call>,
            &wasmtime::component::Instance,
            &Guest,
        ) -> wasmtime::Result<Result<T, types::Failure>>,
    ) -> Result<T> {
        let code = self.guest()?;
        self.counters.calls.fetch_add(1, Relaxed);
        let call = || self.sandbox.call(&code.program, &self.speaker, |store, instance| guest(store, instance, code));
        let step = || {
            Step::internal(format!("mapping {}", self.name))
                .with(Attribute::text("turntable.version", self.version.clone()))
        };
        let answer = context::step_here(step, call, |answer, _| match answer {
            Ok(Ok(_)) => None,
            Ok(Err(_)) => Some(format!("{:?}", Code::MappingFault)),
            Err(stop) => Some(format!("{:?}", stop.code)),
        });
        let stop = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(types::Failure::BadRequest(text))) => {
                Stop::new(Code::MappingFault, format!("bad request: {}", self.sandbox.quoted(&text)))
            }
            Ok(Err(types::Failure::Internal(text))) => Stop::new(Code::MappingFault, self.sandbox.quoted(&text)),
            Err(stop) => stop,
        };
        self.counters.count(stop.code);
        Err(stopped(stop, who, &self.sandbox))
    }

    fn ill_formed(&self, who: &str, what: &str) -> Error {
        self.counters.count(Code::MappingIllFormed);
        stopped(Stop::new(Code::MappingIllFormed, what), who, &self.sandbox)
    }

    /// What every error of a mapping begins with.
    fn at(&self, tables: &[&Arc<Table>]) -> String {
        let mut who = format!("the mapping {} {} ({})", self.name, self.version, short(&self.digest));
        if let Some(table) = tables.first() {
            who.extend([" of table ", &table.name]);
        }
        match tables.len() {
            0 | 1 => {}
            2 => who.push_str(" and another"),
            more => who.push_str(&format!(" and {} others", more - 1)),
        }
        who
    }
}

/// The error of a call that came to nothing. It names mapping, table and limit; the guest's words stay inside.
fn stopped(stop: Stop, who: &str, sandbox: &Sandbox) -> Error {
    let limits = sandbox.limits();
    let (what, hint) = match stop.code {
        Code::MappingTimeout if stop.overdue => (
            "was not done when the time of the request was over".into(),
            "Ask for smaller pages, or raise limits.request_ms.",
        ),
        Code::MappingTimeout => (
            format!("worked for more than {} ms", limits.mapping_ms),
            "Ask for smaller pages, or raise limits.mapping_ms.",
        ),
        Code::MappingMemory => (
            format!("needed more than {} bytes of memory", limits.mapping_memory_bytes),
            "Ask for smaller pages, or raise limits.mapping_memory_bytes.",
        ),
        Code::MappingOutputTooLarge => (
            format!("answered more than {} bytes", limits.mapping_output_bytes),
            "Ask for smaller pages or fewer columns, or raise limits.mapping_output_bytes.",
        ),
        Code::MappingIllFormed => (
            "gave an answer that does not hold together".into(),
            "It is a fault of the mapping: tell its author, or go back to the version before.",
        ),
        Code::MappingBusy => ("is called too often at once".into(), "Try again shortly."),
        _ => ("failed".into(), "It is a fault of the mapping: tell its author, or go back to the version before."),
    };
    let error = Error::new(stop.code, format!("{who} {what}")).hint(hint).internal(stop.text);
    if stop.code == Code::MappingBusy { error.retry_after(1) } else { error }
}

/// `sha256:` and eight digits: enough to tell versions apart.
fn short(digest: &str) -> &str {
    digest.get(..15).unwrap_or(digest)
}

impl Counters {
    fn count(&self, code: Code) {
        let counter = match code {
            Code::MappingTimeout => &self.timeouts,
            Code::MappingMemory => &self.memory,
            Code::MappingIllFormed | Code::MappingOutputTooLarge => &self.ill_formed,
            Code::MappingBusy => &self.busy,
            _ => &self.faults,
        };
        counter.fetch_add(1, Relaxed);
    }
}

impl Batch {
    fn none(columns: &[ColumnIndex]) -> Self {
        Self { rows: Rows::new(columns.to_vec()), origin: Vec::new(), issues: Vec::new() }
    }

    /// Adds the batch of the resources after `before` others.
    pub(crate) fn append(&mut self, other: Self, before: usize) {
        self.rows.append(&other.rows);
        // A page has far fewer resources than fit.
        let first = u32::try_from(before).unwrap_or(u32::MAX);
        self.origin.extend(other.origin.iter().map(|origin| origin.saturating_add(first)));
        self.issues
            .extend(other.issues.into_iter().map(|issue| Issue { index: issue.index.saturating_add(before), ..issue }));
    }
}

impl Documents {
    pub fn new() -> Self {
        Self { data: PADDING.to_vec(), ends: Vec::new() }
    }

    /// Adds a resource, exactly as the service sent it.
    pub fn push(&mut self, resource: &[u8]) {
        self.extend([resource]);
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Without the padding.
    pub fn bytes(&self) -> usize {
        self.data.len() - PADDING.len()
    }

    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.data.get(start as usize..end as usize)
    }
}

impl Default for Documents {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> FromIterator<&'a [u8]> for Documents {
    fn from_iter<T: IntoIterator<Item = &'a [u8]>>(resources: T) -> Self {
        // Their sizes first: a buffer that grows is copied again and again.
        let resources: Vec<_> = resources.into_iter().collect();
        let bytes = resources.iter().map(|resource| resource.len()).sum::<usize>();
        let mut data = Vec::with_capacity(bytes + PADDING.len());
        data.extend_from_slice(&PADDING);
        let mut documents = Self { data, ends: Vec::with_capacity(resources.len()) };
        documents.extend(resources);
        documents
    }
}

impl<'a> Extend<&'a [u8]> for Documents {
    fn extend<T: IntoIterator<Item = &'a [u8]>>(&mut self, resources: T) {
        self.data.truncate(self.bytes());
        for resource in resources {
            self.data.extend_from_slice(resource);
            // What is larger than 4 GiB is refused by its size before anybody looks at an end.
            self.ends.push(u32::try_from(self.data.len()).unwrap_or(u32::MAX));
        }
        self.data.extend_from_slice(&PADDING);
    }
}

impl WriteChange {
    fn bytes(&self) -> usize {
        let values = self.assignments.iter().map(|(_, value)| value.as_ref().map_or(0, String::len)).sum::<usize>();
        values + self.existing.as_ref().map_or(0, Vec::len) + self.key.as_ref().map_or(0, String::len)
    }

    fn said<'a>(&'a self, assignments: &'a [write::Assignment<'a>]) -> write::Change<'a> {
        write::Change {
            operation: match self.operation {
                WriteOperation::Create => write::Operation::Create,
                WriteOperation::Update => write::Operation::Update,
                WriteOperation::Delete => write::Operation::Delete,
            },
            key: self.key.as_deref(),
            assignments,
            existing: self.existing.as_deref(),
        }
    }
}

fn assigned<'a>(table: &Table, change: &'a WriteChange) -> Result<Vec<write::Assignment<'a>>> {
    let said = change.assignments.iter().map(|(column, value)| {
        let column = asked_column(table, *column)?;
        Ok(write::Assignment { column, value: value.as_deref() })
    });
    said.collect()
}

fn asked_columns(table: &Table, columns: &[ColumnIndex]) -> Result<Vec<u16>> {
    if columns.is_empty() || !columns.is_sorted_by(|a, b| a < b) {
        return Err(Error::new(Code::Internal, "columns of a mapping must be asked for in ascending order"));
    }
    columns.iter().map(|column| asked_column(table, *column)).collect()
}

fn asked_column(table: &Table, column: ColumnIndex) -> Result<u16> {
    (column < table.mapped()).then(|| u16::try_from(column).ok()).flatten().ok_or_else(|| {
        Error::new(Code::Internal, format!("the mapping of table {} does not build column {column}", table.name))
    })
}

/// An answer to `rows`, checked. The error says what is wrong with it.
fn check_batch(
    table: &Table,
    documents: usize,
    columns: &[ColumnIndex],
    answer: read::RowBatch,
) -> Result<Batch, &'static str> {
    let (origin, cells) = (answer.origin, answer.cells);
    let rows = Rows::from_cells(columns.to_vec(), origin.len(), cells.text, &cells.present, cells.ends)
        .ok_or("cells are not one whole row for each origin, out of order, or cut a character")?;
    if !origin.is_sorted() || origin.last().is_some_and(|last| *last as usize >= documents) {
        return Err("origins out of order or out of range");
    }
    let issues = check_issues(table, documents, answer.issues)?;
    if rows.position(table.key).is_some_and(|key| (0..rows.len()).any(|row| rows.at(row, key).is_none())) {
        return Err("a row without a key");
    }
    if table.one_row_per_resource {
        check_one_row_each(documents, &origin, &issues)?;
    }
    Ok(Batch { rows, origin, issues })
}

/// The table claims one row a resource, and `$top` and `$count` rely on it: no resource may give two rows, or none
/// without saying why.
fn check_one_row_each(documents: usize, origin: &[u32], issues: &[Issue]) -> Result<(), &'static str> {
    if !origin.is_sorted_by(|a, b| a < b) {
        return Err("two rows of one resource in a table that has one for each");
    }
    if origin.len() == documents {
        return Ok(());
    }
    let mut excused = vec![false; documents];
    for index in origin.iter().map(|origin| *origin as usize) {
        excused[index] = true;
    }
    for issue in issues.iter().filter(|issue| issue.severity == Severity::Error) {
        excused[issue.index] = true;
    }
    if excused.contains(&false) { Err("a resource gave neither a row nor an error") } else { Ok(()) }
}

fn check_issues(table: &Table, documents: usize, issues: Vec<types::Issue>) -> Result<Vec<Issue>, &'static str> {
    let checked = issues.into_iter().map(|issue| {
        let column = issue.column.map(ColumnIndex::from);
        if issue.index as usize >= documents || column.is_some_and(|column| column >= table.mapped()) {
            return Err("an issue about a document or column that there is not");
        }
        Ok(Issue {
            severity: match issue.severity {
                types::Severity::Error => Severity::Error,
                types::Severity::Warning => Severity::Warning,
                types::Severity::Information => Severity::Information,
            },
            code: match issue.code {
                types::IssueCode::Structure => IssueCode::Structure,
                types::IssueCode::Required => IssueCode::Required,
                types::IssueCode::Value => IssueCode::Value,
                types::IssueCode::CodeInvalid => IssueCode::CodeInvalid,
                types::IssueCode::NotSupported => IssueCode::NotSupported,
                types::IssueCode::Conflict => IssueCode::Conflict,
                types::IssueCode::Truncated => IssueCode::Truncated,
            },
            index: issue.index as usize,
            column,
            pointer: issue.pointer.map(|pointer| clean(&pointer, ISSUE_TEXT)),
            message: clean(&issue.message, ISSUE_TEXT),
        })
    });
    checked.collect()
}

/// One answer of `resource`, checked: it must be what the operation can come to, so that an update never becomes a
/// delete, and a body must be JSON.
fn check_request(
    table: &Table,
    changes: usize,
    operation: WriteOperation,
    answer: Result<write::FhirRequest, Vec<types::Issue>>,
) -> Result<Result<FhirRequest, Vec<Issue>>, &'static str> {
    let request = match answer {
        Ok(write::FhirRequest::Create(body)) => FhirRequest::Create(body),
        Ok(write::FhirRequest::Update(body)) => FhirRequest::Update(body),
        Ok(write::FhirRequest::Delete) => FhirRequest::Delete,
        Ok(write::FhirRequest::Unchanged) => FhirRequest::Unchanged,
        Err(issues) if issues.is_empty() => return Err("a change refused without a reason"),
        Err(issues) => return check_issues(table, changes, issues).map(Err),
    };
    let fits = match (&request, operation) {
        (FhirRequest::Update(_) | FhirRequest::Unchanged, WriteOperation::Update) => true,
        (FhirRequest::Update(_) | FhirRequest::Unchanged, _) => table.parent.is_some(),
        (FhirRequest::Create(_), WriteOperation::Create) => table.parent.is_none(),
        (FhirRequest::Delete, WriteOperation::Delete) => table.parent.is_none(),
        _ => false,
    };
    if !fits {
        return Err("a request that is not what the change asks for");
    }
    if let FhirRequest::Create(body) | FhirRequest::Update(body) = &request
        && (!body.starts_with(b"{") || !Lexer::new(body, body.len()).is_some_and(|lexer| lexer.is_json()))
    {
        return Err("a resource that is no JSON object");
    }
    Ok(Ok(request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::shipped::SHIPPED;
    use crate::model::limits::Limits;

    fn sandbox() -> Sandbox {
        Sandbox::new(&Limits { mapping_concurrency: 1, ..Limits::default() }, None).unwrap()
    }

    #[test]
    fn what_is_kept_is_enough_to_know_a_mapping_by() {
        let sandbox = sandbox();
        for shipped in SHIPPED {
            let mapping = sandbox.shipped(shipped).unwrap();
            let kept = serde_json::to_string(&mapping.kept()).unwrap();
            let kept: Value = serde_json::from_str(&kept).unwrap();
            let names: Vec<_> = mapping.tables.iter().map(|table| table.name.as_str()).collect();
            assert_eq!(names_kept(&kept), names);
            let again = sandbox.kept(shipped.digest, &kept, Box::new(|| Ok((&[]).into()))).unwrap();
            assert_eq!(
                (&again.name, &again.version, &again.digest),
                (&mapping.name, &mapping.version, &mapping.digest)
            );
            assert_eq!((again.tables, again.writes), (mapping.tables, mapping.writes));
        }
    }

    #[test]
    fn what_cannot_be_relied_on_is_not_taken() {
        let sandbox = sandbox();
        let mapping = sandbox.shipped(&SHIPPED[0]).unwrap();
        let check = |kept: Value| assert!(sandbox.kept("sha256:00", &kept, Box::new(|| Ok((&[]).into()))).is_none());
        check(serde_json::json!(["only", "names"]));
        assert_eq!(names_kept(&serde_json::json!(["only", "names"])), ["only", "names"]);
        let mut of_another_contract = mapping.kept();
        of_another_contract["contract"] = "sha256:11".into();
        check(of_another_contract);
        let mut of_another_model = mapping.kept();
        of_another_model["description"]["tables"][0]["columns"][0]["kind"] = "Colour".into();
        check(of_another_model);
    }

    #[test]
    fn bytes_that_are_no_component_are_a_fault_of_its_calls_and_asked_for_once() {
        let sandbox = sandbox();
        let kept = sandbox.shipped(&SHIPPED[0]).unwrap().kept();
        let asked = Arc::new(AtomicU64::new(0));
        let bytes = {
            let asked = asked.clone();
            move || match asked.fetch_add(1, Relaxed) {
                0 => Err(Error::new(Code::Busy, "the database is busy")),
                _ => Ok(b"no component".as_slice().into()),
            }
        };
        let mapping = sandbox.kept("sha256:00", &kept, Box::new(bytes)).unwrap();
        let table = mapping.tables[0].clone();
        let read = || mapping.rows(&table.name, &Documents::from_iter([b"{}".as_slice()]), &[table.key]);
        for expected in [Code::Busy, Code::MappingFault, Code::MappingFault] {
            assert_eq!(read().unwrap_err().code(), expected);
        }
        assert_eq!(asked.load(Relaxed), 2);
    }
}
