//! The evaluator against Istio's documented semantics, on policies that a person can check.

use serde::Deserialize as _;
use yaml_serde::Value;

use super::evaluate::{Answer, Cluster, Identity, Request};
use super::policy::{Labels, Mode};

const BASELINE: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-by-default, namespace: shop}
spec: {}
";
const STRICT: &str = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
";

fn read(documents: &[&str], minor: u32) -> Result<Cluster, String> {
    let read =
        |text: &&str| yaml_serde::Deserializer::from_str(text).map(|one| Value::deserialize(one).unwrap()).collect();
    let values: Vec<Value> = documents.iter().flat_map(|text| -> Vec<Value> { read(text) }).collect();
    Cluster::of(&values, "prod.example.com", minor)
}

fn cluster(documents: &[&str]) -> Cluster {
    read(documents, 31).unwrap()
}

/// A policy on the pods of `web`.
fn policy(action: &str, rules: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: web, namespace: shop}}\n\
         spec: {{selector: {{matchLabels: {{app: web}}}}, action: {action}, rules: {rules}}}\n"
    )
}

fn labels(app: &str) -> Labels {
    Labels::from([("app".to_owned(), app.to_owned()), ("version".to_owned(), "v1".to_owned())])
}

fn of(namespace: &str, account: &str) -> Option<Identity> {
    Some(Identity::new("prod.example.com", namespace, account))
}

/// A request to `web` in `shop`.
fn ask(cluster: &Cluster, identity: Option<Identity>, port: u16, http: Option<(&str, &str)>) -> Answer {
    cluster.sidecar("shop", &labels("web")).answer(&Request { identity: identity.as_ref(), port, http })
}

fn get(cluster: &Cluster, identity: Option<Identity>, path: &str) -> Answer {
    ask(cluster, identity, 8080, Some(("GET", path)))
}

#[test]
fn without_a_policy_everybody_may_call() {
    assert_eq!(get(&cluster(&[]), None, "/"), Answer::Admitted);
    assert_eq!(get(&cluster(&[STRICT]), of("shop", "a"), "/"), Answer::Admitted);
}

#[test]
fn a_policy_without_rules_denies_and_one_with_an_empty_rule_allows() {
    assert_eq!(get(&cluster(&[BASELINE]), of("shop", "a"), "/"), Answer::Denied);
    assert_eq!(get(&cluster(&[&policy("ALLOW", "[{}]")]), None, "/"), Answer::Admitted);
    assert_eq!(get(&cluster(&[BASELINE, &policy("ALLOW", "[{}]")]), None, "/"), Answer::Admitted);
}

#[test]
fn policies_hold_for_their_namespace_and_those_of_the_root_for_all() {
    let elsewhere = BASELINE.replace("namespace: shop", "namespace: elsewhere");
    assert_eq!(get(&cluster(&[&elsewhere]), None, "/"), Answer::Admitted);
    let root = BASELINE.replace("namespace: shop", "namespace: istio-system");
    assert_eq!(get(&cluster(&[&root]), None, "/"), Answer::Denied);
}

#[test]
fn policies_hold_for_the_pods_that_they_select() {
    let other = policy("ALLOW", "[{}]").replace("app: web", "app: web, version: v2");
    assert_eq!(get(&cluster(&[BASELINE, &other]), None, "/"), Answer::Denied);
    let same = policy("ALLOW", "[{}]").replace("app: web", "app: web, version: v1");
    assert_eq!(get(&cluster(&[BASELINE, &same]), None, "/"), Answer::Admitted);
}

#[test]
fn one_that_denies_beats_one_that_allows() {
    let deny = policy("DENY", "[{to: [{operation: {paths: [/admin*]}}]}]");
    let both = cluster(&[&policy("ALLOW", "[{}]"), &deny]);
    assert_eq!(get(&both, None, "/admin/x"), Answer::Denied);
    assert_eq!(get(&both, None, "/"), Answer::Admitted);
    assert_eq!(get(&cluster(&[&deny]), None, "/"), Answer::Admitted);
    assert_eq!(get(&cluster(&[&policy("AUDIT", "[{}]")]), None, "/"), Answer::Admitted);
}

