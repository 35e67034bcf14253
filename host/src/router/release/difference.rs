//! What a version changes for those who use the one in force: apps, which read the tables' descriptions; views that
//! users keep and rules of roles, which name columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::catalog::Catalog;
use crate::model::error::{Code, Detail, Error};
use crate::model::limits::Limits;
use crate::model::rules::Roles;
use crate::model::table::{Column, Kind, Table};
use crate::model::user_view::UserView;
use crate::model::value::kind_name;
use crate::odata::expression::Context;
use crate::odata::fetch;
use crate::router::sight;

/// Who uses what goes, of each kind, as a refusal shows it.
const SHOWN_MOST: usize = 100;

/// Names of tables, or `table.column`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaDifference {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// With what changed, where apps may break on it.
    pub changed: Vec<String>,
    /// With what changed, where none can: more may be written, more may be asked.
    pub compatible: Vec<String>,
    /// Views and roles that name what is there no longer.
    pub used_by: Vec<String>,
}

impl SchemaDifference {
    /// Of tables in force, and those that come instead.
    pub fn between(old: &[Arc<Table>], new: &[Arc<Table>]) -> Self {
        let mut difference = Self::default();
        for table in new {
            match old.iter().find(|o| o.name == table.name) {
                None => difference.added.push(table.name.clone()),
                Some(before) => difference.table(before, table),
            }
        }
        let gone = old.iter().filter(|o| !new.iter().any(|n| n.name == o.name));
        difference.removed.extend(gone.map(|table| table.name.clone()));
        difference
    }

    /// The same, with who would miss what goes: views that can be read by the catalog before and not by the next, and roles
    /// whose rules fit the tables before and not the next.
    #[must_use]
    pub(super) fn used_by(mut self, users: &Users<'_>, before: &Catalog, next: &Catalog) -> Self {
        if self.is_breaking() {
            self.used_by = users.who_breaks(before, next);
        }
        self
    }

    /// Whether apps that use the old version could break.
    pub fn is_breaking(&self) -> bool {
        !self.removed.is_empty() || !self.changed.is_empty()
    }

    /// A sentence for each thing that breaks, and for each who uses it.
    pub fn breaks(&self) -> impl Iterator<Item = String> {
        let removed = self.removed.iter().map(|name| format!("removed: {name}"));
        let changed = self.changed.iter().map(|change| format!("changed: {change}"));
        removed.chain(changed).chain(self.used_by.iter().map(|user| format!("used by {user}")))
    }

    /// Why such a version does not come into force unless it is wanted.
    pub fn refusal(&self, mapping: &str, version: &str) -> Error {
        let message = format!("apps may break on version {version} of the mapping `{mapping}`");
        let detail = |message| Detail { code: "schema".to_owned(), message, target: None };
        Error::new(Code::BreakingChange, message)
            .hint("say `allow_breaking` (`--allow-breaking`; of mappings.dir `mappings.allow_breaking`) if it is to come into force all the same")
            .details(self.breaks().take(SHOWN_MOST).map(detail).collect::<Vec<_>>())
    }

    fn table(&mut self, before: &Table, after: &Table) {
        let of = &after.name;
        let mut change = |what: &str, old: &str, new: &str| {
            if old != new {
                self.changed.push(format!("{of}: {what} {old} -> {new}"));
            }
        };
        change("entity set", &before.entity_set, &after.entity_set);
        let types = |table: &Table| {
            table.sources.iter().map(|source| source.resource_type.clone()).collect::<Vec<_>>().join(", ")
        };
        change("resources", &types(before), &types(after));
        let parent = |table: &Table| table.parent.as_ref().map_or_else(|| "none".to_owned(), |p| p.table.clone());
        change("rows are parts of those of", &parent(before), &parent(after));
        let names = |table: &Table, index: usize| table.columns.get(index).map(|c| c.name.clone()).unwrap_or_default();
        change("primary name", &names(before, before.primary_name), &names(after, after.primary_name));
        let has_etags = |table: &Table| if table.version.is_some() { "has" } else { "has no" }.to_owned();
        change("etags: it", &has_etags(before), &has_etags(after));
        let (old, new) = (before.access, after.access);
        for (what, old, new) in [
            ("read", old.read, new.read),
            ("created", old.create, new.create),
            ("updated", old.update, new.update),
            ("deleted", old.delete, new.delete),
        ] {
            self.ability(of, &format!("be {what}"), old, new);
        }
        for column in &after.columns {
            let name = format!("{of}.{}", column.name);
            match before.column(&column.name).and_then(|index| before.columns.get(index)) {
                None if column.required && after.access.create => {
                    self.added.push(name.clone());
                    self.changed.push(format!("{name}: new, and rows cannot be created without it"));
                }
                None => self.added.push(name),
                Some(old) => self.column(&name, old, column),
            }
        }
        let gone = before.columns.iter().filter(|column| after.column(&column.name).is_none());
        self.removed.extend(gone.map(|column| format!("{of}.{}", column.name)));
    }

