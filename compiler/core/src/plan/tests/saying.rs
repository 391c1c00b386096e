//! What is said of each kind of change, at which line.

use std::collections::BTreeMap;

use super::{SHOP, edit, lines, plan, render, render_with};
use crate::compile::Rendered;
use crate::source::SourceMap;
use crate::state::{Record, Recorded, State};

/// Fails where a line is missing, and shows what there is.
fn has(said: &[String], wanted: &[&str]) {
    for line in wanted {
        assert!(said.iter().any(|said| said == line), "{line}\nis not among\n{}", said.join("\n"));
    }
}

/// The same, and nothing else.
fn says(edits: &[(&str, &str)], wanted: &[&str]) {
    let said = edit(edits);
    has(&said, wanted);
    assert_eq!(said.len(), wanted.len(), "{}", said.join("\n"));
}

const CUTS: &str = "cuts streams older than 45 s on its pods";

#[test]
fn nothing_changes() {
    assert_eq!(edit(&[]), Vec::<String>::new());
}

#[test]
fn callers_come_with_the_line_that_allows_them_and_go() {
    says(
        &[("allow web to Get", "allow web to Add\n  allow batch")],
        &[
            "access-gained shop/cart: `shop/batch` may newly call everything @batch",
            "access-gained shop/cart: `shop/web` may newly call `Add` @web",
            "access-lost shop/cart: `shop/web` may no longer call `Get` @cart",
            &format!("cost shop/cart: {CUTS} @cart"),
        ],
    );
    says(
        &[("  allow batch\n", "  allow anyone\n")],
        &[
            "access-gained shop/web: anyone with an identity may newly call everything @allow anyone",
            &format!("cost shop/web: {CUTS} @web"),
        ],
    );
    says(
        &[("  allow batch\n", "  allow batch to GET|POST /orders/**, /health\n")],
        &[
            "access-lost shop/web: `shop/batch` may now call `/health`, `GET|POST /orders/**` (until now everything) \
             @web",
            &format!("cost shop/web: {CUTS} @web"),
        ],
    );
}

#[test]
fn a_dry_run_protects_nobody() {
    let said = edit(&[("deny-by-default", "dry-run")]);
    has(
        &said,
        &[
            "access-gained shop (pods that no service has): anyone with an identity may newly call everything @cart",
            "access-gained shop/cart: anyone with an identity may newly call everything @cart",
            "protection-removed shop: policy `deny-by-default` only watches now (dry run): it refuses nobody @cart",
            "protection-removed shop/cart: policy `cart` only watches now (dry run): it refuses nobody @cart",
        ],
    );
}

#[test]
fn modes_are_told_where_they_differ_from_what_is_around() {
    let said = edit(&[("mtls          strict", "mtls          permissive")]);
    has(
        &said,
        &[
            "mtls-weakened shop: by default it accepts plaintext beside mTLS (mode STRICT -> PERMISSIVE), and 2 services \
             follow @cart",
            "cost shop: cuts streams older than 45 s on every pod of the namespace @cart",
        ],
    );
    assert_eq!(said.len(), 2, "{said:?}");
    let own = edit(&[("port 7070 grpc", "port 7070 grpc { mtls permissive }")]);
    let line =
        "mtls-weakened shop/cart: port 7070 accepts plaintext beside mTLS (mode STRICT -> PERMISSIVE) @port 7070 grpc";
    has(&own, &[line]);
    let open = edit(&[("port 7070 grpc", "port 7070 grpc { mtls disable }"), ("allow web to Get", "allow anyone")]);
    has(
        &open,
        &[
            "mtls-weakened shop/cart: port 7070 takes plaintext only (mode STRICT -> DISABLE) @port 7070 grpc",
            "mtls-weakened shop/cart: callers newly send plaintext (tls mTLS -> DISABLE) @cart",
        ],
    );
}

