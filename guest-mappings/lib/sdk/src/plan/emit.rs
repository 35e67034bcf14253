//! Slots to cells: what `walk` found, as values of the columns. The rules are those of `cell`, word for word.

use std::borrow::Cow;

use turntable_scan::block::{Pieces, same};
use turntable_scan::{Document, Lexer, unescape};

use super::blob::{Alternative, Choice, Column, Plan, Source, Table};
use super::layout::{LEVELS, Make, ROW, bit};
use super::walk::{Slot, Walk, kind};
use crate::bindings::exports::turntable::mapping::read::Failure;
use crate::bindings::turntable::mapping::types::{IssueCode, Severity};
use crate::column::ReadWith;
use crate::judge::{self, Refusal};
use crate::output::Output;
use crate::reference::{self, Target};
use crate::time::{self, Precision};

/// Columns, ascending, with their bits, without a division for each.
fn bits(columns: &[u16], fields: usize) -> impl Iterator<Item = (u16, u64)> {
    let mut shared = 0;
    columns.iter().map(move |&column| {
        let field = usize::from(column);
        if fields <= 64 {
            return (column, 1 << field);
        }
        while (shared + 1) * fields <= field * 64 {
            shared += 1;
        }
        debug_assert_eq!(1 << shared, bit(field, fields), "columns ascend");
        (column, 1 << shared)
    })
}

/// Makes the rows of one request.
pub(crate) struct Rows<'r> {
    table: Table,
    /// Numbers of the columns that are asked for.
    columns: &'r [u16],
    sources: Vec<(Source, Option<Readied>)>,
    /// The source of the resource before.
    last: usize,
    mask: u64,
    predict: bool,
    levels: Vec<&'static str>,
}

/// What is made once for all resources of a source.
struct Readied {
    walk: Walk,
    /// Where the columns of each bit begin among those that are asked for. They stand one after the other.
    first: [u16; 65],
    /// Bits of columns that have a cell whatever is met.
    always: u64,
    /// One for each column that is asked for, made when it is first needed: most are null in most resources.
    cells: Vec<Option<Cell>>,
}

/// A column that is asked for.
struct Cell {
    index: u16,
    make: Make,
    /// The slot of the first alternative's value; what is simple and not there is decided by it alone.
    first: u16,
    /// There is nothing to look for where that slot is empty.
    simple: bool,
    /// Nor is there anything to do to a text that stands there.
    plain: bool,
    column: Column,
    /// The text of a fixed cell.
    fixed: &'static str,
    /// The option that a code or a resource type had last: it is likely to be the next one, too.
    option: Option<Choice>,
}

