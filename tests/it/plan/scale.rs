//! A large repository with a small change.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use meshc_core::plan::compare;
use meshc_core::published::{Tree, id_of};

use crate::support::project::Texts;

#[test]
fn one_changed_service_among_30_000_files_costs_a_few_reads() {
    let text = |lines: &str| {
        let services: String = (0..12)
            .map(|index| {
                format!(
                    "service s{index} {{ port 80 -> 8080 http; {} }}\n",
                    if index == 5 { lines } else { "allow none" }
                )
            })
            .collect();
        format!(
            "mesh large {{ namespace shop; mtls strict; authorization deny-by-default }}\n\
             environment prod {{ target istio 1.31 }}\n{services}"
        )
    };
    let render = |text: &str| Texts::named([("large.mesh", text)]).compile();
    let (before, after) = (render(&text("allow none")), render(&text("allow s1; timeout 3s")));
    // Files of other namespaces, which nobody reads.
    let others: BTreeMap<String, [u8; 20]> = (0..30_000)
        .map(|index| (format!("prod/n{}/s{index}/authorization-policy.yaml", index % 100), id_of(&index.to_string())))
        .collect();
    let read = &AtomicUsize::new(0);
    let files = [&before, &after].map(|side| side.rendered["prod"].bundle.files.clone());
    let [old, new] = files.map(|files| {
        let mut ids = others.clone();
        ids.extend(files.iter().map(|(path, text)| (path.clone(), id_of(text))));
        Tree::new(ids, move |path, _| {
            read.fetch_add(1, Ordering::Relaxed);
            files.get(path).map(|text| Cow::Owned(text.clone())).ok_or_else(|| format!("`{path}` was read"))
        })
    });
    let rendered = &after.rendered["prod"];
    let plan = compare(&old, &new, rendered.mesh.as_ref().expect("a mesh"), &rendered.bundle.causes);
    let plan = plan.expect("only what differs is read, and what holds with it");
    assert_eq!(plan.files.len(), 3, "{:?}", plan.files);
    let read = read.load(Ordering::Relaxed);
    assert!(read <= 2 * plan.files.len() + 2, "{read} files were read");
}
