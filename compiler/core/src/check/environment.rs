//! One environment's own settings, from all its openings.

use std::collections::BTreeMap;

use foldhash::HashMap;

use super::stated::At;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::declaration::{
    CallerDecl, Declarations, DeployDecl, EnvironmentDecl, GatewayDecl, NamespaceDecl, PrometheusDecl, ServiceDecl,
    SyncEngine, TargetDecl,
};
use crate::lower::scope::stated_twice;
use crate::model::release::Freeze;
use crate::model::target::Target;
use crate::model::traffic::Millis;
use crate::model::{Authorization, Injection, MtlsMode};
use crate::resolve::names::{Member, Names};
use crate::source::{Span, Spanned, Text};
use crate::suggest;

/// What an environment states.
#[derive(Debug, Default)]
pub(crate) struct Environment<'p> {
    pub(crate) name: Text,
    /// The same as it stands in the declarations.
    pub(crate) stated_as: Option<&'p Text>,
    pub(crate) target: Option<Target>,
    pub(crate) mtls: Option<At<MtlsMode>>,
    pub(crate) authorization: Option<Spanned<Authorization>>,
    pub(crate) injection: Option<Injection>,
    /// Names in the cluster by names in the sources.
    pub(crate) namespaces: BTreeMap<Text, Spanned<Text>>,
    /// Hosts of clients by hosts in the sources.
    pub(crate) hosts: BTreeMap<Text, (Spanned<Text>, Span)>,
    pub(crate) services: HashMap<(Text, Text), Vec<&'p ServiceDecl>>,
    pub(crate) callers: HashMap<(Text, Text), Vec<&'p CallerDecl>>,
    pub(crate) gateways: HashMap<Text, Vec<&'p GatewayDecl>>,
    pub(crate) namespace_scopes: HashMap<Text, Vec<&'p NamespaceDecl>>,
    pub(crate) patches: Vec<Spanned<Text>>,
}

/// What an environment says to the tools behind the compiler: where to publish, what syncs, where gates are measured.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `sync`.
    pub sync: Option<SyncEngine>,
    /// `prometheus`.
    pub prometheus: Option<PrometheusDecl>,
    /// `deploy`.
    pub deploy: Option<DeployDecl>,
    /// `after`.
    pub after: Option<Text>,
    /// `settle`: how long a commit may take to be live in the cluster. [`Facts::settle`] has the default.
    pub settle: Option<Millis>,
    /// `freeze`: times in which no release advances.
    pub freezes: Vec<Freeze>,
}

impl Facts {
    /// How long a commit may take to be live. Where nothing is stated it is what the sync engine takes without a
    /// webhook: Argo CD polls every 120 s with up to 60 s of jitter (argo-cd 3.6, docs/faq.md) and then syncs; Flux
    /// fetches every minute by default and reconciles at once (flux2, `flux create source git --interval`). Whoever
    /// applies by hand knows when it is done: one minute.
    pub fn settle(&self) -> Millis {
        settle(self.settle, self.sync)
    }
}

/// The same, of what is stated and who applies it.
pub fn settle(stated: Option<Millis>, sync: Option<SyncEngine>) -> Millis {
    stated.unwrap_or(Millis(match sync {
        Some(SyncEngine::ArgoCd) => 240_000,
        Some(SyncEngine::Flux) => 120_000,
        Some(SyncEngine::None) | None => 60_000,
    }))
}

