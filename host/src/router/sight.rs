//! What a caller sees of the tables of one moment: those that their roles give them, with the columns that there are for them,
//! and which rows. Names are resolved against the narrowed tables, so that what is hidden is not there; rows are held to the
//! rules when a query is planned, when a row is read by its key, and before and after it is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::model::access::Right;
use crate::model::caller::{Caller, Role};
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::limits::Limits;
use crate::model::query::{Expr, Filter, Joined, Literal, Order, Quantifier, Query};
use crate::model::rules::{self, ALL_TABLES, Grant, Roles, lets};
use crate::model::scopes::{Act, Context as Whose};
use crate::model::table::{ColumnIndex, Kind, Narrowed, Table, TableAccess};
use crate::odata::expression::{Context, Source};
use crate::odata::filter;
use crate::plan::evaluate::residual::{columns_of_expr, columns_of_filter};

/// Sets of roles whose sights are kept of a moment; where there are more, all are made anew.
const SIGHTS_MAX: usize = 64;

/// What stands before the name of a claim in a rule.
const CLAIM: &str = "@claims.";

/// The elements by which R4 has a resource belong to a patient (compartment definition of Patient).
const OF_PATIENT: [&str; 4] = ["subject", "patient", "beneficiary", "individual"];

/// The sights of a moment, by roles and scopes.
#[derive(Default)]
pub struct Sights(Mutex<HashMap<String, Arc<Sight>>>);

/// What callers of the same roles and scopes see.
#[derive(Debug)]
pub struct Sight {
    /// Which roles and scopes.
    pub of: String,
    /// The tables that are there for them, narrowed.
    pub catalog: Catalog,
    seen: BTreeMap<String, Seen>,
}

/// What there is of a table.
#[derive(Debug)]
pub(in crate::router) struct Seen {
    pub(in crate::router) access: TableAccess,
    /// By [`Act`]: the roles and scopes that let it be done.
    pub(in crate::router) by: [Vec<String>; 4],
    /// By [`Act`]: the conditions of which a row must meet one; None = all rows.
    pub(in crate::router) rows: [Option<Vec<String>>; 4],
    /// By [`Act`]: only rows of the patient of a launch.
    of_patient: [bool; 4],
    /// Columns whose values are not shown, but the key and the version.
    veiled: BTreeSet<ColumnIndex>,
    /// By [`Act`]: columns that it is let be done with, where these are not all.
    columns: [bool; 4],
    /// Why the rules do not fit the table: nothing of it is shown.
    pub(in crate::router) misfit: bool,
}

impl Sights {
    /// What a caller sees. None: all there is.
    pub fn of(&self, catalog: &Catalog, roles: &Roles, caller: &Caller, limits: &Limits) -> Option<Arc<Sight>> {
        // Who is one only by what a role inherits is held to what the role says of tables.
        if caller.roles().iter().any(|role| role == Role::Admin.name()) && caller.scopes().is_none() {
            return None;
        }
        // A provider may name many that mean nothing here.
        let names: Vec<_> = caller.roles().iter().filter(|role| roles.is_known(role)).collect();
        let scopes = caller.scopes().map(|scopes| (scopes.all(), scopes.patient.is_some()));
        let of = format!("{names:?} {scopes:?}");
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sight) = kept().get(&of) {
            return Some(sight.clone());
        }
        let sight = Arc::new(Sight::new(of.clone(), catalog, roles, caller, limits));
        let mut kept = kept();
        if kept.len() >= SIGHTS_MAX {
            kept.clear();
        }
        kept.insert(of, sight.clone());
        Some(sight)
    }
}

