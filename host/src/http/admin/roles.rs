//! Who there is, what their roles say, and what that comes to: who may do what with which table, row and column.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::admin::answer::{ErrorAnswer, Named, reply};
use crate::http::shared::Shared;
use crate::model::caller::Role as BuiltIn;
use crate::model::error::{Code, Error};
use crate::model::rules::{RoleRules, TableRules};
use crate::model::table::TableAccess;
use crate::router::told;

/// Roles that are asked about at once.
const ROLES_MOST: usize = 20;

/// Who there is, and what roles say.
#[derive(Serialize, ToSchema)]
pub(crate) struct People {
    /// Whether there is any login. Without one whoever reaches the server may do everything.
    login: bool,
    /// Those that are built in, then those of the configuration.
    roles: Vec<RoleWritten>,
    /// Those with a name and a password.
    people: Vec<Person>,
    /// OpenID providers whose tokens are taken.
    providers: Vec<TokenProvider>,
}

/// A role, as it is written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleWritten {
    name: String,
    built_in: bool,
    inherits: Vec<String>,
    rules: Vec<RuleWritten>,
}

/// What a role says of a table.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleWritten {
    /// By its logical name; `*`: every table that is not named.
    table: String,
    /// Of `read`, `create`, `update`, `delete`.
    operations: Vec<&'static str>,
    /// The `$filter` that rows must meet; none: all rows.
    #[serde(rename = "where")]
    rows: Option<String>,
    hide: BTreeSet<String>,
    mask: BTreeSet<String>,
}

/// Somebody with a name and a password.
#[derive(Serialize, ToSchema)]
pub(crate) struct Person {
    name: String,
    roles: Vec<String>,
}

/// An OpenID provider whose tokens are taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenProvider {
    name: String,
    issuer: String,
    /// Where a token has the roles of its bearer.
    roles_claim: String,
    /// Whether people sign in there on the pages.
    sign_in: bool,
}

/// What callers of some roles may do. Tables of which they may do nothing are not there for them, and not here.
#[derive(Serialize, ToSchema)]
pub(crate) struct Gives {
    roles: BTreeSet<String>,
    /// Of these, those that mean nothing here.
    unknown: Vec<String>,
    tables: Vec<TableGiven>,
}

/// What they may do with a table.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableGiven {
    table: String,
    entity_set: String,
    label: String,
    read: Option<ActGiven>,
    create: Option<ActGiven>,
    update: Option<ActGiven>,
    delete: Option<ActGiven>,
    /// Columns that are not there for them.
    hidden: Vec<String>,
    /// Columns that are there, and null.
    masked: Vec<String>,
    /// The rules do not fit the table as it is now: nothing of it is shown, and the log says why.
    shut: bool,
}

/// Something that may be done with rows.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActGiven {
    /// The roles that give it.
    by: Vec<String>,
    /// The `$filter`s of which a row must meet one; none: all rows.
    #[serde(rename = "where")]
    rows: Option<Vec<String>>,
    /// Rows are there with the row that they are parts of, and not all of those are.
    with_parent: bool,
}

/// Who there is, and what each role says.
#[utoipa::path(
    get,
    path = "/admin/v1/roles",
    responses(
        (status = 200, description = "People and roles", body = People),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn list(State(app): Shared) -> Response {
    let built_in = [BuiltIn::Reader, BuiltIn::Writer, BuiltIn::Mapper, BuiltIn::Admin].map(|role| RoleWritten {
        name: role.name().to_owned(),
        built_in: true,
        inherits: Vec::new(),
        rules: Vec::new(),
    });
    let own = app.turntable.roles.all().iter().map(|(name, RoleRules { inherits, tables })| RoleWritten {
        name: name.clone(),
        built_in: false,
        inherits: inherits.clone(),
        rules: tables.iter().map(|(table, rules)| rule(table, rules)).collect(),
    });
    let settings = app.identity.settings();
    let people = settings.users.iter().map(|(name, user)| Person { name: name.clone(), roles: user.roles.clone() });
    let providers = settings.providers.iter().map(|(name, provider)| TokenProvider {
        name: name.clone(),
        issuer: provider.issuer.clone(),
        roles_claim: provider.roles_claim.clone(),
        sign_in: provider.sign_in.is_some(),
    });
    reply(Ok(People {
        login: app.identity.asks(),
        roles: built_in.into_iter().chain(own).collect(),
        people: people.collect(),
        providers: providers.collect(),
    }))
}

/// What callers of some roles may do, table by table: what is said above, inherited and added up, and as requests are held to it.
#[utoipa::path(
    get,
    path = "/admin/v1/roles/{roles}",
    params(("roles" = String, Path, description = "One role, or several with commas")),
    responses(
        (status = 200, description = "What they may do", body = Gives),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn show(State(app): Shared, Named(roles): Named) -> Response {
    let roles: BTreeSet<_> =
        roles.split(',').map(str::trim).filter(|role| !role.is_empty()).map(str::to_owned).collect();
    if roles.is_empty() || roles.len() > ROLES_MOST {
        let what = format!("name one role to {ROLES_MOST} roles, with commas");
        return reply(Err::<Gives, _>(Error::new(Code::BadRequest, what).hint("/admin/v1/roles lists them")));
    }
    let unknown = roles.iter().filter(|role| !app.turntable.roles.is_known(role)).cloned().collect();
    let tables = app.turntable.told(roles.clone()).into_iter().map(TableGiven::from).collect();
    reply(Ok(Gives { roles, unknown, tables }))
}

fn rule(table: &str, rules: &TableRules) -> RuleWritten {
    let TableAccess { read, create, update, delete } = rules.access;
    let named = [(read, "read"), (create, "create"), (update, "update"), (delete, "delete")];
    RuleWritten {
        table: table.to_owned(),
        operations: named.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect(),
        rows: rules.rows.clone(),
        hide: rules.hide.clone(),
        mask: rules.mask.clone(),
    }
}

impl From<told::Told> for TableGiven {
    fn from(told: told::Told) -> Self {
        let act = |given: told::Given| ActGiven { by: given.by, rows: given.rows, with_parent: given.with_parent };
        let [read, create, update, delete] = told.given.map(|given| given.map(act));
        let table = &told.table;
        Self {
            table: table.name.clone(),
            entity_set: table.entity_set.clone(),
            label: table.label.clone(),
            read,
            create,
            update,
            delete,
            hidden: told.hidden,
            masked: told.masked,
            shut: told.shut,
        }
    }
}
