//! The service as a client sees it, through its router or over a socket.

#![expect(clippy::unwrap_used, reason = "all of this is tests, also the functions not marked so")]

mod bundles;
mod client;
mod faults;
mod interactions;
mod searches;
mod shared_data;
