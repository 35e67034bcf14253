//! The search of a conditional request (FHIR R4 3.1.0.8.1, 3.1.0.11.2: `ifNoneExist`, `Type?query`), answered on
//! resources themselves. Only what can be answered exactly is taken: a condition that finds too much would point one
//! patient's data at another, one that finds too little would make a resource twice.

use std::collections::HashMap;

use turntable_r4::r4;
use turntable_scan::{Document, Kind, Value};

use crate::model::error::{Code, Error, Result};

/// All of its parameters must be met.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    pub resource_type: String,
    parameters: Vec<Parameter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Parameter {
    elements: Vec<Element>,
    /// One of these must be there.
    any: Vec<Wanted>,
}

/// Where in the resource, and of what type it is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Element {
    path: Vec<String>,
    kind: String,
}

/// One value of a parameter, unescaped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    system: System,
    /// None: any.
    text: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum System {
    Any,
    None,
    Is(String),
}

/// Types of elements that a token or a URI is compared with exactly.
const COMPARED: [&str; 10] =
    ["Identifier", "Coding", "CodeableConcept", "code", "boolean", "id", "uri", "url", "canonical", "oid"];

impl Condition {
    /// Of a query without its question mark. `NotSupported` for what is not answered here, by name; `BadRequest` for
    /// what is no query.
    pub fn parse(resource_type: &str, query: &str) -> Result<Self> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let parameters = pairs.map(|pair| parameter(resource_type, pair)).collect::<Result<Vec<_>>>()?;
        if parameters.is_empty() {
            return Err(Error::new(Code::BadRequest, "its condition has no search parameter"));
        }
        Ok(Self { resource_type: resource_type.to_owned(), parameters })
    }

    /// Whether a resource of the type meets it that has or will have this id, whatever it says itself.
    fn is_met_by(&self, resource: Value<'_>, id: &str) -> bool {
        self.parameters.iter().all(|parameter| {
            parameter.elements.iter().any(|element| {
                if element.kind == "id" {
                    return parameter.any.iter().any(|wanted| wanted.text.as_deref() == Some(id));
                }
                let mut found = Vec::new();
                collect(resource, &element.path, &mut found);
                found.into_iter().any(|value| parameter.any.iter().any(|wanted| wanted.is(value, &element.kind)))
            })
        })
    }

    /// Texts of which every resource that meets it has one, unless it writes escapes. None: it cannot be said.
    pub fn marks(&self) -> Option<Vec<&str>> {
        // A boolean is no text.
        let texts = |parameter: &&Parameter| parameter.elements.iter().all(|element| element.kind != "boolean");
        self.parameters.iter().filter(texts).find_map(|parameter| parameter.any.iter().map(Wanted::mark).collect())
    }
}

/// Conditions on one type, asked of many resources.
#[derive(Debug, Default)]
pub struct Conditions {
    all: Vec<Condition>,
    by_mark: HashMap<String, Vec<usize>>,
    /// Those without marks are asked of every resource.
    unmarked: Vec<usize>,
}

impl Conditions {
    pub fn new(all: Vec<Condition>) -> Self {
        let (mut by_mark, mut unmarked) = (HashMap::<String, Vec<usize>>::new(), Vec::new());
        for (index, condition) in all.iter().enumerate() {
            match condition.marks() {
                Some(marks) => marks.iter().for_each(|mark| by_mark.entry((*mark).to_owned()).or_default().push(index)),
                None => unmarked.push(index),
            }
        }
        Self { all, by_mark, unmarked }
    }

    pub fn all(&self) -> &[Condition] {
        &self.all
    }

    /// If they are few: texts of which every resource that meets any of them has one, unless it writes escapes.
    pub fn marks(&self, most: usize) -> Vec<String> {
        let few = self.unmarked.is_empty() && self.by_mark.len() <= most;
        if few { self.by_mark.keys().cloned().collect() } else { Vec::new() }
    }

    /// Those that a resource meets that has or will have this id, by their places.
    pub fn met_by(&self, resource: &Document<'_>, id: &str) -> Vec<usize> {
        let strings = (0..).map_while(|at| resource.at(at)).filter_map(Value::text);
        let marked = strings.filter_map(|text| self.by_mark.get(text.as_ref())).flatten();
        let by_id = self.by_mark.get(id).into_iter().flatten();
        let mut asked: Vec<usize> = marked.chain(by_id).chain(&self.unmarked).copied().collect();
        asked.sort_unstable();
        asked.dedup();
        asked.retain(|index| self.all.get(*index).is_some_and(|condition| condition.is_met_by(resource.root(), id)));
        asked
    }
}

impl Wanted {
    /// `system|code`, `|code`, `system|` or `code`.
    fn token(text: &str) -> Self {
        let parts = split_unescaped(text, '|');
        let (system, code) = match parts.split_first() {
            Some((first, [_, ..])) => {
                let system = unescaped(first);
                (if system.is_empty() { System::None } else { System::Is(system) }, &text[first.len() + 1..])
            }
            _ => (System::Any, text),
        };
        let code = unescaped(code);
        Self { system, text: (!code.is_empty()).then_some(code) }
    }

