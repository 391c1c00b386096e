//! Names to declarations. Duplicates are reported here, and what a reference without its namespace may mean.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use foldhash::{HashMap, HashMapExt};

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::declaration::{Declarations, MeshDecl};
use crate::source::{Span, Spanned, Text};
use crate::suggest::{self, Candidates};

/// What stands behind a name that may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// Index into [`Declarations::services`].
    Service(usize),
    /// Index into [`Declarations::callers`].
    Caller(usize),
}

/// Every name of a project. The maps are looked up, never walked, but for `namespaces` which is sorted.
#[derive(Debug, Default)]
pub struct Names {
    /// The one `mesh`.
    pub mesh: Option<usize>,
    /// Where top-level services live; empty where the mesh states none.
    pub default_namespace: Text,
    /// Services and callers by namespace and name.
    pub members: HashMap<(Text, Text), Member>,
    /// Namespaces of members by their bare name, for references without a namespace.
    by_name: HashMap<Text, Homes>,
    /// Namespaces with the indices of their openings.
    pub namespaces: BTreeMap<Text, Vec<usize>>,
    /// Gateways.
    pub gateways: BTreeMap<Text, usize>,
    /// Environments with the indices of their openings.
    pub environments: BTreeMap<Text, Vec<usize>>,
    /// Names may be missing because a declaration could not be read.
    pub names_missing: bool,
    known: Known,
}

/// Names that a misspelt one may mean. Each list is made when it is first asked for.
#[derive(Debug, Default)]
struct Known {
    namespaces: OnceLock<Candidates>,
    gateways: OnceLock<Candidates>,
    members: OnceLock<Candidates>,
    by_namespace: OnceLock<HashMap<Text, Candidates>>,
}

/// The namespaces in which a name is declared, in the order of declarations.
#[derive(Debug, Default)]
struct Homes {
    services: Vec<Text>,
    callers: Vec<Text>,
    /// The first of them by name.
    first: Text,
}

impl Names {
    /// Collects all names.
    pub fn collect(declarations: &Declarations, out: &mut Diagnostics) -> Self {
        let mut names = Names { names_missing: declarations.names_missing, ..Names::default() };
        names.mesh(&declarations.meshes, out);
        for (index, namespace) in declarations.namespaces.iter().enumerate() {
            names.namespaces.entry(namespace.name.value.clone()).or_default().push(index);
        }
        if !names.default_namespace.is_empty() {
            names.namespaces.entry(names.default_namespace.clone()).or_default();
        }
        let mut first: HashMap<(Text, Text), Span> = HashMap::new();
        let services = declarations
            .services
            .iter()
            .enumerate()
            .map(|(i, service)| (Member::Service(i), &service.namespace, &service.name, "service"));
        let callers = declarations
            .callers
            .iter()
            .enumerate()
            .map(|(i, caller)| (Member::Caller(i), &caller.namespace, &caller.name, "caller"));
        let mut homeless = None;
        for (member, namespace, name, kind) in services.chain(callers) {
            let namespace = match namespace {
                Some(namespace) => namespace.value.clone(),
                None if names.default_namespace.is_empty() => {
                    homeless.get_or_insert(name.span);
                    Text::default()
                }
                None => names.default_namespace.clone(),
            };
            let key = (namespace, name.value.clone());
            if let Some(known) = first.get(&key) {
                out.add(
                    Diagnostic::new(
                        Code::DuplicateDeclaration,
                        name.span,
                        format!("the {kind} `{}/{}` is declared twice", key.0, key.1),
                    )
                    .related(*known, "first declared here")
                    .help("keep one of the two; an environment changes a service in its own block"),
                );
                continue;
            }
            first.insert(key.clone(), name.span);
            let homes = names.by_name.entry(key.1.clone()).or_default();
            let is_first = (homes.services.is_empty() && homes.callers.is_empty()) || key.0 < homes.first;
            if is_first {
                homes.first = key.0.clone();
            }
            match member {
                Member::Service(_) => homes.services.push(key.0.clone()),
                Member::Caller(_) => homes.callers.push(key.0.clone()),
            }
            names.members.insert(key, member);
        }
        if let (Some(span), Some(_)) = (homeless, names.mesh) {
            out.add(
                Diagnostic::new(Code::MissingSetting, span, "nothing says in which namespace this lives").help(
                    "write `namespace NAME` into the `mesh` block, or put it into a `namespace NAME { … }` block",
                ),
            );
        }
        names.gateways_and_environments(declarations, out);
        names
    }

    fn mesh(&mut self, meshes: &[MeshDecl], out: &mut Diagnostics) {
        let Some(mesh) = meshes.first() else { return };
        self.mesh = Some(0);
        self.default_namespace = mesh.namespace.as_ref().map(|name| name.value.clone()).unwrap_or_default();
        for again in meshes.iter().skip(1) {
            out.add(
                Diagnostic::new(Code::DuplicateDeclaration, again.name.span, "a project has one `mesh`")
                    .related(mesh.name.span, format!("`{}` is declared here", mesh.name.value))
                    .help("keep one of the two"),
            );
        }
    }