impl<'p> Environment<'p> {
    /// Merges the openings of an environment; a field in two of them is an error at both lines.
    pub(crate) fn merge(
        name: &Text,
        declarations: &'p Declarations,
        names: &Names,
        out: &mut Diagnostics,
    ) -> (Self, Facts) {
        let openings: Vec<&EnvironmentDecl> = names
            .environments
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|index| declarations.environments.get(*index))
            .collect();
        let stated_as = openings.first().map(|opening| &opening.name.value);
        let mut environment = Environment { name: name.clone(), stated_as, ..Environment::default() };
        let target = once(&openings, "target", |opening| opening.target.as_ref(), out);
        let trust = once(&openings, "trust-domain", |opening| opening.trust_domain.as_ref(), out);
        let cluster = once(&openings, "cluster-domain", |opening| opening.cluster_domain.as_ref(), out);
        environment.target = target.map(|target| make_target(target, trust, cluster));
        if let (None, Some(first)) = (&environment.target, openings.first())
            && !openings.iter().any(|opening| opening.broken)
        {
            out.add(
                Diagnostic::new(
                    Code::MissingSetting,
                    first.name.span,
                    format!("the environment `{name}` does not say what it is rendered for"),
                )
                .help("write the version that runs there: `target istio 1.31`"),
            );
        }
        environment.mtls =
            once(&openings, "mtls", |opening| opening.scope.mtls.as_ref(), out).map(|s| (s.value, s.span));
        environment.authorization =
            once(&openings, "authorization", |opening| opening.scope.authorization.as_ref(), out).cloned();
        environment.injection =
            once(&openings, "injection", |opening| opening.scope.injection.as_ref(), out).map(|s| s.value.clone());
        let facts = Facts {
            sync: once(&openings, "sync", |opening| opening.sync.as_ref(), out).map(|s| s.value),
            prometheus: once(&openings, "prometheus", |opening| opening.prometheus.as_ref(), out)
                .map(|s| s.value.clone()),
            deploy: once(&openings, "deploy", |opening| opening.deploy.as_ref(), out).map(|s| s.value.clone()),
            after: once(&openings, "after", |opening| opening.after.as_ref(), out).map(|s| s.value.clone()),
            settle: once(&openings, "settle", |opening| opening.settle.as_ref(), out).map(|s| s.value),
            freezes: openings.iter().flat_map(|opening| &opening.freezes).map(|freeze| freeze.value).collect(),
        };
        if let Some(after) = once(&openings, "after", |opening| opening.after.as_ref(), &mut Diagnostics::default()) {
            check_after(after, name, names, out);
        }
        for opening in openings {
            environment.take_names(opening, names, out);
            environment.take_overrides(opening, names, out);
            environment.patches.extend(opening.patches.iter().cloned());
        }
        (environment, facts)
    }

    fn take_names(&mut self, opening: &'p EnvironmentDecl, names: &Names, out: &mut Diagnostics) {
        for (from, to) in &opening.namespace_names {
            if !names.namespaces.contains_key(&from.value) && !names.names_missing {
                let known = names.known_namespaces();
                let message = format!("no namespace is named `{}`", from.value);
                let diagnostic = Diagnostic::new(Code::UnknownNamespace, from.span, message);
                out.add(match known.nearest(&from.value) {
                    Some(near) => diagnostic.suggest(format!("did you mean `{near}`?"), from.span, near),
                    None => diagnostic.help(format!("the namespaces are {}", known.list(9))),
                });
                continue;
            }
            if let Some(first) = self.namespaces.get(&from.value) {
                out.add(stated_twice(&format!("namespace {}", from.value), first.span, to.span));
                continue;
            }
            self.namespaces.insert(from.value.clone(), to.clone());
        }
        for (from, to) in &opening.host_names {
            match self.hosts.get(&from.value) {
                Some((first, _)) => out.add(stated_twice(&format!("host {}", from.value), first.span, to.span)),
                None => {
                    self.hosts.insert(from.value.clone(), (to.clone(), from.span));
                }
            }
        }
    }

    fn take_overrides(&mut self, opening: &'p EnvironmentDecl, names: &Names, out: &mut Diagnostics) {
        for service in &opening.services {
            if let Some((namespace, Member::Service(_))) =
                names.overridden(service.namespace.as_ref(), &service.name, true, out)
            {
                self.services.entry((namespace, service.name.value.clone())).or_default().push(service);
            }
        }
        for caller in &opening.callers {
            if let Some((namespace, Member::Caller(_))) =
                names.overridden(caller.namespace.as_ref(), &caller.name, false, out)
            {
                self.callers.entry((namespace, caller.name.value.clone())).or_default().push(caller);
            }
        }
        for gateway in &opening.gateways {
            if names.gateways.contains_key(&gateway.name.value) {
                self.gateways.entry(gateway.name.value.clone()).or_default().push(gateway);
            } else if !names.names_missing {
                out.add(unknown_gateway(&gateway.name, names));
            }
        }
        for namespace in &opening.namespaces {
            if names.namespaces.contains_key(&namespace.name.value) {
                self.namespace_scopes.entry(namespace.name.value.clone()).or_default().push(namespace);
            } else if !names.names_missing {
                let message = format!("no namespace is named `{}`", namespace.name.value);
                let help = "an environment overrides namespaces that are declared outside of it";
                out.add(Diagnostic::new(Code::UnknownNamespace, namespace.name.span, message).help(help));
            }
        }
    }

    /// The name of a namespace in this environment's cluster.
    pub(crate) fn rendered(&self, namespace: &Text) -> Text {
        self.namespaces.get(namespace).map_or_else(|| namespace.clone(), |name| name.value.clone())
    }
}

/// The fault of a gateway that is not declared.
pub(crate) fn unknown_gateway(name: &Spanned<Text>, names: &Names) -> Diagnostic {
    let known = names.known_gateways();
    let diagnostic = Diagnostic::new(Code::UnknownGateway, name.span, format!("no gateway is named `{}`", name.value));
    match known.nearest(&name.value) {
        Some(near) => diagnostic.suggest(format!("did you mean `{near}`?"), name.span, near),
        None if names.gateways.is_empty() => diagnostic.help("declare it with `gateway NAME { … }`"),
        None => diagnostic.help(format!("the gateways are {}", known.list(9))),
    }
}

/// A field that only one opening of a declaration may state.
pub(super) fn once<'p, D, T>(
    openings: &[&'p D],
    what: &str,
    get: impl Fn(&'p D) -> Option<&'p Spanned<T>>,
    out: &mut Diagnostics,
) -> Option<&'p Spanned<T>> {
    let mut stated = openings.iter().filter_map(|opening| get(opening));
    let first = stated.next()?;
    for again in stated {
        out.add(stated_twice(what, first.span, again.span));
    }
    Some(first)
}

fn make_target(target: &Spanned<TargetDecl>, trust: Option<&Spanned<Text>>, cluster: Option<&Spanned<Text>>) -> Target {
    let local = || Text::new_static("cluster.local");
    Target {
        istio: target.value.istio,
        span: target.span,
        profile: target.value.profile,
        trust_domain: trust.map_or_else(local, |domain| domain.value.clone()),
        cluster_domain: cluster.map_or_else(local, |domain| domain.value.clone()),
    }
}

fn check_after(after: &Spanned<Text>, name: &Text, names: &Names, out: &mut Diagnostics) {
    if after.value == *name {
        let message = format!("`{name}` cannot come after itself");
        out.add(Diagnostic::new(Code::UnknownEnvironment, after.span, message).help("name the environment before it"));
    } else if !names.environments.contains_key(&after.value) && !names.names_missing {
        let known = names.environments.keys().map(Text::as_str);
        let message = format!("no environment is named `{}`", after.value);
        let diagnostic = Diagnostic::new(Code::UnknownEnvironment, after.span, message);
        out.add(match suggest::nearest(&after.value, known.clone()) {
            Some(near) => diagnostic.suggest(format!("did you mean `{near}`?"), after.span, near),
            None => diagnostic.help(format!("the environments are {}", suggest::list(known, 9))),
        });
    }
}
