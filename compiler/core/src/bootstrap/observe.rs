//! What people look at beside a release: recording rules for Prometheus, a dashboard for Grafana that reads them, and a
//! script for k6 that calls what may be called and what may not.

use serde::Serialize;

use super::{calls, object_name_within};
use crate::model::Mesh;
use crate::template::Templates;

/// The longest `uid` of a dashboard (Grafana 11, pkg/util/shortid_generator.go).
const LONGEST_UID: usize = 40;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Recording rules, as YAML.
    Rules,
    /// A dashboard, as JSON.
    Dashboard,
    /// A script of k6.
    Calls,
}

#[derive(Serialize)]
struct Values<'a> {
    mesh: &'a str,
    environment: &'a str,
    /// Namespaces in the cluster, as an expression that matches each of them.
    namespaces: String,
    /// The dashboard's name in URLs.
    uid: String,
    /// What may be called, by port and account.
    calls: calls::Calls,
}

/// The text for an environment. The error is a sentence that says what is missing, or which template is at fault.
pub fn text(templates: &Templates, what: What, name: &str, mesh: &Mesh) -> Result<String, String> {
    let with_services = mesh.namespaces.iter().filter(|namespace| !namespace.services.is_empty());
    let mut namespaces: Vec<&str> = with_services.map(|namespace| namespace.rendered.as_str()).collect();
    if namespaces.is_empty() {
        return Err(format!("the mesh `{name}` has no service to look at"));
    }
    namespaces.sort_unstable();
    let values = Values {
        mesh: name,
        environment: &mesh.environment,
        // Names of namespaces hold no character that an expression would read as another.
        namespaces: namespaces.join("|"),
        uid: object_name_within(&["mesh", name, &mesh.environment], LONGEST_UID),
        calls: calls::of(mesh),
    };
    let template = match what {
        What::Rules => "promql.yaml",
        What::Dashboard => "grafana.json",
        What::Calls => "k6.js",
    };
    templates.render(template, &values).map_err(|error| error.to_string())
}
