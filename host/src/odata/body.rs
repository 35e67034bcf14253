//! The body of a create or update: one JSON object to assignments whose cell texts fit their columns. Values are read
//! as raw JSON, so that numbers keep their digits; no message repeats a value.

use std::cell::Cell;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::expression::nearest_property;
use super::literal;
use super::named::{Naming, RowKey, parse_key};
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::limits::Limits;
use crate::model::query::{AssignedValue, Assignment, Change, Operation, Related, Repeat};
use crate::model::table::{Choice, Column, ColumnIndex, Kind, Lookup, Table};
use crate::model::value::{Instant, Number, first_day, parse_date, parse_instant};

/// What the body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Required columns must be there.
    Create,
    /// The key in the URL, which the body may repeat.
    Update(Uuid),
    /// The same, of a whole row: columns that are required must be there, but for lookups.
    Replace(Uuid),
}

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The key column, if the client gave it.
    pub key: Option<Uuid>,
    pub assignments: Vec<Assignment>,
    /// Of an update or a whole row.
    pub repeats: Vec<Repeat>,
    /// Of a new row: those inside it.
    pub related: Vec<Related>,
}

/// What the addresses of rows in a body lead to.
#[derive(Clone, Copy)]
pub struct Addresses<'a> {
    pub catalog: &'a Catalog,
    /// The service root, for whole URLs.
    pub base: &'a str,
    pub naming: &'a Naming<'a>,
}

/// A body of [`Purpose`] for a row of `table`. `bound`: what the URL has filled already; the body may say of what is no lookup the same.
pub fn read(
    body: &[u8],
    table: &Table,
    addresses: Addresses<'_>,
    purpose: Purpose,
    bound: &[Assignment],
    limits: &Limits,
) -> Result<Body> {
    let room = Room { limits, depth: 0, rows: &Cell::new(0) };
    Reader { table, addresses, purpose, room: Some(room) }.read(body, bound)
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

/// The body of a `/$value`, which is the value itself, as JSON has it.
pub fn bare(body: &[u8], column: &Column) -> Result<String> {
    let wrong = |wanted: &str| bad_value(&column.property(), wanted);
    let text = std::str::from_utf8(body).map_err(|_| wrong("text in UTF-8"))?;
    match &column.kind {
        Kind::Boolean | Kind::Int32 | Kind::Int64 | Kind::Decimal { .. } | Kind::Choice(_) => {
            let raw = serde_json::from_str::<&RawValue>(text.trim()).map(RawValue::get);
            let is_plain = |raw: &&str| *raw != "null" && !raw.starts_with(['"', '{', '[']);
            raw.ok().filter(is_plain).map(str::to_owned).ok_or_else(|| wrong("a bare number, or true or false"))
        }
        _ => Ok(serde_json::Value::from(text).to_string()),
    }
}

/// The row that `{"@odata.id": "set(guid)"}` names: its entity set and key.
pub fn reference(body: &[u8], table: &Table, addresses: Addresses<'_>) -> Result<(String, Uuid)> {
    let raw = single(body, "@odata.id")?;
    let reader = Reader { table, addresses, purpose: Purpose::Create, room: None };
    let wanted = "a row's URL like `contacts(…)`";
    let url = text(&raw).ok_or_else(|| bad_value("@odata.id", wanted))?;
    let (set, key) = reader.row_url(&url, "@odata.id", wanted)?;
    Ok((set.to_owned(), key))
}

/// The bodies in `{"Targets": [{…}, …]}`, each as it stands; and of each the row that it names, where it names one.
pub fn targets(body: &[u8], table: &Table, addresses: Addresses<'_>) -> Result<Vec<(String, Option<RowKey>)>> {
    let raw = single(body, "Targets")?;
    let targets: Vec<&RawValue> = serde_json::from_str(&raw).map_err(|_| bad_value("Targets", "a list of rows"))?;
    let reader = Reader { table, addresses, purpose: Purpose::Create, room: None };
    let key_name = &table.columns[table.key].name;
    let read = |(position, target): (usize, &&RawValue)| {
        let row = |_| bad_value(&format!("Targets[{position}]"), "a row, as an object with each name once");
        let members: Members<'_> = serde_json::from_str(target.get()).map_err(row)?;
        let mut key = None;
        for (name, raw) in &members.0 {
            let of = if name == "@odata.id" {
                let wanted = format!("a row's URL like `{}(…)`", table.entity_set);
                let url = text(raw.get()).ok_or_else(|| bad_value(name, &wanted))?;
                let (set, key) = reader.row_key(&url, name, &wanted)?;
                if *set != table.entity_set {
                    return Err(bad_value(name, &wanted));
                }
                key
            } else if name == key_name {
                let found = text(raw.get()).and_then(|text| Uuid::try_parse(&text).ok());
                RowKey::Of(found.ok_or_else(|| bad_value(name, "a GUID as text"))?)
            } else {
                continue;
            };
            if key.replace(of.clone()).is_some_and(|other| other != of) {
                return Err(Error::new(Code::BadKey, "`@odata.id` and the key name two rows").target(name.clone()));
            }
        }
        Ok((target.get().to_owned(), key))
    };
    targets.iter().enumerate().map(read).collect()
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

#[derive(Clone, Copy)]
struct Reader<'a> {
    table: &'a Table,
    addresses: Addresses<'a>,
    purpose: Purpose,
    /// None: there are no rows inside.
    room: Option<Room<'a>>,
}

/// What rows inside a row may use.
#[derive(Clone, Copy)]
struct Room<'a> {
    limits: &'a Limits,
    /// Levels that have been entered.
    depth: usize,
    /// Rows so far, of all levels.
    rows: &'a Cell<usize>,
}

