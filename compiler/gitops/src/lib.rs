//! Publishes what the core renders to git: one safe commit, or none.
//!
//! ```text
//! remote ─tip─► Commit ─► Folder ┐
//! sources ─render─► Rendering ───┴─next─► Next ─commit─► Oid ─push─► the branch
//! ```
//!
//! | file | is |
//! |---|---|
//! | `program` | the user's `git`, with a deadline: everything that touches a network or their checkout |
//! | `store`, `remote` | our own bare repositories; the branch on its server |
//! | `location`, `answer` | where a repository is; what its server's answer means |
//! | `folder`, `record` | what a commit holds of an environment, and what that was rendered from |
//! | `source`, `world` | where the sources stand in git; sources as a commit has them |
//! | `next` | the next commit: for `plan` and for `publish` |
//! | `commit`, `message` | trees, packs, signatures; text |
//! | `publish` | the loop |
//! | `rollback`, `resume` | holds, from prepared files, and their end |
//! | `status`, `history` | what a commit says of an environment; how a release came there |
//! | `rehearse` | a rollback on a scratch clone |
//! | `script` | the same for people who have git and make alone |
//! | `verify` | whether what is published is what was computed |
//!
//! libgit2 opens only repositories that this crate made. The user's own are asked through their `git`, and never
//! written to.

mod answer;
pub mod commit;
mod error;
pub mod folder;
pub mod history;
pub mod location;
pub mod message;
pub mod next;
mod pack;
pub mod program;
pub mod publish;
pub mod record;
pub mod rehearse;
mod releases;
pub mod remote;
pub mod resume;
pub mod rollback;
pub mod script;
pub mod source;
pub mod status;
pub mod store;
pub mod verify;
pub mod world;

pub use error::{Error, Result};
pub use git2::Oid;
