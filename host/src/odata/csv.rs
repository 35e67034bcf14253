//! Rows as CSV (RFC 4180): a line of column names, then a line a row, each cell as its value is in JSON, without the quotes
//! that JSON has. Null is nothing at all, an empty text is `""`. What has no value in JSON (a decimal of too many digits, a
//! moment outside of OData's years) stands as the resource has it.

use super::cells::{self, Json};
use super::headers::Csv;
use super::reply::{self, Found, Style};
use crate::model::error::Result;
use crate::model::query::Query;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};

/// What spreadsheets take for the beginning of a formula.
const BEGINS_FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

const LINE: &[u8] = b"\r\n";

/// The line of column names. Beside a column that a person reads otherwise stands its formatted value, where that was asked.
pub fn header(style: Style<'_>, table: &Table, query: &Query, csv: Csv) -> Vec<u8> {
    let mut out = Vec::new();
    if !csv.header {
        return out;
    }
    for (position, column) in reply::shown(table, query.select.as_deref()).into_iter().enumerate() {
        let column = &table.columns[column];
        let property = column.property();
        separate(&mut out, position);
        field(&mut out, &property);
        if style.wants_names() && cells::has_formatted(&column.kind) {
            separate(&mut out, 1);
            field(&mut out, &format!("{property}@{}", reply::FORMATTED));
        }
    }
    out.extend_from_slice(LINE);
    out
}

/// A line for each row. `MappingIllFormed` where a cell is not of its column's kind.
pub fn lines(style: Style<'_>, found: Found<'_>, csv: Csv) -> Result<Vec<u8>> {
    let Found { table, query, rows, .. } = found;
    let columns = reply::shown(table, query.select.as_deref());
    for column in &columns {
        reply::check_fetched(table, rows, *column)?;
    }
    let mut out = Vec::with_capacity(rows.bytes() + rows.len() * columns.len() * 2);
    let mut scratch = Json::default();
    for row in 0..rows.len() {
        for (position, column) in columns.iter().enumerate() {
            separate(&mut out, position);
            cell(&mut out, &mut scratch, (style, csv), (table, rows), row, *column)?;
            if style.wants_names() && cells::has_formatted(&table.columns[*column].kind) {
                separate(&mut out, 1);
                if let Some(formatted) = reply::formatted(style, table, rows, row, *column) {
                    text(&mut out, &formatted, csv);
                }
            }
        }
        out.extend_from_slice(LINE);
    }
    Ok(out)
}

fn cell(
    out: &mut Vec<u8>,
    scratch: &mut Json,
    (style, csv): (Style<'_>, Csv),
    (table, rows): (&Table, &Rows),
    row: usize,
    column: ColumnIndex,
) -> Result<()> {
    let (kind, own) = (&table.columns[column].kind, rows.cell(row, column));
    if let (Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json, Some(own)) = (kind, own) {
        text(out, own, csv);
        return Ok(());
    }
    scratch.bytes.clear();
    cells::cell(scratch, style.format, table, rows, row, column)?;
    match scratch.bytes.as_slice() {
        // What is there and has no value is no null.
        b"null" if own.is_some_and(|own| cells::exception(style.format, kind, own).is_some()) => {
            field(out, own.unwrap_or_default());
        }
        b"null" => {}
        // GUIDs, dates and numbers: nothing in them is escaped, or needs to be.
        value => out.extend_from_slice(value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value)),
    }
    Ok(())
}

fn separate(out: &mut Vec<u8>, position: usize) {
    if position > 0 {
        out.push(b',');
    }
}

/// Text that somebody wrote.
fn text(out: &mut Vec<u8>, of: &str, csv: Csv) {
    match csv.escapes_formulas && of.starts_with(BEGINS_FORMULA) {
        true => field(out, &format!("'{of}")),
        false => field(out, of),
    }
}

fn field(out: &mut Vec<u8>, text: &str) {
    let is_plain = !text.is_empty()
        && !text.contains([',', '"', '\r', '\n'])
        && !text.starts_with([' ', '\t'])
        && !text.ends_with([' ', '\t']);
    if is_plain {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for (position, part) in text.split('"').enumerate() {
        if position > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let check = |text: &str, expected: &str| {
            let mut out = Vec::new();
            field(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?}");
        };
        check("plain", "plain");
        check("", "\"\"");
        check("a,b", "\"a,b\"");
        check("a\"b", "\"a\"\"b\"");
        check("\"", "\"\"\"\"");
        check("a\r\nb", "\"a\r\nb\"");
        check(" a", "\" a\"");
        check("é", "é");
    }

    #[test]
    fn formulas_are_texts_for_those_who_ask() {
        let check = |of: &str, escaped: &str| {
            for (escapes_formulas, expected) in [(false, of), (true, escaped)] {
                let mut out = Vec::new();
                text(&mut out, of, Csv { header: true, escapes_formulas });
                assert_eq!(String::from_utf8(out).unwrap(), expected, "{of:?}");
            }
        };
        check("=1+1", "'=1+1");
        check("-5", "'-5");
        check("@x", "'@x");
        check("a=1", "a=1");
    }
}
