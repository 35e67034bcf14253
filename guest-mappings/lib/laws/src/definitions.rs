//! Holds a mapping against R4's definitions (`turntable-r4`): every path exists and has a fitting type, every
//! reference may point where a lookup says, every search parameter is one of the resource and promises no more
//! than the element allows, options and required codes agree, nothing is there twice.
//!
//! A mapping at hand is checked in full; of a component only what it describes can be.

use std::collections::HashSet;
use std::fmt;

use turntable_r4::{Binding, CHOICE, Element, Strength, r4, suggestion};

use turntable_mapping::bindings::exports::turntable::mapping::schema::{
    self as wit, ColumnAccess, ColumnType, SearchBinding, SearchKind, SearchOps,
};
use turntable_mapping::tools::{Concept, Field, Kind, Part as FieldPart, fields, is_for};
use turntable_mapping::{Mapping, describe};

/// One thing that is wrong with a mapping.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    pub table: String,
    pub column: Option<String>,
    /// Which part of the column's or the table's line is meant.
    pub part: Part,
    /// With the nearest right name, where there is one.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    Name,
    Source,
    Path,
    Lookup,
    Options,
    Search,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{}.{column}: {}", self.table, self.message),
            None => write!(f, "{}: {}", self.table, self.message),
        }
    }
}

/// What is wrong with a mapping; empty if nothing is.
pub fn check(mapping: &'static Mapping) -> Vec<Fault> {
    let schema = describe(mapping);
    let natives = mapping.tables.iter().map(fields);
    let faults = schema.tables.iter().zip(natives).flat_map(|(table, fields)| self::table(table, &fields));
    once(twice(&schema).into_iter().chain(faults))
}

/// What is wrong with a component, as far as its description tells. Its columns may be read and written by code, so
/// that the type behind a path says nothing against them.
pub fn check_schema(schema: &wit::Mapping) -> Vec<Fault> {
    let faults = schema.tables.iter().flat_map(|table| self::table(table, &[]));
    once(twice(schema).into_iter().chain(faults))
}

/// A table of several sources finds the same fault for each.
fn once(faults: impl Iterator<Item = Fault>) -> Vec<Fault> {
    let mut seen = HashSet::new();
    faults.filter(|fault| seen.insert(fault.clone())).collect()
}

/// Names, numbers and codes that should be there once.
fn twice(schema: &wit::Mapping) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, table) in schema.tables.iter().enumerate() {
        let fault = |column: Option<&str>, part: Part, message: String| Fault {
            table: table.name.clone(),
            column: column.map(str::to_owned),
            part,
            message,
        };
        let others = &schema.tables[..at];
        if others.iter().any(|other| other.name == table.name || other.entity_set == table.entity_set) {
            faults.push(fault(None, Part::Name, format!("there are two tables {} ({})", table.name, table.entity_set)));
        }
        for (at, column) in table.columns.iter().enumerate() {
            if table.columns[..at].iter().any(|other| other.name == column.name) {
                faults.push(fault(Some(&column.name), Part::Name, "there are two columns of this name".to_owned()));
            }
            let ColumnType::Choice(choice) = &column.kind else { continue };
            for (at, option) in choice.options.iter().enumerate() {
                let before = &choice.options[..at];
                if before.iter().any(|other| other.value == option.value) {
                    let message = format!("two options have the number {}", option.value);
                    faults.push(fault(Some(&column.name), Part::Options, message));
                }
                if before.iter().any(|other| other.code == option.code && other.system == option.system) {
                    let message = format!("two options have the code {}", option.code);
                    faults.push(fault(Some(&column.name), Part::Options, message));
                }
            }
        }
    }
    faults
}

