//! What holds for a namespace, and for the mesh as a whole, in one environment.

use std::collections::BTreeMap;

use super::Base;
use super::environment::{Environment, once};
use super::stated::At;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::declaration::{Declarations, NamespaceDecl};
use crate::model::{Authorization, Injection, MtlsMode};
use crate::resolve::names::Names;
use crate::source::{Span, Spanned, Text};

/// What holds for a namespace.
#[derive(Debug)]
pub(super) struct NamespaceScope<'p> {
    pub(super) mtls: (MtlsMode, Option<Span>),
    pub(super) owner: Option<&'p Text>,
    pub(super) injection: Option<Injection>,
    pub(super) protos: Vec<&'p Spanned<Text>>,
    pub(super) raw: Vec<&'p Spanned<Text>>,
}

/// The settings of each namespace: the environment's, else the namespace's, else the mesh's.
pub(super) fn scopes<'p>(
    declarations: &'p Declarations,
    names: &Names,
    environment: &Environment<'p>,
    out: &mut Diagnostics,
) -> BTreeMap<Text, NamespaceScope<'p>> {
    let mesh = names.mesh.and_then(|index| declarations.meshes.get(index));
    let mesh_mtls = environment.mtls.or(mesh.and_then(|mesh| mesh.scope.mtls.as_ref()).map(|s| (s.value, s.span)));
    let mut scopes = BTreeMap::new();
    let mut missing = false;
    for (name, openings) in &names.namespaces {
        let openings: Vec<&NamespaceDecl> =
            openings.iter().filter_map(|index| declarations.namespaces.get(*index)).collect();
        let overrides = environment.namespace_scopes.get(name).map_or(&[][..], Vec::as_slice);
        let mtls = once(overrides, "mtls", |d| d.scope.mtls.as_ref(), out)
            .or_else(|| once(&openings, "mtls", |d| d.scope.mtls.as_ref(), out))
            .map(|stated| (stated.value, stated.span));
        let mtls = mtls.or(mesh_mtls);
        missing |= mtls.is_none();
        let owner = once(overrides, "owner", |d| d.scope.owner.as_ref(), out)
            .or_else(|| once(&openings, "owner", |d| d.scope.owner.as_ref(), out))
            .or_else(|| mesh.and_then(|mesh| mesh.scope.owner.as_ref()));
        let injection = once(overrides, "injection", |d| d.scope.injection.as_ref(), out)
            .or_else(|| once(&openings, "injection", |d| d.scope.injection.as_ref(), out))
            .map(|stated| stated.value.clone())
            .or_else(|| environment.injection.clone())
            .or_else(|| mesh.and_then(|mesh| mesh.scope.injection.as_ref()).map(|stated| stated.value.clone()));
        let own: Vec<&Spanned<Text>> = openings.iter().flat_map(|decl| &decl.scope.protos).collect();
        let of_mesh = mesh.into_iter().flat_map(|mesh| &mesh.scope.protos);
        let protos = if own.is_empty() { of_mesh.collect() } else { own };
        let mut raw: Vec<&Spanned<Text>> = openings.iter().flat_map(|decl| &decl.scope.raw).collect();
        if *name == names.default_namespace {
            raw.extend(mesh.into_iter().flat_map(|mesh| &mesh.scope.raw));
        }
        let mtls = mtls.map_or((MtlsMode::Strict, None), |(mode, span)| (mode, Some(span)));
        scopes.insert(name.clone(), NamespaceScope { mtls, owner: owner.map(|s| &s.value), injection, protos, raw });
    }
    let homeless = mesh.filter(|_| names.default_namespace.is_empty()).and_then(|mesh| mesh.scope.raw.first());
    if let Some(raw) = homeless {
        out.add(
            Diagnostic::new(Code::MissingSetting, raw.span, "nothing says in which namespace these resources live")
                .help("write `namespace NAME` into the `mesh` block, or `raw` into a `namespace` block"),
        );
    }
    if let (true, Some(mesh)) = (missing, mesh.filter(|mesh| !mesh.broken)) {
        out.add(
            Diagnostic::new(Code::MissingSetting, mesh.name.span, "the mesh does not state its mTLS mode")
                .help("write `mtls strict` into its block; `mtls permissive` while workloads move in"),
        );
    }
    scopes
}

/// What happens to callers that nobody allowed; not to be left out.
pub(super) fn authorization(
    declarations: &Declarations,
    environment: &Environment<'_>,
    out: &mut Diagnostics,
) -> Option<At<Authorization>> {
    let mesh = declarations.meshes.first()?;
    let stated = environment.authorization.as_ref().or(mesh.scope.authorization.as_ref());
    if stated.is_none() && !mesh.broken {
        out.add(
            Diagnostic::new(
                Code::MissingSetting,
                mesh.name.span,
                "the mesh does not state what happens to callers that nobody allowed",
            )
            .help("write `authorization deny-by-default`; `authorization dry-run` counts them and lets them through"),
        );
    }
    stated.map(|stated| (stated.value, stated.span))
}

/// The line that states the mode of a namespace's services, where these state none.
pub(crate) fn default_mtls(base: &Base<'_>, environment: &Environment<'_>, namespace: &Text) -> Option<Span> {
    let scopes = scopes(&base.project.declarations, &base.names, environment, &mut Diagnostics::default());
    scopes.get(namespace).and_then(|scope| scope.mtls.1)
}
