//! A folder with several projects below it, such as the root of a repository: everything would be declared twice, and
//! none of that is what went wrong.

use std::collections::BTreeMap;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::lower::declaration::{Declarations, MeshDecl, Scope};
use crate::source::SourceMap;

/// So many folders are named; the rest is counted.
const NAMED: usize = 5;

/// The only thing to say where folders declare a `mesh` each, and declarations of which nothing follows.
pub(super) fn several(declarations: &Declarations, sources: &SourceMap) -> Option<(Diagnostic, Declarations)> {
    let mut folders: BTreeMap<&str, &MeshDecl> = BTreeMap::new();
    for mesh in &declarations.meshes {
        let path = &sources.file(mesh.name.span.file).path;
        folders.entry(path.rsplit_once('/').map_or(".", |(folder, _)| folder)).or_insert(mesh);
    }
    let (_, first) = folders.first_key_value().filter(|_| folders.len() > 1)?;
    let message = format!("a project has one `mesh`, and {} folders declare one", folders.len());
    let mut finding = Diagnostic::new(Code::DuplicateDeclaration, first.name.span, message);
    for mesh in folders.values().skip(1).take(NAMED - 1) {
        finding = finding.related(mesh.name.span, "and here");
    }
    let mut names: Vec<String> = folders.keys().take(NAMED).map(|folder| format!("`meshc -C {folder}`")).collect();
    if folders.len() > NAMED {
        names.push(format!("{} more", folders.len() - NAMED));
    }
    let help = "a folder with a `mesh` of its own is a project of its own; choose one";
    let finding = finding.help(format!("{help}: {}", names.join(", ")));
    let mesh = MeshDecl { broken: true, scope: Scope::default(), ..(*first).clone() };
    Some((finding, Declarations { meshes: vec![mesh], ..Declarations::default() }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::compile::Compilation;
    use crate::diagnostic::Diagnostics;
    use crate::world::MemoryWorld;

    #[test]
    fn a_folder_of_projects_is_told_once() {
        let mesh = "mesh shop { namespace shop; mtls strict; authorization deny-by-default }\nservice web { port 80 \
                    http; alow anyone }\nenvironment prod { target istio 1.31 }\n";
        let files = (1..=7).map(|n| (format!("teams/{n}/shop.mesh"), mesh.to_owned())).collect::<BTreeMap<_, _>>();
        let mut out = Diagnostics::default();
        let project = crate::project::load(&MemoryWorld { files }, &mut out);
        let environments = Compilation::new(&project, &mut out).environments();
        let found = out.into_sorted(&environments);
        let messages: Vec<&str> = found.iter().map(|one| one.message.as_ref()).collect();
        assert_eq!(messages, ["a project has one `mesh`, and 7 folders declare one"]);
        let help = found[0].help.as_deref().unwrap();
        assert!(
            help.ends_with(
                "`meshc -C teams/1`, `meshc -C teams/2`, `meshc -C teams/3`, `meshc -C teams/4`, `meshc -C \
                                teams/5`, 2 more"
            ),
            "{help}"
        );
    }

    #[test]
    fn two_of_one_folder_are_a_slip_like_others() {
        let mesh = "mesh shop { namespace shop; mtls strict; authorization deny-by-default }\n";
        let files = ["a", "b"].map(|name| (format!("{name}.mesh"), mesh.to_owned())).into();
        let mut out = Diagnostics::default();
        let project = crate::project::load(&MemoryWorld { files }, &mut out);
        drop(Compilation::new(&project, &mut out));
        let messages: Vec<String> = out.into_sorted(&[]).iter().map(|one| one.message.to_string()).collect();
        assert!(messages.contains(&"a project has one `mesh`".to_owned()), "{messages:?}");
    }
}
