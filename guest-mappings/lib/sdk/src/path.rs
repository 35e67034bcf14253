//! Paths: the invertible subset of FHIRPath that says where a column lives.
//!
//! | form | reads | writes, where nothing is there yet |
//! |---|---|---|
//! | `a.b` | the member; of an array, its first element that is not null | an object |
//! | `a[1]`, `a.first()` | that element | an array, earlier places filled as absent data |
//! | `a.where(b.c = 'x' and d = true)` | the first element that has these values | an element with them |
//! | `name.current()`, `telecom.current(system='phone')` | the one that holds now, see [`Current`] | an element with these values |
//! | `value.ofType(Quantity)` | as `valueQuantity` | |
//! | `extension('url')` | the extension of that URL; of a primitive: `_birthDate.extension('url')` | an extension |
//! | `p \| q` | the first that is present | nothing: the column is read only |
//! | `modifierExtension.where(url='…')` | a modifier of that URL, as any `where` | a modifier |
//! | `$this` | the element itself, in a child table | itself |
//!
//! Each step settles on one element before the next one looks: a first phone without a number reads as
//! null, not as the second phone's number. A condition holds if any of the values on its left is the one on
//! its right. Paths are parsed at compile time; a mistake is a compile error.

use std::borrow::Cow;
use std::fmt;

use turntable_scan::{Kind, Value, number};

/// Steps of a path, all its alternatives together.
pub(crate) const MAX_STEPS: usize = 12;

/// A parsed path. `Path::parse` is const.
#[derive(Clone, Copy)]
pub struct Path {
    text: &'static str,
    steps: [Step; MAX_STEPS],
    len: u8,
}

/// One step, as spans of the path's text: names are not copied, so that a path stays small and const.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    kind: StepKind,
    start: u16,
    end: u16,
    /// [`StepKind::Choice`]: the type's span. [`StepKind::Index`]: the index in `extra_start`.
    extra_start: u16,
    extra_end: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StepKind {
    Member,
    Choice,
    Index,
    Where,
    /// [`Step::extra_start`]: which of [`Of::ALL`].
    Current,
    Extension,
    /// `$this`: moves nowhere.
    This,
    Or,
}

/// A step with its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    Member(Cow<'static, str>),
    Index(usize),
    Where(Conditions),
    Current(Current),
    Extension(&'static str),
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({:?})", self.text)
    }
}

