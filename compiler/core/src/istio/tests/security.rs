//! AuthorizationPolicy, PeerAuthentication, Namespace.

use serde_json::{Value, json};

use super::super::testing::{Recorder, grant, mesh, metadata, service};
use crate::model::access::{Grant, Operation, Peer};
use crate::model::target::IstioVersion;
use crate::model::{Authorization, Injection, MtlsMode, PathPattern, Protocol, RawResource, Service};

fn callee(grants: Vec<Grant>) -> Service {
    let mut service = service("callee", &[(80, 8080, Protocol::Http)]);
    service.grants = grants;
    service
}

fn rules(grants: Vec<Grant>) -> Value {
    let recorder = Recorder::render(&mesh(vec![callee(grants)]));
    recorder.get("boutique/callee/authorization-policy.yaml").value["spec"]["rules"].clone()
}

fn rpc(path: &str) -> Operation {
    Operation::Rpc(path.into())
}

fn http(methods: &[&str], path: PathPattern) -> Operation {
    Operation::Http(methods.iter().map(|method| (*method).into()).collect(), path)
}

#[test]
fn callers_with_the_same_rights_share_a_rule() {
    let recorder = Recorder::render(&mesh(vec![callee(vec![
        grant("recommendation", &[8080], vec![]),
        grant("frontend", &[8080], vec![]),
        grant("frontend", &[8080], vec![]),
    ])]));
    assert_eq!(
        recorder.get("boutique/callee/authorization-policy.yaml").value,
        json!({
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": metadata("boutique", "callee"),
            "spec": {
                "action": "ALLOW",
                "rules": [{
                    "from": [{"source": {"serviceAccounts": ["boutique/frontend", "boutique/recommendation"]}}],
                    "to": [{"operation": {"ports": ["8080"]}}],
                }],
                "selector": {"matchLabels": {"app": "callee"}},
            },
        })
    );
}

#[test]
fn nobody_allowed_is_a_policy_without_rules() {
    let recorder = Recorder::render(&mesh(vec![callee(vec![])]));
    assert_eq!(
        recorder.get("boutique/callee/authorization-policy.yaml").value["spec"],
        json!({"action": "ALLOW", "selector": {"matchLabels": {"app": "callee"}}})
    );
}

#[test]
fn operations_of_rpc_and_http() {
    let from = |account: &str| json!([{"source": {"serviceAccounts": [format!("boutique/{account}")]}}]);
    assert_eq!(
        rules(vec![
            grant("b", &[8080], vec![rpc("/shop.Cart/GetCart"), rpc("/shop.Cart/AddItem")]),
            grant(
                "a",
                &[8080],
                vec![
                    http(&["GET", "HEAD"], PathPattern::Below("/reports".into())),
                    http(&["HEAD", "GET"], PathPattern::Exact("/metrics".into())),
                    http(&[], PathPattern::Exact("/health".into())),
                    http(&["POST"], PathPattern::All),
                ],
            ),
        ]),
        json!([
            {
                "from": from("b"),
                "to": [{"operation": {"paths": ["/shop.Cart/AddItem", "/shop.Cart/GetCart"], "ports": ["8080"]}}],
            },
            {
                "from": from("a"),
                "to": [
                    {"operation": {"paths": ["/health"], "ports": ["8080"]}},
                    {"operation": {
                        "methods": ["GET", "HEAD"],
                        "paths": ["/metrics", "/reports", "/reports/*"],
                        "ports": ["8080"],
                    }},
                    {"operation": {"methods": ["POST"], "ports": ["8080"]}},
                ],
            },
        ])
    );
}

#[test]
fn the_order_of_grants_does_not_matter() {
    let grants = vec![
        grant("c", &[8080], vec![rpc("/a/B"), rpc("/a/A")]),
        grant("a", &[8080, 9090], vec![]),
        grant("b", &[8080], vec![rpc("/a/A"), rpc("/a/B")]),
    ];
    let reversed = grants.iter().rev().cloned().collect();
    let got = rules(grants);
    assert_eq!(got.as_array().map(Vec::len), Some(2));
    assert_eq!(got, rules(reversed));
}

#[test]
fn anyone_needs_no_identity_and_takes_the_others_along() {
    let anyone = Grant { peer: Peer::Anyone, ..grant("", &[8080], vec![]) };
    assert_eq!(rules(vec![grant("a", &[8080], vec![]), anyone]), json!([{"to": [{"operation": {"ports": ["8080"]}}]}]));
}

