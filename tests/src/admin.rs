//! Every answer of the admin API that a test sees is held to the OpenAPI document.

use std::sync::LazyLock;

use boon::{Compiler, Schemas};
use serde_json::Value;
use turntable::http::admin::openapi::document;

/// Where the document pretends to be.
const DOCUMENT: &str = "http://turntable/openapi.json";

static ADMIN: LazyLock<Value> = LazyLock::new(document);

/// Holds a JSON answer to what the document says of its path, method and status. Paths of other APIs are passed over.
///
/// # Panics
/// If the answer is another, or the document does not know it.
pub(crate) fn hold(method: &str, url: &str, status: u16, text: &str) {
    let path = url.split_once("/admin/v1/").map(|(_, rest)| rest.split(['?', '#']).next().unwrap_or_default());
    let Some(path) = path else { return };
    // They are HTTP's, and no calls of the API.
    if matches!(method, "HEAD" | "OPTIONS") {
        return;
    }
    let path = format!("/admin/v1/{path}");
    let paths = ADMIN["paths"].as_object().expect("paths");
    let Some((template, operation)) = paths
        .iter()
        .filter(|(template, _)| is_of(template, &path))
        .find_map(|(template, methods)| Some((template, methods.get(method.to_ascii_lowercase())?)))
    else {
        assert!(matches!(status, 401 | 404 | 405), "{method} {path}: {status}, and no such call is described");
        return;
    };
    let responses = operation["responses"].as_object().expect("responses");
    let status = status.to_string();
    let status = if responses.contains_key(&status) { status.as_str() } else { "default" };
    // A file is for others to read.
    if responses[status]["content"].get("application/json").is_none() && status != "default" {
        return;
    }
    let pointer =
        ["paths", template, &method.to_ascii_lowercase(), "responses", status, "content", "application/json", "schema"]
            .map(|step| step.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D"))
            .join("/");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource(DOCUMENT, ADMIN.clone()).expect("the document is a resource");
    let schema = compiler.compile(&format!("{DOCUMENT}#/{pointer}"), &mut schemas);
    let schema = schema.unwrap_or_else(|error| panic!("{method} {path} {status}: no schema: {error}"));
    let answer: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{method} {path}: {error}: {text}"));
    if let Err(why) = schemas.validate(&answer, schema) {
        panic!("{method} {path} {status} is not as described: {why:#}\n{text}");
    }
}

/// Whether a path is one of a template, `/tables/{table}/route`.
fn is_of(template: &str, path: &str) -> bool {
    let steps = |path: &'_ str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let (template, path) = (steps(template), steps(path));
    template.len() == path.len() && template.iter().zip(&path).all(|(a, b)| a.starts_with('{') || a == b)
}
