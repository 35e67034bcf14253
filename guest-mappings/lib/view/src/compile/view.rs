//! The sections of a ViewDefinition to the parts of a program.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use turntable_r4::r4;
use turntable_scan::{Document, Kind as Json};

use super::code::{self, Coded, Complaint, Constant, Context, Shape};
use super::column;
use super::json::{Faults, Place};
use super::syntax::{self, Expr, Node};
use super::{Compiled, Fault};
use crate::moment::Moment;
use crate::program::{Block, Column, Each, Kind, MAX_DEPTH, Program, Select};
use crate::types::{Family, Primitive};

/// Bytes of a view.
const MAX_LENGTH: usize = 1 << 20;
/// Columns of a view; a table cannot have more.
const MAX_COLUMNS: usize = 1_000;

pub(super) fn compile(text: &str, name: &str) -> Result<Compiled, Vec<Fault>> {
    let mut faults = Faults::new(text);
    if text.len() > MAX_LENGTH {
        return Err(vec![faults.fault("", 0, format!("a view is at most {MAX_LENGTH} bytes long"))]);
    }
    let document = Document::parse(text.as_bytes())
        .map_err(|error| vec![faults.fault("", error.offset, format!("no JSON: {}", error.problem))])?;
    let root = Place::root(&document);
    if root.member("resourceType").is_some_and(|of| !of.value.is("ViewDefinition")) {
        faults.error(&root, "a view is a resource of type `ViewDefinition`");
    }
    let constants = constants(&root, &mut faults);
    let Some(resource) = resource_type(&root, &mut faults) else { return Err(faults.errors) };
    let context = Context { r4: r4(), types: vec![resource.clone()], resource, constants };
    let mut view = View { context, faults, program: Program::default() };
    view.head(&root, name);
    view.filters(&root);
    view.selects(&root);
    view.finish()
}

/// Different types that a `repeat` may go through.
const MAX_SHAPES: usize = 20;

/// What is being compiled, and what has come of it so far.
struct View<'d> {
    context: Context,
    faults: Faults<'d>,
    program: Program<'static>,
}

/// Where a select stands.
#[derive(Clone)]
struct Scope {
    focus: Shape,
    depth: usize,
    /// Path and elements of the iterations around it.
    path: String,
    elements: BTreeSet<String>,
}

/// What a select comes to.
struct Selected {
    select: Select<'static>,
    /// Exactly one row for each focus.
    is_one: bool,
}

/// An expression of the view.
struct Written<'d> {
    place: Place<'d>,
    text: Cow<'d, str>,
    expr: Expr,
}

const ITERATIONS: [&str; 3] = ["forEach", "forEachOrNull", "repeat"];

impl<'d> View<'d> {
    /// Name, label and what else describes the table.
    fn head(&mut self, root: &Place<'d>, name: &str) {
        let faults = &mut self.faults;
        let name = match root.text("name", faults) {
            Some((place, name)) => {
                if !is_name(&name) {
                    faults.error(&place, "a name begins with a letter and has letters, digits and `_` only");
                }
                name.into_owned()
            }
            None => table_name(name),
        };
        let plain = |text: Cow<'_, str>| text.replace(|c: char| c.is_control() && c != '\n', " ");
        let title = root.text("title", faults).map(|(_, title)| plain(title));
        let description = root.text("description", faults).map(|(_, text)| plain(text));
        let version = root.text("version", faults).map(|(_, version)| semver(&version));
        let profiles = root.list("profile", faults);
        let program = &mut self.program;
        program.label = title.unwrap_or_else(|| name.clone()).into();
        let name = name.to_ascii_lowercase();
        program.entity_set = if name.ends_with('s') { name.clone() } else { format!("{name}s") }.into();
        let default = || format!("SQL on FHIR view of {}", self.context.resource);
        program.description = description.unwrap_or_else(default).into();
        program.version = version.unwrap_or_else(|| "1.0.0".to_owned()).into();
        program.resource = self.context.resource.clone().into();
        program.profiles = profiles.iter().filter_map(|profile| profile.value.text()).map(owned).collect();
        program.name = name.into();
        self.versions(root);
    }

