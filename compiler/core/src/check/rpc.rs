//! Operations as written to operations of the wire: RPC names to full paths, each checked against what is known.

use std::cell::OnceCell;

use foldhash::HashMap;
use smol_str::format_smolstr;

use super::shape::{PortShape, Shape};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::setting::{OperationDecl, OperationKind};
use crate::model::access::Operation;
use crate::model::traffic::NotIdempotent;
use crate::project::Project;
use crate::protos::{Rpc, RpcService, Rpcs};
use crate::source::{Span, Spanned, Text};
use crate::suggest::{self, Candidates};

/// One known RPC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method<'p> {
    /// `pkg.Service`.
    pub(crate) service: &'p Text,
    /// `GetCart`.
    pub(crate) name: &'p Text,
    /// Many messages one way or the other.
    streaming: bool,
}

impl<'p> Method<'p> {
    fn of(service: &'p RpcService, rpc: &'p Rpc) -> Self {
        Self { service: &service.name, name: &rpc.name, streaming: rpc.client_streaming || rpc.server_streaming }
    }

    /// `/pkg.Service/GetCart`.
    fn path(self) -> Text {
        format_smolstr!("/{}/{}", self.service, self.name)
    }
}

/// Positions of methods by the name of their service, where one is named, and their own.
type ByName<'p> = HashMap<(Option<&'p str>, &'p str), Vec<usize>>;

/// The RPCs of one service.
#[derive(Debug, Default)]
pub(crate) struct Methods<'p> {
    /// Those of its own gRPC services.
    own: Vec<Method<'p>>,
    /// Everything that its scope knows. Where nothing is its own, all of it may be; else it may serve the others too,
    /// and they are named in full. Looked up by name, never walked: a scope may know the RPCs of all services.
    scope: Vec<&'p Rpcs>,
    /// Positions in `own` by name alone, and by the service's name without its package too. Made for the first question.
    by_name: OnceCell<ByName<'p>>,
    /// What a misspelt RPC may mean, likewise.
    known: OnceCell<Candidates>,
}

/// The name of a gRPC service without its package.
fn last(service: &str) -> &str {
    service.rsplit('.').next().unwrap_or(service)
}

/// The RPCs that `rpcs`, else the `protos` of the service, its namespace or the mesh state.
pub(crate) fn methods<'p>(
    project: &'p Project,
    shape: &Shape<'p>,
    namespace_protos: &[&'p Spanned<Text>],
) -> Methods<'p> {
    let stated = shape
        .stated
        .rpcs
        .iter()
        .flat_map(|(service, names)| names.iter().map(|name| Method { service, name, streaming: false }));
    let own: Vec<Method<'p>> = stated.collect();
    if !own.is_empty() {
        return Methods { own, ..Methods::default() };
    }
    let of_service = shape.stated.protos.into_iter().flatten();
    let of_namespace = namespace_protos.iter().copied().filter(|_| shape.stated.protos.is_none());
    let files = of_service.chain(of_namespace);
    let scope: Vec<&'p Rpcs> = files.filter_map(|file| project.rpcs.get(&file.span)).collect();
    let own = scope.iter().flat_map(|rpcs| rpcs.services_of(&shape.decl.name.value));
    let own = own.flat_map(|service| service.methods.iter().map(|rpc| Method::of(service, rpc))).collect();
    Methods { own, scope, ..Methods::default() }
}

impl<'p> Methods<'p> {
    /// Nothing states any RPC.
    fn is_unknown(&self) -> bool {
        self.own.is_empty() && self.scope.iter().all(|rpcs| rpcs.services().next().is_none())
    }

