//! A path below the service root to definitions, and what is answered there: `EntityDefinitions(LogicalName='contact')/
//! Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$expand=OptionSet`. The functions of Dataverse that say who
//! and what is there stand here too.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::changes::Changes;
use super::label::{Object, id, members};
use super::select::{Wanted, check, list, one_of, shown, unsupported};
use super::subject::{self, Led, Set, Subject};
use crate::model::catalog::Catalog;
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::model::user_view::UserView;
use crate::odata::metadata::NAMESPACE;
use crate::odata::options::Options;
use crate::odata::syntax::{self, SegmentKind, Syntax};

/// The version of Dataverse's Web API that the tables are shaped like.
const API_VERSION: &str = "9.2.0.0";

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Definitions {
    /// A path of names, each with what stands in parentheses after it.
    At {
        path: Vec<(String, Option<Key>)>,
        wanted: Arc<Asked>,
    },
    WhoAmI,
    RetrieveVersion,
    RetrieveMetadataChanges(Box<Changes>),
}

/// The query options.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked(Wanted);

/// What identifies one of a set: the name of a property (none = the set's own), and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    name: Option<String>,
    value: String,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What belongs into `@odata.context` after `$metadata#`, and the other members.
    Object {
        context: String,
        members: Object,
    },
    /// Plain text.
    Text(String),
    Nothing,
}

/// Whether a name at the service root is of definitions, and not of a table.
pub fn is_definition(name: &str) -> bool {
    subject::is_root(name) || function(name).is_some()
}

fn function(name: &str) -> Option<&str> {
    let bare = name.strip_prefix(NAMESPACE).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
    ["WhoAmI", "RetrieveVersion", "RetrieveMetadataChanges"].into_iter().find(|function| *function == bare)
}

/// A request for definitions. `segments`: of the path, decoded.
pub fn parse(segments: &[(&str, Option<&str>)], options: &Options, limits: &Limits) -> Result<Definitions> {
    let wanted = Wanted::parse(options, limits)?;
    let Some(((first, arguments), rest)) = segments.split_first() else {
        return Err(Error::new(Code::BadUrl, "the path is empty"));
    };
    if let Some(function) = function(first) {
        if let Some((next, _)) = rest.first() {
            return Err(Error::new(Code::BadUrl, format!("`/{next}` has no meaning after `{first}`")));
        }
        if wanted != Wanted::default() {
            return Err(unsupported(&format!("a query option of `{function}`")));
        }
        let arguments = arguments.filter(|arguments| !arguments.trim().is_empty());
        return match (function, arguments) {
            ("WhoAmI", None) => Ok(Definitions::WhoAmI),
            ("RetrieveVersion", None) => Ok(Definitions::RetrieveVersion),
            ("RetrieveMetadataChanges", Some(arguments)) => changes(arguments, options, limits),
            ("RetrieveMetadataChanges", None) => {
                Err(Error::new(Code::BadRequest, "the function needs `Query`").target("Query"))
            }
            _ => Err(Error::new(Code::BadRequest, format!("`{function}` takes no parameters"))),
        };
    }
    let path =
        segments.iter().map(|(name, key)| Ok(((*name).to_owned(), key.map(|key| self::key(key, limits)).transpose()?)));
    Ok(Definitions::At { path: path.collect::<Result<_>>()?, wanted: Arc::new(Asked(wanted)) })
}

impl Definitions {
    /// Whether it asks for views of users.
    pub fn asks_for_user_views(&self) -> bool {
        matches!(self, Self::At { path, .. } if path.first().is_some_and(|(name, _)| name == subject::USER_VIEWS))
    }

    /// `kept`: views of users, where it asks for them.
    pub fn answer(&self, catalog: &Catalog, kept: &[UserView]) -> Result<Answer> {
        let response = |name: &str, members: Object| {
            Ok(Answer::Object { context: format!("{NAMESPACE}.{name}Response"), members })
        };
        match self {
            Self::At { path, wanted } => at(path, &wanted.0, catalog, kept),
            // There is no login: whoever asks is the one user of the one organization.
            Self::WhoAmI => response(
                "WhoAmI",
                members([
                    ("BusinessUnitId", json!(id("businessunit", "local"))),
                    ("UserId", json!(id("systemuser", "local"))),
                    ("OrganizationId", json!(id("organization", "local"))),
                ]),
            ),
            Self::RetrieveVersion => response("RetrieveVersion", members([("Version", json!(API_VERSION))])),
            Self::RetrieveMetadataChanges(changes) => response("RetrieveMetadataChanges", changes.answer(catalog)?),
        }
    }
}

