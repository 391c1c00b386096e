//! `meshc bootstrap ci`.

use clap::{Args, ValueEnum};
use meshc_core::bootstrap::repository::Repository;
use meshc_core::bootstrap::workflow::{self, Environment, Request};

use super::place::{File, Source, write};
use super::{Session, Writing, compiled, templates};
use crate::failure::Failure;

/// Write workflows that check, plan, publish and promote
///
/// On a pull request: formatting, check, findings for code scanning, `istioctl analyze`, and the plan as one comment
/// that is kept up to date; and rehearsed rollbacks. On the main branch and every five minutes: publish, then promote
/// where the environment declares a Prometheus, one run at a time. What each needs
/// stands in its first lines.
#[derive(Debug, Args)]
pub(super) struct CiArgs {
    /// Who runs them
    host: Host,
    /// Branch that is published from [default: the one that the remote `origin` calls its own, or main]
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Host {
    /// GitHub Actions: .github/workflows/mesh-check.yaml and mesh-publish.yaml
    Github,
    /// GitLab CI: .gitlab/mesh.yaml, to be included
    Gitlab,
}

/// Writes or prints them.
pub(super) fn run(session: &Session, args: &CiArgs) -> Result<(), Failure> {
    let outcome = compiled(session, &[])?;
    let templates = templates(session)?;
    let source = Source::find(session);
    let source = if args.writing.print { source.ok() } else { Some(source?) };
    let ask = |question: &[&str]| source.as_ref().and_then(|source| source.ask(question));
    let branch = args.branch.clone().or_else(|| {
        let head = ask(&["symbolic-ref", "--short", "refs/remotes/origin/HEAD"])?;
        head.strip_prefix("origin/").map(str::to_owned)
    });
    let environments = outcome.renderings.iter().filter_map(|rendering| {
        let mesh = rendering.mesh.as_ref()?;
        Some(Environment {
            name: &rendering.environment,
            folder: &rendering.folder,
            facts: &rendering.facts,
            istio: mesh.target.istio,
        })
    });
    let request = Request {
        mesh: outcome.mesh.as_deref().unwrap_or("mesh"),
        project: source.as_ref().map_or(".", |source| &source.project),
        branch: branch.as_deref().unwrap_or("main"),
        source: ask(&["remote", "get-url", "origin"]).map(|url| Repository::parse(&url)),
        environments: environments.collect(),
    };
    let host = match args.host {
        Host::Github => workflow::Host::GitHub,
        Host::Gitlab => workflow::Host::GitLab,
    };
    let files = workflow::files(&templates, host, &request).map_err(Failure::Refused)?;
    match source.filter(|_| !args.writing.print) {
        Some(source) => {
            let file = |(path, text): (&str, String)| File { path: source.place(path), text, executable: false };
            let files: Vec<File> = files.into_iter().map(file).collect();
            write(session, &files, args.writing.overwrite)
        }
        None => {
            let text = |(path, text): &(&str, String)| format!("# {path}\n{text}");
            let texts: Vec<String> = files.iter().map(text).collect();
            session.output.result(&texts.join("---\n"))
        }
    }
}