impl Path {
    pub const fn parse(text: &'static str) -> Result<Self, &'static str> {
        let blank = Step { kind: StepKind::Or, start: 0, end: 0, extra_start: 0, extra_end: 0 };
        let mut path = Self { text, steps: [blank; MAX_STEPS], len: 0 };
        let bytes = text.as_bytes();
        if bytes.len() > u16::MAX as usize {
            return Err("the path is too long");
        }
        let mut at = skip_spaces(bytes, 0);
        if at == bytes.len() {
            return Ok(path);
        }
        loop {
            (path, at) = match alternative(path, bytes, at) {
                Ok(next) => next,
                Err(message) => return Err(message),
            };
            at = skip_spaces(bytes, at);
            if at == bytes.len() {
                return Ok(path);
            }
            if bytes[at] != b'|' {
                return Err("path: expected '.', '[', '|' or the end");
            }
            path = match path.with(StepKind::Or, at, at, 0, 0) {
                Ok(path) => path,
                Err(message) => return Err(message),
            };
            at = skip_spaces(bytes, at + 1);
        }
    }

    /// Nothing can be written through alternatives.
    pub const fn is_invertible(&self) -> bool {
        let mut i = 0;
        while i < self.len as usize {
            if matches!(self.steps[i].kind, StepKind::Or) {
                return false;
            }
            i += 1;
        }
        true
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Members only: `a`, `a.b`.
    pub(crate) const fn is_members(&self) -> bool {
        let mut i = 0;
        while i < self.len as usize {
            if !matches!(self.steps[i].kind, StepKind::Member) {
                return false;
            }
            i += 1;
        }
        self.len > 0
    }

    /// Starts with `$this`, in any of its alternatives.
    pub(crate) const fn has_this(&self) -> bool {
        let mut i = 0;
        while i < self.len as usize {
            if matches!(self.steps[i].kind, StepKind::This) {
                return true;
            }
            i += 1;
        }
        false
    }

    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// The alternatives, each as its moves.
    pub fn alternatives(&self) -> impl Iterator<Item = impl Iterator<Item = Move>> {
        let text = self.text;
        self.steps[..self.len as usize]
            .split(|step| step.kind == StepKind::Or)
            .map(move |steps| steps.iter().filter_map(move |step| step.moves(text)))
    }

    /// The moves of a path without alternatives.
    pub fn moves(&self) -> Vec<Move> {
        self.alternatives().next().map(Iterator::collect).unwrap_or_default()
    }

    const fn with(
        mut self,
        kind: StepKind,
        start: usize,
        end: usize,
        extra_start: usize,
        extra_end: usize,
    ) -> Result<Self, &'static str> {
        if self.len as usize == MAX_STEPS {
            return Err("the path has too many steps (limit 12)");
        }
        self.steps[self.len as usize] = Step {
            kind,
            start: start as u16,
            end: end as u16,
            extra_start: extra_start as u16,
            extra_end: extra_end as u16,
        };
        self.len += 1;
        Ok(self)
    }
}

impl Step {
    fn moves(&self, text: &'static str) -> Option<Move> {
        let own = &text[self.start as usize..self.end as usize];
        Some(match self.kind {
            StepKind::Member => Move::Member(Cow::Borrowed(own)),
            StepKind::Choice => {
                let kind = &text[self.extra_start as usize..self.extra_end as usize];
                Move::Member(Cow::Owned(choice_name(own, kind)))
            }
            StepKind::Index => Move::Index(self.extra_start as usize),
            StepKind::Where => Move::Where(Conditions { text: own }),
            StepKind::Current => {
                Move::Current(Current { of: Of::ALL[self.extra_start as usize], conditions: Conditions { text: own } })
            }
            StepKind::Extension => Move::Extension(own),
            StepKind::This | StepKind::Or => return None,
        })
    }
}

/// `value` and `Quantity`, or `string`, to `valueQuantity`, `valueString`.
pub fn choice_name(base: &str, kind: &str) -> String {
    let mut name = String::with_capacity(base.len() + kind.len());
    name.push_str(base);
    let mut characters = kind.chars();
    name.extend(characters.next().map(|first| first.to_ascii_uppercase()));
    name.push_str(characters.as_str());
    name
}

/// What stands in a `where(…)`: `a.b = 'x' and c = true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    text: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Member names from the element down.
    pub path: &'static str,
    pub literal: Literal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literal {
    Text(&'static str),
    /// `true`, `false` or a number, as in JSON.
    Bare(&'static str),
}

impl Conditions {
    pub fn iter(self) -> impl Iterator<Item = Condition> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let span = condition(self.text.as_bytes(), at).ok()?;
            at = span.next;
            let literal = &self.text[span.literal.0..span.literal.1];
            Some(Condition {
                path: &self.text[span.path.0..span.path.1],
                literal: if span.quoted { Literal::Text(literal) } else { Literal::Bare(literal) },
            })
        })
    }
}

/// Which of several names, addresses or contact points holds now, of those that meet the conditions; none means all.
///
/// There is no clock in a mapping, so that the same resource gives the same row tomorrow: what says when it ended comes
/// after what does not. In this order, each only among those that are equal so far, the first in the list at last:
///
/// - names: not `old` and not `maiden`, while another stands; without an end of their period; `official`, `usual`, others.
/// - addresses: never `old`; without an end of their period; `home` or `work`, others.
/// - contact points: never `old`; without an end of their period; the smallest `rank`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    pub of: Of,
    pub conditions: Conditions,
}

/// What [`Current`] chooses of, by the member that holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Name,
    Address,
    Telecom,
}

