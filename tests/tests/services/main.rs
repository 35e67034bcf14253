//! FHIR services and mappings that are slow, wrong or dead, and the FHIR API of the server's own store.

mod behind;
mod fault_matrix;
mod fhir_endpoint;
mod fhir_faults;
