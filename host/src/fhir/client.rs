//! One service: search, read, create, update, delete, capabilities.
