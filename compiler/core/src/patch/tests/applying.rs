use serde_json::json;

use super::*;

/// Applies operations to the route, and gives what has become of `spec` or why not.
fn applied(operations: &str) -> Result<Value, String> {
    let case = case(&entry(operations));
    assert_eq!(case.findings(), [""; 0]);
    let (head, mut object) = route();
    let before = object.clone();
    match case.apply(&head, &mut object) {
        Ok(()) => Ok(object["spec"].take()),
        Err(failure) => {
            assert_eq!(object, before, "all or nothing");
            let mut out = Diagnostics::default();
            case.patches.report(&[*failure], &[&head], &mut out);
            let diagnostic = out.iter().next().unwrap();
            assert_eq!(diagnostic.code, Code::PatchFailed);
            let (_, why) = diagnostic.message.split_once("`shop/frontend`: ").unwrap();
            Err(format!("{why}; {}", diagnostic.help.as_deref().unwrap_or("")))
        }
    }
}

#[test]
fn operations_do_what_rfc_6902_says() {
    for (operations, path, expected) in [
        ("- {op: add, path: /spec/hosts/-, value: c}", "/hosts", json!(["a", "b", "c"])),
        ("- {op: add, path: /spec/hosts/0, value: c}", "/hosts", json!(["c", "a", "b"])),
        ("- {op: add, path: /spec/hosts/2, value: c}", "/hosts", json!(["a", "b", "c"])),
        ("- {op: add, path: /spec/http/0/timeout, value: 5s}", "/http/0/timeout", json!("5s")),
        ("- {op: add, path: /spec/new, value: {x: [1]}}", "/new", json!({"x": [1]})),
        ("- {op: replace, path: /spec/hosts/1, value: c}", "/hosts", json!(["a", "c"])),
        ("- {op: remove, path: /spec/hosts/0}", "/hosts", json!(["b"])),
        ("- {op: move, from: /spec/hosts/0, path: /spec/hosts/1}", "/hosts", json!(["b", "a"])),
        ("- {op: copy, from: /spec/hosts/0, path: /spec/hosts/-}", "/hosts", json!(["a", "b", "a"])),
        ("- {op: test, path: /spec/hosts, value: [a, b]}", "/hosts", json!(["a", "b"])),
        ("- {op: test, path: /spec/http/0/weight, value: 5.0}", "/hosts", json!(["a", "b"])),
        ("- {op: test, path: /spec/missing, value: null}", "/hosts", json!(["a", "b"])),
        ("- {op: add, path: /spec/a~1b~0c, value: 1}", "/a~1b~0c", json!(1)),
        ("- {op: add, path: \"/spec/~01\", value: 1}", "/~01", json!(1)),
    ] {
        let spec = applied(operations).unwrap_or_else(|why| panic!("{operations}: {why}"));
        assert_eq!(spec.pointer(path), Some(&expected), "{operations}");
    }
}

