//! Changes of a resource, typed: the elements that columns write are fields, and every other member is kept as it
//! stands. A column is looked up once, when a change is prepared; what it does is a function of the value.

mod observation;
mod patient;

use serde_json::value::RawValue;
use turntable::model::{key, value};
use turntable_scan::number::is_number;

use self::observation::Observation;
use self::patient::Patient;
use super::Baseline;
use super::types::Text;
use crate::Result;

/// Columns of one table and the values that they are to get.
pub enum Change<'v> {
    Observation(Vec<(observation::Setter, &'v str)>),
    Patient(Vec<(patient::Setter, &'v str)>),
}

impl<'v> Change<'v> {
    pub fn new<'c>(table: Baseline, assignments: impl Iterator<Item = (&'c str, &'v str)>) -> Result<Self> {
        let unknown = |column: &str| format!("the baseline does not write {column}");
        Ok(match table {
            Baseline::Observation => {
                let set = |(column, value)| Ok((observation::setter(column).ok_or_else(|| unknown(column))?, value));
                Self::Observation(assignments.map(set).collect::<Result<_>>()?)
            }
            Baseline::Patient => {
                let set = |(column, value)| Ok((patient::setter(column).ok_or_else(|| unknown(column))?, value));
                Self::Patient(assignments.map(set).collect::<Result<_>>()?)
            }
        })
    }

    /// A new resource with these values.
    pub fn create(&self) -> Result<Vec<u8>> {
        match self {
            Self::Observation(set) => {
                let kind = Some(Text("Observation".into()));
                let mut observation = Observation { resource_type: kind, ..Observation::default() };
                set.iter().try_for_each(|(set, value)| set(&mut observation, value))?;
                Ok(serde_json::to_vec(&observation)?)
            }
            Self::Patient(set) => {
                let kind = Some(Text("Patient".into()));
                let mut patient = Patient { resource_type: kind, ..Patient::default() };
                set.iter().try_for_each(|(set, value)| set(&mut patient, value))?;
                Ok(serde_json::to_vec(&patient)?)
            }
        }
    }

    /// An existing resource with these values instead of what it has there.
    pub fn update(&self, resource: &[u8]) -> Result<Vec<u8>> {
        let resource = std::str::from_utf8(resource)?;
        match self {
            Self::Observation(set) => {
                let mut observation: Observation<'_> = serde_json::from_str(resource)?;
                set.iter().try_for_each(|(set, value)| set(&mut observation, value))?;
                Ok(serde_json::to_vec(&observation)?)
            }
            Self::Patient(set) => {
                let mut patient: Patient<'_> = serde_json::from_str(resource)?;
                set.iter().try_for_each(|(set, value)| set(&mut patient, value))?;
                Ok(serde_json::to_vec(&patient)?)
            }
        }
    }
}

/// An element with these members, and in `others` all that it has besides. Serde's `flatten` would parse those into
/// values, and has no place for text as it stands.
macro_rules! element {
    ($name:ident<$life:lifetime> { $($field:ident: $type:ty = $member:literal),+ $(,)? }) => {
        #[derive(Default)]
        pub struct $name<$life> {
            $(pub $field: Option<$type>,)+
            pub others: Vec<($crate::baseline::types::Text<$life>, &$life serde_json::value::RawValue)>,
        }

        impl<'de: $life, $life> serde::de::Deserialize<'de> for $name<$life> {
            fn deserialize<D: serde::de::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                struct Members;
                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an element ", stringify!($name)))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> std::result::Result<$name<'de>, A::Error> {
                        let mut element = $name::default();
                        while let Some(name) = members.next_key::<$crate::baseline::types::Text<'de>>()? {
                            match &*name {
                                $($member => element.$field = Some(members.next_value()?),)+
                                _ => element.others.push((name, members.next_value()?)),
                            }
                        }
                        Ok(element)
                    }
                }
                deserializer.deserialize_map(Members)
            }
        }

        impl serde::ser::Serialize for $name<'_> {
            fn serialize<S: serde::ser::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut members = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field {
                    members.serialize_entry($member, value)?;
                })+
                for (name, value) in &self.others {
                    members.serialize_entry(name, value)?;
                }
                members.end()
            }
        }
    };
}

use element;

element!(Concept<'a> { coding: Vec<Coding<'a>> = "coding", text: Text<'a> = "text" });

element!(Coding<'a> { system: Text<'a> = "system", code: Text<'a> = "code", display: Text<'a> = "display" });

element!(Quantity<'a> {
    value: &'a RawValue = "value",
    comparator: Text<'a> = "comparator",
    unit: Text<'a> = "unit",
    system: Text<'a> = "system",
    code: Text<'a> = "code",
});

element!(Reference<'a> { reference: Text<'a> = "reference" });

