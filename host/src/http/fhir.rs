//! How `/fhir` speaks: errors as OperationOutcome, and what is there as a CapabilityStatement (FHIR R4, 2.28 and 5.2).

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::http::doors::Entered;
use crate::http::shared::{Shared, failure};
use crate::model::caller::Caller;
use crate::model::catalog::Catalog;
use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::snapshot::Snapshot;

pub const MEDIA_TYPE: &str = "application/fhir+json";

/// Names our own codes in an outcome.
const CODES: &str = "urn:turntable:error";

/// Whether a path is answered in the manner of FHIR.
pub fn is_ours(path: &str) -> bool {
    path == "/fhir" || path.starts_with("/fhir/")
}

/// An error's answer as an OperationOutcome: status and headers stay.
pub fn as_outcome(mut response: Response, error: &Error) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.remove("odata-version");
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(outcome(error).to_string());
    response
}

/// One issue for the error, and one for each of its details.
fn outcome(error: &Error) -> Value {
    let code = error.code();
    let hint = error.get_hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    let mut issues = vec![issue(code, &format!("{code:?}"), error.message(), &hint, error.get_target())];
    let details = error.get_details().iter();
    issues.extend(details.map(|detail| issue(code, &detail.code, &detail.message, "", detail.target.as_deref())));
    json!({ "resourceType": "OperationOutcome", "issue": issues })
}

fn issue(code: Code, name: &str, message: &str, hint: &str, target: Option<&str>) -> Value {
    let mut issue = Map::from_iter([
        ("severity".to_owned(), json!("error")),
        ("code".to_owned(), json!(issue_type(code))),
        ("details".to_owned(), json!({ "coding": [{ "system": CODES, "code": name }], "text": message })),
        ("diagnostics".to_owned(), json!(format!("{message}{hint}"))),
    ]);
    // Others name a header, an option or a column.
    if let Some(target) = target.filter(|target| target.starts_with("Bundle")) {
        issue.insert("expression".to_owned(), json!([target]));
    }
    Value::Object(issue)
}

/// FHIR's kind of an issue (value set issue-type).
pub fn issue_type(code: Code) -> &'static str {
    match code {
        Code::BadJson => "structure",
        Code::BadRequest | Code::BadUrl | Code::BadOption | Code::BadValue | Code::BadKey | Code::UrlTooLong => {
            "invalid"
        }
        Code::NotFound | Code::UnknownTable => "not-found",
        Code::VersionMismatch | Code::Conflict | Code::AlreadyExists => "conflict",
        Code::PreconditionFailed => "business-rule",
        Code::BodyTooLarge | Code::HeadersTooLarge => "too-costly",
        Code::NotSupported | Code::UnsupportedMediaType | Code::NotAcceptable | Code::MethodNotAllowed => {
            "not-supported"
        }
        Code::UpstreamBusy => "throttled",
        Code::Unauthorized => "login",
        Code::Forbidden | Code::CrossSite | Code::UnknownHost => "forbidden",
        Code::Busy | Code::MappingBusy | Code::UpstreamDown => "transient",
        Code::RequestTimeout | Code::UpstreamTimeout | Code::MappingTimeout => "timeout",
        Code::Store | Code::StorageFailed | Code::Config | Code::Internal => "exception",
        Code::StorageFull => "no-store",
        _ => "processing",
    }
}

/// `GET /fhir/metadata`
pub async fn metadata(State(app): Shared, caller: Caller, request: Request) -> Response {
    if let Err(error) = acceptable(request.uri(), request.headers()) {
        return failure(&error);
    }
    let root = request.extensions().get::<Entered>().map_or_else(String::new, |entered| entered.root.clone());
    let session = app.session(&caller);
    let statement = statement(session.snapshot(), session.catalog(), &root, &app.started.to_string());
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], statement.to_string()).into_response()
}

/// JSON is all there is: `NotAcceptable` to whoever wants something else alone (FHIR R4, 3.1.0.1.11).
fn acceptable(uri: &Uri, headers: &HeaderMap) -> Result<()> {
    let json = |said: &str| {
        let essence = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(
            essence.as_str(),
            "*/*" | "application/*" | "application/json" | MEDIA_TYPE | "application/json+fhir" | "json" | "text/json"
        )
    };
    let format =
        uri.query().into_iter().flat_map(|query| query.split('&')).find_map(|pair| pair.strip_prefix("_format="));
    // A plus of the media type may stand for itself, or for a space.
    let format =
        format.map(|format| percent_encoding::percent_decode_str(format).decode_utf8_lossy().replace(' ', "+"));
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut accepted = accepted.flat_map(|value| value.split(',')).peekable();
    let fits = match format {
        Some(format) => json(&format),
        None => accepted.peek().is_none() || accepted.any(json),
    };
    if fits {
        return Ok(());
    }
    Err(Error::new(Code::NotAcceptable, format!("this is given as {MEDIA_TYPE} only")).target("Accept"))
}

