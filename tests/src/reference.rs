//! The reference of tables for people: a Markdown page for each table, made of what its mapping describes, and an index.

use std::fmt::Write;

use turntable::mapping::component::Mapping;
use turntable::model::table::{Binding, Choice, Column, ColumnIndex, Kind, SearchKind, SearchOps, Source, Table};

/// A page: its file name (`msemr_encounter.md`) and its text.
pub struct Page {
    pub file: String,
    pub text: String,
}

/// The index, `README.md`, and a page for each table of these mappings, by name.
pub fn pages(mappings: &[Mapping]) -> Vec<Page> {
    let mut tables: Vec<_> =
        mappings.iter().flat_map(|mapping| mapping.tables.iter().map(move |table| (mapping, &**table))).collect();
    tables.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let mut pages = vec![Page { file: "README.md".into(), text: index(&tables) }];
    pages.extend(tables.iter().map(|(mapping, table)| {
        let children: Vec<_> = tables.iter().map(|(_, table)| *table).filter(|child| is_child(child, table)).collect();
        Page { file: file(&table.name), text: page(mapping, table, &children) }
    }));
    pages
}

fn file(table: &str) -> String {
    format!("{table}.md")
}

fn is_child(child: &Table, table: &Table) -> bool {
    child.parent.as_ref().is_some_and(|parent| parent.table == table.name)
}

fn index(tables: &[(&Mapping, &Table)]) -> String {
    let mut text = String::from(
        "# Tables\n\nEvery table of the mappings that come with Turntable, made from what they describe. A table under \
         another is a child table: its rows are elements of the other's resource.\n\n\
         | table | entity set | FHIR | columns | |\n|---|---|---|---|---|\n",
    );
    let below = |table: &Table, depth: usize, text: &mut String| line(tables, table, depth, text);
    for (_, table) in tables.iter().filter(|(_, table)| table.parent.is_none()) {
        below(table, 0, &mut text);
    }
    text
}

/// The table's line in the index, then those of its child tables.
fn line(tables: &[(&Mapping, &Table)], table: &Table, depth: usize, text: &mut String) {
    let indent = "&emsp;".repeat(depth);
    let (name, set, label) = (&table.name, &table.entity_set, &table.label);
    let types = resource_types(table);
    writeln!(text, "| {indent}[{name}]({}) | `{set}` | {types} | {} | {label} |", file(name), table.mapped())
        .expect("a String takes everything");
    for (_, child) in tables.iter().filter(|(_, child)| is_child(child, table)) {
        line(tables, child, depth + 1, text);
    }
}

fn resource_types(table: &Table) -> String {
    table.sources.iter().map(|source| source.resource_type.as_str()).collect::<Vec<_>>().join(", ")
}

fn page(mapping: &Mapping, table: &Table, children: &[&Table]) -> String {
    let mut text = String::new();
    let mut put = |line: &str| writeln!(text, "{line}").expect("a String takes everything");
    put(&format!("# {}\n", table.name));
    put(&format!("{}. {}\n", table.label, table.description.trim_end()).replace("..", "."));
    put(&format!("- Entity set `{}`, of mapping `{}`", table.entity_set, mapping.name));
    put(&format!("- Rows from FHIR {}{}", resource_types(table), told_apart(table)));
    if let Some(parent) = &table.parent {
        let column = &table.columns[parent.column].name;
        put(&format!("- Child of [{}]({}), by `{column}`", parent.table, file(&parent.table)));
    }
    if !children.is_empty() {
        let links: Vec<_> = children.iter().map(|child| format!("[{}]({})", child.name, file(&child.name))).collect();
        put(&format!("- Child tables: {}", links.join(", ")));
    }
    put(&format!("- Rows can be {}", may(table)));
    put("\n| column | label | type | FHIR path | search | written |\n|---|---|---|---|---|---|");
    for (at, column) in table.columns.iter().take(table.mapped()).enumerate() {
        put(&row(table, at, column));
    }
    for column in table.columns.iter().take(table.mapped()) {
        if let Kind::Choice(choice) = &column.kind {
            put(&format!("\n## {}\n\n| number | code | label |\n|---|---|---|", column.name));
            for option in &choice.options {
                put(&format!("| {} | `{}` | {} |", option.value, cell(&option.code), cell(&option.label)));
            }
            if choice.open {
                put("\nOther codes pass, without a number.");
            }
        }
    }
    text
}

