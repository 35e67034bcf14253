//! FHIRPath text to a tree: a lexer and a Pratt parser for the grammar of FHIRPath N1, without quantities.

mod lexer;

use lexer::{Lexer, Token};

use crate::program::Operator;
use crate::types::Family;

/// Bytes of one expression.
const MAX_LENGTH: usize = 8_192;
/// Nodes of one expression; it bounds every recursion over the tree.
const MAX_NODES: usize = 500;
/// Parentheses and arguments inside each other.
const MAX_DEPTH: usize = 32;

/// What is wrong with a text, and at which byte of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

type Result<T> = std::result::Result<T, SyntaxError>;

/// An expression, and the byte that it (or its operator or name) begins at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expr {
    pub(crate) at: usize,
    pub(crate) node: Node,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Empty,
    Boolean(bool),
    Text(String),
    Number(String),
    /// A date, dateTime or time, without its `@` and `T`.
    Moment(Family, String),
    /// `%name`
    Constant(String),
    This,
    Index,
    /// A name at the start of a path: a child of `$this`, or its type.
    Name(String),
    Member(Box<Expr>, String),
    /// Without an input the function is about `$this`.
    Call(Option<Box<Expr>>, String, Vec<Expr>),
    At(Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Is(Box<Expr>, TypeName),
    As(Box<Expr>, TypeName),
}

/// `Quantity`, `FHIR.Quantity`, `System.String`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeName {
    pub(crate) at: usize,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

