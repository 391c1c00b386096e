//! Lists, what denies the rest, and rules that come and go.

use serde_json::{Value, json};

use super::{Texts, at, nothing, presence, published, render, settled, shop, step, walk};

const DENY: &str = "prod/shop/authorization-policy.yaml";
const LIST: &str = "prod/shop/web/authorization-policy.yaml";
const DRY_RUN: &str = "/metadata/annotations/istio.io~1dry-run";

fn with(authorization: &str, services: &str) -> crate::bundle::Bundle {
    render(&format!(
        "mesh shop {{ namespace shop; mtls strict; authorization {authorization} }}\n\
         environment prod {{ target istio 1.31 }}\n{services}"
    ))
}

fn callers(texts: &Texts) -> Vec<String> {
    let rules = at(texts, LIST, "/spec/rules");
    let sources = rules.as_array().into_iter().flatten().flat_map(|rule| rule["from"].as_array().into_iter().flatten());
    let accounts = sources.flat_map(|from| from["source"]["serviceAccounts"].as_array().into_iter().flatten());
    accounts.map(|account| account.as_str().expect("a name").trim_start_matches("shop/").to_owned()).collect()
}

fn web(allow: &str) -> String {
    format!("caller a\ncaller b\ncaller c\nservice web {{ port 8080 http; {allow} }}\n")
}

#[test]
fn lists_come_before_the_rest_is_denied() {
    let states = walk(&Texts::new(), &shop(&web("allow a")));
    assert_eq!((presence(&states, LIST), presence(&states, DENY)), ("xx".into(), "-x".into()));
}

#[test]
fn lists_go_after_the_rest_was_denied() {
    let states = walk(&settled(&shop(&web("allow a"))), &nothing());
    assert_eq!((presence(&states, LIST), presence(&states, DENY)), ("x-".into(), "--".into()));
}

#[test]
fn a_dry_run_does_not_count_as_a_list() {
    let (dry, enforced) = (with("dry-run", &web("allow a")), with("deny-by-default", &web("allow a")));
    let tip = settled(&dry);
    let dry_run = |states: &[Texts], path: &str| -> Vec<bool> {
        states.iter().map(|state| at(state, path, DRY_RUN) == json!("true")).collect()
    };
    let states = walk(&tip, &enforced);
    assert_eq!((dry_run(&states, LIST), dry_run(&states, DENY)), (vec![false, false], vec![true, false]));
    let states = walk(&settled(&enforced), &dry);
    assert_eq!((dry_run(&states, LIST), dry_run(&states, DENY)), (vec![false, true], vec![true, true]));
}

#[test]
fn a_service_that_comes_or_goes_where_the_rest_is_denied_is_one_step() {
    let (one, two) = (shop(&web("allow a")), shop(&(web("allow a") + "service api { port 8080 http; allow web }\n")));
    assert_eq!(walk(&settled(&one), &two).len(), 1);
    assert_eq!(walk(&settled(&two), &one).len(), 1);
}

#[test]
fn only_a_list_that_gains_and_loses_takes_two_steps() {
    let tip = settled(&shop(&web("allow a, b")));
    for (allow, steps) in [
        ("allow a, b, c", vec!["a b c"]),
        ("allow a", vec!["a"]),
        ("allow anyone", vec![""]),
        ("allow a, c", vec!["a c a b", "a c"]),
        ("allow c", vec!["c a b", "c"]),
        ("allow a, b to GET /x", vec!["a b"]),
    ] {
        let states = walk(&tip, &shop(&web(allow)));
        assert_eq!(states.iter().map(|state| callers(state).join(" ")).collect::<Vec<_>>(), steps, "{allow}");
    }
}

#[test]
fn what_a_list_gains_is_live_everywhere_before_it_loses() {
    let (before, after) = (settled(&shop(&web("allow a"))), shop(&web("allow b")));
    let first = published(&step(&[&before], &after), &after);
    assert_eq!(callers(&first), ["b", "a"]);
    assert_eq!(published(&step(&[&before, &first], &after), &after), first);
    assert_eq!(published(&step(&[&first], &after), &after), after.files);
}

#[test]
fn a_list_that_is_full_changes_at_once() {
    // The compiler joins rules, so that one of 300 has to be made by hand.
    let desired = shop(&web("allow a"));
    let mut tip = settled(&shop(&web("allow b")));
    let rule = |n: usize| json!({"from": [{"source": {"serviceAccounts": [format!("shop/x{n}")]}}]});
    let mut policy: Value = yaml_serde::from_str(&tip[LIST]).expect("YAML");
    policy["spec"]["rules"] = (0..512).map(rule).collect();
    tip.insert(LIST.to_owned(), serde_json::to_string(&policy).expect("JSON"));
    assert_eq!(walk(&tip, &desired).len(), 1);
    policy["spec"]["rules"] = (0..511).map(rule).collect();
    tip.insert(LIST.to_owned(), serde_json::to_string(&policy).expect("JSON"));
    let states = walk(&tip, &desired);
    assert_eq!((states.len(), at(&states[0], LIST, "/spec/rules/511").is_null()), (2, false));
}

#[test]
fn a_renamed_service_keeps_the_list_of_its_pods() {
    let named =
        |name: &str| shop(&format!("caller a\nservice {name} {{ port 8080 http; selector app=web; allow a }}\n"));
    let states = walk(&settled(&named("web")), &named("front"));
    let new = "prod/shop/front/authorization-policy.yaml";
    assert_eq!((presence(&states, LIST), presence(&states, new)), ("x-".into(), "xx".into()));
}
