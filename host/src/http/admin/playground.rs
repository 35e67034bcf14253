//! A mapping tried: FHIR to rows and back, or rows to FHIR. Nothing is stored.

use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::admin::answer::{ErrorAnswer, MappingRef, reply};
use crate::http::body;
use crate::http::shared::{App, Shared};
use crate::model::error::{Code, Error, Result};
use crate::model::table::{Column, Kind, Table};
use crate::model::value::kind_name;
use crate::router::drafts::{self, Language};
use crate::router::release::playground::{self, GivenRow, Of, On};
use crate::router::release::traced;

/// Which mapping to try, and on what. Of `digest`, `yaml`, `view` and `component` exactly one is given; of `resource` and
/// `row` at least one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// A version that is loaded: `sha256:…`
    #[schema(nullable = false)]
    digest: Option<String>,
    /// A mapping in YAML.
    #[schema(nullable = false)]
    yaml: Option<String>,
    /// A SQL-on-FHIR ViewDefinition.
    #[schema(nullable = false)]
    view: Option<String>,
    /// A component that is not loaded, in base64.
    #[schema(nullable = false)]
    component: Option<String>,
    /// That of `component`, where only signed ones are let in; see `POST /admin/v1/mappings`.
    #[schema(nullable = false)]
    signature: Option<String>,
    /// A FHIR resource.
    #[schema(value_type = Object, nullable = false)]
    resource: Option<Value>,
    #[schema(nullable = false)]
    row: Option<Row>,
}

/// A row: with a resource its values change it, without they make one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// Logical name.
    table: String,
    /// Of a row of a child table: its key as the mapping says it, as in `key` of a trial's rows.
    #[schema(nullable = false)]
    key: Option<String>,
    /// By column.
    #[schema(value_type = Object)]
    values: Map<String, Value>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tried {
    /// None: the text is too wrong to be tried; `notes` say why.
    mapping: Option<MappingRef>,
    /// What there is to know of the text.
    notes: Vec<Note>,
    tables: Vec<TriedTable>,
    /// `from` of cells is known; it is not for large resources.
    traced: bool,
    back: Option<Back>,
}

/// Something to know of a text, and where.
#[derive(Serialize, ToSchema)]
pub(crate) struct Note {
    /// `error` or `warning`.
    severity: &'static str,
    /// From 1.
    line: usize,
    /// From 1.
    column: usize,
    message: String,
    hint: Option<String>,
}

