//! The stack machine that runs FHIRPath over one resource.
//!
//! Total: whatever the resource holds, an expression comes to a collection or to a [`Fault`], in a bounded number of
//! steps. An element of another JSON type than R4 gives it has no value; it is no error.

mod functions;

use std::borrow::Cow;

use turntable_scan::{Kind as Json, Value};

use crate::item::{Element, Item, compare, equal};
use crate::number::Decimal;
use crate::program::{Block, Op, Operator, Program};
use crate::types::{Suffix, Type, suffix};

/// Items looked at for one resource.
pub(crate) const MAX_STEPS: u32 = 5_000_000;

/// Why a resource gives no rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An operation wants one value and got several.
    Several,
    /// More than [`MAX_STEPS`].
    Steps,
    /// More rows than one resource may give.
    Rows,
}

/// What an expression is about.
#[derive(Clone)]
pub(crate) struct Focus<'a> {
    pub(crate) this: Item<'a>,
    /// `$index`
    pub(crate) index: usize,
    /// `%rowIndex`
    pub(crate) row: usize,
}

pub(crate) struct Machine<'a> {
    program: &'a Program<'a>,
    resource: Element<'a>,
    /// All operands, one after the other, and where each begins.
    items: Vec<Item<'a>>,
    starts: Vec<usize>,
    steps: u32,
}

type Result<T> = std::result::Result<T, Fault>;

impl<'a> Machine<'a> {
    pub(crate) fn new(program: &'a Program<'a>, resource: Value<'a>) -> Self {
        let of = program.types.iter().position(|name| *name == program.resource).and_then(|at| u16::try_from(at).ok());
        let resource = Element { value: Some(resource), extra: None, of: of.map_or(Type::Unknown, Type::Complex) };
        Self { program, resource, items: Vec::new(), starts: Vec::new(), steps: 0 }
    }

