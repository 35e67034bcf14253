//! The admin API: its routes, and the same described for tools.

use std::sync::Arc;

use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post, put};
use utoipa::OpenApi;

use crate::http::admin::answer::{ErrorAnswer, reply};
use crate::http::admin::{audit, figures, keys, origin, playground, releases, roles, sources, tables, traces};
use crate::http::shared::App;

/// Every route, with what answers it.
pub(crate) fn routes() -> [(&'static str, MethodRouter<Arc<App>>); 27] {
    [
        ("/admin/v1/openapi.json", get(describe)),
        ("/admin/v1/tables", get(tables::list)),
        ("/admin/v1/tables/{table}", get(tables::show)),
        ("/admin/v1/tables/{table}/route", put(tables::turn)),
        ("/admin/v1/tables/{table}/mapping", post(releases::release)),
        ("/admin/v1/tables/{table}/mapping/promote", post(releases::promote)),
        ("/admin/v1/tables/{table}/mapping/rollback", post(releases::rollback)),
        ("/admin/v1/tables/{table}/release", get(releases::status)),
        ("/admin/v1/mappings", get(releases::list).post(releases::load)),
        ("/admin/v1/mappings/try", post(playground::try_out)),
        ("/admin/v1/mappings/{digest}", get(releases::show).delete(releases::unload)),
        ("/admin/v1/mappings/{name}/active", delete(releases::deactivate)),
        ("/admin/v1/sources", get(sources::list)),
        ("/admin/v1/sources/{name}/probe", post(sources::probe)),
        ("/admin/v1/keys", get(keys::list).post(keys::create)),
        ("/admin/v1/keys/{name}", delete(keys::revoke)),
        ("/admin/v1/roles", get(roles::list)),
        ("/admin/v1/roles/{roles}", get(roles::show)),
        ("/admin/v1/origin", get(origin::show)),
        ("/admin/v1/audit", get(audit::audit)),
        ("/admin/v1/audit/export", get(audit::export)),
        ("/admin/v1/audit/verify", get(audit::verify)),
        ("/admin/v1/events", get(audit::events)),
        ("/admin/v1/traces", get(traces::list)),
        ("/admin/v1/traces/{id}", get(traces::show)),
        ("/admin/v1/traffic", get(figures::traffic)),
        ("/admin/v1/settings", get(figures::settings)),
    ]
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Turntable administration", version = env!("CARGO_PKG_VERSION"), description = ""),
    paths(
        describe,
        tables::list,
        tables::show,
        tables::turn,
        releases::release,
        releases::promote,
        releases::rollback,
        releases::status,
        releases::list,
        releases::load,
        releases::show,
        releases::unload,
        releases::deactivate,
        playground::try_out,
        sources::list,
        sources::probe,
        keys::list,
        keys::create,
        keys::revoke,
        roles::list,
        roles::show,
        origin::show,
        audit::audit,
        audit::export,
        audit::verify,
        audit::events,
        traces::list,
        traces::show,
        figures::traffic,
        figures::settings,
    )
)]
struct Admin;

/// The document, as JSON.
///
/// # Panics
/// Never: what is written is a constant.
#[must_use]
pub fn document() -> serde_json::Value {
    serde_json::to_value(Admin::openapi()).expect("a description of constants is JSON")
}

/// This document.
#[utoipa::path(
    get,
    path = "/admin/v1/openapi.json",
    responses(
        (status = 200, description = "OpenAPI", body = serde_json::Value),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
async fn describe() -> Response {
    reply(Ok(document()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let document = document();
        let described = document["paths"].as_object().expect("paths").keys().cloned();
        let routes = routes().map(|(path, _)| path.to_owned());
        let sorted = |mut paths: Vec<String>| {
            paths.sort();
            paths
        };
        assert_eq!(sorted(described.collect()), sorted(routes.to_vec()));
    }
}
