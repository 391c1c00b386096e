use super::*;

#[test]
fn all_shapes_of_a_file_are_read() {
    let one = "target: {kind: VirtualService}\npatch: |\n  - {op: remove, path: /spec}\n";
    let operations = "[{\"op\": \"remove\", \"path\": \"/spec\"}]";
    let shapes = [
        format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches:\n{}",
            entry("- op: remove\n  path: /spec\n")
        ),
        entry("- op: remove\n  path: /spec\n"),
        one.to_owned(),
        format!("---\n{one}---\n# nothing\n"),
        "- target: {kind: VirtualService, name: }\n  path: ops.json\n  options: {allowNameChange: true}\n".to_owned(),
        "[{\"target\": {\"kind\": \"VirtualService\"}, \"patch\": \"[{op: remove, path: /spec}]\"}]".to_owned(),
    ];
    for shape in shapes {
        let case = case_with(&shape, &[("ops.json", operations)]);
        assert_eq!(case.findings(), [""; 0], "{shape}");
        assert_eq!(case.patches.len(), 1);
        let (head, mut object) = route();
        case.apply(&head, &mut object).unwrap();
        assert_eq!(object.get("spec"), None, "{shape}");
    }
}

#[test]
fn files_that_entries_name_are_known_beforehand() {
    let mut sources = SourceMap::default();
    for (text, expected) in [
        ("patches:\n- path: a.yaml\n  target: {}\n- patch: x\n", vec!["a.yaml"]),
        ("- path: ../b.json\n- path: c\n", vec!["../b.json", "c"]),
        ("path: d.yaml\n", vec!["d.yaml"]),
        ("- op: add\n  path: /spec\n", vec![]),
        ("{", vec![]),
    ] {
        let file = sources.add("p.yaml", text);
        assert_eq!(referenced_files(&sources, file), expected, "{text}");
    }
}

