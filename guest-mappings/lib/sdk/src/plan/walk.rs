//! One pass over the text of a resource: where the values stand that columns are made of.
//!
//! A stack of open objects and lists, no recursion, no tree, nothing allocated for a value. A member is found by its
//! key: by what came after the same member before, one comparison of sixteen bytes, else by a perfect hash. What no
//! wanted column needs is skipped, by the whole grammar all the same. A value that is wanted leaves its span in a
//! slot. The elements of a list fill slots of their own, and at the end of each element rules say (the third, the
//! first that is one, those with `use = 'home'`) to which other slots they are copied.
//!
//! Slots are never cleared: each has the number of the element that it was written in, and counts only if that is no
//! older than the element, or resource, that is asked about.

use turntable_scan::block::{BLOCK, Block, same};
use turntable_scan::{Lexer, number, unescape};

use super::blob::{Blob, Entry, Source};
use super::layout::{LEVELS, SLOT, WORD, condition, flag, hash, node, rule, types};
use crate::choice_elements;
use crate::path::{NEVER, rank_of};

/// What stands in a slot.
pub(super) mod kind {
    /// Nothing: null, or a list without an element to show.
    pub(crate) const NULL: u32 = 0;
    pub(crate) const BOOLEAN: u32 = 1;
    pub(crate) const NUMBER: u32 = 2;
    pub(crate) const STRING: u32 = 3;
    pub(crate) const ARRAY: u32 = 4;
    pub(crate) const OBJECT: u32 = 5;
    pub(crate) const MASK: u32 = 7;
    /// A string with a backslash in it.
    pub(crate) const ESCAPED: u32 = 8;
    /// It is the first of several.
    pub(crate) const REPEATED: u32 = 16;
}

/// Where a value stands, quotes and all.
#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The element that it was written in.
    pub(super) stamp: u32,
    /// One of [`kind`], and flags.
    pub(super) what: u32,
}

impl Slot {
    pub(super) fn kind(self) -> u32 {
        self.what & kind::MASK
    }
}

/// Which member came after another one, last time.
#[derive(Clone, Copy, Default)]
#[repr(align(16))]
struct Guess {
    /// The key and its closing quote, as much of them as fits.
    key: [u8; BLOCK],
    /// Bytes of it that count; none = no guess.
    bits: u32,
    /// Its entry; 0 for a member that nobody asks for.
    entry: u32,
    length: u16,
    /// Where the guess after it is.
    next: u16,
}

/// Places for guesses at members that nobody asks for.
const SPARE_PLACES: usize = 96;

/// An open object or list.
#[derive(Clone, Copy)]
struct Frame {
    /// An object's node; of a list 0.
    node: usize,
    /// The entry of the member that it is the value of; 0 for the resource.
    entry: usize,
    /// An object: the slot that takes its end. A list: the index of the element that is looked at.
    at: u32,
    /// A list: elements so far that are not null.
    present: u32,
    /// The element that slots of this frame are written in.
    scope: u32,
    /// A list: the scope of the element that is looked at.
    element_scope: u32,
    /// A list: where it begins.
    start: u32,
    /// Where the next guess is.
    place: u16,
    /// A value that is no list, where elements are told apart: a list of one, without brackets.
    single: bool,
}

/// A row of a child table: the slots of its element.
pub(super) struct Element {
    /// The first of its slots in [`Walk::row_slots`].
    pub(super) slots: usize,
    pub(super) scope: u32,
    /// Indices in the lists, outermost first; as many count as there are lists.
    pub(super) indices: [u32; LEVELS],
}

