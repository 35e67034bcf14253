//! `contact`, as far as its rows are Patients.

use std::fmt;

use serde::Deserialize;
use turntable::model::value;

use super::Mapped;
use super::row::{ConceptKeys, ConceptNames, Row, Target, Unfilled, concept, guid_of, lookup, name, unfilled};
use super::types::{Coding, Concept, Meta, Period, Reference, Text, first};
use crate::Result;

pub const MARITAL_STATUS: &str = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus";
pub const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
pub const LINK_TYPES: &str = "http://hl7.org/fhir/link-type";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct Patient<'a> {
    id: Text<'a>,
    meta: Option<Meta<'a>>,
    active: Option<bool>,
    #[serde(default)]
    identifier: Vec<Identifier<'a>>,
    #[serde(default)]
    name: Vec<HumanName<'a>>,
    #[serde(default)]
    telecom: Vec<ContactPoint<'a>>,
    gender: Option<Text<'a>>,
    birth_date: Option<Text<'a>>,
    deceased_date_time: Option<Text<'a>>,
    deceased_boolean: Option<bool>,
    #[serde(default)]
    address: Vec<Address<'a>>,
    marital_status: Option<Concept<'a>>,
    multiple_birth_integer: Option<i32>,
    multiple_birth_boolean: Option<bool>,
    #[serde(default, deserialize_with = "first")]
    photo: Option<Photo<'a>>,
    #[serde(default)]
    contact: Vec<Contact<'a>>,
    #[serde(default)]
    communication: Vec<Communication<'a>>,
    #[serde(default, deserialize_with = "first")]
    general_practitioner: Option<Reference<'a>>,
    managing_organization: Option<Reference<'a>>,
    #[serde(default)]
    link: Vec<Link<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Identifier<'a> {
    #[serde(rename = "type")]
    kind: Option<IdentifierType<'a>>,
    value: Option<Text<'a>>,
    system: Option<Text<'a>>,
}

/// A concept that is looked through for a code.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct IdentifierType<'a> {
    #[serde(default)]
    coding: Vec<Coding<'a>>,
}

impl Identifier<'_> {
    fn is_a(&self, code: &str) -> bool {
        let codings = self.kind.iter().flat_map(|kind| &kind.coding);
        codings.filter_map(|coding| coding.code.as_deref()).any(|own| own == code)
    }
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct HumanName<'a> {
    #[serde(rename = "use")]
    usage: Option<Text<'a>>,
    text: Option<Text<'a>>,
    family: Option<Text<'a>>,
    /// Null where one has extensions only.
    #[serde(default)]
    given: Vec<Option<Text<'a>>>,
    #[serde(default, deserialize_with = "first")]
    prefix: Option<Text<'a>>,
    #[serde(default, deserialize_with = "first")]
    suffix: Option<Text<'a>>,
    period: Option<Period<'a>>,
}

impl HumanName<'_> {
    fn given(&self, index: usize) -> Option<&str> {
        self.given.get(index)?.as_deref()
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        self.given.iter().flatten().chain(&self.family).map(|part| &**part)
    }
}

/// The whole name in one line: as the resource spells it, else its parts.
struct FullName<'n>(&'n HumanName<'n>);

impl fmt::Display for FullName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.0.text {
            return f.write_str(text);
        }
        for (index, part) in self.0.parts().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(part)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct ContactPoint<'a> {
    system: Option<Text<'a>>,
    value: Option<Text<'a>>,
    #[serde(rename = "use")]
    usage: Option<Text<'a>>,
    rank: Option<i32>,
    period: Option<Period<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct Address<'a> {
    #[serde(rename = "use")]
    usage: Option<Text<'a>>,
    #[serde(rename = "type")]
    kind: Option<Text<'a>>,
    text: Option<Text<'a>>,
    #[serde(default)]
    line: Vec<Option<Text<'a>>>,
    city: Option<Text<'a>>,
    district: Option<Text<'a>>,
    state: Option<Text<'a>>,
    postal_code: Option<Text<'a>>,
    country: Option<Text<'a>>,
    period: Option<Period<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Photo<'a> {
    data: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Contact<'a> {
    #[serde(default, deserialize_with = "first")]
    relationship: Option<Concept<'a>>,
    name: Option<HumanName<'a>>,
    #[serde(default)]
    telecom: Vec<ContactPoint<'a>>,
    period: Option<Period<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Communication<'a> {
    language: Option<Concept<'a>>,
    preferred: Option<bool>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Link<'a> {
    other: Option<Reference<'a>>,
    #[serde(rename = "type")]
    kind: Option<Text<'a>>,
}

