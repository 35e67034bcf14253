//! The one error of the host: a stable code, what happened, where, what to do. It knows no HTTP: `http/` picks the
//! status from the [`Code`]. What the log may know and the caller may not (an upstream's host name, a guest's own
//! words) is kept apart in `internal`. No field ever holds a patient's data.

use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Stable, readable, part of the public contract: it is the `error.code` of an OData error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
pub enum Code {
    // What the caller sent.
    BadUrl,
    BadFilter,
    BadOption,
    BadKey,
    BadJson,
    BadValue,
    BadRequest,
    UnknownTable,
    UnknownColumn,
    UnknownRelation,
    NotWritable,
    RequiredColumn,
    BodyTooLarge,
    HeadersTooLarge,
    /// The body did not come fast enough.
    RequestTimeout,
    UrlTooLong,
    UnsupportedMediaType,
    NotAcceptable,
    MethodNotAllowed,
    // What the caller may not.
    Unauthorized,
    Forbidden,
    /// The request was sent by a web page of another site.
    CrossSite,
    /// It was sent to a name that is not this server's.
    UnknownHost,
    // The state of the row.
    NotFound,
    AlreadyExists,
    /// A request of a batch that another one, which went wrong, goes before.
    FailedDependency,
    VersionMismatch,
    PreconditionFailed,
    Conflict,
    /// Apps that use what is in force may break on what is to come instead.
    BreakingChange,
    PageTokenInvalid,
    PageTokenExpired,
    DeltaTokenInvalid,
    /// What has changed since cannot be told any more: the list is to be read anew.
    DeltaTokenExpired,
    // What cannot be done, said by name.
    NotSupported,
    ScanBudgetExceeded,
    // The FHIR service.
    RefusedByFhir,
    UpstreamBusy,
    UpstreamAuth,
    UpstreamDown,
    UpstreamTimeout,
    UpstreamInvalid,
    // The mapping.
    MappingFault,
    MappingTimeout,
    MappingMemory,
    MappingOutputTooLarge,
    MappingInputTooLarge,
    MappingIllFormed,
    MappingBusy,
    MappingMissing,
    ComponentRefused,
    /// Only signed components are let in, and it is not signed by a trusted key.
    ComponentUnsigned,
    /// The signature that came with a component is not one of a trusted key over it.
    SignatureRefused,
    // This server.
    Busy,
    Store,
    /// The disk of the data folder is full. Nothing of the change is kept.
    StorageFull,
    /// It fails, is read-only, or the file of the store is gone from it. Nothing of the change is acknowledged.
    StorageFailed,
    Config,
    Internal,
}

/// A part of an error: one finding, with the column it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    pub code: String,
    pub message: String,
    pub target: Option<String>,
}

/// Boxed, so that `Result` stays small on the table path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    code: Code,
    message: String,
    target: Option<String>,
    hint: Option<String>,
    details: Vec<Detail>,
    retry_after_seconds: Option<u32>,
    allowed: Option<String>,
    internal: Option<String>,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            target: None,
            hint: None,
            details: Vec::new(),
            retry_after_seconds: None,
            allowed: None,
            internal: None,
        }))
    }

    /// The column, option or element that the error is about.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.0.target = Some(target.into());
        self
    }

    /// What to do about it, one sentence.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub fn detail(mut self, detail: Detail) -> Self {
        self.0.details.push(detail);
        self
    }

    pub fn details(mut self, details: impl IntoIterator<Item = Detail>) -> Self {
        self.0.details.extend(details);
        self
    }

    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// What may be done instead, of a method that may not.
    pub fn allow(mut self, methods: &[&str]) -> Self {
        self.0.allowed = Some(methods.join(", "));
        self
    }

    /// For the log only; still no patient data.
    pub fn internal(mut self, internal: impl Into<String>) -> Self {
        self.0.internal = Some(internal.into());
        self
    }

    /// Renames what the details and the error itself are about, where `name` knows a better one.
    pub fn map_targets(mut self, name: impl Fn(&str) -> Option<String>) -> Self {
        let details = self.0.details.iter_mut().map(|detail| &mut detail.target);
        for target in details.chain([&mut self.0.target]) {
            if let Some(better) = target.as_deref().and_then(&name) {
                *target = Some(better);
            }
        }
        self
    }

    /// Of a part of what was sent: every target is a place in it.
    #[must_use]
    pub fn within(self, part: &str) -> Self {
        let error = self.map_targets(|target| Some(format!("{part}/{target}")));
        if error.get_target().is_none() { error.target(part) } else { error }
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn get_target(&self) -> Option<&str> {
        self.0.target.as_deref()
    }

    pub fn get_hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    pub fn get_details(&self) -> &[Detail] {
        &self.0.details
    }

    pub fn get_retry_after(&self) -> Option<u32> {
        self.0.retry_after_seconds
    }

    pub fn get_allowed(&self) -> Option<&str> {
        self.0.allowed.as_deref()
    }

    pub fn get_internal(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.code, self.0.message)?;
        if let Some(hint) = &self.0.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
