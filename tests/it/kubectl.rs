//! Runs `kubectl`, which needs no cluster for what these tests ask: it holds kustomize and the readers of YAML that
//! Kubernetes tools use.

use std::path::Path;
use std::process::{Command, Stdio};

/// What `kubectl` prints, or what it complains of.
pub(crate) fn run(arguments: &[&str], folder: &Path) -> Result<String, String> {
    let output = Command::new("kubectl").args(arguments).current_dir(folder).stdin(Stdio::null()).output().expect(
        "this test needs `kubectl` on the PATH: it holds kustomize and the readers of YAML that Kubernetes tools use",
    );
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).expect("kubectl prints UTF-8")),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
