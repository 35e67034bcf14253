//! Rows to OData JSON, written straight from the cells; errors to OData errors. A page is built whole before any byte
//! of it leaves: a cell that is not of its column's kind fails the request, never half of an answer.

use uuid::Uuid;

use super::cells::{self, Json};
use super::headers::{Annotations, Detail, Format};
use super::options::{CONCEPT_FIELDS, CONCEPT_SET};
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Expand, ExpandForm, Query};
use crate::model::result::{Expanded, Names};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Concept, Kind, Lookup, Table};

/// How to write: the same for every row of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    pub catalog: &'a Catalog,
    /// The service root as the client sees it, with a slash at its end.
    pub base: &'a str,
    pub format: Format,
    pub annotations: &'a Annotations,
    /// Bytes that an answer with related rows may have.
    pub expand_bytes: usize,
    /// Properties that are null are not written, unless an annotation says more of them.
    pub omit_nulls: bool,
    /// Of rows that lookups point to.
    pub names: &'a Names,
    /// Tables that have twins are called by their twins' names.
    pub twins: bool,
    /// Called between parts of a large answer: others may come first.
    pub pause: fn() -> Result<()>,
}

/// Rows that are written in one go.
const ROWS_AT_ONCE: usize = 500;

impl<'a> Style<'a> {
    /// A table under the name that it has in this answer.
    pub fn called<'t>(&self, table: &'t Table) -> &'t Table
    where
        'a: 't,
    {
        if self.twins { self.catalog.twin(table).map_or(table, |twin| twin) } else { table }
    }

    /// For what hangs on a row by this navigation property.
    fn below(self, navigation: &str) -> Self {
        Self { twins: self.twins || self.catalog.behind_navigation(navigation).is_some(), ..self }
    }

    /// Whether what rows are called is wanted.
    pub fn wants_names(&self) -> bool {
        self.annotations.include(FORMATTED)
    }
}

/// Rows of one table, and what has been asked of them.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub table: &'a Table,
    /// `select` and `expand` are what counts here.
    pub query: &'a Query,
    /// Must hold the columns that [`columns`] gives.
    pub rows: &'a Rows,
    /// One for each `query.expand`, in its order; that of a concept is not looked at.
    pub expanded: &'a [Expanded],
}

/// Around the rows of a page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    pub count: Option<u64>,
    pub next_link: Option<&'a str>,
    pub delta_link: Option<&'a str>,
}

pub(super) const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
/// That more rows follow than a page has.
pub(super) const MORE: &str = "Microsoft.Dynamics.CRM.morerecords";
/// Of OData's Core vocabulary: the exact value of a property that is problematic, and why.
const VALUE_EXCEPTION: &str = "Org.OData.Core.V1.ValueException";
const LOGICAL_NAME: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
/// That the rules of the caller let no value be shown.
const MASKED: &str = "Turntable.masked";
const NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";

/// Columns that rows must have to be written for this query, ascending: those shown, the key, the version, and what
/// concepts and related rows are found by.
pub fn columns(table: &Table, query: &Query) -> Vec<ColumnIndex> {
    let mut columns = shown(table, query.select.as_deref());
    columns.push(table.key);
    columns.extend(table.version);
    for expand in &query.expand {
        match &expand.to {
            Relation::Lookup { column, .. } => columns.push(*column),
            Relation::Concept { concept } => {
                columns.extend(table.concepts.get(*concept).iter().flat_map(|c| concept_columns(c)))
            }
            Relation::Collection { .. } => {}
        }
    }
    for index in columns.clone() {
        columns.extend(table.concept_of(index).iter().flat_map(|c| concept_columns(c)));
    }
    columns.sort_unstable();
    columns.dedup();
    columns
}

impl Page<'_> {
    /// What stands before the rows.
    pub(super) fn begin(&self, out: &mut Json, style: Style<'_>, context: impl FnOnce() -> String) {
        out.open('{');
        if style.format.detail != Detail::None {
            out.member("@odata.context", &context());
        }
        if let Some(count) = self.count {
            out.name("@odata.count");
            out.raw(&count.to_string());
        }
    }

    /// Ends the rows, and says what comes after them.
    pub(super) fn end(&self, out: &mut Json) {
        out.close(']');
        let links = [("@odata.nextLink", self.next_link), ("@odata.deltaLink", self.delta_link)];
        links
            .into_iter()
            .filter_map(|(name, link)| Some((name, link?)))
            .for_each(|(name, link)| out.member(name, link));
        out.close('}');
    }
}

