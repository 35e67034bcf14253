//! Rows as the mapping contract has them: one text buffer and the ends of its cells, row by row. Nothing is parsed
//! until somebody asks; filtering, ordering and writing JSON work on the text in place.

use std::ops::Range;

use super::table::ColumnIndex;

/// Rows of some columns of one table. Cell texts are as `cells` in `wit/mapping.wit` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    columns: Vec<ColumnIndex>,
    text: String,
    /// End of each cell, row-major; bit 31 = null.
    ends: Vec<u32>,
}

/// Bit 31 of an end: the cell is null.
pub const NULL: u32 = 1 << 31;

impl Rows {
    /// No rows yet, of these columns.
    pub fn new(columns: Vec<ColumnIndex>) -> Self {
        Self { columns, text: String::new(), ends: Vec::new() }
    }

    /// No rows yet, and room for about as much as `other` holds.
    pub fn with_room_of(columns: Vec<ColumnIndex>, other: &Self) -> Self {
        let cells = other.len() * columns.len();
        Self { columns, text: String::with_capacity(other.text.len() * 2), ends: Vec::with_capacity(cells) }
    }

    /// Takes a guest's buffers over. None if they are no whole rows, not ascending, or cut a character.
    pub fn from_cells(columns: Vec<ColumnIndex>, text: String, ends: Vec<u32>) -> Option<Self> {
        let whole = if columns.is_empty() { ends.is_empty() } else { ends.len().is_multiple_of(columns.len()) };
        // No way out of the loop: there are many cells, and what is wrong is rare.
        let (mut start, mut ordered) = (0, true);
        for end in &ends {
            let (is_null, end) = (end & NULL != 0, end & !NULL);
            ordered &= if is_null { end == start } else { end >= start };
            start = end;
        }
        let at_characters = || text.is_ascii() || ends.iter().all(|end| text.is_char_boundary((end & !NULL) as usize));
        (whole && ordered && start as usize == text.len() && at_characters()).then_some(Self { columns, text, ends })
    }

    pub fn columns(&self) -> &[ColumnIndex] {
        &self.columns
    }

    pub fn len(&self) -> usize {
        self.ends.len().checked_div(self.columns.len()).unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of text held, for limits.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * 4
    }

    /// Where a column of the table stands in these rows.
    pub fn position(&self, column: ColumnIndex) -> Option<usize> {
        // Rows with all of the table's columns, or its first ones, hold each in its own place.
        if self.columns.get(column) == Some(&column) {
            return Some(column);
        }
        self.columns.iter().position(|c| *c == column)
    }

