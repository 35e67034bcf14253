//! `$search`: words and phrases, joined by AND, OR and NOT (OData 4.01 Part 2, 5.1.7). A row meets a word where it is
//! contained in one of its texts, so the whole is a plain condition.

use super::expression::{Context, Source};
use super::lexer::SyntaxError;
use crate::model::error::Result;
use crate::model::limits::Limits;
use crate::model::query::{Compare, Expr, Filter, Literal, TextTest};
use crate::model::table::{ColumnIndex, Kind, Table};

/// An expression as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// A word, or a phrase without its quotes.
    Text(String),
    And(Box<Search>, Box<Search>),
    Or(Box<Search>, Box<Search>),
    Not(Box<Search>),
}

/// The condition that a search stands for. `at`: where `text` begins in the source.
pub fn condition(text: &str, at: usize, source: Source<'_>, table: &Table, context: Context<'_>) -> Result<Filter> {
    if text.starts_with('\'') {
        return Err(source.unsupported(at, "a search that is not finished, in single quotes,"));
    }
    let search =
        parse(text, context.limits).map_err(|error| source.syntax(SyntaxError::new(error.at + at, error.message)))?;
    Ok(filter(&search, &columns(table), false))
}

/// The columns whose texts are searched: all that are texts to an app, but for the version, which each service counts
/// for itself.
pub fn columns(table: &Table) -> Vec<ColumnIndex> {
    let columns = table.columns.iter().enumerate();
    let searched = columns.filter(|(index, column)| {
        let is_text = matches!(column.kind, Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json);
        is_text && column.access.read && !table.is_masked(*index) && Some(*index) != table.version
    });
    searched.map(|(index, _)| index).collect()
}

/// `negated`: inside a `NOT`, where a text that is not there must be one that does not contain the word.
fn filter(search: &Search, columns: &[ColumnIndex], negated: bool) -> Filter {
    match search {
        Search::Text(text) => contained(text, columns, negated),
        Search::And(a, b) => Filter::And(filter(a, columns, negated).into(), filter(b, columns, negated).into()),
        Search::Or(a, b) => Filter::Or(filter(a, columns, negated).into(), filter(b, columns, negated).into()),
        Search::Not(inner) => Filter::Not(filter(inner, columns, true).into()),
    }
}

/// In one of the columns; a tree of logarithmic depth.
fn contained(text: &str, columns: &[ColumnIndex], negated: bool) -> Filter {
    match columns {
        [] => Filter::Is(Expr::Literal(Literal::Bool(false))),
        [column] => {
            let column = Expr::Column(*column);
            let contains =
                Filter::Text(TextTest::Contains, column.clone(), Expr::Literal(Literal::Text(text.to_owned())));
            match negated {
                true => {
                    let is_there = Filter::Compare(Compare::Ne, column, Expr::Literal(Literal::Null));
                    Filter::And(is_there.into(), contains.into())
                }
                false => contains,
            }
        }
        _ => {
            let (left, right) = columns.split_at(columns.len() / 2);
            Filter::Or(contained(text, left, negated).into(), contained(text, right, negated).into())
        }
    }
}

/// Refused where it is no search expression, or has more words than `search_words`.
pub fn parse(text: &str, limits: &Limits) -> Result<Search, SyntaxError> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, end: text.len(), depth: 0, limits, words: 0 };
    let search = parser.alternatives()?;
    match parser.tokens.first() {
        Some(token) => Err(SyntaxError::new(token.at, "a parenthesis that closes nothing")),
        None => Ok(search),
    }
}

#[derive(Debug)]
struct Token {
    at: usize,
    kind: TokenKind,
}

#[derive(Debug, PartialEq)]
enum TokenKind {
    Word(String),
    Phrase(String),
    Open,
    Close,
}

fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    // Whether a space or parenthesis must come before what is next.
    let mut touches = false;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        if c.is_whitespace() {
            (at, touches) = (at + c.len_utf8(), false);
            continue;
        }
        if touches && c != ')' {
            return Err(SyntaxError::new(at, "a space is expected before this"));
        }
        let (kind, length) = match c {
            '(' => (TokenKind::Open, 1),
            ')' => (TokenKind::Close, 1),
            '"' => {
                let inside = rest.get(1..).unwrap_or_default();
                let Some(length) = inside.find('"') else {
                    return Err(SyntaxError::new(text.len(), "a phrase has no closing quote"));
                };
                if length == 0 {
                    return Err(SyntaxError::new(at + 1, "a phrase has no words"));
                }
                (TokenKind::Phrase(inside.get(..length).unwrap_or_default().to_owned()), length + 2)
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"');
                let word = rest.split(ends).next().unwrap_or_default();
                // Between options it would end one.
                if let Some(semicolon) = word.find(';') {
                    return Err(SyntaxError::new(at + semicolon, "a semicolon stands in double quotes; this is"));
                }
                (TokenKind::Word(word.to_owned()), word.len())
            }
        };
        touches = kind != TokenKind::Open;
        tokens.push(Token { at, kind });
        at += length;
    }
    Ok(tokens)
}

