//! Laws of writing: what is shown, written, changes nothing; what is written is shown, and the rest stays.

use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::bindings::exports::turntable::mapping::schema::{ColumnAccess, ColumnType};
use turntable_mapping::bindings::exports::turntable::mapping::write::{Assignment, Change, FhirRequest, Operation};
use turntable_mapping::tools::choice_elements::base;
use turntable_mapping::tools::choice_name;

use crate::ask::{self, Alone};
use crate::case::{Case, Check, all, parts, same};
use crate::report::Law;
use crate::subject::{Answer, Row};

impl Check<'_> {
    pub(crate) fn get_put(&mut self, case: Case<'_>, rows: &[Row]) {
        for row in rows {
            let columns = case.table.columns.iter().zip(&row.cells).zip(0_u16..);
            let shown = columns.filter(|((column, _), _)| is_writable(column) && !column.path.is_empty());
            let assignments = shown.map(|((_, value), column)| Assignment { column, value: value.clone() });
            let change = change(case, row, assignments.collect());
            let what = match self.answers(case, &[change]).pop() {
                Some(Ok(FhirRequest::Unchanged)) | None => continue,
                Some(Ok(_)) => (None, "writing what is shown changes the resource".to_owned()),
                Some(Err(issues)) => {
                    let at = issues.iter().find_map(|issue| issue.column);
                    let column = at.and_then(|at| case.table.columns.get(usize::from(at)));
                    (column, "writing what is shown is refused".to_owned())
                }
            };
            self.broken(Law::GetPut, case, what.0, None, what.1);
        }
    }

    /// Each column by itself set to null and to another value: refused, or shown afterwards; and columns of other
    /// elements stay.
    pub(crate) fn put_get(&mut self, case: Case<'_>, rows: &[Row]) {
        for row in rows {
            if self.is_late() {
                return;
            }
            if self.laws.contains(&Law::Valid) {
                self.made_anew(case, row);
            }
            let mut written = Vec::new();
            for (at, column) in case.table.columns.iter().enumerate().filter(|(_, column)| is_writable(column)) {
                let shown = row.cells.get(at).and_then(Option::as_deref);
                let other = other_value(&column.kind, shown);
                written.extend([None, other].into_iter().map(|value| (at, value)));
            }
            // Each change carries the whole resource.
            let size = |(_, value): &(usize, Option<String>)| case.text.len() + value.as_ref().map_or(0, String::len);
            for part in parts(&written, size) {
                if self.is_late() {
                    return;
                }
                self.put(case, row, part);
            }
        }
    }

    /// The same for some columns and values, in one call.
    fn put(&mut self, case: Case<'_>, row: &Row, written: &[(usize, Option<String>)]) {
        let changes = written.iter().map(|(at, value)| {
            let column = u16::try_from(*at).unwrap_or(u16::MAX);
            change(case, row, vec![Assignment { column, value: value.clone() }])
        });
        let answers = self.answers(case, &changes.collect::<Vec<_>>());
        let mut updated = Vec::new();
        for ((at, value), answer) in written.iter().zip(answers) {
            if let Ok(FhirRequest::Update(bytes)) = answer {
                match String::from_utf8(bytes) {
                    Ok(text) => updated.push((*at, value.clone(), text)),
                    Err(_) => {
                        let what = "writing it gives a resource that is not UTF-8".to_owned();
                        self.broken(Law::PutGet, case, case.table.columns.get(*at), None, what);
                    }
                }
            }
        }
        if self.laws.contains(&Law::Valid) {
            for (at, _, text) in &updated {
                self.judge(case, &case.table.columns[*at], text);
            }
        }
        for part in parts(&updated, |(.., text)| text.len()) {
            self.is_shown(case, row, part);
        }
    }

    fn is_shown(&mut self, case: Case<'_>, row: &Row, written: &[(usize, Option<String>, String)]) {
        let columns = &case.table.columns;
        let texts: Vec<_> = written.iter().map(|(.., text)| text.as_str()).collect();
        let batch = match ask::rows(self.subject, &case.table.name, &texts, &all(case.table)) {
            Ok(batch) => batch,
            Err(Alone { at, what }) => {
                let what = format!("reading what was written fails: {what}");
                return self.broken(Law::PutGet, case, columns.get(written[at].0), None, what);
            }
        };
        let key = usize::from(case.table.key);
        for (index, (at, value, _)) in written.iter().enumerate() {
            let column = &columns[*at];
            let mut after = batch.rows.iter().filter(|after| after.document == index);
            let Some(after) = after.find(|after| after.cells.get(key) == row.cells.get(key)) else {
                // An element that lost its last value is gone, and its row with it.
                if value.is_some() || case.table.parent.is_none() {
                    self.broken(Law::PutGet, case, Some(column), None, "its row is gone when it is written".to_owned());
                }
                continue;
            };
            if !same(&column.kind, after.cells[*at].as_deref(), value.as_deref()) {
                let what = if value.is_some() { "another value" } else { "null" };
                self.broken(Law::PutGet, case, Some(column), None, format!("{what}, written, is not shown"));
            }
            for (other, other_column) in columns.iter().enumerate() {
                let (now, then) = (after.cells[other].as_deref(), row.cells[other].as_deref());
                if other != *at && now != then && !may_change(case, row, column, other_column, (then, now)) {
                    let what = format!("writing {} changes it", column.name);
                    self.broken(Law::PutGet, case, Some(other_column), None, what);
                }
            }
        }
    }

    /// One answer a change; none if the call fails, which breaks a law by itself.
    fn answers(&mut self, case: Case<'_>, changes: &[Change]) -> Vec<Answer> {
        match ask::resources(self.subject, &case.table.name, changes) {
            Ok(answers) => answers,
            Err(Alone { at, what }) => {
                let column = changes[at].assignments.first().filter(|_| changes[at].assignments.len() == 1);
                let column = column.and_then(|set| case.table.columns.get(usize::from(set.column)));
                self.broken(Law::PutGet, case, column, None, format!("writing fails: {what}"));
                Vec::new()
            }
        }
    }
}

