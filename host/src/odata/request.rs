//! One HTTP request to the table API, as text, to a [`Request`]: everything that the URL, the headers and the body say,
//! resolved against the tables. No I/O happens here, and nothing is read from the rows.

use std::cell::Cell;
use std::sync::Arc;

use uuid::Uuid;

use self::path::{Segment, is_entity};
use super::body::Purpose;
use super::definitions::address::{self, Definitions};
use super::definitions::view::View;
use super::expression::{Context, nearest_property};
use super::fetch;
use super::files::{Described, Opener};
use super::headers::{FileForm, Format, Headers, Preferences, RowsForm, SchemaForm};
use super::named::{Naming, RowKey};
use super::options::{Asked, CONCEPT_SET, FETCH, Options, USER_VIEW, VIEW, both};
use crate::model::aggregate::Aggregation;
use crate::model::alternate::{AlternateKey, Named};
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Error, Result};
use crate::model::fetch::Fetch;
use crate::model::limits::Limits;
use crate::model::query::{Change, Expand, Filter, Precondition, Query};
use crate::model::table::{ColumnIndex, Table};
use crate::model::user_view::{UserView, UserViewChange};
use crate::model::value::Instant;

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// In upper case, as HTTP has it.
    pub method: &'a str,
    /// After the service root, without a slash at its beginning, not decoded.
    pub path: &'a str,
    /// After the `?`, not decoded.
    pub query: &'a str,
    pub headers: Headers<'a>,
    pub body: &'a [u8],
    /// The service root as the client sees it, with a slash at its end.
    pub base: &'a str,
    /// The view that [`user_view_asked`] names, if there is one.
    pub user_view: Option<&'a UserView>,
    /// What [`Reading::Wants`] has asked for, as far as it has been looked up; None: there is no such row.
    pub found: &'a [(Named, Option<Uuid>)],
}

/// A request, read as far as it can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    Whole(Box<Call>),
    /// Rows that it names by something else than their key. It is read again when they have been looked up.
    Wants(Vec<Named>),
}

/// What is asked, and how to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub request: Request,
    pub format: Format,
    pub preferences: Preferences,
    /// Keys that the request names by what they are made from, each with that text: `Type/id`.
    pub keys: Vec<(Uuid, String)>,
    /// All rows that are read are to be given, in this form.
    pub export: Option<FileForm>,
    /// The table was asked for by its twin's name, so tables that have twins are called by those in the answer.
    pub twins: bool,
    /// Of the rows that are read only the addresses are shown (`/$ref`).
    pub references: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    ServiceDocument,
    Metadata(SchemaForm),
    /// Rows of a table; with `$count`, how many there are in all.
    Read {
        table: Arc<Table>,
        query: Query,
    },
    /// What has changed in such a list of rows since a token was given.
    Changes {
        table: Arc<Table>,
        query: Query,
        token: String,
    },
    /// Flat rows that a FetchXML asks for.
    Fetch {
        table: Arc<Table>,
        fetch: Box<Fetch>,
    },
    /// What `$apply` makes of rows of a table.
    Aggregate {
        table: Arc<Table>,
        aggregation: Aggregation,
    },
    /// `/$count`: only how many, as plain text.
    Count {
        table: Arc<Table>,
        query: Query,
    },
    /// One row. `known` are versions that the client has: the answer is 304 if the row is one of them.
    ReadOne {
        table: Arc<Table>,
        key: Uuid,
        query: Query,
        known: Vec<String>,
    },
    /// One property; `raw`: its bare text (`/$value`).
    Property {
        table: Arc<Table>,
        key: Uuid,
        column: ColumnIndex,
        raw: bool,
    },
    /// The one row that a lookup or concept leads to; `query` is about that row.
    Follow {
        table: Arc<Table>,
        key: Uuid,
        navigation: String,
        to: Relation,
        query: Query,
    },
    /// `query` says what of the row to show, where it is answered at all.
    Write {
        table: Arc<Table>,
        change: Change,
        query: Query,
    },
    /// `…/$ref`: the address of the row that a lookup leads to.
    Reference {
        table: Arc<Table>,
        key: Uuid,
        column: ColumnIndex,
        /// The table that it leads to, by its name.
        to: String,
    },
    /// `CreateMultiple` and its kin: changes that are made together or not at all. `shows`: the keys are answered.
    Multiple {
        table: Arc<Table>,
        changes: Vec<Change>,
        shows: bool,
    },
    /// What Dataverse's Web API says of the tables.
    Definitions(Definitions),
    /// A view of a user is made, changed or deleted.
    ChangeUserView {
        change: UserViewChange,
        precondition: Precondition,
    },
    /// A file that opens a table elsewhere, or, with none, the service.
    Opening {
        opener: Opener,
        table: Option<Arc<Table>>,
    },
    /// The API of some tables, described for tools.
    Described {
        form: Described,
        tables: Vec<Arc<Table>>,
    },
    /// `msind_UpsertBundle`: the bundle's JSON text. `action`: it was called as the action that `$metadata` describes, and
    /// is answered so.
    UpsertBundle {
        bundle: String,
        action: bool,
    },
    /// `msind_RetrieveBundle`: the resource `Type/id`, of its elements all or those that are named.
    RetrieveBundle {
        resource_type: String,
        id: String,
        elements: Vec<String>,
    },
}