/// Reads resources of one source, one after the other.
pub(super) struct Walk {
    blob: Blob,
    pub(super) source: Source,
    /// The slots of `resourceType` and `id`.
    own: [usize; 2],
    /// Columns that are wanted, folded as in the entries.
    pub(super) mask: u64,
    /// Columns that a member of the resource was met for. Other columns have no cell, if they are made of members.
    pub(super) met: u64,
    pub(super) slots: Vec<Slot>,
    /// Empty where there is nothing to learn from.
    guesses: Vec<Guess>,
    spare: u16,
    stack: Vec<Frame>,
    stamp: u32,
    /// The first stamp of the resource.
    pub(super) scope: u32,
    /// Rows of a child table.
    pub(super) elements: Vec<Element>,
    pub(super) row_slots: Vec<Slot>,
    /// A list has more elements than some column shows.
    pub(super) repeated: bool,
}

enum Next {
    /// After an opening brace.
    Open,
    /// At the quote of a key.
    Member,
    /// After the value of a member.
    MemberEnd,
    /// At an element of a list.
    Item,
    /// After an element of a list.
    ItemEnd,
    /// After the end of an object or list.
    Closed,
}

impl Walk {
    /// `predict`: there are several resources, so that one can teach about the next.
    pub(super) fn new(source: Source, mask: u64, predict: bool) -> Self {
        let places = if predict { source.places() + SPARE_PLACES } else { 0 };
        Self {
            blob: source.blob,
            source,
            own: [source.type_slot().into(), source.id_slot().into()],
            mask,
            met: 0,
            slots: vec![Slot::default(); source.slots()],
            guesses: vec![Guess::default(); places],
            spare: source.places() as u16,
            stack: Vec::with_capacity(16),
            stamp: 0,
            scope: 0,
            elements: Vec::new(),
            row_slots: Vec::new(),
            repeated: false,
        }
    }

    /// Walks one resource. `None`: it is no JSON, or has a form whose meaning is not settled here.
    pub(super) fn walk(&mut self, lexer: &Lexer<'_>) -> Option<()> {
        self.stamp += 1;
        self.scope = self.stamp;
        self.stack.clear();
        self.elements.clear();
        self.row_slots.clear();
        self.repeated = false;
        self.met = 0;
        let mut at = lexer.space(0);
        if lexer.byte(at) != b'{' {
            return None;
        }
        let mut frame = self.object(self.source.root(), 0, 0, self.scope);
        let mut next = Next::Open;
        loop {
            next = match next {
                Next::Open => {
                    at = lexer.space(at + 1);
                    match lexer.byte(at) {
                        b'"' => Next::Member,
                        b'}' => Next::Closed,
                        _ => return None,
                    }
                }
                // One after the other, without going around the large loop for each.
                Next::Member => loop {
                    let (entry_at, key_end) = self.key(lexer, at, &mut frame)?;
                    let key = at + 1;
                    at = lexer.colon(key_end)?;
                    let entry = if entry_at == 0 { None } else { Some(self.blob.entry(entry_at)) };
                    if let Some(entry) = entry.filter(|entry| entry.mask() & self.mask != 0) {
                        match self.member(lexer, &mut at, &mut frame, entry, entry_at, key, key_end - 1)? {
                            Next::MemberEnd => {}
                            next => break next,
                        }
                    } else {
                        if entry_at == 0 && lexer.byte(at) != b'n' {
                            self.note_other_type(lexer, frame, key, key_end - 1, at);
                        }
                        at = lexer.skip(at, self.stack.len() + 1)?;
                    }
                    at = lexer.space(at);
                    match lexer.byte(at) {
                        b',' => at = lexer.space(at + 1),
                        b'}' => break Next::Closed,
                        _ => return None,
                    }
                    if lexer.byte(at) != b'"' {
                        return None;
                    }
                },
                Next::MemberEnd => {
                    at = lexer.space(at);
                    match lexer.byte(at) {
                        b',' => {
                            at = lexer.space(at + 1);
                            if lexer.byte(at) != b'"' {
                                return None;
                            }
                            Next::Member
                        }
                        b'}' => Next::Closed,
                        _ => return None,
                    }
                }
                Next::Item => self.item(lexer, &mut at, &mut frame)?,
                Next::ItemEnd => {
                    frame.at += 1;
                    if frame.single {
                        frame = self.close_list(frame, None)?;
                        next = Next::MemberEnd;
                        continue;
                    }
                    at = lexer.space(at);
                    match lexer.byte(at) {
                        b',' => {
                            at = lexer.space(at + 1);
                            Next::Item
                        }
                        b']' => {
                            at += 1;
                            frame = self.close_list(frame, Some(at))?;
                            Next::MemberEnd
                        }
                        _ => return None,
                    }
                }
                Next::Closed => {
                    at += 1;
                    let Some(parent) = self.stack.pop() else {
                        break;
                    };
                    self.slots[frame.at as usize].end = at as u32;
                    let closed = frame;
                    frame = parent;
                    if frame.node != 0 {
                        let whole = self.blob.entry(closed.entry).whole();
                        if whole != 0 {
                            self.slots[usize::from(whole)] = self.slots[closed.at as usize];
                        }
                        Next::MemberEnd
                    } else {
                        self.element_end(&mut frame);
                        Next::ItemEnd
                    }
                }
            };
        }
        lexer.is_end(at).then_some(())
    }

