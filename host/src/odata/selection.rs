//! `$select` and `$expand`, and the options nested in their parentheses: text to an untyped tree, all of the grammar.

use super::lexer::{SyntaxError, TokenKind};
use super::syntax::{Node, OrderItem, Parser};
use crate::model::limits::Limits;

/// One entry of a `$select` or `$expand`.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub path: Vec<Part>,
    pub options: Vec<Nested>,
}

/// A name, `*`, `@Term`, `$ref`, `$count` or `$value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub at: usize,
    pub name: String,
}

/// An option inside the parentheses.
#[derive(Clone, Debug, PartialEq)]
pub struct Nested {
    pub at: usize,
    /// In lower case, without `$`; an alias with its `@`.
    pub name: String,
    /// Where the value begins and ends.
    pub value_at: usize,
    pub value_end: usize,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Expression(Node),
    OrderBy(Vec<OrderItem>),
    Select(Vec<Item>),
    Expand(Vec<Item>),
    /// `expression as name`
    Compute(Vec<(Node, String)>),
    Text(String),
}

pub fn select(text: &str, limits: &Limits) -> Result<Vec<Item>, SyntaxError> {
    whole(text, limits, select_items)
}

pub fn expand(text: &str, limits: &Limits) -> Result<Vec<Item>, SyntaxError> {
    whole(text, limits, expand_items)
}

pub fn compute(text: &str, limits: &Limits) -> Result<Vec<(Node, String)>, SyntaxError> {
    whole(text, limits, compute_items)
}

