//! A program as bytes and back. Numbers are LEB128, texts and lists begin with their length.
//!
//! Reading trusts nothing: bytes that are no program are refused, and so is code that could run without end, past its
//! end, or deeper than the stack of an instance allows.

use std::borrow::Cow;

use super::{Block, Column, Each, Function, Kind, Op, Operator, Program, Search, SearchKind, Select};
use crate::types::{Family, Primitive, Type};

/// First byte; a program of another form has another one.
const FORM: u8 = 1;
/// Selects inside each other, and criteria inside each other: each costs a frame of the stack.
pub(crate) const MAX_DEPTH: usize = 16;

impl<'p> Program<'p> {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(vec![FORM]);
        for text in
            [&self.name, &self.entity_set, &self.label, &self.description, &self.version, &self.resource, &self.key]
        {
            out.text(text);
        }
        out.list(&self.profiles, |out, text| out.text(text));
        out.flag(self.one_row);
        out.list(&self.row_elements, |out, text| out.text(text));
        out.list(&self.columns, Writer::column);
        out.list(&self.types, |out, text| out.text(text));
        out.list(&self.filters, |out, block| out.block(*block));
        out.list(&self.root, Writer::select);
        out.list(&self.code, Writer::op);
        out.0
    }

    /// `None`: these bytes are no program of this form.
    pub fn from_bytes(bytes: &'p [u8]) -> Option<Self> {
        let mut input = Reader { rest: bytes };
        if input.byte()? != FORM {
            return None;
        }
        let program = Self {
            name: input.text()?,
            entity_set: input.text()?,
            label: input.text()?,
            description: input.text()?,
            version: input.text()?,
            resource: input.text()?,
            key: input.text()?,
            profiles: input.list(Reader::text)?,
            one_row: input.flag()?,
            row_elements: input.list(Reader::text)?,
            columns: input.list(Reader::column)?,
            types: input.list(Reader::text)?,
            filters: input.list(Reader::block)?,
            root: input.list(|input| input.select(0))?,
            code: input.list(Reader::op)?,
        };
        (input.rest.is_empty() && program.is_sound()).then_some(program)
    }

    /// Blocks are inside the code, columns are there, criteria are inside their block and not too deep.
    fn is_sound(&self) -> bool {
        self.filters.iter().all(|block| self.block_is_sound(*block))
            && self.root.iter().all(|s| self.select_is_sound(s))
    }

    fn select_is_sound(&self, select: &Select<'_>) -> bool {
        let each = match &select.each {
            Each::Focus => true,
            Each::Elements { path, .. } => self.block_is_sound(*path),
            Each::Repeat { paths, .. } => paths.iter().all(|path| self.block_is_sound(*path)),
        };
        let column =
            |(column, block): &(u16, Block)| usize::from(*column) < self.columns.len() && self.block_is_sound(*block);
        each && select.columns.iter().all(column)
            && select.selects.iter().chain(&select.unions).all(|select| self.select_is_sound(select))
    }

    fn block_is_sound(&self, block: Block) -> bool {
        let code = self.code_of(block);
        code.len() == block.length as usize && criteria_are_sound(code, 0)
    }
}

