//! A Turntable server in this process, as `turntable serve` starts it, and the calls that tests make to it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use turntable::cli::serve;
use turntable::config::Config;
use turntable::fhir::client::SourceSettings;
use turntable::model::caller::{Caller, Kind};
use turntable::model::limits::Limits;
use turntable::model::table::Route;
use turntable::odata::headers::Headers;
use turntable::odata::request::{Message, Reading, Request, read};
use turntable::router::session::Session;
use turntable::router::write::ingest::{How, OutcomeKind};

use crate::fhir::Fhir;
use crate::http::{Answer, Call, client, with_options};

/// The name that the FHIR service has in the configuration.
const SOURCE: &str = "main";

/// How a server is to be started.
#[must_use = "a setup does nothing until it is started"]
pub struct Setup {
    config: Config,
    temporary: Option<TempDir>,
}

/// A running server. Dropping it ends it with the runtime of its test; [`Server::stop`] lets requests finish first.
pub struct Server {
    inner: serve::Server,
    client: Client,
    /// Sent with whatever is read.
    headers: Vec<(&'static str, String)>,
    /// Goes with the server.
    _temporary: Option<TempDir>,
}

impl Setup {
    /// Another FHIR service, by name.
    pub fn source(mut self, name: &str, base: &str) -> Self {
        let settings = SourceSettings::new(base).unwrap_or_else(|error| panic!("{base}: {error}"));
        self.config.sources.insert(name.to_owned(), settings);
        self
    }

    /// Where a table's rows live at the first start: `native`, `virtual`, or `virtual:SOURCE`.
    pub fn route(mut self, table: &str, route: &str) -> Self {
        let (provider, source) = route.split_once(':').unwrap_or((route, SOURCE));
        let route = match provider {
            "native" => Route::Native,
            "virtual" => Route::Virtual { source: source.to_owned() },
            _ => panic!("a route is `native` or `virtual`, not {route:?}"),
        };
        self.config.tables.insert(table.to_owned(), route);
        self
    }

    /// Several tables, all virtual.
    pub fn virtual_tables(self, tables: &[&str]) -> Self {
        tables.iter().fold(self, |setup, table| setup.route(table, "virtual"))
    }

    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.config.limits);
        self
    }

    /// Anything else of the configuration.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Keeps the data beyond the server, to start another one on it.
    pub fn data_dir(mut self, dir: &Path) -> Self {
        self.config.data_dir = dir.to_owned();
        self.temporary = None;
        self
    }

    /// # Panics
    /// If the server does not start.
    pub async fn start(self) -> Server {
        share_compiled_code(&self.config.data_dir);
        let inner = serve::Server::start(self.config).await.unwrap_or_else(|error| panic!("no start: {error}"));
        Server { inner, client: client(), headers: Vec::new(), _temporary: self.temporary }
    }
}

impl Server {
    /// A server without a FHIR service: everything is native, in a temporary folder.
    ///
    /// # Panics
    /// If there is no temporary folder.
    pub fn setup() -> Setup {
        let mut config = Config::parse(None, &BTreeMap::new()).expect("the defaults are valid");
        let temporary = tempfile::tempdir().expect("a temporary folder");
        config.listen = ([127, 0, 0, 1], 0).into();
        config.data_dir = PathBuf::from(temporary.path());
        Setup { config, temporary: Some(temporary) }
    }

    /// A server with a FHIR service named `main`; all tables start native.
    pub fn with(fhir: &Fhir) -> Setup {
        Self::setup().source(SOURCE, fhir.base())
    }

    /// The same, read from here on as by somebody of these roles, parted by commas, with these claims.
    pub fn seen_as(mut self, roles: &str, claims: Option<&Value>) -> Self {
        self.headers = vec![("turntable-as-roles", roles.to_owned())];
        self.headers.extend(claims.map(|claims| ("turntable-as-claims", claims.to_string())));
        self
    }

    /// The same of one call.
    pub fn call_as(&self, roles: &str, claims: &Value, path: &str) -> Call {
        let url = self.address_of(path);
        let call = Call::new(&self.client, Method::GET, &url).header("turntable-as-roles", roles);
        call.header("turntable-as-claims", &claims.to_string())
    }

    pub async fn get_as(&self, roles: &str, claims: &Value, path: &str) -> Answer {
        self.call_as(roles, claims, path).send().await
    }

    pub fn address(&self) -> SocketAddr {
        self.inner.address()
    }

