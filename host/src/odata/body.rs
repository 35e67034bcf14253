//! The body of a create or update: one JSON object to assignments whose cell texts fit their columns. Values are read
//! as raw JSON, so that numbers keep their digits; no message repeats a value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::expression::nearest_property;
use super::literal;
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::query::{AssignedValue, Assignment, Repeat};
use crate::model::table::{Choice, Column, ColumnIndex, Kind, Lookup, Table};
use crate::model::value::{Instant, Number, first_day, parse_date, parse_instant};

/// What the body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Required columns must be there.
    Create,
    /// The key in the URL, which the body may repeat.
    Update(Uuid),
}

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The key column, if the client gave it.
    pub key: Option<Uuid>,
    pub assignments: Vec<Assignment>,
    /// Of an update.
    pub repeats: Vec<Repeat>,
}

/// A body of [`Purpose`] for a row of `table`. `base` is the service root, for absolute URLs in `@odata.bind`; `bound` a
/// lookup that the URL has filled already.
pub fn read(
    body: &[u8],
    table: &Table,
    catalog: &Catalog,
    base: &str,
    purpose: Purpose,
    bound: Option<&Assignment>,
) -> Result<Body> {
    let members: Members<'_> = serde_json::from_slice(body).map_err(|e| bad_json(&e))?;
    let reader = Reader { table, catalog, base, purpose };
    let mut read = Body { assignments: bound.cloned().into_iter().collect(), ..Body::default() };
    for (name, raw) in &members.0 {
        reader.member(name, raw.get(), &mut read)?;
    }
    if purpose == Purpose::Create {
        reader.required(&read.assignments)?;
    }
    Ok(read)
}

/// The one member of a body that a property or reference is written by, as it stands. `BadRequest` where it is missing or
/// not alone.
pub fn single(body: &[u8], name: &str) -> Result<String> {
    let members: Members<'_> = serde_json::from_slice(body).map_err(|e| bad_json(&e))?;
    let mut found = None;
    for (member, raw) in &members.0 {
        if member == name {
            found = Some(raw.get().to_owned());
        } else if !member.starts_with("@odata.") {
            let error = Error::new(Code::BadRequest, "the body has another member than the one it takes")
                .target(member.clone());
            return Err(error.hint(format!("send {{\"{name}\": …}}")));
        }
    }
    found.ok_or_else(|| Error::new(Code::BadRequest, format!("the body has no `{name}`")).target(name))
}

/// The row that `{"@odata.id": "set(guid)"}` names: its entity set and key.
pub fn reference(body: &[u8], table: &Table, catalog: &Catalog, base: &str) -> Result<(String, Uuid)> {
    let raw = single(body, "@odata.id")?;
    let reader = Reader { table, catalog, base, purpose: Purpose::Create };
    let found = text(&raw).and_then(|url| reader.row_url(&url).map(|(set, key)| (set.to_owned(), key)));
    found.ok_or_else(|| bad_value("@odata.id", "a row's URL like `contacts(…)`"))
}

/// The bodies in `{"Targets": [{…}, …]}`, each as it stands; and of each the key that it names, where it names one.
pub fn targets(body: &[u8], table: &Table, catalog: &Catalog, base: &str) -> Result<Vec<(String, Option<Uuid>)>> {
    let raw = single(body, "Targets")?;
    let targets: Vec<&RawValue> = serde_json::from_str(&raw).map_err(|_| bad_value("Targets", "a list of rows"))?;
    let reader = Reader { table, catalog, base, purpose: Purpose::Create };
    let key_name = &table.columns[table.key].name;
    let read = |target: &&RawValue| {
        let members: Members<'_> = serde_json::from_str(target.get()).map_err(|e| bad_json(&e))?;
        let mut key = None;
        for (name, raw) in &members.0 {
            if name == "@odata.id" {
                let found =
                    text(raw.get()).and_then(|url| reader.row_url(&url).map(|(set, key)| (set.to_owned(), key)));
                let (_, of) = found
                    .filter(|(set, _)| *set == table.entity_set)
                    .ok_or_else(|| bad_value(name, &format!("a row's URL like `{}(…)`", table.entity_set)))?;
                key = Some(of);
            } else if name == key_name {
                key = text(raw.get()).and_then(|text| Uuid::try_parse(&text).ok());
                key.ok_or_else(|| bad_value(name, "a GUID as text"))?;
            }
        }
        Ok((target.get().to_owned(), key))
    };
    targets.iter().map(read).collect()
}

