//! FHIRPath functions whose arguments are plain values.

use std::borrow::Cow;

use super::{Machine, Result};
use crate::item::Item;
use crate::moment;
use crate::number::Decimal;
use crate::program::Function;

/// An argument: `None` = not given, or given and empty.
type Argument<'a> = Option<Item<'a>>;

impl<'a> Machine<'a> {
    /// Takes arguments and input from the stack; the last argument is on top.
    pub(super) fn call(&mut self, function: Function, arguments: u8) -> Result<()> {
        match function {
            Function::Exists => self.boolean_of(|items| !items.is_empty()),
            Function::Empty => self.boolean_of(<[_]>::is_empty),
            Function::HasValue => self.boolean_of(|items| items.len() == 1 && items[0].simple().is_some()),
            Function::AllTrue => self.boolean_of(|items| items.iter().all(|item| is(item, true))),
            Function::AllFalse => self.boolean_of(|items| items.iter().all(|item| is(item, false))),
            Function::AnyTrue => self.boolean_of(|items| items.iter().any(|item| is(item, true))),
            Function::AnyFalse => self.boolean_of(|items| items.iter().any(|item| is(item, false))),
            Function::Not => {
                let value = self.pop_boolean()?;
                self.push_option(value.map(|value| Item::Boolean(!value)));
            }
            Function::Count => {
                let count = self.pop().len();
                self.push_one(whole(count));
            }
            Function::First => {
                let first = self.pop().into_iter().next();
                self.push_option(first);
            }
            Function::Last => {
                let last = self.pop().pop();
                self.push_option(last);
            }
            Function::Single => {
                let one = self.pop_one()?;
                self.push_option(one);
            }
            Function::Tail => {
                let items = self.pop();
                self.push(items.into_iter().skip(1).collect());
            }
            Function::Skip => {
                let many = self.pop_index()?.unwrap_or(0);
                let items = self.pop();
                self.push(items.into_iter().skip(many).collect());
            }
            Function::Take => {
                let many = self.pop_index()?.unwrap_or(0);
                let items = self.pop();
                self.push(items.into_iter().take(many).collect());
            }
            Function::Distinct => {
                let all = self.pop();
                let distinct = self.distinct(all)?;
                self.push(distinct);
            }
            Function::Join => {
                let separator = if arguments > 0 { self.pop_text()?.unwrap_or_default() } else { Cow::Borrowed("") };
                let items = self.pop();
                let texts: Vec<Cow<'_, str>> = items.iter().filter_map(Item::shown).collect();
                self.text_of(texts.iter().map(|text| text.len() + separator.len()).sum())?;
                let joined = (!texts.is_empty()).then(|| Item::Text(texts.join(&*separator).into()));
                self.push_option(joined);
            }
            Function::LowBoundary | Function::HighBoundary => {
                let value = self.pop_one()?.and_then(|item| boundary(&item, function == Function::HighBoundary));
                self.push_option(value);
            }
            Function::ToString => {
                let text = self.pop_one()?.and_then(|item| item.shown());
                self.push_option(text.map(Item::Text));
            }
            Function::ToBoolean | Function::ToInteger | Function::ToDecimal => {
                let value = self.pop_one()?.and_then(|item| converted(&item, function));
                self.push_option(value);
            }
            Function::Contains
            | Function::EndsWith
            | Function::IndexOf
            | Function::Length
            | Function::Lower
            | Function::Replace
            | Function::StartsWith
            | Function::Substring
            | Function::Trim
            | Function::Upper => self.of_text(function, arguments)?,
        }
        Ok(())
    }

