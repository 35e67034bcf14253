//! `turntable mapping new`: a mapping of a resource type that builds and passes its test at once. Its columns are what
//! R4's definitions say of the type, its sample is made for them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use turntable_laws::{Native, Subject, sample};
use turntable_r4::{Element, ElementType, Parameter, Strength, r4};

use super::source::refused;
use super::test::write;
use crate::cli::terminal::say;
use crate::model::error::{Code, Error, Result};

/// What is to be made.
pub struct Options {
    /// A directory that does not exist yet; its last part names the mapping.
    pub path: PathBuf,
    pub resource: String,
    pub yaml: bool,
    /// Where the SDK's source is, for a crate.
    pub sdk: Option<PathBuf>,
}

/// Columns beside key, version and time: a screenful to start from.
const COLUMNS: usize = 16;
/// A choice with more options is better a concept.
const OPTIONS: usize = 24;

/// Entity sets that references point to.
#[rustfmt::skip]
const SETS: &[(&str, &str)] = &[
    ("Patient", "contacts"), ("Practitioner", "contacts"), ("RelatedPerson", "contacts"),
    ("Organization", "accounts"), ("Encounter", "msemr_encounters"), ("Location", "msemr_locations"),
    ("Observation", "msemr_observations"), ("AllergyIntolerance", "msemr_allergyintolerances"),
];

/// One column, in either language.
struct Line {
    name: String,
    label: String,
    kind: &'static str,
    path: String,
    /// Name of the option set and its codes with their labels.
    options: Option<(String, Vec<(String, String)>)>,
    targets: Vec<(&'static str, &'static str)>,
    /// Kind and name of the parameter, and its flag.
    search: Option<(&'static str, &'static str, Option<&'static str>)>,
}

pub fn new(options: &Options) -> Result<()> {
    let resource = options.resource.as_str();
    if !r4().is_resource(resource) {
        let text = format!("R4 has no resource type {resource}{}", r4().suggest_resource(resource));
        return Err(Error::new(Code::BadRequest, text));
    }
    if options.path.exists() {
        return Err(Error::new(Code::BadRequest, format!("{} is there already", options.path.display())));
    }
    let name = options.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Err(Error::new(Code::BadRequest, format!("{name} cannot name a mapping"))
            .hint("A name is small letters and digits: it names the table tt_NAME."));
    }
    let mut sample = Map::new();
    sample.insert("resourceType".into(), json!(resource));
    sample.insert("id".into(), json!("example-1"));
    sample.insert("meta".into(), json!({"versionId": "1", "lastUpdated": "2024-05-01T08:30:00Z"}));
    let lines = lines(resource, &mut sample);
    let yaml = yaml(name, resource, &lines);