/// The parameters of an action, all of them text: one that must be there, and others that may. `BadRequest` for one that
/// is missing, not known, or no text.
pub fn parameters(body: &[u8], required: &str, others: &[&str]) -> Result<String> {
    let members: Members<'_> = serde_json::from_slice(body).map_err(|e| bad_json(&e))?;
    let mut found = None;
    for (name, raw) in members.0.iter().filter(|(name, _)| !name.starts_with("@odata.")) {
        let is_required = name == required;
        if !is_required && !others.contains(&name.as_str()) {
            let mut known = vec![required];
            known.extend(others);
            return Err(Error::new(Code::BadRequest, "the action has no such parameter")
                .hint(format!("its parameters are {}", known.join(", "))));
        }
        let text: Option<String> = serde_json::from_str(raw.get())
            .map_err(|_| Error::new(Code::BadValue, "the parameter is no text").target(name.clone()))?;
        if is_required {
            found = text;
        }
    }
    found.ok_or_else(|| Error::new(Code::BadRequest, format!("the action needs `{required}`")).target(required))
}

/// Whether the body of `msind_UpsertBundle` has the parameters that Microsoft gave the action.
pub fn has_parameters(body: &[u8]) -> bool {
    let members = serde_json::from_slice::<Members<'_>>(body);
    members.is_ok_and(|members| members.0.iter().any(|(name, _)| name.starts_with("msind_")))
}

/// The bundle in the body of `msind_UpsertBundle` in its other forms: the body itself, or a member `Bundle` as an object
/// or as text.
pub fn bundle(body: &[u8]) -> Result<String> {
    let members: Members<'_> = serde_json::from_slice(body).map_err(|e| bad_json(&e))?;
    let whole = members.0.iter().any(|(name, raw)| name == "resourceType" && raw.get() == "\"Bundle\"");
    if whole {
        let text = std::str::from_utf8(body).map_err(|_| Error::new(Code::BadJson, "the body is not UTF-8"))?;
        return Ok(text.to_owned());
    }
    let member = members.0.iter().find(|(name, _)| name.to_ascii_lowercase().ends_with("bundle"));
    match member.map(|(_, raw)| raw.get()) {
        Some(object) if object.starts_with('{') => Ok(object.to_owned()),
        Some(text) if text.starts_with('"') => {
            serde_json::from_str(text).map_err(|_| Error::new(Code::BadJson, "the bundle is no text").target("Bundle"))
        }
        _ => {
            let error = Error::new(Code::BadRequest, "the body holds no bundle").target("Bundle");
            Err(error.hint("send {\"msind_JSON\": \"…\"}, a FHIR Bundle, or {\"Bundle\": …}"))
        }
    }
}

/// Members of an object in their order; a repeated one is an error.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                let mut seen = std::collections::HashSet::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if !seen.insert(name.clone()) {
                        return Err(serde::de::Error::custom(REPEATED));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// What stands before the name of a type: the namespace of the schema, and its alias.
const NAMESPACES: [&str; 2] = ["Microsoft.Dynamics.CRM", "mscrm"];

const REPEATED: &str = "a member is repeated";

/// Line and column only: the parser's own words may quote the body.
fn bad_json(error: &serde_json::Error) -> Error {
    let what = if error.to_string().starts_with(REPEATED) {
        "a member of the JSON object is given twice"
    } else if error.is_data() {
        "the body is no JSON object"
    } else {
        "the body is not valid JSON"
    };
    Error::new(Code::BadJson, format!("{what}, line {} column {}", error.line(), error.column()))
}

struct Reader<'a> {
    table: &'a Table,
    catalog: &'a Catalog,
    base: &'a str,
    purpose: Purpose,
}

