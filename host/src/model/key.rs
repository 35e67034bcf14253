//! Keys: the GUID that apps see for a FHIR logical id, without a lookup table wherever the id allows.
//!
//! A FHIR id has 64 possible symbols, 6 bits each. So:
//! - a lower-case UUID whose version is not 8 is its own GUID;
//! - any other id of up to 19 symbols is packed, reversibly, into a UUIDv8 (RFC 9562 section 5.8);
//! - a longer one, and the key of a child row (`<id>/<element path>`), is hashed into a UUIDv8 that says so; the way
//!   back needs the map that the store keeps ([`Decoded::Hashed`]).
//!
//! Ids are unique within a resource type only, and a table may show several types (a contact is a Patient or a
//! Practitioner). So the key of a row is a text `Type/id[/path]`, and types that meet in one table are packed and hashed
//! apart ([`space`]). There a UUID is its own GUID for the first type only, if its version is none of 9 to 15. For the
//! further ones ([`Rank`]) a UUID of the versions 1 to 7 is moved to the versions 9 to 15, each type under variant bits
//! of its own, and any other is hashed. So the GUID of a row depends on the table that shows it ([`of_row`]), and that of a
//! lookup on the table it points to ([`of_reference`]). The GUID of a child row is a hash wherever it is shown.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid, Variant};

use super::table::{ColumnIndex, Kind, Lookup, Rank, Table};

/// Ids of up to this many symbols are packed.
const PACKED_MAX: usize = 19;

/// Types of a table that have UUIDs beside the first one's.
const FURTHER_MAX: u8 = 4;

/// The top bits of a UUIDv8 of ours tell the forms apart: packed ids of space 0 to 4 count down from 5.
const TAG_PACKED: u8 = 0b101;
const TAG_HASHED: u8 = 0b110;

/// What a GUID says about the id behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    Id(String),
    /// Only the store's map knows.
    Hashed,
}

/// A literal reference, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Everything before `Type/id`, with its slash; empty for a relative reference.
    pub base: &'a str,
    /// Empty for `urn:uuid:…`.
    pub resource_type: &'a str,
    /// Of a row of a child table with the path to its element: `a1/participant/=p1`.
    pub id: &'a str,
}

/// The GUID of a row by its key text: `Type/id`, or `Type/id/path` for a row of a child table.
pub fn of_row(table: &Table, key: &str) -> Uuid {
    let (resource_type, id) = split(key);
    guid_of(resource_type, id, table.rank(resource_type))
}

/// The GUID of the row that a lookup points to.
pub fn of_reference(lookup: &Lookup, reference: &Reference<'_>) -> Uuid {
    guid_of(reference.resource_type, reference.id, lookup.rank(reference.resource_type))
}

/// The GUID that a cell of a table's key or of a lookup stands for.
pub fn of_cell(table: &Table, column: ColumnIndex, text: &str) -> Uuid {
    let (resource_type, id) = split(text);
    guid_of(resource_type, id, rank_in(table, column, resource_type))
}

/// The same, if it is of a row of the other table: a lookup may lead elsewhere, to a row that has the same GUID.
pub fn led_to(table: &Table, column: ColumnIndex, text: &str, other: &Table) -> Option<Uuid> {
    let leads = match table.columns.get(column).map(|column| &column.kind) {
        Some(Kind::Lookup(lookup)) => {
            !lookup.leads_beside(&other.entity_set) || lookup.leads_to(text, &other.entity_set)
        }
        _ => true,
    };
    leads.then(|| of_cell(table, column, text))
}

/// The GUID of a row by its key text where the table shows no other type, and of any row of a child table. A bare id is
/// one of a type without a space of its own.
pub fn guid(key: &str) -> Uuid {
    let (resource_type, id) = split(key);
    guid_of(resource_type, id, Rank::Only)
}

/// Every GUID that the row of a resource can have, by its key text `Type/id`: in whatever table.
pub fn anywhere(key: &str) -> impl Iterator<Item = Uuid> {
    let (resource_type, id) = split(key);
    let ranks = std::iter::once(Rank::Only).chain((0..=FURTHER_MAX).map(Rank::Nth));
    ranks.map(move |rank| guid_of(resource_type, id, rank))
}

