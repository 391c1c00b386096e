//! A deploy repository with one release, published as `meshc publish` does.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use meshc_core::compile::Compilation;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::project;
use meshc_core::source::Text;
use meshc_core::state::{self, Record, Recorded, State};
use meshc_core::template::Templates;
use meshc_core::world::MemoryWorld;
use meshc_gitops::commit::{Changes, Identity, create};
use meshc_gitops::folder::Commit;
use meshc_gitops::program::Git;
use meshc_gitops::remote::{Location, Remote};
use meshc_gitops::verify;
use meshc_rollout::measure::Source;
use meshc_rollout::outcome::Outcome;
use meshc_rollout::plan;
use meshc_rollout::promote::{Order, promote};
use meshc_rollout::query::Queries;

/// A deploy repository.
pub(crate) struct Deploy {
    folder: tempfile::TempDir,
    remote: RefCell<Remote>,
    service: String,
}

/// What a service declares; `canary` is the block of its plan.
pub(crate) fn mesh(service: &str, canary: &str) -> String {
    format!(
        "mesh shop {{ namespace shop; mtls strict; authorization deny-by-default }}\nservice {service} {{\n port 8080 \
         grpc\n allow anyone\n version v1 -> v2\n canary {{\n{canary}\n}}\n}}\nenvironment prod {{ target istio 1.31; \
         settle 1s; prometheus \"http://127.0.0.1:9\" }}\n"
    )
}

impl Deploy {
    /// Publishes a release that stands at `weight`.
    pub(crate) fn publish(service: &str, canary: &str, record: Record) -> Self {
        let texts = [("shop.mesh".to_owned(), mesh(service, canary))].into();
        let mut found = Diagnostics::default();
        let project = project::load(&MemoryWorld { files: texts }, &mut found);
        let compilation = Compilation::new(&project, &mut found);
        let (namespace, name, prod) = (Text::new("shop"), Text::from(service), Text::new("prod"));
        let mut state = State::default();
        let recorded = Recorded { record: Some(record.clone()), ..Recorded::default() };
        state.services.insert((namespace.clone(), name), recorded);
        let rendered = compilation.render(&prod, &state);
        assert!(!rendered.diagnostics.has_errors() && !found.has_errors(), "{:?} {found:?}", rendered.diagnostics);
        let mesh = rendered.mesh.expect("a mesh");
        let [namespace] = &mesh.namespaces[..] else { panic!("one namespace") };
        let [declared] = &namespace.services[..] else { panic!("one service") };
        let compiled = plan::compile(
            "prod",
            namespace,
            declared,
            &rendered.facts,
            &rendered.bundle,
            &Queries::new(&Templates::built_in()),
        );
        let compiled = compiled.expect("a plan that can be compiled").expect("a plan");
        let folder = tempfile::tempdir().expect("a folder");
        let mut files: Changes<'static> = Changes::new();
        let mut put = |path: String, text: String| drop(files.insert(path, Some(Cow::Owned(text))));
        for (path, text) in rendered.bundle.files {
            put(path, text);
        }
        for (path, text) in rendered.bundle.held {
            put(format!("rollback/prod/shop.{service}/files/{path}"), text);
        }
        put(format!("rollback/prod/shop.{service}/summary"), "a release\n".to_owned());
        put(format!("state/prod/shop/{service}.json"), record.to_text());
        put(plan::path("prod", "shop", service), compiled.to_text());
        let deploy = Self::open(folder, service);
        deploy.commit(&files);
        deploy
    }

    fn open(folder: tempfile::TempDir, service: &str) -> Self {
        let remote = remote(folder.path());
        Self { folder, remote: RefCell::new(remote), service: service.to_owned() }
    }

    /// Makes a commit as somebody else.
    pub(crate) fn commit(&self, files: &Changes<'_>) {
        let mut remote = self.remote.borrow_mut();
        let tip = remote.tip().expect("a tip");
        let git = remote.git();
        let identity = Identity::of(&git).expect("an identity");
        let new =
            create(remote.store().repository(), &git, tip, files, "by somebody else\n", &identity).expect("a commit");
        remote.push(tip, new).expect("a push");
    }

