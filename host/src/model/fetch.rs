//! What a FetchXML asks for, and what is found for it, as plain data: rows of a table with related rows beside them, made
//! flat. A row that leads to several stands there as often; one that leads to none has nulls beside it, or is left out.

use std::sync::Arc;

use super::query::{Filter, Order, Query};
use super::rows::Rows;
use super::table::{ColumnIndex, Table};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetch {
    /// The rows themselves, without filter and order. What is read beside them is in `expand`, one for each of `links`.
    pub query: Query,
    pub links: Vec<Link>,
    /// Columns of links that filter, order and `distinct` use: the n-th is column `table.columns.len() + n` there.
    pub beside: Vec<Beside>,
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    /// In this order.
    pub shown: Vec<Shown>,
    /// Of flat rows that show the same the first is given.
    pub distinct: bool,
    pub page: Page,
    /// The same for two fetches that ask for pages of the same rows.
    pub binding: String,
}

/// Related rows that stand beside the row that they hang on. Links are numbered from 0 on, each before those inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub alias: String,
    /// Logical name.
    pub table: String,
    /// A row without one beside it is left out.
    pub inner: bool,
    /// There may be several.
    pub many: bool,
    /// That there is one, as a condition on the row that it hangs on; for an inner link.
    pub meets: Option<Filter>,
    /// Something is asked of them, so that `meets` keeps fewer rows than lead to one.
    pub is_conditioned: bool,
    /// One for each `expand` of what is read.
    pub links: Vec<Link>,
}

/// A column of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beside {
    pub link: usize,
    pub column: ColumnIndex,
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// None: of the row itself.
    pub link: Option<usize>,
    pub column: ColumnIndex,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// From 1 on.
    pub number: u64,
    /// Rows of it at most.
    pub size: u32,
    /// The size is of the whole answer.
    pub is_top: bool,
    /// The client asks for pages by number and size, so that none may be short.
    pub is_clients: bool,
    /// Where the page before ended.
    pub token: Option<String>,
}

impl Fetch {
    /// Every link, by its number.
    pub fn all_links(&self) -> Vec<&Link> {
        fn add<'l>(links: &'l [Link], all: &mut Vec<&'l Link>) {
            for link in links {
                all.push(link);
                add(&link.links, all);
            }
        }
        let mut all = Vec::new();
        add(&self.links, &mut all);
        all
    }
}

/// Rows made flat: those of the table itself, then those of each link, by its number.
#[derive(Clone, Debug, Default)]
pub struct Flat {
    pub sides: Vec<Side>,
    pub len: usize,
}

/// What one table gives to flat rows.
#[derive(Clone, Debug)]
pub struct Side {
    pub table: Arc<Table>,
    pub rows: Rows,
    /// For each flat row which of `rows` it has, if any.
    pub of: Vec<Option<usize>>,
}

impl Flat {
    pub fn bytes(&self) -> usize {
        self.sides.iter().map(|side| side.rows.bytes() + side.of.len() * size_of::<Option<usize>>()).sum()
    }

    /// Adds those of another, of the same sides.
    pub fn append(&mut self, other: Self) {
        if self.sides.is_empty() {
            *self = other;
            return;
        }
        for (side, more) in self.sides.iter_mut().zip(other.sides) {
            let before = side.rows.len();
            match before {
                0 => side.rows = more.rows,
                _ if more.rows.is_empty() => {}
                _ => side.rows.append(&more.rows),
            }
            side.of.extend(more.of.into_iter().map(|row| row.map(|row| row + before)));
        }
        self.len += other.len;
    }
}
