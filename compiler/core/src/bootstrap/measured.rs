//! What whoever promotes needs to ask an environment's Prometheus: the files that its declaration names.

use serde::Serialize;

use crate::check::environment::Facts;

/// Options whose files are secret. The others are certificates, which a source repository may hold.
const SECRET: [&str; 3] = ["bearer-token-file", "key-file", "password-file"];

/// A file that `prometheus` names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct File {
    /// The option: `bearer-token-file`.
    pub(super) option: String,
    /// The file: absolute, or from the folder in which the command runs.
    pub(super) path: String,
    /// Whether it must be in no repository.
    pub(super) secret: bool,
    /// The variable or secret of a CI system that holds it: `MESH_PROMETHEUS_PROD_BEARER_TOKEN_FILE`.
    pub(super) variable: String,
}

/// The files of an environment, sorted by option.
pub(super) fn files(environment: &str, facts: &Facts) -> Vec<File> {
    let Some(declared) = &facts.prometheus else { return Vec::new() };
    let in_name = |text: &str| text.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let files = declared.options.iter().filter(|(option, _)| option.ends_with("-file"));
    let mut files: Vec<File> = files
        .map(|(option, path)| File {
            option: option.to_string(),
            path: path.to_string(),
            secret: SECRET.contains(&option.as_str()),
            variable: format!("MESH_PROMETHEUS_{}_{}", in_name(environment), in_name(option)),
        })
        .collect();
    files.sort_by(|a, b| a.option.cmp(&b.option));
    files
}
