//! `$batch`: many requests in one body, as MIME parts (OData 4.0 Protocol, 11.7.7; RFC 2046) or as JSON (OData JSON Format
//! 4.01, 19), and their answers in the same form. Text only: what a part asks is read like any other request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;

/// In what form a batch came, and is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Multipart,
    Json,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub form: Form,
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    One(Part),
    /// Changes that are made together or not at all.
    Set(Vec<Part>),
}

/// A request in a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// `Content-ID`, or `id`: what others call it, and its answer.
    pub id: Option<String>,
    /// `atomicityGroup`, for its answer.
    pub group: Option<String>,
    /// Parts that must have gone well.
    pub depends_on: Vec<String>,
    pub method: String,
    /// As sent: whole, with a path from the root, relative to the service root, or `$id…`.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What is answered to a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    pub id: Option<String>,
    pub group: Option<String>,
    pub status: u16,
    pub reason: &'static str,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    One(Answered),
    Set(Vec<Answered>),
}

/// The batch in a body of this `Content-Type`.
pub fn read(content_type: &str, body: &[u8], limits: &Limits) -> Result<Batch> {
    let (essence, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    let batch = match essence.trim().to_ascii_lowercase().as_str() {
        "multipart/mixed" => {
            let boundary = boundary(content_type).ok_or_else(|| {
                Error::new(Code::BadRequest, "the `Content-Type` of the batch has no boundary").target("Content-Type")
            })?;
            Batch { form: Form::Multipart, items: multipart(body, &boundary)? }
        }
        "application/json" => Batch { form: Form::Json, items: json_requests(body, limits)? },
        _ => {
            let message = "a batch is `multipart/mixed` or `application/json`";
            return Err(Error::new(Code::UnsupportedMediaType, message).target("Content-Type"));
        }
    };
    let parts = batch.items.iter().map(|item| match item {
        Item::One(_) => 1,
        Item::Set(parts) => parts.len(),
    });
    check_parts(parts.sum(), limits)?;
    let mut ids = BTreeSet::new();
    for part in batch.items.iter().flat_map(|item| match item {
        Item::One(part) => std::slice::from_ref(part),
        Item::Set(parts) => parts.as_slice(),
    }) {
        if let Some(id) = &part.id
            && !ids.insert(id)
            && batch.form == Form::Json
        {
            return Err(malformed("an `id` is given twice"));
        }
    }
    Ok(batch)
}

fn check_parts(parts: usize, limits: &Limits) -> Result<()> {
    if parts <= limits.batch_parts {
        return Ok(());
    }
    let message = format!("the batch has {parts} requests; the limit `batch_parts` is {}", limits.batch_parts);
    Err(Error::new(Code::BadRequest, message))
}

/// The answers in the form of the batch: the `Content-Type`, and the body. `name`: a text that is in no body.
pub fn write(form: Form, answers: &[Answers], name: &str) -> (String, Vec<u8>) {
    match form {
        Form::Json => ("application/json;odata.metadata=minimal".to_owned(), json_responses(answers)),
        Form::Multipart => {
            let boundary = format!("batchresponse_{name}");
            let mut out = Vec::new();
            for (position, answer) in answers.iter().enumerate() {
                open(&mut out, &boundary);
                match answer {
                    Answers::One(answered) => http(&mut out, answered),
                    Answers::Set(all) => {
                        let inner = format!("changesetresponse_{name}_{position}");
                        out.extend_from_slice(
                            format!("Content-Type: multipart/mixed; boundary={inner}\r\n\r\n").as_bytes(),
                        );
                        for answered in all {
                            open(&mut out, &inner);
                            http(&mut out, answered);
                        }
                        out.extend_from_slice(format!("--{inner}--\r\n").as_bytes());
                    }
                }
            }
            out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
            (format!("multipart/mixed; boundary={boundary}"), out)
        }
    }
}

fn open(out: &mut Vec<u8>, boundary: &str) {
    out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
}

fn http(out: &mut Vec<u8>, answered: &Answered) {
    let mut head = String::from("Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n");
    // Writing to a string does not fail.
    if let Some(id) = &answered.id {
        let _ = write!(head, "Content-ID: {id}\r\n");
    }
    let _ = write!(head, "\r\nHTTP/1.1 {} {}\r\n", answered.status, answered.reason);
    for (name, value) in &answered.headers {
        let _ = write!(head, "{}: {value}\r\n", canonical(name));
    }
    head.push_str("\r\n");
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&answered.body);
    out.extend_from_slice(b"\r\n");
}

