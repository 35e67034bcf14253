//! What the test of all mappings stands on: the shipped [`mappings`], the FHIR [`data`] at hand, and [`damage`] done to
//! it.

pub mod damage;
pub mod data;
pub mod mappings;