/// Reads a request. Everything about it that is wrong comes out here as the error to answer.
pub fn read(message: &Message<'_>, catalog: &Catalog, limits: &Limits, now: Instant) -> Result<Reading> {
    let length = message.path.len() + message.query.len();
    if length > limits.url_bytes {
        let text = format!("the URL has {length} bytes; the limit `url_bytes` is {}", limits.url_bytes);
        return Err(Error::new(Code::UrlTooLong, text));
    }
    message.headers.check_version()?;
    message.headers.check_isolation()?;
    message.headers.check_caller()?;
    let options = Options::parse(message.query)?;
    let context = Context { catalog, limits, aliases: &options.aliases, now };
    let naming = Naming::new(limits, &options.aliases, message.found);
    let (twins, references) = (Cell::default(), Cell::default());
    let reader = Reader { message, options: &options, context, naming, twins, references };
    let request = reader.request();
    let wanted = reader.naming.wanted();
    if !wanted.is_empty() {
        // What was read with keys in their place that no row has says nothing, nor do errors.
        return Ok(Reading::Wants(wanted));
    }
    let mut request = request?;
    let twins = reader.twins.get();
    if let (true, Some(query)) = (twins, request.query()) {
        by_twins(&mut query.expand, catalog, options.get("expand").unwrap_or_default());
    }
    let mut preferences = message.headers.preferences();
    preferences.explain |= options.explain()?;
    let mut export = None;
    let format = match &request {
        Request::Read { query, .. } => match message.headers.rows_form(options.get("format"))? {
            RowsForm::Json(format) => format,
            RowsForm::File(form) => {
                described::may_export(&options, query, preferences.explain, form)?;
                export = Some(form);
                Format::default()
            }
        },
        // A file is what its name says, whatever the client takes.
        Request::Opening { .. } | Request::Described { .. } => Format::default(),
        Request::Metadata(_) | Request::Count { .. } | Request::Property { raw: true, .. } => Format::default(),
        _ => message.headers.format(options.get("format"))?,
    };
    let (keys, references) = (reader.naming.keys(), reader.references.get());
    let mut call = Call { request, format, preferences, keys, export, twins, references };
    call.page_size();
    Ok(Reading::Whole(Box::new(call)))
}

/// The same of a request that names rows by their keys. `NotSupported` where it does not.
pub fn parse(message: &Message<'_>, catalog: &Catalog, limits: &Limits, now: Instant) -> Result<Call> {
    match read(message, catalog, limits, now)? {
        Reading::Whole(call) => Ok(*call),
        Reading::Wants(_) => Err(unsupported("a row that has to be looked up here").hint("name it by its key")),
    }
}

impl Call {
    /// The page size of `Prefer` belongs to the query.
    fn page_size(&mut self) {
        match &mut self.request {
            Request::Read { query, .. } | Request::Changes { query, .. } => {
                query.max_page_size = self.preferences.max_page_size;
                if query.tracks && query.skip_token.is_none() {
                    self.preferences.applied.push("odata.track-changes".to_owned());
                }
            }
            Request::Aggregate { aggregation, .. } => {
                let then = &mut aggregation.then;
                then.max_page_size = self.preferences.max_page_size.or(then.max_page_size);
            }
            _ => {}
        }
    }
}

