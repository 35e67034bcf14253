//! What the headers of a request ask for: the JSON to answer in, preferences, and the versions that a write allows.

use super::literal;
use crate::model::error::{Code, Error, Result};
use crate::model::query::Precondition;

/// Header names and values as received; names in any case.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a>(pub &'a [(&'a str, &'a str)]);

/// How much an answer says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    None,
    #[default]
    Minimal,
    Full,
}

/// The JSON to answer in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    pub detail: Detail,
    /// Decimals and 64-bit integers as strings.
    pub ieee754_compatible: bool,
    /// Decimals may have an exponent, as the resource has it.
    pub exponent_decimals: bool,
    /// Dates are the date-times at which they begin in UTC, for clients that know no `Edm.Date`.
    pub dates_as_moments: bool,
}

/// The form of many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsForm {
    Json(Format),
    /// All of them, not a page.
    File(FileForm),
}

/// A file of all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileForm {
    Csv(Csv),
    Parquet,
}

const PARQUET: &str = "application/vnd.apache.parquet";
const CSV: &str = "text/csv";

/// `text/csv` with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Csv {
    /// A line of column names comes first (`header=absent`: not; RFC 4180).
    pub header: bool,
    /// A text that a spreadsheet would take for a formula has an apostrophe before it (`formulas=escaped`).
    pub escapes_formulas: bool,
}

/// The form of `$metadata`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaForm {
    Xml,
    Json,
}

/// `Prefer`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `return=representation` or `return=minimal`
    pub representation: Option<bool>,
    pub annotations: Annotations,
    pub explain: bool,
    pub max_page_size: Option<u32>,
    /// `omit-values=nulls`: properties that are null are not written.
    pub omit_nulls: bool,
    /// `odata.track-changes`. Whether it is done depends on what is asked for.
    pub track_changes: bool,
    /// What has been understood, for `Preference-Applied`.
    pub applied: Vec<String>,
}

/// `odata.include-annotations`: which instance annotations to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    patterns: Vec<(bool, String)>,
}

/// Those that have a meaning here.
const READ: [&str; 11] = [
    "Accept",
    "CallerObjectId",
    "Content-Type",
    "If-Match",
    "If-None-Match",
    "Isolation",
    "MSCRMCallerID",
    "OData-Isolation",
    "OData-MaxVersion",
    "OData-Version",
    "Prefer",
];

/// Headers of Dataverse by which somebody asks as somebody else, who may see less.
const IMPERSONATES: [&str; 2] = ["CallerObjectId", "MSCRMCallerID"];

impl<'a> Headers<'a> {
    /// Whether a header of this name has a meaning here.
    pub fn reads(name: &str) -> bool {
        READ.iter().any(|read| read.eq_ignore_ascii_case(name))
    }

    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Refuses a client that counts on isolation (OData 4.0 Protocol, 8.2.4): pages are no snapshot.
    pub fn check_isolation(&self) -> Result<()> {
        if let Some(name) = ["Isolation", "OData-Isolation"].into_iter().find(|name| self.get(name).is_some()) {
            let error = Error::new(Code::PreconditionFailed, format!("there is no isolation as `{name}` asks for"));
            return Err(error.target(name).hint("leave the header out; rows written between two pages may shift"));
        }
        Ok(())
    }