    fn object(&self, node: usize, entry: usize, slot: u16, scope: u32) -> Frame {
        let place = self.blob.u16(node + node::PLACE);
        let at = slot.into();
        Frame { node, entry, at, present: 0, scope, element_scope: scope, start: 0, place, single: false }
    }

    /// The entry of the key at `at`, 0 for none, and where the key ends, behind its quote.
    #[inline(always)]
    fn key(&mut self, lexer: &Lexer<'_>, at: usize, frame: &mut Frame) -> Option<(usize, usize)> {
        if let Some(guess) = self.guesses.get(usize::from(frame.place))
            && guess.bits != 0
            && lexer.block(at + 1).equal(Block::load(&guess.key)) & guess.bits == guess.bits
        {
            let end = at + 1 + usize::from(guess.length);
            let rest = BLOCK.min(guess.length.into());
            if usize::from(guess.length) < BLOCK || self.is_rest_of_key(lexer, at + 1 + rest, end, guess.entry, rest) {
                frame.place = guess.next;
                return Some((guess.entry as usize, end + 1));
            }
        }
        self.find_key(lexer, at, frame)
    }

    /// Keys of sixteen bytes and more: their first sixteen are the same, the others may be.
    fn is_rest_of_key(&self, lexer: &Lexer<'_>, from: usize, end: usize, entry: u32, rest: usize) -> bool {
        let (key, length) = self.blob.entry(entry as usize).key();
        let expected = self.blob.bytes(key + rest, length - rest);
        lexer.text().as_bytes().get(from..end).is_some_and(|own| same(own, expected)) && lexer.byte(end) == b'"'
    }

    #[inline(never)]
    fn find_key(&mut self, lexer: &Lexer<'_>, at: usize, frame: &mut Frame) -> Option<(usize, usize)> {
        let string = lexer.string(at)?;
        if string.escaped {
            return None;
        }
        let key = lexer.text().as_bytes().get(at + 1..string.end - 1)?;
        let node = frame.node;
        let hashed = hash(key, self.blob.u32(node + node::MULTIPLIER) as u32, self.blob.u32(node + node::SHIFT) as u32);
        let mut entry_at = self.blob.u32(node + node::ENTRIES + WORD * hashed);
        if entry_at != 0 {
            let (own, length) = self.blob.entry(entry_at).key();
            if !same(self.blob.bytes(own, length), key) {
                entry_at = 0;
            }
        }
        self.learn(key, entry_at, frame);
        Some((entry_at, string.end))
    }