    fn versions(&mut self, root: &Place<'d>) {
        let versions = root.list("fhirVersion", &mut self.faults);
        let is_r4 = |version: &Place<'_>| version.value.text().is_some_and(|text| text.starts_with("4."));
        if let Some(first) = versions.first().filter(|_| !versions.iter().any(is_r4)) {
            self.faults.warn_inside(
                first,
                0,
                "the view is for another version of FHIR; its names are held to R4".into(),
            );
        }
    }

    fn filters(&mut self, root: &Place<'d>) {
        for filter in root.list("where", &mut self.faults) {
            filter.only(&["path", "description"], &mut self.faults);
            let Some(written) = self.expression(&filter, "path") else { continue };
            let shape = Shape::resource(&self.context.resource);
            let Some(coded) = self.code(&written, &shape) else { continue };
            if !coded.shape.may_be_boolean() {
                self.faults.error(&written.place, "a condition is true or false: say `exists()`, or compare");
            }
            self.row_elements(&coded.elements);
            let block = self.block(coded);
            self.program.filters.push(block);
        }
    }

    fn selects(&mut self, root: &Place<'d>) {
        let selects = root.list("select", &mut self.faults);
        if selects.is_empty() {
            self.faults.error(root, "a view has at least one `select`");
        }
        let focus = Shape::resource(&self.context.resource);
        let scope = Scope { focus, depth: 0, path: String::new(), elements: BTreeSet::new() };
        let mut is_one = self.program.filters.is_empty();
        for select in selects {
            let Some(selected) = self.select(&select, &scope) else { continue };
            is_one &= selected.is_one;
            self.program.root.push(selected.select);
        }
        self.program.one_row = is_one;
        if self.program.columns.is_empty() && self.faults.errors.is_empty() {
            self.faults.error(root, "the view has no column");
        }
    }

    fn finish(mut self) -> Result<Compiled, Vec<Fault>> {
        let name = &self.program.name;
        let taken = |key: &str| self.program.columns.iter().any(|column| column.name == key);
        let names = ["id", "_key", "_row_key"].map(|end| format!("{name}{end}"));
        let key = names.into_iter().find(|key| !taken(key)).unwrap_or_default();
        self.program.key = key.into();
        self.program.types = self.context.types.into_iter().map(Cow::Owned).collect();
        let program = self.program.to_bytes();
        let mut errors = self.faults.errors;
        if errors.is_empty() && Program::from_bytes(&program).is_none() {
            let fault = "the view is larger than a view can be: give it fewer or simpler parts";
            errors.push(Fault { pointer: String::new(), line: 1, column: 1, message: fault.to_owned() });
        }
        if errors.is_empty() { Ok(Compiled { program, warnings: self.faults.warnings }) } else { Err(errors) }
    }

    fn select(&mut self, place: &Place<'d>, scope: &Scope) -> Option<Selected> {
        let names = ["column", "select", "unionAll"].into_iter().chain(ITERATIONS).collect::<Vec<_>>();
        place.only(&names, &mut self.faults);
        if scope.depth >= MAX_DEPTH {
            self.faults.error(place, format!("selects are at most {MAX_DEPTH} deep"));
            return None;
        }
        let given: Vec<&str> = ITERATIONS.into_iter().filter(|name| place.member(name).is_some()).collect();
        if let [first, second, ..] = given[..] {
            self.faults.error(place, format!("`{first}` and `{second}` are both here; a select has one of them"));
        }
        let inner = Scope { depth: scope.depth + 1, ..scope.clone() };
        let (each, inner, mut is_one) = match given.first() {
            None => (Each::Focus, inner, true),
            Some(&"repeat") => {
                let (each, inner) = self.repeat(place, inner)?;
                (each, inner, false)
            }
            Some(name) => self.for_each(place, name, inner)?,
        };
        let mut select = Select { each, ..Select::default() };
        for column in place.list("column", &mut self.faults) {
            select.columns.extend(self.column(&column, &inner));
        }
        for nested in place.list("select", &mut self.faults) {
            let Some(selected) = self.select(&nested, &inner) else { continue };
            is_one &= selected.is_one;
            select.selects.push(selected.select);
        }
        let branches = place.list("unionAll", &mut self.faults);
        if !branches.is_empty() {
            let (unions, one) = self.union(&branches, &inner);
            is_one &= one;
            select.unions = unions;
        }
        Some(Selected { select, is_one })
    }

