//! Subsets, delegates and Gateways.

use serde_json::json;

use super::{Texts, at, nothing, presence, published, render_with, settled, shop, step, walk};

const DR: &str = "prod/shop/web/destination-rule.yaml";
const VS: &str = "prod/shop/web/virtual-service.yaml";
const DELEGATE: &str = "prod/shop/web/virtual-service.shop.example.com.yaml";
const ROOT: &str = "prod/edge/virtual-service.shop.example.com.yaml";
const GATEWAY: &str = "prod/edge/gateway.yaml";

/// A service with this version line, and whatever else.
fn web(version: &str, more: &str) -> String {
    format!(
        "service web {{ port 8080 http; {version}; allow anyone; {more}\n canary {{ stage 100% for 1h; abort when \
         error-rate > 1%; require 10 requests; on no-data hold }} }}\n"
    )
}

fn subsets(texts: &Texts) -> Vec<String> {
    let list = at(texts, DR, "/spec/subsets");
    list.as_array().into_iter().flatten().map(|subset| subset["name"].as_str().expect("a name").to_owned()).collect()
}

/// Subsets that the route names.
fn named(texts: &Texts) -> Vec<String> {
    let list = at(texts, VS, "/spec/http/0/route");
    let name = |entry: &serde_json::Value| entry["destination"]["subset"].as_str().map(str::to_owned);
    list.as_array().into_iter().flatten().filter_map(name).collect()
}

#[test]
fn a_first_publish_has_subsets_before_routes() {
    let states = walk(&Texts::new(), &shop(&web("version v1", "")));
    assert_eq!((presence(&states, DR), presence(&states, VS)), ("xx".into(), "-x".into()));
}

#[test]
fn an_uninstall_takes_routes_before_subsets() {
    let states = walk(&settled(&shop(&web("version v1", ""))), &nothing());
    assert_eq!((presence(&states, DR), presence(&states, VS)), ("x-".into(), "--".into()));
}

