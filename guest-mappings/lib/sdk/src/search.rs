//! Search parameters behind a column, as presets that promise no more than FHIR does.
//!
//! *Exact* conditions give the same rows as the column's own value would; *superset* ones may give more, and
//! the host filters those again. When in doubt a preset says superset.

use crate::bindings::exports::turntable::mapping::schema::{SearchKind, SearchOps, Sortable};

/// Binds a column to a search parameter: `.search(token("status"))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    pub param: &'static str,
    pub kind: SearchKind,
    pub exact: SearchOps,
    pub superset: SearchOps,
    pub null_iff_absent: bool,
    pub partial: bool,
    pub sort: Sortable,
    pub template: Option<&'static str>,
    /// The one source that has this parameter; `None` = every source that has the column.
    pub only: Option<&'static str>,
}

const EQUAL: SearchOps = SearchOps::EQ.union(SearchOps::ANY_OF);
const ORDER: SearchOps =
    SearchOps::EQ.union(SearchOps::LT).union(SearchOps::LE).union(SearchOps::GT).union(SearchOps::GE);

/// A code, exactly, alone or in a list. With [`Search::superset`] where the element repeats or is a Coding
/// or CodeableConcept with several codings.
pub const fn token(param: &'static str) -> Search {
    Search::new(param, SearchKind::Token, EQUAL, SearchOps::empty())
}

/// A reference, exactly. With [`Search::superset`] where the element repeats.
pub const fn reference(param: &'static str) -> Search {
    Search::new(param, SearchKind::Reference, EQUAL, SearchOps::empty())
}

/// A date or time. With [`Search::partial`] where values may be less precise than an instant. (Its name
/// keeps it apart from the column [`crate::date`].)
pub const fn by_date(param: &'static str) -> Search {
    Search::new(param, SearchKind::Date, SearchOps::empty(), ORDER)
}

/// FHIR's string search: the start of the value, case and accents aside.
pub const fn string(param: &'static str) -> Search {
    Search::new(param, SearchKind::String, SearchOps::empty(), SearchOps::EQ.union(SearchOps::STARTS_WITH))
}

pub const fn number(param: &'static str) -> Search {
    Search::new(param, SearchKind::Number, SearchOps::empty(), ORDER)
}

/// A quantity's value. Comparison is by the digits that were sent, hence superset.
pub const fn quantity(param: &'static str) -> Search {
    Search::new(param, SearchKind::Quantity, SearchOps::empty(), ORDER)
}

/// A URI, exactly. (Its name keeps it apart from the column [`crate::uri`].)
pub const fn by_uri(param: &'static str) -> Search {
    Search::new(param, SearchKind::Uri, EQUAL, SearchOps::empty())
}

impl Search {
    const fn new(param: &'static str, kind: SearchKind, exact: SearchOps, superset: SearchOps) -> Self {
        Self {
            param,
            kind,
            exact,
            superset,
            null_iff_absent: false,
            partial: false,
            sort: Sortable::None,
            template: None,
            only: None,
        }
    }

    /// The service may find more than the column shows: everything that was exact is filtered again.
    pub const fn superset(mut self) -> Self {
        self.superset = self.superset.union(self.exact);
        self.exact = SearchOps::empty();
        self
    }

    /// Values may be less precise than an instant: the host widens its bounds.
    pub const fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// `:contains` works on this parameter.
    pub const fn contains(mut self) -> Self {
        self.superset = self.superset.union(SearchOps::CONTAINS);
        self
    }

    /// `:missing` works, and the cell is null if and only if the element is absent.
    pub const fn missing(mut self) -> Self {
        self.exact = self.exact.union(SearchOps::MISSING);
        self.null_iff_absent = true;
        self
    }

    /// `_sort` helps; the host sorts again.
    pub const fn sorted(mut self) -> Self {
        self.sort = Sortable::BestEffort;
        self
    }

    /// One value at most, never null, ordered by the service as the host orders it.
    pub const fn sort_guaranteed(mut self) -> Self {
        self.sort = Sortable::Guaranteed;
        self
    }

    /// Only that resource type has the parameter, or those (`"Patient|RelatedPerson"`): Practitioner has a
    /// birth date, and no `birthdate` to search by.
    pub const fn only(mut self, resource_type: &'static str) -> Self {
        self.only = Some(resource_type);
        self
    }

    /// Text around the value, `{}` = the value: `http://loinc.org|{}`.
    pub const fn template(mut self, template: &'static str) -> Self {
        self.template = Some(template);
        self
    }
}
