//! Tables to a plan. Runs where there is time: in the build of a component, and once in a native process.
//!
//! A tree of members is grown twice. The first time finds out what is asked of each member: only then it is known
//! whether its list needs rules, and so where slots are. The second time places the slots.

use turntable_mapping::plan::layout::{self, LEVELS, MAGIC, Make, NO_TEXT, ROW, SLOT, TEXT, WORD, bit, flag, hash};
use turntable_mapping::tools::{
    Access, Concept, Condition, Current, Field, Kind, Literal, Move, Part, RANK, choice_elements, constant_of, fields,
    lists,
};
use turntable_mapping::{Code, Column, Mapping, Source, Table};

/// The plan of all tables of a mapping: bytes to be attached to its component.
pub fn make(mapping: &'static Mapping) -> Vec<u8> {
    let mut bytes = Bytes(MAGIC.to_vec());
    let (head, first) = bytes.list(mapping.tables.len(), WORD);
    debug_assert_eq!(head, layout::plan::TABLES, "the list stands behind the first bytes");
    for (index, table) in mapping.tables.iter().enumerate() {
        let at = bytes.table(mapping, table);
        bytes.set_u32(first + WORD * index, at);
    }
    // Blocks are loaded from where keys and texts stand.
    bytes.zeros(16);
    bytes.0
}

/// What a path cannot be expressed as; its column is [`Make::Unplanned`].
struct Inexpressible;

type Planned<T> = Result<T, Inexpressible>;

/// What is asked for at the end of a path.
#[derive(Clone, Copy)]
enum End<'e> {
    /// The value, of a list the first that is not null.
    Value,
    /// The value as it stands.
    Whole,
    /// A member as it stands, which a list is not.
    Plain,
    /// Which type of the choice element of that name.
    Types(&'e str),
}

#[derive(Clone, PartialEq, Eq)]
enum Selector {
    Direct,
    Index(usize),
    Where { conditions: Vec<(String, Literal)>, list_only: bool },
    Current(Current),
}

impl Selector {
    /// Chosen by what stands in it.
    fn looks_inside(&self) -> bool {
        matches!(self, Self::Where { .. } | Self::Current(_))
    }
}

/// What a value is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Test {
    Is(Literal),
    AnyText,
    Rank,
}

/// Where something is found, in the scope of the object or element that a path starts at.
#[derive(Clone)]
struct Spot {
    slot: u16,
    /// Lists on the way that have room for one only.
    guards: Vec<u16>,
}

#[derive(Default)]
struct Node {
    entries: Vec<usize>,
    types: Vec<Types>,
}

/// A choice element whose type is asked for.
struct Types {
    base: String,
    mask: u64,
    /// The type's name; in the slot after it, where the value stands.
    slot: u16,
}

struct Entry {
    name: String,
    mask: u64,
    flags: u8,
    selectors: Vec<Selector>,
    /// Conditions look at all of its elements.
    any: bool,
    slot: u16,
    element: u16,
    whole: u16,
    node: usize,
    conditions: Vec<(Test, u16)>,
    rules: Vec<Rule>,
}

struct Rule {
    selector: Selector,
    done: u16,
    conditions: Vec<u16>,
    /// Slots of what speaks for or against an element, with how much.
    weights: Vec<(u16, i16)>,
    /// 0 for none.
    rank: u16,
    /// Slots of the element, and the slots that they go to.
    copies: Vec<(u16, u16)>,
}

/// What is asked of one member's list: known after a tree was grown once.
struct Asked {
    selectors: Vec<Selector>,
    any: bool,
}

struct Tree {
    nodes: Vec<Node>,
    entries: Vec<Entry>,
    slots: u16,
    /// Of the first growth, by entry.
    asked: Option<Vec<Asked>>,
}

impl Tree {
    fn new(asked: Option<Vec<Asked>>) -> Self {
        Self { nodes: vec![Node::default()], entries: Vec::new(), slots: 1, asked }
    }

    fn new_slot(&mut self) -> u16 {
        self.slots += 1;
        self.slots - 1
    }

