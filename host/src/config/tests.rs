use super::*;
use crate::mapping::signature::{Policy, PrivateKey, Trust};

const FULL: &str = r#"
listen = "127.0.0.1:0"
data_dir = "here"
[store]
url = "sqlite"
[sources.main]
url = "https://fhir.example.org/r4/"
auth = { kind = "client-credentials", token_url = "https://id.example.org/token", client_id = "tt", client_secret = { env = "FHIR_SECRET" }, scope = "system/*.*" }
timeout = "3s"
public_url = "https://proxy.example.org/fhir/"
force = ["Patient.identifier"]
never = ["Patient.family", "Observation.code"]
[sources."a b"]
url = "http://127.0.0.1:9/"
auth = { kind = "basic", username = "u", password = { env = "FHIR_SECRET" } }
[tables.msemr_encounter]
route = "virtual"
source = "main"
[tables.contact]
[mappings]
builtin = false
dir = "mappings"
[auth]
public_url = "https://tables.example.org/"
hosts = ["Tables.Internal"]
proxies = ["127.0.0.1", "::1/128"]
[auth.keys]
[admin]
token = "required"
[limits]
page_rows = 1_00
"#;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config> {
    let environment = environment.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Config::parse(Some((Path::new("t.toml"), text)), &environment)
}

/// The only problem of a text starts with this, and holds that.
fn problem(text: &str, environment: &[(&str, &str)], place: &str, what: &str) {
    let error = parse(text, environment).expect_err(text);
    let found: Vec<_> = error.get_details().iter().map(|d| d.message.as_str()).collect();
    assert!(
        matches!(found[..], [only] if only.starts_with(place) && only.contains(what)),
        "{text}\nexpected {place} … {what}\nfound {found:#?}"
    );
}

#[test]
fn nothing_is_a_configuration() {
    let config = Config::parse(None, &BTreeMap::new()).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.limits, Limits::default());
    assert!(config.mappings.builtin && config.sources.is_empty());
    assert!(config.warnings[0].starts_with("no login in [auth]"), "{:?}", config.warnings);
}

#[test]
fn everything_is_read() {
    let config = parse(FULL, &[("FHIR_SECRET", "hunter2")]).unwrap();
    let main = &config.sources["main"];
    assert_eq!(main.url.to_string(), "https://fhir.example.org/r4");
    assert_eq!(main.timeout.as_secs(), 3);
    assert_eq!(main.public_url.as_ref().map(ToString::to_string).as_deref(), Some("https://proxy.example.org/fhir"));
    let Overrides { force, never } = &main.overrides;
    assert_eq!((force.len(), never.contains("Patient.family"), never.len()), (1, true, 2));
    assert_eq!(main.auth.kind(), "client-credentials");
    assert_eq!(config.tables["msemr_encounter"], Route::Virtual { source: "main".into() });
    assert_eq!(config.tables["contact"], Route::Native);
    assert_eq!(config.limits.page_rows, 100);
    assert_eq!(config.doors.public_url, PublicUrl::parse("https://tables.example.org"));
    assert_eq!((config.doors.hosts, config.doors.proxies.len()), (vec!["tables.internal".into()], 2));
    assert_eq!(config.admin_token, Asked::Required);
    assert!(config.identity.keys);
    assert_eq!(
        config.mappings,
        MappingSettings {
            builtin: false,
            warm: false,
            dir: Some("mappings".into()),
            allow_breaking: false,
            virtual_names: true,
            trust: Trust::default()
        }
    );
}

