//! Changes by path: find the place of a path or make it, set it, or take it away with all that becomes
//! empty.
//!
//! What FHIR and the reading side need is kept on the way:
//! - An emptied element of an array leaves only if it is the last; otherwise later elements would move into
//!   other columns, so it stays as *absent data* (the extension `data-absent-reason`, `unknown`). The same
//!   fills places before one that is written (`line[1]` without a `line[0]`). An element found by `where`
//!   keeps the constants it was found by.
//! - A primitive's `_x` sibling is kept when its value changes, except for `data-absent-reason`, which a
//!   value contradicts; it goes when the value goes. Of a list and its `_x` both are filled out with null to
//!   the same length (R4, json.html#primitive), and what stands beside other values stays.
//! - Writing `valueString` removes `valueQuantity`: a choice element has one type at a time.

use turntable_scan::{Document, Kind};

use crate::choice_elements;
use crate::path::{self, Conditions, Current, Literal, Move, Path};
use crate::place::{self, Step};
use crate::problem::Problem;
use crate::tree::{Cursor, Id, ROOT, Tree};

/// A resource, or the element that a child table's row is, being changed. Paths start there.
pub struct Edit<'t> {
    pub(crate) tree: Tree<'t>,
    pub(crate) base: Id,
    pub(crate) resource_type: &'static str,
    pub(crate) creating: bool,
    /// Which element was the current one of its list when the change first went there: what is written belongs to it.
    pub(crate) pins: Vec<Pin>,
}

/// The current one of a list.
#[derive(Clone, Copy)]
pub(crate) struct Pin {
    list: Id,
    current: Current,
    element: Id,
}

const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// Elements that always repeat in R4, so that a path needs no index to say so.
const REPEATING: &[&str] = &["coding", "extension", "modifierExtension", "given", "prefix", "suffix", "line"];

/// Elements of resources that do so, while their namesakes deeper down (a Reference's `identifier`) do not.
const REPEATING_ON_TOP: &[&str] = &["telecom", "identifier"];

/// Resources whose `identifier` is one.
const ONE_IDENTIFIER: &[&str] = &[
    "AdverseEvent",
    "Bundle",
    "Composition",
    "ConceptMap",
    "MedicinalProductIngredient",
    "QuestionnaireResponse",
    "SpecimenDefinition",
    "SubstanceSpecification",
    "TestReport",
    "TestScript",
];

/// Resources of whose elements `prefix` is one text.
const ONE_PREFIX: &[&str] = &["PlanDefinition", "Questionnaire", "RequestGroup"];