/// Of several the one against which least speaks, the first of equals.
fn current<T, W: Ord>(list: &[T], against: impl Fn(&T) -> Option<W>) -> Option<&T> {
    let chosen = list.iter().filter_map(|item| Some((against(item)?, item)));
    chosen.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, item)| item)
}

/// What speaks against a name of this use.
pub fn against_name(usage: Option<&str>, has_ended: bool) -> (bool, bool, u8) {
    let order = match usage {
        Some("official") => 0,
        Some("usual") => 1,
        _ => 2,
    };
    (matches!(usage, Some("old" | "maiden")), has_ended, order)
}

/// What speaks against an address of this use; none for one that is past.
pub fn against_address(usage: Option<&str>, has_ended: bool) -> Option<(bool, bool)> {
    (usage != Some("old")).then_some((has_ended, !matches!(usage, Some("home" | "work"))))
}

/// What speaks against a telecom of this use; none for one that is past.
pub fn against_telecom(usage: Option<&str>, has_ended: bool, rank: Option<i32>) -> Option<(bool, u32)> {
    let rank = rank.and_then(|rank| u32::try_from(rank).ok()).filter(|rank| *rank > 0).unwrap_or(u32::MAX);
    (usage != Some("old")).then_some((has_ended, rank))
}

fn has_ended(period: Option<&Period<'_>>) -> bool {
    period.is_some_and(|period| period.end.is_some())
}

impl<'a> Mapped<'a> for Patient<'a> {
    /// Of practitioners, of related persons, of animals in STU3, of rows that no resource is behind; and what is only a
    /// code has no display.
    const UNFILLED: Unfilled = unfilled![
        "_tt_patient_value",
        "tt_relationship_code",
        "tt_relationship_system",
        "tt_relationship_display",
        "_tt_relationship_value",
        "tt_relationshiptext",
        "tt_periodstart",
        "tt_periodend",
        "tt_language_code",
        "tt_language_system",
        "tt_language_display",
        "_tt_language_value",
        "tt_languagetext",
        "_msemr_contact1_value",
        "_msemr_contact2_value",
        "msemr_qualification1identifier",
        "tt_qualification1code_code",
        "tt_qualification1code_system",
        "tt_qualification1code_display",
        "_tt_qualification1code_value",
        "tt_qualification1text",
        "_msemr_qualification1issuer_value",
        "msemr_qualification1periodstartdate",
        "msemr_qualification1periodenddate",
        "msemr_link1type_display",
        "msemr_link2type_display",
        "msemr_animal",
        "msemr_animalspecies_code",
        "msemr_animalspecies_system",
        "msemr_animalspecies_display",
        "_msemr_animalspecies_value",
        "msemr_animalbreed_code",
        "msemr_animalbreed_system",
        "msemr_animalbreed_display",
        "_msemr_animalbreed_value",
        "msemr_animalgenderstatus_code",
        "msemr_animalgenderstatus_system",
        "msemr_animalgenderstatus_display",
        "_msemr_animalgenderstatus_value",
        "msemr_activitystartdate",
        "msemr_azurefhirsyncenabled",
    ];

    fn row<'p>(&'p self, out: &mut Vec<u8>, keys: &mut ConceptKeys<'p>) -> Result<()> {
        let meta = self.meta.as_ref();
        let mut row = Row::open(out, keys, meta, ("contactid", guid_of("Patient", &self.id)))?;
        row.raw(name!("msemr_contacttype"), Some("935000000"));
        self.person(&mut row)?;
        self.numbers(&mut row)?;
        self.addresses(&mut row)?;
        self.care(&mut row)?;
        self.contacts(&mut row)?;
        self.links(&mut row)?;
        self.names(&mut row)?;
        self.telecoms(&mut row)?;
        row.nulls(&Self::UNFILLED);
        row.close(&self.id, meta)
    }
}

