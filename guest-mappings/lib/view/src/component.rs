//! The component: the same module for every view, which finds its program in its own memory.

use crate::bindings::exports::turntable::mapping::{read, schema};
use crate::program::{PROGRAM, Program};
use crate::table::{describe, rows};

struct Component;

impl schema::Guest for Component {
    /// Nameless, and so refused, if no view is embedded.
    fn describe() -> schema::Mapping {
        describe(&program().unwrap_or_default())
    }
}

impl read::Guest for Component {
    fn rows(request: read::ReadRequest) -> Result<Vec<read::RowBatch>, read::Failure> {
        let program =
            program().ok_or_else(|| read::Failure::Internal("no view is embedded in this component".into()))?;
        rows(&program, &request)
    }
}

fn program() -> Option<Program<'static>> {
    Program::from_bytes(turntable_embedded::part(PROGRAM)?)
}

mod exports {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]

    use super::Component;

    crate::bindings::export_reader!(Component with_types_in crate::bindings);
}
