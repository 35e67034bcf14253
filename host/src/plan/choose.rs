//! A query and a route to a plan.