impl Sight {
    fn new(of: String, catalog: &Catalog, roles: &Roles, caller: &Caller, limits: &Limits) -> Self {
        let mut seen = BTreeMap::new();
        let mut tables = Vec::new();
        for table in catalog.tables() {
            let grants = roles.grants(caller.roles().iter().map(String::as_str), &table.name);
            if !grants.is_empty() && !is_with_its_parents(table, &grants, catalog, roles, caller) {
                continue;
            }
            let Some(one) = Seen::new(table, &grants, catalog, caller, limits) else { continue };
            tables.push(one.narrowed(table, &grants, caller));
            seen.insert(table.name.clone(), one);
        }
        let names: BTreeSet<_> = seen.keys().cloned().collect();
        let withdrawn = catalog.withdrawn().iter().filter(|(name, _)| {
            let grants = roles.grants(caller.roles().iter().map(String::as_str), name);
            rules::access(&grants) != TableAccess::default()
        });
        let withdrawn = withdrawn.map(|(name, mapping)| (name.clone(), mapping.clone())).collect();
        let sight = Self { of, catalog: Catalog::new(tables).without(withdrawn), seen };
        // What changes among rows that are there for some only would tell of the others.
        let is_whole =
            |name: &&String| catalog.table(name).is_some_and(|table| !sight.is_limited(catalog, table, Act::Read));
        let tracked = names.iter().filter(|name| catalog.tracked().contains(*name)).filter(is_whole).cloned().collect();
        let narrowed = sight.catalog.clone().tracking(tracked);
        Self { catalog: if catalog.has_twins() { narrowed.twinned() } else { narrowed }, ..sight }
    }

    /// What there is of a table; None: nothing.
    pub(in crate::router) fn given(&self, table: &str) -> Option<&Seen> {
        self.seen.get(table)
    }

    /// `UnknownTable` where there is nothing of it, `Forbidden` for what the rules do not give, `MethodNotAllowed` for what
    /// nobody may.
    pub fn may(&self, right: Right, table: &Table) -> Result<()> {
        let Some(seen) = self.seen.get(&table.name) else { return Err(self.catalog.no_table(&table.name)) };
        if seen.misfit {
            let message = format!("the rules for `{}` do not fit the table as it is now", table.entity_set);
            return Err(Error::new(Code::Forbidden, message).hint("an administrator finds the reason in the log"));
        }
        let acts = acts(right);
        if acts.iter().all(|act| lets(seen.access, *act)) || !acts.iter().all(|act| lets(table.access, *act)) {
            return nobody_may(right, table);
        }
        Err(Error::new(Code::Forbidden, format!("this caller may not {} rows of `{}`", verb(right), table.entity_set)))
    }

    /// Whether some rows of a table are not there for an operation.
    pub fn is_limited(&self, catalog: &Catalog, table: &Table, act: Act) -> bool {
        self.seen.get(&table.name).is_none_or(|seen| {
            seen.misfit
                || seen.rows[act as usize].is_some()
                || seen.of_patient[act as usize]
                || self.parent(catalog, table).is_some_and(|(_, parent)| self.is_limited(catalog, parent, Act::Read))
        })
    }

    /// Whether all of every resource of a type may be read or written: through every table that shows it, all rows and all
    /// columns. What no table shows is for those who see everything.
    pub fn is_whole(&self, catalog: &Catalog, resource_type: &str, act: Act) -> bool {
        let mut over = catalog.tables().filter(|table| table.source(resource_type).is_some()).peekable();
        over.peek().is_some()
            && over.all(|table| {
                let access = self.seen.get(&table.name);
                let parent = table.parent.is_some();
                access.is_some_and(|seen| {
                    // Rows of child tables go with their resource.
                    (lets(seen.access, act) || (parent && act == Act::Delete))
                        && !seen.columns[act as usize]
                        && !self.is_limited(catalog, table, act)
                })
            })
    }

    /// The roles and scopes that let something be done with rows of a table.
    pub fn by(&self, table: &str, act: Act) -> &[String] {
        self.seen.get(table).map_or(&[], |seen| &seen.by[act as usize])
    }

    /// Columns of a table whose values are not shown.
    pub fn veiled(&self, table: &str) -> Option<&BTreeSet<ColumnIndex>> {
        self.seen.get(table).map(|seen| &seen.veiled).filter(|veiled| !veiled.is_empty())
    }