/// `native` are the table's fields, where they are at hand.
fn table(table: &wit::Table, native: &[Field]) -> Vec<Fault> {
    let mut faults = if native.is_empty() { nowhere(table) } else { Vec::new() };
    for source in &table.sources {
        let resource = source.resource_type.as_str();
        if !r4().is_resource(resource) {
            let message = format!("R4 has no resource type {resource}{}", r4().suggest_resource(resource));
            faults.push(Fault { table: table.name.clone(), column: None, part: Part::Source, message });
            continue;
        }
        for (at, column) in table.columns.iter().enumerate() {
            let native = native.get(at).copied();
            let searches = source.search.iter().filter(|search| usize::from(search.column) == at);
            let line = Line { resource, column, native };
            if line.exists_here(table) {
                let name = native.and_then(Field::column).map_or(column.name.as_str(), |column| column.name);
                faults.extend(line.check(searches).into_iter().map(|(part, message)| Fault {
                    table: table.name.clone(),
                    column: Some(name.to_owned()),
                    part,
                    message,
                }));
            }
        }
    }
    faults
}

/// Columns of several sources that none of them has: they are null in every row.
fn nowhere(table: &wit::Table) -> Vec<Fault> {
    if table.sources.len() < 2 {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for column in table.columns.iter().filter(|column| !column.path.is_empty()) {
        let lines = table.sources.iter().map(|source| Line { resource: &source.resource_type, column, native: None });
        let ends: Vec<_> = lines.flat_map(|line| line.ends()).collect();
        if ends.iter().any(Result::is_ok) {
            continue;
        }
        // The one with a nearest right name says most.
        let messages = ends.into_iter().filter_map(Result::err);
        faults.extend(messages.max_by_key(|message| message.contains("; did you mean")).map(|message| Fault {
            table: table.name.clone(),
            column: Some(column.name.clone()),
            part: Part::Path,
            message,
        }));
    }
    faults
}

/// A column as one resource type has it.
struct Line<'a> {
    resource: &'a str,
    column: &'a wit::Column,
    native: Option<Field>,
}

impl<'a> Line<'a> {
    /// A column of several sources that some lack is looked at where it is; a described one where its path is.
    fn exists_here(&self, table: &wit::Table) -> bool {
        match self.native {
            Some(Field::Column(_, part)) if !matches!(part, FieldPart::Whole | FieldPart::Code) => false,
            Some(Field::Column(column, _)) => is_for(column.only, self.resource),
            Some(Field::Parent(_)) => false,
            None => table.sources.len() == 1 || self.ends().iter().any(Result::is_ok),
        }
    }

    fn check<'s>(&self, searches: impl Iterator<Item = &'s SearchBinding>) -> Vec<(Part, String)> {
        let mut faults = Vec::new();
        let mut last = End::default();
        for (path, end) in self.paths().iter().zip(self.ends()) {
            match end {
                Ok(end) => {
                    if !self.fits(&end) {
                        faults.push((Part::Path, format!("{path} is of type {}", end.kind)));
                    }
                    last = end;
                }
                Err(message) => faults.push((Part::Path, message)),
            }
        }
        match &self.column.kind {
            ColumnType::Lookup(lookup) => faults.extend(lookup_faults(&lookup.resource_types, &last)),
            ColumnType::Choice(choice) if !self.column.path.is_empty() => faults.extend(option_faults(choice, &last)),
            _ => {}
        }
        let of_parameters = searches.filter_map(|search| self.search(search, &last));
        faults.extend(of_parameters.map(|message| (Part::Search, message)));
        faults
    }

    /// The alternatives of the path, from the resource.
    fn paths(&self) -> Vec<String> {
        let members = self.native.map_or(&[][..], Field::members);
        let suffix: String = members.iter().flat_map(|member| [".", member]).collect();
        let paths = split(&self.column.path, '|').into_iter().map(|path| path.trim().to_owned());
        let paths = paths.filter(|path| !path.is_empty());
        paths.map(|path| path.strip_suffix(suffix.as_str()).map_or(path.clone(), str::to_owned)).collect()
    }

    fn ends(&self) -> Vec<Result<End, String>> {
        self.paths().iter().map(|path| walk(&End::at(self.resource), path)).collect()
    }

    /// Whether the column's kind can carry what stands at the path's end.
    fn fits(&self, end: &End) -> bool {
        let Some(Field::Column(column, _)) = self.native else { return true };
        if column.read_with.is_some() {
            return true;
        }
        let kinds: &[&str] = match column.kind {
            Kind::Key | Kind::Constant(..) | Kind::Json => return true,
            Kind::Text => {
                &["string", "code", "id", "markdown", "uri", "url", "oid", "uuid", "time", "base64Binary", "dateTime"]
            }
            Kind::Boolean => &["boolean"],
            Kind::Int | Kind::Long => &["integer", "positiveInt", "unsignedInt", "decimal"],
            Kind::Decimal => &["decimal", "integer", "positiveInt", "unsignedInt"],
            Kind::Date => &["date"],
            Kind::DateTime => &["dateTime", "instant"],
            Kind::PartialDate => &["date", "dateTime"],
            Kind::Uri => &["uri", "url", "canonical", "oid", "uuid"],
            Kind::Choice(_) => &["code", "Reference", CHOICE],
            Kind::Lookup(_) => &["Reference"],
            Kind::Concept(Concept::CodeableConcept) => &["CodeableConcept"],
            Kind::Concept(Concept::Coding) => &["Coding"],
            Kind::Concept(Concept::Quantity) => &["Quantity", "Duration", "Age", "Count", "Distance"],
            Kind::Concept(Concept::Code) => &["code"],
        };
        kinds.contains(&end.kind.as_str())
    }

    fn search(&self, search: &SearchBinding, end: &End) -> Option<String> {
        let (resource, param) = (self.resource, search.param.as_str());
        let Some(known) = r4().parameter(resource, param) else {
            let nearest = r4().suggest_parameter(resource, param);
            return Some(format!("{resource} has no search parameter {param}{nearest}"));
        };
        if known.kind != name(search.kind) {
            return Some(format!("{param} is a {} parameter", known.kind));
        }
        let exact = search.exact.intersects(SearchOps::EQ | SearchOps::ANY_OF);
        // What a path of the component's own code shows is not known.
        let known = self.native.is_some() || !end.kind.is_empty();
        let single = !end.repeats && SINGLE.contains(&end.kind.as_str()) && !end.in_concept;
        (exact && known && !single)
            .then(|| format!("{param} cannot be exact: the element repeats or is a concept; add superset"))
    }
}