/// What an element cannot be shown as, why, and where it stands.
type Mismatch = (IssueCode, &'static str, u32);

/// Something to be said about a cell.
struct Finding {
    column: u16,
    severity: Severity,
    code: IssueCode,
    at: u32,
    message: &'static str,
}

impl<'r> Rows<'r> {
    /// `None` if the plan has no such table, or does not express one of the columns.
    pub(crate) fn new(plan: Plan, table: &str, columns: &'r [u16], documents: usize) -> Option<Self> {
        let table = plan.table(table)?;
        let fields = table.fields();
        let sources: Vec<_> = table.sources().map(|source| (source, None)).collect();
        if columns.iter().any(|column| usize::from(*column) >= fields) {
            return None;
        }
        for (source, _) in sources.iter().filter(|(source, _)| !source.is_whole()) {
            if columns.iter().any(|column| source.column((*column).into()).make() == Make::Unplanned) {
                return None;
            }
        }
        let mask = bits(columns, fields).fold(0, |mask, (_, bit)| mask | bit);
        let levels = table.levels().collect();
        Some(Self { table, columns, sources, last: 0, mask, predict: documents > 1, levels })
    }

    /// Adds the rows of the resource that is the first `length` bytes of `buffer`. `false`, and nothing added, if the
    /// plan does not settle what they are.
    pub(crate) fn document(
        &mut self,
        index: u32,
        buffer: &[u8],
        length: usize,
        function: &dyn Fn(u16) -> Option<ReadWith>,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        let Some(lexer) = Lexer::new(buffer, length) else { return Ok(false) };
        if self.sources.len() > 1 {
            self.foresee(&lexer);
        }
        for _ in 0..2 {
            let Some((source, readied)) = self.sources.get_mut(self.last) else { return Ok(false) };
            let readied = readied.get_or_insert_with(|| {
                Readied::new(*source, self.table.fields(), self.columns, self.mask, self.predict)
            });
            if readied.walk.walk(&lexer).is_none() {
                return Ok(false);
            }
            let found = readied.walk.slots[usize::from(source.type_slot())];
            let Some(found) = plain(found, readied.walk.scope, lexer.text()) else { return Ok(false) };
            if found == source.resource_type() {
                return readied.rows(index, self.columns, &lexer, &self.levels, function, output);
            }
            // Its type stands further down, and is another one than that of the resource before.
            let Some(other) = self.sources.iter().position(|(source, _)| source.resource_type() == found) else {
                return Ok(false);
            };
            self.last = other;
        }
        Ok(false)
    }

    /// The source of a resource that begins with its type, as most do.
    fn foresee(&mut self, lexer: &Lexer<'_>) {
        let found = || {
            let key = lexer.space(lexer.space(0) + 1);
            let end = lexer.string(key)?.end;
            let value = lexer.colon(end)?;
            if lexer.text().get(key..end)? != "\"resourceType\"" || lexer.byte(value) != b'"' {
                return None;
            }
            let kind = lexer.text().get(value + 1..lexer.string(value)?.end - 1)?;
            self.sources.iter().position(|(source, _)| source.resource_type() == kind)
        };
        self.last = found().unwrap_or(self.last);
    }
}

impl Readied {
    fn new(source: Source, fields: usize, columns: &[u16], mask: u64, predict: bool) -> Self {
        let (mut first, mut next, mut always) = ([0; 65], 0, 0);
        for ((index, bit), place) in bits(columns, fields).zip(0..) {
            let bit = bit.trailing_zeros() as usize;
            first[next..=bit].fill(place);
            next = bit + 1;
            always |= u64::from(source.column(index.into()).is_always()) << bit;
        }
        first[next..].fill(columns.len() as u16);
        let cells = columns.iter().map(|_| None).collect();
        Self { walk: Walk::new(source, mask, predict), first, always, cells }
    }

    fn rows(
        &mut self,
        index: u32,
        columns: &[u16],
        lexer: &Lexer<'_>,
        levels: &[&str],
        function: &dyn Fn(u16) -> Option<ReadWith>,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        let (walk, text) = (&self.walk, lexer.text());
        let Some(id) = plain(walk.slots[usize::from(walk.source.id_slot())], walk.scope, text) else {
            return Ok(false);
        };
        if id.is_empty() {
            return Ok(false);
        }
        let present = (walk.met | self.always) & walk.mask;
        let mut row = Row {
            text,
            slots: &walk.slots,
            scope: walk.scope,
            id,
            indices: &[],
            levels,
            source: walk.source,
            repeated: walk.repeated,
            function,
            findings: Vec::new(),
            reference: None,
        };
        if levels.is_empty() {
            row.cells(index, present, &self.first, columns, &mut self.cells, output)?;
        } else {
            for element in &walk.elements {
                row.slots = &walk.row_slots[element.slots..element.slots + walk.slots.len()];
                row.scope = element.scope;
                row.indices = &element.indices[..levels.len().min(LEVELS)];
                row.cells(index, present, &self.first, columns, &mut self.cells, output)?;
            }
        }
        if !row.findings.is_empty() {
            report(index, text, &row.findings, output);
        }
        Ok(true)
    }
}

impl Cell {
    fn new(source: Source, index: u16) -> Self {
        let column = source.column(index.into());
        let make = column.make();
        let mut alternatives = column.alternatives();
        let first = alternatives.next();
        let alone = first.is_some_and(|first| first.types() == 0) && alternatives.next().is_none();
        let direct = matches!(
            make,
            Make::Text
                | Make::Implied
                | Make::Boolean
                | Make::Int
                | Make::Long
                | Make::Decimal
                | Make::Date
                | Make::Moment
                | Make::Choice
                | Make::Lookup
        );
        let no_element = direct && first.is_none();
        Self {
            index,
            make: if no_element { Make::Nothing } else { make },
            first: first.map_or(0, Alternative::value),
            simple: direct && alone,
            plain: make == Make::Text && alone,
            column,
            fixed: if make == Make::Fixed { column.text().unwrap_or_default() } else { "" },
            option: None,
        }
    }
}

impl Cell {
    /// The option of a code.
    fn option(&mut self, code: &str) -> Option<Choice> {
        let same = |option: &Choice| same(option.code.as_bytes(), code.as_bytes());
        let found = self.option.filter(same).or_else(|| self.column.option(code.as_bytes()));
        self.option = found.or(self.option);
        found
    }
}

/// A string without escapes.
fn plain(slot: Slot, scope: u32, text: &str) -> Option<&str> {
    let is_plain = slot.stamp >= scope && slot.what & (kind::MASK | kind::ESCAPED) == kind::STRING;
    is_plain.then(|| text.get(slot.start as usize + 1..slot.end as usize - 1)).flatten()
}

/// Findings with their places. Only now a tree of the resource is needed, to name them.
fn report(index: u32, text: &str, findings: &[Finding], output: &mut Output) {
    let Ok(document) = Document::parse(text.as_bytes()) else { return };
    for finding in findings {
        let at = document.nodes().partition_point(|node| node.start < finding.at);
        if let Some(target) = document.at(at as u32) {
            let (severity, code) = (finding.severity, finding.code);
            output.warn(index, finding.column, severity, code, finding.message, document.root(), target);
        }
    }
}

/// One row in the making.
struct Row<'w> {
    text: &'w str,
    slots: &'w [Slot],
    /// Slots that are older do not count.
    scope: u32,
    id: &'w str,
    indices: &'w [u32],
    levels: &'w [&'w str],
    source: Source,
    repeated: bool,
    function: &'w dyn Fn(u16) -> Option<ReadWith>,
    findings: Vec<Finding>,
    /// The reference that was looked at last, by where it stands: many columns ask about the same one.
    reference: Option<(u32, Target<'w>)>,
}