    /// What the rows of a table must meet for an operation, by this caller's claims; None = nothing. What cannot be said, since
    /// a claim is missing or of another type, no row meets.
    pub fn rule(&self, catalog: &Catalog, caller: &Caller, limits: &Limits, table: &Table, act: Act) -> Option<Filter> {
        let Some(seen) = self.seen.get(&table.name).filter(|seen| !seen.misfit) else { return Some(nothing()) };
        let own = seen.rows[act as usize].as_ref().map(|conditions| {
            let each = conditions.iter().map(|text| {
                let claims = claims_in(text).map(|name| Some((name, literal(caller.claims().get(name)?)?)));
                let claims: Option<BTreeMap<_, _>> = claims.collect();
                claims.and_then(|claims| condition(text, table, catalog, limits, &claims).ok()).unwrap_or_else(nothing)
            });
            each.reduce(|a, b| Filter::Or(a.into(), b.into())).unwrap_or_else(nothing)
        });
        let patient = seen.of_patient[act as usize].then(|| {
            let id = caller.scopes().and_then(|scopes| scopes.patient.as_deref());
            id.and_then(|id| of_patient(table, catalog, id)).unwrap_or_else(nothing)
        });
        let parent = self.parent(catalog, table).and_then(|(column, parent)| {
            let theirs = self.rule(catalog, caller, limits, parent, Act::Read)?;
            Some(Filter::Related {
                navigation: table.columns.get(column).map(|column| column.name.clone()).unwrap_or_default(),
                to: Relation::Lookup { column, table: parent.name.clone() },
                quantifier: Quantifier::One,
                filter: Some(theirs.into()),
                joined: Vec::new(),
            })
        });
        // Whose rows these are is said by their parent, where there is one.
        let patient = if parent.is_some() && seen.of_patient[act as usize] { None } else { patient };
        [own, patient, parent].into_iter().flatten().reduce(Filter::both)
    }

    /// The table whose rows the rows of a child table are parts of, if there is something of it: they are there with it.
    fn parent<'c>(&self, catalog: &'c Catalog, table: &Table) -> Option<(ColumnIndex, &'c Arc<Table>)> {
        let parent = table.parent.as_ref()?;
        let of =
            catalog.table(&parent.table).filter(|of| self.seen.get(&of.name).is_some_and(|seen| seen.access.read))?;
        Some((parent.column, of))
    }

    /// `Forbidden` where a query compares, orders or groups by what is not shown: it would tell of it.
    pub fn check(&self, table: &Table, query: &Query) -> Result<()> {
        if let Some(filter) = &query.filter {
            self.check_filter(table, filter)?;
        }
        query.order.iter().try_for_each(|Order { by, .. }| self.check_expression(table, by))?;
        query.computed.iter().try_for_each(|value| self.check_expression(table, &value.expr))?;
        for expand in &query.expand {
            self.check_relation(table, &expand.to)?;
            self.check_related(&expand.to, &expand.query)?;
        }
        query.joined.iter().try_for_each(|joined| self.check_joined(table, joined))
    }

    /// The same of an expression.
    pub fn check_expression(&self, table: &Table, of: &Expr) -> Result<()> {
        let mut columns = BTreeSet::new();
        columns_of_expr(of, &mut columns);
        columns.into_iter().try_for_each(|column| self.check_column(table, column))
    }

    /// The same of a column.
    pub fn check_column(&self, table: &Table, column: ColumnIndex) -> Result<()> {
        let is_veiled = self.veiled(&table.name).is_some_and(|veiled| veiled.contains(&column));
        let concept = table.concept_of(column).filter(|_| !is_veiled);
        if let Some(concept) = concept {
            return [concept.code, concept.system].into_iter().try_for_each(|part| self.check_column(table, part));
        }
        match table.columns.get(column).filter(|_| is_veiled) {
            Some(column) => {
                let message =
                    format!("`{}` is masked: this caller may not search, order, group or compute by it", column.name);
                Err(Error::new(Code::Forbidden, message).target(column.property().into_owned()))
            }
            None => Ok(()),
        }
    }

    fn check_filter(&self, table: &Table, filter: &Filter) -> Result<()> {
        match filter {
            Filter::And(a, b) | Filter::Or(a, b) => {
                self.check_filter(table, a)?;
                self.check_filter(table, b)
            }
            Filter::Not(inner) => self.check_filter(table, inner),
            Filter::Related { to, filter, joined, .. } => {
                self.check_relation(table, to)?;
                let query = Query { filter: filter.as_deref().cloned(), joined: joined.clone(), ..Query::default() };
                self.check_related(to, &query)
            }
            other => {
                let mut columns = BTreeSet::new();
                columns_of_filter(other, &mut columns);
                columns.into_iter().try_for_each(|column| self.check_column(table, column))
            }
        }
    }

    fn check_joined(&self, table: &Table, joined: &Joined) -> Result<()> {
        self.check_relation(table, &joined.to)?;
        if let (crate::model::query::JoinedValue::Column(column), Some(other)) = (joined.value, self.other(&joined.to))
        {
            self.check_column(other, column)?;
        }
        self.check_related(&joined.to, &joined.query)
    }

    /// What leads from row to row is a value as well.
    fn check_relation(&self, table: &Table, to: &Relation) -> Result<()> {
        match to {
            Relation::Lookup { column, .. } => self.check_column(table, *column),
            Relation::Collection { table: other, column } => {
                self.catalog.table(other).map_or(Ok(()), |other| self.check_column(other, *column))
            }
            Relation::Concept { .. } => Ok(()),
        }
    }

    fn check_related(&self, to: &Relation, query: &Query) -> Result<()> {
        self.other(to).map_or(Ok(()), |other| self.check(other, query))
    }

    fn other(&self, to: &Relation) -> Option<&Arc<Table>> {
        match to {
            Relation::Lookup { table, .. } | Relation::Collection { table, .. } => self.catalog.table(table),
            Relation::Concept { .. } => None,
        }
    }
}

