//! A loaded component as a subject of the laws (`turntable_laws`): it describes itself, reads and writes in
//! the sandbox, under the limits of production.

use serde_json::value::RawValue;
use turntable_componentize::Sample;
use turntable_laws::targets::Known;
use turntable_laws::{Answer, Batch, Row, Subject, sample};
use turntable_mapping::bindings::exports::turntable::mapping::{schema as wit, write};
use turntable_mapping::bindings::turntable::mapping::types;

use super::component::{Documents, FhirRequest, Issue, IssueCode, Mapping, Severity, WriteChange, WriteOperation};
use crate::model::table::{
    Binding, Column, ColumnAccess, ColumnIndex, Kind, SearchKind, SearchOps, Sortable, Source, Table, TableAccess,
};

impl Subject for Mapping {
    fn describe(&self) -> wit::Mapping {
        wit::Mapping {
            name: self.name.clone(),
            version: self.version.clone(),
            tables: self.tables.iter().map(|table| said(table)).collect(),
        }
    }

    fn rows(&self, table: &str, documents: &[&str], columns: &[u16]) -> Result<Batch, String> {
        let documents: Documents = documents.iter().map(|document| document.as_bytes()).collect();
        let columns: Vec<ColumnIndex> = columns.iter().map(|&column| column.into()).collect();
        let batch = Mapping::rows(self, table, &documents, &columns).map_err(|error| error.to_string())?;
        let cells = |row: usize| columns.iter().map(move |&column| (row, column));
        let rows = batch.origin.iter().enumerate().map(|(row, &document)| Row {
            document: document as usize,
            cells: cells(row).map(|(row, column)| batch.rows.cell(row, column).map(str::to_owned)).collect(),
        });
        let rows = rows.collect();
        let errors = batch.issues.iter().filter(|issue| issue.severity == Severity::Error && issue.column.is_none());
        Ok(Batch { rows, refused: errors.map(|issue| issue.index).collect() })
    }

    fn resources(&self, table: &str, changes: &[write::Change]) -> Result<Vec<Answer>, String> {
        let changes: Vec<_> = changes.iter().map(change).collect();
        let answers = self.resource(table, &changes).map_err(|error| error.to_string())?;
        Ok(answers
            .into_iter()
            .map(|answer| answer.map(request).map_err(|issues| issues.iter().map(issue).collect()))
            .collect())
    }
}

/// A table that lookups may point to.
pub(crate) fn known(table: &Table) -> Known {
    Known {
        name: table.name.clone(),
        entity_set: table.entity_set.clone(),
        resource_types: table.sources.iter().map(|source| source.resource_type.clone()).collect(),
    }
}

/// A sample that a component carries, as what judges it takes it.
pub(crate) fn sample_of(sample: &Sample) -> sample::Sample<'_> {
    fn text(part: Option<&RawValue>) -> Option<&str> {
        part.map(RawValue::get)
    }
    sample::Sample {
        name: &sample.name,
        resource: text(sample.resource.as_deref()),
        rows: text(sample.rows.as_deref()),
        change: text(sample.change.as_deref()),
        after: text(sample.after.as_deref()),
    }
}

fn change(change: &write::Change) -> WriteChange {
    WriteChange {
        operation: match change.operation {
            write::Operation::Create => WriteOperation::Create,
            write::Operation::Update => WriteOperation::Update,
            write::Operation::Delete => WriteOperation::Delete,
        },
        key: change.key.clone(),
        assignments: change.assignments.iter().map(|set| (set.column.into(), set.value.clone())).collect(),
        existing: change.existing.clone(),
    }
}

fn request(request: FhirRequest) -> write::FhirRequest {
    match request {
        FhirRequest::Create(body) => write::FhirRequest::Create(body),
        FhirRequest::Update(body) => write::FhirRequest::Update(body),
        FhirRequest::Delete => write::FhirRequest::Delete,
        FhirRequest::Unchanged => write::FhirRequest::Unchanged,
    }
}

fn issue(issue: &Issue) -> types::Issue {
    types::Issue {
        severity: match issue.severity {
            Severity::Error => types::Severity::Error,
            Severity::Warning => types::Severity::Warning,
            Severity::Information => types::Severity::Information,
        },
        code: match issue.code {
            IssueCode::Structure => types::IssueCode::Structure,
            IssueCode::Required => types::IssueCode::Required,
            IssueCode::Value => types::IssueCode::Value,
            IssueCode::CodeInvalid => types::IssueCode::CodeInvalid,
            IssueCode::NotSupported => types::IssueCode::NotSupported,
            IssueCode::Conflict => types::IssueCode::Conflict,
            IssueCode::Truncated => types::IssueCode::Truncated,
        },
        index: u32::try_from(issue.index).unwrap_or(u32::MAX),
        column: issue.column.map(index),
        pointer: issue.pointer.clone(),
        message: issue.message.clone(),
    }
}

/// A table as its mapping said it; what the host adds is left out.
fn said(table: &Table) -> wit::Table {
    let TableAccess { read, create, update, delete } = table.access;
    let flags = [
        (read, wit::TableAccess::READ),
        (create, wit::TableAccess::CREATE),
        (update, wit::TableAccess::UPDATE),
        (delete, wit::TableAccess::DELETE),
    ];
    wit::Table {
        name: table.name.clone(),
        entity_set: table.entity_set.clone(),
        label: table.label.clone(),
        description: table.description.clone(),
        sources: table.sources.iter().map(source).collect(),
        columns: table.columns.iter().take(table.mapped()).map(column).collect(),
        concepts: Vec::new(),
        key: index(table.key),
        primary_name: index(table.primary_name),
        version: table.version.map(index),
        access: flags.into_iter().filter(|(set, _)| *set).fold(wit::TableAccess::empty(), |all, (_, flag)| all | flag),
        parent: table
            .parent
            .as_ref()
            .map(|parent| wit::ParentLink { table: parent.table.clone(), column: index(parent.column) }),
        one_row_per_resource: table.one_row_per_resource,
    }
}

