//! Mappings as they are written: text to a mapping that can be called, or to what is wrong with the text and where. Nothing
//! is stored; the latest few are kept, since the resource beside a text changes as often as the text.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use turntable_componentize::{declare, fill};
use turntable_laws::definitions;
use turntable_mapping_yaml as yaml;
use turntable_view::{self as view, PROGRAM};

use crate::mapping::component::Mapping;
use crate::mapping::sandbox::Sandbox;
use crate::mapping::shipped::{DECLARED, VIEW_ENGINE};
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::limits::Limits;

/// Texts whose mappings are kept.
const KEPT: usize = 8;
/// A text has no file; its author sees places alone.
const NO_FILE: &str = "";
/// The table of a view without a name.
const VIEW_NAME: &str = "view";

/// The language of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Yaml,
    /// A SQL-on-FHIR ViewDefinition, in JSON.
    View,
}

/// What came of a text.
pub struct Draft {
    /// None: it is too wrong to be called.
    pub mapping: Option<Arc<Mapping>>,
    pub notes: Vec<Note>,
}

/// Something to know of a text, and where; line and column from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The mapping cannot be built, or differs from R4.
    pub is_error: bool,
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
}

/// The texts of late.
#[derive(Default)]
pub struct Drafts {
    kept: Mutex<VecDeque<(Language, String, Arc<Draft>)>>,
    /// Bytes of YAML read so far: what is read of a mapping is there until the process ends.
    read: AtomicUsize,
}

impl Drafts {
    /// What a text comes to. Takes tenths of a second where it is new, and holds the thread. `Busy`: there is no room for
    /// another one (`drafts_bytes`).
    pub fn draft(&self, language: Language, text: &str, sandbox: &Sandbox, limits: &Limits) -> Result<Arc<Draft>> {
        if let Some(known) = self.known(language, text) {
            return Ok(known);
        }
        let draft = Arc::new(match language {
            Language::Yaml => {
                self.make_room(text.len(), limits.drafts_bytes)?;
                of_yaml(text, sandbox)?
            }
            Language::View => of_view(text, sandbox)?,
        });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((language, text.to_owned(), Arc::clone(&draft)));
        while kept.len() > KEPT {
            kept.pop_front();
        }
        Ok(draft)
    }

    /// The component of a mapping in YAML, as `turntable mapping build` makes it where there are no samples. `ComponentRefused`,
    /// with each place where something is wrong; `Busy` as of [`Self::draft`].
    pub fn component(&self, text: &str, limits: &Limits) -> Result<Vec<u8>> {
        self.make_room(text.len(), limits.drafts_bytes)?;
        let mapping = yaml::read(text, NO_FILE).map_err(|faults| {
            let details: Vec<_> = faults.into_iter().map(|fault| placed(&noted(fault))).collect();
            Error::new(Code::ComponentRefused, "no component can be made of this mapping: it is not right yet")
                .hint("put right what is named; the playground says the same as it is typed")
                .details(details)
        })?;
        declare(DECLARED, mapping, &[]).map_err(not_built)
    }

    fn known(&self, language: Language, text: &str) -> Option<Arc<Draft>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(of, known, _)| *of == language && known == text).map(|(.., draft)| Arc::clone(draft))
    }

    fn make_room(&self, bytes: usize, most: usize) -> Result<()> {
        let taken = self.read.fetch_add(bytes, Ordering::Relaxed);
        if taken.saturating_add(bytes) <= most {
            return Ok(());
        }
        self.read.fetch_sub(bytes, Ordering::Relaxed);
        Err(Error::new(Code::Busy, "no more mappings in YAML can be tried (limits.drafts_bytes)")
            .hint("build it and try the component: turntable mapping build; or start the server again"))
    }
}

fn of_yaml(text: &str, sandbox: &Sandbox) -> Result<Draft> {
    let document = match yaml::parse(text, NO_FILE) {
        Ok(document) => document,
        Err(faults) => return Ok(Draft { mapping: None, notes: faults.into_iter().map(noted).collect() }),
    };
    let placed = |fault: &definitions::Fault| {
        // A part of a concept stands on the concept's line.
        let column = fault.column.as_deref().unwrap_or_default();
        let whole = column.rsplit_once('_').map_or(column, |(whole, _)| whole);
        let named = if document.has(&fault.table, column) { column } else { whole };
        noted(document.fault(&fault.table, named, fault.to_string()))
    };
    let mut notes: Vec<_> = definitions::check(document.mapping).iter().map(placed).collect();
    notes.sort_by_key(|note| (note.line, note.column));
    let component = declare(DECLARED, document.mapping, &[]).map_err(not_built)?;
    called(sandbox, &component, notes)
}

