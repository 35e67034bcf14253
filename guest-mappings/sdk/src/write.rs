//! x
use crate::bindings::exports::turntable::mapping::write::*;
pub fn resources(
    _m: &'static crate::Mapping,
    _t: &str,
    _r: &[Change],
) -> Result<Vec<Result<FhirRequest, Vec<Issue>>>, Failure> {
    Err(Failure::Internal(String::new()))
}
