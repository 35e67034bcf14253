//! Requests about views of users: what is done with one, and the rows that one gives.

use std::sync::Arc;

use uuid::Uuid;

use super::path::Segment;
use super::{Reader, Request};
use crate::model::error::{Code, Error, Result};
use crate::model::query::Precondition;
use crate::model::table::Table;
use crate::model::user_view::{To, UserViewChange};
use crate::odata::definitions::user_view;
use crate::odata::named::parse_key;
use crate::odata::options::{FETCH, Options, USER_VIEW, VIEW};

/// The set of them.
pub(super) const SET: &str = "userqueries";

/// The id in `userQuery`, if a query string has one: that view has to be at hand when the request is read.
pub(super) fn asked(options: &Options) -> Option<Uuid> {
    options.get(USER_VIEW).and_then(|id| Uuid::try_parse(id.trim_matches(['{', '}', '\''])).ok())
}

impl Reader<'_> {
    /// `POST userqueries`, `PATCH userqueries(…)`, `DELETE userqueries(…)`; reading is for who reads definitions.
    pub(super) fn user_view(&self, set: &Segment, rest: &[Segment]) -> Result<Request> {
        if let Some(next) = rest.first() {
            return Err(self.odd_segment(next, SET));
        }
        self.options.only(&[], "a write of a view")?;
        let precondition = self.message.headers.precondition()?;
        let id = match &set.key {
            None => {
                self.method(&["GET", "POST"])?;
                None
            }
            Some(key) => {
                self.method(&["GET", "PATCH", "DELETE"])?;
                let bare = key.trim_start().strip_prefix("userqueryid=").unwrap_or(key);
                let id = parse_key(bare.trim())
                    .ok_or_else(|| Error::new(Code::BadKey, "the key of a view is a GUID").target("userqueryid"))?;
                Some(id)
            }
        };
        if self.message.method == "DELETE" {
            return Ok(Request::ChangeUserView { change: UserViewChange { id, to: To::Delete }, precondition });
        }
        self.check_body(self.context.limits.body_bytes, "body_bytes")?;
        let (given, assigned) = user_view::assigned(self.message.body)?;
        if id.is_some() && given.is_some() && id != given {
            let error = Error::new(Code::BadKey, "the id in the body is another than that in the address");
            return Err(error.target("userqueryid"));
        }
        if id.is_none() && precondition != Precondition::None {
            let message = "a create has no view that a condition could be about";
            return Err(Error::new(Code::BadRequest, message).target("If-Match"));
        }
        let to = if id.is_some() { To::Update(assigned) } else { To::Create(assigned) };
        Ok(Request::ChangeUserView { change: UserViewChange { id: id.or(given), to }, precondition })
    }

    /// `?userQuery=…`: what the view asks.
    pub(super) fn by_user_view(&self, table: &Arc<Table>) -> Result<Request> {
        if self.options.get(FETCH).is_some() || self.options.get(VIEW).is_some() {
            let message = "`userQuery` stands alone: `savedQuery` and `fetchXml` are other queries";
            return Err(Error::new(Code::BadOption, message).target("userQuery"));
        }
        let of_table = |name: &str| self.context.catalog.table_behind(name).is_some_and(|of| of.name == table.name);
        match self.message.user_view {
            Some(view) if Some(view.id) == asked(self.options) && of_table(&view.table) => {
                self.fetch(table, &view.fetch_xml)
            }
            _ => {
                let message = format!("`{}` has no view of a user of this id", table.name);
                let error = Error::new(Code::NotFound, message).target("userQuery");
                Err(error.hint(format!("GET userqueries?$filter=returnedtypecode eq '{}'", table.name)))
            }
        }
    }
}
