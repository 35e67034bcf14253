//! Calls: which functions there are, what they take and what they give.

use turntable_r4::suggestion;

use super::{Coder, Known, Result, Scope, Shape, complaint, plain_function};
use crate::compile::syntax::{Expr, Node, TypeName};
use crate::program::{Function, Op};
use crate::types::Family;

/// Functions that need more than plain values.
const SPECIAL: [&str; 11] =
    ["all", "as", "exists", "extension", "getReferenceKey", "getResourceKey", "iif", "is", "ofType", "select", "where"];

impl Coder<'_> {
    /// The input is on the stack already.
    pub(super) fn call(
        &mut self,
        at: usize,
        name: &str,
        input: &Shape,
        arguments: &[Expr],
        scope: &Scope,
    ) -> Result<Shape> {
        match (name, arguments) {
            ("where", [criterion]) => {
                let (_, code) = self.each(criterion, input, scope, Op::Where)?;
                self.code.extend(code);
                Ok(input.clone())
            }
            ("exists", [criterion]) => {
                let (_, code) = self.each(criterion, input, scope, Op::Exists)?;
                self.code.extend(code);
                Ok(Shape::result(Family::Boolean))
            }
            ("all", [criterion]) => {
                let (_, code) = self.each(criterion, input, scope, Op::All)?;
                self.code.extend(code);
                Ok(Shape::result(Family::Boolean))
            }
            ("select", [projection]) => {
                let (shape, code) = self.each(projection, input, scope, Op::Map)?;
                self.code.extend(code);
                Ok(Shape { many: shape.many || input.many, ..shape })
            }
            ("iif", [condition, then]) => self.choose(input, condition, then, None, scope),
            ("iif", [condition, then, otherwise]) => self.choose(input, condition, then, Some(otherwise), scope),
            ("ofType", [of]) => {
                self.used(input);
                let wanted = type_name(of)?;
                let (of, known) = self.type_named(&wanted)?;
                self.never(&wanted, input);
                Ok(self.push(Op::OfType(of), Shape { known, many: input.many, is_resource: false }))
            }
            ("as", [of]) => {
                self.used(input);
                let (of, known) = self.type_named(&type_name(of)?)?;
                Ok(self.push(Op::As(of), Shape::one(known)))
            }
            ("is", [of]) => {
                self.used(input);
                let (of, _) = self.type_named(&type_name(of)?)?;
                Ok(self.push(Op::Is(of), Shape::result(Family::Boolean)))
            }
            ("extension", [url]) => {
                let url = self.url(url)?;
                if input.is_resource {
                    self.element("extension");
                }
                let of = self.type_of("Extension");
                Ok(self.push(Op::Extension { url: url.into(), of }, Shape::of_type("Extension", true)))
            }
            ("getResourceKey", []) => {
                if !input.is_resource && input.known != Known::Unknown {
                    return complaint(at, "`getResourceKey` is about a resource, and this is an element of one");
                }
                self.element("id");
                Ok(self.push(Op::ResourceKey, Shape { many: input.many, ..Shape::result(Family::Text) }))
            }
            ("getReferenceKey", []) => self.reference_key(at, input, ""),
            ("getReferenceKey", [of]) => {
                let wanted = type_name(of)?;
                if !self.context.r4.is_resource(&wanted.name) {
                    let near = self.context.r4.suggest_resource(&wanted.name);
                    return complaint(wanted.at, format!("there is no resource type `{}`{near}", wanted.name));
                }
                self.reference_key(at, input, &wanted.name)
            }
            _ => self.plain(at, name, input, arguments, scope),
        }
    }

    /// The operation that runs code once for each item, already on the code; gives the shape and the code to follow.
    fn each(
        &mut self,
        expr: &Expr,
        input: &Shape,
        scope: &Scope,
        op: fn(u32) -> Op<'static>,
    ) -> Result<(Shape, Vec<Op<'static>>)> {
        let (shape, code) = self.criterion(expr, input, scope)?;
        // An expression has a few hundred parts.
        self.code.push(op(u32::try_from(code.len()).unwrap_or(u32::MAX)));
        Ok((shape, code))
    }

    /// `iif`: its input is what `$this` is in all three.
    fn choose(
        &mut self,
        input: &Shape,
        condition: &Expr,
        then: &Expr,
        otherwise: Option<&Expr>,
        scope: &Scope,
    ) -> Result<Shape> {
        if scope.depth >= crate::program::MAX_DEPTH {
            return complaint(condition.at, "criteria are too deep");
        }
        // The input is taken from the stack by a projection of all of it.
        let inner = Scope { this: Shape { many: false, ..input.clone() }, depth: scope.depth + 2 };
        let (_, condition) = self.aside(condition, &inner)?;
        let (then_shape, then) = self.aside(then, &inner)?;
        let (else_shape, otherwise) = match otherwise {
            Some(otherwise) => {
                let (shape, code) = self.aside(otherwise, &inner)?;
                (Some(shape), code)
            }
            None => (None, Vec::new()),
        };
        let length = |code: &[Op<'_>]| u32::try_from(code.len()).unwrap_or(u32::MAX);
        let choice = Op::If(length(&then), length(&otherwise));
        let body: Vec<_> = condition.into_iter().chain([choice]).chain(then).chain(otherwise).collect();
        self.code.push(Op::Map(length(&body)));
        self.code.extend(body);
        let else_shape = else_shape.unwrap_or_else(|| then_shape.clone());
        let known = if then_shape.known == else_shape.known { then_shape.known } else { Known::Unknown };
        Ok(Shape { known, many: input.many || then_shape.many || else_shape.many, is_resource: false })
    }

    fn reference_key(&mut self, at: usize, input: &Shape, wanted: &str) -> Result<Shape> {
        let may_be = match &input.known {
            Known::Unknown => true,
            Known::System(_) => false,
            Known::Type(name) => name == "Reference",
            Known::OneOf(names) => names.iter().any(|name| name == "Reference"),
        };
        if !may_be {
            return complaint(at, "`getReferenceKey` is about a Reference, and this is none");
        }
        let op = Op::ReferenceKey(wanted.to_owned().into());
        Ok(self.push(op, Shape { many: input.many, ..Shape::result(Family::Text) }))
    }

    /// Functions whose arguments are plain values, evaluated where the call stands.
    fn plain(&mut self, at: usize, name: &str, input: &Shape, arguments: &[Expr], scope: &Scope) -> Result<Shape> {
        let Some(function) = plain_function(name) else { return no_function(at, name) };
        let (least, most) = arity(function);
        if !(least..=most).contains(&arguments.len()) {
            let wanted = if least == most { least.to_string() } else { format!("{least} or {most}") };
            return complaint(at, format!("`{name}` takes {wanted} arguments, not {}", arguments.len()));
        }
        self.used(input);
        let wanted = match function {
            Function::Skip | Function::Take | Function::Substring => Family::Integer,
            _ => Family::Text,
        };
        for argument in arguments {
            self.typed(argument, scope, &[wanted])?;
        }
        self.takes(at, function, input)?;
        let count = u8::try_from(arguments.len()).unwrap_or(u8::MAX);
        let shape = gives(function, input);
        Ok(self.push(Op::Call(function, count), shape))
    }

    /// The input is none that the function can do something with.
    fn takes(&self, at: usize, function: Function, input: &Shape) -> Result<()> {
        let Some(family) = input.family() else { return Ok(()) };
        let (fits, wanted) = match function {
            Function::Contains
            | Function::EndsWith
            | Function::IndexOf
            | Function::Length
            | Function::Lower
            | Function::Replace
            | Function::StartsWith
            | Function::Substring
            | Function::Trim
            | Function::Upper => (family == Family::Text, "a text: say `toString()` first"),
            Function::LowBoundary | Function::HighBoundary => {
                (!matches!(family, Family::Text | Family::Boolean), "a number, a date or a time")
            }
            Function::AllTrue | Function::AllFalse | Function::AnyTrue | Function::AnyFalse => {
                (family == Family::Boolean, "booleans")
            }
            _ => (true, ""),
        };
        if fits { Ok(()) } else { complaint(at, format!("`{}` is about {wanted}", function.text())) }
    }

    /// Warns of a type that a choice element never has.
    fn never(&mut self, wanted: &TypeName, input: &Shape) {
        if let Known::OneOf(names) = &input.known
            && !names.contains(&wanted.name)
            && !["Quantity", "string", "uri", "integer"].contains(&wanted.name.as_str())
        {
            let message = format!("in R4 it is never of type `{}`, but {}", wanted.name, names.join(", "));
            self.warnings.push(super::Complaint { at: wanted.at, message });
        }
    }

    fn url(&self, argument: &Expr) -> Result<String> {
        match &argument.node {
            Node::Text(url) => Ok(url.clone()),
            Node::Constant(name) => match self.context.constants.get(name) {
                Some(super::Constant::Text(url)) => Ok(url.clone()),
                _ => complaint(argument.at, format!("the view has no constant `{name}` that is a text")),
            },
            _ => complaint(argument.at, "`extension` takes a URL in quotes, or a constant"),
        }
    }
}

