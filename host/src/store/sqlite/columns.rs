//! Moments and JSON, as columns of the system tables hold them.

use jiff::Timestamp;

use crate::model::error::{Code, Error, Result};

pub(super) fn moment_of(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|e| Error::new(Code::Store, "the database holds a moment that is none").internal(e.to_string()))
}

pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::new(Code::Internal, "a description cannot be written as JSON").internal(e.to_string()))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| {
        Error::new(Code::Store, "the database holds a description that this version cannot read")
            .hint("a mapping that an older version let in must be uploaded again")
            .internal(e.to_string())
    })
}
