//! A mapping that misbehaves: how it reads and writes is told by the table's name, how it describes itself by a
//! marker that the tests overwrite in the finished component. Marked `picky` it has one table, over conditions, honest but
//! for those whose text says how to misbehave; marked `mended` the same table is honest with all. The tables `good`, `leak`, `scribbles` and `works` are honest.

#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "the generated bindings, and answers that safe code cannot give")]

use std::{
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

wit_bindgen::generate!({ path: "../../wit", world: "mapper" });

use crate::{
    exports::turntable::mapping::{
        read::{self, ReadRequest, RowBatch, TableRequest},
        schema::{self, Column, ColumnAccess, ColumnType, Mapping, Source, Table, TableAccess, TextType},
        write::{self, Change, FhirRequest},
    },
    turntable::mapping::{
        host::{self, Level},
        types::{Cells, Documents, Failure, Issue, IssueCode, Severity},
    },
};

/// Overwritten by the tests, hence read as if it could change.
static DESCRIBE: [u8; 32] = *b"DESCRIBE:honest                 ";

const TABLES: [&str; 32] = [
    "good",
    "leak",
    "scribbles",
    "works",
    "loops",
    "grows",
    "grows_politely",
    "recurses",
    "traps",
    "panics",
    "huge",
    "huge_list",
    "ends_backwards",
    "ends_beyond",
    "ends_in_character",
    "half_row",
    "cell_beyond",
    "origin_beyond",
    "origin_backwards",
    "origin_short",
    "issue_beyond",
    "not_utf8",
    "wild_pointer",
    "no_key",
    "silent",
    "keeps_a_batch",
    "crowds_time",
    "crowds_memory",
    "crowds_answer",
    "alone",
    "floods",
    "fails",
];

struct Hostile;
export!(Hostile);

impl schema::Guest for Hostile {
    fn describe() -> Mapping {
        let how = marked();
        let mut tables: Vec<Table> = TABLES.iter().map(|name| table(name)).collect();
        match how {
            "loops" => spin(),
            "traps" => trap(),
            "grows" => grow(),
            "duplicate column" => tables[0].columns[1].name = "id".into(),
            "index" => tables[0].primary_name = 7,
            "two keys" => tables[0].columns[1].kind = ColumnType::Key,
            "odd name" => tables[0].name = "Robert'); DROP TABLE".into(),
            "no tables" => tables.clear(),
            "picky" | "mended" => tables = vec![picky_table()],
            "many columns" => tables[0].columns = (0..60_000).map(|n| column(&format!("c{n}"), text())).collect(),
            _ => {}
        }
        Mapping { name: "hostile".into(), version: "0.1.0".into(), tables }
    }
}

fn marked() -> &'static str {
    let marker = black_box(&DESCRIBE);
    std::str::from_utf8(&marker[9..]).map_or("", str::trim)
}

/// What an earlier call has seen. In a fresh instance it is always 0.
static SEEN: AtomicUsize = AtomicUsize::new(0);

/// How many words of memory that is new to this call are not zero. Then leaves its mark in them: everywhere in the
/// first part, in every second page of the others, so that neither one stretch nor a few hold it all.
fn scribble() -> usize {
    const PAGE: usize = 64 << 10;
    let start = core::arch::wasm32::memory_grow(0, 96) * PAGE;
    let words = |from: usize, to: usize, step: usize| (from..to).step_by(step).map(|at| at as *mut u64);
    let end = core::arch::wasm32::memory_size(0) * PAGE;
    // SAFETY: the memory was just made, is aligned, and is nobody else's.
    unsafe {
        let found = words(start, end, 8).filter(|word| word.read_volatile() != 0).count();
        let part = start + (end - start) / 3;
        words(start, part, 8).chain(words(part, end, 8 << 10)).for_each(|word| word.write_volatile(u64::MAX));
        found
    }
}

