//! Mappings to components: [`compile`] runs cargo on a mapping crate, [`componentize`] makes a component of the core
//! module that comes of it, with the mapping's plan embedded, and [`declare`] makes one of a mapping that is data, without
//! a compiler. The author's [`Sample`]s go with it. Errors are texts for the mapping's author.

mod cargo;
mod embed;
mod samples;

use turntable_embedded::{DESCRIPTION, PLAN};
use turntable_mapping::{Mapping, descriptor};
use wit_component::{ComponentEncoder, metadata};

pub use cargo::{Settings, compile};
use embed::{custom_section, embed};
pub use samples::{SAMPLES_SECTION, Sample, put_samples, read_samples};

/// Makes a component of a core module that `wit-bindgen` built. The error is for the module's author.
pub fn componentize(core_module: &[u8], samples: &[Sample]) -> Result<Vec<u8>, String> {
    let planned = plan(core_module)?;
    encode(planned.as_deref().unwrap_or(core_module), samples)
}

/// Makes a component of a mapping that is data: of `engine`, the core module of `guest-mappings/lib/declared`, with the
/// mapping's description and its plan embedded.
pub fn declare(engine: &[u8], mapping: &'static Mapping, samples: &[Sample]) -> Result<Vec<u8>, String> {
    fill(engine, &[(PLAN, &turntable_plan::make(mapping)), (DESCRIPTION, &descriptor::to_bytes(mapping))], samples)
}

/// Makes a component of an engine, a core module that runs what is embedded in it, and the parts that it is to run, each
/// with its tag.
pub fn fill(engine: &[u8], parts: &[(&[u8; 4], &[u8])], samples: &[Sample]) -> Result<Vec<u8>, String> {
    let module = embed(engine, parts, descriptor::SECTION)?;
    encode(&module.ok_or("the engine has no place for what it is to run")?, samples)
}

fn encode(core_module: &[u8], samples: &[Sample]) -> Result<Vec<u8>, String> {
    let refused = |error: String| format!("this module is no mapping: {error}");
    let (stripped, _) = metadata::decode(core_module).map_err(|error| refused(format!("{error:#}")))?;
    if stripped.is_none() {
        return Err(refused("it does not say what component it could be (wit-bindgen writes that into it)".into()));
    }
    let mut component = ComponentEncoder::default()
        .validate(true)
        .module(core_module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| refused(format!("{error:#}")))?;
    put_samples(&mut component, samples)?;
    Ok(component)
}

/// The module with the plan of its mapping embedded, if it says what its mapping is: it reads as well without one, but
/// slower.
fn plan(core_module: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let Some(mapping) = described(core_module)? else { return Ok(None) };
    embed(core_module, &[(PLAN, &turntable_plan::make(mapping))], descriptor::SECTION)
}

/// What the mapping in a core module is, if the module says so.
pub fn described(core_module: &[u8]) -> Result<Option<&'static Mapping>, String> {
    let Some(description) = custom_section(core_module, descriptor::SECTION) else { return Ok(None) };
    // What is decoded borrows from it for ever; a build does this once a mapping.
    descriptor::decode(description.to_vec().leak()).map(Some).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_a_world_is_none() {
        assert!(componentize(b"\0asm\x01\0\0\0", &[]).unwrap_err().starts_with("this module is no mapping"));
    }
}
