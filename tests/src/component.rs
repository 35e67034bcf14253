//! Shipped mappings as bytes, and other versions of them.

use turntable::mapping::build::BUILTIN;

/// The shipped component of a name, `encounter` say.
///
/// # Panics
/// If there is none.
pub fn builtin(name: &str) -> &'static [u8] {
    match BUILTIN.iter().find(|(own, _)| *own == name) {
        Some((_, component)) => component,
        None => panic!("no mapping `{name}` is compiled into the binary"),
    }
}

/// Another version of a shipped mapping: the same component with a text of its data replaced by one of the same length,
/// wherever it stands. No length or offset changes, so the component stays valid, and its digest is another. The label
/// of a choice is a good text: it shows in every row as a formatted value.
///
/// # Panics
/// If the lengths differ or the component does not hold the text.
pub fn with_text(name: &str, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "{from:?} and {to:?} have to be of one length");
    let mut component = builtin(name).to_vec();
    let places: Vec<usize> = component
        .windows(from.len())
        .enumerate()
        .filter_map(|(at, window)| (window == from.as_bytes()).then_some(at))
        .collect();
    assert!(!places.is_empty(), "{from:?} is not in the component of `{name}`");
    for at in places {
        component[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    component
}

/// What a component is called in the admin API: `sha256:…`.
pub fn digest(component: &[u8]) -> String {
    turntable::mapping::inspect::digest(component)
}