/// A header's name as it is usually written: some clients look for it so.
fn canonical(name: &str) -> String {
    let word = |word: &str| match word {
        "odata" => "OData".to_owned(),
        "entityid" => "EntityId".to_owned(),
        "etag" => "ETag".to_owned(),
        word => {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        }
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

fn json_responses(answers: &[Answers]) -> Vec<u8> {
    let all = answers.iter().flat_map(|answer| match answer {
        Answers::One(answered) => std::slice::from_ref(answered),
        Answers::Set(all) => all.as_slice(),
    });
    let responses = all.map(|answered| {
        let mut response = Map::new();
        response.insert("id".into(), json!(answered.id));
        if let Some(group) = &answered.group {
            response.insert("atomicityGroup".into(), json!(group));
        }
        response.insert("status".into(), json!(answered.status));
        let headers = answered.headers.iter().map(|(name, value)| (name.clone(), json!(value)));
        response.insert("headers".into(), Value::Object(headers.collect()));
        if !answered.body.is_empty() {
            let as_text = || Value::String(String::from_utf8_lossy(&answered.body).into_owned());
            let is_json = answered.headers.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("content-type") && value.starts_with("application/json")
            });
            let body = if is_json { serde_json::from_slice(&answered.body).ok() } else { None };
            response.insert("body".into(), body.unwrap_or_else(as_text));
        }
        Value::Object(response)
    });
    json!({ "responses": responses.collect::<Vec<_>>() }).to_string().into_bytes()
}

/// A `Content-ID` that stands for what it made: `$1` in front of an address becomes the address of the row.
pub fn resolved(url: &str, made: &BTreeMap<String, String>) -> Result<String> {
    let Some(rest) = url.strip_prefix('$') else { return Ok(url.to_owned()) };
    let end = rest.find(['/', '?', '(']).unwrap_or(rest.len());
    let (id, after) = rest.split_at(end);
    match made.get(id) {
        Some(address) => Ok(format!("{address}{after}")),
        // `$metadata` and its kin are addresses of their own.
        None if id.starts_with(|c: char| c.is_ascii_alphabetic()) && !id.bytes().any(|b| b.is_ascii_digit()) => {
            Ok(url.to_owned())
        }
        None => {
            let message = format!("`${id}` names no part before this one that has made or changed a row");
            Err(Error::new(Code::BadUrl, message).target(format!("${id}")))
        }
    }
}

/// The same in the values of `@odata.bind` of a body. One that is no JSON object is left to whoever reads it.
pub fn bound(body: Vec<u8>, made: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    if made.is_empty() || !body.windows(2).any(|two| two == b"\"$") {
        return Ok(body);
    }
    let Ok(members) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(&body) else { return Ok(body) };
    let mut edits = Vec::new();
    for (name, raw) in members {
        if !(name.ends_with("@odata.bind") || name.ends_with("@bind")) {
            continue;
        }
        let Ok(text) = serde_json::from_str::<String>(raw.get()) else { continue };
        if text.starts_with('$') {
            // The raw value is a part of the body.
            let at = raw.get().as_ptr() as usize - body.as_ptr() as usize;
            edits.push((at, raw.get().len(), json!(resolved(&text, made)?).to_string()));
        }
    }
    edits.sort_unstable();
    let mut out = Vec::with_capacity(body.len());
    let mut from = 0;
    for (at, length, text) in edits {
        out.extend_from_slice(body.get(from..at).unwrap_or_default());
        out.extend_from_slice(text.as_bytes());
        from = at + length;
    }
    out.extend_from_slice(body.get(from..).unwrap_or_default());
    Ok(out)
}

