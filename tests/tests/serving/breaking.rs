//! A version on which apps may break that use the one in force: it is let in, and comes into force only where that is said,
//! by whatever way it comes. Who uses what goes is named: views that users keep, rules of roles.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use turntable::cli::admin;
use turntable::config::Config;
use turntable_tests::{Server, Setup, digest, of_yaml};

const TABLE: &str = "tt_town";

/// A role that hides a column of the second version's difference, and one that names none of it.
const ROLES: &str = "
[roles.clerk.tables.tt_town]
operations = [\"read\"]
hide = [\"tt_street\"]
[roles.guest.tables.tt_town]
operations = [\"read\"]
where = \"tt_city eq 'Ulm'\"
";

/// A table of towns with these columns beside its key and the city.
fn towns(version: &str, columns: &[&str]) -> Vec<u8> {
    let columns: String = columns.iter().map(|column| format!("      {column}\n")).collect();
    let yaml = format!(
        "
mapping: towns
version: {version}
tables:
  tt_town:
    set: tt_towns
    label: Town
    description: A person's town.
    resource: Patient
    name: tt_city
    columns:
      tt_townid: {{key: true, label: Town}}
      tt_city: {{text: 'address[0].city', label: City}}
{columns}"
    );
    of_yaml(r#"{"resourceType":"Patient","id":"p","address":[{"city":"Ulm","postalCode":"89073"}]}"#, &yaml)
}

const STREET: &str = "tt_street: {text: 'address[0].line[0]', label: Street}";
const CODE: &str = "tt_code: {text: 'address[0].postalCode', label: Code}";

/// The first version, one that lacks a column, and one that only has one more.
fn versions() -> [Vec<u8>; 3] {
    [towns("1.0.0", &[STREET]), towns("2.0.0", &[CODE]), towns("1.1.0", &[STREET, CODE])]
}

fn ruled(setup: Setup) -> Setup {
    let parsed = Config::parse(Some((Path::new("rules.toml"), ROLES)), &BTreeMap::new()).expect("the rules are good");
    setup.configure(|config| config.roles = parsed.roles)
}

async fn in_force(server: &Server) -> Value {
    server.table(TABLE).await["mapping"]["digest"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_apps_may_break_on_needs_to_be_wanted() {
    let server = ruled(Server::setup()).start().await;
    let [first, second, more] = versions();
    server.load(&first).await.expect(201);
    server.activate(TABLE, &digest(&first)).await.expect(200);
    for (name, column) in [("Streets", "tt_street"), ("Cities", "tt_city")] {
        let fetch = format!("<fetch><entity name=\"{TABLE}\"><attribute name=\"{column}\"/></entity></fetch>");
        let view = json!({ "name": name, "returnedtypecode": TABLE, "fetchxml": fetch });
        server.post("userqueries", &view).await.expect(201);
    }

    let loaded = server.load(&second).await.expect(201).json();
    let schema = &loaded["schema"];
    assert_eq!((&schema["added"], &schema["removed"]), (&json!(["tt_town.tt_code"]), &json!(["tt_town.tt_street"])));
    let users: Vec<_> = schema["usedBy"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(users.len(), 2, "{users:?}");
    assert_eq!(users[0], "the view `Streets` of `tt_town`");
    assert!(users[1].starts_with("the rules for `tt_town`: the role `clerk` hides"), "{users:?}");
    let gate = loaded["checks"].as_array().into_iter().flatten().find(|check| check["name"] == "schema");
    assert!(gate.is_some_and(|check| check["passed"] == true && check.to_string().contains("Streets")), "{loaded:#}");

    let refused = server.activate(TABLE, &digest(&second)).await.expect(409);
    assert_eq!(refused.error_code(), "BreakingChange");
    for part in ["removed: tt_town.tt_street", "`Streets`", "`clerk`", "allow_breaking"] {
        assert!(refused.text.contains(part), "{part}: {}", refused.text);
    }
    assert!(!refused.text.contains("Cities") && !refused.text.contains("guest"), "{}", refused.text);
    assert_eq!(in_force(&server).await, digest(&first));

    // One that only has more needs no leave, and the way back to less none either.
    server.load(&more).await.expect(201);
    server.activate(TABLE, &digest(&more)).await.expect(200);
    server.rollback(TABLE).await.expect(200);
    assert_eq!(in_force(&server).await, digest(&first));

    let wanted = json!({ "digest": digest(&second), "allow_breaking": true });
    server.post(&format!("/admin/v1/tables/{TABLE}/mapping"), &wanted).await.expect(200);
    assert_eq!(in_force(&server).await, digest(&second));
    server.rollback(TABLE).await.expect(200);
    assert_eq!(in_force(&server).await, digest(&first));
    // Where nothing is in force nothing can break.
    server.call(Method::DELETE, "/admin/v1/mappings/towns/active").send().await.expect(200);
    server.activate(TABLE, &digest(&second)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_brings_it_only_where_that_is_configured() {
    let (data, folder) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("towns.wasm");
    let [first, second, more] = versions();
    let start = |allow_breaking: bool| {
        let dir = folder.path().to_owned();
        let setup = Server::setup().data_dir(data.path()).configure(move |config| {
            config.mappings.dir = Some(dir);
            config.mappings.allow_breaking = allow_breaking;
        });
        setup.start()
    };
    for (component, allow_breaking, expected) in
        [(&first, false, &first), (&more, false, &more), (&second, false, &more), (&second, true, &second)]
    {
        std::fs::write(&file, component).expect("it is written");
        let server = start(allow_breaking).await;
        assert_eq!(in_force(&server).await, digest(expected));
        server.stop().await;
    }
}

/// The command says what breaks and how it comes into force all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_asks_for_it() {
    let server = Server::setup().start().await;
    let [first, second, _] = versions();
    let of = admin::Server { server: server.url(), data_dir: None, json: false };
    let load = async |component: &[u8], allow_breaking: bool| {
        admin::load(&of, (component.to_vec(), None), true, allow_breaking).await
    };
    load(&first, false).await.expect("nothing is in force");
    let refused = load(&second, false).await.expect_err("it breaks");
    let said: Vec<_> = refused.get_details().iter().map(|detail| detail.message.as_str()).collect();
    assert_eq!(said, ["removed: tt_town.tt_street"], "{refused}");
    assert!(refused.to_string().contains("--allow-breaking"), "{refused}");
    assert_eq!(in_force(&server).await, digest(&first));
    load(&second, true).await.expect("it is wanted");
    assert_eq!(in_force(&server).await, digest(&second));
}
