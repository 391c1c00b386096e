//! Text to statements and back. Knows words, blocks and comments, and no setting's name.
//!
//! ```text
//! text ─parse (mesh.pest)─► tokens ─build─► File          ─format─► text
//!                              │                ▲
//!                              └─► layout ──────┘   only where braces and commas leave a doubt
//! ```
//!
//! A text without faults is read by its tokens alone. Only where that fails it is read again, by a builder that
//! recovers: from the keywords of declarations ([`place`]) and from how the lines are indented ([`layout`]).

mod format;
mod parse;
pub mod tree;

mod build;
mod character;
mod fault;
mod layout;
mod place;
mod token;

pub use format::format;
pub use parse::parse;

#[cfg(test)]
mod tests;
