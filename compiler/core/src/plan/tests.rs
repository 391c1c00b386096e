//! What a plan says about edits of a small mesh, line by line.

mod reading;
mod saying;

use std::collections::BTreeMap;

use super::{Plan, compare};
use crate::compile::{Compilation, Rendered};
use crate::diagnostic::Diagnostics;
use crate::project;
use crate::published::{Tree, id_of};
use crate::source::SourceMap;
use crate::state::State;
use crate::world::MemoryWorld;

/// A mesh of two services, a caller and a gateway.
const SHOP: &str = r#"
mesh shop {
  namespace     shop
  mtls          strict
  authorization deny-by-default
}
environment prod { target istio 1.31 }
gateway ingress {
  pods            edge istio=ingress
  service-account edge/ingress
  resource        edge/public
  listener        443
}
caller batch
service web {
  port 80 -> 8080 http
  allow batch
  expose shop.example.com on ingress
  timeout 3s
}
service cart {
  port 7070 grpc
  rpcs shop.Cart Add, Get
  allow web to Get
  version v1
  outlier-detection { consecutive-5xx 3; max-ejected 50% }
}
"#;

/// What a text of a project compiles to, with the texts that spans point into.
pub(super) fn render(text: &str) -> (Rendered, SourceMap) {
    render_with(text, &[], &State::default())
}

pub(super) fn render_with(text: &str, others: &[(&str, &str)], state: &State) -> (Rendered, SourceMap) {
    let mut files = BTreeMap::from([("shop.mesh".to_owned(), text.to_owned())]);
    files.extend(others.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    let mut found = Diagnostics::default();
    let project = project::load(&MemoryWorld { files }, &mut found);
    let compilation = Compilation::new(&project, &mut found);
    let mut rendered = compilation.render(&"prod".into(), state);
    found.append(std::mem::take(&mut rendered.diagnostics));
    let errors: Vec<String> = found.iter().map(|found| found.message.clone()).collect();
    assert!(!found.has_errors(), "{errors:#?}\n{text}");
    (rendered, project.sources)
}

/// What changes between the files of two renderings.
pub(super) fn plan(before: &BTreeMap<String, String>, after: &Rendered) -> Plan {
    let mesh = after.mesh.as_ref().expect("a mesh");
    let (old, new) = (Tree::in_memory(before, id_of), Tree::in_memory(&after.bundle.files, id_of));
    compare(&old, &new, mesh, &after.bundle.causes).expect("files that can be read")
}

/// `KIND SUBJECT: TEXT @LINE` of every change.
pub(super) fn lines(plan: &Plan, sources: &SourceMap) -> Vec<String> {
    let line = |change: &super::Change| {
        let cause = change.cause.map(|span| format!(" @{}", sources.text(span)));
        format!("{} {}: {}{}", change.kind.name(), change.subject, change.text, cause.unwrap_or_default())
    };
    plan.changes.iter().map(line).collect()
}

/// What changes when the text of the shop does.
pub(super) fn edit(edits: &[(&str, &str)]) -> Vec<String> {
    let mut text = SHOP.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from} is not in the text");
        text = text.replace(from, to);
    }
    let (after, sources) = render(&text);
    lines(&plan(&render(SHOP).0.bundle.files, &after), &sources)
}
