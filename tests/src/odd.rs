//! Meshes of odd shapes: thousands of one thing where real meshes have a few. The work on each must grow with its size
//! and not with the square of it; `cargo bench --bench growth` prints how it grows. Some are full of faults, because
//! what is said about a fault takes time too.

mod callers;
mod faults;
mod inventory;
mod layers;
mod names;
mod traffic;

use std::collections::BTreeMap;

/// Texts by path.
pub type Files = BTreeMap<String, String>;

/// What there is many of, and a project with so many of it.
type Named = (&'static str, fn(usize) -> Files);

/// One odd shape.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// What there is many of.
    pub name: &'static str,
    /// A project with so many of it.
    pub make: fn(usize) -> Files,
}

/// Every shape.
pub fn shapes() -> Vec<Shape> {
    let of = |list: &[Named]| list.iter().map(|(name, make)| Shape { name, make: *make }).collect::<Vec<_>>();
    [callers::SHAPES, layers::SHAPES, names::SHAPES, traffic::SHAPES, inventory::SHAPES, faults::SHAPES]
        .into_iter()
        .flat_map(of)
        .collect()
}

/// One file, with a mesh, an environment and a gateway around what is odd.
fn mesh(odd: &str) -> Files {
    mesh_with("", odd)
}

/// The same, with settings of the mesh itself.
fn mesh_with(settings: &str, odd: &str) -> Files {
    let text = format!(
        "mesh odd {{ namespace shop; mtls strict; authorization deny-by-default\n{settings} }}\n\
         environment prod {{ target istio 1.31 }}\n\
         gateway ingress {{ pods edge a=b; service-account edge/gateway; trusted-proxies 1; \
         listen 443 https {{ credential c }} }}\n{odd}"
    );
    Files::from([("odd.mesh".to_owned(), text)])
}

/// So many lines, made from their numbers.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0..count {
        text.push_str(&line(number));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use meshc_core::compile::Compilation;
    use meshc_core::diagnostic::{Diagnostic, Diagnostics, Severity};
    use meshc_core::project;
    use meshc_core::source::Text;
    use meshc_core::state::State;
    use meshc_core::world::MemoryWorld;

    use super::*;

    fn findings(files: Files) -> Vec<Diagnostic> {
        let mut out = Diagnostics::default();
        let project = project::load(&MemoryWorld { files }, &mut out);
        let compilation = Compilation::new(&project, &mut out);
        let environments = compilation.environments();
        for environment in &environments {
            let state = State::read(environment, std::iter::empty::<(&Text, &Text)>(), |_| Ok(None));
            out.append_environment(environment, compilation.render(environment, &state).diagnostics);
        }
        out.into_sorted(&environments)
    }

    /// Shapes with errors; all others are compiled to their end.
    const FAULTY: &[&str] = &[
        "unknown callers",
        "misspelt callers",
        "unknown presets",
        "callers that an environment removes",
        "callers that an environment does not find to remove",
        "environments",
        "settings stated twice",
        "unknown namespaces",
        "namespaces that have one name",
        "services declared twice",
        "unknown gateways",
        "hosts that an environment renames in vain",
        "services that claim one path",
        "patches that find nothing",
        "patches that fail",
        "ports that cannot repeat",
        "unknown RPCs",
        "unknown ports",
        "undeclared workloads",
        "services that select nothing",
        "services without ports",
        "patterns of inventory files",
        "unknown settings",
        "unknown settings on one line",
        "words on one line",
        "missing closing braces",
        "closing braces too many",
        "missing opening braces",
        "unclosed quotes",
        "commas too many",
        "deceiving characters",
        "unknown services of an environment",
        "broken services and what follows",
        "limits on a gateway that does not know its clients",
    ];

    #[test]
    fn shapes_are_faulty_where_they_are_meant_to_be() {
        let mut faulty = Vec::new();
        for Shape { name, make } in shapes() {
            if findings(make(12)).iter().any(|found| found.severity == Severity::Error) {
                faulty.push(name);
            }
        }
        assert_eq!(faulty, FAULTY);
    }
}
