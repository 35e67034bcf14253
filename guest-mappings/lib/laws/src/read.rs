//! Laws of reading: total and deterministic; and what of a resource no column reads.

use std::collections::{BTreeMap, BTreeSet};

use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::tools::pointer;
use turntable_scan::{Document, Edit, Kind as Json, Value, splice};

use crate::ask::{self, Alone};
use crate::case::{Case, Check, all, parts};
use crate::report::Law;
use crate::subject::{Batch, Row};

/// What a value becomes, each in turn.
const ODD: [&str; 7] = ["null", "[]", "{}", "[null]", "\"\"", "-1.5e400", "[[{\"a\":[null,{}]}]]"];

impl Check<'_> {
    /// The rows, if there are any to be had.
    pub(crate) fn rows(&mut self, case: Case<'_>) -> Option<Vec<Row>> {
        match self.subject.rows(&case.table.name, &[case.text], &all(case.table)) {
            Ok(batch) => Some(batch.rows),
            Err(what) => {
                self.broken(Law::Total, case, None, None, format!("reading it fails: {what}"));
                None
            }
        }
    }

    /// The rows, if they are the same twice, and column by column as all at once.
    pub(crate) fn determinism(&mut self, case: Case<'_>) -> Option<Vec<Row>> {
        let columns = all(case.table);
        let read = |columns: &[u16]| self.subject.rows(&case.table.name, &[case.text], columns);
        let (first, second) = (read(&columns), read(&columns));
        let (first, second) = match (first, second) {
            (Ok(first), Ok(second)) => (first, second),
            (Err(what), _) | (_, Err(what)) => {
                self.broken(Law::Total, case, None, None, format!("reading it fails: {what}"));
                return None;
            }
        };
        if first != second {
            self.broken(Law::Determinism, case, None, None, "two calls give different rows".to_owned());
            return None;
        }
        if first.rows.is_empty() && case.table.one_row_per_resource {
            self.broken(Law::Total, case, None, None, "it gives no row".to_owned());
        }
        for (&index, column) in columns.iter().zip(&case.table.columns) {
            let alone = self.subject.rows(&case.table.name, &[case.text], &[index]).unwrap_or_default();
            let together = first.rows.iter().map(|row| row.cells.get(usize::from(index)));
            if !alone.rows.iter().map(|row| row.cells.first()).eq(together) {
                self.broken(Law::Determinism, case, Some(column), None, "alone it is not as among all".to_owned());
            }
        }
        Some(first.rows)
    }

    /// Columns that say that they are read from the same elements are looked at together: on a resource of these alone, as a
    /// service gives it by `_elements`, their cells are as on the whole. Rows of a child table are parts of one element.
    pub(crate) fn elements(&mut self, case: Case<'_>, rows: &[Row]) {
        let is_whole = case.table.parent.is_none() && case.table.one_row_per_resource;
        let mut groups: BTreeMap<BTreeSet<&str>, Vec<usize>> = BTreeMap::new();
        for (at, column) in case.table.columns.iter().enumerate() {
            // It does not say: whoever wants it asks for whole resources.
            if is_whole && column.elements.is_empty() && !column.path.is_empty() {
                continue;
            }
            let of = if is_whole { std::slice::from_ref(column) } else { case.table.columns.as_slice() };
            let elements = of.iter().flat_map(|column| &column.elements).map(String::as_str).collect();
            groups.entry(elements).or_default().push(at);
        }
        let texts: Vec<String> = groups.keys().map(|elements| only(case.document, elements)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let batch = match ask::rows(self.subject, &case.table.name, &texts, &all(case.table)) {
            Ok(batch) => batch,
            Err(Alone { what, .. }) => {
                let what = format!("reading a resource of a few elements fails: {what}");
                return self.broken(Law::Elements, case, None, None, what);
            }
        };
        for (document, columns) in groups.values().enumerate() {
            let found: Vec<&Row> = batch.rows.iter().filter(|row| row.document == document).collect();
            for at in columns {
                let cells = found.iter().map(|row| row.cells.get(*at));
                if !cells.eq(rows.iter().map(|row| row.cells.get(*at))) {
                    let column = &case.table.columns[*at];
                    let what = format!("it is read from more than its elements, {:?}", column.elements);
                    self.broken(Law::Elements, case, Some(column), None, what);
                }
            }
        }
    }

    /// Every value in turn becomes something odd: rows may change, the call must answer; with a row or a reason, where
    /// each resource has one.
    pub(crate) fn total(&mut self, case: Case<'_>) {
        let mut variants = Vec::new();
        for value in values(case.document) {
            for odd in ODD {
                if let Some(text) = with(case.document, value, odd) {
                    variants.push((value, odd, text));
                }
            }
        }
        let columns = all(case.table);
        for chunk in parts(&variants, |(_, _, text)| text.len()) {
            if self.is_late() {
                return;
            }
            let texts: Vec<_> = chunk.iter().map(|(_, _, text)| text.as_str()).collect();
            let batch = match ask::rows(self.subject, &case.table.name, &texts, &columns) {
                Ok(batch) => batch,
                Err(Alone { at, what }) => {
                    let (value, odd, _) = &chunk[at];
                    let path = Some(pointer(case.document.root(), *value));
                    self.broken(Law::Total, case, None, path, format!("with {odd} there the call fails: {what}"));
                    continue;
                }
            };
            if !case.table.one_row_per_resource {
                continue;
            }
            for (at, (value, odd, _)) in chunk.iter().enumerate() {
                let rows = batch.rows.iter().filter(|row| row.document == at).count();
                if usize::from(batch.refused.contains(&at)) + rows != 1 {
                    let path = Some(pointer(case.document.root(), *value));
                    let what = format!("with {odd} there it gives {rows} rows, and not one row or a reason");
                    self.broken(Law::Total, case, None, path, what);
                }
            }
        }
    }

    /// Each leaf that is gone without a row that changes is one that no column reads.
    pub(crate) fn loss(&mut self, tables: &[&wit::Table], document: &Document<'_>, kind: &str) {
        let leaves: Vec<_> = values(document).into_iter().filter(|value| is_leaf(*value)).collect();
        let texts: Vec<_> = leaves.iter().filter_map(|&value| Some((value, with(document, value, "null")?))).collect();
        let mut read = vec![false; texts.len()];
        for table in tables {
            let columns = all(table);
            let rows = |texts: &[&str]| ask::rows(self.subject, &table.name, texts, &columns).unwrap_or_default();
            let before = rows(&[document.text()]);
            let mut done = 0;
            for chunk in parts(&texts, |(_, text)| text.len()) {
                let texts: Vec<_> = chunk.iter().map(|(_, text)| text.as_str()).collect();
                let after = rows(&texts);
                for at in 0..chunk.len() {
                    read[done + at] |= !same_rows(&before, &after, at);
                }
                done += chunk.len();
            }
        }
        let unread = texts.iter().zip(&read).filter(|(_, read)| !**read);
        self.report.unread.extend(unread.map(|((value, _), _)| path(kind, document.root(), *value)));
    }
}

