//! The answer to one read, as it grows.

use turntable_scan::Value;
use turntable_scan::block::Pieces;

use crate::bindings::exports::turntable::mapping::read::{Failure, RowBatch};
use crate::bindings::turntable::mapping::types::{Cells, Issue, IssueCode, Severity};
use crate::pointer::pointer;

/// Warnings of one call; what goes beyond is left out, errors never.
pub(crate) const MAX_WARNINGS: usize = 10_000;

/// Set in the end of a cell that is null.
const NULL: u32 = 1 << 31;

#[derive(Default)]
pub(crate) struct Output {
    /// Texts of the cells, one after the other.
    pub(crate) text: Pieces,
    ends: Vec<u32>,
    origin: Vec<u32>,
    issues: Vec<Issue>,
}

impl Output {
    /// Room for what `bytes` of resources usually give.
    pub(crate) fn for_documents(bytes: usize, count: usize, columns: usize) -> Self {
        Self {
            text: Pieces::with_capacity(bytes / 2),
            ends: Vec::with_capacity(count * columns),
            origin: Vec::with_capacity(count),
            issues: Vec::new(),
        }
    }

    pub(crate) fn into_batch(self) -> RowBatch {
        let cells = Cells { text: self.text.into_string(), ends: self.ends };
        RowBatch { cells, origin: self.origin, issues: self.issues }
    }

    /// The text, and the ends of the cells of another row, to be set to [`Output::end_of`] the text after each cell or
    /// to [`Output::end_of_null`]. [`Output::end_row`] comes after them.
    pub(crate) fn row(&mut self, columns: usize) -> (&mut Pieces, &mut [u32]) {
        let before = self.ends.len();
        self.ends.resize(before + columns, 0);
        (&mut self.text, &mut self.ends[before..])
    }

    #[inline(always)]
    pub(crate) fn end_of(text: &Pieces) -> u32 {
        text.len() as u32
    }

    #[inline(always)]
    pub(crate) fn end_of_null(text: &Pieces) -> u32 {
        text.len() as u32 | NULL
    }

    pub(crate) fn end_row(&self) -> Result<(), Failure> {
        if self.text.len() < NULL as usize { Ok(()) } else { Err(too_long()) }
    }

    pub(crate) fn cell(&mut self, text: Option<&str>) -> Result<(), Failure> {
        self.text.push(text.unwrap_or_default());
        let end = if text.is_some() { Self::end_of(&self.text) } else { Self::end_of_null(&self.text) };
        self.ends.push(end);
        self.end_row()
    }

    /// Ends a row.
    pub(crate) fn origin(&mut self, index: u32) {
        self.origin.push(index);
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
    Failure::BadRequest("the cells would be longer than 2 GiB".into())
}
