//! Who asks for a release, for the audit trail.

/// The name that the audit trail has.
#[derive(Clone, Debug)]
pub struct Actor(pub String);