    /// Makes the key the guess for next time.
    fn learn(&mut self, key: &[u8], entry: usize, frame: &mut Frame) {
        let Some(&before) = self.guesses.get(usize::from(frame.place)) else {
            return;
        };
        let places = self.guesses.len() as u16;
        let next = match entry {
            // Which type is there is looked up each time; a long key that nobody asks for is no guess either.
            0 if key.len() >= BLOCK || self.blob.u32(self.blob.u32(frame.node + node::TYPES)) != 0 => return,
            0 if before.bits != 0 && before.entry == 0 => before.next,
            0 if self.spare < places => {
                self.spare += 1;
                self.spare - 1
            }
            0 => return,
            _ => self.blob.entry(entry).place(),
        };
        let mut guess = Guess { entry: entry as u32, length: key.len() as u16, next, ..Guess::default() };
        let length = key.len().min(BLOCK);
        guess.key[..length].copy_from_slice(&key[..length]);
        if let Some(quote) = guess.key.get_mut(length) {
            *quote = b'"';
        }
        guess.bits = ((2u32 << length) - 1) & 0xffff;
        self.guesses[usize::from(frame.place)] = guess;
        frame.place = next;
    }

    /// A member that is wanted; `at` is its value.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "the state of the one loop, which this is a piece of")]
    fn member(
        &mut self,
        lexer: &Lexer<'_>,
        at: &mut usize,
        frame: &mut Frame,
        entry: Entry,
        entry_at: usize,
        key: usize,
        key_end: usize,
    ) -> Option<Next> {
        let slot = usize::from(entry.slot());
        // A member twice: which of them counts is not for here.
        if self.slots[slot].stamp >= frame.scope {
            return None;
        }
        let start = *at;
        let byte = lexer.byte(start);
        let flags = entry.flags();
        if flags & flag::SIMPLE != 0 && byte != b'[' {
            self.met |= entry.mask();
            if byte != b'{' {
                let (end, what) = scalar(lexer, start, byte)?;
                self.slots[slot] = self.slot(start, end, what);
                *at = end;
                return Some(Next::MemberEnd);
            }
            self.slots[slot] = self.slot(start, start, kind::OBJECT);
            if entry.node() != 0 {
                self.stack.push(*frame);
                *frame = self.object(entry.node(), entry_at, entry.slot(), frame.scope);
                return Some(Next::Open);
            }
            *at = lexer.skip(start, self.stack.len() + 1)?;
            self.slots[slot].end = *at as u32;
            return Some(Next::MemberEnd);
        }
        // What is walked for the sake of every column says nothing about one.
        let own = flags & flag::ROWS != 0 || slot == self.own[0] || slot == self.own[1];
        self.met |= if own { 0 } else { entry.mask() };
        let (types, base) = entry.types();
        if types != 0 && byte != b'n' {
            self.note_type(types, frame.scope, key + usize::from(base), key_end, start);
        }
        if flags & flag::RULES != 0 {
            self.slots[slot] = self.slot(start, start, kind::NULL);
            let list = list(entry_at, frame.scope, start, byte != b'[');
            if byte == b'n' {
                *at = lexer.literal(start)?;
                return Some(Next::MemberEnd);
            }
            if entry.rules() == 0 && byte == b'{' && flags & flag::ROWS == 0 && entry.node() != 0 {
                // Only looked into for conditions: no element to tell from others.
                self.slots[slot] = self.slot(start, start, kind::OBJECT);
                self.stack.push(*frame);
                *frame = self.object(entry.node(), entry_at, entry.slot(), frame.scope);
                return Some(Next::Open);
            }
            if byte == b'[' {
                *at = lexer.space(start + 1);
                self.stack.push(*frame);
                *frame = list;
                return self.first_item(lexer, at, frame);
            }
            self.stack.push(*frame);
            *frame = list;
            return Some(Next::Item);
        }
        match byte {
            b'{' => {
                self.slots[slot] = self.slot(start, start, kind::OBJECT);
                if entry.node() != 0 {
                    self.stack.push(*frame);
                    *frame = self.object(entry.node(), entry_at, entry.slot(), frame.scope);
                    return Some(Next::Open);
                }
                *at = lexer.skip(start, self.stack.len() + 1)?;
                self.slots[slot].end = *at as u32;
            }
            b'[' => {
                if flags & flag::PLAIN != 0 || entry.conditions() != 0 {
                    return None;
                }
                self.slots[slot] = self.slot(start, start, kind::NULL);
                if flags & (flag::FIRST | flag::ZERO) != 0 {
                    let list = list(entry_at, frame.scope, start, false);
                    self.stack.push(*frame);
                    *frame = list;
                    *at = lexer.space(start + 1);
                    return self.first_item(lexer, at, frame);
                }
                *at = lexer.skip(start, self.stack.len() + 1)?;
                self.slots[slot] = self.slot(start, *at, kind::ARRAY);
            }
            _ => {
                let (end, what) = scalar(lexer, start, byte)?;
                self.slots[slot] = self.slot(start, end, what);
                *at = end;
                if entry.conditions() != 0 {
                    self.compare(lexer, entry, self.slots[slot]);
                }
            }
        }
        if entry.whole() != 0 {
            self.slots[usize::from(entry.whole())] = self.slots[slot];
        }
        Some(Next::MemberEnd)
    }

