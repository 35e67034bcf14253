//! Tables and their routes.

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
use crate::model::table::Route;
use crate::model::value::kind_name;
use crate::router::release::turn;
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
        app.turntable.turn(&table, route, turn.dry_run, actor(&caller)).await.map(Turned::from)
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

async fn detail(app: &App, table: &Arc<ServedTable>) -> Result<TableDetail> {
    let counters = table.mapping.counters();
    let shown = table.table.columns.len() - usize::from(table.table.adds_version);
    let columns = table.table.columns.iter().take(shown).map(|column| ColumnDetail {
        name: column.property().into_owned(),
        label: column.label.clone(),
        kind: kind_name(&column.kind).to_owned(),
        path: column.path.clone(),
        writable: column.access.update,
        required: column.required,
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
        Self { dry_run: turned.dry_run, changes: changes.collect() }
    }
}
