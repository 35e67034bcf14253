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
//! apart ([`space`]). A UUID is taken to be unique by itself.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid, Variant};

/// Ids of up to this many symbols are packed.
const PACKED_MAX: usize = 19;

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

impl Reference<'_> {
    /// The GUID of the row it points to.
    pub fn guid(&self) -> Uuid {
        guid_of(self.resource_type, self.id)
    }
}

/// The GUID of a row by its key text: `Type/id`, or `Type/id/path` for a row of a child table. A bare id is one of a
/// type without a space of its own.
pub fn guid(key: &str) -> Uuid {
    let (resource_type, id) = split(key);
    guid_of(resource_type, id)
}

fn guid_of(resource_type: &str, id: &str) -> Uuid {
    if let Some(uuid) = canonical_uuid(id) {
        return uuid;
    }
    let space = space(resource_type);
    pack(space, id).unwrap_or_else(|| hashed(&["id\0", itoa::Buffer::new().format(space), "/", id]))
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

/// Whether the row behind a GUID can come from this resource type.
pub fn may_be(guid: Uuid, resource_type: &str) -> bool {
    match unpack(guid) {
        Some((space_of_id, _)) => space_of_id == space(resource_type),
        None => true,
    }
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

/// The id behind a GUID.
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

/// Whether the way back from this key's GUID needs the store's map.
pub fn needs_map(key: &str) -> bool {
    let (_, id) = split(key);
    canonical_uuid(id).is_none() && pack(0, id).is_none()
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
            prop_assert!(needs_map(&id));
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
        assert!(may_be(patient, "Patient") && !may_be(patient, "Practitioner"));
        assert!(may_be(practitioner, "Practitioner") && !may_be(practitioner, "Patient"));
        assert_eq!(guid("Encounter/e1"), guid("e1"));
        assert_ne!(guid("Patient/a-very-long-identifier"), guid("Practitioner/a-very-long-identifier"));
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
        assert_eq!(reference("CareTeam/t/participant/=0").map(|r| r.guid()), Some(guid("CareTeam/t/participant/=0")));
    }
}
