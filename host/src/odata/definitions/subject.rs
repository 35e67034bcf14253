//! What Dataverse's Web API says of its tables, as objects of their own (Microsoft Learn, "Query schema definitions"):
//! tables, columns, choices, relationships and messages, each made of a table that is served. Only what is asked for is
//! made. A `MetadataId` is a fixed function of names, so that a client may keep it.

use serde_json::{Value, json};

use super::attribute::{self, options};
use super::label::{Object, id, is_custom, label, managed, members, schema_name, type_code};
use super::user_view;
use super::view::View;
use crate::model::catalog::{Catalog, Relation};
use crate::model::table::{ColumnIndex, Kind, Table, TableAccess};
use crate::model::user_view::UserView;

/// The set of views of users.
pub(super) const USER_VIEWS: &str = "userqueries";

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'c> {
    Table(&'c Table),
    Attribute(&'c Table, ColumnIndex),
    /// The choice of a column.
    OptionSet(&'c Table, ColumnIndex),
    Relationship(Relationship<'c>),
    /// The id of a resource, as a key of its row.
    /// An alternate key, by its place among those of the table.
    Key(&'c Table, usize),
    /// That a table takes a message: a row of `sdkmessagefilters`.
    Takes(&'c Table, &'static str),
    Message(&'static str),
    /// A row of `savedqueries`.
    View(&'c Table, View),
    /// A row of `userqueries`.
    UserView(&'c UserView),
}

/// A lookup and a table that it leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relationship<'c> {
    pub(super) from: &'c Table,
    pub(super) column: ColumnIndex,
    pub(super) to: &'c Table,
}

/// What a step in a path leads to.
#[derive(Clone, Debug)]
pub(super) enum Led<'c> {
    One(Option<Subject<'c>>),
    Many(Set<'c>),
}

/// Subjects of one kind.
#[derive(Clone, Debug)]
pub(super) struct Set<'c> {
    pub(super) subjects: Vec<Subject<'c>>,
    pub(super) kind: SetKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetKind {
    Tables,
    Attributes,
    OptionSets,
    Relationships,
    /// There are none: a lookup leads to one row, so no relationship is many to many.
    ManyToMany,
    Keys,
    Takes,
    Views,
    UserViews,
}

/// Names of the objects whose set is empty here, so that they can be selected all the same.
const OF_KEYS: &[&str] =
    &["MetadataId", "LogicalName", "SchemaName", "EntityLogicalName", "KeyAttributes", "DisplayName"];
const OF_MANY_TO_MANY: &[&str] = &[
    "MetadataId",
    "SchemaName",
    "RelationshipType",
    "Entity1LogicalName",
    "Entity1IntersectAttribute",
    "Entity1NavigationPropertyName",
    "Entity2LogicalName",
    "Entity2IntersectAttribute",
    "Entity2NavigationPropertyName",
    "IntersectEntityName",
];

/// The properties of a view of a user, of which there may be none.
const OF_USER_VIEWS: &[&str] = &[
    "userqueryid",
    "name",
    "description",
    "returnedtypecode",
    "fetchxml",
    "layoutxml",
    "querytype",
    "statecode",
    "statuscode",
    "_ownerid_value",
    "createdon",
    "modifiedon",
    "versionnumber",
];

/// The sets at the service root. `kept`: views of users.
pub(super) fn root<'c>(name: &str, catalog: &'c Catalog, kept: &'c [UserView]) -> Option<Set<'c>> {
    let (subjects, kind) = match name {
        "EntityDefinitions" => (catalog.tables().map(|table| Subject::Table(table)).collect(), SetKind::Tables),
        "RelationshipDefinitions" => {
            let all = catalog.tables().flat_map(|table| Relationship::from(table, catalog));
            (all.map(Subject::Relationship).collect(), SetKind::Relationships)
        }
        // Every choice is of one column.
        "GlobalOptionSetDefinitions" => (Vec::new(), SetKind::OptionSets),
        "sdkmessagefilters" => {
            let takes =
                |table: &'c std::sync::Arc<Table>| messages(table).map(|message| Subject::Takes(table, message));
            (catalog.tables().flat_map(takes).collect(), SetKind::Takes)
        }
        "savedqueries" => {
            let views = |table: &'c std::sync::Arc<Table>| View::of(table).map(|view| Subject::View(table, view));
            (catalog.tables().flat_map(views).collect(), SetKind::Views)
        }
        USER_VIEWS => (kept.iter().map(Subject::UserView).collect(), SetKind::UserViews),
        _ => return None,
    };
    Some(Set { subjects, kind })
}

/// Whether the service root has such a set, whatever is in it.
pub(crate) fn is_root(name: &str) -> bool {
    root(name, &Catalog::default(), &[]).is_some()
}

impl<'c> Set<'c> {
    /// What stands in front of the name of each in a key, beside `MetadataId`.
    pub(super) fn key_name(&self) -> &'static str {
        match self.kind {
            SetKind::Tables | SetKind::Attributes | SetKind::Keys => "LogicalName",
            SetKind::OptionSets => "Name",
            SetKind::Relationships | SetKind::ManyToMany => "SchemaName",
            SetKind::Takes => "sdkmessagefilterid",
            SetKind::Views => "savedqueryid",
            SetKind::UserViews => "userqueryid",
        }
    }

    /// Names of properties that any of them may have.
    pub(super) fn names(&self, catalog: &Catalog) -> Vec<String> {
        let fixed = match self.kind {
            SetKind::Keys => OF_KEYS,
            SetKind::ManyToMany => OF_MANY_TO_MANY,
            SetKind::UserViews => OF_USER_VIEWS,
            _ => &[],
        };
        let mut names: Vec<String> = fixed.iter().map(|name| (*name).to_owned()).collect();
        // All but columns are alike, and columns by their type.
        let mut seen: Vec<&'static str> = Vec::new();
        for subject in &self.subjects {
            let kind = subject.type_name();
            if !seen.contains(&kind) {
                seen.push(kind);
                names.extend(subject.object(catalog).into_iter().map(|(name, _)| name));
            }
        }
        names
    }

    /// Those of a type, which may be one that stands above several. None: there is no such type.
    pub(super) fn cast(&self, type_name: &str) -> Option<Self> {
        let is_of = |subject: &Subject<'_>| match type_name {
            "EnumAttributeMetadata" => {
                ["PicklistAttributeMetadata", "StateAttributeMetadata", "StatusAttributeMetadata"]
                    .contains(&subject.type_name())
            }
            other => subject.type_name() == other,
        };
        let known = match self.kind {
            SetKind::Attributes => type_name.ends_with("AttributeMetadata"),
            SetKind::Relationships | SetKind::ManyToMany => type_name.ends_with("RelationshipMetadata"),
            SetKind::OptionSets => type_name.ends_with("OptionSetMetadata"),
            SetKind::Tables | SetKind::Keys | SetKind::Takes | SetKind::Views | SetKind::UserViews => false,
        };
        let base = matches!(type_name, "AttributeMetadata" | "RelationshipMetadataBase");
        let subjects = self.subjects.iter().filter(|subject| base || is_of(subject)).copied().collect();
        (known || base).then_some(Self { subjects, kind: self.kind })
    }

    /// Whether they are of several types, so that each says which.
    pub(super) fn is_mixed(&self) -> bool {
        matches!(self.kind, SetKind::Attributes | SetKind::Relationships | SetKind::OptionSets)
    }
}

impl<'c> Subject<'c> {
    /// Without the namespace.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Table(_) => "EntityMetadata",
            Self::Attribute(table, column) => attribute::type_name(table, *column),
            Self::OptionSet(table, column) => match table.columns[*column].kind {
                Kind::Boolean => "BooleanOptionSetMetadata",
                _ => "OptionSetMetadata",
            },
            Self::Relationship(_) => "OneToManyRelationshipMetadata",
            Self::Key(..) => "EntityKeyMetadata",
            Self::Takes(..) => "sdkmessagefilter",
            Self::Message(_) => "sdkmessage",
            Self::View(..) => "savedquery",
            Self::UserView(_) => "userquery",
        }
    }

    /// Its own properties, without what a step leads to.
    pub(super) fn object(&self, catalog: &Catalog) -> Object {
        match self {
            Self::Table(table) => of_table(table, catalog.is_tracked(table)),
            Self::Attribute(table, column) => attribute::object(table, *column, catalog),
            Self::OptionSet(table, column) => options(table, *column),
            Self::Relationship(relationship) => relationship.object(),
            Self::Key(table, nth) => {
                let keys = table.alternate_keys();
                let columns: Vec<_> = keys.get(*nth).into_iter().flatten().map(|c| &table.columns[*c]).collect();
                // No two keys begin with the same column.
                let name = format!("{}_{}", table.name, columns.first().map_or("", |column| &column.name));
                let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
                let labels: Vec<_> = columns.iter().map(|column| column.label.as_str()).collect();
                members([
                    ("MetadataId", json!(id("key", &name))),
                    ("LogicalName", json!(name)),
                    ("SchemaName", json!(name)),
                    ("EntityLogicalName", json!(table.name)),
                    ("KeyAttributes", json!(names)),
                    ("DisplayName", label(&labels.join(", "), &name)),
                    ("EntityKeyIndexStatus", json!("Active")),
                    ("IsManaged", json!(true)),
                ])
            }
            Self::Takes(table, message) => members([
                ("sdkmessagefilterid", json!(id("sdkmessagefilter", &format!("{}/{message}", table.name)))),
                ("_sdkmessageid_value", json!(id("sdkmessage", message))),
                ("primaryobjecttypecode", json!(table.name)),
            ]),
            Self::Message(message) => {
                members([("sdkmessageid", json!(id("sdkmessage", message))), ("name", json!(message))])
            }
            Self::View(table, view) => view.object(table),
            Self::UserView(view) => user_view::object(view),
        }
    }

    /// The names of the steps from here.
    pub(super) fn steps(&self) -> &'static [&'static str] {
        match self {
            Self::Table(_) => {
                &["Attributes", "Keys", "OneToManyRelationships", "ManyToOneRelationships", "ManyToManyRelationships"]
            }
            Self::Attribute(table, column) => match table.columns[*column].kind {
                Kind::Choice(_) => &["OptionSet", "GlobalOptionSet"],
                Kind::Boolean => &["OptionSet", "GlobalOptionSet"],
                _ => &[],
            },
            Self::Takes(..) => &["sdkmessageid"],
            Self::OptionSet(..)
            | Self::Relationship(_)
            | Self::Key(..)
            | Self::Message(_)
            | Self::View(..)
            | Self::UserView(_) => &[],
        }
    }

    pub(super) fn step(&self, name: &str, catalog: &'c Catalog) -> Option<Led<'c>> {
        if !self.steps().contains(&name) {
            return None;
        }
        let many = |subjects, kind| Led::Many(Set { subjects, kind });
        Some(match (*self, name) {
            (Self::Table(table), "Attributes") => {
                let columns = (0..table.columns.len()).filter(|column| attribute::is_shown(table, *column));
                many(columns.map(|column| Subject::Attribute(table, column)).collect(), SetKind::Attributes)
            }
            (Self::Table(table), "Keys") => {
                let keys = (0..table.alternate_keys().len()).map(|nth| Subject::Key(table, nth));
                many(keys.collect(), SetKind::Keys)
            }
            (Self::Table(table), "ManyToOneRelationships") => {
                let found = Relationship::from(table, catalog).into_iter();
                many(found.map(Subject::Relationship).collect(), SetKind::Relationships)
            }
            (Self::Table(table), "OneToManyRelationships") => {
                let found = Relationship::to(table, catalog).into_iter();
                many(found.map(Subject::Relationship).collect(), SetKind::Relationships)
            }
            (Self::Table(_), _) => many(Vec::new(), SetKind::ManyToMany),
            (Self::Attribute(table, column), "OptionSet") => Led::One(Some(Subject::OptionSet(table, column))),
            (Self::Takes(_, message), _) => Led::One(Some(Subject::Message(message))),
            _ => Led::One(None),
        })
    }

    /// The property that identifies it.
    pub(super) fn key_property(&self) -> &'static str {
        match self {
            Self::Takes(..) => "sdkmessagefilterid",
            Self::Message(_) => "sdkmessageid",
            Self::View(..) => "savedqueryid",
            Self::UserView(_) => "userqueryid",
            _ => "MetadataId",
        }
    }
}

impl<'c> Relationship<'c> {
    /// Of the lookups of a table.
    fn from(table: &'c Table, catalog: &'c Catalog) -> Vec<Self> {
        let mut found = Vec::new();
        for (column, described) in table.columns.iter().enumerate() {
            let Kind::Lookup(lookup) = &described.kind else { continue };
            let mut sets: Vec<_> = lookup.targets.iter().map(|target| target.entity_set.as_str()).collect();
            let mut seen = Vec::new();
            sets.retain(|set| {
                !seen.contains(set) && {
                    seen.push(*set);
                    true
                }
            });
            let to = sets.into_iter().filter_map(|set| catalog.find_entity_set(set));
            found.extend(to.map(|to| Self { from: table, column, to }));
        }
        found
    }

    /// Of the lookups that lead to a table.
    fn to(table: &'c Table, catalog: &'c Catalog) -> Vec<Self> {
        let led = catalog.relations(table).iter().filter_map(|(_, relation)| match relation {
            Relation::Collection { table: from, column } => {
                Some(Self { from: catalog.table(from)?, column: *column, to: table })
            }
            _ => None,
        });
        led.collect()
    }

    /// Whether its lookup leads to other tables as well.
    fn is_one_of_several(&self) -> bool {
        matches!(&self.from.columns[self.column].kind, Kind::Lookup(lookup) if lookup.leads_to_several())
    }

    fn collection(&self) -> String {
        format!("{}_{}", self.from.name, self.from.columns[self.column].name)
    }

    fn schema_name(&self) -> String {
        match self.is_one_of_several() {
            true => format!("{}_{}", self.collection(), self.to.name),
            false => self.collection(),
        }
    }

    fn navigation(&self) -> String {
        match &self.from.columns[self.column].kind {
            Kind::Lookup(lookup) if lookup.leads_to_several() => format!("{}_{}", lookup.navigation, self.to.name),
            Kind::Lookup(lookup) => lookup.navigation.clone(),
            _ => String::new(),
        }
    }

    fn object(&self) -> Object {
        let name = self.schema_name();
        let nothing = "NoCascade";
        members([
            ("MetadataId", json!(id("relationship", &name))),
            ("SchemaName", json!(name)),
            ("RelationshipType", json!("OneToManyRelationship")),
            ("ReferencedEntity", json!(self.to.name)),
            ("ReferencedAttribute", json!(self.to.columns[self.to.key].name)),
            ("ReferencedEntityNavigationPropertyName", json!(self.collection())),
            ("ReferencingEntity", json!(self.from.name)),
            ("ReferencingAttribute", json!(self.from.columns[self.column].name)),
            ("ReferencingEntityNavigationPropertyName", json!(self.navigation())),
            ("IsHierarchical", json!(self.from.name == self.to.name && self.from.hierarchy() == Some(self.column))),
            ("IsCustomRelationship", json!(is_custom(&self.from.name))),
            ("IsManaged", json!(true)),
            ("IsValidForAdvancedFind", json!(true)),
            ("SecurityTypes", json!("None")),
            ("IntroducedVersion", json!("1.0")),
            ("HasChanged", Value::Null),
            ("IsCustomizable", managed(false, "iscustomizable")),
            (
                "CascadeConfiguration",
                json!({
                    "Assign": nothing, "Delete": nothing, "Archive": nothing, "Merge": nothing, "Reparent": nothing,
                    "Share": nothing, "Unshare": nothing, "RollupView": nothing,
                }),
            ),
        ])
    }
}

/// What can be done with rows of a table, by whoever asks.
fn privileges(table: &Table) -> Value {
    let TableAccess { read, create, update, delete } = table.access;
    let all = [("Create", create), ("Read", read), ("Write", update), ("Delete", delete)];
    let one = |(kind, _): (&str, bool)| {
        let name = format!("prv{kind}{}", table.name);
        json!({
            "PrivilegeId": id("privilege", &name),
            "Name": name,
            "PrivilegeType": kind,
            "CanBeBasic": false,
            "CanBeLocal": false,
            "CanBeDeep": false,
            "CanBeGlobal": true,
            "CanBeEntityReference": false,
            "CanBeParentEntityReference": false,
        })
    };
    all.into_iter().filter(|(_, may)| *may).map(one).collect()
}

fn of_table(table: &Table, is_tracked: bool) -> Object {
    let column = |column: ColumnIndex| table.columns.get(column).map(|column| column.name.clone());
    let fixed = [
        "IsPrivate",
        "IsActivity",
        "IsActivityParty",
        "IsAvailableOffline",
        "IsBPFEntity",
        "IsIntersect",
        "IsLogicalEntity",
        "IsStateModelAware",
        "IsBusinessProcessEnabled",
        "IsDocumentManagementEnabled",
        "IsOneNoteIntegrationEnabled",
        "IsQuickCreateEnabled",
        "AutoCreateAccessTeams",
        "HasActivities",
        "HasFeedback",
        "HasNotes",
    ];
    let mut object = members([
        ("MetadataId", json!(id("table", &table.name))),
        ("IsChildEntity", json!(table.parent.is_some())),
        ("LogicalName", json!(table.name)),
        ("SchemaName", json!(schema_name(&table.name))),
        ("EntitySetName", json!(table.entity_set)),
        ("LogicalCollectionName", json!(table.entity_set)),
        ("CollectionSchemaName", json!(schema_name(&table.entity_set))),
        ("DisplayName", label(&table.label, &table.name)),
        ("DisplayCollectionName", label(&table.label, &table.entity_set)),
        ("Description", label(&table.description, &table.name)),
        ("PrimaryIdAttribute", json!(column(table.key))),
        ("PrimaryNameAttribute", json!(column(table.primary_name))),
        ("PrimaryImageAttribute", Value::Null),
        ("ObjectTypeCode", json!(type_code(&table.name))),
        ("OwnershipType", json!("OrganizationOwned")),
        ("TableType", json!("Standard")),
        ("DataProviderId", Value::Null),
        ("DataSourceId", Value::Null),
        ("ExternalName", Value::Null),
        ("ExternalCollectionName", Value::Null),
        ("EntityColor", Value::Null),
        ("IntroducedVersion", json!("1.0")),
        ("HasChanged", Value::Null),
        ("IsCustomEntity", json!(is_custom(&table.name))),
        ("IsManaged", json!(true)),
        ("IsImportable", json!(table.access.create)),
        ("ChangeTrackingEnabled", json!(is_tracked)),
        ("IsReadOnlyInMobileClient", managed(true, "isreadonlyinmobileclient")),
        ("IsValidForAdvancedFind", json!(true)),
        ("IsCustomizable", managed(false, "iscustomizable")),
        ("IsRenameable", managed(false, "isrenameable")),
        ("IsAuditEnabled", managed(false, "canmodifyauditsettings")),
        ("IsConnectionsEnabled", managed(false, "canmodifyconnectionsettings")),
        ("IsDuplicateDetectionEnabled", managed(false, "canmodifyduplicatedetectionsettings")),
        ("IsMailMergeEnabled", managed(false, "canmodifymailmergesettings")),
        ("IsMappable", managed(false, "ismappable")),
        ("CanCreateAttributes", managed(false, "cancreateattributes")),
        ("CanCreateCharts", managed(false, "cancreatecharts")),
        ("CanCreateForms", managed(false, "cancreateforms")),
        ("CanCreateViews", managed(false, "cancreateviews")),
        ("CanModifyAdditionalSettings", managed(false, "canmodifyadditionalsettings")),
        ("CanBeRelatedEntityInRelationship", managed(false, "canberelatedentityinrelationship")),
        ("CanBePrimaryEntityInRelationship", managed(false, "canbeprimaryentityinrelationship")),
        ("CanBeInManyToMany", managed(false, "canbeinmanytomany")),
        ("CanTriggerWorkflow", json!(false)),
        ("Privileges", privileges(table)),
        ("Settings", json!([])),
    ]);
    object.extend(fixed.into_iter().map(|name| (name.to_owned(), json!(false))));
    object
}

/// Messages that a table takes.
fn messages(table: &Table) -> impl Iterator<Item = &'static str> + use<> {
    let access = table.access;
    let taken = [
        ("Retrieve", access.read),
        ("RetrieveMultiple", access.read),
        ("Create", access.create),
        ("CreateMultiple", access.create),
        ("Update", access.update),
        ("UpdateMultiple", access.update),
        ("UpsertMultiple", access.create && access.update),
        ("Delete", access.delete),
    ];
    taken.into_iter().filter_map(|(message, is_taken)| is_taken.then_some(message))
}