    /// After an opening bracket.
    fn first_item(&mut self, lexer: &Lexer<'_>, at: &mut usize, frame: &mut Frame) -> Option<Next> {
        if lexer.byte(*at) != b']' {
            return Some(Next::Item);
        }
        *at += 1;
        *frame = self.close_list(*frame, Some(*at))?;
        Some(Next::MemberEnd)
    }

    /// An element of a list; `at` is where it begins.
    fn item(&mut self, lexer: &Lexer<'_>, at: &mut usize, frame: &mut Frame) -> Option<Next> {
        let entry = self.blob.entry(frame.entry);
        let start = *at;
        let byte = lexer.byte(start);
        let flags = entry.flags();
        let rules = flags & flag::RULES != 0;
        let wanted = match (rules, byte) {
            (true, b'n') => false,
            (true, _) => entry.limit() == u8::MAX || frame.at < entry.limit().into(),
            (false, b'n') => {
                if frame.at == 0 && flags & (flag::FIRST | flag::ZERO) == flag::FIRST | flag::ZERO {
                    return None;
                }
                false
            }
            (false, _) => frame.present == 0 && (flags & flag::FIRST != 0 || frame.at == 0),
        };
        if !wanted {
            frame.present += u32::from(byte != b'n');
            *at = lexer.skip(start, self.stack.len() + 1)?;
            return Some(Next::ItemEnd);
        }
        if rules {
            self.stamp += 1;
            frame.element_scope = self.stamp;
        }
        let element = usize::from(entry.element());
        match byte {
            b'[' => return None,
            b'{' => {
                self.slots[element] = self.slot(start, start, kind::OBJECT);
                if entry.node() != 0 {
                    self.stack.push(*frame);
                    *frame = self.object(entry.node(), frame.entry, entry.element(), frame.element_scope);
                    return Some(Next::Open);
                }
                *at = lexer.skip(start, self.stack.len() + 1)?;
                self.slots[element].end = *at as u32;
            }
            _ => {
                let (end, what) = scalar(lexer, start, byte)?;
                self.slots[element] = self.slot(start, end, what);
                *at = end;
                if entry.conditions() != 0 {
                    self.compare(lexer, entry, self.slots[element]);
                }
            }
        }
        self.element_end(frame);
        Some(Next::ItemEnd)
    }

    /// An element that is not null has ended: the rules of its list, and the row that it may be.
    fn element_end(&mut self, list: &mut Frame) {
        let entry = self.blob.entry(list.entry);
        if entry.rules() != 0 {
            self.apply(entry, list);
        }
        if entry.flags() & flag::ROWS != 0 && entry.element() == self.source.row_slot() {
            self.row(list);
        }
        list.present += 1;
    }

