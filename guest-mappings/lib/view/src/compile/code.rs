//! One expression to code: what its names mean in R4, what type it has, and the operations that come to it.

mod functions;

use std::collections::{BTreeMap, BTreeSet};

use turntable_r4::{CHOICE, R4, nearest, suggestion};

use super::syntax::{Expr, Node, TypeName};
use crate::program::{Function, MAX_DEPTH, Op, Operator};
use crate::types::{Family, Primitive, QUANTITIES, Type};

/// What is known of the items of a collection before there is a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Of a resource inside the resource, or an element that R4 does not have.
    Unknown,
    /// A result of FHIRPath's own.
    System(Family),
    /// A type of R4, or the path of a backbone element: `Patient.contact`.
    Type(String),
    /// A choice element: one of these.
    OneOf(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) known: Known,
    /// There may be more than one.
    pub(super) many: bool,
    /// It is the resource itself.
    is_resource: bool,
}

/// A literal that a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    Boolean(bool),
    Text(String),
    Number(String),
    Moment(Family, String),
}

/// Names that mean the same in every view, so that no constant may take them. (`%sct` and its like are texts, which a
/// view may say itself.)
pub(super) const OF_EVERY_VIEW: [&str; 4] = ["resource", "rootResource", "context", "rowIndex"];

/// What is wrong, and at which byte of the expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) at: usize,
    pub(super) message: String,
}

pub(super) type Result<T> = std::result::Result<T, Complaint>;

/// What all expressions of a view share.
pub(super) struct Context {
    pub(super) r4: &'static R4,
    pub(super) resource: String,
    pub(super) constants: BTreeMap<String, Constant>,
    /// Names of complex types, in the order of [`Type::Complex`].
    pub(super) types: Vec<String>,
}

/// An expression that has been understood.
pub(super) struct Coded {
    pub(super) code: Vec<Op<'static>>,
    pub(super) shape: Shape,
    /// Top-level elements that it reads.
    pub(super) elements: BTreeSet<String>,
    /// Names that R4 does not have and that are near none of its own: they may be another version's.
    pub(super) warnings: Vec<Complaint>,
}

/// Where a name stands: what `$this` is, and how many criteria are around it.
#[derive(Clone)]
struct Scope {
    this: Shape,
    depth: usize,
}

struct Coder<'c> {
    context: &'c mut Context,
    code: Vec<Op<'static>>,
    elements: BTreeSet<String>,
    warnings: Vec<Complaint>,
}

/// Code for an expression about something of that shape.
pub(super) fn code(expr: &Expr, this: &Shape, context: &mut Context) -> Result<Coded> {
    let mut coder = Coder { context, code: Vec::new(), elements: BTreeSet::new(), warnings: Vec::new() };
    let this = Shape { many: false, ..this.clone() };
    let shape = coder.expression(expr, &Scope { this, depth: 0 })?;
    coder.used(&shape);
    Ok(Coded { code: coder.code, shape, elements: coder.elements, warnings: coder.warnings })
}

impl Shape {
    pub(super) fn resource(name: &str) -> Self {
        Self { known: Known::Type(name.to_owned()), many: false, is_resource: true }
    }

    /// Something of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self::one(Known::Unknown)
    }

    fn one(known: Known) -> Self {
        Self { known, many: false, is_resource: false }
    }

    fn result(family: Family) -> Self {
        Self::one(Known::System(family))
    }

    fn of_type(name: &str, many: bool) -> Self {
        Self { known: Known::Type(name.to_owned()), many, is_resource: false }
    }

    /// One item of it.
    pub(super) fn one_of(self) -> Self {
        Self { many: false, ..self }
    }

    /// The family of a primitive; `None` for what is complex or not known.
    pub(super) fn family(&self) -> Option<Family> {
        match &self.known {
            Known::System(family) => Some(*family),
            Known::Type(name) => Primitive::named(name).map(Primitive::family),
            _ => None,
        }
    }

    /// It may be a boolean.
    pub(super) fn may_be_boolean(&self) -> bool {
        match &self.known {
            Known::Unknown => true,
            Known::OneOf(names) => names.iter().any(|name| name == "boolean"),
            _ => self.family() == Some(Family::Boolean),
        }
    }
}

fn complaint<T>(at: usize, message: impl Into<String>) -> Result<T> {
    Err(Complaint { at, message: message.into() })
}

