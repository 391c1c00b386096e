//! A project in memory, compiled: texts in, files and findings out.

use std::collections::BTreeMap;
use std::path::Path;

use meshc_core::compile::{Compilation, Rendered};
use meshc_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use meshc_core::project::{self, Project};
use meshc_core::source::Text;
use meshc_core::state::State;
use meshc_core::world::MemoryWorld;

use super::{folders, name, repository};

/// Texts by path, relative to the project's folder. Those below `state/` are its deploy checkout.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts(pub(crate) BTreeMap<String, String>);

impl Texts {
    /// These texts.
    pub(crate) fn named<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(texts.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect())
    }

    /// Every text in and below a folder, except below what is written there: `expected`, `deploy` and `.meshc`.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        let mut texts = Self::default();
        texts.add_folder(folder, "");
        texts
    }

    /// An example, with the cluster facts that examples share and reach through `root`.
    pub(crate) fn example(example: &str) -> Self {
        let mut texts = Self::of_folder(&repository("examples").join(example));
        texts.add_folder(&repository("environments"), "../../environments/");
        texts
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) {
        for entry in std::fs::read_dir(folder).expect("a folder with texts") {
            let path = entry.expect("an entry of it").path();
            let below = format!("{prefix}{}", name(&path));
            if path.is_dir() {
                // `.meshc` is there once somebody has published the example.
                if !["expected", "deploy", ".meshc"].contains(&name(&path)) {
                    self.add_folder(&path, &format!("{below}/"));
                }
            } else {
                self.0.insert(below, std::fs::read_to_string(&path).expect("a UTF-8 file"));
            }
        }
    }

    /// Adds a text, or replaces the one with this path.
    pub(crate) fn with(mut self, path: &str, text: impl Into<String>) -> Self {
        self.0.insert(path.to_owned(), text.into());
        self
    }

    /// The `.mesh` files, by path.
    pub(crate) fn mesh_files(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter().filter(|(path, _)| path.ends_with(".mesh"))
    }

    /// Compiles every environment.
    pub(crate) fn compile(&self) -> Compiled {
        let world = MemoryWorld { files: self.0.clone() };
        let mut found = Diagnostics::default();
        let project = project::load(&world, &mut found);
        let compilation = Compilation::new(&project, &mut found);
        let environments = compilation.environments();
        let mut rendered = BTreeMap::new();
        for environment in &environments {
            let state = self.state(&compilation, environment);
            let mut result = compilation.render(environment, &state);
            found.append_environment(environment, std::mem::take(&mut result.diagnostics));
            rendered.insert(environment.clone(), result);
        }
        Compiled { found: found.into_sorted(&environments), rendered, project }
    }

    fn state(&self, compilation: &Compilation<'_>, environment: &Text) -> State {
        if !self.0.keys().any(|path| path.starts_with("state/")) {
            return State::default();
        }
        let facts = compilation.check(environment, &State::default()).facts;
        let folder = facts.deploy.and_then(|deploy| deploy.folder).unwrap_or_else(|| environment.clone());
        let versioned = compilation.versioned();
        let names = versioned.iter().map(|(namespace, service)| (namespace, service));
        State::read(&folder, names, |path| Ok(self.0.get(path).cloned()))
    }
}

/// The names of the examples: the folders with a `mesh` declaration.
pub(crate) fn examples() -> Vec<String> {
    let examples: Vec<String> = folders("examples").iter().map(|folder| name(folder).to_owned()).collect();
    assert!(examples.len() >= 3, "{examples:?}");
    examples
}

/// What came of a project.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// With its texts.
    pub(crate) project: Project,
    /// In the order in which they are shown.
    pub(crate) found: Vec<Diagnostic>,
    /// By environment.
    pub(crate) rendered: BTreeMap<Text, Rendered>,
}

impl Compiled {
    /// The files of every environment.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        self.rendered.values().flat_map(|rendered| rendered.bundle.files.clone()).collect()
    }

    /// One line for each finding: `file:line:column severity code message`, and the environments where not all.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.found.iter().map(|diagnostic| self.line(diagnostic)).collect()
    }

    /// The line of one finding.
    pub(crate) fn line(&self, diagnostic: &Diagnostic) -> String {
        let place = self.project.sources.locate(diagnostic.primary.span);
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let mut line = format!("{place} {severity} {} {}", diagnostic.code, diagnostic.message);
        if !diagnostic.environments.is_empty() {
            line += &format!(" [{}]", diagnostic.environments.join(", "));
        }
        line
    }
}
