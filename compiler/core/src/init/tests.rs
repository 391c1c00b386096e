//! Drafts, as they read.

use super::*;
use crate::code::Code;
use crate::compile::Compilation;
use crate::inventory::read::tests::read_one;
use crate::state::State;
use crate::world::MemoryWorld;

/// A Deployment whose one container has this `env`.
fn deployment(name: &str, account: &str, env: &[(&str, &str)]) -> String {
    let env: String = env.iter().map(|(name, value)| format!("{{name: {name}, value: {value:?}}}, ")).collect();
    let spec = format!("{{serviceAccountName: {account}, containers: [{{name: server, env: [{env}]}}]}}");
    let pod = format!("{{metadata: {{labels: {{app: {name}}}}}, spec: {spec}}}");
    format!("---\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{template: {pod}}}\n")
}

/// A Service on the pods of the Deployment `app`.
fn service(name: &str, app: &str, kind: &str, port: &str) -> String {
    let spec = format!("{{type: {kind}, selector: {{app: {app}}}, ports: [{port}]}}");
    format!("---\nkind: Service\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn drafted(manifests: &[String]) -> Draft {
    let (inventory, out) = read_one(&manifests.concat());
    assert!(out.is_empty(), "{out:?}");
    draft(&inventory, &["k8s/a.yaml".into(), "k8s/b.yaml".into()], &Options { name: "shop".into() })
}

/// The mesh's file from its first caller or service on.
fn parties_of(draft: &Draft) -> &str {
    let text = &draft.files["shop.mesh"];
    let start = ["\ncaller ", "\nservice ", "\nnamespace "].iter().filter_map(|word| text.find(word)).min().unwrap();
    &text[start + 1..]
}

fn shop() -> Vec<String> {
    vec![
        deployment(
            "web",
            "web",
            &[("CATALOG_ADDR", "catalog:3550"), ("CART_URL", "http://cart"), ("ADS_ADDR", "ads:80")],
        ),
        service("web", "web", "ClusterIP", "{name: http, port: 80, targetPort: 8080}"),
        service("web-external", "web", "LoadBalancer", "{name: http, port: 80, targetPort: 8080}"),
        deployment("catalog", "catalog", &[("LEDGER_URL", "https://ledger.example.com/v1")]),
        service("catalog", "catalog", "ClusterIP", "{name: grpc, port: 3550}"),
        deployment(
            "cart",
            "default",
            &[("CATALOG_ADDR", "catalog:3550"), ("REDIS_ADDR", "redis://u:hunter2@cart-db:6379")],
        ),
        service("cart", "cart", "ClusterIP", "{name: http, port: 80}"),
        deployment("cart-db", "default", &[]),
        service("cart-db", "cart-db", "ClusterIP", "{name: tcp-redis, port: 6379}"),
        deployment("load", "load", &[("WEB_ADDR", "web:80")]),
        deployment("idle", "idle", &[]),
        service("idle", "idle", "ClusterIP", "{name: metrics, port: 9000, targetPort: 9090}"),
    ]
}

#[test]
fn a_shop_is_drafted_with_its_guesses_and_questions() {
    let draft = drafted(&shop());
    let expected = "\
caller load                                # a Deployment without a Service

service cart {
  allow web                                # guess: from CART_URL
  # Runs under the account `default`, as `cart-db`: who allows one of them admits all. Give it a ServiceAccount of its
  # own.
  # ? is http-page, http-api, http-read or http-batch; not-idempotent POST /path, …
}

service cart-db {
  allow cart                               # guess: from REDIS_ADDR
  # Runs under the account `default`, as `cart`: who allows one of them admits all. Give it a ServiceAccount of its own.
}

service catalog {
  allow cart, web                          # guess: from CATALOG_ADDR
  # ? is grpc-read, grpc-write or grpc-batch; not-idempotent RPC, …
}

service idle {
  # ? nothing says what port 9000 of the Service `idle` speaks: write `appProtocol: http`, `grpc` or `tcp` into its
  # manifest
  allow none                               # ? nobody seems to call it: who does?
}

service web {
  also  web-external
  # `web-external` is a LoadBalancer: it sends plaintext from outside straight to these pods, and who comes in plaintext
  # has no identity. Strict mTLS would cut it off. Better: declare the gateway above, `expose HOST on ingress` here,
  # make the Service a ClusterIP, remove `mtls`, and allow callers by name.
  mtls  permissive
  allow anyone                             # guess: in the mesh `load`
  # ? is http-page, http-api, http-read or http-batch; not-idempotent POST /path, …
}

# Addresses of services that are not in the manifests: are their manifests missing?
#   ads:80, from ADS_ADDR of `web`

# Addresses outside of the cluster.
#   ledger.example.com:443, from LEDGER_URL of `catalog`
";
    same_lines(parties_of(&draft), expected);
    assert_eq!(
        draft.notes,
        [
            "nothing says what port 9000 of the Service `idle` speaks",
            "`web` gets `mtls permissive` and `allow anyone`, because the LoadBalancer `web-external` has no gateway before it",
            "ADS_ADDR of `web` leads to `ads:80`, which is not in the manifests",
        ]
    );
    let all: String = draft.files.values().chain(&draft.notes).cloned().collect();
    assert!(!all.contains("hunter2"));
}

/// Compares line by line, so that a failure shows the line.
fn same_lines(found: &str, expected: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{found}");
}

#[test]
fn manifests_above_the_project_need_a_boundary() {
    let (inventory, _) = read_one(&shop().concat());
    let options = Options { name: "shop".into() };
    let page = |paths: &[&str]| {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        draft(&inventory, &paths, &options).files["shop.mesh"].clone()
    };
    assert!(page(&["../../data/a.yaml", "../b.yaml"]).contains("\n  root          \"../..\""));
    assert!(!page(&["k8s/a.yaml"]).contains("root"));
}

#[test]
fn the_mesh_names_its_manifests_and_uses_what_it_speaks() {
    let draft = drafted(&shop());
    let text = &draft.files["shop.mesh"];
    assert!(
        text.contains("use std/grpc, std/http\n\nmesh shop {\n  namespace     shop\n  inventory     \"k8s/*.yaml\"\n")
    );
    assert!(text.contains("# gateway ingress {\n#   pods"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 125 && !line.ends_with(' ')), "{text}");
    let tcp = drafted(&[deployment("db", "db", &[]), service("db", "db", "ClusterIP", "{name: tcp, port: 5432}")]);
    assert!(!tcp.files["shop.mesh"].contains("std/"));
}

#[test]
fn a_draft_compiles_without_a_finding() {
    let manifests: Vec<String> =
        shop().into_iter().map(|text| text.replace("name: metrics", "name: http-metrics")).collect();
    let mut world = MemoryWorld { files: drafted(&manifests).files };
    world.files.insert("k8s/a.yaml".into(), manifests.concat());
    let mut out = Diagnostics::default();
    let project = crate::project::load(&world, &mut out);
    let compilation = Compilation::new(&project, &mut out);
    assert_eq!(compilation.environments(), ["dev", "prod", "staging"]);
    for environment in compilation.environments() {
        out.append(compilation.check(&environment, &State::default()).diagnostics);
    }
    // Two accounts are shared, as the draft says in its comments.
    out.retain(|found| found.code != Code::SharedAccount);
    assert!(out.is_empty(), "{out:?}");
}

#[test]
fn there_are_three_environments() {
    let draft = drafted(&shop());
    let paths: Vec<&str> = draft.files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["environments/dev.mesh", "environments/prod.mesh", "environments/staging.mesh", "shop.mesh"]);
    for name in ["dev", "staging", "prod"] {
        let text = &draft.files[&format!("environments/{name}.mesh")];
        assert!(text.contains(&format!("\nenvironment {name} {{\n  target istio 1.31 ")), "{text}");
        assert!(text.contains(&format!("namespace shop as shop-{name}")), "{text}");
    }
}

