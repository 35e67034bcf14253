//! What roles give of each table: which operations, of which rows, with which columns. Several roles give together what each of
//! them gives, and of no row more than one of them alone would; whoever has no role that names a table has nothing of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::caller::{Caller, Role};
use super::error::{Code, Error, Result};
use super::scopes::Act;
use super::table::TableAccess;

/// Stands for every table that a role does not name.
pub const ALL_TABLES: &str = "*";

/// The roles of a configuration, by name, beside those that are built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles(BTreeMap<String, RoleRules>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleRules {
    /// Names of roles, built in or not.
    pub inherits: Vec<String>,
    /// By the logical names of tables, or [`ALL_TABLES`].
    pub tables: BTreeMap<String, TableRules>,
}

/// What one role gives of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRules {
    pub access: TableAccess,
    /// A `$filter` over the table's columns and the caller's claims, `@claims.name`. None: all rows.
    pub rows: Option<String>,
    /// Columns that are not there, by the names that the table has them under.
    pub hide: BTreeSet<String>,
    /// Columns that are there and without a value.
    pub mask: BTreeSet<String>,
}

/// How much of a column there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    Hidden,
    Masked,
    Shown,
}

const NOTHING: TableAccess = TableAccess { read: false, create: false, update: false, delete: false };
const EVERYTHING: TableAccess = TableAccess { read: true, create: true, update: true, delete: true };

impl TableRules {
    /// Of all rows and columns.
    pub fn of(access: TableAccess) -> Self {
        Self { access, rows: None, hide: BTreeSet::new(), mask: BTreeSet::new() }
    }

    fn sight(&self, column: [&str; 2]) -> Sight {
        let is_in = |names: &BTreeSet<String>| column.iter().any(|name| names.contains(*name));
        match () {
            () if is_in(&self.hide) => Sight::Hidden,
            () if is_in(&self.mask) => Sight::Masked,
            () => Sight::Shown,
        }
    }
}

/// Whether an operation is among these.
pub fn lets(access: TableAccess, act: Act) -> bool {
    match act {
        Act::Read => access.read,
        Act::Create => access.create,
        Act::Update => access.update,
        Act::Delete => access.delete,
    }
}

/// What a role gives of a table, and whether it names it.
enum Given<'r> {
    Nothing,
    ByAll(Vec<Grant<'r>>),
    ByName(Vec<Grant<'r>>),
}

/// What one role gives of a table.
#[derive(Clone, Debug)]
pub struct Grant<'r> {
    pub role: &'r str,
    /// The role names the table, and does not mean it among all.
    pub is_named: bool,
    pub rules: Cow<'r, TableRules>,
}

impl Roles {
    /// `Config` for a role that inherits from itself, or from one that there is not, or has the name of one that is built in.
    pub fn new(roles: BTreeMap<String, RoleRules>) -> Result<Self> {
        let bad = |message: String| Err(Error::new(Code::Config, message));
        for (name, role) in &roles {
            if Role::named(name).is_some() {
                return bad(format!(
                    "the role `{name}` is built in; give yours another name, and let it inherit `{name}`"
                ));
            }
            if let Some(unknown) =
                role.inherits.iter().find(|other| Role::named(other).is_none() && !roles.contains_key(*other))
            {
                return bad(format!("the role `{name}` inherits `{unknown}`, which there is not"));
            }
        }
        let roles = Self(roles);
        for name in roles.0.keys() {
            if let Some(circle) = roles.circle(name) {
                return bad(format!("roles inherit from each other in a circle: {circle}"));
            }
        }
        Ok(roles)
    }

    pub fn all(&self) -> &BTreeMap<String, RoleRules> {
        &self.0
    }

    /// Whether a role of this name gives anything.
    pub fn is_known(&self, role: &str) -> bool {
        Role::named(role).is_some() || self.0.contains_key(role)
    }

    /// The same caller, known by what their roles inherit.
    pub fn known(&self, caller: Caller) -> Caller {
        if caller.roles().iter().all(|role| Role::named(role).is_some()) {
            return caller;
        }
        let inherited: BTreeSet<Role> = caller.roles().iter().flat_map(|role| self.built_in(role)).collect();
        let own = caller.roles().iter().filter_map(|role| self.0.get(role));
        let mut pending: Vec<&RoleRules> = own.collect();
        let mut access = NOTHING;
        while let Some(role) = pending.pop() {
            for rules in role.tables.values() {
                access = both(access, rules.access);
            }
            pending.extend(role.inherits.iter().filter_map(|other| self.0.get(other)));
        }
        caller.inheriting(inherited).granted(access)
    }

    /// Those of the built-in roles that a role is or inherits.
    fn built_in(&self, role: &str) -> BTreeSet<Role> {
        let own = Role::named(role);
        let inherited = self.0.get(role).into_iter().flat_map(|role| &role.inherits);
        own.into_iter().chain(inherited.flat_map(|other| self.built_in(other))).collect()
    }