    fn boolean_of(&mut self, of: impl FnOnce(&[Item<'a>]) -> bool) {
        let items = self.pop();
        self.push_one(Item::Boolean(of(&items)));
    }

    /// Functions of one text. Nothing comes of nothing, or where an argument that is needed is nothing.
    fn of_text(&mut self, function: Function, arguments: u8) -> Result<()> {
        let second = if arguments > 1 { self.pop_one()? } else { None };
        let first = if arguments > 0 { self.pop_one()? } else { None };
        let Some(text) = self.pop_text()? else {
            self.open();
            return Ok(());
        };
        let replaced = match (&first, &second) {
            (Some(from), Some(to)) => longest(&text, from, to),
            _ => 0,
        };
        self.text_of(text.len().max(replaced))?;
        let result = match function {
            Function::Length => Some(whole(text.chars().count())),
            Function::Upper => Some(Item::Text(text.to_uppercase().into())),
            Function::Lower => Some(Item::Text(text.to_lowercase().into())),
            Function::Trim => Some(Item::Text(text.trim().to_owned().into())),
            Function::Substring => substring(&text, first, second, arguments),
            _ => with_part(function, &text, first, second),
        };
        self.push_option(result);
        Ok(())
    }

    /// Counts a text that is about to be made; so texts cannot grow without end either.
    pub(super) fn text_of(&mut self, length: usize) -> Result<()> {
        self.step(length / 8)
    }
}

/// Bytes that `replace` can come to.
fn longest(text: &str, from: &Item<'_>, to: &Item<'_>) -> usize {
    match (from.text(), to.text()) {
        (Some(from), Some(to)) => text.len() / from.len().max(1) * to.len() + text.len() + to.len(),
        _ => 0,
    }
}

fn with_part<'a>(function: Function, text: &str, first: Argument<'a>, second: Argument<'a>) -> Option<Item<'a>> {
    let part = first?.text()?;
    Some(match function {
        Function::StartsWith => Item::Boolean(text.starts_with(&*part)),
        Function::EndsWith => Item::Boolean(text.ends_with(&*part)),
        Function::Contains => Item::Boolean(text.contains(&*part)),
        Function::Replace => Item::Text(text.replace(&*part, &second?.text()?).into()),
        _ => match text.find(&*part) {
            Some(at) => whole(text[..at].chars().count()),
            None => Item::Number("-1".into()),
        },
    })
}

/// Nothing if it starts behind the end.
fn substring<'a>(text: &str, start: Argument<'_>, length: Argument<'_>, arguments: u8) -> Option<Item<'a>> {
    let start: usize = start?.number()?.parse().ok()?;
    let length = match length {
        Some(length) => length.number()?.parse::<i64>().ok()?,
        None if arguments > 1 => 0,
        None => i64::MAX,
    };
    let rest = text.char_indices().nth(start).map(|(at, _)| &text[at..])?;
    Some(Item::Text(rest.chars().take(usize::try_from(length).unwrap_or(0)).collect::<String>().into()))
}

fn is(item: &Item<'_>, value: bool) -> bool {
    matches!(item.simple(), Some(Item::Boolean(own)) if own == value)
}

fn whole<'a>(count: usize) -> Item<'a> {
    Item::Number(count.to_string().into())
}

fn converted<'a>(item: &Item<'a>, to: Function) -> Option<Item<'a>> {
    let value = item.simple()?;
    match (to, value) {
        (Function::ToBoolean, Item::Boolean(value)) => Some(Item::Boolean(value)),
        (Function::ToBoolean, value) => match value.shown()?.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(Item::Boolean(true)),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Some(Item::Boolean(false)),
            _ => None,
        },
        (_, Item::Boolean(value)) => Some(whole(value.into())),
        (Function::ToInteger, value) => {
            let integer: i64 = value.shown()?.parse().ok()?;
            Some(Item::Number(integer.to_string().into()))
        }
        (_, value) => {
            let text = value.shown()?;
            let text = text.strip_prefix('+').unwrap_or(&text);
            turntable_scan::number::is_number(text).then(|| Item::Number(text.to_owned().into()))
        }
    }
}

fn boundary<'a>(item: &Item<'a>, high: bool) -> Option<Item<'a>> {
    match item.simple()? {
        Item::Number(text) => Some(Item::Number(Decimal::parse(&text)?.boundary(high)?.text().into())),
        Item::Moment(family, text) => Some(Item::Moment(family, moment::boundary(family, &text, high)?.into())),
        _ => None,
    }
}