#[test]
fn policies_and_rules_are_alternatives_and_their_fields_are_not() {
    let from = |account: &str| format!("from: [{{source: {{serviceAccounts: [shop/{account}]}}}}]");
    let to = "to: [{operation: {methods: [GET], paths: [/a]}}]";
    let one = cluster(&[&policy("ALLOW", &format!("[{{{}, {to}}}]", from("a")))]);
    assert_eq!(get(&one, of("shop", "a"), "/a"), Answer::Admitted);
    assert_eq!(get(&one, of("shop", "a"), "/b"), Answer::Denied);
    assert_eq!(get(&one, of("shop", "b"), "/a"), Answer::Denied);
    assert_eq!(ask(&one, of("shop", "a"), 8080, Some(("POST", "/a"))), Answer::Denied);
    // The classic fault: two rules in place of one.
    let two = cluster(&[&policy("ALLOW", &format!("[{{{}}}, {{{to}}}]", from("a")))]);
    assert_eq!(get(&two, of("shop", "a"), "/b"), Answer::Admitted);
    assert_eq!(get(&two, of("shop", "b"), "/a"), Answer::Admitted);
    assert_eq!(get(&two, of("shop", "b"), "/b"), Answer::Denied);
    let more = policy("ALLOW", &format!("[{{{}}}]", from("b")));
    let several = cluster(&[&policy("ALLOW", &format!("[{{{}}}]", from("a"))), &more]);
    for account in ["a", "b"] {
        assert_eq!(get(&several, of("shop", account), "/"), Answer::Admitted);
    }
}

#[test]
fn sources_of_one_rule_are_alternatives() {
    let rules =
        "[{from: [{source: {serviceAccounts: [shop/a]}}, {source: {principals: [cluster.local/ns/shop/sa/b]}}]}]";
    let cluster = cluster(&[&policy("ALLOW", rules)]);
    for (account, answer) in [("a", Answer::Admitted), ("b", Answer::Admitted), ("c", Answer::Denied)] {
        assert_eq!(get(&cluster, of("shop", account), "/"), answer, "{account}");
    }
    assert_eq!(get(&cluster, of("elsewhere", "a"), "/"), Answer::Denied);
}

#[test]
fn accounts_are_of_the_namespace_that_is_named_or_the_policys_own() {
    let rules = "[{from: [{source: {serviceAccounts: [a, pay/b]}}]}]";
    let cluster = cluster(&[&policy("ALLOW", rules)]);
    assert_eq!(get(&cluster, of("shop", "a"), "/"), Answer::Admitted);
    assert_eq!(get(&cluster, of("pay", "a"), "/"), Answer::Denied);
    assert_eq!(get(&cluster, of("pay", "b"), "/"), Answer::Admitted);
    assert_eq!(get(&cluster, of("shop", "b"), "/"), Answer::Denied);
    let foreign = Some(Identity::new("partner.example.com", "shop", "a"));
    assert_eq!(get(&cluster, foreign, "/"), Answer::Admitted, "accounts are of any trust domain");
}

#[test]
fn a_dot_in_an_account_is_any_character() {
    let accounts = cluster(&[&policy("ALLOW", "[{from: [{source: {serviceAccounts: [shop/batch.jobs]}}]}]")]);
    assert_eq!(get(&accounts, of("shop", "batchxjobs"), "/"), Answer::Admitted);
    let principals = cluster(&[&policy("ALLOW", "[{from: [{source: {principals: [cluster.local/ns/shop/sa/a.b]}}]}]")]);
    assert_eq!(get(&principals, of("shop", "a.b"), "/"), Answer::Admitted);
    assert_eq!(get(&principals, of("shop", "axb"), "/"), Answer::Denied);
}

#[test]
fn principals_name_the_trust_domain_and_cluster_local_names_the_meshs_own() {
    let by = |principal: &str| {
        cluster(&[&policy("ALLOW", &format!("[{{from: [{{source: {{principals: [{principal}]}}}}]}}]"))])
    };
    let foreign = || Some(Identity::new("partner.example.com", "shop", "a"));
    for (principal, ours, theirs) in [
        ("cluster.local/ns/shop/sa/a", Answer::Admitted, Answer::Denied),
        ("prod.example.com/ns/shop/sa/a", Answer::Admitted, Answer::Denied),
        ("partner.example.com/ns/shop/sa/a", Answer::Denied, Answer::Admitted),
        ("\"*/ns/shop/sa/a\"", Answer::Admitted, Answer::Admitted),
        ("\"*\"", Answer::Admitted, Answer::Admitted),
        ("cluster.local/ns/shop/sa/b", Answer::Denied, Answer::Denied),
    ] {
        assert_eq!(get(&by(principal), of("shop", "a"), "/"), ours, "{principal}");
        assert_eq!(get(&by(principal), foreign(), "/"), theirs, "{principal}");
        assert_eq!(get(&by(principal), None, "/"), Answer::Denied, "{principal}");
    }
}

