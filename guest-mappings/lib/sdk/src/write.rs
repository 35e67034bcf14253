//! Rows to FHIR.
//!
//! A change is compared with what the row shows now; only what differs is written, in place, and the
//! result is read back: a resource that would not show what was asked for is refused, not sent.

use turntable_scan::{Document, Value};

use crate::assign::{self, Assigned};
use crate::bindings::exports::turntable::mapping::write::{Change, Failure, FhirRequest, Operation};
use crate::bindings::turntable::mapping::types::{Issue, IssueCode};
use crate::cell::{self, Scope};
use crate::column::{Access, Kind};
use crate::edit::Edit;
use crate::field::{Field, fields};
use crate::located::{Located, at, general};
use crate::place::{self, Step};
use crate::problem::Problem;
use crate::read::{find_source, find_table};
use crate::reference;
use crate::table::{Mapping, Source, Table, lists};
use crate::tree::{Id, ROOT, Tree};

/// The answer to one change.
pub type Answer = Result<FhirRequest, Vec<Issue>>;

/// Answers `write.resource`, one answer for each change in order.
pub fn resources(mapping: &'static Mapping, table: &str, changes: &[Change]) -> Result<Vec<Answer>, Failure> {
    let table = find_table(mapping, table)?;
    let (fields, lists) = (fields(table), lists(mapping, table));
    for change in changes {
        if let Some(unknown) = change.assignments.iter().find(|set| usize::from(set.column) >= fields.len()) {
            return Err(Failure::BadRequest(format!("{} has no column {}", table.name, unknown.column)));
        }
    }
    let answer = |(index, change)| {
        let writer = Writer { table, lists: &lists, fields: &fields, change };
        writer.answer().map_err(|problems| problems.into_iter().map(|problem| problem.issue(index)).collect())
    };
    Ok((0..).zip(changes).map(answer).collect())
}

struct Writer<'c> {
    table: &'static Table,
    /// Whose elements the rows are.
    lists: &'c [&'static str],
    fields: &'c [Field],
    change: &'c Change,
}

