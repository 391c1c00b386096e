//! Whether Flux would apply a commit tonight. Fields are those of kustomize-controller 1.9, source-controller 1.9 and
//! notification-controller 1.9, docs/spec/v1.

use meshc_core::bootstrap::repository::Repository;
use serde_json::Value;

use super::Published;
use super::cluster::Kubectl;
use super::finding::Finding;

/// What the cluster has.
#[derive(Debug, Default)]
struct Cluster {
    context: String,
    repositories: Vec<Value>,
    kustomizations: Vec<Value>,
    receivers: Vec<Value>,
}

/// Asks, and judges.
pub(super) fn look(kubectl: &Kubectl, published: &Published) -> Vec<Finding> {
    let fetched = kubectl.list("gitrepositories.source.toolkit.fluxcd.io").and_then(|repositories| {
        let kustomizations = kubectl.list("kustomizations.kustomize.toolkit.fluxcd.io")?;
        let receivers = kubectl.list("receivers.notification.toolkit.fluxcd.io")?;
        Ok(Cluster { context: kubectl.context().to_owned(), repositories, kustomizations, receivers })
    });
    match fetched {
        Ok(cluster) => judge(&cluster, published),
        Err(why) => vec![Finding::not_looked("flux", format!("its objects cannot be read: {why}"))],
    }
}