element!(Period<'a> { start: Text<'a> = "start", end: Text<'a> = "end" });

impl<'a> Concept<'a> {
    fn coding(&mut self) -> &mut Coding<'a> {
        first(&mut self.coding)
    }
}

impl<'a> Coding<'a> {
    /// Another code, which what described the old one does not describe.
    fn set_code(&mut self, code: &'a str) -> Result<()> {
        self.drop_stale(code, |coding| &coding.code);
        put(&mut self.code, text(code))
    }

    fn set_system(&mut self, system: &'a str) -> Result<()> {
        self.drop_stale(system, |coding| &coding.system);
        put(&mut self.system, text(system))
    }

    fn drop_stale(&mut self, value: &str, old: fn(&Self) -> &Option<Text<'a>>) {
        if old(self).as_deref().is_some_and(|old| old != value) {
            self.display = None;
            self.others.retain(|(name, _)| !matches!(&**name, "version" | "userSelected"));
        }
    }
}

impl<'a> Quantity<'a> {
    /// Another code, which the old unit is not the name of.
    fn set_code(&mut self, code: &'a str) -> Result<()> {
        if self.code.as_deref().is_some_and(|old| old != code) {
            self.unit = None;
        }
        put(&mut self.code, text(code))
    }
}

/// Refers to something else, which what described the old target does not describe.
fn refer<'a>(element: &mut Reference<'a>, value: &'a str, kinds: &[&str]) -> Result<()> {
    let target = key::reference(value).ok_or("no reference")?;
    if !target.resource_type.is_empty() && !kinds.contains(&target.resource_type) {
        return Err("a reference to a type that the column does not take".into());
    }
    element.others.retain(|(name, _)| !matches!(&**name, "display" | "identifier" | "type"));
    put(&mut element.reference, text(value))
}

fn put<T>(element: &mut Option<T>, value: Result<T>) -> Result<()> {
    *element = Some(value?);
    Ok(())
}

/// The first element of a list, a new one if it has none.
fn first<T: Default>(list: &mut Option<Vec<T>>) -> &mut T {
    let list = list.get_or_insert_default();
    if list.is_empty() {
        list.push(T::default());
    }
    &mut list[0]
}

/// An element of a list by its position, a new one at its end.
fn at<T: Default>(list: &mut Option<Vec<T>>, index: usize) -> Result<&mut T> {
    let list = list.get_or_insert_default();
    if list.len() == index {
        list.push(T::default());
    }
    list.get_mut(index).ok_or_else(|| "a list with a gap".into())
}

/// The first element that is so, a new one that is made so.
fn that<T>(list: &mut Option<Vec<T>>, is_it: impl Fn(&T) -> bool, new: impl Fn() -> T) -> &mut T {
    let list = list.get_or_insert_default();
    let index = list.iter().position(is_it).unwrap_or(list.len());
    if index == list.len() {
        list.push(new());
    }
    &mut list[index]
}

/// Of several the one against which least speaks, the first of equals; a new one where there is none.
fn current<T, W: Ord>(list: &mut Option<Vec<T>>, against: impl Fn(&T) -> Option<W>, new: impl Fn() -> T) -> &mut T {
    let list = list.get_or_insert_default();
    let chosen = list.iter().enumerate().filter_map(|(index, item)| Some((against(item)?, index))).min();
    let index = chosen.map_or(list.len(), |(_, index)| index);
    if index == list.len() {
        list.push(new());
    }
    &mut list[index]
}

fn text(value: &str) -> Result<Text<'_>> {
    let is_forbidden = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    if value.is_empty() || value.bytes().any(is_forbidden) {
        return Err("a text that FHIR does not have".into());
    }
    Ok(Text(value.into()))
}

fn code<'a>(value: &'a str, codes: &[&str]) -> Result<Text<'a>> {
    if codes.contains(&value) { Ok(Text(value.into())) } else { Err("a code that the choice does not have".into()) }
}

/// A date or time of any precision; a time has a zone.
fn moment(value: &str) -> Result<Text<'_>> {
    let time = value.split_once('T').map_or("", |(_, time)| time);
    let has_zone = time.is_empty() || time.contains(['Z', '+', '-']);
    match value::parse_instant(value).filter(|_| has_zone) {
        Some(_) => Ok(Text(value.into())),
        None => Err("no date or time as FHIR writes it".into()),
    }
}

fn decimal(value: &str) -> Result<&RawValue> {
    if is_number(value) { Ok(serde_json::from_str(value)?) } else { Err("no number".into()) }
}

fn whole(value: &str) -> Result<i32> {
    Ok(value.parse()?)
}

fn boolean(value: &str) -> Result<bool> {
    Ok(value.parse()?)
}

/// What has the same value in every row.
fn constant(value: &str, only: &str) -> Result<()> {
    if value == only { Ok(()) } else { Err("a value that the column cannot have".into()) }
}
