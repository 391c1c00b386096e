//! Where a value comes from: `meshc explain prod frontend.timeout` prints every layer that states or removes it, the
//! lowest first, and what holds in the end.

use crate::check::{self, environment::Environment};
use crate::compile::Compilation;
use crate::diagnostic::Diagnostics;
use crate::inventory::Workload;
use crate::lower::declaration::{PresetDecl, ServiceDecl};
use crate::lower::setting::{CallerKey, Change, Field, Layer};
use crate::model::{Mesh, Service};
use crate::resolve::names::Member;
use crate::source::{Span, Spanned, Text};
use crate::state::State;
use crate::suggest;

/// The answer about one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// `boutique/frontend.timeout`.
    pub subject: String,
    /// Who states or removes it, the lowest layer first.
    pub steps: Vec<Step>,
    /// What holds, in words: the value, or what its absence means.
    pub result: String,
}

/// One layer that states or removes a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// "preset `grpc-read`", "service", "environment `prod`", "inventory", "state".
    pub layer: String,
    /// Where; absent for a default.
    pub span: Option<Span>,
    /// The statement as it is written, on one line.
    pub text: String,
    /// It holds: no higher layer replaces or removes it.
    pub holds: bool,
}

/// Explains `SERVICE.SETTING`, `NAMESPACE/SERVICE.SETTING`, or every setting of a service.
///
/// # Errors
///
/// What is wrong with the path or the environment, with the names that would have been right.
pub fn explain(
    compilation: &Compilation<'_>,
    environment: &Text,
    path: &str,
    state: &State,
) -> Result<Vec<Explanation>, String> {
    let base = &compilation.base;
    if !base.names.environments.contains_key(environment) {
        let known = base.names.environments.keys().map(Text::as_str);
        return Err(match suggest::nearest(environment, known.clone()) {
            Some(near) => format!("no environment is named `{environment}`; did you mean `{near}`?"),
            None => format!("no environment is named `{environment}`; there are {}", suggest::list(known, 9)),
        });
    }
    // A version or host in a setting's path may hold dots, a service's name never does.
    let (service, setting) = path.split_once('.').map_or((path, None), |(service, setting)| (service, Some(setting)));
    let (namespace, name) = find(compilation, service)?;
    let declarations = &base.project.declarations;
    let (merged, _) = Environment::merge(environment, declarations, &base.names, &mut Diagnostics::default());
    let Some(Member::Service(index)) = base.names.members.get(&(namespace.clone(), name.clone())) else {
        return Err(format!("`{service}` is a caller and has no settings of calls"));
    };
    let (decl, draft) = check::draft(base, &merged, &namespace, *index, &mut Diagnostics::default())
        .ok_or_else(|| format!("`{service}` is not known"))?;
    let overrides = merged.services.get(&(namespace.clone(), name.clone())).map_or(&[][..], Vec::as_slice);
    let walk = Walk { compilation, environment };
    let mut changes: Vec<(String, &Change)> = Vec::new();
    walk.service(decl, overrides, &mut changes);
    let subject = format!("{namespace}/{name}");
    let checked = compilation.check(environment, state);
    let built = checked.mesh.as_ref().and_then(|mesh| built(mesh, &namespace, &name));
    let mut fields: Vec<(Option<crate::lower::setting::PortKey>, Field)> = Vec::new();
    for (_, change) in &changes {
        let key = (change.key.port, change.key.field.clone());
        if change.value.is_some() && !fields.contains(&key) && asked(&path_of(change), setting) {
            fields.push(key);
        }
    }
    let mut list: Vec<Explanation> = fields
        .into_iter()
        .map(|(port, field)| {
            let of = |change: &&(String, &Change)| {
                change.1.key.port == port
                    && (change.1.key.field == field || change.1.value.is_none() && change.1.key.field.covers(&field))
            };
            let holding =
                draft.entries.iter().find(|entry| entry.key.port == port && same(&entry.key.field, &field, &namespace));
            let steps: Vec<Step> = changes
                .iter()
                .filter(of)
                .map(|(layer, change)| Step {
                    layer: layer.clone(),
                    span: Some(change.span),
                    text: one_line(compilation, change.span),
                    holds: holding.is_some_and(|entry| entry.span == change.span && change.value.is_some()),
                })
                .collect();
            let result = match holding {
                Some(entry) => one_line(compilation, entry.span),
                None => format!("removed: {}", absent(&field)),
            };
            let prefix = port.map(|port| format!("{}.", Field::Port(port).path())).unwrap_or_default();
            Explanation { subject: format!("{subject}.{prefix}{}", field.path()), steps, result }
        })
        .collect();
    if let Some(service) = built {
        let inventory = check::inventory(base.project, &base.names, &merged, &mut Diagnostics::default());
        let mtls = check::default_mtls(base, &merged, &namespace);
        let from = Sources {
            service: inventory.services.get(&(namespace.clone(), name.clone())).map(|kube| kube.span),
            workload: inventory.workloads.values().find(|workload| {
                workload.namespace == namespace
                    && service.selector.iter().all(|(key, value)| workload.labels.get(key) == Some(value))
            }),
            mtls,
            state: format!("state `state/{environment}/{namespace}/{name}.json`"),
            recorded: state.services.contains_key(&(namespace.clone(), name.clone())),
        };
        list.extend(derived(service, &from, &subject, setting, &list));
    }
    if list.is_empty() {
        let setting = setting.unwrap_or_default();
        let known = crate::lower::service::SETTINGS.iter().map(|setting| setting.name);
        let first = setting.split('.').next().unwrap_or_default();
        let Some(field) = default_of(first) else {
            return Err(match suggest::nearest(first, known.clone()) {
                Some(near) if near != first => format!("a service has no setting `{first}`; did you mean `{near}`?"),
                Some(_) => format!("nothing states `{setting}` for `{subject}` in `{environment}`"),
                None => format!("a service has no setting `{first}`; the settings are {}", suggest::list(known, 99)),
            });
        };
        list.push(Explanation { subject: format!("{subject}.{setting}"), steps: Vec::new(), result: field.to_owned() });
    }
    Ok(list)
}