/// A list of rows.
pub fn page(style: Style<'_>, found: Found<'_>, page: Page<'_>) -> Result<Vec<u8>> {
    let mut out = Json::default();
    let found = Found { table: style.called(found.table), ..found };
    page.begin(&mut out, style, || context(style, found.table, found.query, ""));
    out.name("value");
    out.open('[');
    let properties = Properties::new(style, found)?;
    out.bytes.reserve(found.rows.len() * properties.nulls.len() + 2 * found.rows.bytes());
    for row in 0..found.rows.len() {
        if row > 0 && row.is_multiple_of(ROWS_AT_ONCE) {
            (style.pause)()?;
        }
        out.item();
        entity(&mut out, style, found, &properties, row, None)?;
    }
    page.end(&mut out);
    Ok(out.bytes)
}

/// The addresses of rows (JSON Format 4.01, 14).
pub fn references(style: Style<'_>, found: Found<'_>, page: Page<'_>) -> Result<Vec<u8>> {
    let mut out = Json::default();
    let table = style.called(found.table);
    page.begin(&mut out, style, || format!("{}$metadata#Collection($ref)", style.base));
    out.name("value");
    out.open('[');
    for row in 0..found.rows.len() {
        let key = found.rows.cell(row, table.key).map(|text| key::of_row(table, text)).unwrap_or_default();
        out.item();
        out.open('{');
        out.member("@odata.id", &row_url(style.base, table, key));
        out.close('}');
    }
    page.end(&mut out);
    Ok(out.bytes)
}

/// One row of those found.
pub fn one(style: Style<'_>, found: Found<'_>, row: usize) -> Result<Vec<u8>> {
    let mut out = Json::default();
    let found = Found { table: style.called(found.table), ..found };
    let context = context(style, found.table, found.query, "/$entity");
    entity(&mut out, style, found, &Properties::new(style, found)?, row, Some(&context))?;
    Ok(out.bytes)
}

/// `set(key)/column`; None = null, answered 204.
pub fn property(
    style: Style<'_>,
    table: &Table,
    rows: &Rows,
    row: usize,
    column: ColumnIndex,
) -> Result<Option<Vec<u8>>> {
    check_fetched(table, rows, column)?;
    let mut value = Json::default();
    cells::cell(&mut value, style.format, table, rows, row, column)?;
    if value.bytes == b"null" {
        return Ok(None);
    }
    let mut out = Json::default();
    out.open('{');
    if style.format.detail != Detail::None {
        let key = rows.cell(row, table.key).map(|text| key::of_row(table, text)).unwrap_or_default();
        let (property, set) = (table.columns[column].property(), &style.called(table).entity_set);
        out.member("@odata.context", &format!("{}$metadata#{set}({key})/{property}", style.base));
    }
    out.name("value");
    out.bytes.extend_from_slice(&value.bytes);
    out.close('}');
    Ok(Some(out.bytes))
}

/// `set(key)/column/$value`: bare text; None = null, answered 204.
pub fn property_text(
    style: Style<'_>,
    table: &Table,
    rows: &Rows,
    row: usize,
    column: ColumnIndex,
) -> Result<Option<String>> {
    check_fetched(table, rows, column)?;
    let mut value = Json::default();
    cells::cell(&mut value, style.format, table, rows, row, column)?;
    if value.bytes == b"null" {
        return Ok(None);
    }
    if value.bytes.first() == Some(&b'"') {
        let text = serde_json::from_slice(&value.bytes).map_err(|_| Error::new(Code::Internal, "a value is no text"));
        return text.map(Some);
    }
    Ok(Some(String::from_utf8_lossy(&value.bytes).into_owned()))
}