#[test]
fn what_cannot_be_done_says_why_and_what_to_do() {
    for (operations, expected) in [
        ("- {op: remove, path: /spec/missing}", "`/spec` has no `missing`, only `hosts` and `http`; "),
        ("- {op: remove, path: /spec/host}", "`/spec` has no `host`, only `hosts` and `http`; did you mean `hosts`?"),
        (
            "- {op: remove, path: /sepc}",
            "the resource has no `sepc`, only `apiVersion`, `kind`, `metadata` and `spec`; did you mean `spec`?",
        ),
        (
            "- {op: replace, path: /spec/gateways, value: []}",
            "`/spec` has no `gateways`, only `hosts` and `http`; `replace` needs a value to replace",
        ),
        (
            "- {op: replace, path: /spec/hosts/2, value: c}",
            "`/spec/hosts` has 2 entries, `0` to `1`, and `2` is none of them; ",
        ),
        ("- {op: remove, path: /spec/http/1}", "`/spec/http` has one entry, `0`, and `1` is none of them; "),
        ("- {op: remove, path: /spec/hosts/-}", "`-` is the place behind the last entry of `/spec/hosts`"),
        ("- {op: remove, path: /spec/hosts/-1}", "`/spec/hosts` is a list: `-1` is no index of it"),
        ("- {op: replace, path: /spec/hosts/01, value: c}", "`/spec/hosts` is a list: `01` is no index of it"),
        (
            "- {op: add, path: /spec/hosts/-1, value: c}",
            "`/spec/hosts` is a list: `-1` is no index of it, which is `0`, `1` and so on, or `-` for the end; ",
        ),
        (
            "- {op: add, path: /spec/hosts/3, value: c}",
            "`/spec/hosts` has 2 entries, `0` to `1`, and `3` is none of them; ",
        ),
        ("- {op: add, path: /spec/hosts/0/x, value: c}", "`/spec/hosts/0` is `\"a\"`, which has nothing within; "),
        (
            "- {op: add, path: /spec/tls/0/port, value: 1}",
            "`/spec` has no `tls`, only `hosts` and `http`; add what is missing above it too:\n- op: add\n  path: /spec/tls\n  value:\n    \"0\":\n      port: 1\n",
        ),
        (
            "- {op: add, path: /spec/x/y, value: 1}",
            "`/spec` has no `x`, only `hosts` and `http`; add what is missing above it too:\n- op: add\n  path: /spec/x\n  value:\n    \"y\": 1\n",
        ),
        ("- {op: copy, from: /spec/x, path: /spec/y}", "`/spec` has no `x`"),
        ("- {op: move, from: /spec/x, path: /spec/y}", "`/spec` has no `x`"),
        ("- {op: move, from: /spec, path: /spec/y}", "a value cannot be moved into itself"),
        ("- {op: move, from: /spec/hosts, path: /spec/x/y}", "`/spec` has no `x`"),
        (
            "- {op: test, path: /spec/http/0/weight, value: 6}",
            "`/spec/http/0/weight` is `5`, and the patch expects `6`; ",
        ),
        (
            "- {op: test, path: /spec/hosts, value: null}",
            "`/spec/hosts` is `[\"a\",\"b\"]`, and the patch expects `null`; ",
        ),
        (
            "- {op: test, path: /spec/x, value: 1}",
            "`/spec` has no `x`, only `hosts` and `http`, and the patch expects `1` there; ",
        ),
        ("- {op: test, path: /spec/x/y, value: null}", "`/spec` has no `x`"),
        ("- {op: test, path: \"\", value: {}}", "`` is `{"),
        (
            "- {op: remove, path: /metadata/annotations/example.com/a}",
            "`/metadata/annotations` has no `example.com`, only `example.com/a`; a `/` within a key is written `~1`: `/metadata/annotations/example.com~1a`",
        ),
    ] {
        let why = applied(operations).expect_err(operations);
        assert!(why.starts_with(expected), "{operations}\n{why}\nexpected {expected}");
    }
}

#[test]
fn a_later_failure_takes_back_what_was_done() {
    // `applied` compares the object with what it was.
    let why = applied(
        "- {op: remove, path: /spec/hosts}\n- {op: move, from: /spec/http, path: /spec/x}\n- {op: test, path: /spec/x, value: 1}",
    );
    assert!(why.unwrap_err().contains("expects `1`"));
}

#[test]
fn identity_is_not_a_patchs_to_change() {
    for operation in [
        "- {op: replace, path: /metadata/name, value: x}",
        "- {op: remove, path: /metadata/namespace}",
        "- {op: replace, path: /kind, value: DestinationRule}",
        "- {op: replace, path: /apiVersion, value: networking.istio.io/v1beta1}",
        "- {op: replace, path: /metadata, value: {name: frontend}}",
        "- {op: move, from: /metadata/name, path: /metadata/old}",
    ] {
        let text = entry(&format!(
            "- {{op: test, path: /spec/x, value: null}}\n{operation}\n- {{op: add, path: /spec/x, value: 1}}"
        ));
        let case = case(&text);
        let (head, mut object) = route();
        let failure = case.apply(&head, &mut object).expect_err(operation);
        let mut out = Diagnostics::default();
        case.patches.report(&[*failure], &[&head], &mut out);
        let diagnostic = out.iter().next().unwrap();
        assert_eq!(diagnostic.code, Code::OwnedResource);
        assert!(diagnostic.message.starts_with("operation 2 of 3"), "{}", diagnostic.message);
    }
    let same = case(&entry("- {op: remove, path: /metadata/name}\n- {op: add, path: /metadata/name, value: frontend}"));
    let (head, mut object) = route();
    assert!(same.apply(&head, &mut object).is_ok(), "the name is what it was");
}

