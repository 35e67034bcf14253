//! One HTTP request to the table API, as text, to a [`Request`]: everything that the URL, the headers and the body say,
//! resolved against the tables. No I/O happens here, and nothing is read from the rows.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::body::{self, Body, Purpose, parse_key};
use super::definitions::address::{self, Definitions};
use super::definitions::view::View;
use super::expression::{Context, nearest_property};
use super::fetch;
use super::files::{Described, Opener};
use super::headers::{FileForm, Format, Headers, Preferences, RowsForm, SchemaForm};
use super::options::{Asked, CONCEPT_SET, FETCH, Options, USER_VIEW, VIEW, both};
use super::syntax;
use crate::model::aggregate::Aggregation;
use crate::model::catalog::{Catalog, Relation, nearest};
use crate::model::error::{Code, Error, Result};
use crate::model::fetch::Fetch;
use crate::model::key;
use crate::model::limits::Limits;
use crate::model::query::{AssignedValue, Assignment, Change, Expand, Filter, Operation, Precondition, Query};
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
pub fn parse(message: &Message<'_>, catalog: &Catalog, limits: &Limits, now: Instant) -> Result<Call> {
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
    let reader = Reader { message, options: &options, context, keys: RefCell::default(), twins: Cell::default() };
    let mut request = reader.request()?;
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
    let mut call = Call { request, format, preferences, keys: reader.keys.take(), export, twins };
    call.page_size();
    Ok(call)
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
    /// See [`Call::keys`].
    keys: RefCell<Vec<(Uuid, String)>>,
    /// See [`Call::twins`].
    twins: Cell<bool>,
}

/// A segment of the path: a name, and what stands in parentheses after it.
struct Segment {
    name: String,
    key: Option<String>,
}

/// Options that describe a list of rows, and those for one row.
const FOR_ROWS: &[&str] =
    &["select", "filter", "search", "orderby", "top", "skip", "count", "expand", "skiptoken", "apply", "compute"];
const FOR_ROW: &[&str] = &["select", "expand", "compute"];

/// Actions of Dataverse on a set that change many rows.
const MULTIPLE: [&str; 3] = ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"];