#[test]
fn keys_of_signers_are_read_from_the_file_and_from_others() {
    let pem = PrivateKey::generate().unwrap().public().pem();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &pem).unwrap();
    let inline = toml::Value::String(pem);
    let text = format!(
        "[mappings]\nsignatures = \"deny\"\n[mappings.keys]\nci = {inline}\n\"a.b\" = {{ file = {:?} }}",
        file.path()
    );
    let config = parse(&text, &[]).unwrap();
    let trust = &config.mappings.trust;
    assert_eq!(trust.policy, Policy::Deny);
    assert_eq!(trust.keys.keys().collect::<Vec<_>>(), ["a.b", "ci"]);
    assert_eq!(trust.keys["ci"], trust.keys["a.b"]);
    assert_eq!(parse(&config.effective_toml(), &[]).unwrap().mappings, config.mappings, "{}", config.effective_toml());
    // A policy that nobody can meet deserves a look.
    let config = parse("[mappings]\nsignatures = \"warn\"", &[]).unwrap();
    assert!(config.warnings.iter().any(|warning| warning.starts_with("t.toml:2: ")), "{:?}", config.warnings);
    problem("[mappings]\nsignatures = \"yes\"", &[], "t.toml:2: ", "\"deny\", \"warn\" or \"allow\"");
    problem("[mappings.keys]\nci = \"hello\"", &[], "t.toml:2: ", "BEGIN PUBLIC KEY");
    problem("[mappings.keys]\nci = 7", &[], "t.toml:2: ", "{ file = \"path\" }");
    problem("[mappings.keys]\nci = { file = \"/no/such\" }", &[], "t.toml:2: ", "cannot be read");
    problem(&format!("[mappings.keys]\nturntable = {inline}"), &[], "t.toml:2: ", "this name");
}

