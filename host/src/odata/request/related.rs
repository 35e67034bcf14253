//! From a row to others: those that its lookups lead to, and those that point to it.

use std::sync::Arc;

use uuid::Uuid;

use super::path::{Segment, segment_of};
use super::{FOR_ROW, Reader, Request, may, unsupported};
use crate::model::alternate::Named;
use crate::model::catalog::Relation;
use crate::model::error::{Code, Error, Result};
use crate::model::query::{AssignedValue, Assignment, Filter, Operation, Query};
use crate::model::table::{ColumnIndex, Table};
use crate::odata::body::{self, Body};
use crate::odata::named::RowKey;

impl Reader<'_> {
    /// `contacts(guid)/msemr_observation_msemr_patient…`: rows of the other table whose lookup is this row.
    pub(super) fn children(
        &self,
        parent: &Arc<Table>,
        key: Uuid,
        child: &str,
        column: ColumnIndex,
        segment: &Segment,
        rest: &[Segment],
    ) -> Result<Request> {
        let table = self.context.catalog.table(child);
        let table = table.ok_or_else(|| Error::new(Code::UnknownTable, format!("there is no table `{child}`")))?;
        if let Some(text) = &segment.key {
            let RowKey::Of(row) = self.naming.key(text, table)? else { return Err(none_here(table, segment)) };
            return self.among(parent, key, table, column, row, segment, rest);
        }
        let belongs = Filter::points_to(table, column, parent, key);
        match rest {
            [] => match self.method(&["GET", "POST"])? {
                "POST" if !table.columns[column].access.create => {
                    let message = format!("`{}` cannot be written on create", table.columns[column].property());
                    Err(Error::new(Code::NotWritable, message).target(segment.name.clone()))
                }
                "POST" => {
                    let bind = AssignedValue::Bind { entity_set: parent.entity_set.clone(), key };
                    self.create(table, Some(Assignment { column, value: Some(bind) }))
                }
                _ => self.read(table, Some(belongs)),
            },
            [count] if count.name == "$count" => self.count(table, Some(belongs)),
            [reference] if reference.name == "$ref" && self.message.method == "DELETE" => {
                let hint = || format!("DELETE `{}(…)/$ref`, with the key of the row that is to leave", segment.name);
                let id = self.id()?.ok_or_else(|| unsupported("to take all rows away from a row").hint(hint()))?;
                let Segment { name, key: text } = segment_of(&id.replace('%', "%25"))?;
                let is_of = self.context.catalog.entity_set(&name)?.name == table.name;
                let Some(text) = text.filter(|_| is_of) else { return Err(none_here(table, segment)) };
                let RowKey::Of(row) = self.naming.key(&text, table)? else { return Err(none_here(table, segment)) };
                self.among(parent, key, table, column, row, segment, rest)
            }
            // A row is among those that point here when its lookup does.
            [reference] if reference.name == "$ref" && self.message.method == "POST" => {
                self.check_body(self.context.limits.body_bytes, "body_bytes")?;
                let (set, row) = body::reference(self.message.body, table, self.addresses())?;
                if set != table.entity_set {
                    let message = format!("`{}` takes rows of {}", segment.name, table.entity_set);
                    return Err(Error::new(Code::BadValue, message).target("@odata.id"));
                }
                may(table, table.access.update && table.columns[column].access.update, "changed")?;
                self.options.only(&[], "a reference")?;
                let bind = AssignedValue::Bind { entity_set: parent.entity_set.clone(), key };
                let assignments = vec![Assignment { column, value: Some(bind) }];
                let precondition = self.message.headers.precondition()?;
                let read = Body { assignments, ..Body::default() };
                self.write(table, Operation::Update { key: row }, read, precondition)
            }
            [reference] if reference.name == "$ref" => self.references(table, Some(belongs)),
            [next, ..] => Err(self.odd_segment(next, &segment.name)),
        }
    }

    /// `contacts(guid)/msemr_observation_msemr_patient(guid)…`: one of them, and what can be asked of it.
    #[expect(clippy::too_many_arguments, reason = "two rows, and what stands between them and behind")]
    fn among(
        &self,
        parent: &Arc<Table>,
        parent_key: Uuid,
        table: &Arc<Table>,
        column: ColumnIndex,
        key: Uuid,
        segment: &Segment,
        rest: &[Segment],
    ) -> Result<Request> {
        may(table, table.access.read && table.columns[column].access.read, "read")?;
        let (child, parent) = (table.name.clone(), parent.name.clone());
        let Some(key) = self.naming.row(Named::Among { table: child, key, column, parent, parent_key }) else {
            return Err(none_here(table, segment));
        };
        match rest {
            [reference] if reference.name == "$ref" && reference.key.is_none() => {
                self.method(&["DELETE"])?;
                self.unlink(table, key, column)
            }
            _ => self.row(table, key, rest),
        }
    }

    /// `msemr_observations(guid)/msemr_patient`
    pub(super) fn follow(
        &self,
        table: &Arc<Table>,
        key: Uuid,
        segment: &Segment,
        to: Relation,
        rest: &[Segment],
    ) -> Result<Request> {
        if let ([next], Relation::Lookup { column, table: other }) = (rest, &to)
            && next.name == "$ref"
            && segment.key.is_none()
        {
            return self.reference(table, key, &segment.name, *column, other.clone());
        }
        if segment.key.is_some() {
            return Err(Error::new(Code::BadUrl, format!("`{}` leads to one row; it takes no key", segment.name)));
        }
        if let Some(next) = rest.first() {
            return match to {
                Relation::Lookup { column, table: other } if !next.name.starts_with('$') => {
                    self.behind(table, key, column, &other, segment, rest)
                }
                _ => Err(self.odd_segment(next, &segment.name)),
            };
        }
        self.method(&["GET"])?;
        may(table, table.access.read, "read")?;
        self.options.only(FOR_ROW, "one row")?;
        let query = match &to {
            Relation::Lookup { table, .. } => match self.context.catalog.table(table) {
                Some(target) => {
                    may(target, target.access.read, "read")?;
                    self.options.query(target, self.context)?
                }
                None => return Err(Error::new(Code::UnknownTable, format!("there is no table `{table}`"))),
            },
            _ => {
                self.options.only(&[], "a concept")?;
                Query::default()
            }
        };
        Ok(Request::Follow { table: table.clone(), key, navigation: segment.name.clone(), to, query })
    }

    /// `msemr_observations(guid)/msemr_patient/…`: what can be asked of the row that a lookup leads to.
    fn behind(
        &self,
        table: &Arc<Table>,
        key: Uuid,
        column: ColumnIndex,
        other: &str,
        segment: &Segment,
        rest: &[Segment],
    ) -> Result<Request> {
        let other = self.context.catalog.table(other);
        let other =
            other.ok_or_else(|| Error::new(Code::UnknownTable, format!("`{}` leads to no table", segment.name)))?;
        may(table, table.access.read && table.columns[column].access.read, "read")?;
        let named = Named::Behind { table: table.name.clone(), key, column, to: other.name.clone() };
        match self.naming.row(named) {
            Some(row) => self.row(other, row, rest),
            None => {
                let message = format!("`{}` of this row of `{}` leads to no row", segment.name, table.entity_set);
                Err(Error::new(Code::NotFound, message).target(segment.name.clone()))
            }
        }
    }
}

fn none_here(table: &Table, segment: &Segment) -> Error {
    let message = format!("no row of `{}` with this key is one of `{}`", table.entity_set, segment.name);
    Error::new(Code::NotFound, message).target(segment.name.clone())
}
