//! A mapping tried: a resource to the rows of all its tables and back, with what a way there and back loses; or a row to the
//! resource that it would make. In the sandbox, under the limits of production and one of time; nothing is stored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use turntable_r4::r4;

use crate::mapping::component::{Batch, Documents, FhirRequest, Issue, Mapping, Severity, WriteChange, WriteOperation};
use crate::mapping::sandbox;
use crate::model::catalog::nearest;
use crate::model::error::{Code, Error, Result};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::router::drafts::{Language, Note};
use crate::router::release::load::apart;
use crate::router::release::traced::{self, Difference, Origins};
use crate::router::snapshot::Turntable;

/// What is tried.
pub enum Of {
    /// A version that is loaded.
    Digest(String),
    Text(Language, String),
    /// With its signature.
    Component(Vec<u8>, Option<String>),
}

/// On what.
pub struct On {
    pub resource: Option<Value>,
    pub row: Option<GivenRow>,
}

/// Values of a row, by column; with a resource they change it, without they make one.
pub struct GivenRow {
    pub table: String,
    /// Of a row beside others in one resource; its key as the mapping says it.
    pub key: Option<String>,
    pub values: Map<String, Value>,
}

/// What came of it.
pub struct Tried {
    /// None: the text is too wrong to be tried.
    pub mapping: Option<Arc<Mapping>>,
    pub notes: Vec<Note>,
    pub tables: Vec<TriedTable>,
    /// Whether it is known where cells came from.
    pub traced: bool,
    pub back: Option<Back>,
}

/// A table with the rows of the resource.
pub struct TriedTable {
    pub table: Arc<Table>,
    pub rows: Vec<Vec<Cell>>,
    pub issues: Vec<Said>,
}

/// A cell that has a value.
pub struct Cell {
    pub column: ColumnIndex,
    pub text: String,
    /// JSON pointers of the values that it was made of.
    pub from: Vec<String>,
}

/// What the mapping says of the resource, or of a change.
pub struct Said {
    pub is_error: bool,
    pub column: Option<String>,
    pub pointer: Option<String>,
    pub message: String,
}

/// The resource that rows make.
pub struct Back {
    /// None: it is refused.
    pub resource: Option<Value>,
    /// Against the resource that was given.
    pub differences: Vec<Difference>,
    pub issues: Vec<Said>,
}

impl Turntable {
    /// Tries a mapping. `NotFound`: no such version; `BadValue`: a resource that none of its tables shows.
    pub async fn try_out(self: &Arc<Self>, of: Of, on: On) -> Result<Tried> {
        let this = Arc::clone(self);
        apart(async move || {
            let until = || Instant::now() + Duration::from_millis(this.limits.try_ms);
            let (mapping, notes) = match of {
                Of::Digest(digest) => (Some(this.at_hand(&digest).await?), Vec::new()),
                Of::Component(bytes, signature) => {
                    // It is run, if only on what came with it.
                    this.trust.judge(&bytes, signature.as_deref())?;
                    let loaded = sandbox::until(until(), || this.sandbox.passing().load(&bytes))?;
                    (Some(Arc::new(loaded)), Vec::new())
                }
                Of::Text(language, text) => {
                    let draft = || this.drafts.draft(language, &text, &this.sandbox, &this.limits);
                    let draft = sandbox::until(until(), draft)?;
                    (draft.mapping.clone(), draft.notes.clone())
                }
            };
            let nothing = Tried { mapping: None, notes, tables: Vec::new(), traced: false, back: None };
            let Some(mapping) = mapping else { return Ok(nothing) };
            let tried = sandbox::until(until(), || tried(&mapping, on))?;
            Ok(Tried { mapping: Some(mapping), notes: nothing.notes, ..tried })
        })
        .await
        .map_err(hinted)
    }

    /// A version in force, or one that is known.
    async fn at_hand(&self, digest: &str) -> Result<Arc<Mapping>> {
        let live = self.snapshot();
        match live.tables().find(|table| table.mapping.digest == digest) {
            Some(table) => Ok(table.mapping.clone()),
            None => self.known(digest).await.map(Arc::new),
        }
    }
}

/// A trial has a limit of its own.
fn hinted(error: Error) -> Error {
    match error.code() {
        Code::MappingTimeout => error.hint("try it on a smaller resource, or raise limits.try_ms or limits.mapping_ms"),
        _ => error,
    }
}

