//! One resource to rows: the tree of selects, joined.

use std::fmt::Write;
use std::ops::Range;

use turntable_scan::Value;

use crate::cell;
use crate::item::Item;
use crate::machine::{Fault, Focus, Machine};
use crate::program::{Block, Each, Program, Select};

/// Rows of one resource.
pub(crate) const MAX_ROWS: usize = 10_000;
/// Bytes of cells of one resource, before they are joined.
const MAX_TEXT: usize = 64 << 20;

/// What one resource comes to.
pub(crate) struct Rows {
    text: String,
    /// For each of the columns asked for: its cell, or null.
    pub(crate) rows: Vec<Row>,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Clone, Default)]
pub(crate) struct Row {
    /// `/name/0`: what tells this row from others of its resource.
    pub(crate) path: String,
    /// Column and cell; a column that is not here is null.
    cells: Vec<(u16, Range<usize>)>,
}

/// A cell that was left null.
#[derive(Clone, Copy)]
pub(crate) struct Finding {
    pub(crate) column: u16,
    pub(crate) message: &'static str,
    /// Where in the tape, if it is an element.
    pub(crate) at: Option<u32>,
}

/// A fault, and the column whose expression it was in.
pub(crate) struct Stop {
    pub(crate) fault: Fault,
    pub(crate) column: Option<u16>,
}

impl Row {
    fn is_bare(&self) -> bool {
        self.path.is_empty() && self.cells.is_empty()
    }
}

impl Rows {
    pub(crate) fn cell(&self, row: &Row, column: u16) -> Option<&str> {
        let (_, range) = row.cells.iter().find(|(own, _)| *own == column)?;
        self.text.get(range.clone())
    }
}

/// `wanted`: for each column of the view, whether it is asked for.
pub(crate) fn rows<'a>(program: &'a Program<'a>, resource: Value<'a>, wanted: &[bool]) -> Result<Rows, Stop> {
    let machine = Machine::new(program, resource);
    let rows = Rows { text: String::new(), rows: Vec::new(), findings: Vec::new() };
    let mut reader = Reader { program, machine, wanted, rows };
    let focus = reader.machine.root();
    for filter in &program.filters {
        if !reader.machine.holds(*filter, &focus).map_err(outside)? {
            return Ok(reader.rows);
        }
    }
    let mut all = vec![Row::default()];
    for select in &program.root {
        let part = reader.select(select, &focus)?;
        all = joined(all, part)?;
    }
    reader.rows.rows = all;
    Ok(reader.rows)
}

struct Reader<'a, 'w> {
    program: &'a Program<'a>,
    machine: Machine<'a>,
    wanted: &'w [bool],
    rows: Rows,
}

