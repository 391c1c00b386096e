use crate::folder::{Folder, SHOP};

const MANIFESTS: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
        - name: server
          image: registry.example.com/web:1.0.0
          env: [{name: PRICES_ADDR, value: 'prices:8080'}]
---
apiVersion: v1
kind: Service
metadata: {name: prices}
spec:
  selector: {app: prices}
  ports: [{name: http, port: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: prices}
spec:
  selector: {matchLabels: {app: prices}}
  template:
    metadata: {labels: {app: prices}}
    spec:
      serviceAccountName: prices
      containers: [{name: server, image: 'registry.example.com/prices:1.0.0'}]
";

#[test]
fn a_draft_is_written_and_compiles() {
    let folder = Folder::new(&[("k8s/all.yaml", MANIFESTS)]);
    let run = folder.meshc(&["init", "--name", "shop", "k8s"]).ended(0);
    for part in ["found 2 workloads and 2 Services in 1 manifest\n", "wrote shop.mesh\n", "# guess", "meshc check\n"] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let mesh = folder.read("shop.mesh");
    assert!(mesh.contains("mesh shop {") && mesh.contains("inventory     \"k8s/all.yaml\""), "{mesh}");
    assert!(mesh.lines().any(|line| line.contains("allow web") && line.contains("# guess")), "{mesh}");
    let environments: Vec<String> = folder.files("environments");
    assert_eq!(environments, ["dev.mesh", "prod.mesh", "staging.mesh"]);
    folder.meshc(&["check"]).ended(0);
    folder.meshc(&["fmt", "--check"]).ended(0);
}

#[test]
fn manifests_may_stand_beside_the_project() {
    let folder = Folder::new(&[("manifests/all.yaml", MANIFESTS), ("mesh/README.md", "")]);
    let run = folder.meshc(&["-C", "mesh", "init", "../manifests/all.yaml"]).ended(0);
    assert!(run.stdout.contains("wrote mesh/mesh.mesh\n"), "{}", run.stdout);
    assert!(run.stdout.contains("meshc -C mesh check\n"), "{}", run.stdout);
    let mesh = folder.read("mesh/mesh.mesh");
    assert!(mesh.contains("root          \"..\"") && mesh.contains("\"../manifests/all.yaml\""), "{mesh}");
    folder.meshc(&["-C", "mesh", "check"]).ended(0);
}

#[test]
fn nothing_is_ever_overwritten() {
    let folder = Folder::new(&[("k8s/all.yaml", MANIFESTS), ("old.mesh", SHOP)]);
    let run = folder.meshc(&["init", "k8s"]).ended(1);
    assert!(run.stderr.contains("has a project already (`old.mesh`)"), "{}", run.stderr);
    assert_eq!(folder.files(""), ["k8s/all.yaml", "old.mesh"]);
    assert_eq!(folder.read("old.mesh"), SHOP);
}

#[test]
fn what_holds_nothing_gives_nothing() {
    let folder = Folder::new(&[("empty.yaml", "kind: ConfigMap\nmetadata: {name: a}\n"), ("folder/notes.md", "")]);
    let run = folder.meshc(&["init", "empty.yaml"]).ended(1);
    assert!(run.stderr.contains("no workload and no Service"), "{}", run.stderr);
    let run = folder.meshc(&["init", "folder"]).ended(1);
    assert!(run.stderr.contains("no .yaml file in `folder`"), "{}", run.stderr);
    folder.meshc(&["init", "missing.yaml"]).ended(3);
    folder.meshc(&["init"]).ended(2);
    folder.write("broken.yaml", "a: [");
    let run = folder.meshc(&["init", "broken.yaml"]).ended(1);
    assert!(run.stderr.starts_with("error[invalid-file]"), "{}", run.stderr);
    assert_eq!(folder.files(""), ["broken.yaml", "empty.yaml", "folder/notes.md"]);
}
