//! The server itself: its administration, its doors and limits, its data folder.

mod admin;
mod audit;
mod backup;
mod bad_requests;
mod breaking;
mod budget;
mod connections;
mod disk;
mod doors;
mod forbidden;
mod identity;
mod manners;
mod on_behalf;
mod on_trial;
mod pages;
mod playground;
mod preflight;
mod registries;
mod releases;
mod rules;
mod says_nothing;
mod signatures;
mod telemetry;
mod tls;
mod tokens;