impl<'w> Row<'w> {
    /// Adds the row. Columns of bits that are not `present` are null; `first` is where those of a bit begin.
    fn cells(
        &mut self,
        document: u32,
        mut present: u64,
        first: &[u16; 65],
        columns: &[u16],
        cells: &mut [Option<Cell>],
        output: &mut Output,
    ) -> Result<(), Failure> {
        let mut row = output.row(columns.len(), document);
        while present != 0 {
            let bit = present.trailing_zeros() as usize;
            present &= present - 1;
            let range = usize::from(first[bit])..usize::from(first[bit + 1]);
            let cells = cells[range.clone()].iter_mut().zip(&columns[range.clone()]);
            for ((cell, column), position) in cells.zip(range) {
                let cell = cell.get_or_insert_with(|| Cell::new(self.source, *column));
                let slot = self.slot(cell.first);
                if cell.simple && self.is_absent(slot) {
                    continue;
                }
                let shown = if cell.plain && slot.what == kind::STRING && !self.repeated {
                    // A text as it stands, which most cells are.
                    row.text.push_part(self.text, slot.start as usize + 1, slot.end as usize - 1);
                    true
                } else {
                    let before = row.text.len();
                    let shown = self.cell(cell, row.text);
                    debug_assert!(shown || row.text.len() == before, "null has no text: it would be the next cell's");
                    shown
                };
                if shown {
                    row.end_cell(position);
                }
            }
        }
        output.end_row()
    }

    #[inline(always)]
    fn slot(&self, slot: u16) -> Slot {
        self.slots[usize::from(slot)]
    }

    #[inline(always)]
    fn is_absent(&self, slot: Slot) -> bool {
        slot.stamp < self.scope || slot.kind() == kind::NULL
    }

    /// Whether a member is there, be it null.
    fn is_there(&self, slot: u16) -> bool {
        slot != 0 && self.slot(slot).stamp >= self.scope
    }

