//! Who asks: a name for the audit trail, what they are (roles), what is known of them (claims), and what a token lets
//! its bearer do (scopes). Made once where a request comes in, then carried to everything that the request sets off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::scopes::Scopes;
use super::table::TableAccess;

/// Whoever sent a request. Cheap to clone. Of credentials it has a provider's token at most, for services that are asked with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(Arc<Who>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Who {
    name: String,
    kind: Kind,
    roles: BTreeSet<String>,
    built_in: BTreeSet<Role>,
    access: TableAccess,
    claims: BTreeMap<String, Value>,
    scopes: Option<Scopes>,
    bearer: Option<Bearer>,
}

/// The token of a provider by which somebody has come in, and which services may be asked with. It lives as long as the request,
/// and is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer {
    provider: Arc<str>,
    token: Arc<str>,
}

impl Bearer {
    /// `provider`: its name in the configuration.
    pub fn new(provider: &str, token: &str) -> Self {
        Self { provider: provider.into(), token: token.into() }
    }

    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// For the header that a service is sent, and for nothing else.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a token of {}", self.provider)
    }
}

/// How somebody has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They reach the loopback address of a server without any login, or have the token of its data folder.
    Local,
    /// With an API key.
    Key,
    /// With a token of an OpenID provider.
    Token,
    /// With name and password.
    Basic,
    /// They have not, and may nothing.
    Nobody,
}

/// The roles that are there without being configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads rows.
    Reader,
    /// Reads and writes rows, and takes bundles in.
    Writer,
    /// Loads and releases mappings.
    Mapper,
    /// All there is.
    Admin,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Reader, Self::Writer, Self::Mapper, Self::Admin];

    /// As configurations and keys have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Mapper => "mapper",
            Self::Admin => "admin",
        }
    }

    /// None: no role that is there by itself.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl Caller {
    /// Somebody with these roles. Those among them that are built in count at once, others by what they inherit
    /// ([`Caller::inheriting`]).
    pub fn new(kind: Kind, name: impl Into<String>, roles: impl IntoIterator<Item = String>) -> Self {
        let roles: BTreeSet<_> = roles.into_iter().collect();
        let built_in = roles.iter().filter_map(|name| Role::named(name)).collect();
        let (access, claims, scopes, bearer) = (TableAccess::default(), BTreeMap::new(), None, None);
        Self(Arc::new(Who { name: name.into(), kind, roles, built_in, access, claims, scopes, bearer }))
    }

    /// Who reaches a server without login: they may whatever there is.
    pub fn local() -> Self {
        Self::new(Kind::Local, "local", [Role::Admin.name().to_owned()])
    }

    /// Who may nothing: for work on bytes alone, and where nobody has shown who they are.
    pub fn nobody() -> Self {
        Self::new(Kind::Nobody, "nobody", [])
    }

    /// The same with what is known of them, by name.
    pub fn with_claims(self, claims: BTreeMap<String, Value>) -> Self {
        Self(Arc::new(Who { claims, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The same, held to what the scopes of a token let do.
    pub fn with_scopes(self, scopes: Scopes) -> Self {
        Self(Arc::new(Who { scopes: Some(scopes), ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The same with the token that they came in by, of the provider that their name begins with.
    pub fn with_bearer(self, token: &str) -> Self {
        let provider = self.name().split(':').next().unwrap_or_default();
        let bearer = Some(Bearer::new(provider, token));
        Self(Arc::new(Who { bearer, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The same, whose roles have these of the built-in ones among what they inherit.
    pub fn inheriting(self, roles: impl IntoIterator<Item = Role>) -> Self {
        let mut who = Arc::unwrap_or_clone(self.0);
        who.built_in.extend(roles);
        Self(Arc::new(who))
    }

    /// The same, whose own roles let this be done with rows of some table.
    pub fn granted(self, access: TableAccess) -> Self {
        Self(Arc::new(Who { access, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// As the audit trail shows it: `local`, `key:NAME`, `basic:NAME`, `PROVIDER:SUBJECT`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// As they were given, without what they inherit.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.0.roles
    }

    /// Whether they have a built-in role, inherited or not.
    pub fn has(&self, role: Role) -> bool {
        self.0.built_in.contains(&role)
    }

    /// What roles that are not built in let be done with rows of some table.
    pub fn access(&self) -> TableAccess {
        self.0.access
    }

    pub fn claims(&self) -> &BTreeMap<String, Value> {
        &self.0.claims
    }

    /// The token that they came in by, where services are asked with it.
    pub fn bearer(&self) -> Option<&Bearer> {
        self.0.bearer.as_ref()
    }

    /// None: no scopes hold them to anything.
    pub fn scopes(&self) -> Option<&Scopes> {
        self.0.scopes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_known_by_their_names() {
        for role in Role::ALL {
            assert_eq!(Role::named(role.name()), Some(role));
        }
        assert_eq!(Role::named("Admin"), None);
        let caller = Caller::new(Kind::Key, "key:a", ["nurse".to_owned(), "mapper".to_owned()]);
        assert!(caller.has(Role::Mapper) && !caller.has(Role::Reader));
        let caller = caller.inheriting([Role::Reader]);
        assert!(caller.has(Role::Reader) && !caller.roles().contains("reader"));
        assert!(Role::ALL.iter().all(|role| !Caller::nobody().has(*role)));
    }
}