    /// The resource itself.
    pub(crate) fn root(&self) -> Focus<'a> {
        Focus { this: Item::Element(self.resource), index: 0, row: 0 }
    }

    pub(crate) fn evaluate(&mut self, block: Block, focus: &Focus<'a>) -> Result<Vec<Item<'a>>> {
        self.run(self.program.code_of(block), focus)?;
        Ok(self.pop())
    }

    /// A condition: nothing is not true.
    pub(crate) fn holds(&mut self, block: Block, focus: &Focus<'a>) -> Result<bool> {
        self.run(self.program.code_of(block), focus)?;
        Ok(self.pop_boolean()? == Some(true))
    }

    /// Leaves one operand on the stack.
    fn run(&mut self, code: &'a [Op<'a>], focus: &Focus<'a>) -> Result<()> {
        let mut at = 0;
        while let Some(op) = code.get(at) {
            at += 1;
            self.step(1)?;
            match op {
                Op::This => self.push_one(focus.this.clone()),
                Op::Resource => self.push_one(Item::Element(self.resource)),
                Op::RowIndex => self.push_one(Item::Number(focus.row.to_string().into())),
                Op::Index => self.push_one(Item::Number(focus.index.to_string().into())),
                Op::Empty => self.open(),
                Op::Boolean(value) => self.push_one(Item::Boolean(*value)),
                Op::Text(text) => self.push_one(Item::Text(Cow::Borrowed(text))),
                Op::Number(text) => self.push_one(Item::Number(Cow::Borrowed(text))),
                Op::Moment(family, text) => self.push_one(Item::Moment(*family, Cow::Borrowed(text))),
                Op::Member { name, of, repeats } => {
                    self.replace(|parent, out| member(parent, name, *of, Some(*repeats), out))?;
                }
                Op::Choice(name) => self.choice(name)?,
                Op::Any(name) => self.any(name)?,
                Op::Extension { url, of } => self.replace(|parent, out| {
                    let before = out.len();
                    member(parent, "extension", *of, Some(true), out);
                    let mut kept = out.split_off(before);
                    kept.retain(|item| has_url(item, url));
                    out.append(&mut kept);
                })?,
                Op::OfType(wanted) => {
                    let program = self.program;
                    self.retain(|item| item.is(*wanted, program))?;
                }
                Op::As(wanted) => {
                    let program = self.program;
                    self.at_most_one()?;
                    self.retain(|item| item.is(*wanted, program))?;
                }
                Op::Is(wanted) => {
                    self.at_most_one()?;
                    let program = self.program;
                    let is = self.pop().first().map(|item| item.is(*wanted, program));
                    self.push_option(is.map(Item::Boolean));
                }
                Op::ReferenceKey(wanted) => self.replace(|item, out| out.extend(reference_key(item, wanted)))?,
                Op::ResourceKey => self.replace(|item, out| out.extend(resource_key(item)))?,
                Op::At => {
                    let index = self.pop_index()?;
                    let item = index.and_then(|index| self.top().get(index).cloned());
                    self.pop();
                    self.push_option(item);
                }
                Op::Where(length) => {
                    let criterion = slice(code, &mut at, *length);
                    self.filter(criterion, focus)?;
                }
                Op::Exists(length) => {
                    let criterion = slice(code, &mut at, *length);
                    self.filter(criterion, focus)?;
                    let any = !self.pop().is_empty();
                    self.push_one(Item::Boolean(any));
                }
                Op::All(length) => {
                    let criterion = slice(code, &mut at, *length);
                    let before = self.top().len();
                    self.filter(criterion, focus)?;
                    let all = self.pop().len() == before;
                    self.push_one(Item::Boolean(all));
                }
                Op::Map(length) => {
                    let projection = slice(code, &mut at, *length);
                    self.map(projection, focus)?;
                }
                Op::If(then, otherwise) => {
                    let then = slice(code, &mut at, *then);
                    let otherwise = slice(code, &mut at, *otherwise);
                    let chosen = if self.pop_boolean()? == Some(true) { then } else { otherwise };
                    match chosen.is_empty() {
                        true => self.open(),
                        false => self.run(chosen, focus)?,
                    }
                }
                Op::Call(function, arguments) => self.call(*function, *arguments)?,
                Op::Binary(operator) => self.binary(*operator)?,
                Op::Negate => {
                    let number = self.pop_one()?.and_then(|item| Decimal::parse(&item.number()?)?.negate());
                    self.push_option(number.map(|number| Item::Number(number.text().into())));
                }
            }
        }
        Ok(())
    }

    fn binary(&mut self, operator: Operator) -> Result<()> {
        let result = match operator {
            Operator::And | Operator::Or | Operator::Xor | Operator::Implies => {
                let (b, a) = (self.pop_boolean()?, self.pop_boolean()?);
                logic(operator, a, b).map(Item::Boolean)
            }
            Operator::Equal | Operator::NotEqual => {
                let (b, a) = (self.pop(), self.pop());
                let same = self.same(&a, &b)?;
                same.map(|same| Item::Boolean(same == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                let (b, a) = (self.pop_one()?, self.pop_one()?);
                let order = a.zip(b).and_then(|(a, b)| compare(&a, &b));
                order.map(|order| {
                    Item::Boolean(match operator {
                        Operator::Less => order.is_lt(),
                        Operator::LessOrEqual => order.is_le(),
                        Operator::Greater => order.is_gt(),
                        _ => order.is_ge(),
                    })
                })
            }
            Operator::In | Operator::Contains => {
                let (b, a) = (self.pop(), self.pop());
                let (one, all) = if operator == Operator::In { (a, b) } else { (b, a) };
                match single(one)? {
                    Some(one) => Some(Item::Boolean(self.has(&all, &one)?)),
                    None => None,
                }
            }
            Operator::Union => {
                let b = self.pop();
                let mut all = self.pop();
                all.extend(b);
                let distinct = self.distinct(all)?;
                self.push(distinct);
                return Ok(());
            }
            Operator::Concatenate => {
                let (b, a) = (self.pop_one()?, self.pop_one()?);
                let text = |item: Option<Item<'a>>| item.and_then(|item| item.shown()).unwrap_or_default();
                let (a, b) = (text(a), text(b));
                self.text_of(a.len() + b.len())?;
                Some(Item::Text([a, b].concat().into()))
            }
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Div
            | Operator::Mod => {
                let (b, a) = (self.pop_one()?, self.pop_one()?);
                let length = |item: &Option<Item<'a>>| item.as_ref().and_then(Item::text).map_or(0, |text| text.len());
                self.text_of(length(&a) + length(&b))?;
                a.zip(b).and_then(|(a, b)| arithmetic(operator, &a, &b))
            }
        };
        self.push_option(result);
        Ok(())
    }

    /// Equality of collections: in order, item by item; `None` where it cannot be told.
    fn same(&mut self, a: &[Item<'a>], b: &[Item<'a>]) -> Result<Option<bool>> {
        if a.is_empty() || b.is_empty() {
            return Ok(None);
        }
        if a.len() != b.len() {
            return Ok(Some(false));
        }
        self.step(a.len())?;
        let mut known = Some(true);
        for (a, b) in a.iter().zip(b) {
            match equal(a, b) {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => known = None,
            }
        }
        Ok(known)
    }

    fn has(&mut self, all: &[Item<'a>], one: &Item<'a>) -> Result<bool> {
        self.step(all.len())?;
        Ok(all.iter().any(|item| equal(item, one) == Some(true)))
    }

    fn distinct(&mut self, all: Vec<Item<'a>>) -> Result<Vec<Item<'a>>> {
        let mut distinct = Vec::with_capacity(all.len());
        for item in all {
            if !self.has(&distinct, &item)? {
                distinct.push(item);
            }
        }
        Ok(distinct)
    }

    /// Keeps the items of the top operand for which the criterion is true.
    fn filter(&mut self, criterion: &'a [Op<'a>], focus: &Focus<'a>) -> Result<()> {
        let items = self.pop();
        self.open();
        for (index, item) in items.into_iter().enumerate() {
            let inner = Focus { this: item, index, row: focus.row };
            self.run(criterion, &inner)?;
            if self.pop_boolean()? == Some(true) {
                self.items.push(inner.this);
            }
        }
        Ok(())
    }

    fn map(&mut self, projection: &'a [Op<'a>], focus: &Focus<'a>) -> Result<()> {
        let items = self.pop();
        self.open();
        for (index, this) in items.into_iter().enumerate() {
            self.run(projection, &Focus { this, index, row: focus.row })?;
            // What it gave becomes the end of the operand below it.
            self.starts.pop();
        }
        Ok(())
    }

    fn choice(&mut self, name: &str) -> Result<()> {
        let program = self.program;
        self.replace(|parent, out| choice(parent, name, program, out))
    }

    fn any(&mut self, name: &str) -> Result<()> {
        let program = self.program;
        self.replace(|parent, out| {
            let before = out.len();
            member(parent, name, Type::Unknown, None, out);
            if out.len() == before {
                choice(parent, name, program, out);
            }
        })
    }

    /// Puts what `each` makes of every item in the place of the top operand.
    fn replace(&mut self, mut each: impl FnMut(&Item<'a>, &mut Vec<Item<'a>>)) -> Result<()> {
        let before = self.pop();
        self.open();
        for item in &before {
            let length = self.items.len();
            each(item, &mut self.items);
            self.step(1 + self.items.len() - length)?;
        }
        Ok(())
    }

    fn retain(&mut self, mut keep: impl FnMut(&Item<'a>) -> bool) -> Result<()> {
        let mut items = self.pop();
        self.step(items.len())?;
        items.retain(|item| keep(item));
        self.push(items);
        Ok(())
    }

    fn step(&mut self, steps: usize) -> Result<()> {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.steps = self.steps.checked_add(steps).filter(|steps| *steps <= MAX_STEPS).ok_or(Fault::Steps)?;
        Ok(())
    }

    fn open(&mut self) {
        self.starts.push(self.items.len());
    }

    fn push(&mut self, items: Vec<Item<'a>>) {
        self.open();
        self.items.extend(items);
    }

    fn push_one(&mut self, item: Item<'a>) {
        self.open();
        self.items.push(item);
    }

    fn push_option(&mut self, item: Option<Item<'a>>) {
        self.open();
        self.items.extend(item);
    }

    fn top(&self) -> &[Item<'a>] {
        let start = self.starts.last().copied().unwrap_or(self.items.len());
        self.items.get(start..).unwrap_or_default()
    }

    fn pop(&mut self) -> Vec<Item<'a>> {
        match self.starts.pop() {
            Some(start) => self.items.split_off(start.min(self.items.len())),
            None => Vec::new(),
        }
    }

    fn at_most_one(&self) -> Result<()> {
        if self.top().len() > 1 { Err(Fault::Several) } else { Ok(()) }
    }

    fn pop_one(&mut self) -> Result<Option<Item<'a>>> {
        single(self.pop())
    }

    /// Where a boolean is wanted, one value of another kind is true: FHIRPath's evaluation of singletons.
    fn pop_boolean(&mut self) -> Result<Option<bool>> {
        Ok(self.pop_one()?.map(|item| match item.simple() {
            Some(Item::Boolean(value)) => value,
            _ => true,
        }))
    }

    fn pop_text(&mut self) -> Result<Option<Cow<'a, str>>> {
        Ok(self.pop_one()?.and_then(|item| item.text()))
    }

    fn pop_integer(&mut self) -> Result<Option<i64>> {
        Ok(self.pop_one()?.and_then(|item| item.number()?.parse().ok()))
    }

    /// A position; negative ones are none.
    fn pop_index(&mut self) -> Result<Option<usize>> {
        Ok(self.pop_integer()?.and_then(|index| usize::try_from(index).ok()))
    }
}