fn whole<T>(
    text: &str,
    limits: &Limits,
    parse: impl Fn(&mut Parser<'_>) -> Result<T, SyntaxError>,
) -> Result<T, SyntaxError> {
    let mut parser = Parser::new(text, limits)?;
    let parsed = parse(&mut parser)?;
    match parser.next.kind {
        TokenKind::End => Ok(parsed),
        _ => Err(parser.unexpected("`,` or the end")),
    }
}

fn select_items(parser: &mut Parser<'_>) -> Result<Vec<Item>, SyntaxError> {
    items(parser, true)
}

fn expand_items(parser: &mut Parser<'_>) -> Result<Vec<Item>, SyntaxError> {
    items(parser, false)
}

fn items(parser: &mut Parser<'_>, select: bool) -> Result<Vec<Item>, SyntaxError> {
    parser.nested(|parser| {
        let mut items = vec![item(parser, select)?];
        while parser.skip(',')? {
            items.push(item(parser, select)?);
        }
        Ok(items)
    })
}

fn item(parser: &mut Parser<'_>, select: bool) -> Result<Item, SyntaxError> {
    let mut path = vec![part(parser)?];
    while parser.skip('/')? {
        path.push(part(parser)?);
    }
    let mut options = Vec::new();
    if parser.skip('(')? {
        let only_references = path.last().is_some_and(|p| p.name == "$ref");
        while !parser.is(')') {
            match nested(parser, only_references, select)? {
                Some(option) => options.push(option),
                // The signature of a function, `Namespace.Function(Parameter,…)`.
                None if parser.skip(',')? => continue,
                None => break,
            }
            if !parser.skip(';')? {
                break;
            }
        }
        parser.expect(')')?;
    }
    Ok(Item { path, options })
}

fn part(parser: &mut Parser<'_>) -> Result<Part, SyntaxError> {
    let at = parser.next.at;
    let name = match &parser.next.kind {
        TokenKind::Name(name) => (*name).to_owned(),
        TokenKind::At(name) => format!("@{name}"),
        TokenKind::Dollar(name) if matches!(*name, "ref" | "count" | "value") => format!("${name}"),
        TokenKind::Mark('*') => "*".to_owned(),
        _ => return Err(parser.unexpected("a name")),
    };
    parser.advance()?;
    Ok(Part { at, name })
}

/// None: a name that no `=` follows.
fn nested(parser: &mut Parser<'_>, only_references: bool, select: bool) -> Result<Option<Nested>, SyntaxError> {
    let token = parser.next.clone();
    let name = match token.kind {
        TokenKind::Name(name) | TokenKind::Dollar(name) => name.to_ascii_lowercase(),
        TokenKind::At(name) => format!("@{name}"),
        _ => return Err(parser.unexpected("an option")),
    };
    let refused = only_references && matches!(name.as_str(), "select" | "expand" | "levels" | "compute");
    if refused {
        return Err(SyntaxError::new(token.at, format!("`${name}` has no meaning after `$ref`; this is")));
    }
    parser.advance()?;
    if select && matches!(token.kind, TokenKind::Name(_)) && !parser.is('=') {
        return Ok(None);
    }
    let raw = match name.as_str() {
        "search" => Some(search(parser)?),
        "filter" | "orderby" | "select" | "expand" | "compute" | "levels" => None,
        _ if name.starts_with('@') => None,
        _ => Some(parser.raw(|_, c| matches!(c, '\'' | '"'))?),
    };
    if let Some((value_at, text)) = raw {
        let value = Value::Text(text.to_owned());
        return Ok(Some(Nested { at: token.at, name, value_at, value_end: parser.next.at, value }));
    }
    parser.expect('=')?;
    let value_at = parser.next.at;
    let value = match name.as_str() {
        "filter" => Value::Expression(parser.expression()?),
        "orderby" => Value::OrderBy(parser.order_by()?),
        "select" => Value::Select(select_items(parser)?),
        "expand" => Value::Expand(expand_items(parser)?),
        "compute" => Value::Compute(compute_items(parser)?),
        "levels" => Value::Text(levels(parser)?),
        _ => Value::Expression(parser.expression()?),
    };
    Ok(Some(Nested { at: token.at, name, value_at, value_end: parser.next.at, value }))
}

fn compute_items(parser: &mut Parser<'_>) -> Result<Vec<(Node, String)>, SyntaxError> {
    let mut computed = Vec::new();
    loop {
        let by = parser.expression()?;
        match parser.next.kind {
            TokenKind::Name(word) if word.eq_ignore_ascii_case("as") => parser.advance()?,
            _ => return Err(parser.unexpected("`as`")),
        };
        let TokenKind::Name(name) = parser.next.kind else {
            return Err(parser.unexpected("a name"));
        };
        if name.contains('.') {
            return Err(SyntaxError::new(parser.next.at, "a name without dots is expected"));
        }
        parser.advance()?;
        computed.push((by, name.to_owned()));
        if !parser.skip(',')? {
            return Ok(computed);
        }
    }
}

/// `max`, or a number without zeros in front.
fn levels(parser: &mut Parser<'_>) -> Result<String, SyntaxError> {
    let levels = match parser.next.kind {
        TokenKind::Name(word) if word.eq_ignore_ascii_case("max") => "max",
        TokenKind::Number(text) if !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) => text,
        TokenKind::Number(_) => {
            return Err(SyntaxError::new(parser.next.at, "`$levels` is a whole number from 1 on; this is"));
        }
        _ => return Err(parser.unexpected("a whole number from 1 on")),
    };
    parser.advance()?;
    Ok(levels.to_owned())
}

/// Phrases are in double quotes, and what is not finished, a whole search, in single ones; inside a word these are as good
/// as letters. Nested, a search may hold parentheses only in pairs: one left open has swallowed the `)` of the options.
fn search<'a>(parser: &mut Parser<'a>) -> Result<(usize, &'a str), SyntaxError> {
    let (start, text) = parser.raw(|at, c| c == '"' || (at == 0 && c == '\''))?;
    if parser.next.kind != TokenKind::End {
        return Ok((start, text));
    }
    let at = text.find('(').map_or(parser.next.at, |i| start + i);
    Err(SyntaxError::new(at, "a parenthesis is not closed; this is"))
}
