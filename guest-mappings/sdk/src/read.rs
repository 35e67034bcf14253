//! x
use crate::bindings::exports::turntable::mapping::read::*;
pub fn rows(_m: &'static crate::Mapping, _r: &ReadRequest) -> Result<RowBatch, Failure> {
    Err(Failure::Internal(String::new()))
}