fn tried(mapping: &Arc<Mapping>, on: On) -> Result<Tried> {
    let mut tried = Tried { mapping: None, notes: Vec::new(), tables: Vec::new(), traced: false, back: None };
    let mut made = None;
    if let Some(resource) = &on.resource {
        let tables = shown(mapping, resource)?;
        let batches = rows(mapping, &tables, resource)?;
        // What takes too long is told without it.
        let origins = traced::origins(mapping, &tables, &batches, resource).unwrap_or_default();
        tried.traced = origins.is_some();
        tried.tables = told(mapping, &tables, &batches, origins.as_ref());
        made = Some((tables, batches));
    }
    tried.back = match (&on.row, &made) {
        (Some(row), _) => Some(written(mapping, row, on.resource.as_ref())?),
        (None, Some((tables, batches))) if mapping.writes() => on
            .resource
            .as_ref()
            .map(|resource| there_and_back(mapping, tables, batches, resource))
            .transpose()?
            .flatten(),
        _ => None,
    };
    Ok(tried)
}

type Asked<'m> = (&'m Table, Vec<ColumnIndex>);

/// The tables that show resources of its type, with all columns.
fn shown<'m>(mapping: &'m Mapping, resource: &Value) -> Result<Vec<Asked<'m>>> {
    let wrong = |what: String| Error::new(Code::BadValue, what).target("resource");
    let of = resource.get("resourceType").and_then(Value::as_str);
    let of = of.ok_or_else(|| wrong("`resourceType` says what resource this is, and is not there".to_owned()))?;
    let shows = mapping.tables.iter().filter(|table| table.source(of).is_some());
    let shows: Vec<_> = shows.map(|table| (&**table, (0..table.mapped()).collect())).collect();
    if shows.is_empty() {
        let types = mapping.tables.iter().flat_map(|table| &table.sources).map(|source| source.resource_type.as_str());
        let mut types: Vec<_> = types.collect();
        types.sort_unstable();
        types.dedup();
        let error = wrong(format!("the mapping `{}` shows no resources of this type", mapping.name));
        return Err(error.hint(format!("it shows {}", types.join(", "))));
    }
    Ok(shows)
}