    /// Refuses a client that is older than OData 4.0.
    pub fn check_version(&self) -> Result<()> {
        for name in ["OData-MaxVersion", "OData-Version"] {
            let Some(version) = self.get(name) else { continue };
            let understood = match name {
                "OData-Version" => matches!(version.trim(), "4.0" | "4.01"),
                _ => {
                    version.trim().split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|m| m >= 4)
                }
            };
            if !understood {
                let error =
                    Error::new(Code::BadRequest, format!("this service speaks OData 4.0, not what `{name}` asks for"));
                return Err(error.target(name));
            }
        }
        Ok(())
    }

    /// Refuses a request on behalf of somebody else: passed over, it would show what that one may not see.
    pub fn check_caller(&self) -> Result<()> {
        match IMPERSONATES.into_iter().find(|name| self.get(name).is_some()) {
            Some(name) => {
                let message = format!("asking on behalf of somebody else (`{name}`) is not supported");
                Err(Error::new(Code::NotSupported, message).target(name))
            }
            None => Ok(()),
        }
    }

    /// `$format` where it is given, else `Accept`.
    pub fn format(&self, option: Option<&str>) -> Result<Format> {
        match self.media(option)?.iter().find_map(|range| json_format(range)) {
            Some(format) => Ok(format),
            None => Err(not_acceptable("application/json")),
        }
    }

    /// The same for many rows.
    pub fn rows_form(&self, option: Option<&str>) -> Result<RowsForm> {
        let form =
            |range: &String| file_form(range).map(RowsForm::File).or_else(|| json_format(range).map(RowsForm::Json));
        self.media(option)?
            .iter()
            .find_map(form)
            .ok_or_else(|| not_acceptable("application/json, text/csv or application/vnd.apache.parquet"))
    }

    /// A client of OData 4.0, which has no CSDL as JSON, gets XML wherever it takes that: what it says of JSON is about rows.
    pub fn schema_form(&self, option: Option<&str>) -> Result<SchemaForm> {
        let form = |range: &String| match essence(range).as_str() {
            "application/xml" | "text/xml" | "application/*" | "*/*" => Some(SchemaForm::Xml),
            "application/json" => Some(SchemaForm::Json),
            _ => None,
        };
        let forms: Vec<_> = self.media(option)?.iter().filter_map(form).collect();
        let is_older = option.is_none() && self.get("OData-MaxVersion").is_some_and(|version| version.trim() == "4.0");
        let xml = forms.iter().find(|form| is_older && **form == SchemaForm::Xml);
        xml.or(forms.first()).copied().ok_or_else(|| not_acceptable("application/xml or application/json"))
    }

    pub fn preferences(&self) -> Preferences {
        let mut preferences = Preferences::default();
        for preference in self.all("Prefer").flat_map(|value| split_quoted(value, ',')) {
            preferences.understand(&preference);
        }
        preferences
    }

    /// `continue-on-error` of a batch.
    pub fn continues_on_error(&self) -> bool {
        self.all("Prefer").flat_map(|value| split_quoted(value, ',')).any(|preference| {
            let name = preference.to_ascii_lowercase();
            let (name, value) = name.split_once('=').unwrap_or((&name, "true"));
            let name = name.trim();
            name.strip_prefix("odata.").unwrap_or(name) == "continue-on-error"
                && value.trim().trim_matches('"') == "true"
        })
    }

    /// `If-Match` and `If-None-Match` of a write.
    pub fn precondition(&self) -> Result<Precondition> {
        match (self.get("If-Match"), self.if_none_match()) {
            (None, None) => Ok(Precondition::None),
            (Some(tags), None) if tags.trim() == "*" => Ok(Precondition::MustExist),
            (Some(tags), None) => Ok(Precondition::Versions(etags(tags, "If-Match")?)),
            (None, Some(tags)) if tags.trim() == "*" => Ok(Precondition::MustNotExist),
            (None, Some(_)) => {
                let message = "`If-None-Match` of a write can only be `*`";
                Err(Error::new(Code::NotSupported, message).target("If-None-Match"))
            }
            (Some(_), Some(_)) => {
                Err(Error::new(Code::BadRequest, "`If-Match` and `If-None-Match` contradict each other")
                    .target("If-Match"))
            }
        }
    }

    /// Versions of a row that need not be sent again.
    pub fn known_versions(&self) -> Result<Vec<String>> {
        match self.if_none_match() {
            Some(tags) if tags.trim() != "*" => etags(tags, "If-None-Match"),
            _ => Ok(Vec::new()),
        }
    }

    /// `If-None-Match`; `null`, which clients made for Dataverse send, and nothing at all are no condition.
    fn if_none_match(&self) -> Option<&'a str> {
        self.get("If-None-Match").filter(|tags| !matches!(tags.trim().to_ascii_lowercase().as_str(), "" | "null"))
    }

    /// A body must be JSON.
    pub fn check_json_body(&self) -> Result<()> {
        self.check_body("application/json")
    }

    /// A body must be plain text.
    pub fn check_text_body(&self) -> Result<()> {
        self.check_body("text/plain")
    }

    fn check_body(&self, wanted: &str) -> Result<()> {
        if essence(self.get("Content-Type").unwrap_or_default()) == wanted {
            return Ok(());
        }
        let message = format!("the body must be `Content-Type: {wanted}`");
        Err(Error::new(Code::UnsupportedMediaType, message).target("Content-Type"))
    }

    /// Media ranges, the preferred first.
    fn media(&self, option: Option<&str>) -> Result<Vec<String>> {
        if let Some(option) = option {
            // `json`, `xml`, `csv` and `parquet` are short for their media types, parameters may follow.
            let (kind, parameters) = option.trim().split_at(option.trim().find(';').unwrap_or(option.trim().len()));
            let kind = match kind {
                "json" | "xml" => format!("application/{kind}"),
                "csv" => CSV.to_owned(),
                "parquet" => PARQUET.to_owned(),
                other => other.to_owned(),
            };
            return Ok(vec![kind + parameters]);
        }
        let mut ranges: Vec<(u32, String)> = Vec::new();
        for range in self.all("Accept").flat_map(|value| split_quoted(value, ',')) {
            let quality = parameter(&range, "q").map_or(Some(1_000), |q| thousandths(&q));
            let quality = quality
                .ok_or_else(|| Error::new(Code::BadRequest, "a `q` in `Accept` is no number").target("Accept"))?;
            if quality > 0 {
                ranges.push((quality, range));
            }
        }
        if ranges.is_empty() && self.get("Accept").is_none_or(|accept| accept.trim().is_empty()) {
            return Ok(vec!["*/*".into()]);
        }
        ranges.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
        Ok(ranges.into_iter().map(|(_, range)| range).collect())
    }
}

