//! The mappings inside this binary, and the engines of those that are data. The build made a component of each, and wrote
//! beside it what it is, so that its bytes are first looked at when its code is needed.

use super::describe::Description;
use crate::model::error::{Code, Error, Result};
use crate::model::table::Table;

/// A mapping under `guest-mappings/tables/`.
pub struct Shipped {
    /// As it names itself, and its directory is named.
    pub name: &'static str,
    /// `sha256:<hex>` of the component.
    pub digest: &'static str,
    pub component: &'static [u8],
    /// A [`Description`], as postcard writes it.
    description: &'static [u8],
}

// Written by `build.rs`: `SHIPPED`, in the order of their names; `DECLARED` and `VIEW_ENGINE`, the core modules that run
// mappings in YAML and views.
include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

impl Shipped {
    pub fn by_digest(digest: &str) -> Option<&'static Self> {
        SHIPPED.iter().find(|shipped| shipped.digest == digest)
    }

    /// The tables that it has.
    pub fn tables(&self) -> Result<Vec<Table>> {
        Ok(self.description()?.tables)
    }

    /// What the component says of itself, from the build.
    pub(super) fn description(&self) -> Result<Description> {
        postcard::from_bytes(self.description).map_err(|error| {
            let text = format!("the description of the mapping `{}` in this binary cannot be read", self.name);
            Error::new(Code::Internal, text).internal(error.to_string())
        })
    }
}
