//! The one place where the command line meets the stages of the core.

use std::collections::BTreeMap;
use std::path::Path;

use meshc_core::bundle::Bundle;
use meshc_core::check::environment::Facts;
use meshc_core::compile::Compilation;
use meshc_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use meshc_core::explain::{self, Explanation};
use meshc_core::init;
use meshc_core::model::Mesh;
use meshc_core::project::{self, Project};
use meshc_core::source::{FileId, SourceMap, Text};
use meshc_core::state::State;
use meshc_core::{inventory, suggest, syntax};

use crate::args::Selection;
use crate::disk::Disk;
use crate::failure::{Failure, reason};

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Findings only.
    Check,
    /// The files too.
    Render,
}

/// A compiled project.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What was read.
    pub(crate) project: Project,
    /// Name of the mesh, where one is declared.
    pub(crate) mesh: Option<Text>,
    /// The environments asked for, in order.
    pub(crate) environments: Vec<Text>,
    /// Everything that was found, sorted.
    pub(crate) findings: Vec<Diagnostic>,
    /// One for each environment, unless [`Goal::Check`] was asked for.
    pub(crate) renderings: Vec<Rendering>,
    /// How many services are declared.
    pub(crate) services: usize,
    /// Something could not be read for a reason that is not the project's.
    pub(crate) unreadable: bool,
}

/// One environment.
#[derive(Debug)]
pub(crate) struct Rendering {
    /// Its name.
    pub(crate) environment: Text,
    /// The name of its folder in the deploy repository.
    pub(crate) folder: Text,
    /// The checked mesh; absent where errors left nothing to make.
    pub(crate) mesh: Option<Mesh>,
    /// What it says to the tools behind the compiler.
    pub(crate) facts: Facts,
    /// Its files.
    pub(crate) bundle: Bundle,
    /// Where the traffic of its versions goes.
    pub(crate) releases: Vec<Release>,
}

/// Where the traffic of a service with versions goes.
#[derive(Debug)]
pub(crate) struct Release {
    /// Logical namespace.
    pub(crate) namespace: Text,
    /// The service.
    pub(crate) service: Text,
    /// "v1 95 %, v2 5 %".
    pub(crate) shares: String,
    /// The shares are what a state records, not what the file says.
    pub(crate) recorded: bool,
}

impl Outcome {
    /// Whether anything forbids output.
    pub(crate) fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings of this severity there are.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// How a command ends that found errors and has shown them.
    pub(crate) fn failure(&self) -> Failure {
        if self.unreadable { Failure::ReportedFile } else { Failure::Reported }
    }
}

/// Reads and compiles the project in `folder`. Errors of the project are findings; a failure is an environment that
/// nobody declared, or a folder that is not there.
pub(crate) fn compile(folder: &Path, selection: &Selection, goal: Goal) -> Result<Outcome, Failure> {
    let disk = Disk::open(folder)?;
    let checkout = selection.state.as_deref().map(Checkout::open).transpose()?;
    let mut found = Diagnostics::default();
    let project = project::load(&disk, &mut found);
    let compilation = Compilation::new(&project, &mut found);
    let declared = in_order(&project, compilation.environments());
    let environments = match select(&declared, &selection.environments) {
        Ok(environments) => environments,
        // The declaration may be what could not be read, so that the errors come first.
        Err(_) if found.has_errors() => declared,
        Err(failure) => return Err(failure),
    };
    let versioned = compilation.versioned();
    let mut renderings = Vec::new();
    let with_state =
        |environment: &Text| (environment.clone(), state(checkout.as_ref(), &project, environment, &versioned));
    let states: Vec<(Text, State)> = environments.iter().map(with_state).collect();
    // A patch that cannot be applied is found by applying it, so that checking renders too.
    for ((environment, state), rendered) in states.iter().zip(compilation.render_all(&states)) {
        found.append_environment(environment, rendered.diagnostics);
        if goal == Goal::Check {
            continue;
        }
        let releases = rendered.releases.into_iter().map(|(namespace, service, shares)| {
            let key = (namespace, service);
            let recorded = state.services.get(&key).is_some_and(|recorded| recorded.record.is_some());
            Release { namespace: key.0, service: key.1, shares, recorded }
        });
        let releases = releases.collect();
        renderings.push(Rendering {
            environment: environment.clone(),
            folder: rendered.folder,
            mesh: rendered.mesh,
            facts: rendered.facts,
            bundle: rendered.bundle,
            releases,
        });
    }
    let mesh = compilation.mesh_name().cloned();
    let findings = found.into_sorted(&environments);
    let services = project.declarations.services.len();
    Ok(Outcome { mesh, environments, findings, renderings, services, unreadable: disk.failed(), project })
}

