//! Links inside a bundle (FHIR R4 3.1.0.11.2 and 2.36.4): what points to an entry by its `fullUrl` is made to point to the
//! id that the entry's resource has here. Links are looked for where R4's definitions have them: references, elements of
//! type uri, url, oid and uuid, links and images of narratives. Canonical URLs stay, as the specification has it, and so
//! does what names a system, an extension or the resource itself: those are names, not links.

use std::collections::HashMap;

use turntable_r4::r4;
use turntable_scan::{Document, Edit, Kind, Value, splice};

use crate::model::key;

/// What the entries of a bundle came to be.
#[derive(Debug, Default)]
pub struct Links {
    /// By `fullUrl`, a UUID in lower case.
    entries: HashMap<String, Target>,
    /// What a conditional reference found: `Type/id`.
    found: HashMap<String, String>,
    /// The base of a service whose absolute URLs are relative ones here. Empty: there is none.
    base: String,
}

#[derive(Clone, Debug)]
pub struct Target {
    /// `Type/id`.
    pub reference: String,
    /// The version that it has here.
    pub version: u64,
    /// The version that it says it had, where it came from.
    pub version_there: Option<String>,
}

/// What a string in a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `Reference.reference`.
    Reference,
    /// An element that may hold a URL.
    Url,
    /// The XHTML of a narrative.
    Narrative,
}

impl Links {
    pub fn add(&mut self, full_url: &str, target: Target) {
        self.entries.insert(same_url(full_url), target);
    }

    /// `reference` is `Type?query`, `target` the one resource that it found.
    pub fn add_found(&mut self, reference: &str, target: String) {
        self.found.insert(reference.to_owned(), target);
    }

    /// Absolute URLs under a service's base become relative: the resources are kept here under the same ids.
    pub fn under(base: String) -> Self {
        Self { base, ..Self::default() }
    }

    /// The resource with its links replaced and all other bytes as they are; None if there is nothing to replace.
    /// `full_url` is that of its own entry: relative references are relative to it.
    pub fn follow(&self, resource: &Document<'_>, full_url: Option<&str>) -> Option<String> {
        if self.entries.is_empty() && self.found.is_empty() && self.base.is_empty() {
            return None;
        }
        let root = full_url.and_then(service_root);
        let mut edits = Vec::new();
        places(resource, |place, value| {
            let Some(text) = value.text() else { return };
            let changed = match place {
                Place::Reference => self.target(&text, root).or_else(|| self.found.get(text.as_ref()).cloned()),
                Place::Url => self.target(&text, None),
                Place::Narrative => self.narrative(&text),
            };
            let Some(changed) = changed.filter(|changed| *changed != text) else { return };
            edits.push(Edit { range: value.range(), text: serde_json::Value::String(changed).to_string() });
        });
        if edits.is_empty() { None } else { splice(resource.text(), edits).ok() }
    }

    /// What a link leads to here, with the version and the fragment that it had. None: it stays as it is.
    fn target(&self, link: &str, root: Option<&str>) -> Option<String> {
        if let Some(target) = self.entries.get(&same_url(link)) {
            return Some(target.reference.clone());
        }
        let (whole, fragment) = link.find('#').map_or((link, ""), |at| link.split_at(at));
        let (plain, version) = match whole.split_once("/_history/") {
            Some((plain, version)) => (plain, Some(version)),
            None => (whole, None),
        };
        let Some(target) = self.entry(plain, root) else {
            let relative =
                link.strip_prefix(self.base.as_str()).filter(|_| !self.base.is_empty())?.strip_prefix('/')?;
            return key::reference(relative).map(|_| relative.to_owned());
        };
        let Target { reference, version: here, version_there } = target;
        match version {
            None => Some(format!("{reference}{fragment}")),
            // Of another version than the bundle has: that one did not come along.
            Some(version) if version_there.as_ref().is_some_and(|there| there != version) => None,
            Some(_) => Some(format!("{reference}/_history/{here}{fragment}")),
        }
    }

    fn entry(&self, plain: &str, root: Option<&str>) -> Option<&Target> {
        let is_relative =
            || key::reference(plain).is_some_and(|found| found.base.is_empty() && !found.resource_type.is_empty());
        self.entries.get(&same_url(plain)).or_else(|| {
            let root = root.filter(|_| is_relative())?;
            self.entries.get(&format!("{root}{plain}"))
        })
    }

    /// XHTML with the links of its `href` and `src` attributes replaced.
    fn narrative(&self, html: &str) -> Option<String> {
        let (mut changed, mut copied) = (String::new(), 0);
        for range in links_of(html) {
            let link = html.get(range.clone())?.replace("&amp;", "&");
            if let Some(target) = self.target(link.trim(), None) {
                changed.push_str(html.get(copied..range.start)?);
                changed.push_str(&target);
                copied = range.end;
            }
        }
        if copied == 0 {
            return None;
        }
        changed.push_str(html.get(copied..)?);
        Some(changed)
    }
}

