//! Do the rendered policies let in whom the sources allow, and nobody else?
//!
//! Two oracles are asked the same questions, one for each caller, workload, port, method and path. `evaluate` reads the
//! rendered AuthorizationPolicies and PeerAuthentications and answers as a sidecar would, by Istio's documentation;
//! `declared` answers from a description of the mesh, by the language's reference. Neither knows the compiler. That
//! they would notice a difference is tested as well: every policy is changed in every place.

pub(crate) mod agreement;
mod boutique;
mod declared;
pub(crate) mod evaluate;
pub(crate) mod policy;
pub(crate) mod random;
mod semantics;