/// What speaks for an element, or against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Member names from the element down.
    pub path: &'static str,
    /// The text that has to be there; none: any text.
    pub is: Option<&'static str>,
    /// All that apply are added; the least is chosen.
    pub weight: i16,
}

/// With this weight or more an element is none of those that are chosen of.
pub(crate) const NEVER: i16 = 1 << 12;

/// Of equal weight the one with the smallest number is chosen, where these are contact points.
pub const RANK: &str = "rank";

const fn use_is(code: &'static str, weight: i16) -> Weight {
    Weight { path: "use", is: Some(code), weight }
}

const HAS_ENDED: Weight = Weight { path: "period.end", is: None, weight: 8 };

const NAME: &[Weight] =
    &[HAS_ENDED, use_is("old", 16), use_is("maiden", 16), use_is("official", -2), use_is("usual", -1)];

const ADDRESS: &[Weight] = &[HAS_ENDED, use_is("old", NEVER), use_is("home", -1), use_is("work", -1)];

const TELECOM: &[Weight] = &[HAS_ENDED, use_is("old", NEVER)];

impl Of {
    const ALL: [Self; 3] = [Self::Name, Self::Address, Self::Telecom];

    /// The member that holds them.
    const fn member(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Address => "address",
            Self::Telecom => "telecom",
        }
    }

    pub const fn weights(self) -> &'static [Weight] {
        match self {
            Self::Name => NAME,
            Self::Address => ADDRESS,
            Self::Telecom => TELECOM,
        }
    }

    pub const fn is_ranked(self) -> bool {
        matches!(self, Self::Telecom)
    }
}

/// A rank as R4 has it, of a number as it stands; the last of all where it is none.
pub(crate) fn rank_of(number: Option<&str>) -> u32 {
    number.and_then(|number| number.parse().ok()).filter(|rank| *rank > 0).unwrap_or(u32::MAX)
}

impl Current {
    /// How much speaks against an element; none for one that is not chosen of.
    fn against<'a, E: Element<'a>>(self, element: E) -> Option<(i16, u32)> {
        if element.kind() != Kind::Object || !self.conditions.hold(element) {
            return None;
        }
        let applies = |weight: &&Weight| {
            let is = |value: E| value.text().is_some_and(|own| weight.is.is_none_or(|text| own == text));
            reached(element, weight.path).into_iter().any(is)
        };
        let weight = self.of.weights().iter().filter(applies).map(|weight| weight.weight).sum::<i16>();
        let rank = element.get(RANK).filter(|rank| rank.kind() == Kind::Number && self.of.is_ranked());
        (weight < NEVER).then(|| (weight, rank_of(rank.and_then(E::bare))))
    }
}

/// What the text of a resource and its editable tree have in common: one can look into them.
pub(crate) trait Element<'a>: Copy {
    fn kind(self) -> Kind;
    /// A member of an object.
    fn get(self, name: &str) -> Option<Self>;
    /// The elements of an array, nulls included.
    fn items(self) -> impl Iterator<Item = Self>;
    /// The characters of a string.
    fn text(self) -> Option<Cow<'a, str>>;
    /// A number, `true` or `false` as it stands.
    fn bare(self) -> Option<&'a str>;
}

impl<'a> Element<'a> for Value<'a> {
    fn kind(self) -> Kind {
        Value::kind(self)
    }

    fn get(self, name: &str) -> Option<Self> {
        Value::get(self, name)
    }

    fn items(self) -> impl Iterator<Item = Self> {
        Value::items(self)
    }

    fn text(self) -> Option<Cow<'a, str>> {
        Value::text(self)
    }

    fn bare(self) -> Option<&'a str> {
        matches!(self.kind(), Kind::Number | Kind::True | Kind::False).then(|| self.raw())
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<E> {
    pub(crate) element: E,
    /// The object that the last member was taken from.
    pub(crate) container: E,
    /// Somewhere on the way there were several elements where the path has room for one.
    pub(crate) repeated: bool,
}