/// Path and query below the service root of an address in a part. `base`: the service root as the client sees it.
pub fn below(url: &str, base: &str) -> Result<(String, String)> {
    let elsewhere = || {
        let error = Error::new(Code::BadUrl, "the address of a part is not below the service root");
        error.hint("write it relative to the service root: contacts?$top=1")
    };
    // A proxy may have ended TLS: the scheme says nothing.
    let after_scheme = |url: &str| url.split_once("://").map(|(_, rest)| rest.to_owned());
    let root = after_scheme(base).unwrap_or_default();
    let (authority, root_path) = root.split_at(root.find('/').unwrap_or(root.len()));
    let (url_path, query) = url.split_once('?').unwrap_or((url, ""));
    let path = match after_scheme(url_path) {
        Some(rest) => {
            let (theirs, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if !theirs.eq_ignore_ascii_case(authority) {
                return Err(elsewhere());
            }
            path.to_owned()
        }
        None => url_path.to_owned(),
    };
    let relative = if path.starts_with('/') { path.strip_prefix(root_path).ok_or_else(elsewhere)? } else { &path };
    Ok((relative.to_owned(), query.to_owned()))
}

/// The parameter `boundary` of a `Content-Type`, quoted or not.
fn boundary(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut found = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let value = found.next()?.1.trim().trim_matches('"');
    (!value.is_empty() && value.len() <= 70).then(|| value.to_owned())
}

fn multipart(body: &[u8], boundary: &str) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for (position, (headers, content)) in entities(body, boundary)?.into_iter().enumerate() {
        let of_part = |error: Error| error.target(format!("part {}", position + 1));
        let content_type = header(&headers, "content-type").unwrap_or_default();
        let (essence, _) = content_type.split_once(';').unwrap_or((content_type, ""));
        if essence.trim().eq_ignore_ascii_case("multipart/mixed") {
            let inner = self::boundary(content_type).ok_or_else(|| malformed("a change set has no boundary"));
            let entities = entities(content, &inner.map_err(of_part)?).map_err(of_part)?;
            let parts = entities.into_iter().map(|(headers, content)| part(&headers, content));
            let parts = parts.collect::<Result<Vec<_>>>().map_err(of_part)?;
            if parts.is_empty() {
                return Err(of_part(malformed("a change set is empty")));
            }
            items.push(Item::Set(parts));
        } else {
            items.push(Item::One(part(&headers, content).map_err(of_part)?));
        }
    }
    Ok(items)
}

type Headers = Vec<(String, String)>;

/// The parts of a multipart body: their headers and what follows.
fn entities<'b>(body: &'b [u8], boundary: &str) -> Result<Vec<(Headers, &'b [u8])>> {
    let delimiter = format!("--{boundary}");
    let mut found = Vec::new();
    let mut begun: Option<usize> = None;
    let mut at = 0;
    let mut is_ended = false;
    while at < body.len() && !is_ended {
        let end = body[at..].iter().position(|byte| *byte == b'\n').map_or(body.len(), |length| at + length + 1);
        let line = body[at..end].trim_ascii_end();
        let rest = line.strip_prefix(delimiter.as_bytes());
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || *rest == b"--") {
            if let Some(begun) = begun.take() {
                // The line break before a delimiter belongs to it.
                let content = body.get(begun..at).unwrap_or_default();
                let content = content.strip_suffix(b"\n").unwrap_or(content);
                found.push(head(content.strip_suffix(b"\r").unwrap_or(content))?);
            }
            is_ended = rest == b"--";
            begun = Some(end);
        }
        at = end;
    }
    match (is_ended, begun) {
        (true, _) => Ok(found),
        (false, None) => Err(malformed("the boundary of the `Content-Type` is not in the body")),
        (false, Some(_)) => Err(malformed("the last part does not end with the boundary and `--`")),
    }
}

/// Headers to the first empty line, and what follows it.
fn head(text: &[u8]) -> Result<(Headers, &[u8])> {
    let mut headers = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |length| length + 1);
        let (line, after) = rest.split_at(end);
        let line = line.trim_ascii_end();
        rest = after;
        if line.is_empty() {
            return Ok((headers, rest));
        }
        let line = std::str::from_utf8(line).map_err(|_| malformed("a header of a part is no text"))?;
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header of a part has no colon"))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
}