    /// Writes the text of a cell and says whether it has one.
    fn cell(&mut self, cell: &mut Cell, output: &mut Pieces) -> bool {
        match cell.make {
            Make::Nothing | Make::Unplanned => return false,
            Make::Key => {
                output.push(self.id);
                self.push_place(self.indices.len(), output);
                return true;
            }
            Make::Parent => {
                output.push(self.source.resource_type());
                output.push("/");
                output.push(self.id);
                self.push_place(self.indices.len().saturating_sub(1), output);
                return true;
            }
            Make::Fixed => {
                output.push(cell.fixed);
                return true;
            }
            Make::Function => return self.function(cell, output),
            _ => {}
        }
        let mut first = None;
        let column = cell.column;
        for alternative in column.alternatives() {
            match self.value(cell, alternative, output) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(mismatch) => first = first.or(Some(mismatch)),
            }
        }
        if let Some((code, message, at)) = first {
            self.findings.push(Finding { column: cell.index, severity: Severity::Warning, code, at, message });
        }
        false
    }

    /// `/participant/0/role/1`
    fn push_place(&self, depth: usize, output: &mut Pieces) {
        for (level, index) in self.levels.iter().zip(&self.indices[..depth]) {
            output.push(level);
            push_number(i64::from(*index), output);
        }
    }

    fn function(&mut self, cell: &Cell, output: &mut Pieces) -> bool {
        let Some(read) = (self.function)(cell.index) else { return false };
        for alternative in cell.column.alternatives() {
            let whole = match alternative.whole() {
                ROW => 0..self.text.len(),
                slot if self.is_absent(self.slot(slot)) => continue,
                slot => self.range(self.slot(slot)),
            };
            let text = self.text.as_bytes().get(whole).unwrap_or_default();
            let Ok(document) = Document::parse(text) else { return false };
            let made = read(document.root());
            output.push(made.as_deref().unwrap_or_default());
            return made.is_some();
        }
        false
    }

    fn range(&self, slot: Slot) -> std::ops::Range<usize> {
        slot.start as usize..slot.end as usize
    }

    /// Writes the value of one alternative. `false`: there is none, or none that is to be shown.
    fn value(&mut self, cell: &mut Cell, alternative: Alternative, output: &mut Pieces) -> Result<bool, Mismatch> {
        let at = if cell.make == Make::Json { alternative.whole() } else { alternative.value() };
        let slot = self.slot(at);
        if self.is_absent(slot) {
            // An empty list is an element that is there, and so not one of another type.
            let empty = slot.stamp >= self.scope && slot.start == slot.end;
            return if alternative.types() == 0 || empty {
                Ok(false)
            } else {
                self.type_of_choice(cell, alternative, output)
            };
        }
        let at = |(code, message): Refusal| (code, message, slot.start);
        let written = match cell.make {
            Make::Text => {
                self.string(slot, output).ok_or(at(judge::NOT_TEXT))?;
                true
            }
            Make::Implied => {
                if slot.kind() != kind::STRING {
                    return Err(at(judge::NOT_TEXT));
                }
                output.push(cell.column.text().unwrap_or_default());
                cell.column.text().is_some()
            }
            Make::Boolean | Make::Decimal => {
                let (expected, other) = match cell.make {
                    Make::Boolean => (kind::BOOLEAN, judge::NOT_BOOLEAN),
                    _ => (kind::NUMBER, judge::NOT_NUMBER),
                };
                if slot.kind() != expected {
                    return Err(at(other));
                }
                output.push_part(self.text, slot.start as usize, slot.end as usize);
                true
            }
            Make::Int | Make::Long => {
                if slot.kind() != kind::NUMBER {
                    return Err(at(judge::NOT_NUMBER));
                }
                let (low, high) = match cell.make {
                    Make::Int => (i32::MIN.into(), i32::MAX.into()),
                    _ => (i64::MIN, i64::MAX),
                };
                push_number(judge::whole(&self.text[self.range(slot)], low, high).map_err(at)?, output);
                true
            }
            Make::Date => self.dated(slot, judge::date, output).map_err(at)?,
            Make::Moment => self.dated(slot, judge::moment, output).map_err(at)?,
            Make::Choice => self.choice(cell, slot, alternative, output)?,
            Make::Lookup => self.lookup(cell, slot, alternative, output)?,
            Make::Json => {
                output.push_part(self.text, slot.start as usize, slot.end as usize);
                true
            }
            _ => false,
        };
        if written && self.repeated && self.is_first_of_several(cell.column, alternative) {
            self.findings.push(Finding {
                column: cell.index,
                severity: Severity::Information,
                code: IssueCode::Truncated,
                at: slot.start,
                message: judge::REPEATS,
            });
        }
        Ok(written)
    }

    fn is_first_of_several(&self, column: Column, alternative: Alternative) -> bool {
        column.guards(alternative).any(|guard| {
            let slot = self.slot(guard);
            slot.stamp >= self.scope && slot.what & kind::REPEATED != 0
        })
    }

    /// The characters of a string.
    fn characters(&self, slot: Slot) -> Option<Cow<'w, str>> {
        if slot.kind() != kind::STRING {
            return None;
        }
        let inner = &self.text[slot.start as usize + 1..slot.end as usize - 1];
        Some(if slot.what & kind::ESCAPED == 0 { Cow::Borrowed(inner) } else { unescape(inner) })
    }

    /// The same, of a member that may not be there.
    fn member(&self, slot: u16) -> Option<Cow<'w, str>> {
        if self.is_there(slot) { self.characters(self.slot(slot)) } else { None }
    }

    #[inline(always)]
    fn string(&self, slot: Slot, output: &mut Pieces) -> Option<()> {
        if slot.what & (kind::MASK | kind::ESCAPED) == kind::STRING {
            output.push_part(self.text, slot.start as usize + 1, slot.end as usize - 1);
            return Some(());
        }
        output.push(&self.characters(slot)?);
        Some(())
    }

    fn dated(
        &self,
        slot: Slot,
        judged: impl Fn(Option<Precision>) -> Result<(), Refusal>,
        output: &mut Pieces,
    ) -> Result<bool, Refusal> {
        let text = self.characters(slot).ok_or(judge::NOT_TEXT)?;
        judged(usual_precision(text.as_bytes()).or_else(|| time::precision(&text)))?;
        Ok(self.string(slot, output).is_some())
    }

    fn choice(
        &mut self,
        cell: &mut Cell,
        slot: Slot,
        alternative: Alternative,
        output: &mut Pieces,
    ) -> Result<bool, Mismatch> {
        let at = |(code, message): Refusal| (code, message, slot.start);
        if slot.kind() == kind::OBJECT {
            return self.type_of_reference(cell, alternative, output).map_err(at);
        }
        let code = self.characters(slot).ok_or(at(judge::NOT_TEXT))?;
        let option = cell.option(&code).map(|option| option.system);
        let system = || self.member(alternative.system());
        judge::code(option, cell.column.is_open(), system).map_err(at)?;
        output.push(&code);
        Ok(true)
    }

    fn type_of_reference(
        &mut self,
        cell: &mut Cell,
        alternative: Alternative,
        output: &mut Pieces,
    ) -> Result<bool, Refusal> {
        let members = [alternative.reference(), alternative.kind(), alternative.identifier(), alternative.display()];
        if !members.into_iter().any(|member| self.is_there(member)) {
            return Err(judge::NOT_CODE);
        }
        let Some(kind) = self.resource_type(alternative) else { return Ok(false) };
        judge::resource_type(cell.option(&kind).is_some(), cell.column.is_open())?;
        output.push(&kind);
        Ok(true)
    }

    fn resource_type(&mut self, alternative: Alternative) -> Option<Cow<'w, str>> {
        if let Some(text) = self.member(alternative.reference())
            && let Target::Resource { kind, .. } = self.target(self.slot(alternative.reference()), &text)
        {
            return Some(Cow::Owned(kind.to_owned()));
        }
        self.member(alternative.kind()).map(reference::declared_type)
    }

    /// What a reference that stands in a slot is. Several columns ask for the same one.
    #[expect(clippy::ptr_arg, reason = "what is borrowed of the resource can be remembered, what was made cannot")]
    fn target<'t>(&mut self, slot: Slot, text: &'t Cow<'w, str>) -> Target<'t> {
        match *text {
            Cow::Borrowed(text) => {
                let target = match self.reference {
                    Some((at, target)) if at == slot.start => target,
                    _ => reference::target(text),
                };
                self.reference = Some((slot.start, target));
                target
            }
            Cow::Owned(ref text) => reference::target(text),
        }
    }

    fn lookup(
        &mut self,
        cell: &mut Cell,
        slot: Slot,
        alternative: Alternative,
        output: &mut Pieces,
    ) -> Result<bool, Mismatch> {
        let at = |(code, message): Refusal| (code, message, slot.start);
        let is_object = slot.kind() == kind::OBJECT;
        let own = match slot.kind() {
            kind::STRING => slot,
            kind::OBJECT if self.is_there(alternative.reference()) => self.slot(alternative.reference()),
            kind::OBJECT => return Ok(false),
            _ => return Err(at(judge::NOT_REFERENCE)),
        };
        let Some(text) = self.characters(own) else { return Ok(false) };
        let target = self.target(own, &text);
        let has = |kind: &str| cell.option(kind).is_some();
        let declared = || if is_object { self.resource_type(alternative) } else { None };
        let shown = judge::reference(target, has, declared).map_err(at)?;
        if shown {
            output.push(&text);
        }
        Ok(shown)
    }

    /// The type of the choice element that is there.
    fn type_of_choice(&mut self, cell: &Cell, alternative: Alternative, output: &mut Pieces) -> Result<bool, Mismatch> {
        let types = alternative.types();
        if !self.is_there(types) {
            return Ok(false);
        }
        let kind = &self.text[self.range(self.slot(types))];
        let option = cell.column.options().find(|option| judge::is_of_type(option.code, kind));
        let at = self.slot(types + 1).start;
        judge::element_type(option.is_some(), cell.column.is_open()).map_err(|(code, message)| (code, message, at))?;
        output.push(option.map_or(kind, |option| option.code));
        Ok(true)
    }
}

