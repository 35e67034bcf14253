//! The audit trail: who did what, when, and by which right. Each entry is sealed together with the one before it, so that one
//! that was changed, added or taken away in between is found. Pure: how an entry reads, and what its seal is.

use std::fmt::Write as _;

use jiff::Timestamp;
use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Bytes of a hashed key that are kept.
const KEY_BYTES: usize = 12;

/// SHA-256 over the seal of the entry before and the text of an entry.
pub type Seal = [u8; 32];

/// Stands before the first entry.
pub const NO_SEAL: Seal = [0; 32];

/// `[audit]` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Reads of rows are noted, too. Writes and what administrators do always are.
    pub reads: bool,
    pub keys: KeysAs,
}

/// How keys of rows stand in the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysAs {
    /// As a hash that only this store can make of a key.
    Hashed,
    /// As apps see them.
    Plain,
    /// Not at all.
    Nothing,
}

impl Default for Policy {
    fn default() -> Self {
        Self { reads: true, keys: KeysAs::Hashed }
    }
}

/// What keys are hashed with, ready for many.
#[derive(Clone, Debug)]
pub struct Secret(hmac::Key);

impl Secret {
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl KeysAs {
    pub const ALL: [Self; 3] = [Self::Hashed, Self::Plain, Self::Nothing];

    /// As the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hashed => "hashed",
            Self::Plain => "plain",
            Self::Nothing => "none",
        }
    }

    /// A key as it is to be kept; `secret` is the store's.
    pub fn kept(self, secret: &Secret, key: uuid::Uuid) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Plain => Some(key.to_string()),
            Self::Hashed => Some(hex(&hmac::sign(&secret.0, key.as_bytes()).as_ref()[..KEY_BYTES])),
        }
    }
}

/// What becomes an entry: it has no number yet, and no seal. No values of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    pub at: Timestamp,
    pub actor: String,
    /// e.g. `rows.read`, `row.update`, `mapping.activate`
    pub action: String,
    pub table: Option<String>,
    /// The request that set it off, as its answer names it.
    pub request: Option<String>,
    /// The error code of what was refused or failed; None: done.
    pub outcome: Option<String>,
    /// More of it, by action.
    pub detail: Value,
    /// An administrator's decision, or what the server decided; not a request for rows.
    pub is_decision: bool,
}

/// An entry, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Counts up, without a gap.
    pub id: u64,
    pub deed: Deed,
    /// The text of `deed.detail` as it was sealed.
    pub detail: String,
}

/// What is the matter with a chain of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// An entry is not there: the one of the number that was to come.
    Missing(u64),
    /// An entry, or the one before it, is not what was sealed.
    Changed(u64),
}

/// Goes along a chain, entry by entry.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// The number of the last entry.
    pub id: u64,
    pub seal: Seal,
}

impl Chain {
    /// Behind an entry that is known.
    pub fn behind(id: u64, seal: Seal) -> Self {
        Self { id, seal }
    }

    /// The next entry, with its seal.
    pub fn add(&mut self, mut deed: Deed) -> (Entry, Seal) {
        deed.at = Timestamp::from_microsecond(deed.at.as_microsecond()).unwrap_or(deed.at);
        let entry = Entry { id: self.id + 1, detail: deed.detail.to_string(), deed };
        *self = Self { id: entry.id, seal: entry.seal(&self.seal) };
        (entry, self.seal)
    }

    /// Goes on over an entry that is said to have this seal.
    pub fn check(&mut self, entry: &Entry, seal: &Seal) -> Result<(), Broken> {
        if entry.id != self.id + 1 {
            return Err(Broken::Missing(self.id + 1));
        }
        let own = entry.seal(&self.seal);
        if own != *seal {
            return Err(Broken::Changed(entry.id));
        }
        *self = Self { id: entry.id, seal: own };
        Ok(())
    }
}

impl Entry {
    /// What is sealed: the members of a JSON object, in this order, without spaces.
    pub fn text(&self) -> String {
        let Deed { at, actor, action, table, request, outcome, .. } = &self.deed;
        let optional = |text: &Option<String>| text.as_deref().map_or_else(|| "null".to_owned(), quoted);
        format!(
            "{{\"id\":{},\"at\":{},\"actor\":{},\"action\":{},\"table\":{},\"request\":{},\"outcome\":{},\"decision\":{},\"detail\":{}}}",
            self.id,
            quoted(&moment(*at)),
            quoted(actor),
            quoted(action),
            optional(table),
            optional(request),
            optional(outcome),
            self.deed.is_decision,
            self.detail,
        )
    }

    /// Its seal, where this one is that of the entry before.
    pub fn seal(&self, before: &Seal) -> Seal {
        Sha256::new().chain_update(before).chain_update(self.text()).finalize().into()
    }

