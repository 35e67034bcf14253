//! What a FHIR service answers to a bundle: of each entry whether it took it, and which resource it is there.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fhir::outcome::{fails, said};
use crate::model::error::{Code, Error, Result};
use crate::model::key;

/// What a service says of one entry.
#[derive(Default)]
pub struct Answered<'a> {
    status: Option<String>,
    location: Option<String>,
    pub has_version: bool,
    outcome: Option<&'a RawValue>,
    resource: Option<&'a RawValue>,
}

/// The answers to all entries, in their order.
pub fn answered(answer: &[u8], asked: usize) -> Result<Vec<Answered<'_>>> {
    let unclear = |what: &str| {
        Error::new(Code::UpstreamInvalid, format!("the FHIR service answered the bundle with {what}"))
            .hint("it is not known whether it was taken there; nothing of it was stored here")
    };
    let answer: Answer<'_> = serde_json::from_slice(answer).map_err(|_| unclear("something that is no bundle"))?;
    let entries = answer.entry.unwrap_or_default();
    if entries.len() != asked {
        return Err(unclear("another number of entries"));
    }
    Ok(entries
        .into_iter()
        .map(|entry| {
            let response = entry.response.and_then(|raw| serde_json::from_str::<Response<'_>>(raw.get()).ok());
            match response {
                Some(Response { status, location, etag, outcome }) => {
                    Answered { status, location, has_version: etag.is_some(), outcome, resource: entry.resource }
                }
                None => Answered { resource: entry.resource, ..Answered::default() },
            }
        })
        .collect())
}

impl<'a> Answered<'a> {
    /// What a service told by the answer to a write of its own: `location` as `Type/id`, and the resource if it is shown.
    pub fn told(status: &str, location: String, body: &'a [u8]) -> Self {
        let (status, location) = (Some(status.to_owned()), Some(location));
        Self { status, location, resource: serde_json::from_slice(body).ok(), ..Self::default() }
    }

    /// As the service says it, `201 Created`; empty if it does not.
    pub fn status(&self) -> &str {
        self.status.as_deref().unwrap_or_default()
    }

    /// Whether the service says that it did what the entry asks for. An outcome of severity error says that it did not,
    /// whatever the status.
    pub fn is_done(&self) -> bool {
        self.status().starts_with('2') && !self.outcome().is_some_and(|outcome| fails(outcome.get()))
    }

    /// Why it did not, in its own words, for who sent the entry.
    pub fn reason(&self) -> Option<String> {
        self.outcome().and_then(|outcome| said(outcome.get()))
    }

    /// An outcome may stand where the resource does.
    fn outcome(&self) -> Option<&RawValue> {
        let beside = self.resource.filter(|resource| {
            let head = serde_json::from_str::<Head>(resource.get()).ok();
            head.is_some_and(|head| head.resource_type.as_deref() == Some("OperationOutcome"))
        });
        self.outcome.or(beside)
    }

    /// The resource with its id, if it is shown.
    pub fn shown(&self, resource_type: &str) -> Option<(String, Bytes)> {
        let resource = self.resource?;
        let head: Head = serde_json::from_str(resource.get()).ok()?;
        let id = head.id.filter(|_| head.resource_type.as_deref() == Some(resource_type))?;
        Some((id, Bytes::copy_from_slice(resource.get().as_bytes())))
    }

    /// The id in its location.
    pub fn located(&self, resource_type: &str) -> Option<String> {
        let located = self.location.as_deref().and_then(key::reference);
        located.filter(|found| found.resource_type == resource_type).map(|found| found.id.to_owned())
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    entry: Option<Vec<AnswerEntry<'a>>>,
}

#[derive(Deserialize)]
struct AnswerEntry<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    status: Option<String>,
    location: Option<String>,
    etag: Option<String>,
    #[serde(borrow)]
    outcome: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    id: Option<String>,
}