#[test]
fn what_must_not_match_matches_callers_without_an_identity() {
    let not = "[{from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/a]}}]}]";
    let allow = cluster(&[&policy("ALLOW", not)]);
    assert_eq!(get(&allow, None, "/"), Answer::Admitted);
    assert_eq!(get(&allow, of("shop", "a"), "/"), Answer::Denied);
    let deny = cluster(&[&policy("DENY", not)]);
    assert_eq!(get(&deny, None, "/"), Answer::Denied);
    assert_eq!(get(&deny, of("shop", "a"), "/"), Answer::Admitted);
    let namespace = cluster(&[&policy("DENY", "[{from: [{source: {notNamespaces: [shop]}}]}]")]);
    assert_eq!(get(&namespace, of("shop", "a"), "/"), Answer::Admitted);
    assert_eq!(get(&namespace, of("pay", "a"), "/"), Answer::Denied);
}

#[test]
fn paths_are_exact_or_have_one_star() {
    for (pattern, yes, no) in [
        ("/cart", &["/cart"][..], &["/cart/", "/cart/x", "/cartoon", "/"][..]),
        ("/cart*", &["/cart", "/cartoon", "/cart/x"][..], &["/car", "/x/cart"][..]),
        ("/cart/*", &["/cart/", "/cart/x"][..], &["/cart", "/cartoon"][..]),
        ("\"*/cart\"", &["/cart", "/x/cart"][..], &["/cart/x"][..]),
        ("\"*\"", &["/", "/x"][..], &[][..]),
    ] {
        let cluster = cluster(&[&policy("ALLOW", &format!("[{{to: [{{operation: {{paths: [{pattern}]}}}}]}}]"))]);
        for path in yes {
            assert_eq!(get(&cluster, None, path), Answer::Admitted, "{pattern} {path}");
        }
        for path in no {
            assert_eq!(get(&cluster, None, path), Answer::Denied, "{pattern} {path}");
        }
    }
}

#[test]
fn ports_are_those_of_the_container() {
    let cluster = cluster(&[&policy("ALLOW", "[{to: [{operation: {ports: ['8080']}}]}]")]);
    assert_eq!(ask(&cluster, None, 8080, None), Answer::Admitted);
    assert_eq!(ask(&cluster, None, 8080, Some(("GET", "/"))), Answer::Admitted);
    assert_eq!(ask(&cluster, None, 80, Some(("GET", "/"))), Answer::Denied);
}

#[test]
fn a_port_of_bytes_has_no_requests() {
    let http = "[{to: [{operation: {methods: [GET]}}, {operation: {ports: ['6379']}}]}]";
    let allow = cluster(&[&policy("ALLOW", http)]);
    assert_eq!(ask(&allow, None, 6379, None), Answer::Denied, "the whole rule is dropped");
    assert_eq!(ask(&allow, None, 6379, Some(("POST", "/"))), Answer::Admitted);
    let deny = cluster(&[&policy("DENY", "[{to: [{operation: {methods: [GET]}}]}]")]);
    assert_eq!(ask(&deny, None, 6379, None), Answer::Denied, "what it cannot see is taken to match");
    let bounded = cluster(&[&policy("DENY", "[{to: [{operation: {methods: [GET], ports: ['8080']}}]}]")]);
    assert_eq!(ask(&bounded, None, 6379, None), Answer::Admitted);
}

#[test]
fn a_dry_run_decides_nothing() {
    let dry =
        |text: &str| text.replace("namespace: shop}", "namespace: shop, annotations: {istio.io/dry-run: 'true'}}");
    assert_eq!(get(&cluster(&[&dry(BASELINE)]), None, "/"), Answer::Admitted);
    let deny = policy("DENY", "[{}]");
    assert_eq!(get(&cluster(&[&deny]), None, "/"), Answer::Denied);
    assert_eq!(get(&cluster(&[&dry(&deny)]), None, "/"), Answer::Admitted);
    // An ALLOW in dry run is not there: what is enforced denies.
    assert_eq!(get(&cluster(&[BASELINE, &dry(&policy("ALLOW", "[{}]"))]), None, "/"), Answer::Denied);
}

