//! Places in a resource, as JSON pointers.

use turntable_scan::Value;

/// The RFC 6901 pointer to a value inside `root`.
pub fn pointer(root: Value<'_>, target: Value<'_>) -> String {
    let mut pointer = String::new();
    let mut at = root;
    let holds = |value: &Value<'_>| value.position() <= target.position() && target.range().start < value.range().end;
    while at.position() != target.position() {
        let member = at.members().find(|(_, value)| holds(value));
        let item = at.items().enumerate().find(|(_, value)| holds(value));
        pointer.push('/');
        match (member, item) {
            (Some((key, value)), _) => {
                let name = key.text().unwrap_or_default();
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                at = value;
            }
            (None, Some((index, value))) => {
                pointer.push_str(&index.to_string());
                at = value;
            }
            (None, None) => break,
        }
    }
    pointer
}
