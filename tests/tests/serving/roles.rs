//! What administrators are told of roles: as they are written, and what they come to, which is what requests are held to.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use turntable::config::Config;
use turntable_tests::{Answer, Server};

const ROLES: &str = r#"
[auth.oidc.hospital]
issuer = "https://login.example.org"
audience = "turntable"
sign_in = { client_id = "pages" }

[roles.nurse]
inherits = ["reader"]
[roles.nurse.tables.msemr_observation]
operations = ["read", "update"]
where = "_msemr_subjecttypepatient_value eq @claims.patient"
hide = ["msemr_comment"]
mask = ["msemr_valuetypequantityvalue"]

[roles.clerk.tables.contact]
operations = ["read", "create"]
where = "gendercode eq 1"

[roles.stale.tables.contact]
hide = ["no_such_column"]
"#;

/// A server with these roles, asked by the administrator of its machine.
struct Asked {
    server: Server,
    token: String,
    _folder: TempDir,
}

impl Asked {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let parsed = Config::parse(Some((Path::new("roles.toml"), ROLES)), &BTreeMap::new()).expect("they are good");
        let setup = Server::setup().data_dir(folder.path()).configure(|config| config.roles = parsed.roles);
        let server = setup.configure(|config| config.identity.providers = parsed.identity.providers).start().await;
        let token = std::fs::read_to_string(folder.path().join("admin-token")).expect("the server has made it");
        Self { server, token: token.trim().to_owned(), _folder: folder }
    }

    async fn ask(&self, path: &str, status: u16) -> Answer {
        let call = self.server.call(Method::GET, path).header("authorization", &format!("Bearer {}", self.token));
        call.send().await.expect(status)
    }

    async fn told(&self, path: &str) -> Value {
        self.ask(path, 200).await.json()
    }
}

fn of<'v>(told: &'v Value, table: &str) -> Option<&'v Value> {
    told["tables"].as_array().expect("tables").iter().find(|one| one["table"] == table)
}

#[tokio::test]
async fn roles_are_told_as_they_are_written() {
    let asked = Asked::start().await;
    let told = asked.told("/admin/v1/roles").await;
    assert_eq!(told["login"], true);
    let names: Vec<_> = told["roles"].as_array().expect("roles").iter().map(|role| &role["name"]).collect();
    assert_eq!(names, ["reader", "writer", "mapper", "admin", "clerk", "nurse", "stale"]);
    let nurse = &told["roles"][5];
    assert_eq!((&nurse["builtIn"], &nurse["inherits"]), (&json!(false), &json!(["reader"])));
    let rule = json!([{
        "table": "msemr_observation", "operations": ["read", "update"],
        "where": "_msemr_subjecttypepatient_value eq @claims.patient",
        "hide": ["msemr_comment"], "mask": ["msemr_valuetypequantityvalue"],
    }]);
    assert_eq!(nurse["rules"], rule);
    let hospital =
        json!([{ "name": "hospital", "issuer": "https://login.example.org", "rolesClaim": "roles", "signIn": true }]);
    assert_eq!(told["providers"], hospital);
}

#[tokio::test]
async fn what_they_come_to_is_told_for_each_table() {
    let asked = Asked::start().await;
    let nurse = asked.told("/admin/v1/roles/nurse").await;
    let observation = of(&nurse, "msemr_observation").expect("it is there for them");
    let own = json!({
        "by": ["nurse"], "where": ["_msemr_subjecttypepatient_value eq @claims.patient"], "withParent": false,
    });
    assert_eq!((&observation["read"], &observation["update"]), (&own, &own));
    assert_eq!((&observation["create"], &observation["delete"]), (&Value::Null, &Value::Null));
    assert_eq!(observation["hidden"], json!(["msemr_comment"]));
    assert_eq!(observation["masked"], json!(["msemr_valuetypequantityvalue"]));
    let contact = of(&nurse, "contact").expect("by what they inherit");
    assert_eq!(contact["read"], json!({ "by": ["reader"], "where": null, "withParent": false }));
    // Parts of rows of which only some are there.
    let component = of(&nurse, "msemr_observationcomponent").expect("by what they inherit");
    assert_eq!(component["read"]["withParent"], true, "{component}");

    // Several add up, as for who has them.
    let both = asked.told("/admin/v1/roles/nurse,reader").await;
    assert_eq!(of(&both, "msemr_observation").expect("a table")["read"]["where"], Value::Null);
    assert_eq!(of(&both, "msemr_observation").expect("a table")["hidden"], json!([]));

    let clerk = asked.told("/admin/v1/roles/clerk,made-up").await;
    assert_eq!(clerk["unknown"], json!(["made-up"]));
    assert_eq!(clerk["tables"].as_array().map(Vec::len), Some(1), "nothing else is there: {clerk}");
    let stale = asked.told("/admin/v1/roles/stale").await;
    assert_eq!(of(&stale, "contact").expect("a table")["shut"], true);
    assert_eq!(asked.told("/admin/v1/roles/mapper").await["tables"], json!([]));
    let admin = asked.told("/admin/v1/roles/admin").await;
    assert_eq!(of(&admin, "contact").expect("a table")["delete"]["by"], json!(["admin"]));

    for bad in ["/admin/v1/roles/,", "/admin/v1/roles/a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u"] {
        let refused = asked.ask(bad, 400).await;
        assert_eq!(refused.error_code(), "BadRequest", "{bad}");
    }
}
