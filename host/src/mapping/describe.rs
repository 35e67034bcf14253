//! What a mapping says of itself, checked and made [`Table`]s. A description is a stranger's: nothing in it is taken
//! on trust, and every fault is reported with its table and column, all at once.
//!
//! `host/build.rs` includes this file too, with the SDK's form of the contract in place of wasmtime's, so that shipped
//! mappings are described when the binary is built.

use std::{collections::HashSet, fmt};

use serde::{Deserialize, Serialize};

use super::contract::exports::turntable::mapping::schema as said;
use crate::model::{
    error::{Code, Detail, Error, Result},
    limits::Limits,
    table::{
        Binding, Choice, ChoiceOption, Column, ColumnAccess, Concept, Kind, Lookup, Parent, Rank, SearchKind,
        SearchOps, Sortable, Source, Table, TableAccess, Target,
    },
};

/// Bytes of a name.
const NAME: usize = 128;
/// Faults that are listed; a mapping with more has seen enough.
const FAULTS: usize = 100;

/// A description that holds together: all that is known of a mapping while it does not run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The component exports the interface for it.
    pub(crate) writes: bool,
    pub(crate) tables: Vec<Table>,
}

/// `writes`: the component exports the interface for it. `MappingIllFormed`.
pub(crate) fn described(mapping: said::Mapping, writes: bool, limits: &Limits) -> Result<Description> {
    let mut faults = Faults { limits, writes, found: Vec::new(), table: String::new(), column: None };
    faults.mapping(&mapping);
    if faults.found.is_empty() {
        let tables = mapping.tables.into_iter().map(table).collect();
        return Ok(Description { name: mapping.name, version: mapping.version, writes, tables });
    }
    let first = &faults.found[0];
    let message = format!("the mapping's description does not hold together: {}", first.message);
    Err(Error::new(Code::MappingIllFormed, message)
        .target(first.target.clone().unwrap_or_default())
        .hint("Each fault is among the details; it is the mapping's author who must mend them.")
        .details(faults.found))
}

/// Collects what is wrong, and knows where the check just is.
struct Faults<'a> {
    limits: &'a Limits,
    writes: bool,
    found: Vec<Detail>,
    table: String,
    column: Option<String>,
}

