//! Requests that change rows: what is to become of them, by the address, the body and the conditions in the headers.

use std::sync::Arc;

use uuid::Uuid;

use super::{Reader, Request, may};
use crate::model::alternate::AlternateKey;
use crate::model::error::{Code, Error, Result};
use crate::model::query::{
    AssignedValue, Assignment, Change, Expand, ExpandForm, Operation, Precondition, Query, Related,
};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::odata::body::{self, Addresses, Body, Purpose};
use crate::odata::named::RowKey;

impl Reader<'_> {
    /// `PUT {"value": …}` and `DELETE`: a change of one column. `bare`: of its `/$value`, which is PUT as it stands.
    pub(super) fn write_property(
        &self,
        table: &Arc<Table>,
        key: Uuid,
        column: ColumnIndex,
        bare: bool,
    ) -> Result<Request> {
        let raw = match self.method(&["GET", "PUT", "DELETE"])? {
            "DELETE" => "null".to_owned(),
            _ if bare => {
                self.check_size(self.context.limits.body_bytes, "body_bytes")?;
                self.message.headers.check_text_body()?;
                body::bare(self.message.body, &table.columns[column])?
            }
            _ => {
                self.check_body(self.context.limits.body_bytes, "body_bytes")?;
                body::single(self.message.body, "value")?
            }
        };
        let property = table.columns[column].property();
        self.change_one(table, key, &format!("\"{property}\":{raw}"), "a property")
    }

    /// A change of a row that is there by a body of one member.
    fn change_one(&self, table: &Arc<Table>, key: Uuid, member: &str, what: &str) -> Result<Request> {
        self.options.only(&[], what)?;
        self.change_by(table, key, member)
    }

    fn change_by(&self, table: &Arc<Table>, key: Uuid, member: &str) -> Result<Request> {
        may(table, table.access.update, "changed")?;
        let (body, limits) = (format!("{{{member}}}"), self.context.limits);
        let read = body::read(body.as_bytes(), table, self.addresses(), Purpose::Update(key), &[], limits)?;
        let precondition = self.message.headers.precondition()?;
        if precondition == Precondition::MustNotExist {
            return Err(Error::new(Code::BadRequest, "this needs the row to exist").target("If-None-Match"));
        }
        self.write(table, Operation::Update { key }, read, precondition)
    }

    /// `msemr_observations(guid)/msemr_patient/$ref`
    pub(super) fn reference(
        &self,
        table: &Arc<Table>,
        key: Uuid,
        navigation: &str,
        column: ColumnIndex,
        to: String,
    ) -> Result<Request> {
        match self.method(&["GET", "PUT", "DELETE"])? {
            "PUT" => {
                self.check_body(self.context.limits.body_bytes, "body_bytes")?;
                let raw = body::single(self.message.body, "@odata.id")?;
                let bound = format!("{navigation}@odata.bind");
                let change = self.change_one(table, key, &format!("\"{bound}\":{raw}"), "a reference");
                // What is wrong is called as the body has it.
                change.map_err(|error| match error.get_target() == Some(bound.as_str()) {
                    true => Error::new(error.code(), error.message().replace(&bound, "@odata.id")).target("@odata.id"),
                    false => error,
                })
            }
            "DELETE" => self.change_one(table, key, &format!("\"{navigation}\":null"), "a reference"),
            _ => {
                may(table, table.access.read && table.columns[column].access.read, "read")?;
                self.options.only(&[], "a reference")?;
                Ok(Request::Reference { table: table.clone(), key, column, to })
            }
        }
    }

    /// `CreateMultiple`, `UpdateMultiple`, `UpsertMultiple`
    pub(super) fn multiple(&self, table: &Arc<Table>, action: &str) -> Result<Request> {
        self.options.only(&[], "an action")?;
        let limits = self.context.limits;
        self.check_body(limits.body_bytes, "body_bytes")?;
        let creates = action == "CreateMultiple";
        may(table, table.access.create || action == "UpdateMultiple", "created")?;
        may(table, table.access.update || creates, "changed")?;
        let targets = body::targets(self.message.body, table, self.addresses())?;
        if targets.len() > limits.batch_parts {
            let message = format!("{} rows; the limit `batch_parts` is {}", targets.len(), limits.batch_parts);
            return Err(Error::new(Code::BadRequest, message).target("Targets"));
        }
        let change = |(position, (text, key)): (usize, &(String, Option<RowKey>))| {
            let at = format!("Targets[{position}]");
            let (purpose, operation, missing) = match (action, key) {
                ("CreateMultiple", _) => (Purpose::Create, None, None),
                ("UpsertMultiple", Some(RowKey::Missing(by))) => (Purpose::Create, None, Some(by)),
                ("UpsertMultiple", Some(RowKey::Of(key))) => {
                    (Purpose::Update(*key), Some(Operation::Upsert { key: *key }), None)
                }
                (_, Some(RowKey::Of(key))) => (Purpose::Update(*key), Some(Operation::Update { key: *key }), None),
                (_, Some(RowKey::Missing(_))) => {
                    let message = format!("`{}` has no row of this alternate key", table.entity_set);
                    return Err(Error::new(Code::NotFound, message).target(at));
                }
                (_, None) => {
                    let name = &table.columns[table.key].name;
                    let error = Error::new(Code::BadKey, format!("`{at}` has no key")).target(at);
                    return Err(error.hint(format!("give it as `{name}`, or its address as `@odata.id`")));
                }
            };
            let bound = missing.map(values_of).unwrap_or_default();
            let read = body::read(text.as_bytes(), table, self.addresses(), purpose, &bound, limits);
            let read = read.map_err(|error| {
                let inside = format!("{at}/{}", error.get_target().unwrap_or_default());
                error.target(inside.trim_end_matches('/'))
            })?;
            let operation = operation.unwrap_or(Operation::Create { key: read.key });
            let Body { assignments, repeats, related, .. } = read;
            let unless = missing.cloned();
            Ok(Change { operation, assignments, repeats, related, unless, ..Change::default() })
        };
        let changes: Vec<Change> = targets.iter().enumerate().map(change).collect::<Result<_>>()?;
        // Neither would find the other's row.
        let keys: Vec<_> = changes.iter().filter_map(|change| change.unless.as_ref()).collect();
        if let Some((_, twice)) = keys.iter().enumerate().find(|(at, key)| keys[..*at].contains(key)) {
            let message = "two rows have one alternate key, of which there is none yet";
            let name = &table.columns[twice.values[0].0].name;
            return Err(Error::new(Code::BadRequest, message)
                .target("Targets")
                .hint(format!("give each `{name}` once")));
        }
        Ok(Request::Multiple { table: table.clone(), changes, shows: creates })
    }

    pub(super) fn create(&self, table: &Arc<Table>, bound: Option<Assignment>) -> Result<Request> {
        may(table, table.access.create, "created")?;
        let read = self.body(table, Purpose::Create, bound.as_slice())?;
        if self.message.headers.precondition()? != Precondition::None {
            return Err(
                Error::new(Code::BadRequest, "a create has no row that a condition could be about").target("If-Match")
            );
        }
        let operation = Operation::Create { key: read.key };
        self.write(table, operation, read, Precondition::None)
    }

    /// PATCH and PUT create where the row is not there, unless `If-Match` says that it must be.
    pub(super) fn update(&self, table: &Arc<Table>, purpose: Purpose, key: Uuid) -> Result<Request> {
        may(table, table.access.update, "changed")?;
        let read = self.body(table, purpose, &[])?;
        let precondition = self.message.headers.precondition()?;
        let must_exist = matches!(precondition, Precondition::MustExist | Precondition::Versions(_));
        let operation = match must_exist || !table.access.create {
            true => Operation::Update { key },
            false => Operation::Upsert { key },
        };
        self.write_as(table, operation, read, precondition, matches!(purpose, Purpose::Replace(_)))
    }

    /// The same by an alternate key that no row has: a new row has its values, and is made only if there still is none.
    pub(super) fn upsert_missing(&self, table: &Arc<Table>, key: &AlternateKey) -> Result<Request> {
        let precondition = self.message.headers.precondition()?;
        if matches!(precondition, Precondition::MustExist | Precondition::Versions(_)) {
            let message = format!("`{}` has no row of this alternate key", table.entity_set);
            return Err(Error::new(Code::NotFound, message).target("If-Match"));
        }
        may(table, table.access.update, "changed")?;
        may(table, table.access.create, "created")?;
        let read = self.body(table, Purpose::Create, &values_of(key))?;
        let operation = Operation::Create { key: read.key };
        let mut request = self.write(table, operation, read, precondition)?;
        if let Request::Write { change, .. } = &mut request {
            change.unless = Some(key.clone());
        }
        Ok(request)
    }

    /// A row no longer points to another: its lookup leads nowhere. The row that it pointed to may stand in `$id`.
    pub(super) fn unlink(&self, table: &Arc<Table>, key: Uuid, column: ColumnIndex) -> Result<Request> {
        let Kind::Lookup(lookup) = &table.columns[column].kind else {
            return Err(Error::new(Code::Internal, "rows point by a column that is no lookup"));
        };
        self.options.only(&["id"], "a reference")?;
        self.change_by(table, key, &format!("\"{}\":null", lookup.navigation))
    }

    pub(super) fn delete(&self, table: &Arc<Table>, key: Uuid) -> Result<Request> {
        may(table, table.access.delete, "deleted")?;
        self.options.only(&[], "a delete")?;
        let precondition = self.message.headers.precondition()?;
        if precondition == Precondition::MustNotExist {
            return Err(Error::new(Code::BadRequest, "a delete needs the row to exist").target("If-None-Match"));
        }
        self.write(table, Operation::Delete { key }, Body::default(), precondition)
    }

    fn body(&self, table: &Table, purpose: Purpose, bound: &[Assignment]) -> Result<Body> {
        self.options.only(&["select", "expand"], "a write")?;
        self.check_body(self.context.limits.body_bytes, "body_bytes")?;
        body::read(self.message.body, table, self.addresses(), purpose, bound, self.context.limits)
    }

    pub(super) fn addresses(&self) -> Addresses<'_> {
        Addresses { catalog: self.context.catalog, base: self.message.base, naming: &self.naming }
    }

    pub(super) fn write(
        &self,
        table: &Arc<Table>,
        operation: Operation,
        read: Body,
        precondition: Precondition,
    ) -> Result<Request> {
        self.write_as(table, operation, read, precondition, false)
    }

    fn write_as(
        &self,
        table: &Arc<Table>,
        operation: Operation,
        read: Body,
        precondition: Precondition,
        replaces: bool,
    ) -> Result<Request> {
        let mut query = self.options.query(table, self.context)?;
        let Body { assignments, repeats, related, .. } = read;
        show_related(&mut query.expand, &related);
        let change = Change { operation, assignments, repeats, replaces, related, precondition, unless: None };
        Ok(Request::Write { table: table.clone(), change, query })
    }
}

/// What a new row has of an alternate key that no row has yet.
fn values_of(key: &AlternateKey) -> Vec<Assignment> {
    let value = |(column, text): &(ColumnIndex, String)| Assignment {
        column: *column,
        value: Some(AssignedValue::Cell(text.clone())),
    };
    key.values.iter().map(value).collect()
}

/// What is made with a row is shown with it (OData 4.0 Protocol, 11.4.2.2).
fn show_related(expand: &mut Vec<Expand>, related: &[Related]) {
    for Related { navigation, to, changes } in related {
        if !expand.iter().any(|known| known.navigation == *navigation) {
            let (navigation, to) = (navigation.clone(), to.clone());
            expand.push(Expand { navigation, to, form: ExpandForm::Rows, query: Query::default() });
        }
        if let Some(shown) = expand.iter_mut().find(|known| known.navigation == *navigation) {
            changes.iter().for_each(|change| show_related(&mut shown.query.expand, &change.related));
        }
    }
}