/// Resources of the standard that we refuse by name.
const REFUSED: [&str; 6] = ["$batch", "$entity", "$crossjoin", "$all", "$query", "$each"];

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
        let table = self.context.catalog.entity_set(&first.name)?;
        self.twins.set(self.context.catalog.is_twin(&first.name));
        match &first.key {
            None => self.set(table, rest),
            Some(key) => self.row(table, self.key(key, table)?, rest),
        }
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
        self.options.only(FOR_ROW, "one row")?;
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
            return match raw {
                true => Err(unsupported("writing a bare value").hint("PUT {\"value\": …} to the property")),
                false => self.write_property(table, key, column),
            };
        }
        may(table, table.access.read && table.columns[column].access.read, "read")?;
        self.options.only(&[], "a property")?;
        Ok(Request::Property { table: table.clone(), key, column, raw })
    }

    /// `contacts(guid)/msemr_observation_msemr_patient…`: rows of the other table whose lookup is this row.
    fn children(
        &self,
        parent: &Arc<Table>,
        key: Uuid,
        child: &str,
        column: ColumnIndex,
        segment: &Segment,
        rest: &[Segment],
    ) -> Result<Request> {
        if segment.key.is_some() {
            return Err(
                unsupported("a key after a navigation property").hint(format!("use the entity set of `{child}`"))
            );
        }
        let table = self.context.catalog.table(child);
        let table = table.ok_or_else(|| Error::new(Code::UnknownTable, format!("there is no table `{child}`")))?;
        let belongs = Filter::points_to(table, column, parent, key);
        match rest {
            [] => match self.method(&["GET", "POST"])? {
                "POST" if !table.columns[column].access.create => {
                    let message = format!("`{}` cannot be written on create", table.columns[column].property());
                    Err(Error::new(Code::NotWritable, message).target(segment.name.clone()))
                }
                "POST" => {
                    let bind = AssignedValue::Bind { entity_set: parent.entity_set.clone(), key };
                    self.create(table, Some(Assignment { column, value: Some(bind) }))
                }
                _ => self.read(table, Some(belongs)),
            },
            [count] if count.name == "$count" => self.count(table, Some(belongs)),
            // A row is among those that point here when its lookup does.
            [reference] if reference.name == "$ref" && self.message.method == "POST" => {
                self.check_body(self.context.limits.body_bytes, "body_bytes")?;
                let (set, row) = body::reference(self.message.body, table, self.addresses())?;
                if set != table.entity_set {
                    let message = format!("`{}` takes rows of {}", segment.name, table.entity_set);
                    return Err(Error::new(Code::BadValue, message).target("@odata.id"));
                }
                may(table, table.access.update && table.columns[column].access.update, "changed")?;
                self.options.only(&[], "a reference")?;
                let bind = AssignedValue::Bind { entity_set: parent.entity_set.clone(), key };
                let assignments = vec![Assignment { column, value: Some(bind) }];
                let precondition = self.message.headers.precondition()?;
                let read = Body { assignments, ..Body::default() };
                self.write(table, Operation::Update { key: row }, read, precondition)
            }
            [next, ..] => Err(self.odd_segment(next, &segment.name)),
        }
    }

    /// `msemr_observations(guid)/msemr_patient`
    fn follow(
        &self,
        table: &Arc<Table>,
        key: Uuid,
        segment: &Segment,
        to: Relation,
        rest: &[Segment],
    ) -> Result<Request> {
        if let ([next], Relation::Lookup { column, table: other }) = (rest, &to)
            && next.name == "$ref"
            && segment.key.is_none()
        {
            return self.reference(table, key, &segment.name, *column, other.clone());
        }
        if let Some(next) = rest.first() {
            return Err(self.odd_segment(next, &segment.name));
        }
        if segment.key.is_some() {
            return Err(Error::new(Code::BadUrl, format!("`{}` leads to one row; it takes no key", segment.name)));
        }
        self.method(&["GET"])?;
        may(table, table.access.read, "read")?;
        self.options.only(FOR_ROW, "one row")?;
        let query = match &to {
            Relation::Lookup { table, .. } => match self.context.catalog.table(table) {
                Some(target) => {
                    may(target, target.access.read, "read")?;
                    self.options.query(target, self.context)?
                }
                None => return Err(Error::new(Code::UnknownTable, format!("there is no table `{table}`"))),
            },
            _ => {
                self.options.only(&[], "a concept")?;
                Query::default()
            }
        };
        Ok(Request::Follow { table: table.clone(), key, navigation: segment.name.clone(), to, query })
    }

    fn check_body(&self, limit: usize, name: &str) -> Result<()> {
        let length = self.message.body.len();
        if length > limit {
            let text = format!("the body has {length} bytes; the limit `{name}` is {limit}");
            return Err(Error::new(Code::BodyTooLarge, text));
        }
        self.message.headers.check_json_body()
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

    /// The GUID in the parentheses; an alias stands for its value. Of alternate keys there is the id of the resource; others
    /// are refused by name.
    fn key(&self, key: &str, table: &Table) -> Result<Uuid> {
        if let Some(guid) = parse_key(key) {
            return Ok(guid);
        }
        if let Some(alias) = key.strip_prefix('@') {
            let value = self.options.aliases.get(alias).and_then(|value| parse_key(value));
            return value.ok_or_else(|| bad_key(table, "is no GUID"));
        }
        let arguments = syntax::arguments(key, self.context.limits).map_err(|_| bad_key(table, "is no GUID"))?;
        let [argument] = arguments.as_slice() else {
            return Err(if arguments.is_empty() {
                bad_key(table, "is empty")
            } else {
                unsupported("a key of several columns")
            });
        };
        let key_column = &table.columns[table.key].name;
        match (&argument.name, &argument.value.syntax) {
            (Some(name), syntax::Syntax::Guid(text)) if name == key_column => {
                Uuid::try_parse(text).map_err(|_| bad_key(table, "is no GUID"))
            }
            (Some(name), syntax::Syntax::Text(id))
                if table.alternate_key().is_some_and(|column| table.columns[column].name == *name) =>
            {
                let (guid, named) = key::of_id(table, id).ok_or_else(|| bad_key(table, "is no id"))?;
                self.keys.borrow_mut().push((guid, named));
                Ok(guid)
            }
            (Some(name), _) if name != key_column && table.property(name).is_some() => {
                Err(unsupported(&format!("the alternate key `{name}`")).hint(format!("use $filter={name} eq …")))
            }
            (Some(name), _) if name != key_column => Err(bad_key(table, "names a column that does not exist")),
            _ => Err(bad_key(table, "is no GUID")),
        }
    }

    /// Decoded one by one, so that an encoded slash separates nothing.
    fn segments(&self) -> Result<Vec<Segment>> {
        let path = self.message.path.strip_suffix('/').unwrap_or(self.message.path);
        if path.is_empty() {
            return Ok(Vec::new());
        }
        path.split('/').map(segment).collect()
    }

    fn odd_segment(&self, segment: &Segment, after: &str) -> Error {
        let name = &segment.name;
        if name.starts_with('$') || name.contains('.') {
            let error = unsupported(&format!("`/{name}` after `{after}`"));
            let is_set = self.context.catalog.find_entity_set(after).is_some();
            return match name.as_str() {
                "$count" if is_set => {
                    error.hint(format!("how many rows there are says `{after}/$count`, last in the address"))
                }
                "$ref" => error
                    .hint("`/$ref` stands behind a lookup; rows that point here are told by `$select` of their key"),
                _ if name.ends_with("Multiple") => {
                    error.hint(format!("there are {}; `$batch` takes any requests", MULTIPLE.join(", ")))
                }
                _ => error,
            };
        }
        let error = Error::new(Code::BadUrl, format!("`/{name}` has no meaning after `{after}`")).target(name.clone());
        let table = self.context.catalog.find_entity_set(after);
        match parse_key(name) {
            Some(_) => error.hint(format!("write the key in parentheses, `{after}({name})`")),
            None if table.is_some_and(|table| table.property(name).is_some()) => {
                error.hint(format!("of all rows it is `{after}?$select={name}`, of one `{after}(key)/{name}`"))
            }
            None => match nearest(name, ["$count", "$value", "$ref"]) {
                Some(near) => error.hint(format!("did you mean `/{near}`?")),
                None => error,
            },
        }
    }
}

