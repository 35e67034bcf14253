//! Every shipped mapping: agrees with R4's definitions, gives the rows of its samples, keeps the laws for all data at
//! hand. One test for each mapping and matter, named `condition::laws`.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use turntable_mapping::laws::{self, Named, Native};
use turntable_mapping::{definitions, describe, descriptor, samples, testing};
use turntable_mapping_tests::data;
use turntable_mapping_tests::mappings::{Shipped, Source, all};

fn main() -> ExitCode {
    // What a law says goes into the report of its test.
    panic::set_hook(Box::new(|_| {}));
    type Matter = (&'static str, fn(&Shipped) -> Result<(), Failed>);
    const MATTERS: [Matter; 4] = [
        ("definitions", agrees_with_r4),
        ("description", travels_as_bytes),
        ("samples", gives_its_rows),
        ("laws", keeps_the_laws),
    ];
    let mut trials = Vec::new();
    for shipped in all().into_iter().map(Arc::new) {
        for (matter, holds) in MATTERS {
            let shipped = Arc::clone(&shipped);
            trials.push(Trial::test(format!("{}::{matter}", shipped.name), move || holds(&shipped)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Every path, target, code and search parameter is one of FHIR R4; and a file in YAML has no faults.
fn agrees_with_r4(shipped: &Shipped) -> Result<(), Failed> {
    nothing_wrong(shipped.faults())?;
    let faults = shipped.mapping().map(definitions::check).unwrap_or_default();
    nothing_wrong(faults.into_iter().map(|fault| shipped.placed(fault.to_string())).collect())
}

/// What a component is given of a mapping describes the same tables, and gives the same rows where no code takes part.
fn travels_as_bytes(shipped: &Shipped) -> Result<(), Failed> {
    let Some(mapping) = shipped.mapping() else {
        return Err("the file has faults".into());
    };
    let read = descriptor::decode(descriptor::to_bytes(mapping).leak()).map_err(|error| error.to_string())?;
    if format!("{:?}", describe(read)) != format!("{:?}", describe(mapping)) {
        return Err("its description says something else once it is read".into());
    }
    let tables = describe(mapping).tables;
    let is_yaml = matches!(shipped.source, Source::Yaml(_));
    let sources =
        tables.iter().filter(|_| is_yaml).flat_map(|table| table.sources.iter().map(|source| (&table.name, source)));
    for (table, source) in sources {
        for resource in data::resources(&source.resource_type) {
            let rows = |mapping| testing::rows_of(mapping, table, &resource.text);
            if rows(read) != rows(mapping) {
                return Err(format!("{table}: other rows of {}", resource.id).into());
            }
        }
    }
    Ok(())
}

/// The samples give their rows, become what their changes say, and keep the laws.
fn gives_its_rows(shipped: &Shipped) -> Result<(), Failed> {
    let Some(mapping) = shipped.mapping() else {
        return Err("the file has faults".into());
    };
    caught(|| samples::check(mapping, &shipped.samples)).map_err(Failed::from)
}

/// The laws hold for all data at hand, and there is some.
fn keeps_the_laws(shipped: &Shipped) -> Result<(), Failed> {
    let Some(mapping) = shipped.mapping() else {
        return Err("the file has faults".into());
    };
    let Some(folder) = data::folder() else {
        return skip("there is no FHIR data at hand");
    };
    let tables = describe(mapping).tables;
    let mut types: Vec<_> =
        tables.iter().flat_map(|table| &table.sources).map(|source| &source.resource_type).collect();
    types.sort();
    types.dedup();
    let resources: Vec<_> = types.into_iter().flat_map(|kind| data::resources(kind)).collect();
    let names: Vec<_> = resources
        .iter()
        .map(|resource| {
            let file = resource.file.strip_prefix(&folder).unwrap_or(&resource.file);
            format!("{}, {}", file.display(), resource.id)
        })
        .collect();
    let named = names.iter().zip(&resources).map(|(name, resource)| Named { name, text: &resource.text });
    let report = laws::check(&Native(mapping), &named.collect::<Vec<_>>(), None);
    nothing_wrong(report.violations.iter().map(ToString::to_string).collect())
}

fn caught(check: impl FnOnce()) -> Result<(), String> {
    panic::catch_unwind(AssertUnwindSafe(check)).map_err(|payload| said(&*payload))
}

/// What a panic said.
fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The first faults; more of them mostly say the same.
fn nothing_wrong(faults: Vec<String>) -> Result<(), Failed> {
    const SHOWN: usize = 40;
    if faults.is_empty() {
        return Ok(());
    }
    let more = faults.len().saturating_sub(SHOWN);
    let shown: Vec<_> = faults.into_iter().take(SHOWN).map(|fault| cut(&fault)).collect();
    let more = if more > 0 { format!("\n… and {more} more") } else { String::new() };
    Err(format!("{}{more}", shown.join("\n")).into())
}

/// A law shows the whole resource; of a large one the start does.
fn cut(fault: &str) -> String {
    const LONGEST: usize = 2_000;
    match fault.get(..fault.floor_char_boundary(LONGEST)) {
        Some(start) if start.len() < fault.len() => format!("{start}…"),
        _ => fault.to_owned(),
    }
}

#[expect(clippy::print_stderr, clippy::unnecessary_wraps, reason = "a skipped test says so, and is no failure")]
fn skip(why: &str) -> Result<(), Failed> {
    eprintln!("skipped: {why}");
    Ok(())
}
