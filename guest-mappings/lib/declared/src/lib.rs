//! The component of every mapping that is written as data. It is compiled once and carried inside the host; building
//! such a mapping attaches its description and its plan to this module.
#![forbid(unsafe_code)]

turntable_mapping::export!();
