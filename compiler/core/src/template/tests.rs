use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::world::MemoryWorld;

/// Templates of one text, under a name of its own.
fn templates(text: &str) -> Templates {
    let source = Source { shown: "templates/test.j2".to_owned(), text: Cow::Owned(text.to_owned()) };
    Templates { texts: BTreeMap::from([("test", source)]) }
}

#[derive(Serialize)]
struct Values<'a> {
    text: &'a str,
    number: u32,
    list: Vec<&'a str>,
}

fn render(template: &str, text: &str) -> Result<String, TemplateError> {
    templates(template).render("test", &Values { text, number: 7, list: vec!["a", "b"] })
}

fn refused(template: &str) -> (Option<usize>, String) {
    let error = render(template, "it").unwrap_err();
    assert_eq!(error.file, "templates/test.j2");
    (error.line, error.message)
}

/// What a text must not do, whatever it ends in.
const HOSTILE: &[&str] = &[
    "",
    "on",
    "0777",
    "a: b",
    "a #b",
    "- a",
    "{{ text }}",
    "it's",
    "$(id)",
    "`id`",
    "a;b",
    "a\"; id; \"",
    "'; id; '",
    "*",
    "~",
    "-n",
    "\\",
    "${{ secrets.TOKEN }}",
    "\u{202e}abc",
];

#[test]
fn values_are_printed_through_filters_only() {
    assert_eq!(render("a: {{ text | yaml }}\nb: {{ number }}", "on").unwrap(), "a: \"on\"\nb: 7\n");
    let truth = "{{ number == 7 }} {{ (number == 8) | yaml }} {{ -number }}";
    assert_eq!(render(truth, "").unwrap(), "true false -7\n", "as YAML and JSON spell it");
    let (line, message) = refused("a: 1\nb: {{ text }}\n");
    assert_eq!(line, Some(2));
    assert!(message.contains("without a filter") && message.contains("`| yaml`"), "{message}");
    assert!(refused("{{ list }}").1.contains("without a filter"));
    assert!(refused("{{ list | yaml }}").1.contains("`yaml` takes a text"), "{:?}", refused("{{ list | yaml }}"));
    assert!(refused("{{ text ~ 'x' }}").1.contains("without a filter"));
}

#[test]
fn blocks_and_macros_keep_what_is_quoted() {
    let text =
        "{% macro item(text) %}- {{ text | yaml }}{% endmacro %}{% for one in list %}{{ item(one) }}\n{% endfor %}";
    assert_eq!(render(text, "").unwrap(), "- a\n- b\n");
    assert_eq!(render("{% set x %}{{ text | yaml }}{% endset %}{{ x }}", "no").unwrap(), "\"no\"\n");
}

#[test]
fn what_is_not_defined_is_an_error_with_its_line() {
    let (line, message) = refused("one\ntwo {{ nothing | line }}\n");
    assert_eq!(line, Some(2));
    assert_eq!(message, "a name is not defined: `two {{ nothing | line }}`");
    assert_eq!(refused("a\n{% if %}\n").0, Some(2));
    assert!(refused("{{ text | shell }}").1.contains("unknown filter"));
}

#[test]
fn a_template_that_does_not_end_is_stopped() {
    let nested = "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}{% endfor %}{% endfor %}{% endfor %}";
    assert!(refused(nested).1.contains("does not come to an end"));
}

#[test]
fn no_file_is_read() {
    assert!(refused("{% include '/etc/passwd' %}").1.contains("template"), "{:?}", refused("{% include 'a' %}"));
    assert!(refused("{% extends '../a' %}").1.contains("template"));
}

#[test]
fn hostile_texts_stay_one_yaml_scalar() {
    for text in HOSTILE {
        let document = render("a: {{ text | yaml }}\nb: end\n", text).unwrap();
        let value: serde_json::Value = yaml_serde::from_str(&document).unwrap();
        assert_eq!(value, serde_json::json!({"a": text, "b": "end"}), "{document}");
    }
}

#[test]
fn texts_of_several_lines_do_not_reach_scripts_and_comments() {
    for text in ["a\nid", "a\rid", "a\0", "a\u{85}b", "a\u{2028}b", "\u{1b}[2J"] {
        assert!(render("{{ text | sh }}", text).is_err(), "{text:?}");
        assert!(render("# {{ text | line }}", text).is_err(), "{text:?}");
        assert!(render("a: {{ text | yaml }}", text).is_ok(), "{text:?}");
    }
}

/// What a shell reads: the reader of single quotes and of plain words, for words that hold nothing else.
fn read_word(word: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (inside, after) = quoted.split_once('\'')?;
            text.push_str(inside);
            rest = after;
        } else if let Some(after) = rest.strip_prefix(r"\'") {
            text.push('\'');
            rest = after;
        } else {
            let first = rest.chars().next()?;
            let plain = first.is_ascii_alphanumeric() || "._/-:@+,".contains(first);
            text.push(Some(first).filter(|_| plain)?);
            rest = rest.get(first.len_utf8()..)?;
        }
    }
    Some(text)
}

proptest! {
    #[test]
    fn any_text_stays_one_yaml_scalar(text in any::<String>()) {
        let document = render("list:\n- {{ text | yaml }}\n", &text).unwrap();
        let value: serde_json::Value = yaml_serde::from_str(&document).unwrap();
        prop_assert_eq!(value, serde_json::json!({"list": [text]}));
    }

    #[test]
    fn any_text_stays_one_word_of_a_shell(text in r"[^\p{C}\u{2028}\u{2029}]{0,30}") {
        let word = render("{{ text | sh }}", &text).unwrap();
        let word = word.strip_suffix('\n').unwrap();
        prop_assert_eq!(read_word(word), Some(text));
    }
}

fn world(files: &[(&str, &str)]) -> MemoryWorld {
    let file = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    MemoryWorld { files: files.iter().map(file).collect() }
}

#[test]
fn a_project_replaces_a_template_by_a_file_of_its_name() {
    let (name, _) = TEMPLATES[0];
    let path = format!("templates/{name}.j2");
    let templates = Templates::load(&world(&[(&path, "one\r\n{{ text | line }}\r\n")])).unwrap();
    let values = Values { text: "two", number: 0, list: Vec::new() };
    assert_eq!(templates.render(name, &values).unwrap(), "one\ntwo\n");
    let templates = Templates::load(&world(&[(&path, "one\n{{ missing | line }}\n")])).unwrap();
    let error = templates.render(name, &values).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{path}:2: a name is not defined")), "{error}");
}

#[test]
fn a_file_that_would_replace_nothing_is_reported() {
    let (name, _) = TEMPLATES[0];
    let wrong = format!("templates/{}.j2", name.replacen('-', "_", 1));
    let error = Templates::load(&world(&[(&wrong, "")])).unwrap_err();
    assert_eq!(error.to_string(), format!("{wrong}: replaces no template; did you mean `{name}.j2`?"));
    assert!(Templates::load(&world(&[("templates/nginx.conf.j2", ""), ("templates/README.md", "")])).is_ok());
}

#[test]
fn every_template_of_the_program_is_well_formed() {
    assert!(!TEMPLATES.is_empty());
    for (name, text) in TEMPLATES {
        let environment = Environment::new();
        assert!(environment.template_from_named_str(name, text).is_ok(), "{name}");
    }
}
