//! Operations as written to operations of the wire: RPC names to full paths, each checked against what is known.

use super::shape::{PortShape, Shape};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::setting::{OperationDecl, OperationKind};
use crate::model::access::Operation;
use crate::model::traffic::NotIdempotent;
use crate::project::Project;
use crate::source::{Span, Spanned, Text};
use crate::suggest;

/// One known RPC.
#[derive(Debug, Clone)]
pub(crate) struct Method {
    /// `pkg.Service`.
    pub(crate) service: Text,
    /// `GetCart`.
    pub(crate) name: Text,
    /// `/pkg.Service/GetCart`.
    pub(crate) path: Text,
    /// Many messages one way or the other.
    pub(crate) streaming: bool,
}

/// The RPCs of one service.
#[derive(Debug, Default)]
pub(crate) struct Methods {
    /// Those of its own gRPC service, by name; else all that its scope knows.
    pub(crate) own: Vec<Method>,
    /// Those of the other gRPC services that its scope knows: it may serve them too, and they are named in full.
    pub(crate) others: Vec<Method>,
    /// Nothing states any RPC.
    pub(crate) unknown: bool,
}

/// The RPCs that `rpcs`, else the `protos` of the service, its namespace or the mesh state.
pub(crate) fn methods(project: &Project, shape: &Shape<'_>, namespace_protos: &[&Spanned<Text>]) -> Methods {
    let mut own: Vec<Method> = Vec::new();
    for (service, names) in &shape.stated.rpcs {
        own.extend(names.iter().map(|name| Method {
            service: (*service).clone(),
            name: name.clone(),
            path: format!("/{service}/{name}").into(),
            streaming: false,
        }));
    }
    if !own.is_empty() {
        return Methods { own, others: Vec::new(), unknown: false };
    }
    let files: Vec<&Spanned<Text>> =
        shape.stated.protos.map_or_else(|| namespace_protos.to_vec(), |files| files.iter().collect());
    let mut others: Vec<Method> = Vec::new();
    for file in files {
        let Some(rpcs) = project.rpcs.get(&file.span) else { continue };
        let of = rpcs.services_of(&shape.decl.name.value);
        for service in rpcs.services() {
            let methods = service.methods.iter().map(|method| Method {
                service: service.name.clone(),
                name: method.name.clone(),
                path: method.path.clone(),
                streaming: method.client_streaming || method.server_streaming,
            });
            let list = if of.iter().any(|name| name.name == service.name) { &mut own } else { &mut others };
            list.extend(methods);
        }
    }
    if own.is_empty() {
        own = std::mem::take(&mut others);
    }
    Methods { unknown: own.is_empty(), own, others }
}

impl Methods {
    /// The method that a name means: `GetCart`, `CartService/GetCart` or `pkg.CartService/GetCart`.
    fn find(&self, name: &str, span: Span, service: &Text, out: &mut Diagnostics) -> Option<&Method> {
        if self.unknown {
            out.add(
                Diagnostic::new(Code::RpcsNotKnown, span, format!("nothing says which RPCs `{service}` has")).help(
                    "name its `.proto` file: `protos \"protos/shop.proto\"`, or list them: `rpcs pkg.Service A, B`",
                ),
            );
            return None;
        }
        let (of, method) = name.rsplit_once('/').map_or((None, name), |(of, method)| (Some(of), method));
        let in_service =
            |known: &Method| of.is_none_or(|of| known.service == of || known.service.rsplit('.').next() == Some(of));
        let named_in_full = self.others.iter().filter(|_| of.is_some());
        let mut found = self.own.iter().chain(named_in_full).filter(|known| known.name == method && in_service(known));
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
                let names = self.own.iter().filter(|known| in_service(known)).map(|known| known.name.as_str());
                let mut diagnostic =
                    Diagnostic::new(Code::UnknownRpc, span, format!("`{service}` has no RPC `{name}`"));
                diagnostic = match suggest::nearest(method, names.clone()) {
                    Some(near) => {
                        let full = of.map_or_else(|| near.to_owned(), |of| format!("{of}/{near}"));
                        diagnostic.suggest(format!("did you mean `{full}`?"), span, full)
                    }
                    None => diagnostic.help(format!("its RPCs are {}", suggest::list(names, 12))),
                };
                out.add(diagnostic);
                None
            }
        }
    }

    /// Whether an RPC of the service streams, with its name.
    pub(crate) fn streaming(&self) -> Option<&Method> {
        self.own.iter().find(|method| method.streaming)
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
    methods: &Methods,
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
                Some(method) => Operation::Rpc(method.path.clone()),
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
    methods: &Methods,
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
                Some(method) => vec![NotIdempotent::Rpc(method.path.clone())],
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
