//! `.proto` files to the RPCs that they declare. Names only: messages and imports are not looked at, so that a file is
//! read without those that it imports.

use std::collections::{BTreeMap, BTreeSet};

use prost_types::{FileDescriptorProto, ServiceDescriptorProto};

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, SourceFile, SourceMap, Span, Text};

/// The RPCs of some `.proto` files.
#[derive(Debug, Clone, Default)]
pub struct Rpcs {
    by_name: BTreeMap<Text, RpcService>,
    /// Full names by [`plain`] name.
    by_plain: BTreeMap<String, Vec<Text>>,
    /// Full names of services by the name of an RPC that they have.
    by_method: BTreeMap<Text, BTreeSet<Text>>,
    any_streams: bool,
}

/// A gRPC service.
#[derive(Debug, Clone)]
pub struct RpcService {
    /// With its package: `hipstershop.CartService`.
    pub name: Text,
    /// In the order of the file.
    pub methods: Vec<Rpc>,
    /// The line of its name.
    pub span: Span,
}

/// An RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpc {
    /// `GetCart`.
    pub name: Text,
    /// As it is called on the wire: `/hipstershop.CartService/GetCart`.
    pub path: Text,
    /// The client sends many messages.
    pub client_streaming: bool,
    /// The server sends many messages.
    pub server_streaming: bool,
    /// The line of the `rpc`.
    pub span: Span,
}

/// Adds the services of one `.proto` file. A service that another file declared in the same way counts once.
///
/// Errors: [`Code::InvalidFile`] at the line that cannot be parsed, [`Code::DuplicateDeclaration`] for a service that
/// two files declare differently.
pub fn read(sources: &SourceMap, file: FileId, into: &mut Rpcs, out: &mut Diagnostics) {
    let source = sources.file(file);
    match protox_parse::parse(&source.path, &source.text) {
        Ok(parsed) => {
            let lines = Lines::new(file, source, &parsed);
            let package = parsed.package();
            for (index, service) in parsed.service.iter().enumerate() {
                into.add(read_service(package, service, index, &lines), out);
            }
        }
        Err(error) => {
            // Faults without a place of their own are about the end of the file.
            let end = source.text.trim_end().len();
            let place = error.span().unwrap_or(end.saturating_sub(1)..end);
            // The parser may point into the middle of a character.
            let whole = |at: &usize| source.text.is_char_boundary(*at);
            let start = (0..=place.start).rev().find(whole).unwrap_or(0);
            let stop = (place.end..source.text.len()).find(whole).unwrap_or(source.text.len());
            let span = Span::new(file, start, stop);
            out.add(
                Diagnostic::new(Code::InvalidFile, span, error.to_string())
                    .help("repair the file, or list the RPCs without it: `rpcs pkg.Service A, B`"),
            );
        }
    }
}

impl Rpcs {
    /// Every service, by name.
    pub fn services(&self) -> impl Iterator<Item = &RpcService> + Clone {
        self.by_name.values()
    }

    /// The service with this full name.
    pub fn service(&self, name: &str) -> Option<&RpcService> {
        self.by_name.get(name)
    }

    /// The services that a service of the mesh may be, by its name: without regard to case, `-`, `_` and `service` at
    /// its end, so that `cart-service` and `cart` are both `CartService`. Several packages may have one each.
    pub fn services_of(&self, mesh_service: &str) -> Vec<&RpcService> {
        let names = self.by_plain.get(&plain(mesh_service)).map_or(&[][..], Vec::as_slice);
        names.iter().filter_map(|name| self.by_name.get(name)).collect()
    }

    /// The services with this name, with or without their package.
    pub fn services_named(&self, name: &str) -> impl Iterator<Item = &RpcService> {
        let last = name.rsplit('.').next().unwrap_or(name);
        let full = self.by_plain.get(&plain(last)).into_iter().flatten();
        let alike = full.filter_map(|name| self.by_name.get(name));
        alike.filter(move |service| service.name == name || service.name.rsplit('.').next() == Some(name))
    }

    /// Every RPC with this name, with its service, by the name of that.
    pub fn methods_named(&self, name: &str) -> impl Iterator<Item = (&RpcService, &Rpc)> {
        let services = self.by_method.get(name).into_iter().flatten().filter_map(|service| self.by_name.get(service));
        services.flat_map(move |service| {
            service.methods.iter().filter(move |rpc| rpc.name == name).map(move |rpc| (service, rpc))
        })
    }

    /// Whether any RPC streams.
    pub fn any_streams(&self) -> bool {
        self.any_streams
    }

