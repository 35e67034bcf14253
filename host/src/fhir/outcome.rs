//! What a FHIR service says when it does not do what was asked: a status and an OperationOutcome, as one of our errors.
//!
//! An issue's text may quote the resource, so it goes back to the caller who sent that resource and nowhere else: not
//! into the message, not into what is logged, and not into the answer to a read.

use std::fmt;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::callers::Behalf;
use crate::model::error::{Code, Detail, Error};

/// Issues passed on at most.
const ISSUES: usize = 20;
/// Characters of an issue's text, and of the path of its element, at most.
const TEXT_CHARS: usize = 300;

/// The FHIR interaction that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    Capabilities,
    Search,
    History,
    Read,
    Create,
    Update,
    Delete,
    Transaction,
}

/// Who was asked for what: what an error says about where it happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) source: &'a str,
    pub(super) interaction: Interaction,
    /// Empty for the service as a whole.
    pub(super) resource_type: &'a str,
    /// A version or a condition was sent along (`If-Match`, `If-None-Exist`).
    pub(super) versioned: bool,
    /// Who it is asked for, of a service that is asked with their token.
    pub(super) behalf: Option<&'a Behalf>,
}

impl Interaction {
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete | Self::Transaction)
    }
}

impl fmt::Display for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capabilities => "capabilities",
            Self::Search => "search",
            Self::History => "history",
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Transaction => "transaction",
        })
    }
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.interaction)?;
        if !self.resource_type.is_empty() {
            write!(f, " of {}", self.resource_type)?;
        }
        Ok(())
    }
}

impl Asked<'_> {
    /// Whose share of the service's places it takes: of its resource type, or of what is of none.
    pub(super) fn share(&self) -> &str {
        match (self.resource_type, self.interaction) {
            ("", Interaction::Transaction) => "bundles",
            ("", _) => "service",
            (resource_type, _) => resource_type,
        }
    }

    /// An error of this interaction: "the FHIR service `main` … (search of Patient)".
    pub(super) fn error(&self, code: Code, what: &str) -> Error {
        Error::new(code, format!("the FHIR service `{}` {what} ({self})", self.source))
    }
}

/// The error for an answer that is no success.
pub(super) fn refusal(asked: &Asked, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let error = match status.as_u16() {
        401 | 403 if asked.behalf.is_some() => asked
            .error(Code::UpstreamAuth, "does not accept the token of whoever asks")
            .hint("it is asked with your own token: whoever runs that service, or gives out tokens, says what you may do there"),
        401 | 403 => asked
            .error(Code::UpstreamAuth, "does not accept this server's credentials")
            .hint("an administrator has to check `auth` of this source and what it may do there"),
        404 if asked.interaction == Interaction::Search || asked.interaction == Interaction::Create => {
            asked.error(Code::NotSupported, "does not know this resource type")
        }
        404 if asked.interaction == Interaction::History => asked.error(Code::NotSupported, "has no such history"),
        404 | 410 if matches!(asked.interaction, Interaction::Read | Interaction::Update | Interaction::Delete) => {
            asked.error(Code::NotFound, "has no such resource")
        }
        405 | 406 | 415 | 501 => asked.error(Code::NotSupported, "does not support this interaction"),
        408 | 504 => timed_out(asked),
        412 if asked.versioned && matches!(asked.interaction, Interaction::Update | Interaction::Delete) => asked
            .error(Code::VersionMismatch, "has another version of this resource")
            .hint("read the row again and repeat the change"),
        412 if asked.interaction == Interaction::Transaction => {
            asked.error(Code::PreconditionFailed, "found a condition of the bundle not met")
        }
        409 | 412 | 423 => asked.error(Code::Conflict, "reports a conflict"),
        429 => asked.error(Code::UpstreamBusy, "asks for fewer requests"),
        400..=499 => asked.error(Code::RefusedByFhir, "refused the request"),
        500..=599 => with_doubt(asked, asked.error(Code::UpstreamDown, "failed")),
        300..=399 => asked
            .error(Code::UpstreamInvalid, "redirects to another address, which is not followed")
            .hint("an administrator has to configure the service's final address as `url` of this source"),
        _ => asked.error(Code::UpstreamInvalid, "answered with an unexpected status"),
    };
    let error = match retry_after(headers) {
        Some(seconds) => error.retry_after(seconds),
        None => error,
    };
    error.internal(format!("HTTP status {}", status.as_u16())).details(details(asked.interaction, body))
}