    fn gateways_and_environments(&mut self, declarations: &Declarations, out: &mut Diagnostics) {
        for (index, gateway) in declarations.gateways.iter().enumerate() {
            match self.gateways.get(&gateway.name.value).and_then(|first| declarations.gateways.get(*first)) {
                Some(first) => out.add(
                    Diagnostic::new(
                        Code::DuplicateDeclaration,
                        gateway.name.span,
                        format!("the gateway `{}` is declared twice", gateway.name.value),
                    )
                    .related(first.name.span, "first declared here"),
                ),
                None => {
                    self.gateways.insert(gateway.name.value.clone(), index);
                }
            }
        }
        for (index, environment) in declarations.environments.iter().enumerate() {
            self.environments.entry(environment.name.value.clone()).or_default().push(index);
        }
    }

    /// The service or caller that an environment's block names. Reports what it does not find.
    pub fn overridden(
        &self,
        namespace: Option<&Spanned<Text>>,
        name: &Spanned<Text>,
        service: bool,
        out: &mut Diagnostics,
    ) -> Option<(Text, Member)> {
        let kind = if service { "service" } else { "caller" };
        let fits = |member: &Member| matches!(member, Member::Service(_)) == service;
        let find = |namespace: &Text| {
            let member = self.members.get(&(namespace.clone(), name.value.clone()))?;
            fits(member).then(|| (namespace.clone(), *member))
        };
        if let Some(namespace) = namespace {
            if let Some(found) = find(&namespace.value) {
                return Some(found);
            }
        } else if let Some(found) = find(&self.default_namespace) {
            return Some(found);
        } else {
            const SHOWN: usize = 5;
            let homes = self.by_name.get(&name.value);
            let places = homes.map_or(&[][..], |homes| if service { &homes.services } else { &homes.callers });
            match places {
                [] => {}
                [one] => return find(one),
                several => {
                    let shown = several.iter().take(SHOWN).map(|place| format!("{place}/{}", name.value));
                    let names: Vec<String> = shown.collect();
                    let names = suggest::list_of(names.iter().map(String::as_str), several.len());
                    out.add(
                        Diagnostic::new(
                            Code::AmbiguousName,
                            name.span,
                            format!("`{}` is declared in several namespaces", name.value),
                        )
                        .help(format!("write {}", names.replace(" and ", " or "))),
                    );
                    return None;
                }
            }
        }
        if !self.names_missing {
            let code = if service { Code::UnknownService } else { Code::UnknownCaller };
            let diagnostic = Diagnostic::new(code, name.span, format!("no {kind} is named `{}`", name.value));
            let home = namespace.map_or(&self.default_namespace, |namespace| &namespace.value);
            out.add(self.near(diagnostic, name, home, &[name.span]));
        }
        None
    }

    /// Adds what a misspelt reference probably means. `home` is the namespace in which it was looked for; `places`
    /// are all that name it alike, so that a suggestion repairs them together.
    pub fn near(&self, mut diagnostic: Diagnostic, name: &Spanned<Text>, home: &Text, places: &[Span]) -> Diagnostic {
        let elsewhere = |near: &str| self.by_name.get(near).map(|homes| format!("{}/{near}", homes.first));
        let near = match self.known_members_of(home).and_then(|local| local.nearest(&name.value)) {
            // A reference that was written with its namespace keeps it.
            Some(near) if name.span.end - name.span.start > name.value.len() as u32 => Some(format!("{home}/{near}")),
            Some(near) => Some(near.to_owned()),
            None => self.known_members().nearest(&name.value).and_then(elsewhere),
        };
        match near {
            Some(near) => {
                diagnostic = diagnostic.suggest(format!("did you mean `{near}`?"), name.span, near.clone());
                if let Some(suggestion) = &mut diagnostic.suggestion {
                    let others = places.iter().filter(|place| **place != name.span);
                    suggestion.edits.extend(others.map(|place| (*place, near.clone())));
                }
                diagnostic
            }
            None => diagnostic.help(format!("declare it: `service {0} {{ … }}` or `caller {0}`", name.value)),
        }
    }

    /// The namespaces, to look a misspelt one up.
    pub(crate) fn known_namespaces(&self) -> &Candidates {
        self.known.namespaces.get_or_init(|| Candidates::new(self.namespaces.keys().map(Text::as_str)))
    }

    /// The gateways, likewise.
    pub(crate) fn known_gateways(&self) -> &Candidates {
        self.known.gateways.get_or_init(|| Candidates::new(self.gateways.keys().map(Text::as_str)))
    }

    fn known_members(&self) -> &Candidates {
        self.known.members.get_or_init(|| Candidates::new(self.by_name.keys().map(Text::as_str)))
    }

    fn known_members_of(&self, namespace: &Text) -> Option<&Candidates> {
        let by_namespace = self.known.by_namespace.get_or_init(|| {
            let mut members: Vec<&(Text, Text)> = self.members.keys().collect();
            members.sort_unstable();
            let groups = members.chunk_by(|a, b| a.0 == b.0);
            let named = groups.filter_map(|group| {
                let (namespace, _) = group.first()?;
                Some((namespace.clone(), Candidates::new(group.iter().map(|(_, name)| name.as_str()))))
            });
            named.collect()
        });
        by_namespace.get(namespace)
    }
}
