//! Holds a mapping against HL7's definitions of R4: every path exists and has a fitting type, every
//! reference may point where a lookup says, every search parameter is one of the resource and promises no
//! more than the element allows, every code of a required value set has an option.
//!
//! The definitions are three tab-separated tables: `elements`, `search-parameters`, `required-codes`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::bindings::exports::turntable::mapping::schema::{SearchKind, SearchOps};
use crate::column::{Column, Concept, Kind};
use crate::field::is_for;
use crate::place;
use crate::search::Search;
use crate::table::{Mapping, Table};

/// HL7's definitions, read once.
pub struct Definitions {
    elements: HashMap<String, Element>,
    parameters: HashMap<(String, String), String>,
    codes: HashMap<String, Vec<String>>,
}

struct Element {
    repeats: bool,
    /// As written: `Reference(Patient|Group)`, `@Observation.referenceRange`.
    types: Vec<String>,
    required: Option<String>,
}

/// Where a path ends.
#[derive(Clone, Debug, Default)]
struct End {
    /// A type, the path of a backbone element, or [`CHOICE`].
    kind: String,
    targets: Vec<String>,
    /// The required value set of the code here, also of the concept around it.
    required: Option<String>,
    /// There may be several values behind the path's element or an element above it.
    repeats: bool,
}

/// The end of a path at a choice element without its type: `value`.
const CHOICE: &str = "[x]";

impl Definitions {
    /// The definitions in `folder`, or none if they are not there.
    pub fn load(folder: &Path) -> Option<Self> {
        let text = |file: &str| fs::read_to_string(folder.join(file)).ok();
        let (elements, parameters) = (text("elements.tsv")?, text("search-parameters.tsv")?);
        Some(Self::parse(&elements, &parameters, &text("required-codes.tsv")?))
    }

    fn parse(elements_table: &str, parameters_table: &str, codes_table: &str) -> Self {
        let mut elements = HashMap::new();
        for [path, cardinality, types, _, binding] in rows(elements_table) {
            let required = binding.strip_prefix("required ").map(without_version);
            let repeats = cardinality.ends_with('*');
            elements.insert(path, Element { repeats, types: split(&types, ','), required });
        }
        let mut parameters = HashMap::new();
        for [base, code, kind, ..] in rows::<6>(parameters_table) {
            parameters.insert((base, code), kind);
        }
        let mut codes: HashMap<_, Vec<_>> = HashMap::new();
        for [set, _, code, _] in rows(codes_table) {
            codes.entry(without_version(&set)).or_default().push(code);
        }
        Self { elements, parameters, codes }
    }

    /// What is wrong with a mapping, one line each; empty if nothing is.
    pub fn check(&self, mapping: &'static Mapping) -> Vec<String> {
        let mut faults = Vec::new();
        for table in mapping.tables {
            for source in table.sources() {
                for column in table.columns {
                    if is_for(column.only, source.resource_type) {
                        let of = |fault: String| format!("{}.{}: {fault}", table.name, column.name);
                        faults.extend(self.column(mapping, table, source.resource_type, column).into_iter().map(of));
                    }
                }
            }
        }
        faults
    }

    fn column(&self, mapping: &'static Mapping, table: &'static Table, resource: &str, column: &Column) -> Vec<String> {
        let mut faults = Vec::new();
        let start = self.walk(&End::at(resource), &place::lists(mapping, table).join("."));
        let mut last = End::default();
        for path in split(column.path.text(), '|') {
            let path = path.trim();
            match start.clone().and_then(|start| self.walk(&start, path)) {
                Ok(end) => {
                    if column.read_with.is_none() && !path.is_empty() && !fits(column, &end) {
                        faults.push(format!("{path} is of type {}", end.kind));
                    }
                    last = end;
                }
                Err(fault) => faults.push(fault),
            }
        }
        if let Kind::Lookup(targets) = column.kind {
            let unknown = targets.iter().filter(|(_, kind)| !last.may_be(kind));
            faults.extend(unknown.map(|(_, kind)| format!("the reference cannot be to {kind}")));
        }
        if let Kind::Choice(options) = column.kind {
            let codes = last.required.as_ref().and_then(|set| self.codes.get(set)).into_iter().flatten();
            let lost = codes.filter(|code| !column.open && options.iter().all(|option| option.code != *code));
            // A narrowing second view of an element may leave codes out, but cannot be written.
            faults.extend(lost.map(|code| format!("no option for the code {code}")));
        }
        for search in column.search.iter().flatten() {
            if is_for(search.only, resource) {
                faults.extend(self.search(resource, search, &last));
            }
        }
        faults
    }