    /// Its own RPCs; all that its scope knows where nothing is its own.
    fn all(&self) -> impl Iterator<Item = Method<'p>> + Clone {
        let scope = self.scope.iter().filter(|_| self.own.is_empty()).flat_map(|rpcs| rpcs.services());
        let of_scope = scope.flat_map(|service| service.methods.iter().map(move |rpc| Method::of(service, rpc)));
        self.own.iter().copied().chain(of_scope)
    }

    /// Its own RPCs of this name; those of one gRPC service where `of` names it, with or without its package.
    fn own_named<'m>(&'m self, name: &'m str, of: Option<&'m str>) -> impl Iterator<Item = Method<'p>> + use<'m, 'p> {
        let by_name = self.by_name.get_or_init(|| {
            let mut by_name = ByName::default();
            for (index, method) in self.own.iter().enumerate() {
                for of in [None, Some(last(method.service))] {
                    by_name.entry((of, method.name)).or_default().push(index);
                }
            }
            by_name
        });
        by_name.get(&(of.map(last), name)).into_iter().flatten().filter_map(|index| self.own.get(*index).copied())
    }

    /// The RPCs that its scope knows by this name, of the gRPC service `of` where that is named. Those of its own are not
    /// among them.
    fn named<'m>(&'m self, name: &'m str, of: Option<&'m str>) -> Box<dyn Iterator<Item = Method<'p>> + 'm> {
        let is_own = |method: &Method<'_>| self.own.iter().any(|own| own.service == method.service);
        let scope = self.scope.iter().copied();
        match of {
            Some(of) => {
                let services = scope.flat_map(move |rpcs| rpcs.services_named(of));
                let methods =
                    services.flat_map(|service| service.methods.iter().map(move |rpc| Method::of(service, rpc)));
                Box::new(methods.filter(move |method| method.name == name && !is_own(method)))
            }
            None if self.own.is_empty() => Box::new(
                scope.flat_map(move |rpcs| rpcs.methods_named(name)).map(|(service, rpc)| Method::of(service, rpc)),
            ),
            None => Box::new(std::iter::empty()),
        }
    }

    /// The method that a name means: `GetCart`, `CartService/GetCart` or `pkg.CartService/GetCart`.
    fn find(&self, name: &str, span: Span, service: &Text, out: &mut Diagnostics) -> Option<Method<'p>> {
        if self.is_unknown() {
            out.add(
                Diagnostic::new(Code::RpcsNotKnown, span, format!("nothing says which RPCs `{service}` has")).help(
                    "name its `.proto` file: `protos \"protos/shop.proto\"`, or list them: `rpcs pkg.Service A, B`",
                ),
            );
            return None;
        }
        let (of, method) = name.rsplit_once('/').map_or((None, name), |(of, method)| (Some(of), method));
        let in_service = |known: &Method<'_>| of.is_none_or(|of| known.service == of || last(known.service) == of);
        let own = self.own_named(method, of).filter(in_service);
        let mut found = own.chain(self.named(method, of));
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            (Some(one), Some(other)) => {
                let message = format!("several gRPC services have an RPC `{method}`");
                out.add(
                    Diagnostic::new(Code::UnknownRpc, span, message)
                        .help(format!("write `{}/{method}` or `{}/{method}`", one.service, other.service)),
                );
                None
            }
            (None, _) => {
                let of_one;
                let names = match of {
                    None => self.known.get_or_init(|| Candidates::new(self.all().map(|known| known.name.as_str()))),
                    Some(_) => {
                        let all = self.all().filter(in_service);
                        of_one = Candidates::new(all.map(|known| known.name.as_str()));
                        &of_one
                    }
                };
                let mut diagnostic =
                    Diagnostic::new(Code::UnknownRpc, span, format!("`{service}` has no RPC `{name}`"));
                diagnostic = match names.nearest(method) {
                    Some(near) => {
                        let full = of.map_or_else(|| near.to_owned(), |of| format!("{of}/{near}"));
                        diagnostic.suggest(format!("did you mean `{full}`?"), span, full)
                    }
                    None => diagnostic.help(format!("its RPCs are {}", names.list(12))),
                };
                out.add(diagnostic);
                None
            }
        }
    }

    /// Whether an RPC of the service streams, with its name.
    pub(crate) fn streaming(&self) -> Option<Method<'p>> {
        let may = !self.own.is_empty() || self.scope.iter().any(|rpcs| rpcs.any_streams());
        if may { self.all().find(|method| method.streaming) } else { None }
    }
}