fn single(items: Vec<Item<'_>>) -> Result<Option<Item<'_>>> {
    if items.len() > 1 { Err(Fault::Several) } else { Ok(items.into_iter().next()) }
}

fn slice<'a>(code: &'a [Op<'a>], at: &mut usize, length: u32) -> &'a [Op<'a>] {
    let start = (*at).min(code.len());
    let end = start.saturating_add(length as usize).min(code.len());
    *at = end;
    &code[start..end]
}

fn logic(operator: Operator, a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (operator, a, b) {
        (Operator::And, Some(false), _) | (Operator::And, _, Some(false)) => Some(false),
        (Operator::And, a, b) => Some(a? && b?),
        (Operator::Or, Some(true), _) | (Operator::Or, _, Some(true)) => Some(true),
        (Operator::Or, a, b) => Some(a? || b?),
        (Operator::Implies, Some(false), _) | (Operator::Implies, _, Some(true)) => Some(true),
        (Operator::Implies, a, b) => Some(!a? || b?),
        (_, a, b) => Some(a? != b?),
    }
}

fn arithmetic<'a>(operator: Operator, a: &Item<'a>, b: &Item<'a>) -> Option<Item<'a>> {
    if let (Operator::Add, Some(a), Some(b)) = (operator, a.text(), b.text()) {
        return Some(Item::Text([a, b].concat().into()));
    }
    let (a, b) = (Decimal::parse(&a.number()?)?, Decimal::parse(&b.number()?)?);
    let result = match operator {
        Operator::Add => a.add(b),
        Operator::Subtract => a.subtract(b),
        Operator::Multiply => a.multiply(b),
        Operator::Divide => a.divide(b),
        Operator::Div => a.divide_whole(b).map(|(quotient, _)| quotient),
        _ => a.divide_whole(b).map(|(_, rest)| rest),
    };
    Some(Item::Number(result?.text().into()))
}

/// Children of one name. `repeats`: `None` = not known, so an array is taken for several.
fn member<'a>(parent: &Item<'a>, name: &str, of: Type, repeats: Option<bool>, out: &mut Vec<Item<'a>>) {
    let Item::Element(parent) = parent else { return };
    let Some(object) = parent.object() else { return };
    let (mut value, mut extra) = (None, None);
    // Of members of one name the last counts.
    for (key, found) in object.members() {
        if key.is(name) {
            value = Some(found);
        } else if is_extra(key, name) {
            extra = Some(found);
        }
    }
    children(value, extra, of, repeats, out);
}

/// `_name`
fn is_extra(key: Value<'_>, name: &str) -> bool {
    key.raw().len() == name.len() + 3 && key.text().is_some_and(|key| key.strip_prefix('_') == Some(name))
}

fn children<'a>(
    value: Option<Value<'a>>,
    extra: Option<Value<'a>>,
    of: Type,
    repeats: Option<bool>,
    out: &mut Vec<Item<'a>>,
) {
    let is_list = |value: Option<Value<'_>>| value.is_some_and(|value| value.kind() == Json::Array);
    let present = |value: Option<Value<'a>>| value.filter(|value| !value.is_null());
    let mut push = |value, extra| {
        let (value, extra) = (present(value), present(extra));
        if value.is_some() || extra.is_some() {
            out.push(Item::Element(Element { value, extra, of }));
        }
    };
    // A list where R4 has one value stays whole, and so has none: it is not taken for several.
    if repeats == Some(false) || !(is_list(value) || is_list(extra)) {
        return push(value, extra);
    }
    let mut values = value.into_iter().flat_map(Value::items);
    let mut extras = extra.into_iter().flat_map(Value::items);
    if !is_list(value) {
        return push(value, None);
    }
    loop {
        match (values.next(), extras.next()) {
            (None, None) => break,
            (value, extra) => push(value, extra),
        }
    }
}

