//! A mapping as a subject, called directly.

use turntable_mapping::bindings::exports::turntable::mapping::read::{ReadRequest, TableRequest};
use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::bindings::exports::turntable::mapping::write::Change;
use turntable_mapping::bindings::turntable::mapping::types::{Documents, Failure, Severity};
use turntable_mapping::{Mapping, describe, resources, tools};

use crate::subject::{Answer, Batch, Row, Subject};

/// A mapping that is linked in.
#[derive(Clone, Copy, Debug)]
pub struct Native(pub &'static Mapping);

impl Subject for Native {
    fn describe(&self) -> wit::Mapping {
        describe(self.0)
    }

    fn rows(&self, table: &str, documents: &[&str], columns: &[u16]) -> Result<Batch, String> {
        let mut data = Vec::new();
        let mut ends = Vec::new();
        for document in documents {
            data.extend_from_slice(document.as_bytes());
            ends.push(u32::try_from(data.len()).map_err(|_| "too much text for one call".to_owned())?);
        }
        data.extend_from_slice(&[b' '; 64]);
        let request = ReadRequest {
            documents: Documents { data, ends },
            related: Documents { data: Vec::new(), ends: Vec::new() },
            tables: vec![TableRequest { table: table.to_owned(), columns: columns.to_vec() }],
        };
        let batch = turntable_plan::rows(self.0, &request).map_err(said)?.pop().ok_or("no batch for the table")?;
        let rows = tools::cells(&batch, columns.len()).ok_or("cells that do not hold together")?;
        let rows = rows.into_iter().zip(&batch.origin).map(|(row, &document)| Row {
            document: document as usize,
            cells: row.into_iter().map(|cell| cell.map(str::to_owned)).collect(),
        });
        let rows = rows.collect();
        let errors = batch.issues.iter().filter(|issue| issue.severity == Severity::Error && issue.column.is_none());
        Ok(Batch { rows, refused: errors.map(|issue| issue.index as usize).collect() })
    }

    fn resources(&self, table: &str, changes: &[Change]) -> Result<Vec<Answer>, String> {
        resources(self.0, table, changes).map_err(said)
    }
}

fn said(failure: Failure) -> String {
    match failure {
        Failure::BadRequest(text) | Failure::Internal(text) => text,
    }
}
