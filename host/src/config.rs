//! The configuration: `turntable.toml` and the environment, checked as a whole before anything starts. Every problem is
//! named with its place and what to do; nothing is guessed, and no secret is ever text in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::fhir::auth::{AuthSettings, Secret};
use crate::fhir::client::{BaseUrl, Overrides, SourceSettings};
use crate::http::doors::{self, Doors, PublicUrl};
use crate::http::token::Asked;
use crate::identity::identify;
use crate::model::caller::Role;
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::limits::Limits;
use crate::model::table::Route;
use written::{Node, Place, Problems, Section, Value};

mod written;

/// All that `serve` needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub store: StoreSettings,
    /// FHIR services by name.
    pub sources: BTreeMap<String, SourceSettings>,
    /// Routes that tables start with, by logical name.
    pub tables: BTreeMap<String, Route>,
    pub mappings: MappingSettings,
    pub limits: Limits,
    /// Names that are this server's, and proxies that are believed.
    pub doors: Doors,
    /// Who is let in, and by what they show.
    pub identity: identify::Settings,
    /// Whom the admin API asks for its token, where there is no login.
    pub admin_token: Asked,
    /// What is allowed and still deserves a look; to be logged at the start.
    pub warnings: Vec<String>,
}

/// Limits of which there may be nothing at all; of all others there is at least one.
const MAY_BE_NONE: [&str; 1] = ["mapping_log_lines"];

/// Where native rows live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    /// One file in the data directory.
    Sqlite,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingSettings {
    /// The mappings in the binary.
    pub builtin: bool,
    /// Everything in force is compiled in the background, once the server is ready.
    pub warm: bool,
    /// A folder of components: loaded at the start, then watched.
    pub dir: Option<PathBuf>,
    /// Tables that Microsoft's virtual health data tables have twins of are known by those names, too.
    pub virtual_names: bool,
}

impl Config {
    /// The file, or without one the defaults, and the process's environment.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let text = file.map(|path| std::fs::read_to_string(path).map_err(|e| (path, e))).transpose();
        let text = text.map_err(|(path, e)| {
            Error::new(Code::Config, format!("{} cannot be read: {e}", path.display()))
                .hint("give the configuration's path with --config")
        })?;
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::parse(file.zip(text.as_deref()), &environment)
    }

    /// From a text and an environment. Relative paths stay relative to where the server is started.
    pub fn parse(file: Option<(&Path, &str)>, environment: &BTreeMap<String, String>) -> Result<Self> {
        let mut problems = Problems::default();
        let written = written::read(file, environment, &mut problems);
        let config = Checker { environment, problems: &mut problems }.config(written);
        if problems.errors.is_empty() {
            return Ok(Self { warnings: problems.warnings, ..config });
        }
        let count = problems.errors.len();
        let what = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
        let detail = |message| Detail { code: "Config".to_owned(), message, target: None };
        Err(Error::new(Code::Config, format!("{what} in the configuration:\n  {}", problems.errors.join("\n  ")))
            .details(problems.errors.into_iter().map(detail)))
    }

    /// The names of all roles that there are.
    pub fn role_names(&self) -> Vec<String> {
        Role::ALL.map(|role| role.name().to_owned()).to_vec()
    }

    /// What is in force, defaults included, as a file that says the same. Secrets stay references.
    pub fn effective_toml(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: String| {
            let _ = writeln!(text, "{key} = {value}");
        };
        line("listen", quoted(self.listen));
        line("data_dir", quoted(self.data_dir.display()));
        text.push_str("\n[store]\nurl = \"sqlite\"\n");
        for (name, source) in &self.sources {
            let _ = writeln!(text, "\n[sources.{}]\nurl = {}", key(name), quoted(&source.url));
            let _ = writeln!(text, "auth = {}", auth_toml(&source.auth));
            let _ = writeln!(text, "timeout = \"{}ms\"", source.timeout.as_millis());
            if let Some(public) = &source.public_url {
                let _ = writeln!(text, "public_url = {}", quoted(public));
            }
            if let Some(path) = &source.ca_file {
                let _ = writeln!(text, "ca_file = {}", quoted(path.display()));
            }
            for (key, parameters) in [("force", &source.overrides.force), ("never", &source.overrides.never)] {
                if !parameters.is_empty() {
                    let parameters: Vec<_> = parameters.iter().collect();
                    let _ = writeln!(text, "{key} = {}", list(&parameters));
                }
            }
        }
        for (name, route) in &self.tables {
            let _ = writeln!(text, "\n[tables.{}]", key(name));
            let _ = match route {
                Route::Native => writeln!(text, "route = \"native\""),
                Route::Virtual { source } => writeln!(text, "route = \"virtual\"\nsource = {}", quoted(source)),
            };
        }
        let _ = writeln!(text, "\n[mappings]\nbuiltin = {}\nwarm = {}", self.mappings.builtin, self.mappings.warm);
        let _ = writeln!(text, "virtual_names = {}", self.mappings.virtual_names);
        if let Some(dir) = &self.mappings.dir {
            let _ = writeln!(text, "dir = {}", quoted(dir.display()));
        }
        text.push_str("\n[auth]\n");
        if let Some(url) = &self.doors.public_url {
            let _ = writeln!(text, "public_url = {}", quoted(url));
        }
        let _ = writeln!(text, "hosts = {}", list(&self.doors.hosts));
        let _ = writeln!(text, "proxies = {}", list(&self.doors.proxies));
        let _ = writeln!(text, "\n[auth.keys]\nenabled = {}", self.identity.keys);
        let _ = writeln!(text, "\n[cors]\norigins = {}", list(&self.doors.origins));
        let asked = match self.admin_token {
            Asked::Browsers => "browsers",
            Asked::Required => "required",
        };
        let _ = writeln!(text, "\n[admin]\ntoken = {}\n\n[limits]", quoted(asked));
        for (name, value) in limit_values(&self.limits) {
            let _ = writeln!(text, "{name} = {value}");
        }
        text
    }
}

