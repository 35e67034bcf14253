//! The contract in `wit/mapping.wit`, as Rust: generated here once, so that a mapping crate needs neither
//! the generator nor unsafe code of its own.
#![allow(missing_docs, unused_lifetimes, unreachable_pub, clippy::all, reason = "generated")]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "mapper",
    pub_export_macro: true,
    export_macro_name: "export_mapper",
    default_bindings_module: "turntable_mapping::bindings",
    generate_all,
});
