//! One search criterion, `name[:modifier]=value,value`: how it is read and which indexed values answer it.

use axum::http::StatusCode;
use jiff::Timestamp;

use crate::index::{Index, Reference, System, Value, fold};
use crate::outcome::{Issue, Refusal};
use crate::parameters::{self, Kind, Parameter};
use crate::span::{Approximate, Instants, Prefix};

/// How many links a chained parameter (`patient.organization.name`, `_has`) may follow.
const MAX_HOPS: usize = 4;
/// How many alternatives one parameter may list.
const MAX_ALTERNATIVES: usize = 5_000;

#[derive(Debug)]
pub(crate) struct Criterion {
    /// Position in [`parameters::of_type`].
    pub(crate) parameter: usize,
    pub(crate) test: Test,
}

#[derive(Debug)]
pub(crate) enum Test {
    Missing(bool),
    /// Some value is one of these.
    Any(Vec<Wanted>),
    /// No value is one of these (`:not`): a resource without a value passes.
    None(Vec<Wanted>),
    /// The reference leads to a resource that meets one of these.
    Chain(Vec<(&'static str, Box<Criterion>)>),
    /// A resource of this type, whose reference parameter leads here, meets this.
    Has {
        ty: &'static str,
        reference: usize,
        criterion: Box<Criterion>,
    },
}

/// Why a criterion cannot be used.
pub(crate) enum Problem {
    /// There is no such parameter: left out, or refused under `handling=strict`.
    Unknown(Issue),
    /// It is there and the request is wrong.
    Refused(Refusal),
}

/// What a value is compared under.
pub(crate) struct Reading<'a> {
    /// The service's own base: references below it are as good as relative ones.
    pub(crate) base: &'a str,
    /// Ordering prefixes use the implicit precision of numbers.
    pub(crate) coarse: bool,
    /// `:not` leaves out what has no value.
    pub(crate) narrow_not: bool,
    pub(crate) texts: Texts,
    pub(crate) now: Timestamp,
}

/// What a service makes of texts before it compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texts {
    /// Small letters without accents.
    Small,
    /// Nothing.
    AsTheyAre,
    /// Capitals without accents, of which there may be two where a small letter was one.
    Capitals,
}

impl Criterion {
    /// `name` with its modifier, as in the query; `value` decoded.
    pub(crate) fn parse(ty: &'static str, name: &str, value: &str) -> Result<Self, Problem> {
        Self::parse_hop(ty, name, value, 0)
    }

    fn parse_hop(ty: &'static str, name: &str, value: &str, hops: usize) -> Result<Self, Problem> {
        if hops > MAX_HOPS {
            return Err(refused(name, format!("follows more than {MAX_HOPS} links")));
        }
        if let Some(rest) = name.strip_prefix("_has:") {
            return parse_has(ty, name, rest, value, hops);
        }
        if let Some((head, rest)) = name.split_once('.') {
            return parse_chain(ty, head, rest, value, hops);
        }
        let (plain, modifier) = name.split_once(':').map_or((name, None), |(name, modifier)| (name, Some(modifier)));
        let position = parameters::position(ty, plain).ok_or_else(|| unknown(ty, name))?;
        let parameter = &parameters::of_type(ty)[position];
        if modifier == Some("missing") {
            let missing = value.parse().map_err(|_| refused(name, "takes true or false"))?;
            return Ok(Self { parameter: position, test: Test::Missing(missing) });
        }
        let alternatives = split(value, ',');
        if alternatives.len() > MAX_ALTERNATIVES {
            return Err(refused(name, format!("lists more than {MAX_ALTERNATIVES} alternatives")));
        }
        let wanted = alternatives.iter().filter(|value| !value.is_empty());
        let wanted = wanted.map(|value| Wanted::parse(parameter, modifier, value)).collect::<Result<_, _>>();
        let wanted = wanted.map_err(|why| refused(name, why))?;
        let test = if modifier == Some("not") { Test::None(wanted) } else { Test::Any(wanted) };
        Ok(Self { parameter: position, test })
    }

    /// Whether it is about other resources.
    pub(crate) fn is_of_others(&self) -> bool {
        matches!(self.test, Test::Chain(_) | Test::Has { .. })
    }

