//! Rows as the mapping contract has them: one text buffer, a bit for each cell, and the ends of the cells that are
//! there. Most cells of a wide table are null: they are a clear bit and cost no look. Nothing is parsed until somebody
//! asks; filtering, ordering and writing JSON work on the text in place.

use std::ops::Range;

use super::table::ColumnIndex;

/// Rows of some columns of one table. Cell texts are as `cells` in `wit/mapping.wit` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    columns: Vec<ColumnIndex>,
    text: String,
    /// A bit for each cell, set where it is there, from the lowest on; each row begins with a word of its own.
    present: Vec<u64>,
    /// Where the cells that are there end in `text`. Each begins where the one before it ends.
    ends: Vec<u32>,
    /// For each row, how many cells are there in the rows before it.
    first: Vec<u32>,
}

/// Bits of a word.
const WORD: usize = u64::BITS as usize;

impl Rows {
    /// No rows yet, of these columns.
    pub fn new(columns: Vec<ColumnIndex>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// No rows yet, and room for about as much as `other` holds.
    pub fn with_room_of(columns: Vec<ColumnIndex>, other: &Self) -> Self {
        Self {
            text: String::with_capacity(other.text.len() * 2),
            present: Vec::with_capacity(other.len() * columns.len().div_ceil(WORD)),
            ends: Vec::with_capacity(other.ends.len() + other.ends.len() / 4 + other.len()),
            first: Vec::with_capacity(other.len()),
            columns,
        }
    }

    /// Takes a guest's buffers over, as `cells` in `wit/mapping.wit` has them. None if they are not so many whole rows,
    /// not ascending, or cut a character.
    pub fn from_cells(
        columns: Vec<ColumnIndex>,
        rows: usize,
        text: String,
        present: &[u8],
        ends: Vec<u32>,
    ) -> Option<Self> {
        let bytes = columns.len().div_ceil(8);
        if present.len() != bytes.checked_mul(rows)? {
            return None;
        }
        let mut words = Vec::with_capacity(rows * columns.len().div_ceil(WORD));
        let mut first = Vec::with_capacity(rows);
        let mut count = 0;
        for row in 0..rows {
            first.push(count);
            for part in present[row * bytes..(row + 1) * bytes].chunks(WORD / 8) {
                let mut word = [0; WORD / 8];
                word[..part.len()].copy_from_slice(part);
                let word = u64::from_le_bytes(word);
                words.push(word);
                count += word.count_ones();
            }
            // Bits of columns that there are not.
            if !columns.len().is_multiple_of(WORD) && words.last()? >> (columns.len() % WORD) != 0 {
                return None;
            }
        }
        // No way out of the loop: there are many cells, and what is wrong is rare.
        let (mut start, mut ordered) = (0, true);
        for end in &ends {
            ordered &= *end >= start;
            start = *end;
        }
        let whole = ends.len() == count as usize && start as usize == text.len();
        let at_characters = || text.is_ascii() || ends.iter().all(|end| text.is_char_boundary(*end as usize));
        (whole && ordered && at_characters()).then_some(Self { columns, text, present: words, ends, first })
    }

    pub fn columns(&self) -> &[ColumnIndex] {
        &self.columns
    }

    pub fn len(&self) -> usize {
        self.first.len()
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Bytes held, for limits.
    pub fn bytes(&self) -> usize {
        self.text.len() + (self.ends.len() + self.first.len()) * 4 + self.present.len() * 8
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
        let (word, bit) = (position / WORD, position % WORD);
        let words = self.words(row);
        let own = *words.get(word)?;
        if own >> bit & 1 == 0 {
            return None;
        }
        let before = words[..word].iter().map(|word| word.count_ones()).sum::<u32>();
        let within = (own & ((1 << bit) - 1)).count_ones();
        Some(self.filled_cell((self.first[row] + before + within) as usize))
    }

    /// Of each cell of a row whether it is null, by position.
    pub fn nulls(&self, row: usize) -> impl Fn(usize) -> bool {
        let words = self.words(row);
        move |position| words.get(position / WORD).is_none_or(|word| word >> (position % WORD) & 1 == 0)
    }

    /// The cells of a row that are there, each with its position, ascending.
    pub fn filled(&self, row: usize) -> impl Iterator<Item = (usize, &str)> {
        self.filled_from(row).map(|(position, index)| (position, self.filled_cell(index)))
    }

    /// The cell of a column of the table; None = null, or not among these rows' columns.
    pub fn cell(&self, row: usize, column: ColumnIndex) -> Option<&str> {
        self.at(row, self.position(column)?)
    }

    /// Adds a row; cells in the order of `columns`.
    pub fn push<'a>(&mut self, cells: impl IntoIterator<Item = Option<&'a str>>) {
        self.begin_row();
        let mut count = 0;
        for (position, cell) in cells.into_iter().enumerate() {
            count += 1;
            if let Some(text) = cell {
                self.fill(position, [text]);
            }
        }
        debug_assert_eq!(count, self.columns.len(), "a row has as many cells as columns");
    }

    /// Adds a row of `other`, which must have the same columns.
    pub fn push_row(&mut self, other: &Self, row: usize) {
        debug_assert_eq!(self.columns, other.columns);
        let Some(first) = other.first.get(row) else {
            debug_assert!(false, "there is such a row");
            return;
        };
        let end = other.first.get(row + 1).map_or(other.ends.len(), |next| *next as usize);
        self.first.push(index(self.ends.len()));
        self.present.extend_from_slice(other.words(row));
        self.copy(other, *first as usize..end);
    }

    /// Adds a row of nulls, whose cells may then be filled from left to right.
    pub fn begin_row(&mut self) {
        self.first.push(index(self.ends.len()));
        self.present.resize(self.present.len() + self.columns.len().div_ceil(WORD), 0);
    }

    /// Fills a cell of the last row, its text in pieces. None behind it may be filled yet.
    pub fn fill<const N: usize>(&mut self, position: usize, pieces: [&str; N]) {
        for piece in pieces {
            self.text.push_str(piece);
        }
        self.ends.push(index(self.text.len()));
        self.mark(position);
    }

    /// Fills cells of the last row with some of those that are there in a row of `other`: the `cells`-th of it, counted
    /// from 0, at these positions. None behind the first of them may be filled yet.
    pub fn fill_from(&mut self, other: &Self, row: usize, cells: Range<usize>, positions: &[usize]) {
        debug_assert_eq!(cells.len(), positions.len());
        let before = other.first[row] as usize;
        self.copy(other, before + cells.start..before + cells.end);
        positions.iter().for_each(|position| self.mark(*position));
    }

    /// The cells of one row, in the order of `columns`.
    pub fn row(&self, row: usize) -> impl Iterator<Item = Option<&str>> {
        let mut filled = self.filled(row).peekable();
        (0..self.columns.len()).map(move |position| filled.next_if(|(at, _)| *at == position).map(|(_, text)| text))
    }

    /// Only these rows, in this order.
    pub fn pick(&self, rows: &[usize]) -> Self {
        let mut picked = Self::new(self.columns.clone());
        for row in rows {
            picked.push_row(self, *row);
        }
        picked
    }

    /// The same until they are so large; the first in any case.
    pub fn pick_within(&self, rows: &[usize], bytes: usize) -> Self {
        let mut picked = Self::new(self.columns.clone());
        for row in rows {
            if !picked.is_empty() && picked.bytes() >= bytes {
                break;
            }
            picked.push_row(self, *row);
        }
        picked
    }

    /// The same with nulls in these columns.
    #[must_use]
    pub fn without(&self, columns: &std::collections::BTreeSet<ColumnIndex>) -> Self {
        if !self.columns().iter().any(|column| columns.contains(column)) {
            return self.clone();
        }
        let mut rows = Self::with_room_of(self.columns().to_vec(), self);
        for row in 0..self.len() {
            let cells = self.columns().iter().zip(self.row(row));
            rows.push(cells.map(|(column, cell)| cell.filter(|_| !columns.contains(column))));
        }
        rows
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
        let before = index(self.ends.len());
        self.first.extend(other.first.iter().map(|first| first + before));
        self.present.extend_from_slice(&other.present);
        self.copy(other, 0..other.ends.len());
    }

    /// Adds cells of `other`, by their place among those of it that are there: their texts at once, and their ends.
    fn copy(&mut self, other: &Self, cells: Range<usize>) {
        let Some(last) = cells.end.checked_sub(1).filter(|last| *last >= cells.start) else { return };
        let (start, end) = (other.start(cells.start), other.ends[last]);
        let before = index(self.text.len());
        self.text.push_str(&other.text[start as usize..end as usize]);
        // The last is the highest.
        index(self.text.len());
        self.ends.extend(other.ends[cells].iter().map(|end| end - start + before));
    }

    fn mark(&mut self, position: usize) {
        debug_assert!(position < self.columns.len());
        let first = self.present.len() - self.columns.len().div_ceil(WORD);
        debug_assert_eq!(self.present[first + position / WORD] >> (position % WORD), 0, "from left to right");
        self.present[first + position / WORD] |= 1 << (position % WORD);
    }

    /// The bits of a row; none past the end.
    fn words(&self, row: usize) -> &[u64] {
        let width = self.columns.len().div_ceil(WORD);
        self.present.get(row * width..(row + 1) * width).unwrap_or_default()
    }

    /// Positions of the cells of a row that are there, and their indices in `ends`.
    fn filled_from(&self, row: usize) -> impl Iterator<Item = (usize, usize)> {
        let mut words = self.words(row).iter().zip((0..).step_by(WORD));
        let (mut bits, mut base) = (0_u64, 0);
        let mut index = self.first.get(row).map_or(0, |first| *first as usize);
        std::iter::from_fn(move || {
            while bits == 0 {
                (bits, base) = words.next().map(|(word, base)| (*word, base))?;
            }
            let position = base + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            index += 1;
            Some((position, index - 1))
        })
    }

    fn start(&self, index: usize) -> u32 {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    fn filled_cell(&self, index: usize) -> &str {
        &self.text[self.start(index) as usize..self.ends[index] as usize]
    }
}

/// A place in the text, or among the cells.
fn index(of: usize) -> u32 {
    u32::try_from(of).expect("by every limit, the rows of an answer are far less than 4 GiB")
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_of_a_guest_are_checked() {
        let check = |columns: usize, rows: usize, text: &str, present: &[u8], ends: &[u32]| {
            Rows::from_cells((0..columns).collect(), rows, text.into(), present, ends.to_vec()).is_some()
        };
        assert!(check(2, 1, "abc", &[0b11], &[1, 3]));
        assert!(check(2, 2, "abc", &[0b01, 0b10], &[3, 3]));
        assert!(check(2, 2, "", &[0, 0], &[]));
        assert!(check(2, 0, "", &[], &[]));
        assert!(check(9, 1, "a", &[0, 1], &[1]));
        assert!(check(64, 1, "a", &[0, 0, 0, 0, 0, 0, 0, 128], &[1]));
        assert!(!check(2, 1, "abc", &[0b11], &[3]), "an end too few");
        assert!(!check(2, 1, "abc", &[0b01], &[1, 3]), "an end too many");
        assert!(!check(2, 1, "abc", &[0b11], &[2, 1]), "ends out of order");
        assert!(!check(2, 1, "abc", &[0b11], &[1, 2]), "text left over");
        assert!(!check(2, 1, "abc", &[0b11], &[1, 4]), "past the end");
        assert!(!check(2, 1, "abc", &[0], &[]), "text of no cell");
        assert!(!check(2, 1, "abc", &[0b101], &[1, 3]), "a cell of a column that there is not");
        assert!(!check(9, 1, "abc", &[1], &[3]), "half a row");
        assert!(!check(2, 2, "abc", &[1], &[3]), "a row too few");
        assert!(!check(2, 1, "abc", &[1, 0], &[3]), "a row too many");
        assert!(!check(1, 1, "é", &[1], &[1]), "cuts a character");
        assert!(!check(0, 1, "", &[1], &[0]), "cells without columns");
    }

    #[test]
    fn rows_are_made_cell_by_cell() {
        let mut rows = Rows::new(vec![0, 1, 2]);
        rows.push([Some("a"), None, Some("é")]);
        rows.push([Some("b"), Some(""), Some("c")]);
        let mut copy = Rows::with_room_of(vec![0, 1, 2], &rows);
        for row in 0..2 {
            copy.begin_row();
            copy.fill(0, ["x", "/", "y"]);
            copy.fill_from(&rows, row, 1..2, &[1 + row]);
        }
        copy.begin_row();
        copy.fill_from(&rows, 1, 1..3, &[0, 2]);
        let cells: Vec<_> = (0..3).map(|row| copy.row(row).collect::<Vec<_>>()).collect();
        let expected = [[Some("x/y"), Some("é"), None], [Some("x/y"), None, Some("")], [Some(""), None, Some("c")]];
        assert_eq!(cells, expected);
        assert!(!copy.nulls(0)(1) && copy.nulls(0)(2) && copy.nulls(1)(1) && copy.nulls(9)(0));
        assert_eq!(copy.filled(1).collect::<Vec<_>>(), [(0, "x/y"), (2, "")]);
    }

    proptest! {
        /// Whatever the width, a table of optional texts is held and taken apart as one is.
        #[test]
        fn rows_hold_what_they_are_given(
            (width, rows) in (1_usize..150).prop_flat_map(|width| {
                (Just(width), vec(vec(proptest::option::weighted(0.3, "[a-zé]{0,3}"), width), 0..5))
            }),
            picked in vec(any::<usize>(), 0..6),
        ) {
            let mut held = Rows::new((0..width).collect());
            rows.iter().for_each(|row| held.push(row.iter().map(Option::as_deref)));
            let cells = |rows: &Rows| -> Vec<Vec<Option<String>>> {
                (0..rows.len()).map(|row| rows.row(row).map(|cell| cell.map(str::to_owned)).collect()).collect()
            };
            prop_assert_eq!(&cells(&held), &rows);
            for (row, expected) in rows.iter().enumerate() {
                let filled: Vec<_> =
                    expected.iter().enumerate().filter_map(|(at, cell)| Some((at, cell.as_deref()?))).collect();
                prop_assert_eq!(held.filled(row).collect::<Vec<_>>(), filled);
                for (position, cell) in expected.iter().enumerate() {
                    prop_assert_eq!(held.at(row, position), cell.as_deref());
                    prop_assert_eq!(held.nulls(row)(position), cell.is_none());
                }
                prop_assert_eq!(held.at(row, width), None);
            }
            let picked: Vec<_> = picked.iter().filter(|_| !rows.is_empty()).map(|at| at % rows.len()).collect();
            let expected: Vec<_> = picked.iter().map(|row| rows[*row].clone()).collect();
            prop_assert_eq!(&cells(&held.pick(&picked)), &expected);
            let mut both = held.clone();
            both.append(&held.pick(&picked));
            prop_assert_eq!(&cells(&both), &[rows, expected].concat());
        }
    }

    #[test]
    fn picking_and_projecting() {
        let mut rows = Rows::new(vec![0, 4]);
        rows.push([Some("a"), None]);
        rows.push([Some(""), Some("x")]);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows.cell(0, 0), rows.cell(0, 4), rows.cell(0, 1)), (Some("a"), None, None));
        assert_eq!((rows.cell(1, 0), rows.cell(1, 4)), (Some(""), Some("x")));
        assert_eq!(rows.pick_within(&[1, 0], usize::MAX), rows.pick(&[1, 0]));
        assert_eq!(rows.pick_within(&[1, 0], 1), rows.pick(&[1]));
        let turned = rows.pick(&[1, 0]).project(&[4, 7]);
        assert_eq!(turned.row(0).collect::<Vec<_>>(), [Some("x"), None]);
        assert_eq!(turned.row(1).collect::<Vec<_>>(), [None, None]);
        assert_eq!(turned.cell(2, 4), None);
    }
}