impl Reader<'_> {
    fn member(&self, name: &str, raw: &str, read: &mut Body) -> Result<()> {
        if let Some((property, annotation)) = name.split_once('@') {
            return match annotation {
                "odata.bind" | "bind" => read.assign(self.bind(property, name, raw)?, name),
                "odata.type" | "type" if property.is_empty() => self.check_type(name, raw),
                // Control information and other annotations say nothing about the row.
                _ => Ok(()),
            };
        }
        let Some(index) = self.table.property(name) else {
            return match self.navigation(name, raw)? {
                Some(assignment) => read.assign(assignment, name),
                None => Ok(()),
            };
        };
        let column = &self.table.columns[index];
        match &column.kind {
            Kind::Lookup(lookup) => {
                let error = not_writable(name, "a lookup is not written by its key");
                return Err(error.hint(format!(
                    "write \"{}@odata.bind\": \"/{}(…)\"",
                    lookup.navigation,
                    first_set(lookup)
                )));
            }
            Kind::ConceptKey { concept } => {
                let code = &self.table.columns[self.table.concepts[*concept].code].name;
                let error = not_writable(name, "the key of a concept is made from its code");
                return Err(error.hint(format!("write `{code}` and its system")));
            }
            Kind::Key => return self.key(name, raw, read),
            _ => {}
        }
        match self.value(column, name, raw) {
            Ok(value) => read.assign(Assignment { column: index, value }, name),
            Err(otherwise) => {
                let repeated = as_shown(column, raw).filter(|_| self.purpose != Purpose::Create);
                let Some(value) = repeated else { return Err(otherwise) };
                read.repeats.push(Repeat { column: index, value, otherwise });
                Ok(())
            }
        }
    }

    /// A body that says of which type it is says so of this table's: of another's it would be misread.
    fn check_type(&self, name: &str, raw: &str) -> Result<()> {
        let said = text(raw);
        let said = said.as_deref().map(|said| said.rsplit_once('#').map_or(said, |(_, behind)| behind));
        let of = said.and_then(|said| said.rsplit_once('.')).filter(|(space, _)| NAMESPACES.contains(space));
        match of {
            Some((_, of)) if of == self.table.name => Ok(()),
            Some((_, of)) if self.catalog.twin(self.table).is_some_and(|twin| of == twin.name) => Ok(()),
            _ => Err(bad_value(name, &format!("`#{}.{}`", NAMESPACES[0], self.table.name))),
        }
    }

    fn value(&self, column: &Column, name: &str, raw: &str) -> Result<Option<AssignedValue>> {
        self.writable(column, name)?;
        let value = if raw == "null" { None } else { Some(AssignedValue::Cell(cell(column, name, raw)?)) };
        self.nullable(column, name, value.is_none())?;
        Ok(value)
    }

    fn key(&self, name: &str, raw: &str, read: &mut Body) -> Result<()> {
        let key =
            text(raw).and_then(|text| Uuid::try_parse(&text).ok()).ok_or_else(|| bad_value(name, "a GUID as text"))?;
        match self.purpose {
            Purpose::Create => {
                read.key = Some(key);
                Ok(())
            }
            Purpose::Update(expected) if expected == key => Ok(()),
            Purpose::Update(_) => {
                Err(Error::new(Code::BadKey, "the key in the body is not that of the URL").target(name))
            }
        }
    }

    /// `patient@odata.bind`
    fn bind(&self, property: &str, name: &str, raw: &str) -> Result<Assignment> {
        let (index, lookup) = match self.catalog.relation(self.table, property) {
            Some(Relation::Collection { .. }) => return Err(unsupported(name, "binding rows to a collection")),
            Some(Relation::Concept { .. }) => {
                return Err(unsupported(name, "binding a concept").hint("write its code, system and text columns"));
            }
            _ => self.lookup(property).ok_or_else(|| self.unknown(property, name))?,
        };
        let column = &self.table.columns[index];
        self.writable(column, name)?;
        if raw == "null" {
            self.nullable(column, name, true)?;
            return Ok(Assignment { column: index, value: None });
        }
        let wanted = format!("a row's URL like `/{}(…)`", first_set(lookup));
        let url = text(raw).ok_or_else(|| bad_value(name, &wanted))?;
        let (entity_set, key) = self.row_url(&url).ok_or_else(|| bad_value(name, &wanted))?;
        if property != lookup.navigation
            && let Some(Relation::Lookup { table, .. }) = self.catalog.relation(self.table, property)
            && let Some(only) = self.catalog.table(&table).filter(|only| only.entity_set != entity_set)
        {
            return Err(bad_value(name, &format!("a row of {}", only.entity_set)));
        }
        if !lookup.targets.iter().any(|t| t.entity_set == entity_set) {
            let sets: Vec<_> = lookup.targets.iter().map(|t| t.entity_set.as_str()).collect();
            return Err(bad_value(name, &format!("a row of {}", sets.join(" or "))));
        }
        let bind = AssignedValue::Bind { entity_set: entity_set.to_owned(), key };
        Ok(Assignment { column: index, value: Some(bind) })
    }

    /// `/set(guid)`, `set(guid)`, `set(key=guid)`, or the same below the service root, with or without its host. Of a twin it
    /// is the set of the table that it stands for.
    fn row_url<'u>(&'u self, url: &'u str) -> Option<(&'u str, Uuid)> {
        let root = self.base.trim_end_matches('/');
        let path = root.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
        let relative = match url.strip_prefix(root) {
            Some(rest) => rest,
            None if url.contains("://") => return None,
            None => path.and_then(|path| url.strip_prefix(path)).unwrap_or(url),
        };
        let (set, rest) = relative.strip_prefix('/').unwrap_or(relative).split_once('(')?;
        let key = rest.strip_suffix(')')?;
        let named = !set.is_empty() && set.chars().all(literal::is_identifier_part);
        let key = match key.split_once('=') {
            Some((name, key)) => {
                let table = self.catalog.find_entity_set(set)?;
                Some(key).filter(|_| name.trim() == table.columns[table.key].name)?.trim()
            }
            None => key,
        };
        let set = self.catalog.find_entity_set(set).map_or(set, |table| &table.entity_set);
        Some((set, parse_key(key)?)).filter(|_| named)
    }

    /// A navigation property, or a name that does not exist. `null` clears a lookup.
    fn navigation(&self, name: &str, raw: &str) -> Result<Option<Assignment>> {
        if let Some((index, lookup)) = self.lookup(name) {
            let column = &self.table.columns[index];
            if raw == "null" {
                self.writable(column, name)?;
                self.nullable(column, name, true)?;
                return Ok(Some(Assignment { column: index, value: None }));
            }
            let hint = format!("write the row first, then \"{}@odata.bind\"", lookup.navigation);
            return Err(unsupported(name, "writing a related row in the same body").hint(hint));
        }
        match self.catalog.relation(self.table, name) {
            Some(_) => Err(unsupported(name, "writing related rows in the same body")),
            None => Err(self.unknown(name, name)),
        }
    }

    /// By its name, or that of one of the tables that it may lead to.
    fn lookup(&self, navigation: &str) -> Option<(ColumnIndex, &Lookup)> {
        let mut lookups = self.table.columns.iter().enumerate().filter_map(|(index, column)| match &column.kind {
            Kind::Lookup(lookup) => Some((index, lookup)),
            _ => None,
        });
        match lookups.clone().find(|(_, lookup)| lookup.navigation == navigation) {
            Some(found) => Some(found),
            None => match self.catalog.relation(self.table, navigation)? {
                Relation::Lookup { column, .. } => lookups.find(|(index, _)| *index == column),
                _ => None,
            },
        }
    }

    fn unknown(&self, name: &str, target: &str) -> Error {
        let error =
            Error::new(Code::UnknownColumn, format!("`{}` has no column `{name}`", self.table.name)).target(target);
        match nearest_property(self.table, name, self.catalog) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    fn writable(&self, column: &Column, name: &str) -> Result<()> {
        let (allowed, when) = match self.purpose {
            Purpose::Create => (column.access.create, "on create"),
            Purpose::Update(_) => (column.access.update, "on update"),
        };
        if allowed { Ok(()) } else { Err(not_writable(name, &format!("it cannot be written {when}"))) }
    }

    fn nullable(&self, column: &Column, name: &str, null: bool) -> Result<()> {
        if column.required && null {
            return Err(Error::new(Code::RequiredColumn, format!("`{name}` cannot be null")).target(name));
        }
        Ok(())
    }

    fn required(&self, assignments: &[Assignment]) -> Result<()> {
        let given = |index: usize| assignments.iter().any(|a| a.column == index);
        let is_missing =
            |(index, column): &(usize, &Column)| column.required && column.kind != Kind::Key && !given(*index);
        let missing: Vec<&Column> =
            self.table.columns.iter().enumerate().filter(is_missing).map(|(_, column)| column).collect();
        let Some(first) = missing.first() else {
            return Ok(());
        };
        let names: Vec<_> = missing.iter().map(|c| format!("`{}`", c.name)).collect();
        let details = missing.iter().map(|column| Detail {
            code: "RequiredColumn".into(),
            message: format!("`{}` ({}) must be given", column.name, column.label),
            target: Some(column.name.clone()),
        });
        let message = format!("required and not given: {}", names.join(", "));
        Err(Error::new(Code::RequiredColumn, message).target(first.name.clone()).details(details))
    }
}