/// `set(key)/concept`; None = the row has none, answered 204.
pub fn concept(style: Style<'_>, table: &Table, rows: &Rows, row: usize, concept: usize) -> Result<Option<Vec<u8>>> {
    let mut out = Json::default();
    let context = format!("{}$metadata#{CONCEPT_SET}/$entity", style.base);
    let context = (style.format.detail != Detail::None).then_some(context.as_str());
    let spread = table.concepts.get(concept).ok_or_else(|| Error::new(Code::Internal, "no such concept"))?;
    let found = concept_object(&mut out, rows, row, spread, None, context);
    Ok(found.then_some(out.bytes))
}

/// `/$count`: plain text.
pub fn count(count: u64) -> Vec<u8> {
    count.to_string().into_bytes()
}

/// An error as OData has it.
pub fn error(error: &Error) -> Vec<u8> {
    let mut out = Json::default();
    out.open('{');
    out.name("error");
    out.open('{');
    out.member("code", &format!("{:?}", error.code()));
    out.member("message", error.message());
    if let Some(target) = error.get_target() {
        out.member("target", target);
    }
    if !error.get_details().is_empty() {
        out.name("details");
        out.open('[');
        for detail in error.get_details() {
            out.item();
            out.open('{');
            out.member("code", &detail.code);
            out.member("message", &detail.message);
            if let Some(target) = &detail.target {
                out.member("target", target);
            }
            out.close('}');
        }
        out.close(']');
    }
    if let Some(hint) = error.get_hint() {
        out.member("@Turntable.hint", hint);
    }
    out.close('}');
    out.close('}');
    out.bytes
}

/// What stands around a version in an ETag.
const ETAG: [&str; 2] = ["W/\"", "\""];

/// The ETag of a row, for its header; None = the table has no versions, or the row none.
pub fn etag(table: &Table, rows: &Rows, row: usize) -> Option<String> {
    rows.cell(row, table.version?).map(|version| [ETAG[0], version, ETAG[1]].concat())
}

/// The URL of a row.
pub fn row_url(base: &str, table: &Table, key: Uuid) -> String {
    format!("{base}{}({key})", table.entity_set)
}

/// Columns that an answer shows.
pub(super) fn shown(table: &Table, select: Option<&[ColumnIndex]>) -> Vec<ColumnIndex> {
    let readable = |column: &ColumnIndex| table.columns[*column].access.read;
    let mut shown: Vec<_> = match select {
        Some(columns) => columns.iter().copied().filter(readable).collect(),
        None => (0..table.columns.len()).filter(readable).collect(),
    };
    // As Dataverse does, so that a client can always address the row.
    if !shown.contains(&table.key) {
        shown.insert(0, table.key);
    }
    shown
}

fn concept_columns(concept: &Concept) -> Vec<ColumnIndex> {
    [Some(concept.code), Some(concept.system), concept.display, concept.text].into_iter().flatten().collect()
}

/// `…/$metadata#contacts(fullname,msemr_patient(fullname))/$entity`
pub(super) fn context(style: Style<'_>, table: &Table, query: &Query, suffix: &str) -> String {
    format!("{}$metadata#{}{}{suffix}", style.base, table.entity_set, select_list(style.catalog, table, query))
}

fn select_list(catalog: &Catalog, table: &Table, query: &Query) -> String {
    let mut items: Vec<String> = Vec::new();
    if let Some(select) = &query.select {
        items.extend(select.iter().map(|column| table.columns[*column].property().into_owned()));
    }
    for expand in query.expand.iter().filter(|expand| expand.form == ExpandForm::Rows) {
        let inside = match &expand.to {
            Relation::Lookup { table, .. } | Relation::Collection { table, .. } => {
                catalog.table(table).map(|table| select_list(catalog, table, &expand.query)).unwrap_or_default()
            }
            Relation::Concept { .. } => {
                let fields = expand.query.select.iter().flatten();
                let names: Vec<_> = fields.filter_map(|field| CONCEPT_FIELDS.get(*field).copied()).collect();
                if names.is_empty() { String::new() } else { format!("({})", names.join(",")) }
            }
        };
        let inside = if inside.is_empty() { "()" } else { &inside };
        items.push(format!("{}{inside}", expand.navigation));
    }
    if items.is_empty() { String::new() } else { format!("({})", items.join(",")) }
}