pub(super) fn timed_out(asked: &Asked) -> Error {
    with_doubt(asked, asked.error(Code::UpstreamTimeout, "did not answer in time"))
}

/// After a write that got no clear answer, says so.
pub(super) fn with_doubt(asked: &Asked, error: Error) -> Error {
    if asked.interaction.writes() {
        error.hint("it is not known whether the change was made: read the row before repeating it")
    } else {
        error
    }
}

/// `Retry-After` in seconds: a number, or a date against the clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u32> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse().unwrap_or(u32::MAX));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let seconds = (at.as_second() - jiff::Timestamp::now().as_second()).clamp(0, u32::MAX.into());
    u32::try_from(seconds).ok()
}

#[derive(Deserialize)]
struct OperationOutcome {
    #[serde(rename = "resourceType", default)]
    resource_type: String,
    #[serde(default)]
    issue: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    code: String,
    details: Option<IssueDetails>,
    diagnostics: Option<String>,
    #[serde(default)]
    expression: Vec<String>,
}

impl Issue {
    fn is_failure(&self) -> bool {
        matches!(self.severity.as_str(), "error" | "fatal")
    }
}

#[derive(Deserialize)]
struct IssueDetails {
    text: Option<String>,
}

/// What an OperationOutcome inside the answer to a bundle says, in one line, for who sent the bundle.
pub fn said(outcome: &str) -> Option<String> {
    let messages: Vec<_> =
        details(Interaction::Transaction, outcome.as_bytes()).into_iter().map(|detail| detail.message).collect();
    (!messages.is_empty()).then(|| messages.join("; "))
}

/// The error for a write whose answer is a success by its status, and an OperationOutcome that says otherwise.
pub(super) fn denial(asked: &Asked, body: &[u8]) -> Option<Error> {
    let outcome = serde_json::from_slice::<OperationOutcome>(body).ok()?;
    (outcome.resource_type == "OperationOutcome" && outcome.issue.iter().any(Issue::is_failure)).then(|| {
        let error = asked.error(Code::RefusedByFhir, "refused the request, though by its status it did not");
        with_doubt(asked, error).details(details(asked.interaction, body))
    })
}

/// Whether an OperationOutcome says that something was not done, whatever status came with it.
pub fn fails(outcome: &str) -> bool {
    let read = serde_json::from_str::<OperationOutcome>(outcome);
    read.is_ok_and(|outcome| outcome.issue.iter().any(Issue::is_failure))
}

/// The issues that are errors (all, if none is), for the caller.
fn details(interaction: Interaction, body: &[u8]) -> Vec<Detail> {
    let Ok(outcome) = serde_json::from_slice::<OperationOutcome>(body) else {
        return Vec::new();
    };
    let all = !outcome.issue.iter().any(Issue::is_failure);
    outcome
        .issue
        .into_iter()
        .filter(|issue| all || issue.is_failure())
        .take(ISSUES)
        .map(|issue| detail(interaction, issue))
        .collect()
}

fn detail(interaction: Interaction, issue: Issue) -> Detail {
    let known = !issue.code.is_empty()
        && issue.code.len() <= 40
        && issue.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let code = if known { issue.code } else { "processing".to_owned() };
    if !interaction.writes() {
        return Detail { message: format!("issue of type `{code}`"), code, target: None };
    }
    let text = issue.details.and_then(|d| d.text).or(issue.diagnostics).unwrap_or_default();
    let message = if text.is_empty() { format!("issue of type `{code}`") } else { shown(&text) };
    Detail { code, message, target: issue.expression.first().map(|e| shown(e)) }
}

