//! What has changed in a list, as JSON: rows that are new or changed stand as in any list, those that are gone by their key
//! (OData JSON Format 4.0, 15, in the form of Dataverse).

use uuid::Uuid;

use super::cells::Json;
use super::headers::Detail;
use super::reply::{Found, Properties, Style, context, entity};
use crate::model::error::Result;
use crate::model::result::Gone;

/// What comes after the changes: more of them, or where later ones are told.
#[derive(Clone, Copy, Debug)]
pub enum Then<'a> {
    NextLink(&'a str),
    DeltaLink(&'a str),
}

/// Changes of a list. No annotation is needed to know a row that is gone: it alone has a reason.
pub fn page(style: Style<'_>, found: Found<'_>, gone: &[(Uuid, Gone)], then: Then<'_>) -> Result<Vec<u8>> {
    let mut out = Json::default();
    let found = Found { table: style.called(found.table), ..found };
    let says = style.format.detail != Detail::None;
    out.open('{');
    if says {
        out.member("@odata.context", &context(style, found.table, found.query, "/$delta"));
    }
    out.name("value");
    out.open('[');
    let properties = Properties::new(style, found)?;
    for row in 0..found.rows.len() {
        out.item();
        entity(&mut out, style, found, &properties, row, None)?;
    }
    let deleted = format!("{}$metadata#{}/$deletedEntity", style.base, found.table.entity_set);
    for (key, why) in gone {
        out.item();
        out.open('{');
        if says {
            out.member("@odata.context", &deleted);
        }
        out.member("id", &key.to_string());
        out.member("reason", if *why == Gone::Deleted { "deleted" } else { "changed" });
        out.close('}');
    }
    out.close(']');
    match then {
        Then::NextLink(link) => out.member("@odata.nextLink", link),
        Then::DeltaLink(link) => out.member("@odata.deltaLink", link),
    }
    out.close('}');
    Ok(out.bytes)
}