    /// Makes commits as somebody else does while this repository is in use: with `git` of its own.
    pub(crate) fn somebody_else(&self) -> impl Fn(&Changes<'_>) + 'static + use<> {
        let path = self.folder.path().join(".meshc/deploy.git");
        move |files| {
            let repository = git2::Repository::open_bare(&path).expect("the repository");
            let tip = repository.refname_to_id("refs/heads/main").expect("its tip");
            let git = Git::new(&path, Duration::from_secs(30));
            let identity = Identity::of(&git).expect("an identity");
            let new = create(&repository, &git, Some(tip), files, "meanwhile\n", &identity).expect("a commit");
            repository.reference("refs/heads/main", new, true, "meanwhile").expect("a push");
        }
    }

    /// Promotes once.
    pub(crate) fn promote(&self, connect: &dyn Fn() -> Box<dyn Source>) -> Outcome {
        self.promote_as(connect, false)
    }

    /// Promotes once, with somebody's approval.
    pub(crate) fn promote_as(&self, connect: &dyn Fn() -> Box<dyn Source>, approve: bool) -> Outcome {
        let services = [self.service.clone()];
        once(&mut self.remote.borrow_mut(), &services, connect, approve)
    }

    /// The repository, for others.
    pub(crate) fn repository(&self) -> String {
        self.folder.path().join(".meshc/deploy.git").display().to_string()
    }

    /// Promotes a repository as a remote one, from a folder of its own.
    pub(crate) fn promote_at(repository: &str, connect: &dyn Fn() -> Box<dyn Source>) -> Outcome {
        let project = tempfile::tempdir().expect("a folder");
        let location = Location::Url(repository.to_owned());
        let remote = Remote::open(location, "main", project.path(), &[], Duration::from_secs(30));
        once(&mut remote.expect("a remote repository"), &[], connect, false)
    }

    /// The text of a file at the tip.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let mut remote = self.remote.borrow_mut();
        let tip = remote.tip().expect("a tip");
        Commit::new(remote.store().repository(), tip).and_then(|commit| commit.text(path)).expect("a file")
    }

    /// What is recorded.
    pub(crate) fn record(&self) -> Record {
        let text = self.text(&format!("state/prod/shop/{}.json", self.service)).expect("a state");
        state::parse(&text).expect("a good state")
    }

    /// The hold.
    pub(crate) fn hold(&self) -> Option<String> {
        self.text(&format!("state/prod/shop/{}.hold", self.service))
    }

    /// How many commits there are.
    pub(crate) fn commits(&self) -> usize {
        let mut remote = self.remote.borrow_mut();
        let tip = remote.tip().expect("a tip").expect("a commit");
        let repository = remote.store().repository();
        let mut walk = repository.revwalk().expect("a history");
        walk.push(tip).expect("its tip");
        walk.count()
    }

    /// The message of the tip.
    pub(crate) fn message(&self) -> String {
        let mut remote = self.remote.borrow_mut();
        let tip = remote.tip().expect("a tip").expect("a commit");
        let commit = remote.store().repository().find_commit(tip).expect("the commit");
        commit.message().expect("UTF-8").to_owned()
    }

    /// What a verification finds: weights that are not those of the state, files that are not as they were written.
    pub(crate) fn drift(&self) -> Vec<String> {
        let mut remote = self.remote.borrow_mut();
        let tip = remote.tip().expect("a tip");
        let commit = Commit::new(remote.store().repository(), tip).expect("the commit");
        let drift = verify::all(&commit, "prod").expect("a verification");
        drift.into_iter().map(|drift| format!("{} {}", drift.path, drift.why)).collect()
    }
}

fn once(remote: &mut Remote, services: &[String], connect: &dyn Fn() -> Box<dyn Source>, approve: bool) -> Outcome {
    let identity = Identity::of(&remote.git()).expect("an identity");
    let order = Order {
        folder: "prod",
        services,
        approve,
        together: false,
        dry_run: false,
        identity: &identity,
        patience: Duration::from_secs(30),
        now: meshc_gitops::publish::now(),
        prometheus: None,
        connect: &|_| Ok(connect()),
        progress: &|_| {},
    };
    promote(remote, &order).expect("a promote")
}

fn remote(project: &Path) -> Remote {
    Remote::open(Location::Embedded, "main", project, &[], Duration::from_secs(30)).expect("a repository")
}
