//! What callers may do at all: it is decided of a request as a whole, where it comes in. Of each table that it touches the rules
//! of their roles decide (`rules`).

use super::caller::{Caller, Kind, Role};
use super::error::{Code, Error, Result};
use super::scopes::{Act, Context, Scopes};

/// What a request as a whole is about, whatever tables it touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// What tables there are and what they look like.
    Describe,
    /// Rows of tables, and all that is made of them.
    Read,
    /// Rows are created, changed or deleted: which, and of what table, [`Right`] says.
    Write,
    /// Bundles are taken in.
    Ingest,
    /// Mapping versions, routes and FHIR services are looked at, mapping versions loaded, tried and put in force.
    Map,
    /// Routes are turned, keys made and revoked, the audit trail read: whatever is left.
    Administer,
    /// The figures of the server.
    Watch,
}

/// What somebody wants to do with rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Read,
    Create,
    Update,
    /// Update, or create where the row is not there.
    Upsert,
    Delete,
}

impl Operation {
    /// For people, after "may not".
    pub fn name(self) -> &'static str {
        match self {
            Self::Describe => "look at tables",
            Self::Read => "read rows",
            Self::Write => "change rows",
            Self::Ingest => "take bundles in",
            Self::Map => "work with mappings",
            Self::Administer => "administer this server",
            Self::Watch => "read the figures of this server",
        }
    }

    /// Who of the built-in roles may.
    fn roles(self) -> &'static [Role] {
        match self {
            Self::Describe => &Role::ALL,
            Self::Read => &[Role::Reader, Role::Writer, Role::Admin],
            Self::Write | Self::Ingest => &[Role::Writer, Role::Admin],
            Self::Map | Self::Watch => &[Role::Mapper, Role::Admin],
            Self::Administer => &[Role::Admin],
        }
    }
}

impl Caller {
    /// `Unauthorized` for who has not shown who they are, `Forbidden` for what neither roles nor scopes let them do.
    pub fn may_do(&self, operation: Operation) -> Result<()> {
        if self.kind() == Kind::Nobody {
            return Err(Error::new(Code::Unauthorized, "this server asks who you are"));
        }
        let own = self.access();
        let writes = own.create || own.update || own.delete;
        let by_role = operation.roles().iter().any(|role| self.has(*role))
            || match operation {
                Operation::Describe => own.read || writes,
                Operation::Read => own.read,
                // Of a bundle each entry is held to what is let be done with its type.
                Operation::Write | Operation::Ingest => writes,
                Operation::Map | Operation::Administer | Operation::Watch => false,
            };
        let by_scope = self.scopes().map(|scopes| match operation {
            Operation::Describe => !scopes.all().is_empty(),
            Operation::Read => scopes.lets(Act::Read, None),
            Operation::Write => [Act::Create, Act::Update, Act::Delete].iter().any(|act| scopes.lets(*act, None)),
            // What is in a bundle is known once it is read, and its conditions look at other rows: the scope is for all.
            Operation::Ingest => scopes.all().iter().any(|scope| {
                scope.context != Context::Patient
                    && scope.resource_type.is_none()
                    && [Act::Read, Act::Create, Act::Update, Act::Delete].iter().all(|act| scope.lets(*act))
            }),
            Operation::Map | Operation::Administer | Operation::Watch => false,
        });
        if self.both(by_role, by_scope) {
            return Ok(());
        }
        Err(Error::new(Code::Forbidden, format!("this caller may not {}", operation.name())))
    }

    /// Resources of a type as they are, whatever tables show of them. As [`Caller::may_do`].
    pub fn may_read_whole(&self, resource_type: &str) -> Result<()> {
        self.may_do(Operation::Read)?;
        let lets = |scopes: &Scopes| {
            scopes.letting(Act::Read, Some(resource_type)).any(|scope| scope.context != Context::Patient)
        };
        match self.scopes().is_none_or(lets) {
            true => Ok(()),
            false => {
                Err(Error::new(Code::Forbidden, format!("this caller may not read a `{resource_type}` as a whole")))
            }
        }
    }

    /// Scopes hold whoever has roles to less; of who has none they are all there is.
    fn both(&self, by_role: bool, by_scope: Option<bool>) -> bool {
        match by_scope {
            None => by_role,
            Some(by_scope) if self.roles().is_empty() => by_scope,
            Some(by_scope) => by_role && by_scope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_scopes_say_what_may_be_done() {
        use Operation::{Administer, Describe, Ingest, Map, Read, Watch, Write};
        let check = |roles: &[&str], scopes: Option<&str>, expected: &[Operation]| {
            let caller = Caller::new(Kind::Token, "p:s", roles.iter().map(|role| (*role).to_owned()));
            let parsed = scopes.and_then(|scopes| Scopes::parse(scopes, Some("p1".to_owned())));
            let caller = parsed.into_iter().fold(caller, Caller::with_scopes);
            let all = [Describe, Read, Write, Ingest, Map, Administer, Watch];
            let found: Vec<_> = all.into_iter().filter(|operation| caller.may_do(*operation).is_ok()).collect();
            assert_eq!(found, expected, "{roles:?} {scopes:?}");
        };
        check(&[], None, &[]);
        check(&["nurse"], None, &[]);
        check(&["reader"], None, &[Describe, Read]);
        check(&["writer"], None, &[Describe, Read, Write, Ingest]);
        check(&["mapper"], None, &[Describe, Map, Watch]);
        check(&["mapper", "reader"], None, &[Describe, Read, Map, Watch]);
        check(&["admin"], None, &[Describe, Read, Write, Ingest, Map, Administer, Watch]);
        check(&[], Some("user/Observation.rs"), &[Describe, Read]);
        check(&[], Some("patient/*.rs"), &[Describe, Read]);
        check(&[], Some("system/*.cruds"), &[Describe, Read, Write, Ingest]);
        check(&[], Some("patient/*.cruds"), &[Describe, Read, Write]);
        check(&[], Some("user/Observation.rs?a=b"), &[]);
        // Both have to let it.
        check(&["reader"], Some("system/*.cruds"), &[Describe, Read]);
        check(&["admin"], Some("user/Patient.rs"), &[Describe, Read]);
        check(&["nurse"], Some("user/Patient.rs"), &[]);
        check(&["reader"], Some("openid"), &[Describe, Read]);
        assert_eq!(Caller::nobody().may_do(Describe).unwrap_err().code(), Code::Unauthorized);
        assert_eq!(Caller::new(Kind::Key, "k", []).may_do(Describe).unwrap_err().code(), Code::Forbidden);
    }
}
