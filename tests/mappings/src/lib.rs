//! What the test of all mappings stands on: the shipped [`mappings`] and the FHIR [`data`] at hand.

pub mod data;
pub mod mappings;