/// Follows `moves` from `root`. Null counts as absent.
pub(crate) fn find<'a, E: Element<'a>>(root: E, moves: impl IntoIterator<Item = Move>) -> Option<Found<E>> {
    let mut found = Found { element: root, container: root, repeated: false };
    for step in moves {
        found.element = match step {
            Move::Member(name) => {
                if found.element.kind() == Kind::Array {
                    found.repeated |= has_several(found.element);
                    found.element = present(found.element)?;
                }
                found.container = found.element;
                found.element.get(&name)?
            }
            Move::Index(index) => match found.element.kind() {
                Kind::Array => found.element.items().nth(index)?,
                _ if index == 0 => found.element,
                _ => return None,
            },
            Move::Where(conditions) => matching(found.element, conditions)?,
            Move::Current(current) => self::current(found.element, current)?,
            Move::Extension(url) => extension(found.element, url)?,
        };
        if found.element.kind() == Kind::Null {
            return None;
        }
    }
    Some(found)
}

/// The first element of an array that is not null; what is no array, itself.
pub(crate) fn present<'a, E: Element<'a>>(element: E) -> Option<E> {
    match element.kind() {
        Kind::Array => element.items().find(|item| item.kind() != Kind::Null),
        _ => Some(element),
    }
}

pub(crate) fn has_several<'a, E: Element<'a>>(element: E) -> bool {
    element.items().filter(|item| item.kind() != Kind::Null).nth(1).is_some()
}

pub(crate) fn matching<'a, E: Element<'a>>(element: E, conditions: Conditions) -> Option<E> {
    match element.kind() {
        Kind::Array => element.items().find(|item| conditions.hold(*item)),
        _ => conditions.hold(element).then_some(element),
    }
}

pub(crate) fn current<'a, E: Element<'a>>(element: E, current: Current) -> Option<E> {
    match element.kind() {
        Kind::Array => {
            let chosen = element.items().filter_map(|item| Some((current.against(item)?, item)));
            chosen.min_by_key(|(against, _)| *against).map(|(_, item)| item)
        }
        _ => current.against(element).map(|_| element),
    }
}

pub(crate) fn extension<'a, E: Element<'a>>(element: E, url: &str) -> Option<E> {
    let extensions = present_object(element)?.get("extension")?;
    extensions.items().find(|item| item.get("url").and_then(E::text).is_some_and(|own| own == url))
}

fn present_object<'a, E: Element<'a>>(element: E) -> Option<E> {
    present(element).filter(|element| element.kind() == Kind::Object)
}

impl Conditions {
    fn hold<'a, E: Element<'a>>(self, element: E) -> bool {
        element.kind() == Kind::Object && self.iter().all(|condition| condition.holds(element))
    }
}

impl Condition {
    /// Whether any value that the path leads to is the literal.
    fn holds<'a, E: Element<'a>>(self, element: E) -> bool {
        reached(element, self.path).into_iter().any(|value| match self.literal {
            Literal::Text(text) => value.text().is_some_and(|own| own == text),
            Literal::Bare(bare) => value
                .bare()
                .is_some_and(|own| own == bare || number::compare(own, bare) == Some(std::cmp::Ordering::Equal)),
        })
    }
}

/// All values that member names lead to, through lists.
fn reached<'a, E: Element<'a>>(element: E, path: &str) -> Vec<E> {
    let mut reached = vec![element];
    for name in path.split('.') {
        reached = reached.into_iter().filter_map(|element| element.get(name)).flat_map(spread).collect();
    }
    reached
}

fn spread<'a, E: Element<'a>>(element: E) -> Vec<E> {
    match element.kind() {
        Kind::Array => element.items().collect(),
        _ => vec![element],
    }
}