#[test]
fn a_new_version_is_defined_before_it_is_named() {
    let before = shop(&web("version v1", ""));
    let state = r#"{"schema": 1, "stable": "v1", "canary": "v2", "weight": 5}"#;
    let text = format!("{}{}", super::SHOP, web("version v1 -> v2", ""));
    let running = render_with(&[("shop.mesh", &text), ("state/prod/shop/web.json", state)]);
    let states = walk(&settled(&before), &running);
    let seen: Vec<_> = states.iter().map(|state| (subsets(state).join(" "), named(state).join(" "))).collect();
    assert_eq!(seen, [("v1 v2", "v1"), ("v1 v2", "v1 v2")].map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn a_renamed_version_has_both_subsets_in_between() {
    let states = walk(&settled(&shop(&web("version v1", ""))), &shop(&web("version v2", "")));
    let seen: Vec<_> = states.iter().map(|state| (subsets(state).join(" "), named(state).join(" "))).collect();
    let expected = [("v2 v1", "v1"), ("v2 v1", "v2"), ("v2", "v2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(seen, expected);
}

#[test]
fn a_commit_that_may_have_been_skipped_counts() {
    let (before, after) = (settled(&shop(&web("version v1", ""))), shop(&web("version v2", "")));
    let first = published(&step(&[&before], &after), &after);
    // Not known to be live: the next commit is the same.
    let again = step(&[&before, &first], &after);
    assert_eq!(published(&again, &after), first);
    let second = published(&step(&[&first], &after), &after);
    let third = published(&step(&[&first, &second], &after), &after);
    assert_eq!(third, second);
    // And back in the middle of it.
    let back = shop(&web("version v1", ""));
    let reverted = published(&step(&[&first, &second], &back), &back);
    assert_eq!((subsets(&reverted), named(&reverted)), (vec!["v1".to_owned(), "v2".to_owned()], vec!["v1".to_owned()]));
}

#[test]
fn weights_are_free() {
    let text = format!("{}{}", super::SHOP, web("version v1 -> v2", ""));
    let at_percent = |weight: u32| {
        let state = format!(r#"{{"schema": 1, "stable": "v1", "canary": "v2", "weight": {weight}}}"#);
        render_with(&[("shop.mesh", &text), ("state/prod/shop/web.json", &state)])
    };
    let tip = settled(&at_percent(5));
    let after = at_percent(50);
    assert_ne!(tip[VS], after.files[VS]);
    assert_eq!(walk(&tip, &after).len(), 1);
}

#[test]
fn a_delegate_comes_with_its_subsets_and_before_the_host_that_names_it() {
    let states = walk(&Texts::new(), &shop(&web("version v1", "expose shop.example.com on ingress")));
    let all = [DR, DELEGATE, GATEWAY, VS, ROOT].map(|path| presence(&states, path));
    assert_eq!(all, ["xx", "xx", "xx", "-x", "-x"]);
}

#[test]
fn a_delegate_goes_after_the_host_that_names_it() {
    let before = settled(&shop(&web("version v1", "expose shop.example.com on ingress")));
    for desired in [shop(&web("version v1", "")), nothing()] {
        let states = walk(&before, &desired);
        let all = [ROOT, DELEGATE, GATEWAY].map(|path| presence(&states, path));
        assert_eq!(all, ["--", "x-", "x-"]);
    }
}

#[test]
fn a_path_moves_from_one_service_to_another_in_three_steps() {
    let two = |first: &str, second: &str| {
        let service =
            |name: &str, more: &str| format!("service {name} {{ port 8080 http; version v1; allow anyone; {more} }}\n");
        shop(&format!(
            "{}{}",
            service("web", first),
            second.replace("NEW", "service new { port 8080 http; version v1; allow anyone; ")
        ))
    };
    let before = settled(&two("expose shop.example.com on ingress", ""));
    let states = walk(&before, &two("", "NEW expose shop.example.com on ingress }\n"));
    let delegate = "prod/shop/new/virtual-service.shop.example.com.yaml";
    assert_eq!((presence(&states, DELEGATE), presence(&states, delegate)), ("xx-".into(), "xxx".into()));
    let names = |state: &Texts| at(state, ROOT, "/spec/http/0/delegate/name");
    assert_eq!(
        states.iter().map(names).collect::<Vec<_>>()[..2],
        [json!("web-shop.example.com"), json!("new-shop.example.com")]
    );
}

#[test]
fn a_renamed_namespace_serves_its_hosts_all_the_time() {
    let text = |rendered: &str| {
        super::render(&format!(
            "mesh shop {{ namespace shop; mtls strict; authorization deny-by-default }}\n\
             environment prod {{ target istio 1.31; namespace shop as {rendered} }}\n\
             gateway ingress {{ pods edge istio=ingressgateway; service-account edge/ingress; listen 80 http }}\n{}",
            web("version v1", "expose shop.example.com on ingress")
        ))
    };
    let states = walk(&settled(&text("shop-a")), &text("shop-b"));
    let kept = "prod/shop/web/virtual-service.shop-a.web-shop.example.com.yaml";
    assert_eq!((presence(&states, ROOT), presence(&states, kept)), ("xxx".into(), "xx-".into()));
    let delegate = |state: &Texts| at(state, ROOT, "/spec/http/0/delegate/namespace");
    assert_eq!(states.iter().map(delegate).collect::<Vec<_>>(), [json!("shop-a"), json!("shop-b"), json!("shop-b")]);
    let lock = &states[0]["prod/shop/mesh.lock.json"];
    assert!(lock.contains("web/virtual-service.shop-a.web-shop.example.com.yaml"), "{lock}");
}

/// The route of a host as its gateway's namespace has it.
fn of_host(namespace: &str) -> Texts {
    let object = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "shop.example.com", "namespace": namespace},
        "spec": {"gateways": ["edge/public"], "hosts": ["shop.example.com"]},
    });
    let path = format!("prod/{namespace}/virtual-service.shop.example.com.yaml");
    Texts::from([(path, crate::bundle::yaml::to_yaml(&object).expect("YAML"))])
}

#[test]
fn a_host_that_moves_to_another_object_is_served_all_the_time() {
    let desired = crate::bundle::Bundle { files: of_host("two"), ..Default::default() };
    let first = published(&step(&[&of_host("one")], &desired), &desired);
    let second = published(&step(&[&first], &desired), &desired);
    let states = [first, second];
    let [old, new] =
        ["one", "two"].map(|home| presence(&states, &format!("prod/{home}/virtual-service.shop.example.com.yaml")));
    assert_eq!((old, new), ("x-".into(), "xx".into()));
}

#[test]
fn what_waits_says_why() {
    let waiting = step(&[&Texts::new()], &shop(&web("version v1", "expose shop.example.com on ingress"))).waiting;
    let why = |path: &str| waiting.iter().find(|waiting| waiting.path == path).map(|waiting| waiting.why.as_str());
    let subset = "subset `v1` of `web.shop.svc.cluster.local` must be live before a route names it";
    assert_eq!(why(VS), Some(subset));
    assert_eq!(why(ROOT), Some("the Gateway `edge/ingress` must be live before a route is bound to it"));
}
