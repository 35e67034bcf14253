//! Views of users as rows of `userqueries`, as Dataverse has them: as objects, and read from the body of a request.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::label::{Object, id, members};
use crate::model::error::{Code, Error, Result};
use crate::model::user_view::{Assigned, UserView};

/// What can be written of one.
const WRITTEN: [&str; 7] =
    ["name", "description", "returnedtypecode", "fetchxml", "layoutxml", "querytype", "userqueryid"];

/// Whoever asks, as long as there is no login: the user of `WhoAmI`.
pub fn everybody() -> Uuid {
    Uuid::try_parse(&id("systemuser", "local")).unwrap_or_default()
}

/// Of its version.
pub fn etag(view: &UserView) -> String {
    format!("W/\"{}\"", view.version)
}

pub fn object(view: &UserView) -> Object {
    let moment = |milliseconds: i64| {
        jiff::Timestamp::from_millisecond(milliseconds).map_or(Value::Null, |moment| json!(moment.to_string()))
    };
    members([
        ("userqueryid", json!(view.id.to_string())),
        ("name", json!(view.name)),
        ("description", json!(view.description)),
        ("returnedtypecode", json!(view.table)),
        ("fetchxml", json!(view.fetch_xml)),
        ("layoutxml", json!(view.layout_xml)),
        ("querytype", json!(view.query_type)),
        ("statecode", json!(0)),
        ("statuscode", json!(1)),
        ("_ownerid_value", json!(view.owner.to_string())),
        ("createdon", moment(view.created)),
        ("modifiedon", moment(view.modified)),
        ("versionnumber", json!(view.version)),
    ])
}

/// What a body gives, and the id if it gives that.
pub fn assigned(body: &[u8]) -> Result<(Option<Uuid>, Assigned)> {
    let body: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| Error::new(Code::BadJson, format!("the body is no JSON object, at line {}", error.line())))?;
    let (mut key, mut assigned) = (None, Assigned::default());
    for (name, value) in body {
        let wrong = |what: &str| Error::new(Code::BadValue, format!("`{name}` is {what}")).target(name.clone());
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            _ => Err(wrong("a text")),
        };
        let optional = |value: Value| if value.is_null() { Ok(None) } else { text(value).map(Some) };
        match name.as_str() {
            "name" => assigned.name = Some(text(value)?),
            "description" => assigned.description = Some(optional(value)?),
            "returnedtypecode" => assigned.table = Some(text(value)?),
            "fetchxml" => assigned.fetch_xml = Some(text(value)?),
            "layoutxml" => assigned.layout_xml = Some(optional(value)?),
            "querytype" => {
                let number = value.as_i64().and_then(|number| i32::try_from(number).ok()).filter(|number| *number >= 0);
                assigned.query_type = Some(number.ok_or_else(|| wrong("a whole number from 0 on"))?);
            }
            "userqueryid" => {
                let id = value.as_str().and_then(|text| Uuid::try_parse(text).ok());
                key = Some(id.ok_or_else(|| wrong("a GUID"))?);
            }
            other if other.starts_with('@') => {}
            other => {
                let error = Error::new(Code::UnknownColumn, format!("`{other}` of a view cannot be written"));
                return Err(error.target(name).hint(format!("what can be is {}", WRITTEN.join(", "))));
            }
        }
    }
    Ok((key, assigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_by_name_and_kind() {
        let id = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11";
        let body = json!({ "@odata.etag": "x", "userqueryid": id, "name": "n", "description": null, "querytype": 0 });
        let (key, read) = assigned(body.to_string().as_bytes()).unwrap();
        assert_eq!(key.map(|key| key.to_string()).as_deref(), Some(id));
        let expected =
            Assigned { name: Some("n".into()), description: Some(None), query_type: Some(0), ..Assigned::default() };
        assert_eq!(read, expected);
        for (body, code) in [
            ("[]", Code::BadJson),
            ("{", Code::BadJson),
            (r#"{"name": null}"#, Code::BadValue),
            (r#"{"name": 1}"#, Code::BadValue),
            (r#"{"querytype": -1}"#, Code::BadValue),
            (r#"{"querytype": 1.5}"#, Code::BadValue),
            (r#"{"userqueryid": "x"}"#, Code::BadValue),
            (r#"{"ownerid@odata.bind": "/systemusers(x)"}"#, Code::UnknownColumn),
        ] {
            assert_eq!(assigned(body.as_bytes()).unwrap_err().code(), code, "{body}");
        }
    }
}
