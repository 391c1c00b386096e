//! The pipeline, readable from top to bottom: a loaded project, its environments, and what each is rendered to.

use foldhash::HashSet;

use crate::bundle::Bundle;
use crate::bundle::assemble::Assembly;
use crate::check::environment::{Environment, Facts};
use crate::check::{self, Base};
use crate::code::Code;
use crate::consequence::Unread;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::istio;
use crate::lower::setting::Field;
use crate::model::{Mesh, Service};
use crate::patch::Patches;
use crate::project::Project;
use crate::resolve::layers::{Draft, Origin};
use crate::resolve::names::{Member, Names};
use crate::resolve::presets::Presets;
use crate::source::{Span, Spanned, Text};
use crate::state::State;
use rayon::prelude::*;

/// The version of this compiler.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A project whose declarations are resolved, ready to be checked and rendered for each of its environments.
pub struct Compilation<'p> {
    pub(crate) base: Base<'p>,
    /// What neither loading nor resolving could read.
    unread: Unread,
    /// Reading or resolving found errors: nothing is rendered.
    faulty: bool,
}

/// One environment, checked.
#[derive(Debug)]
pub struct Checked {
    /// The mesh; absent where errors left nothing to make.
    pub mesh: Option<Mesh>,
    /// What the environment says to the tools behind the compiler.
    pub facts: Facts,
    /// What was found, in this environment.
    pub diagnostics: Diagnostics,
    patches: Vec<Spanned<Text>>,
}

/// One environment, rendered.
#[derive(Debug)]
pub struct Rendered {
    /// The name of the environment's folder, which is also the one of its state and of its rollbacks.
    pub folder: Text,
    /// The checked mesh: what a plan takes names and places from. Absent where errors left nothing to make.
    pub mesh: Option<Mesh>,
    /// The files. Empty where anything forbids output.
    pub bundle: Bundle,
    /// What was found, in this environment.
    pub diagnostics: Diagnostics,
    /// Releases with their shares, by namespace and service: what the summary of a rendering tells.
    pub releases: Vec<(Text, Text, String)>,
    /// What the environment says to the tools behind the compiler.
    pub facts: Facts,
}

