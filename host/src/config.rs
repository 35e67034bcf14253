//! The configuration: `turntable.toml` and the environment, checked as a whole before anything starts. Every problem is
//! named with its place and what to do; nothing is guessed, and no secret is ever text in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::fhir::assertion;
use crate::fhir::auth::{AuthSettings, Secret};
use crate::fhir::client::{BaseUrl, Overrides, SourceSettings};
use crate::http::doors::{self, Doors, PublicUrl};
use crate::http::tls::{Tls, TlsSettings};
use crate::http::token::Asked;
use crate::identity::jws::Algorithm;
use crate::identity::passwords::UserSettings;
use crate::identity::provider::ProviderSettings;
use crate::identity::{fetch, identify, passwords};
use crate::mapping::signature::Trust;
use crate::model::audit::{KeysAs, Policy};
use crate::model::caller::Role;
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::limits::Limits;
use crate::model::rules::Roles;
use crate::model::table::Route;
use crate::otlp;
use written::{Node, Place, Problems, Section, Value};

mod roles;
mod sign_in;
mod trust;
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
    /// What the audit trail has.
    pub audit: Policy,
    /// A collector of traces and figures.
    pub telemetry: Option<otlp::Settings>,
    /// Names that are this server's, and proxies that are believed.
    pub doors: Doors,
    /// What roles give, beside those that are built in.
    pub roles: Roles,
    /// Who is let in, and by what they show.
    pub identity: identify::Settings,
    /// Clients speak TLS.
    pub tls: Option<TlsSettings>,
    /// Whom the admin API asks for its token, where there is no login.
    pub admin_token: Asked,
    /// What is allowed and still deserves a look; to be logged at the start.
    pub warnings: Vec<String>,
}

/// Limits of which there may be nothing at all; of all others there is at least one.
const MAY_BE_NONE: [&str; 2] = ["mapping_log_lines", "traces"];

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
    /// What comes from there comes into force even if apps may break on it.
    pub allow_breaking: bool,
    /// Tables that Microsoft's virtual health data tables have twins of are known by those names, too.
    pub virtual_names: bool,
    /// Whose signatures are trusted, and what becomes of components without one.
    pub trust: Trust,
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
        let config = Checker { environment, problems: &mut problems, roles: Vec::new() }.config(written);
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
        role_names(&self.roles)
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
        let _ = writeln!(text, "allow_breaking = {}", self.mappings.allow_breaking);
        if let Some(dir) = &self.mappings.dir {
            let _ = writeln!(text, "dir = {}", quoted(dir.display()));
        }
        let (signatures, keys) = trust::toml(&self.mappings.trust);
        let _ = write!(text, "signatures = {signatures}\n{keys}");
        text.push_str("\n[auth]\n");
        if let Some(url) = &self.doors.public_url {
            let _ = writeln!(text, "public_url = {}", quoted(url));
        }
        let _ = writeln!(text, "hosts = {}", list(&self.doors.hosts));
        let _ = writeln!(text, "proxies = {}", list(&self.doors.proxies));
        let _ = writeln!(text, "\n[auth.keys]\nenabled = {}", self.identity.keys);
        for (name, user) in &self.identity.users {
            let (hash, roles) = (&user.password_hash, list(&user.roles));
            let _ = writeln!(text, "\n[auth.basic.{}]\npassword_hash = {hash}\nroles = {roles}", key(name));
        }
        for (name, provider) in &self.identity.providers {
            let _ = writeln!(text, "\n[auth.oidc.{}]\n{}", key(name), provider_toml(provider));
        }
        if let Some(TlsSettings { certificate, key }) = &self.tls {
            let (certificate, key) = (quoted(certificate.display()), quoted(key.display()));
            let _ = writeln!(text, "\n[tls]\ncertificate = {certificate}\nkey = {key}");
        }
        let _ = writeln!(text, "\n[cors]\norigins = {}", list(&self.doors.origins));
        let asked = match self.admin_token {
            Asked::Browsers => "browsers",
            Asked::Required => "required",
        };
        let _ = writeln!(text, "\n[admin]\ntoken = {}", quoted(asked));
        if let Some(otlp::Settings { otlp, service, interval }) = &self.telemetry {
            let (otlp, service, interval) = (quoted(otlp), quoted(service), interval.as_millis());
            let _ = writeln!(text, "\n[telemetry]\notlp = {otlp}\nservice = {service}\ninterval = \"{interval}ms\"");
        }
        let Policy { reads, keys } = self.audit;
        let _ = writeln!(text, "\n[audit]\nreads = {reads}\nkeys = {}\n\n[limits]", quoted(keys.name()));
        for (name, value) in limit_values(&self.limits) {
            let _ = writeln!(text, "{name} = {value}");
        }
        text.push_str(&roles::toml(&self.roles));
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