    fn apply(&mut self, entry: Entry, list: &Frame) {
        let blob = self.blob;
        let since = list.element_scope;
        let is_object = self.slots[usize::from(entry.element())].kind() == kind::OBJECT;
        for at in blob.list(entry.rules(), WORD) {
            let at = blob.u32(at);
            let count = |part: usize| usize::from(blob.u16(at + part));
            let (conditions, done) = (count(rule::CONDITIONS), count(rule::DONE));
            let slot = |index: usize| usize::from(blob.u16(at + rule::SLOTS + SLOT * index));
            let applies = match blob.u8(at + rule::KIND) {
                rule::DIRECT => list.present == 0,
                rule::INDEX => list.at == u32::from(blob.u16(at + rule::AT)),
                rule::CURRENT => {
                    let holds = |index| self.slots[slot(index)].stamp >= since;
                    let weights = conditions + 2 * count(rule::COPIES);
                    is_object
                        && (0..conditions).all(holds)
                        && self.is_better(list, done, (0..=2 * count(rule::AT)).map(|index| slot(weights + index)))
                }
                _ => {
                    let fits = is_object && !(list.single && blob.u8(at + rule::LIST_ONLY) != 0);
                    let holds = |index| self.slots[slot(index)].stamp >= since;
                    let first = self.slots[done].stamp < list.scope;
                    let applies = fits && first && (0..conditions).all(holds);
                    if applies {
                        self.slots[done].stamp = self.stamp;
                    }
                    applies
                }
            };
            if !applies {
                continue;
            }
            let replaces = blob.u8(at + rule::KIND) == rule::CURRENT;
            for index in 0..count(rule::COPIES) {
                let from = self.slots[slot(conditions + 2 * index)];
                if from.stamp >= since {
                    self.slots[slot(conditions + 2 * index + 1)] = from;
                } else if replaces {
                    // What the element before had is not what this one has.
                    self.slots[slot(conditions + 2 * index + 1)] = Slot::default();
                }
            }
        }
    }

    /// Whether less speaks against an element than against those of its list before, which is then noted at `done`. The
    /// weights are pairs of a condition's slot and what it weighs, and behind them the slot of the rank.
    fn is_better(&mut self, list: &Frame, done: usize, mut weights: impl Iterator<Item = usize>) -> bool {
        let since = list.element_scope;
        let (mut weight, mut rank) = (0, u32::MAX);
        while let Some(slot) = weights.next() {
            match weights.next() {
                Some(own) if self.slots[slot].stamp >= since => weight += i32::from((own as u16).cast_signed()),
                Some(_) => {}
                None if slot != 0 && self.slots[slot].stamp >= since => rank = self.slots[slot].start,
                None => {}
            }
        }
        let best = self.slots[done];
        let against = ((weight + i32::from(NEVER)).cast_unsigned(), rank);
        let is_better = weight < NEVER.into() && (best.stamp < list.scope || against < (best.start, best.end));
        if is_better {
            self.slots[done] = Slot { start: against.0, end: against.1, stamp: self.stamp, what: kind::NULL };
        }
        is_better
    }

    fn row(&mut self, list: &Frame) {
        let mut indices = [0; LEVELS];
        let outer = self.stack.iter().filter(|frame| {
            frame.node == 0 && frame.entry != 0 && self.blob.entry(frame.entry).flags() & flag::ROWS != 0
        });
        for (index, level) in indices.iter_mut().zip(outer.chain([list])) {
            *index = level.at;
        }
        self.elements.push(Element { slots: self.row_slots.len(), scope: list.element_scope, indices });
        self.row_slots.extend_from_slice(&self.slots);
    }

    /// The frame around a list that ends; a list with brackets ends at `end`.
    fn close_list(&mut self, list: Frame, end: Option<usize>) -> Option<Frame> {
        let entry = self.blob.entry(list.entry);
        let slot = usize::from(entry.slot());
        if list.present > 1 && entry.flags() & flag::FIRST != 0 {
            self.slots[slot].what |= kind::REPEATED;
            self.repeated = true;
        }
        let whole = usize::from(entry.whole());
        if whole != 0 {
            self.slots[whole] = match end {
                Some(end) => self.slot(list.start as usize, end, kind::ARRAY),
                None => self.slots[usize::from(entry.element())],
            };
        }
        self.stack.pop()
    }

