//! `turntable mapping test`: the samples give their rows, changes give their resources, the laws hold, the paths are
//! R4's. For people, as JSON, or as JUnit.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;
use turntable_componentize::{Sample, read_samples};
use turntable_laws::sample::{self, Fault};
use turntable_laws::{self as laws, Law, Named, Subject, samples};
use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;

use super::source::{self, Opened, refused};
use crate::cli::terminal::say;
use crate::mapping::subject::sample_of;
use crate::model::error::{Code, Error, Result};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Junit,
    Json,
}

/// Names that a list for people has.
const LISTED_MOST: usize = 20;

/// What is to be tested, and how.
pub struct Options {
    pub path: PathBuf,
    /// More resources for the laws: JSON files, alone or in bundles.
    pub bundles: Option<PathBuf>,
    pub report: Option<Format>,
    /// Write the rows and the resources after a change anew.
    pub bless: bool,
}

/// One thing that was looked at.
struct Case {
    name: String,
    /// What is wrong, one line each; none = passed.
    faults: Vec<String>,
    /// Against a file of the author's, which `--bless` writes.
    golden: bool,
}

impl Case {
    fn new(name: impl Into<String>, faults: Vec<String>) -> Self {
        Self { name: name.into(), faults, golden: false }
    }

    fn golden(name: String, faults: &[Fault]) -> Self {
        Self { name, faults: faults.iter().map(Fault::to_string).collect(), golden: true }
    }
}

pub fn test(options: &Options) -> Result<()> {
    let mut opened = source::open(&options.path)?;
    if options.bless {
        bless(&mut opened)?;
    }
    let schema = opened.mapping.describe();
    let more = options.bundles.as_deref().map(|folder| resources(&schema, folder)).transpose()?.unwrap_or_default();
    let [wrong_targets, _] = opened.targets()?;
    let mut cases = vec![Case::new("definitions", [opened.faults(), wrong_targets].concat())];
    let (more_cases, report) = judged(&opened.mapping, &opened.samples, &more);
    cases.extend(more_cases);
    match options.report {
        Some(Format::Json) => say(format!("{:#}", as_json(&opened, &cases, &report))),
        Some(Format::Junit) => say(as_junit(&opened, &cases).trim_end()),
        None => show(&opened, &cases, &report),
    }
    let failed = cases.iter().filter(|case| !case.faults.is_empty()).count();
    if failed == 0 {
        return Ok(());
    }
    let error = Error::new(Code::ComponentRefused, format!("{failed} of {} failed", cases.len()));
    if cases.iter().any(|case| case.golden && !case.faults.is_empty()) {
        return Err(
            error.hint("If the new rows are right, --bless writes them: read the difference before you commit it.")
        );
    }
    Err(error)
}

/// The samples, and the laws over their resources and more.
fn judged(subject: &dyn Subject, samples: &[Sample], more: &[(String, String)]) -> (Vec<Case>, laws::Report) {
    let schema = subject.describe();
    let samples: Vec<_> = samples.iter().map(sample_of).collect();
    let mut cases = Vec::new();
    for one in &samples {
        if one.resource.is_some() && one.rows.is_some() {
            let faults = sample::check_rows(subject, &schema, one);
            cases.push(Case::golden(format!("{} rows", one.name), &faults));
        }
        if one.change.is_some() && one.after.is_some() {
            let faults = sample::check_change(subject, &schema, one, &samples);
            cases.push(Case::golden(format!("{} change", one.name), &faults));
        }
    }
    let own = samples.iter().filter_map(|sample| Some(Named { name: sample.name, text: sample.resource? }));
    let more = more.iter().map(|(name, text)| Named { name, text });
    let report = laws::check(subject, &own.chain(more).collect::<Vec<_>>(), None);
    for law in Law::ALL {
        let broken = report.violations.iter().filter(|violation| violation.law == law);
        cases.push(Case::new(format!("law {}", law.name()), broken.map(ToString::to_string).collect()));
    }
    if report.resources == 0 {
        cases.push(Case::new("samples", vec!["there is no resource to test with".to_owned()]));
    }
    (cases, report)
}

/// The resources of the mapping's types in all JSON files below a folder, of those that look the same the first.
pub(super) fn resources(schema: &wit::Mapping, folder: &Path) -> Result<Vec<(String, String)>> {
    if !folder.is_dir() {
        return Err(refused(format!("there is no folder {}", folder.display())));
    }
    let takes =
        |kind: &str| schema.tables.iter().flat_map(|table| &table.sources).any(|source| source.resource_type == kind);
    Ok(samples::resources(folder, takes))
}

