//! Who asks, and what they may. It is decided here and nowhere else, before anything is planned: of every table that a
//! request touches, related ones included.

use super::error::{Code, Error, Result};
use super::table::Table;

/// Whoever sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody who reaches the loopback address. There is no authentication, so they may whatever a table allows.
    Local,
}

/// What somebody wants to do with rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Read,
    Create,
    Update,
    /// Update, or create where the row is not there.
    Upsert,
    Delete,
}

impl Caller {
    /// `MethodNotAllowed` for what nobody may do with this table.
    pub fn may(self, right: Right, table: &Table) -> Result<()> {
        let Self::Local = self;
        let access = table.access;
        let (verb, allowed) = match right {
            Right::Read => ("read", access.read),
            Right::Create => ("created", access.create),
            Right::Update => ("changed", access.update),
            Right::Upsert => ("created and changed", access.create && access.update),
            Right::Delete => ("deleted", access.delete),
        };
        if allowed {
            return Ok(());
        }
        Err(Error::new(Code::MethodNotAllowed, format!("rows of `{}` cannot be {verb}", table.entity_set)))
    }
}
