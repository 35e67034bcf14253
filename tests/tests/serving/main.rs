//! The server itself: its administration, its doors and limits, its data folder.

mod admin;
mod audit;
mod backup;
mod bad_requests;
mod budget;
mod connections;
mod disk;
mod doors;
mod identity;
mod manners;
mod pages;
mod playground;
mod preflight;
mod releases;
mod rules;
mod says_nothing;
mod telemetry;
mod tls;
mod tokens;