/// The row of the resource of this id in a table of one type: its GUID, and `Type/id`, which it is made from. None: that is
/// no id.
pub fn of_id(table: &Table, id: &str) -> Option<(Uuid, String)> {
    let resource_type = &table.sources.first().filter(|_| is_id(id))?.resource_type;
    Some((guid_of(resource_type, id, table.rank(resource_type)), format!("{resource_type}/{id}")))
}

/// The GUID of a resource in a table where its type has this rank.
pub fn guid_of(resource_type: &str, id: &str, rank: Rank) -> Uuid {
    if let Some(guid) = canonical_uuid(id).and_then(|uuid| shown(uuid, rank)) {
        return guid;
    }
    let space = space(resource_type);
    pack(space, id).unwrap_or_else(|| hashed(&["id\0", itoa::Buffer::new().format(space), "/", id]))
}

fn rank_in(table: &Table, column: ColumnIndex, resource_type: &str) -> Rank {
    match table.columns.get(column).map(|column| &column.kind) {
        Some(Kind::Lookup(lookup)) => lookup.rank(resource_type),
        _ => table.rank(resource_type),
    }
}

/// A UUID as the GUID that it is for a type of this rank; None if it has to be hashed.
fn shown(uuid: Uuid, rank: Rank) -> Option<Uuid> {
    match rank {
        Rank::Only => Some(uuid),
        Rank::Nth(0) => (version(uuid) <= 8).then_some(uuid),
        Rank::Nth(nth) => {
            let may_move = (1..=7).contains(&version(uuid)) && uuid.get_variant() == Variant::RFC4122;
            may_move.then(|| moved_by(nth)).flatten().map(|bits| Uuid::from_u128(uuid.as_u128() ^ bits))
        }
    }
}

/// The bits that tell a further type's GUIDs from its UUIDs: the highest of the version, which is 0 in all that may be
/// moved, and two of the variant, of which four types have each another pair.
fn moved_by(nth: u8) -> Option<u128> {
    (1..=FURTHER_MAX).contains(&nth).then(|| 1 << 79 | u128::from(nth - 1) << 62)
}

fn version(uuid: Uuid) -> u128 {
    uuid.as_u128() >> 76 & 0xf
}

/// Types of one table must differ in this number, or their ids could not be told apart.
pub fn space(resource_type: &str) -> u8 {
    match resource_type {
        "Practitioner" => 1,
        "RelatedPerson" => 2,
        "Organization" => 3,
        "Device" => 4,
        _ => 0,
    }
}

/// What a GUID says about the id of a resource of this type, where the type has this rank; None if it is the key of none.
pub fn behind(guid: Uuid, resource_type: &str, rank: Rank) -> Option<Decoded> {
    if guid.get_version_num() == 8 && guid.get_variant() == Variant::RFC4122 {
        return match unpack(guid) {
            Some((space_of_id, id)) => (space_of_id == space(resource_type)).then_some(Decoded::Id(id)),
            None => Some(Decoded::Hashed),
        };
    }
    let uuid = match rank {
        Rank::Only | Rank::Nth(0) => guid,
        Rank::Nth(nth) => Uuid::from_u128(guid.as_u128() ^ moved_by(nth)?),
    };
    (shown(uuid, rank) == Some(guid)).then(|| Decoded::Id(uuid.to_string()))
}

/// The id, or the child's key without its type, that a hashed GUID stands for where a resource type has this rank, by the
/// text that was remembered for it. That may be the text of another type's row: types that never meet in one table have
/// the same GUIDs for the same ids, and one text is kept for each GUID.
pub fn behind_hash<'t>(guid: Uuid, text: &'t str, resource_type: &str, rank: Rank) -> Option<&'t str> {
    let (seen_with, rest) = split(text);
    let shares_keys = seen_with.is_empty() || space(seen_with) == space(resource_type);
    // What is hashed for one table is its own key in another; a child's may have moved since.
    let is_its_key = rest.contains('/') || guid_of(resource_type, rest, rank) == guid;
    (shares_keys && is_its_key).then_some(rest)
}