    /// The ids that `_id` lists, if that is what this criterion is.
    pub(crate) fn ids(&self, ty: &str) -> Option<Vec<&str>> {
        let Test::Any(wanted) = &self.test else {
            return None;
        };
        if parameters::of_type(ty).get(self.parameter)?.name != "_id" {
            return None;
        }
        let id = |wanted| match wanted {
            &Wanted::Token { system: WantedSystem::Any, ref code } => code.as_deref(),
            _ => None,
        };
        wanted.iter().map(id).collect()
    }

    /// Whether a resource's own values pass. Criteria about other resources are the caller's.
    pub(crate) fn passes(&self, index: &Index, reading: &Reading<'_>) -> bool {
        let values = index.values(self.parameter);
        let any =
            |wanted: &[Wanted]| values.iter().any(|value| wanted.iter().any(|wanted| wanted.matches(value, reading)));
        match &self.test {
            Test::Missing(missing) => values.is_empty() == *missing,
            Test::Any(wanted) => any(wanted),
            Test::None(_) if reading.narrow_not && values.is_empty() => false,
            Test::None(wanted) => !any(wanted),
            Test::Chain(_) | Test::Has { .. } => false,
        }
    }
}

/// One alternative of a criterion.
#[derive(Debug)]
pub(crate) enum Wanted {
    Token { system: WantedSystem, code: Option<String> },
    Starts(Text),
    Contains(Text),
    Exact(String),
    Date(Prefix, Instants),
    Number(Prefix, Approximate),
    Quantity { prefix: Prefix, number: Approximate, system: Option<String>, code: Option<String> },
    Reference { reference: Reference, ty: Option<&'static str> },
    Uri(String),
}

/// A text as it was asked for, and without case and accents.
#[derive(Debug)]
pub(crate) struct Text {
    plain: String,
    folded: String,
}

impl Text {
    fn new(value: &str) -> Self {
        let plain = unescape(value);
        Self { folded: fold(&plain), plain }
    }
}

#[derive(Debug)]
pub(crate) enum WantedSystem {
    Any,
    None,
    Named(String),
}

impl Wanted {
    fn parse(parameter: &Parameter, modifier: Option<&str>, value: &str) -> Result<Self, String> {
        let unsupported = |modifier: &str| {
            Err(format!("the modifier `:{modifier}` is not supported on a {} parameter", parameter.kind.name()))
        };
        match (parameter.kind, modifier) {
            (Kind::Token, None | Some("not")) => Ok(Self::token(value)),
            (Kind::Text, None) => Ok(Wanted::Starts(Text::new(value))),
            (Kind::Text, Some("contains")) => Ok(Wanted::Contains(Text::new(value))),
            (Kind::Text, Some("exact")) => Ok(Wanted::Exact(unescape(value))),
            (Kind::Date, None) => Self::date(value),
            (Kind::Number, None) => Self::number(value),
            (Kind::Quantity, None) => Self::quantity(value),
            (Kind::Reference, None) => Ok(Self::reference(value, None)),
            (Kind::Reference, Some(modifier)) => match parameters::known_type(modifier) {
                Some(ty) if parameter.targets(ty) => Ok(Self::reference(value, Some(ty))),
                Some(ty) => Err(format!("this reference never leads to {ty}")),
                None => unsupported(modifier),
            },
            (Kind::Uri, None) => Ok(Wanted::Uri(unescape(value))),
            (_, Some(modifier)) => unsupported(modifier),
        }
    }

    fn token(value: &str) -> Self {
        let parts = split(value, '|');
        let filled = |text: &str| (!text.is_empty()).then(|| unescape(text));
        let [system, code] = parts.as_slice() else {
            return Wanted::Token { system: WantedSystem::Any, code: Some(unescape(value)) };
        };
        let named = filled(system).map_or(WantedSystem::None, WantedSystem::Named);
        Wanted::Token { system: named, code: filled(code) }
    }

    fn date(value: &str) -> Result<Self, String> {
        let (prefix, date) = Prefix::split(value);
        let range = Instants::parse(date).ok_or("needs a date such as ge2020-05 or lt2020-05-01T10:00:00Z")?;
        Ok(Wanted::Date(prefix, range))
    }

