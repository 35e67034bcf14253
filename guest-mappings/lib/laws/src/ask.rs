//! Asking a subject for much at once. A call has limits of time and memory that its host sets, and what they come to
//! depends on the machine and the language of the mapping: a call of several that fails is asked again in halves, and only
//! what fails by itself is a fault of the mapping.

use turntable_mapping::bindings::exports::turntable::mapping::write::Change;

use crate::subject::{Answer, Batch, Subject};

/// What fails by itself: which of those asked for, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alone {
    pub(crate) at: usize,
    pub(crate) what: String,
}

/// The rows of each document, as one call would give them.
pub(crate) fn rows(subject: &dyn Subject, table: &str, documents: &[&str], columns: &[u16]) -> Result<Batch, Alone> {
    let asked =
        |documents: &[&str]| subject.rows(table, documents, columns).map(|batch| vec![(batch, documents.len())]);
    let mut whole = Batch::default();
    let mut start = 0;
    for (part, documents) in in_halves(documents, &asked)? {
        whole.rows.extend(part.rows.into_iter().map(|mut row| {
            row.document += start;
            row
        }));
        whole.refused.extend(part.refused.into_iter().map(|at| at + start));
        start += documents;
    }
    Ok(whole)
}

/// One answer a change.
pub(crate) fn resources(subject: &dyn Subject, table: &str, changes: &[Change]) -> Result<Vec<Answer>, Alone> {
    in_halves(changes, &|changes| subject.resources(table, changes))
}

/// One call.
type Ask<'a, T, A> = &'a dyn Fn(&[T]) -> Result<Vec<A>, String>;

/// The answers for all items, in order.
fn in_halves<T, A>(items: &[T], ask: Ask<'_, T, A>) -> Result<Vec<A>, Alone> {
    match ask(items) {
        Ok(answers) => Ok(answers),
        Err(what) if items.len() < 2 => Err(Alone { at: 0, what }),
        Err(_) => {
            let (first, second) = items.split_at(items.len() / 2);
            let mut answers = in_halves(first, ask)?;
            let rest = in_halves(second, ask);
            answers.extend(rest.map_err(|alone| Alone { at: alone.at + first.len(), ..alone })?);
            Ok(answers)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;

    use super::*;
    use crate::subject::Row;

    /// Fails for more documents at once than it can take, and for a bad one.
    struct Slow {
        takes: usize,
        calls: RefCell<usize>,
    }

    impl Subject for Slow {
        fn describe(&self) -> wit::Mapping {
            wit::Mapping { name: String::new(), version: String::new(), tables: Vec::new() }
        }

        fn rows(&self, _: &str, documents: &[&str], _: &[u16]) -> Result<Batch, String> {
            *self.calls.borrow_mut() += 1;
            if documents.len() > self.takes || documents.contains(&"bad") {
                return Err("it takes too long".to_owned());
            }
            let row = |(document, text): (usize, &&str)| Row { document, cells: vec![Some((*text).to_owned())] };
            let refused: BTreeSet<usize> = (0..documents.len()).filter(|at| documents[*at] == "odd").collect();
            Ok(Batch {
                rows: documents.iter().enumerate().filter(|(_, text)| **text != "odd").map(row).collect(),
                refused,
            })
        }

        fn resources(&self, _: &str, changes: &[Change]) -> Result<Vec<Answer>, String> {
            if changes.len() > self.takes {
                return Err("it takes too long".to_owned());
            }
            Ok(changes.iter().map(|_| Err(Vec::new())).collect())
        }
    }

    #[test]
    fn what_is_too_much_at_once_is_asked_in_parts_and_comes_together() {
        let documents = ["a", "b", "odd", "d", "e", "f", "odd"];
        let at_once = rows(&Slow { takes: 10, calls: RefCell::default() }, "t", &documents, &[0]);
        for takes in 1..7 {
            let slow = Slow { takes, calls: RefCell::default() };
            assert_eq!(rows(&slow, "t", &documents, &[0]), at_once, "{takes}");
            assert!(*slow.calls.borrow() > 1);
        }
        let refused = at_once.expect("rows").refused;
        assert_eq!(refused, BTreeSet::from([2, 6]));
    }

    #[test]
    fn only_what_fails_by_itself_is_named() {
        let slow = Slow { takes: 2, calls: RefCell::default() };
        let found = rows(&slow, "t", &["a", "b", "c", "d", "bad", "f"], &[0]);
        assert_eq!(found, Err(Alone { at: 4, what: "it takes too long".to_owned() }));
    }
}