impl Coder<'_> {
    fn expression(&mut self, expr: &Expr, scope: &Scope) -> Result<Shape> {
        match &expr.node {
            Node::Empty => Ok(self.push(Op::Empty, Shape::one(Known::Unknown))),
            Node::Boolean(value) => Ok(self.push(Op::Boolean(*value), Shape::result(Family::Boolean))),
            Node::Text(text) => Ok(self.constant(&Constant::Text(text.clone()))),
            Node::Number(text) => Ok(self.constant(&Constant::Number(text.clone()))),
            Node::Moment(family, text) => Ok(self.constant(&Constant::Moment(*family, text.clone()))),
            Node::Constant(name) => self.named(expr.at, name),
            Node::This => Ok(self.push(Op::This, scope.this.clone())),
            Node::Index => Ok(self.push(Op::Index, Shape::result(Family::Integer))),
            Node::Name(name) => {
                self.code.push(Op::This);
                // A path may begin with the type of what it is about: `Patient.name`.
                match scope.this.known == Known::Type(name.clone()) {
                    true => Ok(scope.this.clone()),
                    false => self.member(expr.at, &scope.this, name),
                }
            }
            Node::Member(of, name) => {
                let of = self.expression(of, scope)?;
                self.member(expr.at, &of, name)
            }
            Node::Call(of, name, arguments) => {
                let input = match of {
                    Some(of) => self.expression(of, scope)?,
                    None => self.push(Op::This, scope.this.clone()),
                };
                self.call(expr.at, name, &input, arguments, scope)
            }
            Node::At(of, index) => {
                let of = self.expression(of, scope)?;
                self.used(&of);
                self.typed(index, scope, &[Family::Integer])?;
                Ok(self.push(Op::At, Shape { many: false, ..of }))
            }
            Node::Negate(of) => {
                let shape = self.typed(of, scope, &[Family::Integer, Family::Decimal])?;
                Ok(self.push(Op::Negate, Shape { many: false, ..shape }))
            }
            Node::Binary(operator, a, b) => self.binary(expr.at, *operator, a, b, scope),
            Node::Is(of, name) => {
                let of = self.expression(of, scope)?;
                self.used(&of);
                let (of, _) = self.type_named(name)?;
                Ok(self.push(Op::Is(of), Shape::result(Family::Boolean)))
            }
            Node::As(of, name) => {
                let of = self.expression(of, scope)?;
                self.used(&of);
                let (of, known) = self.type_named(name)?;
                Ok(self.push(Op::As(of), Shape::one(known)))
            }
        }
    }

    fn binary(&mut self, at: usize, operator: Operator, a: &Expr, b: &Expr, scope: &Scope) -> Result<Shape> {
        let (a, b) = (self.expression(a, scope)?, self.expression(b, scope)?);
        self.used(&a);
        self.used(&b);
        self.code.push(Op::Binary(operator));
        let fits = |fits: bool, what: &str| match fits {
            true => Ok(()),
            false => complaint(at, format!("`{}` {what}", operator.text())),
        };
        let families = a.family().zip(b.family());
        Ok(match operator {
            Operator::And | Operator::Or | Operator::Xor | Operator::Implies | Operator::In | Operator::Contains => {
                Shape::result(Family::Boolean)
            }
            Operator::Equal | Operator::NotEqual => {
                fits(families.is_none_or(|(a, b)| may_compare(a, b)), "compares values of different types")?;
                Shape::result(Family::Boolean)
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                let ordered = |(a, b)| may_compare(a, b) && a != Family::Boolean;
                fits(families.is_none_or(ordered), "orders texts, numbers, or dates and times, and both of one kind")?;
                Shape::result(Family::Boolean)
            }
            Operator::Union => {
                let known = if a.known == b.known { a.known } else { Known::Unknown };
                Shape { known, many: true, is_resource: false }
            }
            Operator::Concatenate => Shape::result(Family::Text),
            Operator::Add if [a.family(), b.family()].contains(&Some(Family::Text)) => {
                let texts = families.is_none_or(|(a, b)| a == b);
                fits(texts, "joins two texts or adds two numbers; `&` joins anything")?;
                Shape::result(Family::Text)
            }
            _ => {
                let is_number = |shape: &Shape| shape.family().is_none_or(Family::is_number);
                fits(is_number(&a) && is_number(&b), "works on numbers")?;
                let both_integers = families == Some((Family::Integer, Family::Integer));
                match operator {
                    Operator::Div => Shape::result(Family::Integer),
                    Operator::Divide => Shape::result(Family::Decimal),
                    _ if both_integers => Shape::result(Family::Integer),
                    Operator::Add if families.is_none() => Shape::one(Known::Unknown),
                    _ => Shape::result(Family::Decimal),
                }
            }
        })
    }

    /// Children of that name.
    fn member(&mut self, at: usize, of: &Shape, name: &str) -> Result<Shape> {
        if of.is_resource {
            self.element(name);
        }
        let op_any = Op::Any(name.to_owned().into());
        let unknown = Shape { known: Known::Unknown, many: true, is_resource: false };
        let candidates = match &of.known {
            Known::Unknown => return Ok(self.push(op_any, unknown)),
            Known::System(_) => return complaint(at, format!("a result has no element `{name}`")),
            Known::Type(name) => std::slice::from_ref(name),
            Known::OneOf(names) => names.as_slice(),
        };
        let r4 = self.context.r4;
        let mut found = candidates.iter().filter_map(|candidate| r4.member(members_of(candidate), name));
        let Some(first) = found.next() else { return self.no_member(at, candidates, name, op_any, unknown) };
        if found.any(|other| other.kind != first.kind) {
            return Ok(self.push(op_any, unknown));
        }
        let many = of.many || first.element.repeats;
        if first.kind == CHOICE {
            let types = first.element.types.iter().map(|of| of.name.to_owned()).collect();
            let shape = Shape { known: Known::OneOf(types), many, is_resource: false };
            return Ok(self.push(Op::Choice(name.to_owned().into()), shape));
        }
        if let Some(base) = first.element.name.strip_suffix("[x]") {
            let of = first.of.map_or("", |of| of.name);
            return complaint(at, format!("FHIRPath writes `{name}` as `{base}.ofType({of})`"));
        }
        let repeats = first.element.repeats;
        let kind = first.kind;
        if kind == "Resource" {
            let op = Op::Member { name: name.to_owned().into(), of: Type::Unknown, repeats };
            return Ok(self.push(op, Shape { known: Known::Unknown, many, is_resource: false }));
        }
        let of = self.type_of(&kind);
        let op = Op::Member { name: name.to_owned().into(), of, repeats };
        Ok(self.push(op, Shape::of_type(&kind, many)))
    }

    /// A near miss is a mistake; what is near nothing may be an element of another version of FHIR.
    fn no_member(&mut self, at: usize, of: &[String], name: &str, op: Op<'static>, shape: Shape) -> Result<Shape> {
        let r4 = self.context.r4;
        // FHIRPath names a choice element without its type.
        let own = of.iter().flat_map(|of| r4.elements(members_of(of)));
        let names: Vec<&str> = own.map(|element| element.name.trim_end_matches("[x]")).collect();
        let whole = of.join(" or ");
        let message = format!("{whole} has no element `{name}`{}", suggestion(name, &names));
        if nearest(name, names.iter().copied()).is_some() {
            return complaint(at, message);
        }
        self.warnings.push(Complaint { at, message: format!("{message}; in R4 this is always empty") });
        Ok(self.push(op, shape))
    }

    /// A constant, or one of the names that every view has.
    fn named(&mut self, at: usize, name: &str) -> Result<Shape> {
        if let Some(constant) = self.context.constants.get(name) {
            let constant = constant.clone();
            return Ok(self.constant(&constant));
        }
        let text = |text: &str| Constant::Text(text.to_owned());
        Ok(match name {
            "resource" | "rootResource" | "context" => {
                let resource = Shape::resource(&self.context.resource);
                self.push(Op::Resource, resource)
            }
            "rowIndex" => self.push(Op::RowIndex, Shape::result(Family::Integer)),
            "sct" => self.constant(&text("http://snomed.info/sct")),
            "loinc" => self.constant(&text("http://loinc.org")),
            "ucum" => self.constant(&text("http://unitsofmeasure.org")),
            _ => {
                let names: Vec<&str> =
                    self.context.constants.keys().map(String::as_str).chain(["resource", "rowIndex"]).collect();
                return complaint(at, format!("the view has no constant `{name}`{}", suggestion(name, &names)));
            }
        })
    }

    fn constant(&mut self, constant: &Constant) -> Shape {
        match constant {
            Constant::Boolean(value) => self.push(Op::Boolean(*value), Shape::result(Family::Boolean)),
            Constant::Text(text) => self.push(Op::Text(text.clone().into()), Shape::result(Family::Text)),
            Constant::Number(text) => {
                let family = if text.contains(['.', 'e', 'E']) { Family::Decimal } else { Family::Integer };
                self.push(Op::Number(text.clone().into()), Shape::result(family))
            }
            Constant::Moment(family, text) => {
                self.push(Op::Moment(*family, text.clone().into()), Shape::result(*family))
            }
        }
    }

    /// Code of a criterion, which runs once for each item. Gives its shape and its code.
    fn criterion(&mut self, expr: &Expr, item: &Shape, scope: &Scope) -> Result<(Shape, Vec<Op<'static>>)> {
        if scope.depth >= MAX_DEPTH {
            return complaint(expr.at, format!("criteria are at most {MAX_DEPTH} deep"));
        }
        let this = Shape { many: false, ..item.clone() };
        self.aside(expr, &Scope { this, depth: scope.depth + 1 })
    }

    /// Code that does not follow on what has been made so far.
    fn aside(&mut self, expr: &Expr, scope: &Scope) -> Result<(Shape, Vec<Op<'static>>)> {
        let before = std::mem::take(&mut self.code);
        let shape = self.expression(expr, scope);
        let code = std::mem::replace(&mut self.code, before);
        let shape = shape?;
        self.used(&shape);
        Ok((shape, code))
    }

    /// An expression whose values, as far as they are known, are of one of these families.
    fn typed(&mut self, expr: &Expr, scope: &Scope, families: &[Family]) -> Result<Shape> {
        let shape = self.expression(expr, scope)?;
        self.used(&shape);
        match shape.family() {
            Some(family) if !families.contains(&family) => {
                let names: Vec<&str> = families.iter().map(|family| family.name()).collect();
                complaint(expr.at, format!("expected {}, found {}", names.join(" or "), family.name()))
            }
            _ => Ok(shape),
        }
    }

    fn type_named(&mut self, wanted: &TypeName) -> Result<(Type, Known)> {
        let name = wanted.name.as_str();
        let namespace = wanted.namespace.as_deref();
        let r4 = self.context.r4;
        let is_fhir = matches!(namespace, None | Some("FHIR"));
        if is_fhir && (Primitive::named(name).is_some() || r4.elements(name).next().is_some()) {
            if name == "Quantity" {
                QUANTITIES.iter().for_each(|kind| {
                    self.type_of(kind);
                });
            }
            return Ok((self.type_of(name), Known::Type(name.to_owned())));
        }
        if let (None | Some("System"), Some(family)) = (namespace, Family::named(name)) {
            return Ok((Type::System(family), Known::System(family)));
        }
        let primitives = Primitive::ALL.iter().map(|primitive| primitive.name());
        let common = ["CodeableConcept", "Coding", "Period", "Quantity", "Range", "Ratio", "Reference", "Identifier"];
        let names: Vec<&str> = primitives.chain(common).chain(r4.resources()).collect();
        complaint(wanted.at, format!("there is no type `{name}`{}", suggestion(name, &names)))
    }

    /// A type as the machine tells it apart. Nothing asks for the type of a backbone element.
    fn type_of(&mut self, name: &str) -> Type {
        if let Some(primitive) = Primitive::named(name) {
            return Type::Primitive(primitive);
        }
        if name.contains('.') {
            return Type::Complex(u16::MAX);
        }
        let types = &mut self.context.types;
        let at = types.iter().position(|own| own == name).unwrap_or_else(|| {
            types.push(name.to_owned());
            types.len() - 1
        });
        Type::Complex(u16::try_from(at).unwrap_or(u16::MAX))
    }

    fn push(&mut self, op: Op<'static>, shape: Shape) -> Shape {
        self.code.push(op);
        shape
    }

    /// A top-level element is read: under each name that it can have in JSON.
    fn element(&mut self, name: &str) {
        match self.context.r4.member(&self.context.resource, name) {
            Some(member) if member.kind == CHOICE => {
                let choice = [name, "[x]"].concat();
                let all = self.context.r4.members(&self.context.resource);
                let own = self.context.r4.element(&format!("{}.{choice}", self.context.resource));
                let types = own.map_or(&[][..], |element| &element.types);
                let is_own = |member: &&String| {
                    types
                        .iter()
                        .any(|of| member.strip_prefix(name).is_some_and(|suffix| suffix.eq_ignore_ascii_case(of.name)))
                };
                self.elements.extend(all.iter().filter(is_own).cloned());
            }
            _ => {
                self.elements.insert(name.to_owned());
            }
        }
    }

    /// The resource as a value: any of its elements can matter.
    fn used(&mut self, shape: &Shape) {
        if shape.is_resource {
            self.elements.extend(self.context.r4.members(&self.context.resource));
        }
    }
}

/// R4 lists the elements of a primitive (`id`, `extension`) with `Element`.
fn members_of(name: &str) -> &str {
    if Primitive::named(name).is_some() { "Element" } else { name }
}

fn may_compare(a: Family, b: Family) -> bool {
    let is_date = |family| matches!(family, Family::Date | Family::DateTime);
    let is_moment = |family| is_date(family) || family == Family::Time;
    a == b
        || a.is_number() && b.is_number()
        || is_date(a) && is_date(b)
        || a == Family::Text && is_moment(b)
        || is_moment(a) && b == Family::Text
}

/// The function of that name, if its arguments are plain values.
fn plain_function(name: &str) -> Option<Function> {
    Function::ALL.iter().copied().find(|function| function.text() == name)
}