    fn entry(&mut self, node: usize, name: &str, mask: u64) -> usize {
        let found = self.nodes[node].entries.iter().copied().find(|&entry| self.entries[entry].name == name);
        let entry = found.unwrap_or_else(|| {
            let slot = self.new_slot();
            let element = if self.has_rules(self.entries.len()) { self.new_slot() } else { slot };
            self.nodes.push(Node::default());
            self.entries.push(Entry {
                name: name.to_owned(),
                mask: 0,
                flags: 0,
                selectors: Vec::new(),
                any: false,
                slot,
                element,
                whole: 0,
                node: self.nodes.len() - 1,
                conditions: Vec::new(),
                rules: Vec::new(),
            });
            self.nodes[node].entries.push(self.entries.len() - 1);
            self.entries.len() - 1
        });
        self.entries[entry].mask |= mask;
        entry
    }

    /// Whether the elements of a member's list are told apart by rules. Both times the same members are asked for
    /// in the same order, so that they have the same numbers.
    fn has_rules(&self, entry: usize) -> bool {
        self.asked.as_ref().and_then(|asked| asked.get(entry)).is_some_and(|asked| {
            let first = |selector: &Selector| matches!(selector, Selector::Direct | Selector::Index(0));
            asked.any || !asked.selectors.iter().all(first)
        })
    }

    /// Grows what `moves` need and says where their end is.
    fn place(&mut self, node: usize, moves: &[Move], end: End<'_>, mask: u64) -> Planned<Spot> {
        let Some((first, rest)) = moves.split_first() else {
            let End::Types(base) = end else { return Err(Inexpressible) };
            return Ok(Spot { slot: self.types(node, base, mask), guards: Vec::new() });
        };
        let (entry, selector, rest) = match (first, rest) {
            (Move::Member(name), [Move::Index(index), rest @ ..]) => (name, Selector::Index(*index), rest),
            (Move::Member(name), [Move::Where(conditions), rest @ ..]) => {
                let conditions = conditions.iter().map(|Condition { path, literal }| (path.to_owned(), literal));
                (name, Selector::Where { conditions: conditions.collect(), list_only: false }, rest)
            }
            (Move::Member(name), [Move::Current(current), rest @ ..]) => (name, Selector::Current(*current), rest),
            (Move::Member(name), rest) => (name, Selector::Direct, rest),
            (Move::Extension(url), rest) => {
                let conditions = vec![("url".to_owned(), Literal::Text(url))];
                (&"extension".into(), Selector::Where { conditions, list_only: true }, rest)
            }
            _ => return Err(Inexpressible),
        };
        let rest = match (&selector, rest) {
            // One element was found, an object: its index 0 is itself.
            (selector, [Move::Index(0), rest @ ..]) if selector.looks_inside() => rest,
            // And it has no other.
            (selector, [Move::Index(_), ..]) if selector.looks_inside() => {
                return Ok(Spot { slot: 0, guards: Vec::new() });
            }
            (_, [Move::Index(_) | Move::Where(_) | Move::Current(_), ..]) => return Err(Inexpressible),
            (_, rest) => rest,
        };
        let entry = self.entry(node, entry, mask);
        self.through(entry, selector, rest, end, mask)
    }

