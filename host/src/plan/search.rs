//! Dialect two: a query as FHIR search, each conjunct exact, inexact or left over.