impl Request {
    /// What of rows is shown.
    fn query(&mut self) -> Option<&mut Query> {
        match self {
            Self::Read { query, .. }
            | Self::ReadOne { query, .. }
            | Self::Follow { query, .. }
            | Self::Write { query, .. } => Some(query),
            _ => None,
        }
    }
}

/// Calls the navigation properties that `*` stands for as the twins have them; those that are named in the `$expand` are
/// answered as they are named.
fn by_twins(expands: &mut [Expand], catalog: &Catalog, named: &str) {
    for expand in expands {
        if !named.contains(&expand.navigation)
            && let Some(twin) = catalog.twin_navigation(&expand.navigation, &expand.to)
        {
            expand.navigation = twin;
        }
        by_twins(&mut expand.query.expand, catalog, named);
    }
}

struct Reader<'a> {
    message: &'a Message<'a>,
    options: &'a Options,
    context: Context<'a>,
    naming: Naming<'a>,
    /// See [`Call::twins`].
    twins: Cell<bool>,
    /// See [`Call::references`].
    references: Cell<bool>,
}

/// Options that describe a list of rows, and those for one row.
const FOR_ROWS: &[&str] =
    &["select", "filter", "search", "orderby", "top", "skip", "count", "expand", "skiptoken", "apply", "compute"];
const FOR_ROW: &[&str] = &["select", "expand", "compute"];
/// The same for `$entity`.
const FOR_ROW_BY_ID: &[&str] = &["select", "expand", "compute", "id"];
/// Those for the addresses of a list of rows.
const FOR_REFERENCES: &[&str] = &["filter", "search", "orderby", "top", "skip", "count", "skiptoken", "compute"];

/// Actions of Dataverse on a set that change many rows.
const MULTIPLE: [&str; 3] = ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"];

/// Resources of the standard that we refuse by name.
const REFUSED: [&str; 4] = ["$batch", "$crossjoin", "$all", "$each"];

