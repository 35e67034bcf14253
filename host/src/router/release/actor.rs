//! Who asks for a release, for the audit trail.

/// The name that the audit trail has.
#[derive(Clone, Debug)]
pub struct Actor(pub String);

/// Who uploaded the mappings inside the binary. No caller has this name: theirs begin with how they came in.
pub(super) const SHIPPED_BY: &str = "turntable";
