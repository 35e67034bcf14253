//! Refusals and hints as FHIR OperationOutcomes.

use axum::http::StatusCode;
use serde::Serialize;

/// Why a request was not done: the status and what the OperationOutcome says.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) issues: Vec<Issue>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self { status, issues: vec![Issue::error(code, diagnostics)] }
    }

    pub(crate) fn invalid(diagnostics: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", diagnostics)
    }

    pub(crate) fn not_found(diagnostics: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", diagnostics)
    }

    pub(crate) fn stale(diagnostics: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "conflict", diagnostics)
    }

    pub(crate) fn unsupported(diagnostics: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not-supported", diagnostics)
    }

    /// Says which element, header or parameter it is about.
    pub(crate) fn at(mut self, expression: impl Into<String>) -> Self {
        if let Some(issue) = self.issues.last_mut() {
            issue.expression = Some([expression.into()]);
        }
        self
    }

    pub(crate) fn outcome(&self) -> Outcome<'_> {
        Outcome::of(&self.issues)
    }
}

/// JSON that was read once cannot be read or written again: a fault of this program.
impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "exception", format!("Cannot write JSON: {error}"))
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Issue {
    severity: &'static str,
    code: &'static str,
    pub(crate) diagnostics: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<[String; 1]>,
}

impl Issue {
    pub(crate) fn error(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self { severity: "error", code, diagnostics: diagnostics.into(), expression: None }
    }

    /// About a search parameter that was left out.
    pub(crate) fn ignored(parameter: &str, why: impl Into<String>) -> Self {
        let expression = Some([format!("http.{parameter}")]);
        Self { severity: "warning", code: "not-supported", diagnostics: why.into(), expression }
    }

    /// Puts the place of the whole before that of the part: `Bundle.entry[3]` before `Patient.id`.
    pub(crate) fn place(&mut self, whole: &str) {
        let part = self.expression.take().map(|[part]| part);
        let within = part.map_or_else(
            || whole.to_owned(),
            |part| match part.split_once('.') {
                Some((ty, rest)) if ty.starts_with(|c: char| c.is_ascii_uppercase()) => {
                    format!("{whole}.resource.{rest}")
                }
                _ => format!("{whole}.{part}"),
            },
        );
        self.expression = Some([within]);
    }

    pub(crate) fn into_error(self) -> Self {
        Self { severity: "error", ..self }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome<'a> {
    resource_type: &'static str,
    issue: &'a [Issue],
}

impl<'a> Outcome<'a> {
    pub(crate) fn of(issue: &'a [Issue]) -> Self {
        Self { resource_type: "OperationOutcome", issue }
    }
}
