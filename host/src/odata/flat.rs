//! Flat rows of a fetch to JSON, as Dataverse's Web API has them: a column of a link is called by its alias, and what is null
//! is not written.

use super::cells::{self, Json};
use super::headers::Detail;
use super::reply::{self, FORMATTED, MORE, Style, lookup_annotations, name_behind};
use crate::model::error::Result;
use crate::model::fetch::{Fetch, Flat, Shown, Side};
use crate::model::table::{Kind, Table};

/// Around the rows of a page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    pub count: Option<u64>,
    /// The count is asked of OData (`$count=true`), too.
    pub shows_count: bool,
    pub more: bool,
    pub cookie: Option<&'a str>,
    pub next_link: Option<&'a str>,
}

const COOKIE: &str = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie";
const TOTAL: &str = "Microsoft.Dynamics.CRM.totalrecordcount";
const TOTAL_EXCEEDED: &str = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded";

/// Columns that the answer shows of each side, ascending.
pub fn columns(fetch: &Fetch, sides: usize) -> Vec<Vec<usize>> {
    let side = |number: usize| {
        let shown = fetch.shown.iter().filter(|shown| place(shown) == number);
        let mut columns: Vec<_> = shown.map(|shown| shown.column).collect();
        columns.sort_unstable();
        columns
    };
    (0..sides).map(side).collect()
}

/// The table itself, then each link.
fn place(shown: &Shown) -> usize {
    shown.link.map_or(0, |link| link + 1)
}

/// A page. That more rows follow, and where, is said whether it was asked for or not.
pub fn page(style: Style<'_>, table: &Table, fetch: &Fetch, flat: &Flat, page: Page<'_>) -> Result<Vec<u8>> {
    let mut out = Json::default();
    out.open('{');
    if style.format.detail != Detail::None {
        out.member("@odata.context", &context(style, table, fetch));
    }
    if let Some(count) = page.count {
        out.name(&format!("@{TOTAL}"));
        out.raw(&count.to_string());
        out.name(&format!("@{TOTAL_EXCEEDED}"));
        out.raw("false");
        if page.shows_count {
            out.name("@odata.count");
            out.raw(&count.to_string());
        }
    }
    if page.more || style.annotations.include(MORE) {
        out.name(&format!("@{MORE}"));
        out.raw(if page.more { "true" } else { "false" });
    }
    if let Some(cookie) = page.cookie {
        out.member(&format!("@{COOKIE}"), cookie);
    }
    out.name("value");
    out.open('[');
    for row in 0..flat.len {
        out.item();
        one(&mut out, style, fetch, flat, row)?;
        if out.bytes.len() > style.expand_bytes {
            return Err(reply::too_large(style.expand_bytes, "fetchXml", "ask for fewer rows or columns"));
        }
    }
    out.close(']');
    if let Some(link) = page.next_link {
        out.member("@odata.nextLink", link);
    }
    out.close('}');
    Ok(out.bytes)
}

fn context(style: Style<'_>, table: &Table, fetch: &Fetch) -> String {
    let of_row = |shown: &&Shown| shown.link.is_none() && shown.name == table.columns[shown.column].property();
    let names: Vec<_> = fetch.shown.iter().filter(of_row).map(|shown| shown.name.as_str()).collect();
    let readable = table.columns.iter().filter(|column| column.access.read).count();
    let list =
        if names.is_empty() || names.len() == readable { String::new() } else { format!("({})", names.join(",")) };
    format!("{}$metadata#{}{list}", style.base, style.called(table).entity_set)
}

fn one(out: &mut Json, style: Style<'_>, fetch: &Fetch, flat: &Flat, row: usize) -> Result<()> {
    out.open('{');
    if style.format.detail != Detail::None
        && let Some(itself) = flat.sides.first()
        && fetch.shown.iter().any(|shown| shown.link.is_none() && shown.column == itself.table.key)
        && let Some(own) = itself.of.get(row).copied().flatten()
        && let Some(etag) = reply::etag(&itself.table, &itself.rows, own)
    {
        out.member("@odata.etag", &etag);
    }
    for shown in &fetch.shown {
        let side = flat.sides.get(place(shown));
        let own = side.and_then(|side| side.of.get(row).copied().flatten());
        if let (Some(side), Some(own)) = (side, own) {
            value(out, style, side, own, shown)?;
        }
    }
    out.close('}');
    Ok(())
}

fn value(out: &mut Json, style: Style<'_>, side: &Side, row: usize, shown: &Shown) -> Result<()> {
    let Side { table, rows, .. } = side;
    reply::check_fetched(table, rows, shown.column)?;
    let column = &table.columns[shown.column];
    let text = rows.cell(row, shown.column);
    if let Some(text) = text
        && let Some(exception) = cells::exception(style.format, &column.kind, text)
    {
        reply::value_exception(out, &shown.name, text, exception);
    }
    let before = out.mark();
    out.name(&shown.name);
    let value_at = out.bytes.len();
    cells::cell(out, style.format, table, rows, row, shown.column)?;
    let is_null = out.bytes.get(value_at..) == Some(b"null");
    if is_null {
        out.back_to(before);
    }
    let says_formatted = style.annotations.include(FORMATTED);
    if says_formatted && let Some(formatted) = cells::formatted(table, rows, row, shown.column) {
        out.member(&format!("{}@{FORMATTED}", shown.name), &formatted);
    }
    if let (Kind::Lookup(lookup), Some(text), false) = (&column.kind, text, is_null) {
        if says_formatted && let Some(name) = name_behind(style, lookup, text) {
            out.member(&format!("{}@{FORMATTED}", shown.name), name);
        }
        lookup_annotations(out, style, &shown.name, lookup, text);
    }
    if !is_null
        && style.format.detail == Detail::Full
        && let Some(edm) = cells::explicit_type(style.format, &column.kind)
    {
        out.member(&format!("{}@odata.type", shown.name), edm);
    }
    Ok(())
}
