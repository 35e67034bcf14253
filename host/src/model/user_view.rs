//! Views that users keep: a FetchXML under a name, rows of `userqueries` as Dataverse has them.

use uuid::Uuid;

/// A view of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserView {
    pub id: Uuid,
    /// Whose it is. There is no login yet, so all are of one user, and everybody's.
    pub owner: Uuid,
    pub name: String,
    pub description: Option<String>,
    /// The table whose rows it gives, by its logical name.
    pub table: String,
    pub fetch_xml: String,
    /// How an app shows them, which is nobody else's business.
    pub layout_xml: Option<String>,
    /// What an app uses it for (`querytype`); 0 = a list.
    pub query_type: i32,
    /// Milliseconds since 1970.
    pub created: i64,
    pub modified: i64,
    /// Counts up from 1 with each change.
    pub version: u64,
}

impl UserView {
    /// Of all that a user can write.
    pub fn bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.name.len()
            + self.table.len()
            + self.fetch_xml.len()
            + optional(&self.description)
            + optional(&self.layout_xml)
    }
}

/// What is done with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserViewChange {
    /// None = one is to be made up.
    pub id: Option<Uuid>,
    pub to: To,
}

/// What becomes of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// It is new.
    Create(Assigned),
    /// It is changed, or made where it is not there, unless it must be.
    Update(Assigned),
    Delete,
}

/// The members that a body gives; the inner None is null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub table: Option<String>,
    pub fetch_xml: Option<String>,
    pub layout_xml: Option<Option<String>>,
    pub query_type: Option<i32>,
}

impl Assigned {
    /// A view with these members in place of its own.
    pub fn on(self, view: UserView) -> UserView {
        UserView {
            name: self.name.unwrap_or(view.name),
            description: self.description.unwrap_or(view.description),
            table: self.table.unwrap_or(view.table),
            fetch_xml: self.fetch_xml.unwrap_or(view.fetch_xml),
            layout_xml: self.layout_xml.unwrap_or(view.layout_xml),
            query_type: self.query_type.unwrap_or(view.query_type),
            ..view
        }
    }
}
