use crate::folder::Folder;

#[test]
fn a_code_is_explained_with_an_example() {
    let folder = Folder::new(&[]);
    let page = folder.meshc(&["explain", "unknown-caller"]).ended(0).stdout;
    for part in ["# unknown-caller\n", "## Wrong\n", "## Right\n", "```mesh\n"] {
        assert!(page.contains(part), "{part}");
    }
    let list = folder.meshc(&["explain"]).ended(0).stdout;
    assert!(list.lines().any(|line| line.starts_with("unknown-caller ") && line.contains(" error ")), "{list}");
    let run = folder.meshc(&["explain", "unknown-callr"]).ended(2);
    assert_eq!(run.stderr, "error: there is no code `unknown-callr`; did you mean `unknown-caller`?\n");
}

#[test]
fn a_value_is_followed_through_its_layers() {
    let run = Folder::shop().meshc(&["explain", "prod", "web.timeout"]).ended(0);
    assert_eq!(
        run.stdout,
        "\
shop/web.timeout: timeout 9s
  service             timeout 5s  shop.mesh:10:3
> environment `prod`  timeout 9s  environments/all.mesh:4:17
"
    );
    let json = Folder::shop().meshc(&["explain", "staging", "web.timeout", "--format", "json"]).ended(0).stdout;
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["settings"][0]["steps"][0]["line"], 10);
    assert_eq!(value["settings"][0]["steps"][0]["holds"], true);
}

#[test]
fn what_cannot_be_explained_is_a_wrong_use() {
    let folder = Folder::shop();
    for (args, text) in [
        (["explain", "prdo", "web.timeout"], "did you mean `prod`?"),
        (["explain", "prod", "wbe.timeout"], "did you mean `web`?"),
        (["explain", "prod", "web.timout"], "did you mean `timeout`?"),
    ] {
        let run = folder.meshc(&args).ended(2);
        assert!(run.stderr.contains(text), "{}", run.stderr);
    }
}