/// Writes rows and resources-after as they now are, and takes them for what is expected.
fn bless(opened: &mut Opened) -> Result<()> {
    let Some(folder) = opened.samples_dir.clone() else {
        return Err(refused("a component's samples cannot be renewed").hint("Give the crate or the YAML file."));
    };
    let schema = opened.mapping.describe();
    let samples: Vec<_> = opened.samples.iter().map(sample_of).collect();
    for sample in &samples {
        if let Some(resource) = sample.resource {
            let text = sample::rows_text(&opened.mapping, &schema, resource).map_err(refused)?;
            write(&folder.join(format!("{}.rows.json", sample.name)), &text)?;
        }
        if sample.change.is_some() {
            let text = sample::after_change(&opened.mapping, &schema, sample, &samples).map_err(refused)?;
            write(&folder.join(format!("{}.after.json", sample.name)), &text)?;
        }
    }
    opened.samples = read_samples(&folder).map_err(refused)?;
    Ok(())
}

pub(super) fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(|error| refused(format!("{}: {error}", file.display())))
}

fn show(opened: &Opened, cases: &[Case], report: &laws::Report) {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let paint = |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    for case in cases {
        let mark = if case.faults.is_empty() { paint("32", "ok    ") } else { paint("1;31", "FAILED") };
        say(format!("{mark} {}", case.name));
        for fault in &case.faults {
            say(match fault.split_once(": - ").and_then(|(place, rest)| Some((place, rest.split_once(" + ")?))) {
                Some((place, (wanted, got))) => format!(
                    "       {place}\n         {}\n         {}",
                    paint("31", &format!("- {wanted}")),
                    paint("32", &format!("+ {got}"))
                ),
                None => format!("       {fault}"),
            });
        }
    }
    for (what, names) in [
        ("no column reads", &report.unread),
        ("null in every row", &report.unfilled),
        ("nothing writes", &report.unwritten),
    ] {
        listed(what, names).into_iter().for_each(say);
    }
    let failed = cases.iter().filter(|case| !case.faults.is_empty()).count();
    let (name, version, resources) = (&opened.mapping.name, &opened.mapping.version, report.resources);
    say(format!("{name} {version}: {} passed, {failed} failed, over {resources} resources", cases.len() - failed));
}

/// One name a line, of many the first.
fn listed(what: &str, names: &BTreeSet<String>) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("{what} ({}):", names.len())];
    lines.extend(names.iter().take(LISTED_MOST).map(|name| format!("       {name}")));
    if names.len() > LISTED_MOST {
        lines.push(format!("       and {} more: --json has all", names.len() - LISTED_MOST));
    }
    lines
}

fn as_json(opened: &Opened, cases: &[Case], report: &laws::Report) -> serde_json::Value {
    let cases =
        cases.iter().map(|case| json!({"name": case.name, "passed": case.faults.is_empty(), "faults": case.faults}));
    json!({
        "name": opened.mapping.name,
        "version": opened.mapping.version,
        "resources": report.resources,
        "cases": cases.collect::<Vec<_>>(),
        "unread": report.unread,
        "unfilled": report.unfilled,
        "unwritten": report.unwritten,
    })
}

fn as_junit(opened: &Opened, cases: &[Case]) -> String {
    let failed = cases.iter().filter(|case| !case.faults.is_empty()).count();
    let suite = escaped(&opened.mapping.name);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failed}\">", cases.len());
    for case in cases {
        let name = escaped(&case.name);
        if case.faults.is_empty() {
            let _ = writeln!(text, "  <testcase classname=\"{suite}\" name=\"{name}\"/>");
        } else {
            let (first, all) = (escaped(&case.faults[0]), escaped(&case.faults.join("\n")));
            let _ = writeln!(
                text,
                "  <testcase classname=\"{suite}\" name=\"{name}\"><failure message=\"{first}\">{all}</failure></testcase>"
            );
        }
    }
    text.push_str("</testsuite>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::sandbox::Sandbox;
    use crate::mapping::shipped::{SHIPPED, Shipped};
    use crate::model::limits::Limits;

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let names = |count: usize| (10..10 + count).map(|at| format!("Flag.a{at}")).collect::<BTreeSet<_>>();
        assert_eq!(listed("no column reads", &names(0)), Vec::<String>::new());
        let two = ["no column reads (2):", "       Flag.a10", "       Flag.a11"];
        assert_eq!(listed("no column reads", &names(2)), two);
        let many = listed("no column reads", &names(LISTED_MOST + 3));
        assert_eq!(many.len(), LISTED_MOST + 2);
        assert_eq!(many.last().map(String::as_str), Some("       and 3 more: --json has all"));
    }

    #[test]
    fn every_shipped_mapping_passes() {
        // Components that several tests compile at once: time is not what is tested here.
        let limits = Limits { mapping_ms: 60_000, ..Limits::default() };
        let sandbox = Sandbox::new(&limits, None).expect("the sandbox starts");
        for Shipped { name, component, .. } in SHIPPED {
            let mapping = sandbox.load(component).unwrap_or_else(|error| panic!("{name}: {error}"));
            let (cases, report) = judged(&mapping, &mapping.samples, &[]);
            let failed = cases.iter().flat_map(|case| case.faults.iter().map(move |fault| (&case.name, fault)));
            assert_eq!(failed.collect::<Vec<_>>(), [], "{name}");
            assert!(report.resources > 0 && cases.len() > Law::ALL.len(), "{name} has no samples");
        }
    }
}
