//! The resource that a row is made of, and the mapping that makes it: what one needs to see where each cell came from.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::admin::answer::{ErrorAnswer, MappingRef, Options, reply};
use crate::http::shared::Shared;
use crate::model::caller::Caller;
use crate::model::error::{Code, Error};
use crate::model::key;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Logical name of the table, e.g. `msemr_encounter`.
    table: String,
    /// The row's key.
    key: String,
}

/// Where a row is from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Origin {
    table: String,
    /// `Type/id`: what `msind_RetrieveBundle` takes.
    resource: String,
    /// The row's key as the mapping says it.
    row_key: String,
    mapping: MappingRef,
}

/// The resource that a row is made of, by its name, and the version that makes it. The resource itself is had by `msind_RetrieveBundle`.
#[utoipa::path(
    get,
    path = "/admin/v1/origin",
    params(Which),
    responses(
        (status = 200, description = "Where it is from", body = Origin),
        (status = 404, description = "There is no such row", body = ErrorAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn show(State(app): Shared, caller: Caller, Options(which): Options<Which>) -> Response {
    let found = async {
        let key = which
            .key
            .parse::<Uuid>()
            .map_err(|_| Error::new(Code::BadKey, "the key of a row is a GUID").target("key").hint("as apps see it"))?;
        let session = app.session(&caller);
        let table = session.snapshot().table(&which.table)?;
        let row = session.row(table, key).await?;
        let no_row = || Error::new(Code::NotFound, "there is no row with this key");
        let text = row.as_ref().and_then(|row| row.cell(0, table.table.key)).ok_or_else(no_row)?;
        let (resource_type, rest) = key::split(text);
        Ok(Origin {
            table: table.table.name.clone(),
            resource: format!("{resource_type}/{}", rest.split('/').next().unwrap_or(rest)),
            row_key: rest.to_owned(),
            mapping: MappingRef {
                name: table.mapping.name.clone(),
                version: table.mapping.version.clone(),
                digest: table.mapping.digest.clone(),
            },
        })
    };
    reply(found.await)
}
