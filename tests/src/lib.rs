//! What the whole-system tests stand on: a server in this process ([`Server`]), the FHIR service behind it ([`Fhir`]),
//! sample data, and second versions of shipped mappings. The tests talk to all of it over HTTP, as a user would.
//!
//! Environment: `TURNTABLE_TEST_SEKMET` (the executable of a real FHIR server), `TURNTABLE_TEST_FHIR_RESOURCES` (a Python
//! with a second judge of resources), `TURNTABLE_TEST_COMPONENTIZE_QJS` and `TURNTABLE_TEST_COMPONENTIZE_PY` (compilers of
//! mappings in JavaScript and Python), `TURNTABLE_TEST_DATAVERSE_PY` and `TURNTABLE_TEST_DATAVERSE_JS` (a Python and a folder
//! of node modules with clients made for Dataverse), and what `turntable_test_data` names.

mod admin;
pub mod asked;
mod component;
mod data;
mod fhir;
mod http;
mod judge;
pub mod reference;
mod sekmet;
mod server;

pub use crate::component::{builtin, digest, hostile, with_text, without_samples};
pub use crate::data::{EVENTS, PATIENT, PEOPLE, SYNTHEA};
pub use crate::fhir::Fhir;
pub use crate::http::{Answer, Call, encode};
pub use crate::judge::Judge;
pub use crate::server::{Server, Setup};
pub use turntable_test_data::skipped;
