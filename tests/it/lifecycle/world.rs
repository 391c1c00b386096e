//! A deploy repository, whoever commits to it, and a cluster that follows it as it likes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};
use meshc_core::compile::Compilation;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::project;
use meshc_core::source::Text;
use meshc_core::template::Templates;
use meshc_core::world::MemoryWorld;
use meshc_gitops::commit::{self, Identity};
use meshc_gitops::folder::Commit as Tip;
use meshc_gitops::next::{self, Subject};
use meshc_gitops::program::Git;
use meshc_gitops::record::Record;
use meshc_gitops::remote::{Location, Pushed, Remote};
use meshc_gitops::rollback::{self, Name};
use meshc_gitops::{resume, verify};
use meshc_rollout::measure::Source;
use meshc_rollout::promote;
use meshc_rollout::query::Queries;
use meshc_rollout::render::Attempt;
use meshc_tests::dice::Dice;

use super::model::Traffic;
use super::project::{Project, SERVICES, SETTLE};
use crate::transition::Files;
use crate::transition::check::Checker;
use crate::transition::cluster::{Cluster, Commit};

/// A commit of the deploy branch.
struct Revision {
    id: Option<Oid>,
    /// Seconds since 1970.
    time: i64,
    /// What applications see: nothing of states and rollbacks.
    commit: Commit,
}

/// All of it.
pub(super) struct World {
    folder: tempfile::TempDir,
    /// Seconds since 1970.
    pub(super) now: i64,
    revisions: Vec<Revision>,
    cluster: Cluster,
    checker: Checker,
    /// The commit that each application had the whole of, last.
    whole: BTreeMap<String, usize>,
    /// What is declared, if the tip has all of it.
    complete: Option<Files>,
    /// Calls that had to work, counted after each object.
    pub(super) calls: usize,
}