/// Text as TOML has it.
fn quoted(text: impl ToString) -> String {
    toml::Value::String(text.to_string()).to_string()
}

fn list(texts: &[impl ToString]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text.to_string())).collect::<Vec<_>>().join(", "))
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare { name.to_owned() } else { quoted(name) }
}

fn auth_toml(auth: &AuthSettings) -> String {
    let mut text = format!("{{ kind = {}", quoted(auth.kind()));
    let mut field = |name: &str, value: String| {
        let _ = write!(text, ", {name} = {value}");
    };
    match auth {
        AuthSettings::None => {}
        AuthSettings::Basic { username, password } => {
            field("username", quoted(username));
            field("password", password.to_string());
        }
        AuthSettings::Bearer { token } => field("token", token.to_string()),
        AuthSettings::Header { name, value } => {
            field("name", quoted(name));
            field("value", value.to_string());
        }
        AuthSettings::ClientCredentials { token_url, client_id, client_secret, scope, secret_in_form } => {
            field("token_url", quoted(token_url));
            field("client_id", quoted(client_id));
            field("client_secret", client_secret.to_string());
            if let Some(scope) = scope {
                field("scope", quoted(scope));
            }
            field("secret_in_form", secret_in_form.to_string());
        }
    }
    text + " }"
}

/// Name and value of every limit, in the order of their declaration.
fn limit_values(limits: &Limits) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(limits) {
        Ok(serde_json::Value::Object(values)) => values,
        _ => unreachable!("limits are a struct of integers"),
    }
}

/// Turns what is written into what is meant, noting every problem on the way.
struct Checker<'a> {
    environment: &'a BTreeMap<String, String>,
    problems: &'a mut Problems,
}