    fn column(&mut self, name: &str, old: &Column, new: &Column) {
        let (breaking, compatible) = kind_changes(&old.kind, &new.kind);
        self.changed.extend(breaking.into_iter().map(|change| format!("{name}: {change}")));
        self.compatible.extend(compatible.into_iter().map(|change| format!("{name}: {change}")));
        match (old.required, new.required) {
            (false, true) => self.changed.push(format!("{name}: rows cannot be created without it any more")),
            (true, false) => self.compatible.push(format!("{name}: rows can be created without it")),
            _ => {}
        }
        self.ability(name, "be read", old.access.read, new.access.read);
        self.ability(name, "be given on create", old.access.create, new.access.create);
        self.ability(name, "be updated", old.access.update, new.access.update);
        if old.path != new.path {
            let path = |path: &str| if path.is_empty() { "no one element".to_owned() } else { path.to_owned() };
            self.compatible.push(format!("{name}: read from {} -> {}", path(&old.path), path(&new.path)));
        }
    }

    fn ability(&mut self, of: &str, what: &str, old: bool, new: bool) {
        match (old, new) {
            (true, false) => self.changed.push(format!("{of}: can no longer {what}")),
            (false, true) => self.compatible.push(format!("{of}: can {what} now")),
            _ => {}
        }
    }
}

/// What an app can break on, and what not.
fn kind_changes(old: &Kind, new: &Kind) -> (Vec<String>, Vec<String>) {
    let none = "without a limit";
    match (old, new) {
        (Kind::Choice(old), Kind::Choice(new)) => {
            let lost = old.options.iter().filter(|o| new.by_value(o.value).is_none_or(|n| n.code != o.code));
            let mut lost: Vec<_> =
                lost.map(|lost| format!("choice {} no longer means `{}`", lost.value, lost.code)).collect();
            if old.open && !new.open {
                lost.push("codes beside its choices no longer pass".to_owned());
            }
            let more = new.options.iter().filter(|n| old.by_value(n.value).is_none());
            (lost, more.map(|more| format!("choice {} means `{}`", more.value, more.code)).collect())
        }
        (Kind::Lookup(old), Kind::Lookup(new)) => {
            let lost = old.targets.iter().filter(|target| !new.targets.contains(target));
            let mut lost: Vec<_> =
                lost.map(|lost| format!("no longer points to {} ({})", lost.entity_set, lost.resource_type)).collect();
            if old.navigation != new.navigation {
                lost.push(format!("navigation property {} -> {}", old.navigation, new.navigation));
            }
            let more = new.targets.iter().filter(|target| !old.targets.contains(target));
            (lost, more.map(|more| format!("points to {} ({})", more.entity_set, more.resource_type)).collect())
        }
        (Kind::Text { max_length: old, .. }, Kind::Text { max_length: new, .. }) if old != new => {
            let told = |length: &Option<u32>| length.map_or_else(|| none.to_owned(), |length| length.to_string());
            let change = format!("length {} -> {}", told(old), told(new));
            sorted(change, new.unwrap_or(u32::MAX) < old.unwrap_or(u32::MAX))
        }
        (Kind::Decimal { precision: old, scale: old_scale }, Kind::Decimal { precision: new, scale: new_scale })
            if (old, old_scale) != (new, new_scale) =>
        {
            let told = |precision: u8, scale: Option<u8>| match scale {
                Some(scale) => format!("{precision} digits, {scale} of them after the point"),
                None => format!("{precision} digits"),
            };
            let change = format!("{} -> {}", told(*old, *old_scale), told(*new, *new_scale));
            let whole = |precision: u8, scale: Option<u8>| precision.saturating_sub(scale.unwrap_or(0));
            let is_less = whole(*new, *new_scale) < whole(*old, *old_scale)
                || new_scale.unwrap_or(u8::MAX) < old_scale.unwrap_or(u8::MAX);
            sorted(change, is_less)
        }
        (old, new) if kind_name(old) == kind_name(new) => (Vec::new(), Vec::new()),
        (old, new) => (vec![format!("{} -> {}", kind_name(old), kind_name(new))], Vec::new()),
    }
}

fn sorted(change: String, breaks: bool) -> (Vec<String>, Vec<String>) {
    if breaks { (vec![change], Vec::new()) } else { (Vec::new(), vec![change]) }
}

/// Those who name columns and stay when apps are closed.
pub(super) struct Users<'u> {
    pub views: &'u [UserView],
    pub roles: &'u Roles,
    pub limits: &'u Limits,
}