/// What keeps a commit from the cluster.
fn judge(cluster: &Cluster, published: &Published) -> Vec<Finding> {
    let command = format!("`meshc bootstrap sync --env {} | kubectl apply -f -`", published.environment);
    let same = |one: &&Value| Repository::parse(text(one, "/spec/url")).is_same(&published.repository);
    let follows = |one: &&Value| text(one, "/spec/ref/branch") == published.branch;
    let sources: Vec<&Value> = cluster.repositories.iter().filter(same).filter(follows).collect();
    let ours: Vec<(&Value, &Value)> = cluster
        .kustomizations
        .iter()
        .filter_map(|one| Some((one, *sources.iter().find(|source| is_source_of(source, one))?)))
        .filter(|(one, _)| is_below(path(one), &published.folder))
        .collect();
    if ours.is_empty() {
        let text = format!(
            "no Kustomization of the context `{}` takes `{}` of `{}` from {}",
            cluster.context,
            published.folder,
            published.branch,
            super::shown(&published.repository.url)
        );
        let fix = format!("choose its cluster with `--context`, or make the Kustomizations: {command}");
        return vec![Finding::warns("flux", text, fix)];
    }
    let mut found = Vec::new();
    let takes = |name: &str| {
        let wanted = format!("{}/{name}", published.folder);
        ours.iter().any(|(one, _)| path(one) == published.folder || path(one) == wanted)
    };
    let missing: Vec<&str> = published.namespaces.iter().map(String::as_str).filter(|name| !takes(name)).collect();
    if !missing.is_empty() {
        let text = format!("nothing applies what is published for {}", missing.join(", "));
        found.push(Finding::fails("flux", text, format!("make its Kustomization: {command}")));
    }
    let mut used: Vec<&Value> = Vec::new();
    for (one, source) in &ours {
        found.extend(judge_running(one, "Kustomization"));
        found.extend(judge_kustomization(one));
        if !used.iter().any(|known| std::ptr::eq(*known, *source)) {
            used.push(source);
        }
    }
    for source in used {
        found.extend(judge_running(source, "GitRepository"));
        found.extend(judge_receivers(source, &cluster.receivers));
    }
    if found.is_empty() {
        found.push(Finding::fine("flux", format!("{} of its Kustomizations would apply a commit at once", ours.len())));
    }
    found
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn path(kustomization: &Value) -> &str {
    text(kustomization, "/spec/path").trim_start_matches("./").trim_matches('/')
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_source_of(source: &Value, kustomization: &Value) -> bool {
    let reference = |field: &str| text(kustomization, &format!("/spec/sourceRef/{field}"));
    let namespace = Some(reference("namespace")).filter(|namespace| !namespace.is_empty());
    let namespace = namespace.unwrap_or_else(|| text(kustomization, "/metadata/namespace"));
    reference("kind") == "GitRepository"
        && reference("name") == text(source, "/metadata/name")
        && namespace == text(source, "/metadata/namespace")
}

/// Whether it runs and is content.
fn judge_running(object: &Value, kind: &str) -> Option<Finding> {
    let (name, namespace) = (text(object, "/metadata/name"), text(object, "/metadata/namespace"));
    let verb = if kind == "GitRepository" { "source git" } else { "kustomization" };
    if object.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        let text = format!("the {kind} `{name}` is suspended: no commit is applied");
        return Some(Finding::fails("flux", text, format!("`flux resume {verb} {name} --namespace {namespace}`")));
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| text(condition, "/type") == "Ready");
    let message = ready.map_or("it has never been ready", |ready| text(ready, "/message"));
    if ready.is_some_and(|ready| text(ready, "/status") == "True") {
        return None;
    }
    let text = format!("the {kind} `{name}` is not ready: {message}");
    // While something is in progress the status is Unknown.
    if ready.is_some_and(|ready| text_is(ready, "/status", "Unknown")) {
        let fix = format!("`flux get {verb}s --namespace {namespace}` says whether it goes on");
        return Some(Finding::warns("flux", text, fix));
    }
    Some(Finding::fails("flux", text, format!("`flux get {verb}s --namespace {namespace}` says more")))
}

fn text_is(value: &Value, pointer: &str, wanted: &str) -> bool {
    text(value, pointer) == wanted
}

fn judge_kustomization(object: &Value) -> Vec<Finding> {
    let name = text(object, "/metadata/name");
    let mut found = Vec::new();
    let waits = object.pointer("/spec/wait").and_then(Value::as_bool) == Some(true);
    let list = |field: &str| {
        object.pointer(&format!("/spec/{field}")).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    };
    if waits || list("healthChecks") {
        let why = if waits { "`wait: true`" } else { "`healthChecks`" };
        let text = format!("`{name}` has {why}: a rollback waits until the revision before it is healthy or times out");
        found.push(Finding::fails("flux", text, "take it out: a mesh has nothing whose health Flux can tell"));
    }
    if list("dependsOn") {
        let text = format!("`{name}` has `dependsOn`: while one of these is not ready, no commit is applied");
        found.push(Finding::warns("flux", text, "keep only what must be there before, such as Istio's CRDs"));
    }
    if object.pointer("/spec/prune").and_then(Value::as_bool) != Some(true) {
        let text = format!("`{name}` does not prune: what is no longer published stays in the cluster");
        found.push(Finding::warns("flux", text, "set `prune: true`"));
    }
    found
}

/// Whether a push is noticed before the next interval.
fn judge_receivers(source: &Value, receivers: &[Value]) -> Option<Finding> {
    let name = text(source, "/metadata/name");
    let names_it = |receiver: &&Value| {
        let resources = receiver.pointer("/spec/resources").and_then(Value::as_array).into_iter().flatten();
        let namespace = text(receiver, "/metadata/namespace");
        resources.into_iter().any(|resource| {
            let stated = text(resource, "/namespace");
            let there = if stated.is_empty() { namespace } else { stated };
            let named = matches!(text(resource, "/name"), "*") || text_is(resource, "/name", name);
            text_is(resource, "/kind", "GitRepository") && named && there == text(source, "/metadata/namespace")
        })
    };
    match receivers.iter().find(names_it) {
        Some(receiver) => judge_running(receiver, "Receiver").map(|finding| Finding {
            subject: "webhook",
            fix: Some("`flux get receivers` says more".to_owned()),
            ..finding
        }),
        None => {
            let interval = text(source, "/spec/interval");
            let text =
                format!("no Receiver names the GitRepository `{name}`: a commit is noticed after up to {interval}");
            let fix = "`meshc bootstrap sync` writes one; send push events to its `.status.webhookPath`";
            Some(Finding::warns("webhook", text, fix))
        }
    }
}

#[cfg(test)]
mod tests;
