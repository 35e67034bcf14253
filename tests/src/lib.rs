//! What the whole-system tests stand on: a server in this process ([`Server`]), the FHIR service behind it ([`Fhir`]),
//! sample data, and second versions of shipped mappings. The tests talk to all of it over HTTP, as a user would.
//!
//! Environment: `TURNTABLE_TEST_SEKMET` (the executable of a real FHIR server), `TURNTABLE_TEST_FHIR_RESOURCES` (a Python
//! with a second judge of resources), `TURNTABLE_TEST_COMPONENTIZE_QJS` and `TURNTABLE_TEST_COMPONENTIZE_PY` (compilers of
//! mappings in JavaScript and Python), `TURNTABLE_TEST_DATAVERSE_PY` and `TURNTABLE_TEST_DATAVERSE_JS` (a Python and a folder
//! of node modules with clients made for Dataverse), `TURNTABLE_TEST_READERS_PY` (a Python that reads Parquet and OpenAPI),
//! `TURNTABLE_TEST_REGISTRY` (the program `docker-registry`), `TURNTABLE_TEST_OPENID_JS` (a folder of node modules with
//! `oidc-provider`), `TURNTABLE_TEST_SIGSTORE_JS` (the same with `@sigstore/verify`), `TURNTABLE_TEST_FAKETIME` (libfaketime's `libfaketime.so.1`), and what `turntable_test_data` names.

mod admin;
pub mod asked;
mod component;
mod data;
mod fhir;
mod http;
mod judge;
#[cfg(target_os = "linux")]
mod process;
mod provider;
pub mod reference;
mod scripted;
mod sekmet;
mod server;

pub use crate::component::{builtin, digest, hostile, of_yaml, with_text, without_samples};
pub use crate::data::{EVENTS, PATIENT, PEOPLE, SYNTHEA};
pub use crate::fhir::Fhir;
pub use crate::http::{Answer, Call, encode};
pub use crate::judge::Judge;
#[cfg(target_os = "linux")]
pub use crate::process::{Process, serve};
pub use crate::provider::{Provider, Signer};
pub use crate::scripted::{Heard, Scripted, Told};
pub use crate::server::{Server, Setup};
pub use turntable_test_data::skipped;