impl Checker<'_> {
    fn config(&mut self, mut top: Section) -> Config {
        let listen = self.listen(&mut top);
        let data_dir = top.text("data_dir", self.problems).map_or("turntable-data".into(), |(text, _)| text.into());
        let store = top.section("store", self.problems);
        let store = self.store(store);
        let sources = top.section("sources", self.problems);
        let sources = self.sources(sources);
        let tables = top.section("tables", self.problems);
        let tables = self.tables(tables, &sources);
        let mappings = top.section("mappings", self.problems);
        let mappings = self.mappings(mappings);
        let auth = top.section("auth", self.problems);
        let (mut doors, identity) = self.auth(auth, &listen);
        let cors = top.section("cors", self.problems);
        doors.origins = self.cors(cors);
        let admin = top.section("admin", self.problems);
        let admin_token = self.admin(admin);
        let limits = top.section("limits", self.problems);
        let limits = self.limits(limits);
        top.end(self.problems);
        let (listen, warnings) = (listen.0, Vec::new());
        Config { listen, data_dir, store, sources, tables, mappings, limits, doors, identity, admin_token, warnings }
    }

    fn listen(&mut self, top: &mut Section) -> (SocketAddr, Place) {
        let default = (SocketAddr::from(([127, 0, 0, 1], 8080)), Place::Nowhere);
        let Some((text, place)) = top.text("listen", self.problems) else {
            return default;
        };
        let Ok(listen) = text.parse::<SocketAddr>() else {
            let what = format!("`listen` = {text:?} is no address with a port; write \"127.0.0.1:8080\"");
            self.problems.error(&place, what);
            return default;
        };
        (listen, place)
    }

    fn store(&mut self, mut store: Section) -> StoreSettings {
        if let Some((url, place)) = store.text("url", self.problems)
            && url != "sqlite"
        {
            let what = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
                // Without the URL, which holds a password as a rule.
                "NotSupported: `store.url` names PostgreSQL, which this version cannot use yet; write \"sqlite\""
            } else {
                "`store.url` must be \"sqlite\": one file in `data_dir`"
            };
            self.problems.error(&place, what);
        }
        store.end(self.problems);
        StoreSettings::Sqlite
    }

    fn sources(&mut self, sources: Section) -> BTreeMap<String, SourceSettings> {
        let sections = sources.sections(self.problems);
        sections.into_iter().filter_map(|(name, section)| Some((name, self.source(section)?))).collect()
    }

    /// None only where a problem was noted.
    fn source(&mut self, mut section: Section) -> Option<SourceSettings> {
        let url = self.address(&mut section, "url");
        let timeout = section.duration("timeout", self.problems).unwrap_or(SourceSettings::TIMEOUT);
        let auth_name = section.name("auth");
        let auth = match section.take("auth") {
            Some(value) => {
                let auth = Section::from_value(auth_name, value, self.problems);
                self.source_auth(auth)
            }
            None => Some(AuthSettings::None),
        };
        let ca_file = section.text("ca_file", self.problems).and_then(|(text, place)| {
            let path = PathBuf::from(&text);
            if path.is_file() {
                return Some(path);
            }
            let what = format!("`{}` = {text:?} is no file; it must hold PEM certificates", section.name("ca_file"));
            self.problems.error(&place, what);
            None
        });
        let public_url =
            section.text("public_url", self.problems).and_then(|(text, place)| match BaseUrl::parse(&text) {
                Ok(url) => Some(url),
                Err(error) => {
                    self.problems.error(&place, format!("`{}`: {}", section.name("public_url"), error.message()));
                    None
                }
            });
        let force = self.parameters(&mut section, "force");
        let never = self.parameters(&mut section, "never");
        if let Some(both) = force.intersection(&never).next() {
            let place = section.place().clone();
            self.problems.error(&place, format!("{both:?} is in `force` and in `never` of one source"));
        }
        section.end(self.problems);
        let overrides = Overrides { force, never };
        Some(SourceSettings { url: url?, auth: auth?, timeout, ca_file, public_url, overrides })
    }

    /// Search parameters, each as `Type.parameter`.
    fn parameters(&mut self, section: &mut Section, key: &'static str) -> BTreeSet<String> {
        let name = section.name(key);
        let mut parameters = BTreeSet::new();
        for (text, place) in section.texts(key, self.problems) {
            let is_one = text.split_once('.').is_some_and(|(resource_type, parameter)| {
                let is_word = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
                resource_type.starts_with(|c: char| c.is_ascii_uppercase())
                    && !parameter.is_empty()
                    && is_word(resource_type)
                    && is_word(parameter)
            });
            if is_one {
                parameters.insert(text);
            } else {
                let what = format!("`{name}`: {text:?} is no search parameter; write \"Patient.family\"");
                self.problems.error(&place, what);
            }
        }
        parameters
    }

    fn address(&mut self, section: &mut Section, key: &'static str) -> Option<BaseUrl> {
        let (text, place) = section.required(key, self.problems)?;
        let name = section.name(key);
        match BaseUrl::parse(&text) {
            Ok(url) => {
                if !url.is_tls() && !url.is_loopback() {
                    let what = format!("`{name}` is not https: what is sent there can be read on the way");
                    self.problems.warning(&place, what);
                }
                Some(url)
            }
            Err(error) => {
                let hint = error.get_hint().unwrap_or_default();
                self.problems.error(&place, format_args!("`{name}`: {}; {hint}", error.message()));
                None
            }
        }
    }

    fn source_auth(&mut self, mut section: Section) -> Option<AuthSettings> {
        const KINDS: &str = "none, basic, bearer, header, client-credentials";
        let (kind, place) = section.required("kind", self.problems)?;
        let settings = match kind.as_str() {
            "none" => Some(AuthSettings::None),
            "basic" => {
                let username = section.required("username", self.problems);
                let password = self.secret(&mut section, "password");
                username.zip(password).map(|((username, _), password)| AuthSettings::Basic { username, password })
            }
            "bearer" => self.secret(&mut section, "token").map(|token| AuthSettings::Bearer { token }),
            "header" => {
                let name = section.required("name", self.problems);
                let value = self.secret(&mut section, "value");
                name.zip(value).map(|((name, _), value)| AuthSettings::Header { name, value })
            }
            "client-credentials" => self.client_credentials(&mut section),
            "private-key-jwt" => {
                let what = "NotSupported: `private-key-jwt` is not there yet; use client-credentials";
                self.problems.error(&place, what);
                return None;
            }
            other => {
                let what = format!("`{}` = {other:?} is unknown; known are {KINDS}", section.name("kind"));
                self.problems.error(&place, what);
                return None;
            }
        };
        section.end(self.problems);
        settings
    }

    fn client_credentials(&mut self, section: &mut Section) -> Option<AuthSettings> {
        let token_url = self.address(section, "token_url");
        let client_id = section.required("client_id", self.problems);
        let client_secret = self.secret(section, "client_secret");
        let scope = section.text("scope", self.problems).map(|(scope, _)| scope);
        let secret_in_form = section.boolean("secret_in_form", self.problems).unwrap_or(false);
        Some(AuthSettings::ClientCredentials {
            token_url: token_url?,
            client_id: client_id?.0,
            client_secret: client_secret?,
            scope,
            secret_in_form,
        })
    }

    /// `{ env = "NAME" }` or `{ file = "path" }`; a variable of the key's own name is the secret itself.
    fn secret(&mut self, section: &mut Section, key: &'static str) -> Option<Secret> {
        let name = section.name(key);
        let Some(Value { node, place }) = section.take(key) else {
            let what = format!("`{name}` is missing; write {{ env = \"NAME\" }} or {{ file = \"path\" }}");
            self.problems.error(section.place(), what);
            return None;
        };
        let secret = match (node, &place) {
            (Node::Text(text), Place::Variable(variable)) => Secret::environment(variable, &text),
            (node @ Node::Table(_), _) => {
                let reference = Value { node, place: place.clone() };
                let reference = Section::from_value(name.clone(), reference, self.problems);
                self.referenced(reference)
            }
            _ => {
                let what = "a secret in a configuration ends up in backups and version control; write \
                            { env = \"NAME\" } or { file = \"path\" }";
                Err(Error::new(Code::Config, what))
            }
        };
        secret.map_err(|error| self.problems.error(&place, format_args!("`{name}`: {}", error.message()))).ok()
    }

    fn referenced(&mut self, mut section: Section) -> Result<Secret> {
        let env = section.text("env", self.problems);
        let file = section.text("file", self.problems);
        section.end(self.problems);
        match (env, file) {
            (Some((name, _)), None) => match self.environment.get(&name) {
                Some(value) => Secret::environment(&name, value),
                None => Err(Error::new(Code::Config, format!("the environment variable {name} is not set"))),
            },
            (None, Some((path, _))) => Secret::file(Path::new(&path)),
            _ => Err(Error::new(Code::Config, "write either { env = \"NAME\" } or { file = \"path\" }")),
        }
    }

    fn tables(&mut self, tables: Section, sources: &BTreeMap<String, SourceSettings>) -> BTreeMap<String, Route> {
        let mut routes = BTreeMap::new();
        for (table, mut section) in tables.sections(self.problems) {
            let route = section.text("route", self.problems);
            let source = section.text("source", self.problems);
            match route.as_ref().map_or("native", |(route, _)| route) {
                "native" => {
                    routes.insert(table, Route::Native);
                }
                "virtual" => match source {
                    Some((source, _)) if sources.contains_key(&source) => {
                        routes.insert(table, Route::Virtual { source });
                    }
                    Some((source, place)) => {
                        let what = format!("`{}`: there is no good [sources.{source}]", section.name("source"));
                        self.problems.error(&place, what);
                    }
                    None => {
                        let what = format!("`{}` is missing: a virtual table needs one", section.name("source"));
                        self.problems.error(section.place(), what);
                    }
                },
                other => {
                    let what = format!("`{}` = {other:?}: must be \"native\" or \"virtual\"", section.name("route"));
                    self.problems.error(section.place(), what);
                }
            }
            section.end(self.problems);
        }
        routes
    }

    fn mappings(&mut self, mut section: Section) -> MappingSettings {
        let builtin = section.boolean("builtin", self.problems).unwrap_or(true);
        let warm = section.boolean("warm", self.problems).unwrap_or(false);
        let dir = section.text("dir", self.problems).map(|(text, _)| text.into());
        let virtual_names = section.boolean("virtual_names", self.problems).unwrap_or(true);
        section.end(self.problems);
        MappingSettings { builtin, warm, dir, virtual_names }
    }

    fn auth(&mut self, mut auth: Section, (listen, place): &(SocketAddr, Place)) -> (Doors, identify::Settings) {
        let mut doors = Doors::default();
        if let Some((text, place)) = auth.text("public_url", self.problems) {
            doors.public_url = PublicUrl::parse(&text);
            if doors.public_url.is_none() {
                let what = "`auth.public_url` must be an http or https address without user and query";
                self.problems.error(&place, what);
            }
        }
        for (text, place) in auth.texts("hosts", self.problems) {
            match doors::host(&text) {
                Some(host) => doors.hosts.push(host),
                None => self.problems.error(&place, format!("`auth.hosts`: {text:?} is no name without a port")),
            }
        }
        for (text, place) in auth.texts("proxies", self.problems) {
            match text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from)) {
                Ok(network) => doors.proxies.push(network),
                Err(_) => {
                    let what = format!("`auth.proxies`: {text:?} is no address or network; write \"127.0.0.1\"");
                    self.problems.error(&place, what);
                }
            }
        }
        let identity = self.identity(&mut auth);
        auth.end(self.problems);
        if !identity.asks() && listen.ip().is_loopback() {
            let what = "no login in [auth]: everybody on this machine may read and change everything";
            self.problems.warning(&Place::Nowhere, what);
        } else if !identity.asks() {
            let what = format!(
                "`listen` = \"{listen}\" can be reached from other machines, and without a login in [auth] anybody there \
                 could read and change patient data; add [auth.keys], or listen on 127.0.0.1"
            );
            self.problems.error(place, what);
        } else if !listen.ip().is_loopback() {
            let what = format!(
                "`listen` = \"{listen}\" can be reached from other machines without TLS: what is sent, credentials \
                 included, can be read on the way unless a proxy that speaks TLS is in front"
            );
            self.problems.warning(place, what);
        }
        (doors, identity)
    }

    fn identity(&mut self, auth: &mut Section) -> identify::Settings {
        let keys = auth.optional("keys", self.problems).is_some_and(|mut keys| {
            let enabled = keys.boolean("enabled", self.problems).unwrap_or(true);
            keys.end(self.problems);
            enabled
        });
        identify::Settings { keys }
    }

    fn cors(&mut self, mut cors: Section) -> Vec<PublicUrl> {
        let mut origins = Vec::new();
        for (text, place) in cors.texts("origins", self.problems) {
            match doors::origin(&text) {
                Some(origin) => origins.push(origin),
                None => {
                    let what =
                        format!("`cors.origins`: {text:?} is no address of pages; write \"https://app.example.org\"");
                    self.problems.error(&place, what);
                }
            }
        }
        cors.end(self.problems);
        origins
    }

    fn admin(&mut self, mut admin: Section) -> Asked {
        let asked = match admin.text("token", self.problems) {
            None => Asked::default(),
            Some((text, _)) if text == "browsers" => Asked::Browsers,
            Some((text, _)) if text == "required" => Asked::Required,
            // It may be a token that somebody took for the key's value, and is not repeated.
            Some((_, place)) => {
                let what = "`admin.token` must be \"browsers\" or \"required\"; the token itself is made by the server";
                self.problems.error(&place, what);
                Asked::default()
            }
        };
        admin.end(self.problems);
        asked
    }

    fn limits(&mut self, section: Section) -> Limits {
        let mut values = limit_values(&Limits::default());
        let known: Vec<String> = values.keys().cloned().collect();
        for (name, number, place) in section.integers(self.problems) {
            if !values.contains_key(&name) {
                written::unknown_key("limits", &name, &place, &known, self.problems);
                continue;
            }
            let fits = serde_json::from_value::<Limits>(serde_json::json!({ &name: number })).is_ok();
            let least = i64::from(!MAY_BE_NONE.contains(&name.as_str()));
            if number >= least && fits {
                values.insert(name, number.into());
            } else {
                let what = format!("`limits.{name}` = {number} is out of range; it must be at least {least}");
                self.problems.error(&place, what);
            }
        }
        let limits: Limits = serde_json::from_value(values.into()).expect("each value was tried on its own");
        if limits.page_rows > limits.page_rows_max {
            let what = "`limits.page_rows` must not be more than `limits.page_rows_max`";
            self.problems.error(&Place::Nowhere, what);
        }
        limits
    }
}

#[cfg(test)]
mod tests;
