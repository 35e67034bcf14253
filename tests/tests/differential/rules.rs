//! The same for callers who see a part: what they are told of all data is what anybody is told of data from which the rest was
//! deleted. Of the columns that are taken from them there is nothing, of masked ones no value; and whatever they ask is
//! answered from what they are shown alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use turntable::model::rules::{RoleRules, Roles, TableRules};
use turntable::model::table::TableAccess;
use turntable_tests::{Fhir, Server, Setup};

use crate::data;
use crate::random::Random;
use crate::schema::{Table, Tables, tables};
use crate::world::{ACCEPT, World, bundle, keep, roots, setup, whole_tables};

/// Of a hundred resources so many are there for the caller.
const SEEN: usize = 65;
/// Of a hundred columns so many are hidden, or masked.
const HIDDEN: usize = 12;
const MASKED: usize = 8;

const ROLE: &str = "some";

type Whole = BTreeMap<String, Vec<Map<String, Value>>>;

/// Servers with all data, which are asked by somebody who sees a part of it, on the native route, the virtual one, and a mix.
///
/// # Panics
/// If it is not the part that it should be.
pub(crate) async fn world(seed: u64, others: usize, each: usize) -> World {
    let random = &mut Random::new(seed ^ 0x5eed);
    let all = data::resources(seed, others, each);
    let seen: Vec<Value> = all.iter().filter(|_| random.chance(SEEN)).cloned().collect();
    let fine = Fhir::sandbox().await;
    fine.as_sandbox().load(bundle(&all).as_bytes()).expect("the sandbox takes it");

    let (full, part) = (setup(&fine).start().await, setup(&fine).start().await);
    keep(&full, &bundle(&all)).await;
    keep(&part, &bundle(&seen)).await;
    let listed = full.tables().await;
    let full = [("all", full)];
    let (sets, shown) = sets_and_tables(seed, &full).await;
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    let part = whole_tables(seed, &sets, &[("part", part)]).await;
    let rules: BTreeMap<String, TableRules> =
        shown.values().map(|table| (table.name.clone(), rules_of(random, table, &shown, &part, &listed))).collect();

    let roots = roots(&listed);
    let some: Vec<&str> = roots.iter().copied().filter(|_| random.chance(50)).collect();
    let native = ruled(setup(&fine), &rules).start().await;
    let one = ruled(setup(&fine).virtual_tables(&roots), &rules).start().await;
    let mixed = ruled(setup(&fine).virtual_tables(&some), &rules).start().await;
    for server in [&native, &mixed] {
        keep(server, &bundle(&all)).await;
    }
    let servers = [("native", native), ("virtual", one), ("mixed", mixed)];
    let servers: Vec<_> = servers.into_iter().map(|(name, server)| (name, server.seen_as(ROLE, None))).collect();
    let mut world = World::of(seed, &all, servers, vec![fine], "").await;
    check(seed, &world.tables, &part, &rules);
    for table in world.tables.values_mut() {
        let Some(rules) = rules.get(&table.name) else { continue };
        table.columns.retain(|(column, _)| !rules.mask.contains(column) && !is_of_concept(column, &rules.mask));
    }
    world
}

async fn sets_and_tables(seed: u64, servers: &[(&str, Server)]) -> (Vec<String>, Tables) {
    let server = &servers[0].1;
    let metadata = server.call(reqwest::Method::GET, "$metadata").header("accept", "application/json");
    let metadata = metadata.send().await.expect(200).json();
    let mut sets = Vec::new();
    for table in server.tables().await {
        let set = table["entitySet"].as_str().expect("an entity set").to_owned();
        let call = server.call(reqwest::Method::GET, &format!("{set}?$top=1")).header("accept", ACCEPT);
        if !call.send().await.rows().is_empty() {
            sets.push(set);
        }
    }
    let names: Vec<&str> = sets.iter().map(String::as_str).collect();
    let tables = tables(&metadata, &whole_tables(seed, &names, servers).await);
    (sets, tables)
}