/// Types of which an element holds one value, the one that is searched for.
const SINGLE: &[&str] = &["code", "boolean", "id", "string", "Reference", "uri", "url", "canonical"];

fn lookup_faults(targets: &[String], end: &End) -> Vec<(Part, String)> {
    let may_be = |kind: &String| end.targets.is_empty() || end.targets.contains(&kind.as_str());
    let wrong = targets.iter().filter(|kind| !may_be(kind) || !r4().is_resource(kind));
    let faults = wrong.map(|kind| {
        let may = if end.targets.is_empty() { String::new() } else { format!(", only to {}", end.targets.join(", ")) };
        format!("the reference cannot be to {kind}{may}")
    });
    faults.map(|message| (Part::Lookup, message)).collect()
}

fn option_faults(choice: &wit::ChoiceType, end: &End) -> Vec<(Part, String)> {
    let Some(codes) = end.required.and_then(|set| r4().codes(set)) else { return Vec::new() };
    let lost = codes.iter().filter(|code| !choice.open && choice.options.iter().all(|option| option.code != code.code));
    let lost = lost.map(|code| format!("no option for the code {}", code.code));
    let known: Vec<_> = codes.iter().map(|code| code.code).collect();
    let unknown = choice.options.iter().filter(|option| !known.contains(&option.code.as_str()));
    let unknown = unknown.map(|option| {
        let nearest = suggestion(&option.code, &known);
        format!("{} is no code of {}{nearest}", option.code, end.required.unwrap_or_default())
    });
    lost.chain(unknown).map(|message| (Part::Options, message)).collect()
}

/// Where a path ends.
#[derive(Clone, Debug, Default)]
struct End {
    /// A type, the path of a backbone element, or [`CHOICE`].
    kind: String,
    targets: Vec<&'static str>,
    /// The required value set of the code here, also of the concept around it.
    required: Option<&'static str>,
    /// There may be several values behind the path's element or an element above it.
    repeats: bool,
    /// Somewhere inside a CodeableConcept or Coding.
    in_concept: bool,
    element: Option<&'static Element>,
}

impl End {
    fn at(resource: &str) -> Self {
        Self { kind: resource.to_owned(), ..Self::default() }
    }