fn type_name(argument: &Expr) -> Result<TypeName> {
    let simple = |expr: &Expr| match &expr.node {
        Node::Name(name) => Some(name.clone()),
        _ => None,
    };
    let (namespace, name) = match &argument.node {
        Node::Name(name) => (None, name.clone()),
        Node::Member(of, name) => match simple(of) {
            Some(namespace) => (Some(namespace), name.clone()),
            None => return complaint(argument.at, "expected the name of a type"),
        },
        _ => return complaint(argument.at, "expected the name of a type"),
    };
    Ok(TypeName { at: argument.at, namespace, name })
}

fn no_function(at: usize, name: &str) -> Result<Shape> {
    let why = match name {
        "now" | "today" | "timeOfDay" => "a view has no clock: filter by time when you read the table".to_owned(),
        "resolve" => "a view sees one resource at a time: use `getReferenceKey()` and join".to_owned(),
        _ if SPECIAL.contains(&name) => "not with so many arguments".to_owned(),
        _ => {
            let names: Vec<&str> = Function::ALL.iter().map(|function| function.text()).chain(SPECIAL).collect();
            let near = suggestion(name, &names);
            return complaint(at, format!("views have no function `{name}`{near}"));
        }
    };
    complaint(at, format!("`{name}` is not offered: {why}"))
}

