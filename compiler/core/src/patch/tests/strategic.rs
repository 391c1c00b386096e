use super::*;

const MERGE: &str = "\
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata:
  name: frontend
  namespace: shop
  annotations:
    example.com/a: \"on\"
spec:
  hosts: [c]
  exportTo: null
  tls: {}
";

const CONVERTED: &str = "\
- target:
    group: networking.istio.io
    kind: VirtualService
    name: frontend
    namespace: shop
  patch: |
    - op: add
      path: \"/metadata/annotations/example.com~1a\"
      value: \"on\"
    - op: add
      path: /spec/hosts
      value:
      - c
    - op: remove
      path: /spec/exportTo
";

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

/// The suggestion is taken, and the file then reads without a word.
fn repaired(text: &str) -> String {
    let case = case(text);
    assert_eq!(case.only().code, Code::StrategicMergePatch);
    let repaired = case.repaired();
    let again = super::case(&repaired);
    assert_eq!(again.findings(), [""; 0], "{repaired}");
    assert!(!again.patches.is_empty());
    repaired
}

#[test]
fn the_json_patch_to_write_is_shown_and_can_be_taken() {
    assert_eq!(repaired(MERGE), CONVERTED);
    let entry = format!("- patch: |\n{}", indented(MERGE, 4));
    assert_eq!(repaired(&entry), CONVERTED);
    let between = format!(
        "# first\n- target: {{}}\n  patch: |\n    - {{op: remove, path: /x}}\n{entry}\n# last\n{}",
        super::entry("- {op: remove, path: /y}")
    );
    let expected = format!(
        "# first\n- target: {{}}\n  patch: |\n    - {{op: remove, path: /x}}\n{CONVERTED}\n# last\n{}",
        super::entry("- {op: remove, path: /y}")
    );
    assert_eq!(repaired(&between), expected);
    let deep = format!("patches:\n{}", indented(&entry, 2));
    assert_eq!(repaired(&deep), format!("patches:\n{}", indented(CONVERTED, 2)));
    let alone = format!("patch: |\n{}", indented(MERGE, 2));
    let converted: String = CONVERTED.lines().map(|line| format!("{}\n", &line[2..])).collect();
    assert_eq!(repaired(&alone), converted);
}

#[test]
fn the_entrys_own_target_is_kept() {
    let text = "- target:\n    kind: VirtualService\n    labelSelector: team=web\n  patch: |\n    kind: any\n    metadata: {name: any}\n    spec: {hosts: [x]}\n";
    assert!(
        repaired(text)
            .starts_with("- target:\n    kind: VirtualService\n    labelSelector: \"team=web\"\n  patch: |\n")
    );
}

#[test]
fn several_in_one_text_become_several() {
    let two = format!("{MERGE}---\nkind: Sidecar\nmetadata: {{name: x}}\nspec: {{a: 1}}\n");
    let text = format!("- patch: |\n{}", indented(&two, 4));
    let second =
        "- target:\n    kind: Sidecar\n    name: x\n  patch: |\n    - op: add\n      path: /spec/a\n      value: 1\n";
    assert_eq!(repaired(&text), format!("{CONVERTED}{second}"));
    let wide = format!("-   patch: |\n{}", indented(&two, 6));
    assert!(repaired(&wide).starts_with("-   target:\n      group: networking.istio.io\n"));
}

#[test]
fn what_has_no_lines_of_its_own_is_shown_only() {
    let others = [("merge.yaml", MERGE)];
    for text in
        ["- path: merge.yaml\n", "- {patch: \"kind: VirtualService\\nmetadata: {name: frontend}\\nspec: {a: 1}\"}\n"]
    {
        let case = case_with(text, &others);
        assert_eq!(case.only().code, Code::StrategicMergePatch);
        assert_eq!(case.only().suggestion, None);
        assert!(case.only().help.as_ref().unwrap().starts_with("write this instead:\n- target:\n"));
    }
}

#[test]
fn lists_and_directives_are_pointed_out() {
    let notes = |text: &str| case(text).only().notes.clone();
    assert!(
        notes(MERGE)[0].contains("`add` needs")
            || notes(MERGE).iter().any(|note| note.contains("list is written whole"))
    );
    let directive = "kind: A\nmetadata: {name: b}\nspec: {c: 1, $patch: replace}\n";
    assert!(notes(directive).iter().any(|note| note.contains("$patch")));
    let nothing = case("kind: A\nmetadata: {name: b}\n$patch: delete\n");
    assert!(nothing.only().help.as_ref().unwrap().contains("leave it out"));
}
