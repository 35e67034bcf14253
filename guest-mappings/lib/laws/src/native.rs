//! A mapping as a subject, called directly.

use turntable_mapping::bindings::exports::turntable::mapping::read::ReadRequest;
use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::bindings::exports::turntable::mapping::write::Change;
use turntable_mapping::bindings::turntable::mapping::types::{Documents, Failure, Severity};
use turntable_mapping::{Mapping, describe, resources};

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
            table: table.to_owned(),
            documents: Documents { data, ends },
            related: Documents { data: Vec::new(), ends: Vec::new() },
            columns: columns.to_vec(),
        };
        let batch = turntable_plan::rows(self.0, &request).map_err(said)?;
        if batch.cells.ends.len() != batch.origin.len() * columns.len() {
            return Err("not one cell for each column of each row".to_owned());
        }
        let mut start = 0;
        let mut cell = |end: &u32| {
            let (null, end) = (end >> 31 == 1, (end & (u32::MAX >> 1)) as usize);
            let text = batch.cells.text.get(start..end).unwrap_or_default();
            start = end;
            (!null).then(|| text.to_owned())
        };
        let rows =
            batch.cells.ends.chunks(columns.len().max(1)).zip(&batch.origin).map(|(row, &document)| Row {
                document: document as usize,
                cells: row.iter().map(&mut cell).collect(),
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