impl Writer<'_> {
    fn answer(&self) -> Result<FhirRequest, Vec<Located>> {
        if self.table.read_only {
            return Err(general(Problem::not_supported("the table is read only")));
        }
        match (&self.table.parent, self.change.operation) {
            (None, Operation::Create) => self.create(),
            (None, Operation::Update) => self.update(),
            (None, Operation::Delete) => Ok(FhirRequest::Delete),
            (Some(_), Operation::Create) => self.create_child(),
            (Some(_), Operation::Update) => self.update_child(),
            (Some(_), Operation::Delete) => self.delete_child(),
        }
    }

    fn create(&self) -> Result<FhirRequest, Vec<Located>> {
        let source = self.new_source()?;
        let key = match &self.change.key {
            Some(key) if !reference::is_id(key) => {
                return Err(general(Problem::value(
                    "the key cannot be a FHIR id (letters, digits, '-', '.', up to 64)",
                )));
            }
            key => key.as_deref(),
        };
        let id = key.map(|key| format!(",\"id\":\"{key}\"")).unwrap_or_default();
        let text = format!("{{\"resourceType\":\"{}\"{id}}}", source.resource_type);
        let document = parse(text.as_bytes())?;
        let scope = Scope {
            source,
            resource: document.root(),
            id: key.unwrap_or_default(),
            element: document.root(),
            place: &[],
        };
        let edited = self.edit(scope, true, || Ok(begin(scope, Tree::of(&document), ROOT, true)))?;
        Ok(FhirRequest::Create(edited.unwrap_or(text).into_bytes()))
    }

    fn update(&self) -> Result<FhirRequest, Vec<Located>> {
        let document = self.existing()?;
        let (source, id) = self.identify(document.root())?;
        if self.change.key.as_ref().is_some_and(|key| *key != id) {
            return Err(general(Problem::conflict("the key is not that of the resource")));
        }
        let root = document.root();
        let scope = Scope { source, resource: root, id: &id, element: root, place: &[] };
        let edited = self.edit(scope, false, || Ok(begin(scope, Tree::of(&document), ROOT, false)))?;
        Ok(edited.map_or(FhirRequest::Unchanged, |text| FhirRequest::Update(text.into_bytes())))
    }

    /// A new element at the end of its list.
    fn create_child(&self) -> Result<FhirRequest, Vec<Located>> {
        let document = self.existing()?;
        let root = document.root();
        let (source, id) = self.identify(root)?;
        let mut place = self.new_place(source, &id)?;
        let Some((&list, _)) = self.lists.split_last() else {
            return Err(general(GONE));
        };
        place::at(root, &place).ok_or_else(|| general(GONE))?;
        let mut edit = Edit {
            tree: Tree::of(&document),
            base: ROOT,
            resource_type: source.resource_type,
            creating: true,
            pins: Vec::new(),
        };
        let index = edit.push_row(&place, list).map_err(general)?;
        place.push(Step { list, index });
        let blank = parse(b"{}")?;
        let scope = Scope { source, resource: root, id: &id, element: blank.root(), place: &place };
        match self.edit(scope, true, || Ok(edit))? {
            Some(text) => Ok(FhirRequest::Update(text.into_bytes())),
            None => Err(general(Problem::required("a new row needs a value in some column"))),
        }
    }

    fn update_child(&self) -> Result<FhirRequest, Vec<Located>> {
        let document = self.existing()?;
        let root = document.root();
        let (source, id) = self.identify(root)?;
        let place = self.place(&id)?;
        let element = place::at(root, &place).ok_or_else(|| general(GONE))?;
        let scope = Scope { source, resource: root, id: &id, element, place: &place };
        let edited = self.edit(scope, false, || {
            let mut edit = begin(scope, Tree::of(&document), ROOT, false);
            let moves = place::moves(&place);
            edit.refuse_ambiguous(&moves).map_err(general)?;
            edit.base = edit.find(&moves).ok_or_else(|| general(GONE))?;
            Ok(edit)
        })?;
        Ok(edited.map_or(FhirRequest::Unchanged, |text| FhirRequest::Update(text.into_bytes())))
    }

    /// Takes the element out of its list; the ones behind it move up.
    fn delete_child(&self) -> Result<FhirRequest, Vec<Located>> {
        let document = self.existing()?;
        let root = document.root();
        let (source, id) = self.identify(root)?;
        let place = self.place(&id)?;
        let element = place::at(root, &place).ok_or_else(|| general(GONE))?;
        let scope = Scope { source, resource: root, id: &id, element, place: &place };
        let mut edit = begin(scope, Tree::of(&document), ROOT, false);
        edit.remove_row(&place).map_err(general)?;
        Ok(FhirRequest::Update(edit.tree.render().into_bytes()))
    }

    /// Writes the assignments and gives the new text of the whole resource, if anything changed. Where all is shown
    /// already, nothing is begun: the resource may be one that cannot be written.
    fn edit<'t>(
        &self,
        scope: Scope<'_>,
        creating: bool,
        begin: impl FnOnce() -> Result<Edit<'t>, Vec<Located>>,
    ) -> Result<Option<String>, Vec<Located>> {
        let (assigned, kept) = self.assigned(scope, creating)?;
        if assigned.is_empty() && !creating {
            return Ok(None);
        }
        let mut edit = begin()?;
        let mut problems = assign::apply(&mut edit, &assigned, &kept);
        if let Some(hook) = self.table.before_write {
            problems.extend(hook(&mut edit).err().into_iter().flat_map(general));
        }
        if creating && !scope.place.is_empty() && edit.is_blank() && problems.is_empty() {
            // A row without a value is no element; but say first what is required.
            let missing = self.missing(scope, true, &assigned);
            return if missing.is_empty() { Ok(None) } else { Err(missing) };
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if !edit.tree.is_changed() && !creating {
            return Ok(None);
        }
        edit.finish();
        if edit.is_another_current() {
            let of_pins = assigned.iter().filter(|set| set.is_of_current());
            let located: Vec<_> = of_pins.map(|set| at(set.column, OTHER_CURRENT)).collect();
            return Err(if located.is_empty() { general(OTHER_CURRENT) } else { located });
        }
        let text = edit.tree.render();
        self.read_back(scope, &text, creating, &assigned)?;
        Ok(Some(text))
    }

    /// The assignments that differ from what the row shows, and those that do not.
    fn assigned(&self, scope: Scope<'_>, creating: bool) -> Result<(Vec<Assigned>, Vec<Assigned>), Vec<Located>> {
        let (mut assigned, mut kept) = (Vec::new(), Vec::new());
        let mut problems = Vec::new();
        for set in &self.change.assignments {
            let field = self.fields[usize::from(set.column)];
            let shown = cell::read(field, scope).text;
            if assign::same(field, shown.as_deref(), set.value.as_deref()) {
                kept.push(Assigned::new(set.column, field, set.value.clone()));
                continue;
            }
            match self.refusal(field, scope.source, creating, set.value.is_none()) {
                Some(problem) => problems.push(at(set.column, problem)),
                None => assigned.push(Assigned::new(set.column, field, set.value.clone())),
            }
        }
        problems.extend(assign::reconcile(scope.source.resource_type, &mut assigned));
        if problems.is_empty() { Ok((assigned, kept)) } else { Err(problems) }
    }

    fn refusal(&self, field: Field, source: &Source, creating: bool, is_null: bool) -> Option<Problem> {
        let column = match field {
            Field::Column(column, _) => column,
            Field::Parent(_) => {
                return Some(Problem::conflict("the row belongs to another parent"));
            }
        };
        if !field.exists_for(source) {
            return Some(Problem::not_supported("the column does not exist for this type of resource"));
        }
        match (column.kind, field.access()) {
            (Kind::Key, _) => Some(Problem::conflict("the key cannot be changed")),
            (Kind::Constant(..), _) => Some(Problem::not_supported("the column has the same value in every such row")),
            (_, Access::ReadOnly) => Some(Problem::not_supported("the column is read only")),
            (_, Access::CreateOnly) if !creating => {
                Some(Problem::not_supported("the column can be set on create only"))
            }
            _ if column.required && field.is_required() && is_null => {
                Some(Problem::required("the column cannot be null"))
            }
            _ if column.write_with.is_none() && column.path.is_empty() => {
                Some(Problem::not_supported("the column has no element in FHIR"))
            }
            _ => None,
        }
    }

    /// Reads the new resource: it must show what was asked for, and all that is required.
    fn read_back(
        &self,
        scope: Scope<'_>,
        text: &str,
        creating: bool,
        assigned: &[Assigned],
    ) -> Result<(), Vec<Located>> {
        let document = parse(text.as_bytes())?;
        let resource = document.root();
        let element = place::at(resource, scope.place)
            .ok_or_else(|| general(Problem::conflict("the row would be gone after the change")))?;
        let scope = Scope { resource, element, source: scope.source, id: scope.id, place: scope.place };
        let mut problems = self.missing(scope, creating, assigned);
        for set in assigned {
            let unreadable =
                set.field.column().is_some_and(|column| column.path.is_empty() && column.read_with.is_none());
            let shown = cell::read(set.field, scope).text;
            if !unreadable && !assign::same(set.field, shown.as_deref(), set.value.as_deref()) {
                problems.push(at(set.column, NOT_SHOWN));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// What is required and not there: on create all of it, on update what the change touched.
    fn missing(&self, scope: Scope<'_>, creating: bool, assigned: &[Assigned]) -> Vec<Located> {
        let mut missing = Vec::new();
        for (&field, column) in self.fields.iter().zip(0..) {
            let concerned = creating || assigned.iter().any(|set| set.column == column);
            let readable = field.column().is_some_and(|column| !column.path.is_empty() || column.read_with.is_some());
            if concerned
                && readable
                && field.is_required()
                && field.exists_for(scope.source)
                && cell::read(field, scope).text.is_none()
            {
                missing.push(at(column, Problem::required("the column must have a value")));
            }
        }
        missing
    }

    /// The source of a new row: the one that its discriminator names.
    fn new_source(&self) -> Result<&'static Source, Vec<Located>> {
        let mut told_by = None;
        for (&field, index) in self.fields.iter().zip(0..) {
            let Some(column) = field.column() else {
                continue;
            };
            let mut sources =
                self.table.sources().filter(|source| source.when.is_some_and(|(name, _)| name == column.name));
            if sources.next().is_none() {
                continue;
            }
            told_by = Some(index);
            let set = self.change.assignments.iter().find(|set| set.column == index);
            let Some(code) = set.and_then(|set| set.value.as_deref()) else {
                continue;
            };
            let named = self.table.sources().find(|source| source.when == Some((column.name, code)));
            return named.ok_or_else(|| {
                vec![at(index, Problem::new(IssueCode::CodeInvalid, "rows of this kind cannot be created here"))]
            });
        }
        let mut sources = self.table.sources();
        match (sources.next(), sources.next(), told_by) {
            (Some(only), None, _) => Ok(only),
            (_, _, Some(column)) => Err(vec![at(column, Problem::required("says what the new row is"))]),
            _ => Err(general(Problem::not_supported("the table does not say which resource a new row is"))),
        }
    }

    fn existing(&self) -> Result<Document<'_>, Vec<Located>> {
        let bytes = self.change.existing.as_deref();
        let bytes = bytes.ok_or_else(|| {
            general(Problem::new(
                IssueCode::Structure,
                "the existing resource is not given; the host must read it first",
            ))
        })?;
        parse(bytes)
    }

    /// Source and id of an existing resource.
    fn identify(&self, resource: Value<'_>) -> Result<(&'static Source, String), Vec<Located>> {
        let source = find_source(self.table, resource);
        let source = source
            .ok_or_else(|| general(Problem::new(IssueCode::Structure, "not a resource type that this table maps")))?;
        let id = resource.get("id").and_then(Value::text);
        let id = id.ok_or_else(|| general(Problem::new(IssueCode::Structure, "the resource has no id")))?;
        Ok((source, id.into_owned()))
    }

    /// Where the row is that the change's key names.
    fn place(&self, id: &str) -> Result<Vec<Step>, Vec<Located>> {
        let key = self.change.key.as_deref().unwrap_or_default();
        let place = place::of_key(key, id, self.lists);
        place.ok_or_else(|| general(Problem::conflict("the key is not that of a row of this resource")))
    }

    /// Where the parent of a new row is: the resource, or the element that the parent's lookup names.
    fn new_place(&self, source: &Source, id: &str) -> Result<Vec<Step>, Vec<Located>> {
        let above = self.lists.split_last().map_or(&[][..], |(_, above)| above);
        if above.is_empty() {
            return Ok(Vec::new());
        }
        let column = self.fields.iter().position(|field| matches!(field, Field::Parent(_)));
        let column = column.and_then(|column| u16::try_from(column).ok()).unwrap_or(u16::MAX);
        let set = self.change.assignments.iter().find(|set| set.column == column);
        let Some(parent) = set.and_then(|set| set.value.as_deref()) else {
            return Err(vec![at(column, Problem::required("a new row needs its parent: which element it goes into"))]);
        };
        let key = parent.strip_prefix(source.resource_type).and_then(|rest| rest.strip_prefix('/'));
        let place = key.and_then(|key| place::of_key(key, id, above));
        place.ok_or_else(|| vec![at(column, Problem::conflict("the row belongs to another parent"))])
    }
}

fn begin<'t>(scope: Scope<'_>, tree: Tree<'t>, base: Id, creating: bool) -> Edit<'t> {
    Edit { tree, base, resource_type: scope.source.resource_type, creating, pins: Vec::new() }
}

const GONE: Problem =
    Problem::conflict("the resource has no such element; another change may have moved it: read the rows again");
const OTHER_CURRENT: Problem =
    Problem::conflict("with this value another one would be the current one, and the row would show that");
const NOT_SHOWN: Problem =
    Problem::conflict("the resource would not show this value: another element or column stands against it");

fn parse(text: &[u8]) -> Result<Document<'_>, Vec<Located>> {
    Document::parse(text)
        .map_err(|error| general(Problem { code: IssueCode::Structure, message: error.to_string().into() }))
}