#[test]
fn settings_have_old_and_new_numbers_and_their_line() {
    says(
        &[
            ("timeout 3s", "timeout 5s\n  retry 2 { on connect-failure }\n rate-limit 100/s each proxy"),
            ("consecutive-5xx 3", "consecutive-5xx 5"),
        ],
        &[
            "traffic shop/cart: outlier-detection consecutive-5xx 3 -> 5 @consecutive-5xx 5",
            "traffic shop/web: retry attempts 0 -> 2 @retry 2",
            "traffic shop/web: retry on none -> connect-failure @retry 2",
            "traffic shop/web: the limit in total on port 8080 is new: 100/s @rate-limit 100/s each proxy",
            "traffic shop/web: timeout 3s -> 5s @web",
            "cost shop/cart: forgets which pods are ejected: a broken one has to fail anew @cart",
            &format!("cost shop/web: {CUTS} @rate-limit 100/s each proxy"),
        ],
    );
}

#[test]
fn versions_are_called_what_the_source_calls_them() {
    let release = |version: &str| {
        format!("{SHOP}service store {{ port 80 http; allow none; expose store.example.com on ingress\n{version} }}\n")
    };
    let gates =
        "canary { stage 20% pause; stage 100% pause; abort when error-rate > 1%; require 9 requests; on no-data hold }";
    let running = release(&format!("version 7.2 -> 7.4\n{gates}"));
    let at = |weight: u32| {
        let record = Record { weight, ..Record::begin("7.2".into(), "7.4".into()) };
        let recorded = Recorded { record: Some(record), ..Recorded::default() };
        let mut state = State::default();
        state.services.insert(("shop".into(), "store".into()), recorded);
        state
    };
    let said = |before: &Rendered, (after, sources): (Rendered, SourceMap)| {
        let mut said = lines(&plan(&before.bundle.files, &after), &sources);
        said.retain(|line| line.starts_with("weights"));
        said
    };
    let (before, _) = render(&release("version 7.2"));
    let begun = said(&before, render_with(&running, &[], &at(0)));
    has(
        &begun,
        &[
            "weights shop/store: 7.2 100 %, 7.4 new at 0 % @expose store.example.com on ingress",
            "weights shop/store: version `7.4` can be routed to: pods with version=7.4 @store",
        ],
    );
    let (before, _) = render_with(&running, &[], &at(0));
    let moved = said(&before, render_with(&running, &[], &at(20)));
    assert!(
        moved.iter().all(|line| line.contains("7.2 100 % -> 80 %, 7.4 0 % -> 20 %")) && !moved.is_empty(),
        "{moved:?}"
    );
}

#[test]
fn routes_of_bytes_cut_what_callers_hold_open() {
    let release = |port: &str, gates: &str| {
        let version = "version v1 -> v2\n  canary { stage 100% pause; on no-data hold";
        format!("{SHOP}service store {{ port {port}; allow web; {version}; {gates} }} }}\n")
    };
    let bytes = release("6379 tcp", "abort when query \"lost\" > 1");
    let mut state = State::default();
    let recorded = Recorded { record: Some(Record::begin("v1".into(), "v2".into())), ..Recorded::default() };
    state.services.insert(("shop".into(), "store".into()), recorded);
    let costs = |text: &str| {
        let (before, _) = render(text);
        let (after, sources) = render_with(text, &[], &state);
        let mut said = lines(&plan(&before.bundle.files, &after), &sources);
        said.retain(|line| line.starts_with("cost"));
        said
    };
    let cut = "cost shop/store: cuts streams older than 45 s that its callers hold open, as each stage of the release will \
               @store";
    assert_eq!(costs(&bytes), [cut]);
    let requests = release("6379 http", "abort when error-rate > 1%; require 9 requests");
    assert_eq!(costs(&requests), Vec::<String>::new(), "routes of HTTP cut nothing");
    for (port, cuts) in [("6379 tcp", true), ("6379 http", false)] {
        let store = |more: &str| format!("{SHOP}service store {{ port {port}; allow web{more} }}\n");
        let (before, _) = render(&store("; connect-timeout 1s"));
        let (after, sources) = render(&store("; connect-timeout 2s; idle-timeout 10m"));
        let said = lines(&plan(&before.bundle.files, &after), &sources);
        let cost = said.iter().any(|line| line.contains("cuts streams older than 45 s that its callers hold open @"));
        assert_eq!(cost, cuts, "{port}: {}", said.join("\n"));
    }
    // Where its pods cut the same streams, once is enough.
    let (after, sources) = render_with(&bytes, &[], &state);
    let first = lines(&plan(&BTreeMap::new(), &after), &sources);
    assert!(!first.iter().any(|line| line.contains("callers hold open")), "{}", first.join("\n"));
}

