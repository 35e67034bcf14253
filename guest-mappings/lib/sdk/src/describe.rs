//! The schema that a mapping offers, from its tables.

use crate::bindings::exports::turntable::mapping::schema::{
    self as wit, ChoiceOption, ChoiceType, ColumnAccess, ColumnType, DecimalType, Discriminator, FixedParam,
    LookupType, ParentLink, SearchBinding, SearchKind, SearchOps, Sortable, TableAccess, TextType,
};
use crate::column::{Access, Code, Column, Kind};
use crate::field::{Field, Part, fields, is_for};
use crate::path::{Move, choice_name};
use crate::search::Search;
use crate::table::{Mapping, Source, Table, lists};

/// Answers `schema.describe`.
pub fn describe(mapping: &'static Mapping) -> wit::Mapping {
    wit::Mapping {
        name: mapping.name.to_owned(),
        version: mapping.version.to_owned(),
        tables: mapping.tables.iter().map(|table| Describer::new(mapping, table).table()).collect(),
    }
}

struct Describer {
    mapping: &'static Mapping,
    table: &'static Table,
    /// Whose elements the rows are.
    lists: Vec<&'static str>,
    fields: Vec<Field>,
    names: Vec<String>,
}

impl Describer {
    fn new(mapping: &'static Mapping, table: &'static Table) -> Self {
        let fields = fields(table);
        let names = fields.iter().map(|field| field.name().into_owned()).collect();
        Self { mapping, table, lists: lists(mapping, table), fields, names }
    }

    fn table(&self) -> wit::Table {
        let table = self.table;
        let key = self.fields.iter().position(|field| field.column().is_some_and(Column::is_key));
        wit::Table {
            name: table.name.to_owned(),
            entity_set: table.entity_set.to_owned(),
            label: table.label.to_owned(),
            description: table.description.to_owned(),
            sources: table.sources().map(|source| self.source(source)).collect(),
            columns: self.fields.iter().map(|&field| self.column(field)).collect(),
            concepts: self.concepts(),
            key: key.map_or(0, index),
            primary_name: self.index_of(table.primary_name).unwrap_or(0),
            version: table.version.and_then(|name| self.index_of(name)),
            access: match table.read_only {
                true => TableAccess::READ,
                false => TableAccess::all(),
            },
            parent: table
                .parent
                .map(|(parent, _)| ParentLink { table: parent.table.to_owned(), column: index(self.fields.len() - 1) }),
            one_row_per_resource: table.parent.is_none(),
        }
    }

    fn column(&self, field: Field) -> wit::Column {
        let (label, description) = match field {
            Field::Column(column, part) => ([column.label, part.label()].concat(), column.description),
            Field::Parent(_) => (self.parent_table().map_or(String::new(), |parent| parent.label.to_owned()), ""),
        };
        wit::Column {
            name: field.name().into_owned(),
            label,
            description: description.to_owned(),
            kind: self.kind(field),
            access: self.access(field),
            required: field.is_required(),
            path: self.path(field),
            elements: self.elements(field),
        }
    }

    fn kind(&self, field: Field) -> ColumnType {
        let Field::Column(column, _) = field else {
            return self.parent_lookup(&field.name());
        };
        match column.kind {
            Kind::Key => ColumnType::Key,
            Kind::Text | Kind::Concept(_) => {
                ColumnType::Text(TextType { max_length: column.max, multi_line: column.multi_line })
            }
            Kind::Boolean => ColumnType::Boolean,
            Kind::Int => ColumnType::Int32,
            Kind::Long => ColumnType::Int64,
            Kind::Decimal => ColumnType::Decimal(DecimalType { precision: column.precision, scale: column.scale }),
            Kind::Date => ColumnType::Date,
            Kind::DateTime => ColumnType::DateTime,
            Kind::PartialDate => ColumnType::PartialDate,
            Kind::Uri => ColumnType::Uri,
            Kind::Choice(options) | Kind::Constant(options, _) => ColumnType::Choice(ChoiceType {
                options: options.iter().map(|option| choice_option(column, option)).collect(),
                open: column.open,
                value_set: column.value_set.map(str::to_owned),
            }),
            Kind::Lookup(targets) => ColumnType::Lookup(LookupType {
                tables: targets.iter().map(|(table, _)| (*table).to_owned()).collect(),
                resource_types: targets.iter().map(|(_, kind)| (*kind).to_owned()).collect(),
                navigation: column.name.to_owned(),
            }),
            Kind::Json => ColumnType::Json,
        }
    }

