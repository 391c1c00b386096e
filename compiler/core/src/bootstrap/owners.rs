//! CODEOWNERS: whom a host asks for a review, from `owner @team` in the sources. The same form is read by GitHub and by
//! GitLab; the last line that matches a file counts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::Mesh;
use crate::template::Templates;

/// Characters that stay as they are in a pattern. A space would end it, the others are wildcards or marks of GitLab's
/// sections.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '+' | '@' | '~' | ',')
}

#[derive(Serialize)]
struct Values {
    /// For the deploy repository.
    deploy: bool,
    lines: Vec<Line>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    pattern: String,
    owners: String,
}

/// CODEOWNERS of the source repository: the files that declare services, each with the owners of the services in it.
/// `file_of` gives the path of a service's file from the root of that repository; nothing for a file outside.
pub fn of_sources(
    templates: &Templates,
    meshes: &[&Mesh],
    file_of: impl Fn(crate::source::Span) -> Option<String>,
) -> Result<String, String> {
    let mut files: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for service in meshes.iter().flat_map(|mesh| &mesh.namespaces).flat_map(|namespace| &namespace.services) {
        let (Some(owner), Some(file)) = (&service.owner, file_of(service.span)) else { continue };
        files.entry(file).or_default().insert(owner);
    }
    if files.is_empty() {
        return Err("no service has an owner: write `owner @team` in the mesh, a namespace or a service".to_owned());
    }
    let lines = files.into_iter().map(|(file, owners)| line(&format!("/{file}"), owners)).collect::<Result<_, _>>()?;
    write(templates, &Values { deploy: false, lines })
}

/// CODEOWNERS of the deploy repository: each service's folder has its owner, states and rollbacks have the release
/// managers. `environments` are the folder and the mesh of each.
pub fn of_deploy(
    templates: &Templates,
    environments: &[(&str, &Mesh)],
    release_managers: &[String],
) -> Result<String, String> {
    let mut lines: Vec<Line> = Vec::new();
    for (folder, mesh) in environments {
        for namespace in &mesh.namespaces {
            for service in &namespace.services {
                let Some(owner) = &service.owner else { continue };
                let pattern = format!("/{folder}/{}/{}/", namespace.name, service.name);
                lines.push(line(&pattern, BTreeSet::from([owner.as_str()]))?);
            }
        }
    }
    lines.sort();
    // Behind the others, so that they count.
    for (folder, _) in environments {
        for of in ["rollback", "state"] {
            lines.push(line(&format!("/{of}/{folder}/"), release_managers.iter().map(String::as_str).collect())?);
        }
    }
    write(templates, &Values { deploy: true, lines })
}

fn line(pattern: &str, owners: BTreeSet<&str>) -> Result<Line, String> {
    if !pattern.chars().all(is_plain) {
        return Err(format!(
            "`{pattern}` cannot be named in CODEOWNERS: it has a space or a wildcard; rename the file"
        ));
    }
    let owners: Vec<&str> = owners.into_iter().collect();
    Ok(Line { pattern: pattern.to_owned(), owners: owners.join(" ") })
}

fn write(templates: &Templates, values: &Values) -> Result<String, String> {
    templates.render("codeowners", values).map_err(|error| error.to_string())
}