/// Where a path has come to.
enum Here<'c> {
    Set(Set<'c>),
    One(Subject<'c>),
    Value(Value),
}

fn at(path: &[(String, Option<Key>)], wanted: &Wanted, catalog: &Catalog, kept: &[UserView]) -> Result<Answer> {
    let nothing_at = |name: &str| Error::new(Code::NotFound, format!("there is no `{name}` here")).target(name);
    let mut steps = path.iter();
    let Some((first, key)) = steps.next() else { return Err(nothing_at("")) };
    let set = subject::root(first, catalog, kept).ok_or_else(|| nothing_at(first))?;
    let mut context = first.clone();
    let mut here = keyed(set, key.as_ref(), first, &mut context, catalog)?;
    for (name, key) in steps {
        let cast = name.strip_prefix(NAMESPACE).and_then(|rest| rest.strip_prefix('.'));
        here = match (here, cast) {
            (Here::Set(set), Some(cast)) => {
                let of = set.cast(cast).ok_or_else(|| nothing_at(name))?;
                context += &format!("/{name}");
                keyed(of, key.as_ref(), name, &mut context, catalog)?
            }
            (Here::One(one), Some(cast)) => match one_of(one).cast(cast) {
                Some(set) if !set.subjects.is_empty() && key.is_none() => {
                    context += &format!("/{name}");
                    Here::One(one)
                }
                _ => return Err(nothing_at(name)),
            },
            (Here::Set(set), None) if name == "$count" && key.is_none() => {
                let (chosen, _) = super::select::chosen(&set, wanted, catalog)?;
                return Ok(Answer::Text(chosen.len().to_string()));
            }
            (Here::One(one), None) => match one.step(name, catalog) {
                Some(Led::Many(set)) => {
                    context += &format!("/{name}");
                    keyed(set, key.as_ref(), name, &mut context, catalog)?
                }
                Some(Led::One(found)) if key.is_none() => {
                    context += &format!("/{name}");
                    match found {
                        Some(one) => Here::One(one),
                        None => return Ok(Answer::Nothing),
                    }
                }
                _ => {
                    let value = one.object(catalog).remove(name).filter(|_| key.is_none());
                    context += &format!("/{name}");
                    Here::Value(value.ok_or_else(|| nothing_at(name))?)
                }
            },
            (Here::Value(Value::Object(mut object)), None) if key.is_none() => {
                context += &format!("/{name}");
                Here::Value(object.remove(name).ok_or_else(|| nothing_at(name))?)
            }
            _ => return Err(nothing_at(name)),
        };
    }
    match here {
        Here::Set(set) => {
            let (value, count) = list(&set, wanted, catalog)?;
            let mut members = Map::new();
            if wanted.count {
                members.insert("@odata.count".into(), count.into());
            }
            members.insert("value".into(), value);
            Ok(Answer::Object { context: format!("{context}{}", wanted.shape()), members })
        }
        Here::One(one) if wanted.is_for_one() => {
            check(&one_of(one), wanted, catalog)?;
            let typed = one_of(one).is_mixed();
            let members = shown(one, wanted, typed, catalog)?;
            Ok(Answer::Object { context: format!("{context}{}/$entity", wanted.shape()), members })
        }
        Here::Value(Value::Null) => Ok(Answer::Nothing),
        Here::Value(Value::Object(members)) if *wanted == Wanted::default() => Ok(Answer::Object { context, members }),
        Here::Value(value) if *wanted == Wanted::default() => {
            Ok(Answer::Object { context, members: Map::from_iter([("value".to_owned(), value)]) })
        }
        Here::One(_) | Here::Value(_) => {
            Err(Error::new(Code::BadOption, "this query option has no meaning for one definition"))
        }
    }
}

/// The one of a set that a key names; without a key the set.
fn keyed<'c>(
    set: Set<'c>,
    key: Option<&Key>,
    name: &str,
    context: &mut String,
    catalog: &'c Catalog,
) -> Result<Here<'c>> {
    let Some(Key { name: property, value }) = key else { return Ok(Here::Set(set)) };
    let is_guid = uuid::Uuid::try_parse(value).is_ok();
    let property = match property.as_deref() {
        Some(property) => property,
        None if is_guid && !matches!(set.key_name(), "sdkmessagefilterid" | "savedqueryid" | "userqueryid") => {
            "MetadataId"
        }
        None => set.key_name(),
    };
    if property != "MetadataId" && property != set.key_name() {
        let error = Error::new(Code::BadKey, format!("`{name}` has no key `{property}`")).target(name);
        return Err(error.hint(format!("its keys are MetadataId and {}", set.key_name())));
    }
    let is_it = |object: &Object| {
        object.get(property).is_some_and(|found| match found {
            Value::String(found) if is_guid => found.eq_ignore_ascii_case(value),
            Value::String(found) => found == value,
            _ => false,
        })
    };
    let found = set.subjects.iter().find(|subject| is_it(&subject.object(catalog)));
    let found = found.ok_or_else(|| {
        let error = Error::new(Code::NotFound, format!("`{name}` has none of this key")).target(name);
        error.hint(format!("those that there are says `{name}?$select={}`", set.key_name()))
    })?;
    *context += &format!("({value})");
    Ok(Here::One(*found))
}