const fn alternative(mut path: Path, bytes: &[u8], start: usize) -> Result<(Path, usize), &'static str> {
    let mut at = start;
    if at < bytes.len() && bytes[at] == b'$' {
        let end = skip_name(bytes, at + 1);
        if !is(bytes, at, end, b"$this") {
            return Err("path: of FHIRPath's variables only $this is known");
        }
        path = match path.with(StepKind::This, at, end, 0, 0) {
            Ok(path) => path,
            Err(message) => return Err(message),
        };
        if end == bytes.len() || bytes[end] != b'.' {
            return Ok((path, end));
        }
        at = end + 1;
    }
    loop {
        let name_end = skip_name(bytes, at);
        if name_end == at {
            return Err("path: expected a member name");
        }
        let call = name_end < bytes.len() && bytes[name_end] == b'(';
        let step = if call { function(path, bytes, at, name_end) } else { member(path, at, name_end) };
        (path, at) = match step {
            Ok(next) => next,
            Err(message) => return Err(message),
        };
        while at < bytes.len() && bytes[at] == b'[' {
            (path, at) = match index(path, bytes, at) {
                Ok(next) => next,
                Err(message) => return Err(message),
            };
        }
        if at == bytes.len() || bytes[at] != b'.' {
            return Ok((path, at));
        }
        at += 1;
    }
}

const fn member(path: Path, start: usize, end: usize) -> Result<(Path, usize), &'static str> {
    match path.with(StepKind::Member, start, end, 0, 0) {
        Ok(path) => Ok((path, end)),
        Err(message) => Err(message),
    }
}

const fn index(path: Path, bytes: &[u8], open: usize) -> Result<(Path, usize), &'static str> {
    let mut at = open + 1;
    let mut value = 0;
    while at < bytes.len() && bytes[at].is_ascii_digit() {
        value = value * 10 + (bytes[at] - b'0') as usize;
        if value > MAX_INDEX {
            return Err("path: the index is too large (limit 99)");
        }
        at += 1;
    }
    if at == open + 1 || at == bytes.len() || bytes[at] != b']' {
        return Err("path: expected a number and ']'");
    }
    match path.with(StepKind::Index, open, open, value, 0) {
        Ok(path) => Ok((path, at + 1)),
        Err(message) => Err(message),
    }
}

/// Writing `a[n]` where `a` is empty fills the places before it: a limit against a slip of the pen.
pub(crate) const MAX_INDEX: usize = 99;

/// `first()`, `where(…)`, `current(…)`, `ofType(…)`, `extension('…')`; `name` is the span before the bracket.
const fn function(path: Path, bytes: &[u8], name: usize, open: usize) -> Result<(Path, usize), &'static str> {
    let close = match closing(bytes, open) {
        Some(close) => close,
        None => return Err("path: a bracket is not closed"),
    };
    let path = if is(bytes, name, open, b"first") {
        if path.len == 0 || close != open + 1 {
            return Err("path: first() follows an element and takes nothing");
        }
        path.with(StepKind::Index, open, open, 0, 0)
    } else if is(bytes, name, open, b"where") {
        if path.len == 0 {
            return Err("path: where(...) follows an element");
        }
        match conditions(bytes, open + 1, close) {
            Ok(()) => path.with(StepKind::Where, open + 1, close, 0, 0),
            Err(message) => Err(message),
        }
    } else if is(bytes, name, open, b"current") {
        current_of(path, bytes, open + 1, close)
    } else if is(bytes, name, open, b"ofType") {
        of_type(path, bytes, open + 1, close)
    } else if is(bytes, name, open, b"extension") {
        let quoted = close > open + 3 && bytes[open + 1] == b'\'' && bytes[close - 1] == b'\'';
        if !quoted {
            return Err("path: extension('url') takes a URL in single quotes");
        }
        path.with(StepKind::Extension, open + 2, close - 1, 0, 0)
    } else {
        Err(
            "path: this function cannot be inverted; known are first(), where(...), current(...), ofType(...), extension('...')",
        )
    };
    match path {
        Ok(path) => Ok((path, close + 1)),
        Err(message) => Err(message),
    }
}

