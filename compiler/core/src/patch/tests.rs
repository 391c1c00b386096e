//! Whole patch files: what is read, what is applied, what is said.

mod applying;
mod reading;
mod reporting;
mod strategic;

use serde_json::Value;

use super::*;
use crate::bundle::FilePath;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, SourceMap};

/// A patch file at `patches/p.yaml`, other files beside it, and a `.mesh` file that states it.
struct Case {
    sources: SourceMap,
    patches: Patches,
    out: Diagnostics,
}

const FILE: FileId = FileId(1);

fn case_with(text: &str, others: &[(&str, &str)]) -> Case {
    let mut sources = SourceMap::default();
    let stated_in = sources.add("environments/prod.mesh", "environment prod { patch \"../patches/p.yaml\" }");
    assert_eq!(sources.add("patches/p.yaml", text), FILE);
    for (path, text) in others {
        sources.add(format!("patches/{path}"), text);
    }
    let (mut patches, mut out) = (Patches::default(), Diagnostics::default());
    let mut load = |path: &str| sources.find(&format!("patches/{path}"));
    read(&sources, FILE, Span::new(stated_in, 19, 44), &mut load, &mut patches, &mut out);
    Case { sources, patches, out }
}

fn case(text: &str) -> Case {
    case_with(text, &[])
}

/// An entry for every VirtualService with these operations.
fn entry(operations: &str) -> String {
    let operations: String = operations.trim_end().lines().map(|line| format!("    {line}\n")).collect();
    format!("- target:\n    kind: VirtualService\n  patch: |\n{operations}")
}

impl Case {
    /// `code@text where it points: message` for each finding.
    fn findings(&self) -> Vec<String> {
        let shown = |d: &Diagnostic| format!("{}@{}: {}", d.code, self.sources.text(d.primary.span), d.message);
        self.out.iter().map(shown).collect()
    }

    fn only(&self) -> &Diagnostic {
        assert_eq!(self.out.len(), 1, "{:?}", self.findings());
        self.out.iter().next().unwrap()
    }

    /// The text of the patch file once the suggestion is taken.
    fn repaired(&self) -> String {
        let mut text = self.sources.file(FILE).text.clone();
        for (span, edit) in self.only().suggestion.as_ref().expect("a suggestion").edits.iter().rev() {
            assert_eq!(span.file, FILE);
            text.replace_range(span.range(), edit);
        }
        text
    }

    fn apply(&self, head: &Head, object: &mut Value) -> Result<(), Box<Failure>> {
        self.patches.apply(&self.patches.matches(head), head, object, &|_| None)
    }
}

fn head(kind: &str, namespace: &str, name: &str) -> Head {
    Head {
        api_version: "networking.istio.io/v1".into(),
        kind: kind.into(),
        namespace: namespace.into(),
        name: name.into(),
        path: FilePath { namespace: namespace.into(), service: name.into(), file: format!("{kind}.yaml").into() },
        span: Span::new(FileId(0), 0, 0),
    }
}

fn route() -> (Head, Value) {
    let object = serde_json::json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {
            "name": "frontend", "namespace": "shop",
            "labels": {"team": "web"}, "annotations": {"example.com/a": "1"},
        },
        "spec": {"hosts": ["a", "b"], "http": [{"name": "default", "timeout": "3s", "weight": 5}]},
    });
    (head("VirtualService", "shop", "frontend"), object)
}