    fn add(&mut self, service: RpcService, out: &mut Diagnostics) {
        if let Some(first) = self.by_name.get(&service.name) {
            let shape = |service: &RpcService| {
                let one = |rpc: &Rpc| (rpc.name.clone(), rpc.client_streaming, rpc.server_streaming);
                service.methods.iter().map(one).collect::<BTreeSet<_>>()
            };
            if shape(first) != shape(&service) {
                let message = format!("two files declare `{}`, with different RPCs", service.name);
                out.add(
                    Diagnostic::new(Code::DuplicateDeclaration, service.span, message)
                        .label("again here")
                        .related(first.span, "first here")
                        .help("name only one of the files in `protos`"),
                );
            }
            return;
        }
        let own = service.name.rsplit('.').next().unwrap_or(&service.name);
        self.by_plain.entry(plain(own)).or_default().push(service.name.clone());
        for rpc in &service.methods {
            self.by_method.entry(rpc.name.clone()).or_default().insert(service.name.clone());
            self.any_streams |= rpc.client_streaming || rpc.server_streaming;
        }
        self.by_name.insert(service.name.clone(), service);
    }
}

/// A name without what differs between Kubernetes' spelling and protobuf's: `CartService`, `cart-service`, `cart`.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '-' | '_'));
    let lower: String = letters.flat_map(char::to_lowercase).collect();
    match lower.strip_suffix("service") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        Some(_) | None => lower,
    }
}

fn read_service(package: &str, service: &ServiceDescriptorProto, index: usize, lines: &Lines<'_>) -> RpcService {
    let dot = if package.is_empty() { "" } else { "." };
    let name = Text::from(format!("{package}{dot}{}", service.name()));
    let methods = service.method.iter().enumerate().map(|(at, method)| Rpc {
        name: method.name().into(),
        path: format!("/{name}/{}", method.name()).into(),
        client_streaming: method.client_streaming(),
        server_streaming: method.server_streaming(),
        span: lines.of(&[SERVICE, index, METHOD, at]),
    });
    RpcService { methods: methods.collect(), span: lines.of(&[SERVICE, index]), name }
}

/// Field numbers of a descriptor's path (protobuf, descriptor.proto: FileDescriptorProto.service,
/// ServiceDescriptorProto.method).
const SERVICE: usize = 6;
const METHOD: usize = 2;

/// Where the parts of a file stand.
struct Lines<'s> {
    file: FileId,
    text: &'s str,
    /// First byte of each line.
    starts: Vec<usize>,
    /// First line of each part, by its path.
    parts: BTreeMap<Vec<i32>, usize>,
}

impl<'s> Lines<'s> {
    fn new(file: FileId, source: &'s SourceFile, parsed: &FileDescriptorProto) -> Self {
        let text = source.text.as_str();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let locations = parsed.source_code_info.iter().flat_map(|info| &info.location);
        let line = |span: &[i32]| span.first().and_then(|line| usize::try_from(*line).ok());
        let parts = locations.filter_map(|part| Some((part.path.clone(), line(&part.span)?))).collect();
        Self { file, text, starts, parts }
    }

