//! `RetrieveMetadataChanges(Query=…)`: tables, with their columns, relationships and keys inside, by a query of its own form
//! (Microsoft Learn, "Query schema definitions"). There are no changes to tell of: each answer is whole.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::label::Object;
use super::select::unsupported;
use super::subject::{Led, Subject};
use crate::model::catalog::Catalog;
use crate::model::error::{Code, Error, Result};
use crate::odata::metadata::NAMESPACE;

/// `EntityQueryExpression`; each part of it is refused that is not here.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Changes {
    properties: Properties,
    criteria: Option<Criteria>,
    attribute_query: Option<Part>,
    relationship_query: Option<Part>,
    key_query: Option<Part>,
    /// Labels are in one language.
    label_query: Option<Value>,
    #[serde(rename = "@odata.type")]
    _type: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Part {
    properties: Properties,
    criteria: Option<Criteria>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Properties {
    all_properties: bool,
    property_names: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Criteria {
    filter_operator: FilterOperator,
    conditions: Vec<Condition>,
    filters: Vec<Criteria>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
enum FilterOperator {
    #[default]
    And,
    Or,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Condition {
    property_name: String,
    condition_operator: ConditionOperator,
    value: Typed,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
enum ConditionOperator {
    Equals,
    NotEquals,
    In,
    NotIn,
}

/// `{"Type": "System.String", "Value": "contact"}`; a list is a text that holds JSON.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Typed {
    #[serde(rename = "Type")]
    _type: Option<String>,
    value: Value,
}

impl Changes {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let found: Self = serde_json::from_str(text).map_err(|error| {
            let what = if error.is_data() { "has a part that is not known here" } else { "is no JSON" };
            let message = format!("the query {what}, line {} column {}", error.line(), error.column());
            let code = if error.is_data() { Code::NotSupported } else { Code::BadOption };
            Error::new(code, message).target("Query")
        })?;
        if found.label_query.as_ref().is_some_and(|query| !query.is_null()) {
            return Err(unsupported("`LabelQuery`").target("Query"));
        }
        Ok(found)
    }

    /// `RetrieveMetadataChangesResponse`, without its context.
    pub(super) fn answer(&self, catalog: &Catalog) -> Result<Object> {
        let mut tables = Vec::new();
        for table in catalog.tables() {
            let subject = Subject::Table(table);
            if !meets(self.criteria.as_ref(), &subject.object(catalog))? {
                continue;
            }
            let mut shown = self.properties.of(subject, catalog);
            let parts = [
                ("Attributes", &self.attribute_query),
                ("OneToManyRelationships", &self.relationship_query),
                ("ManyToOneRelationships", &self.relationship_query),
                ("ManyToManyRelationships", &self.relationship_query),
                ("Keys", &self.key_query),
            ];
            for (name, part) in parts {
                if !self.properties.has(name) {
                    continue;
                }
                let Some(Led::Many(set)) = subject.step(name, catalog) else { continue };
                let mut all = Vec::new();
                let part = part.clone().unwrap_or(Part { properties: Properties::all(), criteria: None });
                for one in set.subjects {
                    let object = one.object(catalog);
                    if meets(part.criteria.as_ref(), &object)? {
                        all.push(Value::Object(part.properties.of(one, catalog)));
                    }
                }
                shown.insert(name.to_owned(), Value::Array(all));
            }
            tables.push(Value::Object(shown));
        }
        Ok(Map::from_iter([
            ("ServerVersionStamp".to_owned(), json!("0")),
            ("EntityMetadata".to_owned(), Value::Array(tables)),
            ("DeletedMetadata".to_owned(), Value::Null),
        ]))
    }
}

impl Properties {
    fn all() -> Self {
        Self { all_properties: true, property_names: Vec::new() }
    }

    fn has(&self, name: &str) -> bool {
        self.all_properties || self.property_names.iter().any(|named| named == name)
    }

    /// What is asked of one. Choices stand inside their columns here.
    fn of(&self, subject: Subject<'_>, catalog: &Catalog) -> Object {
        let mut shown = Map::new();
        shown.insert("@odata.type".into(), format!("#{NAMESPACE}.Complex{}", subject.type_name()).into());
        let always = ["MetadataId", "LogicalName", "HasChanged"];
        let wanted = |name: &str| self.has(name) || always.contains(&name);
        shown.extend(subject.object(catalog).into_iter().filter(|(name, _)| wanted(name)));
        for step in subject.steps().iter().filter(|step| step.ends_with("OptionSet") && self.has(step)) {
            let value = match subject.step(step, catalog) {
                Some(Led::One(Some(one))) => Value::Object(one.object(catalog)),
                _ => Value::Null,
            };
            shown.insert((*step).to_owned(), value);
        }
        shown
    }
}

fn meets(criteria: Option<&Criteria>, object: &Object) -> Result<bool> {
    let Some(criteria) = criteria else { return Ok(true) };
    let mut met = Vec::new();
    for condition in &criteria.conditions {
        let Some(found) = object.get(&condition.property_name) else {
            let error = Error::new(Code::UnknownColumn, format!("there is no property `{}`", condition.property_name));
            return Err(error.target("Query"));
        };
        let value = &condition.value.value;
        let listed = || -> Result<bool> {
            let items = match value {
                Value::Array(items) => items.clone(),
                Value::String(text) => serde_json::from_str(text)
                    .map_err(|_| Error::new(Code::BadOption, "a list in the query is none").target("Query"))?,
                _ => return Err(Error::new(Code::BadOption, "a list in the query is none").target("Query")),
            };
            Ok(items.contains(found))
        };
        met.push(match condition.condition_operator {
            ConditionOperator::Equals => found == value,
            ConditionOperator::NotEquals => found != value,
            ConditionOperator::In => listed()?,
            ConditionOperator::NotIn => !listed()?,
        });
    }
    for filter in &criteria.filters {
        met.push(meets(Some(filter), object)?);
    }
    Ok(match criteria.filter_operator {
        FilterOperator::And => met.iter().all(|met| *met),
        FilterOperator::Or => met.is_empty() || met.iter().any(|met| *met),
    })
}
