//! Statements to declarations: words get their meaning by position. Every fault is reported where it stands, and a
//! faulty statement is left out, so that the others keep their meaning.

pub(crate) mod args;
pub mod declaration;
pub mod field;
pub(crate) mod scope;
pub mod service;
pub mod setting;
pub(crate) mod value;

pub use value::duration;

mod access;
mod canary;
mod environment;
mod freeze;
pub(crate) mod lookup;
mod notify;
mod removal;
pub(crate) mod traffic;
mod workload;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Spanned, Text};
use crate::suggest;
use crate::syntax::tree::{File, Statement};
use args::Args;
use declaration::{
    CallerDecl, Declarations, GatewayDecl, MeshDecl, NamespaceDecl, PresetDecl, Scope, ServiceDecl, Use, UseTarget,
};
use scope::{set_once, setting, shared, unknown};

/// Keywords that begin a declaration.
pub const DECLARATIONS: &[&str] =
    &["use", "mesh", "namespace", "service", "caller", "gateway", "preset", "environment"];

/// Keywords that a later version will use.
pub const RESERVED: &[&str] = &["policy", "test", "external"];

/// Lowers one file.
pub fn lower(file: &File, out: &mut Diagnostics) -> Declarations {
    let mut into = Declarations { extents: crate::consequence::extents(file), ..Declarations::default() };
    for statement in &file.statements {
        match statement.keyword() {
            "use" => lower_use(statement, &mut into, out),
            "mesh" => lower_mesh(statement, &mut into, out),
            "namespace" => lower_namespace(statement, &mut into, out),
            "service" => {
                let service = lower_service(statement, None, out);
                into.names_missing |= service.is_none();
                into.services.extend(service);
            }
            "caller" => {
                let caller = lower_caller(statement, None, out);
                into.names_missing |= caller.is_none();
                into.callers.extend(caller);
            }
            "gateway" => {
                let gateway = lower_gateway(statement, out);
                into.names_missing |= gateway.is_none();
                into.gateways.extend(gateway);
            }
            "preset" => lower_preset(statement, &mut into, out),
            "environment" => {
                let environment = environment::lower(statement, out);
                into.names_missing |= environment.is_none();
                into.environments.extend(environment);
            }
            keyword => {
                into.names_missing = true;
                unknown_declaration(keyword, statement, out);
            }
        }
    }
    into
}

fn unknown_declaration(keyword: &str, statement: &Statement, out: &mut Diagnostics) {
    let Some(word) = statement.words.first().filter(|_| !statement.broken) else { return };
    if RESERVED.contains(&keyword) {
        out.add(
            Diagnostic::new(
                Code::ReservedDeclaration,
                word.span,
                format!("`{keyword}` is reserved for a later version"),
            )
            .help("remove the declaration"),
        );
        return;
    }
    let message = format!("expected a declaration, found `{}`", word.text);
    let mut diagnostic = Diagnostic::new(Code::UnknownDeclaration, word.span, message);
    let is_setting = service::SETTINGS.iter().any(|setting| setting.name == keyword);
    diagnostic = match suggest::nearest(&word.text, DECLARATIONS.iter().copied()) {
        Some(near) if !is_setting => diagnostic.suggest(format!("did you mean `{near}`?"), word.span, near),
        _ if is_setting => diagnostic.help(format!("`{keyword}` belongs in the block of a service or preset")),
        _ => diagnostic.help(format!("declarations begin with {}", suggest::list(DECLARATIONS.iter().copied(), 9))),
    };
    out.add(diagnostic);
}

/// A cursor for the head of a declaration.
fn head<'a>(statement: &'a Statement, form: &'a str) -> Args<'a> {
    Args::new(statement, form, Code::MalformedDeclaration)
}

/// The name that a head states.
fn name(args: &mut Args<'_>, what: &str, out: &mut Diagnostics) -> Option<Spanned<Text>> {
    let word = args.take(what, out)?;
    match value::label(&word.text) {
        Ok(name) => Some(Spanned::new(name, word.span)),
        Err(reason) => {
            if !args.statement().broken {
                out.add(Diagnostic::new(Code::InvalidName, word.span, reason));
            }
            None
        }
    }
}