fn column(column: &Column) -> wit::Column {
    let ColumnAccess { read, create, update } = column.access;
    let flags =
        [(read, wit::ColumnAccess::READ), (create, wit::ColumnAccess::CREATE), (update, wit::ColumnAccess::UPDATE)];
    wit::Column {
        name: column.name.clone(),
        label: column.label.clone(),
        description: column.description.clone(),
        kind: kind(&column.kind),
        access: flags.into_iter().filter(|(set, _)| *set).fold(wit::ColumnAccess::empty(), |all, (_, flag)| all | flag),
        required: column.required,
        path: column.path.clone(),
        elements: column.elements.clone(),
    }
}

fn kind(kind: &Kind) -> wit::ColumnType {
    match kind {
        Kind::Key | Kind::ConceptKey { .. } => wit::ColumnType::Key,
        Kind::Text { max_length, multi_line } => {
            wit::ColumnType::Text(wit::TextType { max_length: *max_length, multi_line: *multi_line })
        }
        Kind::Boolean => wit::ColumnType::Boolean,
        Kind::Int32 => wit::ColumnType::Int32,
        Kind::Int64 => wit::ColumnType::Int64,
        Kind::Decimal { precision, scale } => {
            wit::ColumnType::Decimal(wit::DecimalType { precision: *precision, scale: *scale })
        }
        Kind::Date => wit::ColumnType::Date,
        Kind::DateTime => wit::ColumnType::DateTime,
        Kind::PartialDate => wit::ColumnType::PartialDate,
        Kind::Uri => wit::ColumnType::Uri,
        Kind::Choice(choice) => wit::ColumnType::Choice(wit::ChoiceType {
            options: choice
                .options
                .iter()
                .map(|option| wit::ChoiceOption {
                    value: option.value,
                    code: option.code.clone(),
                    system: option.system.clone(),
                    label: option.label.clone(),
                })
                .collect(),
            open: choice.open,
            value_set: choice.value_set.clone(),
        }),
        Kind::Lookup(lookup) => wit::ColumnType::Lookup(wit::LookupType {
            tables: lookup.targets.iter().map(|target| target.entity_set.clone()).collect(),
            resource_types: lookup.targets.iter().map(|target| target.resource_type.clone()).collect(),
            navigation: lookup.navigation.clone(),
        }),
        Kind::Json => wit::ColumnType::Json,
    }
}

fn source(source: &Source) -> wit::Source {
    let fixed = source.fixed_params.iter();
    wit::Source {
        resource_type: source.resource_type.clone(),
        profiles: source.profiles.clone(),
        search: source.search.iter().map(binding).collect(),
        fixed_params: fixed.map(|(name, value)| wit::FixedParam { name: name.clone(), value: value.clone() }).collect(),
        includes: source.includes.clone(),
        discriminator: source
            .discriminator
            .as_ref()
            .map(|(column, value)| wit::Discriminator { column: index(*column), value: value.clone() }),
    }
}

fn binding(binding: &Binding) -> wit::SearchBinding {
    wit::SearchBinding {
        column: index(binding.column),
        param: binding.param.clone(),
        kind: match binding.kind {
            SearchKind::Token => wit::SearchKind::Token,
            SearchKind::Reference => wit::SearchKind::Reference,
            SearchKind::String => wit::SearchKind::String,
            SearchKind::Date => wit::SearchKind::Date,
            SearchKind::Number => wit::SearchKind::Number,
            SearchKind::Quantity => wit::SearchKind::Quantity,
            SearchKind::Uri => wit::SearchKind::Uri,
        },
        exact: ops(binding.exact),
        superset: ops(binding.superset),
        null_iff_absent: binding.null_iff_absent,
        partial: binding.partial,
        sort: match binding.sort {
            Sortable::None => wit::Sortable::None,
            Sortable::BestEffort => wit::Sortable::BestEffort,
            Sortable::Guaranteed => wit::Sortable::Guaranteed,
        },
        template: binding.template.clone(),
    }
}

fn ops(ops: SearchOps) -> wit::SearchOps {
    let flags = [
        (ops.eq, wit::SearchOps::EQ),
        (ops.ne, wit::SearchOps::NE),
        (ops.lt, wit::SearchOps::LT),
        (ops.le, wit::SearchOps::LE),
        (ops.gt, wit::SearchOps::GT),
        (ops.ge, wit::SearchOps::GE),
        (ops.any_of, wit::SearchOps::ANY_OF),
        (ops.starts_with, wit::SearchOps::STARTS_WITH),
        (ops.contains, wit::SearchOps::CONTAINS),
        (ops.missing, wit::SearchOps::MISSING),
    ];
    flags.into_iter().filter(|(set, _)| *set).fold(wit::SearchOps::empty(), |all, (_, flag)| all | flag)
}

/// A description has far fewer columns than fit.
fn index(column: ColumnIndex) -> u16 {
    u16::try_from(column).unwrap_or(u16::MAX)
}
