//! The component: the same module for every view, which finds its program in its own memory.

use crate::bindings::exports::turntable::mapping::{read, schema};
use crate::bindings::turntable::mapping::host::{Level, log};
use crate::{PROGRAM, Program, describe, rows};

// The SDK's, without the rest of it: a module that had the SDK's bindings would claim to write.
#[path = "../../sdk/src/attached.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for the SDK, which offers more of it")]
mod attached;

struct Component;

impl schema::Guest for Component {
    /// Nameless, and so refused, if no view is attached.
    fn describe() -> schema::Mapping {
        describe(&program().unwrap_or_default())
    }
}

impl read::Guest for Component {
    fn rows(request: read::ReadRequest) -> Result<Vec<read::RowBatch>, read::Failure> {
        let program =
            program().ok_or_else(|| read::Failure::Internal("no view is attached to this component".into()))?;
        rows(&program, &request)
    }
}

fn program() -> Option<Program<'static>> {
    Program::from_bytes(attached::part(PROGRAM)?)
}

mod exports {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]

    use super::Component;

    crate::bindings::export_reader!(Component with_types_in crate::bindings);
}
