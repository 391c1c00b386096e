//! Places, structure and limits of the trees that are read.

use super::*;

const FILE: FileId = FileId(0);

fn one(text: &str) -> Node<'_> {
    parse(FILE, 0, text).unwrap().pop().unwrap()
}

fn shown(text: &str, span: Span) -> &str {
    &text[span.range()]
}

#[test]
fn places_are_those_of_key_and_value() {
    for text in ["a: 1\nb:\n  - name:   x # y\n", "{\"a\": 1, \"b\": [{\"name\":\n\"x\"}]}", "ä: ö\nb: [{name: x}]\n"]
    {
        let root = one(text);
        let (list, _) = root.get("b").unwrap();
        let Value::List(items) = list.value() else { panic!("{text}") };
        let (name, place) = items[0].get("name").unwrap();
        assert_eq!(name.scalar(), Some("x"));
        assert!(shown(text, name.span).contains('x'), "{text}");
        assert!(shown(text, place).contains("name") && shown(text, place).ends_with(['x', '"']), "{text}");
    }
}

#[test]
fn a_block_scalar_is_marked_at_its_first_line() {
    let text = "a: |\n  one\n  two\nb: 1\n";
    let root = one(text);
    let (value, place) = root.get("a").unwrap();
    assert_eq!(value.scalar(), Some("one\ntwo\n"));
    assert_eq!(text[place.range()].lines().count(), 1);
}

#[test]
fn documents_are_split_where_yaml_splits_them() {
    let text = "# licence\n---\na: |\n  ---\n  x\n--- # two\nb: 1\n---\n---\n# only a comment\n---\nc: \"---\"\n";
    let found: Vec<&str> = documents(text).into_iter().map(|(_, document)| document).collect();
    assert_eq!(found, ["---\na: |\n  ---\n  x\n", "--- # two\nb: 1\n", "---\nc: \"---\"\n"]);
    assert_eq!(documents("%YAML 1.2\n---\na: 1\n").len(), 1);
    assert!(documents("").is_empty());
    assert_eq!(documents("----\n"), [(0, "----\n")]);
}

#[test]
fn aliases_and_merge_keys_are_followed() {
    let root = one("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nlist: {<<: [*b]}\nsame: *b\n");
    let value = |path: &[&str]| {
        let mut node = &root;
        for key in path {
            node = node.get(key).unwrap().0;
        }
        node.scalar().unwrap().to_owned()
    };
    assert_eq!(value(&["use", "x"]), "1");
    assert_eq!(value(&["use", "y"]), "3");
    assert_eq!(value(&["list", "x"]), "1");
    assert_eq!(value(&["same", "y"]), "2");
}

#[test]
fn a_key_that_stands_twice_is_refused_at_both_ends() {
    let text = "a:\n  b: 1\n  c: 2\n  b: 3\n";
    let fault = parse(FILE, 0, text).unwrap_err();
    assert_eq!((fault.span.start, fault.first.unwrap().start), (19, 5));
}

#[test]
fn nesting_and_aliases_that_nest_are_bounded() {
    let deep = "[".repeat(50_000);
    assert!(parse(FILE, 0, &deep).is_err());
    let chain: String = (1..50_000).map(|i| format!("a{i}: &a{i} [*a{}]\n", i - 1)).collect();
    let fault = parse(FILE, 0, &format!("a0: &a0 []\n{chain}")).unwrap_err();
    assert!(fault.message.contains("deeper"), "{}", fault.message);
    assert!(parse(FILE, 0, "a: &a [*a]").is_err());
}

/// The shape of a tree, scalars as they count: text, or what they are instead.
fn shape(node: &Node<'_>) -> String {
    match node.value() {
        Value::Scalar(_, _) if node.is_null() => "null".into(),
        Value::Scalar(text, _) => format!("{text:?}"),
        Value::List(list) => format!("[{}]", list.iter().map(shape).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", shape(key), shape(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Shared(_) => unreachable!("`value` follows aliases"),
    }
}

fn other_shape(value: &yaml_serde::Value) -> String {
    use yaml_serde::Value;
    match value {
        Value::Null => "null".into(),
        Value::String(text) => format!("{text:?}"),
        Value::Bool(word) => format!("{:?}", word.to_string()),
        Value::Number(number) => format!("{:?}", number.to_string()),
        Value::Sequence(list) => format!("[{}]", list.iter().map(other_shape).collect::<Vec<_>>().join(", ")),
        Value::Mapping(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", other_shape(key), other_shape(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Tagged(tagged) => other_shape(&tagged.value),
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]
    #[test]
    fn two_readers_see_one_value(parts in proptest::collection::vec(proptest::sample::select(vec![
        "a: ", "b: ", "c:\n", "  ", "    ", "- ", "\n", "\n", "\n  ", "{", "}", "[", "]", ", ", "x", "y z", "80", "true", "|\n", ">-\n",
        "'it''s'", "\"\\t\"", "# note\n", " # note\n", "\u{e4}", ":", "-", "&n ", "*n", "~", "a:\n", "  - b\n", "  d: e\n",
    ]), 0..25)) {
        let text = format!("k: {}\n", parts.concat());
        if let (Ok(mine), Ok(other)) = (parse(FILE, 0, &text), yaml_serde::from_str::<yaml_serde::Value>(&text)) {
            let mine = mine.first().map_or("null".into(), shape);
            proptest::prop_assert_eq!(mine, other_shape(&other), "{:?}", text);
        }
    }
}

#[test]
fn words_that_are_no_text_are_known() {
    for text in ["", "~", "null", "NULL"] {
        assert_eq!(not_text(text), Some(NotText::Null), "{text}");
    }
    for text in ["true", "No", "on", "y"] {
        assert_eq!(not_text(text), Some(NotText::Boolean), "{text}");
    }
    for text in ["80", "-1", "1.10", "1e3", "0x1F", "0o17", "0777", "1_000", ".inf", "+.5"] {
        assert_eq!(not_text(text), Some(NotText::Number), "{text}");
    }
    for text in ["v1", "1.2.3", "12:30", "nan", "inf", "80a", "-", "e3", "2024-01-01", "yes!", "0x", "."] {
        assert_eq!(not_text(text), None, "{text}");
    }
}
