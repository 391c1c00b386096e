//! Files that tools around the mesh need once: manifests that make Argo CD or Flux apply what is published, workflows
//! that publish, hooks, CODEOWNERS. Each is a template ([`crate::template`]) with values from the checked mesh.

mod calls;
pub mod cron_job;
mod measured;
pub mod observe;
pub mod owners;
pub mod repository;
pub mod sync;
#[cfg(test)]
mod tests;
pub mod workflow;

use crate::bundle::digest::digest;

/// The longest name of an object that is also used as the value of a label (Kubernetes: 63 characters), as Flux and
/// Argo CD with label tracking do.
const LONGEST: usize = 63;

/// The longest name of a CronJob: its jobs append 11 characters (kubernetes 1.34, concepts/workloads/controllers/cron-jobs).
const LONGEST_OF_CRON_JOB: usize = 52;

/// The name of an object that several parts name: joined, and with digits of a digest in place of what is too long.
fn object_name(parts: &[&str]) -> String {
    object_name_within(parts, LONGEST)
}

/// The same with a limit of its own, in characters.
fn object_name_within(parts: &[&str], longest: usize) -> String {
    let joined = parts.join("-");
    if joined.len() <= longest {
        return joined;
    }
    let digest = digest(joined.as_bytes());
    let digits = digest.strip_prefix("sha256:").unwrap_or(&digest);
    let (head, tail) =
        (joined.get(..longest.saturating_sub(9)).unwrap_or_default(), digits.get(..8).unwrap_or_default());
    format!("{}-{tail}", head.trim_end_matches('-'))
}