struct Parser<'t> {
    tokens: &'t [Token],
    /// Of the text.
    end: usize,
    depth: usize,
    limits: &'t Limits,
    words: usize,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Search, SyntaxError> {
        let mut left = self.conjunction()?;
        while self.operator("OR") {
            left = Search::Or(left.into(), self.conjunction()?.into());
        }
        Ok(left)
    }

    /// What stands side by side is meant together.
    fn conjunction(&mut self) -> Result<Search, SyntaxError> {
        let mut left = self.operand()?;
        loop {
            let goes_on = match self.tokens {
                [] | [Token { kind: TokenKind::Close, .. }, ..] => false,
                _ => !self.is_operator("OR"),
            };
            if !goes_on {
                return Ok(left);
            }
            self.operator("AND");
            left = Search::And(left.into(), self.operand()?.into());
        }
    }

    fn operand(&mut self) -> Result<Search, SyntaxError> {
        if self.depth == self.limits.filter_depth {
            return Err(SyntaxError::new(self.at(), "a search nested deeper than the limit `filter_depth`"));
        }
        self.depth += 1;
        let found = self.operand_inside();
        self.depth -= 1;
        found
    }

    fn operand_inside(&mut self) -> Result<Search, SyntaxError> {
        if self.operator("NOT") {
            return Ok(Search::Not(self.operand()?.into()));
        }
        let at = self.at();
        let Some((token, rest)) = self.tokens.split_first() else {
            return Err(SyntaxError::new(at, "a word is expected, not the end"));
        };
        self.tokens = rest;
        match &token.kind {
            TokenKind::Word(text) | TokenKind::Phrase(text) => {
                self.words += 1;
                if self.words > self.limits.search_words {
                    let most = self.limits.search_words;
                    return Err(SyntaxError::new(
                        at,
                        format!("more than {most} words (limit `search_words`); this is"),
                    ));
                }
                Ok(Search::Text(text.clone()))
            }
            TokenKind::Open => {
                let inside = self.alternatives()?;
                match self.tokens.split_first() {
                    Some((Token { kind: TokenKind::Close, .. }, rest)) => {
                        self.tokens = rest;
                        Ok(inside)
                    }
                    _ => Err(SyntaxError::new(self.at(), "`)` is expected")),
                }
            }
            TokenKind::Close => Err(SyntaxError::new(at, "a word is expected, not `)`")),
        }
    }

    fn at(&self) -> usize {
        self.tokens.first().map_or(self.end, |token| token.at)
    }

    fn operator(&mut self, name: &str) -> bool {
        let is = self.is_operator(name);
        if is {
            self.tokens = self.tokens.get(1..).unwrap_or_default();
        }
        is
    }

    /// With nothing to join after it, it is a word like others.
    fn is_operator(&self, name: &str) -> bool {
        match self.tokens {
            [Token { kind: TokenKind::Word(word), .. }, after, ..] => word == name && after.kind != TokenKind::Close,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(search: &Search) -> String {
        match search {
            Search::Text(text) => format!("[{text}]"),
            Search::And(a, b) => format!("({} and {})", shown(a), shown(b)),
            Search::Or(a, b) => format!("({} or {})", shown(a), shown(b)),
            Search::Not(inner) => format!("not {}", shown(inner)),
        }
    }

    #[test]
    fn words_phrases_and_operators() {
        let check = |text: &str, expected: &str| {
            assert_eq!(parse(text, &Limits::default()).map(|search| shown(&search)), Ok(expected.to_owned()), "{text}");
        };
        check("blue", "[blue]");
        check("blue green", "([blue] and [green])");
        check("blue AND green", "([blue] and [green])");
        check("a b OR c d", "(([a] and [b]) or ([c] and [d]))");
        check("a NOT b", "([a] and not [b])");
        check("(a OR b) AND NOT (c d)", "(([a] or [b]) and not ([c] and [d]))");
        check("\"blue green\" Daniel's", "([blue green] and [Daniel's])");
        check("NOT NOT a", "not not [a]");
        check("\"a;b\"", "[a;b]");
        // Without something to join they are words.
        check("AND", "[AND]");
        check("AND OR", "([AND] and [OR])");
        check("OR AND", "([OR] and [AND])");
        check("AND OR NOT", "([AND] or [NOT])");
        check("(NOT)", "[NOT]");
        check("not or", "([not] and [or])");
        check("08/15 2x4 $search 3.14", "((([08/15] and [2x4]) and [$search]) and [3.14])");
    }

    #[test]
    fn what_is_no_search_is_refused_where_it_stands() {
        let check = |text: &str, at: usize| {
            assert_eq!(parse(text, &Limits::default()).map_err(|error| error.at), Err(at), "{text}");
        };
        check("", 0);
        check("\"blue", 5);
        check("\"\"", 1);
        check("\"blue\"green", 6);
        check("blue\"green\"", 4);
        check("a(b)", 1);
        check("a;b", 1);
        check("(a", 2);
        check("a)", 1);
        check("()", 1);
        check(&"a ".repeat(17), 32);
        check(&"(".repeat(100), 64);
    }
}
