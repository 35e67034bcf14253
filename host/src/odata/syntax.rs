//! Tokens to an untyped tree: all of the OData 4.01 expression grammar, whether we evaluate it or not. Operators are
//! parsed by their binding power (Pratt), in time linear in the text; depth and size are limited.

use super::instead;
use super::lexer::{Lexer, SyntaxError, Token, TokenKind};
use crate::model::limits::Limits;

/// A part of an expression, and the byte where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub at: usize,
    pub syntax: Syntax,
    /// Levels of the tree from here down, this one included; `filter_depth` at most.
    height: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Syntax {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Guid(String),
    Date(String),
    DateTime(String),
    Time(String),
    /// A literal with its type before it: `duration'P1D'`, `Sales.Pattern'Yellow'`.
    Typed {
        prefix: String,
        text: String,
    },
    /// Also a function call, which is a path of one segment with arguments.
    Path(Vec<Segment>),
    /// `a and b and c` is one node, so that a long chain is not a deep tree.
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    /// `case(condition:value,…)`
    Case(Vec<(Node, Node)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Add,
    Sub,
    Mul,
    Div,
    DivBy,
    Mod,
    Has,
    In,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub at: usize,
    pub kind: SegmentKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SegmentKind {
    /// A property, navigation property, type, function or lambda variable; with parentheses after it, their content.
    Name { name: String, arguments: Option<Vec<Argument>> },
    /// `@alias`, `@Namespace.Term`
    At(String),
    /// `$it`, `$this`, `$root`, `$count`, `$each`, `$value`, `$ref`
    Dollar(String),
    /// `$filter(…)`
    Filter(Box<Node>),
    /// `$count($filter=…)`
    CountOf(Box<Node>),
    /// `(ID='Sugar')` after something that is not a name.
    Key(Vec<Argument>),
    /// `any(x:…)`, `all(x:…)`
    Lambda { all: bool, body: Option<(String, Box<Node>)> },
}

/// In the parentheses of a function or key.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    pub name: Option<String>,
    pub value: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OrderItem {
    pub by: Node,
    pub descending: bool,
}

impl Syntax {
    /// What stands right inside, in paths and arguments too.
    fn parts(&self) -> Box<dyn Iterator<Item = &Node> + '_> {
        match self {
            Self::And(nodes) | Self::Or(nodes) | Self::List(nodes) => Box::new(nodes.iter()),
            Self::Not(node) | Self::Negate(node) => Box::new(std::iter::once(&**node)),
            Self::Binary(_, left, right) => Box::new([&**left, &**right].into_iter()),
            Self::Object(members) => Box::new(members.iter().map(|(_, node)| node)),
            Self::Case(branches) => Box::new(branches.iter().flat_map(|(condition, value)| [condition, value])),
            Self::Path(path) => Box::new(path.iter().flat_map(|segment| match &segment.kind {
                SegmentKind::Name { arguments: Some(inside), .. } | SegmentKind::Key(inside) => {
                    inside.iter().map(|argument| &argument.value).collect()
                }
                SegmentKind::Filter(node) | SegmentKind::CountOf(node) => vec![&**node],
                SegmentKind::Lambda { body: Some((_, node)), .. } => vec![&**node],
                _ => Vec::new(),
            })),
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// A whole text as an expression.
pub fn expression(text: &str, limits: &Limits) -> Result<Node, SyntaxError> {
    let mut parser = Parser::new(text, limits)?;
    let node = parser.expression()?;
    parser.end()?;
    Ok(node)
}

/// A whole text as the value of `$orderby`.
pub fn order_by(text: &str, limits: &Limits) -> Result<Vec<OrderItem>, SyntaxError> {
    let mut parser = Parser::new(text, limits)?;
    let items = parser.order_by()?;
    parser.end()?;
    Ok(items)
}

/// A whole text as `any(…)` or `all(…)`.
pub fn lambda(text: &str, limits: &Limits) -> Result<Segment, SyntaxError> {
    let mut parser = Parser::new(text, limits)?;
    let segment = parser.segment()?;
    parser.end()?;
    match segment.kind {
        SegmentKind::Lambda { .. } => Ok(segment),
        _ => Err(SyntaxError::new(segment.at, "`any(…)` or `all(…)` is expected")),
    }
}

/// A whole text as the inside of `(…)` after a set: a key or the parameters of a function.
pub fn arguments(text: &str, limits: &Limits) -> Result<Vec<Argument>, SyntaxError> {
    let mut parser = Parser::new(text, limits)?;
    let mut found = Vec::new();
    if parser.next.kind != TokenKind::End {
        found.push(parser.argument()?);
        while parser.skip(',')? {
            found.push(parser.argument()?);
        }
    }
    parser.end()?;
    Ok(found)
}

/// Reads tokens with one token of lookahead.
pub(crate) struct Parser<'a> {
    lexer: Lexer<'a>,
    pub(crate) next: Token<'a>,
    depth: usize,
    max_depth: usize,
    nodes_left: usize,
}

/// Tighter than any other: `has` and `in`.
const POWER_PRIMARY: u8 = 8;
const POWER_UNARY: u8 = 7;
const POWER_AND: u8 = 2;
const POWER_OR: u8 = 1;

enum Infix {
    And,
    Or,
    Binary(Operator),
}

impl<'a> Parser<'a> {
    /// White space before the first token is refused, as the grammar has it.
    pub(crate) fn new(text: &'a str, limits: &Limits) -> Result<Self, SyntaxError> {
        let mut lexer = Lexer::new(text);
        let next = lexer.token()?;
        if next.spaced {
            return Err(SyntaxError::new(next.at, "a space before the first word; this is"));
        }
        Ok(Self { lexer, next, depth: 0, max_depth: limits.filter_depth, nodes_left: limits.filter_nodes })
    }

    pub(crate) fn expression(&mut self) -> Result<Node, SyntaxError> {
        self.operators(0)
    }

    pub(crate) fn order_by(&mut self) -> Result<Vec<OrderItem>, SyntaxError> {
        let mut items = Vec::new();
        loop {
            let by = self.expression()?;
            let descending = self.skip_word("desc")?;
            if !descending {
                self.skip_word("asc")?;
            }
            items.push(OrderItem { by, descending });
            if !self.skip(',')? {
                return Ok(items);
            }
        }
    }

    pub(crate) fn end(&mut self) -> Result<(), SyntaxError> {
        match self.next.kind {
            TokenKind::End => Ok(()),
            _ => Err(self.unexpected("the end or an operator")),
        }
    }

    pub(crate) fn advance(&mut self) -> Result<Token<'a>, SyntaxError> {
        let next = self.lexer.token()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    pub(crate) fn is(&self, mark: char) -> bool {
        self.next.kind == TokenKind::Mark(mark)
    }

    pub(crate) fn skip(&mut self, mark: char) -> Result<bool, SyntaxError> {
        let found = self.is(mark);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(crate) fn expect(&mut self, mark: char) -> Result<(), SyntaxError> {
        if self.skip(mark)? { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    /// Everything after the `=` that is next, up to the `;` or `)` that closes a nested option, as it stands: it may be
    /// of another language than tokens. Parentheses are followed, and what quotes enclose: `is_quote` of a character and how
    /// far behind the beginning it stands.
    pub(crate) fn raw(&mut self, is_quote: impl Fn(usize, char) -> bool) -> Result<(usize, &'a str), SyntaxError> {
        if !self.is('=') {
            return Err(self.unexpected("`=`"));
        }
        let (text, after) = (self.lexer.text(), self.next.end);
        let value = text.get(after..).unwrap_or_default();
        let start = after + value.len() - value.trim_start_matches([' ', '\t']).len();
        let (mut open, mut quote) = (0_usize, None);
        let mut end = text.len();
        for (i, c) in text.get(start..).unwrap_or_default().char_indices() {
            match (quote, c) {
                (Some(q), _) if q == c => quote = None,
                (Some(_), _) => {}
                (None, _) if is_quote(i, c) => quote = Some(c),
                (None, '(') => open += 1,
                (None, ')' | ';') if open == 0 => {
                    end = start + i;
                    break;
                }
                (None, ')') => open -= 1,
                _ => {}
            }
        }
        self.lexer.seek(end);
        self.advance()?;
        Ok((start, text.get(start..end).unwrap_or_default()))
    }

    pub(crate) fn unexpected(&self, wanted: &str) -> SyntaxError {
        let error = SyntaxError::new(self.next.at, format!("{wanted} is expected, not {}", self.next.kind));
        error.hint(match &self.next.kind {
            TokenKind::JsonText(_) => Some(instead::QUOTES),
            TokenKind::Mark(mark) => instead::of_sign(*mark).filter(|_| *mark == '='),
            TokenKind::Name(name) => instead::of_word(name),
            _ => None,
        })
    }

    /// One level deeper while `parse` runs.
    pub(crate) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth == self.max_depth {
            let message = format!("nested deeper than {} levels (limit `filter_depth`)", self.max_depth);
            return Err(SyntaxError::new(self.next.at, message));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn node(&mut self, at: usize, syntax: Syntax) -> Result<Node, SyntaxError> {
        let height = 1 + syntax.parts().map(|part| part.height).max().unwrap_or(0);
        self.node_of(at, syntax, height)
    }

    /// Of a height that is known. Whoever walks the tree goes no deeper than `filter_depth`, whatever made it deep: what
    /// stands in parentheses, or operators in a row.
    fn node_of(&mut self, at: usize, syntax: Syntax, height: usize) -> Result<Node, SyntaxError> {
        match self.nodes_left.checked_sub(1) {
            Some(left) => self.nodes_left = left,
            None => return Err(SyntaxError::new(at, "more parts than the limit `filter_nodes` allows")),
        }
        if height > self.max_depth {
            let message = "more operators in a row, or inside each other, than `filter_depth` allows";
            return Err(SyntaxError::new(at, message));
        }
        Ok(Node { at, syntax, height })
    }

    fn skip_word(&mut self, word: &str) -> Result<bool, SyntaxError> {
        let found = matches!(self.next.kind, TokenKind::Name(name) if name.eq_ignore_ascii_case(word));
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Operands joined by operators that bind at least as tightly as `least`.
    fn operators(&mut self, least: u8) -> Result<Node, SyntaxError> {
        self.nested(|p| {
            let mut left = p.unary()?;
            while let Some((infix, power)) = p.infix().filter(|(_, power)| *power >= least) {
                let operator = p.advance()?;
                if operator.spaced && p.next.kind == TokenKind::End {
                    return Err(p.unexpected("an expression"));
                }
                if !operator.spaced || !p.next.spaced {
                    let at = if operator.spaced { operator.end } else { operator.at };
                    return Err(SyntaxError::new(at, "an operator stands between spaces; this is"));
                }
                left = match infix {
                    Infix::And | Infix::Or => p.chain(left, &infix, power)?,
                    Infix::Binary(operator) => {
                        let right = if operator == Operator::In { p.list()? } else { p.operators(power + 1)? };
                        p.node(left.at, Syntax::Binary(operator, left.into(), right.into()))?
                    }
                };
            }
            Ok(left)
        })
    }

    /// The rest of `left and …`; the operator has been read.
    fn chain(&mut self, left: Node, infix: &Infix, power: u8) -> Result<Node, SyntaxError> {
        let right = self.operators(power + 1)?;
        let (at, height) = (left.at, left.height.max(1 + right.height));
        match (left.syntax, infix) {
            (Syntax::And(mut all), Infix::And) => {
                all.push(right);
                self.node_of(at, Syntax::And(all), height)
            }
            (Syntax::Or(mut all), Infix::Or) => {
                all.push(right);
                self.node_of(at, Syntax::Or(all), height)
            }
            (syntax, infix) => {
                let all = vec![Node { at, syntax, height: left.height }, right];
                self.node(at, if matches!(infix, Infix::And) { Syntax::And(all) } else { Syntax::Or(all) })
            }
        }
    }

    fn infix(&self) -> Option<(Infix, u8)> {
        use Operator::{Add, Div, DivBy, Eq, Ge, Gt, Has, In, Le, Lt, Mod, Mul, Ne, Sub};
        let TokenKind::Name(name) = self.next.kind else {
            return None;
        };
        let (operator, power) = match name.to_ascii_lowercase().as_str() {
            "or" => return Some((Infix::Or, POWER_OR)),
            "and" => return Some((Infix::And, POWER_AND)),
            "eq" => (Eq, 3),
            "ne" => (Ne, 3),
            "gt" => (Gt, 4),
            "ge" => (Ge, 4),
            "lt" => (Lt, 4),
            "le" => (Le, 4),
            "add" => (Add, 5),
            "sub" => (Sub, 5),
            "mul" => (Mul, 6),
            "div" => (Div, 6),
            "divby" => (DivBy, 6),
            "mod" => (Mod, 6),
            "has" => (Has, POWER_PRIMARY),
            "in" => (In, POWER_PRIMARY),
            _ => return None,
        };
        Some((Infix::Binary(operator), power))
    }

    fn unary(&mut self) -> Result<Node, SyntaxError> {
        let at = self.next.at;
        if self.skip('-')? {
            let operand = self.operators(POWER_UNARY)?;
            return self.node(at, Syntax::Negate(operand.into()));
        }
        if matches!(self.next.kind, TokenKind::Name(name) if name.eq_ignore_ascii_case("not")) {
            let not = self.advance()?;
            if self.next.spaced || self.is('(') {
                let operand = self.operators(POWER_UNARY)?;
                return self.node(at, Syntax::Not(operand.into()));
            }
            return self.path_from(not);
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Node, SyntaxError> {
        if self.skip('(')? {
            let inside = self.expression()?;
            self.expect(')')?;
            return Ok(inside);
        }
        let at = self.next.at;
        let syntax = match &self.next.kind {
            TokenKind::Number(text) => Syntax::Number((*text).to_owned()),
            TokenKind::Text(text) => Syntax::Text(text.clone().into_owned()),
            TokenKind::Guid(text) => Syntax::Guid((*text).to_owned()),
            TokenKind::Date(text) => Syntax::Date((*text).to_owned()),
            TokenKind::DateTime(text) => Syntax::DateTime((*text).to_owned()),
            TokenKind::Time(text) => Syntax::Time((*text).to_owned()),
            TokenKind::Typed { prefix, text } => typed(prefix, text),
            TokenKind::Mark('[') => return self.array(),
            TokenKind::Mark('{') => return self.object(),
            TokenKind::Name(_) | TokenKind::Dollar(_) | TokenKind::At(_) => {
                let first = self.advance()?;
                return self.path_from(first);
            }
            _ => return Err(self.unexpected("an expression")),
        };
        self.advance()?;
        self.node(at, syntax)
    }

    /// After `in`: `(a,b)`, `[a,b]`, or something that gives a collection.
    fn list(&mut self) -> Result<Node, SyntaxError> {
        let at = self.next.at;
        if !self.skip('(')? {
            return self.primary();
        }
        let mut items = Vec::new();
        while !self.is(')') {
            items.push(self.expression()?);
            if !self.skip(',')? {
                break;
            }
        }
        self.expect(')')?;
        self.node(at, Syntax::List(items))
    }

    fn array(&mut self) -> Result<Node, SyntaxError> {
        let at = self.next.at;
        self.expect('[')?;
        let mut items = Vec::new();
        if !self.is(']') {
            items.push(self.item()?);
            while self.skip(',')? {
                items.push(self.item()?);
            }
        }
        self.expect(']')?;
        self.node(at, Syntax::List(items))
    }

    fn object(&mut self) -> Result<Node, SyntaxError> {
        let at = self.next.at;
        self.expect('{')?;
        let mut members = Vec::new();
        while !self.is('}') {
            let TokenKind::JsonText(name) = self.next.kind.clone() else {
                return Err(self.unexpected("a member name in double quotes"));
            };
            self.advance()?;
            self.expect(':')?;
            members.push((name, self.item()?));
            if !self.skip(',')? {
                break;
            }
        }
        self.expect('}')?;
        self.node(at, Syntax::Object(members))
    }

    /// A value in an array or object: a JSON string or any expression.
    fn item(&mut self) -> Result<Node, SyntaxError> {
        match self.next.kind.clone() {
            TokenKind::JsonText(text) => {
                let at = self.advance()?.at;
                self.node(at, Syntax::Text(text))
            }
            _ => self.expression(),
        }
    }

    /// A path, or a word that is a literal; its first token has been read.
    fn path_from(&mut self, first: Token<'a>) -> Result<Node, SyntaxError> {
        let at = first.at;
        if let TokenKind::Name(name) = first.kind
            && !self.is('/')
            && (!self.is('(') || self.next.spaced)
        {
            match name.to_ascii_lowercase().as_str() {
                "null" => return self.node(at, Syntax::Null),
                "true" => return self.node(at, Syntax::Bool(true)),
                "false" => return self.node(at, Syntax::Bool(false)),
                _ => {}
            }
        }
        if let TokenKind::Name(name) = first.kind
            && self.is('(')
        {
            if name.eq_ignore_ascii_case("case") {
                return self.case(at);
            }
            if name.eq_ignore_ascii_case("any") || name.eq_ignore_ascii_case("all") {
                return Err(SyntaxError::new(
                    self.next.at,
                    format!("`{name}` needs a collection before it, `nav/{name}(…)`; this is"),
                ));
            }
        }
        let segment = self.segment_from(first)?;
        let path = self.path_rest(vec![segment])?;
        if let [Segment { kind: SegmentKind::Name { name, arguments: None }, .. }] = path.as_slice()
            && name.contains('.')
        {
            return Err(self.unexpected("`(` or `/`"));
        }
        self.node(at, Syntax::Path(path))
    }

    pub(crate) fn path_rest(&mut self, mut path: Vec<Segment>) -> Result<Vec<Segment>, SyntaxError> {
        loop {
            if self.is('(')
                && !self.next.spaced
                && !matches!(path.last(), Some(Segment { kind: SegmentKind::Name { .. }, .. }))
            {
                let at = self.next.at;
                let kind = SegmentKind::Key(self.parenthesised()?);
                path.push(Segment { at, kind });
            } else if self.is('/') && !self.next.spaced {
                self.advance()?;
                path.push(self.segment()?);
            } else {
                return Ok(path);
            }
            // Every segment counts, or a path would be free.
            self.node(self.next.at, Syntax::Null)?;
        }
    }

    pub(crate) fn segment(&mut self) -> Result<Segment, SyntaxError> {
        let token = self.advance()?;
        self.segment_from(token)
    }

    fn segment_from(&mut self, token: Token<'a>) -> Result<Segment, SyntaxError> {
        let at = token.at;
        let called = self.is('(') && !self.next.spaced;
        let kind = match token.kind {
            TokenKind::Name(name) if called && is_lambda(name) => self.lambda(name)?,
            TokenKind::Name(name) if called && is_type_test(name) => {
                SegmentKind::Name { name: name.to_owned(), arguments: Some(self.types()?) }
            }
            TokenKind::Name(name) => {
                let arguments = if called { Some(self.parenthesised()?) } else { None };
                SegmentKind::Name { name: name.to_owned(), arguments }
            }
            TokenKind::Dollar(name) if called && name.eq_ignore_ascii_case("filter") => {
                self.expect('(')?;
                let condition = self.expression()?;
                self.expect(')')?;
                SegmentKind::Filter(condition.into())
            }
            TokenKind::Dollar("count") if called => {
                self.expect('(')?;
                let option = self.advance()?;
                let is_filter = match option.kind {
                    TokenKind::Dollar(name) | TokenKind::Name(name) => name.eq_ignore_ascii_case("filter"),
                    _ => false,
                };
                if !is_filter {
                    let found = option.kind;
                    return Err(SyntaxError::new(option.at, format!("`$filter` is expected, not {found}")));
                }
                self.expect('=')?;
                let condition = self.expression()?;
                self.expect(')')?;
                SegmentKind::CountOf(condition.into())
            }
            TokenKind::Dollar(name) => match name {
                "it" | "this" | "root" | "count" | "each" | "value" | "ref" => SegmentKind::Dollar(name.to_owned()),
                _ => return Err(SyntaxError::new(at, format!("`${name}` has no meaning here; this is"))),
            },
            TokenKind::At(name) => SegmentKind::At(name.to_owned()),
            kind => return Err(SyntaxError::new(at, format!("a name is expected, not {kind}"))),
        };
        Ok(Segment { at, kind })
    }

    /// `(a,b)` or `(name=a,other=b)`
    fn parenthesised(&mut self) -> Result<Vec<Argument>, SyntaxError> {
        self.nested(|p| {
            p.expect('(')?;
            let mut arguments = Vec::new();
            if !p.is(')') {
                arguments.push(p.argument()?);
                while p.skip(',')? {
                    arguments.push(p.argument()?);
                }
            }
            p.expect(')')?;
            Ok(arguments)
        })
    }

    fn argument(&mut self) -> Result<Argument, SyntaxError> {
        let value = self.item()?;
        if !self.is('=') {
            return Ok(Argument { name: None, value });
        }
        let name = match value.syntax {
            Syntax::Path(path) => match path.as_slice() {
                [Segment { kind: SegmentKind::Name { name, arguments: None }, .. }] => name.clone(),
                _ => return Err(self.unexpected("`,` or `)`")),
            },
            _ => return Err(self.unexpected("`,` or `)`")),
        };
        self.expect('=')?;
        let value = self.item()?;
        Ok(Argument { name: Some(name), value })
    }

    /// The parentheses of `cast` and `isof`: an expression, then the name of a type; or the type alone.
    fn types(&mut self) -> Result<Vec<Argument>, SyntaxError> {
        self.expect('(')?;
        let mut arguments = Vec::new();
        loop {
            let at = self.next.at;
            let value = match self.next.kind {
                TokenKind::Name(name) if name.contains('.') => {
                    let segment = self.segment()?;
                    let path = self.path_rest(vec![segment])?;
                    self.node(at, Syntax::Path(path))?
                }
                _ => self.expression()?,
            };
            arguments.push(Argument { name: None, value });
            if !self.skip(',')? {
                break;
            }
        }
        self.expect(')')?;
        Ok(arguments)
    }

    fn lambda(&mut self, name: &str) -> Result<SegmentKind, SyntaxError> {
        let all = name.eq_ignore_ascii_case("all");
        self.expect('(')?;
        if self.skip(')')? {
            if all {
                return Err(SyntaxError::new(self.next.at, "`all` needs a condition, `all(x:…)`; this is"));
            }
            return Ok(SegmentKind::Lambda { all, body: None });
        }
        let TokenKind::Name(variable) = self.next.kind else {
            return Err(self.unexpected("a variable name"));
        };
        self.advance()?;
        self.expect(':')?;
        let condition = self.expression()?;
        self.expect(')')?;
        Ok(SegmentKind::Lambda { all, body: Some((variable.to_owned(), condition.into())) })
    }

    fn case(&mut self, at: usize) -> Result<Node, SyntaxError> {
        self.expect('(')?;
        let mut branches = Vec::new();
        loop {
            let condition = self.expression()?;
            self.expect(':')?;
            branches.push((condition, self.expression()?));
            if !self.skip(',')? {
                break;
            }
        }
        self.expect(')')?;
        self.node(at, Syntax::Case(branches))
    }
}

/// The old typed forms of a GUID or date become the plain ones.
fn typed(prefix: &str, text: &str) -> Syntax {
    let text = text.to_owned();
    match prefix.to_ascii_lowercase().as_str() {
        "guid" => Syntax::Guid(text),
        "datetime" | "datetimeoffset" => Syntax::DateTime(text),
        _ => Syntax::Typed { prefix: prefix.to_owned(), text },
    }
}

fn is_lambda(name: &str) -> bool {
    name.eq_ignore_ascii_case("any") || name.eq_ignore_ascii_case("all")
}

fn is_type_test(name: &str) -> bool {
    name.eq_ignore_ascii_case("cast") || name.eq_ignore_ascii_case("isof")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree as text with every group in parentheses.
    fn shape(node: &Node) -> String {
        let all = |nodes: &[Node], by: &str| nodes.iter().map(shape).collect::<Vec<_>>().join(by);
        match &node.syntax {
            Syntax::And(nodes) => format!("({})", all(nodes, " and ")),
            Syntax::Or(nodes) => format!("({})", all(nodes, " or ")),
            Syntax::Not(node) => format!("(not {})", shape(node)),
            Syntax::Negate(node) => format!("(-{})", shape(node)),
            Syntax::Binary(op, a, b) => format!("({} {op:?} {})", shape(a), shape(b)),
            Syntax::List(nodes) => format!("[{}]", all(nodes, ",")),
            Syntax::Number(text) => text.clone(),
            Syntax::Path(path) => path
                .iter()
                .map(|s| match &s.kind {
                    SegmentKind::Name { name, arguments: None } => name.clone(),
                    other => format!("{other:?}"),
                })
                .collect::<Vec<_>>()
                .join("/"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn operators_bind_as_the_grammar_says() {
        let check = |text: &str, expected: &str| {
            assert_eq!(shape(&expression(text, &Limits::default()).unwrap()), expected, "{text}");
        };
        check("a or b and c", "(a or (b and c))");
        check("a and b or c and d or e", "((a and b) or (c and d) or e)");
        check("(a or b) and c", "((a or b) and c)");
        check("a eq 1 add 2 mul 3", "(a Eq (1 Add (2 Mul 3)))");
        check("a sub b sub c", "((a Sub b) Sub c)");
        check("a gt b eq c lt d", "((a Gt b) Eq (c Lt d))");
        check("not a and b", "((not a) and b)");
        check("-a mul b", "((-a) Mul b)");
        check("not a in (1,2)", "(not (a In [1,2]))");
        check("NOT (a EQ 1) AND b Ne 2", "((not (a Eq 1)) and (b Ne 2))");
        check("a/b/c eq -5", "(a/b/c Eq -5)");
        check("eq eq null", "(eq Eq Null)");
    }

    #[test]
    fn errors_say_where() {
        let check = |text: &str, at: usize| {
            assert_eq!(expression(text, &Limits::default()).map_err(|e| e.at), Err(at), "{text}");
        };
        check("", 0);
        check("a eq", 4);
        check("a eq 1 and", 10);
        check("a eq 1 b", 7);
        check("(a eq 1", 7);
        check("a eq 1)", 6);
        check("contains(a,)", 11);
        check("a eq(1)", 4);
        check("a/", 2);
        check("x in (1,2", 9);
        check("$nothing eq 1", 0);
    }

    #[test]
    fn depth_and_size_are_limited_and_time_is_linear() {
        let limits = Limits::default();
        let deep = format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(expression(&deep, &limits).unwrap_err().message.contains("filter_depth"));
        let deep = format!("{}a{}", "(".repeat(60), ")".repeat(60));
        assert!(expression(&deep, &limits).is_ok());
        let long = vec!["a eq 1"; 200].join(" or ");
        assert!(expression(&long, &limits).is_ok());
        let long = vec!["a eq 1"; 5_000].join(" or ");
        assert!(expression(&long, &limits).unwrap_err().message.contains("filter_nodes"));
        let long = vec!["a"; 200].join(" add ");
        assert!(expression(&long, &limits).unwrap_err().message.contains("filter_depth"));
        // Neither the parentheses nor the operators in a row are too many, but the tree of both is.
        let tall =
            |inside: usize, behind: usize| format!("({}){}", vec!["a"; inside].join(" add "), " add a".repeat(behind));
        assert!(expression(&tall(30, 30), &limits).is_ok());
        assert!(expression(&tall(40, 40), &limits).unwrap_err().message.contains("filter_depth"));
    }
}