/// The conditional references of a resource: `Type?query`, each once.
pub fn conditional(resource: &Document<'_>) -> Vec<String> {
    let mut all = Vec::new();
    places(resource, |place, value| {
        let Some(text) = value.text().filter(|text| place == Place::Reference && condition(text).is_some()) else {
            return;
        };
        if !all.iter().any(|known| *known == text) {
            all.push(text.into_owned());
        }
    });
    all
}

/// `Type?query` as type and query.
pub fn condition(reference: &str) -> Option<(&str, &str)> {
    let (resource_type, query) = reference.split_once('?')?;
    let resource_type = resource_type.strip_prefix('/').unwrap_or(resource_type);
    r4().is_resource(resource_type).then_some((resource_type, query))
}

/// The form in which two URLs are the same if they name the same: UUIDs have no case (RFC 4122).
pub fn same_url(url: &str) -> String {
    let is_uuid = url.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("urn:uuid:"));
    if is_uuid { url.to_ascii_lowercase() } else { url.to_owned() }
}

/// The base of the service that a `fullUrl` is of, with its slash: what relative references in its resource are relative
/// to.
fn service_root(full_url: &str) -> Option<&str> {
    let found = key::reference(full_url)?;
    (found.base.contains("://") && r4().is_resource(found.resource_type)).then_some(found.base)
}

/// Every string of a resource that may be a link.
fn places<'a>(resource: &'a Document<'a>, mut found: impl FnMut(Place, Value<'a>)) {
    walk(resource.root(), "Resource", &mut found);
}

/// `of`: the type of an object, or the path of its backbone element. What R4 does not know is walked too, for the
/// references in it.
fn walk<'a>(value: Value<'a>, of: &str, found: &mut impl FnMut(Place, Value<'a>)) {
    match value.kind() {
        Kind::Array => value.items().for_each(|item| walk(item, of, found)),
        Kind::Object => {
            let resource_type = value.get("resourceType").and_then(Value::text);
            let of = resource_type.as_deref().filter(|_| of == "Resource").unwrap_or(of);
            for (name, value) in value.members() {
                let Some(name) = name.text() else { continue };
                // The rest of a primitive: id and extensions.
                let kind = if name.starts_with('_') {
                    Some("Element".to_owned())
                } else {
                    r4().member(of, &name).map(|m| m.kind)
                };
                if value.kind() != Kind::String {
                    walk_strings(value, place(of, &name, kind.as_deref()), found);
                    walk(value, kind.as_deref().unwrap_or_default(), found);
                } else if let Some(place) = place(of, &name, kind.as_deref()) {
                    found(place, value);
                }
            }
        }
        _ => {}
    }
}

/// A list of URLs.
fn walk_strings<'a>(list: Value<'a>, place: Option<Place>, found: &mut impl FnMut(Place, Value<'a>)) {
    if let Some(place) = place {
        list.items().filter(|item| item.kind() == Kind::String).for_each(|item| found(place, item));
    }
}

fn place(of: &str, name: &str, kind: Option<&str>) -> Option<Place> {
    let is_reference = name == "reference" && (of == "Reference" || kind.is_none());
    match kind {
        _ if is_reference => Some(Place::Reference),
        Some("xhtml") => Some(Place::Narrative),
        Some("uri" | "url" | "oid" | "uuid") if !is_name(of, name) => Some(Place::Url),
        _ => None,
    }
}

/// What is a name by its element, not a link.
fn is_name(of: &str, name: &str) -> bool {
    match name {
        "system" | "implicitRules" => true,
        "url" => of == "Extension" || r4().is_resource(of),
        _ => false,
    }
}

