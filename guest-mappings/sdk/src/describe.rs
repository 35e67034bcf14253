//! x
use crate::bindings::exports::turntable::mapping::schema;
pub fn describe(_m: &crate::Mapping) -> schema::Mapping {
    schema::Mapping { name: String::new(), version: String::new(), tables: vec![] }
}