impl read::Guest for Hostile {
    fn rows(request: ReadRequest) -> Result<Vec<RowBatch>, Failure> {
        let padding = &request.documents.data[request.documents.ends.last().map_or(0, |end| *end as usize)..];
        assert!(padding.len() == 64 && padding.iter().all(|byte| *byte == b' '), "64 spaces behind the last document");
        if request.tables.len() > 1 && request.tables.iter().any(|asked| asked.table == "alone") {
            spin();
        }
        let asked = request.tables.iter().filter(|asked| asked.table != "keeps_a_batch");
        asked.map(|asked| rows(asked, &request.documents)).collect()
    }
}

/// What one document alone may come to, several together may not.
fn is_crowd(documents: &Documents) -> bool {
    documents.ends.len() > 1
}

fn rows(asked: &TableRequest, documents: &Documents) -> Result<RowBatch, Failure> {
    let mut batch = honest(asked, documents);
    match asked.table.as_str() {
        "good" => {}
        "picky" => batch = picky(asked, documents)?,
        "leak" => {
            let seen = SEEN.swap(documents.data.len(), Relaxed);
            batch = one_row(&format!("{seen}"));
        }
        "scribbles" => batch = one_row(&scribble().to_string()),
        // Long, and then done: the longer its documents, the longer it works.
        "works" => turn(documents.data.len() as u64 * 100_000),
        "loops" => spin(),
        "grows" => grow(),
        "grows_politely" => {
            // Refused memory without a trap: goes on with what it has.
            while core::arch::wasm32::memory_grow(0, 16) != usize::MAX {}
        }
        "recurses" => batch = one_row(&recurse(u64::MAX).to_string()),
        "traps" => trap(),
        "panics" => panic!("something about {}", String::from_utf8_lossy(&documents.data)),
        "huge" => batch.cells.text = "x".repeat(40 << 20),
        "huge_list" => batch.cells.ends = vec![0; 10 << 20],
        "crowds_time" if is_crowd(documents) => spin(),
        "crowds_memory" if is_crowd(documents) => grow(),
        "crowds_answer" => batch = one_row_each(documents, &"x".repeat(700 << 10)),
        "crowds_time" | "crowds_memory" | "alone" => {}
        "ends_backwards" => batch.cells.ends.reverse(),
        "ends_beyond" => *batch.cells.ends.last_mut().unwrap() += 1,
        "ends_in_character" => {
            batch.cells.text = "é".into();
            batch.cells.ends = vec![1, 2];
            batch.cells.present.truncate(1);
            batch.origin.truncate(1);
        }
        "half_row" => drop(batch.cells.present.pop()),
        "cell_beyond" => {
            // Of a column that was not asked for.
            batch.cells.present[0] |= 1 << 7;
            batch.cells.ends.push(batch.cells.text.len() as u32);
        }
        "origin_beyond" => *batch.origin.last_mut().unwrap() = documents.ends.len() as u32,
        "origin_backwards" => batch.origin.reverse(),
        "origin_short" => drop(batch.origin.pop()),
        "issue_beyond" => batch.issues.push(Issue {
            severity: Severity::Error,
            code: IssueCode::Value,
            index: 999,
            column: None,
            pointer: None,
            message: String::new(),
        }),
        // SAFETY: none; that is the point.
        "not_utf8" => unsafe { batch.cells.text.as_bytes_mut() }.fill(0xff),
        "wild_pointer" => {
            // SAFETY: none. Neither is ever freed, nor read by this side.
            batch.cells.text = unsafe { String::from_raw_parts(0xffff_fff0 as *mut u8, 1 << 20, 1 << 20) };
        }
        "no_key" => {
            batch.cells.text.clear();
            batch.cells.ends.clear();
            batch.cells.present.fill(0);
        }
        "silent" => batch = no_rows(),
        "floods" => {
            for _ in 0..10_000 {
                host::log(Level::Warn, "\u{1b}[31mlook at me\n");
                host::log(Level::Info, "and me");
            }
            assert_eq!(host::setting("password"), None);
        }
        _ => return Err(Failure::Internal("I do not feel like it".into())),
    }
    Ok(batch)
}