    /// What each of these roles gives of a table.
    pub fn grants<'r>(&'r self, roles: impl IntoIterator<Item = &'r str>, table: &str) -> Vec<Grant<'r>> {
        let given = roles.into_iter().map(|role| self.given(role, table));
        given
            .flat_map(|given| match given {
                Given::Nothing => Vec::new(),
                Given::ByAll(grants) | Given::ByName(grants) => grants,
            })
            .collect()
    }

    /// What a role says of a table by its name goes before what it inherits, and that before what is said of all tables.
    fn given<'r>(&'r self, role: &'r str, table: &str) -> Given<'r> {
        if let Some(built_in) = Role::named(role) {
            let access = match built_in {
                Role::Reader => TableAccess { read: true, ..NOTHING },
                Role::Writer | Role::Admin => EVERYTHING,
                Role::Mapper => return Given::Nothing,
            };
            let rules = Cow::Owned(TableRules::of(access));
            return Given::ByAll(vec![Grant { role, is_named: false, rules }]);
        }
        let Some(rules) = self.0.get(role) else { return Given::Nothing };
        let own = |table: &str, is_named: bool| {
            let rules = rules.tables.get(table)?;
            Some(vec![Grant { role, is_named, rules: Cow::Borrowed(rules) }])
        };
        if let Some(own) = own(table, true) {
            return Given::ByName(own);
        }
        let (mut by_name, mut by_all) = (Vec::new(), Vec::new());
        for inherited in &rules.inherits {
            match self.given(inherited, table) {
                Given::Nothing => {}
                Given::ByAll(grants) => by_all.extend(grants),
                Given::ByName(grants) => by_name.extend(grants),
            }
        }
        match own(ALL_TABLES, false) {
            _ if !by_name.is_empty() => Given::ByName(by_name),
            Some(own) => Given::ByAll(own),
            None if by_all.is_empty() => Given::Nothing,
            None => Given::ByAll(by_all),
        }
    }

    /// The names on a circle that begins at a role.
    fn circle(&self, first: &str) -> Option<String> {
        let mut pending: Vec<Vec<&str>> = vec![vec![first]];
        while let Some(way) = pending.pop() {
            let last = way.last().and_then(|last| self.0.get(*last));
            for next in last.into_iter().flat_map(|role| &role.inherits) {
                let on: Vec<&str> = way.iter().copied().chain([next.as_str()]).collect();
                if next == first {
                    return Some(on.join(" > "));
                }
                // A circle that does not lead back here is found from where it does.
                if !way.contains(&next.as_str()) {
                    pending.push(on);
                }
            }
        }
        None
    }
}

/// What either lets do.
pub fn both(a: TableAccess, b: TableAccess) -> TableAccess {
    TableAccess {
        read: a.read || b.read,
        create: a.create || b.create,
        update: a.update || b.update,
        delete: a.delete || b.delete,
    }
}

