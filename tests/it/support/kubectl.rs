//! `kubectl`, which holds the kustomize and the readers of YAML that Kubernetes users have.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `kubectl` in a folder: what it prints, or what it complains about.
pub(crate) fn kubectl(arguments: &[&str], folder: &Path) -> Result<String, String> {
    let output = Command::new("kubectl").args(arguments).current_dir(folder).stdin(Stdio::null()).output().expect(
        "this test needs `kubectl` on the PATH: it holds the kustomize and the readers of YAML that users have",
    );
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).expect("kubectl prints UTF-8"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
