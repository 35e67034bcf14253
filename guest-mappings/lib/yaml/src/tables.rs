//! The file as a whole: the mapping, its tables and where their rows come from.

use std::collections::HashMap;

use turntable_mapping::{self as sdk, Column, Mapping, Source, Table};

use crate::columns::{Columns, Made, resource_type};
use crate::fault::{Fault, Place};
use crate::fields::{Faults, Fields, entries, keep, name, one_or_more, text};
use crate::keys;
use crate::nearest::did_you_mean;
use crate::node::{Entry, Node};
use crate::options::OptionSets;

/// Resource types of a table, and profiles, fixed parameters and includes of each; the SDK has room for no more.
const MAX_SOURCES: usize = 4;

/// Reads a file and collects what is wrong with it.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) faults: Faults,
    /// Of each column, by the names of its table and itself.
    pub(crate) places: HashMap<(String, String), Place>,
    options: OptionSets,
    /// The sources of the tables so far, by table: a child table has its parent's.
    sources: HashMap<String, Vec<Origin>>,
    /// Where each entity set was given.
    entity_sets: HashMap<String, Place>,
}

/// A source as it is read.
#[derive(Clone)]
struct Origin {
    source: Source,
    resource: &'static str,
    /// The column and the code that tell this source from the others.
    when: Option<When>,
}

#[derive(Clone, Copy)]
struct When {
    column: &'static str,
    code: &'static str,
    place: Place,
}

/// What a child table says of its parent.
#[derive(Clone, Copy)]
struct Link {
    table: &'static str,
    column: &'static str,
    element: &'static str,
}

/// The columns of a table as they are read.
struct Read {
    made: Vec<Made>,
    columns: &'static [Column],
}

