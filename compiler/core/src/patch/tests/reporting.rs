use super::*;

/// What is said of a target that has none of some resources.
fn unmatched(target: &str) -> (Case, Diagnostic) {
    let case = case(&format!("- target: {{{target}}}\n  patch: |\n    - {{op: remove, path: /x}}\n"));
    let heads = [
        head("VirtualService", "shop-prod", "frontend"),
        head("VirtualService", "shop-prod", "cartservice"),
        head("VirtualService", "pay-prod", "ledger"),
        head("DestinationRule", "shop-prod", "frontend"),
    ];
    let mut out = Diagnostics::default();
    case.patches.report(&[], &heads.each_ref(), &mut out);
    let diagnostic = out.iter().next().unwrap().clone();
    assert_eq!(diagnostic.code, Code::PatchMatchesNothing);
    assert_eq!(diagnostic.related[0].span, Span::new(FileId(0), 19, 44));
    (case, diagnostic)
}

#[test]
fn a_target_that_has_nothing_says_what_it_may_have_meant() {
    for (target, help, edit) in [
        ("kind: VirtualService, name: frontned", "did you mean name `frontend`?", Some("frontend")),
        (
            "kind: VirtualService, name: frontend, namespace: shop",
            "did you mean namespace `shop-prod`?",
            Some("shop-prod"),
        ),
        ("kind: VirtualServices, name: ledger", "did you mean kind `VirtualService`?", Some("VirtualService")),
        ("kind: Sidecar, name: ledger", "did you mean kind `VirtualService`?", Some("VirtualService")),
        ("kind: VirtualService, version: v1beta1", "did you mean version `v1`?", Some("v1")),
        (
            "kind: VirtualService, name: billing, namespace: shop-prod",
            "with another name there would be: `cartservice` and `frontend`",
            None,
        ),
        (
            "kind: Sidecar, name: x",
            "no resource has kind `Sidecar`; there is `DestinationRule` and `VirtualService`; no resource has name `x`; there is `cartservice`, `frontend` and `ledger`",
            None,
        ),
        (
            "kind: VirtualService, labelSelector: a=b",
            "3 resources have kind `VirtualService`, but the selector does not hold for any",
            None,
        ),
    ] {
        let (case, diagnostic) = unmatched(target);
        assert_eq!(diagnostic.help.as_deref(), Some(help), "{target}");
        let edits = diagnostic.suggestion.map(|suggestion| suggestion.edits);
        assert_eq!(edits.as_ref().map(|edits| edits[0].1.as_str()), edit, "{target}");
        assert!(case.sources.text(diagnostic.primary.span).starts_with("target"), "{target}");
    }
}

#[test]
fn patches_that_found_something_are_not_reported() {
    let case = case(&entry("- {op: remove, path: /x}"));
    let (head, mut object) = route();
    let failure = case.apply(&head, &mut object).unwrap_err();
    let mut out = Diagnostics::default();
    case.patches.report(&[], &[&head], &mut out);
    assert!(out.is_empty(), "it found a resource, whatever happened then");
    case.patches.report(&[(*failure).clone(), failure.held()], &[&head], &mut out);
    let diagnostic = out.iter().next().unwrap();
    assert_eq!(case.sources.text(diagnostic.primary.span), "/x");
    assert_eq!(out.len(), 1);
    assert_eq!(diagnostic.notes, ["the same on VirtualService `shop/frontend` as it is under a hold"]);
}

#[test]
fn what_fails_everywhere_is_said_once() {
    let case = case(&entry("- {op: remove, path: /x}"));
    let mut failures = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let mut object = serde_json::json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": "n"},
        });
        failures
            .push(case.apply(&head("VirtualService", "n", name), &mut object).map_err(|failure| *failure).unwrap_err());
    }
    let mut out = Diagnostics::default();
    case.patches.report(&failures, &[], &mut out);
    let diagnostic = out.iter().next().unwrap();
    assert_eq!(out.len(), 1);
    assert_eq!(
        diagnostic.message,
        "operation 1 of 1 (`remove /x`) fails on VirtualService `n/a`: the resource has no `x`, only `apiVersion`, `kind` and `metadata`"
    );
    let note = "the same on VirtualService `n/b`, VirtualService `n/c`, VirtualService `n/d`, VirtualService `n/e`, VirtualService `n/f` and 2 more";
    assert_eq!(diagnostic.notes, [note]);
}

#[test]
fn replace_of_a_missing_key_can_be_repaired() {
    let text = entry("- op: replace\n  path: /spec/gateways\n  value: [mesh]");
    let mut case = case(&text);
    let (head, mut object) = route();
    let failure = case.apply(&head, &mut object).unwrap_err();
    case.patches.report(&[*failure], &[&head], &mut case.out);
    assert_eq!(case.repaired(), entry("- op: add\n  path: /spec/gateways\n  value: [mesh]"));
}

#[test]
fn threads_share_patches() {
    let patches = case(&format!(
        "{}{}",
        entry("- {op: remove, path: /spec}"),
        "- target: {name: nobody}\n  patch: |\n    - {op: remove, path: /x}\n"
    ))
    .patches;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (head, mut object) = route();
                patches.apply(&patches.matches(&head), &head, &mut object, &|_| None).unwrap();
            });
        }
    });
    let mut out = Diagnostics::default();
    patches.report(&[], &[], &mut out);
    assert_eq!(out.len(), 1);
}