    fn through(&mut self, entry: usize, selector: Selector, rest: &[Move], end: End<'_>, mask: u64) -> Planned<Spot> {
        if rest.is_empty() && matches!(end, End::Whole) && selector == Selector::Direct {
            if self.entries[entry].whole == 0 {
                self.entries[entry].whole = self.new_slot();
            }
            return Ok(Spot { slot: self.entries[entry].whole, guards: Vec::new() });
        }
        if rest.is_empty() && matches!(end, End::Plain) {
            self.entries[entry].flags |= flag::PLAIN;
        }
        if !self.entries[entry].selectors.contains(&selector) {
            self.entries[entry].selectors.push(selector.clone());
        }
        if selector.looks_inside() {
            // Its conditions ask for members too: both times.
            self.rule(entry, &selector, mask);
        }
        let (node, width) = (self.entries[entry].node, if matches!(end, End::Types(_)) { 2 } else { 1 });
        let mut inner = match (rest, end) {
            ([], End::Value | End::Whole | End::Plain) => {
                Spot { slot: self.entries[entry].element, guards: Vec::new() }
            }
            _ => self.place(node, rest, end, mask)?,
        };
        if self.has_rules(entry) {
            let rule = self.rule(entry, &selector, mask);
            for at in 0..width {
                // Of two slots side by side the second follows the first.
                let to = self.copied(entry, rule, inner.slot + at);
                if at == 0 {
                    inner.slot = to;
                }
            }
            for guard in &mut inner.guards {
                *guard = self.copied(entry, rule, *guard);
            }
        }
        let into_extension = matches!(rest.first(), Some(Move::Extension(_)));
        let settles = !rest.is_empty() || matches!(end, End::Value);
        if selector == Selector::Direct && settles && !into_extension {
            inner.guards.push(self.entries[entry].slot);
        }
        Ok(inner)
    }

    fn rule(&mut self, entry: usize, selector: &Selector, mask: u64) -> usize {
        // Asked again for every column, since each needs the members of the conditions.
        let (mut slots, mut weights, mut rank) = (Vec::new(), Vec::new(), 0);
        match selector {
            Selector::Where { conditions, .. } => {
                for (path, literal) in conditions {
                    slots.push(self.condition(entry, path, Test::Is(*literal), mask));
                }
            }
            Selector::Current(current) => {
                for Condition { path, literal } in current.conditions.iter() {
                    slots.push(self.condition(entry, path, Test::Is(literal), mask));
                }
                for weight in current.of.weights() {
                    let test = weight.is.map_or(Test::AnyText, |text| Test::Is(Literal::Text(text)));
                    weights.push((self.condition(entry, weight.path, test, mask), weight.weight));
                }
                if current.of.is_ranked() {
                    rank = self.condition(entry, RANK, Test::Rank, mask);
                }
            }
            Selector::Direct | Selector::Index(_) => {}
        }
        if let Some(rule) = self.entries[entry].rules.iter().position(|rule| rule.selector == *selector) {
            return rule;
        }
        let done = self.new_slot();
        let rule = Rule { selector: selector.clone(), done, conditions: slots, weights, rank, copies: Vec::new() };
        self.entries[entry].rules.push(rule);
        self.entries[entry].rules.len() - 1
    }

    /// The slot that says whether a condition holds for the element.
    fn condition(&mut self, list: usize, path: &str, test: Test, mask: u64) -> u16 {
        let mut node = self.entries[list].node;
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            let entry = self.entry(node, name, mask);
            if names.peek().is_some() {
                self.entries[entry].any = true;
                node = self.entries[entry].node;
                continue;
            }
            if let Some((_, slot)) = self.entries[entry].conditions.iter().find(|(own, _)| *own == test) {
                return *slot;
            }
            let slot = self.new_slot();
            self.entries[entry].conditions.push((test, slot));
            return slot;
        }
        0
    }

    fn copied(&mut self, entry: usize, rule: usize, from: u16) -> u16 {
        let copies = &self.entries[entry].rules[rule].copies;
        if let Some((_, to)) = copies.iter().find(|(own, _)| *own == from) {
            return *to;
        }
        let to = self.new_slot();
        self.entries[entry].rules[rule].copies.push((from, to));
        to
    }

    /// The first of the two slots that learn which type of a choice element is there.
    fn types(&mut self, node: usize, base: &str, mask: u64) -> u16 {
        if let Some(types) = self.nodes[node].types.iter_mut().find(|types| types.base == base) {
            types.mask |= mask;
            return types.slot;
        }
        let slot = self.new_slot();
        self.new_slot();
        self.nodes[node].types.push(Types { base: base.to_owned(), mask, slot });
        slot
    }
}

/// One source's tree, and where in it the columns are.
struct Grown {
    tree: Tree,
    resource_type: u16,
    id: u16,
    row: u16,
    /// By field: its alternatives, or that they cannot be expressed.
    columns: Vec<Planned<Vec<Slots>>>,
}