    fn for_each(&mut self, place: &Place<'d>, name: &str, inner: Scope) -> Option<(Each<'static>, Scope, bool)> {
        let written = self.expression(place, name)?;
        let coded = self.code(&written, &inner.focus)?;
        let shape = coded.shape.clone();
        let inner = self.iterated(inner, &written.text, &coded.elements, shape.clone());
        let or_null = name == "forEachOrNull";
        let label = if shape.many { label(&written.expr) } else { String::new() };
        let path = self.block(coded);
        let is_one = or_null && !shape.many;
        Some((Each::Elements { path, or_null, label: label.into() }, inner, is_one))
    }

    /// The paths are about the focus first and then about what they find. Where all of that is of one type, it is
    /// what the select is about.
    fn repeat(&mut self, place: &Place<'d>, inner: Scope) -> Option<(Each<'static>, Scope)> {
        let list = place.list("repeat", &mut self.faults);
        let mut written = Vec::new();
        for (index, path) in list.iter().enumerate() {
            let Some(text) = path.value.text() else {
                self.faults.error(path, "expected a text");
                return None;
            };
            written.push(self.parsed(list[index].clone(), text)?);
        }
        let Some(first) = written.first() else {
            self.faults.error(place, "`repeat` has at least one path");
            return None;
        };
        let label = label(&first.expr);
        let text = first.text.clone();
        let mut found: Vec<Shape> = vec![inner.focus.clone()];
        let mut elements = BTreeSet::new();
        // For each path whether it means something somewhere, and else what was said of it first.
        let mut known = vec![false; written.len()];
        let mut said: Vec<Option<Result<Complaint, Complaint>>> = vec![None; written.len()];
        let mut at = 0;
        while let Some(shape) = found.get(at).cloned() {
            at += 1;
            for (index, path) in written.iter().enumerate() {
                let remark = match code::code(&path.expr, &shape, &mut self.context) {
                    Ok(coded) if coded.warnings.is_empty() => {
                        known[index] = true;
                        elements.extend(coded.elements);
                        let shape = coded.shape.one_of();
                        if !found.contains(&shape) && found.len() < MAX_SHAPES {
                            found.push(shape);
                        }
                        continue;
                    }
                    Ok(mut coded) => {
                        elements.append(&mut coded.elements);
                        Ok(coded.warnings.swap_remove(0))
                    }
                    Err(complaint) => Err(complaint),
                };
                said[index].get_or_insert(remark);
            }
        }
        let mut paths = Vec::new();
        for (index, path) in written.iter().enumerate() {
            match said[index].take().filter(|_| !known[index]) {
                Some(Ok(warning)) => self.faults.warn_inside(&path.place, warning.at, warning.message),
                Some(Err(error)) => self.faults.error_inside(&path.place, error.at, error.message),
                None => {}
            }
            // The same code serves focus and elements, so it takes nothing for granted.
            let coded = self.code(path, &Shape::unknown())?;
            paths.push(self.block(coded));
        }
        found.remove(0);
        let shape = match &found[..] {
            [only] => only.clone(),
            _ => Shape::unknown(),
        };
        let inner = self.iterated(inner, &text, &elements, shape);
        Some((Each::Repeat { paths, label: label.into() }, inner))
    }