/// A key text as resource type (empty if it is a bare id) and the rest.
pub fn split(key: &str) -> (&str, &str) {
    match key.split_once('/') {
        Some((resource_type, rest)) if resource_type.starts_with(|c: char| c.is_ascii_uppercase()) => {
            (resource_type, rest)
        }
        _ => ("", key),
    }
}

/// The id behind a GUID where no type has a rank.
pub fn decode(guid: Uuid) -> Decoded {
    if guid.get_version_num() != 8 || guid.get_variant() != Variant::RFC4122 {
        return Decoded::Id(guid.to_string());
    }
    match unpack(guid) {
        Some((_, id)) => Decoded::Id(id),
        // A version 8 UUID of somebody else's is an id of 36 symbols, which was hashed: its GUID is another one.
        None => Decoded::Hashed,
    }
}

/// Whether the way back from the GUID of a cell of a table's key or of a lookup needs the store's map.
pub fn needs_map(table: &Table, column: ColumnIndex, text: &str) -> bool {
    let (resource_type, id) = split(text);
    is_hashed(id, rank_in(table, column, resource_type))
}

fn is_hashed(id: &str, rank: Rank) -> bool {
    canonical_uuid(id).and_then(|uuid| shown(uuid, rank)).is_none() && pack(0, id).is_none()
}

/// The GUID of a codeable concept: a fixed function of system and code.
pub fn concept(system: Option<&str>, code: &str) -> Uuid {
    hashed(&["concept\0", system.unwrap_or_default(), "|", code])
}

/// `Type/id`, `http://host/base/Type/id[/_history/v]` or `urn:uuid:…`; of a row of a child table `Type/id/path`. None:
/// contained (`#x`), another URN, no id.
pub fn reference(text: &str) -> Option<Reference<'_>> {
    // Nearly all are this. What has more slashes is no id behind the first.
    if let Some((resource_type, id)) = text.split_once('/')
        && is_type(resource_type)
        && is_id(id)
    {
        return Some(Reference { base: "", resource_type, id });
    }
    if let Some(id) = text.strip_prefix("urn:uuid:") {
        return is_id(id).then_some(Reference { base: "", resource_type: "", id });
    }
    let text = text.split_once("/_history/").map_or(text, |(before, _)| before);
    let (rest, id) = text.rsplit_once('/')?;
    let (base, resource_type) = match rest.rfind('/') {
        Some(slash) => rest.split_at(slash + 1),
        None => ("", rest),
    };
    if is_type(resource_type) && is_id(id) {
        return Some(Reference { base, resource_type, id });
    }
    let (resource_type, id) = text.split_once('/')?;
    (is_type(resource_type) && is_row(id)).then_some(Reference { base: "", resource_type, id })
}

fn is_type(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The key of a child row: an id, then members and what elements of lists are called, such a name at last.
fn is_row(key: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_name = |part: &str| {
        let name = part.strip_prefix(['=', '~']);
        name.is_some_and(|name| is_id(name.strip_prefix('~').unwrap_or(name)))
    };
    let Some((id, path)) = key.split_once('/') else { return false };
    let Some((way, last)) = path.rsplit_once('/') else { return false };
    is_id(id) && way.split('/').all(|part| is_word(part) || is_name(part)) && is_name(last)
}

/// A FHIR logical id: `[A-Za-z0-9\-\.]{1,64}`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| IS_SYMBOL[usize::from(b)])
}

fn canonical_uuid(id: &str) -> Option<Uuid> {
    // Of this length only the form with hyphens is one.
    if id.len() != uuid::fmt::Hyphenated::LENGTH || id.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let uuid = Uuid::try_parse(id).ok()?;
    let ours = uuid.get_version_num() == 8 && uuid.get_variant() == Variant::RFC4122;
    (!ours).then_some(uuid)
}

/// 3 bits of tag, 5 bits of length, 114 bits of symbols: 122 bits, laid around version and variant.
fn pack(space: u8, id: &str) -> Option<Uuid> {
    if id.is_empty() || id.len() > PACKED_MAX {
        return None;
    }
    let mut bits: u128 = 0;
    for byte in id.bytes() {
        bits = bits << 6 | u128::from(symbol(byte)?);
    }
    bits <<= 6 * (PACKED_MAX - id.len());
    let length = id.len() as u128;
    Some(from_payload(u128::from(TAG_PACKED - space) << 119 | length << 114 | bits))
}