/// The one choice element of a name: `value` finds `valueQuantity`.
fn choice<'a>(parent: &Item<'a>, name: &str, program: &Program<'_>, out: &mut Vec<Item<'a>>) {
    let Item::Element(parent) = parent else { return };
    let Some(object) = parent.object() else { return };
    let mut found: Vec<(Suffix, Option<Value<'a>>, Option<Value<'a>>)> = Vec::new();
    for (key, value) in object.members() {
        let raw = key.raw();
        let raw = &raw[1..raw.len() - 1];
        let (raw, is_extra) = raw.strip_prefix('_').map_or((raw, false), |raw| (raw, true));
        let Some(of) = raw.strip_prefix(name).and_then(suffix) else { continue };
        let at = found.iter().position(|(other, ..)| *other == of).unwrap_or_else(|| {
            found.push((of, None, None));
            found.len() - 1
        });
        match is_extra {
            true => found[at].2 = Some(value),
            false => found[at].1 = Some(value),
        }
    }
    for (of, value, extra) in found {
        let of = match of {
            Suffix::Primitive(primitive) => Type::Primitive(primitive),
            // A type that the code does not mention is none that it asks for.
            Suffix::Complex(name) => {
                let at = program.types.iter().position(|own| *own == name);
                Type::Complex(at.and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX))
            }
        };
        children(value, extra, of, Some(false), out);
    }
}

fn has_url(item: &Item<'_>, url: &str) -> bool {
    match item {
        Item::Element(element) => element.value.and_then(|value| value.get("url")).is_some_and(|own| own.is(url)),
        _ => false,
    }
}

/// The id of a resource.
fn resource_key<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    match item {
        Item::Element(element) => Some(Item::Text(element.value?.get("id")?.text()?)),
        _ => None,
    }
}

/// The id in a literal reference, relative or absolute, of a version or not. None for a contained one.
fn reference_key<'a>(item: &Item<'a>, wanted: &str) -> Option<Item<'a>> {
    let Item::Element(element) = item else { return None };
    let value = element.value?;
    let text = match value.kind() {
        Json::String => value.text()?,
        _ => value.get("reference")?.text()?,
    };
    let unversioned = text.split_once("/_history/").map_or(&*text, |(before, _)| before);
    let (before, id) = unversioned.rsplit_once('/')?;
    let kind = before.rsplit('/').next().unwrap_or_default();
    let is_type = kind.starts_with(|first: char| first.is_ascii_uppercase());
    let is_wanted = is_type && !id.is_empty() && (wanted.is_empty() || wanted == kind);
    is_wanted.then(|| Item::Text(id.to_owned().into()))
}