impl<'p> Compilation<'p> {
    /// Resolves names, presets and services. What does not depend on an environment is reported here. `out` already
    /// holds what reading the project found, for any error in it forbids rendering.
    pub fn new(project: &'p Project, out: &mut Diagnostics) -> Self {
        let declarations = &project.declarations;
        let mut found = Diagnostics::default();
        let names = Names::collect(declarations, &mut found);
        check_mesh(project, &names, &mut found);
        let presets = Presets::build(declarations, &mut found);
        let mut services: Vec<(Text, usize)> = names
            .members
            .iter()
            .filter_map(|((namespace, _), member)| match member {
                Member::Service(index) => Some((namespace.clone(), *index)),
                Member::Caller(_) => None,
            })
            .collect();
        let name = |index: usize| declarations.services.get(index).map(|service| &service.name.value);
        services.sort_by(|a, b| (&a.0, name(a.1)).cmp(&(&b.0, name(b.1))));
        let mut homes: Vec<Option<&Text>> = vec![None; declarations.services.len()];
        for (namespace, index) in &services {
            if let Some(home) = homes.get_mut(*index) {
                *home = Some(namespace);
            }
        }
        let drafts: Vec<(Draft<'p>, Diagnostics)> = declarations
            .services
            .par_iter()
            .zip(&homes)
            .map(|(service, home)| {
                let mut found = Diagnostics::default();
                let Some(home) = home else { return (Draft::default(), found) };
                let mut draft = presets.of(&service.presets, &service.layer, home, &mut found);
                draft.lay(&service.layer, Origin::Service, home, &mut found);
                (draft, found)
            })
            .collect();
        let drafts = drafts
            .into_iter()
            .map(|(draft, of_draft)| {
                found.append(of_draft);
                draft
            })
            .collect();
        let mut unread = project.unread.clone();
        unread.fold(&mut found, &declarations.extents);
        unread.add(&found, &declarations.extents);
        out.append(found);
        let hosts = check::declared_hosts(declarations);
        Self { base: Base { project, names, presets, drafts, services, hosts }, unread, faulty: out.has_errors() }
    }

    /// The environments, sorted.
    pub fn environments(&self) -> Vec<Text> {
        self.base.names.environments.keys().cloned().collect()
    }

    /// The name of the mesh.
    pub fn mesh_name(&self) -> Option<&Text> {
        self.base.project.declarations.meshes.first().map(|mesh| &mesh.name.value)
    }

    /// Services that state a version in any layer, by logical namespace and name: those whose state is to be read.
    pub fn versioned(&self) -> Vec<(Text, Text)> {
        let declarations = &self.base.project.declarations;
        let overrides = declarations.environments.iter().flat_map(|environment| &environment.services);
        let overridden: HashSet<&Text> = overrides
            .filter(|decl| decl.layer.changes.iter().any(|change| change.key.field == Field::Version))
            .map(|decl| &decl.name.value)
            .collect();
        self.base
            .services
            .iter()
            .filter_map(|(namespace, index)| {
                let name = &declarations.services.get(*index)?.name.value;
                let stated = self.base.drafts.get(*index)?.find(&Field::Version).is_some();
                (stated || overridden.contains(name)).then(|| (namespace.clone(), name.clone()))
            })
            .collect()
    }

    /// What an environment says to the tools behind the compiler, without checking it.
    pub fn facts(&self, environment: &Text) -> Facts {
        let declarations = &self.base.project.declarations;
        Environment::merge(environment, declarations, &self.base.names, &mut Diagnostics::default()).1
    }

    /// Checks one environment.
    pub fn check(&self, environment: &Text, state: &State) -> Checked {
        let mut diagnostics = Diagnostics::default();
        let checked = check::check(&self.base, environment, state, &mut diagnostics);
        if let (Some(mesh), false) = (&checked.mesh, diagnostics.has_errors()) {
            let mut found = Diagnostics::default();
            istio::check(mesh, &mut found);
            // What a gateway with a faulty line seems to lack may be what the line would have said.
            let gateways = self.base.project.declarations.gateways.iter().filter(|gateway| gateway.broken);
            let broken: HashSet<Span> = gateways.map(|gateway| gateway.name.span).collect();
            found.retain(|diagnostic| !broken.contains(&diagnostic.primary.span));
            diagnostics.append(found);
        }
        self.fold(&mut diagnostics);
        Checked { mesh: checked.mesh, facts: checked.facts, diagnostics, patches: checked.patches }
    }

    /// Checks one environment and renders it. Patches are applied here, so that a patch that cannot be applied is
    /// found; any error leaves the bundle empty.
    pub fn render(&self, environment: &Text, state: &State) -> Rendered {
        let Checked { mesh, facts, mut diagnostics, patches } = self.check(environment, state);
        let folder =
            facts.deploy.as_ref().and_then(|deploy| deploy.folder.clone()).unwrap_or_else(|| environment.clone());
        let mut bundle = Bundle::default();
        let mut releases = Vec::new();
        // Patches select rendered resources: without these there is nothing to say about them.
        if let (Some(mesh), false) = (&mesh, diagnostics.has_errors()) {
            let patches = self.patches(&patches, &mut diagnostics);
            releases = self::releases(mesh);
            bundle = render_mesh(mesh, &folder, &patches, &mut diagnostics);
        }
        if self.faulty || diagnostics.has_errors() {
            bundle = Bundle::default();
        }
        self.fold(&mut diagnostics);
        Rendered { folder, mesh, bundle, diagnostics, releases, facts }
    }

    /// Renders environments at the same time: what one does on a single core leaves the others to the rest. Results are
    /// in the order of `environments`.
    pub fn render_all(&self, environments: &[(Text, State)]) -> Vec<Rendered> {
        environments.par_iter().map(|(environment, state)| self.render(environment, state)).collect()
    }

    fn fold(&self, diagnostics: &mut Diagnostics) {
        self.unread.fold_checked(diagnostics, &self.base.project.declarations.extents);
    }

    fn patches(&self, files: &[Spanned<Text>], out: &mut Diagnostics) -> Patches {
        let mut patches = Patches::default();
        for written in files {
            let Some(id) = self.base.project.patches.get(&written.span) else { continue };
            let parts = &self.base.project.patch_parts;
            let mut part = |path: &str| parts.get(&(*id, path.into())).copied();
            crate::patch::read(&self.base.project.sources, *id, written.span, &mut part, &mut patches, out);
        }
        patches
    }
}

/// Resources of one mesh, patched, as files.
fn render_mesh(mesh: &Mesh, folder: &Text, patches: &Patches, out: &mut Diagnostics) -> Bundle {
    let mut assembly = Assembly::new(folder, patches);
    // Chunks of services keep all cores busy and their order keeps the output in order.
    let services: Vec<(&crate::model::Namespace, &Service)> = mesh
        .namespaces
        .iter()
        .flat_map(|namespace| namespace.services.iter().map(move |service| (namespace, service)))
        .collect();
    let parts: Vec<_> = services
        .par_chunks(64)
        .map(|chunk| {
            let mut part = assembly.part();
            for (namespace, service) in chunk {
                istio::service(mesh, namespace, service, &mut part);
            }
            part.sort();
            part
        })
        .collect();
    for part in parts {
        assembly.add(part, out);
    }
    let mut rest = assembly.part();
    for namespace in &mesh.namespaces {
        istio::namespace(mesh, namespace, &mut rest);
    }
    istio::gateways(mesh, &mut rest);
    assembly.add(rest, out);
    assembly.finish(out)
}

fn releases(mesh: &Mesh) -> Vec<(Text, Text, String)> {
    let mut list = Vec::new();
    for namespace in &mesh.namespaces {
        for service in &namespace.services {
            if let Some(routing) = service.routing.as_ref().filter(|routing| routing.release) {
                list.push((namespace.name.clone(), service.name.clone(), routing.summary.clone()));
            }
        }
    }
    list
}

/// What the mesh declaration itself must say.
fn check_mesh(project: &Project, names: &Names, out: &mut Diagnostics) {
    let Some(mesh) = project.declarations.meshes.first() else {
        if !names.names_missing {
            let at = project.mesh_files.first().map(|id| Span::new(*id, 0, 0));
            let Some(at) = at else {
                return;
            };
            out.add(Diagnostic::new(Code::NoMesh, at, "no file of this folder declares a `mesh`").help(
                "run it in the project's folder, or choose one with `meshc -C DIR`; `meshc init` writes a first one",
            ));
        }
        return;
    };
    if let Some(requires) = &mesh.requires {
        let parts = |text: &str| -> Vec<u64> { text.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
        if parts(&requires.value) > parts(VERSION) {
            out.add(
                Diagnostic::new(
                    Code::RequiresNewerCompiler,
                    requires.span,
                    format!("this mesh requires meshc {}, and this is {VERSION}", requires.value),
                )
                .help("install a newer meshc; an older one could render what the mesh does not mean"),
            );
        }
    }
    if names.environments.is_empty() && !mesh.broken && !names.names_missing {
        out.add(
            Diagnostic::new(Code::MissingSetting, mesh.name.span, "the mesh has no environment to be rendered for")
                .help("write one: `environment prod { target istio 1.31 }`, best in a file `environments/prod.mesh`"),
        );
    }
}