fn header<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// `application/http`
fn part(headers: &Headers, content: &[u8]) -> Result<Part> {
    let content_type = header(headers, "content-type").unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("application/http") {
        let error = malformed("a part is not of `Content-Type: application/http`");
        return Err(error.hint("each part has this header, or is a change set of `multipart/mixed`"));
    }
    let content = content.trim_ascii_start();
    let end = content.iter().position(|byte| *byte == b'\n').map_or(content.len(), |length| length + 1);
    let (line, rest) = content.split_at(end);
    let line =
        std::str::from_utf8(line.trim_ascii()).map_err(|_| malformed("the request line of a part is no text"))?;
    let (method, url) = line.split_once(' ').ok_or_else(|| {
        malformed("a part has no request line")
            .hint("after an empty line it begins with `GET contacts?$top=1 HTTP/1.1`")
    })?;
    // Some clients leave spaces in addresses.
    let url = match url.rsplit_once(' ') {
        Some((url, version)) if version.starts_with("HTTP/") => url,
        _ => url,
    };
    let (own, body) = head(rest)?;
    let id = header(headers, "content-id").or(header(&own, "content-id")).map(str::to_owned);
    let body = if body.trim_ascii().is_empty() { Vec::new() } else { body.to_vec() };
    Ok(Part {
        id,
        method: method.to_ascii_uppercase(),
        url: url.trim().to_owned(),
        headers: own,
        body,
        ..Part::default()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Requests<'b> {
    #[serde(borrow)]
    requests: Vec<JsonPart<'b>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonPart<'b> {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default, borrow)]
    body: Option<&'b RawValue>,
    atomicity_group: Option<String>,
    #[serde(default)]
    depends_on: Vec<String>,
}

fn json_requests(body: &[u8], limits: &Limits) -> Result<Vec<Item>> {
    let read: Requests<'_> = serde_json::from_slice(body).map_err(|error| {
        // What serde says of a value has the value in it.
        let said = error.to_string();
        let named = ["missing field `", "unknown field `", "duplicate field `"].into_iter().find_map(|what| {
            let name = said.strip_prefix(what)?.split('`').next()?;
            Some(format!(", {} `{name}`", what.trim_end_matches(" field `")))
        });
        let why = named.unwrap_or_default();
        let message = format!("the batch is no JSON batch{why}, line {} column {}", error.line(), error.column());
        Error::new(Code::BadJson, message)
            .hint("write {\"requests\": [{\"id\": \"1\", \"method\": \"GET\", \"url\": \"contacts\"}]}")
    })?;
    check_parts(read.requests.len(), limits)?;
    let (mut items, mut seen): (Vec<Item>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    for JsonPart { id, method, url, headers, body, atomicity_group, depends_on } in read.requests {
        let mut headers: Headers = headers.into_iter().collect();
        let body = body.filter(|body| body.get() != "null").map(|body| body.get().as_bytes().to_vec());
        if body.is_some() && header(&headers, "content-type").is_none() {
            headers.push(("content-type".into(), "application/json".into()));
        }
        let (method, body) = (method.to_ascii_uppercase(), body.unwrap_or_default());
        let part = Part { id: Some(id), group: atomicity_group, depends_on, method, url, headers, body };
        if let Some(other) = part.depends_on.iter().find(|other| !seen.contains(*other)) {
            let id = part.id.as_deref().unwrap_or_default();
            return Err(malformed(&format!("`{id}` depends on `{other}`, which is no request before it")));
        }
        seen.extend(part.id.iter().chain(&part.group).cloned());
        match (&part.group, items.last_mut()) {
            (Some(group), Some(Item::Set(parts))) if parts[0].group.as_ref() == Some(group) => parts.push(part),
            (Some(group), _) => {
                let is_split =
                    items.iter().any(|item| matches!(item, Item::Set(parts) if parts[0].group.as_ref() == Some(group)));
                if is_split {
                    return Err(malformed("the requests of an `atomicityGroup` do not stand together"));
                }
                items.push(Item::Set(vec![part]));
            }
            (None, _) => items.push(Item::One(part)),
        }
    }
    Ok(items)
}