impl Reader {
    /// The mapping of a file. What it gives is of use only if there are no faults.
    pub(crate) fn mapping(&mut self, root: &Node) -> Option<&'static Mapping> {
        let faults = &mut self.faults;
        let fields = Fields::new(root, "a mapping", keys::MAPPING, faults)?;
        let named = fields.must_text("mapping", faults);
        if let (Some(node), Some(named)) = (fields.get("mapping"), named)
            && !is_slug(named)
        {
            let message = "the name of a mapping is made of small letters, digits, - and _ and starts with a letter";
            faults.push(Fault::new(node.place, message));
        }
        let version = fields.must_text("version", faults);
        if let (Some(node), Some(version)) = (fields.get("version"), version)
            && !is_semver(version)
        {
            faults.push(Fault::new(node.place, "a version has three numbers: 0.1.0"));
        }
        if let Some(node) = fields.get("options") {
            self.options.read(node, faults);
        }
        let tables = entries(fields.must("tables", faults)?, "tables", faults)?;
        if tables.is_empty() {
            faults.push(Fault::new(fields.place, "a mapping has at least one table"));
        }
        let made: Vec<_> = tables.iter().filter_map(|entry| self.table(entry)).collect();
        self.options.name_unused(&mut self.faults);
        self.faults.is_empty().then_some(())?;
        Some(Box::leak(Box::new(sdk::mapping(named?, version?, Vec::leak(made)))))
    }

    fn table(&mut self, entry: &Entry) -> Option<Table> {
        let faults = &mut self.faults;
        let table = name(&entry.key, entry.place, "a table", faults);
        let fields = Fields::new(&entry.node, "a table", keys::TABLE, faults)?;
        let set = self.entity_set(&fields);
        let faults = &mut self.faults;
        let label = fields.must_text("label", faults);
        let description = fields.must_text("description", faults);
        let read_only = fields.flag("read_only", faults);
        let parent = fields.get("parent").map(|node| self.parent(node));
        let origins = self.origins(&fields, parent.flatten().map(|link| link.table));
        self.sources.insert(table.to_owned(), origins.clone());
        let Read { made, columns } = self.columns(table, &fields, &origins)?;
        let primary = self.column_named("name", &fields, &made);
        let version = self.column_named("version", &fields, &made);
        let (set, label, description) = (set?, label?, description?);
        let mut built = match parent {
            Some(parent) => {
                let Link { table: above, column, element } = parent?;
                sdk::child(table, set, label, description, sdk::parent(above, column), element, columns)
            }
            None => sdk::table(table, set, label, description, columns),
        };
        for origin in origins {
            built = built.source(self.told_apart(origin, &made)?);
        }
        built = primary.map_or(built, |column| built.primary_name(column));
        built = version.map_or(built, |column| built.version(column));
        Some(if read_only { built.read_only() } else { built })
    }

    fn entity_set(&mut self, fields: &Fields<'_>) -> Option<&'static str> {
        let set = fields.must_text("set", &mut self.faults)?;
        let place = fields.get("set").map_or(fields.place, |node| node.place);
        let set = name(set, place, "an entity set", &mut self.faults);
        if let Some(first) = self.entity_sets.insert(set.to_owned(), place) {
            let message = format!("two tables have the entity set {set}, the first in line {}", first.line);
            self.faults.push(Fault::new(place, message));
        }
        Some(set)
    }

    /// `{table: …, column: …, element: …}`.
    fn parent(&mut self, node: &Node) -> Option<Link> {
        let faults = &mut self.faults;
        let fields = Fields::new(node, "a parent", keys::PARENT, faults)?;
        let (table, column) = (fields.must_text("table", faults), fields.must_text("column", faults));
        let element = fields.must_text("element", faults);
        let (table, column, element) = (table?, column?, element?);
        if let Some(node) = fields.get("table").filter(|_| !self.sources.contains_key(table)) {
            let hint = did_you_mean(table, self.sources.keys().map(String::as_str));
            let message = format!("there is no table {table} above this one; a parent comes before its children");
            faults.push(Fault::new(node.place, message).hint(hint));
            return None;
        }
        if let Some(node) = fields.get("column") {
            name(column, node.place, "a column", faults);
        }
        if let Some(node) = fields.get("element").filter(|_| !element.split('.').all(is_member)) {
            let message =
                format!("{element} is no list to cut rows from: write participant, or a.b for one in an object");
            faults.push(Fault::new(node.place, message));
            return None;
        }
        Some(Link { table, column, element })
    }

    /// Where the rows of a table come from: `resource`, `sources`, or what the parent's rows come from.
    fn origins(&mut self, fields: &Fields<'_>, parent: Option<&str>) -> Vec<Origin> {
        let faults = &mut self.faults;
        let origins = match (fields.entry("resource"), fields.entry("sources")) {
            (Some(_), Some(both)) => {
                faults.push(Fault::new(both.place, "a table has one resource or several sources, not both"));
                Vec::new()
            }
            (Some(one), None) => resource_type(&one.node, faults).map(Origin::new).into_iter().collect(),
            (None, Some(several)) => {
                one_or_more(&several.node).iter().filter_map(|node| origin(node, faults)).collect()
            }
            (None, None) => {
                let parents = parent.and_then(|parent| self.sources.get(parent));
                let parents = parents.into_iter().flatten().map(|parent| Origin::new(parent.resource));
                let parents: Vec<_> = parents.collect();
                if parents.is_empty() && fields.get("parent").is_none() {
                    let message = "a table says where its rows come from: resource: Patient";
                    faults.push(Fault::new(fields.place, message));
                }
                parents
            }
        };
        let place = fields.get("sources").map_or(fields.place, |node| node.place);
        if origins.len() > MAX_SOURCES {
            faults.push(Fault::new(place, format!("a table has {MAX_SOURCES} sources at most")));
        }
        for (at, origin) in origins.iter().enumerate() {
            if origins[..at].iter().any(|other| other.resource == origin.resource) {
                faults.push(Fault::new(place, format!("{} is given as two sources", origin.resource)));
            }
        }
        origins.into_iter().take(MAX_SOURCES).collect()
    }

    fn columns(&mut self, table: &str, fields: &Fields<'_>, origins: &[Origin]) -> Option<Read> {
        let entries = entries(fields.must("columns", &mut self.faults)?, "columns", &mut self.faults)?;
        let types: Vec<_> = origins.iter().map(|origin| origin.resource).collect();
        let mut columns = Columns {
            types: &types,
            is_child: fields.get("parent").is_some(),
            options: &mut self.options,
            faults: &mut self.faults,
        };
        let made: Vec<_> = entries.iter().filter_map(|entry| columns.column(entry)).collect();
        for entry in entries {
            self.places.insert((table.to_owned(), entry.key.clone()), entry.place);
        }
        let is_complete = made.len() == entries.len();
        let keys = made.iter().filter(|made| made.is_key).count();
        if is_complete && keys != 1 {
            let place = fields.get("columns").map_or(fields.place, |node| node.place);
            let message =
                format!("{keys} of the columns are keys; there must be one: {table}id: {{key: true, label: …}}");
            self.faults.push(Fault::new(place, message));
        }
        let columns: Vec<_> = made.iter().map(|made| made.column).collect();
        is_complete.then(|| Read { columns: Vec::leak(columns), made })
    }

    /// The column that `name` or `version` of a table names.
    fn column_named(&mut self, key: &str, fields: &Fields<'_>, made: &[Made]) -> Option<&'static str> {
        let column = fields.text(key, &mut self.faults)?;
        if made.iter().any(|made| made.name == column) {
            return Some(column);
        }
        let place = fields.get(key).map_or(fields.place, |node| node.place);
        let hint = did_you_mean(column, made.iter().map(|made| made.name));
        self.faults.push(Fault::new(place, format!("the table has no column {column}")).hint(hint));
        None
    }

    /// The source with what tells it from the others.
    fn told_apart(&mut self, origin: Origin, made: &[Made]) -> Option<Source> {
        let Some(When { column, code, place }) = origin.when else {
            return Some(origin.source);
        };
        let Some(options) = made.iter().find(|made| made.name == column).and_then(|made| made.constant.as_ref()) else {
            let constants = made.iter().filter(|made| made.constant.is_some()).map(|made| made.name);
            let message = format!("when names a constant column of the table, and {column} is none");
            self.faults.push(Fault::new(place, message).hint(did_you_mean(column, constants)));
            return None;
        };
        if !options.has(code) {
            let message = format!("{code} is none of the options of {column}");
            self.faults.push(Fault::new(place, message).hint(options.nearest(code)));
        }
        Some(origin.source.when(column, code))
    }
}

impl Origin {
    fn new(resource: &'static str) -> Self {
        Self { source: sdk::resource(resource), resource, when: None }
    }
}

/// `{resource: …, when: {column: code}, profiles: […], fixed: {name: value}, includes: […]}`.
fn origin(node: &Node, faults: &mut Faults) -> Option<Origin> {
    let fields = Fields::new(node, "a source", keys::SOURCE, faults)?;
    let resource = resource_type(fields.must("resource", faults)?, faults)?;
    let mut origin = Origin::new(resource);
    if let Some(node) = fields.get("when") {
        match entries(node, "when", faults)? {
            [one] => {
                let code = text(&one.node, "when", faults)?;
                origin.when = Some(When { column: keep(&one.key), code, place: one.place });
            }
            _ => faults.push(Fault::new(node.place, "when names one column and its code: {kind: Patient}")),
        }
    }
    let mut source = origin.source;
    for profile in few(fields.get("profiles").map_or(&[], one_or_more), "profiles", node, faults) {
        source = text(profile, "a profile", faults).map_or(source, |url| source.profile(url));
    }
    for include in few(fields.get("includes").map_or(&[], one_or_more), "includes", node, faults) {
        source = text(include, "an include", faults).map_or(source, |include| source.include(include));
    }
    let fixed = fields.get("fixed").and_then(|node| entries(node, "fixed", faults)).unwrap_or_default();
    for Entry { key, node, .. } in few(fixed, "fixed parameters", node, faults) {
        source = text(node, key, faults).map_or(source, |value| source.fixed(keep(key), value));
    }
    Some(Origin { source, ..origin })
}

/// As many as a source has room for.
fn few<'n, T>(items: &'n [T], what: &str, node: &Node, faults: &mut Faults) -> &'n [T] {
    if items.len() > MAX_SOURCES {
        faults.push(Fault::new(node.place, format!("a source has {MAX_SOURCES} {what} at most")));
    }
    &items[..items.len().min(MAX_SOURCES)]
}

fn is_slug(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

/// Three numbers, perhaps with what semver lets follow.
fn is_semver(text: &str) -> bool {
    let numbers = text.split(['-', '+']).next().unwrap_or(text);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    numbers.split('.').count() == 3 && numbers.split('.').all(is_number)
}

fn is_member(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