impl Reader<'_> {
    fn request(&self) -> Result<Request> {
        let segments = self.segments()?;
        let Some((first, rest)) = segments.split_first() else {
            self.options.only(&[], "the service document")?;
            self.method(&["GET"])?;
            return Ok(Request::ServiceDocument);
        };
        match first.name.as_str() {
            "$metadata" if rest.is_empty() => {
                self.method(&["GET"])?;
                let form = self.message.headers.schema_form(self.options.get("format"))?;
                return Ok(Request::Metadata(form));
            }
            "$openapi" if rest.is_empty() => return self.described(Described::OpenApi),
            "$files" => return self.file(rest),
            "msind_UpsertBundle" | "Microsoft.Dynamics.CRM.msind_UpsertBundle" if rest.is_empty() => {
                return self.upsert_bundle();
            }
            "msind_RetrieveBundle" | "Microsoft.Dynamics.CRM.msind_RetrieveBundle" if rest.is_empty() => {
                return self.retrieve_bundle();
            }
            user_view::SET if self.message.method != "GET" => return self.user_view(first, rest),
            name if address::is_definition(name) => {
                self.method(&["GET"])?;
                let path: Vec<_> =
                    segments.iter().map(|segment| (segment.name.as_str(), segment.key.as_deref())).collect();
                return Ok(Request::Definitions(address::parse(&path, self.options, self.context.limits)?));
            }
            name if REFUSED.contains(&name) => return Err(unsupported(&format!("`{name}`"))),
            CONCEPT_SET if self.context.catalog.find_entity_set(CONCEPT_SET).is_none() => {
                return Err(unsupported("reading concepts by themselves").hint("expand the concept of a row"));
            }
            name if name.starts_with('$') => {
                return Err(Error::new(Code::BadUrl, format!("there is no resource `{name}`")).target(name));
            }
            _ => {}
        }
        let table = match self.context.catalog.entity_set(&first.name) {
            Err(_) if self.is_operation(first, rest) => return Err(self.no_operation(bare(&first.name))),
            found => found?,
        };
        self.twins.set(self.context.catalog.is_twin(&first.name));
        match &first.key {
            None => self.set(table, rest),
            Some(key) => match self.naming.key(key, table)? {
                RowKey::Of(key) => self.row(table, key, rest),
                RowKey::Missing(key) => self.missing(table, &key, rest),
            },
        }
    }

    /// Whether something that is no table is called like a function or action: in capitals, with parameters by their names or with none.
    fn is_operation(&self, first: &Segment, rest: &[Segment]) -> bool {
        let called = first.key.as_deref().map(|key| key.is_empty() || key.contains('='));
        let is_bare = called.is_none() && rest.is_empty() && self.message.method == "POST";
        let is_qualified = bare(&first.name) != first.name;
        let is_named_so = bare(&first.name).starts_with(|c: char| c.is_ascii_uppercase());
        is_named_so && (is_qualified || called.unwrap_or(is_bare))
    }

    fn no_operation(&self, name: &str) -> Error {
        let error = unsupported(&format!("the function or action `{name}`")).target(name);
        match name {
            "RetrieveTotalRecordCount" => error.hint("GET the table's `/$count`"),
            "RetrieveEntity" | "RetrieveAllEntities" => error.hint("GET `EntityDefinitions`"),
            "RetrieveEntityChanges" => error.hint("GET the table with `Prefer: odata.track-changes`"),
            "ExecuteFetch" => error.hint("GET the table with `?fetchXml=…`"),
            _ => error,
        }
    }

    /// An alternate key that no row has: PATCH and PUT make the row, unless `If-Match` says that it must be there.
    fn missing(&self, table: &Arc<Table>, key: &AlternateKey, rest: &[Segment]) -> Result<Request> {
        let none = || {
            let message = format!("`{}` has no row of this alternate key", table.entity_set);
            Error::new(Code::NotFound, message).target(table.columns[key.values[0].0].name.clone())
        };
        if !rest.is_empty() || !matches!(self.method(&["GET", "PATCH", "PUT", "DELETE"])?, "PATCH" | "PUT") {
            return Err(none());
        }
        if let Some((column, _)) = key.values.iter().find(|(column, _)| !table.columns[*column].access.create) {
            let name = &table.columns[*column].name;
            return Err(none().hint(format!("a row is not made with `{name}`: POST it to `{}`", table.entity_set)));
        }
        self.upsert_missing(table, key)
    }

    /// `contacts…`
    fn set(&self, table: &Arc<Table>, rest: &[Segment]) -> Result<Request> {
        match rest {
            [] => match self.method(&["GET", "POST"])? {
                "POST" => self.create(table, None),
                _ if self.options.get(USER_VIEW).is_some() => self.by_user_view(table),
                _ => match (self.options.get(FETCH), self.options.get(VIEW)) {
                    (Some(text), None) => self.fetch(table, text),
                    (_, Some(view)) => self.view(table, view),
                    (None, None) => self.read(table, None),
                },
            },
            [count] if count.name == "$count" => self.count(table, None),
            [reference] if reference.name == "$ref" => self.references(table, None),
            [action] if action.key.is_none() && MULTIPLE.contains(&bare(&action.name)) => {
                self.method(&["POST"])?;
                self.multiple(table, bare(&action.name))
            }
            [next, ..] => Err(self.odd_segment(next, &table.entity_set)),
        }
    }

    /// `contacts(guid)…`
    fn row(&self, table: &Arc<Table>, key: Uuid, rest: &[Segment]) -> Result<Request> {
        let Some((next, rest)) = rest.split_first() else {
            return match self.method(&["GET", "PATCH", "PUT", "DELETE"])? {
                "PATCH" => self.update(table, Purpose::Update(key), key),
                "PUT" => self.update(table, Purpose::Replace(key), key),
                "DELETE" => self.delete(table, key),
                _ => self.read_one(table, key),
            };
        };
        if next.key.is_none()
            && let Some(column) = table.property(&next.name)
        {
            return self.property(table, key, column, rest);
        }
        if self.context.catalog.behind_navigation(&next.name).is_some() {
            self.twins.set(true);
        }
        match self.context.catalog.relation(table, &next.name) {
            Some(Relation::Collection { table: child, column }) => {
                self.children(table, key, &child, column, next, rest)
            }
            Some(to) => self.follow(table, key, next, to, rest),
            None if next.name.starts_with('$') || next.name.contains('.') => {
                Err(self.odd_segment(next, &table.entity_set))
            }
            None => {
                let text = format!("`{}` has no column or navigation property `{}`", table.name, next.name);
                let error = Error::new(Code::UnknownColumn, text).target(next.name.clone());
                Err(match nearest_property(table, &next.name, self.context.catalog) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                })
            }
        }
    }

    /// `?savedQuery=…`: what a view asks.
    fn view(&self, table: &Arc<Table>, id: &str) -> Result<Request> {
        let id = id.trim_matches(['{', '}', '\'']);
        let of_twin = || View::find(self.context.catalog.twin(table)?, id);
        match View::find(table, id).or_else(of_twin) {
            Some(view) if self.options.get(FETCH).is_none() => self.fetch(table, &view.fetch_xml(table)),
            Some(_) => {
                Err(Error::new(Code::BadOption, "`savedQuery` and `fetchXml` are two queries").target("savedQuery"))
            }
            None => {
                let message = format!("`{}` has no view of this id", table.name);
                let error = Error::new(Code::NotFound, message).target("savedQuery");
                Err(error.hint(format!("GET savedqueries?$filter=returnedtypecode eq '{}'", table.name)))
            }
        }
    }

    /// `?fetchXml=…`, which says all there is to say; a count may be asked beside it, and a page by its token.
    fn fetch(&self, table: &Arc<Table>, text: &str) -> Result<Request> {
        may(table, table.access.read, "read")?;
        self.options.only(&[FETCH, VIEW, USER_VIEW, "count", "skiptoken"], "a FetchXML, which says it itself")?;
        let counts = self.options.query(table, self.context)?.count;
        let mut fetch = match fetch::aggregate::read(text, table, self.context)? {
            fetch::aggregate::Asked::Rows(fetch) => fetch,
            fetch::aggregate::Asked::Groups(mut aggregation) => {
                aggregation.then.count |= counts;
                aggregation.of.skip_token = self.options.get("skiptoken").map(str::to_owned);
                return Ok(Request::Aggregate { table: table.clone(), aggregation: *aggregation });
            }
        };
        fetch.query.count |= counts;
        if let Some(token) = self.options.get("skiptoken") {
            if fetch.page.is_clients {
                let message = "a FetchXML with `top`, `count` or `page` is paged by its `paging-cookie`";
                return Err(Error::new(Code::BadOption, message).target("$skiptoken"));
            }
            fetch.page.token = Some(token.to_owned());
        }
        if let (Some(size), false) = (self.message.headers.preferences().max_page_size, fetch.page.is_clients) {
            fetch.page.size = fetch.page.size.min(size);
        }
        Ok(Request::Fetch { table: table.clone(), fetch })
    }

    fn read(&self, table: &Arc<Table>, extra: Option<Filter>) -> Result<Request> {
        if self.options.get("deltatoken").is_some() {
            return self.changes(table, extra);
        }
        may(table, table.access.read, "read")?;
        self.options.only(FOR_ROWS, "rows of a table")?;
        let tracks = self.message.headers.preferences().track_changes;
        Ok(match self.options.list(table, self.context)? {
            Asked::Rows(mut query) => {
                if tracks {
                    self.may_track(table, &query)?;
                    query.tracks = true;
                }
                query.filter = both(extra, query.filter.take());
                Request::Read { table: table.clone(), query: *query }
            }
            Asked::Groups(mut aggregation) => {
                if tracks {
                    self.may_track(table, &aggregation.of)?;
                }
                aggregation.of.filter = both(extra, aggregation.of.filter.take());
                Request::Aggregate { table: table.clone(), aggregation: *aggregation }
            }
        })
    }

    fn count(&self, table: &Arc<Table>, extra: Option<Filter>) -> Result<Request> {
        self.method(&["GET"])?;
        may(table, table.access.read, "read")?;
        if self.options.get("apply").is_some() {
            return Err(unsupported("`$apply` beside `/$count`")
                .target("$apply")
                .hint("use $apply=aggregate($count as n)"));
        }
        self.options.only(&["filter", "search", "compute"], "`/$count`")?;
        let mut query = self.options.query_of_count(table, self.context)?;
        query.filter = both(extra, query.filter.take());
        Ok(Request::Count { table: table.clone(), query })
    }

    fn read_one(&self, table: &Arc<Table>, key: Uuid) -> Result<Request> {
        may(table, table.access.read, "read")?;
        let is_by_id = self.options.get("id").is_some() && is_entity(self.message.path);
        self.options.only(if is_by_id { FOR_ROW_BY_ID } else { FOR_ROW }, "one row")?;
        let query = self.options.query(table, self.context)?;
        // With related rows or annotations in it, a row may differ where its version does not.
        let plain = query.expand.is_empty()
            && query.computed.is_empty()
            && self.message.headers.preferences().annotations == Default::default();
        let known = if plain { self.message.headers.known_versions()? } else { Vec::new() };
        Ok(Request::ReadOne { table: table.clone(), key, query, known })
    }

    fn property(&self, table: &Arc<Table>, key: Uuid, column: ColumnIndex, rest: &[Segment]) -> Result<Request> {
        let raw = match rest {
            [] => false,
            [value] if value.name == "$value" => true,
            [next, ..] => return Err(self.odd_segment(next, "a property")),
        };
        if self.message.method != "GET" {
            return self.write_property(table, key, column, raw);
        }
        may(table, table.access.read && table.columns[column].access.read, "read")?;
        self.options.only(&[], "a property")?;
        Ok(Request::Property { table: table.clone(), key, column, raw })
    }

    /// `…/$ref` of a list: the addresses of its rows.
    fn references(&self, table: &Arc<Table>, extra: Option<Filter>) -> Result<Request> {
        self.method(if extra.is_some() { &["GET", "POST", "DELETE"] } else { &["GET"] })?;
        may(table, table.access.read, "read")?;
        self.options.only(FOR_REFERENCES, "addresses of rows")?;
        let mut query = self.options.query_of_count(table, self.context)?;
        query.filter = both(extra, query.filter.take());
        query.select = Some(vec![table.key]);
        self.references.set(true);
        Ok(Request::Read { table: table.clone(), query })
    }

    fn check_body(&self, limit: usize, name: &str) -> Result<()> {
        self.check_size(limit, name)?;
        self.message.headers.check_json_body()
    }

    fn check_size(&self, limit: usize, name: &str) -> Result<()> {
        let length = self.message.body.len();
        if length > limit {
            let text = format!("the body has {length} bytes; the limit `{name}` is {limit}");
            return Err(Error::new(Code::BodyTooLarge, text));
        }
        Ok(())
    }

    fn method(&self, allowed: &[&str]) -> Result<&str> {
        let method = self.message.method;
        if allowed.contains(&method) {
            return Ok(method);
        }
        let text = format!("{method} has no meaning here");
        let error = Error::new(Code::MethodNotAllowed, text).allow(allowed);
        Err(error.hint(format!("this resource takes {}", allowed.join(", "))))
    }
}

