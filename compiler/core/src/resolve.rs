//! Declarations to drafts: names to places, presets and services and environments to one list of settings for each
//! service, each with the line that states it.

pub mod layers;
pub mod names;
pub mod presets;
