//! A whole search request: its criteria and what is wanted of the result.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::criterion::{Criterion, Problem};
use crate::outcome::{Issue, Refusal};
use crate::parameters::{self, Kind};

/// Rows of a page when the request names no `_count`.
pub(crate) const DEFAULT_COUNT: usize = 50;
/// The most rows of a page; a larger `_count` is lowered, and `self` says so.
pub(crate) const MAX_COUNT: usize = 1_000;
/// How many parameters one search may have.
const MAX_PARAMETERS: usize = 256;

#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) ty: &'static str,
    pub(crate) criteria: Vec<Criterion>,
    pub(crate) sort: Vec<SortKey>,
    pub(crate) count: usize,
    /// Only the total is wanted.
    pub(crate) count_only: bool,
    pub(crate) elements: Option<Vec<String>>,
    pub(crate) includes: Vec<Include>,
    /// Name and value of every parameter that was used, for the `self` link.
    pub(crate) applied: Vec<(String, String)>,
    pub(crate) ignored: Vec<Issue>,
}

#[derive(Debug)]
pub(crate) struct SortKey {
    pub(crate) parameter: usize,
    pub(crate) descending: bool,
}

/// `_include=Type:reference[:Target]`, or the reverse.
#[derive(Debug)]
pub(crate) struct Include {
    /// The type that holds the reference.
    pub(crate) ty: &'static str,
    pub(crate) reference: usize,
    pub(crate) target: Option<&'static str>,
    pub(crate) reverse: bool,
}

impl Query {
    /// Reads decoded parameters. Under `strict`, one that would be ignored is an error.
    pub(crate) fn parse(ty: &'static str, parameters: &[(String, String)], strict: bool) -> Result<Self, Refusal> {
        if parameters.len() > MAX_PARAMETERS {
            return Err(Refusal::new(
                axum::http::StatusCode::BAD_REQUEST,
                "too-costly",
                format!("A search may have {MAX_PARAMETERS} parameters; this one has more"),
            ));
        }
        let mut query = Self {
            ty,
            criteria: Vec::new(),
            sort: Vec::new(),
            count: DEFAULT_COUNT,
            count_only: false,
            elements: None,
            includes: Vec::new(),
            applied: Vec::new(),
            ignored: Vec::new(),
        };
        // R4: a parameter without a value is no parameter.
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
            match query.add(name, value) {
                Ok(Some(applied)) => query.applied.push((name.clone(), applied)),
                Ok(None) => {}
                Err(Problem::Unknown(issue)) => query.ignored.push(issue),
                Err(Problem::Refused(refusal)) => return Err(refusal),
            }
        }
        if strict && !query.ignored.is_empty() {
            let issues = query.ignored.into_iter().map(Issue::into_error).collect();
            return Err(Refusal { status: axum::http::StatusCode::BAD_REQUEST, issues });
        }
        Ok(query)
    }

    /// Adds one parameter; what it returns is the value that `self` shows.
    fn add(&mut self, name: &str, value: &str) -> Result<Option<String>, Problem> {
        match name {
            "_format" | "_pretty" => return Ok(None),
            "_count" => {
                let count = value.parse::<usize>().map_err(|_| refused(name, "takes a number"))?;
                self.count = count.min(MAX_COUNT);
                self.count_only |= count == 0;
                return Ok(Some(self.count.to_string()));
            }
            "_summary" => match value {
                "count" => self.count_only = true,
                "false" => {}
                _ => return Err(unsupported(name, value, "count and false")),
            },
            // The total is always accurate, whatever is asked.
            "_total" if matches!(value, "accurate" | "estimate" | "none") => {}
            "_total" => return Err(refused(name, "takes none, estimate or accurate")),
            "_elements" => {
                let own = |path: &str| {
                    path.strip_prefix(self.ty).and_then(|rest| rest.strip_prefix('.')).unwrap_or(path).to_owned()
                };
                self.elements.get_or_insert_default().extend(value.split(',').map(|path| own(path.trim())));
            }
            "_sort" => return self.add_sort(value).map(Some),
            "_include" | "_revinclude" => {
                let include = parse_include(self.ty, name, value)?;
                self.includes.push(include);
            }
            _ => self.criteria.push(Criterion::parse(self.ty, name, value)?),
        }
        Ok(Some(value.to_owned()))
    }

    fn add_sort(&mut self, value: &str) -> Result<String, Problem> {
        let mut keys = Vec::new();
        for key in value.split(',') {
            let (name, descending) = key.strip_prefix('-').map_or((key, false), |name| (name, true));
            let parameter = parameters::position(self.ty, name)
                .ok_or_else(|| unsupported("_sort", key, "the search parameters of the type"))?;
            keys.push(SortKey { parameter, descending });
        }
        self.sort = keys;
        Ok(value.to_owned())
    }
}

