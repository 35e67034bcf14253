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
        report_panics();
        describe(&program().unwrap_or_default())
    }
}

impl read::Guest for Component {
    fn rows(request: read::ReadRequest) -> Result<read::RowBatch, read::Failure> {
        report_panics();
        let program =
            program().ok_or_else(|| read::Failure::Internal("no view is attached to this component".into()))?;
        rows(&program, &request)
    }
}

fn program() -> Option<Program<'static>> {
    Program::from_bytes(attached::part(PROGRAM)?)
}

/// A panic traps; this says first where it was. Its message may hold data and is left out.
fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("panic at {}:{}", at.file(), at.line()));
        log(Level::Error, &place.unwrap_or_else(|| "panic".to_owned()));
    }));
}

mod exports {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]

    use super::Component;

    crate::bindings::export_reader!(Component with_types_in crate::bindings);
}
