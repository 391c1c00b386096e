//! Whether Argo CD would apply a commit tonight. Fields are those of argo-cd 3.6, pkg/apis/application/v1alpha1/types.go.

use std::time::{SystemTime, UNIX_EPOCH};

use meshc_core::bootstrap::repository::Repository;
use serde_json::Value;

use super::Published;
use super::cluster::Kubectl;
use super::finding::Finding;
use super::ignored::{hides_weights, is_about_routes};
use super::window::{Denied, Window, clock, denied};

/// What the cluster has.
#[derive(Debug, Default)]
struct Cluster {
    context: String,
    applications: Vec<Value>,
    projects: Vec<Value>,
    /// The ConfigMap `argocd-cm`.
    settings: Option<Value>,
    /// Names of the keys of the Secret `argocd-secret`; nothing where it may not be read.
    secrets: Option<Vec<String>>,
    /// Minutes since 1970.
    now: i64,
}

/// Asks, and judges.
pub(super) fn look(kubectl: &Kubectl, published: &Published) -> Vec<Finding> {
    let fetched = kubectl.list("applications.argoproj.io").and_then(|applications| {
        let projects = kubectl.list("appprojects.argoproj.io")?;
        Ok((applications, projects))
    });
    let (applications, projects) = match fetched {
        Ok(fetched) => fetched,
        Err(why) => return vec![Finding::not_looked("argo-cd", format!("its Applications cannot be read: {why}"))],
    };
    let ours: Vec<Value> = applications.into_iter().filter(|one| is_ours(one, published)).collect();
    let namespace = ours.first().map_or("argocd", |one| text(one, "/metadata/namespace")).to_owned();
    let minutes = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 60);
    let cluster = Cluster {
        context: kubectl.context().to_owned(),
        applications: ours,
        projects,
        settings: kubectl.object("configmap", &namespace, "argocd-cm").ok().flatten(),
        secrets: kubectl.keys(&namespace, "argocd-secret").ok().flatten(),
        now: i64::try_from(minutes).unwrap_or(0),
    };
    judge(&cluster, published)
}

/// What keeps a commit from the cluster.
fn judge(cluster: &Cluster, published: &Published) -> Vec<Finding> {
    let command = format!("`meshc bootstrap sync --env {} | kubectl apply -f -`", published.environment);
    if cluster.applications.is_empty() {
        let text = format!(
            "no Application of the context `{}` takes `{}` from {}",
            cluster.context,
            published.folder,
            super::shown(&published.repository.url)
        );
        let fix = format!("choose its cluster with `--context`, or make the Applications: {command}");
        return vec![Finding::warns("argo-cd", text, fix)];
    }
    let mut found = Vec::new();
    let missing: Vec<&str> = published
        .namespaces
        .iter()
        .filter(|name| !cluster.applications.iter().any(|one| takes_namespace(one, published, name)))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        let text = format!("nothing applies what is published for {}", missing.join(", "));
        found.push(Finding::fails("argo-cd", text, format!("make its Application: {command}")));
    }
    for application in &cluster.applications {
        found.extend(judge_application(application, published));
        found.extend(judge_windows(application, cluster));
    }
    found.extend(cluster.settings.iter().flat_map(judge_settings));
    found.push(judge_webhook(cluster.secrets.as_deref()));
    let bad = |finding: &Finding| finding.fix.is_some();
    if !found.iter().any(bad) {
        let count = cluster.applications.len();
        found.insert(0, Finding::fine("argo-cd", format!("{count} of its Applications would apply a commit")));
    }
    found
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn flag(value: &Value, pointer: &str) -> Option<bool> {
    value.pointer(pointer).and_then(Value::as_bool)
}

/// Repository, branch and path of each source.
fn sources(application: &Value) -> impl Iterator<Item = &Value> {
    let many = application.pointer("/spec/sources").and_then(Value::as_array).into_iter().flatten();
    application.pointer("/spec/source").into_iter().chain(many)
}

/// A path in a repository, without what does not change it.
fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_matches('/')
}

