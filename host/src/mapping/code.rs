//! A component's code. It is compiled, or found compiled, when a call first needs it, and then kept: of all mappings in
//! force most servers use a few.

use std::{
    borrow::Cow,
    sync::{Mutex, OnceLock, PoisonError},
};

use wasmtime::component::InstancePre;

use super::{
    contract::exports::turntable::mapping::{read, schema, write},
    sandbox::{Call, Sandbox, cut},
};
use crate::model::error::{Code, Error, Result};

/// Gives the bytes of a component: they may be megabytes, and are not held for a call that may never come.
pub(crate) type Fetch = Box<dyn Fn() -> Result<Cow<'static, [u8]>> + Send + Sync>;

/// The code, and where in it the functions stand, found once.
pub(super) struct Guest {
    pub(super) program: InstancePre<Call>,
    pub(super) schema: schema::GuestIndices,
    pub(super) read: read::GuestIndices,
    pub(super) write: Option<write::GuestIndices>,
}

impl Guest {
    /// Of an inspected component, whose bytes are asked for only if it is not found compiled. `writes`: it exports the
    /// interface for it.
    pub(super) fn new<'c>(
        sandbox: &Sandbox,
        digest: &str,
        writes: bool,
        component: impl FnOnce() -> Result<Cow<'c, [u8]>>,
    ) -> Result<Self> {
        let program = sandbox.program(digest, component)?;
        let found = |error: wasmtime::Error| {
            Error::new(Code::ComponentRefused, "the component's functions cannot be found")
                .internal(cut(&error.to_string()))
        };
        Ok(Self {
            schema: schema::GuestIndices::new(&program).map_err(found)?,
            read: read::GuestIndices::new(&program).map_err(found)?,
            write: if writes { Some(write::GuestIndices::new(&program).map_err(found)?) } else { None },
            program,
        })
    }
}

/// A [`Guest`] that is here, or can be had.
pub(super) struct Lazy {
    made: OnceLock<Result<Guest>>,
    /// Held by the one who makes it.
    making: Mutex<()>,
    /// None where it is made already.
    component: Option<Fetch>,
}

impl Lazy {
    pub(super) fn made(guest: Guest) -> Self {
        Self { made: OnceLock::from(Ok(guest)), making: Mutex::default(), component: None }
    }

    pub(super) fn later(component: Fetch) -> Self {
        Self { made: OnceLock::new(), making: Mutex::default(), component: Some(component) }
    }

    /// The code; the first to ask makes it, and holds its thread for tenths of a second, as do others who ask meanwhile.
    /// What is wrong with the component itself (`ComponentRefused`) stays wrong; anything else is tried again.
    pub(super) fn get(&self, make: impl FnOnce(&Fetch) -> Result<Guest>) -> Result<&Guest> {
        if self.made.get().is_none() {
            let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
            if let (None, Some(component)) = (self.made.get(), &self.component) {
                match make(component) {
                    Err(error) if error.code() != Code::ComponentRefused => return Err(error),
                    // Nobody else sets it while this lock is held.
                    made => drop(self.made.set(made)),
                }
            }
        }
        let made = self.made.get().ok_or_else(|| Error::new(Code::Internal, "a mapping has neither code nor bytes"))?;
        made.as_ref().map_err(Error::clone)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn nothing() -> Lazy {
        Lazy::later(Box::new(|| Ok(Cow::Borrowed(&[]))))
    }

    #[test]
    fn many_who_ask_at_once_make_it_once() {
        let (lazy, made) = (nothing(), AtomicUsize::new(0));
        let make = |_: &Fetch| {
            made.fetch_add(1, Relaxed);
            thread::sleep(Duration::from_millis(20));
            Err(Error::new(Code::ComponentRefused, "no good"))
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(lazy.get(make).err().map(|e| e.code()), Some(Code::ComponentRefused)));
            }
        });
        assert_eq!(made.load(Relaxed), 1, "and that it is no good is remembered");
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let (lazy, made) = (nothing(), AtomicUsize::new(0));
        let busy = |_: &Fetch| {
            made.fetch_add(1, Relaxed);
            Err(Error::new(Code::Busy, "the database is busy"))
        };
        for _ in 0..2 {
            assert_eq!(lazy.get(busy).err().map(|e| e.code()), Some(Code::Busy));
        }
        assert_eq!(made.load(Relaxed), 2);
    }
}