fn criteria_are_sound(code: &[Op<'_>], depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    let mut at = 0;
    while let Some(op) = code.get(at) {
        at += 1;
        let lengths = match *op {
            Op::Where(length) | Op::Exists(length) | Op::All(length) | Op::Map(length) => [length, 0],
            Op::If(then, otherwise) => [then, otherwise],
            _ => [0, 0],
        };
        for length in lengths {
            let Some(criterion) = code.get(at..).and_then(|rest| rest.get(..length as usize)) else { return false };
            if length > 0 && !criteria_are_sound(criterion, depth + 1) {
                return false;
            }
            at += length as usize;
        }
    }
    true
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut number: u32) {
        while number > 0x7f {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(flag.into());
    }

    fn text(&mut self, text: &str) {
        // The compiler refuses views of more than a few megabytes.
        self.number(text.len() as u32);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn list<T>(&mut self, list: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.number(list.len() as u32);
        for item in list {
            each(self, item);
        }
    }

    fn block(&mut self, block: Block) {
        self.number(block.start);
        self.number(block.length);
    }

    fn column(&mut self, column: &Column<'_>) {
        for text in [&column.name, &column.label, &column.description, &column.path] {
            self.text(text);
        }
        self.0.push(column.kind as u8);
        self.flag(column.collection);
        self.list(&column.elements, |out, text| out.text(text));
        self.flag(column.search.is_some());
        if let Some(search) = &column.search {
            self.text(&search.param);
            self.0.push(search.kind as u8);
        }
    }

    fn select(&mut self, select: &Select<'_>) {
        match &select.each {
            Each::Focus => self.0.push(0),
            Each::Elements { path, or_null, label } => {
                self.0.push(1);
                self.block(*path);
                self.flag(*or_null);
                self.text(label);
            }
            Each::Repeat { paths, label } => {
                self.0.push(2);
                self.list(paths, |out, block| out.block(*block));
                self.text(label);
            }
        }
        self.list(&select.columns, |out, (column, block)| {
            out.number((*column).into());
            out.block(*block);
        });
        self.list(&select.selects, Self::select);
        self.list(&select.unions, Self::select);
    }

    fn type_(&mut self, type_: Type) {
        match type_ {
            Type::Unknown => self.0.push(0),
            Type::Primitive(primitive) => self.0.extend([1, primitive as u8]),
            Type::Complex(index) => {
                self.0.push(2);
                self.number(index.into());
            }
            Type::System(family) => self.0.extend([3, family as u8]),
        }
    }

    fn op(&mut self, op: &Op<'_>) {
        self.0.push(tag(op));
        match op {
            Op::Boolean(flag) => self.flag(*flag),
            Op::Text(text) | Op::Number(text) | Op::Choice(text) | Op::Any(text) | Op::ReferenceKey(text) => {
                self.text(text);
            }
            Op::Moment(family, text) => {
                self.0.push(*family as u8);
                self.text(text);
            }
            Op::Member { name, of, repeats } => {
                self.text(name);
                self.type_(*of);
                self.flag(*repeats);
            }
            Op::Extension { url, of } => {
                self.text(url);
                self.type_(*of);
            }
            Op::OfType(type_) | Op::As(type_) | Op::Is(type_) => self.type_(*type_),
            Op::Where(length) | Op::Exists(length) | Op::All(length) | Op::Map(length) => self.number(*length),
            Op::If(then, otherwise) => {
                self.number(*then);
                self.number(*otherwise);
            }
            Op::Call(function, arguments) => self.0.extend([*function as u8, *arguments]),
            Op::Binary(operator) => self.0.push(*operator as u8),
            Op::This | Op::Resource | Op::RowIndex | Op::Index | Op::Empty | Op::ResourceKey | Op::At | Op::Negate => {}
        }
    }
}

/// The byte that an operation begins with.
fn tag(op: &Op<'_>) -> u8 {
    match op {
        Op::This => 0,
        Op::Resource => 1,
        Op::RowIndex => 2,
        Op::Index => 3,
        Op::Empty => 4,
        Op::Boolean(_) => 5,
        Op::Text(_) => 6,
        Op::Number(_) => 7,
        Op::Moment(..) => 8,
        Op::Member { .. } => 9,
        Op::Choice(_) => 10,
        Op::Any(_) => 11,
        Op::Extension { .. } => 12,
        Op::OfType(_) => 13,
        Op::As(_) => 14,
        Op::Is(_) => 15,
        Op::ReferenceKey(_) => 16,
        Op::ResourceKey => 17,
        Op::At => 18,
        Op::Where(_) => 19,
        Op::Exists(_) => 20,
        Op::All(_) => 21,
        Op::Map(_) => 22,
        Op::If(..) => 23,
        Op::Call(..) => 24,
        Op::Binary(_) => 25,
        Op::Negate => 26,
    }
}

struct Reader<'p> {
    rest: &'p [u8],
}

impl<'p> Reader<'p> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<Cow<'p, str>> {
        let length = self.number()? as usize;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok().map(Cow::Borrowed)
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.number()? as usize;
        // Each item is a byte at least: a length that lies is found before memory is taken for it.
        if length > self.rest.len() {
            return None;
        }
        let mut list = Vec::with_capacity(length);
        for _ in 0..length {
            list.push(each(self)?);
        }
        Some(list)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::from(self.byte()?)).copied()
    }

    fn block(&mut self) -> Option<Block> {
        Some(Block { start: self.number()?, length: self.number()? })
    }

    fn column(&mut self) -> Option<Column<'p>> {
        Some(Column {
            name: self.text()?,
            label: self.text()?,
            description: self.text()?,
            path: self.text()?,
            kind: self.one_of(Kind::ALL)?,
            collection: self.flag()?,
            elements: self.list(Self::text)?,
            search: match self.flag()? {
                true => Some(Search { param: self.text()?, kind: self.one_of(SearchKind::ALL)? }),
                false => None,
            },
        })
    }

    fn select(&mut self, depth: usize) -> Option<Select<'p>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let each = match self.byte()? {
            0 => Each::Focus,
            1 => Each::Elements { path: self.block()?, or_null: self.flag()?, label: self.text()? },
            2 => Each::Repeat { paths: self.list(Self::block)?, label: self.text()? },
            _ => return None,
        };
        Some(Select {
            each,
            columns: self.list(|input| Some((u16::try_from(input.number()?).ok()?, input.block()?)))?,
            selects: self.list(|input| input.select(depth + 1))?,
            unions: self.list(|input| input.select(depth + 1))?,
        })
    }

    fn type_(&mut self) -> Option<Type> {
        Some(match self.byte()? {
            0 => Type::Unknown,
            1 => Type::Primitive(self.one_of(Primitive::ALL)?),
            2 => Type::Complex(u16::try_from(self.number()?).ok()?),
            3 => Type::System(self.one_of(Family::ALL)?),
            _ => return None,
        })
    }

    fn op(&mut self) -> Option<Op<'p>> {
        Some(match self.byte()? {
            0 => Op::This,
            1 => Op::Resource,
            2 => Op::RowIndex,
            3 => Op::Index,
            4 => Op::Empty,
            5 => Op::Boolean(self.flag()?),
            6 => Op::Text(self.text()?),
            7 => Op::Number(self.text()?),
            8 => Op::Moment(self.one_of(Family::ALL)?, self.text()?),
            9 => Op::Member { name: self.text()?, of: self.type_()?, repeats: self.flag()? },
            10 => Op::Choice(self.text()?),
            11 => Op::Any(self.text()?),
            12 => Op::Extension { url: self.text()?, of: self.type_()? },
            13 => Op::OfType(self.type_()?),
            14 => Op::As(self.type_()?),
            15 => Op::Is(self.type_()?),
            16 => Op::ReferenceKey(self.text()?),
            17 => Op::ResourceKey,
            18 => Op::At,
            19 => Op::Where(self.number()?),
            20 => Op::Exists(self.number()?),
            21 => Op::All(self.number()?),
            22 => Op::Map(self.number()?),
            23 => Op::If(self.number()?, self.number()?),
            24 => Op::Call(self.one_of(Function::ALL)?, self.byte()?),
            25 => Op::Binary(self.one_of(Operator::ALL)?),
            26 => Op::Negate,
            _ => return None,
        })
    }
}