/// The columns that say which resource type a row is of.
fn told_apart(table: &Table) -> String {
    let by = table.sources.iter().find_map(|source| source.discriminator.as_ref());
    by.map(|(column, _)| format!(", told apart by `{}`", table.columns[*column].name)).unwrap_or_default()
}

fn may(table: &Table) -> String {
    let access = table.access;
    let verbs =
        [(access.read, "read"), (access.create, "created"), (access.update, "changed"), (access.delete, "deleted")];
    let verbs: Vec<_> = verbs.iter().filter(|(may, _)| *may).map(|(_, verb)| *verb).collect();
    verbs.join(", ")
}

fn row(table: &Table, at: ColumnIndex, column: &Column) -> String {
    let mut label = cell(&column.label);
    if !column.description.is_empty() {
        write!(label, ": {}", cell(&column.description)).expect("a String takes everything");
    }
    let path = if column.path.is_empty() { String::new() } else { format!("`{}`", cell(&column.path)) };
    format!(
        "| `{}` | {label} | {} | {path} | {} | {} |",
        column.property(),
        kind(table, column),
        searches(table, at),
        written(column),
    )
}

fn kind(table: &Table, column: &Column) -> String {
    match &column.kind {
        Kind::Key => "key".into(),
        Kind::Text { max_length: Some(most), .. } => format!("text({most})"),
        Kind::Text { .. } => "text".into(),
        Kind::Boolean => "boolean".into(),
        Kind::Int32 => "int32".into(),
        Kind::Int64 => "int64".into(),
        Kind::Decimal { scale: Some(scale), precision } => format!("decimal({precision}, {scale})"),
        Kind::Decimal { .. } => "decimal".into(),
        Kind::Date => "date".into(),
        Kind::DateTime => "date-time".into(),
        Kind::PartialDate => "partial date".into(),
        Kind::Uri => "uri".into(),
        Kind::Choice(Choice { open: true, .. }) => "choice, open".into(),
        Kind::Choice(_) => "choice".into(),
        Kind::Lookup(lookup) => {
            let targets: Vec<_> = lookup
                .targets
                .iter()
                .map(|target| format!("{} ({})", target.entity_set, target.resource_type))
                .collect();
            format!("lookup to {}", targets.join(", "))
        }
        Kind::Json => "json".into(),
        Kind::ConceptKey { concept } => format!("concept `{}`", table.concepts[*concept].name),
    }
}

/// The search parameters behind a column, with the resource type where there are several sources.
fn searches(table: &Table, at: ColumnIndex) -> String {
    let bindings = table.sources.iter().flat_map(|source| source.search.iter().map(move |binding| (source, binding)));
    let mut shown: Vec<String> = Vec::new();
    for (source, binding) in bindings.filter(|(_, binding)| binding.column == at) {
        let one = search(table, source, binding);
        if !shown.contains(&one) {
            shown.push(one);
        }
    }
    shown.join(", ")
}

fn search(table: &Table, source: &Source, binding: &Binding) -> String {
    let kind = match binding.kind {
        SearchKind::Token => "token",
        SearchKind::Reference => "reference",
        SearchKind::String => "string",
        SearchKind::Date => "date",
        SearchKind::Number => "number",
        SearchKind::Quantity => "quantity",
        SearchKind::Uri => "uri",
    };
    let again = if binding.superset == SearchOps::default() { "" } else { ", filtered again" };
    let of = if table.sources.len() > 1 { format!(" of {}", source.resource_type) } else { String::new() };
    format!("`{}`{of} ({kind}{again})", binding.param)
}

fn written(column: &Column) -> &'static str {
    match (column.access.create, column.access.update, column.required) {
        (true, true, true) => "yes, required",
        (true, true, false) => "yes",
        (true, false, true) => "on create, required",
        (true, false, false) => "on create",
        (false, true, _) => "on update",
        (false, false, _) => "no",
    }
}

/// Text as it may stand in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