fn built<'m>(mesh: &'m Mesh, namespace: &Text, name: &Text) -> Option<&'m Service> {
    let namespace = mesh.namespaces.iter().find(|known| known.name == *namespace)?;
    namespace.services.iter().find(|service| service.name == *name)
}

fn find(compilation: &Compilation<'_>, service: &str) -> Result<(Text, Text), String> {
    let names = &compilation.base.names;
    let (namespace, name) = match service.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, service),
    };
    let namespace = namespace.map(|namespace| Spanned::new(Text::new(namespace), nowhere()));
    let name = Spanned::new(Text::new(name), nowhere());
    let mut found = Diagnostics::default();
    match names.overridden(namespace.as_ref(), &name, true, &mut found) {
        Some((namespace, _)) => Ok((namespace, name.value)),
        None => {
            let said = found.iter().next();
            let message = said.map_or_else(|| format!("no service is named `{service}`"), |d| d.message.clone());
            let hint = said.and_then(|d| d.suggestion.as_ref().map(|s| s.text.clone()).or(d.help.clone()));
            Err(hint.map_or(message.clone(), |hint| format!("{message}; {hint}")))
        }
    }
}

/// A place for names that come from the command line.
fn nowhere() -> Span {
    Span { file: crate::source::FileId(0), start: 0, end: 0 }
}

fn path_of(change: &Change) -> String {
    let prefix = change.key.port.map(|port| format!("{}.", Field::Port(port).path())).unwrap_or_default();
    format!("{prefix}{}", change.key.field.path())
}

/// Whether a setting's path is what was asked for: itself, or one of its parts.
fn asked(path: &str, setting: Option<&str>) -> bool {
    setting
        .is_none_or(|setting| path == setting || path.strip_prefix(setting).is_some_and(|rest| rest.starts_with('.')))
}

fn same(entry: &Field, field: &Field, namespace: &Text) -> bool {
    match (entry, field) {
        (Field::Allow(CallerKey::Named(Some(of), a), on), Field::Allow(CallerKey::Named(None, b), at)) => {
            of == namespace && a == b && on == at
        }
        (entry, field) => entry == field,
    }
}

/// A statement on one line, without the comment behind it.
fn one_line(compilation: &Compilation<'_>, span: Span) -> String {
    let text = compilation.base.project.sources.text(span);
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or(line));
    let words = lines.filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    words.collect::<Vec<_>>().join(" ")
}

/// Walks the layers of a service from the lowest.
struct Walk<'w, 'p> {
    compilation: &'w Compilation<'p>,
    environment: &'w Text,
}