/// The slots of one alternative, as `blob::Alternative` has them.
#[derive(Default)]
struct Slots {
    value: u16,
    whole: u16,
    reference: u16,
    kind: u16,
    identifier: u16,
    display: u16,
    system: u16,
    types: u16,
    guards: Vec<u16>,
}

const ALWAYS: u64 = u64::MAX;

fn grow(asked: Option<Vec<Asked>>, source: &Source, fields: &[Field], lists: &[&str]) -> Grown {
    let mut tree = Tree::new(asked);
    let mut own = |name: &str| {
        let entry = tree.entry(0, name, ALWAYS);
        tree.entries[entry].flags |= flag::PLAIN;
        tree.entries[entry].slot
    };
    let (resource_type, id) = (own("resourceType"), own("id"));
    let (mut node, mut row) = (0, 0);
    for list in lists {
        let mut names = list.split('.').peekable();
        while let Some(name) = names.next() {
            let entry = tree.entry(node, name, ALWAYS);
            node = tree.entries[entry].node;
            if names.peek().is_some() {
                tree.entries[entry].selectors.push(Selector::Direct);
            } else {
                tree.entries[entry].any = true;
                tree.entries[entry].flags |= flag::ROWS;
                row = tree.entries[entry].element;
            }
        }
    }
    let mut columns = Vec::with_capacity(fields.len());
    for (index, &field) in fields.iter().enumerate() {
        let bit = bit(index, fields.len());
        columns.push(match field.exists_for(source) {
            true => place(&mut tree, node, row, field, bit),
            false => Ok(Vec::new()),
        });
    }
    Grown { tree, resource_type, id, row, columns }
}

fn place(tree: &mut Tree, node: usize, row: u16, field: Field, mask: u64) -> Planned<Vec<Slots>> {
    let Some(column) = field.column().filter(|column| !matches!(column.kind, Kind::Key | Kind::Constant(..))) else {
        return Ok(Vec::new());
    };
    if column.read_with.is_some() && column.path.is_empty() {
        return Ok(vec![Slots { whole: if row == 0 { ROW } else { row }, ..Slots::default() }]);
    }
    let alternatives = field.alternatives();
    alternatives.map(|moves| alternative(tree, node, row, field, column, &moves, mask)).collect()
}

fn alternative(
    tree: &mut Tree,
    node: usize,
    row: u16,
    field: Field,
    column: &Column,
    moves: &[Move],
    mask: u64,
) -> Planned<Slots> {
    let mut slots = Slots::default();
    let mut find = |moves: &[Move], end| match (moves, end) {
        // `$this`
        ([], End::Value | End::Whole) if row != 0 => Ok(Spot { slot: row, guards: Vec::new() }),
        _ => tree.place(node, moves, end, mask),
    };
    let member = |moves: &[Move], name: &str| [moves, &[Move::Member(name.to_owned().into())]].concat();
    if column.read_with.is_some() || matches!(column.kind, Kind::Json) {
        let spot = find(moves, End::Whole)?;
        return Ok(Slots { whole: spot.slot, guards: spot.guards, ..slots });
    }
    let spot = find(moves, End::Value)?;
    (slots.value, slots.guards) = (spot.slot, spot.guards);
    if matches!(column.kind, Kind::Choice(_) | Kind::Lookup(_)) {
        slots.reference = find(&member(moves, "reference"), End::Plain)?.slot;
        slots.kind = find(&member(moves, "type"), End::Plain)?.slot;
    }
    if let Kind::Choice(options) = column.kind {
        slots.identifier = find(&member(moves, "identifier"), End::Plain)?.slot;
        slots.display = find(&member(moves, "display"), End::Plain)?.slot;
        if column.system.is_some() || options.iter().any(|option| option.system.is_some()) {
            let last = moves.iter().rposition(|step| matches!(step, Move::Member(_))).unwrap_or(0);
            slots.system = find(&member(&moves[..last], "system"), End::Plain)?.slot;
        }
        if let (Access::ReadOnly, Some((Move::Member(base), before))) = (column.access, moves.split_last()) {
            slots.types = find(before, End::Types(base))?.slot;
        }
    }
    debug_assert!(field.column().is_some(), "slots are of a column");
    Ok(slots)
}

