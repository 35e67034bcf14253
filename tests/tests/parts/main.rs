//! With parts that nobody here wrote: FHIR servers, clients, compilers, readers, a clock, a registry, an OpenID provider. A test whose part is not
//! named in the environment is skipped, or fails if `TURNTABLE_TEST_ALL` is set.

mod clock;
mod dataverse_clients;
mod files;
mod languages;
mod openid;
mod pages;
mod registry;
mod right;
mod scenario;
mod sigstore;
