//! Tables and their routes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::admin::answer::{ErrorAnswer, MappingRef, Named, actor, body, reply};
use crate::http::shared::{App, Shared};
use crate::model::caller::Caller;
use crate::model::error::{Code, Error, Result};
use crate::model::table::{ColumnIndex, Route, SearchOps, Sortable, Source, Table};
use crate::model::value::kind_name;
use crate::router::release::{preflight, turn};
use crate::router::snapshot::ServedTable;

/// All tables.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableList {
    tables: Vec<TableSummary>,
}

/// A table, its route and its mapping.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableSummary {
    /// Logical name, e.g. `msemr_encounter`.
    name: String,
    /// As apps address it, e.g. `msemr_encounters`.
    entity_set: String,
    label: String,
    /// FHIR types whose resources it shows.
    resource: Vec<String>,
    /// The table that it is a child of, whose route it follows.
    parent: Option<String>,
    route: Provider,
    /// FHIR service of a virtual route.
    source: Option<String>,
    mapping: MappingRef,
}

/// Where the rows of a table are.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    /// In the native store.
    Native,
    /// In a FHIR service.
    Virtual,
}

/// A table with its columns and counters.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableDetail {
    #[serde(flatten)]
    summary: TableSummary,
    /// Rows in the native store, whatever the route.
    native_rows: u64,
    counters: MappingCounters,
    columns: Vec<ColumnDetail>,
}

/// Since the mapping was put in force here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MappingCounters {
    mapping_calls: u64,
    mapping_faults: u64,
    mapping_timeouts: u64,
}

/// A column.
#[derive(Serialize, ToSchema)]
pub(crate) struct ColumnDetail {
    /// As apps name it.
    name: String,
    label: String,
    kind: String,
    /// FHIRPath of its element; empty where it has none.
    path: String,
    writable: bool,
    required: bool,
    description: String,
    /// What FHIR search can do of conditions on it; where there is nothing they are looked at here.
    search: Vec<ColumnSearch>,
}

/// A search parameter that a column is asked by.
#[derive(Serialize, ToSchema)]
pub(crate) struct ColumnSearch {
    /// Resource type.
    resource: String,
    parameter: String,
    /// Conditions that it answers exactly: `eq`, `lt`, …
    exact: Vec<&'static str>,
    /// Conditions that it answers with more rows, which are looked at here once more.
    superset: Vec<&'static str>,
    /// It may be sorted by it.
    sorts: bool,
}

/// Where to turn a route.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Turn {
    /// `native` or `virtual`.
    #[schema(value_type = Provider)]
    provider: String,
    /// FHIR service of a virtual route; `main` unless said.
    #[schema(nullable = false)]
    source: Option<String>,
    /// Only false is supported.
    #[serde(default)]
    copy: bool,
    /// Say what would change, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What was turned, or would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct Turned {
    dry_run: bool,
    changes: Vec<RouteChange>,
    /// Of a dry run: what stands against it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    preflight: Option<Preflight>,
}

