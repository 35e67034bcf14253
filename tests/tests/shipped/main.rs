//! The shipped mappings, as the server runs them.

mod corpus;
mod fidelity;
mod reference;