/// Without control characters, and not longer than [`TEXT_CHARS`].
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS).collect();
    if text.chars().nth(TEXT_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(interaction: Interaction) -> Asked<'static> {
        Asked { source: "main", interaction, resource_type: "Patient", versioned: false, behalf: None }
    }

    const OUTCOME: &str = r#"{"resourceType":"OperationOutcome","issue":[
        {"severity":"warning","code":"informational","diagnostics":"all well"},
        {"severity":"error","code":"value","diagnostics":"bad\n'Chalmers'","expression":["Patient.name[0].family"]},
        {"severity":"fatal","code":"<b>","details":{"text":"no"}}]}"#;

    #[test]
    fn statuses_become_codes() {
        use Interaction::*;
        let check = |interaction, status: u16, expected| {
            let status = StatusCode::from_u16(status).unwrap();
            let error = refusal(&asked(interaction), status, &HeaderMap::new(), b"");
            assert_eq!(error.code(), expected, "{interaction} {status}");
        };
        for interaction in [Capabilities, Search, Read, Create, Update, Delete, Transaction] {
            check(interaction, 302, Code::UpstreamInvalid);
            check(interaction, 400, Code::RefusedByFhir);
            check(interaction, 401, Code::UpstreamAuth);
            check(interaction, 403, Code::UpstreamAuth);
            check(interaction, 405, Code::NotSupported);
            check(interaction, 409, Code::Conflict);
            let unmet = if interaction == Transaction { Code::PreconditionFailed } else { Code::Conflict };
            check(interaction, 412, unmet);
            check(interaction, 422, Code::RefusedByFhir);
            check(interaction, 429, Code::UpstreamBusy);
            check(interaction, 500, Code::UpstreamDown);
            check(interaction, 501, Code::NotSupported);
            check(interaction, 503, Code::UpstreamDown);
            check(interaction, 504, Code::UpstreamTimeout);
        }
        check(Read, 404, Code::NotFound);
        check(Delete, 410, Code::NotFound);
        check(Search, 404, Code::NotSupported);
        check(Transaction, 404, Code::RefusedByFhir);
    }

    #[test]
    fn a_lost_race_is_told_from_other_conflicts() {
        let status = StatusCode::PRECONDITION_FAILED;
        let check = |interaction, expected| {
            let error = refusal(&Asked { versioned: true, ..asked(interaction) }, status, &HeaderMap::new(), b"");
            assert_eq!(error.code(), expected, "{interaction}");
        };
        check(Interaction::Update, Code::VersionMismatch);
        check(Interaction::Delete, Code::VersionMismatch);
        check(Interaction::Create, Code::Conflict);
    }

    #[test]
    fn issues_go_to_the_writer_only() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let error = refusal(&asked(Interaction::Create), status, &HeaderMap::new(), OUTCOME.as_bytes());
        let expected = [
            Detail {
                code: "value".into(),
                message: "bad 'Chalmers'".into(),
                target: Some("Patient.name[0].family".into()),
            },
            Detail { code: "processing".into(), message: "no".into(), target: None },
        ];
        assert_eq!(error.get_details(), expected);
        assert!(!error.to_string().contains("Chalmers"));
        assert!(!error.get_internal().unwrap().contains("Chalmers"));

        let read = refusal(&asked(Interaction::Read), status, &HeaderMap::new(), OUTCOME.as_bytes());
        assert!(!format!("{read:?}").contains("Chalmers"));
        assert_eq!(read.get_details()[0].code, "value");
    }

    #[test]
    fn an_outcome_beside_a_success_may_say_that_it_is_none() {
        let check = |outcome: &str, expected: bool, text: Option<&str>| {
            assert_eq!((fails(outcome), said(outcome).as_deref()), (expected, text), "{outcome}");
        };
        check(OUTCOME, true, Some("bad 'Chalmers'; no"));
        check(r#"{"issue":[{"severity":"warning","code":"value","diagnostics":"odd"}]}"#, false, Some("odd"));
        check(r#"{"issue":[]}"#, false, None);
        check("[]", false, None);
    }

    #[test]
    fn long_texts_and_many_issues_are_cut() {
        let issue = format!(r#"{{"severity":"error","code":"value","diagnostics":"{}"}}"#, "x".repeat(5_000));
        let body = format!(r#"{{"issue":[{}]}}"#, vec![issue; 100].join(","));
        let error = refusal(&asked(Interaction::Create), StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes());
        assert_eq!(error.get_details().len(), ISSUES);
        assert_eq!(error.get_details()[0].message.chars().count(), TEXT_CHARS + 1);
    }

    #[test]
    fn retry_after_in_both_forms() {
        let check = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers)
        };
        assert_eq!(check("7"), Some(7));
        assert_eq!(check("99999999999999"), Some(u32::MAX));
        assert_eq!(check("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        assert_eq!(check("Mon, 06 Nov 2180 08:49:37 GMT"), Some(u32::MAX));
        assert_eq!(check("soon"), None);
    }
}