impl<'p> Walk<'_, 'p> {
    fn service(&self, decl: &'p ServiceDecl, overrides: &[&'p ServiceDecl], into: &mut Vec<(String, &'p Change)>) {
        self.presets(&decl.presets, into);
        push("service", &decl.layer, into);
        for block in overrides {
            self.presets(&block.presets, into);
            push(&format!("environment `{}`", self.environment), &block.layer, into);
        }
    }

    fn presets(&self, names: &'p [Spanned<Text>], into: &mut Vec<(String, &'p Change)>) {
        let presets = &self.compilation.base.project.declarations.presets;
        for name in names {
            let Some(preset) = presets.iter().find(|preset| preset.name.value == name.value) else { continue };
            self.preset(preset, into);
        }
    }

    fn preset(&self, preset: &'p PresetDecl, into: &mut Vec<(String, &'p Change)>) {
        // A cycle was reported by the check; here it must end.
        if into.len() < 10_000 && !preset.parents.iter().any(|parent| parent.value == preset.name.value) {
            self.presets(&preset.parents, into);
        }
        push(&format!("preset `{}`", preset.name.value), &preset.layer, into);
    }
}

fn push<'p>(layer_name: &str, layer: &'p Layer, into: &mut Vec<(String, &'p Change)>) {
    into.extend(layer.changes.iter().map(|change| (layer_name.to_owned(), change)));
}

/// Where values come from that no layer of the service states.
struct Sources<'i> {
    service: Option<Span>,
    workload: Option<&'i Workload>,
    mtls: Option<Span>,
    state: String,
    recorded: bool,
}

/// What inventory, state and defaults decide, where no layer states it.
fn derived(
    service: &Service,
    from: &Sources<'_>,
    subject: &str,
    setting: Option<&str>,
    known: &[Explanation],
) -> Vec<Explanation> {
    let mut list = Vec::new();
    let mut add = |name: &str, layer: &str, span: Option<Span>, result: String| {
        let subject = format!("{subject}.{name}");
        if asked(name, setting) && !known.iter().any(|known| known.subject == subject) {
            let step = Step { layer: layer.to_owned(), span, text: result.clone(), holds: true };
            list.push(Explanation { subject, steps: vec![step], result });
        }
    };
    for (number, index) in service.hosts.first().into_iter().flat_map(|host| &host.ports) {
        let Some(port) = service.ports.get(*index) else { continue };
        let text = format!("port {number} -> {} {}", port.container, port.protocol.name());
        add(&format!("port.{number}"), "inventory", Some(port.span), text);
    }
    let pairs: Vec<String> = service.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let origin = |span: Option<Span>| if span.is_some() { "inventory" } else { "default" };
    add("selector", origin(from.service), from.service, format!("selector {}", pairs.join(" ")));
    let (account, span) = match from.workload {
        Some(workload) => (workload.service_account.clone(), Some(workload.span)),
        None => (service.name.clone(), None),
    };
    add("service-account", origin(span), span, format!("service-account {account}"));
    if let (Some(replicas), Some(workload)) = (service.replicas, from.workload) {
        add("replicas", "inventory", Some(workload.span), format!("replicas {replicas}"));
    }
    if let Some(owner) = &service.owner {
        add("owner", "namespace or mesh", None, format!("owner {owner}"));
    }
    add("mtls", "namespace, mesh or environment", from.mtls, format!("mtls {}", service.mtls.name()));
    if let Some(routing) = &service.routing {
        let layer =
            if from.recorded { from.state.as_str() } else { "default: no recorded state, all on the left version" };
        add("weights", layer, None, routing.summary.clone());
    }
    list
}

/// What the absence of a setting means.
fn absent(field: &Field) -> &'static str {
    let path = field.path();
    default_of(path.split('.').next().unwrap_or_default()).unwrap_or("not set")
}

/// Defaults, where nothing states a setting.
fn default_of(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "timeout" => "no timeout",
        "connect-timeout" => "10s, Istio's own default",
        "idle-timeout" => "1h, Istio's own default",
        "retry" => "no repeats, written as `attempts: 0`",
        "not-idempotent" => "nothing is marked as not idempotent",
        "rate-limit" => "no limit",
        "connection-pool" => "no limits",
        "outlier-detection" => "no ejection",
        "version" | "canary" | "weights" => "one version, no release",
        "expose" => "not reachable from outside",
        "also" => "one Kubernetes Service",
        "raw" => "nothing passes through",
        "replicas" => "not known",
        "owner" => "nobody is named",
        _ => return None,
    })
}