impl World {
    pub(super) fn new() -> Self {
        let nothing = || Commit::new(Files::new());
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            now: 1_000_000_000,
            revisions: vec![Revision { id: None, time: 0, commit: nothing() }],
            cluster: Cluster::default(),
            checker: Checker::new(&nothing()),
            whole: BTreeMap::new(),
            complete: None,
            calls: 0,
        }
    }

    fn remote(&self) -> Remote {
        Remote::open(Location::Embedded, "main", self.folder.path(), &[], Duration::from_secs(30))
            .expect("a repository")
    }

    fn repository(&self) -> Repository {
        drop(self.remote());
        Repository::open_bare(self.folder.path().join(".meshc/deploy.git")).expect("a repository")
    }

    fn identity(&self) -> Identity {
        let time = format!("@{} +0000", self.now);
        let git = Git::new(self.folder.path(), Duration::from_secs(30));
        let git = git.with_variable("GIT_AUTHOR_NAME", "Ada").with_variable("GIT_AUTHOR_EMAIL", "ada@shop.example");
        let git =
            git.with_variable("GIT_COMMITTER_NAME", "Ada").with_variable("GIT_COMMITTER_EMAIL", "ada@shop.example");
        let git = git.with_variable("GIT_AUTHOR_DATE", time.clone()).with_variable("GIT_COMMITTER_DATE", time);
        let mut identity = Identity::of(&git).expect("an identity");
        identity.signs = false;
        identity
    }

    /// What the branch points to.
    pub(super) fn tip(&self) -> Option<Oid> {
        self.repository().refname_to_id("refs/heads/main").ok()
    }

    /// All files of the tip.
    pub(super) fn files(&self) -> Files {
        let mut files = Files::new();
        let Some(tip) = self.tip() else { return files };
        let repository = self.repository();
        let tree = repository.find_commit(tip).and_then(|commit| commit.tree()).expect("a tree");
        let walked = tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
            if entry.kind() == Some(ObjectType::Blob) {
                let blob = repository.find_blob(entry.id()).expect("a blob");
                let name = entry.name().expect("UTF-8");
                files.insert(format!("{folder}{name}"), String::from_utf8_lossy(blob.content()).into_owned());
            }
            TreeWalkResult::Ok
        });
        walked.expect("a tree");
        files
    }

    /// Puts the branch back, as if what was just done had been killed before its push.
    pub(super) fn killed_before_the_push(&mut self, tip: Option<Oid>) {
        self.complete = None;
        let repository = self.repository();
        match tip {
            Some(tip) => drop(repository.reference("refs/heads/main", tip, true, "").expect("a branch")),
            None => {
                if let Ok(mut branch) = repository.find_reference("refs/heads/main") {
                    branch.delete().expect("a branch");
                }
            }
        }
    }

    /// Publishes one commit, or finds nothing to change. Says whether everything that is declared is there.
    pub(super) fn publish(&mut self, project: &Project) -> Result<bool, String> {
        let world = MemoryWorld { files: [("m.mesh".to_owned(), project.text())].into() };
        let mut found = Diagnostics::default();
        let loaded = project::load(&world, &mut found);
        let compilation = Compilation::new(&loaded, &mut found);
        let mut remote = self.remote();
        let subject = subject();
        let tip = remote.tip().map_err(|error| error.to_string())?;
        let live = next::possibly_live(&mut remote, tip, "prod", subject.settle, self.now);
        let live = live.map_err(|error| error.to_string())?;
        let repository = Repository::open_bare(remote.store().path()).expect("a repository");
        let at = Tip::new(&repository, tip).expect("a tip");
        let versioned = compilation.versioned();
        let attempt = Attempt::new(&compilation, &versioned, &Text::new("prod"), &at, Some(self.now));
        let attempt = attempt.map_err(|error| error.to_string())?;
        let errors = found.has_errors() || attempt.diagnostics().has_errors();
        assert!(!errors, "{}\n{:?}\n{:?}", project.text(), found, attempt.diagnostics());
        let made = attempt
            .make(&Queries::new(&Templates::built_in()))
            .map_err(|error| error.to_string())?
            .expect("a rendering");
        let live: Vec<_> = live.into_iter().map(|id| Tip::new(&repository, id).expect("a commit")).collect();
        let next = next::next(&at, &live, &subject, &made.rendering).map_err(|error| error.to_string())?;
        let (last, declared) = (next.step.is_last(), made.rendering.bundle.files.clone());
        if !next.changes.is_empty() {
            let git = remote.git();
            let new = commit::create(&repository, &git, tip, &next.changes, "publish\n", &self.identity());
            let pushed = remote.push(tip, new.map_err(|error| error.to_string())?);
            assert_eq!(pushed, Ok(Pushed::Done));
        }
        self.checker.declare(&Commit::new(declared.clone()));
        self.complete = last.then_some(declared);
        Ok(last)
    }

    /// Whether the last publish found that all that is declared is there.
    pub(super) fn is_complete(&self) -> bool {
        self.complete.is_some()
    }

    /// Promotes all services, or those that are named.
    pub(super) fn promote(&self, traffic: [Traffic; 2], services: &[String], together: bool) -> Result<(), String> {
        let identity = self.identity();
        let answers = Answers { now: self.now, traffic, files: self.files() };
        let answers = RefCell::new(Some(answers));
        let order = promote::Order {
            folder: "prod",
            services,
            approve: !services.is_empty(),
            together,
            dry_run: false,
            identity: &identity,
            patience: Duration::from_secs(30),
            now: self.now,
            prometheus: None,
            connect: &|_| answers.borrow_mut().take().map(|one| Box::new(one) as _).ok_or("asked twice".to_owned()),
            progress: &|_| {},
        };
        let outcome = promote::promote(&mut self.remote(), &order).map_err(|error| error.to_string())?;
        if outcome.faults.is_empty() { Ok(()) } else { Err(format!("{:?}", outcome.faults)) }
    }

    /// Rolls a service back; the error says why it cannot be.
    pub(super) fn roll_back(&self, service: usize) -> Result<(), String> {
        self.with_order(service, |remote, order| rollback::hold(remote, order).map_err(|refusal| refusal.error))
    }

    /// Lifts the hold of a service.
    pub(super) fn resume(&self, service: usize) -> Result<(), String> {
        self.with_order(service, |remote, order| resume::resume(remote, order).map_err(|refusal| refusal.error))
    }

    fn with_order(
        &self,
        service: usize,
        run: impl Fn(&mut Remote, &rollback::Order<'_>) -> meshc_gitops::Result<rollback::Outcome>,
    ) -> Result<(), String> {
        let names = [Name { namespace: "front".to_owned(), service: SERVICES[service].to_owned() }];
        let order = rollback::Order {
            folder: "prod",
            names: &names,
            reason: "tried",
            identity: &self.identity(),
            patience: Duration::from_secs(30),
            progress: &|_| {},
        };
        run(&mut self.remote(), &order).map(drop).map_err(|error| error.to_string())
    }

    /// What `meshc verify` says of the tip.
    pub(super) fn drift(&self) -> Vec<String> {
        let repository = self.repository();
        let tip = Tip::new(&repository, self.tip()).expect("a tip");
        let drift = verify::all(&tip, "prod").expect("a verification");
        drift.into_iter().map(|drift| format!("{} {}", drift.path, drift.why)).collect()
    }

    /// Looks at the branch; says how many commits there are behind the last one that was seen.
    pub(super) fn observe(&mut self) -> usize {
        let Some(tip) = self.tip() else { return 0 };
        let repository = self.repository();
        let seen = self.revisions.last().and_then(|revision| revision.id);
        let mut new = 0;
        let mut at = Some(tip);
        while at != seen {
            let commit = repository.find_commit(at.expect("history goes on from what was seen")).expect("a commit");
            at = commit.parent_ids().next();
            new += 1;
        }
        if new > 0 {
            let mut files = self.files();
            files.retain(|path, _| path.starts_with("prod/"));
            let time = repository.find_commit(tip).expect("a commit").time().seconds();
            self.revisions.push(Revision { id: Some(tip), time, commit: Commit::new(files) });
        }
        new
    }

    /// Lets time pass: what was published before `SETTLE` is live.
    pub(super) fn pass(&mut self, seconds: i64, dice: &mut Dice) {
        self.now += seconds;
        let settled = self.revisions.iter().rposition(|revision| revision.time + SETTLE <= self.now).unwrap_or(0);
        for folder in self.folders() {
            let whole = self.whole.get(&folder).copied().unwrap_or(0);
            if whole < settled {
                let from = self.cluster.revision(&folder).max(settled);
                let revision = from + dice.below(self.revisions.len() - from);
                self.sync(&folder, revision, None, dice);
            }
        }
        let tip = self.revisions.len() - 1;
        if settled == tip
            && let Some(declared) = &self.complete
        {
            self.checker.reached(&Commit::new(declared.clone()));
        }
    }

    /// One application goes to some commit, or only on the way to it.
    pub(super) fn wander(&mut self, dice: &mut Dice) {
        let folders = self.folders();
        if folders.is_empty() {
            return;
        }
        let folder = dice.pick(&folders).clone();
        let from = self.cluster.revision(&folder);
        let revision = from + dice.below(self.revisions.len() - from);
        let part = dice.once_in(2).then(|| dice.below(8));
        self.sync(&folder, revision, part, dice);
    }

    fn folders(&self) -> Vec<String> {
        let mut folders: Vec<String> =
            self.revisions.iter().flat_map(|revision| revision.commit.folders().cloned()).collect();
        folders.sort();
        folders.dedup();
        folders
    }

    /// Applies the objects of a commit in any order, as many as `part` says.
    fn sync(&mut self, folder: &str, revision: usize, part: Option<usize>, dice: &mut Dice) {
        let mut actions = self.cluster.actions(folder, revision, &self.revisions[revision].commit);
        for index in (1..actions.len()).rev() {
            actions.swap(index, dice.below(index + 1));
        }
        match part {
            Some(count) => actions.truncate(count),
            None => drop(self.whole.insert(folder.to_owned(), revision)),
        }
        for action in actions {
            self.cluster.apply(&action);
            let problems = self.checker.check(self.cluster.objects(), &action.name, &mut self.calls);
            assert!(
                problems.is_empty(),
                "after {:?} of commit {revision} of {}:\n{}",
                action.name,
                self.revisions.len() - 1,
                problems.join("\n")
            );
        }
    }
}

