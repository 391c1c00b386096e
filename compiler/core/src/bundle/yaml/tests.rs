use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::*;

#[derive(Serialize)]
struct Route {
    destination: Destination,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
}

#[derive(Serialize)]
struct Destination {
    host: &'static str,
    subset: &'static str,
}

#[derive(Serialize)]
struct Unsorted {
    b: u8,
    a: u8,
}

#[test]
fn block_style_is_kustomizes() {
    let value = json!({
        "apiVersion": "networking.istio.io/v1",
        "empty": {"list": [], "map": {}},
        "http": [
            {"route": [{"destination": {"host": "a.b.svc", "subset": "v1"}, "weight": 95}], "timeout": "3s"},
            {},
            [],
            [["x", "y"], ["z"], [{"k": 1, "l": [2]}]],
        ],
        "nothing": null,
        "yes": true,
    });
    let expected = "\
apiVersion: networking.istio.io/v1
empty:
  list: []
  map: {}
http:
- route:
  - destination:
      host: a.b.svc
      subset: v1
    weight: 95
  timeout: 3s
- {}
- []
- - - x
    - \"y\"
  - - z
  - - k: 1
      l:
      - 2
nothing: null
\"yes\": true
";
    assert_eq!(to_yaml(&value).unwrap(), expected);
}

#[test]
fn roots_of_every_shape_end_with_a_newline() {
    for (value, expected) in [
        (json!([]), "[]\n"),
        (json!({}), "{}\n"),
        (json!("x"), "x\n"),
        (json!(["a", {"b": 1}]), "- a\n- b: 1\n"),
        (json!(-12), "-12\n"),
    ] {
        assert_eq!(to_yaml(&value).unwrap(), expected);
    }
}

#[test]
fn typed_structures_and_values_give_the_same_bytes() {
    let routes = vec![
        Route { destination: Destination { host: "a", subset: "on" }, weight: Some(5) },
        Route { destination: Destination { host: "*.example.com", subset: "v1" }, weight: None },
    ];
    assert!(keys_are_sorted(&routes));
    assert_eq!(to_yaml(&routes).unwrap(), to_yaml(&serde_json::to_value(&routes).unwrap()).unwrap());
    assert!(!keys_are_sorted(&Unsorted { b: 1, a: 2 }));
}