/// After `name`, `address` or `telecom`, with conditions or without.
const fn current_of(path: Path, bytes: &[u8], start: usize, end: usize) -> Result<Path, &'static str> {
    if start < end
        && let Err(message) = conditions(bytes, start, end)
    {
        return Err(message);
    }
    let mut of = 0;
    while path.len > 0 && of < Of::ALL.len() {
        let before = path.steps[path.len as usize - 1];
        let member = Of::ALL[of].member().as_bytes();
        if matches!(before.kind, StepKind::Member) && is(bytes, before.start as usize, before.end as usize, member) {
            return path.with(StepKind::Current, start, end, of, 0);
        }
        of += 1;
    }
    Err("path: current(...) follows name, address or telecom")
}

/// Turns the member before into the choice element of that type.
const fn of_type(mut path: Path, bytes: &[u8], start: usize, end: usize) -> Result<Path, &'static str> {
    if start == end || skip_name(bytes, start) != end {
        return Err("path: ofType(...) takes a type name");
    }
    if path.len == 0 || !matches!(path.steps[path.len as usize - 1].kind, StepKind::Member) {
        return Err("path: ofType(...) follows a choice element, as in value.ofType(Quantity)");
    }
    let step = &mut path.steps[path.len as usize - 1];
    step.kind = StepKind::Choice;
    step.extra_start = start as u16;
    step.extra_end = end as u16;
    Ok(path)
}

const fn conditions(bytes: &[u8], start: usize, end: usize) -> Result<(), &'static str> {
    // `condition` reads to the end of what it is given.
    let (bytes, _) = bytes.split_at(end);
    let mut at = start;
    loop {
        at = match condition(bytes, at) {
            Ok(span) => span.next,
            Err(message) => return Err(message),
        };
        if at == end {
            return Ok(());
        }
    }
}

struct ConditionSpan {
    path: (usize, usize),
    literal: (usize, usize),
    quoted: bool,
    /// Where the next condition starts, after `and`; the end after the last one.
    next: usize,
}

/// One condition and the `and` after it.
const fn condition(bytes: &[u8], start: usize) -> Result<ConditionSpan, &'static str> {
    let path_start = skip_spaces(bytes, start);
    let mut path_end = path_start;
    loop {
        let name_end = skip_name(bytes, path_end);
        if name_end == path_end {
            return Err("path: a condition compares members with a constant: where(use = 'official')");
        }
        path_end = name_end;
        if path_end == bytes.len() || bytes[path_end] != b'.' {
            break;
        }
        path_end += 1;
    }
    let mut at = skip_spaces(bytes, path_end);
    if at == bytes.len() || bytes[at] != b'=' {
        return Err("path: a condition is an equality: where(use = 'official')");
    }
    at = skip_spaces(bytes, at + 1);
    let quoted = at < bytes.len() && bytes[at] == b'\'';
    let literal = if quoted {
        let mut end = at + 1;
        while end < bytes.len() && bytes[end] != b'\'' {
            if bytes[end] == b'\\' {
                return Err("path: a constant with a backslash is not supported");
            }
            end += 1;
        }
        if end == bytes.len() {
            return Err("path: a quote is not closed");
        }
        (at + 1, end)
    } else {
        let mut end = at;
        while end < bytes.len() && (bytes[end].is_ascii_alphanumeric() || matches!(bytes[end], b'-' | b'.')) {
            end += 1;
        }
        if !is(bytes, at, end, b"true") && !is(bytes, at, end, b"false") && !is_plain_number(bytes, at, end) {
            return Err("path: a constant is a text in single quotes, true, false or a number");
        }
        (at, end)
    };
    at = skip_spaces(bytes, if quoted { literal.1 + 1 } else { literal.1 });
    if at < bytes.len() {
        if at + 4 > bytes.len() || !is(bytes, at, at + 3, b"and") || bytes[at + 3] != b' ' {
            return Err("path: conditions are joined by 'and'");
        }
        at = skip_spaces(bytes, at + 3);
        if at == bytes.len() {
            return Err("path: a condition is missing after 'and'");
        }
    }
    Ok(ConditionSpan { path: (path_start, path_end), literal, quoted, next: at })
}