fn subject() -> Subject {
    let record = Record {
        branch: None,
        commit: None,
        compiler: meshc_core::compile::VERSION.to_owned(),
        environment: "prod".to_owned(),
        inputs: "sha256:0".into(),
        library: "sha256:0".into(),
        mesh: "m".to_owned(),
        schema: 1,
        unfinished: false,
    };
    Subject {
        folder: "prod".to_owned(),
        record,
        metadata: None,
        settle: Duration::from_secs(SETTLE.unsigned_abs()),
        overwrite: false,
        tells_only: false,
        end_releases: false,
        branch: "main".to_owned(),
    }
}

/// Answers as Prometheus does: the new version gets its share of a thousand requests, and they are well or not.
struct Answers {
    now: i64,
    traffic: [Traffic; 2],
    files: Files,
}

impl Source for Answers {
    fn now(&self) -> Result<i64, String> {
        Ok(self.now)
    }

    fn at(&self, query: &str, _: i64) -> Result<f64, String> {
        let asked = SERVICES.iter().position(|name| query.contains(&format!("destination_service_name=~\"{name}\"")));
        let service = asked.ok_or_else(|| format!("a question about no service: {query}"))?;
        let ratio = match self.traffic[service] {
            Traffic::Good => 0.0,
            Traffic::Bad => 0.5,
            Traffic::Silent => return Err("nobody answers".to_owned()),
        };
        let standing = super::model::Standing::of(&self.files, SERVICES[service]);
        let stable = format!("destination_version=\"{}\"", standing.stable.unwrap_or_default());
        Ok(if query.starts_with("histogram_quantile") {
            40.0
        } else if query.contains(" > 0)") {
            ratio
        } else if query.contains("destination_version!~") || query.contains(&stable) {
            0.0
        } else if query.contains("or vector(0)") {
            1_000.0 * ratio
        } else {
            1_000.0
        })
    }

    fn range(&self, query: &str, end: i64, _: i64, count: u32) -> Vec<Result<f64, String>> {
        (0..count).map(|_| self.at(query, end)).collect()
    }
}
