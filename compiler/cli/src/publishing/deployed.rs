//! Where environments are published, for those who work with what is there: rolling back, looking, asking why. They
//! must work at 3 AM, so that nothing is compiled: an environment's own declaration is enough, options replace it, and
//! in a clone of the deploy repository nothing is needed at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use meshc_core::check::environment;
use meshc_core::diagnostic::{Diagnostics, Severity};
use meshc_core::lower::declaration::{EnvironmentDecl, NotifyDecl, SyncEngine};
use meshc_core::model::traffic::Millis;
use meshc_core::project::{self, Project};
use meshc_core::syntax;
use meshc_gitops::commit::Identity;
use meshc_gitops::folder::Commit;
use meshc_gitops::program::Git;
use meshc_gitops::remote::{Location, Remote};
use meshc_gitops::{Oid, rollback, script, source};

use super::target::{duration, location};
use crate::commands::Session;
use crate::disk::Disk;
use crate::failure::Failure;
use crate::pipeline;

/// Where it is published, instead of what the environments declare or the clone says.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where it is published")]
pub(crate) struct PlaceArgs {
    /// Choose an environment, by its name or, in a clone of the deploy repository, by its folder
    #[arg(short, long = "env", value_name = "ENV")]
    pub(crate) environment: Option<String>,
    /// Use this deploy repository instead of the declared one; `embedded` is the one in .meshc
    #[arg(long, value_name = "URL")]
    pub(crate) repository: Option<String>,
    /// Use this branch instead of the declared one
    #[arg(long, value_name = "BRANCH")]
    pub(crate) branch: Option<String>,
    /// Use this folder of it, and ask no `.mesh` file
    #[arg(long, value_name = "FOLDER", requires = "repository")]
    pub(crate) folder: Option<String>,
    /// Give up on a server that does not answer in this time
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub(crate) deadline: Duration,
}

/// One environment.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// Its name; in a clone it is that of its folder.
    pub(crate) name: String,
    /// Its folder in the deploy repository.
    pub(crate) folder: String,
    /// Who applies it, where that is known.
    pub(crate) sync: Option<SyncEngine>,
    /// How long a commit may take to be live, where that is known.
    pub(crate) settle: Option<Duration>,
    /// Who is told what becomes of its releases. Declared in the project alone: who may write to a deploy repository must
    /// not choose programs that others run.
    pub(crate) notify: Vec<NotifyDecl>,
}

/// One branch of a deploy repository.
#[derive(Debug, Clone)]
pub(crate) struct Deployed {
    pub(crate) location: Location,
    pub(crate) branch: String,
    /// Its environments; nothing: all that its tip has.
    environments: Option<Vec<Environment>>,
}

/// All of them, and what is needed to work there.
pub(crate) struct Place {
    pub(crate) deployed: Vec<Deployed>,
    /// The folder in which `.meshc` is.
    pub(crate) root: PathBuf,
    settings: Vec<(String, String)>,
    git: Git,
    deadline: Duration,
}

impl Place {
    /// Finds out where things are, from what is declared, typed, or checked out.
    pub(crate) fn find(session: &Session, args: &PlaceArgs) -> Result<Self, Failure> {
        let folder = &session.folder;
        let git = Git::new(folder, args.deadline);
        let declared = if args.folder.is_some() { None } else { of_project(session, args)? };
        let (deployed, root) = match (declared, &args.repository) {
            (Some(deployed), _) => (deployed, folder.clone()),
            (None, Some(repository)) => (vec![typed(folder, args, repository)], folder.clone()),
            (None, None) => of_clone(&git, args)?,
        };
        Ok(Self { deployed, root, settings: source::settings(&git)?, git, deadline: args.deadline })
    }

    /// Opens a repository. Nothing that publishes from the same folder is waited for.
    pub(crate) fn open(&self, deployed: &Deployed) -> Result<Remote, Failure> {
        let location = deployed.location.clone();
        Ok(Remote::open_urgent(location, &deployed.branch, &self.root, &self.settings, self.deadline)?)
    }

