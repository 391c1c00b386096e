//! Promotes releases on evidence: reads what is published, asks Prometheus, decides, and makes at most one commit.
//!
//! ```text
//! tip ─read─► state, plan, hold ┐
//! Prometheus ─measure─► answers ┴─judge─► evidence ─decide─► decision ─promote─► commit
//! ```
//!
//! | file | is |
//! |---|---|
//! | `render` | sources against the releases that a commit records: what a publish is to bring |
//! | `plan`, `query` | the compiled plan of a release, and its questions in PromQL |
//! | `measure`, `prometheus` | the questions put, and to whom |
//! | `judge`, `evidence`, `decide` | what follows: pure |
//! | `promote`, `message`, `outcome` | at most one commit for all services that are due, what it says, and what came of it |
//! | `notify` | telling others: webhooks and programs |
//!
//! A promote compiles nothing and reads no source: what it needs is in the deploy repository.

pub mod decide;
pub mod evidence;
pub mod judge;
pub mod measure;
mod message;
pub mod notify;
pub mod outcome;
pub mod plan;
pub mod prometheus;
pub mod promote;
pub mod query;
pub mod render;