#[test]
fn faults_are_found_at_their_line() {
    let invalid = |text: &str| case(text).findings();
    let operation = |text: &str| case(&entry(text)).findings();
    for (findings, expected) in [
        (invalid("a: [\n"), "invalid-file@"),
        (invalid("- target: {}\n  target: {}\n"), "invalid-file@target: the key `target` stands twice"),
        (invalid(""), "invalid-patch@patch \"../patches/p.yaml\": `patches/p.yaml` holds no patch"),
        (invalid("text\n"), "invalid-patch@text: a patch file is a list of entries"),
        (invalid("- text\n"), "invalid-patch@text: an entry is a mapping"),
        (invalid("- op: add\n  path: /x\n  value: 1\n"), "invalid-patch@op: add: these operations have no target"),
        (invalid("op: add\npath: /x\nvalue: 1\n"), "invalid-patch@op: add: one operation stands where entries"),
        (invalid("kind: Kustomization\n"), "invalid-patch@kind: Kustomization: this kustomization has no `patches`"),
        (invalid("patches: []\nresources: [x]\n"), "invalid-patch@resources: `resources` is not read here"),
        (invalid("patches: {}\n"), "invalid-patch@{}: `patches` is a list"),
        (invalid("- target: {}\n"), "invalid-patch@target: {}: an entry has `patch` or `path`"),
        (invalid("- path: x\n  patch: x\n"), "invalid-patch@x: `patch` and `path` exclude each other"),
        (invalid("- target: {}\n  path: x\n"), "file-not-found@x: there is no file `x`"),
        (invalid("- target: {}\n  path: [x]\n"), "invalid-patch@[x]: `path` is a text"),
        (
            invalid("- target: {}\n  patch: [{op: remove, path: /x}]\n"),
            "invalid-patch@[{op: remove, path: /x}]: `patch` is a text",
        ),
        (invalid("- target: {}\n  patch: |\n    []\n"), "invalid-patch@: this patch has no operations"),
        (invalid("- target: {}\n  patch: |\n    op: add\n"), "invalid-patch@op: add: operations are a list"),
        (invalid("- target: {}\n  patch: text\n"), "invalid-patch@text: operations are a list, and this is a text"),
        (
            invalid("- target: {}\n  patch: |\n    - {op: remove, path: /x}\n    ---\n    - {op: remove, path: /x}\n"),
            "invalid-patch@- {op: remove, path: /x}: a JSON patch is one document",
        ),
        (invalid("- patch: |\n    - {op: remove, path: /x}\n"), "invalid-patch@patch: |: a JSON patch has a `target`"),
        (invalid("- target: x\n  patch: |\n    - {op: remove, path: /x}\n"), "invalid-patch@x: `target` is a mapping"),
        (
            invalid("- target: {nmae: x}\n  patch: |\n    - {op: remove, path: /x}\n"),
            "invalid-patch@nmae: `nmae` is no key of `target`",
        ),
        (
            invalid("- target: {name: [x]}\n  patch: |\n    - {op: remove, path: /x}\n"),
            "invalid-patch@[x]: `name` is a text",
        ),
        (
            invalid("- target: {name: \"x(\"}\n  patch: |\n    - {op: remove, path: /x}\n"),
            "invalid-patch@\"x(\": `x(` is no regular expression: unclosed group",
        ),
        (
            invalid("- target: {labelSelector: a in b}\n  patch: |\n    - {op: remove, path: /x}\n"),
            "invalid-patch@a in b: `a in b` is no selector",
        ),
        (
            invalid("- options: {allowName: true}\n  target: {}\n  patch: |\n    - {op: remove, path: /x}\n"),
            "invalid-patch@allowName: `allowName` is no key of `options`",
        ),
        (
            invalid("- options: {allowNameChange: maybe}\n  target: {}\n  patch: |\n    - {op: remove, path: /x}\n"),
            "invalid-patch@maybe: `allowNameChange` is `true` or `false`",
        ),
        (operation("- text"), "invalid-patch@text: an operation is a mapping"),
        (
            operation("- op: add\n  path: /x\n  valeu: 1\n  value: 1"),
            "invalid-patch@valeu: `valeu` is no key of an operation",
        ),
        (operation("- path: /x"), "invalid-patch@path: /x: this operation has no `op`"),
        (operation("- op: ad\n  path: /x"), "invalid-patch@ad: `ad` is no operation"),
        (operation("- op: [add]\n  path: /x"), "invalid-patch@[add]: `a list` is no operation"),
        (operation("- op: remove"), "invalid-patch@op: remove: this operation has no `path`"),
        (operation("- op: add\n  path: /x"), "invalid-patch@op: add: this operation has no `value`"),
        (operation("- op: test\n  path: /x"), "invalid-patch@op: test: this operation has no `value`"),
        (operation("- op: move\n  path: /x"), "invalid-patch@op: move: this operation has no `from`"),
        (operation("- op: copy\n  path: /x\n  from: z"), "invalid-patch@z: a path starts with `/`"),
        (operation("- op: remove\n  path: x"), "invalid-patch@x: a path starts with `/`"),
        (operation("- op: remove\n  path: /x~2"), "invalid-patch@/x~2: `/x~2` has a `~`"),
        (operation("- op: remove\n  path: \"\""), "invalid-patch@\"\": an empty path means the whole resource"),
        (operation("- op: remove\n  path: 1"), "invalid-patch@1: a path is a text"),
        (operation("- op: add\n  path: /x\n  value: {a: [b: ]}"), "invalid-patch@a: a patch cannot write `null`"),
        (operation("- op: add\n  path: /x\n  value: on"), "invalid-file@on: readers of YAML disagree"),
    ] {
        assert!(
            findings.first().is_some_and(|finding| finding.starts_with(expected)),
            "{findings:?}\nexpected {expected}"
        );
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
}

#[test]
fn suggestions_repair_what_they_are_for() {
    for (text, repaired) in [
        ("- op: ad\n  path: /x\n  value: 1", "- op: add\n  path: /x\n  value: 1"),
        ("- op: remove\n  path: spec.http[0].timeout", "- op: remove\n  path: /spec/http/0/timeout"),
        ("- op: remove\n  path: \"spec/x\"", "- op: remove\n  path: \"/spec/x\""),
        ("- op: add\n  path: /x\n  valeu: 1\n  value: 1", "- op: add\n  path: /x\n  value: 1\n  value: 1"),
    ] {
        assert_eq!(case(&entry(text)).repaired().trim_end(), entry(repaired).trim_end());
    }
    let case = case("- taget: {}\n  target: {}\n  patch: |\n    - {op: remove, path: /x}\n");
    assert!(case.repaired().starts_with("- target: {}"));
}

#[test]
fn what_stands_within_quotes_is_not_replaced() {
    let case = case("- target: {}\n  patch: \"[{op: ad, path: /x}]\"\n");
    assert!(case.findings()[0].starts_with("invalid-patch@\"[{op: ad, path: /x}]\": `ad` is no operation"));
    assert_eq!(case.only().suggestion, None);
}

#[test]
fn one_broken_entry_leaves_the_others() {
    let text = format!("- text\n{}- target: {{}}\n", entry("- op: remove\n  path: /spec"));
    let case = case(&text);
    assert_eq!(case.patches.len(), 1);
    assert_eq!(case.out.len(), 2);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(5000))]

    /// Whatever stands in a patch file, it is read to the end, and what is said points into it.
    #[test]
    fn no_text_is_too_strange(parts in proptest::collection::vec(proptest::sample::select(vec![
        "- ", "target: ", "target:\n", "patch: ", "patch: |\n", "patches:\n", "path: ", "op: ", "op: add\n", "value: ", "from: ",
        "kind: ", "VirtualService\n", "  ", "    ", "\n", "\n  ", "\n    ", "{", "}", "[", "]", ", ", "\"", "'", "/spec/x", "x.y[0]", "~", "1",
        "on", "|", ">-\n", "# c\n", "---\n", "&a ", "*a", "!t ", "ü", "\t", ":", "$patch: delete\n", "metadata: {name: x}\n",
    ]), 0..30)) {
        let case = case(&parts.concat());
        for diagnostic in case.out.iter() {
            for span in [diagnostic.primary.span].into_iter().chain(diagnostic.related.iter().map(|label| label.span)) {
                let text = &case.sources.file(span.file).text;
                proptest::prop_assert!(text.get(span.range()).is_some(), "{diagnostic:?} in {text:?}");
            }
            if let Some(suggestion) = &diagnostic.suggestion {
                proptest::prop_assert!(suggestion.edits.iter().all(|(span, _)| span.file == FILE));
            }
        }
    }
}