/// The canonical form of one file; nothing where its syntax is at fault, which is then in `found`.
pub(crate) fn format(sources: &SourceMap, file: FileId, found: &mut Diagnostics) -> Option<String> {
    let text = &sources.file(file).text;
    let (parsed, problems) = syntax::parse(file, text);
    if !problems.is_empty() {
        problems.into_iter().for_each(|problem| found.add(problem));
        return None;
    }
    syntax::format(&parsed, text)
}

/// What is recorded about an environment's releases; nothing without a checkout.
fn state(checkout: Option<&Checkout>, project: &Project, environment: &Text, versioned: &[(Text, Text)]) -> State {
    let Some(checkout) = checkout else { return State::default() };
    let names = versioned.iter().map(|(namespace, service)| (namespace, service));
    State::read(&state_folder(project, environment), names, |path| checkout.read(path))
}

/// Where values come from, and how far the answer can be trusted.
#[derive(Debug)]
pub(crate) struct Explained {
    /// What was read.
    pub(crate) project: Project,
    /// One for each setting that was asked for.
    pub(crate) explanations: Vec<Explanation>,
    /// The project has errors, which may be why something is missing.
    pub(crate) faulty: bool,
}

/// Explains a setting of a service, or all of them, in one environment.
pub(crate) fn explain(
    folder: &Path,
    environment: &str,
    path: &str,
    state_from: Option<&Path>,
) -> Result<Explained, Failure> {
    let disk = Disk::open(folder)?;
    let checkout = state_from.map(Checkout::open).transpose()?;
    let mut found = Diagnostics::default();
    let project = project::load(&disk, &mut found);
    let compilation = Compilation::new(&project, &mut found);
    let declared = compilation.environments();
    let environment = match declared.iter().find(|known| *known == environment) {
        Some(environment) => environment,
        None => return Err(Failure::Usage(unknown_environment(&declared, environment))),
    };
    let state = state(checkout.as_ref(), &project, environment, &compilation.versioned());
    let explanations = explain::explain(&compilation, environment, path, &state).map_err(Failure::Usage)?;
    let faulty = found.has_errors() || compilation.check(environment, &state).diagnostics.has_errors();
    Ok(Explained { explanations, faulty, project })
}

/// What manifests are drafted into.
#[derive(Debug)]
pub(crate) struct Drafted {
    /// The manifests.
    pub(crate) sources: SourceMap,
    /// What was found in them, sorted.
    pub(crate) findings: Vec<Diagnostic>,
    /// The files, and what is to be said.
    pub(crate) draft: init::Draft,
    /// How many workloads and Services were read.
    pub(crate) objects: (usize, usize),
}

/// Drafts a project from manifests: paths relative to the project's folder, with their texts.
pub(crate) fn draft(name: &str, manifests: &[(String, String)]) -> Drafted {
    let mut sources = SourceMap::default();
    let files: Vec<FileId> = manifests.iter().map(|(path, text)| sources.add(path.as_str(), text)).collect();
    let mut found = Diagnostics::default();
    let inventory = inventory::read_all(&sources, &files, &mut found);
    let paths: Vec<String> = manifests.iter().map(|(path, _)| path.clone()).collect();
    let mut draft = init::draft(&inventory, &paths, &init::Options { name: name.into() });
    for (path, text) in &mut draft.files {
        let mut drafts = SourceMap::default();
        let id = drafts.add(path.as_str(), text);
        if let Some(canonical) = format(&drafts, id, &mut Diagnostics::default()) {
            *text = canonical;
        }
    }
    let objects = (inventory.workloads.len(), inventory.services.len());
    Drafted { findings: found.into_sorted(&[]), sources, draft, objects }
}

/// The environments that are asked for, each behind the one that it comes `after`.
pub(crate) fn chosen(project: &Project, compilation: &Compilation<'_>, asked: &[String]) -> Result<Vec<Text>, Failure> {
    select(&in_order(project, compilation.environments()), asked)
}