impl Body {
    fn assign(&mut self, assignment: Assignment, name: &str) -> Result<()> {
        if self.assignments.iter().any(|a| a.column == assignment.column) {
            return Err(
                Error::new(Code::BadJson, format!("`{name}` writes a column that is given already")).target(name)
            );
        }
        self.assignments.push(assignment);
        Ok(())
    }
}

/// A GUID as a URL has it: bare, or in quotes.
pub fn parse_key(key: &str) -> Option<Uuid> {
    let bare = key.strip_prefix('\'').and_then(|k| k.strip_suffix('\'')).unwrap_or(key);
    if literal::guid(bare, 0) == Ok(bare.len()) { Uuid::try_parse(bare).ok() } else { None }
}

/// A JSON value as the cell text of a column.
fn cell(column: &Column, name: &str, raw: &str) -> Result<String> {
    let wrong = |wanted: &str| bad_value(name, wanted);
    match &column.kind {
        Kind::Text { max_length, .. } => {
            let text = text(raw).ok_or_else(|| wrong("a text"))?;
            // FHIR has no other control characters in a string.
            if text.chars().any(|c| c < ' ' && !matches!(c, '\t' | '\n' | '\r')) {
                return Err(wrong("a text without control characters"));
            }
            match max_length {
                Some(most) if text.chars().count() > *most as usize => {
                    Err(wrong(&format!("a text of at most {most} characters")))
                }
                _ => Ok(text),
            }
        }
        Kind::Uri => text(raw)
            .filter(|t| !t.is_empty() && !t.contains(char::is_whitespace))
            .ok_or_else(|| wrong("a URI as text")),
        Kind::Boolean if matches!(raw, "true" | "false") => Ok(raw.to_owned()),
        Kind::Boolean => Err(wrong("true or false")),
        Kind::Int32 => raw.parse::<i32>().map(|n| n.to_string()).map_err(|_| wrong("a 32-bit integer")),
        Kind::Int64 => number(raw).parse::<i64>().map(|n| n.to_string()).map_err(|_| wrong("a 64-bit integer")),
        Kind::Decimal { precision, scale } => decimal(raw, *precision, *scale).map_err(|wanted| wrong(&wanted)),
        Kind::Date => {
            let said = text(raw).ok_or_else(|| wrong("a date, YYYY-MM-DD"))?;
            // Clients that know no dates say when the day begins in UTC.
            let moment = Some(&said).filter(|said| said.contains('T')).and_then(|said| parse_instant(said));
            let begins = moment.and_then(Instant::begins_day).map(|date| date.to_string());
            let date = if parse_date(&said).is_some() { Some(said) } else { begins };
            date.ok_or_else(|| wrong("a date, YYYY-MM-DD"))
        }
        Kind::DateTime => {
            text(raw).filter(|t| is_moment(t)).ok_or_else(|| wrong("a date-time with its offset, 2015-02-07T13:28:17Z"))
        }
        Kind::PartialDate => {
            let fits = |t: &String| first_day(t).is_some() || is_moment(t);
            text(raw)
                .filter(fits)
                .ok_or_else(|| wrong("a date: YYYY, YYYY-MM, YYYY-MM-DD, or a date-time with its offset"))
        }
        Kind::Choice(choice) => choice_code(choice, raw).map_err(|wanted| wrong(&wanted)),
        Kind::Json => {
            let valid = |t: &String| serde_json::from_str::<serde::de::IgnoredAny>(t).is_ok();
            text(raw).filter(valid).ok_or_else(|| wrong("JSON as text"))
        }
        Kind::Key | Kind::Lookup(_) | Kind::ConceptKey { .. } => Err(not_writable(name, "it is a key")),
    }
}