fn rows(mapping: &Mapping, tables: &[Asked<'_>], resource: &Value) -> Result<Vec<Batch>> {
    let asked: Vec<_> = tables.iter().map(|(table, columns)| (table.name.as_str(), columns.as_slice())).collect();
    let mut documents = Documents::new();
    documents.push(resource.to_string().as_bytes());
    mapping.rows_of(&asked, &documents)
}

fn told(mapping: &Mapping, tables: &[Asked<'_>], made: &[Batch], origins: Option<&Origins>) -> Vec<TriedTable> {
    let of_table = |(at, ((table, columns), batch)): (usize, (&Asked<'_>, &Batch))| {
        let cell = |row: usize, (position, column): (usize, &ColumnIndex)| {
            let text = batch.rows.cell(row, *column)?.to_owned();
            let from = origins.map(|origins| origins[at][row][position].clone()).unwrap_or_default();
            Some(Cell { column: *column, text, from })
        };
        let row = |row: usize| columns.iter().enumerate().filter_map(|column| cell(row, column)).collect();
        Some(TriedTable {
            table: mapping.table(&table.name)?.clone(),
            rows: (0..batch.rows.len()).map(row).collect(),
            issues: batch.issues.iter().map(|issue| said(table, issue)).collect(),
        })
    };
    tables.iter().zip(made).enumerate().filter_map(of_table).collect()
}

fn said(table: &Table, issue: &Issue) -> Said {
    Said {
        is_error: issue.severity == Severity::Error,
        column: issue.column.and_then(|column| Some(table.columns.get(column)?.property().into_owned())),
        pointer: issue.pointer.clone(),
        message: issue.message.clone(),
    }
}

/// New rows with the values of these, and the resource that they make. None: no row makes one.
fn there_and_back(mapping: &Mapping, tables: &[Asked<'_>], made: &[Batch], resource: &Value) -> Result<Option<Back>> {
    let is_root =
        |(table, batch): &(&Table, &Batch)| table.parent.is_none() && table.access.create && !batch.rows.is_empty();
    let pairs = || tables.iter().map(|(table, _)| *table).zip(made);
    let Some((root, batch)) = pairs().find(is_root) else { return Ok(None) };
    let mut back = Back { resource: None, differences: Vec::new(), issues: Vec::new() };
    let create = |table: &Table, batch: &Batch, row: usize, existing: Option<Vec<u8>>| WriteChange {
        operation: WriteOperation::Create,
        key: batch.rows.cell(row, table.key).filter(|_| existing.is_none()).map(str::to_owned),
        assignments: creatable(table)
            .filter_map(|column| Some((column, Some(batch.rows.cell(row, column)?.to_owned()))))
            .collect(),
        existing,
    };
    let Some(mut body) = answered(mapping, root, create(root, batch, 0, None), &mut back.issues)? else {
        return Ok(Some(back));
    };
    for (table, batch) in pairs().filter(|(table, _)| table.parent.is_some() && table.access.create) {
        for row in 0..batch.rows.len() {
            let change = create(table, batch, row, Some(body.clone()));
            if let Some(next) = answered(mapping, table, change, &mut back.issues)? {
                body = next;
            }
        }
    }
    back.finish(&body, Some(resource));
    Ok(Some(back))
}

fn creatable(table: &Table) -> impl Iterator<Item = ColumnIndex> {
    let is_open = |column: &ColumnIndex| {
        let column = &table.columns[*column];
        column.access.create && !column.path.is_empty()
    };
    // Which resource a row is of may be said by a column without an element.
    (0..table.mapped()).filter(move |column| {
        is_open(column)
            || table.is_discriminator(*column)
            || table.parent.as_ref().is_some_and(|of| of.column == *column)
    })
}

/// The resource after a change; None: it is refused, or nothing is left.
fn answered(mapping: &Mapping, table: &Table, change: WriteChange, issues: &mut Vec<Said>) -> Result<Option<Vec<u8>>> {
    let before = change.existing.clone();
    match mapping.resource(&table.name, &[change])?.pop() {
        Some(Ok(FhirRequest::Create(body) | FhirRequest::Update(body))) => Ok(Some(body)),
        Some(Ok(FhirRequest::Unchanged)) => Ok(before),
        Some(Ok(FhirRequest::Delete)) | None => Ok(None),
        Some(Err(refused)) => {
            issues.extend(refused.iter().map(|issue| Said { is_error: true, ..said(table, issue) }));
            Ok(None)
        }
    }
}

/// One row as it is given, written.
fn written(mapping: &Mapping, row: &GivenRow, resource: Option<&Value>) -> Result<Back> {
    let wrong = |what: String| Error::new(Code::BadValue, what).target("row");
    let table = mapping.table(&row.table).ok_or_else(|| {
        let names: Vec<_> = mapping.tables.iter().map(|table| table.name.as_str()).collect();
        wrong(format!("the mapping `{}` has no table `{}`", mapping.name, row.table))
            .hint(format!("it has {}", names.join(", ")))
    })?;
    if !mapping.writes() {
        return Err(wrong(format!("the mapping `{}` only reads", mapping.name)));
    }
    let mut assignments = Vec::with_capacity(row.values.len());
    for (name, value) in &row.values {
        let column = table.property(name).or_else(|| table.column(name)).filter(|column| *column < table.mapped());
        let column = column.ok_or_else(|| {
            let error = wrong(format!("`{}` has no column `{name}` to write", table.name));
            let known = table.columns.iter().map(|column| column.name.as_str());
            match nearest(name, known) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            }
        })?;
        assignments.push((
            column,
            cell_text(&table.columns[column].kind, value).map_err(|what| wrong(format!("`{name}`: {what}")))?,
        ));
    }
    let existing = resource.map(|resource| resource.to_string().into_bytes());
    let own_id = resource.and_then(|resource| resource.get("id")?.as_str()).map(str::to_owned);
    let operation = if existing.is_some() { WriteOperation::Update } else { WriteOperation::Create };
    let change = WriteChange { operation, key: row.key.clone().or(own_id), assignments, existing };
    let mut back = Back { resource: None, differences: Vec::new(), issues: Vec::new() };
    if let Some(body) = answered(mapping, table, change, &mut back.issues)? {
        back.finish(&body, resource);
    }
    Ok(back)
}

/// A value as a mapping takes it: a choice by its code, all else as it is written.
fn cell_text(kind: &Kind, value: &Value) -> Result<Option<String>, String> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        Value::Bool(is) => is.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) if matches!(kind, Kind::Json) => value.to_string(),
        Value::Array(_) | Value::Object(_) => return Err("a list or an object is no value of a column".to_owned()),
    };
    let Kind::Choice(choice) = kind else { return Ok(Some(text)) };
    let option = text.parse().ok().and_then(|value| choice.by_value(value));
    Ok(Some(option.map_or(text, |option| option.code.clone())))
}

impl Back {
    fn finish(&mut self, body: &[u8], given: Option<&Value>) {
        let before = given.map(|given| given.to_string().into_bytes());
        let faults = r4().new_faults(before.as_deref(), body);
        self.issues.extend(faults.into_iter().map(|fault| Said {
            is_error: true,
            column: None,
            pointer: None,
            message: format!("{}: {}", fault.path, fault.message),
        }));
        self.resource = serde_json::from_slice(body).ok();
        if let Some((given, made)) = given.zip(self.resource.as_ref()) {
            self.differences = traced::differences(given, made);
        }
    }
}
