//! The history of a type, and of one instance: its versions, newest first, page by page.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::faults::Fault;
use crate::outcome::Refusal;
use crate::query::{DEFAULT_COUNT, MAX_COUNT, encode};
use crate::rest::{Exchange, Reply};
use crate::search::{Bundle, Entry, Link, TINY_PAGE, expired, link, next_link, spoil};
use crate::store::{Instance, Store, Version};

/// What is asked of a history.
struct Asked {
    since: Option<Timestamp>,
    count: usize,
    offset: usize,
    /// For links.
    since_text: String,
}

impl Asked {
    fn of(parameters: &[(String, String)]) -> Result<Self, Refusal> {
        let mut asked = Self { since: None, count: DEFAULT_COUNT, offset: 0, since_text: String::new() };
        let number = |text: &str| text.parse::<usize>().map_err(|_| Refusal::invalid("A number is expected"));
        for (name, value) in parameters {
            match name.as_str() {
                "_count" => asked.count = number(value)?.clamp(1, MAX_COUNT),
                "_offset" => asked.offset = number(value)?,
                "_since" => {
                    asked.since = Some(value.parse().map_err(|_| Refusal::invalid("_since takes an instant"))?);
                    asked.since_text.clone_from(value);
                }
                "_format" | "_pretty" => {}
                _ => return Err(Refusal::invalid(format!("A history takes no parameter `{name}`"))),
            }
        }
        Ok(asked)
    }

    fn link(&self, exchange: &Exchange<'_>, path: &str, offset: usize) -> String {
        let mut parameters = vec![("_count".to_owned(), self.count.to_string())];
        if !self.since_text.is_empty() {
            parameters.push(("_since".to_owned(), self.since_text.clone()));
        }
        if offset > 0 {
            parameters.push(("_offset".to_owned(), offset.to_string()));
        }
        link(exchange, path, &encode(&parameters))
    }
}

/// The version of an instance that can be seen by now: with `late-history` the newest may not.
pub(crate) fn seen<'s>(exchange: &Exchange<'_>, instance: &'s Instance) -> Option<&'s Arc<Version>> {
    if exchange.active.late().is_none() {
        return Some(instance.current());
    }
    instance.versions.iter().rev().find(|version| is_seen(exchange, version))
}

fn is_seen(exchange: &Exchange<'_>, version: &Version) -> bool {
    let late = exchange.active.late();
    late.is_none_or(|late| Timestamp::now().duration_since(version.last_updated).unsigned_abs() >= late)
}

/// Every version of every instance of a type.
pub(crate) fn of_type(
    exchange: &Exchange<'_>,
    store: &Store,
    ty: &'static str,
    parameters: &[(String, String)],
) -> Result<Reply, Refusal> {
    page(exchange, ty, &format!("{ty}/_history"), store.instances(ty), parameters)
}

/// Every version of one instance.
pub(crate) fn of_instance(
    exchange: &Exchange<'_>,
    ty: &'static str,
    instance: &Instance,
    parameters: &[(String, String)],
) -> Result<Reply, Refusal> {
    let path = format!("{ty}/{}/_history", instance.id);
    page(exchange, ty, &path, std::slice::from_ref(instance), parameters)
}

fn page(
    exchange: &Exchange<'_>,
    ty: &'static str,
    path: &str,
    instances: &[Instance],
    parameters: &[(String, String)],
) -> Result<Reply, Refusal> {
    let has = |fault| exchange.active.has(fault);
    let mut asked = Asked::of(parameters)?;
    if asked.offset > 0 && has(Fault::ExpiredNext) {
        return Err(expired());
    }
    if has(Fault::SmallPages) && asked.count > 100 {
        return Err(Refusal::invalid("_count is at most 100"));
    }
    if has(Fault::TinyPages) {
        asked.count = asked.count.min(TINY_PAGE);
    }
    let since = asked.since.filter(|_| !has(Fault::IgnoreParams { claimed: false }));
    let all = instances.iter().flat_map(|instance| instance.versions.iter().map(move |version| (instance, version)));
    let mut all: Vec<_> = all
        .filter(|(_, version)| since.is_none_or(|since| version.last_updated >= since) && is_seen(exchange, version))
        .collect();
    // Of one moment the higher number is the newer.
    all.sort_by_key(|(_, version)| std::cmp::Reverse((version.last_updated, version.number)));
    if has(Fault::TurnedHistory) {
        all.reverse();
    }
    let total = all.len();
    if has(Fault::ShortHistory) {
        all.truncate(2);
    }
    let mut bundle = Bundle::new(if has(Fault::OtherBundle) { "searchset" } else { "history" });
    bundle.total = (!has(Fault::NoTotal)).then_some(total + usize::from(has(Fault::WrongTotal)));
    bundle.link.push(Link { relation: "self", url: asked.link(exchange, path, asked.offset) });
    let end = asked.offset.saturating_add(asked.count).min(all.len());
    for (instance, version) in all.get(asked.offset..end).unwrap_or_default() {
        bundle.entry.push(entry(exchange, ty, instance, version)?);
    }
    if end < all.len() {
        let to = |to: usize| asked.link(exchange, path, to);
        bundle.link.extend(next_link(exchange, to, asked.offset, end, asked.count));
    }
    spoil(exchange, &mut bundle.entry)?;
    Reply::of(&bundle)
}

fn entry<'s>(
    exchange: &Exchange<'_>,
    ty: &str,
    instance: &Instance,
    version: &'s Version,
) -> Result<Entry<'s>, Refusal> {
    let id = &instance.id;
    let resource = version.body.as_ref().map(|body| exchange.present(&body.text)).transpose()?;
    let status = match (version.method, version.number) {
        ("DELETE", _) => "204 No Content",
        ("POST", _) | (_, 1) => "201 Created",
        _ => "200 OK",
    };
    let is_gone = resource.is_none();
    let url = if version.method == "POST" { ty.to_owned() } else { format!("{ty}/{id}") };
    let mut response = json!({ "status": status, "etag": version.etag(), "lastModified": version.last_updated() });
    if is_gone && exchange.active.has(Fault::TimelessHistory) {
        response = json!({ "status": status });
    }
    let has_request = !(is_gone && exchange.active.has(Fault::BareHistory));
    Ok(Entry {
        full_url: Some(format!("{}/{ty}/{id}", exchange.base)),
        resource,
        request: has_request.then(|| json!({ "method": version.method, "url": url })),
        response: Some(response),
        search: None,
    })
}