impl Edit<'_> {
    /// Whether the row is a new one.
    pub fn is_create(&self) -> bool {
        self.creating
    }

    pub fn resource_type(&self) -> &str {
        self.resource_type
    }

    /// The text at a path.
    pub fn text(&self, path: &'static str) -> Result<Option<String>, Problem> {
        let found = self.find(&parse(path)?);
        let text = found.and_then(|id| path::Element::text(Cursor::new(&self.tree, id)));
        Ok(text.map(|text| text.into_owned()))
    }

    /// The JSON at a path.
    pub fn json(&self, path: &'static str) -> Result<Option<String>, Problem> {
        Ok(self.find(&parse(path)?).map(|id| self.tree.text_of(id)))
    }

    /// Sets a text, in place or where the path makes room for it.
    pub fn set_text(&mut self, path: &'static str, text: &str) -> Result<(), Problem> {
        let moves = parse(path)?;
        let leaf = self.tree.text_leaf(text);
        self.put(&moves, leaf)
    }

    /// Sets any JSON value.
    pub fn set_json(&mut self, path: &'static str, json: &str) -> Result<(), Problem> {
        let moves = parse(path)?;
        let value = self.copy(json)?;
        self.put_whole(&moves, value)
    }

    /// Removes what is at a path, and the containers that become empty.
    pub fn remove(&mut self, path: &'static str) -> Result<(), Problem> {
        self.clear_whole(&parse(path)?)
    }

    pub(crate) fn copy(&mut self, json: &str) -> Result<Id, Problem> {
        let document = Document::parse(json.as_bytes()).map_err(|_| Problem::value("not JSON"))?;
        Ok(self.tree.copy(document.root()))
    }

    /// Puts `value` in the place of `old`; the base stays what paths start from.
    fn replace(&mut self, old: Id, value: Id) {
        self.tree.replace(old, value);
        if old == self.base {
            self.base = value;
        }
        for pin in &mut self.pins {
            for place in [&mut pin.list, &mut pin.element] {
                if *place == old {
                    *place = value;
                }
            }
        }
    }

    pub(crate) fn find(&self, moves: &[Move]) -> Option<Id> {
        let mut at = Cursor::new(&self.tree, self.base);
        let mut rest = moves;
        while let Some(next) = rest.iter().position(|step| matches!(step, Move::Current(_))) {
            let Move::Current(current) = rest[next] else { return None };
            at = path::find(at, rest[..next].iter().cloned())?.element;
            at = match self.pinned(at.id, current) {
                Some(element) => Cursor::new(&self.tree, element),
                None => path::current(at, current)?,
            };
            rest = &rest[next + 1..];
        }
        let found = path::find(at, rest.iter().cloned())?.element.id;
        (self.tree.kind(found) != Kind::Null).then_some(found)
    }

    /// Settles which elements are the current ones, before anything changes.
    pub(crate) fn pin(&mut self, moves: &[Move]) {
        for (at, step) in moves.iter().enumerate() {
            let Move::Current(current) = step else { continue };
            let place = self.find(&moves[..at]).zip(self.find(&moves[..=at]));
            if let Some((list, element)) = place.filter(|(list, _)| self.pinned(*list, *current).is_none()) {
                self.pins.push(Pin { list, current: *current, element });
            }
        }
    }

    fn pinned(&self, list: Id, current: Current) -> Option<Id> {
        let mut pins = self.pins.iter().filter(|pin| pin.list == list && pin.current == current);
        pins.find(|pin| self.tree.is_attached(pin.element)).map(|pin| pin.element)
    }

    /// Whether another element would be the current one after the change: what the row shows would be another's.
    pub(crate) fn is_another_current(&self) -> bool {
        self.pins.iter().filter(|pin| self.tree.is_attached(pin.element)).any(|pin| {
            let now = path::current(Cursor::new(&self.tree, pin.list), pin.current);
            now.is_some_and(|now| now.id != pin.element)
        })
    }

    /// Puts a new leaf at the end of `moves`; of a list, in its first place.
    pub(crate) fn put(&mut self, moves: &[Move], leaf: Id) -> Result<(), Problem> {
        self.displace_other_types(moves);
        let mut place = self.reach(moves)?;
        if self.tree.kind(place) == Kind::Array {
            place = self.first_of(place);
        }
        if matches!(self.tree.kind(place), Kind::Array | Kind::Object) {
            return Err(OTHER_TYPE);
        }
        self.replace(place, leaf);
        self.drop_absent_sibling(leaf);
        Ok(())
    }

    /// Puts any value at the end of `moves`, in place of all that is there.
    pub(crate) fn put_whole(&mut self, moves: &[Move], value: Id) -> Result<(), Problem> {
        self.displace_other_types(moves);
        let place = self.reach(moves)?;
        self.replace(place, value);
        self.drop_absent_sibling(value);
        self.level(value);
        Ok(())
    }

    /// The object at the end of `moves`, made if it is not there.
    pub(crate) fn reach_object(&mut self, moves: &[Move]) -> Result<Id, Problem> {
        self.displace_other_types(moves);
        let place = self.reach(moves)?;
        self.as_object(place)
    }

    /// Takes away what a column shows at the end of `moves`; of a list, its first place.
    pub(crate) fn clear(&mut self, moves: &[Move]) -> Result<(), Problem> {
        let first = |edit: &Self, id| path::present(Cursor::new(&edit.tree, id)).map(|first| first.id);
        self.refuse_ambiguous(moves)?;
        match self.find(moves) {
            Some(id) => self.take_away(first(self, id).unwrap_or(id), moves),
            None => Ok(()),
        }
    }

    /// Takes away all that is at the end of `moves`.
    pub(crate) fn clear_whole(&mut self, moves: &[Move]) -> Result<(), Problem> {
        self.refuse_ambiguous(moves)?;
        match self.find(moves) {
            Some(id) => self.take_away(id, moves),
            None => Ok(()),
        }
    }

    /// Members of the object at the end of `moves` that are no longer true.
    pub(crate) fn drop_members(&mut self, moves: &[Move], names: &[&str]) {
        let Some(id) = self.find(moves) else {
            return;
        };
        let Some(object) = path::present(Cursor::new(&self.tree, id)).map(|cursor| cursor.id) else {
            return;
        };
        for name in names {
            self.tree.remove_member(object, name);
            self.tree.remove_member(object, &underscored(name));
        }
    }

    /// Like [`Edit::drop_members`], and removes the object too if nothing is left in it.
    pub(crate) fn clear_members(&mut self, moves: &[Move], names: &[&str]) -> Result<(), Problem> {
        self.refuse_ambiguous(moves)?;
        self.drop_members(moves, names);
        if let Some(object) = self.find(moves).and_then(|id| path::present(Cursor::new(&self.tree, id))) {
            let (object, anchors) = (object.id, self.anchors(moves));
            self.prune(object, &anchors);
        }
        Ok(())
    }

    /// Fills what must not stay empty. To be called once, before the tree becomes text.
    pub(crate) fn finish(&mut self) {
        for (array, hole) in self.tree.holes() {
            if self.is_sibling(array) {
                // What is beside a value says nothing of its own.
                let null = self.tree.bare_leaf(Kind::Null, "null");
                self.replace(hole, null);
                self.level_to_sibling(array);
                continue;
            }
            let is_object = |&id: &Id| self.tree.kind(id) == Kind::Object;
            if self.tree.items(array).iter().any(is_object) {
                let absent = self.absent();
                self.replace(hole, absent);
            } else {
                self.note_absent_primitive(array, hole);
            }
        }
        if self.base != ROOT && self.tree.kind(self.base) == Kind::Object && self.tree.is_empty(self.base) {
            let absent = self.absent_extensions();
            self.tree.set_member(self.base, "extension", absent);
        }
    }

    // Rows of child tables.

    /// Makes room for a new row at the end of `list` in the element at `place`, which is there. The row
    /// becomes the base; its index is the answer.
    pub(crate) fn push_row(&mut self, place: &[Step], list: &str) -> Result<usize, Problem> {
        let moves: Vec<_> = place::moves(place).into_iter().chain(place::members(list)).collect();
        let list = self.reach(&moves)?;
        let list = self.as_array(list).map_err(|_| NO_LIST)?;
        if let Some((sibling, _)) = self.sibling(list) {
            // Its surplus belongs to values that are not there.
            self.fill_out(list, self.tree.items(sibling).len());
        }
        self.base = self.tree.hole();
        self.tree.push_item(list, self.base);
        Ok(self.tree.items(list).len() - 1)
    }

    /// Takes the row at `place` out of its list. The element that the list is in stays, if it is a row itself.
    pub(crate) fn remove_row(&mut self, place: &[Step]) -> Result<(), Problem> {
        let (step, above) = place.split_last().ok_or(NO_LIST)?;
        let mut moves = place::moves(above);
        let parent = self.find(&moves).ok_or(NO_LIST)?;
        moves.extend(place::members(step.list));
        self.refuse_ambiguous(&moves)?;
        let list = self.find(&moves).ok_or(NO_LIST)?;
        self.base = parent;
        if let Some(&item) = self.tree.items(list).get(step.index) {
            let sibling = self.sibling(list).map(|(sibling, _)| sibling);
            for (list, item) in sibling
                .and_then(|id| Some((id, *self.tree.items(id).get(step.index)?)))
                .into_iter()
                .chain([(list, item)])
            {
                self.tree.remove_item(list, item);
            }
            let is_null = |&item: &Id| self.tree.kind(item) == Kind::Null;
            if [Some(list), sibling].into_iter().flatten().all(|list| self.tree.items(list).iter().all(is_null)) {
                self.detach(list, &[]);
            } else {
                self.level(list);
            }
        } else {
            // What stands alone is a list of one.
            self.detach(list, &[]);
        }
        self.finish();
        Ok(())
    }

    /// Whether nothing was written into a new row.
    pub(crate) fn is_blank(&self) -> bool {
        match self.tree.kind(self.base) {
            Kind::Object => self.tree.is_empty(self.base),
            _ => self.tree.is_hole(self.base),
        }
    }

    // Making room.

    /// The node at the end of `moves`; a hole where nothing is there yet.
    fn reach(&mut self, moves: &[Move]) -> Result<Id, Problem> {
        let mut at = self.base;
        for (i, step) in moves.iter().enumerate() {
            at = match step {
                Move::Member(name) => {
                    let object = self.as_object(at)?;
                    let member = self.reach_member(object, name)?;
                    let indexed = matches!(moves.get(i + 1), Some(Move::Index(_) | Move::Where(_) | Move::Current(_)));
                    if self.tree.is_hole(member) && !indexed && self.repeats(object, name) {
                        self.as_array(member)?
                    } else {
                        member
                    }
                }
                Move::Index(index) => self.reach_index(at, *index)?,
                Move::Where(conditions) => self.reach_matching(at, *conditions)?,
                Move::Current(current) => self.reach_current(at, *current)?,
                Move::Extension(url) => self.reach_extension(at, url)?,
            };
        }
        Ok(at)
    }

    fn repeats(&self, object: Id, name: &str) -> bool {
        REPEATING.contains(&name) && !(name == "prefix" && ONE_PREFIX.contains(&self.resource_type))
            || object == ROOT && REPEATING_ON_TOP.contains(&name) && !ONE_IDENTIFIER.contains(&self.resource_type)
    }

    fn reach_member(&mut self, object: Id, name: &str) -> Result<Id, Problem> {
        if self.tree.is_ambiguous(object, name) {
            return Err(AMBIGUOUS);
        }
        Ok(match self.tree.member(object, name) {
            Some(member) => member,
            None => {
                let hole = self.tree.hole();
                self.tree.set_member(object, name, hole);
                hole
            }
        })
    }

    fn reach_index(&mut self, at: Id, index: usize) -> Result<Id, Problem> {
        // An element that should repeat but stands alone is a list of one, here as in reading.
        if index == 0 && !matches!(self.tree.kind(at), Kind::Array | Kind::Null) {
            return Ok(at);
        }
        let array = self.as_array(at)?;
        loop {
            if let Some(&item) = self.tree.items(array).get(index) {
                return Ok(item);
            }
            let hole = self.tree.hole();
            self.tree.push_item(array, hole);
        }
    }

    fn reach_matching(&mut self, at: Id, conditions: Conditions) -> Result<Id, Problem> {
        if let Some(found) = path::matching(Cursor::new(&self.tree, at), conditions) {
            return Ok(found.id);
        }
        let array = self.as_array(at)?;
        let element = self.template(conditions)?;
        self.tree.push_item(array, element);
        Ok(element)
    }

    fn reach_current(&mut self, at: Id, current: Current) -> Result<Id, Problem> {
        let found = || path::current(Cursor::new(&self.tree, at), current).map(|found| found.id);
        if let Some(found) = self.pinned(at, current).or_else(found) {
            return Ok(found);
        }
        let list = self.as_array(at)?;
        let element = self.template(current.conditions)?;
        self.tree.push_item(list, element);
        self.pins.push(Pin { list, current, element });
        Ok(element)
    }

    fn reach_extension(&mut self, at: Id, url: &str) -> Result<Id, Problem> {
        if let Some(found) = path::extension(Cursor::new(&self.tree, at), url) {
            return Ok(found.id);
        }
        let object = self.as_object(at)?;
        let member = self.reach_member(object, "extension")?;
        let array = self.as_array(member)?;
        let (element, url) = (self.tree.object(), self.tree.text_leaf(url));
        self.tree.set_member(element, "url", url);
        self.tree.push_item(array, element);
        Ok(element)
    }

    /// An object with the values that a `where` asks for.
    fn template(&mut self, conditions: Conditions) -> Result<Id, Problem> {
        let element = self.tree.object();
        for condition in conditions.iter() {
            let mut object = element;
            let mut names = condition.path.split('.').peekable();
            while let Some(name) = names.next() {
                let repeats = REPEATING.contains(&name);
                if names.peek().is_none() {
                    let leaf = match condition.literal {
                        Literal::Text(text) => self.tree.text_leaf(text),
                        Literal::Bare("true") => self.tree.bare_leaf(Kind::True, "true"),
                        Literal::Bare("false") => self.tree.bare_leaf(Kind::False, "false"),
                        Literal::Bare(number) => self.tree.bare_leaf(Kind::Number, number),
                    };
                    self.tree.set_member(object, name, leaf);
                } else {
                    let member = self.reach_member(object, name)?;
                    let member = if repeats { self.as_array(member)? } else { member };
                    object = self.as_object(member)?;
                }
            }
        }
        Ok(element)
    }

    /// What is at `at` as an object: of an array its first element; a hole becomes one.
    fn as_object(&mut self, at: Id) -> Result<Id, Problem> {
        let at = if self.tree.kind(at) == Kind::Array { self.first_of(at) } else { at };
        match self.tree.kind(at) {
            Kind::Object => {
                self.drop_absent(at);
                Ok(at)
            }
            Kind::Null => {
                let object = self.tree.object();
                self.replace(at, object);
                Ok(object)
            }
            _ => Err(OTHER_TYPE),
        }
    }

    fn as_array(&mut self, at: Id) -> Result<Id, Problem> {
        match self.tree.kind(at) {
            Kind::Array => Ok(at),
            Kind::Null => {
                let array = self.tree.array();
                self.replace(at, array);
                Ok(array)
            }
            _ => Err(OTHER_TYPE),
        }
    }

    /// The element of an array that a path without index means: the first that is not null, else a new one.
    fn first_of(&mut self, array: Id) -> Id {
        if let Some(first) = path::present(Cursor::new(&self.tree, array)) {
            return first.id;
        }
        match self.tree.items(array).first() {
            Some(&null) => null,
            None => {
                let hole = self.tree.hole();
                self.tree.push_item(array, hole);
                hole
            }
        }
    }

    /// A choice element has one type at a time: writing one takes the others away.
    fn displace_other_types(&mut self, moves: &[Move]) {
        for (i, step) in moves.iter().enumerate() {
            let Move::Member(name) = step else {
                continue;
            };
            let repeats = matches!(moves.get(i + 1), Some(Move::Index(_) | Move::Where(_) | Move::Current(_)));
            let Some(base) = choice_elements::base(self.resource_type, name).filter(|_| !repeats) else {
                continue;
            };
            let container = self.find(&moves[..i]).and_then(|id| path::present(Cursor::new(&self.tree, id)));
            let Some(container) = container.map(|cursor| cursor.id) else {
                continue;
            };
            for other in self.tree.names(container) {
                let plain = other.strip_prefix('_').unwrap_or(&other);
                let is_list = self.tree.member(container, &other).is_some_and(|id| self.tree.kind(id) == Kind::Array);
                if plain != &**name && !is_list && choice_elements::alternative(plain, base).is_some() {
                    self.tree.remove_member(container, &other);
                }
            }
        }
    }

    pub(crate) fn refuse_ambiguous(&self, moves: &[Move]) -> Result<(), Problem> {
        for (i, step) in moves.iter().enumerate() {
            if let (Move::Member(name), Some(id)) = (step, self.find(&moves[..i]))
                && path::present(Cursor::new(&self.tree, id))
                    .is_some_and(|cursor| self.tree.is_ambiguous(cursor.id, name))
            {
                return Err(AMBIGUOUS);
            }
        }
        Ok(())
    }

    // Taking away.

    /// The elements that `moves` finds by their values: these values alone make nothing of them.
    pub(crate) fn anchors(&self, moves: &[Move]) -> Vec<(Id, Move)> {
        let by_value = |step: &Move| matches!(step, Move::Where(_) | Move::Current(_) | Move::Extension(_));
        let found = (0..moves.len()).filter(|&i| by_value(&moves[i]));
        found.filter_map(|i| Some((self.find(&moves[..=i])?, moves[i].clone()))).collect()
    }

    fn take_away(&mut self, id: Id, moves: &[Move]) -> Result<(), Problem> {
        if id != self.base {
            let anchors = self.anchors(moves);
            self.detach(id, &anchors);
            return Ok(());
        }
        // `$this`: an object is emptied and stays a row; a value is all that the row is.
        if self.tree.kind(id) != Kind::Object {
            return Err(Problem::conflict("the row is this value and nothing else: delete the row"));
        }
        for name in self.tree.names(id) {
            self.tree.remove_member(id, &name);
        }
        Ok(())
    }

    fn detach(&mut self, id: Id, anchors: &[(Id, Move)]) {
        let Some(parent) = self.tree.parent(id).filter(|_| id != self.base) else {
            return;
        };
        if self.tree.kind(parent) == Kind::Array {
            self.detach_item(parent, id, anchors);
        } else if let Some(name) = self.tree.name_of(id) {
            self.tree.remove_member(parent, &name);
            self.tree.remove_member(parent, &underscored(&name));
            self.prune(parent, anchors);
        }
    }

    fn detach_item(&mut self, array: Id, id: Id, anchors: &[(Id, Move)]) {
        if self.is_sibling(array) {
            let null = self.tree.bare_leaf(Kind::Null, "null");
            self.replace(id, null);
            if self.says_nothing(array) {
                self.detach(array, anchors);
            }
            return;
        }
        let keeps_place = anchors.iter().any(|(anchor, step)| {
            *anchor == id && matches!(step, Move::Current(current) if self.has_other(array, id, *current))
        });
        if (keeps_place || !self.is_last(array, id)) && !self.holds_extensions(array) {
            if let Some(beside) = self.beside(array, id) {
                // It goes with the value; that the value is absent is said in the end.
                let null = self.tree.bare_leaf(Kind::Null, "null");
                self.replace(beside, null);
            }
            let hole = self.tree.hole();
            self.replace(id, hole);
            return;
        }
        self.remove_with_beside(array, id);
        while let Some(&last) = self.tree.items(array).last()
            && (self.tree.is_hole(last) || self.is_filler(array, last))
        {
            self.remove_with_beside(array, last);
        }
        if self.tree.is_empty(array) {
            self.detach(array, anchors);
        } else {
            self.level(array);
        }
    }

    /// Whether another one would be the current one, were this element gone.
    fn has_other(&self, array: Id, element: Id, current: Current) -> bool {
        let others = self.tree.items(array).into_iter().filter(|item| *item != element);
        others.into_iter().any(|item| path::current(Cursor::new(&self.tree, item), current).is_some())
    }

    /// Whether nothing stands behind an element, neither in its list nor beside where one would be.
    fn is_last(&self, array: Id, id: Id) -> bool {
        let items = self.tree.items(array);
        let beside = self.sibling(array).map(|(sibling, _)| self.tree.items(sibling)).unwrap_or_default();
        let mut surplus = beside.iter().skip(items.len());
        items.last() == Some(&id) && surplus.all(|&item| self.tree.kind(item) == Kind::Null)
    }

    fn remove_with_beside(&mut self, array: Id, id: Id) {
        let beside = self.beside(array, id);
        if let (Some(beside), Some((sibling, _))) = (beside, self.sibling(array)) {
            self.tree.remove_item(sibling, beside);
        }
        self.tree.remove_item(array, id);
    }

    /// An element that only keeps a place, as [`Edit::finish`] makes it: null, or absent for an unknown reason.
    fn is_filler(&self, array: Id, item: Id) -> bool {
        match self.tree.kind(item) {
            Kind::Object => self.is_absent(item),
            Kind::Null => {
                let beside = self.beside(array, item);
                beside.is_none_or(|beside| self.tree.kind(beside) == Kind::Null || self.is_absent(beside))
            }
            _ => false,
        }
    }

    fn is_absent(&self, object: Id) -> bool {
        let list = self.tree.member(object, "extension").filter(|_| self.tree.names(object).len() == 1);
        let extensions = list.map(|list| self.tree.items(list)).unwrap_or_default();
        let &[extension] = extensions.as_slice() else {
            return false;
        };
        let says = |name: &str, text: &str| {
            let value = self.tree.member(extension, name).map(|id| Cursor::new(&self.tree, id));
            value.and_then(path::Element::text).is_some_and(|own| own == text)
        };
        self.tree.names(extension).len() == 2 && says("url", ABSENT) && says("valueCode", "unknown")
    }

    /// Removes an object that nothing is left in.
    pub(crate) fn prune(&mut self, object: Id, anchors: &[(Id, Move)]) {
        if self.tree.is_empty(object) {
            return self.detach(object, anchors);
        }
        let Some((_, step)) = anchors.iter().find(|(id, _)| *id == object) else {
            return;
        };
        match step {
            Move::Extension(_) if self.tree.names(object) == ["url"] => self.detach(object, anchors),
            Move::Current(current) => {
                let may_leave = self.tree.parent(object).is_some_and(|array| {
                    self.tree.items(array).last() == Some(&object) && !self.has_other(array, object, *current)
                });
                let conditions = current.conditions;
                if may_leave && self.template(conditions).is_ok_and(|template| self.tree.same(object, template)) {
                    self.detach(object, anchors);
                }
            }
            Move::Where(conditions) => {
                let may_leave = self.tree.parent(object).is_some_and(|array| {
                    self.tree.items(array).last() == Some(&object) || self.holds_extensions(array)
                });
                if may_leave && self.template(*conditions).is_ok_and(|template| self.tree.same(object, template)) {
                    self.detach(object, anchors);
                }
            }
            _ => {}
        }
    }

    /// An extension is found by its URL, never by its place: none of them needs to keep one.
    fn holds_extensions(&self, array: Id) -> bool {
        self.tree.name_of(array).is_some_and(|name| name == "extension" || name == "modifierExtension")
    }

    // The `_x` siblings of primitives.

    /// The `_x` beside the array or primitive `id`, and its name.
    fn sibling(&self, id: Id) -> Option<(Id, String)> {
        let name = underscored(&self.tree.name_of(id)?);
        self.tree.member(self.tree.parent(id)?, &name).map(|sibling| (sibling, name))
    }

    /// Whether an array is an `_x`.
    fn is_sibling(&self, array: Id) -> bool {
        self.tree.name_of(array).is_some_and(|name| name.starts_with('_'))
    }

    /// What stands in `_x` beside an element of a list.
    fn beside(&self, array: Id, item: Id) -> Option<Id> {
        let index = self.tree.items(array).iter().position(|&own| own == item)?;
        self.tree.items(self.sibling(array)?.0).get(index).copied()
    }

    /// Fills out a list and its `_x` to the same length; an `_x` that says nothing goes.
    fn level(&mut self, array: Id) {
        let Some((sibling, _)) = self.sibling(array).filter(|_| self.tree.kind(array) == Kind::Array) else {
            return;
        };
        if self.tree.kind(sibling) != Kind::Array {
            return;
        }
        // Nulls behind the last value say nothing.
        while let Some(&last) = self.tree.items(sibling).last()
            && self.tree.items(sibling).len() > self.tree.items(array).len()
            && self.tree.kind(last) == Kind::Null
        {
            self.tree.remove_item(sibling, last);
        }
        if self.says_nothing(sibling) {
            if let (Some(parent), Some(name)) = (self.tree.parent(sibling), self.tree.name_of(sibling)) {
                self.tree.remove_member(parent, &name);
            }
            return;
        }
        let length = self.tree.items(array).len().max(self.tree.items(sibling).len());
        self.fill_out(array, length);
        self.fill_out(sibling, length);
    }

    /// The same, asked of the `_x`; one without a list beside it stands alone.
    fn level_to_sibling(&mut self, sibling: Id) {
        let name = self.tree.name_of(sibling).unwrap_or_default();
        let list = self.tree.parent(sibling).and_then(|parent| self.tree.member(parent, name.trim_start_matches('_')));
        if let Some(list) = list {
            self.level(list);
        }
    }

    fn fill_out(&mut self, array: Id, length: usize) {
        for _ in self.tree.items(array).len()..length {
            let null = self.tree.bare_leaf(Kind::Null, "null");
            self.tree.push_item(array, null);
        }
    }

    /// Whether an `_x` has nothing but nulls.
    fn says_nothing(&self, sibling: Id) -> bool {
        self.tree.items(sibling).iter().all(|&item| self.tree.kind(item) == Kind::Null)
    }

    /// The value of a primitive contradicts that it is absent.
    fn drop_absent_sibling(&mut self, value: Id) {
        let Some(parent) = self.tree.parent(value) else {
            return;
        };
        if self.tree.kind(parent) != Kind::Array {
            if let Some((sibling, name)) = self.sibling(value) {
                self.drop_absent(sibling);
                if self.tree.kind(sibling) == Kind::Object && self.tree.is_empty(sibling) {
                    self.tree.remove_member(parent, &name);
                }
            }
            return;
        }
        if let Some(item) = self.beside(parent, value) {
            self.drop_absent(item);
            if self.tree.kind(item) == Kind::Object && self.tree.is_empty(item) {
                let null = self.tree.bare_leaf(Kind::Null, "null");
                self.replace(item, null);
            }
        }
        self.level(parent);
    }

    /// Removes the data-absent-reason of an element.
    fn drop_absent(&mut self, object: Id) {
        let Some(extensions) = self.tree.member(object, "extension") else {
            return;
        };
        let is_absent = |id: &Id| {
            let url = self.tree.member(*id, "url");
            url.is_some_and(|url| path::Element::text(Cursor::new(&self.tree, url)).is_some_and(|url| url == ABSENT))
        };
        let absent: Vec<_> = self.tree.items(extensions).into_iter().filter(is_absent).collect();
        for extension in absent {
            self.tree.remove_item(extensions, extension);
        }
        if self.tree.kind(extensions) == Kind::Array && self.tree.is_empty(extensions) {
            self.tree.remove_member(object, "extension");
        }
    }

    /// A null in a list of primitives needs a reason beside it.
    fn note_absent_primitive(&mut self, array: Id, hole: Id) {
        let (Some(parent), Some(name)) = (self.tree.parent(array), self.tree.name_of(array)) else {
            return;
        };
        let name = underscored(&name);
        let sibling = match self.tree.member(parent, &name) {
            Some(sibling) if self.tree.kind(sibling) == Kind::Array => sibling,
            found => {
                let sibling = self.tree.array();
                // One that stands alone belongs to the first value.
                let first = found.filter(|&found| self.tree.kind(found) == Kind::Object);
                let first = first.and_then(|found| self.copy(&self.tree.text_of(found)).ok());
                self.tree.set_member(parent, &name, sibling);
                if let Some(first) = first {
                    self.tree.push_item(sibling, first);
                }
                sibling
            }
        };
        let length = self.tree.items(array).len();
        self.fill_out(sibling, length);
        // What is said beside an absent value stays, and is enough.
        if let Some(place) = self.beside(array, hole).filter(|&place| self.tree.kind(place) == Kind::Null) {
            let absent = self.absent();
            self.replace(place, absent);
        }
        self.level(array);
    }

    fn absent(&mut self) -> Id {
        let (object, extensions) = (self.tree.object(), self.absent_extensions());
        self.tree.set_member(object, "extension", extensions);
        object
    }

    fn absent_extensions(&mut self) -> Id {
        let (array, extension) = (self.tree.array(), self.tree.object());
        let (url, code) = (self.tree.text_leaf(ABSENT), self.tree.text_leaf("unknown"));
        self.tree.set_member(extension, "url", url);
        self.tree.set_member(extension, "valueCode", code);
        self.tree.push_item(array, extension);
        array
    }
}

const NO_LIST: Problem = Problem::conflict("the resource has no list where the row belongs");
const OTHER_TYPE: Problem = Problem::conflict("the resource has an element of another type here, which would be lost");
const AMBIGUOUS: Problem = Problem::conflict("the resource has two members of one name here");

fn parse(path: &'static str) -> Result<Vec<Move>, Problem> {
    let path = Path::parse(path).map_err(Problem::not_supported)?;
    match path.is_invertible() {
        true => Ok(path.moves()),
        false => Err(Problem::not_supported("a path with alternatives cannot be written")),
    }
}

fn underscored(name: &str) -> String {
    ["_", name].concat()
}