#[test]
fn several_namespaces_get_a_block_each() {
    let (web, api) = (deployment("web", "web", &[("API_ADDR", "api.pay:80")]), deployment("api", "api", &[]));
    let service = service("api", "api", "ClusterIP", "{name: http, port: 80}");
    let within = |text: String, namespace: &str| {
        text.replacen("metadata: {", &format!("metadata: {{namespace: {namespace}, "), 1)
    };
    let draft = drafted(&[web, within(api, "pay"), within(service, "pay")]);
    let expected = "\
namespace pay {
  # ? owner @team

  service api {
    allow shop/web                         # guess: from API_ADDR
    # ? is http-page, http-api, http-read or http-batch; not-idempotent POST /path, …
  }
}

namespace shop {
  # ? owner @team

  caller web                               # a Deployment without a Service
}
";
    same_lines(parties_of(&draft), expected);
    // Objects without a namespace are in the one of the mesh's name.
    assert!(draft.files["shop.mesh"].contains("  namespace     shop\n"));
}

#[test]
fn what_cannot_be_declared_is_told() {
    let draft = drafted(&[
        service("nobody", "nobody", "ClusterIP", "{name: http, port: 80}"),
        deployment("x", "x", &[]),
        service("dns", "x", "ClusterIP", "{port: 53, protocol: UDP}"),
        "---\nkind: Service\nmetadata: {name: out}\nspec: {type: ExternalName, externalName: a.example.com}\n".into(),
        "---\nkind: Service\nmetadata: {name: manual}\nspec: {ports: [{port: 80}]}\n".into(),
    ]);
    assert_eq!(parties_of(&draft), "caller x                                   # a Deployment without a Service\n");
    let expected = [
        "Service `dns` has no TCP port, so it is not declared",
        "Service `manual` selects no pods by itself, so it is not declared",
        "Service `nobody` selects no workload of the manifests, so it is not declared",
        "Service `out` is a name in DNS only, so it is not declared",
    ];
    assert_eq!(draft.notes, expected);
}