#[test]
fn the_effective_configuration_says_the_same_without_secrets() {
    let environment = [("FHIR_SECRET", "hunter2")];
    let config = parse(FULL, &environment).unwrap();
    let effective = config.effective_toml();
    assert!(!effective.contains("hunter2") && !format!("{config:?}").contains("hunter2"));
    assert!(effective.contains(r#"client_secret = { env = "FHIR_SECRET" }"#), "{effective}");
    assert_eq!(parse(&effective, &environment).unwrap(), config);
}

#[test]
fn variables_win_over_the_file() {
    let config = parse(
        "listen = \"127.0.0.1:1\"\n[sources.Main]\nurl = \"https://old.example/\"\n[limits]\npage_rows = 1",
        &[
            ("TURNTABLE_LISTEN", "127.0.0.1:2"),
            ("TURNTABLE_STORE__URL", "sqlite"),
            ("TURNTABLE_SOURCES__MAIN__URL", "https://new.example"),
            ("TURNTABLE_SOURCES__MAIN__AUTH__KIND", "bearer"),
            ("TURNTABLE_SOURCES__MAIN__AUTH__TOKEN", "hunter2"),
            ("TURNTABLE_TABLES__MSEMR_ENCOUNTER__ROUTE", "virtual"),
            ("TURNTABLE_TABLES__MSEMR_ENCOUNTER__SOURCE", "Main"),
            ("TURNTABLE_MAPPINGS__BUILTIN", "false"),
            ("TURNTABLE_LIMITS__PAGE_ROWS", "2"),
            ("TURNTABLE_AUTH__HOSTS", "one, two"),
            ("TURNTABLE_ADMIN_TOKEN", "0123456789abcdef"),
            ("TURNTABLE_SERVER", "http://127.0.0.1:1"),
            ("TURNTABLE_LOG", "debug"),
            ("TURNTABLE_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.sources["Main"].url.to_string(), "https://new.example");
    assert!(config.effective_toml().contains(r#"token = { env = "TURNTABLE_SOURCES__MAIN__AUTH__TOKEN" }"#));
    assert_eq!(config.tables["msemr_encounter"], Route::Virtual { source: "Main".into() });
    assert!(!config.mappings.builtin);
    assert_eq!(config.limits.page_rows, 2);
    assert_eq!(config.doors.hosts, ["one", "two"]);
    for own in ["TURNTABLE_ADMIN_TOKEN", "TURNTABLE_SERVER"] {
        assert!(!config.warnings.iter().any(|w| w.contains(own)), "{:?}", config.warnings);
    }
    assert!(config.warnings.iter().any(|w| w.starts_with("TURNTABLE_PORT_8080_TCP: ignored")));
}

#[test]
fn problems_say_where_and_what_to_do() {
    problem("listen = 7", &[], "t.toml:1: ", "must be text in quotes");
    problem("listen = \"nowhere\"", &[], "t.toml:1: ", "127.0.0.1:8080");
    problem("\nlisten = \"0.0.0.0:80\"", &[], "t.toml:2: ", "[auth]");
    problem("\n\nlistn = \"127.0.0.1:1\"", &[], "t.toml:3: ", "did you mean `listen`?");
    problem("listen =", &[], "t.toml:1: ", "no TOML");
    problem("store = 1", &[], "t.toml:1: ", "must be a section");
    problem("[store]\nurl = \"postgres://u:hunter2@h/d\"", &[], "t.toml:2: ", "NotSupported");
    problem("[auth]\nkind = \"oidc\"", &[], "t.toml:2: ", "no key `auth.kind`");
    problem("[auth.keys]\nenabled = 1", &[], "t.toml:2: ", "true or false");
    problem("listen = \"0.0.0.0:80\"\n[auth.keys]\nenabled = false", &[], "t.toml:1: ", "without a login");
    problem("[auth]\npublic_url = \"tables\"", &[], "t.toml:2: ", "http or https");
    problem("[auth]\nhosts = \"a\"", &[], "t.toml:2: ", "list of texts");
    problem("[auth]\nhosts = [\"a:80\"]", &[], "t.toml:2: ", "without a port");
    problem("[auth]\nproxies = [\"here\"]", &[], "t.toml:2: ", "127.0.0.1");
    for origin in ["*", "null", "app.example.org", "https://app.example.org/path", "ftp://app.example.org"] {
        problem(&format!("[cors]\norigins = [\"{origin}\"]"), &[], "t.toml:2: ", "https://app.example.org");
    }
    problem("[admin]\ntoken = \"hunter2\"", &[], "t.toml:2: ", "made by the server");
    problem("[limits]\npage_row = 1", &[], "t.toml:2: ", "did you mean `page_rows`?");
    problem("[limits]\npage_rows = 0", &[], "t.toml:2: ", "at least 1");
    problem("[limits]\nmapping_log_lines = -1", &[], "t.toml:2: ", "at least 0");
    problem("[limits]\npage_rows = 5_000_000_000", &[], "t.toml:2: ", "out of range");
    problem("[limits]\npage_rows = \"1\"", &[], "t.toml:2: ", "must be an integer");
    problem("[limits]\npage_rows = 6000", &[], "", "page_rows_max");
    problem("[mappings]\nbuiltin = \"true\"", &[], "t.toml:2: ", "true or false");
    problem("[tables.x]\nroute = \"virtual\"", &[], "t.toml:1: ", "`tables.x.source` is missing");
    problem("[tables.x]\nroute = \"virtual\"\nsource = \"m\"", &[], "t.toml:3: ", "[sources.m]");
    problem("[tables.x]\nroute = \"both\"", &[], "t.toml:1: ", "native");
    problem("", &[("TURNTABLE_LIMITS__PAGE_ROW", "1")], "TURNTABLE_LIMITS__PAGE_ROW: ", "did you mean");
    problem("", &[("TURNTABLE_LIMITS__PAGE_ROWS", "x")], "TURNTABLE_LIMITS__PAGE_ROWS: ", "integer");
    problem("", &[("TURNTABLE___X", "1")], "TURNTABLE___X: ", "names no key");
}

#[test]
fn a_token_is_passed_on_where_tokens_are_taken() {
    let provider = "[auth.oidc.hospital]\nissuer = \"https://id.example.org\"\naudience = \"tt\"\n";
    let source = |auth: &str| format!("[sources.m]\nurl = \"https://h\"\nauth = {auth}\n");
    let exchange = "{ kind = \"exchange\", token_url = \"https://t\", client_id = \"c\", client_secret = { env = \"S\" }, \
                    audience = \"fhir\", scope = \"s\", provider = \"hospital\" }";
    for auth in ["{ kind = \"forward\" }", "{ kind = \"forward\", provider = \"hospital\" }", exchange] {
        let config = parse(&(source(auth) + provider), &[("S", "hunter2")]).unwrap();
        assert!(config.sources["m"].auth.by_caller().is_some());
        assert_eq!(parse(&config.effective_toml(), &[("S", "hunter2")]).unwrap(), config);
        problem(&source(auth), &[("S", "hunter2")], "", "[auth.oidc.");
    }
    let other = source("{ kind = \"forward\", provider = \"clinic\" }") + provider;
    problem(&other, &[], "", "no [auth.oidc.clinic]");
    let unfinished = source("{ kind = \"exchange\", client_id = \"c\", client_secret = { env = \"S\" } }") + provider;
    problem(&unfinished, &[("S", "hunter2")], "t.toml:3: ", "`sources.m.auth.token_url` is missing");
}

#[test]
fn sources_are_checked() {
    let source = |lines: &str| format!("[sources.m]\n{lines}");
    let auth = |auth: &str| format!("[sources.m]\nurl = \"https://h\"\nauth = {auth}");
    problem(&source(""), &[], "t.toml:1: ", "`sources.m.url` is missing");
    problem(&source("url = \"ftp://h\""), &[], "t.toml:2: ", "https://");
    problem(&source("url = \"https://h\"\ntimeout = \"10\""), &[], "t.toml:3: ", "10s");
    problem(&source("url = \"https://h\"\ntimeout = \"0s\""), &[], "t.toml:3: ", "duration");
    problem(&source("url = \"https://h\"\nca_file = \"/no/such\""), &[], "t.toml:3: ", "PEM");
    problem(&source("url = \"https://h\"\npublic_url = \"h\""), &[], "t.toml:3: ", "public_url");
    problem(&source("url = \"https://h\"\nnever = [\"family\"]"), &[], "t.toml:3: ", "Patient.family");
    let both = source("url = \"https://h\"\nnever = [\"Patient.name\"]\nforce = [\"Patient.name\"]");
    problem(&both, &[], "t.toml:1: ", "`force` and in `never`");
    problem(&auth("{ kind = \"magic\" }"), &[], "t.toml:3: ", "client-credentials");
    let signed = "kind = \"private-key-jwt\", token_url = \"https://t\", client_id = \"c\"";
    problem(&auth(&format!("{{ {signed} }}")), &[], "t.toml:3: ", "`sources.m.auth.key` is missing");
    let no_key = [("TURNTABLE_SOURCES__M__AUTH__KEY", "hunter2")];
    problem(&auth(&format!("{{ {signed} }}")), &no_key, "t.toml:3: ", "is not in PEM");
    problem(&auth("{ kind = \"managed-identity\" }"), &[], "t.toml:3: ", "`sources.m.auth.resource` is missing");
    problem(&auth("{ kind = \"bearer\" }"), &[], "t.toml:3: ", "`sources.m.auth.token` is missing");
    problem(&auth("{ kind = \"bearer\", token = { env = \"NO\" } }"), &[], "t.toml:3: ", "NO is not set");
    problem(&auth("{ kind = \"bearer\", token = { file = \"/no\" } }"), &[], "t.toml:3: ", "cannot be read");
    problem(&auth("{ kind = \"bearer\", token = { } }"), &[], "t.toml:3: ", "either");
    problem(&auth("{ kind = \"none\", tokn = 1 }"), &[], "t.toml:3: ", "no key `sources.m.auth.tokn`");
}

#[test]
fn a_literal_secret_is_refused_and_not_repeated() {
    let text = "[sources.m]\nurl = \"https://h\"\nauth = { kind = \"bearer\", token = \"hunter2\" }";
    problem(text, &[], "t.toml:3: ", "version control");
    assert!(!format!("{:?}", parse(text, &[])).contains("hunter2"));
    let text = "[sources.m]\nurl = \"https://u:hunter2@h\"";
    assert!(!format!("{:?}", parse(text, &[])).contains("hunter2"));
}

#[test]
fn all_problems_come_at_once() {
    let error = parse("listn = 1\n[store]\nurl = \"x\"\n[limits]\npage_rows = -1", &[]).unwrap_err();
    assert_eq!(error.get_details().len(), 3);
    assert!(error.message().starts_with("3 problems"));
}

#[test]
fn plain_http_to_another_machine_is_warned_about() {
    let config = parse("[sources.m]\nurl = \"http://fhir.example.org\"", &[]).unwrap();
    assert!(config.warnings.iter().any(|w| w.starts_with("t.toml:2: ") && w.contains("https")));
}

#[test]
fn a_login_lets_it_listen_elsewhere() {
    let warns = |config: &Config, what: &str| config.warnings.iter().any(|warning| warning.contains(what));
    let config = parse("listen = \"0.0.0.0:80\"\n[auth.keys]", &[]).unwrap();
    assert!(warns(&config, "without TLS") && !warns(&config, "no login"), "{:?}", config.warnings);
    let config = parse("", &[("TURNTABLE_AUTH__KEYS__ENABLED", "true")]).unwrap();
    assert!(config.identity.keys && config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn logins_are_checked() {
    let oidc = |lines: &str| format!("[auth.oidc.h]\n{lines}");
    let good = "issuer = \"https://login.example.org\"\naudience = \"turntable\"";
    let config = parse(&oidc(good), &[]).unwrap();
    let provider = &config.identity.providers["h"];
    assert_eq!((provider.audience.as_slice(), provider.roles_claim.as_str()), (&["turntable".to_owned()][..], "roles"));
    assert!(!config.warnings.iter().any(|warning| warning.contains("no login")));
    assert_eq!(parse(&config.effective_toml(), &[]).unwrap(), config);
    problem(&oidc("audience = \"t\""), &[], "t.toml:1: ", "`auth.oidc.h.issuer` is missing");
    problem(&oidc("issuer = \"https://l\""), &[], "t.toml:1: ", "`auth.oidc.h.audience` is missing");
    problem(&oidc("issuer = \"http://login.example.org\"\naudience = \"t\""), &[], "t.toml:2: ", "https");
    problem(&oidc(&format!("{good}\nalgorithms = [\"HS256\"]")), &[], "t.toml:4: ", "RS256");
    problem(&oidc(&format!("{good}\nalgorithms = [\"none\"]")), &[], "t.toml:4: ", "RS256");
    problem(&oidc(&format!("{good}\nskew = \"1h\"")), &[], "t.toml:1: ", "five minutes");
    problem(&oidc(&format!("{good}\njwks_url = \"ftp://l\"")), &[], "t.toml:4: ", "https");
    problem(&oidc(&format!("{good}\nca_file = \"/no/such\"")), &[], "t.toml:4: ", "PEM");
    problem(&format!("[auth.oidc.key]\n{good}"), &[], "t.toml:1: ", "this name");
    problem(&format!("[auth.oidc.h]\n{good}\n[auth.oidc.i]\n{good}"), &[], "", "another provider");

    let pages = |lines: &str| format!("[auth.oidc.h]\n{good}\n[auth.oidc.h.sign_in]\n{lines}");
    let config = parse(&pages("client_id = \"pages\""), &[]).unwrap();
    let sign_in = config.identity.providers["h"].sign_in.as_ref().unwrap();
    assert_eq!((sign_in.scope.as_str(), sign_in.label.as_str()), ("openid", "h"));
    assert_eq!(parse(&config.effective_toml(), &[]).unwrap(), config);
    let whole =
        pages("client_id = \"p\"\nclient_secret = { env = \"S\" }\nscope = \"a b\"\nresource = \"r\"\nlabel = \"H\"");
    let config = parse(&whole, &[("S", "hunter2")]).unwrap();
    assert!(!config.effective_toml().contains("hunter2"));
    assert_eq!(parse(&config.effective_toml(), &[("S", "hunter2")]).unwrap(), config);
    problem(&pages("scope = \"openid\""), &[], "t.toml:4: ", "`auth.oidc.h.sign_in.client_id` is missing");
    problem(&pages("client_id = \"p\"\nclient_secret = \"hunter2\""), &[], "t.toml:6: ", "backups");
    problem(&pages("client_id = \"p\"\nscopes = \"a\""), &[], "t.toml:6: ", "scope");

    let user = |lines: &str| format!("[auth.basic.ada]\n{lines}");
    let hash = passwords::hash("secret").unwrap();
    let known = [("HASH", hash.as_str()), ("WORD", "secret")];
    let good = "password_hash = { env = \"HASH\" }";
    let config = parse(&user(&format!("{good}\nroles = [\"reader\"]")), &known).unwrap();
    assert!(config.identity.asks() && !config.effective_toml().contains("argon2"));
    assert_eq!(parse(&config.effective_toml(), &known).unwrap(), config);
    problem(&user(good), &known, "t.toml:1: ", "`auth.basic.ada.roles` is missing");
    problem(&user(&format!("{good}\nroles = [\"raeder\"]")), &known, "t.toml:3: ", "reader, writer");
    let word = "password_hash = { env = \"WORD\" }\nroles = [\"reader\"]";
    problem(&user(word), &known, "t.toml:1: ", "turntable password-hash");
    let literal = format!("password_hash = \"{hash}\"\nroles = [\"reader\"]");
    problem(&user(&literal), &known, "t.toml:2: ", "version control");

    problem("[tls]\nkey = \"k\"", &[], "t.toml:1: ", "`tls.certificate` is missing");
    problem("[tls]\ncertificate = \"/no/c\"\nkey = \"/no/k\"", &[], "t.toml:1: ", "cannot be read");
}

#[test]
fn roles_are_read_and_written_again() {
    let text = r#"
[roles.nurse]
inherits = ["reader"]
[roles.nurse.tables.msemr_observation]
operations = ["read", "update"]
where = "_msemr_subjecttypepatient_value eq @claims.patient"
hide = ["msemr_comment"]
mask = ["msemr_valuestring"]
[roles.nurse.tables."*"]
[roles.nurse.tables.contact]
operations = []
"#;
    let config = parse(text, &[]).unwrap();
    let nurse = &config.roles.all()["nurse"];
    let (read, observations) = (&nurse.tables["*"], &nurse.tables["msemr_observation"]);
    assert!(read.access.read && !read.access.update && read.rows.is_none());
    assert!(observations.access.update && !observations.access.create && observations.hide.contains("msemr_comment"));
    assert!(!nurse.tables["contact"].access.read, "an empty list is nothing");
    assert_eq!(parse(&config.effective_toml(), &[]).unwrap().roles, config.roles);
    let of_table = |rules: &str| format!("[roles.a.tables.contact]\n{rules}\n");
    problem(&of_table("operations = [\"write\"]"), &[], "t.toml", "is no operation");
    problem(&of_table("operations = [\"update\"]"), &[], "t.toml", "reads them, too");
    problem(&of_table("hidden = [\"x\"]"), &[], "t.toml", "hidden");
    problem("[roles.a]\ninherits = [\"b\"]\n[roles.b]\ninherits = [\"a\"]\n", &[], "t.toml", "a > b > a");
    problem("[roles.reader]\n", &[], "t.toml", "is built in");
}