    let directory = &options.path;
    if options.yaml {
        make(directory)?;
        write(&directory.join("mapping.yaml"), &yaml)?;
    } else {
        let sdk = sdk(options.sdk.as_deref())?;
        make(&directory.join("src"))?;
        write(&directory.join("Cargo.toml"), &manifest(name, &sdk))?;
        write(&directory.join("src/lib.rs"), &rust(name, resource, &lines))?;
        // The versions that the SDK was built with.
        let lock = sdk.join("../../../Cargo.lock");
        if lock.is_file() {
            fs::copy(&lock, directory.join("Cargo.lock"))
                .map_err(|error| refused(format!("{}: {error}", lock.display())))?;
        }
    }
    let samples = directory.join("samples");
    make(&samples)?;
    let text = format!("{:#}\n", Value::Object(sample));
    let mapping = turntable_mapping_yaml::read(&yaml, "mapping.yaml")
        .map_err(|faults| refused(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let native = Native(mapping);
    write(&samples.join("example.json"), &text)?;
    let rows = sample::rows_text(&native, &native.describe(), &text).map_err(refused)?;
    write(&samples.join("example.rows.json"), &rows)?;

    let what = if options.yaml { "mapping.yaml" } else { "src/lib.rs" };
    say(format!("{}: {} columns of {resource}, and a sample", directory.join(what).display(), lines.len() + 3));
    say(format!("  turntable mapping test {}", directory.display()));
    Ok(())
}

fn make(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(|error| refused(format!("{}: {error}", directory.display())))
}

/// The SDK's folder: what was said, or where this program's own source is.
fn sdk(said: Option<&Path>) -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-mappings/lib/sdk");
    let folder = said.map_or(own, Path::to_owned);
    folder.canonicalize().ok().filter(|folder| folder.join("Cargo.toml").is_file()).ok_or_else(|| {
        refused("the SDK's source is not here")
            .hint("Say --sdk DIR (guest-mappings/lib/sdk of Turntable's source), or --yaml, which needs no Rust.")
    })
}

/// Columns for the elements of a resource, with a value for each in the sample.
fn lines(resource: &str, sample: &mut Map<String, Value>) -> Vec<Line> {
    let common = ["id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"];
    let own = r4().elements(resource).filter(|element| !common.contains(&element.name));
    let mut lines = Vec::new();
    // What must be there comes before what may.
    let (must, may): (Vec<_>, Vec<_>) = own.partition(|element| element.required);
    for element in must.into_iter().chain(may) {
        let found = element.types.iter().find_map(|of| line(resource, element, of));
        if let Some((line, member, value)) = found.filter(|_| lines.len() < COLUMNS) {
            let value = if element.repeats { Value::Array(vec![value]) } else { value };
            sample.insert(member, value);
            lines.push(line);
        }
    }
    lines
}

/// A column for an element as one of its types, the member that the sample has, and its value.
fn line(resource: &str, element: &Element, of: &ElementType) -> Option<(Line, String, Value)> {
    let (base, member) = match element.name.strip_suffix("[x]") {
        None => (element.name, element.name.to_owned()),
        Some(base) => (base, format!("{base}{}", capitalised(of.name))),
    };
    let path = if element.repeats { format!("{member}[0]") } else { member.clone() };
    let name = match member.to_ascii_lowercase() {
        // The version of the resource has this name.
        taken if taken == "fhirversion" => format!("tt_{}{taken}", resource.to_ascii_lowercase()),
        free => format!("tt_{free}"),
    };
    let label = spaced(base);
    let simple = |kind: &'static str, value: Value| (kind, path.clone(), value);
    let mut options = None;
    let mut targets = Vec::new();
    let (kind, path, value) = match of.name {
        "code" => {
            let binding = element.binding.filter(|binding| binding.strength == Strength::Required);
            let codes = binding.and_then(|binding| Some((binding, r4().codes(binding.value_set)?)));
            match codes.filter(|(_, codes)| !codes.is_empty() && codes.len() <= OPTIONS) {
                Some((_, codes)) => {
                    let first = codes[0].code;
                    let codes = codes.iter().map(|code| (code.code.to_owned(), code.display.to_owned()));
                    let mut codes: Vec<_> = codes.collect();
                    // Of two systems that have a code, the first.
                    let mut seen = std::collections::HashSet::new();
                    codes.retain(|(code, _)| seen.insert(code.clone()));
                    options = Some((member.to_ascii_lowercase(), codes));
                    simple("choice", json!(first))
                }
                None => simple("text", json!("example")),
            }
        }
        "CodeableConcept" => {
            let required = element.binding.filter(|binding| binding.strength == Strength::Required);
            let code = required.and_then(|binding| r4().codes(binding.value_set)?.first());
            let coding = match code {
                Some(code) => json!({"system": code.system, "code": code.code, "display": code.display}),
                None => json!({"system": "http://example.org/codes", "code": "example", "display": "Example"}),
            };
            simple("concept", json!({ "coding": [coding] }))
        }
        "Reference" => {
            let sets = SETS.iter().filter(|(kind, _)| of.targets.contains(kind));
            targets.extend(sets.map(|(kind, set)| (*set, *kind)));
            let (_, first) = targets.first()?;
            simple("lookup", json!({"reference": format!("{first}/example")}))
        }
        "string" | "markdown" | "id" => simple("text", json!("Example")),
        "boolean" => simple("boolean", json!(true)),
        "integer" | "positiveInt" | "unsignedInt" => simple("int", json!(1)),
        "decimal" => simple("decimal", json!(1.5)),
        "uri" | "url" | "canonical" => simple("uri", json!("http://example.org/example")),
        "date" => simple("partial_date", json!("2024-05-01")),
        "dateTime" | "instant" => simple("date_time", json!("2024-05-01T08:30:00Z")),
        "Identifier" => ("text", format!("{path}.value"), json!({"system": "http://example.org/ids", "value": "E-1"})),
        "Period" => {
            let period = json!({"start": "2024-05-01T08:30:00Z", "end": "2024-05-01T09:00:00Z"});
            ("date_time", format!("{path}.start"), period)
        }
        "Quantity" | "Age" | "Duration" | "Money" => ("decimal", format!("{path}.value"), json!({ "value": 1.5 })),
        "HumanName" => ("text", format!("{path}.family"), json!({"family": "Example", "given": ["Ada"]})),
        _ => return None,
    };
    let parameter = parameter(resource, base, of.name, element.name.ends_with("[x]"));
    let search = parameter.and_then(|parameter| search(parameter, kind, of.name, element.repeats));
    let suffix = if of.name == "Period" { "start" } else { "" };
    Some((Line { name: name + suffix, label, kind, path, options, targets, search }, member, value))
}

/// The search parameter of exactly this element.
fn parameter(resource: &str, base: &str, of: &str, is_choice: bool) -> Option<&'static Parameter> {
    let whole = [format!(".{base}"), format!("(.{base} as {of})"), format!(".{base}.as({of})")];
    let is_this = |parameter: &&Parameter| {
        let mut alternatives = parameter.expression.split(" | ");
        if is_choice {
            alternatives.any(|one| whole.iter().any(|own| own == one))
        } else {
            parameter.expression == whole[0]
        }
    };
    r4().parameters(resource).iter().find(is_this)
}

