//! Views of users: kept in the store, and checked when they are written. There is no login yet, so they are everybody's.

use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::query::Precondition;
use crate::model::user_view::{Assigned, To, UserView, UserViewChange};
use crate::odata::definitions::user_view::everybody;
use crate::odata::expression::Context;
use crate::odata::fetch::{self, aggregate::Asked};
use crate::router::session::Session;

/// Characters of a name.
const NAME_MAX: usize = 200;

impl Session {
    /// All of them, by their names.
    pub async fn user_views(&self) -> Result<Vec<UserView>> {
        let mut views = self.store().user_views().await?;
        views.retain(|view| self.is_shown(view));
        Ok(views)
    }

    pub async fn user_view(&self, id: Uuid) -> Result<Option<UserView>> {
        Ok(self.store().user_view(id).await?.filter(|view| self.is_shown(view)))
    }

    /// Whether the caller sees all that a view is about.
    fn is_shown(&self, view: &UserView) -> bool {
        if self.sight().is_none() {
            return true;
        }
        let (limits, catalog) = (self.limits(), self.catalog());
        let context = Context { catalog, limits, aliases: &Default::default(), now: jiff::Timestamp::now().into() };
        catalog
            .table_behind(&view.table)
            .is_some_and(|table| fetch::aggregate::read(&view.fetch_xml, table, context).is_ok())
    }

    /// The view as it is now, None where it is deleted; and whether it is new.
    pub async fn change_user_view(
        &self,
        change: UserViewChange,
        precondition: &Precondition,
    ) -> Result<(Option<UserView>, bool)> {
        let id = change.id.unwrap_or_else(Uuid::new_v4);
        let held = self.user_view(id).await?;
        check(precondition, held.as_ref())?;
        let none = || Error::new(Code::NotFound, "there is no view of a user of this id").target("userqueries");
        let (assigned, before) = match (change.to, held) {
            (To::Delete, Some(held)) => {
                self.store().delete_user_view(id, held.version).await?;
                return Ok((None, false));
            }
            (To::Delete, None) => return Err(none()),
            (To::Create(_), Some(_)) => {
                let error = Error::new(Code::AlreadyExists, "there is a view of a user of this id already");
                return Err(error.target("userqueryid"));
            }
            (To::Update(_), None)
                if *precondition != Precondition::None && *precondition != Precondition::MustNotExist =>
            {
                return Err(none());
            }
            (To::Update(assigned), Some(held)) => (assigned, held),
            (To::Create(assigned) | To::Update(assigned), None) => {
                required(&assigned)?;
                (assigned, UserView { id, owner: everybody(), created: now(), ..UserView::default() })
            }
        };
        let view = assigned.on(before);
        let view = UserView { version: view.version + 1, modified: now(), ..view };
        self.check_user_view(&view).await?;
        self.store().put_user_view(view.clone(), self.limits().user_queries).await?;
        let is_new = view.version == 1;
        Ok((Some(view), is_new))
    }

    /// Whether it can be read and planned by what is in force.
    async fn check_user_view(&self, view: &UserView) -> Result<()> {
        let (limits, catalog) = (self.limits(), self.catalog());
        if view.bytes() > limits.user_query_bytes {
            let message = format!(
                "the view has {} bytes; the limit `user_query_bytes` is {}",
                view.bytes(),
                limits.user_query_bytes
            );
            return Err(Error::new(Code::BadValue, message));
        }
        if view.name.trim().is_empty() || view.name.chars().count() > NAME_MAX {
            return Err(Error::new(Code::BadValue, format!("`name` has 1 to {NAME_MAX} characters")).target("name"));
        }
        let table = catalog
            .table_behind(&view.table)
            .ok_or_else(|| catalog.no_table(&view.table).target("returnedtypecode"))?;
        let context = Context { catalog, limits, aliases: &Default::default(), now: jiff::Timestamp::now().into() };
        let served = self.snapshot().table(&table.name)?;
        let checked = match fetch::aggregate::read(&view.fetch_xml, table, context) {
            Ok(Asked::Rows(fetch)) => self.explain_fetch(served, &fetch).await,
            Ok(Asked::Groups(aggregation)) => self.explain_groups(served, &aggregation).await,
            Err(error) => Err(error),
        };
        checked.map_err(|error| error.target("fetchxml"))?;
        if let Some(layout) = &view.layout_xml {
            fetch::xml::check(layout, "layoutxml", limits)?;
        }
        Ok(())
    }
}

fn required(assigned: &Assigned) -> Result<()> {
    let given = [
        ("name", assigned.name.is_some()),
        ("returnedtypecode", assigned.table.is_some()),
        ("fetchxml", assigned.fetch_xml.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| !is_given) {
        Some((name, _)) => {
            Err(Error::new(Code::RequiredColumn, format!("a view of a user needs `{name}`")).target(name))
        }
        None => Ok(()),
    }
}

fn check(precondition: &Precondition, held: Option<&UserView>) -> Result<()> {
    match (precondition, held) {
        (Precondition::MustNotExist, Some(_)) => {
            Err(Error::new(Code::PreconditionFailed, "there is a view of a user of this id already"))
        }
        (Precondition::Versions(versions), Some(held)) if !versions.contains(&held.version.to_string()) => {
            let error = Error::new(Code::VersionMismatch, "the view has changed since it was read");
            Err(error.hint("read it again and repeat the change with its new @odata.etag"))
        }
        _ => Ok(()),
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
