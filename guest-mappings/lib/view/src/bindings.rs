//! The contract in `wit/mapping.wit`, as Rust: the world of a mapping that only reads.
#![allow(missing_docs, unused_lifetimes, unreachable_pub, clippy::all, reason = "generated")]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "reader",
    pub_export_macro: true,
    export_macro_name: "export_reader",
    default_bindings_module: "turntable_view::bindings",
    generate_all,
});
