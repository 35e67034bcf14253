//! From a const mapping to the exports of a component.

use crate::bindings::exports::turntable::mapping::{read, schema, write};
use crate::table::Mapping;

/// Makes a crate a component: `turntable_mapping::export!(MAPPING);`. Outside wasm it does nothing, so that
/// several mappings can be linked into one test.
///
/// Without a mapping, `export!()`, the component is one for the mapping that its build attaches.
#[macro_export]
macro_rules! export {
    ($mapping:expr) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;
            impl $crate::Export for Component {
                fn mapping() -> &'static $crate::Mapping {
                    const { &$mapping }
                }
            }
            // For the build, which makes a plan of it and attaches that. No part of the program.
            #[unsafe(link_section = "turntable:mapping")]
            #[used]
            static DESCRIPTOR: [u8; $crate::descriptor::size(&$mapping)] = $crate::descriptor::encode(&$mapping);
    $crate::bindings::export_mapper!(Component with_types_in $crate::bindings);
        };
    };
    () => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;
            impl $crate::Export for Component {
                fn mapping() -> &'static $crate::Mapping {
                    $crate::descriptor::attached()
                }

                fn family(table: &str) -> &'static $crate::Mapping {
                    $crate::descriptor::attached_family(table)
                }
            }
    $crate::bindings::export_mapper!(Component with_types_in $crate::bindings);
        };
    };
}

/// What [`export!`] implements; the generated traits follow from it.
pub trait Export {
    fn mapping() -> &'static Mapping;

    /// Of the mapping what a call about a table needs: the table, and those that it is a child of. Reading with a plan
    /// does not ask for it.
    fn family(_table: &str) -> &'static Mapping {
        Self::mapping()
    }
}

impl<T: Export> schema::Guest for T {
    fn describe() -> schema::Mapping {
        crate::describe(T::mapping())
    }
}

impl<T: Export> read::Guest for T {
    fn rows(request: read::ReadRequest) -> Result<Vec<read::RowBatch>, read::Failure> {
        crate::rows_declared(T::family, &request)
    }
}

impl<T: Export> write::Guest for T {
    fn resource(
        table: String,
        changes: Vec<write::Change>,
    ) -> Result<Vec<Result<write::FhirRequest, Vec<write::Issue>>>, write::Failure> {
        crate::resources(T::family(&table), &table, &changes)
    }
}
