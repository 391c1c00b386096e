//! Reading a project: its `.mesh` files and those they use, and every other text that they name. After this stage
//! nothing is read any more.

mod folders;
pub mod path;
pub mod raw;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::code::Code;
use crate::consequence::Unread;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::Inventory;
use crate::lower::declaration::{Declarations, EnvironmentDecl, UseTarget};
use crate::lower::setting::Setting;
use crate::lower::{self};
use crate::protos::Rpcs;
use crate::source::{FileId, SourceMap, Span, Spanned, Text};
use crate::syntax;
use crate::world::{ReadError, World};
use crate::{inventory, patch, protos, stdlib, suggest};

/// A project as it was read.
#[derive(Debug, Default)]
pub struct Project {
    /// Every text, for diagnostics.
    pub sources: SourceMap,
    /// What all files declare, in order of their paths.
    pub declarations: Declarations,
    /// The folder that paths stay in: `.`, or what `mesh { root … }` names.
    pub boundary: Text,
    /// What the mesh's own inventory says.
    pub inventory: Inventory,
    /// What each environment's inventory says, by environment.
    pub environment_inventories: BTreeMap<Text, Inventory>,
    /// RPCs by the text that states a `protos` file, so that each scope sees its own files.
    pub rpcs: BTreeMap<Span, Rpcs>,
    /// Texts that a setting names, by the place that names them: `raw` files.
    pub raw: BTreeMap<Span, FileId>,
    /// Patch files, by the place that names them.
    pub patches: BTreeMap<Span, FileId>,
    /// Files that patch entries name, by the patch file and the path as written.
    pub patch_parts: BTreeMap<(FileId, Text), FileId>,
    /// An inventory or `.proto` file could not be read: what it would have said is not missed once more.
    pub incomplete: bool,
    /// The `.mesh` files of the project itself, without those of the standard library.
    pub mesh_files: Vec<FileId>,
    /// What could not be read, so that nobody can say what is missing.
    pub unread: Unread,
}

/// Reads a project. What is missing or faulty is reported, and the rest is there.
pub fn load(world: &dyn World, out: &mut Diagnostics) -> Project {
    let mut loader =
        Loader { world, project: Project { boundary: ".".into(), ..Project::default() }, read: BTreeMap::new() };
    let mut found = Diagnostics::default();
    loader.mesh_files(&mut found);
    loader.named_files(&mut found);
    let mut project = loader.project;
    let extents = &project.declarations.extents;
    project.unread.add_texts(&found, extents);
    project.unread.fold(&mut found, extents);
    project.unread.add(&found, extents);
    out.append(found);
    project
}

struct Loader<'w> {
    world: &'w dyn World,
    project: Project,
    /// Files by normalised path, so that each is read once.
    read: BTreeMap<String, Option<FileId>>,
}