/// What some role lets do.
pub fn access(grants: &[Grant<'_>]) -> TableAccess {
    grants.iter().map(|grant| grant.rules.access).fold(NOTHING, both)
}

/// The rows that an operation is let be done with: those that meet one of these. None: all.
pub fn rows(grants: &[Grant<'_>], act: Act) -> Option<Vec<String>> {
    let letting = letting(grants, act);
    letting
        .iter()
        .map(|rules| rules.rows.clone())
        .collect::<Option<BTreeSet<_>>>()
        .map(|rows| rows.into_iter().collect())
}

/// How much of a column there is for an operation, by its names. There is as much as one role gives of every row that any
/// gives, or else as much as all give: so of no row there is more than one role alone would give.
pub fn sight(grants: &[Grant<'_>], act: Act, column: [&str; 2]) -> Sight {
    let letting = letting(grants, act);
    let is_uniform = letting.windows(2).all(|two| two[0].rows == two[1].rows);
    let whole =
        letting.iter().filter(|rules| is_uniform || rules.rows.is_none()).map(|rules| rules.sight(column)).max();
    let least = letting.iter().map(|rules| rules.sight(column)).min();
    whole.max(least).unwrap_or(Sight::Hidden)
}

fn letting<'g>(grants: &'g [Grant<'_>], act: Act) -> Vec<&'g TableRules> {
    grants.iter().map(|grant| &*grant.rules).filter(|rules| lets(rules.access, act)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(operations: &str, rows: Option<&str>, hide: &[&str], mask: &[&str]) -> TableRules {
        let has = |operation| operations.contains(operation);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        TableRules {
            access: TableAccess { read: has('r'), create: has('c'), update: has('u'), delete: has('d') },
            rows: rows.map(str::to_owned),
            hide: names(hide),
            mask: names(mask),
        }
    }

    fn role(inherits: &[&str], tables: &[(&str, TableRules)]) -> RoleRules {
        RoleRules {
            inherits: inherits.iter().map(|name| (*name).to_owned()).collect(),
            tables: tables.iter().map(|(name, rules)| ((*name).to_owned(), rules.clone())).collect(),
        }
    }

    fn roles(all: &[(&str, RoleRules)]) -> Result<Roles> {
        Roles::new(all.iter().map(|(name, role)| ((*name).to_owned(), role.clone())).collect())
    }

    #[test]
    fn what_a_role_says_of_a_table_goes_before_what_it_inherits() {
        let roles = roles(&[
            ("nurse", role(&["reader"], &[("obs", rules("ru", Some("a"), &["h"], &[]))])),
            ("head", role(&["nurse"], &[("*", rules("rd", None, &[], &[]))])),
            ("clerk", role(&[], &[("con", rules("r", None, &[], &[]))])),
            ("idle", role(&[], &[])),
        ])
        .unwrap();
        let check = |held: &[&str], table: &str, operations: &str, found_rows: Option<&[&str]>| {
            let grants = roles.grants(held.iter().copied(), table);
            assert_eq!(access(&grants), rules(operations, None, &[], &[]).access, "{held:?} {table}");
            let expected = found_rows.map(|rows| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>());
            assert_eq!(rows(&grants, Act::Read), expected, "{held:?} {table}");
        };
        check(&["nurse"], "obs", "ru", Some(&["a"]));
        check(&["nurse"], "con", "r", None);
        check(&["head"], "obs", "ru", Some(&["a"]));
        check(&["head"], "con", "rd", None);
        check(&["clerk"], "con", "r", None);
        // Roles that somebody has add up.
        check(&["nurse", "reader"], "obs", "ru", None);
        check(&["clerk", "mapper", "unknown", "idle"], "obs", "", Some(&[]));
        check(&["writer"], "obs", "crud", None);
    }

    #[test]
    fn several_roles_give_of_no_row_more_than_one_would() {
        let check = |all: &[TableRules], act: Act, expected: Sight| {
            let grants: Vec<_> =
                all.iter().map(|rules| Grant { role: "r", is_named: true, rules: Cow::Borrowed(rules) }).collect();
            assert_eq!(sight(&grants, act, ["x", "_x_value"]), expected, "{all:?}");
        };
        let (hide, mask, none): (&[&str], &[&str], &[&str]) = (&["x"], &["_x_value"], &[]);
        check(&[rules("r", None, hide, none)], Act::Read, Sight::Hidden);
        check(&[rules("r", None, none, mask)], Act::Read, Sight::Masked);
        check(&[rules("r", None, hide, none), rules("r", None, none, none)], Act::Read, Sight::Shown);
        check(&[rules("r", Some("a"), hide, none), rules("r", Some("a"), none, mask)], Act::Read, Sight::Masked);
        // Some rows are those of one role, some those of the other.
        check(&[rules("r", Some("a"), hide, none), rules("r", Some("b"), none, none)], Act::Read, Sight::Hidden);
        check(&[rules("r", Some("a"), none, mask), rules("r", Some("b"), none, none)], Act::Read, Sight::Masked);
        check(&[rules("r", None, hide, none), rules("r", Some("b"), none, none)], Act::Read, Sight::Hidden);
        check(&[rules("r", Some("a"), hide, none), rules("r", None, none, none)], Act::Read, Sight::Shown);
        // Who shows it does not let it be changed.
        check(&[rules("ru", None, hide, none), rules("r", None, none, none)], Act::Update, Sight::Hidden);
        check(&[rules("r", None, none, none)], Act::Update, Sight::Hidden);
    }

    #[test]
    fn roles_in_circles_and_unknown_ones_are_refused() {
        let check = |all: &[(&str, &[&str])], expected: &str| {
            let all: Vec<_> = all.iter().map(|(name, inherits)| (*name, role(inherits, &[]))).collect();
            let error = roles(&all).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        };
        check(&[("a", &["a"])], "a > a");
        check(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])], "b > c > b");
        check(&[("a", &["nobody"])], "inherits `nobody`");
        check(&[("reader", &[])], "is built in");
    }

    #[test]
    fn a_caller_is_known_by_what_their_roles_inherit() {
        let roles = roles(&[
            ("nurse", role(&["reader"], &[("obs", rules("u", None, &[], &[]))])),
            ("chief", role(&["nurse", "mapper"], &[])),
        ])
        .unwrap();
        let caller = Caller::new(super::super::caller::Kind::Key, "k", ["chief".to_owned()]);
        let known = roles.known(caller);
        assert!(known.has(Role::Reader) && known.has(Role::Mapper) && !known.has(Role::Writer));
        assert_eq!(known.access(), rules("u", None, &[], &[]).access);
    }
}