    /// Who commits here. Where git knows nobody, it is the user of this machine: a hold says who made it.
    pub(crate) fn identity(&self) -> Result<Identity, Failure> {
        let identity = Identity::of(&self.git)?;
        let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        let Some(user) = user.filter(|user| identity.anonymous && !user.is_empty()) else { return Ok(identity) };
        let mail = format!("{user}@localhost");
        let git = self.git.clone();
        let git = git.with_variable("GIT_AUTHOR_NAME", user.as_str()).with_variable("GIT_AUTHOR_EMAIL", mail.as_str());
        let git = git.with_variable("GIT_COMMITTER_NAME", user).with_variable("GIT_COMMITTER_EMAIL", mail);
        Ok(Identity::of(&git)?)
    }
}

impl Environment {
    /// One of which nothing more is known, in the folder of its name.
    pub(crate) fn named(name: String) -> Self {
        Self { folder: name.clone(), name, sync: None, settle: None, notify: Vec::new() }
    }
}

impl Deployed {
    /// Its environments, as far as the tip has something of them.
    pub(crate) fn environments(&self, commit: &Commit<'_>) -> Result<Vec<Environment>, Failure> {
        let there = rollback::folders(commit)?;
        Ok(match &self.environments {
            Some(list) => list.iter().filter(|environment| there.contains(&environment.folder)).cloned().collect(),
            None => there.into_iter().map(Environment::named).collect(),
        })
    }

    /// Names of the environments that are asked for, as far as they are known.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Environment> {
        self.environments.iter().flatten()
    }

    /// "`main` of `git@…`".
    pub(crate) fn describe(&self) -> String {
        format!("`{}` of {}", self.branch, self.location)
    }

    /// The repository as JSON documents name it.
    pub(crate) fn repository(&self) -> String {
        self.location.name()
    }
}

/// What a person types without any project.
fn typed(project: &Path, args: &PlaceArgs, repository: &str) -> Deployed {
    let name = args.environment.clone().or_else(|| args.folder.clone());
    let folder = args.folder.clone().or_else(|| args.environment.clone());
    let environments = name.zip(folder).map(|(name, folder)| vec![Environment { folder, ..Environment::named(name) }]);
    Deployed {
        location: if repository == "embedded" { Location::Embedded } else { Location::parse(repository, project) },
        branch: args.branch.clone().unwrap_or_else(|| "main".to_owned()),
        environments,
    }
}

/// What the environments of a project declare; nothing where there is no project.
fn of_project(session: &Session, args: &PlaceArgs) -> Result<Option<Vec<Deployed>>, Failure> {
    let disk = Disk::open(&session.folder)?;
    let mut found = Diagnostics::default();
    let project = project::load(&disk, &mut found);
    if project.mesh_files.is_empty() {
        return Ok(None);
    }
    let declared = &project.declarations.environments;
    let names: BTreeSet<&str> = declared.iter().map(|opening| opening.name.value.as_str()).collect();
    let chosen: Vec<&str> = match &args.environment {
        Some(name) => names.get(name.as_str()).into_iter().copied().collect(),
        None => names.iter().copied().collect(),
    };
    if chosen.is_empty() {
        return match (&args.environment, &args.repository) {
            (_, Some(_)) => Ok(None),
            (Some(name), None) if !found.has_errors() => {
                let known: Vec<_> = names.iter().map(|name| (*name).into()).collect();
                Err(Failure::Usage(pipeline::unknown_environment(&known, name)))
            }
            (Some(name), None) => {
                Err(Failure::Refused(unreadable(&format!("no environment `{name}` can be read from"))))
            }
            (None, None) => Err(Failure::Refused(unreadable("no environment can be read from"))),
        };
    }
    let mut groups: Vec<Deployed> = Vec::new();
    for name in chosen {
        let openings: Vec<&EnvironmentDecl> =
            declared.iter().filter(|opening| opening.name.value.as_str() == name).collect();
        if openings.iter().any(|opening| is_faulty(&project, opening, &found)) {
            return Err(Failure::Refused(unreadable(&format!("the declaration of `{name}` has errors in"))));
        }
        let deploy = openings.iter().find_map(|opening| opening.deploy.as_ref()).map(|deploy| &deploy.value);
        let stated = deploy.and_then(|deploy| deploy.repository.as_ref());
        let location = location(args.repository.as_deref(), stated, &project.sources, &session.folder);
        let stated = deploy.and_then(|deploy| deploy.branch.as_ref()).map(ToString::to_string);
        let branch = args.branch.clone().or(stated).unwrap_or_else(|| "main".to_owned());
        let stated = deploy.and_then(|deploy| deploy.folder.as_ref()).map(ToString::to_string);
        let folder = stated.unwrap_or_else(|| name.to_owned());
        let sync = openings.iter().find_map(|opening| opening.sync.as_ref()).map(|sync| sync.value);
        let stated = openings.iter().find_map(|opening| opening.settle.as_ref()).map(|settle| settle.value);
        let Millis(settle) = environment::settle(stated, sync);
        let settle = Some(Duration::from_millis(settle));
        let notify = openings.iter().flat_map(|opening| &opening.notify).map(|notify| notify.value.clone()).collect();
        let environment = Environment { name: name.to_owned(), folder, sync, settle, notify };
        match groups.iter_mut().find(|group| group.location == location && group.branch == branch) {
            Some(group) => group.environments.get_or_insert_default().push(environment),
            None => groups.push(Deployed { location, branch, environments: Some(vec![environment]) }),
        }
    }
    Ok(Some(groups))
}