/// Whether a source takes something of the environment's folder.
fn is_of_folder(source: &Value, published: &Published) -> bool {
    let rest = plain(text(source, "/path")).strip_prefix(published.folder.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && Repository::parse(text(source, "/repoURL")).is_same(&published.repository)
}

/// Whether an Application does.
fn is_ours(application: &Value, published: &Published) -> bool {
    sources(application).any(|source| is_of_folder(source, published))
}

/// Whether an Application takes the folder of a namespace: its own, or that of the whole environment.
fn takes_namespace(application: &Value, published: &Published, namespace: &str) -> bool {
    sources(application).map(|source| plain(text(source, "/path"))).any(|path| {
        path == published.folder || path.strip_prefix(published.folder.as_str()) == Some(&format!("/{namespace}"))
    })
}

fn judge_application(application: &Value, published: &Published) -> Vec<Finding> {
    let name = text(application, "/metadata/name");
    let mut found = Vec::new();
    let again = format!("`meshc bootstrap sync --env {}` writes it as it should be", published.environment);
    let automated = application.pointer("/spec/syncPolicy/automated");
    match automated {
        Some(automated) if flag(automated, "/enabled") != Some(false) => {
            if flag(automated, "/prune") != Some(true) {
                let text = format!("`{name}` does not prune: what is no longer published stays in the cluster");
                found.push(Finding::warns("argo-cd", text, again.clone()));
            }
            if flag(automated, "/selfHeal") != Some(true) {
                let text = format!("`{name}` does not heal: what somebody edits in the cluster stays as it is");
                found.push(Finding::warns("argo-cd", text, again.clone()));
            }
        }
        _ => {
            let text = format!("`{name}` does not sync by itself: a rollback waits until somebody does");
            found.push(Finding::fails("argo-cd", text, again.clone()));
        }
    }
    if flag(application, "/spec/syncPolicy/retry/refresh") != Some(true) {
        let text = format!("`{name}` retries an old commit when there is a newer one");
        found.push(Finding::warns("argo-cd", text, again.clone()));
    }
    for source in sources(application).filter(|source| is_of_folder(source, published)) {
        let revision = text(source, "/targetRevision");
        if revision != published.branch {
            let text = format!("`{name}` takes `{revision}`, and `{}` is published to", published.branch);
            found.push(Finding::fails("argo-cd", text, again.clone()));
        }
    }
    let ignored = application.pointer("/spec/ignoreDifferences").and_then(Value::as_array).into_iter().flatten();
    for entry in ignored.filter(|entry| is_about_routes(entry)) {
        if let Some(hides) = hides_weights(entry) {
            let text = format!("`{name}` ignores the weights of routes (`{hides}`): a rollback is never applied");
            found.push(Finding::fails("argo-cd", text, "take the entry out of its `ignoreDifferences`"));
        }
    }
    found.extend(judge_state(application, name));
    found
}

/// What it is doing, and what it complains of.
fn judge_state(application: &Value, name: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let phase = text(application, "/status/operationState/phase");
    let message = text(application, "/status/operationState/message");
    if application.get("operation").is_some() || matches!(phase, "Running" | "Terminating") {
        let since = text(application, "/status/operationState/startedAt");
        let text = format!("`{name}` has an operation in progress since {since}: a new commit waits for its end");
        found.push(Finding::warns("argo-cd", text, format!("if it hangs: `argocd app terminate-op {name}`")));
    } else if matches!(phase, "Failed" | "Error") {
        let text = format!("the last sync of `{name}` failed: {message}");
        found.push(Finding::fails("argo-cd", text, format!("`argocd app get {name}` says which object")));
    }
    let conditions = application.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    for condition in conditions.filter(|condition| text(condition, "/type").ends_with("Error")) {
        let text = format!("`{name}`: {}: {}", text(condition, "/type"), text(condition, "/message"));
        found.push(Finding::fails("argo-cd", text, format!("`argocd app get {name}` says more")));
    }
    found
}

/// The windows of an Application's project that hold for it.
fn judge_windows(application: &Value, cluster: &Cluster) -> Vec<Finding> {
    let name = text(application, "/metadata/name");
    let project =
        cluster.projects.iter().find(|project| text(project, "/metadata/name") == text(application, "/spec/project"));
    let windows = project.and_then(|project| project.pointer("/spec/syncWindows")).and_then(Value::as_array);
    let mut found = Vec::new();
    let mut read = Vec::new();
    for value in windows.into_iter().flatten().filter(|window| holds_for(window, application)) {
        match Window::read(value) {
            Ok(window) => read.push(window),
            Err(why) => {
                let text = format!("`{name}` has a sync window: {why}");
                found.push(Finding::warns("sync window", text, "look whether it is open when somebody must roll back"));
            }
        }
    }
    let all: Vec<&str> = read.iter().map(|window| window.written.as_str()).collect();
    let manual = read.iter().all(|window| window.manual);
    let sync = if manual {
        format!("`argocd app sync {name}` works all the same")
    } else {
        "open it in the AppProject, or set `manualSync: true` in it, so that a person can sync".to_owned()
    };
    let when = match denied(&read, cluster.now) {
        Denied::Now => "now".to_owned(),
        Denied::From(minute) => format!("from {} on", clock(minute)),
        Denied::Never => return found,
    };
    let text = format!("sync windows keep commits from `{name}` {when} ({})", all.join("; "));
    found.push(Finding::fails("sync window", text, sync));
    found
}

/// Whether a window is about an Application: by name, cluster or namespace, any of them, or all with `andOperator`.
fn holds_for(window: &Value, application: &Value) -> bool {
    let destination = |field: &str| text(application, &format!("/spec/destination/{field}"));
    let one_of = |field: &str, values: &[&str]| {
        let patterns: Vec<&str> =
            window.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let matched = patterns.iter().any(|pattern| values.iter().any(|value| glob(pattern, value)));
        (!patterns.is_empty()).then_some(matched)
    };
    let conditions = [
        one_of("applications", &[text(application, "/metadata/name")]),
        one_of("clusters", &[destination("name"), destination("server")]),
        one_of("namespaces", &[destination("namespace")]),
    ];
    let mut stated = conditions.into_iter().flatten().peekable();
    let all = flag(window, "/andOperator") == Some(true);
    if all { stated.peek().is_some() && stated.all(|matched| matched) } else { stated.any(|matched| matched) }
}

/// Whether a text fits a pattern with `*` for any characters and `?` for one.
fn glob(pattern: &str, text: &str) -> bool {
    fn fits(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some((b'*', rest)), more) => fits(rest, text) || more.is_some_and(|(_, text)| fits(pattern, text)),
            (Some((wanted, rest)), Some((first, text))) => (*wanted == b'?' || wanted == first) && fits(rest, text),
            (Some(_), None) => false,
        }
    }
    fits(pattern.as_bytes(), text.as_bytes())
}

