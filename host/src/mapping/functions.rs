//! Compiled functions by what they were compiled from, in memory. Mappings share nearly all of their code: those that
//! are data have one engine, and a new version of a mapping has most functions of the one before.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use wasmtime::CacheStore;

/// What is kept, at most; then it begins anew. A few engines' worth.
const BYTES: usize = 32 << 20;

/// The compiler gives the key, a SHA-256 of the function and of all that it is compiled with, so that no component can
/// name the code of another one's function.
#[derive(Default)]
pub(super) struct Functions(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    code: HashMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.code.get(key).map(|code| Cow::Owned(code.clone()))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = key.len() + code.len();
        if bytes > BYTES {
            return false;
        }
        if kept.bytes + bytes > BYTES {
            *kept = Kept::default();
        }
        kept.bytes += bytes;
        if let Some(before) = kept.code.insert(key.to_vec(), code) {
            kept.bytes -= key.len() + before.len();
        }
        true
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Functions")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let functions = Functions::default();
        assert!(functions.insert(b"a", vec![1; 10]) && functions.insert(b"a", vec![2; 20]));
        assert_eq!(functions.get(b"a").as_deref(), Some(&[2; 20][..]));
        assert_eq!(functions.0.lock().unwrap().bytes, 21);
        assert!(!functions.insert(b"b", vec![0; BYTES]), "more than all room");
        assert!(functions.insert(b"b", vec![0; BYTES - 10]), "the others make room");
        assert!(functions.get(b"a").is_none() && functions.get(b"b").is_some());
        assert!(functions.0.lock().unwrap().bytes <= BYTES);
    }
}