/// The fewest and the most arguments.
fn arity(function: Function) -> (usize, usize) {
    match function {
        Function::Contains
        | Function::EndsWith
        | Function::IndexOf
        | Function::Skip
        | Function::StartsWith
        | Function::Take => (1, 1),
        Function::Join => (0, 1),
        Function::Substring => (1, 2),
        Function::Replace => (2, 2),
        _ => (0, 0),
    }
}

fn gives(function: Function, input: &Shape) -> Shape {
    match function {
        Function::AllFalse
        | Function::AllTrue
        | Function::AnyFalse
        | Function::AnyTrue
        | Function::Contains
        | Function::Empty
        | Function::EndsWith
        | Function::Exists
        | Function::HasValue
        | Function::Not
        | Function::StartsWith
        | Function::ToBoolean => Shape::result(Family::Boolean),
        Function::Count | Function::IndexOf | Function::Length | Function::ToInteger => Shape::result(Family::Integer),
        Function::ToDecimal => Shape::result(Family::Decimal),
        Function::Join
        | Function::Lower
        | Function::Replace
        | Function::Substring
        | Function::ToString
        | Function::Trim
        | Function::Upper => Shape::result(Family::Text),
        Function::LowBoundary | Function::HighBoundary => match input.family() {
            Some(Family::Integer) => Shape::result(Family::Decimal),
            Some(family) => Shape::result(family),
            None => Shape::one(Known::Unknown),
        },
        Function::First | Function::Last | Function::Single => {
            Shape { many: false, is_resource: false, ..input.clone() }
        }
        Function::Distinct | Function::Skip | Function::Tail | Function::Take => {
            Shape { is_resource: false, ..input.clone() }
        }
    }
}