    fn member(&self, member: &str) -> Option<Self> {
        // Beside a primitive stands an object with its extensions.
        if let Some(primitive) = member.strip_prefix('_') {
            let found = r4().member(&self.kind, primitive)?;
            return Some(Self { repeats: self.repeats || found.element.repeats, ..Self::at("Element") });
        }
        let found = r4().member(&self.kind, member)?;
        let required = |binding: Option<Binding>| {
            binding.filter(|binding| binding.strength == Strength::Required).map(|binding| binding.value_set)
        };
        let in_concept = matches!(self.kind.as_str(), "CodeableConcept" | "Coding");
        let around = self.required.filter(|_| in_concept);
        Some(Self {
            targets: found.of.map_or_else(Vec::new, |of| of.targets.clone()),
            required: required(found.element.binding).or(around),
            repeats: self.repeats || found.element.repeats,
            in_concept: self.in_concept || in_concept,
            kind: found.kind,
            element: Some(found.element),
        })
    }

    fn of_type(&self, name: &str) -> Option<Self> {
        let of = self.element?.types.iter().find(|of| of.name.eq_ignore_ascii_case(name))?;
        Some(Self { kind: of.name.to_owned(), targets: of.targets.clone(), ..self.clone() })
    }
}

/// Follows a path as mappings write it. The error names the first step that R4 does not have.
fn walk(start: &End, path: &str) -> Result<End, String> {
    let mut end = start.clone();
    for step in split(path, '.').iter().filter(|step| !step.is_empty()) {
        let (function, argument) = call(step);
        end = match (function, argument) {
            ("where", Some(conditions)) => {
                conditions_hold(&end, conditions)?;
                end
            }
            ("current", Some(conditions)) if ["HumanName", "Address", "ContactPoint"].contains(&end.kind.as_str()) => {
                if !conditions.is_empty() {
                    conditions_hold(&end, conditions)?;
                }
                end
            }
            ("current", Some(_)) => {
                return Err(format!("{path}: the element is of type {}, of which none is the current one", end.kind));
            }
            ("first", Some(_)) | ("$this", None) => end,
            ("extension", Some(_)) => End { repeats: end.repeats, ..End::at("Extension") },
            ("ofType", Some(of)) => end.of_type(of).ok_or_else(|| {
                let types = end.element.map_or_else(Vec::new, |element| element.types.iter().map(|t| t.name).collect());
                format!("{path}: the element is not of type {of}{}", suggestion(of, &types))
            })?,
            _ => {
                let member = step.split('[').next().unwrap_or(step);
                end.member(member).ok_or_else(|| {
                    let of = match end.kind.as_str() {
                        CHOICE => end.element.map_or(CHOICE, |element| element.name),
                        kind => kind,
                    };
                    format!("R4 has no {of}.{member}{}", r4().suggest_member(&end.kind, member))
                })?
            }
        };
    }
    Ok(end)
}

/// A code of the required value set of the element that a path leads to; none where it has no such set.
pub(crate) fn code_at(resource: &str, path: &str) -> Option<&'static str> {
    let alternatives = split(path, '|');
    let first = alternatives.first()?.trim();
    let end = walk(&End::at(resource), first).ok()?;
    r4().codes(end.required?)?.first().map(|code| code.code)
}

/// Every operand of a `where` is an element; what it is compared with is a code of its required value set.
fn conditions_hold(at: &End, conditions: &str) -> Result<(), String> {
    for condition in conditions.split(" and ") {
        let (operand, literal) = condition.split_once('=').unwrap_or((condition, ""));
        let end = walk(at, operand.trim())?;
        let code = literal.trim().trim_matches('\'');
        let codes = end.required.and_then(|set| Some((set, r4().codes(set)?)));
        if let Some((set, codes)) = codes.filter(|(_, codes)| codes.iter().all(|known| known.code != code)) {
            let nearest = suggestion(code, &codes.iter().map(|known| known.code).collect::<Vec<_>>());
            return Err(format!("{code} is no code of {set}{nearest}"));
        }
    }
    Ok(())
}

/// `where(a='b')` to its name and what stands in the brackets.
fn call(step: &str) -> (&str, Option<&str>) {
    let found = step.split_once('(').and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?.trim())));
    found.map_or((step, None), |(name, argument)| (name, Some(argument)))
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