/// How a column is bound to a parameter: no more is claimed than FHIR promises.
fn search(
    parameter: &Parameter,
    kind: &str,
    of: &str,
    repeats: bool,
) -> Option<(&'static str, &'static str, Option<&'static str>)> {
    let code = parameter.code;
    let superset = repeats.then_some("superset");
    match (parameter.kind, kind) {
        ("token", "concept") => Some(("token", code, Some("superset"))),
        ("token", "text") if of == "Identifier" => Some(("token", code, Some("superset"))),
        ("token", "choice" | "boolean" | "text") => Some(("token", code, superset)),
        ("reference", "lookup") => Some(("reference", code, superset)),
        ("date", "date_time" | "partial_date") => Some(("date", code, Some("partial"))),
        ("string", "text") if of == "string" => Some(("string", code, None)),
        ("uri", "uri") => Some(("uri", code, superset)),
        _ => None,
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// `clinicalStatus` as `Clinical status`.
fn spaced(name: &str) -> String {
    let mut label = String::new();
    for (at, letter) in name.char_indices() {
        match (at, letter.is_ascii_uppercase()) {
            (0, _) => label.push(letter.to_ascii_uppercase()),
            (_, true) => label.extend([' ', letter.to_ascii_lowercase()]),
            _ => label.push(letter),
        }
    }
    label
}

/// Our own codes have numbers from here up.
const FIRST_OPTION: usize = 935_100_000;

/// The first column that can name a row.
fn primary(lines: &[Line]) -> &str {
    let named = ["text", "uri"].iter().find_map(|kind| lines.iter().find(|line| line.kind == *kind));
    named.map_or("tt_fhirid", |line| line.name.as_str())
}

/// A text as YAML has it: in quotes unless it is plain words to every reader of YAML.
fn scalar(text: &str) -> String {
    const OTHER: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" -_.".contains(&b))
        && !OTHER.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

fn yaml(name: &str, resource: &str, lines: &[Line]) -> String {
    let mut out = format!("# tt_{name} ⇄ FHIR {resource}.\nmapping: {name}\nversion: 0.1.0\n");
    let sets: Vec<_> = lines.iter().filter_map(|line| line.options.as_ref()).collect();
    if !sets.is_empty() {
        out.push_str("options:\n");
    }
    for (set, codes) in sets {
        let _ = writeln!(out, "  {set}:");
        for (at, (code, label)) in codes.iter().enumerate() {
            let _ = writeln!(out, "    {}: {{{}: {}}}", scalar(code), FIRST_OPTION + at, scalar(label));
        }
    }
    let label = spaced(resource);
    let _ = write!(
        out,
        "tables:\n  tt_{name}:\n    set: tt_{name}s\n    label: {label}\n    description: {}\n    resource: {resource}\n    \
         name: {}\n    version: tt_fhirversion\n    columns:\n      tt_{name}id: {{key: true, label: {label}}}\n",
        scalar(&format!("One row for each {resource}.")),
        primary(lines),
    );
    for line in lines {
        let _ = write!(out, "      {}: {{{}: {}", line.name, line.kind, scalar(&line.path));
        if let Some((set, _)) = &line.options {
            let _ = write!(out, ", options: {set}");
        }
        if !line.targets.is_empty() {
            let mut sets: Vec<(&str, Vec<&str>)> = Vec::new();
            for (set, kind) in &line.targets {
                match sets.iter_mut().find(|(known, _)| known == set) {
                    Some((_, kinds)) => kinds.push(kind),
                    None => sets.push((set, vec![kind])),
                }
            }
            let sets: Vec<_> = sets.iter().map(|(set, kinds)| format!("{set}: [{}]", kinds.join(", "))).collect();
            let _ = write!(out, ", to: {{{}}}", sets.join(", "));
        }
        let _ = write!(out, ", label: {}", scalar(&line.label));
        if let Some((kind, parameter, flag)) = line.search {
            let flag = flag.map(|flag| format!(", {flag}: true")).unwrap_or_default();
            let _ = write!(out, ", search: {{{kind}: {parameter}{flag}}}");
        }
        out.push_str("}\n");
    }
    out.push_str("      tt_fhirid: {text: id, label: FHIR id, derived: true, search: {token: _id}}\n");
    out.push_str("      tt_fhirversion: {text: meta.versionId, label: FHIR version, derived: true}\n");
    out.push_str(
        "      tt_fhirlastupdated: {date_time: meta.lastUpdated, label: FHIR last updated, derived: true, search: \
         {date: _lastUpdated}}\n",
    );
    out
}

fn manifest(name: &str, sdk: &Path) -> String {
    format!(
        "[package]\nname = \"mapping-{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\", \
         \"rlib\"]        # the component; and a library for its tests\n\n[dependencies]\nturntable-mapping = {{ path = \
         {:?} }}\n\n# Of no workspace around it.\n[workspace]\n",
        sdk.display().to_string()
    )
}

fn rust(name: &str, resource: &str, lines: &[Line]) -> String {
    let table = name.to_ascii_uppercase();
    let label = spaced(resource);
    let mut out = format!(
        "//! `tt_{name}` ⇄ FHIR {resource}.\n#![forbid(unsafe_code)]\n\nuse turntable_mapping::*;\n\npub const MAPPING: \
         Mapping = mapping(\"{name}\", env!(\"CARGO_PKG_VERSION\"), &[{table}]);\n\n#[rustfmt::skip]\nconst {table}: Table = \
         table(\"tt_{name}\", \"tt_{name}s\", \"{label}\", \"One row for each {resource}.\", &[\n    key(\"tt_{name}id\", \
         \"{label}\"),\n"
    );
    for line in lines {
        let middle = match (&line.options, line.targets.as_slice()) {
            (Some((set, _)), _) => format!("{}, ", set.to_ascii_uppercase()),
            (None, []) => String::new(),
            (None, targets) => format!("&{targets:?}, "),
        };
        let _ = write!(out, "    {}({:?}, {:?}, {middle}{:?})", line.kind, line.name, line.label, line.path);
        if let Some((kind, parameter, flag)) = line.search {
            let function = match kind {
                "date" => "by_date",
                "uri" => "by_uri",
                kind => kind,
            };
            let flag = flag.map(|flag| format!(".{flag}()")).unwrap_or_default();
            let _ = write!(out, ".search({function}({parameter:?}){flag})");
        }
        out.push_str(",\n");
    }
    let _ = write!(
        out,
        "    text(\"tt_fhirid\", \"FHIR id\", \"id\").derived().search(token(\"_id\")),\n    text(\"tt_fhirversion\", \"FHIR \
         version\", \"meta.versionId\").derived(),\n    date_time(\"tt_fhirlastupdated\", \"FHIR last updated\", \
         \"meta.lastUpdated\").derived().search(by_date(\"_lastUpdated\")),\n])\n.source(resource(\"{resource}\"))\n\
         .primary_name(\"{}\")\n.version(\"tt_fhirversion\");\n",
        primary(lines)
    );
    for (set, codes) in lines.iter().filter_map(|line| line.options.as_ref()) {
        let _ = write!(out, "\n#[rustfmt::skip]\nconst {}: &[Code] = &[\n", set.to_ascii_uppercase());
        for (at, (code, label)) in codes.iter().enumerate() {
            let _ = writeln!(out, "    code({}, {code:?}, {label:?}),", FIRST_OPTION + at);
        }
        out.push_str("];\n");
    }
    out.push_str("\nturntable_mapping::export!(MAPPING);\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use turntable_laws::{self as laws, Named};

    /// Whatever type is asked for, the mapping agrees with R4, fills its columns and keeps the laws.
    #[test]
    fn a_new_mapping_of_any_type_is_right_at_once() {
        for resource in r4().resources() {
            let mut sample = Map::new();
            sample.insert("resourceType".into(), json!(resource));
            sample.insert("id".into(), json!("example-1"));
            let lines = lines(resource, &mut sample);
            let text = yaml("thing", resource, &lines);
            let mapping = turntable_mapping_yaml::read(&text, "mapping.yaml")
                .unwrap_or_else(|faults| panic!("{resource}: {faults:#?}\n{text}"));
            assert_eq!(turntable_laws::definitions::check(mapping), [], "{resource}");
            let sample = Value::Object(sample).to_string();
            let report = laws::check(&Native(mapping), &[Named { name: resource, text: &sample }], None);
            assert_eq!(report.violations, [], "{resource}");
            let unfilled: Vec<_> = report.unfilled.iter().filter(|column| !column.contains("fhir")).collect();
            assert!(unfilled.is_empty(), "{resource}: {unfilled:?}");
        }
    }
}
