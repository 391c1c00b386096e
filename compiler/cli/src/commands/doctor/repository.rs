//! The deploy repository of one environment: whether it can be reached and pushed to, and what its tip says.

use meshc_core::compile::VERSION;
use meshc_gitops::folder::Commit;
use meshc_gitops::record::{self, Record};
use meshc_gitops::remote::{Location, Remote};

use super::finding::Finding;
use super::{DoctorArgs, shown};
use crate::publishing::Publishing;
use crate::publishing::target::Target;

/// A branch that a dry run would create. It is never made.
const SCRATCH: &str = "refs/heads/meshc-doctor";
/// How many holds are named before they are counted.
const MOST_HOLDS: usize = 5;

/// Looks. `author` is whose name would be on the commit.
pub(super) fn look(
    publishing: &Publishing<'_>,
    target: &Target,
    args: &DoctorArgs,
    author: Option<&str>,
) -> Vec<Finding> {
    let mut remote = match target.open(publishing, &args.target) {
        Ok(remote) => remote,
        Err(failure) => {
            let text = failure.message().unwrap_or("its copy cannot be opened").to_owned();
            return vec![Finding::fails("repository", text, "`.meshc` in the project's folder must be writable")];
        }
    };
    let branch = &target.branch;
    let tip = match remote.tip() {
        Ok(tip) => tip,
        Err(error) => {
            let fix = match &target.location {
                Location::Url(url) => format!("`git ls-remote {}` must work here, without a question", shown(url)),
                Location::Embedded => "remove `.meshc/deploy.git`, or restore it".to_owned(),
            };
            return vec![Finding::fails("repository", error.to_string(), fix)];
        }
    };
    let mut found = vec![match tip {
        Some(tip) => {
            let short: String = tip.to_string().chars().take(10).collect();
            Finding::fine("repository", format!("`{branch}` of {} is at {short}", remote.location()))
        }
        None if target.location == Location::Embedded => {
            Finding::fine("repository", "the first publish makes the embedded repository")
        }
        None => Finding::warns(
            "repository",
            format!("{} has no branch `{branch}` yet", remote.location()),
            "the first publish makes it; if there should be one, look at `deploy { branch … }`",
        ),
    }];
    if let Location::Url(url) = &target.location {
        found.push(push(&remote, url, tip.map(|tip| tip.to_string())));
        found.push(Finding::not_looked(
            "protection",
            format!(
                "whether `{branch}` takes a push without a review or a check is known to the server alone; look there \
                 that {} may",
                author.unwrap_or("whoever publishes")
            ),
        ));
    }
    match Commit::new(remote.store().repository(), tip).and_then(|commit| at_tip(&commit, publishing, target)) {
        Ok(more) => found.extend(more),
        Err(error) => found.push(Finding::fails("published", error.to_string(), "restore it from an earlier commit")),
    }
    found
}

/// Asks the server whether a push would be taken, as far as it says so before it gets one.
fn push(remote: &Remote, url: &str, tip: Option<String>) -> Finding {
    let fix = format!("give who publishes from here permission to push to {}", shown(url));
    let commit = tip.map_or_else(|| first_commit(remote), Ok);
    let pushed = commit.and_then(|commit| {
        let refspec = format!("{commit}:{SCRATCH}");
        let arguments = ["push", "--dry-run", "--porcelain", "--no-verify", "--", url, &refspec];
        remote.git().run(&arguments, b"").map_err(|error| error.to_string())
    });
    match pushed {
        Ok(finished) if finished.succeeded() => {
            Finding::fine("push", "the server lets us push, as far as a dry run tells")
        }
        Ok(finished) => {
            let said: Vec<&str> = finished.stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            Finding::fails("push", format!("the server does not let us push: {}", said.join("; ")), fix)
        }
        Err(why) => Finding::fails("push", why, fix),
    }
}