/// What is never left out, and these elements.
fn only(document: &Document<'_>, elements: &BTreeSet<&str>) -> String {
    let stays = |name: &str| {
        let plain = name.strip_prefix('_').unwrap_or(name);
        matches!(name, "resourceType" | "id" | "meta") || elements.contains(plain)
    };
    let members = document.root().members();
    let kept = members.filter(|(name, _)| name.text().is_some_and(|name| stays(&name)));
    let kept: Vec<String> = kept.map(|(name, value)| [name.raw(), ":", value.raw()].concat()).collect();
    ["{", &kept.join(","), "}"].concat()
}

fn same_rows(before: &Batch, after: &Batch, document: usize) -> bool {
    let rows = after.rows.iter().filter(|row| row.document == document);
    before.rows.iter().map(|row| &row.cells).eq(rows.map(|row| &row.cells))
}

/// All values of a document, keys left out.
fn values<'a>(document: &'a Document<'a>) -> Vec<Value<'a>> {
    let mut found = Vec::new();
    let mut open = vec![document.root()];
    while let Some(value) = open.pop() {
        found.push(value);
        open.extend(value.members().map(|(_, value)| value));
        open.extend(value.items());
    }
    found
}

fn is_leaf(value: Value<'_>) -> bool {
    !matches!(value.kind(), Json::Object | Json::Array | Json::Null)
}

fn with(document: &Document<'_>, value: Value<'_>, text: &str) -> Option<String> {
    splice(document.text(), vec![Edit { range: value.range(), text: text.to_owned() }]).ok()
}

/// `Patient.name.given`: the pointer without its indexes.
fn path(kind: &str, root: Value<'_>, value: Value<'_>) -> String {
    let pointer = pointer(root, value);
    let steps = pointer.split('/').skip(1).filter(|step| !step.bytes().all(|byte| byte.is_ascii_digit()));
    [kind].into_iter().chain(steps).collect::<Vec<_>>().join(".")
}