    /// The cell at a position in a row (not a column of the table). Null, and None past the end.
    pub fn at(&self, row: usize, position: usize) -> Option<&str> {
        let index = row * self.columns.len() + position;
        let end = *self.ends.get(index)?;
        if end & NULL != 0 || position >= self.columns.len() {
            return None;
        }
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |e| e & !NULL);
        self.text.get(start as usize..end as usize)
    }

    /// Of each cell of a row whether it is null, by position.
    pub fn nulls(&self, row: usize) -> impl Fn(usize) -> bool {
        let first = row * self.columns.len();
        let ends = self.ends.get(first..first + self.columns.len()).unwrap_or_default();
        |position| ends.get(position).is_none_or(|end| end & NULL != 0)
    }

    /// The cell of a column of the table; None = null, or not among these rows' columns.
    pub fn cell(&self, row: usize, column: ColumnIndex) -> Option<&str> {
        self.at(row, self.position(column)?)
    }

    /// Adds a row; cells in the order of `columns`.
    pub fn push<'a>(&mut self, cells: impl IntoIterator<Item = Option<&'a str>>) {
        let before = self.ends.len();
        for cell in cells {
            if let Some(text) = cell {
                self.text.push_str(text);
            }
            self.end_cell(cell.is_some());
        }
        debug_assert_eq!(self.ends.len() - before, self.columns.len(), "a row has as many cells as columns");
    }

    /// Adds the next cell of a row that is made cell by cell, its text in pieces.
    pub fn push_cell(&mut self, pieces: Option<[&str; 3]>) {
        for piece in pieces.iter().flatten().filter(|piece| !piece.is_empty()) {
            self.text.push_str(piece);
        }
        self.end_cell(pieces.is_some());
    }

    /// Adds cells of a row of `other`, by their positions.
    pub fn copy_cells(&mut self, other: &Self, row: usize, positions: Range<usize>) {
        let (first, count) = (row * other.columns.len() + positions.start, positions.len());
        let start = first.checked_sub(1).and_then(|before| other.ends.get(before)).map_or(0, |end| end & !NULL);
        let Some(ends) = other.ends.get(first..first + count) else {
            debug_assert!(false, "there are such cells");
            return;
        };
        let end = ends.last().map_or(start, |end| end & !NULL);
        let before = self.text.len();
        self.text.push_str(other.text.get(start as usize..end as usize).unwrap_or_default());
        match u32::try_from(before).ok().filter(|_| self.text.len() < NULL as usize) {
            Some(before) => self.ends.extend(ends.iter().map(|end| ((end & !NULL) - start + before) | (end & NULL))),
            None => self.ends.extend(ends.iter().map(|_| NULL - 1)),
        }
    }

    /// Adds the next cell, which is as in the row before.
    pub fn repeat_cell(&mut self) {
        let cell = |index: usize| {
            let end = *self.ends.get(index)?;
            let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end & !NULL);
            (end & NULL == 0).then_some(start as usize..end as usize)
        };
        let before = self.ends.len().checked_sub(self.columns.len()).and_then(cell);
        if let Some(range) = &before {
            self.text.extend_from_within(range.clone());
        }
        self.end_cell(before.is_some());
    }

    fn end_cell(&mut self, present: bool) {
        let end = u32::try_from(self.text.len()).unwrap_or(NULL - 1) & !NULL;
        self.ends.push(if present { end } else { end | NULL });
    }

    /// The cells of one row, in the order of `columns`.
    pub fn row(&self, row: usize) -> impl Iterator<Item = Option<&str>> {
        (0..self.columns.len()).map(move |position| self.at(row, position))
    }

    /// Only these rows, in this order.
    pub fn pick(&self, rows: &[usize]) -> Self {
        let mut picked = Self::new(self.columns.clone());
        for row in rows {
            picked.push(self.row(*row));
        }
        picked
    }

    /// Only these columns, in this order; a column that is not held becomes null.
    pub fn project(&self, columns: &[ColumnIndex]) -> Self {
        if self.columns == columns {
            return self.clone();
        }
        let positions: Vec<_> = columns.iter().map(|c| self.position(*c)).collect();
        let mut projected = Self::new(columns.to_vec());
        for row in 0..self.len() {
            projected.push(positions.iter().map(|p| p.and_then(|p| self.at(row, p))));
        }
        projected
    }

    /// Adds the rows of `other`, which must have the same columns.
    pub fn append(&mut self, other: &Self) {
        debug_assert_eq!(self.columns, other.columns);
        for row in 0..other.len() {
            self.push(other.row(row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_guest_are_checked() {
        let check = |columns: usize, text: &str, ends: &[u32]| {
            Rows::from_cells((0..columns).collect(), text.into(), ends.to_vec()).is_some()
        };
        assert!(check(2, "abc", &[1, 3]));
        assert!(check(2, "abc", &[3, 3 | NULL]));
        assert!(check(2, "", &[]));
        assert!(!check(2, "abc", &[1]), "half a row");
        assert!(!check(2, "abc", &[2, 1]), "ends out of order");
        assert!(!check(2, "abc", &[1, 2]), "text left over");
        assert!(!check(2, "abc", &[1, 4]), "past the end");
        assert!(!check(1, "é", &[1]), "cuts a character");
        assert!(!check(2, "abc", &[3, 3 | NULL, 3]), "one cell too many");
        assert!(!check(1, "abc", &[3 | NULL]), "null with text");
        assert!(!check(0, "", &[0]), "cells without columns");
    }

    #[test]
    fn rows_are_made_cell_by_cell() {
        let mut rows = Rows::new(vec![0, 1, 2]);
        rows.push([Some("a"), None, Some("é")]);
        let mut copy = Rows::with_room_of(vec![0, 1, 2], &rows);
        for _ in 0..2 {
            copy.push_cell(Some(["x", "/", "y"]));
            copy.copy_cells(&rows, 0, 1..3);
        }
        copy.push_cell(None);
        copy.repeat_cell();
        copy.repeat_cell();
        let cells: Vec<_> = (0..3).map(|row| copy.row(row).collect::<Vec<_>>()).collect();
        let first = [Some("x/y"), None, Some("é")];
        assert_eq!(cells, [&first[..], &first, &[None, None, Some("é")]]);
        assert!(copy.nulls(0)(1) && !copy.nulls(1)(2) && copy.nulls(9)(0));
    }

    #[test]
    fn picking_and_projecting() {
        let mut rows = Rows::new(vec![0, 4]);
        rows.push([Some("a"), None]);
        rows.push([Some(""), Some("x")]);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows.cell(0, 0), rows.cell(0, 4), rows.cell(0, 1)), (Some("a"), None, None));
        assert_eq!((rows.cell(1, 0), rows.cell(1, 4)), (Some(""), Some("x")));
        let turned = rows.pick(&[1, 0]).project(&[4, 7]);
        assert_eq!(turned.row(0).collect::<Vec<_>>(), [Some("x"), None]);
        assert_eq!(turned.row(1).collect::<Vec<_>>(), [None, None]);
        assert_eq!(turned.cell(2, 4), None);
    }
}