/// The ports among `candidates` (indices into the shape's) that an operation can arrive on; none is an error.
fn fitting(shape: &Shape<'_>, operation: &OperationDecl, candidates: &[usize], out: &mut Diagnostics) -> Vec<usize> {
    let rpc = matches!(operation.kind, OperationKind::Rpc(_));
    let fits = |port: &PortShape<'_>| port.protocol.is_http() && port.protocol.is_grpc() == rpc;
    let ports: Vec<usize> =
        candidates.iter().copied().filter(|index| shape.ports.get(*index).is_some_and(fits)).collect();
    if ports.is_empty() && !shape.broken {
        let (what, need) = if rpc { ("an RPC", "grpc") } else { ("an HTTP operation", "http") };
        let spoken: Vec<&str> =
            candidates.iter().filter_map(|i| shape.ports.get(*i)).map(|p| p.protocol.name()).collect();
        let message =
            format!("{what} needs a port that speaks `{need}`, and this one speaks {}", suggest::list(spoken, 5));
        let help = match (rpc, candidates.iter().filter_map(|i| shape.ports.get(*i)).any(|p| p.protocol.is_grpc())) {
            (false, true) => "gRPC operations are named by their RPC: `to GetCart`",
            (true, _) => "HTTP operations are written `GET /path`",
            (false, false) => "on a port of bytes a caller is allowed as a whole, without `to`",
        };
        out.add(Diagnostic::new(Code::WrongOperation, operation.span, message).help(help));
    }
    ports
}

/// Operations of an `allow` line, by the port they arrive on.
pub(crate) fn allowed(
    shape: &Shape<'_>,
    methods: &Methods<'_>,
    operations: &[OperationDecl],
    candidates: &[usize],
    out: &mut Diagnostics,
) -> Vec<(usize, Operation)> {
    let mut list = Vec::new();
    for operation in operations {
        let ports = fitting(shape, operation, candidates, out);
        if ports.is_empty() {
            continue;
        }
        let resolved = match &operation.kind {
            OperationKind::Rpc(name) => match methods.find(name, operation.span, &shape.decl.name.value, out) {
                Some(method) => Operation::Rpc(method.path()),
                None => continue,
            },
            OperationKind::Http(verbs, path) => Operation::Http(verbs.clone(), path.clone()),
        };
        list.extend(ports.into_iter().map(|port| (port, resolved.clone())));
    }
    list
}

/// Operations of `not-idempotent`, by the port they arrive on.
pub(crate) fn not_idempotent(
    shape: &Shape<'_>,
    methods: &Methods<'_>,
    operations: &[OperationDecl],
    candidates: &[usize],
    out: &mut Diagnostics,
) -> Vec<(usize, NotIdempotent)> {
    let mut list = Vec::new();
    for operation in operations {
        let ports = fitting(shape, operation, candidates, out);
        if ports.is_empty() {
            continue;
        }
        let resolved: Vec<NotIdempotent> = match &operation.kind {
            OperationKind::Rpc(name) => match methods.find(name, operation.span, &shape.decl.name.value, out) {
                Some(method) => vec![NotIdempotent::Rpc(method.path())],
                None => continue,
            },
            OperationKind::Http(verbs, _) if verbs.is_empty() => {
                out.add(
                    Diagnostic::new(Code::MalformedSetting, operation.span, "expected a method before the path")
                        .help("name the methods that may not be repeated: `not-idempotent POST /cart`"),
                );
                continue;
            }
            OperationKind::Http(verbs, path) => {
                verbs.iter().map(|verb| NotIdempotent::Http(verb.clone(), path.clone())).collect()
            }
        };
        for port in ports {
            list.extend(resolved.iter().cloned().map(|operation| (port, operation)));
        }
    }
    list
}