/// `LogicalName='contact'`, `'contact'`, or a GUID.
fn key(text: &str, limits: &Limits) -> Result<Key> {
    let bad = || {
        Error::new(
            Code::BadKey,
            "the key of a definition is a GUID, or its name with that of the key, LogicalName='contact'",
        )
    };
    let arguments = syntax::arguments(text, limits).map_err(|_| bad())?;
    let [argument] = arguments.as_slice() else { return Err(bad()) };
    match &argument.value.syntax {
        Syntax::Text(value) | Syntax::Guid(value) => Ok(Key { name: argument.name.clone(), value: value.clone() }),
        _ => Err(bad()),
    }
}

/// `Query=@p1`, or the query itself in quotes.
fn changes(arguments: &str, options: &Options, limits: &Limits) -> Result<Definitions> {
    let bad = |what: &str| Error::new(Code::BadRequest, what.to_owned()).target("Query");
    let arguments = syntax::arguments(arguments, limits).map_err(|_| bad("the parameters cannot be read"))?;
    let mut query = None;
    for argument in &arguments {
        let name = argument.name.as_deref().unwrap_or_default();
        if name != "Query" {
            return Err(unsupported(&format!("the parameter `{name}`")).target(name));
        }
        query = match &argument.value.syntax {
            Syntax::Text(text) => Some(text.as_str()),
            Syntax::Path(path) => match path.as_slice() {
                [syntax::Segment { kind: SegmentKind::At(alias), .. }] => {
                    options.aliases.get(alias).map(String::as_str)
                }
                _ => None,
            },
            _ => None,
        };
    }
    let query = query.ok_or_else(|| bad("`Query` is an alias that the query string gives, or a text"))?;
    Ok(Definitions::RetrieveMetadataChanges(Box::new(Changes::parse(query)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odata::sample;

    /// The answer to a path with query options, not encoded.
    fn ask(url: &str) -> Result<Answer> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let segments: Vec<(&str, Option<&str>)> = path
            .split('/')
            .map(|segment| match segment.split_once('(') {
                Some((name, key)) => (name, key.strip_suffix(')')),
                None => (segment, None),
            })
            .collect();
        let catalog = sample::catalog();
        assert!(is_definition(segments[0].0), "{url}");
        let asked = parse(&segments, &Options::parse(query)?, &Limits::default())?;
        asked.answer(&catalog, &[])
    }

    /// What is at a JSON pointer of the answer.
    fn check(url: &str, pointer: &str, expected: &Value) {
        match ask(url) {
            Ok(Answer::Object { members, .. }) => {
                assert_eq!(Value::Object(members.clone()).pointer(pointer), Some(expected), "{url}: {members:?}");
            }
            other => panic!("{url}: {other:?}"),
        }
    }

    fn refused(url: &str, code: Code, words: &str) {
        let error = ask(url).expect_err(url);
        assert!(error.code() == code && error.to_string().contains(words), "{url}: {error}");
    }

    #[test]
    fn tables_and_what_hangs_on_them() {
        let contact = "EntityDefinitions(LogicalName='contact')";
        check(contact, "/EntitySetName", &json!("contacts"));
        check(contact, "/PrimaryIdAttribute", &json!("contactid"));
        check(contact, "/SchemaName", &json!("Contact"));
        check(
            "EntityDefinitions?$select=LogicalName&$filter=LogicalName eq 'contact'",
            "/value/0/LogicalName",
            &json!("contact"),
        );
        check("EntityDefinitions?$filter=IsPrivate eq false&$count=true&$top=1", "/@odata.count", &json!(2));
        check("EntityDefinitions?$filter=IsPrivate eq true", "/value", &json!([]));
        let id = id("table", "contact");
        check(&format!("EntityDefinitions({id})"), "/LogicalName", &json!("contact"));
        check(
            &format!("EntityDefinitions?$filter=MetadataId eq {id}&$select=LogicalName"),
            "/value",
            &json!([{"LogicalName": "contact", "MetadataId": id}]),
        );
        check(&format!("{contact}/EntitySetName"), "/value", &json!("contacts"));
        check(&format!("{contact}/DisplayName/UserLocalizedLabel"), "/LanguageCode", &json!(1033));
        check(
            &format!("{contact}?$expand=Attributes($select=LogicalName;$filter=IsPrimaryId eq true)"),
            "/Attributes/0/LogicalName",
            &json!("contactid"),
        );
        assert_eq!(ask("EntityDefinitions/$count").unwrap(), Answer::Text("2".into()));
        assert_eq!(ask(&format!("{contact}/PrimaryImageAttribute")).unwrap(), Answer::Nothing);
        check(&format!("{contact}/Keys?$select=SchemaName,KeyAttributes"), "/value", &json!([]));
    }

    #[test]
    fn columns_by_their_type() {
        let attributes = "EntityDefinitions(LogicalName='contact')/Attributes";
        check(&format!("{attributes}(LogicalName='birthdate')"), "/Format", &json!("DateOnly"));
        check(
            &format!("{attributes}(LogicalName='birthdate')"),
            "/@odata.type",
            &json!("#Microsoft.Dynamics.CRM.DateTimeAttributeMetadata"),
        );
        check(
            &format!(
                "{attributes}(LogicalName='fullname')/Microsoft.Dynamics.CRM.StringAttributeMetadata?$select=MaxLength"
            ),
            "/MaxLength",
            &json!(10),
        );
        let choices = format!("{attributes}/Microsoft.Dynamics.CRM.PicklistAttributeMetadata");
        check(
            &format!("{choices}?$select=LogicalName&$expand=OptionSet($select=Options)"),
            "/value/0/OptionSet/Options/1/Value",
            &json!(2),
        );
        check(
            &format!("{choices}?$expand=OptionSet"),
            "/value/0/OptionSet/Options/1/Label/UserLocalizedLabel/Label",
            &json!("Female"),
        );
        check(&format!("{attributes}(LogicalName='gendercode')/OptionSet"), "/OptionSetType", &json!("Picklist"));
        check(
            &format!("{attributes}?$select=LogicalName&$filter=AttributeType eq 'Boolean'"),
            "/value/0/LogicalName",
            &json!("active"),
        );
        check(&format!("{attributes}/Microsoft.Dynamics.CRM.ImageAttributeMetadata"), "/value", &json!([]));
        let lookup = "EntityDefinitions(LogicalName='msemr_observation')/Attributes(LogicalName='msemr_patient')";
        check(lookup, "/Targets", &json!(["contact"]));
        check(lookup, "/RequiredLevel/Value", &json!("ApplicationRequired"));
    }

    #[test]
    fn relationships_from_both_ends() {
        let name = "msemr_observation_msemr_patient";
        let of_contact = "EntityDefinitions(LogicalName='contact')/OneToManyRelationships";
        check(of_contact, "/value/0/SchemaName", &json!(name));
        check(
            "EntityDefinitions(LogicalName='msemr_observation')/ManyToOneRelationships",
            "/value/0/ReferencedEntity",
            &json!("contact"),
        );
        check(
            &format!("RelationshipDefinitions(SchemaName='{name}')"),
            "/ReferencingEntityNavigationPropertyName",
            &json!("msemr_patient"),
        );
        let one_to_many = "RelationshipType eq Microsoft.Dynamics.CRM.RelationshipType'OneToManyRelationship'";
        check(&format!("RelationshipDefinitions?$filter={one_to_many}&$count=true"), "/@odata.count", &json!(1));
        check(
            "EntityDefinitions(LogicalName='contact')/ManyToManyRelationships?$select=Entity1LogicalName",
            "/value",
            &json!([]),
        );
        check("GlobalOptionSetDefinitions", "/value", &json!([]));
        let messages = "sdkmessagefilters?$expand=sdkmessageid($select=name)&$filter=(sdkmessageid/name eq 'Update') and primaryobjecttypecode eq 'contact'";
        check(messages, "/value/0/sdkmessageid/name", &json!("Update"));
    }

    #[test]
    fn views_are_those_of_the_tables() {
        check("savedqueries?$filter=returnedtypecode eq 'contact'", "/value/0/name", &json!("All contact"));
        check("savedqueries?$select=name,isdefault&$filter=isdefault eq true&$count=true", "/@odata.count", &json!(2));
        let id = id("savedquery", "contact/all");
        check(&format!("savedqueries({id})"), "/returnedtypecode", &json!("contact"));
        check(
            &format!("savedqueries(savedqueryid={})?$select=name", id.to_uppercase()),
            "/name",
            &json!("All contact"),
        );
        check(&format!("savedqueries?$filter=savedqueryid eq {id}"), "/value/0/querytype", &json!(0));
        refused("savedqueries(00000000-0000-0000-0000-000000000000)", Code::NotFound, "none of this key");
        refused("savedqueries?$orderby=name", Code::NotSupported, "$orderby");
    }

    #[test]
    fn changes_are_the_whole() {
        let query = |attributes: &str| {
            format!(
                r#"RetrieveMetadataChanges(Query=@p1)?@p1={{"Properties":{{"PropertyNames":["LogicalName","Attributes"]}},"Criteria":{{"Conditions":[{{"PropertyName":"LogicalName","ConditionOperator":"Equals","Value":{{"Type":"System.String","Value":"contact"}}}}]}},"AttributeQuery":{attributes}}}"#
            )
        };
        let typed = query(
            r#"{"Properties":{"PropertyNames":["MaxLength"]},"Criteria":{"Conditions":[{"PropertyName":"AttributeType","ConditionOperator":"In","Value":{"Type":"System.String[]","Value":"[\"String\"]"}}]}}"#,
        );
        check(&typed, "/EntityMetadata/0/Attributes/0/MaxLength", &json!(10));
        check(
            &typed,
            "/EntityMetadata/0/Attributes/0/@odata.type",
            &json!("#Microsoft.Dynamics.CRM.ComplexStringAttributeMetadata"),
        );
        check(
            &query(r#"{"Properties":{"PropertyNames":["OptionSet"]}}"#),
            "/EntityMetadata/0/Attributes/3/OptionSet/Options/0/Value",
            &json!(1),
        );
        refused(&query(r#"{"Extra":1}"#), Code::NotSupported, "not known");
        refused("RetrieveMetadataChanges(Query=@p1)?@p1={", Code::BadOption, "no JSON");
        refused("RetrieveMetadataChanges(Query=@p1)", Code::BadRequest, "Query");
        refused(
            "RetrieveMetadataChanges(Query=@p1,ClientVersionStamp='1')?@p1={}",
            Code::NotSupported,
            "ClientVersionStamp",
        );
    }

    #[test]
    fn what_is_wrong_or_not_there_is_said() {
        refused("EntityDefinitions(LogicalName='contcat')", Code::NotFound, "none of this key");
        refused("EntityDefinitions(EntitySetName='contacts')", Code::BadKey, "MetadataId and LogicalName");
        refused("EntityDefinitions(5)", Code::BadKey, "GUID");
        refused("EntityDefinitions?$select=LogicalNam", Code::UnknownColumn, "did you mean `LogicalName`?");
        refused("EntityDefinitions?$filter=Nothing eq 1 and IsPrivate eq true", Code::UnknownColumn, "`Nothing`");
        refused("GlobalOptionSetDefinitions(Name='x')", Code::NotFound, "none of this key");
        refused("EntityDefinitions?$orderby=LogicalName", Code::NotSupported, "`$orderby`");
        refused("EntityDefinitions?$skip=1", Code::NotSupported, "`$skip`");
        refused("EntityDefinitions?$filter=length(LogicalName) eq 1", Code::NotSupported, "a path of this form");
        refused(
            "EntityDefinitions?$filter=Attributes/any(a:a/LogicalName eq 'x')",
            Code::NotSupported,
            "over definitions",
        );
        refused("EntityDefinitions?$filter=IsPrivate eq", Code::BadFilter, "");
        refused("EntityDefinitions(LogicalName='contact')/Nothing", Code::NotFound, "`Nothing`");
        refused("EntityDefinitions(LogicalName='contact')?$filter=IsPrivate eq false", Code::BadOption, "no meaning");
        refused("WhoAmI?$select=UserId", Code::NotSupported, "WhoAmI");
        assert_eq!(ask("WhoAmI").unwrap(), ask("Microsoft.Dynamics.CRM.WhoAmI()").unwrap());
    }
}