const fn is_plain_number(bytes: &[u8], start: usize, end: usize) -> bool {
    let mut at = if start < end && bytes[start] == b'-' { start + 1 } else { start };
    let first = at;
    let mut points = 0;
    while at < end {
        if bytes[at] == b'.' {
            points += 1;
            if at == first || at + 1 == end {
                return false;
            }
        } else if !bytes[at].is_ascii_digit() {
            return false;
        }
        at += 1;
    }
    at > first && points < 2 && (bytes[first] != b'0' || first + 1 == end || bytes[first + 1] == b'.')
}

/// The bracket that closes the one at `open`, quotes respected.
const fn closing(bytes: &[u8], open: usize) -> Option<usize> {
    let mut quoted = false;
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\'' => quoted = !quoted,
            b')' if !quoted => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

const fn is(bytes: &[u8], start: usize, end: usize, word: &[u8]) -> bool {
    if end - start != word.len() {
        return false;
    }
    let mut i = 0;
    while i < word.len() {
        if bytes[start + i] != word[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn skip_name(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
        at += 1;
    }
    at
}

const fn skip_spaces(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] == b' ' {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use turntable_scan::Document;

    #[test]
    fn parses_or_says_why() {
        for good in [
            "",
            "status",
            "name[0].given[1]",
            "name.first().family",
            "identifier.where(type.coding.code='MR').value",
            "telecom.where(system = 'phone' and use='home' and rank = 1 and x = true).value",
            "value.ofType(Quantity).value",
            "_birthDate.extension('http://hl7.org/fhir/StructureDefinition/patient-birthTime').valueDateTime",
            "extension('http://x/y(z)').value.ofType(string)",
            "name.current().given[0]",
            "contact[0].telecom.current(system='phone' and use='home').value",
            "code.text | code.coding[0].display",
            "$this",
            "$this.where(use='home').value | $this",
        ] {
            assert!(Path::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            (".a", "member name"),
            ("a.", "member name"),
            ("a..b", "member name"),
            ("a[x]", "expected a number"),
            ("a[100]", "too large"),
            ("a[1", "expected a number"),
            ("a b", "expected '.'"),
            ("a |", "member name"),
            ("first()", "follows an element"),
            ("where(a='b')", "follows an element"),
            ("a.where(b>'c')", "equality"),
            ("a.where(b='c' or d='e')", "joined by 'and'"),
            ("a.where(b='c' and )", "missing after"),
            ("a.where(b=c)", "a constant is"),
            ("a.where(b='c)", "not closed"),
            ("a.where()", "compares members"),
            ("a[0].ofType(x)", "follows a choice element"),
            ("a.current()", "follows name"),
            ("current()", "follows name"),
            ("name[0].current()", "follows name"),
            ("telecom.current(system)", "equality"),
            ("a.resolve()", "cannot be inverted"),
            ("a.extension(x)", "single quotes"),
            ("$resource.a", "only $this"),
            ("$this[0]", "expected '.'"),
            ("a.$this", "member name"),
            ("a.b.c.d.e.f.g.h.i.j.k.l.m", "too many steps"),
        ] {
            assert!(Path::parse(bad).is_err_and(|message| message.contains(why)), "{bad}");
        }
    }

    #[test]
    fn finds_the_first_match() {
        let text = br#"{
            "a": {"b": [null, {"c": 1}, {"c": 2}], "d": "x"},
            "name": [{"use": "usual", "given": ["A", null, "B"]}, {"use": "official", "given": [null, "C"]}],
            "identifier": [{"value": "0"}, {"type": {"coding": [{"code": "X"}, {"code": "MR"}]}, "value": "1"}],
            "telecom": [{"system": "email"}, {"system": "phone", "rank": 2, "ok": true}, {"system": "phone", "value": "9"}],
            "valueQuantity": {"value": 72.10}, "n": null,
            "extension": [{"url": "u", "valueString": "e"}]
        }"#;
        let document = Document::parse(text).expect("JSON");
        for (path, expected) in [
            ("a.d", Some("\"x\"")),
            ("a.b.c", Some("1")),
            ("a.b[0].c", None),
            ("a.b[2].c", Some("2")),
            ("a[0].d", Some("\"x\"")),
            ("a[1].d", None),
            ("a.d.e", None),
            ("n", None),
            ("n.x", None),
            ("name.where(use='official').given[0]", None),
            ("name.where(use='official').given[1]", Some("\"C\"")),
            ("name.first().given[2]", Some("\"B\"")),
            ("identifier.where(type.coding.code='MR').value", Some("\"1\"")),
            ("telecom.where(system='phone').value", None),
            ("telecom.where(system='phone' and rank=2.0 and ok=true).rank", Some("2")),
            ("telecom.where(system='fax').rank", None),
            ("value.ofType(Quantity).value", Some("72.10")),
            ("extension('u').value.ofType(string)", Some("\"e\"")),
            ("extension('v').valueString", None),
            ("d.x | valueQuantity.value | a.d", Some("72.10")),
            ("$this.a.d", Some("\"x\"")),
        ] {
            let path = Path::parse(path).expect(path);
            let found = path.alternatives().find_map(|moves| find(document.root(), moves));
            assert_eq!(found.map(|found| found.element.raw()), expected, "{path:?}");
        }
    }

    #[test]
    fn what_holds_now_is_chosen_by_use_and_period() {
        let check = |path: &'static str, text: &str, expected: Option<&str>| {
            let text = format!("{{{text}}}");
            let document = Document::parse(text.as_bytes()).expect("JSON");
            let moves = Path::parse(path).expect(path).moves();
            let found = find(document.root(), moves).map(|found| found.element.raw().trim_matches('"'));
            assert_eq!(found, expected, "{path} {text}");
        };
        let name = |names: &str, expected| check("name.current().text", &format!("\"name\":{names}"), expected);
        name(r#"[{"use":"old","text":"A"},{"use":"official","text":"B"}]"#, Some("B"));
        name(r#"[{"text":"A"},{"use":"usual","text":"B"},{"use":"official","text":"C"}]"#, Some("C"));
        name(r#"[{"text":"A"},{"use":"usual","text":"B"}]"#, Some("B"));
        name(r#"[{"use":"nickname","text":"A"},{"text":"B"}]"#, Some("A"));
        name(r#"[{"use":"official","text":"A","period":{"end":"2001"}},{"use":"temp","text":"B"}]"#, Some("B"));
        name(r#"[{"use":"maiden","text":"A"},{"use":"usual","text":"B","period":{"end":"2001"}}]"#, Some("B"));
        name(r#"[null,{"use":"old","text":"A"}]"#, Some("A"));
        name(r#"[{"use":"old"},{"use":"usual"}]"#, None);
        name(r#"{"use":"old","text":"A"}"#, Some("A"));
        let address = |list: &str, expected| check("address.current().city", &format!("\"address\":{list}"), expected);
        address(
            r#"[{"use":"old","city":"A"},{"city":"B"},{"use":"work","city":"C"},{"use":"home","city":"D"}]"#,
            Some("C"),
        );
        address(r#"[{"use":"home","city":"A","period":{"end":"2001"}},{"use":"billing","city":"B"}]"#, Some("B"));
        address(r#"[{"use":"old","city":"A"}]"#, None);
        let phone = |list: &str, expected| {
            check("telecom.current(system='phone').value", &format!("\"telecom\":{list}"), expected);
        };
        phone(
            r#"[{"system":"email","value":"A","rank":1},{"system":"phone","value":"B"},{"system":"phone","value":"C","rank":2}]"#,
            Some("C"),
        );
        phone(
            r#"[{"system":"phone","value":"A","rank":1,"use":"old"},{"system":"phone","value":"B","rank":0}]"#,
            Some("B"),
        );
        phone(r#"[{"system":"phone","value":"A","rank":3},{"system":"phone","value":"B","rank":12}]"#, Some("A"));
        phone(
            r#"[{"system":"phone","value":"A","rank":1,"period":{"end":"2001"}},{"system":"phone","value":"B"}]"#,
            Some("B"),
        );
    }
}
