//! The standard library: presets in the language itself, part of the program.

/// The pages, by the name behind `std/`.
pub const PAGES: &[(&str, &str)] = &[
    ("grpc", include_str!("../../../stdlib/grpc.mesh")),
    ("http", include_str!("../../../stdlib/http.mesh")),
    ("canary", include_str!("../../../stdlib/canary.mesh")),
    ("limits", include_str!("../../../stdlib/limits.mesh")),
];

/// The text of a page.
pub fn page(name: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// How a page is shown in diagnostics.
pub fn path(name: &str) -> String {
    format!("<std/{name}>")
}