    fn number(value: &str) -> Result<Self, String> {
        let (prefix, number) = Prefix::split(value);
        Ok(Wanted::Number(prefix, Approximate::parse(number).ok_or("needs a number such as 5 or lt5.40")?))
    }

    fn quantity(value: &str) -> Result<Self, String> {
        let mut parts = split(value, '|').into_iter();
        let (prefix, number) = Prefix::split(parts.next().unwrap_or_default());
        let number =
            Approximate::parse(number).ok_or("needs a quantity such as ge5.4 or 5.4|http://unitsofmeasure.org|mg")?;
        let mut filled = || parts.next().filter(|part| !part.is_empty()).map(unescape);
        let (system, code) = (filled(), filled());
        if parts.next().is_some() {
            return Err("has more than number|system|code".to_owned());
        }
        Ok(Wanted::Quantity { prefix, number, system, code })
    }

    fn reference(value: &str, ty: Option<&'static str>) -> Self {
        let text = unescape(value);
        let mut reference = Reference::parse(&text);
        if reference.id.is_none() && crate::store::is_id(&text) {
            reference.id = Some(text.into());
        }
        Wanted::Reference { reference, ty }
    }

    pub(crate) fn matches(&self, value: &Value, reading: &Reading<'_>) -> bool {
        match (self, value) {
            (Wanted::Token { system, code }, Value::Token { system: own, code: own_code }) => {
                system.matches(own) && code.as_ref().is_none_or(|code| own_code.as_deref() == Some(code))
            }
            (Wanted::Starts(wanted), Value::Text { raw, folded }) => match reading.texts {
                Texts::Small => folded.starts_with(&wanted.folded),
                Texts::AsTheyAre => raw.starts_with(&wanted.plain),
                Texts::Capitals => folded.to_uppercase().starts_with(&wanted.folded.to_uppercase()),
            },
            (Wanted::Contains(wanted), Value::Text { raw, folded }) => match reading.texts {
                Texts::Small => folded.contains(&wanted.folded),
                Texts::AsTheyAre => raw.contains(&wanted.plain),
                Texts::Capitals => folded.to_uppercase().contains(&wanted.folded.to_uppercase()),
            },
            (Wanted::Exact(wanted), Value::Text { raw, .. }) => **raw == **wanted,
            (Wanted::Date(prefix, wanted), Value::Date(own)) => wanted.compare(*prefix, *own, reading.now),
            (Wanted::Number(prefix, wanted), Value::Number(own)) => wanted.compare(*prefix, *own, reading.coarse),
            (
                Wanted::Quantity { prefix, number, system, code },
                Value::Quantity { value, system: s, code: c, unit },
            ) => {
                number.compare(*prefix, *value, reading.coarse)
                    && system.as_ref().is_none_or(|system| s.as_deref() == Some(system))
                    && code.as_ref().is_none_or(|code| {
                        c.as_deref() == Some(code) || (system.is_none() && unit.as_deref() == Some(code))
                    })
            }
            (Wanted::Reference { reference, ty }, Value::Reference(own)) => leads_to(reference, *ty, own, reading.base),
            (Wanted::Uri(wanted), Value::Uri(own)) => **own == **wanted,
            _ => false,
        }
    }
}

impl WantedSystem {
    fn matches(&self, own: &System) -> bool {
        match (self, own) {
            (WantedSystem::Any, _) => true,
            (WantedSystem::None, own) => !matches!(own, System::Named(_)),
            (WantedSystem::Named(wanted), System::Named(own)) => **own == **wanted,
            (WantedSystem::Named(wanted), System::Implied(own)) => own.is_none_or(|own| own == wanted),
            (WantedSystem::Named(_), System::None) => false,
        }
    }
}

fn leads_to(wanted: &Reference, ty: Option<&str>, own: &Reference, base: &str) -> bool {
    let same_type = |wanted: Option<&str>| wanted.is_none_or(|wanted| own.ty == Some(wanted));
    match (own.local(base), wanted.id.as_deref()) {
        (Some((_, id)), Some(wanted_id)) if wanted.base.as_deref().is_none_or(|own| own == base) => {
            id == wanted_id && same_type(wanted.ty) && same_type(ty)
        }
        _ => !own.text.is_empty() && own.text == wanted.text && same_type(ty),
    }
}

fn parse_chain(ty: &'static str, head: &str, rest: &str, value: &str, hops: usize) -> Result<Criterion, Problem> {
    let (name, only) = head.split_once(':').map_or((head, None), |(name, only)| (name, Some(only)));
    let full = || format!("{head}.{rest}");
    let position = parameters::position(ty, name).ok_or_else(|| unknown(ty, &full()))?;
    let parameter = &parameters::of_type(ty)[position];
    if parameter.kind != Kind::Reference {
        return Err(refused(&full(), format!("`{name}` is not a reference, so it cannot be chained")));
    }
    let targets = parameters::types().iter().copied().filter(|target| parameter.targets(target));
    let mut alternatives = Vec::new();
    for target in targets.filter(|target| only.is_none_or(|only| only == *target)) {
        match Criterion::parse_hop(target, rest, value, hops + 1) {
            Ok(criterion) => alternatives.push((target, Box::new(criterion))),
            Err(Problem::Unknown(_)) => {}
            Err(refused) => return Err(refused),
        }
    }
    if alternatives.is_empty() {
        return Err(unknown(ty, &full()));
    }
    Ok(Criterion { parameter: position, test: Test::Chain(alternatives) })
}

/// `_has:Observation:patient:code=x`
fn parse_has(ty: &'static str, name: &str, rest: &str, value: &str, hops: usize) -> Result<Criterion, Problem> {
    let mut parts = rest.splitn(3, ':');
    let (Some(source), Some(link), Some(inner)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(refused(name, "needs the form _has:Type:reference:parameter"));
    };
    let source = parameters::known_type(source).ok_or_else(|| unknown(ty, name))?;
    let reference = parameters::position(source, link).ok_or_else(|| unknown(source, name))?;
    let parameter = &parameters::of_type(source)[reference];
    if parameter.kind != Kind::Reference || !parameter.targets(ty) {
        return Err(refused(name, format!("`{link}` of {source} never leads to {ty}")));
    }
    let criterion = Box::new(Criterion::parse_hop(source, inner, value, hops + 1)?);
    Ok(Criterion { parameter: 0, test: Test::Has { ty: source, reference, criterion } })
}

fn unknown(ty: &str, name: &str) -> Problem {
    let why = format!("The search parameter `{name}` is not known for {ty}; it was ignored");
    Problem::Unknown(Issue::ignored(name, why))
}

fn refused(name: &str, why: impl std::fmt::Display) -> Problem {
    let refusal = Refusal::new(StatusCode::BAD_REQUEST, "value", format!("The search parameter `{name}` {why}"));
    Problem::Refused(refusal.at(format!("http.{name}")))
}

/// Splits at a separator that no backslash escapes; escapes stay.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if c == separator && !escaped {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_hide_separators() {
        let parts: Vec<String> = split(r"a\,b,c\\,d\|e", ',').into_iter().map(unescape).collect();
        assert_eq!(parts, ["a,b", r"c\", "d|e"]);
        assert_eq!(split("", ','), [""]);
    }

    #[test]
    fn references_lead_where_they_say() {
        let base = "http://here/fhir";
        let check = |wanted: &str, stored: &str, expected: bool| {
            let Wanted::Reference { reference, ty } = Wanted::reference(wanted, None) else { panic!() };
            let own = Reference::parse(stored);
            assert_eq!(leads_to(&reference, ty, &own, base), expected, "{wanted} on {stored}");
        };
        check("Patient/1", "Patient/1", true);
        check("Patient/1", "Patient/1/_history/2", true);
        check("1", "Patient/1", true);
        check("http://here/fhir/Patient/1", "Patient/1", true);
        check("Patient/1", "http://here/fhir/Patient/1", true);
        check("Patient/1", "http://there/fhir/Patient/1", false);
        check("1", "http://there/fhir/Patient/1", false);
        check("http://there/fhir/Patient/1", "http://there/fhir/Patient/1", true);
        check("http://there/fhir/Patient/1", "Patient/1", false);
        check("Patient/1", "Group/1", false);
        check("urn:uuid:1", "urn:uuid:1", true);
        check("Patient/1", "Patient/11", false);
    }
}
