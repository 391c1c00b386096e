//! The message of a commit: what it means, and where it is from.

use meshc_core::plan::{self, Change};
use meshc_core::published::Tree;
use meshc_gitops::folder::id_of;
use meshc_gitops::message::message;
use meshc_gitops::next::{Next, Rendering};

use crate::publishing::target::Target;
use crate::publishing::{Made, Publishing};
use crate::report::plural;

/// How many changes a message names.
const MOST_LINES: usize = 40;

/// The message of the commit that `next` makes.
pub(super) fn of(
    publishing: &Publishing<'_>,
    target: &Target,
    uninstall: bool,
    next: &Next<'_>,
    rendering: &Rendering,
    made: Option<&Made>,
) -> String {
    let record = rendering.record.clone().unwrap_or_else(|| target.subject(publishing).record);
    let environment = &target.environment;
    let changes = made.map(|made| changes(next, rendering, made)).unwrap_or_default();
    let line = |change: &Change| format!("- {}: {}", change.subject, change.text.replace('`', ""));
    let mut body: Vec<String> = changes.iter().take(MOST_LINES).map(line).collect();
    if let Some(more) = changes.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
        body.push(format!("- and {more} more"));
    }
    if !next.step.is_last() {
        body.push(match next.step.waiting.len() {
            1 => "1 file waits for this commit to be live.".to_owned(),
            count => format!("{count} files wait for this commit to be live."),
        });
    }
    let from = match &record.commit {
        Some(commit) => short(commit),
        None => "uncommitted sources".to_owned(),
    };
    let what = if uninstall { "uninstall" } else { "publish" };
    let files = plural(next.changes.len(), "file", "files");
    let subject = format!("{what}({environment}): {} from {from}, {files}", record.mesh);
    let mut trailers = vec![("Mesh-Operation", what.to_owned()), ("Mesh-Env", environment.to_string())];
    if let (Some(commit), Some(checkout)) = (record.commit, &publishing.sources.checkout) {
        trailers.push(("Mesh-Source", commit.clone()));
        // Argo CD shows the commit that these name (argo-cd 3.6, docs/user-guide/source-hydrator.md).
        trailers.push(("Argocd-reference-commit-sha", commit.clone()));
        if commit == checkout.commit {
            trailers.push(("Argocd-reference-commit-author", checkout.author.clone()));
            trailers.push(("Argocd-reference-commit-subject", checkout.subject.clone()));
            trailers.push(("Argocd-reference-commit-date", checkout.date.clone()));
        }
        if let Some(url) = checkout.url.as_deref().filter(|url| url.starts_with("https://") && !url.contains('@')) {
            trailers.push(("Argocd-reference-commit-repourl", url.to_owned()));
        }
    }
    trailers.push(("Mesh-Inputs", record.inputs.to_string()));
    trailers.push(("Mesh-Compiler", record.compiler));
    message(&subject, &body, &trailers)
}

/// What this commit changes, as a plan tells it.
fn changes(next: &Next<'_>, rendering: &Rendering, made: &Made) -> Vec<Change> {
    let texts = next.step.files(&rendering.bundle);
    let texts = texts.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let after = Tree::in_memory(&texts, id_of);
    // A published file that cannot be read was refused before.
    plan::compare(&next.before, &after, &made.mesh, &rendering.bundle.causes)
        .map(|plan| plan.changes)
        .unwrap_or_default()
}

/// The first digits of a commit's id.
pub(super) fn short(commit: &str) -> String {
    commit.chars().take(10).collect()
}
