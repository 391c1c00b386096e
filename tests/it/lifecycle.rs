//! Releases under everything that people, jobs and controllers do to them, in any order: sources that change, publishes,
//! promotes, rollbacks and resumes that are killed, syncs that skip commits and stop in the middle. `model` says what must
//! hold of every commit and of every step from one to the next, `crate::transition::check` what calls must meet in the
//! cluster. However it went, in the end every release can be finished.

mod model;
mod project;
mod world;

use meshc_tests::dice::Dice;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use model::{Done, Standing, Traffic, broken, problems};
use project::{Edit, KEEP, Project, SERVICES, SETTLE};
use world::World;

/// How many histories are tried; more with `LIFECYCLE_CASES`, others with `LIFECYCLE_SEED`.
const CASES: u32 = 24;

fn number(variable: &str) -> Option<u32> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Event {
    Edit(usize, Edit),
    Publish,
    Promote(Traffic, Traffic),
    /// One service, with somebody's approval.
    Approve(usize, Traffic),
    /// Both services, together or not at all.
    Together(Traffic, Traffic),
    RollBack(usize),
    Resume(usize),
    /// Seconds, and how the cluster follows.
    Pass(i64, u64),
    Sync(u64),
    /// This is killed before its push.
    Killed(Box<Event>),
}

fn event() -> impl Strategy<Value = Event> {
    let service = || 0..SERVICES.len();
    let traffic = || prop_oneof![5 => Just(Traffic::Good), 1 => Just(Traffic::Bad), 1 => Just(Traffic::Silent)];
    let edit = prop_oneof![
        4 => Just(Edit::Release),
        1 => Just(Edit::End),
        2 => Just(Edit::Follow),
        1 => Just(Edit::Jump),
        1 => Just(Edit::Remove),
        2 => (0..4_usize).prop_map(Edit::Stages),
        1 => (0..3_usize).prop_map(Edit::Gates),
        2 => (0..3_usize).prop_map(Edit::Caller),
        1 => Just(Edit::Limit),
        1 => (1..9_u32).prop_map(Edit::Timeout),
        1 => Just(Edit::Expose),
    ];
    let commits = move || {
        prop_oneof![
            6 => Just(Event::Publish),
            6 => (traffic(), traffic()).prop_map(|(a, b)| Event::Promote(a, b)),
            1 => (service(), traffic()).prop_map(|(service, traffic)| Event::Approve(service, traffic)),
            1 => (traffic(), traffic()).prop_map(|(a, b)| Event::Together(a, b)),
            1 => service().prop_map(Event::RollBack),
            1 => service().prop_map(Event::Resume),
        ]
    };
    let seconds = prop_oneof![Just(5_i64), Just(SETTLE), Just(180), Just(900), Just(KEEP)];
    prop_oneof![
        4 => (service(), edit).prop_map(|(service, edit)| Event::Edit(service, edit)),
        12 => commits(),
        1 => commits().prop_map(|event| Event::Killed(Box::new(event))),
        6 => (seconds, any::<u64>()).prop_map(|(seconds, seed)| Event::Pass(seconds, seed)),
        4 => any::<u64>().prop_map(Event::Sync),
    ]
}

/// The sources, the repository, the cluster, and how far releases are.
struct History {
    project: Project,
    world: World,
    standings: [Standing; 2],
    /// All that the sources say is published.
    published: bool,
}

impl History {
    fn new() -> Self {
        let world = World::new();
        let files = world.files();
        Self {
            project: Project::new(),
            world,
            standings: SERVICES.map(|name| Standing::of(&files, name)),
            published: false,
        }
    }