    fn is_empty(&self) -> bool {
        self.text.is_none() && !matches!(self.system, System::Is(_))
    }

    fn mark(&self) -> Option<&str> {
        let plain = |text: &&str| !text.bytes().any(|b| b < b' ' || matches!(b, b'"' | b'\\'));
        self.text.as_deref().filter(plain)
    }

    fn is(&self, value: Value<'_>, kind: &str) -> bool {
        match kind {
            "Identifier" => self.is_pair(value.get("system"), value.get("value")),
            "Coding" => self.is_pair(value.get("system"), value.get("code")),
            "CodeableConcept" => {
                let codings = value.get("coding").into_iter().flat_map(Value::items);
                codings.into_iter().any(|coding| self.is_pair(coding.get("system"), coding.get("code")))
            }
            "boolean" => {
                let text = value.boolean().map(|is| if is { "true" } else { "false" });
                text.is_some() && text == self.text.as_deref()
            }
            _ => value.text().is_some_and(|own| self.text.as_deref() == Some(own.as_ref())),
        }
    }

    fn is_pair(&self, system: Option<Value<'_>>, text: Option<Value<'_>>) -> bool {
        let is = |value: Option<Value<'_>>, wanted: &str| value.is_some_and(|value| value.is(wanted));
        let system = match &self.system {
            System::Any => true,
            System::None => system.is_none_or(Value::is_null),
            System::Is(wanted) => is(system, wanted),
        };
        system && self.text.as_deref().is_none_or(|wanted| is(text, wanted))
    }
}

/// One `name=value` of a query.
fn parameter(resource_type: &str, pair: &str) -> Result<Parameter> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let (name, value) = (decoded(name)?, decoded(value)?);
    let unanswered = |why: &str| {
        Error::new(Code::NotSupported, format!("its condition asks by `{}`, {why}", printable(&name))).hint(
            "conditions are answered here for `_id`, and for tokens and URIs of one element, above all `identifier`; \
                   a FHIR service may answer more: forward the bundle",
        )
    };
    if let Some((_, modifier)) = name.split_once(':') {
        return Err(unanswered(&format!("and the modifier `{}` is not answered here", printable(modifier))));
    }
    let Some(known) = r4().parameter(resource_type, &name) else {
        return Err(unanswered(&format!("which is no search parameter of {resource_type} in R4")));
    };
    let elements = elements(resource_type, known.expression);
    let is_exact = matches!(known.kind, "token" | "uri") && !elements.is_empty();
    if !is_exact || elements.iter().any(|element| !COMPARED.contains(&element.kind.as_str())) {
        return Err(unanswered(&format!("a {} parameter that is not answered here", known.kind)));
    }
    let read = |text: &str| match known.kind {
        "token" => Wanted::token(text),
        _ => Wanted { system: System::Any, text: Some(unescaped(text)).filter(|text| !text.is_empty()) },
    };
    let any: Vec<Wanted> = split_unescaped(&value, ',').into_iter().map(read).collect();
    if any.iter().any(Wanted::is_empty) {
        return Err(Error::new(Code::BadRequest, format!("its condition gives `{}` no value", printable(&name))));
    }
    let has_system = any.iter().any(|wanted| wanted.system != System::Any);
    let takes_system = |element: &Element| matches!(element.kind.as_str(), "Identifier" | "Coding" | "CodeableConcept");
    if has_system && !elements.iter().all(takes_system) {
        return Err(unanswered("with a system, and the element has none of its own"));
    }
    Ok(Parameter { elements, any })
}

/// The elements that an expression names, if it names them by plain paths from the resource; else none.
fn elements(resource_type: &str, expression: &str) -> Vec<Element> {
    let path = |alternative: &str| -> Option<Element> {
        let path: Vec<String> = alternative.trim().strip_prefix('.')?.split('.').map(str::to_owned).collect();
        let mut kind = resource_type.to_owned();
        for member in &path {
            kind = if member == "id" { "id".to_owned() } else { r4().member(&kind, member)?.kind };
        }
        Some(Element { path, kind })
    };
    expression.split('|').map(path).collect::<Option<_>>().unwrap_or_default()
}

/// The values at a path, those of lists one by one.
fn collect<'a>(value: Value<'a>, path: &[String], found: &mut Vec<Value<'a>>) {
    if value.kind() == Kind::Array {
        value.items().for_each(|item| collect(item, path, found));
        return;
    }
    match path.split_first() {
        None => found.push(value),
        Some((member, rest)) => {
            if let Some(value) = value.get(member) {
                collect(value, rest, found);
            }
        }
    }
}

/// Parts between separators that no backslash precedes (FHIR R4 3.1.1.4.0.1).
fn split_unescaped(text: &str, separator: char) -> Vec<&str> {
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

fn unescaped(text: &str) -> String {
    let (mut plain, mut characters) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = characters.next() {
        plain.push(if c == '\\' { characters.next().unwrap_or(c) } else { c });
    }
    plain
}

fn decoded(text: &str) -> Result<String> {
    let text = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Error::new(Code::BadRequest, "its condition is not UTF-8"))
}