/// A value that may not be written as the cell text that would show it, where there is one.
fn as_shown(column: &Column, raw: &str) -> Option<Option<String>> {
    if raw == "null" {
        return Some(None);
    }
    let shown = match &column.kind {
        // Shown whole, however long it is.
        Kind::Text { .. } => text(raw),
        _ => cell(column, &column.name, raw).ok(),
    };
    shown.map(Some)
}

/// The content of a JSON string.
fn text(raw: &str) -> Option<String> {
    if raw.starts_with('"') { serde_json::from_str(raw).ok() } else { None }
}

/// A number, or one in quotes as `IEEE754Compatible` has it.
fn number(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(raw)
}

fn decimal(raw: &str, precision: u8, scale: Option<u8>) -> Result<String, String> {
    let text = number(raw);
    let Some(number) = Number::parse(text) else {
        return Err("a number".into());
    };
    if number.plain().is_none() {
        return Err(format!(
            "a number of at most {} digits before the point and {} in all, written without exponent",
            Number::WHOLE_DIGITS,
            Number::DIGITS
        ));
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let leading = mantissa.bytes().filter(|b| *b != b'-' && *b != b'.').take_while(|b| *b == b'0').count();
    if digits - leading > usize::from(precision) {
        return Err(format!("a number of at most {precision} digits"));
    }
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    match scale {
        Some(most) if fraction > usize::from(most) => {
            Err(format!("a number with at most {most} digits after the point"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn is_moment(text: &str) -> bool {
    literal::date_time_offset(text, 0) == Ok(text.len())
        && parse_instant(text).and_then(|moment| moment.utc()).is_some()
}

fn choice_code(choice: &Choice, raw: &str) -> Result<String, String> {
    const SHOWN: usize = 20;
    let found = raw.parse().ok().and_then(|value| choice.by_value(value));
    found.map(|option| option.code.clone()).ok_or_else(|| {
        let shown: Vec<_> = choice.options.iter().take(SHOWN).map(|o| format!("{} = {}", o.value, o.label)).collect();
        let more = if choice.options.len() > SHOWN { ", …" } else { "" };
        format!("one of the choice's numbers: {}{more}", shown.join(", "))
    })
}

fn first_set(lookup: &Lookup) -> &str {
    lookup.targets.first().map_or("…", |t| t.entity_set.as_str())
}

fn bad_value(name: &str, wanted: &str) -> Error {
    Error::new(Code::BadValue, format!("`{name}` takes {wanted}")).target(name)
}

fn not_writable(name: &str, why: &str) -> Error {
    Error::new(Code::NotWritable, format!("`{name}`: {why}")).target(name)
}

fn unsupported(name: &str, what: &str) -> Error {
    Error::new(Code::NotSupported, format!("{what} is not supported")).target(name)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, BASE, GUID};
    use super::*;

    fn observation(body: &str, purpose: Purpose) -> Result<Body> {
        read(body.as_bytes(), &sample::observation(), &sample::catalog(), BASE, purpose, None)
    }

    /// The one assignment of an update, as text.
    fn update(member: &str) -> Result<String, String> {
        let key = Uuid::nil();
        let body = observation(&format!("{{{member}}}"), Purpose::Update(key)).map_err(|e| e.to_string())?;
        if let Some(repeat) = body.repeats.first() {
            return Err(repeat.otherwise.to_string());
        }
        let table = sample::observation();
        let shown = body.assignments.iter().map(|a| match &a.value {
            None => format!("{}=null", table.columns[a.column].name),
            Some(AssignedValue::Cell(text)) => format!("{}={text}", table.columns[a.column].name),
            Some(AssignedValue::Bind { entity_set, key }) => {
                format!("{}->{entity_set}({key})", table.columns[a.column].name)
            }
        });
        Ok(shown.collect::<Vec<_>>().join(" "))
    }

    fn check(member: &str, expected: &str) {
        assert_eq!(update(member).as_deref(), Ok(expected), "{member}");
    }

    fn refused(member: &str, expected: &str) {
        let error = update(member).expect_err(member);
        assert!(error.contains(expected), "{member}: {error}");
    }

    #[test]
    fn values_become_cell_texts() {
        check(r#""msemr_name":"a\"b\u00e9""#, "msemr_name=a\"bé");
        check(r#""msemr_name":null"#, "msemr_name=null");
        check(r#""msemr_status":935000001"#, "msemr_status=final");
        check(r#""msemr_value":72.10"#, "msemr_value=72.10");
        check(r#""msemr_value":"72.10""#, "msemr_value=72.10");
        check(r#""msemr_value":1e2"#, "msemr_value=1e2");
        check(r#""msemr_count":-2147483648"#, "msemr_count=-2147483648");
        check(r#""msemr_total":"9223372036854775807""#, "msemr_total=9223372036854775807");
        check(r#""msemr_issued":"2015-02-07T13:28:17.5+02:00""#, "msemr_issued=2015-02-07T13:28:17.5+02:00");
        check(r#""msemr_onset":"2015-02""#, "msemr_onset=2015-02");
        check(r#""msemr_link":"http://loinc.org""#, "msemr_link=http://loinc.org");
        check(r#""msemr_extra":"{\"a\":1}""#, "msemr_extra={\"a\":1}");
        for named in ["#Microsoft.Dynamics.CRM.msemr_observation", "Microsoft.Dynamics.CRM.msemr_observation"] {
            check(&format!(r#""@odata.type":"{named}","msemr_name@odata.type":"y""#), "");
        }
        check(r#""@odata.type":"http://x/$metadata#mscrm.msemr_observation""#, "");
        for other in ["\"#Microsoft.Dynamics.CRM.contact\"", "\"msemr_observation\"", "\"#x.msemr_observation\"", "5"] {
            refused(
                &format!(r#""@odata.type":{other}"#),
                "`@odata.type` takes `#Microsoft.Dynamics.CRM.msemr_observation`",
            );
        }
        check(&format!(r#""msemr_observationid":"{}""#, Uuid::nil()), "");
        check("", "");
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        refused(r#""msemr_name":"a\u0000""#, "control characters");
        refused(r#""msemr_name":5"#, "BadValue: `msemr_name` takes a text");
        refused(r#""msemr_status":7"#, "935000001 = Final, 935000002 = Amended");
        refused(r#""msemr_status":"Final""#, "BadValue");
        refused(r#""msemr_status":null"#, "RequiredColumn");
        refused(r#""msemr_value":"abc""#, "a number");
        refused(r#""msemr_value":12345678901"#, "at most 9 digits");
        refused(r#""msemr_count":2147483648"#, "32-bit");
        refused(r#""msemr_count":1.5"#, "32-bit");
        refused(r#""msemr_issued":"2015-02-07T13:28:17""#, "offset");
        refused(r#""msemr_issued":"2015-02-30T13:28:17Z""#, "offset");
        refused(r#""msemr_onset":"soon""#, "BadValue");
        refused(r#""msemr_link":"a b""#, "a URI");
        refused(r#""msemr_extra":"{""#, "JSON as text");
        refused(r#""version":"3""#, "NotWritable");
        refused(
            r#""msemr_nam":"x""#,
            "UnknownColumn: `msemr_observation` has no column `msemr_nam` (did you mean `msemr_name`?)",
        );
        refused(&format!(r#""msemr_observationid":"{GUID}""#), "BadKey");
        let long =
            read(br#"{"fullname":"12345678901"}"#, &sample::contact(), &sample::catalog(), BASE, Purpose::Create, None);
        assert!(long.unwrap_err().message().contains("at most 10 characters"));
        let fits = read(
            "{\"fullname\":\"äöüäöüäöüß\"}".as_bytes(),
            &sample::contact(),
            &sample::catalog(),
            BASE,
            Purpose::Create,
            None,
        );
        assert!(fits.is_ok());
    }

    /// An update says them on, a create has no row that could show them.
    #[test]
    fn values_that_cannot_be_written_wait_for_the_row() {
        let member = r#"{"version":"3"}"#;
        let read = observation(member, Purpose::Update(Uuid::nil())).unwrap();
        let [repeat] = read.repeats.as_slice() else { panic!("one value") };
        assert_eq!((repeat.value.as_deref(), repeat.otherwise.code()), (Some("3"), Code::NotWritable));
        assert!(read.assignments.is_empty());
        assert_eq!(observation(member, Purpose::Create).unwrap_err().code(), Code::NotWritable);
    }

    #[test]
    fn lookups_are_bound_by_url() {
        let bound = format!("msemr_patient->contacts({GUID})");
        for url in [format!("/contacts({GUID})"), format!("contacts({GUID})"), format!("{BASE}contacts({GUID})")] {
            check(&format!(r#""msemr_patient@odata.bind":"{url}""#), &bound);
        }
        let path = format!("/{}", BASE.splitn(4, '/').last().unwrap());
        for row in ["contacts(*)", "contacts(contactid=*)", "contacts(contactid='*')"] {
            let row = row.replace('*', GUID);
            check(&format!(r#""msemr_patient@odata.bind":"{path}{row}""#), &bound);
            check(&format!(r#""msemr_patient@odata.bind":"/{row}""#), &bound);
        }
        refused(&format!(r#""msemr_patient@odata.bind":"/contacts(fullname={GUID})""#), "a row's URL");
        refused(&format!(r#""msemr_patient@odata.bind":"/other/contacts({GUID})""#), "a row's URL");
        check(r#""msemr_device@odata.bind":null"#, "msemr_device=null");
        check(r#""msemr_device":null"#, "msemr_device=null");
        check(
            &format!(r#""msemr_device@odata.bind":"/msemr_devices({GUID})""#),
            &format!("msemr_device->msemr_devices({GUID})"),
        );
        refused(r#""msemr_patient@odata.bind":null"#, "RequiredColumn");
        refused(&format!(r#""msemr_patient@odata.bind":"/accounts({GUID})""#), "a row of contacts");
        refused(&format!(r#""msemr_patient@odata.bind":"http://elsewhere/contacts({GUID})""#), "a row's URL");
        refused(r#""msemr_patient@odata.bind":"/contacts(abc)""#, "a row's URL");
        refused(r#""msemr_patient@odata.bind":5"#, "a row's URL");
        refused(&format!(r#""_msemr_patient_value":"{GUID}""#), "msemr_patient@odata.bind");
        refused(&format!(r#""_msemr_code_value":"{GUID}""#), "write `msemr_code_code` and its system");
        refused(r#""msemr_code@odata.bind":"/x(1)""#, "NotSupported");
        refused(r#""msemr_patient":{"fullname":"x"}"#, "NotSupported: writing a related row");
        refused(r#""nothing@odata.bind":"/x(1)""#, "UnknownColumn");
        refused(&format!(r#""msemr_patient":null,"msemr_patient@odata.bind":"/contacts({GUID})""#), "RequiredColumn");
        refused(&format!(r#""msemr_device":null,"msemr_device@odata.bind":"/msemr_devices({GUID})""#), "given already");
    }

    #[test]
    fn a_create_gives_what_is_required() {
        let error = observation(r#"{"msemr_name":"x"}"#, Purpose::Create).unwrap_err();
        assert_eq!(error.code(), Code::RequiredColumn);
        let missing: Vec<_> = error.get_details().iter().filter_map(|d| d.target.as_deref()).collect();
        assert_eq!(missing, ["msemr_status", "msemr_patient"]);
        let whole = format!(
            r#"{{"msemr_observationid":"{GUID}","msemr_status":935000001,"msemr_patient@odata.bind":"/contacts({GUID})"}}"#
        );
        let body = observation(&whole, Purpose::Create).unwrap();
        assert_eq!((body.key, body.assignments.len()), (Uuid::parse_str(GUID).ok(), 2));
    }

    #[test]
    fn json_errors_say_where_and_never_what() {
        let check = |body: &str, expected: &str| {
            let error = observation(body, Purpose::Update(Uuid::nil())).unwrap_err();
            assert_eq!((error.code(), error.message()), (Code::BadJson, expected), "{body}");
        };
        check("{\"msemr_name\":\n secret}", "the body is not valid JSON, line 2 column 2");
        check("[1]", "the body is no JSON object, line 1 column 0");
        check("\"secret\"", "the body is no JSON object, line 1 column 8");
        check("", "the body is not valid JSON, line 1 column 0");
        check(r#"{"a":1} x"#, "the body is not valid JSON, line 1 column 9");
        check(r#"{"msemr_name":1,"msemr_name":2}"#, "a member of the JSON object is given twice, line 1 column 31");
        let deep = format!("{{\"x\":{}}}", "[".repeat(100_000));
        assert_eq!(observation(&deep, Purpose::Create).unwrap_err().code(), Code::BadJson);
    }

    #[test]
    fn a_bundle_comes_whole_or_in_a_member() {
        let check = |body: &str, expected: Option<&str>| {
            assert_eq!(bundle(body.as_bytes()).ok().as_deref(), expected, "{body}");
        };
        check(r#"{"resourceType":"Bundle","n":1.50}"#, Some(r#"{"resourceType":"Bundle","n":1.50}"#));
        check(r#"{"Bundle":{"n":1.50}}"#, Some(r#"{"n":1.50}"#));
        check(r#"{"msind_bundle":"{\"n\":1.50}"}"#, Some(r#"{"n":1.50}"#));
        check(r#"{"other":1}"#, None);
        check(r#"{"Bundle":1}"#, None);
    }
}