/// The properties of the rows of an answer, and all about them that is the same for each row.
pub(super) struct Properties {
    properties: Vec<Property>,
    /// All of them, null: `,"a":null,"b":null`.
    nulls: Vec<u8>,
    /// By position in the rows, the property of that cell. None if the properties are in another order than the cells.
    by_position: Option<Vec<Option<usize>>>,
    /// Positions of the key and the code of concepts: where there is the code alone, the key is made of it.
    concepts: Vec<[usize; 2]>,
    /// A null property has an annotation too.
    annotates_nulls: bool,
    omits_nulls: bool,
    annotates_types: bool,
    annotates_formatted: bool,
    annotates_lookups: bool,
    /// Names of those whose values are not shown to the caller.
    masked: Vec<String>,
}

struct Property {
    column: ColumnIndex,
    /// The cell in the rows that is null where the property is.
    null_with: usize,
    /// Where it begins in `nulls`.
    start: usize,
}

const NULL: &[u8] = b"null";

impl Properties {
    /// Those that are shown, all of which the rows must have: one that was not fetched would look like null.
    pub(super) fn new(style: Style<'_>, found: Found<'_>) -> Result<Self> {
        let Found { table, query, rows, .. } = found;
        let columns = shown(table, query.select.as_deref());
        let mut properties = Vec::with_capacity(columns.len());
        let mut nulls = Vec::with_capacity(columns.len() * 40);
        for column in columns {
            check_fetched(table, rows, column)?;
            let code = table.concept_of(column).map(|concept| concept.code);
            let position = |column| rows.position(column);
            let null_with = code.and_then(position).or_else(|| position(column)).unwrap_or_default();
            properties.push(Property { column, null_with, start: nulls.len() });
            // Names are letters, digits and underscores.
            let definition = &table.columns[column];
            let parts: [&str; 3] = match definition.kind {
                Kind::Lookup(_) | Kind::ConceptKey { .. } => [",\"_", &definition.name, "_value\":"],
                _ => [",\"", &definition.name, "\":"],
            };
            parts.iter().for_each(|part| nulls.extend_from_slice(part.as_bytes()));
            nulls.extend_from_slice(NULL);
        }
        let positions: Option<Vec<_>> = properties.iter().map(|property| rows.position(property.column)).collect();
        let in_order = positions.filter(|positions| positions.is_sorted_by(|a, b| a < b));
        let by_position = in_order.map(|positions| {
            let mut by_position = vec![None; rows.columns().len()];
            positions.into_iter().enumerate().for_each(|(property, position)| by_position[position] = Some(property));
            by_position
        });
        let of_concept = |property: &Property| {
            if table.is_masked(property.column) {
                return None;
            }
            let code = table.concept_of(property.column)?.code;
            Some([rows.position(property.column)?, rows.position(code)?])
        };
        let concepts = properties.iter().filter_map(of_concept).collect();
        let masked = properties.iter().filter(|property| table.is_masked(property.column));
        let masked = masked.map(|property| table.columns[property.column].property().into_owned());
        let masked = masked.filter(|_| style.format.detail != Detail::None).collect();
        Ok(Self {
            properties,
            nulls,
            by_position,
            concepts,
            masked,
            annotates_nulls: style.format.detail == Detail::Full && !style.omit_nulls,
            omits_nulls: style.omit_nulls,
            annotates_types: style.format.detail == Detail::Full,
            annotates_formatted: style.annotations.include(FORMATTED),
            annotates_lookups: style.annotations.include(NAVIGATION) || style.annotations.include(LOGICAL_NAME),
        })
    }

    fn start(&self, property: usize) -> usize {
        self.properties.get(property).map_or(self.nulls.len(), |property| property.start)
    }

    fn annotates(&self) -> bool {
        self.annotates_types || self.annotates_formatted || self.annotates_lookups
    }