fn of_view(text: &str, sandbox: &Sandbox) -> Result<Draft> {
    let note = |is_error: bool| {
        move |fault: &view::Fault| {
            let hint = (!fault.pointer.is_empty()).then(|| format!("at {}", fault.pointer));
            Note { is_error, line: fault.line, column: fault.column, message: fault.message.clone(), hint }
        }
    };
    let compiled = match view::compile(text, VIEW_NAME) {
        Ok(compiled) => compiled,
        Err(faults) => return Ok(Draft { mapping: None, notes: faults.iter().map(note(true)).collect() }),
    };
    let component = fill(VIEW_ENGINE, &[(PROGRAM, &compiled.program)], &[]).map_err(not_built)?;
    called(sandbox, &component, compiled.warnings.iter().map(note(false)).collect())
}

/// A mapping may be well written and still say what this server does not take: then its author learns that beside the rest.
fn called(sandbox: &Sandbox, component: &[u8], mut notes: Vec<Note>) -> Result<Draft> {
    match sandbox.passing().load(component) {
        Ok(mapping) => Ok(Draft { mapping: Some(Arc::new(mapping)), notes }),
        Err(error) if matches!(error.code(), Code::MappingIllFormed | Code::ComponentRefused) => {
            let details = error.get_details().iter().map(|detail| detail.message.as_str());
            let messages: Vec<_> = [error.message()].into_iter().chain(details).map(str::to_owned).collect();
            let whole = |message| Note { is_error: true, line: 1, column: 1, message, hint: None };
            notes.extend(messages.into_iter().map(whole));
            Ok(Draft { mapping: None, notes })
        }
        Err(error) => Err(error),
    }
}

fn noted(fault: yaml::Fault) -> Note {
    let yaml::Place { line, column } = fault.place;
    Note { is_error: true, line, column, message: fault.message, hint: fault.hint }
}

/// A note as a part of an error.
fn placed(note: &Note) -> Detail {
    let hint = note.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    Detail {
        code: "yaml".to_owned(),
        message: format!("{}{hint}", note.message),
        target: Some(format!("line {}, column {}", note.line, note.column)),
    }
}

fn not_built(why: String) -> Error {
    Error::new(Code::ComponentRefused, "no component can be made of this mapping").internal(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "mapping: flag\nversion: 0.1.0\ntables:\n  tt_flag:\n    set: tt_flags\n    label: Flag\n    \
                        description: A warning.\n    resource: Flag\n    name: tt_warning\n    columns:\n      \
                        tt_flagid: {key: true, label: Flag}\n      tt_warning: {text: code.text, label: Warning, max: 200}\n";

    #[test]
    fn texts_come_to_mappings_or_to_what_is_wrong_with_them() {
        let limits = Limits { mapping_concurrency: 1, ..Limits::default() };
        let sandbox = Sandbox::new(&limits, None).expect("a sandbox");
        let drafts = Drafts::default();
        let draft = |text: &str| drafts.draft(Language::Yaml, text, &sandbox, &limits).expect("a draft");
        let good = draft(GOOD);
        assert_eq!(good.mapping.as_ref().map(|mapping| mapping.name.as_str()), Some("flag"));
        assert!(good.notes.is_empty(), "{:?}", good.notes);
        assert!(Arc::ptr_eq(&good, &draft(GOOD)), "the same text is read once");

        let typo = draft(&GOOD.replace("text: code.text", "txet: code.text"));
        assert!(typo.mapping.is_none());
        assert_eq!((typo.notes[0].line, typo.notes[0].is_error), (12, true), "{:?}", typo.notes);
        let unknown = draft(&GOOD.replace("code.text", "colour"));
        assert_eq!(unknown.notes[0].line, 12, "{:?}", unknown.notes);

        assert!(drafts.component(GOOD, &limits).expect("a component").starts_with(b"\0asm"));
        let error = drafts.component(&GOOD.replace("text: code.text", "txet: code.text"), &limits).expect_err("a typo");
        assert_eq!(error.code(), Code::ComponentRefused);
        assert_eq!(error.get_details()[0].target.as_deref().map(|at| &at[..8]), Some("line 12,"), "{error:?}");

        let view = r#"{"resourceType":"ViewDefinition","resource":"Patient","name":"p","select":[{"column":[{"name":"id","path":"idd"}]}]}"#;
        let wrong = drafts.draft(Language::View, view, &sandbox, &limits).expect("a draft");
        assert!(wrong.mapping.is_none() && wrong.notes[0].line == 1, "{:?}", wrong.notes);
    }

    #[test]
    fn what_is_read_of_texts_is_bounded() {
        let drafts = Drafts::default();
        assert!(drafts.make_room(6, 10).is_ok());
        assert_eq!(drafts.make_room(5, 10).expect_err("no room").code(), Code::Busy);
        assert!(drafts.make_room(4, 10).is_ok());
    }
}
