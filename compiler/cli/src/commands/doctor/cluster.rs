//! `kubectl`, which is only asked.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::program::{self, Trouble};

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A cluster that can be asked.
#[derive(Debug)]
pub(super) struct Kubectl {
    context: String,
}

/// The cluster of a context, or of the current one. The error says why there is none.
pub(super) fn find(context: Option<&str>) -> Result<Kubectl, String> {
    if let Some(context) = context {
        return Ok(Kubectl { context: context.to_owned() });
    }
    match program::run(Command::new("kubectl").args(["config", "current-context"]), LIMIT) {
        Ok(ran) if ran.succeeded && !ran.stdout.trim().is_empty() => {
            Ok(Kubectl { context: ran.stdout.trim().to_owned() })
        }
        Ok(_) => Err("kubectl has no current context".to_owned()),
        Err(Trouble::Missing) => Err("kubectl is not installed".to_owned()),
        Err(trouble) => Err(format!("kubectl: {trouble}")),
    }
}

impl Kubectl {
    /// Its name in kubectl's configuration.
    pub(super) fn context(&self) -> &str {
        &self.context
    }

    /// The objects of a resource in all namespaces; none where the cluster does not know it.
    pub(super) fn list(&self, resource: &str) -> Result<Vec<Value>, String> {
        let text = self.get(&["get", resource, "--all-namespaces", "--output", "json"])?;
        let Some(text) = text else { return Ok(Vec::new()) };
        let list: Value = serde_json::from_str(&text).map_err(|error| format!("kubectl printed no JSON: {error}"))?;
        Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// One object; nothing where there is none.
    pub(super) fn object(&self, resource: &str, namespace: &str, name: &str) -> Result<Option<Value>, String> {
        let text = self.get(&["get", resource, name, "--namespace", namespace, "--output", "json"])?;
        let read =
            |text: String| serde_json::from_str(&text).map_err(|error| format!("kubectl printed no JSON: {error}"));
        text.map(read).transpose()
    }

    /// The names of a Secret's keys, and never a value; nothing where there is none.
    pub(super) fn keys(&self, namespace: &str, name: &str) -> Result<Option<Vec<String>>, String> {
        let template = r#"go-template={{range $key, $value := .data}}{{$key}}{{"\n"}}{{end}}"#;
        let text = self.get(&["get", "secret", name, "--namespace", namespace, "--output", template])?;
        Ok(text.map(|text| text.lines().map(str::to_owned).collect()))
    }

    fn get(&self, arguments: &[&str]) -> Result<Option<String>, String> {
        let mut command = Command::new("kubectl");
        command.args(["--context", &self.context, "--request-timeout", "10s"]).args(arguments);
        match program::run(&mut command, LIMIT) {
            Ok(ran) if ran.succeeded => Ok(Some(ran.stdout)),
            Ok(ran) if is_absent(&ran.stderr) => Ok(None),
            Ok(ran) => Err(ran.reason()),
            Err(trouble) => Err(format!("kubectl: {trouble}")),
        }
    }
}

/// Whether the cluster does not have the object, or does not know the resource (kubectl 1.32).
fn is_absent(said: &str) -> bool {
    said.contains("(NotFound)") || said.contains("the server doesn't have a resource type")
}