/// `is A, B`.
fn presets(args: &mut Args<'_>, out: &mut Diagnostics) -> Vec<Spanned<Text>> {
    if args.take_keyword("is").is_none() {
        return Vec::new();
    }
    let words = args.take_list("a preset", out).unwrap_or_default();
    words.into_iter().map(|word| Spanned::new(word.text.clone(), word.span)).collect()
}

fn lower_use(statement: &Statement, into: &mut Declarations, out: &mut Diagnostics) {
    let mut args = head(statement, "`use std/grpc, std/http` or `use \"file.mesh\"`");
    let Some(words) = args.take_list("a page of the standard library or a file in quotes", out) else { return };
    args.finish(false, out);
    for word in words {
        let target = match word.text.strip_prefix("std/") {
            Some(page) if !word.quoted => UseTarget::Std(page.into()),
            _ if word.quoted || word.text.ends_with(".mesh") => UseTarget::File(word.text.clone()),
            _ => {
                let message = format!("expected `std/PAGE` or a file in quotes, found `{}`", word.text);
                args.fail(word.span, message, out);
                continue;
            }
        };
        into.uses.push(Use { span: word.span, target });
    }
}

fn lower_mesh(statement: &Statement, into: &mut Declarations, out: &mut Diagnostics) {
    let before = out.len();
    let mut args = head(statement, "`mesh NAME { … }`");
    let Some(name) = name(&mut args, "the name of the mesh", out) else { return };
    args.finish(true, out);
    let mut mesh = MeshDecl {
        name,
        span: statement.head(),
        broken: statement.broken,
        scope: Scope::default(),
        namespace: None,
        root: None,
        requires: None,
    };
    for inner in statement.block.iter().flat_map(|block| &block.statements) {
        if shared(inner, &mut mesh.scope, out) {
            continue;
        }
        match inner.keyword() {
            "namespace" => {
                let mut args = setting(inner, "`namespace shop`");
                if let Some(name) = args.take_as("the name of a namespace", value::label, out) {
                    args.finish(false, out);
                    set_once(&mut mesh.namespace, name, inner.span, "namespace", out);
                }
            }
            "root" => {
                let mut args = setting(inner, "`root \"../..\"`");
                let read = |word: &str| match word.split('/').all(|part| part == "..") {
                    true => Ok(Text::new(word)),
                    false => Err(format!("expected a folder above the project such as `../..`, found `{word}`")),
                };
                if let Some(root) = args.take_as("a folder above the project", read, out) {
                    args.finish(false, out);
                    set_once(&mut mesh.root, root, inner.span, "root", out);
                }
            }
            "requires" => {
                let mut args = setting(inner, "`requires \"0.1\"`");
                let read = |word: &str| match word.split('.').all(|part| part.parse::<u32>().is_ok()) {
                    true => Ok(Text::new(word)),
                    false => Err(format!("expected a version such as `0.1`, found `{word}`")),
                };
                if let Some(version) = args.take_as("a version of the compiler", read, out) {
                    args.finish(false, out);
                    set_once(&mut mesh.requires, version, inner.span, "requires", out);
                }
            }
            _ => {
                let names = [
                    "namespace",
                    "inventory",
                    "protos",
                    "mtls",
                    "authorization",
                    "owner",
                    "injection",
                    "raw",
                    "root",
                    "requires",
                ];
                unknown("a mesh", inner, &names, out);
            }
        }
    }
    mesh.broken |= out.has_errors_since(before);
    into.meshes.push(mesh);
}