fn unreadable(what: &str) -> String {
    format!(
        "{what} the `.mesh` files, which say where it is published (`meshc check` shows why): name the place with \
         `--repository URL --branch BRANCH --folder FOLDER`, or run this in a clone of the deploy repository"
    )
}

/// Whether an error lies within a declaration: what it says about its repository may then be incomplete.
fn is_faulty(project: &Project, opening: &EnvironmentDecl, found: &Diagnostics) -> bool {
    if opening.broken {
        return true;
    }
    let file = opening.name.span.file;
    let (parsed, _) = syntax::parse(file, &project.sources.file(file).text);
    let Some(statement) = parsed.statements.iter().find(|statement| statement.span.contains(opening.name.span)) else {
        return true;
    };
    let errors = found.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.primary.span).any(|span| span.file == file && statement.span.contains(span))
}

/// The clone of a deploy repository that a person stands in. Which branch is checked out there does not matter.
fn of_clone(git: &Git, args: &PlaceArgs) -> Result<(Vec<Deployed>, PathBuf), Failure> {
    let nothing = || {
        Failure::Refused(
            "there is neither a project nor a clone of a deploy repository here: go to one, or name the place with \
             `--repository URL --branch BRANCH --folder FOLDER`"
                .to_owned(),
        )
    };
    let top = match git.ask(&["rev-parse", "--show-toplevel"])?.filter(|top| !top.is_empty()) {
        Some(top) => top,
        None => git.ask(&["rev-parse", "--path-format=absolute", "--git-dir"])?.ok_or_else(nothing)?,
    };
    let top = PathBuf::from(top);
    let remotes = git.ask(&["remote"])?.unwrap_or_default();
    let remote = match remotes.lines().collect::<Vec<_>>()[..] {
        [] => {
            return Err(Failure::Refused(format!(
                "the repository in `{}` has no remote: add the server with `git remote add origin URL`, or name it with \
                 `--repository URL`",
                top.display()
            )));
        }
        [only] => only.to_owned(),
        _ => "origin".to_owned(),
    };
    let url = git.ask(&["remote", "get-url", "--", &remote])?.ok_or_else(nothing)?;
    let branch = match &args.branch {
        Some(branch) => branch.clone(),
        None => {
            let follows = format!("refs/remotes/{remote}/HEAD");
            let (wherever, default) = (format!("{follows}:rollback.sh"), format!("refs/remotes/{remote}/"));
            let mut found = None;
            for at in ["HEAD:rollback.sh", &wherever] {
                found = found.or(git.ask(&["cat-file", "blob", at])?.and_then(|text| script::branch_of(&text)));
            }
            if found.is_none() {
                let name = git.ask(&["symbolic-ref", "--quiet", &follows])?;
                found = name.and_then(|name| name.strip_prefix(&default).map(str::to_owned));
            }
            found.unwrap_or_else(|| "main".to_owned())
        }
    };
    let only = |folder: &String| vec![Environment::named(folder.clone())];
    let environments = args.environment.as_ref().map(only);
    Ok((vec![Deployed { location: Location::parse(&url, &top), branch, environments }], top))
}

/// A commit's short name.
pub(crate) fn short(commit: Oid) -> String {
    commit.to_string().chars().take(10).collect()
}