impl FileForm {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv(_) => "text/csv;charset=utf-8",
            Self::Parquet => PARQUET,
        }
    }

    /// What its name ends with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Parquet => "parquet",
        }
    }
}

impl Format {
    /// For the `Content-Type` of an answer.
    pub fn content_type(&self) -> String {
        let detail = match self.detail {
            Detail::None => "none",
            Detail::Minimal => "minimal",
            Detail::Full => "full",
        };
        let ieee754 = if self.ieee754_compatible { ";IEEE754Compatible=true" } else { "" };
        let exponents = if self.exponent_decimals { ";ExponentDecimals=true" } else { "" };
        format!("application/json;odata.metadata={detail}{ieee754}{exponents}")
    }
}

impl Preferences {
    /// One preference; what is not known is ignored, as RFC 7240 has it.
    fn understand(&mut self, preference: &str) {
        let main = split_quoted(preference, ';').into_iter().next().unwrap_or_default();
        let (name, value) = match main.split_once('=') {
            Some((name, value)) => (name.trim(), value.trim().trim_matches('"')),
            None => (main.trim(), ""),
        };
        let name = name.to_ascii_lowercase();
        let understood = match (name.strip_prefix("odata.").unwrap_or(&name), value) {
            ("return", "representation") => self.representation.replace(true).is_none(),
            ("return", "minimal") => self.representation.replace(false).is_none(),
            ("maxpagesize", size) => {
                self.max_page_size = size.parse().ok().filter(|size| *size > 0);
                self.max_page_size.is_some()
            }
            ("include-annotations", patterns) => {
                self.annotations = Annotations::parse(patterns);
                true
            }
            // `defaults` is the other value that the protocol has; there are none here (OData 4.01 Protocol, 8.2.8.6).
            ("omit-values", "nulls") => {
                self.omit_nulls = true;
                true
            }
            ("track-changes", "" | "true") => {
                self.track_changes = true;
                false
            }
            ("explain", "" | "true") => {
                self.explain = true;
                true
            }
            _ => false,
        };
        if understood {
            self.applied.push(main.trim().to_owned());
        }
    }
}

