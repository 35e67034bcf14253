//! What SMART scopes in a token let its bearer do (SMART App Launch 1.0 and 2.2, scopes and launch context):
//! `patient/Observation.rs`, `user/*.read`, `system/Patient.cruds`. A scope that is understood only in part (a search
//! expression behind `?`) lets nothing be done: it would let in more than it says.

use std::fmt;

/// The scopes of a token, with the patient that it was launched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    all: Vec<Scope>,
    /// The id of a `Patient`, of the claim `patient`.
    pub patient: Option<String>,
}

/// One of them: what of a FHIR type may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub context: Context,
    /// None: any type.
    pub resource_type: Option<String>,
    pub create: bool,
    /// By id. Rows of a table are read and searched at once: only who may both reads rows.
    pub read: bool,
    pub update: bool,
    pub delete: bool,
    pub search: bool,
}

impl fmt::Display for Scope {
    /// As SMART's second version writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context = match self.context {
            Context::Patient => "patient",
            Context::User => "user",
            Context::System => "system",
        };
        write!(f, "{context}/{}.", self.resource_type.as_deref().unwrap_or("*"))?;
        let acts = [(self.create, "c"), (self.read, "r"), (self.update, "u"), (self.delete, "d"), (self.search, "s")];
        acts.into_iter().filter(|(lets, _)| *lets).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// Whose resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Those of the launch's patient alone.
    Patient,
    /// What the user behind the token may.
    User,
    /// No user is behind it.
    System,
}

/// What a scope can let do with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Read,
    Create,
    Update,
    Delete,
}

impl Scopes {
    /// Of the claim `scope`, parted by spaces. None where there is no scope for FHIR data in it: `openid` and other words
    /// are left to others.
    pub fn parse(text: &str, patient: Option<String>) -> Option<Self> {
        let mut is_there = false;
        let mut all = Vec::new();
        for word in text.split_ascii_whitespace() {
            let Some((context, rest)) = word.split_once('/') else { continue };
            let context = match context {
                "patient" => Context::Patient,
                "user" => Context::User,
                "system" => Context::System,
                _ => continue,
            };
            is_there = true;
            all.extend(scope(context, rest));
        }
        is_there.then_some(Self { all, patient })
    }

    pub fn all(&self) -> &[Scope] {
        &self.all
    }

    /// Whether some scope lets this be done to resources of a type; None: of whatever type. One of the context `patient`
    /// does so only with a patient, and for that patient's rows alone.
    pub fn lets(&self, act: Act, resource_type: Option<&str>) -> bool {
        self.letting(act, resource_type).next().is_some()
    }

    /// The scopes that do.
    pub fn letting<'a>(&'a self, act: Act, resource_type: Option<&'a str>) -> impl Iterator<Item = &'a Scope> {
        self.all.iter().filter(move |scope| {
            let of_type = match (&scope.resource_type, resource_type) {
                (Some(its), Some(asked)) => its == asked,
                _ => true,
            };
            of_type && scope.lets(act) && (scope.context != Context::Patient || self.patient.is_some())
        })
    }
}

impl Scope {
    pub fn lets(&self, act: Act) -> bool {
        match act {
            Act::Read => self.read && self.search,
            Act::Create => self.create,
            Act::Update => self.update,
            Act::Delete => self.delete,
        }
    }
}

/// `Observation.rs`, `*.read`: None for what is no scope.
fn scope(context: Context, rest: &str) -> Option<Scope> {
    let (resource_type, rights) = rest.split_once('.')?;
    let is_type = resource_type.starts_with(|c: char| c.is_ascii_uppercase())
        && resource_type.bytes().all(|byte| byte.is_ascii_alphabetic());
    let resource_type = match resource_type {
        "*" => None,
        _ if is_type => Some(resource_type.to_owned()),
        _ => return None,
    };
    let rights = match rights {
        "read" => "rs",
        "write" => "cud",
        "*" => "cruds",
        // In this order, each at most once.
        said if !said.is_empty() && is_in_order(said) => said,
        _ => return None,
    };
    let has = |right| rights.contains(right);
    let (create, read, update, delete, search) = (has('c'), has('r'), has('u'), has('d'), has('s'));
    Some(Scope { context, resource_type, create, read, update, delete, search })
}

fn is_in_order(said: &str) -> bool {
    let mut rest = "cruds".chars();
    said.chars().all(|right| rest.any(|known| known == right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_let_do_what_they_say() {
        let check = |text: &str, patient: Option<&str>, resource_type: &str, expected: &str| {
            let scopes = Scopes::parse(text, patient.map(str::to_owned));
            let lets = |act| scopes.as_ref().is_some_and(|scopes| scopes.lets(act, Some(resource_type)));
            let acts = [(Act::Create, 'c'), (Act::Read, 'r'), (Act::Update, 'u'), (Act::Delete, 'd')];
            let found: String = acts.into_iter().filter(|(act, _)| lets(*act)).map(|(_, name)| name).collect();
            assert_eq!(found, expected, "{text} {patient:?} {resource_type}");
        };
        check("user/Observation.read", None, "Observation", "r");
        check("user/Observation.read", None, "Patient", "");
        check("openid user/Observation.write launch", None, "Observation", "cud");
        check("user/*.*", None, "Patient", "crud");
        check("system/*.cruds", None, "Patient", "crud");
        check("system/Patient.rs", None, "Patient", "r");
        // Reading by id alone, or searching alone, reads no rows.
        check("system/Patient.r", None, "Patient", "");
        check("system/Patient.s", None, "Patient", "");
        check("user/Patient.cu user/Patient.rs", None, "Patient", "cru");
        check("patient/*.rs", Some("p1"), "Observation", "r");
        check("patient/*.rs", None, "Observation", "");
        check("user/Observation.rs?category=laboratory", None, "Observation", "");
        check("user/Observation.sr", None, "Observation", "");
        check("user/Observation.rr", None, "Observation", "");
        check("user/Observation.", None, "Observation", "");
        check("user/observation.rs", None, "observation", "");
        check("users/Observation.rs", None, "Observation", "");
        assert_eq!(Scopes::parse("openid profile email", None), None);
        // There were some, and none is understood: nothing may be done, which is not the same as none.
        assert_eq!(Scopes::parse("user/Observation.rs?x=y", None), Some(Scopes::default()));
    }
}
