//! `commit_part PROJECT RUNS`: times the commit of a rollback in the embedded repository of a project, against a bare
//! `TreeUpdateBuilder` commit of the same change in the same repository. Prints two medians in microseconds.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Repository, Signature};
use meshc_gitops::commit::Identity;
use meshc_gitops::folder::Commit;
use meshc_gitops::program::Git;
use meshc_gitops::remote::{Location, Remote};
use meshc_gitops::rollback::{self, Order, PATIENCE, Standing};

const BRANCH: &str = "refs/heads/main";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(project), Some(runs)) = (arguments.first(), arguments.get(1).and_then(|runs| runs.parse().ok())) else {
        eprintln!("usage: commit_part PROJECT RUNS");
        return ExitCode::from(2);
    };
    match measure(Path::new(project), runs) {
        Ok((ours, bare)) => {
            println!("{} {}", ours.as_micros(), bare.as_micros());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("commit_part: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failed = Box<dyn std::error::Error>;

fn measure(project: &Path, runs: usize) -> Result<(Duration, Duration), Failed> {
    let deadline = Duration::from_secs(30);
    let path = project.join(".meshc").join("deploy.git");
    let mut identity = Identity::of(&Git::new(project, deadline))?;
    identity.signs = false;
    let tip = Repository::open_bare(&path)?.refname_to_id(BRANCH)?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    // Both take turns, each in a repository that was just opened.
    for _ in 0..runs {
        let mut remote = Remote::open_urgent(Location::Embedded, "main", project, &[], deadline)?;
        let started = Instant::now();
        let at = Commit::new(remote.store().repository(), Some(tip))?;
        let running = rollback::prepared(&at, "prod")?.into_iter().find(|one| one.standing == Standing::Running);
        let name = running.ok_or("no release is under way")?.name;
        drop(at);
        let names = [name];
        let progress = |_: &str| {};
        let order = Order {
            folder: "prod",
            names: &names,
            reason: "",
            identity: &identity,
            patience: PATIENCE,
            progress: &progress,
        };
        rollback::hold(&mut remote, &order).map_err(|refusal| refusal.error)?;
        ours.push(started.elapsed());
        let repository = Repository::open_bare(&path)?;
        repository.reference(BRANCH, tip, true, "again")?;

        let repository = Repository::open_bare(&path)?;
        let started = Instant::now();
        commit(&repository, &names[0].namespace, &names[0].service)?;
        bare.push(started.elapsed());
        repository.reference(BRANCH, tip, true, "again")?;
    }
    Ok((median(ours), median(bare)))
}

/// The least that makes such a commit: one prepared file and the hold, by libgit2 alone.
fn commit(repository: &Repository, namespace: &str, service: &str) -> Result<Oid, git2::Error> {
    let tip = repository.find_reference(BRANCH)?.peel_to_commit()?;
    let base = tip.tree()?;
    let file = format!("prod/{namespace}/{service}/virtual-service.yaml");
    let prepared = format!("rollback/prod/{namespace}.{service}/files/{file}");
    let held = base.get_path(Path::new(&prepared))?.id();
    let hold = repository.blob(b"by: A <a@b>\nat: 1767582000 +0000\nreason: \n")?;
    let tree = TreeUpdateBuilder::new()
        .upsert(file.as_str(), held, FileMode::Blob)
        .upsert(format!("state/prod/{namespace}/{service}.hold").as_str(), hold, FileMode::Blob)
        .create_updated(repository, &base)?;
    let who = Signature::now("A", "a@b")?;
    let commit = repository.commit(None, &who, &who, "rollback\n", &repository.find_tree(tree)?, &[&tip])?;
    repository.reference_matching(BRANCH, commit, true, tip.id(), "rollback")?;
    Ok(commit)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