fn parse_include(ty: &'static str, name: &str, value: &str) -> Result<Include, Problem> {
    let reverse = name == "_revinclude";
    let bad = || unsupported(name, value, "Type:reference and Type:reference:Target");
    let mut parts = value.split(':');
    let holder = parts.next().and_then(parameters::known_type).ok_or_else(bad)?;
    let reference = parts.next().and_then(|link| parameters::position(holder, link)).ok_or_else(bad)?;
    let target = match parts.next() {
        Some(target) => Some(parameters::known_type(target).ok_or_else(bad)?),
        None => None,
    };
    let parameter = &parameters::of_type(holder)[reference];
    let leads = if reverse { parameter.targets(ty) } else { holder == ty };
    if parts.next().is_some() || parameter.kind != Kind::Reference || !leads {
        return Err(bad());
    }
    Ok(Include { ty: holder, reference, target, reverse })
}

fn refused(name: &str, why: &str) -> Problem {
    let text = format!("The search parameter `{name}` {why}");
    Problem::Refused(Refusal::new(axum::http::StatusCode::BAD_REQUEST, "value", text).at(format!("http.{name}")))
}

fn unsupported(name: &str, value: &str, known: &str) -> Problem {
    let why = format!("`{name}={value}` is not supported; it was ignored. Supported: {known}");
    Problem::Unknown(Issue::ignored(name, why))
}

/// The parameters of a query string or an `application/x-www-form-urlencoded` body.
pub(crate) fn decode(encoded: &str) -> Result<Vec<(String, String)>, Refusal> {
    let text = |part: &str| {
        let spaced = part.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|_| Refusal::invalid("The query is not UTF-8"))
    };
    let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| Ok((text(name)?, text(value)?)))
        .collect()
}

/// The other way round: readable, and safe in a link.
pub(crate) fn encode(parameters: &[(String, String)]) -> String {
    const ESCAPED: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'&')
        .add(b'+')
        .add(b'<')
        .add(b'>')
        .add(b'=')
        .add(b'[')
        .add(b']')
        .add(b'\\')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'}')
        .add(b'|');
    let text = |part: &str| utf8_percent_encode(part, ESCAPED).to_string();
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_decode_and_encode() {
        let decoded = decode("name=a+b%2Bc&code=s%7Cx&&empty&n=1%2C2").unwrap();
        let shown: Vec<String> = decoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["name=a b+c", "code=s|x", "empty=", "n=1,2"]);
        assert_eq!(decode(&encode(&decoded)).unwrap(), decoded);
        assert!(decode("a=%FF").is_err());
    }

    #[test]
    fn unknown_parameters_are_named() {
        let parameters =
            decode("nonsense=1&birthdate=2020&_sort=shoe-size&_summary=text&_include=Patient:name").unwrap();
        let query = Query::parse("Patient", &parameters, false).unwrap();
        assert_eq!(encode(&query.applied), "birthdate=2020");
        assert_eq!(query.ignored.len(), 4);
        let refusal = Query::parse("Patient", &parameters, true).unwrap_err();
        let text = serde_json::to_string(&refusal.outcome()).unwrap();
        assert!(text.contains("`nonsense`") && text.contains("http.nonsense"), "{text}");
    }

    #[test]
    fn bad_values_are_refused_even_leniently() {
        for bad in
            ["birthdate=soon", "_count=x", "name:missing=perhaps", "name:soundex=x", "_total=all", "name.family=x"]
        {
            assert!(Query::parse("Patient", &decode(bad).unwrap(), false).is_err(), "{bad}");
        }
    }
}