/// A plan in the making.
struct Bytes(Vec<u8>);

impl Bytes {
    fn zeros(&mut self, count: usize) -> usize {
        self.0.resize(self.0.len() + count, 0);
        self.0.len() - count
    }

    fn set_u16(&mut self, at: usize, value: u16) {
        self.0[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    fn set_u32(&mut self, at: usize, value: usize) {
        let value = u32::try_from(value).expect("a plan is far smaller than 4 GiB");
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn set_text(&mut self, at: usize, text: Option<&str>) {
        let offset = self.0.len();
        self.0.extend_from_slice(text.unwrap_or_default().as_bytes());
        self.set_u32(at, offset);
        self.set_u32(at + WORD, text.map_or(NO_TEXT as usize, str::len));
    }

    /// A count and so many items of a size, all zero; where the first item is.
    fn list(&mut self, count: usize, size: usize) -> (usize, usize) {
        let at = self.zeros(WORD + count * size);
        self.set_u32(at, count);
        (at, at + WORD)
    }

    fn table(&mut self, mapping: &'static Mapping, table: &'static Table) -> usize {
        use layout::table::{FIELDS, LEVELS, NAME, SIZE, SOURCES};
        let fields = fields(table);
        let lists = lists(mapping, table);
        let at = self.zeros(SIZE);
        self.set_text(at + NAME, Some(table.name));
        self.set_u32(at + FIELDS, fields.len());
        let (levels, first) = self.list(lists.len(), TEXT);
        self.set_u32(at + LEVELS, levels);
        for (index, list) in lists.iter().enumerate() {
            self.set_text(first + TEXT * index, Some(&format!("/{}/", list.replace('.', "/"))));
        }
        let (sources, first) = self.list(table.sources().count(), WORD);
        self.set_u32(at + SOURCES, sources);
        for (index, source) in table.sources().enumerate() {
            let source = self.source(table, source, &fields, &lists);
            self.set_u32(first + WORD * index, source);
        }
        at
    }

    fn source(&mut self, table: &Table, source: &Source, fields: &[Field], lists: &[&str]) -> usize {
        use layout::source::{COLUMNS, ID_SLOT, PLACES, RESOURCE_TYPE, ROOT, ROW_SLOT, SIZE, SLOTS, TYPE_SLOT, WHOLE};
        let first = grow(None, source, fields, lists).tree;
        let asked = first.entries.into_iter().map(|entry| Asked { selectors: entry.selectors, any: entry.any });
        let grown = grow(Some(asked.collect()), source, fields, lists);
        let at = self.zeros(SIZE);
        self.set_text(at + RESOURCE_TYPE, Some(source.resource_type));
        let mut places = 0;
        let root = self.node(&grown.tree, 0, &mut places);
        self.set_u32(at + ROOT, root.unwrap_or(0));
        self.set_u16(at + SLOTS, grown.tree.slots);
        self.set_u16(at + PLACES, places);
        self.set_u16(at + TYPE_SLOT, grown.resource_type);
        self.set_u16(at + ID_SLOT, grown.id);
        self.set_u16(at + ROW_SLOT, grown.row);
        // What is walked whatever is asked for.
        let of_every_row = [grown.resource_type, grown.id, grown.row, ROW];
        let columns = self.zeros(WORD * fields.len());
        self.set_u32(at + COLUMNS, columns);
        let unplanned = root.is_none() || table.after_read.is_some() || lists.len() > LEVELS;
        for (index, (&field, slots)) in fields.iter().zip(&grown.columns).enumerate() {
            let column = match slots {
                Ok(slots) if !unplanned => self.column(source, field, slots, &of_every_row),
                _ => self.unplanned(),
            };
            self.set_u32(columns + WORD * index, column);
        }
        let whole = !unplanned && grown.columns.iter().all(Result::is_ok);
        self.set_u16(at + WHOLE, whole.into());
        at
    }

    fn unplanned(&mut self) -> usize {
        let at = self.zeros(layout::column::SIZE);
        self.0[at + layout::column::MAKE] = Make::Unplanned as u8;
        at
    }

    fn column(&mut self, source: &Source, field: Field, slots: &[Slots], of_every_row: &[u16]) -> usize {
        use layout::alternative;
        use layout::column::{ALTERNATIVE_COUNT, ALTERNATIVES, ALWAYS, MAKE, OPEN, OPTIONS, SIZE, TEXT};
        let at = self.zeros(SIZE);
        let (made, text) = made(source, field);
        self.0[at + MAKE] = made as u8;
        self.0[at + OPEN] = field.column().is_some_and(|column| column.open).into();
        self.0[at + ALTERNATIVE_COUNT] =
            u8::try_from(slots.len()).expect("a path has at most twelve steps, and so alternatives");
        let always = matches!(made, Make::Key | Make::Parent | Make::Fixed)
            || slots.iter().flat_map(|slots| [slots.value, slots.whole]).any(|s| s != 0 && of_every_row.contains(&s));
        self.0[at + ALWAYS] = always.into();
        self.set_text(at + TEXT, text);
        let options = self.options(field);
        self.set_u32(at + OPTIONS, options);
        // Several codings are the rule in a concept, and no news.
        let guarded = !field.column().is_some_and(|column| matches!(column.kind, Kind::Concept(_)));
        let list = self.zeros(alternative::SIZE * slots.len());
        self.set_u32(at + ALTERNATIVES, list);
        for (index, slots) in slots.iter().enumerate() {
            let at = list + alternative::SIZE * index;
            let own = [
                (alternative::VALUE, slots.value),
                (alternative::WHOLE, slots.whole),
                (alternative::REFERENCE, slots.reference),
                (alternative::KIND, slots.kind),
                (alternative::IDENTIFIER, slots.identifier),
                (alternative::DISPLAY, slots.display),
                (alternative::SYSTEM, slots.system),
                (alternative::TYPES, slots.types),
            ];
            for (part, slot) in own {
                self.set_u16(at + part, slot);
            }
            if guarded && !slots.guards.is_empty() {
                let guards = self.zeros(2 + SLOT * slots.guards.len());
                self.set_u16(guards, slots.guards.len() as u16);
                for (position, guard) in slots.guards.iter().enumerate() {
                    self.set_u16(guards + 2 + SLOT * position, *guard);
                }
                self.set_u32(at + alternative::GUARDS, guards);
            }
        }
        at
    }

    fn options(&mut self, field: Field) -> usize {
        use layout::option::{CODE, SIZE, SYSTEM};
        let Some(column) = field.column() else { return self.list(0, 0).0 };
        let options: Vec<(&str, Option<&str>)> = match column.kind {
            Kind::Choice(options) => {
                options.iter().map(|option: &Code| (option.code, option.system.or(column.system))).collect()
            }
            Kind::Lookup(targets) => targets.iter().map(|(_, kind)| (*kind, None)).collect(),
            _ => Vec::new(),
        };
        let (list, first) = self.list(options.len(), SIZE);
        for (index, (code, system)) in options.into_iter().enumerate() {
            let at = first + SIZE * index;
            self.set_text(at + CODE, Some(code));
            self.set_text(at + SYSTEM, system);
        }
        list
    }

    /// A node and all below it. `None` if two of its keys cannot be told apart by any hash.
    fn node(&mut self, tree: &Tree, node: usize, places: &mut u16) -> Option<usize> {
        use layout::node::{ENTRIES, MULTIPLIER, PLACE, SHIFT, TYPES};
        use layout::types;
        let node = &tree.nodes[node];
        let keys: Vec<&[u8]> = node.entries.iter().map(|&entry| tree.entries[entry].name.as_bytes()).collect();
        let (multiplier, bits) = perfect(&keys)?;
        let at = self.zeros(ENTRIES + (WORD << bits));
        self.set_u16(at + PLACE, *places);
        *places += 1;
        self.set_u32(at + MULTIPLIER, multiplier as usize);
        self.set_u32(at + SHIFT, 32 - bits);
        let (list, first) = self.list(node.types.len(), types::SIZE);
        self.set_u32(at + TYPES, list);
        for (index, asked) in node.types.iter().enumerate() {
            let at = first + types::SIZE * index;
            self.set_text(at + types::BASE, Some(&asked.base));
            self.set_u32(at + types::SLOT, asked.slot.into());
        }
        for (&entry, key) in node.entries.iter().zip(keys) {
            let entry = self.entry(tree, node, &tree.entries[entry], places)?;
            self.set_u32(at + ENTRIES + WORD * hash(key, multiplier, 32 - bits as u32), entry);
        }
        Some(at)
    }

    fn entry(&mut self, tree: &Tree, parent: &Node, entry: &Entry, places: &mut u16) -> Option<usize> {
        use layout::condition;
        use layout::entry::{
            BASE_LENGTH, CONDITIONS, ELEMENT, FLAGS, KEY, LIMIT, MASK, NODE, PLACE, RULES, SIZE, SLOT, TYPES, WHOLE,
        };
        let at = self.zeros(SIZE);
        let types = parent.types.iter().find(|types| choice_elements::alternative(&entry.name, &types.base).is_some());
        let mask = entry.mask | types.map_or(0, |types| types.mask);
        self.0[at + MASK..at + KEY].copy_from_slice(&mask.to_le_bytes());
        self.set_text(at + KEY, Some(&entry.name));
        // The length takes two bytes, the slot the two after it.
        self.set_u16(at + SLOT, entry.slot);
        let key = self.0.len() - entry.name.len();
        debug_assert!(self.0[key..] == *entry.name.as_bytes(), "the key stands last");
        // Compared together with its closing quote, a block at a time.
        self.0.push(b'"');
        self.zeros(16);
        let below = &tree.nodes[entry.node];
        if !below.entries.is_empty() || !below.types.is_empty() {
            let node = self.node(tree, entry.node, places)?;
            self.set_u32(at + NODE, node);
        }
        if !entry.rules.is_empty() && entry.element != entry.slot {
            let rules = self.rules(entry);
            self.set_u32(at + RULES, rules);
        }
        if !entry.conditions.is_empty() {
            let (list, first) = self.list(entry.conditions.len(), condition::SIZE);
            self.set_u32(at + CONDITIONS, list);
            for (index, (test, slot)) in entry.conditions.iter().enumerate() {
                let (text, test) = match *test {
                    Test::Is(Literal::Text(text)) => (text, condition::TEXT),
                    Test::Is(Literal::Bare(text)) => (text, condition::BARE),
                    Test::AnyText => ("", condition::ANY_TEXT),
                    Test::Rank => ("", condition::RANK),
                };
                let at = first + condition::SIZE * index;
                self.set_text(at + condition::LITERAL, Some(text));
                self.set_u32(at + condition::TEST, test as usize);
                self.set_u32(at + condition::SLOT, (*slot).into());
            }
        }
        self.set_u16(at + WHOLE, entry.whole);
        self.set_u16(at + PLACE, *places);
        *places += 1;
        if let Some(types) = types {
            self.set_u16(at + TYPES, types.slot);
            self.set_u16(at + BASE_LENGTH, types.base.len() as u16);
        }
        let (mut flags, limit) = flags(entry);
        let of_every_row = entry.mask == ALWAYS;
        if !of_every_row
            && types.is_none()
            && entry.whole == 0
            && entry.conditions.is_empty()
            && flags & flag::RULES == 0
        {
            flags |= flag::SIMPLE;
        }
        self.0[at + FLAGS] = flags;
        self.0[at + LIMIT] = limit;
        self.set_u16(at + ELEMENT, entry.element);
        Some(at)
    }

    fn rules(&mut self, entry: &Entry) -> usize {
        use layout::rule::{AT, CONDITIONS, COPIES, CURRENT, DIRECT, DONE, INDEX, KIND, LIST_ONLY, SLOTS, WHERE};
        let (list, first) = self.list(entry.rules.len(), WORD);
        for (index, rule) in entry.rules.iter().enumerate() {
            let (kind, list_only, at_index) = match &rule.selector {
                Selector::Direct => (DIRECT, false, 0),
                Selector::Index(index) => (INDEX, false, *index),
                Selector::Where { list_only, .. } => (WHERE, *list_only, 0),
                Selector::Current(_) => (CURRENT, false, rule.weights.len()),
            };
            let behind = if kind == CURRENT { 2 * rule.weights.len() + 1 } else { 0 };
            let at = self.zeros(SLOTS + SLOT * (rule.conditions.len() + 2 * rule.copies.len() + behind));
            self.set_u32(first + WORD * index, at);
            self.0[at + KIND] = kind;
            self.0[at + LIST_ONLY] = list_only.into();
            self.set_u16(at + AT, at_index as u16);
            self.set_u16(at + DONE, rule.done);
            self.set_u16(at + CONDITIONS, rule.conditions.len() as u16);
            self.set_u16(at + COPIES, rule.copies.len() as u16);
            let copies = rule.copies.iter().flat_map(|(from, to)| [*from, *to]);
            let weights = rule.weights.iter().flat_map(|(slot, weight)| [*slot, weight.cast_unsigned()]);
            let behind = weights.chain([rule.rank]).take(behind);
            for (position, slot) in rule.conditions.iter().copied().chain(copies).chain(behind).enumerate() {
                self.set_u16(at + SLOTS + SLOT * position, slot);
            }
        }
        list
    }
}

fn flags(entry: &Entry) -> (u8, u8) {
    let mut flags = entry.flags;
    if entry.element != entry.slot {
        flags |= flag::RULES;
    }
    if entry.selectors.contains(&Selector::Direct) {
        flags |= flag::FIRST;
    }
    if entry.selectors.contains(&Selector::Index(0)) {
        flags |= flag::ZERO;
    }
    let ends = entry.selectors.iter().map(|selector| match selector {
        Selector::Index(index) => u8::try_from(index + 1).unwrap_or(u8::MAX),
        _ => u8::MAX,
    });
    let limit = if entry.any { u8::MAX } else { ends.max().unwrap_or(u8::MAX) };
    (flags, limit)
}

/// How a field is made, and its fixed text.
fn made(source: &Source, field: Field) -> (Make, Option<&'static str>) {
    let Field::Column(column, part) = field else { return (Make::Parent, None) };
    if !field.exists_for(source) {
        return (Make::Nothing, None);
    }
    let made = match column.kind {
        Kind::Key => Make::Key,
        Kind::Constant(_, value) => {
            let text = constant_of(column, value, source);
            return if text.is_some() { (Make::Fixed, text) } else { (Make::Nothing, None) };
        }
        _ if column.read_with.is_some() => Make::Function,
        Kind::Concept(Concept::Code) if part == Part::System => return (Make::Implied, column.system),
        Kind::Concept(Concept::Code) if part == Part::Display => Make::Implied,
        Kind::Text | Kind::Uri | Kind::Concept(_) => Make::Text,
        Kind::Boolean => Make::Boolean,
        Kind::Int => Make::Int,
        Kind::Long => Make::Long,
        Kind::Decimal => Make::Decimal,
        Kind::Date => Make::Date,
        Kind::DateTime | Kind::PartialDate => Make::Moment,
        Kind::Choice(_) => Make::Choice,
        Kind::Lookup(_) => Make::Lookup,
        Kind::Json => Make::Json,
    };
    (made, None)
}

/// A multiplier and a number of bits with which every key has a hash of its own.
fn perfect(keys: &[&[u8]]) -> Option<(u32, usize)> {
    let least = keys.len().next_power_of_two().trailing_zeros().max(1) as usize;
    for bits in least..least + 4 {
        let mut multiplier: u32 = 0x9e37_79b1;
        for _ in 0..4096 {
            let mut taken = vec![false; 1 << bits];
            let apart =
                keys.iter().all(|key| !std::mem::replace(&mut taken[hash(key, multiplier, 32 - bits as u32)], true));
            if apart {
                return Some((multiplier, bits));
            }
            multiplier = multiplier.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f) | 1;
        }
    }
    None
}