fn segment(text: &str) -> Result<Segment> {
    let decoded = percent_decode_str(text).decode_utf8();
    let text = decoded.map_err(|_| Error::new(Code::BadUrl, "the path is not UTF-8 after percent-decoding"))?;
    if text.is_empty() {
        return Err(Error::new(Code::BadUrl, "the path has an empty segment"));
    }
    match text.split_once('(') {
        Some((name, key)) => match key.strip_suffix(')') {
            Some(key) => Ok(Segment { name: name.to_owned(), key: Some(key.trim().to_owned()) }),
            None if key.contains(')') => {
                Err(Error::new(Code::BadUrl, format!("something stands behind the parentheses after `{name}`")))
            }
            None => Err(Error::new(Code::BadUrl, format!("the parenthesis after `{name}` is not closed"))),
        },
        None => Ok(Segment { name: text.into_owned(), key: None }),
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

fn bad_key(table: &Table, why: &str) -> Error {
    let error = Error::new(Code::BadKey, format!("the key of `{}` {why}", table.entity_set))
        .target(table.columns[table.key].name.clone());
    error.hint(format!("write `{}(00000000-0000-0000-0000-000000000000)`", table.entity_set))
}

fn unsupported(what: &str) -> Error {
    Error::new(Code::NotSupported, format!("{what} is not supported"))
}

mod bundles;
mod changes;
mod described;
mod user_view;
mod writing;

/// The id of the view of a user that a query string names: it has to be at hand when the request is read.
pub fn user_view_asked(query: &str) -> Option<Uuid> {
    user_view::asked(&Options::parse(query).ok()?)
}

#[cfg(test)]
mod tests;
