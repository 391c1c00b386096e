//! `meshc init`.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use clap::Args;
use meshc_core::diagnostic::Severity;

use super::Session;
use crate::args::Selection;
use crate::disk::mesh_files_below;
use crate::failure::Failure;
use crate::output::{BOLD, GREEN, PLAIN};
use crate::paths::Paths;
use crate::pipeline::{self, Drafted, Goal};
use crate::replace::stage;
use crate::report::{Report, plural};

/// Write a first draft of a project from Kubernetes manifests
///
/// Reads Deployments, StatefulSets, DaemonSets, Jobs, CronJobs, Pods, Services and ServiceAccounts, as they are in a
/// repository or as `kustomize build` and `helm template` print them. The manifests stay where they are and are not
/// changed: the draft reads ports, labels and accounts from them.
///
/// Who calls whom is guessed from addresses in environment variables and arguments, and marked as a guess. What nobody
/// can read from manifests is asked for in a comment. Nothing is ever overwritten.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Name of the mesh [default: the name of the project's folder]
    #[arg(long)]
    name: Option<String>,
    /// Manifests, or folders that hold them
    #[arg(value_name = "MANIFEST", required = true, value_hint = clap::ValueHint::AnyPath)]
    pub(super) manifests: Vec<PathBuf>,
}

/// Reads the manifests, writes the draft, and tells what it is worth.
pub(crate) fn run(session: &Session, args: &InitArgs) -> Result<(), Failure> {
    let read = |error: std::io::Error| Failure::file("read", &session.folder, &error);
    let folder = session.folder.canonicalize().map_err(read)?;
    refuse_project(&folder, &session.folder)?;
    let manifests = manifests(&folder, &args.manifests)?;
    let name = match (&args.name, folder.file_name().and_then(OsStr::to_str)) {
        (Some(name), _) => name.as_str(),
        (None, Some(name)) => name,
        (None, None) => "mesh",
    };
    let drafted = pipeline::draft(name, &manifests);
    let paths = Paths::new(&session.folder);
    if !drafted.findings.is_empty() {
        let report = Report {
            findings: &drafted.findings,
            sources: &drafted.sources,
            paths: paths.clone(),
            mesh: None,
            environments: &[],
        };
        session.output.tell(&report.text(session.format));
    }
    if drafted.findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Failure::Reported);
    }
    if drafted.objects == (0, 0) {
        let text = "nothing was written: the manifests hold no workload and no Service";
        return Err(Failure::Refused(text.to_owned()));
    }
    write(&folder, &drafted)?;
    session.output.success(&told(session, &manifests, &drafted, &paths))?;
    // A draft compiles; what it leaves open shows as warnings, and the first look at these is now.
    let outcome = pipeline::compile(&folder, &Selection { environments: Vec::new(), state: None }, Goal::Check)?;
    let report = Report { paths, ..Report::new(session, &outcome) };
    session.output.tell(&report.text(session.format));
    Ok(())
}

/// A second mesh beside the first would make neither of them valid.
fn refuse_project(folder: &Path, shown: &Path) -> Result<(), Failure> {
    let files = mesh_files_below(folder).map_err(|(path, error)| Failure::file("read", &path, &error))?;
    let Some(first) = files.first() else { return Ok(()) };
    let first = first.strip_prefix(folder).unwrap_or(first);
    Err(Failure::Refused(format!(
        "nothing was written: `{}` has a project already (`{}`); choose another folder with `-C DIR`",
        shown.display(),
        first.display()
    )))
}

/// The manifests with their paths relative to the project's folder, sorted, and their texts.
fn manifests(folder: &Path, named: &[PathBuf]) -> Result<Vec<(String, String)>, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in named {
        let failed = |error: std::io::Error| Failure::file("read", path, &error);
        let real = path.canonicalize().map_err(failed)?;
        if !real.is_dir() {
            files.push(real);
            continue;
        }
        let before = files.len();
        for entry in std::fs::read_dir(&real).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let yaml = file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
            let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if yaml && !hidden && file.is_file() {
                files.push(file);
            }
        }
        if files.len() == before {
            return Err(Failure::Refused(format!(
                "there is no .yaml file in `{}`; folders below it are not searched, name them",
                path.display()
            )));
        }
    }
    files.sort();
    files.dedup();
    let text = |file: &PathBuf| {
        let bytes = std::fs::read(file).map_err(|error| Failure::file("read", file, &error))?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| Failure::Refused(format!("`{}` is not UTF-8 text", file.display())))?;
        Ok((relative(folder, file)?, text))
    };
    files.iter().map(text).collect()
}

/// `file` as seen from `folder`, both without links.
fn relative(folder: &Path, file: &Path) -> Result<String, Failure> {
    let shared = folder.components().zip(file.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(shared).map(|_| Some(".."));
    let down = file.components().skip(shared).map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    let parts: Option<Vec<&str>> = up.chain(down).collect();
    let parts = parts.ok_or_else(|| {
        Failure::Refused(format!("`{}` cannot be named in a project: copy it into its folder", file.display()))
    })?;
    Ok(parts.join("/"))
}

/// All files of the draft, or none.
fn write(folder: &Path, drafted: &Drafted) -> Result<(), Failure> {
    let mut staged = Vec::new();
    for (path, text) in &drafted.draft.files {
        let full = folder.join(path);
        if std::fs::symlink_metadata(&full).is_ok() {
            return Err(Failure::Refused(format!("nothing was written: there is a `{}` already", full.display())));
        }
        let parent = full.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|error| Failure::file("create", parent, &error))?;
        staged.push(stage(&full, text)?);
    }
    staged.into_iter().try_for_each(crate::replace::Staged::create)
}

/// What was found, what was guessed, what to do next.
fn told(session: &Session, manifests: &[(String, String)], drafted: &Drafted, paths: &Paths) -> String {
    let (workloads, services) = drafted.objects;
    let mut text = format!(
        "{BOLD}found{PLAIN} {} and {} in {}\n",
        plural(workloads, "workload", "workloads"),
        plural(services, "Service", "Services"),
        plural(manifests.len(), "manifest", "manifests"),
    );
    for path in drafted.draft.files.keys() {
        text.push_str(&format!("{GREEN}wrote{PLAIN} {}\n", paths.show(path)));
    }
    let count = |mark: &str| drafted.draft.files.values().map(|file| file.matches(mark).count()).sum::<usize>();
    if !drafted.draft.notes.is_empty() {
        text.push('\n');
    }
    for note in &drafted.draft.notes {
        text.push_str(&format!("- {note}\n"));
    }
    let folder = session.folder.display().to_string();
    let meshc = if folder == "." { "meshc".to_owned() } else { format!("meshc -C {folder}") };
    text.push_str(&format!(
        "\n{BOLD}next{PLAIN}\n\
         1. Read the files: {} marked `# guess`, {} `# ?`\n\
         2. {meshc} check\n\
         3. {meshc} render --out DIR\n",
        plural(count("# guess"), "line is", "lines are"),
        plural(count("# ?"), "question stands behind", "questions stand behind"),
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_named_from_the_project() {
        let from = |folder: &str, file: &str| relative(Path::new(folder), Path::new(file)).unwrap();
        assert_eq!(from("/home/me/shop", "/home/me/shop/k8s/a.yaml"), "k8s/a.yaml");
        assert_eq!(from("/home/me/shop", "/home/me/data/a.yaml"), "../data/a.yaml");
        assert_eq!(from("/home/me/shop/mesh", "/home/me/a.yaml"), "../../a.yaml");
    }
}