fn push_number(number: i64, output: &mut Pieces) {
    // Nineteen digits and a sign.
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    output.push(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

/// The two forms that nearly all dates and times have, `2015-02-07` and `2015-02-07T13:28:17.239-05:00`, looked at by
/// position. `None` says nothing: the text may be a date of another form.
fn usual_precision(text: &[u8]) -> Option<Precision> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let [y, e, a, r, b'-', m, n, b'-', d, f] = *date else { return None };
    let fits = two(y, e) <= 99
        && two(a, r) <= 99
        && two(y, e) + two(a, r) > 0
        && (1..=12).contains(&two(m, n))
        && (1..=28).contains(&two(d, f));
    if !fits {
        return None;
    }
    let Some((clock, rest)) = rest.split_first_chunk::<9>() else {
        return rest.is_empty().then_some(Precision::Day);
    };
    let [b'T', h, i, b':', m, n, b':', s, t] = *clock else { return None };
    if two(h, i) > 23 || two(m, n) > 59 || two(s, t) > 59 {
        return None;
    }
    let zone = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    let fits = match *zone {
        [b'Z'] => true,
        [b'+' | b'-', h, i, b':', m, n] => two(h, i) <= 13 && two(m, n) <= 59,
        _ => false,
    };
    fits.then_some(Precision::Time)
}

/// Two digits as a number; more than 99 if they are none.
fn two(tens: u8, ones: u8) -> u16 {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens < 10 && ones < 10 { u16::from(tens) * 10 + u16::from(ones) } else { u16::MAX / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_dates_are_dates() {
        for text in ["2015-02-07", "0001-12-28", "2015-02-07T13:28:17Z", "2015-02-07T13:28:17.239-05:00"] {
            assert!(usual_precision(text.as_bytes()).is_some(), "{text}");
            assert_eq!(usual_precision(text.as_bytes()), time::precision(text), "{text}");
        }
        for text in
            ["", "2015", "0000-01-01", "2015-13-01", "2015-02-07T", "2015-02-07T13:28:17.Z", "2015-02-07T13:28:17"]
        {
            assert_eq!(usual_precision(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_written() {
        for number in [0, 7, -1, i64::MAX, i64::MIN, 1_234_567] {
            let mut output = Pieces::default();
            push_number(number, &mut output);
            assert_eq!(output.into_string(), number.to_string());
        }
    }
}