fn is_writable(column: &wit::Column) -> bool {
    column.access.contains(ColumnAccess::UPDATE)
}

fn change(case: Case<'_>, row: &Row, assignments: Vec<Assignment>) -> Change {
    Change {
        operation: Operation::Update,
        key: row.cells.get(usize::from(case.table.key)).cloned().flatten(),
        assignments,
        existing: Some(case.text.as_bytes().to_vec()),
    }
}

/// Whether one column may change when another is written: it shows the same element, or one of another type of the
/// same choice element, which goes.
fn may_change(
    case: Case<'_>,
    row: &Row,
    written: &wit::Column,
    other: &wit::Column,
    (then, now): (Option<&str>, Option<&str>),
) -> bool {
    let derived = !is_writable(other);
    if derived && other.path.is_empty() {
        return true;
    }
    let start = start(row.cells.get(usize::from(case.table.key)).and_then(Option::as_deref).unwrap_or_default());
    let (mine, theirs) = (members(&written.path, &start), members(&other.path, &start));
    mine.iter().any(|a| {
        theirs.iter().any(|b| {
            let gone = then.is_some() && now.is_none();
            let siblings = base(case.kind, a).is_some() && base(case.kind, a) == base(case.kind, b);
            // A derived choice shows the type itself.
            let shows_type = base(case.kind, a) == Some(b.as_str());
            let one_coding = is_of_coding(a) && is_of_coding(b);
            let says_it = b == "text" && is_spoken(a);
            a == b || a == THIS || b == THIS || one_coding || says_it || (gone || derived) && (siblings || shows_type)
        })
    })
}

/// Of a row that is a Coding: a changed code loses the display that described it.
fn is_of_coding(member: &str) -> bool {
    matches!(member, "code" | "system" | "display")
}

/// Of a row that is a HumanName or an Address: its text says what its parts say.
fn is_spoken(member: &str) -> bool {
    const PARTS: [&str; 10] =
        ["prefix", "given", "family", "suffix", "line", "postalCode", "city", "district", "state", "country"];
    PARTS.contains(&member)
}

const THIS: &str = "$this";

/// Where the paths of a child row start: `participant` of the key `a1/participant/0`.
fn start(key: &str) -> String {
    let steps = key.split('/').skip(1).filter(|step| !step.bytes().all(|byte| byte.is_ascii_digit()));
    steps.collect::<Vec<_>>().join(".")
}

/// The first member of each alternative of a path, behind where the row starts. A choice element has the name that it has
/// in a resource, however the path says it.
fn members(path: &str, start: &str) -> Vec<String> {
    let first = |path: &str| {
        let inside = path.strip_prefix(start).filter(|_| !start.is_empty());
        let inside = inside.map_or(path, |rest| rest.trim_start_matches('.'));
        let inside = inside.trim_start_matches("$this.");
        let member = inside.split(['.', '[', '(', ' ']).next().unwrap_or_default();
        let of_type = inside[member.len()..].strip_prefix(".ofType(").and_then(|rest| rest.split(')').next());
        match (member, of_type) {
            ("", _) => THIS.to_owned(),
            (base, Some(of_type)) => choice_name(base, of_type.trim()),
            (member, None) => member.trim_start_matches('_').to_owned(),
        }
    };
    path.split('|').map(|path| first(path.trim())).collect()
}

/// A value that differs from the one shown; none where the kind has no other.
pub fn other_value(kind: &ColumnType, shown: Option<&str>) -> Option<String> {
    let candidates: Vec<String> = match kind {
        ColumnType::Text(_) => vec!["other \"text\"\n".into()],
        ColumnType::Boolean => vec!["true".into(), "false".into()],
        ColumnType::Int32 | ColumnType::Int64 => vec!["41".into(), "42".into()],
        ColumnType::Decimal(_) => vec!["0.10".into(), "0.20".into()],
        ColumnType::Date => vec!["2001-02-03".into(), "2001-02-04".into()],
        ColumnType::DateTime => vec!["2001-02-03T04:05:06.789Z".into(), "2001-02-04T00:00:00+01:00".into()],
        ColumnType::PartialDate => vec!["2001-02".into(), "2001".into()],
        ColumnType::Uri => vec!["http://example.org/other".into()],
        ColumnType::Choice(choice) => choice.options.iter().map(|option| option.code.clone()).collect(),
        ColumnType::Lookup(lookup) => lookup.resource_types.iter().map(|kind| format!("{kind}/another")).collect(),
        ColumnType::Json => vec!["{\"other\":[1.0]}".into()],
        ColumnType::Key => Vec::new(),
    };
    candidates.into_iter().find(|candidate| Some(candidate.as_str()) != shown)
}