    fn parent_table(&self) -> Option<&'static Table> {
        let (parent, _) = self.table.parent?;
        self.mapping.tables.iter().find(|table| table.name == parent.table)
    }

    fn parent_lookup(&self, name: &str) -> ColumnType {
        let entity_set = self.parent_table().map_or("", |parent| parent.entity_set);
        ColumnType::Lookup(LookupType {
            tables: self.table.sources().map(|_| entity_set.to_owned()).collect(),
            resource_types: self.table.sources().map(|source| source.resource_type.to_owned()).collect(),
            navigation: name.to_owned(),
        })
    }

    fn access(&self, field: Field) -> ColumnAccess {
        let is_child_key = self.table.parent.is_some() && field.column().is_some_and(Column::is_key);
        match field.access() {
            _ if self.table.read_only || is_child_key => ColumnAccess::READ,
            Access::ReadWrite => ColumnAccess::all(),
            Access::CreateOnly => ColumnAccess::READ | ColumnAccess::CREATE,
            Access::ReadOnly => ColumnAccess::READ,
        }
    }

    /// From the resource's root, for people.
    fn path(&self, field: Field) -> String {
        let Some(column) = field.column() else {
            return String::new();
        };
        if column.is_key() {
            return "id".to_owned();
        }
        if column.path.is_empty() {
            return String::new();
        }
        let alternatives = column.path.text().split('|').map(|alternative| {
            let own = alternative.trim().trim_start_matches("$this").trim_start_matches('.');
            let parts = self.lists.iter().copied().chain((!own.is_empty()).then_some(own));
            parts.chain(field.members().iter().copied()).collect::<Vec<_>>().join(".")
        });
        alternatives.collect::<Vec<_>>().join(" | ")
    }

    /// Top-level elements that a field is read from.
    fn elements(&self, field: Field) -> Vec<String> {
        let Some(column) = field.column() else {
            return vec!["id".to_owned()];
        };
        if column.is_key() {
            return vec!["id".to_owned()];
        }
        if column.path.is_empty() {
            return Vec::new();
        }
        if let Some(list) = self.lists.first() {
            return list.split('.').take(1).map(str::to_owned).collect();
        }
        let mut elements = Vec::new();
        for moves in field.alternatives() {
            let Some(Move::Member(first)) = moves.first() else {
                continue;
            };
            elements.push(first.trim_start_matches('_').to_owned());
            if let (Kind::Choice(options), Access::ReadOnly, 1) = (column.kind, column.access, moves.len()) {
                // It may be the type of a choice element, which is in none of its own name.
                elements.extend(options.iter().map(|option| choice_name(first, option.code)));
            }
        }
        elements.sort();
        elements.dedup();
        elements
    }

    fn concepts(&self) -> Vec<wit::Concept> {
        let parts = |name: &str, part: Part| self.index_of(&[name, part.suffix()].concat());
        let concepts = self.table.columns.iter().filter(|column| matches!(column.kind, Kind::Concept(_)));
        concepts
            .filter_map(|column| {
                Some(wit::Concept {
                    name: column.name.to_owned(),
                    code: parts(column.name, Part::Code)?,
                    system: parts(column.name, Part::System)?,
                    display: parts(column.name, Part::Display),
                    text: None,
                })
            })
            .collect()
    }

    fn source(&self, source: &Source) -> wit::Source {
        wit::Source {
            resource_type: source.resource_type.to_owned(),
            profiles: source.profiles.iter().flatten().map(|url| (*url).to_owned()).collect(),
            search: self.search(source),
            fixed_params: source
                .fixed
                .iter()
                .flatten()
                .map(|(name, value)| FixedParam { name: (*name).to_owned(), value: (*value).to_owned() })
                .collect(),
            includes: source.includes.iter().flatten().map(|include| (*include).to_owned()).collect(),
            discriminator: source.when.and_then(|(name, value)| {
                Some(Discriminator { column: self.index_of(name)?, value: value.to_owned() })
            }),
        }
    }

    fn search(&self, source: &Source) -> Vec<SearchBinding> {
        let mut bindings = Vec::new();
        for (at, &field) in self.fields.iter().enumerate() {
            let Field::Column(column, Part::Whole | Part::Code) = field else {
                continue;
            };
            if column.is_key() && self.table.parent.is_none() {
                bindings.push(by_id(index(at)));
            }
            for search in column.search.iter().flatten() {
                let here = is_for(search.only, source.resource_type);
                if here && field.exists_for(source) {
                    bindings.push(binding(index(at), column, search));
                }
            }
        }
        bindings
    }

    fn index_of(&self, name: &str) -> Option<u16> {
        self.names.iter().position(|own| own == name).map(index)
    }
}

fn choice_option(column: &Column, option: &Code) -> ChoiceOption {
    ChoiceOption {
        value: option.value,
        code: option.code.to_owned(),
        system: option.system.or(column.system).map(str::to_owned),
        label: option.label.to_owned(),
    }
}

fn binding(at: u16, column: &Column, search: &Search) -> SearchBinding {
    // A code without its system is shown as the option too, and `system|code` would not find it.
    let loose = matches!(column.kind, Kind::Choice(_)) && column.system.is_some();
    SearchBinding {
        column: at,
        param: search.param.to_owned(),
        kind: search.kind,
        exact: search.exact,
        superset: search.superset,
        null_iff_absent: search.null_iff_absent,
        partial: search.partial,
        sort: search.sort,
        template: search.template.or(loose.then_some("{}")).map(str::to_owned),
    }
}

/// Every row of a root table is found by its resource's id.
fn by_id(column: u16) -> SearchBinding {
    SearchBinding {
        column,
        param: "_id".to_owned(),
        kind: SearchKind::Token,
        exact: SearchOps::EQ | SearchOps::ANY_OF,
        superset: SearchOps::empty(),
        null_iff_absent: false,
        partial: false,
        sort: Sortable::None,
        template: None,
    }
}

/// Tables have far fewer columns than fit.
fn index(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