fn lower_namespace(statement: &Statement, into: &mut Declarations, out: &mut Diagnostics) {
    let mut args = head(statement, "`namespace NAME { … }`");
    let Some(name) = name(&mut args, "the name of the namespace", out) else {
        into.names_missing = true;
        return;
    };
    args.finish(true, out);
    let mut decl = NamespaceDecl { name: name.clone(), scope: Scope::default() };
    for inner in statement.block.iter().flat_map(|block| &block.statements) {
        match inner.keyword() {
            "service" => {
                let service = lower_service(inner, Some(&name), out);
                into.names_missing |= service.is_none();
                into.services.extend(service);
            }
            "caller" => {
                let caller = lower_caller(inner, Some(&name), out);
                into.names_missing |= caller.is_none();
                into.callers.extend(caller);
            }
            _ => namespace_setting(inner, &mut decl, out),
        }
    }
    into.namespaces.push(decl);
}

fn namespace_setting(statement: &Statement, decl: &mut NamespaceDecl, out: &mut Diagnostics) {
    let here = !matches!(statement.keyword(), "authorization" | "inventory");
    if !(here && shared(statement, &mut decl.scope, out)) {
        let names = ["service", "caller", "owner", "mtls", "injection", "protos", "raw"];
        unknown("a namespace", statement, &names, out);
    }
}

fn lower_service(
    statement: &Statement,
    namespace: Option<&Spanned<Text>>,
    out: &mut Diagnostics,
) -> Option<ServiceDecl> {
    let mut args = head(statement, "`service NAME [is PRESET, …] { … }`");
    let name = name(&mut args, "the name of the service", out)?;
    Some(service_rest(statement, args, namespace.cloned(), name, out))
}

fn service_rest(
    statement: &Statement,
    mut args: Args<'_>,
    namespace: Option<Spanned<Text>>,
    name: Spanned<Text>,
    out: &mut Diagnostics,
) -> ServiceDecl {
    let before = out.len();
    let presets = presets(&mut args, out);
    args.finish(true, out);
    let mut layer = setting::Layer::default();
    if let Some(block) = &statement.block {
        service::lower_settings(block, &mut layer, None, out);
    }
    // What a faulty line would have said is not known, so what seems to be missing may be no fault of its own.
    let broken = statement.broken || out.has_errors_since(before);
    ServiceDecl { namespace, name, presets, layer, span: statement.head(), broken }
}

fn lower_caller(statement: &Statement, namespace: Option<&Spanned<Text>>, out: &mut Diagnostics) -> Option<CallerDecl> {
    let mut args = head(statement, "`caller NAME { … }`");
    let name = name(&mut args, "the name of the caller", out)?;
    Some(caller_rest(statement, args, namespace.cloned(), name, out))
}

fn caller_rest(
    statement: &Statement,
    mut args: Args<'_>,
    namespace: Option<Spanned<Text>>,
    name: Spanned<Text>,
    out: &mut Diagnostics,
) -> CallerDecl {
    args.finish(true, out);
    let mut decl = CallerDecl {
        namespace,
        name,
        account: None,
        no_sidecar: None,
        span: statement.head(),
        broken: statement.broken,
    };
    for inner in statement.block.iter().flat_map(|block| &block.statements) {
        scope::caller(inner, &mut decl, out);
    }
    decl
}

fn lower_gateway(statement: &Statement, out: &mut Diagnostics) -> Option<GatewayDecl> {
    let before = out.len();
    let mut args = head(statement, "`gateway NAME { … }`");
    let name = name(&mut args, "the name of the gateway", out)?;
    args.finish(true, out);
    let mut decl = GatewayDecl::new(name, statement.head(), statement.broken);
    for inner in statement.block.iter().flat_map(|block| &block.statements) {
        scope::gateway(inner, &mut decl, out);
    }
    decl.broken |= out.has_errors_since(before);
    Some(decl)
}

fn lower_preset(statement: &Statement, into: &mut Declarations, out: &mut Diagnostics) {
    let mut args = head(statement, "`preset NAME [is PRESET, …] { … }`");
    let Some(name) = name(&mut args, "the name of the preset", out) else {
        into.names_missing = true;
        return;
    };
    let decl = service_rest(statement, args, None, name, out);
    into.presets.push(PresetDecl { name: decl.name, parents: decl.presets, layer: decl.layer, broken: decl.broken });
}