/// Splits at a separator that stands outside round brackets.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_u32;
    let parts = text.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == separator && depth == 0
    });
    parts.collect()
}

/// Why a column cannot be written, for people; None if it can.
pub fn read_only_because(column: &wit::Column) -> Option<&'static str> {
    if column.access.contains(ColumnAccess::UPDATE) {
        return None;
    }
    Some(match &column.kind {
        ColumnType::Key => "it is the key",
        _ if column.access.contains(ColumnAccess::CREATE) => "it is given when a row is made",
        _ if column.path.is_empty() => "it is read from no one element",
        _ if column.path.contains('|') => "its path has alternatives, so no one place to write to",
        _ => "it is derived",
    })
}

#[cfg(test)]
mod tests {
    use turntable_mapping::{
        Code, Column, by_date, choice, code, date_time, lookup, mapping, reference, resource, table, text, token,
    };

    const NARRATIVE: &[Code] =
        &[code(0, "generated", "G"), code(1, "extensions", "E"), code(2, "additional", "A"), code(3, "empty", "M")];

    /// Not all codes of the set: the column that has them is open.
    const CLINICAL: &[Code] = &[code(0, "active", "A"), code(1, "resolved", "R")];

    fn check(columns: &'static [Column], expected: &[&str]) {
        let tables = Vec::leak(vec![table("t", "ts", "T", "", columns).source(resource("Condition"))]);
        let mapping = Box::leak(Box::new(mapping("m", "1.0.0", tables)));
        let faults: Vec<_> = super::check(mapping).iter().map(ToString::to_string).collect();
        assert_eq!(faults, expected);
    }

    #[test]
    fn what_r4_has_is_accepted() {
        const COLUMNS: &[Column] = &[
            choice("a", "A", NARRATIVE, "text.status"),
            choice("b", "B", CLINICAL, "clinicalStatus.coding[0].code")
                .open()
                .search(token("clinical-status").superset()),
            lookup("c", "C", &[("patients", "Patient")], "subject").search(reference("subject")),
            date_time("d", "D", "onsetPeriod.start").search(by_date("onset-date")),
            date_time("e", "E", "onset.ofType(dateTime)"),
            text("f", "F", "stage.where(type.text = 'x').summary.text | code.text"),
            text("g", "G", "extension('http://x/y').valueString"),
            date_time("h", "H", "_recordedDate.extension('http://x').valueDateTime"),
            text("i", "I", ""),
        ];
        check(COLUMNS, &[]);
    }

    #[test]
    fn what_r4_lacks_is_named_with_what_was_meant() {
        const FEW: &[Code] = &[code(0, "generated", "G"), code(1, "extension", "E"), code(1, "empty", "M")];
        const COLUMNS: &[Column] = &[
            choice("a", "A", FEW, "text.status"),
            text("b", "B", "code.text").search(token("clinical_status")),
            lookup("c", "C", &[("x", "Device")], "subject").search(token("subject")),
            date_time("d", "D", "onsetDatetime"),
            text("e", "E", "stage[0].sumary.text"),
            text("f", "F", "stage"),
            text("f", "F", "code.coding[0].code").search(token("code")),
            text("g", "G", "subject.where(identifier.use = 'offical').display"),
        ];
        check(
            COLUMNS,
            &[
                "t.a: two options have the number 1",
                "t.f: there are two columns of this name",
                "t.a: no option for the code extensions",
                "t.a: no option for the code additional",
                "t.a: extension is no code of narrative-status; did you mean extensions?",
                "t.b: Condition has no search parameter clinical_status; did you mean clinical-status?",
                "t.c: the reference cannot be to Device, only to Patient, Group",
                "t.c: subject is a reference parameter",
                "t.d: R4 has no Condition.onsetDatetime; did you mean onsetDateTime?",
                "t.e: R4 has no Condition.stage.sumary; did you mean summary?",
                "t.f: stage is of type Condition.stage",
                "t.f: code cannot be exact: the element repeats or is a concept; add superset",
                "t.g: offical is no code of identifier-use; did you mean official?",
            ],
        );
    }
}