    fn write(&self, out: &mut Json, style: Style<'_>, found: Found<'_>, row: usize) -> Result<()> {
        let Found { rows, .. } = found;
        let is_null = rows.nulls(row);
        let is_made = |[key, code]: &[usize; 2]| is_null(*key) && !is_null(*code);
        match &self.by_position {
            Some(by_position) if !self.annotates_nulls && !self.concepts.iter().any(is_made) => {
                let filled = rows.filled(row).filter_map(|(position, text)| Some((by_position[position]?, Some(text))));
                self.write_some(out, style, found, row, filled)
            }
            _ => {
                let properties = self.properties.iter().enumerate();
                let some = properties.filter(|(_, property)| self.annotates_nulls || !is_null(property.null_with));
                self.write_some(out, style, found, row, some.map(|(index, _)| (index, None)))
            }
        }
    }

    /// Writes these properties with their values, each with the text of its cell if that is at hand, and all others as
    /// null.
    fn write_some<'r>(
        &self,
        out: &mut Json,
        style: Style<'_>,
        found: Found<'_>,
        row: usize,
        some: impl Iterator<Item = (usize, Option<&'r str>)>,
    ) -> Result<()> {
        let Found { table, rows, .. } = found;
        // Most are null. They are written many at once, and with them the name that comes after them.
        let mut nulls_from = 0;
        for (index, text) in some {
            let property = &self.properties[index];
            let mut from = if self.omits_nulls { property.start } else { self.start(nulls_from) };
            nulls_from = index + 1;
            let before = out.mark();
            if self.annotates() {
                out.members(&self.nulls[from..property.start]);
                from = property.start;
                self.annotate(out, style, found, row, property.column);
            }
            let column = &table.columns[property.column];
            if let Kind::Decimal { .. } | Kind::DateTime = column.kind
                && let Some(text) = text.or_else(|| rows.cell(row, property.column))
                && let Some(exception) = cells::exception(style.format, &column.kind, text)
            {
                out.members(&self.nulls[from..property.start]);
                from = property.start;
                value_exception(out, &column.property(), text, exception);
            }
            let is_plain = out.mark() == before;
            out.members(&self.nulls[from..self.start(index + 1) - NULL.len()]);
            let value_at = out.bytes.len();
            match text {
                Some(text) => cells::value(out, style.format, table, &table.columns[property.column], text)?,
                None => cells::cell(out, style.format, table, rows, row, property.column)?,
            }
            if self.omits_nulls && is_plain && out.bytes.get(value_at..) == Some(NULL) {
                out.back_to(before);
            }
        }
        if !self.omits_nulls {
            out.members(&self.nulls[self.start(nulls_from)..]);
        }
        Ok(())
    }

    /// The annotations of a property that were asked for.
    fn annotate(&self, out: &mut Json, style: Style<'_>, found: Found<'_>, row: usize, index: ColumnIndex) {
        let Found { table, rows, .. } = found;
        let column = &table.columns[index];
        let property = column.property();
        if self.annotates_types
            && let Some(edm) = cells::explicit_type(style.format, &column.kind)
        {
            out.member(&format!("{property}@odata.type"), edm);
        }
        if self.annotates_formatted
            && let Some(formatted) = cells::formatted(table, rows, row, index)
        {
            out.member(&format!("{property}@{FORMATTED}"), &formatted);
        }
        if let (Kind::Lookup(lookup), Some(text)) = (&column.kind, rows.cell(row, index)) {
            if self.annotates_formatted
                && let Some(name) = name_behind(style, lookup, text)
            {
                out.member(&format!("{property}@{FORMATTED}"), name);
            }
            lookup_annotations(out, style, &property, lookup, text);
        }
    }
}

/// A concept's key may come from its code.
pub(super) fn check_fetched(table: &Table, rows: &Rows, column: ColumnIndex) -> Result<()> {
    let code = table.concept_of(column).map_or(column, |concept| concept.code);
    if rows.is_empty() || rows.position(column).or(rows.position(code)).is_some() {
        return Ok(());
    }
    Err(Error::new(Code::Internal, format!("the column `{}` was not fetched", table.columns[column].name)))
}