/// A commit without content in our own copy, for a repository that has none.
fn first_commit(remote: &Remote) -> Result<String, String> {
    let run = |arguments: &[&str]| {
        let mut git = remote.git();
        for name in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
            git = git.with_variable(name, "meshc");
        }
        let made = git.ask(arguments).map_err(|error| error.to_string())?;
        made.ok_or_else(|| format!("`git {}` failed in our copy", arguments.join(" ")))
    };
    let tree = run(&["mktree"])?;
    run(&["commit-tree", "--no-gpg-sign", &tree, "-m", "meshc doctor"])
}

/// What the tip records about the environment.
fn at_tip(
    commit: &Commit<'_>,
    publishing: &Publishing<'_>,
    target: &Target,
) -> Result<Vec<Finding>, meshc_gitops::Error> {
    let mut found = Vec::new();
    let folder = &target.folder;
    let path = record::path(folder);
    if let Some(text) = commit.text(&path)? {
        let record = Record::parse(&path, &text)?;
        found.extend(judge_record(&record, publishing.compilation.mesh_name().map(|name| name.as_str()), folder));
    }
    let state = format!("state/{folder}");
    if commit.names(&state)?.iter().any(|name| name == "HOLD") {
        let text = format!("`{state}/HOLD` stops every promote of this environment");
        found.push(Finding::warns("hold", text, "delete that file in the deploy repository when it is over"));
    }
    let files = commit.files_below(&state)?;
    let held: Vec<&str> =
        files.keys().filter_map(|path| path.strip_prefix(&state)?.strip_prefix('/')?.strip_suffix(".hold")).collect();
    if !held.is_empty() {
        let mut names = held.iter().take(MOST_HOLDS).copied().collect::<Vec<&str>>().join(", ");
        if held.len() > MOST_HOLDS {
            names.push_str(&format!(" and {} more", held.len() - MOST_HOLDS));
        }
        let text = format!("held at 100/0, whatever is published: {names}");
        found.push(Finding::warns("hold", text, "nothing, if that is meant: a hold stays until somebody ends it"));
    }
    Ok(found)
}

fn judge_record(record: &Record, mesh: Option<&str>, folder: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Err(error) = record.check_compiler(VERSION) {
        found.push(Finding::fails("compiler", error.to_string(), "update meshc here, and in CI"));
    } else {
        found.push(Finding::fine("compiler", format!("published by meshc {}, and this is {VERSION}", record.compiler)));
    }
    if mesh.is_some_and(|mesh| mesh != record.mesh) {
        let text = format!("the folder `{folder}` holds the mesh `{}`", record.mesh);
        found.push(Finding::fails("published", text, "give this mesh another folder: `deploy { folder NAME }`"));
    }
    if record.unfinished {
        let text = "the last publish was a step of several: further commits follow";
        found.push(Finding::warns("published", text, "run `meshc publish --until-done`, or let the schedule do it"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn record(compiler: &str, mesh: &str, unfinished: bool) -> Record {
        Record {
            branch: None,
            commit: None,
            compiler: compiler.to_owned(),
            environment: "prod".to_owned(),
            inputs: "sha256:1".into(),
            library: "sha256:2".into(),
            mesh: mesh.to_owned(),
            schema: 1,
            unfinished,
        }
    }

    fn verdicts(record: &Record) -> Vec<(&'static str, Verdict)> {
        judge_record(record, Some("shop"), "prod").iter().map(|found| (found.subject, found.verdict)).collect()
    }

    #[test]
    fn a_newer_compiler_and_another_mesh_would_be_refused() {
        assert_eq!(verdicts(&record(VERSION, "shop", false)), [("compiler", Verdict::Fine)]);
        assert_eq!(verdicts(&record("999.0.0", "shop", false)), [("compiler", Verdict::Fails)]);
        assert_eq!(
            verdicts(&record("0.0.1", "bank", true)),
            [("compiler", Verdict::Fine), ("published", Verdict::Fails), ("published", Verdict::Warns)]
        );
    }
}