/// What is there, and no more: bundles are taken, resources are read and changed through tables.
fn statement(snapshot: &Snapshot, seen: &Catalog, root: &str, started: &str) -> Value {
    let mut types: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for table in snapshot.tables().filter(|table| table.table.parent.is_none() && table.route == Route::Native) {
        if seen.table(&table.table.name).is_none() {
            continue;
        }
        for source in &table.table.sources {
            types.entry(&source.resource_type).or_default().push(&table.table.entity_set);
        }
    }
    let resources = types.into_iter().map(|(resource_type, mut sets)| {
        sets.sort_unstable();
        let sets = sets.join(", ");
        json!({ "type": resource_type, "documentation": format!("stored out of a bundle, and shown as rows of: {sets}") })
    });
    let mut rest = json!({
        "mode": "server",
        "documentation": "A Bundle of type batch or transaction is POSTed here. Its entries may be POST, PUT and DELETE; \
                          there is no read, search or history: rows of tables are read at the table API. \
                          `?forward=SOURCE` sends the entries to that FHIR service too, `?as=batch` takes bundles of other \
                          types for their resources.",
        "interaction": [{ "code": "transaction" }, { "code": "batch" }],
    });
    let resources: Vec<Value> = resources.collect();
    // An empty list is no JSON of FHIR.
    if !resources.is_empty() {
        rest["resource"] = Value::Array(resources);
    }
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": started,
        "kind": "instance",
        "software": { "name": "Turntable", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Tables of clinical data: bundles are ingested here", "url": format!("{root}/fhir") },
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [rest],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_given_to_whoever_takes_it() {
        let check = |query: &str, accept: &[&str], expected: bool| {
            let uri: Uri = format!("/fhir/metadata{query}").parse().unwrap();
            let said = accept.iter().map(|value| (header::ACCEPT, HeaderValue::try_from(*value).unwrap()));
            assert_eq!(acceptable(&uri, &said.collect()).is_ok(), expected, "{query} {accept:?}");
        };
        check("", &[], true);
        check("", &["application/fhir+json"], true);
        check("", &["text/html, application/xhtml+xml, */*;q=0.8"], true);
        check("", &["application/fhir+xml", "application/fhir+json;fhirVersion=4.0"], true);
        check("", &["application/fhir+xml"], false);
        check("?_format=json", &["application/fhir+xml"], true);
        check("?_format=application/fhir%2Bjson", &[], true);
        check("?_format=application/fhir+json", &[], true);
        check("?_summary=true&_format=xml", &["*/*"], false);
    }

    #[test]
    fn an_outcome_says_what_the_error_says() {
        let error = Error::new(Code::BadJson, "it is none").target("Bundle.entry[2]").hint("send JSON");
        let error = error.detail(crate::model::error::Detail {
            code: "BadValue".to_owned(),
            message: "too long".to_owned(),
            target: Some("msemr_name".to_owned()),
        });
        let coding = |code| json!([{ "system": CODES, "code": code }]);
        assert_eq!(
            outcome(&error),
            json!({ "resourceType": "OperationOutcome", "issue": [
                {
                    "severity": "error", "code": "structure", "diagnostics": "it is none; send JSON",
                    "details": { "coding": coding("BadJson"), "text": "it is none" }, "expression": ["Bundle.entry[2]"],
                },
                {
                    "severity": "error", "code": "structure", "diagnostics": "too long",
                    "details": { "coding": coding("BadValue"), "text": "too long" },
                },
            ]})
        );
    }

    #[test]
    fn a_statement_without_tables_has_what_it_must() {
        let statement = statement(&Snapshot::default(), &Catalog::default(), "http://h", "2026-01-01T00:00:00Z");
        assert_eq!(statement["rest"][0]["resource"], Value::Null);
        assert_eq!(statement["implementation"]["url"], "http://h/fhir");
    }
}