impl<'a> Reader<'a, '_> {
    fn select(&mut self, select: &'a Select<'a>, focus: &Focus<'a>) -> Result<Vec<Row>, Stop> {
        let (elements, label, or_null) = match &select.each {
            Each::Focus => return self.inside(select, focus),
            Each::Elements { path, or_null, label } => {
                (self.machine.evaluate(*path, focus).map_err(outside)?, &**label, *or_null)
            }
            Each::Repeat { paths, label } => (self.repeated(paths, focus)?, &**label, false),
        };
        // Without a label R4 has one element at most, and a second one would have the same key.
        let several = if label.is_empty() { 1 } else { MAX_ROWS + 1 };
        if elements.is_empty() && or_null {
            return Ok(vec![Row { path: path(label, None), cells: Vec::new() }]);
        }
        let mut all = Vec::new();
        for (index, this) in elements.into_iter().take(several).enumerate() {
            let mut inside = self.inside(select, &Focus { this, index, row: index })?;
            if !label.is_empty() {
                let path = path(label, Some(index));
                inside.iter_mut().for_each(|row| row.path.insert_str(0, &path));
            }
            all.append(&mut inside);
            few(all.len())?;
        }
        Ok(all)
    }

    /// The rows of one focus.
    fn inside(&mut self, select: &'a Select<'a>, focus: &Focus<'a>) -> Result<Vec<Row>, Stop> {
        let mut row = Row::default();
        for &(column, block) in &select.columns {
            if self.wanted.get(usize::from(column)) == Some(&true) {
                row.cells.extend(self.cell(column, block, focus)?.map(|range| (column, range)));
            }
        }
        let mut all = vec![row];
        for select in &select.selects {
            let part = self.select(select, focus)?;
            all = joined(all, part)?;
        }
        if select.unions.is_empty() {
            return Ok(all);
        }
        let mut union = Vec::new();
        for (number, branch) in select.unions.iter().enumerate() {
            let mut part = self.select(branch, focus)?;
            if select.unions.len() > 1 {
                let path = path("union", Some(number));
                part.iter_mut().for_each(|row| row.path.insert_str(0, &path));
            }
            union.append(&mut part);
            few(union.len())?;
        }
        joined(all, union)
    }

    /// Elements of all paths, each followed by what the paths find in it.
    fn repeated(&mut self, paths: &[Block], focus: &Focus<'a>) -> Result<Vec<Item<'a>>, Stop> {
        let mut found = Vec::new();
        let mut waiting = vec![focus.this.clone()];
        let mut is_start = true;
        while let Some(this) = waiting.pop() {
            let inner = Focus { this: this.clone(), index: 0, row: focus.row };
            if !is_start {
                found.push(this);
                few(found.len())?;
            }
            is_start = false;
            // The last is taken first.
            for path in paths.iter().rev() {
                let children = self.machine.evaluate(*path, &inner).map_err(outside)?;
                waiting.extend(children.into_iter().rev());
                // An expression that finds itself again (`$this`) would never end.
                few(waiting.len())?;
            }
        }
        Ok(found)
    }

    fn cell(&mut self, column: u16, block: Block, focus: &Focus<'a>) -> Result<Option<Range<usize>>, Stop> {
        let inside = |fault| Stop { fault, column: Some(column) };
        let items = self.machine.evaluate(block, focus).map_err(inside)?;
        let Some(definition) = self.program.columns.get(usize::from(column)) else { return Ok(None) };
        let start = self.rows.text.len();
        match cell::write(&items, definition, &mut self.rows.text) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(cell::Trouble::Several) => return Err(inside(Fault::Several)),
            Err(cell::Trouble::Unfit(message)) => {
                self.rows.text.truncate(start);
                let at = items.first().and_then(|item| match item {
                    Item::Element(element) => element.value.map(Value::position),
                    _ => None,
                });
                self.rows.findings.push(Finding { column, message, at });
                return Ok(None);
            }
        }
        if self.rows.text.len() > MAX_TEXT {
            return Err(inside(Fault::Steps));
        }
        Ok(Some(start..self.rows.text.len()))
    }
}

/// Every row of the one with every row of the other.
fn joined(left: Vec<Row>, right: Vec<Row>) -> Result<Vec<Row>, Stop> {
    match (&left[..], &right[..]) {
        ([only], _) if only.is_bare() => return Ok(right),
        (_, [only]) if only.is_bare() => return Ok(left),
        _ => {}
    }
    few(left.len().saturating_mul(right.len()))?;
    let mut all = Vec::with_capacity(left.len() * right.len());
    for left in &left {
        for right in &right {
            let mut row = left.clone();
            row.path.push_str(&right.path);
            row.cells.extend_from_slice(&right.cells);
            all.push(row);
        }
    }
    Ok(all)
}

fn few(rows: usize) -> Result<(), Stop> {
    if rows > MAX_ROWS { Err(outside(Fault::Rows)) } else { Ok(()) }
}

fn outside(fault: Fault) -> Stop {
    Stop { fault, column: None }
}

/// `/label/index`. A label never begins with a digit, so that no two rows come to the same path.
fn path(label: &str, index: Option<usize>) -> String {
    let mut path = String::new();
    if !label.is_empty() {
        path.push('/');
        path.push_str(label);
        if let Some(index) = index {
            // A String takes everything.
            let _ = write!(path, "/{index}");
        }
    }
    path
}
