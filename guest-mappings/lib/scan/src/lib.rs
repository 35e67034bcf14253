//! Strict JSON over bytes, as spans: nothing is copied, converted or rounded.
//!
//! A mapping reads elements, the host cuts bundles, and both write changes back into text whose other bytes
//! must stay the same; all three stand on the [`Document`] of this crate. It accepts exactly the documents
//! that serde_json accepts (with `arbitrary_precision`), never recurses and never panics.
//!
//! Reading at full speed stands on the [`Lexer`] instead: the same grammar token by token, sixteen bytes at a time,
//! without a tree. Unsafe code is in [`block`] alone.
#![no_std]

extern crate alloc;

pub mod block;
pub mod bundle;
mod document;
mod lexer;
mod node;
pub mod number;
mod scanner;
mod splice;
mod string;

pub use document::{Document, Items, Members, Value};
pub use lexer::{Lexer, StringEnd};
pub use node::{Kind, Node};
pub use scanner::{Error, MAX_DEPTH, Problem};
pub use splice::{Edit, Overlap, splice};
pub use string::{escape_into, unescape};
