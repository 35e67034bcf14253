//! The types of `wit/mapping.wit` as Rust, and the contract itself in binary form to check components against.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "mapper",
    ownership: Borrowing { duplicate_if_necessary: true },
    include_component_type: true,
});