impl Annotations {
    /// `*`, `Namespace.*`, `Namespace.Term`, each with `-` before it to leave it out. One with a qualifier matches
    /// nothing, as we have none.
    pub fn parse(patterns: &str) -> Self {
        let pattern = |pattern: &str| {
            let pattern = pattern.trim();
            match pattern.strip_prefix('-') {
                Some(rest) => (false, rest.to_owned()),
                None => (true, pattern.to_owned()),
            }
        };
        Self { patterns: patterns.split(',').map(pattern).filter(|(_, p)| !p.is_empty() && !p.contains('#')).collect() }
    }

    /// The most specific pattern decides; of two as specific, the one that leaves out.
    pub fn include(&self, term: &str) -> bool {
        let weight = |pattern: &str| match pattern.strip_suffix('*') {
            Some("") => Some(0),
            Some(namespace) if term.starts_with(namespace) => Some(namespace.len()),
            None if pattern == term => Some(usize::MAX),
            _ => None,
        };
        let matching = self.patterns.iter().filter_map(|(include, pattern)| Some((weight(pattern)?, !include)));
        matching.max().is_some_and(|(_, exclude)| !exclude)
    }
}

/// A preference as the OASIS grammar has it, for the two that it constrains: where it goes wrong.
pub fn check_preference(text: &str) -> Result<(), usize> {
    let bare = text.strip_prefix("odata.").unwrap_or(text);
    let offset = text.len() - bare.len();
    if let Some(size) = bare.strip_prefix("maxpagesize=") {
        let at = offset + "maxpagesize=".len();
        return if size.starts_with(|c: char| ('1'..='9').contains(&c)) {
            let end = literal::integer(text, at, usize::MAX)?;
            if end == text.len() { Ok(()) } else { Err(end) }
        } else {
            Err(at)
        };
    }
    let Some(patterns) = bare.strip_prefix("include-annotations=\"") else {
        return if bare.is_empty() { Err(0) } else { Ok(()) };
    };
    let mut at = offset + text.len() - offset - patterns.len();
    loop {
        at = check_pattern(text, at)?;
        match text.as_bytes().get(at) {
            Some(b',') => at += 1,
            Some(b'"') if at + 1 == text.len() => return Ok(()),
            _ => return Err(at),
        }
    }
}

/// `[-]*`, `[-]Namespace.*` or `[-]Namespace.Term`, with an optional `#Qualifier`.
fn check_pattern(text: &str, from: usize) -> Result<usize, usize> {
    let bytes = text.as_bytes();
    let mut at = if bytes.get(from) == Some(&b'-') { from + 1 } else { from };
    if bytes.get(at) == Some(&b'*') {
        at += 1;
    } else {
        let start = at;
        at = literal::qualified_name(text, at)?;
        if text.get(at..).is_some_and(|rest| rest.starts_with(".*")) {
            at += 2;
        } else if bytes.get(at) == Some(&b'.') {
            return Err(at + 1);
        } else if !text.get(start..at).is_some_and(|name| name.contains('.')) {
            return Err(at);
        }
    }
    if bytes.get(at) == Some(&b'#') { literal::identifier(text, at + 1) } else { Ok(at) }
}

/// `application/json` and what contains it.
fn json_format(range: &str) -> Option<Format> {
    if !matches!(essence(range).as_str(), "application/json" | "application/*" | "*/*") {
        return None;
    }
    let detail = match parameter(range, "odata.metadata").or_else(|| parameter(range, "metadata")).as_deref() {
        None | Some("minimal") => Detail::Minimal,
        Some("none") => Detail::None,
        Some("full") => Detail::Full,
        Some(_) => return None,
    };
    let ieee754_compatible = parameter(range, "ieee754compatible").is_some_and(|v| v == "true");
    let exponent_decimals = parameter(range, "exponentdecimals").is_some_and(|v| v == "true");
    Some(Format { detail, ieee754_compatible, exponent_decimals, dates_as_moments: false })
}

