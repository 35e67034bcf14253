//! Every shipped mapping: agrees with R4's definitions, gives the rows of its samples, keeps the laws for all data at
//! hand, and withstands damage done to it. One test for each mapping and matter, named `condition::laws`.
//!
//! `TURNTABLE_MUTATIONS=100000` asks for so many damaged resources of each type instead of the usual few;
//! `TURNTABLE_SEED` repeats a run that failed, which says its seed.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use turntable_laws::{self as laws, Law, Named, Native, definitions, samples, testing};
use turntable_mapping::{Mapping, describe, descriptor};
use turntable_mapping_tests::damage::{Random, damaged, number};
use turntable_mapping_tests::data::{self, request};
use turntable_mapping_tests::mappings::{Shipped, Source, all};
use turntable_plan::{rows, rows_by_definition};

fn main() -> ExitCode {
    // What a law says goes into the report of its test.
    panic::set_hook(Box::new(|_| {}));
    type Matter = (&'static str, fn(&Shipped) -> Result<(), Failed>);
    const MATTERS: [Matter; 5] = [
        ("definitions", agrees_with_r4),
        ("description", travels_as_bytes),
        ("samples", gives_its_rows),
        ("laws", keeps_the_laws),
        ("damage", withstands_damage),
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

/// The laws hold for all data at hand, and there is some of each type.
fn keeps_the_laws(shipped: &Shipped) -> Result<(), Failed> {
    let Some(mapping) = shipped.mapping() else {
        return Err("the file has faults".into());
    };
    let tables = describe(mapping).tables;
    let mut types: Vec<_> =
        tables.iter().flat_map(|table| &table.sources).map(|source| &source.resource_type).collect();
    types.sort();
    types.dedup();
    if let Some(kind) = types.iter().find(|kind| data::resources(kind).is_empty()) {
        return Err(format!("tests/corpus has no {kind}").into());
    }
    let resources: Vec<_> = types.into_iter().flat_map(|kind| data::resources(kind)).collect();
    let names: Vec<_> = resources.iter().map(|resource| format!("{}, {}", resource.file, resource.id)).collect();
    let named = names.iter().zip(&resources).map(|(name, resource)| Named { name, text: &resource.text });
    let report = laws::check(&Native(mapping), &named.collect::<Vec<_>>(), None);
    nothing_wrong(report.violations.iter().map(ToString::to_string).collect())
}

/// For damaged resources of its types the plan gives the rows and issues of the definition, writing what is shown
/// changes nothing, and, for some of them, what is written is shown.
fn withstands_damage(shipped: &Shipped) -> Result<(), Failed> {
    /// Resources of a call.
    const CALL: usize = 20;
    /// One call in so many is held to the law that takes most time.
    const WRITTEN: usize = 25;
    let Some(mapping) = shipped.mapping() else {
        return Err("the file has faults".into());
    };
    let seed = number("TURNTABLE_SEED", u64::from(std::process::id()));
    let count = usize::try_from(number("TURNTABLE_MUTATIONS", 100))?;
    let tables = describe(mapping).tables;
    let mut types: Vec<_> =
        tables.iter().flat_map(|table| &table.sources).map(|source| source.resource_type.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    for kind in types {
        let tables = tables.iter().filter(|table| table.sources.iter().any(|source| source.resource_type == kind));
        let tables: Vec<_> = tables.map(|table| (table.name.as_str(), table.columns.len())).collect();
        let own = samples::resources(&shipped.samples, |other| other == kind);
        let texts: Vec<_> = own.iter().map(|(_, text)| text.as_str()).collect();
        let texts = [texts, data::resources(kind).iter().map(|resource| resource.text.as_str()).collect()].concat();
        let mut random = Random::new(seed, &format!("{} {kind}", shipped.name));
        for call in 0..count.div_ceil(CALL) * usize::from(!texts.is_empty()) {
            let damaged: Vec<_> = (0..CALL.min(count - call * CALL))
                .map(|_| damaged(texts[random.below(texts.len())].as_bytes(), &mut random))
                .collect();
            let law = if call % WRITTEN == 0 { &[Law::GetPut, Law::PutGet][..] } else { &[Law::GetPut] };
            caught(|| holds_for(mapping, &tables, law, &damaged))
                .and_then(|held| held)
                .map_err(|what| format!("{kind}, TURNTABLE_SEED={seed} TURNTABLE_MUTATIONS={count}: {what}"))?;
        }
    }
    Ok(())
}

/// What of a few resources does not hold, with the resource: it is made of test data.
fn holds_for(
    mapping: &'static Mapping,
    tables: &[(&str, usize)],
    laws: &[Law],
    resources: &[Vec<u8>],
) -> Result<(), String> {
    for (table, columns) in tables {
        let same = |resources: &[Vec<u8>]| {
            let request = request(table, (0..).take(*columns).collect(), resources);
            let (planned, defined) = (rows(mapping, &request), rows_by_definition(mapping, &request));
            format!("{planned:?}") == format!("{defined:?}")
        };
        if !same(resources) {
            let differs = resources.iter().find(|resource| !same(std::slice::from_ref(resource)));
            let differs = differs.map_or("several at once".into(), |resource| String::from_utf8_lossy(resource));
            return Err(format!("{table}: the plan gives other rows or issues than the definition of {differs}"));
        }
    }
    for text in resources.iter().filter_map(|resource| std::str::from_utf8(resource).ok()) {
        let named = Named { name: "a damaged resource", text };
        if let Some(violation) = laws::check_some(&Native(mapping), laws, &[named]).first() {
            return Err(format!("{violation}: {text}"));
        }
    }
    Ok(())
}

fn caught<T>(check: impl FnOnce() -> T) -> Result<T, String> {
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