pub(super) fn entity(
    out: &mut Json,
    style: Style<'_>,
    found: Found<'_>,
    properties: &Properties,
    row: usize,
    context: Option<&str>,
) -> Result<()> {
    let Found { table, rows, .. } = found;
    out.open('{');
    let Some(key) = rows.cell(row, table.key) else {
        return Err(Error::new(
            Code::MappingIllFormed,
            format!("the mapping of `{}` gave a row without a key", table.name),
        ));
    };
    if style.format.detail != Detail::None {
        if let Some(context) = context {
            out.member("@odata.context", context);
        }
        if style.format.detail == Detail::Full {
            full_control(out, style, table, key::of_row(table, key));
        }
        if let Some(version) = table.version.and_then(|version| rows.cell(row, version)) {
            out.name("@odata.etag");
            out.text_in(ETAG[0], version, ETAG[1]);
        }
    }
    properties.write(out, style, found, row)?;
    for name in &properties.masked {
        out.name(&format!("{name}@{MASKED}"));
        out.raw("true");
    }
    for (index, expand) in found.query.expand.iter().enumerate() {
        related(out, style, found, row, expand, found.expanded.get(index))?;
    }
    out.close('}');
    Ok(())
}

/// What a client could compute from `$metadata`, said anyway.
fn full_control(out: &mut Json, style: Style<'_>, table: &Table, key: Uuid) {
    out.member("@odata.type", &format!("#Microsoft.Dynamics.CRM.{}", table.name));
    out.member("@odata.id", &row_url(style.base, table, key));
    out.member("@odata.editLink", &format!("{}({key})", table.entity_set));
    for (navigation, _) in style.catalog.described().relations(table) {
        let url = format!("{}({key})/{navigation}", table.entity_set);
        out.member(&format!("{navigation}@odata.navigationLink"), &url);
    }
}

pub(super) fn lookup_annotations(out: &mut Json, style: Style<'_>, property: &str, lookup: &Lookup, text: &str) {
    let Some(reference) = key::reference(text) else { return };
    if style.annotations.include(NAVIGATION) && !lookup.navigation.is_empty() {
        out.member(&format!("{property}@{NAVIGATION}"), &lookup.navigation);
    }
    let target = lookup.targets.iter().find(|t| t.resource_type == reference.resource_type);
    if style.annotations.include(LOGICAL_NAME)
        && let Some(target) = target.and_then(|target| style.catalog.find_entity_set(&target.entity_set))
    {
        out.member(&format!("{property}@{LOGICAL_NAME}"), &style.called(target).name);
    }
}

/// What a person reads instead of the value of a cell.
pub(super) fn formatted(
    style: Style<'_>,
    table: &Table,
    rows: &Rows,
    row: usize,
    column: ColumnIndex,
) -> Option<String> {
    match &table.columns[column].kind {
        Kind::Lookup(lookup) => name_behind(style, lookup, rows.cell(row, column)?).map(str::to_owned),
        _ => cells::formatted(table, rows, row, column),
    }
}

/// What the row that a lookup's cell points to is called.
pub(super) fn name_behind<'n>(style: Style<'n>, lookup: &Lookup, text: &str) -> Option<&'n str> {
    let reference = key::reference(text)?;
    let target = lookup.targets.iter().find(|target| target.resource_type == reference.resource_type)?;
    // They are kept by the tables' own names.
    let set = style.catalog.find_entity_set(&target.entity_set).map_or(&target.entity_set, |table| &table.entity_set);
    style.names.get(set, key::of_reference(lookup, &reference))
}

/// Says that a null is none: what is there, and why it cannot be shown.
pub(super) fn value_exception(out: &mut Json, property: &str, text: &str, exception: cells::Exception) {
    out.name(&format!("{property}@{VALUE_EXCEPTION}"));
    out.open('{');
    out.member("value", text);
    out.name("info");
    out.open('{');
    out.member("code", exception.code);
    out.member("message", exception.message);
    out.member("severity", "warning");
    out.close('}');
    out.close('}');
}

