//! Requests for files: those that open tables elsewhere, descriptions of the API, and what a file of all rows takes.

use std::sync::Arc;

use super::path::Segment;
use super::{Reader, Request};
use crate::model::error::{Code, Error, Result};
use crate::model::query::Query;
use crate::model::table::Table;
use crate::odata::files::{self, Described};
use crate::odata::headers::FileForm;
use crate::odata::options::Options;

impl Reader<'_> {
    /// `$files/contacts.pbids`, `$files/postman.json?tables=contacts`
    pub(super) fn file(&self, rest: &[Segment]) -> Result<Request> {
        let [Segment { name, key: None }] = rest else {
            let error = Error::new(Code::BadUrl, "`/$files` is followed by the name of a file").target("$files");
            return Err(error.hint("ask for `$files/turntable.pbids`, or another name in its place"));
        };
        if name == files::POSTMAN {
            return self.described(Described::Postman);
        }
        self.method(&["GET"])?;
        self.options.only(&[], "a file")?;
        let Some((opener, of)) = files::parse(name) else {
            let error = Error::new(Code::NotFound, format!("there is no file `{name}`")).target("$files");
            return Err(error.hint(format!("names end with .pbids or .odc; `{}` is for Postman", files::POSTMAN)));
        };
        let table = if of == files::SERVICE { None } else { Some(self.named(of)?) };
        Ok(Request::Opening { opener, table })
    }

    pub(super) fn described(&self, form: Described) -> Result<Request> {
        self.method(&["GET"])?;
        self.options.only(&[], "a description of the API")?;
        let most = self.context.limits.described_tables;
        Ok(Request::Described { form, tables: files::chosen(self.message.query, |name| self.named(name), most)? })
    }

    /// A table as it is described, by its entity set or its logical name.
    fn named(&self, name: &str) -> Result<Arc<Table>> {
        let described = self.context.catalog.described();
        match described.table(name) {
            Some(table) => Ok(table.clone()),
            None => described.find_entity_set(name).map_or_else(|| self.context.catalog.entity_set(name), Ok).cloned(),
        }
    }
}

/// Refuses what a file of all rows has no place for.
pub(super) fn may_export(options: &Options, query: &Query, explain: bool, form: FileForm) -> Result<()> {
    if query.tracks {
        let what =
            format!("`Prefer: odata.track-changes` with all rows as a {} file is not supported", form.extension());
        return Err(Error::new(Code::NotSupported, what).target("Prefer").hint("ask for application/json"));
    }
    let odd = if explain {
        Some("explain")
    } else if !query.expand.is_empty() {
        Some("expand")
    } else if query.count {
        Some("count")
    } else if !query.computed.is_empty() {
        Some("compute")
    } else {
        options.get("skiptoken").map(|_| "skiptoken")
    };
    let Some(odd) = odd else { return Ok(()) };
    let error = Error::new(
        Code::NotSupported,
        format!("`${odd}` with all rows as a {} file is not supported", form.extension()),
    );
    Err(error.target(format!("${odd}")).hint("ask for application/json, or leave it out"))
}
