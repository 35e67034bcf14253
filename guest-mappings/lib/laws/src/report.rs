//! The laws by name, what breaks them, and a report for people.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// No trap and no lost row, however odd the resource.
    Total,
    /// The same twice, and each column alone as all together.
    Determinism,
    /// Writing what is shown changes nothing.
    GetPut,
    /// What is written is shown, and the other columns stay.
    PutGet,
    /// What is written is FHIR R4.
    Valid,
    /// A search finds every row that the column's own value would, and no other where it says so.
    SoundSearch,
    /// A column is read from no other elements than it says: a service may leave out all others.
    Elements,
}

impl Law {
    pub const ALL: [Law; 7] =
        [Law::Total, Law::Determinism, Law::GetPut, Law::PutGet, Law::Valid, Law::SoundSearch, Law::Elements];

    pub fn name(self) -> &'static str {
        match self {
            Law::Total => "total",
            Law::Determinism => "determinism",
            Law::GetPut => "get-put",
            Law::PutGet => "put-get",
            Law::Valid => "valid",
            Law::SoundSearch => "sound-search",
            Law::Elements => "elements",
        }
    }
}

/// One law, broken. It names places, never what a resource holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub law: Law,
    pub table: String,
    pub column: Option<String>,
    /// Name of the resource, as given.
    pub resource: String,
    /// JSON pointer into the resource, or the column's path.
    pub path: Option<String>,
    pub difference: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.column.as_deref().map(|column| format!(".{column}")).unwrap_or_default();
        let path = self.path.as_deref().map(|path| format!(" at {path}")).unwrap_or_default();
        write!(f, "{}: {}{column}, {}{path}: {}", self.law.name(), self.table, self.resource, self.difference)
    }
}

/// What was found. A law without a violation holds for as far as the resources reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Resources that some table of the mapping takes.
    pub resources: usize,
    pub violations: Vec<Violation>,
    /// Paths of the resources that no column reads.
    pub unread: BTreeSet<String>,
    /// Columns, as `table.column`, that are null in every row. Derived columns without a path stand for no element.
    pub unfilled: BTreeSet<String>,
    /// Columns of elements that cannot be changed; keys are none.
    pub unwritten: BTreeSet<String>,
    /// The time ran out before all was looked at.
    pub cut_short: bool,
}

impl Report {
    pub fn holds(&self, law: Law) -> bool {
        self.violations.iter().all(|violation| violation.law != law)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for law in Law::ALL {
            let broken: Vec<_> = self.violations.iter().filter(|violation| violation.law == law).collect();
            let mark = if broken.is_empty() { "holds" } else { "BROKEN" };
            writeln!(f, "{mark:<7} {}", law.name())?;
            for violation in broken {
                writeln!(f, "        {violation}")?;
            }
        }
        if self.cut_short {
            writeln!(f, "        the time ran out before all was looked at")?;
        }
        Ok(())
    }
}
