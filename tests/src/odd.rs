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
    let of = |list: &[(&'static str, fn(usize) -> Files)]| {
        list.iter().map(|(name, make)| Shape { name, make: *make }).collect::<Vec<_>>()
    };
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
