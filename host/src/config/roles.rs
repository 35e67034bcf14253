//! `[roles.NAME]`: what callers of a role are given of each table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::written::{Problems, Section};
use super::{key, list, quoted};
use crate::model::rules::{RoleRules, Roles, TableRules};
use crate::model::table::TableAccess;

const OPERATIONS: [&str; 4] = ["read", "create", "update", "delete"];

/// Keys of the rules of a table. Without the first, rows are read.
const RULES: [&str; 4] = ["operations", "where", "hide", "mask"];

/// The roles that are written; none where something is wrong with them.
pub(super) fn read(section: Section, problems: &mut Problems) -> Roles {
    let place = section.place().clone();
    let mut roles = BTreeMap::new();
    for (name, mut role) in section.sections(problems) {
        let inherits = role.texts("inherits", problems).into_iter().map(|(name, _)| name).collect();
        let tables = role.section("tables", problems).sections(problems);
        let tables = tables.into_iter().map(|(table, rules)| (table, of_table(rules, problems))).collect();
        role.end(problems);
        roles.insert(name, RoleRules { inherits, tables });
    }
    Roles::new(roles).unwrap_or_else(|error| {
        problems.error(&place, format_args!("`roles`: {}", error.message()));
        Roles::default()
    })
}

fn of_table(mut section: Section, problems: &mut Problems) -> TableRules {
    let name = section.name(RULES[0]);
    let mut access = TableAccess { read: !section.has(RULES[0]), ..TableAccess::default() };
    let operations = section.texts(RULES[0], problems);
    for (operation, place) in operations {
        match operation.as_str() {
            "read" => access.read = true,
            "create" => access.create = true,
            "update" => access.update = true,
            "delete" => access.delete = true,
            _ => {
                let what = format!("`{name}`: {operation:?} is no operation; there are {}", OPERATIONS.join(", "));
                problems.error(&place, what);
            }
        }
    }
    if (access.update || access.delete) && !access.read {
        let what = format!("`{name}`: who updates or deletes rows reads them, too; add \"read\"");
        problems.error(section.place(), what);
    }
    let rows = section.text(RULES[1], problems).map(|(text, _)| text);
    let mut names = |key| section.texts(key, problems).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let (hide, mask) = (names(RULES[2]), names(RULES[3]));
    section.end(problems);
    TableRules { access, rows, hide, mask }
}

/// The same as a configuration has it.
pub(super) fn toml(roles: &Roles) -> String {
    let mut text = String::new();
    for (name, role) in roles.all() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n[roles.{}]\ninherits = {}", key(name), list(&role.inherits));
        for (table, rules) in &role.tables {
            let _ = writeln!(text, "\n[roles.{}.tables.{}]", key(name), key(table));
            let access = rules.access;
            let given = [access.read, access.create, access.update, access.delete];
            let given: Vec<_> = OPERATIONS.iter().zip(given).filter(|(_, is_given)| *is_given).collect();
            let given: Vec<_> = given.into_iter().map(|(operation, _)| *operation).collect();
            let _ = writeln!(text, "operations = {}", list(&given));
            if let Some(rows) = &rules.rows {
                let _ = writeln!(text, "where = {}", quoted(rows));
            }
            for (key, names) in [("hide", &rules.hide), ("mask", &rules.mask)] {
                if !names.is_empty() {
                    let _ = writeln!(text, "{key} = {}", list(&names.iter().collect::<Vec<_>>()));
                }
            }
        }
    }
    text
}
