//! The carried files say what the tables that they are drawn from say. With `TURNTABLE_BLESS=1` in the
//! environment they are written anew.
#![expect(clippy::unwrap_used, reason = "a table that is not as HL7 wrote it fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const SETS: &str = "http://hl7.org/fhir/ValueSet/";
/// What Medplum adds to R4's own.
const ADDED: [&str; 6] =
    ["Meta.project", "Meta.author", "Meta.onBehalfOf", "Meta.account", "Meta.accounts", "Meta.compartment"];
/// Of R5's, there for its backport.
const LATER: &str = "SubscriptionStatus";
/// A parameter of this many target types may point anywhere.
const ANY_TARGET: usize = 140;

#[test]
fn the_carried_files_are_those_of_hl7() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(data) = turntable_test_data::shared("r4-definitions") else { return };
    let [elements, parameters, codes] = ["elements.tsv", "search-parameters.tsv", "required-codes.tsv"]
        .map(|file| fs::read_to_string(data.join(file)).unwrap_or_else(|error| panic!("{file}: {error}")));
    for (file, text) in [
        ("elements.txt", self::elements(&elements)),
        ("search-parameters.txt", self::parameters(&parameters)),
        ("required-codes.txt", self::codes(&codes)),
    ] {
        let file = home.join("r4").join(file);
        if env::var_os("TURNTABLE_BLESS").is_some() {
            fs::write(&file, &text).unwrap();
        }
        assert!(fs::read_to_string(&file).unwrap() == text, "{} is not what its origin says", file.display());
    }
}

/// The cells of each row under the heading.
fn rows<const N: usize>(table: &str) -> impl Iterator<Item = [&str; N]> {
    table.lines().skip(1).map(|line| {
        let mut cells = line.split('\t');
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    })
}

fn elements(table: &str) -> String {
    let mut types: BTreeMap<&str, Vec<[&str; 5]>> = BTreeMap::new();
    for row in rows::<5>(table).filter(|row| !ADDED.contains(&row[0])) {
        types.entry(row[0].split('.').next().unwrap()).or_default().push(row);
    }
    types.remove(LATER);
    let common = |base: &str| types[base].iter().map(|row| row[0].split('.').nth(1).unwrap()).collect::<BTreeSet<_>>();
    let bases = ["DomainResource", "Resource", "BackboneElement", "Element"].map(|base| (base, common(base)));
    let base_of = |name: &str, members: &BTreeSet<&str>| {
        let base = bases.iter().find(|(base, common)| *base != name && common.is_subset(members));
        base.map(|(base, common)| (*base, common.clone()))
    };
    let mut out = String::new();
    for (name, rows) in &types {
        let own = rows.iter().filter(|row| row[0].matches('.').count() == 1);
        let members = own.map(|row| row[0].split('.').nth(1).unwrap()).collect();
        let (base, left_out) = base_of(name, &members).unwrap_or_default();
        writeln!(out, "{name}{}{base}", if base.is_empty() { "" } else { " : " }).unwrap();
        for [path, cardinality, kinds, modifier, binding] in rows {
            let (parent, member) = path.rsplit_once('.').unwrap();
            let depth = parent.matches('.').count();
            let backbone = ["id", "extension", "modifierExtension"];
            if left_out.contains(member) && depth == 0 || backbone.contains(&member) && depth > 0 {
                continue;
            }
            let cardinality = match *cardinality {
                "0..1" => '?',
                "1..1" => '!',
                "0..*" => '*',
                "1..*" => '+',
                other => panic!("{path}: {other}"),
            };
            let modifier = if *modifier == "modifier" { "~" } else { "" };
            let binding = binding.split('|').next().unwrap().replace(SETS, "");
            let space = if binding.is_empty() { "" } else { " " };
            writeln!(out, "{}{cardinality}{modifier}{member} {kinds}{space}{binding}", " ".repeat(depth + 1)).unwrap();
        }
    }
    out
}

fn parameters(table: &str) -> String {
    let mut out = String::new();
    let mut current = "";
    for [base, code, kind, expression, targets] in rows::<5>(table) {
        if base != current {
            writeln!(out, "{base}").unwrap();
            current = base;
        }
        let targets = if targets.split('|').count() > ANY_TARGET { "*" } else { targets };
        let expression = expression.replace(&format!("{base}."), ".");
        writeln!(out, "{}", [" ", code, "\t", kind, "\t", &expression, "\t", targets].concat().trim_end()).unwrap();
    }
    out
}

fn codes(table: &str) -> String {
    let mut out = String::new();
    let (mut current_set, mut current_system) = ("", "");
    for [set, system, code, display] in rows::<4>(table) {
        if set != current_set {
            writeln!(out, "= {}", set.split('|').next().unwrap().replace(SETS, "")).unwrap();
            (current_set, current_system) = (set, "");
        }
        if system != current_system {
            writeln!(out, "^ {system}").unwrap();
            current_system = system;
        }
        writeln!(out, "{code}\t{display}").unwrap();
    }
    out
}
