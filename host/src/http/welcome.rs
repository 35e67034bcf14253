//! What a person sees who opens the server's address in a browser: where its parts are. Clients have no use for it.

use axum::http::header;
use axum::response::{IntoResponse, Response};

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Turntable</title>
<style>body { font: 1rem/1.5 sans-serif; margin: 3rem auto; max-width: 40rem; padding: 0 1rem } dd { margin: 0 0 1rem }</style>
<h1>Turntable</h1>
<p>Clinical data as tables, over OData v4.</p>
<dl>
<dt><a href="/api/data/v9.2/">/api/data/v9.2/</a><dd>the tables; <a href="/api/data/v9.2/$metadata">$metadata</a> describes them
<dt><a href="/api/data/v9.2/$files/turntable.pbids">Power BI</a>, <a href="/api/data/v9.2/$files/turntable.odc">Excel</a><dd>files that open the tables there; <code>$files/contacts.odc</code> opens one
<dt><a href="/api/data/v9.2/$openapi?tables=contacts">OpenAPI</a>, <a href="/api/data/v9.2/$files/postman.json?tables=contacts">Postman</a><dd>the API of the tables that <code>tables=</code> names, for tools
<dt><a href="/fhir/metadata">/fhir/metadata</a><dd>what bundles are taken at /fhir
<dt><a href="/admin/v1/openapi.json">/admin/v1/openapi.json</a><dd>what administrators can call
<dt><a href="/readyz">/readyz</a><dd>whether the server is ready, and its FHIR services
</dl>
"#;

/// Nothing on it runs, loads or may be framed.
pub(super) async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ];
    (headers, PAGE).into_response()
}
