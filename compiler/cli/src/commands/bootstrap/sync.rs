//! `meshc bootstrap sync`.

use std::path::PathBuf;

use clap::Args;
use meshc_core::bootstrap::sync::{Emptied, Request, manifests};

use meshc_core::suggest;

use super::place::{File, write};
use super::{Overwrite, Session, compiled, templates};
use crate::failure::Failure;
use crate::pipeline::Rendering;

/// Print or write the manifests that make Argo CD or Flux apply the published files
///
/// One Application or Kustomization for each namespace, for the engine that the environment names with `sync`. Apply
/// them once, and again when a namespace comes or goes. Secrets are named in them, and never made.
#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    /// Choose an environment; may be given several times [default: all that something applies]
    #[arg(short, long = "env", value_name = "ENV")]
    environments: Vec<String>,
    /// Write DIR/ENV.yaml for each environment; without it, those of one environment are printed
    #[arg(short, long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) out: Option<PathBuf>,
    /// Namespace of the sync engine [default: argocd, or flux-system]
    #[arg(long, value_name = "NAMESPACE")]
    engine_namespace: Option<String>,
    /// Name under which Argo CD knows the cluster
    #[arg(long, value_name = "NAME", default_value = "in-cluster")]
    cluster: String,
    /// Let a namespace be emptied; may be given several times
    ///
    /// For one that is no longer declared, or before an uninstall. Its folder in the deploy repository then lists
    /// nothing, and Argo CD refuses to empty an Application unless it says `allowEmpty`, which is what this writes.
    /// Delete the Application or Kustomization when it is empty. Write NAME=IN-CLUSTER where the environment gives the
    /// namespace another name.
    #[arg(long, value_name = "NAMESPACE", value_parser = emptied)]
    allow_empty: Vec<Emptied>,
    #[command(flatten)]
    overwrite: Overwrite,
}

/// `NAME` or `NAME=IN-CLUSTER`.
fn emptied(text: &str) -> Result<Emptied, String> {
    let (name, rendered) = text.split_once('=').unwrap_or((text, text));
    let label = |text: &str| {
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        plain && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
    };
    if !label(name) || !label(rendered) {
        return Err("expected the name of a namespace, or NAME=IN-CLUSTER".to_owned());
    }
    Ok(Emptied { name: name.to_owned(), rendered: rendered.to_owned() })
}

/// Prints or writes them.
pub(super) fn run(session: &Session, args: &SyncArgs) -> Result<(), Failure> {
    let outcome = compiled(session, &args.environments)?;
    let templates = templates(session)?;
    let mesh = outcome.mesh.as_deref().unwrap_or("mesh");
    let mut texts: Vec<(&Rendering, String)> = Vec::new();
    let mut refusals = Vec::new();
    for rendering in &outcome.renderings {
        let request = Request {
            mesh,
            environment: &rendering.environment,
            folder: &rendering.folder,
            facts: &rendering.facts,
            bundle: &rendering.bundle,
            engine_namespace: args.engine_namespace.as_deref(),
            cluster: &args.cluster,
            emptied: &args.allow_empty,
        };
        match manifests(&templates, &request) {
            Ok(text) => texts.push((rendering, text)),
            Err(why) => refusals.push(why),
        }
    }
    // Of all environments, those that can be; of those that were named, each.
    if let Some(why) = refusals.first().filter(|_| texts.is_empty() || !args.environments.is_empty()) {
        return Err(Failure::Refused(why.clone()));
    }
    let Some(folder) = &args.out else {
        // Each goes to a cluster of its own: printed in one stream, all would be applied to one.
        return match texts.as_slice() {
            [(_, text)] => session.output.result(text),
            _ => Err(Failure::Usage(format!(
                "there are {} environments ({}): write them to a folder with `--out DIR`, or choose one with `--env ENV`",
                texts.len(),
                suggest::list(texts.iter().map(|(rendering, _)| rendering.environment.as_str()), 12)
            ))),
        };
    };
    let file = |(rendering, text): (&Rendering, String)| File {
        path: folder.join(format!("{}.yaml", rendering.environment)),
        text,
        executable: false,
    };
    let files: Vec<File> = texts.into_iter().map(file).collect();
    write(session, &files, args.overwrite)?;
    for why in refusals {
        session.output.tell(&format!("not written: {why}\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_may_have_another_name_in_the_cluster() {
        let pair = |text: &str| emptied(text).map(|one| (one.name, one.rendered));
        assert_eq!(pair("legacy"), Ok(("legacy".to_owned(), "legacy".to_owned())));
        assert_eq!(pair("legacy=legacy-dev"), Ok(("legacy".to_owned(), "legacy-dev".to_owned())));
        assert!(pair("../x").is_err() && pair("a=").is_err() && pair("").is_err());
    }
}
