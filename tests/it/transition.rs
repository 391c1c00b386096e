//! Changes in steps, against controllers that apply what they like, when they like: "no prefix of applied objects has a
//! route to a missing subset or denies a declared caller".
//!
//! `project` makes random meshes and edits them; each is published with [`meshc_core::transition::next`]. `cluster` is
//! a cluster with one GitOps application for each folder of a namespace: each goes forward to any commit that is there,
//! skips others, and stops anywhere. After every applied or pruned object `check` asks, by Istio's semantics alone,
//! what calls would meet. Neither of them knows the rules by which steps are made.

pub(crate) mod check;
pub(crate) mod cluster;
mod project;

use std::collections::BTreeMap;

use meshc_core::bundle::Bundle;
use meshc_core::published::{Tree, id_of};
use meshc_core::transition::{Step, next};
use meshc_tests::dice::Dice;
use rayon::prelude::*;

use check::Checker;
use cluster::{Cluster, Commit};
use project::Project;

/// Files by path.
pub(crate) type Files = BTreeMap<String, String>;

/// As many steps as a change may take, each of them live before the next.
const MOST_STEPS: usize = 3;

/// How many histories are tried; more with `TRANSITION_SEEDS`.
fn seeds() -> u64 {
    std::env::var("TRANSITION_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(48)
}

#[test]
fn no_prefix_of_applied_objects_breaks_a_call() {
    let seen: Vec<Seen> = (0..seeds()).into_par_iter().map(|seed| History::new(seed).run()).collect();
    let sum = |of: fn(&Seen) -> usize| seen.iter().map(of).sum::<usize>();
    // Else the histories show nothing.
    assert!(sum(|seen| seen.edits) > 5 * seen.len(), "{seen:?}");
    assert!(sum(|seen| seen.steps) > 2 * seen.len(), "{seen:?}");
    assert!(sum(|seen| seen.skipped) > seen.len(), "{seen:?}");
    assert!(sum(|seen| seen.partial) > seen.len(), "{seen:?}");
    assert!(sum(|seen| seen.calls) > 10_000, "{seen:?}");
}

/// What a history had.
#[derive(Debug, Default)]
struct Seen {
    edits: usize,
    /// Commits that were not the last of a change.
    steps: usize,
    /// Commits that an application never looked at.
    skipped: usize,
    /// Syncs that stopped in the middle.
    partial: usize,
    /// Calls that had to work, counted after each object.
    calls: usize,
}

/// Random changes of one project, and what the cluster makes of them.
struct History {
    seed: u64,
    dice: Dice,
    project: Project,
    desired: Bundle,
    commits: Vec<Commit>,
    /// The oldest commit that the cluster may still have something of.
    live_from: usize,
    cluster: Cluster,
    checker: Checker,
    seen: Seen,
}

impl History {
    fn new(seed: u64) -> Self {
        let nothing = Commit::new(Files::new());
        Self {
            seed,
            dice: Dice::new(seed),
            project: Project::default(),
            desired: Bundle::default(),
            cluster: Cluster::default(),
            checker: Checker::new(&nothing),
            commits: vec![nothing],
            live_from: 0,
            seen: Seen::default(),
        }
    }

    fn run(mut self) -> Seen {
        for _ in 0..14 {
            if self.dice.percent(65) {
                self.edit();
            }
            let last = self.publish().is_last();
            for _ in 0..self.dice.below(4) {
                self.wander();
            }
            if self.dice.percent(55) {
                self.settle(last);
            }
        }
        let mut steps = 0;
        let tip = self.commits.len() - 1;
        self.settle_at(tip);
        loop {
            let last = self.publish().is_last();
            steps += 1;
            self.settle_at(self.commits.len() - 1);
            if last {
                break;
            }
            assert!(steps < MOST_STEPS, "seed {}: more than {MOST_STEPS} steps", self.seed);
        }
        let declared = Commit::new(self.desired.files.clone());
        assert_eq!(self.cluster.names(), declared.names(), "seed {}: what is left in the cluster", self.seed);
        self.seen
    }

    fn edit(&mut self) {
        // The compiler refuses some: a caller without an identity under strict mTLS, for one.
        let edits = (0..6).find_map(|_| {
            let edited = self.project.edited(&mut self.dice);
            Some((edited.render()?, edited))
        });
        let Some((desired, edited)) = edits else { return };
        self.seen.edits += 1;
        self.project = edited;
        self.desired = desired;
        self.checker.declare(&Commit::new(self.desired.files.clone()));
    }

    fn publish(&mut self) -> Step {
        let live: Vec<Tree<'_>> =
            self.commits[self.live_from..].iter().map(|commit| Tree::in_memory(&commit.files, id_of)).collect();
        let tree = Tree::in_memory(&self.desired.files, id_of);
        let step = next(&live, &self.desired, &tree).expect("texts in memory");
        drop(live);
        let files: Files =
            step.files(&self.desired).into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        if self.commits.last().is_none_or(|tip| tip.files != files) {
            self.seen.steps += usize::from(!step.is_last());
            self.commits.push(Commit::new(files));
        }
        step
    }

    /// One application goes to some commit, or only on the way to it.
    fn wander(&mut self) {
        let folders = self.cluster.folders(&self.commits);
        if folders.is_empty() {
            return;
        }
        let folder = self.dice.pick(&folders).clone();
        let from = self.cluster.revision(&folder).max(self.live_from);
        let revision = from + self.dice.below(self.commits.len() - from);
        let partial = self.dice.once_in(2);
        self.seen.skipped += revision.saturating_sub(self.cluster.revision(&folder) + 1);
        self.seen.partial += usize::from(partial);
        self.sync(&folder, revision, partial);
    }

    /// The cluster is seen to have all of some commit, mostly of the last.
    fn settle(&mut self, last: bool) {
        let (first, tip) = (self.cluster.newest().max(self.live_from), self.commits.len() - 1);
        let revision = if self.dice.percent(70) { tip } else { first + self.dice.below(tip + 1 - first) };
        self.settle_at(revision);
        if last && revision == tip {
            self.checker.reached(&Commit::new(self.desired.files.clone()));
        }
    }

    fn settle_at(&mut self, revision: usize) {
        for folder in self.cluster.folders(&self.commits) {
            self.sync(&folder, revision, false);
        }
        self.live_from = revision;
    }

    fn sync(&mut self, folder: &str, revision: usize, partial: bool) {
        let mut actions = self.cluster.actions(folder, revision, &self.commits[revision]);
        for index in (1..actions.len()).rev() {
            actions.swap(index, self.dice.below(index + 1));
        }
        if partial {
            actions.truncate(self.dice.below(actions.len() + 1));
        }
        for action in actions {
            self.cluster.apply(&action);
            let problems = self.checker.check(self.cluster.objects(), &action.name, &mut self.seen.calls);
            assert!(
                problems.is_empty(),
                "seed {}: {} {:?} of commit {revision}, of {} with the oldest live {}:\n{}",
                self.seed,
                if action.value.is_some() { "applying" } else { "pruning" },
                action.name,
                self.commits.len(),
                self.live_from,
                problems.join("\n"),
            );
        }
    }
}