impl write::Guest for Hostile {
    fn resource(table: String, changes: Vec<Change>) -> Result<Vec<Result<FhirRequest, Vec<Issue>>>, Failure> {
        let answers = changes.into_iter().map(|change| match table.as_str() {
            "good" => Ok(match change.existing {
                Some(existing) => FhirRequest::Update(existing),
                None => FhirRequest::Create(b"{}".to_vec()),
            }),
            "picky" => Ok(FhirRequest::Update(renamed(change))),
            "traps" => trap(),
            "loops" => spin(),
            // An update that would delete.
            "leak" => Ok(FhirRequest::Delete),
            "half_row" => Ok(FhirRequest::Update(b"{\"id\":".to_vec())),
            _ => Err(vec![]),
        });
        let mut answers: Vec<_> = answers.collect();
        if table == "origin_short" {
            answers.pop();
        }
        Ok(answers)
    }
}

fn no_rows() -> RowBatch {
    let cells = Cells { text: String::new(), present: vec![], ends: vec![] };
    RowBatch { cells, origin: vec![], issues: vec![] }
}

/// A row for each document: its number and its text.
fn honest(asked: &TableRequest, documents: &Documents) -> RowBatch {
    let mut batch = no_rows();
    let mut start = 0;
    for (index, end) in (0..).zip(&documents.ends) {
        let document = &documents.data[start..*end as usize];
        start = *end as usize;
        for column in &asked.columns {
            match column {
                0 => batch.cells.text.push_str(&index.to_string()),
                _ => batch.cells.text.push_str(&String::from_utf8_lossy(document)),
            }
            batch.cells.ends.push(batch.cells.text.len() as u32);
        }
        batch.cells.present.push((1 << asked.columns.len()) - 1);
        batch.origin.push(index);
    }
    batch
}

/// A row for each condition: its id, its text, a number. Unless mended it does what a text says.
fn picky(asked: &TableRequest, documents: &Documents) -> Result<RowBatch, Failure> {
    let mut batch = no_rows();
    let mut start = 0;
    for (index, end) in (0..).zip(&documents.ends) {
        let document = String::from_utf8_lossy(&documents.data[start..*end as usize]);
        start = *end as usize;
        let member = |name: &str| document.split(name).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("");
        let (mut id, text, mut number, mut rows) = (member("\"id\":\""), member("\"text\":\""), "7", 1);
        match text {
            _ if marked() == "mended" => {}
            "traps" => trap(),
            "loops" => spin(),
            "grows" => grow(),
            "hungry" => drop(black_box(vec![1_u8; 20 << 20])),
            "fails" => return Err(Failure::Internal("I do not like this one".into())),
            "stranger" => id = "another",
            "no number" => number = "seven",
            "twice" => rows = 2,
            "issue" => {
                batch.issues.push(Issue {
                    severity: Severity::Error,
                    code: IssueCode::Value,
                    index,
                    column: None,
                    pointer: None,
                    message: String::new(),
                });
                rows = 0;
            }
            // It tells everybody what it was given, in every way that it has.
            _ if text.starts_with("tells") => {
                for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
                    host::log(level, &document);
                }
                match text.split(' ').nth(1) {
                    Some("failing") => return Err(Failure::Internal(document.into_owned())),
                    Some("complaining") => return Err(Failure::BadRequest(document.into_owned())),
                    Some("panicking") => panic!("{document}"),
                    Some("counting") => number = text,
                    Some("naming") => id = text,
                    Some("pointing") => {
                        let said = Some(document.clone().into_owned());
                        batch.issues.push(Issue {
                            severity: Severity::Error,
                            code: IssueCode::Value,
                            index,
                            column: None,
                            pointer: said.clone(),
                            message: said.unwrap_or_default(),
                        });
                        rows = 0;
                    }
                    _ => {}
                }
            }
            "lies" => {
                batch.origin.push(99);
                rows = 0;
            }
            _ => {}
        }
        for _ in 0..rows {
            for column in &asked.columns {
                batch.cells.text.push_str([id, text, number][*column as usize]);
                batch.cells.ends.push(batch.cells.text.len() as u32);
            }
            batch.cells.present.push((1 << asked.columns.len()) - 1);
            batch.origin.push(index);
        }
    }
    Ok(batch)
}