impl Faults<'_> {
    fn mapping(&mut self, mapping: &said::Mapping) {
        self.must(is_slug(&mapping.name), || format!("{} is no name for a mapping", shown(&mapping.name)));
        self.must(is_version(&mapping.version), || format!("{} is no version like 1.2.3", shown(&mapping.version)));
        let tables = mapping.tables.len();
        self.must((1..=self.limits.mapping_tables).contains(&tables), || {
            format!("{tables} tables; there must be one, and at most limits.mapping_tables")
        });
        if tables > self.limits.mapping_tables {
            return;
        }
        self.unique("table", mapping.tables.iter().map(|t| t.name.as_str()));
        self.unique("entity set", mapping.tables.iter().map(|t| t.entity_set.as_str()));
        for (at, table) in mapping.tables.iter().enumerate() {
            self.table = shown(&table.name);
            self.table(table);
            if let Some(parent) = &table.parent {
                let is_before = mapping.tables[..at].iter().any(|before| before.name == parent.table);
                self.must(is_before, || format!("its parent {} is no table before it", shown(&parent.table)));
            }
        }
    }

    fn table(&mut self, table: &said::Table) {
        self.name("table", &table.name, is_name);
        self.name("entity set", &table.entity_set, is_name);
        self.text("label", &table.label);
        self.text("description", &table.description);
        let (columns, most) = (table.columns.len(), self.limits.mapping_columns);
        self.must(columns <= most, || format!("{columns} columns, more than limits.mapping_columns"));
        self.must(table.concepts.len() <= most, || "more concepts than limits.mapping_columns".into());
        if columns > most || table.concepts.len() > most {
            return;
        }
        for column in &table.columns {
            self.column = Some(shown(&column.name));
            self.column(column);
        }
        self.column = None;
        self.names(table);
        self.key(table);
        self.index(table, "primary_name", table.primary_name);
        for (what, index) in [("version", table.version), ("parent", table.parent.as_ref().map(|p| p.column))] {
            if let Some(index) = index {
                self.index(table, what, index);
            }
        }
        if let Some(parent) = &table.parent {
            self.name("parent table", &parent.table, is_name);
            let is_lookup = kind_at(table, parent.column).is_some_and(|k| matches!(k, said::ColumnType::Lookup(_)));
            self.must(is_lookup, || "the parent's column is no lookup".into());
        }
        for concept in &table.concepts {
            self.concept(table, concept);
        }
        self.must(!table.sources.is_empty(), || "no source".into());
        self.unique("source", table.sources.iter().map(|s| s.resource_type.as_str()));
        for source in &table.sources {
            self.source(table, source);
        }
        let changes = said::TableAccess::CREATE | said::TableAccess::UPDATE | said::TableAccess::DELETE;
        self.must(self.writes || !table.access.intersects(changes), || {
            "says that it can be written, but the component does not export the interface `write`".into()
        });
    }

    /// What apps see of columns and relations must not collide.
    fn names(&mut self, table: &said::Table) {
        self.unique(
            "column",
            table.columns.iter().map(|c| c.name.as_str()).chain(table.concepts.iter().map(|c| c.name.as_str())),
        );
        let lookups = table.columns.iter().filter_map(|column| match &column.kind {
            said::ColumnType::Lookup(lookup) => Some((column, lookup)),
            _ => None,
        });
        let made = |name: &str| format!("_{name}_value");
        let values: Vec<String> = lookups.clone().map(|(column, _)| made(&column.name)).collect();
        let concepts: Vec<String> = table.concepts.iter().map(|concept| made(&concept.name)).collect();
        let plain = table.columns.iter().filter(|c| !matches!(c.kind, said::ColumnType::Lookup(_)));
        let navigations = lookups.map(|(_, lookup)| lookup.navigation.as_str());
        let properties = plain
            .map(|column| column.name.as_str())
            .chain(values.iter().map(String::as_str))
            .chain(concepts.iter().map(String::as_str))
            .chain(navigations)
            .chain(table.concepts.iter().map(|concept| concept.name.as_str()));
        self.unique("property", properties);
    }

    fn key(&mut self, table: &said::Table) {
        self.index(table, "key", table.key);
        let keys = table.columns.iter().filter(|c| matches!(c.kind, said::ColumnType::Key)).count();
        let at_key = matches!(kind_at(table, table.key), Some(said::ColumnType::Key));
        self.must(keys == 1 && at_key, || {
            format!("{keys} columns of type key; there must be exactly one, and `key` must point to it")
        });
    }

    fn column(&mut self, column: &said::Column) {
        self.name("column", &column.name, is_name);
        self.text("label", &column.label);
        self.text("description", &column.description);
        self.text("path", &column.path);
        for element in &column.elements {
            self.name("element", element, is_word);
        }
        match &column.kind {
            said::ColumnType::Text(text) => self.must(text.max_length != Some(0), || "a text of length 0".into()),
            said::ColumnType::Decimal(decimal) => {
                let fits = (1..=38).contains(&decimal.precision) && decimal.scale <= Some(decimal.precision);
                self.must(fits, || "precision must be 1 to 38, and scale no more than that".into());
            }
            said::ColumnType::Choice(choice) => self.choice(choice),
            said::ColumnType::Lookup(lookup) => self.lookup(lookup),
            _ => {}
        }
    }

    fn choice(&mut self, choice: &said::ChoiceType) {
        let options = choice.options.len();
        self.must(options <= self.limits.mapping_options, || {
            format!("{options} options, more than limits.mapping_options")
        });
        self.must(options > 0 || choice.open, || "a closed choice without options".into());
        self.unique("option value", choice.options.iter().map(|option| option.value));
        self.unique("option code", choice.options.iter().map(|option| option.code.as_str()));
        for option in &choice.options {
            self.must(!option.code.is_empty(), || format!("option {} has no code", option.value));
            self.text("code", &option.code);
            self.text("label", &option.label);
            self.text("system", option.system.as_deref().unwrap_or_default());
        }
        self.text("value set", choice.value_set.as_deref().unwrap_or_default());
    }

    fn lookup(&mut self, lookup: &said::LookupType) {
        let pairs = !lookup.tables.is_empty() && lookup.tables.len() == lookup.resource_types.len();
        self.must(pairs, || "a lookup has as many tables as resource types, and at least one".into());
        self.unique("resource type", lookup.resource_types.iter().map(String::as_str));
        self.name("navigation property", &lookup.navigation, is_word);
        for entity_set in &lookup.tables {
            self.name("entity set", entity_set, is_name);
        }
        for resource_type in &lookup.resource_types {
            self.name("resource type", resource_type, is_resource_type);
        }
    }

    fn concept(&mut self, table: &said::Table, concept: &said::Concept) {
        self.column = Some(shown(&concept.name));
        self.name("concept", &concept.name, is_name);
        let parts = [Some(concept.code), Some(concept.system), concept.display, concept.text];
        for (what, index) in ["code", "system", "display", "text"].into_iter().zip(parts) {
            if let Some(index) = index {
                self.index(table, what, index);
            }
        }
        self.column = None;
    }

    fn source(&mut self, table: &said::Table, source: &said::Source) {
        self.name("resource type", &source.resource_type, is_resource_type);
        for profile in &source.profiles {
            self.text("profile", profile);
        }
        for binding in &source.search {
            self.binding(table, binding);
        }
        for fixed in &source.fixed_params {
            self.name("search parameter", &fixed.name, is_param);
            self.text("value of a search parameter", &fixed.value);
        }
        // Nothing is read through `_include` yet; a mapping that counts on it would give rows with holes.
        self.must(source.includes.is_empty(), || "includes, which this server does not offer yet".into());
        if let Some(discriminator) = &source.discriminator {
            self.index(table, "discriminator", discriminator.column);
            self.text("discriminator", &discriminator.value);
            if let Some(said::ColumnType::Choice(choice)) = kind_at(table, discriminator.column) {
                let known = choice.open || choice.options.iter().any(|option| option.code == discriminator.value);
                self.must(known, || "the discriminator's value is no option of its column".into());
            }
        }
    }

    fn binding(&mut self, table: &said::Table, binding: &said::SearchBinding) {
        self.index(table, "search binding", binding.column);
        self.name("search parameter", &binding.param, is_param);
        if let Some(template) = &binding.template {
            self.text("template", template);
            self.must(template.matches("{}").count() == 1, || {
                format!("template {} must have one {{}}", shown(template))
            });
        }
    }

    fn index(&mut self, table: &said::Table, what: &str, index: u16) {
        let columns = table.columns.len();
        self.must(usize::from(index) < columns, || format!("{what} points to column {index} of {columns}"));
    }

    fn name(&mut self, what: &str, name: &str, holds: fn(&str) -> bool) {
        self.must(name.len() <= NAME && holds(name), || format!("{} is no name for a {what}", shown(name)));
    }

    fn text(&mut self, what: &str, text: &str) {
        let most = self.limits.mapping_text_bytes;
        self.must(text.len() <= most, || format!("{what} is longer than limits.mapping_text_bytes"));
        // They end up in XML and on consoles.
        let plain = text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t'));
        self.must(plain, || format!("{what} has control characters"));
    }

    fn unique<T: std::hash::Hash + Eq + fmt::Display>(&mut self, what: &str, items: impl Iterator<Item = T>) {
        let mut seen = HashSet::new();
        let twice: Vec<String> = items
            .filter_map(|item| {
                let text = item.to_string();
                (!seen.insert(item)).then_some(text)
            })
            .collect();
        for item in twice {
            self.must(false, || format!("{what} {} is there twice", shown(&item)));
        }
    }

    fn must(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if holds || self.found.len() >= FAULTS {
            return;
        }
        let target = match &self.column {
            Some(column) => format!("{}.{column}", self.table),
            None => self.table.clone(),
        };
        let message = if target.is_empty() { fault() } else { format!("{target}: {}", fault()) };
        self.found.push(Detail { code: "description".into(), message, target: (!target.is_empty()).then_some(target) });
    }
}