#[test]
fn plaintext_has_no_identity_and_is_reset_under_strict() {
    let allow = policy("ALLOW", "[{from: [{source: {serviceAccounts: [shop/a]}}]}]");
    assert_eq!(get(&cluster(&[STRICT, &allow]), None, "/"), Answer::Reset);
    assert_eq!(get(&cluster(&[STRICT, &allow]), of("shop", "a"), "/"), Answer::Admitted);
    let permissive = STRICT.replace("STRICT", "PERMISSIVE");
    assert_eq!(get(&cluster(&[&permissive, &allow]), None, "/"), Answer::Denied);
    assert_eq!(get(&cluster(&[&permissive, &allow]), of("shop", "a"), "/"), Answer::Admitted);
    let disable = STRICT.replace("STRICT", "DISABLE");
    assert_eq!(get(&cluster(&[&disable, &allow]), of("shop", "a"), "/"), Answer::Denied);
    assert_eq!(get(&cluster(&[&disable, &policy("ALLOW", "[{}]")]), of("shop", "a"), "/"), Answer::Admitted);
}

#[test]
fn the_narrowest_mode_counts() {
    let own = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  mtls: {mode: PERMISSIVE}
  portLevelMtls: {'9090': {mode: DISABLE}, '9091': {mode: UNSET}}
";
    let root = STRICT.replace("namespace: shop", "namespace: istio-system").replace("STRICT", "DISABLE");
    let mode =
        |documents: &[&str], app: &str, port: u16| cluster(documents).sidecar("shop", &labels(app)).mode(port).unwrap();
    let all = [STRICT, own, &root];
    for (app, port, expected) in [
        ("web", 8080, Mode::Permissive),
        ("web", 9090, Mode::Disable),
        ("web", 9091, Mode::Permissive),
        ("other", 9090, Mode::Strict),
    ] {
        assert_eq!(mode(&all, app, port), expected, "{app} {port}");
    }
    assert_eq!(mode(&[&root], "web", 1), Mode::Disable);
    assert_eq!(mode(&[], "web", 1), Mode::Permissive);
    let unset = own.replace("PERMISSIVE", "UNSET");
    assert_eq!(mode(&[STRICT, &unset], "web", 9091), Mode::Strict);
    let twice = STRICT.replace("default", "other");
    assert_eq!(get(&cluster(&[STRICT, &twice]), None, "/"), Answer::Unclear);
}

#[test]
fn what_the_api_server_refuses_is_refused() {
    let accounts = |count: usize| (0..count).map(|n| format!("shop/a{n}")).collect::<Vec<_>>().join(", ");
    let by = |source: &str| policy("ALLOW", &format!("[{{from: [{{source: {{{source}}}}}]}}]"));
    assert!(read(&[&by(&format!("serviceAccounts: [{}]", accounts(16)))], 31).is_ok());
    for (wrong, minor) in [
        (by(&format!("serviceAccounts: [{}]", accounts(17))), 31),
        (by("serviceAccounts: [shop/a]"), 24),
        (by("serviceAccounts: [shop/a], principals: [x]"), 31),
        (by("serviceAccounts: []"), 31),
        (by(""), 31),
        (policy("ALLOW", "[{from: []}]"), 31),
        (policy("ALLOW", "[{to: [{operation: {ports: [http]}}]}]"), 31),
        (policy("ALLOW", "[{to: [{operation: {path: [/]}}]}]"), 31),
        (policy("ALLOW", "[{when: [{key: source.ip, values: [10.0.0.1]}]}]"), 31),
        (policy("DENY", "[]"), 31),
        (policy("CUSTOM", "[{}]"), 31),
        (STRICT.replace("{mode: STRICT}", "{mode: STRICT}, portLevelMtls: {'80': {mode: DISABLE}}"), 31),
        (STRICT.replace("STRICT", "strict"), 31),
    ] {
        assert!(read(&[&wrong], minor).is_err(), "{wrong}");
    }
}