impl<'a> Patient<'a> {
    fn name(&self) -> Option<&HumanName<'a>> {
        current(&self.name, |name| Some(against_name(name.usage.as_deref(), has_ended(name.period.as_ref()))))
    }

    fn address(&self) -> Option<&Address<'a>> {
        let against = |one: &Address<'_>| against_address(one.usage.as_deref(), has_ended(one.period.as_ref()));
        current(&self.address, against)
    }

    fn person<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let name = self.name();
        let full = name.filter(|name| name.text.is_some() || name.parts().next().is_some());
        row.display(name!("fullname"), full.map(FullName))?;
        row.text(name!("firstname"), name.and_then(|name| name.given(0)))?;
        row.text(name!("middlename"), name.and_then(|name| name.given(1)))?;
        row.text(name!("lastname"), name.and_then(|name| name.family.as_deref()))?;
        row.text(name!("salutation"), name.and_then(|name| name.prefix.as_deref()))?;
        row.text(name!("suffix"), name.and_then(|name| name.suffix.as_deref()))?;
        row.raw(name!("gendercode"), self.gender.as_deref().and_then(gender));
        let born = self.birth_date.as_deref();
        row.text(name!("birthdate"), born.filter(|date| value::parse_date(date).is_some()))?;
        row.text(name!("tt_birthdate"), born)?;
        row.boolean(name!("tt_active"), self.active);
        let identifier = self.identifier.first();
        row.text(name!("tt_identifier"), identifier.and_then(|identifier| identifier.value.as_deref()))?;
        row.text(name!("tt_identifiersystem"), identifier.and_then(|identifier| identifier.system.as_deref()))?;
        let marital = self.marital_status.as_ref();
        let coding = marital.and_then(|marital| marital.coding.as_ref());
        row.raw(name!("familystatuscode"), coding.and_then(marital_status));
        row.text(name!("tt_maritalstatustext"), text(marital))?;
        row.moment(name!("msemr_deceaseddate"), self.deceased_date_time.as_deref())?;
        row.boolean(name!("tt_deceasedboolean"), self.deceased_boolean);
        row.whole(name!("msemr_multiplebirth"), self.multiple_birth_integer)?;
        row.boolean(name!("tt_multiplebirthboolean"), self.multiple_birth_boolean);
        let record = self.identifier.iter().find(|identifier| identifier.is_a("MR"));
        row.text(name!("msemr_medicalrecordnumber"), record.and_then(|identifier| identifier.value.as_deref()))?;
        row.text(name!("entityimage"), self.photo.as_ref().and_then(|photo| photo.data.as_deref()))
    }

    /// Where the person can be called, by the system and use of each telecom.
    fn numbers<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        row.text(name!("telephone1"), number(&self.telecom, "phone", Some("work")))?;
        row.text(name!("telephone2"), number(&self.telecom, "phone", Some("home")))?;
        row.text(name!("mobilephone"), number(&self.telecom, "phone", Some("mobile")))?;
        row.text(name!("tt_phone"), number(&self.telecom, "phone", None))?;
        row.text(name!("emailaddress1"), number(&self.telecom, "email", None))?;
        row.text(name!("fax"), number(&self.telecom, "fax", None))?;
        row.text(name!("pager"), number(&self.telecom, "pager", None))?;
        row.text(name!("websiteurl"), number(&self.telecom, "url", None))
    }

    fn addresses<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        for (names, index) in ADDRESSES.iter().zip(0..) {
            let address = if index == 0 { self.address() } else { self.address.get(index) };
            let line = |index: usize| address?.line.get(index)?.as_deref();
            row.text(names.line1, line(0))?;
            row.text(names.line2, line(1))?;
            row.text(names.line3, line(2))?;
            row.text(names.city, address.and_then(|address| address.city.as_deref()))?;
            row.text(names.state, address.and_then(|address| address.state.as_deref()))?;
            row.text(names.postal_code, address.and_then(|address| address.postal_code.as_deref()))?;
            row.text(names.country, address.and_then(|address| address.country.as_deref()))?;
            row.text(names.county, address.and_then(|address| address.district.as_deref()))?;
            row.raw(names.usage, address.and_then(|address| address.usage.as_deref()).and_then(address_use));
            row.raw(names.kind, address.and_then(|address| address.kind.as_deref()).and_then(address_type));
            row.text(names.text, address.and_then(|address| address.text.as_deref()))?;
            row.period(names.period, address.and_then(|address| address.period.as_ref()))?;
        }
        Ok(())
    }

    fn care<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let practitioner = Target::of(self.general_practitioner.as_ref());
        row.lookup(lookup!("msemr_generalpractioner"), &practitioner, &["Practitioner"]);
        row.lookup(lookup!("tt_generalpractitionerorganization"), &practitioner, &["Organization"]);
        let organization = Target::of(self.managing_organization.as_ref());
        row.lookup(lookup!("msemr_managingorganization"), &organization, &["Organization"]);
        row.lookup(lookup!("parentcustomerid"), &organization, &["Organization"]);
        for (names, index) in COMMUNICATIONS.iter().zip(0..) {
            let communication = self.communication.get(index);
            let language = communication.and_then(|communication| communication.language.as_ref());
            row.concept(&names.language, language)?;
            row.text(names.text, text(language))?;
            row.boolean(names.preferred, communication.and_then(|communication| communication.preferred));
        }
        Ok(())
    }

    fn contacts<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        for (names, index) in CONTACTS.iter().zip(0..) {
            let contact = self.contact.get(index);
            let name = contact.and_then(|contact| contact.name.as_ref());
            let relationship = contact.and_then(|contact| contact.relationship.as_ref());
            row.text(names.name, name.and_then(|name| name.text.as_deref()))?;
            row.text(names.last_name, name.and_then(|name| name.family.as_deref()))?;
            row.text(names.first_name, name.and_then(|name| name.given(0)))?;
            row.text(names.phone, contact.and_then(|contact| number(&contact.telecom, "phone", None)))?;
            row.concept(&names.relationship, relationship)?;
            row.text(names.relationship_text, text(relationship))?;
            row.period(names.period, contact.and_then(|contact| contact.period.as_ref()))?;
        }
        Ok(())
    }

    fn links<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        for ((other, kind), index) in LINKS.iter().zip(0..) {
            let link = self.link.get(index);
            let target = Target::of(link.and_then(|link| link.other.as_ref()));
            row.lookup(other, &target, &["Patient", "RelatedPerson"]);
            row.code(kind, link.and_then(|link| link.kind.as_deref()), LINK_TYPES)?;
        }
        Ok(())
    }

    fn names<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let usage = |name: Option<&HumanName<'_>>| name?.usage.as_deref().and_then(name_use);
        let current = self.name();
        row.raw(name!("msemr_name1use"), usage(current));
        row.period(
            [name!("msemr_name1startdate"), name!("msemr_name1enddate")],
            current.and_then(|name| name.period.as_ref()),
        )?;
        for names in &NAMES {
            let name = self.name.iter().find(|name| name.usage.as_deref() == Some(names.of_use));
            row.text(names.text, name.and_then(|name| name.text.as_deref()))?;
            row.text(names.family, name.and_then(|name| name.family.as_deref()))?;
            row.text(names.given, name.and_then(|name| name.given(0)))?;
            row.text(names.prefix, name.and_then(|name| name.prefix.as_deref()))?;
            row.text(names.suffix, name.and_then(|name| name.suffix.as_deref()))?;
            row.raw(names.usage, usage(name));
            row.period(names.period, name.and_then(|name| name.period.as_ref()))?;
        }
        Ok(())
    }

    fn telecoms<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        for (names, index) in TELECOMS.iter().zip(0..) {
            let telecom = self.telecom.get(index);
            row.raw(names.system, telecom.and_then(|telecom| telecom.system.as_deref()).and_then(telecom_system));
            row.raw(names.usage, telecom.and_then(|telecom| telecom.usage.as_deref()).and_then(telecom_use));
            row.text(names.value, telecom.and_then(|telecom| telecom.value.as_deref()))?;
            row.whole(names.rank, telecom.and_then(|telecom| telecom.rank))?;
            row.period(names.period, telecom.and_then(|telecom| telecom.period.as_ref()))?;
        }
        Ok(())
    }
}