impl Users<'_> {
    fn who_breaks(&self, before: &Catalog, next: &Catalog) -> Vec<String> {
        let views = self.views.iter().filter(|view| self.reads(view, before) && !self.reads(view, next));
        let views = views.map(|view| format!("the view `{}` of `{}`", view.name, view.table)).take(SHOWN_MOST);
        let misfits = sight::misfits(self.roles, next, self.limits);
        let known: BTreeSet<_> = sight::misfits(self.roles, before, self.limits).into_iter().collect();
        let roles = misfits.into_iter().filter(|misfit| !known.contains(misfit));
        let roles = roles.map(|(table, why)| format!("the rules for `{table}`: {why}")).take(SHOWN_MOST);
        views.chain(roles).collect()
    }

    fn reads(&self, view: &UserView, catalog: &Catalog) -> bool {
        let now = jiff::Timestamp::now().into();
        let context = Context { catalog, limits: self.limits, aliases: &Default::default(), now };
        catalog
            .table_behind(&view.table)
            .is_some_and(|table| fetch::aggregate::read(&view.fetch_xml, table, context).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::table::Source;
    use crate::odata::sample;

    fn text(max_length: Option<u32>) -> Kind {
        Kind::Text { max_length, multi_line: false }
    }

    fn column(name: &str, kind: Kind) -> Column {
        let access = crate::model::table::ColumnAccess { read: true, create: true, update: true };
        let (label, description, path) = (String::new(), String::new(), "a".to_owned());
        Column { name: name.to_owned(), label, description, kind, access, required: false, path, elements: Vec::new() }
    }

    fn changed(old: &Column, new: &Column) -> SchemaDifference {
        let mut difference = SchemaDifference::default();
        difference.column("t.c", old, new);
        difference
    }

    #[test]
    fn narrower_breaks_and_wider_does_not() {
        let decimal = |precision, scale| Kind::Decimal { precision, scale };
        for (narrow, wide) in [
            (text(Some(10)), text(Some(20))),
            (text(Some(10)), text(None)),
            (decimal(10, Some(2)), decimal(12, Some(2))),
            (decimal(10, Some(2)), decimal(11, Some(3))),
            (decimal(10, Some(2)), decimal(10, None)),
        ] {
            let (narrow, wide) = (column("c", narrow), column("c", wide));
            let widened = changed(&narrow, &wide);
            assert!(!widened.is_breaking() && widened.compatible.len() == 1, "{widened:?}");
            let narrowed = changed(&wide, &narrow);
            assert!(narrowed.is_breaking() && narrowed.compatible.is_empty(), "{narrowed:?}");
        }
        // More after the point, of as many in all, leaves less before it.
        assert!(changed(&column("c", decimal(10, Some(2))), &column("c", decimal(10, Some(3)))).is_breaking());
    }

    #[test]
    fn what_can_no_longer_be_done_breaks() {
        let whole = column("c", text(None));
        let with = |change: fn(&mut Column)| {
            let mut column = whole.clone();
            change(&mut column);
            column
        };
        for less in [
            with(|c| c.required = true),
            with(|c| c.access.read = false),
            with(|c| c.access.create = false),
            with(|c| c.access.update = false),
            with(|c| c.kind = Kind::Boolean),
        ] {
            assert!(changed(&whole, &less).is_breaking(), "{less:?}");
        }
        let moved = with(|c| c.path = "b".to_owned());
        assert_eq!(changed(&whole, &moved).compatible, ["t.c: read from a -> b"]);
        assert_eq!(changed(&whole, &whole), SchemaDifference::default());
    }

    #[test]
    fn tables_are_compared_whole() {
        let table = sample::observation();
        let other = |change: fn(&mut Table)| {
            let mut table = table.clone();
            change(&mut table);
            SchemaDifference::between(&[Arc::new(sample::observation())], &[Arc::new(table)])
        };
        assert_eq!(other(|_| ()), SchemaDifference::default());
        assert_eq!(other(|t| t.access.delete = false).changed.len(), 1);
        assert_eq!(other(|t| t.entity_set.push('x')).changed.len(), 1);
        let source = Source {
            resource_type: "Media".to_owned(),
            profiles: Vec::new(),
            search: Vec::new(),
            fixed_params: Vec::new(),
            includes: Vec::new(),
            discriminator: None,
        };
        let others = {
            let sources = vec![source];
            SchemaDifference::between(&[Arc::new(table.clone())], &[Arc::new(Table { sources, ..table.clone() })])
        };
        assert_eq!(others.changed.len(), 1, "{others:?}");
        assert_eq!(other(|t| t.version = None).changed.len(), 1);
        let wanted = |t: &mut Table| {
            let column = Column { required: true, ..column("tt_new", text(None)) };
            t.columns.push(column);
        };
        let difference = other(wanted);
        assert_eq!((difference.added.len(), difference.changed.len()), (1, 1), "{difference:?}");
        let gone = SchemaDifference::between(&[Arc::new(table)], &[]);
        assert_eq!(gone.removed, [sample::observation().name]);
    }
}
