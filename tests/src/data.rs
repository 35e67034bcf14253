//! Sample data: the bundles in `tests/bundles`.

/// The exercise, part one: who and where. A batch of Patient, Practitioner, Location, Organization.
pub const PEOPLE: &str = include_str!("../bundles/module-people.json");

/// The exercise, part two: what happened to [`PATIENT`]. A batch of 2 Encounters and 3 Observations.
pub const EVENTS: &str = include_str!("../bundles/module-events.json");

/// Two synthetic lives, a transaction each.
pub const SYNTHEA: [&str; 2] = [include_str!("../bundles/synthea-1.json"), include_str!("../bundles/synthea-2.json")];

/// The patient of the exercise: the id of the resource and the GUID of the row.
pub const PATIENT: &str = "4c73b472-442b-4920-b899-aadc599f1d75";
