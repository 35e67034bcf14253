//! Microsoft's actions on resources: `msind_UpsertBundle` and `msind_RetrieveBundle`.

use super::{Reader, Request};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::odata::body;

impl Reader<'_> {
    pub(super) fn upsert_bundle(&self) -> Result<Request> {
        self.method(&["POST"])?;
        self.check_body(self.context.limits.bundle_bytes, "bundle_bytes")?;
        let action = body::has_parameters(self.message.body);
        let bundle = match action {
            true => body::parameters(self.message.body, "msind_JSON", &["msind_BundleTag"])?,
            false => body::bundle(self.message.body)?,
        };
        Ok(Request::UpsertBundle { bundle, action })
    }

    /// `Type/id`, or `Type/id?_elements=…`: what Microsoft's action takes.
    pub(super) fn retrieve_bundle(&self) -> Result<Request> {
        self.method(&["POST"])?;
        self.check_body(self.context.limits.body_bytes, "body_bytes")?;
        let asked = body::parameters(self.message.body, "msind_FHIRQuery", &[])?;
        let wrong = |what: &str| {
            let error = Error::new(Code::BadRequest, what).target("msind_FHIRQuery");
            error.hint("ask for one resource: Type/id, or Type/id?_elements=name,birthDate")
        };
        let (path, options) = asked.split_once('?').unwrap_or((&asked, ""));
        let path = path.trim().trim_start_matches('/');
        let found =
            key::reference(path).filter(|r| r.base.is_empty() && format!("{}/{}", r.resource_type, r.id) == path);
        let found = found.ok_or_else(|| wrong("the query names no resource"))?;
        let mut elements = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let Some(names) = option.strip_prefix("_elements=") else {
                return Err(wrong("the query has a parameter other than _elements"));
            };
            let names = percent_encoding::percent_decode_str(names).decode_utf8_lossy();
            elements.extend(names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
        }
        Ok(Request::RetrieveBundle { resource_type: found.resource_type.to_owned(), id: found.id.to_owned(), elements })
    }
}