/// What Argo CD as a whole ignores (argo-cd 3.6, docs/operator-manual/argocd-cm.yaml).
fn judge_settings(settings: &Value) -> Vec<Finding> {
    const KEYS: [&str; 2] = ["networking.istio.io_VirtualService", "all"];
    let mut found = Vec::new();
    for key in KEYS {
        let key = format!("resource.customizations.ignoreDifferences.{key}");
        let Some(written) = settings.get("data").and_then(|data| data.get(&key)).and_then(Value::as_str) else {
            continue;
        };
        let entry: Value = yaml_serde::from_str(written).unwrap_or_default();
        if let Some(hides) = hides_weights(&entry) {
            let text = format!("Argo CD ignores the weights of routes (`{hides}`): a rollback is never applied");
            found.push(Finding::fails("argo-cd", text, format!("take it out of `{key}` in the ConfigMap `argocd-cm`")));
        }
    }
    found
}

/// Without a webhook Argo CD polls: every 120 s, and up to 60 s of jitter (argo-cd 3.6, docs/faq.md).
fn judge_webhook(keys: Option<&[String]>) -> Finding {
    let Some(keys) = keys else {
        return Finding::not_looked("webhook", "the keys of the Secret `argocd-secret` may not be read");
    };
    if keys.iter().any(|key| key.starts_with("webhook.")) {
        return Finding::fine("webhook", "its secret is set, so that a push may be noticed at once");
    }
    Finding::warns(
        "webhook",
        "no secret of a webhook is set: a commit is noticed after up to three minutes",
        "send push events to https://YOUR-ARGO-CD/api/webhook, and set its secret (docs/bootstrap.md)",
    )
}

#[cfg(test)]
mod tests;