fn malformed(what: &str) -> Error {
    Error::new(Code::BadRequest, format!("the batch cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_multipart(boundary: &str, body: &str) -> Result<Vec<Item>> {
        let whole =
            |body: &str| read(&format!("multipart/mixed; boundary={boundary}"), body.as_bytes(), &Limits::default());
        let found = whole(body).map(|batch| batch.items);
        // Line ends of either kind mean the same.
        if let Ok(found) = &found {
            let other = whole(&body.replace('\n', "\r\n")).map(|batch| batch.items).unwrap();
            let shown = |items: &[Item]| format!("{items:?}").replace("13, 10", "10");
            assert_eq!(shown(&other), shown(found));
        }
        found
    }

    fn shown(items: &[Item]) -> Vec<String> {
        let part = |part: &Part| {
            let body = String::from_utf8_lossy(&part.body).trim().to_owned();
            format!("{} {} {} {body}", part.id.as_deref().unwrap_or("-"), part.method, part.url).trim().to_owned()
        };
        let item = |item: &Item| match item {
            Item::One(one) => part(one),
            Item::Set(parts) => format!("[{}]", parts.iter().map(part).collect::<Vec<_>>().join("; ")),
        };
        items.iter().map(item).collect()
    }

    #[test]
    fn parts_of_all_clients_are_read() {
        let plain = "preamble\n--b\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\nGET contacts?$filter=a eq 1 HTTP/1.1\nAccept: application/json\n\n--b\nContent-Type: multipart/mixed;boundary=\"c\"\n\n--c\nContent-Type: application/http\nContent-ID: 1\n\nPOST contacts HTTP/1.1\nContent-Type: application/json; type=entry\n\n{\"a\": 1}\n--c\nContent-Type: application/http\n\nPATCH $1 HTTP/1.1\nContent-ID: 2\nContent-Type: application/json\n\n\n{\"a\": 2}\n\n--c--\n\n--b--\nepilogue";
        for boundary in ["b", "\"b\""] {
            let items = read_multipart(boundary, plain).unwrap();
            assert_eq!(
                shown(&items),
                ["- GET contacts?$filter=a eq 1", "[1 POST contacts {\"a\": 1}; 2 PATCH $1 {\"a\": 2}]"]
            );
        }
        // A longer boundary that begins like another is another.
        let like = "--b\nContent-Type: application/http\n\nPOST x HTTP/1.1\nContent-Type: text/plain\n\n--bc\n--b--";
        assert_eq!(shown(&read_multipart("b", like).unwrap()), ["- POST x --bc"]);
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let check = |boundary: &str, body: &str, words: &str| {
            let error = read_multipart(boundary, body).expect_err(body);
            assert!(error.code() == Code::BadRequest && error.to_string().contains(words), "{body}: {error}");
        };
        check("", "--b--", "no boundary");
        check("b", "hello", "not in the body");
        check("b", "--b\nContent-Type: application/http\n\nGET a HTTP/1.1\n\n", "does not end");
        check("b", "--b\nContent-Type: text/plain\n\nGET a HTTP/1.1\n\n--b--", "application/http");
        check("b", "--b\nContent-Type: application/http\n\nGET\n\n--b--", "no request line");
        check("b", "--b\nnothing\n\n--b--", "no colon");
        check("b", "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c--\n--b--", "empty");
        let nested = "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: multipart/mixed; boundary=d\n\n--d--\n--c--\n--b--";
        check("b", nested, "application/http");
        let one = "--b\nContent-Type: application/http\n\nGET a HTTP/1.1\n\n";
        let limits = Limits { batch_parts: 2, ..Limits::default() };
        let many = |times: usize| {
            read("multipart/mixed;boundary=b", format!("{}--b--", one.repeat(times)).as_bytes(), &limits)
        };
        assert!(many(2).is_ok());
        assert!(many(3).unwrap_err().message().contains("`batch_parts` is 2"));
    }

    #[test]
    fn json_batches_are_read() {
        let read =
            |text: &str| super::read("application/json", text.as_bytes(), &Limits::default()).map(|batch| batch.items);
        let text = r#"{"requests":[{"id":"1","method":"get","url":"contacts"},{"id":"2","atomicityGroup":"g","method":"POST","url":"contacts","body":{"a":1.50}},{"id":"3","atomicityGroup":"g","method":"PATCH","url":"$2","body":{},"dependsOn":["2"]}]}"#;
        let items = read(text).unwrap();
        assert_eq!(shown(&items), ["1 GET contacts", "[2 POST contacts {\"a\":1.50}; 3 PATCH $2 {}]"]);
        for (text, code) in [
            ("{}", Code::BadJson),
            (r#"{"requests":[{"id":"1","method":"GET"}]}"#, Code::BadJson),
            (r#"{"requests":[{"id":"1","method":"GET","url":"a","more":1}]}"#, Code::BadJson),
            (
                r#"{"requests":[{"id":"1","method":"GET","url":"a"},{"id":"1","method":"GET","url":"a"}]}"#,
                Code::BadRequest,
            ),
        ] {
            assert_eq!(read(text).unwrap_err().code(), code, "{text}");
        }
        let split = r#"{"requests":[{"id":"1","atomicityGroup":"g","method":"POST","url":"a"},{"id":"2","method":"GET","url":"a"},{"id":"3","atomicityGroup":"g","method":"POST","url":"a"}]}"#;
        assert!(read(split).unwrap_err().message().contains("together"));
    }

    #[test]
    fn addresses_are_below_the_root() {
        let base = "http://tables.example.org:81/x/api/data/v9.2/";
        let check = |url: &str, expected: Option<(&str, &str)>| {
            let found = below(url, base).ok();
            assert_eq!(found.as_ref().map(|(path, query)| (path.as_str(), query.as_str())), expected, "{url}");
        };
        check("contacts?$top=1", Some(("contacts", "$top=1")));
        check("/x/api/data/v9.2/contacts", Some(("contacts", "")));
        check(
            "https://TABLES.example.org:81/x/api/data/v9.2/contacts(1)?a=http://b/",
            Some(("contacts(1)", "a=http://b/")),
        );
        check("http://elsewhere/x/api/data/v9.2/contacts", None);
        check("http://tables.example.org/x/api/data/v9.2/contacts", None);
        check("/admin/v1/tables", None);
    }

    #[test]
    fn names_of_parts_stand_for_what_they_made() {
        let made =
            BTreeMap::from([("1".to_owned(), "contacts(a)".to_owned()), ("new".to_owned(), "accounts(b)".to_owned())]);
        let check =
            |url: &str, expected: Option<&str>| assert_eq!(resolved(url, &made).ok().as_deref(), expected, "{url}");
        check("$1", Some("contacts(a)"));
        check("$1/msemr_x?$top=1", Some("contacts(a)/msemr_x?$top=1"));
        check("$new", Some("accounts(b)"));
        check("$2", None);
        check("$metadata", Some("$metadata"));
        check("contacts", Some("contacts"));
        let body = br#"{"name":"$1", "p@odata.bind": "$1","q@odata.bind":"/contacts(c)","n":1.50}"#.to_vec();
        let expected = r#"{"name":"$1", "p@odata.bind": "contacts(a)","q@odata.bind":"/contacts(c)","n":1.50}"#;
        assert_eq!(String::from_utf8(bound(body, &made).unwrap()).unwrap(), expected);
        assert!(bound(br#"{"p@odata.bind":"$7"}"#.to_vec(), &made).is_err());
    }

    #[test]
    fn answers_are_written_in_the_form_of_the_batch() {
        let one = Answered {
            id: Some("1".into()),
            status: 200,
            reason: "OK",
            headers: vec![("content-type".into(), "application/json".into())],
            body: b"{\"a\":1}".to_vec(),
            ..Answered::default()
        };
        let none = Answered {
            id: Some("2".into()),
            group: Some("g".into()),
            status: 204,
            reason: "No Content",
            ..Answered::default()
        };
        let answers = [Answers::One(one), Answers::Set(vec![none])];
        let (content_type, body) = write(Form::Multipart, &answers, "n");
        assert_eq!(content_type, "multipart/mixed; boundary=batchresponse_n");
        let expected = "--batchresponse_n\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n--batchresponse_n\r\nContent-Type: multipart/mixed; boundary=changesetresponse_n_1\r\n\r\n--changesetresponse_n_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: 2\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--changesetresponse_n_1--\r\n--batchresponse_n--\r\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        let (_, body) = write(Form::Json, &answers, "n");
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"responses":[{"id":"1","status":200,"headers":{"content-type":"application/json"},"body":{"a":1}},{"id":"2","atomicityGroup":"g","status":204,"headers":{}}]}"#
        );
    }
}