/// The values of `href` and `src` attributes.
fn links_of(html: &str) -> Vec<std::ops::Range<usize>> {
    let mut all = Vec::new();
    for name in ["href", "src"] {
        for (at, _) in html.match_indices(name) {
            let before = html[..at].chars().next_back();
            let value = html[at + name.len()..].trim_start().strip_prefix('=').map(str::trim_start);
            let (Some(value), true) = (value, before.is_some_and(char::is_whitespace)) else { continue };
            let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
            let start = html.len() - value.len() + 1;
            if let Some(length) = html[start..].find(quote) {
                all.push(start..start + length);
            }
        }
    }
    all.sort_by_key(|range| range.start);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "urn:uuid:61EBE359-bfdc-4613-8bf2-c5e300945f0a";

    fn links() -> Links {
        let mut links = Links::default();
        let target = |reference: &str, there: Option<&str>| Target {
            reference: reference.to_owned(),
            version: 4,
            version_there: there.map(str::to_owned),
        };
        links.add(UUID, target("Patient/new", None));
        links.add("https://ehr.example.org/fhir/Patient/p-9", target("Patient/p", Some("2")));
        links.add("resource:0", target("Binary/b", None));
        links.add("urn:oid:1.2.3", target("Device/d", None));
        links.add_found("Patient?identifier=1", "Patient/found".to_owned());
        links
    }

    fn check(resource: &str, full_url: Option<&str>, expected: &str) {
        let document = Document::parse(resource.as_bytes()).unwrap();
        let followed = links().follow(&document, full_url);
        assert_eq!(followed.as_deref().unwrap_or(resource), expected, "{resource}");
    }

    #[test]
    fn references_are_followed() {
        let reference = |link: &str, full_url: Option<&str>, expected: &str| {
            let condition = |link: &str| {
                format!(
                    r#"{{"resourceType":"Condition","subject":{{"reference":"{link}"}},"x":{{"reference":"{link}"}}}}"#
                )
            };
            check(&condition(link), full_url, &condition(expected));
        };
        let own = Some("https://ehr.example.org/fhir/Condition/c-9");
        reference(UUID, None, "Patient/new");
        reference(&UUID.to_ascii_lowercase(), own, "Patient/new");
        reference(&UUID.replace("urn:uuid", "URN:UUID"), own, "Patient/new");
        reference(&format!("{UUID}#part"), None, "Patient/new#part");
        reference(&format!("{UUID}/_history/9"), None, "Patient/new/_history/4");
        reference("urn:oid:1.2.3", None, "Device/d");
        reference("resource:0", None, "Binary/b");
        reference("https://ehr.example.org/fhir/Patient/p-9", None, "Patient/p");
        reference("https://ehr.example.org/fhir/Patient/p-9/_history/2", None, "Patient/p/_history/4");
        reference(
            "https://ehr.example.org/fhir/Patient/p-9/_history/1",
            None,
            "https://ehr.example.org/fhir/Patient/p-9/_history/1",
        );
        reference("Patient/p-9", own, "Patient/p");
        reference("Patient/p-9/_history/2#a", own, "Patient/p/_history/4#a");
        reference("Patient/p-9", None, "Patient/p-9");
        reference("Patient/p-9", Some("https://other.example.org/Condition/1"), "Patient/p-9");
        reference("Patient/p-9", Some(UUID), "Patient/p-9");
        reference("#contained", own, "#contained");
        reference("Patient?identifier=1", None, "Patient/found");
        reference("Patient?identifier=2", None, "Patient?identifier=2");
        reference("https://elsewhere.example.org/Patient/p-9", own, "https://elsewhere.example.org/Patient/p-9");
    }

    #[test]
    fn so_are_the_other_links() {
        check(
            &format!(r#"{{"resourceType":"DocumentReference","content":[{{"attachment":{{"url":"{UUID}"}}}}]}}"#),
            None,
            r#"{"resourceType":"DocumentReference","content":[{"attachment":{"url":"Patient/new"}}]}"#,
        );
        check(
            &format!(
                r#"{{"resourceType":"Patient","_birthDate":{{"extension":[{{"url":"{UUID}","valueUri":"{UUID}"}},{{"url":"x","valueCanonical":"{UUID}"}}]}}}}"#
            ),
            None,
            &format!(
                r#"{{"resourceType":"Patient","_birthDate":{{"extension":[{{"url":"{UUID}","valueUri":"Patient/new"}},{{"url":"x","valueCanonical":"{UUID}"}}]}}}}"#
            ),
        );
        check(
            r#"{"resourceType":"CarePlan","instantiatesUri":["resource:0","other"],"identifier":[{"system":"urn:oid:1.2.3","value":"resource:0"}]}"#,
            None,
            r#"{"resourceType":"CarePlan","instantiatesUri":["Binary/b","other"],"identifier":[{"system":"urn:oid:1.2.3","value":"resource:0"}]}"#,
        );
        check(
            r#"{"resourceType":"ValueSet","url":"resource:0","contained":[{"resourceType":"Condition","subject":{"reference":"resource:0"}}]}"#,
            None,
            r#"{"resourceType":"ValueSet","url":"resource:0","contained":[{"resourceType":"Condition","subject":{"reference":"Binary/b"}}]}"#,
        );
        check(
            r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div><a href=\"resource:0\">\u00e9</a><img alt='' src = 'urn:oid:1.2.3#x'/> xhref=\"resource:0\" resource:0</div>"}}"#,
            None,
            r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div><a href=\"Binary/b\">é</a><img alt='' src = 'Device/d#x'/> xhref=\"resource:0\" resource:0</div>"}}"#,
        );
    }

    #[test]
    fn a_service_s_own_urls_become_relative() {
        let resource = r#"{"resourceType":"Condition","subject":{"reference":"http://fhir.example.org/r4/Patient/1"},"asserter":{"reference":"http://fhir.example.org/r4x/Patient/1"}}"#;
        let links = Links::under("http://fhir.example.org/r4".to_owned());
        let followed = links.follow(&Document::parse(resource.as_bytes()).unwrap(), None).unwrap();
        assert_eq!(followed, resource.replace("http://fhir.example.org/r4/Patient", "Patient"));
    }

    #[test]
    fn conditional_references_are_found() {
        let resource = r#"{"resourceType":"Encounter","subject":{"reference":"Patient?identifier=a|1"},
            "participant":[{"individual":{"reference":"Practitioner?identifier=2"}},{"individual":{"reference":"Practitioner?identifier=2"}}],
            "serviceProvider":{"reference":"Nothing?identifier=2"},"text":{"div":"Patient?identifier=3"}}"#;
        let found = conditional(&Document::parse(resource.as_bytes()).unwrap());
        assert_eq!(found, ["Patient?identifier=a|1", "Practitioner?identifier=2"]);
    }
}