impl Loader<'_> {
    /// The project's own files, then those that they use, round by round.
    fn mesh_files(&mut self, out: &mut Diagnostics) {
        let paths = match self.world.mesh_files() {
            Ok(paths) => paths,
            Err(error) => {
                let id = self.project.sources.add(".", "");
                out.add(Diagnostic::new(Code::NoMesh, Span::new(id, 0, 0), describe("the project's folder", &error)));
                return;
            }
        };
        if paths.is_empty() {
            let id = self.project.sources.add(".", "");
            let message = "there is no `.mesh` file in this folder or below";
            let help =
                "run it in the project's folder, or choose one with `meshc -C DIR`; `meshc init` writes a first one";
            out.add(Diagnostic::new(Code::NoMesh, Span::new(id, 0, 0), message).help(help));
        }
        let mut round: Vec<FileId> = Vec::new();
        for path in paths {
            match self.world.read(&path, ".") {
                Ok(text) => round.push(self.add(&path, &text)),
                Err(error) => {
                    let id = self.project.sources.add(path.as_str(), "");
                    out.add(Diagnostic::new(Code::InvalidFile, Span::new(id, 0, 0), describe(&path, &error)));
                }
            }
        }
        self.project.mesh_files.clone_from(&round);
        while !round.is_empty() {
            let parsed = self.parse(&round, out);
            let first_use = self.project.declarations.uses.len();
            for declarations in parsed {
                self.project.declarations.append(declarations);
            }
            if let Some((finding, nothing)) = folders::several(&self.project.declarations, &self.project.sources) {
                *out = Diagnostics::default();
                out.add(finding);
                self.project.declarations = nothing;
                return;
            }
            // The boundary decides which files may be used, so it is read before the first of them.
            if let Some(root) = self.project.declarations.meshes.first().and_then(|mesh| mesh.root.as_ref()) {
                self.project.boundary = root.value.clone();
            }
            round = self.used_files(first_use, out);
        }
    }

    fn add(&mut self, path: &str, text: &str) -> FileId {
        let id = self.project.sources.add(path, text);
        self.read.insert(path.to_owned(), Some(id));
        id
    }

    /// Files are parsed and lowered on all cores; their order decides the order of everything behind.
    fn parse(&self, files: &[FileId], out: &mut Diagnostics) -> Vec<Declarations> {
        let sources = &self.project.sources;
        let results: Vec<(Declarations, Diagnostics)> = files
            .par_iter()
            .map(|id| {
                let (file, problems) = syntax::parse(*id, &sources.file(*id).text);
                let mut found = Diagnostics::default();
                problems.into_iter().for_each(|problem| found.add(problem));
                (lower::lower(&file, &mut found), found)
            })
            .collect();
        results
            .into_iter()
            .map(|(declarations, found)| {
                out.append(found);
                declarations
            })
            .collect()
    }

    fn used_files(&mut self, first: usize, out: &mut Diagnostics) -> Vec<FileId> {
        let uses: Vec<_> = self.project.declarations.uses.iter().skip(first).cloned().collect();
        let mut round = Vec::new();
        for used in uses {
            match &used.target {
                UseTarget::Std(name) => match stdlib::page(name) {
                    Some(text) if !self.read.contains_key(&stdlib::path(name)) => {
                        round.push(self.add(&stdlib::path(name), text));
                    }
                    Some(_) => {}
                    None => {
                        let pages = stdlib::PAGES.iter().map(|(name, _)| *name);
                        let message = format!("the standard library has no page `{name}`");
                        let diagnostic = Diagnostic::new(Code::FileNotFound, used.span, message);
                        out.add(match suggest::nearest(name, pages.clone()) {
                            Some(near) => diagnostic.suggest(
                                format!("did you mean `std/{near}`?"),
                                used.span,
                                format!("std/{near}"),
                            ),
                            None => diagnostic.help(format!("its pages are {}", suggest::list(pages, 9))),
                        });
                    }
                },
                UseTarget::File(written) => {
                    let known = self.read.len();
                    let file = self.file(&Spanned::new(written.clone(), used.span), out);
                    round.extend(file.filter(|_| self.read.len() > known));
                }
            }
        }
        round
    }

    /// The file that a path names, relative to the file in which it is written.
    fn file(&mut self, written: &Spanned<Text>, out: &mut Diagnostics) -> Option<FileId> {
        let path = self.resolve(written, out)?;
        if let Some(known) = self.read.get(&path) {
            return *known;
        }
        let id = match self.world.read(&path, &self.project.boundary) {
            Ok(text) => Some(self.project.sources.add(path.as_str(), &text)),
            Err(error) => {
                let code = match error {
                    ReadError::Outside => Code::PathOutsideProject,
                    ReadError::NotText => Code::InvalidFile,
                    ReadError::NotFound | ReadError::Other(_) => Code::FileNotFound,
                };
                let relative = "a path is relative to the file in which it is written";
                out.add(Diagnostic::new(code, written.span, describe(&path, &error)).help(relative));
                None
            }
        };
        self.read.insert(path, id);
        id
    }

    fn resolve(&self, written: &Spanned<Text>, out: &mut Diagnostics) -> Option<String> {
        let from = &self.project.sources.file(written.span.file).path;
        match path::resolve(from, &written.value, &self.project.boundary) {
            Ok(path) => Some(path),
            Err(reason) => {
                let help = "a project reads nothing above its folder, unless `mesh { root \"..\" }` names a higher one";
                out.add(Diagnostic::new(Code::PathOutsideProject, written.span, reason).help(help));
                None
            }
        }
    }

    /// The files that a path or pattern names; the last part of a pattern may hold `*`.
    fn files(&mut self, written: &Spanned<Text>, out: &mut Diagnostics) -> Vec<FileId> {
        if !written.value.contains('*') {
            return self.file(written, out).into_iter().collect();
        }
        let Some(pattern) = self.resolve(written, out) else { return Vec::new() };
        let (folder, last) = pattern.rsplit_once('/').unwrap_or(("", &pattern));
        if folder.contains('*') {
            let message = format!("`*` stands only in the last part of a path; found `{}`", written.value);
            out.add(Diagnostic::new(Code::FileNotFound, written.span, message));
            return Vec::new();
        }
        let listed = self.world.list(folder, &self.project.boundary).unwrap_or_default();
        let matching: Vec<String> = listed
            .into_iter()
            .filter(|path| path::matches(last, path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name)))
            .collect();
        if matching.is_empty() {
            let message = format!("no file matches `{pattern}`");
            out.add(
                Diagnostic::new(Code::FileNotFound, written.span, message).help("correct the pattern or remove it"),
            );
        }
        let mut files = Vec::new();
        for path in matching {
            if let Some(known) = self.read.get(&path) {
                files.extend(*known);
                continue;
            }
            match self.world.read(&path, &self.project.boundary) {
                Ok(text) => files.push(self.add(&path, &text)),
                Err(error) => out.add(Diagnostic::new(Code::FileNotFound, written.span, describe(&path, &error))),
            }
        }
        files
    }

    /// Everything that declarations name: inventories, protos, raw files, patches.
    fn named_files(&mut self, out: &mut Diagnostics) {
        let declarations = std::mem::take(&mut self.project.declarations);
        for mesh in &declarations.meshes {
            let read = self.inventory(&mesh.scope.inventory, out);
            self.project.inventory.overlay(read);
            if let Some(namespace) = &mesh.namespace {
                self.project.inventory.in_namespace(&namespace.value, out);
            }
            self.protos(&mesh.scope.protos, out);
            self.raw(&mesh.scope.raw, out);
        }
        for namespace in &declarations.namespaces {
            self.protos(&namespace.scope.protos, out);
            self.raw(&namespace.scope.raw, out);
        }
        let layers = declarations.services.iter().map(|service| &service.layer);
        let presets = declarations.presets.iter().map(|preset| &preset.layer);
        let overrides = declarations.environments.iter().flat_map(|environment| &environment.services);
        for layer in layers.chain(presets).chain(overrides.map(|service| &service.layer)) {
            for change in &layer.changes {
                if let Some(Setting::Files(files)) = &change.value {
                    match change.key.field {
                        crate::lower::setting::Field::Protos => self.protos(files, out),
                        _ => self.raw(files, out),
                    }
                }
            }
        }
        for environment in &declarations.environments {
            self.environment(environment, out);
        }
        self.project.declarations = declarations;
    }

    fn environment(&mut self, environment: &EnvironmentDecl, out: &mut Diagnostics) {
        let inventory = self.inventory(&environment.scope.inventory, out);
        self.project.environment_inventories.entry(environment.name.value.clone()).or_default().overlay(inventory);
        for patch in &environment.patches {
            let Some(id) = self.file(patch, out) else { continue };
            self.project.patches.insert(patch.span, id);
            for part in patch::referenced_files(&self.project.sources, id) {
                let written = Spanned::new(Text::new(&part), Span::new(id, 0, 0));
                // A missing part is reported where the entry that names it is read, with its line.
                if let Some(found) = self.file(&written, &mut Diagnostics::default()) {
                    self.project.patch_parts.insert((id, written.value), found);
                }
            }
        }
    }

    /// All files of one layer; an object in two of them is a duplicate.
    fn inventory(&mut self, patterns: &[Spanned<Text>], out: &mut Diagnostics) -> Inventory {
        let before = out.len();
        let mut files: Vec<FileId> = patterns.iter().flat_map(|pattern| self.files(pattern, out)).collect();
        files.sort();
        files.dedup();
        let read = inventory::read::read_all(&self.project.sources, &files, out);
        self.project.incomplete |= out.has_errors_since(before);
        read
    }

    fn protos(&mut self, patterns: &[Spanned<Text>], out: &mut Diagnostics) {
        let before = out.len();
        for pattern in patterns {
            let files = self.files(pattern, out);
            let mut rpcs = Rpcs::default();
            for file in files {
                protos::read(&self.project.sources, file, &mut rpcs, out);
            }
            self.project.rpcs.insert(pattern.span, rpcs);
        }
        self.project.incomplete |= out.has_errors_since(before);
    }

    fn raw(&mut self, files: &[Spanned<Text>], out: &mut Diagnostics) {
        for written in files {
            if let Some(id) = self.file(written, out) {
                self.project.raw.insert(written.span, id);
            }
        }
    }
}

fn describe(path: &str, error: &ReadError) -> String {
    match error {
        ReadError::NotFound => format!("there is no `{path}`"),
        ReadError::Outside => format!("`{path}` leads out of the project through a link"),
        ReadError::NotText => format!("`{path}` is not UTF-8 text"),
        ReadError::Other(reason) => format!("`{path}` cannot be read: {reason}"),
    }
}
