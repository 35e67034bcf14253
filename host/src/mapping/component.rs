//! Bytes to a mapping: inspect, compile, describe; then rows and resources.
