//! What is read: rows, views of rows, and what is said about tables.

mod addresses;
mod chained;
mod child_tables;
mod clients;
mod compute;
mod delta;
mod delta_elsewhere;
mod elements;
mod expand;
mod export;
mod fetch;
mod groups;
mod hierarchy;
mod metadata;
mod orders;
mod own_values;
mod patterns;
mod probe;
mod related;
mod user_views;
mod views;
mod virtual_names;
mod words;