/// The environments that are asked for, as they are declared. None asked for means all.
fn select(declared: &[Text], asked: &[String]) -> Result<Vec<Text>, Failure> {
    if asked.is_empty() {
        return Ok(declared.to_vec());
    }
    for name in asked {
        if !declared.iter().any(|known| known == name) {
            return Err(Failure::Usage(unknown_environment(declared, name)));
        }
    }
    Ok(declared.iter().filter(|known| asked.iter().any(|name| *known == name)).cloned().collect())
}

/// The sentence about an environment that nobody declared.
pub(crate) fn unknown_environment(declared: &[Text], name: &str) -> String {
    let names = || declared.iter().map(Text::as_str);
    match suggest::nearest(name, names()) {
        Some(near) => format!("there is no environment `{name}`; did you mean `{near}`?"),
        None if declared.is_empty() => format!("there is no environment `{name}`, and no other"),
        None => format!("there is no environment `{name}`; declared are {}", suggest::list(names(), 12)),
    }
}

/// An environment behind the one that it comes `after`, otherwise by name.
fn in_order(project: &Project, mut names: Vec<Text>) -> Vec<Text> {
    let before = |name: &Text| {
        let mut openings = project.declarations.environments.iter().filter(|opening| opening.name.value == *name);
        openings.find_map(|opening| opening.after.as_ref()).map(|after| after.value.clone())
    };
    let mut ordered: Vec<Text> = Vec::new();
    while !names.is_empty() {
        // A circle has no first one: then the first by name.
        let next = names.iter().position(|name| before(name).is_none_or(|one| !names.contains(&one))).unwrap_or(0);
        ordered.push(names.remove(next));
    }
    ordered
}

/// The folder of an environment in a deploy checkout, which also names the folder of its state.
fn state_folder(project: &Project, environment: &Text) -> Text {
    let openings = project.declarations.environments.iter().filter(|opening| opening.name.value == *environment);
    let mut stated = openings.filter_map(|opening| opening.deploy.as_ref()?.value.folder.clone());
    stated.next().unwrap_or_else(|| environment.clone())
}

/// A deploy checkout, of which only states are read.
struct Checkout {
    /// Without links.
    folder: std::path::PathBuf,
}

impl Checkout {
    fn open(folder: &Path) -> Result<Self, Failure> {
        let real = folder.canonicalize().map_err(|error| Failure::file("read", folder, &error))?;
        Ok(Self { folder: real })
    }

    /// The text of a file below the checkout; nothing where there is none.
    fn read(&self, path: &str) -> Result<Option<String>, String> {
        let real = match self.folder.join(path).canonicalize() {
            Ok(real) => real,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot be read: {}", reason(&error))),
        };
        if !real.starts_with(&self.folder) || !real.is_file() {
            return Err("is not a file of the deploy checkout".to_owned());
        }
        std::fs::read_to_string(&real).map(Some).map_err(|error| format!("cannot be read: {}", reason(&error)))
    }
}

/// Paths that two renderings have, with the environments that claim them: their folders have one name.
pub(crate) fn shared_folder(renderings: &[Rendering]) -> Option<(&str, &Text, &Text)> {
    let mut owners: BTreeMap<&str, &Text> = BTreeMap::new();
    for rendering in renderings {
        for folder in crate::folder::top_folders(&rendering.bundle) {
            if let Some(other) = owners.insert(folder, &rendering.environment) {
                return Some((folder, other, &rendering.environment));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_chosen_in_their_own_order() {
        let declared = ["dev", "prod", "staging"].map(Text::new);
        let asked =
            |names: &[&str]| select(&declared, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(asked(&[]).unwrap(), declared);
        assert_eq!(asked(&["staging", "dev", "dev"]).unwrap(), ["dev", "staging"].map(Text::new));
        let wrong = asked(&["prd"]).unwrap_err();
        assert_eq!(wrong.message(), Some("there is no environment `prd`; did you mean `prod`?"));
        let wrong = asked(&["somewhere"]).unwrap_err();
        assert_eq!(
            wrong.message(),
            Some("there is no environment `somewhere`; declared are `dev`, `prod` and `staging`")
        );
    }
}