fn kind_at(table: &said::Table, index: u16) -> Option<&said::ColumnType> {
    table.columns.get(usize::from(index)).map(|column| &column.kind)
}

/// A guest's text in a message: short, and nothing in it that acts on the reader's terminal.
fn shown(text: &str) -> String {
    if is_word(text) && text.len() <= NAME {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(40);
    format!("{:?}", &text[..end])
}

/// `[a-z_][a-z0-9_]*`
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `[A-Za-z_][A-Za-z0-9_]*`
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `[a-z][a-z0-9_-]*`, for the mapping itself.
fn is_slug(text: &str) -> bool {
    text.len() <= NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

fn is_resource_type(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// `code`, `_id`, `value-quantity`, `patient.name`, `code:text`
fn is_param(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'))
}

/// `1.2.3`, and what semver lets follow.
fn is_version(text: &str) -> bool {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<_> = numbers.split('.').collect();
    text.len() <= NAME
        && parts.len() == 3
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'))
}

fn table(table: said::Table) -> Table {
    let mut columns: Vec<Column> = table.columns.into_iter().map(column).collect();
    let concepts: Vec<Concept> = table.concepts.into_iter().map(concept).collect();
    let keys: Vec<Column> =
        concepts.iter().enumerate().map(|(index, concept)| concept_key(index, concept, &columns)).collect();
    columns.extend(keys);
    Table {
        name: table.name,
        entity_set: table.entity_set,
        label: table.label,
        description: table.description,
        sources: table.sources.into_iter().map(source).collect(),
        columns,
        concepts,
        key: table.key.into(),
        primary_name: table.primary_name.into(),
        version: table.version.map(Into::into),
        access: TableAccess {
            read: table.access.contains(said::TableAccess::READ),
            create: table.access.contains(said::TableAccess::CREATE),
            update: table.access.contains(said::TableAccess::UPDATE),
            delete: table.access.contains(said::TableAccess::DELETE),
        },
        parent: table.parent.map(|parent| Parent { table: parent.table, column: parent.column.into() }),
        one_row_per_resource: table.one_row_per_resource,
        // The component's digest, which is not its own to say.
        made_by: String::new(),
        adds_version: false,
        narrowed: Default::default(),
    }
}

/// `_<concept>_value`, which the host makes from the code and system columns.
fn concept_key(index: usize, concept: &Concept, columns: &[Column]) -> Column {
    let code = &columns[concept.code];
    let mut elements = code.elements.clone();
    elements.extend(columns[concept.system].elements.iter().filter(|e| !code.elements.contains(e)).cloned());
    Column {
        name: concept.name.clone(),
        label: concept.text.or(concept.display).map_or(&code.label, |column| &columns[column].label).clone(),
        description: String::new(),
        kind: Kind::ConceptKey { concept: index },
        access: ColumnAccess { read: true, create: false, update: false },
        required: false,
        path: code.path.clone(),
        elements,
    }
}

fn column(column: said::Column) -> Column {
    Column {
        name: column.name,
        label: column.label,
        description: column.description,
        kind: kind(column.kind),
        access: ColumnAccess {
            read: column.access.contains(said::ColumnAccess::READ),
            create: column.access.contains(said::ColumnAccess::CREATE),
            update: column.access.contains(said::ColumnAccess::UPDATE),
        },
        required: column.required,
        path: column.path,
        elements: column.elements,
    }
}

fn kind(kind: said::ColumnType) -> Kind {
    match kind {
        said::ColumnType::Key => Kind::Key,
        said::ColumnType::Text(text) => Kind::Text { max_length: text.max_length, multi_line: text.multi_line },
        said::ColumnType::Boolean => Kind::Boolean,
        said::ColumnType::Int32 => Kind::Int32,
        said::ColumnType::Int64 => Kind::Int64,
        said::ColumnType::Decimal(decimal) => Kind::Decimal { precision: decimal.precision, scale: decimal.scale },
        said::ColumnType::Date => Kind::Date,
        said::ColumnType::DateTime => Kind::DateTime,
        said::ColumnType::PartialDate => Kind::PartialDate,
        said::ColumnType::Uri => Kind::Uri,
        said::ColumnType::Choice(choice) => Kind::Choice(Choice {
            options: choice.options.into_iter().map(option).collect(),
            open: choice.open,
            value_set: choice.value_set,
        }),
        said::ColumnType::Lookup(lookup) => Kind::Lookup(Lookup {
            targets: (lookup.tables.into_iter().zip(lookup.resource_types))
                .map(|(entity_set, resource_type)| Target { entity_set, resource_type, rank: Rank::Only })
                .collect(),
            navigation: lookup.navigation,
        }),
        said::ColumnType::Json => Kind::Json,
    }
}

fn option(option: said::ChoiceOption) -> ChoiceOption {
    ChoiceOption { value: option.value, code: option.code, system: option.system, label: option.label }
}

fn concept(concept: said::Concept) -> Concept {
    Concept {
        name: concept.name,
        code: concept.code.into(),
        system: concept.system.into(),
        display: concept.display.map(Into::into),
        text: concept.text.map(Into::into),
    }
}

fn source(source: said::Source) -> Source {
    Source {
        resource_type: source.resource_type,
        profiles: source.profiles,
        search: source.search.into_iter().map(binding).collect(),
        fixed_params: source.fixed_params.into_iter().map(|fixed| (fixed.name, fixed.value)).collect(),
        includes: source.includes,
        discriminator: source.discriminator.map(|d| (d.column.into(), d.value)),
    }
}

fn binding(binding: said::SearchBinding) -> Binding {
    Binding {
        column: binding.column.into(),
        param: binding.param,
        kind: match binding.kind {
            said::SearchKind::Token => SearchKind::Token,
            said::SearchKind::Reference => SearchKind::Reference,
            said::SearchKind::String => SearchKind::String,
            said::SearchKind::Date => SearchKind::Date,
            said::SearchKind::Number => SearchKind::Number,
            said::SearchKind::Quantity => SearchKind::Quantity,
            said::SearchKind::Uri => SearchKind::Uri,
        },
        exact: ops(binding.exact),
        superset: ops(binding.superset),
        null_iff_absent: binding.null_iff_absent,
        partial: binding.partial,
        sort: match binding.sort {
            said::Sortable::None => Sortable::None,
            said::Sortable::BestEffort => Sortable::BestEffort,
            said::Sortable::Guaranteed => Sortable::Guaranteed,
        },
        template: binding.template,
    }
}

fn ops(ops: said::SearchOps) -> SearchOps {
    SearchOps {
        eq: ops.contains(said::SearchOps::EQ),
        ne: ops.contains(said::SearchOps::NE),
        lt: ops.contains(said::SearchOps::LT),
        le: ops.contains(said::SearchOps::LE),
        gt: ops.contains(said::SearchOps::GT),
        ge: ops.contains(said::SearchOps::GE),
        any_of: ops.contains(said::SearchOps::ANY_OF),
        starts_with: ops.contains(said::SearchOps::STARTS_WITH),
        contains: ops.contains(said::SearchOps::CONTAINS),
        missing: ops.contains(said::SearchOps::MISSING),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_column(name: &str, kind: said::ColumnType) -> said::Column {
        said::Column {
            name: name.into(),
            label: name.to_uppercase(),
            description: String::new(),
            kind,
            access: said::ColumnAccess::READ,
            required: false,
            path: String::new(),
            elements: vec![name.into()],
        }
    }

    fn text() -> said::ColumnType {
        said::ColumnType::Text(said::TextType { max_length: None, multi_line: false })
    }

    fn lookup(tables: &[&str], navigation: &str) -> said::ColumnType {
        said::ColumnType::Lookup(said::LookupType {
            tables: tables.iter().map(|&t| t.into()).collect(),
            resource_types: vec!["Patient".into()],
            navigation: navigation.into(),
        })
    }

    fn an_option(value: i32, code: &str) -> said::ChoiceOption {
        said::ChoiceOption { value, code: code.into(), system: None, label: code.into() }
    }

    /// Columns: 0 id, 1 name, 2 patient, 3 code, 4 system, 5 status.
    fn good() -> said::Mapping {
        let status =
            said::ChoiceType { options: vec![an_option(1, "a"), an_option(2, "b")], open: false, value_set: None };
        said::Mapping {
            name: "demo".into(),
            version: "1.2.3-rc.1".into(),
            tables: vec![said::Table {
                name: "msemr_demo".into(),
                entity_set: "msemr_demos".into(),
                label: "Demo".into(),
                description: "Two\nlines".into(),
                sources: vec![said::Source {
                    resource_type: "Basic".into(),
                    profiles: vec![],
                    search: vec![said::SearchBinding {
                        column: 2,
                        param: "patient".into(),
                        kind: said::SearchKind::Reference,
                        exact: said::SearchOps::EQ | said::SearchOps::ANY_OF,
                        superset: said::SearchOps::empty(),
                        null_iff_absent: true,
                        partial: false,
                        sort: said::Sortable::None,
                        template: Some("Patient/{}".into()),
                    }],
                    fixed_params: vec![said::FixedParam { name: "code:not".into(), value: "x".into() }],
                    includes: vec![],
                    discriminator: Some(said::Discriminator { column: 5, value: "b".into() }),
                }],
                columns: vec![
                    a_column("id", said::ColumnType::Key),
                    a_column("name", text()),
                    a_column("patient", lookup(&["contacts"], "patient")),
                    a_column("code", text()),
                    a_column("system", text()),
                    a_column("status", said::ColumnType::Choice(status)),
                ],
                concepts: vec![said::Concept { name: "kind".into(), code: 3, system: 4, display: None, text: Some(1) }],
                key: 0,
                primary_name: 1,
                version: None,
                access: said::TableAccess::READ,
                parent: None,
                one_row_per_resource: true,
            }],
        }
    }

    #[test]
    fn a_sound_description_becomes_tables() {
        let described = described(good(), false, &Limits::default()).unwrap();
        assert_eq!((described.name.as_str(), described.version.as_str()), ("demo", "1.2.3-rc.1"));
        let table = &described.tables[0];
        assert_eq!((table.columns.len(), table.mapped()), (7, 6));
        let kind = &table.columns[6];
        assert_eq!(kind.property(), "_kind_value");
        assert_eq!((kind.label.as_str(), &kind.elements[..]), ("NAME", &["code".to_owned(), "system".into()][..]));
        assert_eq!(table.concept_of(6).map(|c| c.code), Some(3));
        assert_eq!(table.property("_patient_value"), Some(2));
        let binding = &table.sources[0].search[0];
        assert!(binding.exact.eq && binding.exact.any_of && !binding.exact.ne);
    }

    #[test]
    fn every_fault_names_its_table_and_column() {
        let check = |expected: &str, spoil: fn(&mut said::Mapping)| {
            let mut mapping = good();
            spoil(&mut mapping);
            let error = described(mapping, false, &Limits::default()).unwrap_err();
            assert_eq!(error.code(), Code::MappingIllFormed);
            let found: Vec<_> = error.get_details().iter().map(|d| d.message.as_str()).collect();
            assert!(found.contains(&expected), "{expected:?} is not among {found:#?}");
        };
        check("\"De mo\" is no name for a mapping", |m| m.name = "De mo".into());
        check("one is no version like 1.2.3", |m| m.version = "one".into());
        check("0 tables; there must be one, and at most limits.mapping_tables", |m| m.tables.clear());
        check("table msemr_demo is there twice", |m| m.tables.extend(good().tables));
        check("Demo: Demo is no name for a table", |m| m.tables[0].name = "Demo".into());
        check("\"a\\u{1b}[1m\": \"a\\u{1b}[1m\" is no name for a table", |m| m.tables[0].name = "a\u{1b}[1m".into());
        check("msemr_demo: no source", |m| m.tables[0].sources.clear());
        check("msemr_demo.\"na-me\": \"na-me\" is no name for a column", |m| {
            m.tables[0].columns[1].name = "na-me".into();
        });
        check("msemr_demo: column name is there twice", |m| m.tables[0].columns[3].name = "name".into());
        check("msemr_demo: column kind is there twice", |m| m.tables[0].columns[3].name = "kind".into());
        check("msemr_demo: property _patient_value is there twice", |m| {
            m.tables[0].columns[3].name = "_patient_value".into();
        });
        check("msemr_demo: property code is there twice", |m| {
            m.tables[0].columns[2].kind = lookup(&["contacts"], "code");
        });
        check("msemr_demo: key points to column 9 of 6", |m| m.tables[0].key = 9);
        check("msemr_demo: 1 columns of type key; there must be exactly one, and `key` must point to it", |m| {
            m.tables[0].key = 1;
        });
        check("msemr_demo: 2 columns of type key; there must be exactly one, and `key` must point to it", |m| {
            m.tables[0].columns[1].kind = said::ColumnType::Key;
        });
        check("msemr_demo: primary_name points to column 6 of 6", |m| m.tables[0].primary_name = 6);
        check("msemr_demo: version points to column 6 of 6", |m| m.tables[0].version = Some(6));
        check("msemr_demo: the parent's column is no lookup", |m| {
            m.tables[0].parent = Some(said::ParentLink { table: "account".into(), column: 1 });
        });
        check("msemr_demo: its parent account is no table before it", |m| {
            m.tables[0].parent = Some(said::ParentLink { table: "account".into(), column: 2 });
        });
        check("msemr_demo: its parent msemr_demo is no table before it", |m| {
            m.tables[0].parent = Some(said::ParentLink { table: "msemr_demo".into(), column: 2 });
        });
        check("msemr_demo.kind: system points to column 7 of 6", |m| m.tables[0].concepts[0].system = 7);
        check("msemr_demo: search binding points to column 8 of 6", |m| m.tables[0].sources[0].search[0].column = 8);
        check("msemr_demo: \"a&b=c\" is no name for a search parameter", |m| {
            m.tables[0].sources[0].search[0].param = "a&b=c".into();
        });
        check("msemr_demo: template x must have one {}", |m| {
            m.tables[0].sources[0].search[0].template = Some("x".into());
        });
        check("msemr_demo: discriminator points to column 6 of 6", |m| {
            m.tables[0].sources[0].discriminator = Some(said::Discriminator { column: 6, value: "b".into() });
        });
        check("msemr_demo: the discriminator's value is no option of its column", |m| {
            m.tables[0].sources[0].discriminator = Some(said::Discriminator { column: 5, value: "z".into() });
        });
        check("msemr_demo.patient: a lookup has as many tables as resource types, and at least one", |m| {
            m.tables[0].columns[2].kind = lookup(&["contacts", "accounts"], "patient");
        });
        check("msemr_demo.status: option code a is there twice", |m| {
            let options = vec![an_option(1, "a"), an_option(2, "a")];
            m.tables[0].columns[5].kind =
                said::ColumnType::Choice(said::ChoiceType { options, open: true, value_set: None });
        });
        check("msemr_demo.status: option value \"1\" is there twice", |m| {
            let options = vec![an_option(1, "a"), an_option(1, "b")];
            m.tables[0].columns[5].kind =
                said::ColumnType::Choice(said::ChoiceType { options, open: true, value_set: None });
        });
        check("msemr_demo.name: label has control characters", |m| m.tables[0].columns[1].label = "a\0".into());
        check("msemr_demo.name: path is longer than limits.mapping_text_bytes", |m| {
            m.tables[0].columns[1].path = "x".repeat(5_000);
        });
        check("msemr_demo: includes, which this server does not offer yet", |m| {
            m.tables[0].sources[0].includes.push("Basic:subject".into());
        });
        check(
            "msemr_demo: says that it can be written, but the component does not export the interface `write`",
            |m| m.tables[0].access |= said::TableAccess::DELETE,
        );
        check("msemr_demo: 501 columns, more than limits.mapping_columns", |m| {
            m.tables[0].columns = (0..501).map(|n| a_column(&format!("c{n}"), text())).collect();
        });
    }
}
