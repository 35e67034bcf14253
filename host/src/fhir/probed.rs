//! What a FHIR service was found to do when it was tried out (`router/release/probe.rs`). Kept until it is tried again; used
//! to ask less of it: what it does not do is not asked, and by `_elements` it is asked only where it has shown that it does it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A service that was tried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// When, by RFC 3339.
    pub at: String,
    /// As it says itself; None: it did not say.
    pub fhir_version: Option<String>,
    pub software: Option<String>,
    pub types: BTreeMap<String, TypeProbed>,
    /// False: there was no time, or no more calls, for all of it.
    pub whole: bool,
}

/// What it does with one resource type. What did not come to light is None.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeProbed {
    /// Resources that the trial looked at; of none little comes to light.
    pub resources: u32,
    /// What becomes of a parameter that no service has.
    pub unknown_parameters: Option<Heed>,
    /// It counts what it finds.
    pub counts: Option<bool>,
    /// It sorts by `_lastUpdated`.
    pub sorts: Option<bool>,
    /// Its resources have versions.
    pub versions: Option<bool>,
    /// It keeps the versions before.
    pub history: Option<bool>,
    /// What becomes of `_elements`: of this type rows can be made of the elements that they are read from, and take fewer bytes.
    /// Refused also where rows are others then.
    #[serde(default)]
    pub elements: Option<Heed>,
    /// Those that columns are searched by.
    pub parameters: BTreeMap<String, ParameterProbed>,
    /// What becomes of conditions on related resources, as `Type.name`: `Observation.subject:Patient` for all chained parameters through
    /// that one, `Patient._has:Observation:subject` for the way back.
    #[serde(default)]
    pub chains: BTreeMap<String, Heed>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterProbed {
    pub heed: Option<Heed>,
    /// Its texts are compared without case and accents, as R4 has it (3.1.1.4.8); of tokens and URIs that is left open.
    pub is_string: bool,
    /// Of a text: capitals are as good as small letters.
    pub ignores_case: Option<bool>,
    /// Of a text: letters with accents are as good as those without.
    pub ignores_accents: Option<bool>,
    /// Of a number: one of less precision stands for all that round to it (R4 3.1.1.4.5).
    pub rounds: Option<bool>,
    /// Of a token: `:not` gives all that has not the value, also what has none (R4 3.1.1.5.5.5 leaves no choice, and some take one).
    #[serde(default)]
    pub negates: Option<bool>,
}

/// What becomes of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heed {
    Applied,
    Ignored,
    Refused,
}

impl Probed {
    /// `Type.name` of each parameter, and of each chain, that loses rows or is of no use: ignored, refused, or a text that is compared more
    /// narrowly than R4 has it.
    pub fn not_done(&self) -> BTreeSet<String> {
        let all = self.types.iter().flat_map(|(kind, probed)| probed.parameters.iter().map(move |one| (kind, one)));
        let undone = all.filter(|(_, (_, probed))| !probed.is_of_use());
        let undone = undone.map(|(resource_type, (name, _))| format!("{resource_type}.{name}"));
        let chains = self.types.values().flat_map(|probed| &probed.chains);
        let unchained = chains.filter(|(_, heed)| **heed != Heed::Applied).map(|(name, _)| name.clone());
        undone.chain(unchained).collect()
    }
}

impl Probed {
    /// Resource types that can be asked for in parts.
    pub fn subsets(&self) -> BTreeSet<String> {
        let done = self.types.iter().filter(|(_, probed)| probed.elements == Some(Heed::Applied));
        done.map(|(resource_type, _)| resource_type.clone()).collect()
    }

    /// `Type.name` of each parameter that can be asked for what has not a value.
    pub fn negates(&self) -> BTreeSet<String> {
        let all = self.types.iter().flat_map(|(kind, probed)| probed.parameters.iter().map(move |one| (kind, one)));
        let negate = all.filter(|(_, (_, probed))| probed.negates == Some(true));
        negate.map(|(resource_type, (name, _))| format!("{resource_type}.{name}")).collect()
    }
}

impl ParameterProbed {
    fn is_of_use(&self) -> bool {
        !matches!(self.heed, Some(Heed::Ignored | Heed::Refused))
            && !(self.is_string && (self.ignores_case == Some(false) || self.ignores_accents == Some(false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_done_is_named() {
        let of = |heed, ignores_case, ignores_accents| ParameterProbed {
            heed: Some(heed),
            is_string: true,
            ignores_case,
            ignores_accents,
            rounds: None,
            negates: None,
        };
        let parameters = [
            ("family", of(Heed::Applied, Some(true), None)),
            ("given", of(Heed::Applied, Some(false), None)),
            ("name", of(Heed::Applied, Some(true), Some(false))),
            ("active", ParameterProbed { negates: Some(true), ..of(Heed::Applied, None, None) }),
            ("language", ParameterProbed { negates: Some(false), ..of(Heed::Applied, None, None) }),
            ("gender", of(Heed::Ignored, None, None)),
            ("phone", of(Heed::Refused, None, None)),
            ("email", ParameterProbed::default()),
            ("identifier", ParameterProbed { is_string: false, ..of(Heed::Applied, Some(false), None) }),
        ];
        let parameters = parameters.map(|(name, probed)| (name.to_owned(), probed)).into();
        let chains = [("Patient.organization:Organization", Heed::Applied), ("Group._has:Patient:link", Heed::Refused)];
        let chains = chains.map(|(name, heed)| (name.to_owned(), heed)).into();
        let patient = TypeProbed { parameters, chains, ..TypeProbed::default() };
        let at = "2026-03-01T08:30:00Z".to_owned();
        let types = [("Patient".to_owned(), patient)].into();
        let probed = Probed { at, fhir_version: None, software: None, types, whole: true };
        let undone = ["gender", "given", "name", "phone"].map(|name| format!("Patient.{name}"));
        let undone = undone.into_iter().chain(["Group._has:Patient:link".to_owned()]);
        assert_eq!(probed.not_done(), undone.collect());
        assert_eq!(probed.negates(), ["Patient.active".to_owned()].into());
        let kept: Probed = serde_json::from_str(&serde_json::to_string(&probed).unwrap()).unwrap();
        assert_eq!(kept, probed);
    }
}