#[test]
fn a_source_has_sixteen_accounts_at_most() {
    let grants = (0..33).map(|n| grant(&format!("sa{n:02}"), &[8080], vec![])).collect();
    let got = rules(grants);
    let sizes: Vec<usize> = got[0]["from"]
        .as_array()
        .unwrap()
        .iter()
        .map(|from| from["source"]["serviceAccounts"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [16, 16, 1]);
    assert_eq!(got[0]["from"][2]["source"]["serviceAccounts"], json!(["boutique/sa32"]));
}

#[test]
fn a_dot_in_a_name_is_matched_letter_by_letter() {
    assert_eq!(
        rules(vec![grant("plain", &[8080], vec![]), grant("with.dot", &[8080], vec![])])[0]["from"],
        json!([
            {"source": {"serviceAccounts": ["boutique/plain"]}},
            {"source": {"principals": ["cluster.local/ns/boutique/sa/with.dot"]}},
        ])
    );
}

#[test]
fn before_1_25_there_are_principals_only() {
    let mut mesh = mesh(vec![callee(vec![grant("frontend", &[8080], vec![])])]);
    mesh.target.istio = IstioVersion::new(24);
    mesh.target.trust_domain = "shop.example.com".into();
    let recorder = Recorder::render(&mesh);
    assert_eq!(
        recorder.get("boutique/callee/authorization-policy.yaml").value["spec"]["rules"][0]["from"],
        json!([{"source": {"principals": ["shop.example.com/ns/boutique/sa/frontend"]}}])
    );
}

#[test]
fn a_dry_run_marks_every_policy() {
    let mut mesh = mesh(vec![callee(vec![])]);
    mesh.authorization = Authorization::DryRun;
    let recorder = Recorder::render(&mesh);
    let marks: Vec<&Value> =
        recorder.of_kind("AuthorizationPolicy").map(|policy| &policy.value["metadata"]["annotations"]).collect();
    assert_eq!(marks, [&json!({"istio.io/dry-run": "true"}); 2]);
    assert!(recorder.get("boutique/peer-authentication.yaml").value["metadata"].get("annotations").is_none());
}

#[test]
fn a_namespace_denies_by_default_and_has_a_mode() {
    let recorder = Recorder::render(&mesh(vec![callee(vec![])]));
    assert_eq!(
        recorder.get("boutique/authorization-policy.yaml").value,
        json!({
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": metadata("boutique", "deny-by-default"),
            "spec": {},
        })
    );
    assert_eq!(
        recorder.get("boutique/peer-authentication.yaml").value,
        json!({
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": metadata("boutique", "default"),
            "spec": {"mtls": {"mode": "STRICT"}},
        })
    );
    assert!(recorder.find("boutique/namespace.yaml").is_none());
    assert!(recorder.find("boutique/callee/peer-authentication.yaml").is_none());
}

#[test]
fn a_workload_that_differs_has_a_mode_of_its_own() {
    let mut differs = service("differs", &[(80, 8080, Protocol::Http), (90, 10090, Protocol::Http)]);
    differs.ports[0].mtls = Some(MtlsMode::Disable);
    differs.ports[1].mtls = Some(MtlsMode::Strict);
    let got = |mode| {
        let mut differs = differs.clone();
        differs.mtls = mode;
        let recorder = Recorder::render(&mesh(vec![differs]));
        recorder.get("boutique/differs/peer-authentication.yaml").value["spec"].clone()
    };
    assert_eq!(
        got(MtlsMode::Permissive),
        json!({
            "mtls": {"mode": "PERMISSIVE"},
            "portLevelMtls": {"10090": {"mode": "STRICT"}, "8080": {"mode": "DISABLE"}},
            "selector": {"matchLabels": {"app": "differs"}},
        })
    );
    assert_eq!(got(MtlsMode::Strict)["portLevelMtls"], json!({"8080": {"mode": "DISABLE"}}));
}

#[test]
fn an_injected_namespace_is_labelled_and_never_pruned() {
    let mut mesh = mesh(vec![callee(vec![])]);
    mesh.namespaces[0].injection = Some(Injection::Revision("1-31".into()));
    mesh.namespaces[0].rendered = "boutique-dev".into();
    let recorder = Recorder::render(&mesh);
    let got = recorder.get("boutique/namespace.yaml");
    assert_eq!(got.head.namespace, "");
    assert_eq!(
        got.value,
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "annotations": {
                    "argocd.argoproj.io/sync-options": "Prune=false",
                    "kustomize.toolkit.fluxcd.io/prune": "disabled",
                },
                "labels": {"app.kubernetes.io/managed-by": "meshc", "istio.io/rev": "1-31"},
                "name": "boutique-dev",
            },
        })
    );
    mesh.namespaces[0].injection = Some(Injection::Enabled);
    let labels = Recorder::render(&mesh).get("boutique/namespace.yaml").value["metadata"]["labels"].clone();
    assert_eq!(labels["istio-injection"], "enabled");
}

#[test]
fn a_namespace_of_callers_is_not_ours() {
    let mut mesh = mesh(vec![]);
    mesh.namespaces[0].injection = Some(Injection::Enabled);
    assert_eq!(Recorder::render(&mesh).paths(), Vec::<String>::new());
}

#[test]
fn raw_resources_pass_through() {
    let value = json!({
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": {"name": "logs", "namespace": "boutique"},
        "spec": {},
    });
    let mut mesh = mesh(vec![callee(vec![])]);
    let raw = RawResource { span: super::super::testing::span(70), value: value.clone() };
    mesh.namespaces[0].services[0].raw = vec![raw.clone()];
    mesh.namespaces[0].raw = vec![raw];
    let recorder = Recorder::render(&mesh);
    for path in ["boutique/telemetry.logs.yaml", "boutique/callee/telemetry.logs.yaml"] {
        let got = recorder.get(path);
        assert_eq!(got.value, value);
        let head = (got.head.kind.as_str(), got.head.name.as_str(), got.head.namespace.as_str());
        assert_eq!(head, ("Telemetry", "logs", "boutique"));
    }
}