#[test]
fn a_service_of_one_version_is_not_declared_beside_that_of_all() {
    let pods = |name: &str, version: &str| {
        let labels = format!("{{app: reviews, version: {version}}}");
        format!(
            "---\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{template: {{metadata: {{labels: {labels}}}}}}}\n"
        )
    };
    let one = "---\nkind: Service\nmetadata: {name: reviews-v1}\nspec: {selector: {app: reviews, version: v1}, ports: [{port: 80}]}\n";
    let all = service("reviews", "reviews", "ClusterIP", "{name: http, port: 80}");
    let draft = drafted(&[pods("reviews-v1", "v1"), pods("reviews-v2", "v2"), one.into(), all]);
    let text = parties_of(&draft);
    assert!(text.starts_with("service reviews {\n  # Service `reviews-v1` selects some of these pods only"), "{text}");
    assert!(!text.contains("service reviews-v1"));
}

#[test]
fn callers_that_share_a_name_stay_apart() {
    let job = "---\nkind: CronJob\nmetadata: {name: api}\nspec: {jobTemplate: {spec: {template: {spec: {serviceAccountName: nightly}}}}}\n";
    let odd = "---\nkind: Pod\nmetadata: {name: a.b}\nspec: {serviceAccountName: odd}\n";
    let api = [deployment("api", "api", &[]), service("api", "api", "ClusterIP", "{name: http, port: 80}")];
    let draft = drafted(&[api.concat(), job.into(), odd.into()]);
    let expected = "\
caller a-b {
  service-account odd
}

# The account of the CronJob `api`, which has no Service.
caller api-cronjob {
  service-account nightly
}

service api {";
    assert!(parties_of(&draft).starts_with(expected), "{}", parties_of(&draft));
}

#[test]
fn a_caller_without_a_sidecar_is_not_allowed_by_name() {
    let bare = "---\nkind: Pod\nmetadata: {name: probe}\nspec: {hostNetwork: true, containers: [{name: c, args: [--addr=api:80]}]}\n";
    let api = [deployment("api", "api", &[]), service("api", "api", "ClusterIP", "{name: http, port: 80}")];
    let draft = drafted(&[bare.into(), api.concat()]);
    let text = parties_of(&draft);
    assert!(
        text.contains("  # `probe` has an address of `api` and no sidecar") && text.contains("  allow none"),
        "{text}"
    );
    assert_eq!(draft.notes.len(), 1);
}

#[test]
fn text_of_manifests_stays_in_comments() {
    let (mut inventory, _) = read_one(&deployment("x", "x", &[("A_ADDR", "ads:80")]));
    let workload = inventory.workloads.values_mut().next().unwrap();
    workload.env[0].name = "A\n}\nservice evil { allow anyone }\n_ADDR".into();
    let draft = draft(&inventory, &["a\".yaml".into()], &Options { name: "Sh op".into() });
    let text = &draft.files["sh-op.mesh"];
    assert!(text.lines().all(|line| !line.trim_start().starts_with("service")), "{text}");
    assert!(text.contains(r#"inventory     "a\".yaml""#), "{text}");
}

#[test]
fn nothing_gives_an_empty_mesh() {
    let draft = draft(&Inventory::default(), &[], &Options { name: "shop".into() });
    assert!(draft.files["shop.mesh"].contains("mesh shop {\n  namespace     shop\n  mtls          strict\n"));
    assert!(draft.notes.is_empty());
}