    fn run(&mut self, event: &Event) -> Result<(), String> {
        let before = self.world.tip();
        let done = self.perform(event)?;
        if let Event::Killed(_) = event {
            self.world.killed_before_the_push(before);
        }
        let commits = self.world.observe();
        if commits > 1 {
            return Err(format!("{event:?} made {commits} commits"));
        }
        self.judge(event, done)?;
        if commits == 1 {
            self.look()?;
        }
        if matches!(event, Event::Publish) {
            self.publish_again()?;
        }
        match event {
            Event::Edit(..) | Event::Resume(..) | Event::Killed(..) => self.published = false,
            Event::Publish => self.published = self.world.is_complete(),
            _ if commits > 0 && self.published && self.standings.iter().all(|standing| !standing.finished) => {
                self.publish_nothing()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A publish that changes nothing makes no commit. One that changes the record of a release may be followed by one
    /// more: what is rendered depends on it.
    fn publish_again(&mut self) -> Result<(), String> {
        for _ in 0..2 {
            let done = self.publish()?;
            if self.world.observe() == 0 {
                return Ok(());
            }
            self.judge(&Event::Publish, done)?;
            self.look()?;
        }
        self.publish_nothing()
    }

    /// There is nothing to publish: what a promote or a rollback changes is as the sources want it.
    fn publish_nothing(&mut self) -> Result<(), String> {
        let before = self.world.files();
        self.publish()?;
        let mut changed = self.world.files();
        changed.retain(|path, text| before.get(path) != Some(text));
        if self.world.observe() == 0 {
            Ok(())
        } else {
            Err(format!("there is nothing new, and {:?} changed", changed.keys()))
        }
    }

    /// One publish. It is refused where a service is gone whose release is under way or held, and only there.
    fn publish(&mut self) -> Result<[Done; 2], String> {
        let gone = |index: usize| !self.project.0[index].present;
        let refused = (0..SERVICES.len()).any(|index| {
            let standing = &self.standings[index];
            gone(index) && (standing.held || standing.weight > 0)
        });
        match (self.world.publish(&self.project), refused) {
            (Ok(_), false) => Ok([0, 1].map(|index| if gone(index) { Done::Removed } else { Done::Published })),
            (Err(why), true) if why.contains("has a release under way or a hold") => Ok([Done::Nothing; 2]),
            (outcome, _) => Err(format!("{outcome:?}, and a release stands in the way: {refused}")),
        }
    }

    fn perform(&mut self, event: &Event) -> Result<[Done; 2], String> {
        let to = |service: usize, done: Done| {
            let mut all = [Done::Nothing; 2];
            all[service] = done;
            all
        };
        Ok(match event {
            Event::Edit(service, edit) => {
                self.project.edit(*service, edit);
                [Done::Nothing; 2]
            }
            Event::Publish => self.publish()?,
            Event::Promote(a, b) => {
                if self.world.tip().is_some() {
                    self.world.promote([*a, *b], &[], false)?;
                }
                [Done::Promoted(*a), Done::Promoted(*b)]
            }
            Event::Approve(service, traffic) => {
                if self.standings[*service].stable.is_some() {
                    self.world.promote([*traffic; 2], &[SERVICES[*service].to_owned()], false)?;
                }
                to(*service, Done::Promoted(*traffic))
            }
            Event::Together(a, b) => {
                if self.standings.iter().all(|standing| standing.stable.is_some()) {
                    self.world.promote([*a, *b], &SERVICES.map(str::to_owned), true)?;
                }
                [Done::Promoted(*a), Done::Promoted(*b)]
            }
            Event::RollBack(service) => {
                let prepared = format!("rollback/prod/front.{}/", SERVICES[*service]);
                let can = self.world.files().keys().any(|path| path.starts_with(&prepared));
                if self.world.tip().is_none() {
                    return Ok([Done::Nothing; 2]);
                }
                match (self.world.roll_back(*service), can) {
                    (Ok(()), true) => to(*service, Done::RolledBack),
                    (Err(_), false) => [Done::Nothing; 2],
                    (outcome, _) => return Err(format!("prepared: {can}, and rolling back: {outcome:?}")),
                }
            }
            Event::Resume(service) => {
                if self.world.tip().is_some() {
                    self.world.resume(*service)?;
                }
                to(*service, Done::Resumed)
            }
            Event::Pass(seconds, seed) => {
                self.world.pass(*seconds, &mut Dice::new(*seed));
                [Done::Nothing; 2]
            }
            Event::Sync(seed) => {
                self.world.wander(&mut Dice::new(*seed));
                [Done::Nothing; 2]
            }
            Event::Killed(event) => {
                self.perform(event)?;
                [Done::Nothing; 2]
            }
        })
    }

    fn judge(&mut self, event: &Event, done: [Done; 2]) -> Result<(), String> {
        let files = self.world.files();
        let after = SERVICES.map(|name| Standing::of(&files, name));
        for index in 0..SERVICES.len() {
            let why = match event {
                // The other one may have failed, and is taken back with this one.
                Event::Together(a, b) if [*a, *b].contains(&Traffic::Bad) => {
                    broken(Done::Promoted(Traffic::Bad), &self.standings[index], &after[index], self.world.now)
                }
                _ => broken(done[index], &self.standings[index], &after[index], self.world.now),
            };
            if let Some(why) = why {
                return Err(format!("{}: {why}", SERVICES[index]));
            }
        }
        self.standings = after;
        Ok(())
    }

    /// What must hold of every commit.
    fn look(&self) -> Result<(), String> {
        let files = self.world.files();
        let mut found: Vec<String> = SERVICES.iter().flat_map(|service| problems(&files, service)).collect();
        found.extend(self.world.drift());
        if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
    }

    /// Publishes until nothing is left, each commit live before the next.
    fn publish_all(&mut self) -> Result<(), String> {
        for _ in 0..6 {
            self.run(&Event::Publish)?;
            let done = self.world.publish(&self.project)?;
            self.run(&Event::Pass(SETTLE + 1, 1))?;
            if done {
                return Ok(());
            }
        }
        Err("more than 6 commits for one change".to_owned())
    }

    /// However it went, all can be finished.
    fn finish(&mut self) -> Result<(), String> {
        for (index, service) in SERVICES.iter().enumerate() {
            self.run(&Event::Resume(index))?;
            // The sources say what is recorded, or begin something where nothing is.
            let number = |version: &Option<String>| version.as_ref().and_then(|text| text[1..].parse().ok());
            let standing = Standing::of(&self.world.files(), service);
            let declared = &mut self.project.0[index];
            declared.present = true;
            declared.stable = number(&standing.stable).unwrap_or(declared.stable);
            declared.next = number(&standing.canary);
        }
        self.publish_all()?;
        for index in 0..SERVICES.len() {
            if self.project.0[index].next.is_none() {
                self.project.edit(index, &Edit::Release);
            }
        }
        self.publish_all()?;
        for _ in 0..6 {
            for index in 0..SERVICES.len() {
                self.run(&Event::Approve(index, Traffic::Good))?;
            }
            self.run(&Event::Pass(1_800, 2))?;
        }
        if let Some(standing) = self.standings.iter().find(|standing| !standing.finished) {
            return Err(format!("a good release was not finished: {standing:?}"));
        }
        self.run(&Event::Pass(KEEP, 3))?;
        self.publish_all()?;
        let files = self.world.files();
        for (index, standing) in self.standings.iter().enumerate() {
            let new = self.project.0[index].next.map(|next| format!("v{next}"));
            if (&standing.stable, &standing.canary) != (&new, &None) {
                return Err(format!("a finished release does not end: {standing:?}"));
            }
        }
        let left = files.keys().find(|path| path.starts_with("rollback/") || path.ends_with(".plan.json"));
        left.map_or(Ok(()), |path| Err(format!("{path} is left of a release that is over")))
    }
}

#[test]
fn releases_stand_everything() {
    let config = Config {
        cases: number("LIFECYCLE_CASES").unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    };
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number("LIFECYCLE_SEED").unwrap_or(1).to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let histories = proptest::collection::vec(event(), 10..40);
    let outcome = runner.run(&histories, |events| {
        let mut history = History::new();
        for event in &events {
            history.run(event).map_err(|why| TestCaseError::fail(format!("{event:?}: {why}")))?;
        }
        history.finish().map_err(|why| TestCaseError::fail(format!("at its end: {why}")))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
