//! What a hook can say against a change.

use std::borrow::Cow;

/// What kind of thing went wrong.
pub use crate::bindings::turntable::mapping::types::IssueCode as Code;

/// A reason against a change. Never put a patient's data in the message: hosts log it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    pub message: Cow<'static, str>,
}

impl Problem {
    pub const fn new(code: Code, message: &'static str) -> Self {
        Self { code, message: Cow::Borrowed(message) }
    }

    /// The change cannot be expressed on this resource.
    pub const fn not_supported(message: &'static str) -> Self {
        Self::new(Code::NotSupported, message)
    }

    /// The change contradicts the existing resource.
    pub const fn conflict(message: &'static str) -> Self {
        Self::new(Code::Conflict, message)
    }

    /// Wrong type, out of range, unparsable.
    pub const fn value(message: &'static str) -> Self {
        Self::new(Code::Value, message)
    }

    pub const fn required(message: &'static str) -> Self {
        Self::new(Code::Required, message)
    }
}