#[test]
fn operations_before_a_refused_one_are_taken_back() {
    let operations = [
        "{op: add, path: /spec/hosts/-, value: c}",
        "{op: add, path: /spec/hosts/0, value: c}",
        "{op: add, path: /spec/new, value: {a: [1]}}",
        "{op: add, path: /spec/hosts, value: [c]}",
        "{op: replace, path: /spec/hosts/1, value: c}",
        "{op: remove, path: /spec/hosts/0}",
        "{op: remove, path: /spec/hosts/1}",
        "{op: copy, from: /spec/hosts/0, path: /spec/hosts/-}",
        "{op: copy, from: /spec/hosts, path: /spec/more}",
        "{op: move, from: /spec/hosts, path: /spec/more}",
        "{op: move, from: /spec/hosts/0, path: /spec/hosts/1}",
        "{op: test, path: /spec/hosts/0, value: a}",
    ];
    for last in ["{op: remove, path: /nothing}", "{op: move, from: /spec/hosts, path: /no/where}"] {
        for first in operations {
            // `applied` compares the object with what it was.
            let why = applied(&format!("- {first}\n- {last}")).expect_err(first);
            assert!(!why.is_empty());
            for second in operations {
                let _ = applied(&format!("- {first}\n- {second}\n- {last}")).expect_err(second);
            }
        }
    }
}

#[test]
fn selectors_see_what_earlier_patches_have_made() {
    let patch = |selector: &str, operation: &str| format!("- target: {{{selector}}}\n  patch: |\n    - {operation}\n");
    let text = [
        patch("labelSelector: team=web", "{op: add, path: /metadata/labels/seen, value: \"1\"}"),
        patch("labelSelector: seen", "{op: add, path: /spec/first, value: 1}"),
        patch("labelSelector: team!=web", "{op: add, path: /spec/second, value: 1}"),
        patch("annotationSelector: example.com/a in (1)", "{op: add, path: /spec/third, value: 1}"),
    ];
    let case = case(&text.concat());
    let (head, mut object) = route();
    case.apply(&head, &mut object).unwrap();
    let added = |name: &str| object["spec"].get(name).is_some();
    assert_eq!((added("first"), added("second"), added("third")), (true, false, true));
    let mut out = Diagnostics::default();
    case.patches.report(&[], &[&head], &mut out);
    assert_eq!(out.len(), 1, "the selector that does not hold");
}

#[test]
fn the_index_finds_what_a_search_through_all_finds() {
    let values = [None, Some("a"), Some("b"), Some("a|b"), Some("c.*")];
    let mut text = String::new();
    for kind in values {
        for name in values {
            for namespace in values {
                let field =
                    |key: &str, value: Option<&str>| value.map_or(String::new(), |value| format!("{key}: {value}, "));
                let target = [field("kind", kind), field("name", name), field("namespace", namespace)].concat();
                text.push_str(&format!("- target: {{{target}}}\n  patch: |\n    - {{op: remove, path: /x}}\n"));
            }
        }
    }
    let case = case(&text);
    assert_eq!(case.patches.len(), 125);
    for kind in ["a", "b", "c1", "d"] {
        for name in ["a", "b", "c1", "d"] {
            for namespace in ["a", "b", "c1", "d", ""] {
                let head = head(kind, namespace, name);
                let all: Vec<usize> = (0..125).filter(|i| case.patches.list[*i].target.matches_head(&head)).collect();
                assert_eq!(case.patches.matches(&head), Matches(all), "{kind} {namespace} {name}");
            }
        }
    }
}

#[test]
fn groups_and_versions_are_those_of_the_api_version() {
    let target = |target: &str| case(&format!("- target: {{{target}}}\n  patch: |\n    - {{op: remove, path: /x}}\n"));
    let istio = head("VirtualService", "shop", "a");
    let mut core = head("ConfigMap", "", "a");
    core.api_version = "v1".into();
    for (text, for_istio, for_core) in [
        ("group: networking.istio.io", true, false),
        ("group: istio.io", false, false),
        ("group: .*istio.io", true, false),
        ("version: v1", true, true),
        ("version: v1beta1", false, false),
        ("namespace: default", false, true),
    ] {
        let case = target(text);
        assert_eq!(!case.patches.matches(&istio).is_empty(), for_istio, "{text}");
        assert_eq!(!case.patches.matches(&core).is_empty(), for_core, "{text}");
    }
}