/// Of a root table the rows that are there; of each some columns not, or without a value.
fn rules_of(random: &mut Random, table: &Table, all: &Tables, part: &Whole, listed: &[Value]) -> TableRules {
    let described = listed.iter().find(|listed| listed["name"] == table.name.as_str()).expect("it is listed");
    let parent = described["parent"].as_str().map(str::to_owned);
    let of_parent: BTreeSet<&str> = table
        .navigations
        .iter()
        .filter(|navigation| !navigation.many && all.get(&navigation.to).map(|to| &to.name) == parent.as_ref())
        .map(|navigation| navigation.by.as_str())
        .collect();
    let stays: BTreeSet<&str> =
        part.get(&table.set).into_iter().flatten().filter_map(|row| row[&table.key].as_str()).collect();
    let gone: Vec<&str> = table.rows.iter().map(|row| row.key(table)).filter(|key| !stays.contains(key)).collect();
    // Rows of a child table go with those that they are parts of.
    let rows = match gone.len() {
        0 => None,
        _ if parent.is_some() => None,
        _ => Some(format!("not ({} in ({}))", table.key, gone.join(","))),
    };
    let (mut hide, mut mask) = (BTreeSet::new(), BTreeSet::new());
    for (column, _) in &table.columns {
        if *column == table.key || of_parent.contains(column.as_str()) {
            continue;
        }
        if random.chance(HIDDEN) {
            hide.insert(column.clone());
        } else if random.chance(MASKED) {
            mask.insert(column.clone());
        }
    }
    let access = TableAccess { read: true, ..TableAccess::default() };
    TableRules { access, rows, hide, mask }
}

fn ruled(setup: Setup, rules: &BTreeMap<String, TableRules>) -> Setup {
    let mut tables = rules.clone();
    tables.insert("*".to_owned(), TableRules::of(TableAccess { read: true, ..TableAccess::default() }));
    let role = RoleRules { inherits: Vec::new(), tables };
    let roles = Roles::new([(ROLE.to_owned(), role)].into()).expect("good rules");
    setup.configure(|config| config.roles = roles)
}

/// What is shown is the part that is there, without the columns that are not.
fn check(seed: u64, shown: &Tables, part: &Whole, rules: &BTreeMap<String, TableRules>) {
    let (mut missing, mut masked) = (0, 0);
    for table in shown.values() {
        let rules = &rules[&table.name];
        let should = &part[&table.set];
        assert_eq!(table.rows.len(), should.len(), "seed {seed}: rows of {}", table.set);
        let should: BTreeMap<&str, &Map<String, Value>> =
            should.iter().map(|row| (row[&table.key].as_str().expect("a key"), row)).collect();
        for row in &table.rows {
            let should = should.get(row.key(table)).unwrap_or_else(|| panic!("seed {seed}: a row of {}", table.set));
            for (column, cell) in *should {
                let name = column.split('@').next().unwrap_or_default();
                let is_hidden = rules.hide.contains(name) || is_of_concept(name, &rules.hide);
                let is_masked = rules.mask.contains(name) || is_of_concept(name, &rules.mask);
                let is = row.shown.get(column);
                match (is_hidden, is_masked) {
                    (true, _) => {
                        assert_eq!(is, None, "seed {seed}: {} shows {column}, which is hidden", table.set);
                        missing += 1;
                    }
                    (_, true) => {
                        let is_null = is.is_none_or(Value::is_null);
                        assert!(is_null, "seed {seed}: {} shows the value of {column}, which is masked", table.set);
                        masked += usize::from(!cell.is_null());
                    }
                    // Tags that tell tables are read off before.
                    (false, false) if column.contains('@') => {}
                    (false, false) => assert_eq!(is, Some(cell), "seed {seed}: {column} of {}", table.set),
                }
            }
        }
    }
    let fewer = part.iter().filter(|(set, rows)| !rows.is_empty() && !shown.contains_key(*set)).count();
    assert_eq!(fewer, 0, "seed {seed}: tables of which nothing is shown");
    assert!(missing > 0 && masked > 0, "seed {seed}: {missing} values hidden, {masked} masked: the run proves nothing");
}

/// The key of a concept is made of code and system; it is there as they are, and they as it is.
fn is_of_concept(column: &str, named: &BTreeSet<String>) -> bool {
    let of = |column: &str, part: &str| named.contains(&format!("{column}_{part}"));
    match column.strip_prefix('_').and_then(|column| column.strip_suffix("_value")) {
        Some(concept) => of(concept, "code") || of(concept, "system"),
        None => column.strip_suffix("_code").is_some_and(|concept| named.contains(&format!("_{concept}_value"))),
    }
}
