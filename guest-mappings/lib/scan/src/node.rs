//! What a tape consists of.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}

/// One entry of the tape. A container is followed by its content; in an object keys and values alternate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub kind: Kind,
    /// A string with a backslash in it.
    pub escaped: bool,
    pub start: u32,
    pub end: u32,
    /// Tape position after this node and all that it contains.
    pub next: u32,
}
