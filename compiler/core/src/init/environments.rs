//! The three environments of a draft: what each cluster must say about itself is asked for.

use std::collections::BTreeSet;

use super::parties::Party;
use super::text::Lines;
use crate::model::target::IstioVersion;
use crate::source::Text;

/// Name and text of each environment.
pub(super) fn environments(parties: &[Party<'_>]) -> Vec<(&'static str, String)> {
    let namespaces: BTreeSet<&Text> = parties.iter().map(|party| party.namespace).collect();
    let about = [
        ("dev", "The development cluster."),
        ("staging", "Where a change is looked at before production."),
        ("prod", "The production cluster."),
    ];
    about.map(|(name, about)| (name, environment(name, about, &namespaces))).into()
}

fn environment(name: &str, about: &str, namespaces: &BTreeSet<&Text>) -> String {
    let mut lines = Lines::default();
    lines.comment(&format!("{about} Settings of services may differ here: `service NAME {{ timeout 30s }}`."));
    lines.line("");
    lines.open(&format!("environment {name}"));
    lines.noted(&format!("target istio {}", IstioVersion::NEWEST), "? assumed: `istioctl version` says it");
    lines.noted("sync   none", "? `argo-cd` or `flux`, if one of them applies the files");
    lines.line("");
    if let Some(namespace) = namespaces.first() {
        lines.comment(&format!("? Where names differ in this cluster: namespace {namespace} as {namespace}-{name}"));
        lines.comment(&format!("? Where manifests differ: inventory \"../overlays/{name}.yaml\""));
    }
    if name != "dev" {
        lines.comment("? Where releases are measured: prometheus \"http://prometheus.monitoring:9090\"");
    }
    if name == "prod" {
        lines.comment("? If a release must have finished elsewhere first: after staging");
        lines.comment("? If the mesh has a trust domain of its own: trust-domain prod.example.com");
        lines.comment("? Where the files go; without it a local repository is made:");
        lines.commented(&[
            "  deploy { repository \"git@git.example.com:team/mesh-deploy.git\"; branch main; folder prod }",
        ]);
    }
    lines.close();
    lines.finish()
}