    /// The line on which a part starts, without space and comment around it; the file's start where it is not known.
    fn of(&self, path: &[usize]) -> Span {
        let path: Vec<i32> = path.iter().map(|step| i32::try_from(*step).unwrap_or(-1)).collect();
        let start = self.parts.get(&path).and_then(|line| self.starts.get(*line)).copied().unwrap_or(0);
        let line = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
        let code = line.split("//").next().unwrap_or(line);
        let start = start + (code.len() - code.trim_start().len());
        Span::new(self.file, start, start + code.trim().len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEMO: &str = "\
syntax = \"proto3\";
package hipster.shop;
import \"not/there.proto\";

service CartService {
    rpc AddItem(AddItemRequest) returns (not.there.Empty) {}  // adds
    rpc Watch(stream A) returns (stream B);
    /* multi
       line */ rpc
      GetCart(A) returns (B) { option idempotency_level = NO_SIDE_EFFECTS; }
}

service Ledger { rpc List(A) returns (stream B); }
message A { string user_id = 1; }
";

    fn read_one(texts: &[&str]) -> (SourceMap, Rpcs, Diagnostics) {
        let (mut sources, mut rpcs, mut out) = (SourceMap::default(), Rpcs::default(), Diagnostics::default());
        for (number, text) in texts.iter().enumerate() {
            let file = sources.add(format!("{number}.proto"), text);
            read(&sources, file, &mut rpcs, &mut out);
        }
        (sources, rpcs, out)
    }

    fn names(rpcs: &Rpcs, of: &str) -> Vec<String> {
        rpcs.services_of(of).iter().map(|service| service.name.to_string()).collect()
    }

    #[test]
    fn methods_are_found_by_name_in_every_service() {
        let (_, rpcs, _) = read_one(&[
            "syntax = \"proto3\"; service B { rpc Get(M) returns (M); rpc Put(M) returns (M); } message M {}",
            "syntax = \"proto3\"; package a; service A { rpc Get(M) returns (M); } message M {}",
        ]);
        let found = |name: &str| rpcs.methods_named(name).map(|(_, rpc)| rpc.path.to_string()).collect::<Vec<_>>();
        assert_eq!(found("Get"), ["/B/Get", "/a.A/Get"]);
        assert_eq!(found("Put"), ["/B/Put"]);
        assert_eq!(found("get"), [""; 0]);
        let services =
            |name: &str| rpcs.services_named(name).map(|service| service.name.to_string()).collect::<Vec<_>>();
        assert_eq!(
            (services("a.A"), services("A"), services("B")),
            (vec!["a.A".into()], vec!["a.A".into()], vec!["B".into()])
        );
        assert_eq!((services("a"), services("b.B")), (vec![], vec![]));
        assert!(!rpcs.any_streams());
        assert!(read_one(&[DEMO]).1.any_streams());
    }

    #[test]
    fn services_and_methods_are_read_with_their_lines() {
        let (sources, rpcs, out) = read_one(&[DEMO]);
        assert!(out.is_empty(), "{out:?}");
        let cart = rpcs.service("hipster.shop.CartService").unwrap();
        assert_eq!(sources.text(cart.span), "service CartService {");
        let methods: Vec<_> =
            cart.methods.iter().map(|m| (m.path.as_str(), m.client_streaming, m.server_streaming)).collect();
        let expected = [
            ("/hipster.shop.CartService/AddItem", false, false),
            ("/hipster.shop.CartService/Watch", true, true),
            ("/hipster.shop.CartService/GetCart", false, false),
        ];
        assert_eq!(methods, expected);
        let first = sources.text(cart.methods[0].span);
        assert_eq!(first, "rpc AddItem(AddItemRequest) returns (not.there.Empty) {}");
        assert_eq!(sources.locate(cart.methods[2].span), "0.proto:9:8");
        let ledger = rpcs.service("hipster.shop.Ledger").unwrap();
        assert!(ledger.methods[0].server_streaming && !ledger.methods[0].client_streaming);
        assert_eq!(rpcs.services().count(), 2);
    }

    #[test]
    fn a_mesh_service_finds_its_grpc_service_by_name() {
        let (_, rpcs, _) =
            read_one(&[DEMO, "syntax = \"proto3\"; package b; service Cart_Service {} service Service {}"]);
        let both = ["hipster.shop.CartService", "b.Cart_Service"];
        for name in ["cart", "cartservice", "cart-service", "CART"] {
            assert_eq!(names(&rpcs, name), both, "{name}");
        }
        assert_eq!(names(&rpcs, "ledger-service"), ["hipster.shop.Ledger"]);
        assert_eq!(names(&rpcs, "service"), ["b.Service"]);
        assert!(names(&rpcs, "redis").is_empty() && names(&rpcs, "").is_empty());
    }

    #[test]
    fn without_a_package_the_name_stands_alone() {
        let (_, rpcs, _) = read_one(&["syntax = \"proto3\"; service S { rpc M(A) returns (B); }"]);
        assert_eq!(rpcs.service("S").unwrap().methods[0].path, "/S/M");
    }

    #[test]
    fn a_service_in_two_files_is_one_if_both_agree() {
        let (_, rpcs, out) = read_one(&[DEMO, DEMO]);
        assert!(out.is_empty() && rpcs.services().count() == 2);
        let (sources, _, out) = read_one(&[DEMO, "syntax = \"proto3\"; package hipster.shop; service Ledger {}"]);
        let found = out.iter().next().unwrap();
        assert_eq!((out.len(), found.code, found.related.len()), (1, Code::DuplicateDeclaration, 1));
        assert_eq!(sources.locate(found.primary.span), "1.proto:1:1");
    }

    #[test]
    fn a_fault_is_reported_at_its_line() {
        let (sources, _, out) = read_one(&["syntax = \"proto3\";\nservice A {\n  rpc M(A) return (B);\n}\n"]);
        let found = out.iter().next().unwrap();
        assert_eq!((out.len(), found.code), (1, Code::InvalidFile));
        assert_eq!(sources.locate(found.primary.span), "0.proto:3:12");
        let (sources, _, out) = read_one(&["syntax = \"proto3\";\nservice A {\n\n\n"]);
        assert_eq!(sources.locate(out.iter().next().unwrap().primary.span), "0.proto:2:11");
    }

    #[test]
    fn a_fault_in_the_middle_of_a_character_is_reported_around_it() {
        for text in ["syntax = \"\u{3220}\n", "message \u{3220}", "service A { \"\u{3220}"] {
            let (sources, _, out) = read_one(&[text]);
            for found in out.iter() {
                assert!(sources.file(found.primary.span.file).text.get(found.primary.span.range()).is_some(), "{text}");
            }
            assert_eq!(out.len(), 1, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_any_text_never_panics(text in "\\PC{0,200}") {
            let _ = read_one(&[&text]);
        }

        #[test]
        fn a_broken_file_never_panics(at in 0..DEMO.len(), insert in "[\\PC\n\t]{0,3}", cut in 0..20_usize) {
            let text = format!("{}{insert}{}", &DEMO[..at], &DEMO[(at + cut).min(DEMO.len())..]);
            let (sources, rpcs, out) = read_one(&[&text]);
            let spans = rpcs.services().flat_map(|s| s.methods.iter().map(|m| m.span)).chain(out.iter().map(|d| d.primary.span));
            for span in spans {
                prop_assert!(span.start <= span.end && sources.file(span.file).text.get(span.range()).is_some());
            }
        }
    }
}