    fn search(&self, resource: &str, search: &Search, end: &End) -> Option<String> {
        let param = search.param;
        if !param.starts_with('_') {
            let known = self.parameters.get(&(resource.to_owned(), param.to_owned()));
            match known {
                None => return Some(format!("{resource} has no search parameter {param}")),
                Some(kind) if kind != name(search.kind) => {
                    return Some(format!("{param} is a {kind} parameter"));
                }
                Some(_) => {}
            }
        }
        let exact = search.exact.intersects(SearchOps::EQ | SearchOps::ANY_OF);
        let single = !end.repeats && matches!(end.kind.as_str(), "code" | "boolean" | "id" | "string" | "Reference");
        (exact && !single).then(|| format!("{param} cannot be exact: the element repeats or is a concept"))
    }

    fn walk(&self, start: &End, path: &str) -> Result<End, String> {
        let mut end = start.clone();
        for step in split(path, '.').iter().filter(|step| !step.is_empty()) {
            if let Some(conditions) = step.strip_prefix("where(").and_then(|rest| rest.strip_suffix(')')) {
                for condition in conditions.split(" and ") {
                    let operand = condition.split('=').next().unwrap_or(condition);
                    self.walk(&end, operand.trim())?;
                }
            } else if step != "first()" && step != "$this" {
                let member = step.split('[').next().unwrap_or(step);
                end = self.step(&end, member).ok_or_else(|| format!("R4 has no {}.{member}", end.kind))?;
            }
        }
        Ok(end)
    }

    fn step(&self, from: &End, member: &str) -> Option<End> {
        let path = format!("{}.{member}", from.kind);
        if let Some(element) = self.elements.get(&path) {
            return Some(from.to(&path, element, element.types.first()?));
        }
        if let Some(element) = self.elements.get(&format!("{path}[x]")) {
            return Some(End { kind: CHOICE.to_owned(), repeats: from.repeats || element.repeats, ..End::default() });
        }
        // A choice element as JSON writes it: `valueQuantity` is `value[x]` of type Quantity.
        (1..member.len()).filter(|&cut| member.is_char_boundary(cut)).find_map(|cut| {
            let (base, wanted) = member.split_at(cut);
            let element = self.elements.get(&format!("{}.{base}[x]", from.kind))?;
            let kind = element.types.iter().find(|kind| bare(kind).eq_ignore_ascii_case(wanted))?;
            Some(from.to(&path, element, kind))
        })
    }
}

impl End {
    fn at(resource: &str) -> Self {
        Self { kind: resource.to_owned(), ..Self::default() }
    }

    fn to(&self, path: &str, element: &Element, kind: &str) -> Self {
        let targets = kind.split_once('(').map_or_else(Vec::new, |(_, rest)| split(rest.trim_end_matches(')'), '|'));
        let inside_concept = matches!(self.kind.as_str(), "CodeableConcept" | "Coding");
        let around = self.required.as_ref().filter(|_| inside_concept);
        Self {
            kind: match bare(kind) {
                "BackboneElement" | "Element" => path.to_owned(),
                same => same.trim_start_matches('@').to_owned(),
            },
            targets,
            required: element.required.as_ref().or(around).cloned(),
            repeats: self.repeats || element.repeats,
        }
    }

    fn may_be(&self, kind: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|target| target == kind || target == "Resource")
    }
}

/// Whether the column's kind can carry what stands at the path's end.
fn fits(column: &Column, end: &End) -> bool {
    let kinds: &[&str] = match column.kind {
        Kind::Key | Kind::Constant(..) | Kind::Json => return true,
        Kind::Text => &["string", "code", "id", "markdown", "uri", "url", "time", "base64Binary", "dateTime"],
        Kind::Boolean => &["boolean"],
        Kind::Int | Kind::Long => &["integer", "positiveInt", "unsignedInt", "decimal"],
        Kind::Decimal => &["decimal"],
        Kind::Date => &["date"],
        Kind::DateTime => &["dateTime", "instant"],
        Kind::PartialDate => &["date", "dateTime"],
        Kind::Uri => &["uri", "url", "canonical"],
        Kind::Choice(_) => &["code", "Reference", CHOICE],
        Kind::Lookup(_) => &["Reference"],
        Kind::Concept(Concept::CodeableConcept) => &["CodeableConcept"],
        Kind::Concept(Concept::Coding) => &["Coding"],
        Kind::Concept(Concept::Quantity) => &["Quantity", "Duration", "Age"],
        Kind::Concept(Concept::Code) => &["code"],
    };
    kinds.contains(&end.kind.as_str())
}