fn text<'c>(concept: Option<&'c Concept<'_>>) -> Option<&'c str> {
    concept.and_then(|concept| concept.text.as_deref())
}

/// The number that holds now of a system and, if one is asked for, a use.
fn number<'t>(telecoms: &'t [ContactPoint<'_>], system: &str, usage: Option<&str>) -> Option<&'t str> {
    let against = |telecom: &ContactPoint<'_>| {
        let own = telecom.usage.as_deref();
        let is_it = telecom.system.as_deref() == Some(system) && (usage.is_none() || own == usage);
        is_it.then(|| against_telecom(own, has_ended(telecom.period.as_ref()), telecom.rank))?
    };
    current(telecoms, against)?.value.as_deref()
}

struct AddressNames {
    line1: &'static str,
    line2: &'static str,
    line3: &'static str,
    city: &'static str,
    state: &'static str,
    postal_code: &'static str,
    country: &'static str,
    county: &'static str,
    usage: &'static str,
    kind: &'static str,
    text: &'static str,
    period: [&'static str; 2],
}

macro_rules! address {
    ($number:literal) => {
        AddressNames {
            line1: name!("address", $number, "_line1"),
            line2: name!("address", $number, "_line2"),
            line3: name!("address", $number, "_line3"),
            city: name!("address", $number, "_city"),
            state: name!("address", $number, "_stateorprovince"),
            postal_code: name!("address", $number, "_postalcode"),
            country: name!("address", $number, "_country"),
            county: name!("address", $number, "_county"),
            usage: name!("tt_address", $number, "use"),
            kind: name!("tt_address", $number, "type"),
            text: name!("tt_address", $number, "text"),
            period: [
                name!("msemr_address", $number, "periodstartdate"),
                name!("msemr_address", $number, "periodenddate"),
            ],
        }
    };
}

const ADDRESSES: [AddressNames; 3] = [address!("1"), address!("2"), address!("3")];

struct CommunicationNames {
    language: ConceptNames,
    text: &'static str,
    preferred: &'static str,
}

const COMMUNICATIONS: [CommunicationNames; 2] = [
    CommunicationNames {
        language: concept!("msemr_communication1language"),
        text: name!("tt_communication1languagetext"),
        preferred: name!("msemr_communication1preferred"),
    },
    CommunicationNames {
        language: concept!("msemr_communication2language"),
        text: name!("tt_communication2languagetext"),
        preferred: name!("msemr_communication2preferred"),
    },
];

struct ContactNames {
    name: &'static str,
    last_name: &'static str,
    first_name: &'static str,
    phone: &'static str,
    relationship: ConceptNames,
    relationship_text: &'static str,
    period: [&'static str; 2],
}

macro_rules! contact {
    ($number:literal) => {
        ContactNames {
            name: name!("tt_contact", $number, "name"),
            last_name: name!("tt_contact", $number, "lastname"),
            first_name: name!("tt_contact", $number, "firstname"),
            phone: name!("tt_contact", $number, "phone"),
            relationship: concept!("msemr_contact", $number, "relationship"),
            relationship_text: name!("tt_contact", $number, "relationshiptext"),
            period: [name!("msemr_contact", $number, "startdate"), name!("msemr_contac", $number, "tenddate")],
        }
    };
}

const CONTACTS: [ContactNames; 2] = [contact!("1"), contact!("2")];

const LINKS: [(&str, ConceptNames); 2] =
    [(lookup!("msemr_link1"), concept!("msemr_link1type")), (lookup!("msemr_link2"), concept!("msemr_link2type"))];

struct NameNames {
    of_use: &'static str,
    text: &'static str,
    family: &'static str,
    given: &'static str,
    prefix: &'static str,
    suffix: &'static str,
    usage: &'static str,
    period: [&'static str; 2],
}

macro_rules! human_name {
    ($number:literal, $usage:literal, $period:expr) => {
        NameNames {
            of_use: $usage,
            text: name!("msemr_name", $number),
            family: name!("msemr_name", $number, "familyname"),
            given: name!("msemr_name", $number, "givenname"),
            prefix: name!("msemr_name", $number, "prefix"),
            suffix: name!("msemr_name", $number, "suffix"),
            usage: name!("msemr_name", $number, "use"),
            period: $period,
        }
    };
}

const NAMES: [NameNames; 2] = [
    human_name!("2", "official", [name!("msemr_name2startdate"), name!("msemr_name2enddate")]),
    human_name!("3", "temp", [name!("msemr_name3namestartdate"), name!("msemr_name3nameenddate")]),
];

struct TelecomNames {
    system: &'static str,
    usage: &'static str,
    value: &'static str,
    rank: &'static str,
    period: [&'static str; 2],
}

macro_rules! telecom {
    ($number:literal) => {
        TelecomNames {
            system: name!("msemr_telecom", $number, "system"),
            usage: name!("msemr_telecom", $number, "use"),
            value: name!("tt_telecom", $number, "value"),
            rank: name!("msemr_telecom", $number, "rank"),
            period: [name!("msemr_telecom", $number, "startdate"), name!("msemr_telecom", $number, "enddate")],
        }
    };
}

const TELECOMS: [TelecomNames; 3] = [telecom!("1"), telecom!("2"), telecom!("3")];

fn gender(code: &str) -> Option<&'static str> {
    Some(match code {
        "male" => "1",
        "female" => "2",
        "other" => "935000000",
        "unknown" => "935000001",
        _ => return None,
    })
}

/// A code of another system is no option, whatever it is called.
fn marital_status(coding: &Coding<'_>) -> Option<&'static str> {
    let (system, option) = match coding.code.as_deref()? {
        "S" => (MARITAL_STATUS, "1"),
        "M" => (MARITAL_STATUS, "2"),
        "D" => (MARITAL_STATUS, "3"),
        "W" => (MARITAL_STATUS, "4"),
        "A" => (MARITAL_STATUS, "935000000"),
        "I" => (MARITAL_STATUS, "935000001"),
        "L" => (MARITAL_STATUS, "935000002"),
        "T" => (MARITAL_STATUS, "935000003"),
        "U" => (MARITAL_STATUS, "935000004"),
        "UNK" => (NULL_FLAVOR, "935000005"),
        "P" => (MARITAL_STATUS, "935000006"),
        "C" => (MARITAL_STATUS, "935100000"),
        _ => return None,
    };
    coding.system.as_deref().is_none_or(|own| own == system).then_some(option)
}

fn name_use(code: &str) -> Option<&'static str> {
    Some(match code {
        "usual" => "935000000",
        "official" => "935000001",
        "temp" => "935000002",
        "nickname" => "935000003",
        "maiden" => "935000004",
        "old" => "935000005",
        "anonymous" => "935000006",
        _ => return None,
    })
}

fn telecom_system(code: &str) -> Option<&'static str> {
    Some(match code {
        "phone" => "935000000",
        "email" => "935000001",
        "fax" => "935000002",
        "pager" => "935000003",
        "sms" => "935000004",
        "other" => "935000005",
        "url" => "935100000",
        _ => return None,
    })
}

fn telecom_use(code: &str) -> Option<&'static str> {
    Some(match code {
        "home" => "935000000",
        "work" => "935000001",
        "temp" => "935000002",
        "mobile" => "935000003",
        "old" => "935000004",
        _ => return None,
    })
}

fn address_use(code: &str) -> Option<&'static str> {
    Some(match code {
        "home" => "935000000",
        "work" => "935000001",
        "temp" => "935000002",
        "old" => "935000003",
        "billing" => "935100000",
        _ => return None,
    })
}

fn address_type(code: &str) -> Option<&'static str> {
    Some(match code {
        "postal" => "935000000",
        "physical" => "935000001",
        "both" => "935000002",
        _ => return None,
    })
}