/// Whether a table may be there as far as those are concerned whose rows its rows are parts of. What is said of all tables does not
/// give the parts of rows that are not given; who names the table means it.
fn is_with_its_parents(table: &Table, grants: &[Grant<'_>], catalog: &Catalog, roles: &Roles, caller: &Caller) -> bool {
    if grants.iter().any(|grant| grant.is_named) {
        return true;
    }
    let Some(parent) = table.parent.as_ref().and_then(|parent| catalog.table(&parent.table)) else { return true };
    let theirs = roles.grants(caller.roles().iter().map(String::as_str), &parent.name);
    rules::access(&theirs).read && is_with_its_parents(parent, &theirs, catalog, roles, caller)
}

impl Seen {
    /// None: nothing is given of the table.
    fn new(table: &Table, grants: &[Grant<'_>], catalog: &Catalog, caller: &Caller, limits: &Limits) -> Option<Self> {
        let by_roles = match caller.scopes() {
            Some(_) if caller.roles().is_empty() => ALL,
            _ => rules::access(grants),
        };
        let (mut access, mut of_patient, mut rows) = (by_roles, [false; 4], [const { None }; 4]);
        for act in ACTS {
            let index = act as usize;
            if by_roles == ALL && grants.is_empty() {
                rows[index] = None;
            } else {
                rows[index] = rules::rows(grants, act);
            }
            match by_scope(table, caller, act) {
                ByScope::No => set(&mut access, act, false),
                ByScope::OfPatient => of_patient[index] = true,
                ByScope::Yes => {}
            }
        }
        if access == TableAccess::default() {
            return None;
        }
        let misfit = misfit(table, grants, catalog, limits);
        if let Some(why) = &misfit {
            tracing::warn!(table = table.name, why, "the rules for a table do not fit it, so it is shut");
        }
        let by = ACTS.map(|act| letting(table, grants, caller, act));
        let (veiled, columns) = (BTreeSet::new(), [false; 4]);
        let mut seen = Self { access, by, rows, of_patient, veiled, columns, misfit: misfit.is_some() };
        for act in ACTS {
            let shown = |column: ColumnIndex| sight(table, grants, caller, act, column) == rules::Sight::Shown;
            let is_short = (0..table.columns.len()).any(|column| table.columns[column].access.read && !shown(column));
            seen.columns[act as usize] = seen.misfit || is_short;
            if act == Act::Read {
                let kept = |column: &ColumnIndex| *column != table.key && Some(*column) != table.version;
                seen.veiled = (0..table.columns.len()).filter(kept).filter(|c| seen.misfit || !shown(*c)).collect();
            }
        }
        Some(seen)
    }

    /// The table as it is for the caller: columns stay where they are, and what is hidden has no name.
    fn narrowed(&self, table: &Arc<Table>, grants: &[Grant<'_>], caller: &Caller) -> Arc<Table> {
        let mut narrow = (**table).clone();
        let withheld = |act| lets(table.access, act) && !lets(self.access, act);
        for act in ACTS {
            set(&mut narrow.narrowed.withheld, act, withheld(act));
            if withheld(act) {
                set(&mut narrow.access, act, false);
            }
        }
        let Narrowed { masked, .. } = &mut narrow.narrowed;
        for (index, column) in narrow.columns.iter_mut().enumerate() {
            if index == table.key || Some(index) == table.version && !column.access.read {
                continue;
            }
            let of = |act| match self.misfit {
                true => rules::Sight::Hidden,
                false => sight(table, grants, caller, act, index),
            };
            let read = of(Act::Read);
            if ACTS.iter().all(|act| of(*act) == rules::Sight::Hidden) {
                column.name = unnameable(index);
                column.label.clear();
                column.description.clear();
                column.path.clear();
                column.elements.clear();
                column.required = false;
                // Nothing leads from it, and nothing is made of it.
                if !matches!(column.kind, Kind::ConceptKey { .. }) {
                    column.kind = Kind::Text { max_length: None, multi_line: false };
                }
                column.access.read = false;
            }
            if read == rules::Sight::Masked {
                masked.insert(index);
            } else if read == rules::Sight::Hidden {
                column.access.read = false;
            }
            column.access.create &= read != rules::Sight::Masked && of(Act::Create) == rules::Sight::Shown;
            column.access.update &= read == rules::Sight::Shown && of(Act::Update) == rules::Sight::Shown;
        }
        for concept in &mut narrow.concepts {
            let parts = [Some(concept.code), Some(concept.system), concept.display, concept.text];
            if parts.into_iter().flatten().any(|part| self.veiled.contains(&part)) {
                concept.name.clear();
            }
        }
        Arc::new(narrow)
    }
}

/// The roles that let something be done with rows of a table, and the scopes that do.
fn letting(table: &Table, grants: &[Grant<'_>], caller: &Caller, act: Act) -> Vec<String> {
    let roles = grants.iter().filter(|grant| lets(grant.rules.access, act)).map(|grant| grant.role.to_owned());
    let types = || table.sources.iter().map(|source| source.resource_type.as_str());
    let scopes = caller.scopes().into_iter().flat_map(|scopes| scopes.all());
    let scopes = scopes.filter(|scope| {
        scope.lets(act) && scope.resource_type.as_deref().is_none_or(|of| types().any(|own| own == of))
    });
    let by: BTreeSet<_> = roles.chain(scopes.map(ToString::to_string)).collect();
    by.into_iter().collect()
}

/// How much of a column of a table there is for an operation. The key of a concept is as much as its code and system, and these
/// are no more than it.
fn sight(table: &Table, grants: &[Grant<'_>], caller: &Caller, act: Act, column: ColumnIndex) -> rules::Sight {
    if column == table.key || (caller.roles().is_empty() && caller.scopes().is_some()) {
        return rules::Sight::Shown;
    }
    let of = |column: ColumnIndex| {
        let column = &table.columns[column];
        rules::sight(grants, act, [&column.name, &column.property()])
    };
    let key_of = |code: ColumnIndex| {
        let concept = table.concepts.iter().position(|concept| concept.code == code)?;
        table.columns.iter().position(|column| column.kind == Kind::ConceptKey { concept })
    };
    match (table.concept_of(column), key_of(column)) {
        (Some(concept), _) => of(column).min(of(concept.code)).min(of(concept.system)),
        (None, Some(key)) => of(column).min(of(key)),
        (None, None) => of(column),
    }
}

/// Why rules do not fit a table, if they do not.
fn misfit(table: &Table, grants: &[Grant<'_>], catalog: &Catalog, limits: &Limits) -> Option<String> {
    for Grant { role, is_named, rules } in grants {
        if let Some(text) = &rules.rows {
            let null = || "null".to_owned();
            let claims = claims_in(text).map(|name| (name, null())).collect();
            if let Err(error) = condition(text, table, catalog, limits, &claims) {
                return Some(format!("`where` of the role `{role}`: {error}"));
            }
        }
        let parent = table.parent.as_ref().map(|parent| parent.column);
        for name in rules.hide.iter().chain(&rules.mask) {
            let column = table.column(name).or_else(|| table.property(name));
            if column.is_none() && *is_named {
                return Some(format!("the role `{role}` hides or masks `{name}`, which there is not"));
            }
            if column
                .is_some_and(|column| column == table.key || Some(column) == parent || Some(column) == table.version)
            {
                return Some(format!(
                    "the role `{role}` hides or masks `{name}`, by which rows are found or told apart"
                ));
            }
        }
    }
    None
}

/// Where rules of roles do not fit the tables of a catalog: the table, and why.
pub fn misfits(roles: &Roles, catalog: &Catalog, limits: &Limits) -> Vec<(String, String)> {
    let mut misfits = Vec::new();
    for (role, rules) in roles.all() {
        let gone = rules.tables.keys().filter(|name| *name != ALL_TABLES && catalog.table(name).is_none());
        misfits.extend(gone.map(|name| (name.clone(), format!("the role `{role}` names it"))));
        for table in catalog.tables() {
            let grants = roles.grants([role.as_str()], &table.name);
            misfits.extend(misfit(table, &grants, catalog, limits).map(|why| (table.name.clone(), why)));
        }
    }
    misfits
}

/// A condition of a rule, with these values in the place of claims.
fn condition(
    text: &str,
    table: &Table,
    catalog: &Catalog,
    limits: &Limits,
    claims: &BTreeMap<&str, String>,
) -> Result<Filter> {
    let aliases = claims.iter().map(|(name, value)| (format!("claims.{name}"), value.clone())).collect();
    let context = Context { catalog, limits, aliases: &aliases, now: jiff::Timestamp::now().into() };
    let joined = Default::default();
    let filter = filter::filter(Source { text, target: "where" }, table, context, &joined)?;
    if !joined.into_inner().is_empty() || !leads_to_one(&filter) {
        let message = "a rule compares columns of its table, and of the rows that lookups of it lead to";
        return Err(Error::new(Code::NotSupported, message).target("where"));
    }
    Ok(filter)
}

fn leads_to_one(filter: &Filter) -> bool {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => leads_to_one(a) && leads_to_one(b),
        Filter::Not(inner) => leads_to_one(inner),
        Filter::Related { quantifier, filter, joined, .. } => {
            *quantifier == Quantifier::One && joined.is_empty() && filter.as_deref().is_none_or(leads_to_one)
        }
        _ => true,
    }
}

/// Names of the claims that a condition uses.
fn claims_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(CLAIM).skip(1).map(|rest| {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]
    })
}

/// A claim as it may stand in a condition: a text takes the type of what it is compared with. A list is what `in` takes. None:
/// it is no plain value.
fn literal(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(format!("'{}'", text.replace('\'', "''"))),
        Value::Number(number) => Some(format!("'{number}'")),
        Value::Bool(value) => Some(format!("'{value}'")),
        Value::Array(items) if !items.is_empty() && !items.iter().any(Value::is_array) => {
            let items: Option<Vec<_>> = items.iter().map(literal).collect();
            items.map(|items| format!("({})", items.join(",")))
        }
        _ => None,
    }
}

/// That a row is a patient's: is the patient, or has a lookup by which R4 has resources belong to patients lead there. None: the
/// table does not say.
fn of_patient(table: &Table, catalog: &Catalog, id: &str) -> Option<Filter> {
    const PATIENT: &str = "Patient";
    let mut any = Vec::new();
    if table.parent.is_none() && table.source(PATIENT).is_some() {
        let key = key::guid_of(PATIENT, id, table.rank(PATIENT));
        any.push(Filter::In(Expr::Column(table.key), vec![Literal::Guid(key)]));
    }
    for (index, column) in table.columns.iter().enumerate() {
        let Kind::Lookup(lookup) = &column.kind else { continue };
        let element = column.path.split(['.', '[', '|', ' ']).next().unwrap_or_default();
        let target = lookup.targets.iter().find(|target| target.resource_type == PATIENT);
        let Some(target) = target.filter(|_| OF_PATIENT.contains(&element)) else { continue };
        let Some(patients) = catalog.find_entity_set(&target.entity_set) else { continue };
        let key = key::guid_of(PATIENT, id, target.rank);
        any.push(Filter::points_to(table, index, patients, key));
    }
    any.into_iter().reduce(|a, b| Filter::Or(a.into(), b.into()))
}

/// What the scopes of a token, if there are any, let be done with a table.
enum ByScope {
    No,
    /// With rows of the patient of the launch.
    OfPatient,
    Yes,
}

fn by_scope(table: &Table, caller: &Caller, act: Act) -> ByScope {
    let Some(scopes) = caller.scopes() else { return ByScope::Yes };
    let all = |of: &dyn Fn(Whose) -> bool| {
        !table.sources.is_empty()
            && table
                .sources
                .iter()
                .all(|source| scopes.letting(act, Some(&source.resource_type)).any(|scope| of(scope.context)))
    };
    if all(&|whose| whose != Whose::Patient) {
        ByScope::Yes
    } else if all(&|_| true) {
        ByScope::OfPatient
    } else {
        ByScope::No
    }
}

const ACTS: [Act; 4] = [Act::Read, Act::Create, Act::Update, Act::Delete];
const ALL: TableAccess = TableAccess { read: true, create: true, update: true, delete: true };

fn set(access: &mut TableAccess, act: Act, value: bool) {
    match act {
        Act::Read => access.read = value,
        Act::Create => access.create = value,
        Act::Update => access.update = value,
        Act::Delete => access.delete = value,
    }
}

/// What takes all of these rights.
pub fn acts(right: Right) -> &'static [Act] {
    match right {
        Right::Read => &[Act::Read],
        Right::Create => &[Act::Create],
        Right::Update => &[Act::Update],
        Right::Upsert => &[Act::Create, Act::Update],
        Right::Delete => &[Act::Delete],
    }
}

fn verb(right: Right) -> &'static str {
    match right {
        Right::Read => "read",
        Right::Create => "create",
        Right::Update => "change",
        Right::Upsert => "create and change",
        Right::Delete => "delete",
    }
}

/// `MethodNotAllowed` for what nobody may do with a table.
pub fn nobody_may(right: Right, table: &Table) -> Result<()> {
    let verb = match right {
        Right::Read => "read",
        Right::Create => "created",
        Right::Update => "changed",
        Right::Upsert => "created and changed",
        Right::Delete => "deleted",
    };
    if acts(right).iter().all(|act| lets(table.access, *act)) {
        return Ok(());
    }
    Err(Error::new(Code::MethodNotAllowed, format!("rows of `{}` cannot be {verb}", table.entity_set)))
}

/// A name that nobody can write, nor come near.
fn unnameable(column: ColumnIndex) -> String {
    format!("{}{column}", "\u{1}".repeat(64))
}

/// What no row meets.
fn nothing() -> Filter {
    Filter::Is(Expr::Literal(Literal::Bool(false)))
}
