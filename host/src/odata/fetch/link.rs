//! Links of a FetchXML: which tables stand beside which, by what relation, and how.

use std::sync::Arc;

use super::xml::{Allowed, Element};
use crate::model::catalog::{Catalog, Relation, nearest};
use crate::model::error::{Code, Error, Result};
use crate::model::query::{Filter, Quantifier};
use crate::model::table::{Kind, Table};
use crate::odata::expression::{Source, nearest_property};

/// What a link does with the row that it hangs on (Microsoft Learn, "link-entity element", "link-type options").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkType {
    Inner,
    Outer,
    /// Of several rows beside it the first.
    First,
    /// A condition alone: there is one. The others are made of this.
    Exists,
    NotAny,
    /// There are some, and none that meets the filter.
    All,
}

impl LinkType {
    pub(super) fn of(element: &Element, source: Source<'_>) -> Result<Self> {
        Ok(match element.get("link-type") {
            None | Some("inner" | "natural") => Self::Inner,
            Some("outer") => Self::Outer,
            Some("matchfirstrowusingcrossapply") => Self::First,
            // `not all` is equivalent to `any`, despite its name.
            Some("exists" | "in" | "any" | "not all") => Self::Exists,
            Some("not any") => Self::NotAny,
            Some("all") => Self::All,
            Some(_) => {
                let error = source.bad(element.at, "there is no such `link-type`,");
                return Err(error.hint(
                    "there are inner, outer, matchfirstrowusingcrossapply, exists, in, any, not any, all and not all",
                ));
            }
        })
    }

    pub(super) fn stands_beside(self) -> bool {
        matches!(self, Self::Inner | Self::Outer | Self::First)
    }
}

/// What may stand in a link.
pub(super) const LINK: Allowed<'_> = Allowed {
    read: &["name", "from", "to", "alias", "link-type"],
    idle: &["intersect", "visible"],
    lacking: &["enableprefiltering", "prefilterparametername"],
    inside: &["attribute", "all-attributes", "order", "filter", "link-entity"],
    text: false,
};

/// What a link leads to.
pub(super) struct Leads<'a> {
    pub(super) table: &'a Arc<Table>,
    pub(super) to: Relation,
    navigation: String,
}

/// A table by its logical name, or by that of its twin.
pub(super) fn table<'a>(
    name: &str,
    element: &Element,
    source: Source<'_>,
    catalog: &'a Catalog,
) -> Result<&'a Arc<Table>> {
    match catalog.table_behind(name) {
        Some(table) if table.access.read => Ok(table),
        Some(_) => Err(source.bad(element.at, &format!("rows of `{name}` cannot be read,"))),
        None => {
            let error = source.placed(&catalog.no_table(name), element.at);
            let near = nearest(name, catalog.tables().map(|table| table.name.as_str()));
            Err(near.map_or(error.clone(), |near| error.hint(format!("did you mean `{near}`?"))))
        }
    }
}

/// By `from`, a column of the table that the link names, and `to`, one of the table that it hangs on.
pub(super) fn leads<'a>(
    element: &Element,
    parent: &Table,
    source: Source<'_>,
    catalog: &'a Catalog,
) -> Result<Leads<'a>> {
    let table = table(element.needed("name", source)?, element, source, catalog)?;
    let (from, to) = (element.needed("from", source)?, element.needed("to", source)?);
    let (theirs, own) = (column(element, from, table, source, catalog)?, column(element, to, parent, source, catalog)?);
    let leads = |of: &Table, column: usize, other: &Table| match &of.columns[column].kind {
        Kind::Lookup(lookup) => lookup.targets.iter().any(|target| target.entity_set == other.entity_set),
        _ => false,
    };
    if theirs == table.key && leads(parent, own, table) {
        let to = Relation::Lookup { column: own, table: table.name.clone() };
        return Ok(Leads { table, to, navigation: parent.columns[own].name.clone() });
    }
    if own == parent.key && leads(table, theirs, parent) {
        let to = Relation::Collection { table: table.name.clone(), column: theirs };
        let navigation = format!("{}_{}", table.name, table.columns[theirs].name);
        return Ok(Leads { table, to, navigation });
    }
    let what = format!("joining `{}.{from}` with `{}.{to}`", table.name, parent.name);
    Err(source.unsupported(element.at, &what).hint("join a lookup with the key of a table that it leads to"))
}

/// A column that may be read, by its logical name.
pub(super) fn column(
    element: &Element,
    name: &str,
    table: &Table,
    source: Source<'_>,
    catalog: &Catalog,
) -> Result<usize> {
    match table.column(name).or_else(|| table.property(name)) {
        Some(column) if table.columns[column].access.read => Ok(column),
        Some(_) => Err(source.bad(element.at, &format!("the column `{name}` cannot be read,"))),
        None => {
            let at = crate::odata::lexer::position(source.text, element.at);
            let message = format!("`{}` has no column `{name}`, at position {at}", table.name);
            let error = Error::new(Code::UnknownColumn, message).target(source.target);
            Err(match nearest_property(table, name, catalog) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            })
        }
    }
}

impl Leads<'_> {
    pub(super) fn is_many(&self) -> bool {
        matches!(self.to, Relation::Collection { .. })
    }

    /// That there is one which meets a filter.
    pub(super) fn exists(&self, filter: Option<Filter>) -> Filter {
        let quantifier = if self.is_many() { Quantifier::Any } else { Quantifier::One };
        let (navigation, to) = (self.navigation.clone(), self.to.clone());
        Filter::Related { navigation, to, quantifier, filter: filter.map(Box::new), joined: Vec::new() }
    }
}
