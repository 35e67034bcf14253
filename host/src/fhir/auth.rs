//! Credentials for a service.