/// The name of an action without its namespace.
fn bare(name: &str) -> &str {
    name.strip_prefix("Microsoft.Dynamics.CRM.").unwrap_or(name)
}

fn may(table: &Table, allowed: bool, what: &str) -> Result<()> {
    if allowed {
        return Ok(());
    }
    let text = format!("rows of `{}` cannot be {what}", table.entity_set);
    let withheld = table.narrowed.withheld;
    let is_withheld = match what {
        "read" => withheld.read,
        "created" => withheld.create,
        "changed" => withheld.update,
        _ => withheld.delete,
    };
    if is_withheld {
        return Err(Error::new(Code::Forbidden, format!("{text} by this caller")));
    }
    let (update, delete) = (table.access.update, table.access.delete);
    let others = [("GET", table.access.read), ("PATCH", update), ("PUT", update), ("DELETE", delete)];
    // A set takes neither of the two, and a row no POST.
    let of_set = what == "created";
    let others = others.into_iter().filter(|(method, may)| *may && !(of_set && *method != "GET"));
    let others: Vec<_> = others.map(|(method, _)| method).collect();
    Err(Error::new(Code::MethodNotAllowed, text).allow(&others))
}

fn unsupported(what: &str) -> Error {
    Error::new(Code::NotSupported, format!("{what} is not supported"))
}

mod bundles;
mod changes;
mod described;
mod path;
mod related;
mod user_view;
mod writing;

/// The id of the view of a user that a query string names: it has to be at hand when the request is read.
pub fn user_view_asked(query: &str) -> Option<Uuid> {
    user_view::asked(&Options::parse(query).ok()?)
}

#[cfg(test)]
mod tests;