/// Files, which nothing stands for but their own names: an answer without an end is for those who ask for it.
fn file_form(range: &str) -> Option<FileForm> {
    match essence(range).as_str() {
        CSV => csv_form(range).map(FileForm::Csv),
        PARQUET => Some(FileForm::Parquet),
        _ => None,
    }
}

fn csv_form(range: &str) -> Option<Csv> {
    let header = match parameter(range, "header").as_deref() {
        None | Some("present") => true,
        Some("absent") => false,
        Some(_) => return None,
    };
    let escapes_formulas = match parameter(range, "formulas").as_deref() {
        None => false,
        Some("escaped") => true,
        Some(_) => return None,
    };
    let is_utf8 = parameter(range, "charset").is_none_or(|charset| charset == "utf-8");
    is_utf8.then_some(Csv { header, escapes_formulas })
}

fn not_acceptable(possible: &str) -> Error {
    Error::new(Code::NotAcceptable, format!("this can be answered as {possible} only")).target("Accept")
}

/// Type and subtype of a media range, in lower case.
fn essence(range: &str) -> String {
    range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A parameter of a media range, in lower case.
fn parameter(range: &str, name: &str) -> Option<String> {
    range.split(';').skip(1).find_map(|parameter| {
        let (found, value) = parameter.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    })
}

/// `0.8` as 800.
fn thousandths(quality: &str) -> Option<u32> {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some((whole.parse::<u32>().ok()?.min(1) * 1_000 + digits.parse::<u32>().ok()?).min(1_000))
}

/// Weak or strong tags as the versions inside their quotes.
fn etags(tags: &str, header: &str) -> Result<Vec<String>> {
    let version = |tag: String| {
        let tag = tag.trim();
        let quoted = tag.strip_prefix("W/").unwrap_or(tag);
        let version = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        version.filter(|v| !v.contains('"')).map(str::to_owned).ok_or_else(|| {
            let error = Error::new(Code::BadRequest, format!("`{header}` is no ETag")).target(header);
            error.hint("send the `@odata.etag` of the row, like W/\"3\"")
        })
    };
    split_quoted(tags, ',').into_iter().map(version).collect()
}

/// Parts between separators that stand outside of quotes, trimmed, the empty ones left out.
fn split_quoted(text: &str, separator: char) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    });
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<T>(header: (&str, &str), read: impl Fn(Headers<'_>) -> T) -> T {
        read(Headers(&[header]))
    }

    #[test]
    fn the_format_is_negotiated() {
        let check = |accept: &str, expected: Option<&str>| {
            let found = headers(("accept", accept), |h| h.format(None).ok().map(|f| f.content_type()));
            assert_eq!(found.as_deref(), expected, "{accept}");
        };
        check("", Some("application/json;odata.metadata=minimal"));
        check("*/*", Some("application/json;odata.metadata=minimal"));
        check("application/json;odata.metadata=full", Some("application/json;odata.metadata=full"));
        check("application/json; metadata=none", Some("application/json;odata.metadata=none"));
        check(
            "application/json;IEEE754Compatible=true",
            Some("application/json;odata.metadata=minimal;IEEE754Compatible=true"),
        );
        check("text/html,application/json;q=0.5", Some("application/json;odata.metadata=minimal"));
        check("application/atom+xml", None);
        check("application/json;q=0", None);
        check("application/json;odata.metadata=verbose", None);
    }

    #[test]
    fn metadata_is_xml_unless_json_is_preferred() {
        let check = |accept: &str, expected: Option<SchemaForm>| {
            assert_eq!(headers(("Accept", accept), |h| h.schema_form(None).ok()), expected, "{accept}");
        };
        check("", Some(SchemaForm::Xml));
        check("application/json", Some(SchemaForm::Json));
        check("application/json;q=0.2,application/xml", Some(SchemaForm::Xml));
        check("image/png", None);
    }

    #[test]
    fn preferences_are_read_with_and_without_prefix() {
        let read = |prefer: &str| headers(("Prefer", prefer), |h| h.preferences());
        assert_eq!(read("odata.maxpagesize=20").max_page_size, Some(20));
        assert_eq!(read("return=representation, maxpagesize=5").max_page_size, Some(5));
        assert_eq!(read("return=representation").representation, Some(true));
        assert_eq!(read("return=minimal").representation, Some(false));
        assert_eq!(read("maxpagesize=0").max_page_size, None);
        assert!(read("explain").explain);
        let continues = |prefer: &str| headers(("Prefer", prefer), |h| h.continues_on_error());
        assert!(continues("odata.continue-on-error") && continues("return=minimal, continue-on-error=true"));
        assert!(!continues("continue-on-error=false") && !continues(""));
        assert!(read("omit-values=nulls").omit_nulls && read("odata.omit-values=\"nulls\"").omit_nulls);
        assert_eq!(read("omit-values=defaults").applied, [""; 0]);
        assert!(read("handling=strict").applied.is_empty(), "we are always strict, so there is nothing to apply");
        assert_eq!(read("respond-async, maxpagesize=7").applied, ["maxpagesize=7"]);
        let annotations = read(r#"odata.include-annotations="a.b,-*""#).annotations;
        assert!(annotations.include("a.b") && !annotations.include("a.c"));
    }

    #[test]
    fn the_most_specific_annotation_pattern_decides() {
        let check = |patterns: &str, term: &str, expected: bool| {
            assert_eq!(Annotations::parse(patterns).include(term), expected, "{patterns} {term}");
        };
        check("*", "a.b", true);
        check("", "a.b", false);
        check("-*,a.*", "a.b", true);
        check("*,-a.*", "a.b", false);
        check("*,-a.*,a.b", "a.b", true);
        check("a.b,-a.b", "a.b", false);
        check("*#q", "a.b", false);
    }

    #[test]
    fn etags_become_versions() {
        let check = |header: (&str, &str), expected: Option<Precondition>| {
            assert_eq!(headers(header, |h| h.precondition().ok()), expected, "{header:?}");
        };
        check(("If-Match", "*"), Some(Precondition::MustExist));
        check(("If-None-Match", "*"), Some(Precondition::MustNotExist));
        check(("If-Match", "W/\"3\", \"4\""), Some(Precondition::Versions(vec!["3".into(), "4".into()])));
        check(("If-Match", "3"), None);
        check(("If-None-Match", "W/\"3\""), None);
        check(("If-None-Match", "null"), Some(Precondition::None));
        check(("If-None-Match", ""), Some(Precondition::None));
        check(("If-None-Match", "nul"), None);
        let known = |tags: &str| headers(("If-None-Match", tags), |h| h.known_versions().ok());
        assert_eq!(known("null"), Some(Vec::new()));
        assert_eq!(known("W/\"3\""), Some(vec!["3".to_owned()]));
        check(("Other", ""), Some(Precondition::None));
    }

    #[test]
    fn an_older_client_is_refused() {
        let check = |header: (&str, &str), expected: bool| {
            assert_eq!(headers(header, |h| h.check_version().is_ok()), expected, "{header:?}");
        };
        check(("OData-MaxVersion", "4.0"), true);
        check(("OData-MaxVersion", "4.01"), true);
        check(("OData-MaxVersion", "3.0"), false);
        check(("OData-Version", "4.0"), true);
        check(("OData-Version", "3.0"), false);
        assert!(headers(("isolation", "snapshot"), |h| h.check_isolation().is_err()));
        assert!(headers(("OData-Isolation", "snapshot"), |h| h.check_isolation().is_err()));
        assert!(headers(("mscrmcallerid", "x"), |h| h.check_caller().is_err()));
        assert!(headers(("Prefer", "x"), |h| h.check_caller().is_ok()));
    }
}
