//! Path, options, headers and body to a request.
