//! The answer to one read, as it grows.

use turntable_scan::Value;
use turntable_scan::block::Pieces;

use crate::bindings::exports::turntable::mapping::read::{Failure, RowBatch};
use crate::bindings::turntable::mapping::types::{Cells, Issue, IssueCode, Severity};
use crate::pointer::pointer;

/// Warnings of one call; what goes beyond is left out, errors never.
pub(crate) const MAX_WARNINGS: usize = 10_000;

/// Where the text of a batch ends at the latest.
const TEXT: usize = u32::MAX as usize;

/// The rows of one table.
#[derive(Default)]
pub(crate) struct Output {
    /// Texts of the cells, one after the other.
    text: Pieces,
    /// Zeros from `present_length` on: room for rows to come.
    present: Vec<u8>,
    present_length: usize,
    ends: Vec<u32>,
    origin: Vec<u32>,
    issues: Vec<Issue>,
}

/// Where the cells of a row go that is made in one go.
pub(crate) struct RowOutput<'o> {
    pub(crate) text: &'o mut Pieces,
    present: &'o mut [u8],
    ends: &'o mut Vec<u32>,
}

impl RowOutput<'_> {
    /// The text that was added last is the cell at this position. Positions ascend.
    #[inline(always)]
    pub(crate) fn end_cell(&mut self, position: usize) {
        self.present[position / 8] |= 1 << (position % 8);
        self.ends.push(self.text.len() as u32);
    }
}

impl Output {
    /// Room for what `bytes` of resources usually give.
    pub(crate) fn for_documents(bytes: usize, count: usize, columns: usize) -> Self {
        Self {
            text: Pieces::with_capacity(bytes / 2),
            present: vec![0; count * columns.div_ceil(8)],
            present_length: 0,
            // Half of the cells: most rows have fewer.
            ends: Vec::with_capacity(count * columns.div_ceil(2)),
            origin: Vec::with_capacity(count),
            issues: Vec::new(),
        }
    }

    pub(crate) fn into_batch(mut self) -> RowBatch {
        self.present.truncate(self.present_length);
        let cells = Cells { text: self.text.into_string(), present: self.present, ends: self.ends };
        RowBatch { cells, origin: self.origin, issues: self.issues }
    }

    /// Another row of the document, all null. [`Output::end_row`] comes after its cells.
    #[inline(always)]
    pub(crate) fn row(&mut self, columns: usize, document: u32) -> RowOutput<'_> {
        self.origin.push(document);
        let before = self.present_length;
        self.present_length += columns.div_ceil(8);
        if self.present.len() < self.present_length {
            self.present.resize(2 * self.present_length, 0);
        }
        self.ends.reserve(columns);
        let present = &mut self.present[before..self.present_length];
        RowOutput { text: &mut self.text, present, ends: &mut self.ends }
    }

    pub(crate) fn end_row(&self) -> Result<(), Failure> {
        if self.text.len() <= TEXT { Ok(()) } else { Err(too_long()) }
    }

    /// Adds a row of these cells.
    pub(crate) fn push_row<T: AsRef<str>>(&mut self, document: u32, cells: &[Option<T>]) -> Result<(), Failure> {
        let mut row = self.row(cells.len(), document);
        for (position, cell) in cells.iter().enumerate() {
            if let Some(cell) = cell {
                row.text.push(cell.as_ref());
                row.end_cell(position);
            }
        }
        self.end_row()
    }

    /// The document gives no row.
    pub(crate) fn refuse(&mut self, index: u32, code: IssueCode, pointer: Option<&str>, message: String) {
        let (severity, pointer) = (Severity::Error, pointer.map(str::to_owned));
        self.issues.push(Issue { severity, code, index, column: None, pointer, message });
    }

    /// Something about one cell.
    #[expect(clippy::too_many_arguments, reason = "the parts of an issue, each of its own type")]
    pub(crate) fn warn(
        &mut self,
        index: u32,
        column: u16,
        severity: Severity,
        code: IssueCode,
        message: &str,
        root: Value<'_>,
        at: Value<'_>,
    ) {
        if self.issues.len() < MAX_WARNINGS {
            let (column, pointer) = (Some(column), Some(pointer(root, at)));
            self.issues.push(Issue { severity, code, index, column, pointer, message: message.to_owned() });
        }
    }
}

#[cold]
fn too_long() -> Failure {
    Failure::BadRequest("the cells would be longer than 4 GiB".into())
}

/// The cells of a batch, row by row, for whoever looks at them one by one. `None` if the batch does not hold together.
pub fn cells(batch: &RowBatch, columns: usize) -> Option<Vec<Vec<Option<&str>>>> {
    let Cells { text, present, ends } = &batch.cells;
    let (mut start, mut ends) = (0, ends.iter());
    let mut cell = |row: &[u8], position: usize| {
        if row[position / 8] >> (position % 8) & 1 == 0 {
            return Some(None);
        }
        let end = *ends.next()? as usize;
        let cell = text.get(start..end)?;
        start = end;
        Some(Some(cell))
    };
    let width = columns.div_ceil(8);
    if present.len() != width * batch.origin.len() {
        return None;
    }
    // Counted by their origins: a row of no columns has no bytes.
    let rows = (0..batch.origin.len()).map(|row| {
        let row = &present[row * width..(row + 1) * width];
        let beyond = (columns..8 * width).any(|position| row[position / 8] >> (position % 8) & 1 != 0);
        if beyond { None } else { (0..columns).map(|position| cell(row, position)).collect() }
    });
    let rows: Vec<_> = rows.collect::<Option<_>>()?;
    (ends.next().is_none() && start == text.len()).then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_as_they_went_in() {
        for columns in [0, 1, 7, 8, 9, 16, 17] {
            let text = |row: usize, column: usize| (column % 3 != row % 3).then(|| "é".repeat(column % 4));
            let rows: Vec<Vec<_>> = (0..4).map(|row| (0..columns).map(|column| text(row, column)).collect()).collect();
            let mut output = Output::default();
            for (document, row) in (0..).zip(&rows) {
                assert!(output.push_row(document, row).is_ok());
            }
            let batch = output.into_batch();
            let seen = cells(&batch, columns).expect("a whole batch");
            let expected: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(Option::as_deref).collect()).collect();
            assert_eq!(seen, expected);
            assert_eq!(batch.origin, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn half_a_batch_is_none() {
        let batch = |present: &[u8], ends: &[u32]| RowBatch {
            cells: Cells { text: "ab".into(), present: present.to_vec(), ends: ends.to_vec() },
            origin: vec![0],
            issues: Vec::new(),
        };
        assert!(cells(&batch(&[0b101], &[1, 2]), 3).is_some());
        assert!(cells(&batch(&[0b101], &[1]), 3).is_none(), "an end too few");
        assert!(cells(&batch(&[0b101], &[1, 2, 2]), 3).is_none(), "an end too many");
        assert!(cells(&batch(&[0b101], &[0, 1]), 3).is_none(), "text left over");
        assert!(cells(&batch(&[0b1001], &[1, 2]), 3).is_none(), "a cell beyond the columns");
        assert!(cells(&batch(&[0b101, 0], &[1, 2]), 3).is_none(), "a row without an origin");
        assert!(cells(&batch(&[0b101], &[1, 2]), 9).is_none(), "a row too short");
    }
}