/// What stands against a turn, looked for where the rows would come from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preflight {
    /// Nothing does.
    clear: bool,
    /// The FHIR service; null of a turn to the native store.
    service: Option<ServiceCheck>,
    mapping: MappingCheck,
    sample: SampleCheck,
    /// Resources of the types that the table shows, where its rows would come from; null where nobody counts them.
    resources: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceCheck {
    name: String,
    reachable: bool,
    /// What an answer took.
    milliseconds: Option<u64>,
    /// Why it is not reachable.
    code: Option<String>,
    message: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct MappingCheck {
    /// It runs.
    loaded: bool,
    code: Option<String>,
    message: Option<String>,
}

/// Resources that rows were made of for a trial.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SampleCheck {
    looked_at: usize,
    converted: usize,
    /// Those that gave none, by code.
    failed: BTreeMap<String, usize>,
    /// Why there are none to look at.
    code: Option<String>,
    message: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RouteChange {
    table: String,
    /// `native`, or `virtual:SOURCE`.
    from: String,
    to: String,
    /// Rows in the native store, which stay there.
    native_rows: u64,
}

/// Every table with route and mapping.
#[utoipa::path(
    get,
    path = "/admin/v1/tables",
    responses(
        (status = 200, description = "The tables", body = TableList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn list(State(app): Shared) -> Response {
    reply(Ok(TableList { tables: app.turntable.snapshot().tables().map(summary).collect() }))
}

/// One table with its columns and counters.
#[utoipa::path(
    get,
    path = "/admin/v1/tables/{table}",
    params(("table" = String, Path, description = "Logical name, e.g. `msemr_encounter`")),
    responses(
        (status = 200, description = "The table", body = TableDetail),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn show(State(app): Shared, Named(table): Named) -> Response {
    let snapshot = app.turntable.snapshot();
    let shown = async { detail(&app, snapshot.table(&table)?).await };
    reply(shown.await)
}

/// Turns the route of a table, its child tables with it.
#[utoipa::path(
    put,
    path = "/admin/v1/tables/{table}/route",
    params(("table" = String, Path, description = "Logical name, e.g. `msemr_encounter`")),
    request_body = Turn,
    responses(
        (status = 200, description = "What changed, or would", body = Turned),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn turn(State(app): Shared, caller: Caller, Named(table): Named, request: Request) -> Response {
    let turned = async {
        let turn: Turn = body(&app, request).await?;
        if turn.copy {
            return Err(Error::new(Code::NotSupported, "copying rows when a route is turned is not supported")
                .target("copy")
                .hint("turn the route without it; what the table showed before stays where it is"));
        }
        let route = match turn.provider.as_str() {
            "native" => Route::Native,
            "virtual" => Route::Virtual { source: turn.source.unwrap_or_else(|| "main".to_owned()) },
            _ => {
                return Err(Error::new(Code::BadValue, "`provider` is `native` or `virtual`").target("provider"));
            }
        };
        let turned = app.turntable.turn(&table, route.clone(), turn.dry_run, actor(&caller)).await?;
        let preflight = match turn.dry_run {
            true => Some(app.turntable.preflight(&table, &route).await?.into()),
            false => None,
        };
        Ok(Turned { preflight, ..turned.into() })
    };
    reply(turned.await)
}

fn summary(table: &Arc<ServedTable>) -> TableSummary {
    let (route, source) = match &table.route {
        Route::Native => (Provider::Native, None),
        Route::Virtual { source } => (Provider::Virtual, Some(source.clone())),
    };
    let (mapping, table) = (&table.mapping, &table.table);
    TableSummary {
        name: table.name.clone(),
        entity_set: table.entity_set.clone(),
        label: table.label.clone(),
        resource: table.sources.iter().map(|source| source.resource_type.clone()).collect(),
        parent: table.parent.as_ref().map(|parent| parent.table.clone()),
        route,
        source,
        mapping: MappingRef {
            name: mapping.name.clone(),
            version: mapping.version.clone(),
            digest: mapping.digest.clone(),
        },
    }
}

fn searches(table: &Table, column: ColumnIndex) -> Vec<ColumnSearch> {
    let of = |source: &Source| {
        let resource = source.resource_type.clone();
        let bound = source.search.iter().filter(move |binding| binding.column == column);
        bound
            .map(move |binding| ColumnSearch {
                resource: resource.clone(),
                parameter: binding.param.clone(),
                exact: names(binding.exact),
                superset: names(binding.superset),
                sorts: binding.sort != Sortable::None,
            })
            .collect::<Vec<_>>()
    };
    table.sources.iter().flat_map(of).collect()
}

fn names(ops: SearchOps) -> Vec<&'static str> {
    let all = [
        (ops.eq, "eq"),
        (ops.ne, "ne"),
        (ops.lt, "lt"),
        (ops.le, "le"),
        (ops.gt, "gt"),
        (ops.ge, "ge"),
        (ops.any_of, "in"),
        (ops.starts_with, "startswith"),
        (ops.contains, "contains"),
        (ops.missing, "null"),
    ];
    all.into_iter().filter(|(can, _)| *can).map(|(_, name)| name).collect()
}

async fn detail(app: &App, table: &Arc<ServedTable>) -> Result<TableDetail> {
    let counters = table.mapping.counters();
    let shown = table.table.columns.len() - usize::from(table.table.adds_version);
    let columns = table.table.columns.iter().take(shown).enumerate().map(|(index, column)| ColumnDetail {
        name: column.property().into_owned(),
        label: column.label.clone(),
        kind: kind_name(&column.kind).to_owned(),
        path: column.path.clone(),
        writable: column.access.update,
        required: column.required,
        description: column.description.clone(),
        search: searches(&table.table, index),
    });
    Ok(TableDetail {
        summary: summary(table),
        native_rows: app.turntable.store.count_rows(table.table.clone()).await?,
        counters: MappingCounters {
            mapping_calls: counters.calls.load(Ordering::Relaxed),
            mapping_faults: counters.faults.load(Ordering::Relaxed),
            mapping_timeouts: counters.timeouts.load(Ordering::Relaxed),
        },
        columns: columns.collect(),
    })
}

impl From<turn::Turned> for Turned {
    fn from(turned: turn::Turned) -> Self {
        let changes = turned.changes.into_iter();
        let changes = changes.map(|turn::RouteChange { table, from, to, native_rows }| RouteChange {
            table,
            from,
            to,
            native_rows,
        });
        Self { dry_run: turned.dry_run, changes: changes.collect(), preflight: None }
    }
}

fn told(error: Option<&Error>) -> (Option<String>, Option<String>) {
    error.map(|error| (format!("{:?}", error.code()), error.message().to_owned())).unzip()
}

impl From<preflight::Preflight> for Preflight {
    fn from(found: preflight::Preflight) -> Self {
        let clear = found.is_clear();
        let service = found.service.map(|service| {
            let (code, message) = told(service.answered.as_ref().err());
            let took = service.answered.ok();
            let milliseconds = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            ServiceCheck { name: service.name, reachable: took.is_some(), milliseconds, code, message }
        });
        let (code, message) = told(found.mapping.as_ref());
        let mapping = MappingCheck { loaded: code.is_none(), code, message };
        let preflight::Sample { looked_at, made, failed, error } = found.sample;
        let (code, message) = told(error.as_ref());
        let sample = SampleCheck { looked_at, converted: made, failed, code, message };
        Self { clear, service, mapping, sample, resources: found.resources }
    }
}
