//! Whether a commit is live in the cluster, as `kubectl` tells: what the sync engine has applied, and the weights that
//! the VirtualServices have. The engine's word alone is not enough: Argo CD has no health check for Istio's kinds
//! (argo-cd 3.6, resource_customizations/) and can report a revision whose objects are stale (argo-cd#7680).

use std::io::ErrorKind;
use std::process::Command;
use std::time::{Duration, Instant};

use meshc_core::bundle::weights::{self, Routes};
use meshc_core::lower::declaration::SyncEngine;
use meshc_gitops::Oid;
use meshc_gitops::history;
use meshc_gitops::remote::Remote;
use serde_json::Value;

use crate::failure::{Failure, reason};

/// What is watched.
pub(crate) struct Watch<'w> {
    /// kubectl's context; nothing: its current one.
    pub(crate) context: Option<&'w str>,
    /// Who applies the commit, where that is known.
    pub(crate) sync: Option<SyncEngine>,
    /// Folders that a sync engine may have been told to apply: the environment's, and those of the namespaces.
    pub(crate) paths: Vec<String>,
    /// URL of the deploy repository, where it has one.
    pub(crate) url: Option<&'w str>,
    /// The commit.
    pub(crate) commit: Oid,
    /// What the cluster must have.
    pub(crate) routes: Vec<Routes>,
    /// When it began.
    pub(crate) started: Instant,
    /// When to give up, from the beginning.
    pub(crate) limit: Duration,
}

/// Seconds from the beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// When the sync engine reported the commit; nothing where none was seen or asked.
    pub(crate) sync: Option<f64>,
    /// When the cluster had the weights.
    pub(crate) live: Option<f64>,
}

/// Between two looks. A look is a few requests to the API server.
const PAUSE: Duration = Duration::from_millis(500);

impl Watch<'_> {
    /// Looks until the weights are live, and the sync engine has told so where there is one. The second part is what
    /// was still missing when the time was over; nothing: all is live.
    pub(crate) fn wait(&self, remote: &mut Remote, say: &dyn Fn(&str)) -> Result<(Seen, Option<String>), Failure> {
        let mut seen = Seen::default();
        loop {
            let mut missing = Vec::new();
            if seen.sync.is_none() {
                match self.synced(remote)? {
                    Some(None) => seen.sync = Some(self.started.elapsed().as_secs_f64()),
                    Some(Some(why)) => missing.push(why),
                    None => {}
                }
            }
            if seen.live.is_none() {
                match self.differing()? {
                    None => seen.live = Some(self.started.elapsed().as_secs_f64()),
                    Some(why) => missing.push(why),
                }
            }
            // Both are waited for: what the engine has not applied yet, it may still put other weights over.
            if missing.is_empty() {
                return Ok((seen, None));
            }
            say(&missing.join("; "));
            if self.started.elapsed() >= self.limit {
                return Ok((seen, Some(missing.join("; "))));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether the sync engine has applied the commit, or one after it: nothing where there is no engine, else what it
    /// has instead.
    fn synced(&self, remote: &mut Remote) -> Result<Option<Option<String>>, Failure> {
        let (kind, word) = match self.sync {
            // argo-cd 3.6, pkg/apis/application/v1alpha1: status.sync.revision.
            Some(SyncEngine::ArgoCd) => ("applications.argoproj.io", "Application"),
            // kustomize-controller 1.9, api/v1: status.lastAppliedRevision, "main@sha1:ID".
            Some(SyncEngine::Flux) => ("kustomizations.kustomize.toolkit.fluxcd.io", "Kustomization"),
            Some(SyncEngine::None) | None => return Ok(None),
        };
        let found = match self.ask(&["get", kind, "--all-namespaces"])? {
            Ok(found) => found,
            Err(why) => return Ok(Some(Some(why))),
        };
        let items = found.get("items").and_then(Value::as_array).into_iter().flatten();
        let mut ours: Vec<&Value> = items.filter(|item| self.applies(item)).collect();
        // One Argo CD may have the same path of several repositories. Ours may be spelled in another way (ssh, https):
        // then the path decides alone.
        if ours.iter().any(|item| self.has_url(item)) {
            ours.retain(|item| self.has_url(item));
        }
        if ours.is_empty() {
            return Ok(Some(Some(format!("no {word} has the path `{}`", self.paths.join("` or `")))));
        }
        for item in ours {
            let revision = ["/status/sync/revision", "/status/lastAppliedRevision"];
            let revision = revision.iter().find_map(|pointer| item.pointer(pointer)?.as_str()).unwrap_or_default();
            let revision = revision.rsplit([':', '/']).next().unwrap_or_default();
            if !history::includes(remote, revision, self.commit)? {
                let name = item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                let at = if revision.is_empty() { "nothing" } else { revision.get(..10).unwrap_or(revision) };
                return Ok(Some(Some(format!("the {word} `{name}` is at {at}"))));
            }
        }
        Ok(Some(None))
    }

    /// Whether an Application or a Kustomization applies what was rolled back, by its path.
    fn applies(&self, item: &Value) -> bool {
        let said = sources(item).chain(item.get("spec")).filter_map(|source| source.get("path")?.as_str());
        said.map(|path| path.trim_start_matches("./").trim_matches('/'))
            .any(|path| self.paths.iter().any(|ours| ours == path))
    }

    fn has_url(&self, item: &Value) -> bool {
        let plain = |url: &str| url.trim_end_matches('/').trim_end_matches(".git").to_owned();
        let mut urls = sources(item).filter_map(|source| source.get("repoURL")?.as_str());
        self.url.is_some_and(|ours| urls.any(|theirs| plain(theirs) == plain(ours)))
    }

    /// What has other weights than it must; nothing where all is as it must be.
    fn differing(&self) -> Result<Option<String>, Failure> {
        for routes in &self.routes {
            let Routes { namespace, name, shares } = routes;
            let kind = "virtualservices.networking.istio.io";
            match self.ask(&["get", kind, name.as_str(), "--namespace", namespace.as_str()])? {
                Ok(live) if weights::shares(&live) == *shares => {}
                Ok(_) => return Ok(Some(format!("the VirtualService `{namespace}/{name}` still has other weights"))),
                Err(why) => return Ok(Some(why)),
            }
        }
        Ok(None)
    }

    /// Asks `kubectl` for JSON. The inner error is what it said.
    fn ask(&self, arguments: &[&str]) -> Result<Result<Value, String>, Failure> {
        let mut command = Command::new("kubectl");
        command.args(self.context.map(|context| format!("--context={context}")));
        command.args(arguments).args(["--output=json", "--request-timeout=5s"]);
        let output = command.stdin(std::process::Stdio::null()).output().map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::File("there is no `kubectl` on the PATH; `--wait` needs it".to_owned()),
            _ => Failure::File(format!("`kubectl` cannot be started: {}", reason(&error))),
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Ok(Err(format!("`kubectl` says: {}", said.lines().last().unwrap_or_default())));
        }
        Ok(serde_json::from_slice(&output.stdout).map_err(|error| format!("`kubectl` printed no JSON: {error}")))
    }
}

/// The sources of an Application.
fn sources(item: &Value) -> impl Iterator<Item = &Value> {
    let several = item.pointer("/spec/sources").and_then(Value::as_array).into_iter().flatten();
    several.chain(item.pointer("/spec/source"))
}