    fn iterated(&mut self, mut scope: Scope, path: &str, elements: &BTreeSet<String>, focus: Shape) -> Scope {
        self.row_elements(elements);
        scope.path = joined(&scope.path, path);
        scope.elements.extend(elements.iter().cloned());
        Scope { focus, ..scope }
    }

    /// Columns of all branches are the same, so each branch is numbered from where the first began.
    fn union(&mut self, branches: &[Place<'d>], scope: &Scope) -> (Vec<Select<'static>>, bool) {
        let start = self.program.columns.len();
        let mut first: Option<Vec<Column<'static>>> = None;
        let mut selects = Vec::new();
        let mut is_one = branches.len() == 1;
        for branch in branches {
            let Some(selected) = self.select(branch, scope) else { continue };
            is_one &= selected.is_one;
            selects.push(selected.select);
            let columns = self.program.columns.split_off(start);
            match &mut first {
                None => first = Some(columns),
                Some(first) => self.same_columns(branch, first, columns),
            }
        }
        self.program.columns.extend(first.unwrap_or_default());
        (selects, is_one)
    }

    fn same_columns(&mut self, place: &Place<'d>, first: &mut [Column<'static>], other: Vec<Column<'static>>) {
        let names = |columns: &[Column<'_>]| columns.iter().map(|column| column.name.to_string()).collect::<Vec<_>>();
        let (expected, found) = (names(first), names(&other));
        if expected != found {
            let (expected, found) = (expected.join(", "), found.join(", "));
            let message =
                format!("branches of a union have the same columns in the same order: {expected}, not {found}");
            return self.faults.error(place, message);
        }
        for (first, other) in first.iter_mut().zip(other) {
            if (first.kind, first.collection) != (other.kind, other.collection) {
                let message = format!("`{}` is of another type in the first branch of the union", first.name);
                self.faults.error(place, message);
            }
            if first.path != other.path {
                first.path = format!("{} | {}", first.path, other.path).into();
            }
            let more: Vec<_> = other.elements.into_iter().filter(|name| !first.elements.contains(name)).collect();
            first.elements.extend(more);
            first.search = None;
        }
    }

    fn column(&mut self, place: &Place<'d>, scope: &Scope) -> Option<(u16, Block)> {
        place.only(&["name", "path", "description", "collection", "type", "tag"], &mut self.faults);
        let name = self.column_name(place);
        let written = self.expression(place, "path")?;
        let coded = self.code(&written, &scope.focus)?;
        let name = name?;
        let collection = match place.member("collection") {
            None => false,
            Some(flag) => flag.value.boolean().unwrap_or_else(|| {
                self.faults.error(&flag, "expected true or false");
                false
            }),
        };
        let kind = self.kind(place, &written, &coded.shape, collection);
        let description = place.text("description", &mut self.faults).map(|(_, text)| text);
        let plain = |text: &str| text.replace(char::is_control, " ");
        let is_own = scope.path.is_empty() && !collection;
        let elements: BTreeSet<String> = scope.elements.union(&coded.elements).cloned().collect();
        let search = match is_own {
            true => column::search(&written.expr, &coded.shape, kind, &self.context.resource, self.context.r4),
            false => None,
        };
        let path = if is_path(&written.expr) { joined(&scope.path, &written.text) } else { written.text.to_string() };
        self.program.columns.push(Column {
            label: name.clone().into(),
            name: name.to_ascii_lowercase().into(),
            description: plain(&description.unwrap_or_default()).into(),
            kind,
            collection,
            path: plain(&path).into(),
            elements: elements.into_iter().map(Cow::Owned).collect(),
            search,
        });
        let index = u16::try_from(self.program.columns.len() - 1).ok()?;
        Some((index, self.block(coded)))
    }

    fn column_name(&mut self, place: &Place<'d>) -> Option<String> {
        let Some((at, name)) = place.text("name", &mut self.faults) else {
            self.faults.error(place, "a column needs a `name`");
            return None;
        };
        let lower = name.to_ascii_lowercase();
        if !is_name(&name) {
            self.faults.error(&at, "a name begins with a letter and has letters, digits and `_` only");
            return None;
        }
        if self.program.columns.iter().any(|column| *column.name == *lower) {
            self.faults.error(&at, format!("there is a column `{lower}` already; letter case does not count"));
            return None;
        }
        if self.program.columns.len() >= MAX_COLUMNS {
            self.faults.error(&at, format!("a view has at most {MAX_COLUMNS} columns"));
            return None;
        }
        Some(name.into_owned())
    }

    fn kind(&mut self, place: &Place<'d>, path: &Written<'d>, shape: &Shape, collection: bool) -> Kind {
        let declared =
            place.text("type", &mut self.faults).map(|(at, name)| (at, column::declared(&name, self.context.r4)));
        match declared {
            Some((at, Err(message))) => {
                self.faults.error(&at, message);
                Kind::Text
            }
            Some((at, Ok((kind, family)))) => {
                if let Err(message) = column::fits(family, shape) {
                    self.faults.error(&at, message);
                }
                if collection { Kind::Json } else { kind }
            }
            None if collection => Kind::Json,
            None => {
                let kind = column::inferred(shape);
                if kind == Kind::Json {
                    let message = "shown as JSON, since it may be of any type: say `type`, or `ofType()` in the path";
                    self.faults.warn_inside(&path.place, 0, message.to_owned());
                }
                kind
            }
        }
    }

    /// The expression in a member that must be there.
    fn expression(&mut self, place: &Place<'d>, name: &str) -> Option<Written<'d>> {
        if place.member(name).is_none() {
            self.faults.error(place, format!("`{name}` is missing"));
            return None;
        }
        let (place, text) = place.text(name, &mut self.faults)?;
        self.parsed(place, text)
    }

    fn parsed(&mut self, place: Place<'d>, text: Cow<'d, str>) -> Option<Written<'d>> {
        match syntax::parse(&text) {
            Ok(expr) => Some(Written { place, text, expr }),
            Err(error) => {
                self.faults.error_inside(&place, error.at, error.message);
                None
            }
        }
    }

    fn code(&mut self, written: &Written<'d>, about: &Shape) -> Option<Coded> {
        match code::code(&written.expr, about, &mut self.context) {
            Ok(coded) => {
                for warning in &coded.warnings {
                    self.faults.warn_inside(&written.place, warning.at, warning.message.clone());
                }
                Some(coded)
            }
            Err(complaint) => {
                self.faults.error_inside(&written.place, complaint.at, complaint.message);
                None
            }
        }
    }

    fn block(&mut self, coded: Coded) -> Block {
        let start = self.program.code.len() as u32;
        // A view of a megabyte has far fewer operations than fit.
        let length = coded.code.len() as u32;
        self.program.code.extend(coded.code);
        Block { start, length }
    }

    fn row_elements(&mut self, elements: &BTreeSet<String>) {
        let known = &mut self.program.row_elements;
        let new: Vec<_> = elements.iter().filter(|name| !known.iter().any(|own| *own == **name)).cloned().collect();
        known.extend(new.into_iter().map(Cow::Owned));
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

fn resource_type<'d>(root: &Place<'d>, faults: &mut Faults<'d>) -> Option<String> {
    let Some((place, name)) = root.text("resource", faults) else {
        faults.error(root, "a view names the `resource` type that it is of");
        return None;
    };
    if !r4().is_resource(&name) {
        faults.error(&place, format!("there is no resource type `{name}`{}", r4().suggest_resource(&name)));
        return None;
    }
    Some(name.into_owned())
}

fn constants<'d>(root: &Place<'d>, faults: &mut Faults<'d>) -> BTreeMap<String, Constant> {
    let mut constants = BTreeMap::new();
    for place in root.list("constant", faults) {
        let Some((at, name)) = place.text("name", faults) else {
            faults.error(&place, "a constant needs a `name`");
            continue;
        };
        if code::OF_EVERY_VIEW.contains(&&*name) {
            faults.error(&at, format!("`%{name}` is there in every view: give the constant another name"));
            continue;
        }
        match constant(&place) {
            Ok(constant) => {
                if constants.insert(name.clone().into_owned(), constant).is_some() {
                    faults.error(&at, format!("there is a constant `{name}` already"));
                }
            }
            Err(message) => faults.error(&place, message),
        }
    }
    constants
}

/// `valueString` and its like.
fn constant(place: &Place<'_>) -> Result<Constant, String> {
    let values = place.value.members().filter_map(|(key, value)| {
        let name = key.text()?;
        let suffix = name.strip_prefix("value")?;
        Some((Primitive::ALL.iter().copied().find(|of| of.name().eq_ignore_ascii_case(suffix)), value))
    });
    let (Some(primitive), value) = (match &values.collect::<Vec<_>>()[..] {
        [only] => *only,
        [] => return Err("a constant has a value, such as `valueString`".to_owned()),
        _ => return Err("a constant has one value only".to_owned()),
    }) else {
        return Err("a constant is of a primitive type, such as `valueString`".to_owned());
    };
    let family = primitive.family();
    let constant = match (family, value.kind()) {
        (Family::Boolean, _) => value.boolean().map(Constant::Boolean),
        (Family::Text, _) => value.text().map(|text| Constant::Text(text.into_owned())),
        (Family::Integer | Family::Decimal, Json::Number) => Some(Constant::Number(value.raw().to_owned())),
        (Family::Integer | Family::Decimal, _) => None,
        _ => {
            let text = value.text().filter(|text| Moment::parse(family, text).is_some());
            text.map(|text| Constant::Moment(family, text.into_owned()))
        }
    };
    constant.ok_or_else(|| format!("this is no {}", primitive.name()))
}

/// `[A-Za-z][A-Za-z0-9_]*`
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A name for the table from any text.
fn table_name(text: &str) -> String {
    let name = text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
    if is_name(&name) { name } else { format!("view_{name}") }
}

/// The version as `1.2.3`, which is what mappings have.
fn semver(version: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.len() < 10 && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts: Vec<&str> = version.split('.').collect();
    if parts.len() > 3 || !parts.iter().all(|part| is_number(part)) {
        return "1.0.0".to_owned();
    }
    parts.resize(3, "0");
    parts.join(".")
}

fn joined(path: &str, more: &str) -> String {
    match (path, more) {
        ("", more) => more.to_owned(),
        (path, "$this") => path.to_owned(),
        (path, more) => format!("{path}.{more}"),
    }
}

/// It begins with a name, so that it can follow on another path.
fn is_path(expr: &Expr) -> bool {
    match &expr.node {
        Node::Name(_) | Node::This | Node::Call(None, ..) => true,
        Node::Member(of, _) | Node::Call(Some(of), ..) | Node::At(of, _) => is_path(of),
        _ => false,
    }
}

/// The names in a path, for the keys of rows: `contact.telecom`.
fn label(expr: &Expr) -> String {
    fn names(expr: &Expr, out: &mut Vec<String>) {
        match &expr.node {
            Node::Name(name) => out.push(name.clone()),
            Node::Member(of, name) => {
                names(of, out);
                out.push(name.clone());
            }
            Node::Call(Some(of), ..) | Node::At(of, _) => names(of, out),
            _ => {}
        }
    }
    let mut found = Vec::new();
    names(expr, &mut found);
    let label = found.join(".");
    let is_plain = is_name(&label.replace('.', "_"));
    if is_plain && label.len() <= 100 { label } else { "row".to_owned() }
}