    fn slot(&self, start: usize, end: usize, what: u32) -> Slot {
        Slot { start: start as u32, end: end as u32, stamp: self.stamp, what }
    }

    /// Marks the conditions that a value meets.
    fn compare(&mut self, lexer: &Lexer<'_>, entry: Entry, value: Slot) {
        let blob = self.blob;
        let text = &lexer.text()[value.start as usize..value.end as usize];
        for at in blob.list(entry.conditions(), condition::SIZE) {
            let (offset, length) = blob.span(at + condition::LITERAL);
            let literal = blob.bytes(offset, length);
            let slot = blob.u32(at + condition::SLOT);
            let holds = match (blob.u32(at + condition::TEST) as u32, value.kind()) {
                (condition::TEXT, kind::STRING) if value.what & kind::ESCAPED == 0 => {
                    same(&text.as_bytes()[1..text.len() - 1], literal)
                }
                (condition::TEXT, kind::STRING) => unescape(&text[1..text.len() - 1]).as_bytes() == literal,
                (condition::ANY_TEXT, kind::STRING) => true,
                (condition::RANK, kind::NUMBER) => {
                    self.slots[slot].start = rank_of(Some(text));
                    true
                }
                (condition::BARE, kind::NUMBER | kind::BOOLEAN) => {
                    text.as_bytes() == literal
                        || number::compare(text, blob.text(at + condition::LITERAL)) == Some(std::cmp::Ordering::Equal)
                }
                _ => false,
            };
            if holds {
                self.slots[slot].stamp = self.stamp;
            }
        }
    }

    /// A type of a choice element: the first that is there counts.
    fn note_type(&mut self, types: u16, scope: u32, start: usize, end: usize, value: usize) {
        let slot = usize::from(types);
        if self.slots[slot].stamp < scope {
            self.slots[slot] = self.slot(start, end, kind::STRING);
            self.slots[slot + 1] = self.slot(value, value, kind::NULL);
        }
    }

    /// The same, for a member that is asked for by its type only.
    fn note_other_type(&mut self, lexer: &Lexer<'_>, frame: Frame, start: usize, end: usize, value: usize) {
        let blob = self.blob;
        let list = blob.u32(frame.node + node::TYPES);
        if blob.u32(list) == 0 {
            return;
        }
        let Some(key) = lexer.text().get(start..end) else {
            return;
        };
        for at in blob.list(list, types::SIZE) {
            let (offset, base) = blob.span(at + types::BASE);
            let own = key.as_bytes().starts_with(blob.bytes(offset, base));
            if own && choice_elements::alternative(key, blob.text(at + types::BASE)).is_some() {
                self.met = u64::MAX;
                self.note_type(blob.u32(at + types::SLOT) as u16, frame.scope, start + base, end, value);
            }
        }
    }
}

/// The frame of the list, or of the one element without a list, that begins at `start`.
fn list(entry: usize, scope: u32, start: usize, single: bool) -> Frame {
    let start = start as u32;
    Frame { node: 0, entry, at: 0, present: 0, scope, element_scope: scope, start, place: 0, single }
}

/// The end of a value that is no container, and what it is.
#[inline(always)]
fn scalar(lexer: &Lexer<'_>, at: usize, byte: u8) -> Option<(usize, u32)> {
    Some(match byte {
        b'"' => {
            let string = lexer.string(at)?;
            (string.end, if string.escaped { kind::STRING | kind::ESCAPED } else { kind::STRING })
        }
        b'-' | b'0'..=b'9' => (lexer.number(at)?, kind::NUMBER),
        b'n' => (lexer.literal(at)?, kind::NULL),
        _ => (lexer.literal(at)?, kind::BOOLEAN),
    })
}