    /// A figure of `/metrics`, by its name and labels.
    ///
    /// # Panics
    /// If there is no such figure.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics", &[]).await.expect(200).text;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Without a trailing slash.
    pub fn url(&self) -> String {
        self.inner.url()
    }

    /// The root of the table API, without a trailing slash.
    pub fn api(&self) -> String {
        format!("{}/api/data/v9.2", self.url())
    }

    /// A call to a path under the table API, to a path of the server if it begins with `/`, or to a whole URL (a next
    /// link, say).
    pub fn call(&self, method: Method, path: &str) -> Call {
        let url = self.address_of(path);
        let reads = method == Method::GET;
        let call = Call::new(&self.client, method, &url);
        let headers = self.headers.iter().filter(|_| reads);
        headers.fold(call, |call, (name, value)| call.header(name, value))
    }

    fn address_of(&self, path: &str) -> String {
        if path.starts_with("http://") {
            path.to_owned()
        } else if path.starts_with('/') {
            format!("{}{path}", self.url())
        } else {
            format!("{}/{path}", self.api())
        }
    }

    /// Sends a text as it stands, and gives what comes back until the server closes.
    ///
    /// # Panics
    /// If the server cannot be reached, or what it says is no text.
    pub async fn raw(&self, request: &str) -> String {
        let (address, request) = (self.address(), request.to_owned());
        let exchange = move || -> std::io::Result<String> {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.write_all(request.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        tokio::task::spawn_blocking(exchange).await.expect("it ends").expect("the server answers")
    }

    /// `GET`, with query options that are encoded here.
    pub async fn get(&self, path: &str, options: &[(&str, &str)]) -> Answer {
        self.call(Method::GET, &with_options(path, options)).send().await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path).json(body).send().await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path).json(body).send().await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path).json(body).send().await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path).send().await
    }

    /// One page of rows, with formatted values and every other annotation.
    pub async fn rows(&self, set: &str, options: &[(&str, &str)]) -> Vec<Value> {
        let call = self.call(Method::GET, &with_options(set, options));
        call.header("prefer", "odata.include-annotations=\"*\"").send().await.rows()
    }

    /// One row, which has to be there.
    pub async fn row(&self, set: &str, key: &str) -> Value {
        let call = self.call(Method::GET, &format!("{set}({key})"));
        call.header("prefer", "odata.include-annotations=\"*\"").send().await.expect(200).json()
    }

    /// A bundle into the tables, and with a name on to that FHIR service.
    pub async fn ingest(&self, bundle: &str, forward: Option<&str>) -> Answer {
        let options: Vec<_> = forward.iter().map(|source| ("forward", *source)).collect();
        let call = self.call(Method::POST, &with_options("/fhir", &options));
        call.body("application/fhir+json", bundle.to_owned()).send().await
    }

    /// Turns a table's route to `native`, `virtual` or `virtual:SOURCE`; answers what the admin API answers.
    pub async fn turn(&self, table: &str, route: &str) -> Answer {
        let (provider, source) = route.split_once(':').unwrap_or((route, SOURCE));
        let body = match provider {
            "native" => json!({ "provider": provider }),
            _ => json!({ "provider": provider, "source": source }),
        };
        self.put(&format!("/admin/v1/tables/{table}/route"), &body).await
    }

    /// What the admin API says of a table.
    pub async fn table(&self, table: &str) -> Value {
        self.get(&format!("/admin/v1/tables/{table}"), &[]).await.expect(200).json()
    }

    /// All tables, as the admin API lists them to administrators, whoever looks otherwise.
    ///
    /// # Panics
    /// If it does not.
    pub async fn tables(&self) -> Vec<Value> {
        let answer =
            Call::new(&self.client, Method::GET, &self.address_of("/admin/v1/tables")).send().await.expect(200);
        answer.json()["tables"].as_array().unwrap_or_else(|| panic!("no tables: {}", answer.text)).clone()
    }

    /// Rows that the native store holds of a table, whatever its route.
    ///
    /// # Panics
    /// If the admin API does not say.
    pub async fn native_rows(&self, table: &str) -> u64 {
        let shown = self.table(table).await;
        shown["nativeRows"].as_u64().unwrap_or_else(|| panic!("no nativeRows: {shown}"))
    }

    /// Hands a component to the gate.
    pub async fn load(&self, component: &[u8]) -> Answer {
        self.call(Method::POST, "/admin/v1/mappings").body("application/wasm", component.to_vec()).send().await
    }

    /// Puts a loaded version in force.
    pub async fn activate(&self, table: &str, digest: &str) -> Answer {
        self.post(&format!("/admin/v1/tables/{table}/mapping"), &json!({ "digest": digest, "mode": "activate" })).await
    }

    pub async fn rollback(&self, table: &str) -> Answer {
        self.post(&format!("/admin/v1/tables/{table}/mapping/rollback"), &json!({})).await
    }

    /// What was decided after an event, oldest first.
    ///
    /// # Panics
    /// If there is none.
    pub async fn events(&self, after: u64) -> Vec<Value> {
        let answer =
            self.get("/admin/v1/events", &[("after", &after.to_string()), ("limit", "1000")]).await.expect(200);
        let mut events = answer.json()["events"].as_array().cloned();
        events.as_mut().unwrap_or_else(|| panic!("no events: {}", answer.text)).reverse();
        events.unwrap_or_default()
    }

    /// A change of a row by somebody of this role, with these claims: the key of the row, or the code and the text of why not.
    ///
    /// # Errors
    /// The code and the message.
    ///
    /// # Panics
    /// If it is no change of a row.
    pub async fn change_as(
        &self,
        role: &str,
        claims: &Value,
        (method, path): (&str, &str),
        body: &Value,
    ) -> Result<(String, bool), (String, String)> {
        let told = |error: turntable::model::error::Error| (format!("{:?}", error.code()), error.to_string());
        let session = self.session_as(role, claims);
        let body = body.to_string();
        let headers = [("content-type", "application/json")];
        let (path, base) = (path.to_owned(), format!("{}/", self.api()));
        let mut found = Vec::new();
        let call = loop {
            let message = Message {
                method,
                path: &path,
                query: "",
                headers: Headers(&headers),
                body: if method == "DELETE" { &[] } else { body.as_bytes() },
                base: &base,
                user_view: None,
                found: &found,
            };
            let now = jiff::Timestamp::now().into();
            match read(&message, session.catalog(), session.limits(), now).map_err(told)? {
                Reading::Whole(call) => break call,
                Reading::Wants(wanted) => {
                    for named in wanted {
                        let row = session.row_named(&named).await.map_err(told)?;
                        found.push((named, row));
                    }
                }
            }
        };
        let Request::Write { table, change, .. } = call.request else { panic!("{method} {path} changes no row") };
        let table = session.snapshot().table(&table.name).map_err(told)?;
        let written = session.insert(table, &change).await.map_err(told)?;
        Ok((written.key.to_string(), written.row.is_some()))
    }

    /// A bundle of somebody: the statuses of its entries, or why it is refused.
    ///
    /// # Errors
    /// The code and the message.
    pub async fn ingest_as(
        &self,
        role: &str,
        claims: &Value,
        bundle: &Value,
    ) -> Result<Vec<OutcomeKind>, (String, String)> {
        let told = |error: turntable::model::error::Error| (format!("{:?}", error.code()), error.to_string());
        let session = self.session_as(role, claims);
        let taken = session.ingest(bundle.to_string().into(), How::default()).await.map_err(told)?;
        Ok(taken.outcomes.into_iter().map(|outcome| outcome.kind).collect())
    }

    /// Whether somebody is given a resource as it is; or why not.
    ///
    /// # Errors
    /// The code and the message.
    pub async fn resource_as(
        &self,
        role: &str,
        claims: &Value,
        (resource_type, id): (&str, &str),
    ) -> Result<bool, (String, String)> {
        let told = |error: turntable::model::error::Error| (format!("{:?}", error.code()), error.to_string());
        let found = self.session_as(role, claims).resource(resource_type, id).await.map_err(told)?;
        Ok(found.is_some())
    }

    fn session_as(&self, role: &str, claims: &Value) -> Session {
        let claims = claims.as_object().cloned().unwrap_or_default().into_iter().collect();
        let caller = Caller::new(Kind::Key, "key:test", [role.to_owned()]).with_claims(claims);
        Session::new(self.inner.turntable().clone(), caller)
    }

    /// Lets requests under way finish.
    pub async fn stop(self) {
        self.inner.stop().await;
    }
}

/// Compiled mappings are kept beside the test's executable for all servers of all tests: compiling them takes seconds,
/// and is itself tested elsewhere. Where a link cannot be made, each server compiles its own.
fn share_compiled_code(data_dir: &Path) {
    #[cfg(unix)]
    if let Ok(executable) = std::env::current_exe()
        && let Some(folder) = executable.parent()
    {
        let shared = folder.join("turntable-tests-compiled");
        let _ = std::fs::create_dir_all(&shared);
        let _ = std::os::unix::fs::symlink(&shared, data_dir.join("compiled"));
    }
}
