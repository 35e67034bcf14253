//! Fields: the columns of a table as clients number them. A concept is one line and three of them, and a
//! child table has its parent's lookup as the last one.

use std::borrow::Cow;

use crate::column::{Access, Column, Concept, Kind};
use crate::path::Move;
use crate::table::{Source, Table};

#[derive(Clone, Copy)]
pub enum Field {
    Column(&'static Column, Part),
    /// The lookup from a child to its parent.
    Parent(&'static str),
}

/// Which part of its column a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    Code,
    System,
    Display,
}

const CONCEPT: [Part; 3] = [Part::Code, Part::System, Part::Display];

pub fn fields(table: &Table) -> Vec<Field> {
    let mut fields = Vec::with_capacity(table.columns.len() * 2);
    for column in table.columns {
        match column.kind {
            Kind::Concept(_) => fields.extend(CONCEPT.map(|part| Field::Column(column, part))),
            _ => fields.push(Field::Column(column, Part::Whole)),
        }
    }
    if let Some((parent, _)) = &table.parent {
        fields.push(Field::Parent(parent.column));
    }
    fields
}

/// Whether what `.only("Patient|RelatedPerson")` says holds for a resource type; it holds for all if unsaid.
pub fn is_for(only: Option<&str>, resource_type: &str) -> bool {
    only.is_none_or(|only| only.split('|').any(|named| named == resource_type))
}

impl Field {
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Field::Parent(name) => Cow::Borrowed(name),
            Field::Column(column, part) => match part.suffix() {
                "" => Cow::Borrowed(column.name),
                suffix => Cow::Owned([column.name, suffix].concat()),
            },
        }
    }

    pub fn column(self) -> Option<&'static Column> {
        match self {
            Field::Column(column, _) => Some(column),
            Field::Parent(_) => None,
        }
    }

    pub fn access(self) -> Access {
        match self {
            Field::Parent(_) => Access::CreateOnly,
            Field::Column(column, Part::System | Part::Display) if column.is_plain_code() => Access::ReadOnly,
            Field::Column(column, _) => column.access,
        }
    }

    /// Must be given on create: of a concept, its code.
    pub fn is_required(self) -> bool {
        match self {
            Field::Parent(_) => false,
            Field::Column(column, part) => column.required && matches!(part, Part::Whole | Part::Code),
        }
    }

    /// Whether rows from that source can have a value here.
    pub fn exists_for(self, source: &Source) -> bool {
        is_for(self.column().and_then(|column| column.only), source.resource_type)
    }

    /// The moves to this part, for each alternative of the column's path. None for an empty path.
    pub fn alternatives(self) -> impl Iterator<Item = Vec<Move>> {
        let column = self.column().filter(|column| !column.path.is_empty());
        column.into_iter().flat_map(move |column| {
            column.path.alternatives().map(move |moves| {
                let mut moves: Vec<_> = moves.collect();
                moves.extend(self.members().iter().map(|name| Move::Member(Cow::Borrowed(name))));
                moves
            })
        })
    }

    /// The moves of a path that can be written.
    pub fn moves(self) -> Vec<Move> {
        self.alternatives().next().unwrap_or_default()
    }

    /// The members from the column's element to this part.
    pub fn members(self) -> &'static [&'static str] {
        let Field::Column(Column { kind: Kind::Concept(concept), .. }, part) = self else {
            return &[];
        };
        match (concept, part) {
            (_, Part::Whole) | (Concept::Code, _) => &[],
            (Concept::CodeableConcept, Part::Code) => &["coding", "code"],
            (Concept::CodeableConcept, Part::System) => &["coding", "system"],
            (Concept::CodeableConcept, Part::Display) => &["coding", "display"],
            (Concept::Coding | Concept::Quantity, Part::Code) => &["code"],
            (Concept::Coding | Concept::Quantity, Part::System) => &["system"],
            (Concept::Coding, Part::Display) => &["display"],
            (Concept::Quantity, Part::Display) => &["unit"],
        }
    }
}

impl Part {
    pub fn suffix(self) -> &'static str {
        match self {
            Part::Whole => "",
            Part::Code => "_code",
            Part::System => "_system",
            Part::Display => "_display",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Part::Whole => "",
            Part::Code => " (code)",
            Part::System => " (system)",
            Part::Display => " (display)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_for;

    #[test]
    fn only_names_one_type_or_some() {
        assert!(is_for(None, "Patient"));
        assert!(is_for(Some("Patient|RelatedPerson"), "RelatedPerson"));
        assert!(!is_for(Some("Patient|RelatedPerson"), "Person"));
        assert!(!is_for(Some("Patient"), "Practitioner"));
    }
}