fn provider_toml(provider: &ProviderSettings) -> String {
    let algorithms: Vec<_> = provider.algorithms.iter().map(|algorithm| algorithm.name()).collect();
    let mut lines = vec![
        format!("issuer = {}", quoted(&provider.issuer)),
        format!("audience = {}", list(&provider.audience)),
        format!("roles_claim = {}", quoted(&provider.roles_claim)),
        format!("name_claim = {}", quoted(&provider.name_claim)),
        format!("algorithms = {}", list(&algorithms)),
        format!("skew = \"{}ms\"", provider.skew.as_millis()),
    ];
    lines.extend(provider.jwks_url.as_ref().map(|url| format!("jwks_url = {}", quoted(url))));
    lines.extend(provider.ca_file.as_ref().map(|path| format!("ca_file = {}", quoted(path.display()))));
    lines.extend(provider.sign_in.as_ref().map(sign_in::toml));
    lines.join("\n")
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
        AuthSettings::PrivateKeyJwt { token_url, client_id, key, key_id, scope } => {
            field("token_url", quoted(token_url));
            field("client_id", quoted(client_id));
            field("key", key.to_string());
            for (name, value) in [("key_id", key_id), ("scope", scope)] {
                if let Some(value) = value {
                    field(name, quoted(value));
                }
            }
        }
        AuthSettings::ManagedIdentity { url, resource, client_id } => {
            field("url", quoted(url));
            field("resource", quoted(resource));
            if let Some(id) = client_id {
                field("client_id", quoted(id));
            }
        }
        AuthSettings::Forward { provider } => {
            if let Some(name) = provider {
                field("provider", quoted(name));
            }
        }
        AuthSettings::Exchange {
            token_url,
            client_id,
            client_secret,
            audience,
            resource,
            scope,
            secret_in_form,
            provider,
        } => {
            field("token_url", quoted(token_url));
            field("client_id", quoted(client_id));
            field("client_secret", client_secret.to_string());
            let texts = [("audience", audience), ("resource", resource), ("scope", scope), ("provider", provider)];
            for (name, value) in texts {
                if let Some(value) = value {
                    field(name, quoted(value));
                }
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

/// Those that are built in first.
fn role_names(roles: &Roles) -> Vec<String> {
    Role::ALL.iter().map(|role| role.name().to_owned()).chain(roles.all().keys().cloned()).collect()
}

/// Turns what is written into what is meant, noting every problem on the way.
struct Checker<'a> {
    environment: &'a BTreeMap<String, String>,
    problems: &'a mut Problems,
    /// Names of the roles that there are.
    roles: Vec<String>,
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
        let roles = top.section("roles", self.problems);
        let roles = roles::read(roles, self.problems);
        self.roles = role_names(&roles);
        let auth = top.section("auth", self.problems);
        let (mut doors, identity) = self.auth(auth, &listen);
        self.passed_on(&sources, &identity);
        let tls = top.optional("tls", self.problems).and_then(|tls| self.tls(tls));
        if !listen.0.ip().is_loopback() && identity.asks() && tls.is_none() {
            let what = format!(
                "`listen` = \"{}\" can be reached from other machines without TLS: what is sent, credentials included, \
                 can be read on the way unless a proxy that speaks TLS is in front; add [tls]",
                listen.0
            );
            self.problems.warning(&listen.1, what);
        }
        let cors = top.section("cors", self.problems);
        doors.origins = self.cors(cors);
        let admin = top.section("admin", self.problems);
        let admin_token = self.admin(admin);
        let audit = top.section("audit", self.problems);
        let audit = self.audit(audit);
        let telemetry = top.optional("telemetry", self.problems).and_then(|telemetry| self.telemetry(telemetry));
        let limits = top.section("limits", self.problems);
        let limits = self.limits(limits);
        top.end(self.problems);
        let (listen, warnings) = (listen.0, Vec::new());
        Config {
            listen,
            data_dir,
            store,
            sources,
            tables,
            mappings,
            limits,
            audit,
            telemetry,
            doors,
            roles,
            identity,
            tls,
            admin_token,
            warnings,
        }
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

    /// None only where a problem was noted.
    fn telemetry(&mut self, mut telemetry: Section) -> Option<otlp::Settings> {
        let otlp = self.address(&mut telemetry, "otlp");
        let service = telemetry.text("service", self.problems);
        let service = service.map_or_else(|| otlp::Settings::SERVICE.to_owned(), |(service, _)| service);
        let interval = telemetry.duration("interval", self.problems).unwrap_or(otlp::Settings::INTERVAL);
        telemetry.end(self.problems);
        Some(otlp::Settings { otlp: otlp?, service, interval })
    }

    fn audit(&mut self, mut audit: Section) -> Policy {
        let usual = Policy::default();
        let reads = audit.boolean("reads", self.problems).unwrap_or(usual.reads);
        let keys = audit.text("keys", self.problems).and_then(|(text, place)| {
            let keys = KeysAs::ALL.into_iter().find(|keys| keys.name() == text);
            if keys.is_none() {
                let what = format!("`audit.keys` = {text:?} is unknown; known are \"hashed\", \"plain\" and \"none\"");
                self.problems.error(&place, what);
            }
            keys
        });
        audit.end(self.problems);
        Policy { reads, keys: keys.unwrap_or(usual.keys) }
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
        const KINDS: &str =
            "none, basic, bearer, header, client-credentials, private-key-jwt, managed-identity, forward, exchange";
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
            "private-key-jwt" => self.private_key_jwt(&mut section),
            "managed-identity" => self.managed_identity(&mut section),
            "forward" => {
                let provider = section.text("provider", self.problems).map(|(name, _)| name);
                Some(AuthSettings::Forward { provider })
            }
            "exchange" => self.exchange(&mut section),
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

    fn exchange(&mut self, section: &mut Section) -> Option<AuthSettings> {
        let token_url = self.address(section, "token_url");
        let client_id = section.required("client_id", self.problems);
        let client_secret = self.secret(section, "client_secret");
        let [audience, resource, scope, provider] = ["audience", "resource", "scope", "provider"]
            .map(|key| section.text(key, self.problems).map(|(text, _)| text));
        let secret_in_form = section.boolean("secret_in_form", self.problems).unwrap_or(false);
        Some(AuthSettings::Exchange {
            token_url: token_url?,
            client_id: client_id?.0,
            client_secret: client_secret?,
            audience,
            resource,
            scope,
            secret_in_form,
            provider,
        })
    }

    /// Who asks must have a token that can be passed on.
    fn passed_on(&mut self, sources: &BTreeMap<String, SourceSettings>, identity: &identify::Settings) {
        for (name, source) in sources {
            let Some(provider) = source.auth.by_caller() else { continue };
            let known: Vec<_> = identity.providers.keys().map(String::as_str).collect();
            if provider.map_or(known.is_empty(), |provider| !known.contains(&provider)) {
                let of = provider.unwrap_or("NAME");
                let what = format!(
                    "`sources.{name}.auth`: it is asked with the token of whoever asks, and there is no [auth.oidc.{of}] whose \
                     tokens are taken"
                );
                self.problems.error(&Place::Nowhere, what);
            }
        }
    }

    fn private_key_jwt(&mut self, section: &mut Section) -> Option<AuthSettings> {
        let token_url = self.address(section, "token_url");
        let client_id = section.required("client_id", self.problems);
        let (name, place) = (section.name("key"), section.place().clone());
        let key = self.secret(section, "key");
        let read = |key: &Secret| key.read().and_then(|pem| assertion::check(&pem));
        if let Some(Err(error)) = key.as_ref().map(read) {
            let hint = error.get_hint().unwrap_or_default();
            self.problems.error(&place, format_args!("`{name}`: {}; {hint}", error.message()));
            return None;
        }
        let key_id = section.text("key_id", self.problems).map(|(id, _)| id);
        let scope = section.text("scope", self.problems).map(|(scope, _)| scope);
        Some(AuthSettings::PrivateKeyJwt { token_url: token_url?, client_id: client_id?.0, key: key?, key_id, scope })
    }

    fn managed_identity(&mut self, section: &mut Section) -> Option<AuthSettings> {
        // Not of TLS, and on no network: the machine's host answers at this address itself.
        const ENDPOINT: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
        let url = match section.text("url", self.problems) {
            Some((text, place)) => BaseUrl::parse(&text)
                .map_err(|error| {
                    let name = section.name("url");
                    self.problems.error(&place, format_args!("`{name}`: {}", error.message()));
                })
                .ok(),
            None => BaseUrl::parse(ENDPOINT).ok(),
        };
        let resource = section.required("resource", self.problems);
        let client_id = section.text("client_id", self.problems).map(|(id, _)| id);
        Some(AuthSettings::ManagedIdentity { url: url?, resource: resource?.0, client_id })
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
        let allow_breaking = section.boolean("allow_breaking", self.problems).unwrap_or(false);
        let virtual_names = section.boolean("virtual_names", self.problems).unwrap_or(true);
        let trust = trust::read(&mut section, self.problems);
        section.end(self.problems);
        MappingSettings { builtin, warm, dir, allow_breaking, virtual_names, trust }
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
                 could read and change patient data; add [auth.keys], [auth.basic] or [auth.oidc.NAME], or listen on 127.0.0.1"
            );
            self.problems.error(place, what);
        }
        (doors, identity)
    }

    fn identity(&mut self, auth: &mut Section) -> identify::Settings {
        let keys = auth.optional("keys", self.problems).is_some_and(|mut keys| {
            let enabled = keys.boolean("enabled", self.problems).unwrap_or(true);
            keys.end(self.problems);
            enabled
        });
        let users = auth.section("basic", self.problems);
        let users = users.sections(self.problems);
        let users =
            users.into_iter().filter_map(|(name, user)| Some((name.clone(), self.user(&name, user)?))).collect();
        let providers = auth.section("oidc", self.problems);
        let providers = providers.sections(self.problems);
        let providers: BTreeMap<_, _> = providers
            .into_iter()
            .filter_map(|(name, section)| Some((name.clone(), self.provider(&name, section)?)))
            .collect();
        let mut issuers = BTreeSet::new();
        for (name, provider) in &providers {
            if !issuers.insert(&provider.issuer) {
                let what =
                    format!("`auth.oidc.{name}.issuer`: another provider has the same; list its audiences in one");
                self.problems.error(&Place::Nowhere, what);
            }
        }
        identify::Settings { keys, users, providers }
    }

    /// None only where a problem was noted.
    fn provider(&mut self, name: &str, mut section: Section) -> Option<ProviderSettings> {
        let at = section.place().clone();
        let is_word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !is_word || ["key", "basic", "local"].contains(&name) {
            self.problems.error(&at, format!("`auth.oidc.{name}`: a provider cannot have this name"));
        }
        let issuer = section.required("issuer", self.problems);
        let issuer = self.safe_address(issuer, &section.name("issuer"));
        let audience_name = section.name("audience");
        let audience: Vec<_> =
            section.one_or_more("audience", self.problems).into_iter().map(|(text, _)| text).collect();
        if audience.is_empty() {
            self.problems
                .error(&at, format!("`{audience_name}` is missing: the name that tokens have for this server"));
        }
        let roles_claim = section.text("roles_claim", self.problems).map(|(text, _)| text);
        let name_claim = section.text("name_claim", self.problems).map(|(text, _)| text);
        let algorithms_name = section.name("algorithms");
        let mut algorithms = Vec::new();
        for (text, place) in section.texts("algorithms", self.problems) {
            match Algorithm::named(&text) {
                Some(algorithm) => algorithms.push(algorithm),
                None => {
                    let known = Algorithm::ALL.map(|(name, _)| name).join(", ");
                    self.problems.error(&place, format!("`{algorithms_name}`: {text:?} is none of {known}"));
                }
            }
        }
        if algorithms.is_empty() {
            algorithms = ProviderSettings::ALGORITHMS.to_vec();
        }
        let skew = section.duration("skew", self.problems).unwrap_or(ProviderSettings::SKEW);
        if skew > ProviderSettings::LARGEST_SKEW {
            self.problems.error(&at, format!("`{}` is more than five minutes: set the clocks", section.name("skew")));
        }
        let jwks_url = section.text("jwks_url", self.problems);
        let jwks_url = jwks_url.and_then(|url| self.safe_address(Some(url), &section.name("jwks_url")));
        let ca_file = section.text("ca_file", self.problems).and_then(|(text, place)| {
            let path = PathBuf::from(&text);
            let is_file = path.is_file();
            if !is_file {
                let what =
                    format!("`{}` = {text:?} is no file; it must hold PEM certificates", section.name("ca_file"));
                self.problems.error(&place, what);
            }
            is_file.then_some(path)
        });
        let sign_in = sign_in::read(self, name, &mut section);
        section.end(self.problems);
        Some(ProviderSettings {
            issuer: issuer?,
            audience,
            roles_claim: roles_claim.unwrap_or_else(|| ProviderSettings::ROLES_CLAIM.to_owned()),
            name_claim: name_claim.unwrap_or_else(|| ProviderSettings::NAME_CLAIM.to_owned()),
            algorithms,
            skew,
            jwks_url,
            ca_file,
            sign_in,
        })
    }

    /// An address to fetch from, as it was written.
    fn safe_address(&mut self, said: Option<(String, Place)>, name: &str) -> Option<String> {
        let (text, place) = said?;
        if fetch::is_safe(&text) {
            return Some(text);
        }
        self.problems.error(&place, format!("`{name}` must be an https address, or one of this machine"));
        None
    }

    /// None only where a problem was noted.
    fn user(&mut self, name: &str, mut user: Section) -> Option<UserSettings> {
        let place = user.place().clone();
        let password_hash = self.secret(&mut user, "password_hash");
        let roles = self.roles(&mut user);
        user.end(self.problems);
        if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
            self.problems.error(&place, "`auth.basic`: a name has no colon in it (RFC 7617)");
        }
        let password_hash = password_hash?;
        if let Err(error) = password_hash.read().and_then(|hash| passwords::check(&hash)) {
            let hint = error.get_hint().unwrap_or_default();
            self.problems.error(&place, format_args!("`auth.basic.{name}.password_hash`: {}; {hint}", error.message()));
        }
        Some(UserSettings { password_hash, roles })
    }

    /// One at least, each of those that there are.
    fn roles(&mut self, section: &mut Section) -> Vec<String> {
        let name = section.name("roles");
        let roles = section.texts("roles", self.problems);
        let known = &self.roles;
        if roles.is_empty() {
            let what = format!("`{name}` is missing; there are: {}", known.join(", "));
            self.problems.error(section.place(), what);
        }
        for (role, place) in &roles {
            if !known.contains(role) {
                let what = format!("`{name}`: there is no role {role:?}; there are: {}", known.join(", "));
                self.problems.error(place, what);
            }
        }
        roles.into_iter().map(|(role, _)| role).collect()
    }

    /// None only where a problem was noted.
    fn tls(&mut self, mut tls: Section) -> Option<TlsSettings> {
        let place = tls.place().clone();
        let certificate = tls.required("certificate", self.problems);
        let key = tls.required("key", self.problems);
        tls.end(self.problems);
        let settings = TlsSettings { certificate: certificate?.0.into(), key: key?.0.into() };
        Tls::new(settings.clone()).map_err(|error| self.problems.error(&place, error.message())).ok()?;
        Some(settings)
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
