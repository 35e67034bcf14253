//! Everything that reads what a client writes, and what plans it, without anything to read from.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use turntable::mapping::shipped::SHIPPED;
use turntable::model::catalog::Catalog;
use turntable::model::error::{Code, Error, Result};
use turntable::model::limits::Limits;
use turntable::model::query::Query;
use turntable::model::table::Table;
use turntable::model::value::Instant;
use turntable::odata::batch;
use turntable::odata::headers::Headers;
use turntable::odata::request::{Call, Message, Request, parse};
use turntable::plan::search::query::ServerSearch;
use turntable::plan::tree::Place;
use turntable::plan::{explain, flat, planner};
use turntable::router::token::{Binding, Tokens};

/// What would end a value, or be read as something else. The rest stays as it is, so that long texts are let in.
const SEPARATES: AsciiSet = CONTROLS.add(b'%').add(b'&').add(b'+').add(b'#');

const BASE: &str = "http://localhost/api/data/v9.2/";
const ROW: &str = "contacts(00000000-0000-4000-8000-000000000001)";

/// A text, and what of a request it is.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) place: Where,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// The value of an option of a list of this table, not yet encoded.
    Option(&'static str, &'static str),
    /// All after the `?`, as it stands.
    Query(&'static str),
    /// After the service root, as it stands.
    Path,
    /// What stands in the parentheses of a key.
    Key,
    Header(&'static str),
    /// Of a request with this method and path.
    Body(&'static str, &'static str),
    /// Of a `$batch` of this type.
    Batch(&'static str),
    /// A `$skiptoken`, where it is opened.
    Token,
}

pub(crate) struct Reader {
    catalog: Catalog,
    limits: Limits,
    tokens: Tokens,
    /// All tables here, all tables at a service.
    places: [BTreeMap<String, Place>; 2],
    /// Plans are printed, too. That is as long as the plan, which has each text of a search for each column.
    explains: bool,
}

impl Reader {
    pub(crate) fn new() -> Self {
        let tables: Vec<Arc<Table>> = SHIPPED
            .iter()
            .flat_map(|shipped| shipped.tables().expect("shipped mappings describe themselves"))
            .map(Arc::new)
            .collect();
        let service = Place::Virtual(Arc::new(ServerSearch::default()));
        let places = [Place::Native, service]
            .map(|place| tables.iter().map(|table| (table.name.clone(), place.clone())).collect());
        let tokens = Tokens::new(&Tokens::new_key().expect("there is randomness"));
        Self { catalog: Catalog::new(tables).twinned(), limits: Limits::default(), tokens, places, explains: false }
    }

    /// The same, which also prints plans.
    pub(crate) fn explaining(self) -> Self {
        Self { explains: true, ..self }
    }

    /// What is wrong with what comes of a text: it may be refused, but for a reason that the client gave.
    pub(crate) fn fault(&self, text: &Text) -> Option<String> {
        let error = self.read(text).err()?;
        (error.code() == Code::Internal).then(|| format!("{error} {:?}", error.get_internal()))
    }

    pub(crate) fn read(&self, text: &Text) -> Result<()> {
        let Text { place, text } = text;
        let get = |path: &str, query: &str| self.request("GET", path, query, &[], b"");
        match place {
            Where::Option(table, option) => get(table, &format!("{option}={}", utf8_percent_encode(text, &SEPARATES))),
            Where::Query(path) => get(path, text),
            Where::Path => get(text, ""),
            Where::Key => get(&format!("contacts({text})"), ""),
            Where::Header(name) => {
                self.request("GET", "contacts", "", &[(name, text)], b"")?;
                self.request("GET", ROW, "", &[(name, text)], b"")?;
                self.request("GET", "$metadata", "", &[(name, text)], b"")?;
                self.request("PATCH", ROW, "", &[("Content-Type", "application/json"), (name, text)], b"{}")
            }
            Where::Body(method, path) => {
                self.request(method, path, "", &[("Content-Type", "application/json")], text.as_bytes())
            }
            Where::Batch(content_type) => {
                let read = batch::read(content_type, text.as_bytes(), &self.limits)?;
                let parts = read.items.into_iter().flat_map(|item| match item {
                    batch::Item::One(part) => vec![part],
                    batch::Item::Set(parts) => parts,
                });
                let made = BTreeMap::from([("1".to_owned(), ROW.to_owned())]);
                for part in parts {
                    batch::below(&batch::resolved(&part.url, &made)?, BASE)?;
                    batch::bound(part.body, &made)?;
                }
                Ok(())
            }
            Where::Token => {
                let binding = Binding { query: text.clone(), generation: "1".into() };
                self.tokens.open(text, 0, &binding).map(drop)
            }
        }
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(), Error> {
        let message =
            Message { method, path, query, headers: Headers(headers), body, base: BASE, user_view: None, found: &[] };
        let Call { request, .. } = parse(&message, &self.catalog, &self.limits, Instant::from_microsecond(0))?;
        for places in &self.places {
            let ids = Arc::new(HashMap::new());
            let rules = BTreeMap::new();
            let known = planner::Known { catalog: &self.catalog, places, ids: &ids, rules: &rules };
            // As if the database could check nothing.
            let left_over = |_: &Arc<Table>, scan: &turntable::plan::tree::NativeScan| scan.filter.clone();
            let read = |query: &Query, table: &Arc<Table>| {
                planner::keys_in(query);
                planner::touched(query, table);
                let read = planner::plan(query, table, known)?;
                self.explains.then(|| explain::explain(&read, &left_over).to_string());
                Ok::<_, Error>(())
            };
            match &request {
                Request::Read { table, query }
                | Request::Count { table, query }
                | Request::ReadOne { table, query, .. } => read(query, table)?,
                Request::Fetch { table, fetch } => {
                    let plan = flat::plan_flat(fetch, table, known)?;
                    self.explains.then(|| explain::explain_flat(&plan, &left_over).to_string());
                }
                Request::Aggregate { table, aggregation } => {
                    let plan = planner::plan_groups(aggregation, table, known)?;
                    self.explains.then(|| explain::explain_groups(&plan, &left_over).to_string());
                }
                // Of all tables there is much to say, whatever the request says.
                Request::Definitions(asked) if path.contains("contact") => {
                    drop(asked.answer(self.catalog.described(), &[])?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