fn name(kind: SearchKind) -> &'static str {
    match kind {
        SearchKind::Token => "token",
        SearchKind::Reference => "reference",
        SearchKind::String => "string",
        SearchKind::Date => "date",
        SearchKind::Number => "number",
        SearchKind::Quantity => "quantity",
        SearchKind::Uri => "uri",
    }
}

/// The rows under the heading, each of `N` cells; a short row is filled up.
fn rows<const N: usize>(table: &str) -> impl Iterator<Item = [String; N]> {
    table.lines().skip(1).map(|line| {
        let mut cells = line.split('\t').map(str::to_owned);
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    })
}

fn without_version(url: &str) -> String {
    url.split('|').next().unwrap_or(url).to_owned()
}

fn bare(kind: &str) -> &str {
    kind.split('(').next().unwrap_or(kind)
}

/// Splits at a separator that stands outside round brackets.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut depth = 0_u32;
    let parts = text.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == separator && depth == 0
    });
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{by_date, choice, code, date_time, lookup, mapping, reference, resource, table, text, token};

    const ELEMENTS: &str = "path\tcardinality\ttypes\tmodifier\tbinding
Visit.status\t1..1\tcode\tmodifier\trequired http://x/visit-status|4.0.1
Visit.kind\t0..*\tCodeableConcept\t\trequired http://x/visit-kind
Visit.subject\t0..1\tReference(Patient|Group)\t\t
Visit.when[x]\t0..1\tdateTime,Period\t\t
Visit.stay\t0..1\tBackboneElement\t\t
Visit.stay.ward\t0..1\tstring\t\t
CodeableConcept.coding\t0..*\tCoding\t\t
Coding.code\t0..1\tcode\t\t
Period.start\t0..1\tdateTime\t\t";
    const PARAMETERS: &str =
        "base\tcode\ttype\nVisit\tstatus\ttoken\nVisit\tkind\ttoken\nVisit\tsubject\treference\nVisit\twhen\tdate";
    const CODES: &str = "valueset\tsystem\tcode\tdisplay
http://x/visit-status\tx\topen\tOpen\nhttp://x/visit-status\tx\tdone\tDone\nhttp://x/visit-kind\tx\ta\tA";

    fn check(columns: &'static [Column], expected: &[&str]) {
        let definitions = Definitions::parse(ELEMENTS, PARAMETERS, CODES);
        let tables = Vec::leak(vec![table("t", "ts", "T", "", columns).source(resource("Visit"))]);
        let mapping = Box::leak(Box::new(mapping("m", "1.0.0", tables)));
        assert_eq!(definitions.check(mapping), expected);
    }

    #[test]
    fn what_r4_has_is_accepted() {
        const OPTIONS: &[crate::Code] = &[code(0, "open", "Open"), code(1, "done", "Done")];
        const KINDS: &[crate::Code] = &[code(0, "a", "A")];
        const COLUMNS: &[Column] = &[
            choice("a", "A", OPTIONS, "status").search(token("status")),
            choice("b", "B", KINDS, "kind.where(coding.code = 'a').coding[0].code").search(token("kind").superset()),
            lookup("c", "C", &[("patients", "Patient")], "subject").search(reference("subject")),
            date_time("d", "D", "whenPeriod.start").search(by_date("when")),
            text("e", "E", "stay.ward | status"),
            text("f", "F", ""),
        ];
        check(COLUMNS, &[]);
    }

    #[test]
    fn what_r4_lacks_is_named() {
        const FEW: &[crate::Code] = &[code(0, "open", "Open")];
        const KINDS: &[crate::Code] = &[code(0, "a", "A")];
        const COLUMNS: &[Column] = &[
            choice("a", "A", FEW, "status").search(token("state")),
            choice("b", "B", KINDS, "kind[0].coding[0].code").search(token("kind")),
            lookup("c", "C", &[("x", "Device")], "subject").search(token("subject")),
            date_time("d", "D", "whenInstant"),
            text("e", "E", "stay.bed"),
            text("f", "F", "stay"),
        ];
        check(
            COLUMNS,
            &[
                "t.a: no option for the code done",
                "t.a: Visit has no search parameter state",
                "t.b: kind cannot be exact: the element repeats or is a concept",
                "t.c: the reference cannot be to Device",
                "t.c: subject is a reference parameter",
                "t.d: R4 has no Visit.whenInstant",
                "t.e: R4 has no Visit.stay.bed",
                "t.f: stay is of type Visit.stay",
            ],
        );
    }
}