/// A table with the rows of the resource.
#[derive(Serialize, ToSchema)]
pub(crate) struct TriedTable {
    table: String,
    label: String,
    parent: Option<String>,
    columns: Vec<TriedColumn>,
    rows: Vec<TriedRow>,
    issues: Vec<Issue>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TriedColumn {
    name: String,
    label: String,
    kind: String,
    /// FHIRPath of its element; empty where it has none.
    path: String,
    writable: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TriedRow {
    /// As the mapping says it.
    key: Option<String>,
    /// Those that have a value.
    cells: Vec<Cell>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Cell {
    column: String,
    /// As the mapping says it: of a choice the code.
    text: String,
    /// Of a choice: what it means.
    label: Option<String>,
    /// JSON pointers of the values of the resource that it was made of.
    from: Vec<String>,
}

/// What the mapping, or R4's definitions, say.
#[derive(Serialize, ToSchema)]
pub(crate) struct Issue {
    /// `error` or `warning`.
    severity: &'static str,
    column: Option<String>,
    /// JSON pointer.
    pointer: Option<String>,
    message: String,
}

/// The resource that the rows, or the row that is given, make.
#[derive(Serialize, ToSchema)]
pub(crate) struct Back {
    /// None: it is refused.
    resource: Option<Value>,
    /// Against the resource that is given. Of rows that make a new resource what is not there any more is what they do not
    /// carry; a change of an existing one keeps it.
    differences: Vec<Difference>,
    issues: Vec<Issue>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Difference {
    /// JSON pointer.
    path: String,
    /// `lost`, `changed` or `added`.
    change: &'static str,
    before: Option<Value>,
    after: Option<Value>,
}

/// Tries a mapping on a resource or a row: a version that is loaded, a component that is not, or a text. Nothing is stored.
#[utoipa::path(
    post,
    path = "/admin/v1/mappings/try",
    request_body = Trial,
    responses(
        (status = 200, description = "What came of it", body = Tried),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn try_out(State(app): Shared, request: Request) -> Response {
    let tried = async {
        let (of, on) = asked(&app, request).await?;
        app.turntable.try_out(of, on).await.map(Tried::from)
    };
    reply(tried.await)
}

async fn asked(app: &App, request: Request) -> Result<(Of, On)> {
    let limits = &app.turntable.limits;
    let (parts, sent) = request.into_parts();
    // A component in base64, a text and a resource.
    let most = limits.component_bytes / 3 * 4 + 2 * limits.try_bytes;
    let sent = body::read(app, &parts.headers, sent, ("component_bytes", most)).await?;
    let trial: Trial = serde_json::from_slice(&sent).map_err(|e| {
        Error::new(Code::BadJson, format!("the body is not what is expected here: {e}"))
            .hint("see /admin/v1/openapi.json")
    })?;
    let fits = |what: &str, bytes: usize| match bytes > limits.try_bytes {
        true => {
            let text = format!("`{what}` has {bytes} bytes; the limit `try_bytes` is {}", limits.try_bytes);
            Err(Error::new(Code::BodyTooLarge, text).target(what))
        }
        false => Ok(()),
    };
    let of = match (trial.digest, trial.yaml, trial.view, trial.component) {
        (Some(digest), None, None, None) => Of::Digest(digest),
        (None, Some(text), None, None) => {
            fits("yaml", text.len())?;
            Of::Text(Language::Yaml, text)
        }
        (None, None, Some(text), None) => {
            fits("view", text.len())?;
            Of::Text(Language::View, text)
        }
        (None, None, None, Some(text)) => {
            let wrong = |_| Error::new(Code::BadValue, "`component` is not base64").target("component");
            Of::Component(STANDARD.decode(text).map_err(wrong)?, trial.signature)
        }
        _ => {
            let error = Error::new(Code::BadValue, "exactly one of `digest`, `yaml`, `view` and `component` is given");
            return Err(error.hint("see /admin/v1/openapi.json"));
        }
    };
    if let Some(resource) = &trial.resource {
        fits("resource", resource.to_string().len())?;
        if !resource.is_object() {
            return Err(Error::new(Code::BadValue, "a resource is a JSON object").target("resource"));
        }
    }
    if trial.resource.is_none() && trial.row.is_none() && !matches!(of, Of::Text(..)) {
        return Err(Error::new(Code::BadValue, "a `resource` or a `row` is needed to try a mapping on"));
    }
    let row = trial.row.map(|Row { table, key, values }| GivenRow { table, key, values });
    Ok((of, On { resource: trial.resource, row }))
}

fn severity(is_error: bool) -> &'static str {
    if is_error { "error" } else { "warning" }
}

impl From<playground::Tried> for Tried {
    fn from(tried: playground::Tried) -> Self {
        Self {
            mapping: tried.mapping.map(|mapping| MappingRef {
                name: mapping.name.clone(),
                version: mapping.version.clone(),
                digest: mapping.digest.clone(),
            }),
            notes: tried.notes.into_iter().map(Note::from).collect(),
            tables: tried.tables.into_iter().map(TriedTable::from).collect(),
            traced: tried.traced,
            back: tried.back.map(Back::from),
        }
    }
}

impl From<drafts::Note> for Note {
    fn from(note: drafts::Note) -> Self {
        let drafts::Note { is_error, line, column, message, hint } = note;
        Self { severity: severity(is_error), line, column, message, hint }
    }
}

impl From<playground::TriedTable> for TriedTable {
    fn from(tried: playground::TriedTable) -> Self {
        let table = &tried.table;
        let column = |column: &Column| TriedColumn {
            name: column.property().into_owned(),
            label: column.label.clone(),
            kind: kind_name(&column.kind).to_owned(),
            path: column.path.clone(),
            writable: column.access.update,
        };
        let row = |cells: Vec<playground::Cell>| TriedRow {
            key: cells.iter().find(|cell| cell.column == table.key).map(|cell| cell.text.clone()),
            cells: cells.into_iter().filter_map(|cell| shown(table, cell)).collect(),
        };
        Self {
            table: table.name.clone(),
            label: table.label.clone(),
            parent: table.parent.as_ref().map(|parent| parent.table.clone()),
            columns: table.columns.iter().take(table.mapped()).map(column).collect(),
            rows: tried.rows.into_iter().map(row).collect(),
            issues: tried.issues.into_iter().map(Issue::from).collect(),
        }
    }
}

fn shown(table: &Table, cell: playground::Cell) -> Option<Cell> {
    let column = table.columns.get(cell.column)?;
    let label = match &column.kind {
        Kind::Choice(choice) => choice.by_code(&cell.text).map(|option| option.label.clone()),
        _ => None,
    };
    Some(Cell { column: column.property().into_owned(), text: cell.text, label, from: cell.from })
}

impl From<playground::Said> for Issue {
    fn from(said: playground::Said) -> Self {
        let playground::Said { is_error, column, pointer, message } = said;
        Self { severity: severity(is_error), column, pointer, message }
    }
}

impl From<playground::Back> for Back {
    fn from(back: playground::Back) -> Self {
        Self {
            resource: back.resource,
            differences: back.differences.into_iter().map(Difference::from).collect(),
            issues: back.issues.into_iter().map(Issue::from).collect(),
        }
    }
}

impl From<traced::Difference> for Difference {
    fn from(found: traced::Difference) -> Self {
        let change = match (&found.before, &found.after) {
            (Some(_), None) => "lost",
            (None, _) => "added",
            _ => "changed",
        };
        Self { path: found.at, change, before: found.before, after: found.after }
    }
}