    /// A line of an export: what is sealed, with the seal before it and its own at the end.
    pub fn line(&self, before: &Seal, seal: &Seal) -> String {
        let mut line = self.text();
        line.pop();
        // Writing to a string does not fail.
        let _ = write!(line, ",\"before\":\"{}\",\"seal\":\"{}\"}}", hex(before), hex(seal));
        line
    }

    /// Of such a line the entry, the seal before it and its own. None: it is none.
    pub fn of_line(line: &str) -> Option<(Self, Seal, Seal)> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |member: &str| value[member].as_str().map(str::to_owned);
        let deed = Deed {
            at: text("at")?.parse().ok()?,
            actor: text("actor")?,
            action: text("action")?,
            table: text("table"),
            request: text("request"),
            outcome: text("outcome"),
            detail: value["detail"].clone(),
            is_decision: value["decision"].as_bool()?,
        };
        let entry = Self { id: value["id"].as_u64()?, detail: deed.detail.to_string(), deed };
        Some((entry, seal_of(value["before"].as_str()?)?, seal_of(value["seal"].as_str()?)?))
    }

    /// The same as an AuditEvent of FHIR R4. Keys stand in it as they do in the trail.
    pub fn as_fhir(&self, seal: &Seal) -> Value {
        let Deed { at, actor, action, table, request, outcome, detail, is_decision } = &self.deed;
        let dicom = |code: &str, display: &str| json!({ "system": DICOM, "code": code, "display": display });
        let rest = json!({ "system": EVENT_TYPE, "code": "rest", "display": "RESTful Operation" });
        let (kind, code) = match (*is_decision, action.as_str()) {
            (_, "server.start" | "server.stop") => (dicom("110100", "Application Activity"), "E"),
            (true, _) => (dicom("110100", "Application Activity"), "E"),
            (false, "rows.export") => (dicom("110106", "Export"), "R"),
            (false, "bundle.write") => (dicom("110107", "Import"), "C"),
            (false, "row.create" | "rows.create") => (rest, "C"),
            (false, "row.update" | "row.upsert") => (rest, "U"),
            (false, "row.delete") => (rest, "D"),
            (false, _) => (rest, "R"),
        };
        let by = detail["by"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let roles: Vec<_> = by.map(|role| json!({ "text": role })).collect();
        let mut agent = json!({ "who": { "identifier": { "value": actor } }, "name": actor, "requestor": true });
        if !roles.is_empty() {
            agent["role"] = roles.into();
        }
        let mut entities = Vec::new();
        if let Some(request) = request {
            entities.push(json!({ "what": { "identifier": { "system": REQUEST, "value": request } } }));
        }
        let keys: Vec<_> = detail["keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(table) = table
            && keys.is_empty()
        {
            entities.push(json!({ "what": { "identifier": { "system": TABLE, "value": table } }, "name": table }));
        }
        let own = keys.into_iter().map(|key| (table.as_deref(), key));
        let beside = detail["beside"].as_object().into_iter().flatten();
        let beside = beside.flat_map(|(table, keys)| {
            keys.as_array().into_iter().flatten().filter_map(|key| Some((Some(table.as_str()), key.as_str()?)))
        });
        for (table, key) in own.chain(beside) {
            let mut entity = json!({ "what": { "identifier": { "system": KEY, "value": key } } });
            if let Some(table) = table {
                entity["name"] = table.into();
            }
            entities.push(entity);
        }
        let seal = json!({ "type": "seal", "valueString": hex(seal) });
        let detail = json!({ "type": "detail", "valueString": self.detail });
        let what = json!({ "identifier": { "system": ENTRY, "value": self.id.to_string() } });
        entities.push(json!({ "what": what, "detail": [seal, detail] }));
        let mut event = json!({
            "resourceType": "AuditEvent",
            "id": self.id.to_string(),
            "type": kind,
            "subtype": [{ "system": ACTION, "code": action }],
            "action": code,
            "recorded": moment(*at),
            "outcome": if outcome.is_some() { "4" } else { "0" },
            "agent": [agent],
            "source": { "observer": { "display": "Turntable" } },
            "entity": entities,
        });
        if let Some(outcome) = outcome {
            event["outcomeDesc"] = outcome.as_str().into();
        }
        event
    }
}

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const ACTION: &str = "urn:turntable:audit-action";
const TABLE: &str = "urn:turntable:table";
const KEY: &str = "urn:turntable:key";
const REQUEST: &str = "urn:turntable:request";
const ENTRY: &str = "urn:turntable:audit-entry";

/// To the microsecond, which is as fine as it is kept.
fn moment(at: Timestamp) -> String {
    format!("{at:.6}")
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Lower case.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]);
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(digits);
    text
}