fn unpack(guid: Uuid) -> Option<(u8, String)> {
    if guid.get_version_num() != 8 || guid.get_variant() != Variant::RFC4122 {
        return None;
    }
    let payload = payload(guid);
    let space = TAG_PACKED.checked_sub((payload >> 119) as u8).filter(|space| *space <= 4)?;
    let length = (payload >> 114 & 0x1f) as usize;
    if !(1..=PACKED_MAX).contains(&length) {
        return None;
    }
    let id: String =
        (0..length).map(|i| char::from(SYMBOLS[(payload >> (6 * (PACKED_MAX - 1 - i)) & 0x3f) as usize])).collect();
    // Bits after the last symbol must be zero, or two GUIDs would stand for one id.
    (pack(space, &id) == Some(guid)).then_some((space, id))
}

fn hashed(pieces: &[&str]) -> Uuid {
    let digest = pieces.iter().fold(Sha256::new(), |hash, piece| hash.chain_update(piece)).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    let low = u128::from_be_bytes(bytes) & ((1 << 119) - 1);
    from_payload(u128::from(TAG_HASHED) << 119 | low)
}

/// 122 payload bits -> UUIDv8: 48 bits, version, 12 bits, variant, 62 bits.
fn from_payload(payload: u128) -> Uuid {
    let high = payload >> 74;
    let middle = payload >> 62 & 0xfff;
    let low = payload & ((1 << 62) - 1);
    Builder::from_u128(high << 80 | middle << 64 | low)
        .with_version(uuid::Version::Custom)
        .with_variant(Variant::RFC4122)
        .into_uuid()
}

fn payload(guid: Uuid) -> u128 {
    let bits = guid.as_u128();
    let (high, middle, low) = (bits >> 80, bits >> 64 & 0xfff, bits & ((1 << 62) - 1));
    high << 74 | middle << 62 | low
}

const SYMBOLS: &[u8; 64] = b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const IS_SYMBOL: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < SYMBOLS.len() {
        table[SYMBOLS[at] as usize] = true;
        at += 1;
    }
    table
};

