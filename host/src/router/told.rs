//! What roles give, told to administrators: by the same sight that holds requests to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::caller::{Caller, Kind, Role};
use crate::model::rules::lets;
use crate::model::scopes::Act;
use crate::model::table::Table;
use crate::router::snapshot::Turntable;

/// What callers of some roles may do with a table. Tables of which nothing is given are not told of.
#[derive(Debug)]
pub struct Told {
    pub table: Arc<Table>,
    /// Of reading, creating, changing and deleting: what is given; None: it is not.
    pub given: [Option<Given>; 4],
    /// Columns that are not there for them.
    pub hidden: Vec<String>,
    /// Columns that are there, and null.
    pub masked: Vec<String>,
    /// The rules do not fit the table as it is now: it is shut, and the log says why.
    pub shut: bool,
}

#[derive(Debug, Default)]
pub struct Given {
    /// The roles that give it.
    pub by: Vec<String>,
    /// Conditions of which a row must meet one; None: all rows.
    pub rows: Option<Vec<String>>,
    /// Rows are there with the row that they are parts of, and not all of those are.
    pub with_parent: bool,
}

impl Turntable {
    /// What callers of these roles see, table by table.
    pub fn told(&self, roles: BTreeSet<String>) -> Vec<Told> {
        let live = self.snapshot();
        let caller = self.roles.known(Caller::new(Kind::Nobody, "anybody", roles));
        let sight = live.sights.of(&live.catalog, &self.roles, &caller, &self.limits);
        let Some(sight) = sight else { return live.catalog.tables().map(whole).collect() };
        let told = live.catalog.tables().filter_map(|table| {
            let seen = sight.given(&table.name)?;
            let narrowed = sight.catalog.table(&table.name)?;
            let given = ACTS.map(|act| {
                let is_given = lets(seen.access, act) && lets(table.access, act);
                let with_parent = table.parent.is_some()
                    && seen.rows[act as usize].is_none()
                    && sight.is_limited(&live.catalog, table, act);
                is_given.then(|| Given {
                    by: seen.by[act as usize].clone(),
                    rows: seen.rows[act as usize].clone(),
                    with_parent,
                })
            });
            let names = |is: &dyn Fn(usize) -> bool| {
                let all = table.columns.iter().enumerate();
                all.filter(|(at, column)| column.access.read && is(*at))
                    .map(|(_, column)| column.name.clone())
                    .collect()
            };
            let masked = &narrowed.narrowed.masked;
            Some(Told {
                table: table.clone(),
                given,
                hidden: names(&|at| !narrowed.columns[at].access.read && !masked.contains(&at)),
                masked: names(&|at| masked.contains(&at)),
                shut: seen.misfit,
            })
        });
        told.collect()
    }
}

const ACTS: [Act; 4] = [Act::Read, Act::Create, Act::Update, Act::Delete];

/// All that there is.
fn whole(table: &Arc<Table>) -> Told {
    let by = || Given { by: vec![Role::Admin.name().to_owned()], ..Given::default() };
    let given = ACTS.map(|act| lets(table.access, act).then(by));
    Told { table: table.clone(), given, hidden: Vec::new(), masked: Vec::new(), shut: false }
}