/// A seal in hexadecimal digits. None: it is none.
pub fn seal_of(text: &str) -> Option<Seal> {
    let mut seal = NO_SEAL;
    if text.len() != seal.len() * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in seal.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(seal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(action: &str, detail: Value) -> Deed {
        Deed {
            at: "2026-05-04T03:02:01.5Z".parse().unwrap(),
            actor: "hospital:ada \"l\"".to_owned(),
            action: action.to_owned(),
            table: Some("contact".to_owned()),
            request: Some("r-1".to_owned()),
            outcome: (action == "request.refused").then(|| "Forbidden".to_owned()),
            detail,
            is_decision: action == "route.set",
        }
    }

    fn three() -> Vec<(Entry, Seal)> {
        let mut chain = Chain::behind(6, [7; 32]);
        let read = json!({ "rows": 2, "keys": ["a", "b"], "beside": { "account": ["c"] }, "by": ["reader"] });
        let deeds = [("rows.read", read), ("route.set", json!({ "to": "native" })), ("request.refused", json!({}))];
        deeds.into_iter().map(|(action, detail)| chain.add(deed(action, detail))).collect()
    }

    #[test]
    fn what_is_changed_in_a_chain_is_found() {
        type Entries = Vec<(Entry, Seal)>;
        let walk = |entries: &Entries| {
            let mut chain = Chain::behind(6, [7; 32]);
            entries.iter().try_for_each(|(entry, seal)| chain.check(entry, seal))
        };
        let whole = three();
        assert_eq!(walk(&whole), Ok(()));
        let check = |change: &dyn Fn(&mut Entries), expected: Broken| {
            let mut entries = three();
            change(&mut entries);
            assert_eq!(walk(&entries), Err(expected));
        };
        check(&|all| all[1].0.deed.actor = "eve".to_owned(), Broken::Changed(8));
        check(&|all| all[0].0.detail = "{}".to_owned(), Broken::Changed(7));
        check(&|all| all[0].0.deed.is_decision = true, Broken::Changed(7));
        check(&|all| all[2].0.deed.at += jiff::SignedDuration::from_micros(1), Broken::Changed(9));
        check(&|all| drop(all.remove(1)), Broken::Missing(8));
        check(&|all| drop(all.remove(0)), Broken::Missing(7));
        check(&|all| all.swap(0, 1), Broken::Missing(7));
        // Sealed anew by itself, it does not fit the next.
        let forge = |all: &mut Entries| {
            all[0].0.deed.actor = "eve".to_owned();
            all[0].1 = all[0].0.seal(&[7; 32]);
        };
        check(&forge, Broken::Changed(8));
    }

    #[test]
    fn a_line_has_all_that_is_sealed() {
        let mut before = [7; 32];
        for (entry, seal) in three() {
            let line = entry.line(&before, &seal);
            let sealed = line.split(",\"before\"").next().unwrap().to_owned() + "}";
            let own: Seal = Sha256::new().chain_update(before).chain_update(sealed).finalize().into();
            assert_eq!(own, seal, "as the documentation says it");
            assert_eq!(Entry::of_line(&line), Some((entry, before, seal)));
            before = seal;
        }
        for line in ["", "{}", "[]", "{\"id\":1}"] {
            assert_eq!(Entry::of_line(line), None, "{line}");
        }
        assert_eq!(seal_of(&hex(&[0xa5; 32])), Some([0xa5; 32]));
        assert_eq!((seal_of("a5"), seal_of(&"é".repeat(32)), seal_of(&"+1".repeat(32))), (None, None, None));
    }

    #[test]
    fn keys_are_kept_as_the_policy_says() {
        let key = uuid::uuid!("4c73b472-442b-4920-b899-aadc599f1d75");
        let secret = Secret::new(b"s");
        assert_eq!(KeysAs::Nothing.kept(&secret, key), None);
        assert_eq!(KeysAs::Plain.kept(&secret, key), Some(key.to_string()));
        let hashed = KeysAs::Hashed.kept(&secret, key).unwrap();
        assert_eq!((hashed.len(), hashed.contains("4c73")), (24, false));
        assert_ne!(KeysAs::Hashed.kept(&Secret::new(b"t"), key).unwrap(), hashed, "each store has its own");
    }

    #[test]
    fn an_entry_is_a_whole_audit_event() {
        let found: Vec<_> = three().iter().map(|(entry, seal)| entry.as_fhir(seal)).collect();
        assert_eq!((&found[0]["action"], &found[1]["action"]), (&json!("R"), &json!("E")));
        assert_eq!((&found[0]["outcome"], &found[2]["outcomeDesc"]), (&json!("0"), &json!("Forbidden")));
        assert_eq!(found[0]["entity"].as_array().map(Vec::len), Some(5), "request, two rows, one beside, the entry");
        assert_eq!(
            (&found[0]["entity"][2]["name"], &found[0]["entity"][3]["name"]),
            (&json!("contact"), &json!("account"))
        );
        assert_eq!(found[0]["agent"][0]["role"][0]["text"], "reader");
        assert_eq!(found[0]["recorded"], "2026-05-04T03:02:01.500000Z");
    }
}