#[test]
fn what_is_reachable_from_outside_names_host_path_and_gateway() {
    let said = edit(&[(
        "expose shop.example.com on ingress",
        "expose shop.example.com /cart/** on ingress\n  expose b.example.com on ingress",
    )]);
    has(
        &said,
        &[
            "exposed b.example.com: newly leads to `shop/web` by gateway `ingress` @expose b.example.com on ingress",
            "unexposed shop.example.com: no longer leads to `shop/web` by gateway `ingress` \
             @expose shop.example.com /cart/** on ingress",
        ],
    );
    assert!(!said.iter().any(|line| line.starts_with("exposed shop")), "less of the same is no exposure: {said:?}");
}

#[test]
fn a_first_publish_closes_and_a_removal_deletes() {
    let (shop, sources) = render(SHOP);
    let first = lines(&plan(&BTreeMap::new(), &shop), &sources);
    has(
        &first,
        &["access-lost shop/cart: anyone may no longer call anything; `shop/web` keeps what it is allowed @cart"],
    );
    assert!(!first.iter().any(|line| line.starts_with("access-gained")), "{first:?}");
    let less = SHOP[..SHOP.find("service cart").expect("the cart")].to_owned();
    let (gone, sources) = render(&less);
    let said = lines(&plan(&shop.bundle.files, &gone), &sources);
    has(
        &said,
        &["pruned shop/cart: AuthorizationPolicy `cart`, DestinationRule `cart` and VirtualService `cart` are deleted"],
    );
    assert!(!said.iter().any(|line| line.starts_with("protection-removed")), "deny-by-default still stands: {said:?}");
}

#[test]
fn what_cannot_be_evaluated_is_said() {
    let (shop, sources) = render(SHOP);
    let mut published = shop.bundle.files.clone();
    let path = "prod/shop/cart/authorization-policy.yaml";
    let with_condition = published[path]
        .replace("  selector:", "    when:\n    - key: source.ip\n      values: [10.0.0.1]\n  selector:");
    published.insert(path.to_owned(), with_condition);
    published.insert("prod/shop/web/virtual-service.yaml".to_owned(), "]".to_owned());
    let said = lines(&plan(&published, &shop), &sources);
    has(
        &said,
        &[
            "condition shop/cart: conditions of policy `cart` change: when: [{\"key\":\"source.ip\",\"values\":[\"10.0.0.1\"]}] \
             -> none @cart",
            "unread shop/web: a text of this file is no object, so that its meaning cannot be told: see the diff @web",
        ],
    );
}

#[test]
fn what_means_nothing_is_told_as_such() {
    let (shop, sources) = render(SHOP);
    let mut published = shop.bundle.files.clone();
    for text in published.values_mut() {
        *text = text.replace("app.kubernetes.io/managed-by: meshc", "app.kubernetes.io/managed-by: other");
    }
    let plan = plan(&published, &shop);
    assert!(plan.changes.iter().all(|change| change.kind == crate::plan::Kind::Other), "{:?}", lines(&plan, &sources));
    assert!(!plan.files.is_empty());
}
