//! Shipped mappings as bytes, and other versions of them.

use std::path::Path;
use std::sync::OnceLock;

use turntable::cli::mapping::build;
use turntable::mapping::shipped::SHIPPED;

/// The shipped component of a name, `encounter` say.
///
/// # Panics
/// If there is none.
pub fn builtin(name: &str) -> &'static [u8] {
    match SHIPPED.iter().find(|shipped| shipped.name == name) {
        Some(shipped) => shipped.component,
        None => panic!("no mapping `{name}` is compiled into the binary"),
    }
}

/// Another version of a shipped mapping: the same component with a text of its data replaced by one of the same length,
/// wherever it stands. No length or offset changes, so the component stays valid, and its digest is another. The label
/// of a choice is a good text: it shows in every row as a formatted value. The plan that was made of its paths is hidden,
/// so that a path that is changed here is the one that is read by.
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
    hide_plan(&mut component);
    component
}

/// A component without its samples, for a version that no longer gives their rows.
///
/// # Panics
/// If it has none.
pub fn without_samples(mut component: Vec<u8>) -> Vec<u8> {
    // They are the last section: a zero, the section's size, the length of its name, its name, its content.
    let name = b"\x11turntable:samples";
    let at = component.windows(name.len()).rposition(|window| window == name).expect("samples");
    let digits = (usize::BITS - (component.len() - at).leading_zeros()).div_ceil(7) as usize;
    component.truncate(at - digits - 1);
    component
}

/// Gives the attached plan (its tag, its length, its bytes) a tag that nobody asks for.
fn hide_plan(component: &mut [u8]) {
    const TAG: &[u8] = b"PLAN";
    for at in 0..component.len().saturating_sub(8) {
        let length = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or_default() as usize;
        if &component[at..at + 4] == TAG && (1_000..component.len()).contains(&length(&component[at + 4..at + 8])) {
            component[at..at + 4].copy_from_slice(b"NONE");
        }
    }
}

/// What a component is called in the admin API: `sha256:…`.
pub fn digest(component: &[u8]) -> String {
    turntable::mapping::inspect::digest(component)
}

/// A mapping in YAML as a component, which has this resource as its sample.
///
/// # Panics
/// If it cannot be built.
pub fn of_yaml(sample: &str, yaml: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| directory.path().join(name);
    std::fs::create_dir(file("samples")).expect("a directory");
    std::fs::write(file("samples/p.json"), sample).expect("written");
    std::fs::write(file("mapping.yaml"), yaml).expect("written");
    let built = build::build(&file("mapping.yaml"), Some(&file("built.wasm"))).expect("it compiles");
    std::fs::read(built).expect("read")
}

/// The mapping that misbehaves (`tests/hostile`), marked with how; one that the gate lets in.
///
/// # Panics
/// If it cannot be built.
pub fn hostile(how: &str) -> Vec<u8> {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    let component = COMPONENT.get_or_init(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile");
        let file = build::build(&directory, None).unwrap_or_else(|e| panic!("{e} {:?}", e.get_details()));
        std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    });
    // Its sample is of another type, and not one that the gate takes.
    let mut component = component.clone();
    replace_last(&mut component, "DESCRIBE:honest                 ", &format!("DESCRIBE:{how:<23}"));
    replace_last(&mut component, "[]}]", "{}}]");
    component
}

/// The last of a text's places.
fn replace_last(component: &mut [u8], from: &str, to: &str) {
    let at = component.windows(from.len()).rposition(|window| window == from.as_bytes()).expect("the text");
    component[at..at + to.len()].copy_from_slice(to.as_bytes());
}