/// A condition with the text that a change gives it.
fn renamed(change: Change) -> Vec<u8> {
    let existing = String::from_utf8(change.existing.unwrap_or_default()).unwrap_or_default();
    let text = change.assignments.into_iter().find_map(|assigned| assigned.value).unwrap_or_default();
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let renamed = match existing.split_once("\"text\":\"") {
        Some((before, rest)) => {
            let (_, after) = rest.split_once('"').unwrap_or_default();
            format!("{before}\"text\":\"{text}\"{after}")
        }
        None => {
            let before = existing.trim_end().strip_suffix('}').unwrap_or_default();
            format!("{before},\"code\":{{\"text\":\"{text}\"}}}}")
        }
    };
    renamed.into_bytes()
}

fn picky_table() -> Table {
    let mut picky = table("picky");
    picky.sources[0].resource_type = "Condition".into();
    picky.columns.push(column("number", ColumnType::Int32));
    picky.columns.iter_mut().for_each(|column| column.access = ColumnAccess::READ);
    picky.columns[1].access = ColumnAccess::READ | ColumnAccess::UPDATE;
    picky.columns[1].path = "code.text".into();
    picky.access = TableAccess::READ | TableAccess::UPDATE;
    picky
}

fn one_row(text: &str) -> RowBatch {
    one_row_each(&Documents { data: vec![], ends: vec![0] }, text)
}

/// Of both columns, the second always the same.
fn one_row_each(documents: &Documents, text: &str) -> RowBatch {
    let mut batch = no_rows();
    for index in 0..documents.ends.len() {
        for cell in [&index.to_string(), text] {
            batch.cells.text.push_str(cell);
            batch.cells.ends.push(batch.cells.text.len() as u32);
        }
        batch.cells.present.push(0b11);
        batch.origin.push(index as u32);
    }
    batch
}

fn table(name: &str) -> Table {
    Table {
        name: name.into(),
        entity_set: format!("{name}_set"),
        label: name.into(),
        description: String::new(),
        sources: vec![Source {
            resource_type: "Basic".into(),
            profiles: vec![],
            search: vec![],
            fixed_params: vec![],
            includes: vec![],
            discriminator: None,
        }],
        columns: vec![column("id", ColumnType::Key), column("text", text())],
        concepts: vec![],
        key: 0,
        primary_name: 1,
        version: None,
        access: TableAccess::all(),
        parent: None,
        one_row_per_resource: name == "silent",
    }
}

fn column(name: &str, kind: ColumnType) -> Column {
    Column {
        name: name.into(),
        label: name.into(),
        description: String::new(),
        kind,
        access: ColumnAccess::all(),
        required: false,
        path: String::new(),
        elements: vec![],
    }
}

fn text() -> ColumnType {
    ColumnType::Text(TextType { max_length: None, multi_line: false })
}

fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

fn spin() -> ! {
    loop {
        turn(u64::MAX);
    }
}

fn turn(times: u64) {
    let mut turns = 0_u64;
    while turns < times {
        turns = black_box(turns + 1);
    }
}

fn grow() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

#[expect(unconditional_recursion, reason = "the stack is to run out")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    recurse(frame[3].wrapping_sub(1)).wrapping_add(black_box(frame[7]))
}
