//! Resources with something wrong in them, for tests of what must hold for any text at all.

use serde_json::Value;

/// Numbers that are the same for the same seed, on every machine: xorshift.
pub struct Random(u64);

impl Random {
    /// `what` tells the users of one seed apart.
    pub fn new(seed: u64, what: &str) -> Self {
        let mixed = what.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        // Zero would stay zero.
        Self(mixed | 1)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// The number that a variable of the environment holds.
pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What stands in the place of a value.
const VALUES: [&str; 26] = [
    "null",
    "[]",
    "{}",
    "true",
    "0",
    "-1.5e3",
    "\"\"",
    "\"x\"",
    "[null]",
    "[null,\"a\"]",
    "[[\"a\"]]",
    "\"2015\"",
    "\"2015-02-07T13:28:17Z\"",
    "{\"reference\":\"Patient/1\"}",
    "[{\"a\":1},{\"a\":2}]",
    "\"\\u0061\"",
    "12",
    "{\"coding\":[{\"code\":\"a\"},{\"code\":\"b\"}]}",
    "\"Patient/1\"",
    "99999999999",
    "{\"display\":null}",
    "\"home\"",
    "\"2015-02-30\"",
    "\"\\u0000\\ud83d\\ude00\"",
    "{\"extension\":[{\"url\":\"u\",\"valueCode\":\"unknown\"}]}",
    "1.0000000000000000000000000000000000000001",
];

/// The sample, which is JSON, with one to three values changed, removed or doubled; some are indented, have a member
/// twice or by an escaped name, or are no JSON any more.
///
/// # Panics
/// Where the sample is no JSON.
pub fn damaged(sample: &[u8], random: &mut Random) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(sample).expect("a sample is JSON");
    for _ in 0..1 + random.below(3) {
        change(&mut value, VALUES[random.below(VALUES.len())], random);
    }
    let written = if random.below(4) == 0 { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
    let mut bytes = written.expect("JSON is written");
    match random.below(8) {
        // A member again, at the beginning or the end.
        0 => drop(bytes.splice(1..1, b"\"status\":null,\"name\":[],".iter().copied())),
        1 => drop(bytes.splice(bytes.len() - 1..bytes.len() - 1, b",\"code\":{},\"id\":\"x\"".iter().copied())),
        2 => drop(bytes.splice(1..1, b"\"st\\u0061tus\":\"x\",".iter().copied())),
        3 => {
            let at = random.below(bytes.len());
            bytes[at] = b"{}[]\",:\\ 0e\n\xc3"[random.below(13)];
        }
        _ => {}
    }
    bytes
}

fn change(value: &mut Value, to: &str, random: &mut Random) {
    let inside = match value {
        Value::Object(members) if !members.is_empty() && random.below(6) != 0 => {
            let at = random.below(members.len());
            if random.below(8) == 0 {
                let name = members.keys().nth(at).cloned().unwrap_or_default();
                members.remove(&name);
                return;
            }
            members.values_mut().nth(at)
        }
        Value::Array(items) if !items.is_empty() && random.below(4) != 0 => {
            let at = random.below(items.len());
            if random.below(4) == 0 {
                let item = items[at].clone();
                items.insert(at, if random.below(2) == 0 { item } else { Value::Null });
                return;
            }
            items.get_mut(at)
        }
        _ => None,
    };
    match inside {
        Some(inside) => change(inside, to, random),
        None => *value = serde_json::from_str(to).expect("what is put in is JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_a_run() {
        let run = |seed, what| {
            let mut random = Random::new(seed, what);
            (0..50).map(|_| damaged(br#"{"a":[1,{"b":"c"}],"d":null}"#, &mut random)).collect::<Vec<_>>()
        };
        assert_eq!(run(7, "x"), run(7, "x"));
        assert_ne!(run(7, "x"), run(8, "x"));
        assert_ne!(run(7, "x"), run(7, "y"));
    }
}
