//! The pure core of `meshc`: text in, bundle out.
//!
//! ```text
//! text ─parse─► File ─lower─► Sources ─resolve─► Draft ─check─► Mesh ─backend─► Manifests ─patch─► Bundle
//! ```
//!
//! Nothing in this crate touches disk, network, clock, environment variables or git; [`world::World`] is how it
//! reads, and what it produces are values. The same input gives the same bytes on every machine.

#![deny(clippy::disallowed_methods)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod bootstrap;
pub mod bundle;
pub mod cause;
pub mod check;
pub mod code;
pub mod compile;
pub mod consequence;
pub mod diagnostic;
pub mod explain;
pub mod init;
pub mod inventory;
pub mod istio;
pub mod lower;
pub mod model;
pub mod patch;
pub mod plan;
pub mod project;
pub mod protos;
pub mod published;
pub mod resolve;
pub mod source;
pub mod state;
pub mod stdlib;
pub mod suggest;
pub mod syntax;
pub mod template;
pub mod transition;
pub mod world;
mod yaml;