#[test]
fn variants_have_the_shapes_that_serde_json_gives_them() {
    #[derive(Serialize)]
    enum Match {
        Any,
        Exact(&'static str),
        Pair(u8, u8),
        Fields { a: u8 },
    }
    let all = [Match::Any, Match::Exact("on"), Match::Pair(1, 2), Match::Fields { a: 1 }];
    assert!(keys_are_sorted(&all));
    assert_eq!(to_yaml(&all).unwrap(), "- Any\n- Exact: \"on\"\n- Pair:\n  - 1\n  - 2\n- Fields:\n    a: 1\n");
}

#[test]
fn maps_of_values_are_sorted() {
    // serde_json's `preserve_order` would let the order of a patch's operations decide the order of keys. Should a
    // dependency switch it on, patched resources must be sorted here before they are written.
    let map: Value = serde_json::from_str(r#"{"b": 1, "a": 2}"#).unwrap();
    assert_eq!(map.to_string(), r#"{"a":2,"b":1}"#);
}

#[test]
fn what_no_reader_agrees_on_is_refused() {
    let error = |result: Result<String, String>| result.unwrap_err();
    assert_eq!(error(to_yaml(&BTreeMap::from([(1, 2)]))), "a key is not a string");
    assert_eq!(error(to_yaml(&BTreeMap::from([(true, 2)]))), "a key is not a string");
    assert!(error(to_yaml(&[None::<u8>])).contains("absent value"));
    assert!(error(to_yaml(&f64::NAN)).contains("no number"));
    assert!(error(to_yaml(&f32::INFINITY)).contains("no number"));
    assert!(error(to_yaml(&BTreeMap::from([("k".repeat(1025), 2)]))).contains("longer than 1024"));
    assert!(to_yaml(&BTreeMap::from([("k".repeat(1024), 2)])).is_ok());
}

#[test]
fn numbers_are_bare_and_whole_where_they_can_be() {
    for (value, expected) in [
        (json!(0), "0"),
        (json!(9), "9"),
        (json!(10), "10"),
        (json!(100), "100"),
        (json!(-1), "-1"),
        (json!(u64::MAX), "18446744073709551615"),
        (json!(i64::MIN), "-9223372036854775808"),
        (json!(1.0), "1"),
        (json!(-0.0), "0"),
        (json!(0.1), "0.1"),
        (json!(-12.5), "-12.5"),
        (json!(1e21), "1.0e+21"),
        (json!(1.5e-7), "1.5e-7"),
        (json!(1e-7), "1.0e-7"),
    ] {
        assert_eq!(to_yaml(&value).unwrap().trim_end(), expected);
    }
    assert_eq!(to_yaml(&0.1_f32).unwrap(), "0.1\n");
}

#[test]
fn everyday_strings_stay_plain() {
    for text in [
        "v1",
        "STRICT",
        "cluster.local/ns/shop/sa/frontend",
        "/hipstershop.ProductCatalogService/GetProduct",
        "/",
        "app.kubernetes.io/name",
        "connect-failure",
        "istio_requests_total",
        "15s",
        "250ms",
        "ISTIO_MUTUAL",
        "nobody",
        "yesterday",
    ] {
        assert_eq!(to_yaml(text).unwrap(), format!("{text}\n"));
    }
}

/// Strings that at least one reader takes for something else when they stand without quotes.
#[rustfmt::skip]
const LOOK_ALIKES: &[&str] = &[
    "yes", "Yes", "YES", "no", "No", "on", "On", "ON", "off", "y", "Y", "n", "N", "true", "TRUE", "False", "null",
    "Null", "NULL", "~", "", "nan", "NaN", ".nan", ".NaN", "inf", ".inf", "-.inf", "+.Inf", "Infinity", "1_000",
    "1:30", "190:20:30", "2001-01-01", "2001-12-14t21:59:43.10-05:00", "0o17", "017", "0x1F", "0b11", "1e3", "1.",
    ".5", "-1", "+1", "12", "1.10", "=", "<<", "-", "--", "---", "...", "- a", "? a", ": a", "a: b", "a:", "a #b",
    "#a", "&a", "*a", "!a", "!!str a", "|", ">", "'a'", "\"a\"", "%a", "@a", "`a`", "[a]", "{a}", ",", "a, b", " a",
    "a ", "\ta", "a\t", "a\nb", "a\n", "\n", "\r\n", "\u{85}", "\u{2028}", "\u{2029}", "\u{feff}", "\u{feff}a", "\0",
    "\u{7f}", "\u{9f}", "\u{a0}", "\u{202e}gnp", "\u{fffe}", "\u{ffff}", "\u{1f600}", "é", "日本", "\\", "\\n", "5%",
    "*.example.com", "@type", "$x", "${x}", "1e", "0x", "0o", "1.2.3", "10.0.0.1", "::1",
];

#[test]
fn look_alikes_are_quoted_as_values_and_as_keys() {
    for text in LOOK_ALIKES {
        let yaml = to_yaml(text).unwrap();
        assert!(yaml.starts_with('"') && yaml.ends_with("\"\n"), "{yaml}");
        assert!(yaml.trim_end().bytes().all(|b| b != b'\n'), "{yaml}");
        assert_eq!(yaml_serde::from_str::<Value>(&yaml).unwrap(), json!(text));
        let key = json!({*text: text});
        if *text == "<<" {
            assert!(to_yaml(&key).unwrap_err().contains("kustomize drops"));
            continue;
        }
        assert_eq!(yaml_serde::from_str::<Value>(&to_yaml(&key).unwrap()).unwrap(), key);
    }
}

#[test]
fn unprintable_characters_are_escaped() {
    assert_eq!(
        to_yaml("a\u{85}\u{2028}\0\"\\\r\n\t\u{1f600}é").unwrap(),
        "\"a\\u0085\\u2028\\u0000\\\"\\\\\\r\\n\\t\u{1f600}é\"\n"
    );
}

#[test]
fn what_readers_disagree_on_is_known() {
    for text in
        ["yes", "On", "y", "1_000", "1:30", "2001-01-01", "0o17", "017", "0x1F", "1e3", ".inf", "-.Inf", "=", "<<"]
    {
        assert!(differs_between_readers(text), "{text}");
    }
    for text in ["", "v1", "5s", "12ab", "1.2.3", "10.0.0.1", "a:b", "yesterday", "-", ".", "1:90s", "2001-01-01.log"] {
        assert!(!differs_between_readers(text), "{text}");
    }
}

/// Strings made of what trips readers: look-alikes, indicators at every place, breaks, marks, emoji.
fn nasty() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        proptest::sample::select(LOOK_ALIKES).prop_map(str::to_owned),
        proptest::sample::select(&[":", " ", "#", "\n", "\"", "'", "\\", "-", "a", "0", "s", "_", ".", "e"][..])
            .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        any::<String>(),
    ];
    proptest::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat())
}

fn nasty_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Never whole: those become integers, which serde_json holds apart from floats.
        (any::<i32>(), 1..8_u8).prop_map(|(n, eighths)| Value::from(f64::from(n) + f64::from(eighths) / 8.0)),
        (1e-300..1e-3).prop_map(Value::from),
        nasty().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(nasty().prop_filter("refused", |key| key != "<<"), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_written_is_read_back(value in nasty_value()) {
        let yaml = to_yaml(&value).unwrap();
        let back: Value = yaml_serde::from_str(&yaml).unwrap();
        prop_assert_eq!(back, value, "{}", yaml);
    }

    #[test]
    fn large_floats_keep_their_value(value in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
        let back: f64 = yaml_serde::from_str(&to_yaml(&value).unwrap()).unwrap();
        prop_assert_eq!(back, value);
    }
}