fn symbol(byte: u8) -> Option<u8> {
    Some(match byte {
        b'-' => 0,
        b'.' => 1,
        b'0'..=b'9' => byte - b'0' + 2,
        b'A'..=b'Z' => byte - b'A' + 12,
        b'a'..=b'z' => byte - b'a' + 38,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_come_back(id in "[A-Za-z0-9.-]{1,19}") {
            prop_assert_eq!(decode(guid(&id)), Decoded::Id(id.clone()));
            prop_assert_eq!(guid(&id).get_version_num(), 8);
        }

        #[test]
        fn guids_come_back(bits: u128) {
            let uuid = Uuid::from_u128(bits);
            match (unpack(uuid), decode(uuid)) {
                (Some((space, id)), _) => prop_assert_eq!(pack(space, &id), Some(uuid)),
                (None, Decoded::Id(id)) => prop_assert_eq!(guid(&id), uuid),
                (None, Decoded::Hashed) => {}
            }
        }

        #[test]
        fn long_ids_say_that_they_need_the_map(id in "[A-Za-z0-9.-]{20,64}") {
            prop_assume!(Uuid::try_parse(&id).is_err());
            prop_assert!(is_hashed(&id, Rank::Only));
            prop_assert_eq!(decode(guid(&id)), Decoded::Hashed);
        }
    }

    #[test]
    fn no_two_ids_share_a_guid() {
        let ids = [
            "1",
            "01",
            "1-",
            "-1",
            "a",
            "A",
            "a.",
            "4c73b472-442b-4920-b899-aadc599f1d75",
            "4C73B472-442B-4920-B899-AADC599F1D75",
            "00000000-0000-8000-8000-000000000000",
            "patient-example-0001",
            "137cf922-beec-478e-acbc-152368296695/participant/0",
            "137cf922-beec-478e-acbc-152368296695/participant/1",
        ];
        let mut seen = HashMap::new();
        for id in ids {
            assert_eq!(seen.insert(guid(id), id), None, "{id}");
        }
        assert_eq!(guid(ids[7]).to_string(), ids[7]);
    }

    /// Apps keep keys, and so does the store: these are what SHA-256 made of such texts the first time.
    #[test]
    fn one_text_stands_for_the_same_id_of_every_type_of_its_space() {
        const ID: &str = "an-id-that-is-too-long-to-be-packed";
        let guid = guid_of("Observation", ID, Rank::Only);
        let check = |text: &str, resource_type: &str, expected: Option<&str>| {
            assert_eq!(behind_hash(guid, text, resource_type, Rank::Only), expected, "{text} as {resource_type}");
        };
        check(&format!("Observation/{ID}"), "Observation", Some(ID));
        check(&format!("Observation/{ID}"), "Specimen", Some(ID));
        check(ID, "Specimen", Some(ID));
        check(&format!("Observation/{ID}"), "Practitioner", None);
        check("Observation/another-id-that-is-too-long-to-be-packed", "Observation", None);
        // A UUID that is hashed for one table is its own key in another.
        let uuid = "0b1e5a52-7f0e-cd7a-9c53-2f6f3a1d0c11";
        let (guid, text) = (guid_of("Patient", uuid, Rank::Nth(0)), format!("Patient/{uuid}"));
        assert_eq!(behind_hash(guid, &text, "Patient", Rank::Nth(0)), Some(uuid));
        assert_eq!(behind_hash(guid, &text, "Patient", Rank::Only), None);
    }

    #[test]
    fn hashed_keys_stay_what_they_are() {
        assert_eq!(concept(Some("http://loinc.org"), "8867-4").to_string(), "c6bea0b5-a8db-8b26-b85c-c09cdbb4c9e2");
        assert_eq!(concept(None, "8867-4").to_string(), "df577e62-05ee-841a-8237-09a34cb231af");
        assert_eq!(guid("Patient/a-very-long-identifier").to_string(), "c130dfc2-55a6-8e2d-b9e5-ec3adafdc47d");
        assert_eq!(guid("Practitioner/a-very-long-identifier").to_string(), "dd9356f6-6c7e-867b-a19b-1ef43fed5c24");
    }

    #[test]
    fn types_of_one_table_are_told_apart() {
        let (patient, practitioner) = (guid("Patient/example"), guid("Practitioner/example"));
        assert_ne!(patient, practitioner);
        assert_eq!(
            (decode(patient), decode(practitioner)),
            (Decoded::Id("example".into()), Decoded::Id("example".into()))
        );
        let may_be = |guid, resource_type| behind(guid, resource_type, Rank::Only).is_some();
        assert!(may_be(patient, "Patient") && !may_be(patient, "Practitioner"));
        assert!(may_be(practitioner, "Practitioner") && !may_be(practitioner, "Patient"));
        assert_eq!(guid("Encounter/e1"), guid("e1"));
        assert_ne!(guid("Patient/a-very-long-identifier"), guid("Practitioner/a-very-long-identifier"));
    }

    const TYPES: [&str; 5] = ["Patient", "Practitioner", "RelatedPerson", "Organization", "Device"];

    fn ranked() -> impl Iterator<Item = (&'static str, Rank)> {
        TYPES.into_iter().zip((0..).map(Rank::Nth))
    }

    proptest! {
        /// Whatever a UUID's bits: five types make five keys of it, none of another's, each with its way back.
        #[test]
        fn a_uuid_is_another_key_for_each_type(bits: u128, usual in 0..2, version in 1..8_u128) {
            let bits = if usual == 1 { bits & !(0xf << 76 | 3 << 62) | version << 76 | 2 << 62 } else { bits };
            let id = Uuid::from_u128(bits).to_string();
            let mut seen = HashMap::new();
            for (resource_type, rank) in ranked() {
                let key = guid_of(resource_type, &id, rank);
                prop_assert_eq!(seen.insert(key, resource_type), None);
                let expected = if is_hashed(&id, rank) { Decoded::Hashed } else { Decoded::Id(id.clone()) };
                prop_assert_eq!(behind(key, resource_type, rank), Some(expected));
                prop_assert!(usual == 0 || !is_hashed(&id, rank));
                if !is_hashed(&id, rank) {
                    let may_be_of = ranked().filter(|(other, rank)| behind(key, other, *rank).is_some());
                    prop_assert_eq!(may_be_of.map(|(other, _)| other).collect::<Vec<_>>(), [resource_type]);
                }
            }
        }

        /// Whatever GUID comes: it is the key of one id at most, and that id's key.
        #[test]
        fn a_guid_leads_to_one_resource(bits: u128) {
            let guid = Uuid::from_u128(bits);
            let mut found = Vec::new();
            for (resource_type, rank) in ranked() {
                if let Some(Decoded::Id(id)) = behind(guid, resource_type, rank) {
                    prop_assert_eq!(guid_of(resource_type, &id, rank), guid);
                    found.push(resource_type);
                }
            }
            prop_assert!(found.len() < 2, "{:?}", found);
        }
    }

    /// Apps keep these too.
    #[test]
    fn keys_of_uuids_stay_what_they_are() {
        let check = |id: &str, expected: [&str; 5]| {
            let keys = ranked().map(|(resource_type, rank)| guid_of(resource_type, id, rank).to_string());
            assert_eq!(keys.collect::<Vec<_>>(), expected, "{id}");
            if !is_hashed(id, Rank::Only) {
                assert_eq!(guid_of("Practitioner", id, Rank::Only).to_string(), id, "of a table of one type");
            }
        };
        check(
            "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11",
            [
                "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11",
                "0b1e5a52-7f0e-cd7a-9c53-2f6f3a1d0c11",
                "0b1e5a52-7f0e-cd7a-dc53-2f6f3a1d0c11",
                "0b1e5a52-7f0e-cd7a-1c53-2f6f3a1d0c11",
                "0b1e5a52-7f0e-cd7a-5c53-2f6f3a1d0c11",
            ],
        );
        let odd = "0b1e5a52-7f0e-cd7a-9c53-2f6f3a1d0c11";
        assert!(ranked().all(|(_, rank)| is_hashed(odd, rank)), "it is the key of another's");
        let nil = "00000000-0000-0000-0000-000000000001";
        assert_eq!(guid_of("Patient", nil, Rank::Nth(0)).to_string(), nil);
        assert!(is_hashed(nil, Rank::Nth(1)), "no version that may be moved");
    }

    #[test]
    fn references() {
        let check = |text: &str, expected: Option<(&str, &str, &str)>| {
            let got = reference(text).map(|r| (r.base, r.resource_type, r.id));
            assert_eq!(got, expected, "{text}");
        };
        check("Patient/a1", Some(("", "Patient", "a1")));
        check("Patient/a1/_history/3", Some(("", "Patient", "a1")));
        check("https://fhir.example.org/r4/Patient/a1", Some(("https://fhir.example.org/r4/", "Patient", "a1")));
        check("urn:uuid:4c73b472-442b-4920-b899-aadc599f1d75", Some(("", "", "4c73b472-442b-4920-b899-aadc599f1d75")));
        check("#p1", None);
        check("Patient", None);
        check("Patient/", None);
        check("Patient/a b", None);
        check("urn:oid:1.2.3", None);
        check("Practitioner?identifier=a|b", None);
        check("CareTeam/t-1/participant/=p", Some(("", "CareTeam", "t-1/participant/=p")));
        check("CareTeam/t/participant/~0f/role/~1.1", Some(("", "CareTeam", "t/participant/~0f/role/~1.1")));
        check("CareTeam/t/participant/=~0f", Some(("", "CareTeam", "t/participant/=~0f")));
        check("CareTeam/t/participant/0", None);
        check("CareTeam/t/participant", None);
        check("CareTeam/t//=0", None);
        check("careteam/t/participant/=0", None);
        let child = reference("CareTeam/t/participant/=0").unwrap();
        assert_eq!(guid_of(child.resource_type, child.id, Rank::Nth(2)), guid("CareTeam/t/participant/=0"));
    }
}