/// Related rows of one parent.
fn related(
    out: &mut Json,
    style: Style<'_>,
    found: Found<'_>,
    row: usize,
    expand: &Expand,
    expanded: Option<&Expanded>,
) -> Result<()> {
    let navigation = &expand.navigation;
    let style = style.below(navigation);
    let table = match &expand.to {
        Relation::Concept { concept } => {
            let spread =
                found.table.concepts.get(*concept).ok_or_else(|| Error::new(Code::Internal, "no such concept"))?;
            let before = out.mark();
            out.name(navigation);
            if !concept_object(out, found.rows, row, spread, expand.query.select.as_deref(), None) {
                null_property(out, style, before);
            }
            return Ok(());
        }
        Relation::Lookup { table, .. } | Relation::Collection { table, .. } => table,
    };
    let table = style.catalog.table(table).ok_or_else(|| Error::new(Code::Internal, "a related table is gone"))?;
    let table = style.called(table);
    let expanded = expanded.ok_or_else(|| Error::new(Code::Internal, "related rows were not fetched"))?;
    let own = expanded.of_parent.get(row);
    let own = own.ok_or_else(|| Error::new(Code::Internal, "related rows were not fetched for every row"))?;
    let inner = Found { table, query: &expand.query, rows: &expanded.rows, expanded: &expanded.expanded };
    let properties = Properties::new(style, inner)?;
    if let Relation::Lookup { .. } = expand.to {
        let before = out.mark();
        out.name(navigation);
        return match own.first() {
            Some(related) => one_related(out, style, inner, &properties, *related, expand.form),
            None => {
                null_property(out, style, before);
                Ok(())
            }
        };
    }
    if let Some(count) = expanded.counts.get(row) {
        out.name(&format!("{navigation}@odata.count"));
        out.raw(&count.to_string());
    }
    if expand.form == ExpandForm::Count {
        return Ok(());
    }
    out.name(navigation);
    out.open('[');
    for related in own {
        out.item();
        one_related(out, style, inner, &properties, *related, expand.form)?;
    }
    out.close(']');
    Ok(())
}

/// A row that hangs on another, or its address. The same row may hang on many, so that few rows can make an answer of any
/// size.
fn one_related(
    out: &mut Json,
    style: Style<'_>,
    found: Found<'_>,
    properties: &Properties,
    row: usize,
    form: ExpandForm,
) -> Result<()> {
    match (form, found.rows.cell(row, found.table.key)) {
        (ExpandForm::References, Some(key)) => {
            out.open('{');
            out.member("@odata.id", &row_url(style.base, found.table, key::of_row(found.table, key)));
            out.close('}');
        }
        _ => entity(out, style, found, properties, row, None)?,
    }
    if out.bytes.len() > style.expand_bytes {
        let hint = "ask for a smaller page, for fewer columns, or with $top in $expand";
        return Err(too_large(style.expand_bytes, "$expand", hint));
    }
    Ok(())
}

/// Of an answer with related rows.
pub(super) fn too_large(most: usize, target: &str, hint: &str) -> Error {
    let message = format!("the answer has more than {most} bytes with its related rows (limit `expand_bytes`)");
    Error::new(Code::ScanBudgetExceeded, message).target(target).hint(hint)
}

/// Ends a property whose name begins at the mark, and which has no value.
fn null_property(out: &mut Json, style: Style<'_>, before: (usize, bool)) {
    match style.omit_nulls {
        true => out.back_to(before),
        false => out.raw("null"),
    }
}

/// The codeable concept in a row's own columns; false = it has no code.
fn concept_object(
    out: &mut Json,
    rows: &Rows,
    row: usize,
    concept: &Concept,
    select: Option<&[ColumnIndex]>,
    context: Option<&str>,
) -> bool {
    let (Some(code), system) = (rows.cell(row, concept.code), rows.cell(row, concept.system)) else {
        return false;
    };
    let key = key::concept(system, code).to_string();
    let cell = |column: Option<ColumnIndex>| column.and_then(|column| rows.cell(row, column));
    let values = [Some(key.as_str()), Some(code), system, cell(concept.display), cell(concept.text)];
    out.open('{');
    if let Some(context) = context {
        out.member("@odata.context", context);
    }
    for (field, (name, value)) in CONCEPT_FIELDS.into_iter().zip(values).enumerate() {
        if field > 0 && select.is_some_and(|select| !select.contains(&field)) {
            continue;
        }
        out.name(name);
        match value {
            Some(text) => out.text(text),
            None => out.raw("null"),
        }
    }
    out.close('}');
    true
}

#[cfg(test)]
mod tests;