/// A name that was sent, fit for a message: what is no name is left out, since it may be anything.
fn printable(name: &str) -> &str {
    let is_name =
        name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if is_name { name } else { "?" }
}

#[cfg(test)]
mod tests {
    use turntable_scan::Document;

    use super::*;

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","active":true,"gender":"male",
        "identifier":[{"system":"http://a","value":"1"},{"value":"x|y,z"},{"system":"http://b","value":"a b+\u00e9"}],
        "maritalStatus":{"coding":[{"system":"http://m","code":"M"}]},"communication":[{"language":{"coding":[{"code":"de"}]}}]}"#;

    #[test]
    fn conditions_are_met_exactly() {
        let document = Document::parse(PATIENT.as_bytes()).unwrap();
        let check = |query: &str, expected: bool| {
            let condition = Condition::parse("Patient", query).unwrap_or_else(|error| panic!("{query}: {error}"));
            assert_eq!(condition.is_met_by(document.root(), "p1"), expected, "{query}");
        };
        check("identifier=http://a|1", true);
        check("identifier=http%3A%2F%2Fa%7C1", true);
        check("identifier=1", true);
        check("identifier=http://a|", true);
        check("identifier=http://b|1", false);
        check("identifier=|1", false);
        check("identifier=HTTP://a|1", false);
        check(r"identifier=|x\|y\,z", true);
        check(r"identifier=x\|y\,z", true);
        check("identifier=nothing,http://a|1", true);
        check("identifier=http://a|1&identifier=http://b|2", false);
        check("identifier=http://b|a+b%2B%C3%A9", true);
        check("_id=p1", true);
        check("_id=p2,p1", true);
        check("_id=P1", false);
        check("active=true&gender=male", true);
        check("active=false", false);
        check("language=de", true);
        check("language=http://x|de", false);
    }

    #[test]
    fn marks_are_in_whatever_meets_the_condition() {
        let check = |query: &str, expected: Option<&[&str]>| {
            let condition = Condition::parse("Patient", query).unwrap();
            assert_eq!(condition.marks().as_deref(), expected, "{query}");
        };
        check("identifier=http://a|1,2", Some(&["1", "2"]));
        check("identifier=http://a|", None);
        check("identifier=http://a|,1", None);
        check("identifier=http://a|&_id=p1", Some(&["p1"]));
        check("identifier=a%22b", None);
        check("active=true", None);
    }

    #[test]
    fn many_conditions_are_asked_at_once() {
        let queries =
            ["identifier=http://a|1", "identifier=1", "identifier=2", "active=true", "_id=p2", "identifier=http://a|"];
        let all = queries.iter().map(|query| Condition::parse("Patient", query).unwrap()).collect();
        let met = Conditions::new(all).met_by(&Document::parse(PATIENT.as_bytes()).unwrap(), "p1");
        assert_eq!(met, [0, 1, 3, 5]);
    }

    #[test]
    fn what_is_not_answered_is_named() {
        let check = |query: &str, code: Code, named: &str| {
            let error = Condition::parse("Patient", query).unwrap_err();
            assert_eq!(error.code(), code, "{query}: {error}");
            assert!(error.message().contains(named), "{query}: {error}");
        };
        check("name=Anna", Code::NotSupported, "`name`, a string");
        check("birthdate=2000-01-01", Code::NotSupported, "`birthdate`, a date");
        check("identifier:exact=1", Code::NotSupported, "`exact`");
        check("organization.name=x", Code::NotSupported, "`organization.name`");
        check("nonsense=1", Code::NotSupported, "no search parameter of Patient");
        check("_count=1&identifier=1", Code::NotSupported, "`_count`");
        check("gender=http://hl7.org/fhir/administrative-gender|male", Code::NotSupported, "with a system");
        check("phone=1", Code::NotSupported, "`phone`");
        check("identifier=", Code::BadRequest, "no value");
        check("identifier=|", Code::BadRequest, "no value");
        check("identifier=1,", Code::BadRequest, "no value");
        check("", Code::BadRequest, "no search parameter");
        check("%FF=1", Code::BadRequest, "UTF-8");
    }

    #[test]
    fn a_document_has_two_kinds_of_identifiers() {
        let check = |body: &str, expected: bool| {
            let condition = Condition::parse("DocumentReference", "identifier=urn:x|1").unwrap();
            assert_eq!(condition.is_met_by(Document::parse(body.as_bytes()).unwrap().root(), ""), expected, "{body}");
        };
        check(r#"{"masterIdentifier":{"system":"urn:x","value":"1"}}"#, true);
        check(r#"{"identifier":[{"system":"urn:x","value":"1"}]}"#, true);
        check(r#"{"identifier":[{"system":"urn:x","value":"2"},null]}"#, false);
    }
}