impl<'a> Reader<'a> {
    fn read(&self, body: &[u8], bound: &[Assignment]) -> Result<Body> {
        let members: Members<'_> = serde_json::from_slice(body).map_err(|e| bad_json(&e))?;
        let mut read = Body { assignments: bound.to_vec(), ..Body::default() };
        for (name, raw) in &members.0 {
            self.member(name, raw.get(), &mut read)?;
        }
        if !matches!(self.purpose, Purpose::Update(_)) {
            self.required(&read)?;
        }
        Ok(read)
    }

    fn member(&self, name: &str, raw: &str, read: &mut Body) -> Result<()> {
        if let Some((property, annotation)) = name.split_once('@') {
            return match annotation {
                "odata.bind" | "bind" => read.assign(self.bind(property, name, raw)?, name),
                "odata.type" | "type" if property.is_empty() => self.check_type(name, raw),
                "odata.id" | "id" if property.is_empty() && self.room.is_some_and(|room| room.depth > 0) => {
                    let hint = "name rows that are there by \"navigation@odata.bind\"";
                    Err(unsupported(name, "a row inside a body that is there already").hint(hint))
                }
                // Control information and other annotations say nothing about the row.
                _ => Ok(()),
            };
        }
        let Some(index) = self.table.property(name) else {
            return self.navigation(name, raw, read);
        };
        let column = &self.table.columns[index];
        if self.table.is_masked(index) {
            return Err(
                Error::new(Code::Forbidden, format!("`{name}` is masked: this caller may not write it")).target(name)
            );
        }
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
                // Whether it stands there is told to those who may read it.
                let may_be_told = self.purpose != Purpose::Create && column.access.read;
                let repeated = as_shown(column, raw).filter(|_| may_be_told);
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
            Some((_, of)) if self.addresses.catalog.twin(self.table).is_some_and(|twin| of == twin.name) => Ok(()),
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
            Purpose::Update(expected) | Purpose::Replace(expected) if expected == key => Ok(()),
            Purpose::Update(_) | Purpose::Replace(_) => {
                Err(Error::new(Code::BadKey, "the key in the body is not that of the URL").target(name))
            }
        }
    }

    /// `patient@odata.bind`
    fn bind(&self, property: &str, name: &str, raw: &str) -> Result<Assignment> {
        let (index, lookup) = match self.addresses.catalog.relation(self.table, property) {
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
        let (entity_set, key) = self.row_url(&url, name, &wanted)?;
        if property != lookup.navigation
            && let Some(Relation::Lookup { table, .. }) = self.addresses.catalog.relation(self.table, property)
            && let Some(only) = self.addresses.catalog.table(&table).filter(|only| only.entity_set != entity_set)
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

    /// `/set(guid)`, `set(guid)`, `set(key=guid)`, `set(msemr_azurefhirid='id')`, or the same below the service root, with or
    /// without its host. Of a twin it is the set of the table that it stands for. `name`: the member of the body.
    fn row_url<'u>(&'u self, url: &'u str, name: &str, wanted: &str) -> Result<(&'u str, Uuid)> {
        match self.row_key(url, name, wanted)? {
            (set, RowKey::Of(key)) => Ok((set, key)),
            (_, RowKey::Missing(_)) => {
                let error = bad_value(name, "the address of a row that is there");
                Err(error.hint("no row has this alternate key, or none that this caller sees"))
            }
        }
    }

    /// The same, where there may be no such row.
    fn row_key<'u>(&'u self, url: &'u str, name: &str, wanted: &str) -> Result<(&'u str, RowKey)> {
        let (set, key) = self.row_parts(url).ok_or_else(|| bad_value(name, wanted))?;
        let Some(table) = self.addresses.catalog.find_entity_set(set) else {
            return parse_key(key).map(|key| (set, RowKey::Of(key))).ok_or_else(|| bad_value(name, wanted));
        };
        // What the address looks like is said, not what is wrong with a key that is none.
        let key = percent_decode_str(key).decode_utf8().map_err(|_| bad_value(name, wanted))?;
        match self.addresses.naming.key(&key, table) {
            Ok(key) => Ok((&table.entity_set, key)),
            Err(error) if error.code() == Code::NotSupported => Err(error.target(name)),
            Err(_) => Err(bad_value(name, wanted)),
        }
    }

    /// The entity set of the address of a row, and what stands in its parentheses.
    fn row_parts<'u>(&self, url: &'u str) -> Option<(&'u str, &'u str)> {
        let root = self.addresses.base.trim_end_matches('/');
        let path = root.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
        let relative = match url.strip_prefix(root) {
            Some(rest) => rest,
            None if url.split('(').next().is_some_and(|set| set.contains("://")) => return None,
            None => path.and_then(|path| url.strip_prefix(path)).unwrap_or(url),
        };
        let (set, rest) = relative.strip_prefix('/').unwrap_or(relative).split_once('(')?;
        let key = rest.strip_suffix(')')?;
        (!set.is_empty() && set.chars().all(literal::is_identifier_part)).then_some((set, key.trim()))
    }

    /// A navigation property, or a name that does not exist. `null` clears a lookup; a new row may have others inside it.
    fn navigation(&self, name: &str, raw: &str, read: &mut Body) -> Result<()> {
        let room = self.room.filter(|_| self.purpose == Purpose::Create);
        if let Some((index, lookup)) = self.lookup(name) {
            let column = &self.table.columns[index];
            if raw == "null" {
                self.writable(column, name)?;
                self.nullable(column, name, true)?;
                return read.assign(Assignment { column: index, value: None }, name);
            }
            let Some(room) = room else {
                let hint = format!("write the row first, then \"{}@odata.bind\"", lookup.navigation);
                return Err(
                    unsupported(name, "writing a related row in the body of a row that may be there").hint(hint)
                );
            };
            self.writable(column, name)?;
            let table = self.inside(lookup, name, raw)?;
            read.assign(Assignment { column: index, value: Some(AssignedValue::Made) }, name)?;
            let change = self.inserted(room, table, raw, None).map_err(|error| error.within(name))?;
            let to = Relation::Lookup { column: index, table: table.name.clone() };
            read.related.push(Related { navigation: name.to_owned(), to, changes: vec![change] });
            return Ok(());
        }
        match (self.addresses.catalog.relation(self.table, name), room) {
            (Some(Relation::Collection { table, column }), Some(room)) => {
                let rows: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| bad_value(name, "a list of rows"))?;
                let target = self.addresses.catalog.table(&table).ok_or_else(|| self.unknown(name, name))?;
                let link = Assignment { column, value: Some(AssignedValue::Made) };
                let inserted = |(position, row): (usize, &&RawValue)| {
                    let change = self.inserted(room, target, row.get(), Some(&link));
                    change.map_err(|error| error.within(&format!("{name}[{position}]")))
                };
                let changes = rows.iter().enumerate().map(inserted).collect::<Result<_>>()?;
                let to = Relation::Collection { table, column };
                read.related.push(Related { navigation: name.to_owned(), to, changes });
                Ok(())
            }
            (Some(Relation::Concept { .. }), _) => {
                Err(unsupported(name, "writing a concept as a row").hint("write its code, system and text columns"))
            }
            (Some(_), _) => Err(unsupported(name, "writing related rows in the body of a row that may be there")),
            (None, _) => Err(self.unknown(name, name)),
        }
    }

    /// The table of a row inside a lookup. Where it may be of several, the property or its `@odata.type` says which.
    fn inside(&self, lookup: &Lookup, name: &str, raw: &str) -> Result<&'a Table> {
        #[derive(serde::Deserialize)]
        struct Typed {
            #[serde(rename = "@odata.type")]
            of: Option<String>,
        }
        let mut tables: Vec<&Table> = Vec::new();
        for target in &lookup.targets {
            let table = self.addresses.catalog.find_entity_set(&target.entity_set).map(AsRef::as_ref);
            tables.extend(table.filter(|table| !tables.iter().any(|known| known.name == table.name)));
        }
        if name != lookup.navigation {
            let of = self.addresses.catalog.relation(self.table, name);
            tables.retain(|table| matches!(&of, Some(Relation::Lookup { table: of, .. }) if *of == table.name));
        }
        let typed = serde_json::from_str::<Typed>(raw).map_err(|_| bad_value(name, "a row, as an object"))?;
        let of = typed.of.as_deref().and_then(|of| of.rsplit_once('.')).map(|(_, of)| of);
        tables.retain(|table| of.is_none_or(|of| of == table.name));
        match tables.as_slice() {
            [only] => Ok(only),
            [] => Err(bad_value(name, "a row of a table that it leads to")),
            several => {
                let names: Vec<_> = several.iter().map(|table| format!("`{name}_{}`", table.name)).collect();
                let error = bad_value(name, "a row whose table is said");
                Err(error.hint(format!("write it as {}, or give its @odata.type", names.join(" or "))))
            }
        }
    }

    /// A row inside the body of a row. `link`: its lookup that leads to that row.
    fn inserted(&self, room: Room<'a>, table: &'a Table, raw: &str, link: Option<&Assignment>) -> Result<Change> {
        let limits = room.limits;
        let full = |what: &str| Err(Error::new(Code::BadRequest, format!("rows inside a row have {what}")));
        if room.depth >= limits.insert_depth {
            return full(&format!("more levels than the limit `insert_depth`, {}", limits.insert_depth));
        }
        room.rows.set(room.rows.get() + 1);
        if room.rows.get() > limits.insert_rows {
            return full(&format!("more rows than the limit `insert_rows`, {}", limits.insert_rows));
        }
        if !table.access.create && table.narrowed.withheld.create {
            let message = format!("rows of `{}` cannot be created by this caller", table.entity_set);
            return Err(Error::new(Code::Forbidden, message));
        }
        if !table.access.create {
            return Err(Error::new(Code::NotWritable, format!("rows of `{}` cannot be created", table.entity_set)));
        }
        let room = Some(Room { depth: room.depth + 1, ..room });
        let reader = Reader { table, purpose: Purpose::Create, room, ..*self };
        if let Some(link) = link {
            let column = &table.columns[link.column];
            reader.writable(column, &column.name)?;
        }
        let Body { key, assignments, related, .. } =
            reader.read(raw.as_bytes(), link.map_or(&[], std::slice::from_ref))?;
        Ok(Change { operation: Operation::Create { key }, assignments, related, ..Change::default() })
    }

    /// By its name, or that of one of the tables that it may lead to.
    fn lookup(&self, navigation: &str) -> Option<(ColumnIndex, &Lookup)> {
        let mut lookups = self.table.columns.iter().enumerate().filter_map(|(index, column)| match &column.kind {
            Kind::Lookup(lookup) => Some((index, lookup)),
            _ => None,
        });
        match lookups.clone().find(|(_, lookup)| lookup.navigation == navigation) {
            Some(found) => Some(found),
            None => match self.addresses.catalog.relation(self.table, navigation)? {
                Relation::Lookup { column, .. } => lookups.find(|(index, _)| *index == column),
                _ => None,
            },
        }
    }

    fn unknown(&self, name: &str, target: &str) -> Error {
        let error =
            Error::new(Code::UnknownColumn, format!("`{}` has no column `{name}`", self.table.name)).target(target);
        match nearest_property(self.table, name, self.addresses.catalog) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    fn writable(&self, column: &Column, name: &str) -> Result<()> {
        let (allowed, when) = match self.purpose {
            Purpose::Create => (column.access.create, "on create"),
            Purpose::Update(_) | Purpose::Replace(_) => (column.access.update, "on update"),
        };
        if allowed { Ok(()) } else { Err(not_writable(name, &format!("it cannot be written {when}"))) }
    }

    fn nullable(&self, column: &Column, name: &str, null: bool) -> Result<()> {
        if column.required && null {
            return Err(Error::new(Code::RequiredColumn, format!("`{name}` cannot be null")).target(name));
        }
        Ok(())
    }

    fn required(&self, read: &Body) -> Result<()> {
        let given = |index: usize| {
            read.assignments.iter().any(|a| a.column == index) || read.repeats.iter().any(|r| r.column == index)
        };
        // What a whole row does not name stays, if it cannot be written or is a lookup.
        let is_due = |index: usize| match self.purpose {
            Purpose::Replace(_) => self.table.is_replaced(index),
            _ => self.table.columns[index].kind != Kind::Key,
        };
        let is_missing = |(index, column): &(usize, &Column)| column.required && is_due(*index) && !given(*index);
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
        let known = self.assignments.iter().find(|known| known.column == assignment.column);
        if known.is_some_and(|known| *known == assignment && matches!(known.value, Some(AssignedValue::Cell(_)))) {
            return Ok(());
        }
        if known.is_some() {
            return Err(
                Error::new(Code::BadJson, format!("`{name}` writes a column that is given already")).target(name)
            );
        }
        self.assignments.push(assignment);
        Ok(())
    }
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
mod tests;