pub(crate) fn parse(text: &str) -> Result<Expr> {
    if text.len() > MAX_LENGTH {
        return Err(SyntaxError { at: 0, message: format!("an expression is at most {MAX_LENGTH} bytes long") });
    }
    let mut parser = Parser { lexer: Lexer::new(text), next: Token::End, at: 0, depth: 0, nodes: 0 };
    parser.advance()?;
    let expr = parser.expression(0)?;
    match parser.next {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// How an infix operator binds: the tighter, the higher.
enum Infix {
    Binary(Operator),
    Is,
    As,
}

fn infix(token: &Token) -> Option<(u8, Infix)> {
    use Operator as Op;
    let word = match token {
        Token::Symbol(symbol) => symbol,
        Token::Name(name) => name.as_str(),
        _ => return None,
    };
    let (power, operator) = match word {
        "*" => (10, Op::Multiply),
        "/" => (10, Op::Divide),
        "div" => (10, Op::Div),
        "mod" => (10, Op::Mod),
        "+" => (9, Op::Add),
        "-" => (9, Op::Subtract),
        "&" => (9, Op::Concatenate),
        "is" => return Some((8, Infix::Is)),
        "as" => return Some((8, Infix::As)),
        "|" => (7, Op::Union),
        "<" => (6, Op::Less),
        "<=" => (6, Op::LessOrEqual),
        ">" => (6, Op::Greater),
        ">=" => (6, Op::GreaterOrEqual),
        "=" => (5, Op::Equal),
        "!=" => (5, Op::NotEqual),
        "in" => (4, Op::In),
        "contains" => (4, Op::Contains),
        "and" => (3, Op::And),
        "or" => (2, Op::Or),
        "xor" => (2, Op::Xor),
        "implies" => (1, Op::Implies),
        _ => return None,
    };
    Some((power, Infix::Binary(operator)))
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    next: Token,
    /// Where `next` begins.
    at: usize,
    depth: usize,
    nodes: usize,
}

impl Parser<'_> {
    /// All operators are left associative: on the right only tighter ones go on.
    fn expression(&mut self, least: u8) -> Result<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("parentheses are at most {MAX_DEPTH} deep")));
        }
        let mut left = self.unary()?;
        while let Some((power, operator)) = infix(&self.next).filter(|(power, _)| *power > least) {
            let at = self.at;
            self.advance()?;
            let boxed = Box::new(left);
            let node = match operator {
                Infix::Binary(operator) => Node::Binary(operator, boxed, Box::new(self.expression(power)?)),
                Infix::Is => Node::Is(boxed, self.type_name()?),
                Infix::As => Node::As(boxed, self.type_name()?),
            };
            left = self.made(at, node)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr> {
        let at = self.at;
        let mut negative = false;
        while let Token::Symbol(sign @ ("-" | "+")) = self.next {
            negative ^= sign == "-";
            self.advance()?;
        }
        let operand = self.path()?;
        if negative { self.made(at, Node::Negate(Box::new(operand))) } else { Ok(operand) }
    }

    fn path(&mut self) -> Result<Expr> {
        let mut path = self.term()?;
        loop {
            let at = self.at;
            if self.eat(".")? {
                let at = self.at;
                let name = self.name("a name after the dot")?;
                let input = Box::new(path);
                let node = match self.arguments()? {
                    Some(arguments) => Node::Call(Some(input), name, arguments),
                    None => Node::Member(input, name),
                };
                path = self.made(at, node)?;
            } else if self.eat("[")? {
                let index = self.expression(0)?;
                self.expect("]")?;
                path = self.made(at, Node::At(Box::new(path), Box::new(index)))?;
            } else {
                return Ok(path);
            }
        }
    }

    fn term(&mut self) -> Result<Expr> {
        let at = self.at;
        let token = std::mem::replace(&mut self.next, Token::End);
        let node = match token {
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.expression(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol("{") => {
                self.advance()?;
                self.expect("}")?;
                return self.made(at, Node::Empty);
            }
            Token::Text(text) => Node::Text(text),
            Token::Number(text) => Node::Number(text),
            Token::Moment(family, text) => Node::Moment(family, text),
            Token::Constant(name) => Node::Constant(name),
            Token::Variable("$this") => Node::This,
            Token::Variable("$index") => Node::Index,
            Token::Name(name) if name == "true" || name == "false" => Node::Boolean(name == "true"),
            Token::Name(name) | Token::Quoted(name) => {
                self.advance()?;
                let node = match self.arguments()? {
                    Some(arguments) => Node::Call(None, name, arguments),
                    None => Node::Name(name),
                };
                return self.made(at, node);
            }
            other => {
                self.next = other;
                return Err(self.unexpected("a value, a name or `(`"));
            }
        };
        self.advance()?;
        if matches!((&node, &self.next), (Node::Number(_), Token::Text(_))) {
            return Err(self.error("quantities like `5 'mg'` are not offered: compare `value` and `unit`".into()));
        }
        self.made(at, node)
    }

    fn arguments(&mut self) -> Result<Option<Vec<Expr>>> {
        if !self.eat("(")? {
            return Ok(None);
        }
        let mut arguments = Vec::new();
        if self.eat(")")? {
            return Ok(Some(arguments));
        }
        loop {
            arguments.push(self.expression(0)?);
            if self.eat(")")? {
                return Ok(Some(arguments));
            }
            self.expect(",")?;
        }
    }

    fn type_name(&mut self) -> Result<TypeName> {
        let at = self.at;
        let name = self.name("a type")?;
        if self.eat(".")? {
            let second = self.name("a type")?;
            return Ok(TypeName { at, namespace: Some(name), name: second });
        }
        Ok(TypeName { at, namespace: None, name })
    }

    fn name(&mut self, what: &str) -> Result<String> {
        match std::mem::replace(&mut self.next, Token::End) {
            Token::Name(name) | Token::Quoted(name) => {
                self.advance()?;
                Ok(name)
            }
            other => {
                self.next = other;
                Err(self.unexpected(what))
            }
        }
    }

    fn eat(&mut self, symbol: &str) -> Result<bool> {
        let is_next = matches!(self.next, Token::Symbol(next) if next == symbol);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.eat(symbol)? { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn advance(&mut self) -> Result<()> {
        (self.at, self.next) = self.lexer.next()?;
        Ok(())
    }

    fn made(&mut self, at: usize, node: Node) -> Result<Expr> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.error(format!("an expression has at most {MAX_NODES} parts")));
        }
        Ok(Expr { at, node })
    }

    fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = match &self.next {
            Token::End => "the end".to_owned(),
            Token::Symbol(symbol) | Token::Variable(symbol) => format!("`{symbol}`"),
            Token::Name(name) | Token::Quoted(name) => format!("`{name}`"),
            Token::Constant(name) => format!("`%{name}`"),
            Token::Text(_) => "a text".to_owned(),
            Token::Number(_) => "a number".to_owned(),
            Token::Moment(..) => "a date or time".to_owned(),
        };
        self.error(format!("expected {expected}, found {found}"))
    }

    fn error(&self, message: String) -> SyntaxError {
        SyntaxError { at: self.at, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree with a parenthesis around every operation.
    fn shown(expr: &Expr) -> String {
        let arguments = |list: &[Expr]| list.iter().map(shown).collect::<Vec<_>>().join(", ");
        match &expr.node {
            Node::Empty => "{}".into(),
            Node::Boolean(value) => value.to_string(),
            Node::Text(text) => format!("{text:?}"),
            Node::Number(text) => text.clone(),
            Node::Moment(family, text) => format!("{family:?}@{text}"),
            Node::Constant(name) => format!("%{name}"),
            Node::This => "$this".into(),
            Node::Index => "$index".into(),
            Node::Name(name) => name.clone(),
            Node::Member(of, name) => format!("{}.{name}", shown(of)),
            Node::Call(None, name, list) => format!("{name}({})", arguments(list)),
            Node::Call(Some(of), name, list) => format!("{}.{name}({})", shown(of), arguments(list)),
            Node::At(of, index) => format!("{}[{}]", shown(of), shown(index)),
            Node::Negate(of) => format!("(-{})", shown(of)),
            Node::Binary(operator, a, b) => format!("({} {} {})", shown(a), operator.text(), shown(b)),
            Node::Is(of, name) => format!("({} is {})", shown(of), name.name),
            Node::As(of, name) => format!("({} as {})", shown(of), name.name),
        }
    }

    #[test]
    fn trees() {
        let check = |text: &str, expected: &str| assert_eq!(shown(&parse(text).unwrap()), expected, "{text}");
        check("name.given[0]", "name.given[0]");
        check("a or b and c = 1 + 2 * 3", "(a or (b and (c = (1 + (2 * 3)))))");
        check("1 - 2 - 3", "((1 - 2) - 3)");
        check("(1 - (2 - 3))", "(1 - (2 - 3))");
        check("-1 + -a.b", "((-1) + (-a.b))");
        check("a | b > c is string", "((a | b) > (c is string))");
        check("value as FHIR.Quantity", "(value as Quantity)");
        check(
            "where(use = 'off\\'icial' and %x != {}).first()",
            "where(((use = \"off'icial\") and (%x != {}))).first()",
        );
        check("a implies b xor c in d", "(a implies (b xor (c in d)))");
        check("contains.contains('x') // comment", "contains.contains(\"x\")");
        check("@2015-02 <= @2015-02-07T13:28:17Z", "(Date@2015-02 <= DateTime@2015-02-07T13:28:17Z)");
        check("@T12:30 /* t */ = `div`", "(Time@12:30 = div)");
        check("%`a b`.x & %'c'", "(%a b.x & %c)");
        check("$this.where($index > 0)", "$this.where(($index > 0))");
    }

    #[test]
    fn errors_say_where() {
        let check = |text: &str, at: usize, message: &str| {
            let error = parse(text).unwrap_err();
            assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
        };
        check("", 0, "expected a value, a name or `(`, found the end");
        check("a..b", 2, "expected a name after the dot, found `.`");
        check("a b", 2, "expected an operator or the end, found `b`");
        check("where(a", 7, "expected `,`, found the end");
        check("a = 'x", 4, "this text has no end");
        check("5 'mg'", 2, "quantities like `5 'mg'` are not offered: compare `value` and `unit`");
        check("a ~ b", 2, "`~` is not offered");
        check("'\\q'", 1, "`\\q` is no escape");
        check("@20", 0, "`@20` is no date or time");
        check("a # b", 2, "`#` means nothing here");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert!(parse(&format!("{}a{}", "(".repeat(31), ")".repeat(31))).is_ok());
        assert!(parse(&format!("{}a{}", "(".repeat(4000), ")".repeat(4000))).is_err());
        assert!(parse(&format!("a{}", ".b".repeat(4000))).is_err());
        assert!(parse(&"-".repeat(8000)).is_err());
        assert!(parse(&"a".repeat(9000)).is_err());
    }
}
