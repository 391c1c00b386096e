//! Reading manifests: values, places, faults.

use proptest::prelude::*;

use super::*;
use crate::inventory::Workload;

/// One file read alone.
pub(crate) fn read_one(text: &str) -> (Inventory, Diagnostics) {
    let (_, inventory, out) = read_texts(&[text]);
    (inventory, out)
}

fn read_texts(texts: &[&str]) -> (SourceMap, Inventory, Diagnostics) {
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    let add = |(number, text): (usize, &&str)| sources.add(format!("{number}.yaml"), text);
    let files: Vec<FileId> = texts.iter().enumerate().map(add).collect();
    let inventory = read_all(&sources, &files, &mut out);
    (sources, inventory, out)
}

/// `line:column code: message` of each finding.
fn findings(texts: &[&str]) -> Vec<String> {
    let (sources, _, out) = read_texts(texts);
    out.iter().map(|d| format!("{} {}: {}", sources.locate(d.primary.span), d.code, d.message)).collect()
}

fn workload<'a>(inventory: &'a Inventory, name: &str) -> &'a Workload {
    inventory.workloads.values().find(|workload| workload.name == name).unwrap()
}

const CART: &str = "\
# Copyright
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart # the cart
  labels: {app: not-the-pods}
spec:
  replicas: 3
  template:
    metadata:
      labels:
        app: cart
        version: \"1.10\"
      annotations:
        sidecar.istio.io/inject: \"true\"
    spec:
      serviceAccountName: cart-account
      initContainers:
      - name: wait
        command: [sh, -c, nc -z redis 6379]
      containers:
      - name: server
        ports:
        - containerPort: 7070
          name: grpc
        args:
        - --level=info
        - |
          first line
          second line
        env:
        - name: REDIS_ADDR
          value: \"redis-cart:6379\"
        - name: SECRET
          valueFrom: {secretKeyRef: {name: a, key: b}}
        - value: last
          name: ORDER
---
apiVersion: v1
kind: Service
metadata:
  name: cart
  namespace: shop
spec:
  type: LoadBalancer
  selector:
    app: cart
  ports:
  - name: grpc
    targetPort: grpc
    port: 80
    appProtocol: kubernetes.io/h2c
  - port: 53
    protocol: UDP
";

#[test]
fn a_deployment_is_read_with_its_pods_labels_ports_and_variables() {
    let (sources, inventory, out) = read_texts(&[CART]);
    assert!(out.is_empty(), "{out:?}");
    let cart = workload(&inventory, "cart");
    assert_eq!((cart.kind, cart.replicas, cart.namespace.as_str()), (WorkloadKind::Deployment, Some(3), ""));
    assert_eq!(cart.service_account, "cart-account");
    assert_eq!(cart.labels.get("app").map(Text::as_str), Some("cart"));
    assert_eq!(cart.labels.get("version").map(Text::as_str), Some("1.10"));
    assert_eq!(cart.injected, Some(true));
    let ports: Vec<_> = cart.container_ports.iter().map(|port| (port.name.as_deref(), port.number)).collect();
    assert_eq!(ports, [(Some("grpc"), 7070)]);
    let env: Vec<_> = cart.env.iter().map(|e| (e.name.as_str(), e.value.as_str(), sources.text(e.span))).collect();
    let order = ("ORDER", "last", "name: ORDER");
    assert_eq!(env, [("REDIS_ADDR", "redis-cart:6379", "name: REDIS_ADDR"), order]);
    let args: Vec<_> = cart.args.iter().map(|a| (a.container.as_str(), a.text.as_str())).collect();
    let expected = [
        ("wait", "sh"),
        ("wait", "-c"),
        ("wait", "nc -z redis 6379"),
        ("server", "--level=info"),
        ("server", "first line\nsecond line\n"),
    ];
    assert_eq!(args, expected);
    assert_eq!(sources.text(cart.span), "name: cart");
    assert_eq!(sources.locate(cart.span), "0.yaml:6:3");
}

#[test]
fn a_broken_document_hides_no_other() {
    let text = format!("a: [\n{CART}---\nb: }}\n");
    assert_eq!(findings(&[&text]).len(), 2);
    let (inventory, _) = read_one(&text);
    assert_eq!((inventory.services.len(), inventory.workloads.len()), (1, 1));
}

#[test]
fn a_service_is_read_with_the_line_of_each_port() {
    let (sources, inventory, _) = read_texts(&[CART]);
    let service = &inventory.services[&("shop".into(), "cart".into())];
    assert_eq!((service.service_type, service.headless), (ServiceType::LoadBalancer, false));
    assert_eq!(service.selector, BTreeMap::from([("app".into(), "cart".into())]));
    let ports: Vec<_> =
        service.ports.iter().map(|p| (p.number, p.target.clone(), p.udp, sources.text(p.span))).collect();
    let grpc = (80, TargetPort::Name("grpc".into()), false, "port: 80");
    assert_eq!(ports, [grpc, (53, TargetPort::Number(53), true, "port: 53")]);
    assert_eq!(service.ports[0].app_protocol.as_deref(), Some("kubernetes.io/h2c"));
}

#[test]
fn every_kind_keeps_its_pods_where_kubernetes_has_them() {
    let pod = "{metadata: {labels: {app: x}}, spec: {serviceAccount: old, containers: [{name: c}]}}";
    let of = |kind: &str, version: &str, spec: &str| {
        format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: {}}}\nspec: {spec}\n", kind.to_lowercase())
    };
    let text = [
        of("Deployment", "apps/v1", &format!("{{template: {pod}}}")),
        of("StatefulSet", "apps/v1", &format!("{{template: {pod}}}")),
        of("DaemonSet", "apps/v1", &format!("{{template: {pod}}}")),
        of("ReplicaSet", "apps/v1", &format!("{{template: {pod}}}")),
        of("Job", "batch/v1", &format!("{{template: {pod}}}")),
        of("CronJob", "batch/v1", &format!("{{jobTemplate: {{spec: {{template: {pod}}}}}}}")),
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: pod, labels: {app: x}}\nspec: {serviceAccountName: old}\n"
            .into(),
    ];
    let (inventory, out) = read_one(&text.concat());
    assert!(out.is_empty(), "{out:?}");
    let read: Vec<_> = inventory.workloads.values().map(|w| (w.kind, w.replicas, w.labels.len())).collect();
    let expected = [
        (WorkloadKind::Deployment, Some(1), 1),
        (WorkloadKind::StatefulSet, Some(1), 1),
        (WorkloadKind::DaemonSet, None, 1),
        (WorkloadKind::Job, None, 1),
        (WorkloadKind::CronJob, None, 1),
        (WorkloadKind::Pod, Some(1), 1),
    ];
    assert_eq!(read, expected);
    assert!(inventory.workloads.values().all(|w| w.service_account == "old"));
}

#[test]
fn what_is_no_object_of_ours_is_passed_over() {
    let text = "\
# only a comment
---
---
resources: [a.yaml]   # a kustomization.yaml without kind
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: knative}
spec: {ports: not a list}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: local, annotations: {config.kubernetes.io/local-config: \"true\"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: dashboards}
data: {x: \"{{ template }}\"}
...
";
    let (inventory, out) = read_one(text);
    assert!(out.is_empty(), "{out:?}");
    assert!(inventory.services.is_empty() && inventory.accounts.is_empty());
}

#[test]
fn lists_json_and_windows_line_ends_are_read() {
    let list = "apiVersion: v1\r\nkind: List\r\nitems:\r\n- apiVersion: v1\r\n  kind: ServiceAccount\r\n  metadata: {name: a}\r\n";
    let json = r#"{"kind": "ServiceAccountList", "apiVersion": "v1", "items": [{"metadata": {"name": "b"}}]}"#;
    let (_, inventory, out) = read_texts(&[list, json]);
    assert!(out.is_empty(), "{out:?}");
    assert_eq!(inventory.accounts.keys().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn headless_services_and_generated_names() {
    let (inventory, _) = read_one(
        "kind: Service\nmetadata: {name: db}\nspec: {clusterIP: None}\n---\n\
         kind: Job\napiVersion: batch/v1\nmetadata: {generateName: migrate-}\n",
    );
    assert!(inventory.services[&("".into(), "db".into())].headless);
    assert_eq!(workload(&inventory, "migrate").kind, WorkloadKind::Job);
}

#[test]
fn injection_follows_label_then_annotation_then_network() {
    let injected = |labels: &str, annotations: &str, spec: &str| {
        let meta = format!("{{name: p, labels: {{{labels}}}, annotations: {{{annotations}}}}}");
        let (inventory, out) = read_one(&format!("kind: Pod\nmetadata: {meta}\nspec: {{{spec}}}\n"));
        assert!(out.is_empty(), "{out:?}");
        workload(&inventory, "p").injected
    };
    assert_eq!(injected("", "", ""), None);
    assert_eq!(injected("", "sidecar.istio.io/inject: \"false\"", ""), Some(false));
    let both = ("sidecar.istio.io/inject: \"True\"", "sidecar.istio.io/inject: \"false\"");
    assert_eq!(injected(both.0, both.1, ""), Some(true));
    assert_eq!(injected(both.0, "", "hostNetwork: true"), Some(false));
}

#[test]
fn a_wrong_port_is_an_error_at_its_place_and_the_others_stay() {
    let service = |port: &str| {
        format!("kind: Service\nmetadata: {{name: a}}\nspec:\n  ports:\n  - {port}\n  - port: 1\n    name: ok\n")
    };
    let expected = [
        ("port: abc", "0.yaml:5:5 invalid-file: `port` must be a number from 1 to 65535, found `abc`"),
        ("port: 0", "0.yaml:5:5 invalid-file: `port` must be a number from 1 to 65535, found `0`"),
        ("port: 70000", "0.yaml:5:5 invalid-file: `port` must be a number from 1 to 65535, found `70000`"),
        ("port: -1", "0.yaml:5:5 invalid-file: `port` must be a number from 1 to 65535, found `-1`"),
        ("port: \"80\"", "0.yaml:5:5 invalid-file: `port` must be a number from 1 to 65535, found `80` in quotes"),
        ("port: [80]", "0.yaml:5:5 invalid-file: `port` must be a number from 1 to 65535"),
        ("name: x", "0.yaml:5:5 invalid-file: a port of a Service has no `port`"),
        ("80", "0.yaml:5:5 invalid-file: `ports` must hold fields, `name: value`"),
    ];
    for (port, message) in expected {
        let text = service(port);
        assert_eq!(findings(&[&text]), [message]);
        assert_eq!(read_one(&text).0.services.values().map(|s| s.ports.len()).collect::<Vec<_>>(), [1], "{port}");
    }
    let quoted = service("{port: 80, targetPort: \"8080\"}");
    assert!(findings(&[&quoted])[0].starts_with("0.yaml:5:16 invalid-file: `targetPort` must be"), "{quoted}");
}

#[test]
fn numbers_and_booleans_in_the_place_of_text_are_errors() {
    let pod = "\
kind: Pod
metadata: {name: p, labels: {app: on, version: 1.10}}
spec:
  containers:
  - name: c
    env:
    - name: PORT
      value: 8080
";
    let expected = [
        "0.yaml:2:30 invalid-file: `app` must be text, found a boolean",
        "0.yaml:2:39 invalid-file: `version` must be text, found a number",
        "0.yaml:8:7 invalid-file: `value` must be text, found a number",
    ];
    assert_eq!(findings(&[pod]), expected);
}

#[test]
fn objects_without_what_they_need_are_errors() {
    assert_eq!(
        findings(&["apiVersion: v1\nmetadata: {name: a}\n"]),
        ["0.yaml:1:1 invalid-file: the object has no `kind`"]
    );
    assert_eq!(findings(&["kind: Service\n"]), ["0.yaml:1:1 invalid-file: the object has no `metadata`"]);
    let unnamed = findings(&["kind: Service\nmetadata:\n  labels: {}\n"]);
    assert_eq!(unnamed, ["0.yaml:3:3 invalid-file: the object has no `metadata.name`"]);
    assert_eq!(findings(&["kind: Service\nmetadata: 5\n"]).len(), 1);
    assert_eq!(findings(&["hello\n"]).len(), 1);
}

#[test]
fn an_object_that_stands_twice_is_an_error_at_both_ends() {
    let account = "kind: ServiceAccount\nmetadata:\n  name: a\n";
    let (sources, _, out) = read_texts(&[account, account]);
    let found: Vec<_> = out.iter().collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, Code::DuplicateObject);
    assert_eq!(sources.locate(found[0].primary.span), "1.yaml:3:3");
    assert_eq!(sources.locate(found[0].related[0].span), "0.yaml:3:3");
}

#[test]
fn broken_yaml_is_an_error_at_the_line_that_the_reader_names() {
    let tab = "kind: Service\nmetadata:\n\tname: a\n";
    let found = findings(&[tab]);
    assert!(found.len() == 1 && found[0].contains("invalid-file: cannot be read as YAML: "), "{found:?}");
    assert!(found[0].starts_with("0.yaml:3:") || found[0].starts_with("0.yaml:2:"), "{found:?}");
    let twice = findings(&["kind: Service\nmetadata: {name: a}\nkind: Pod\n"]);
    assert_eq!(twice, ["0.yaml:3:1 invalid-file: cannot be read as YAML: the key `kind` stands twice in one mapping"]);
}

#[test]
fn a_template_is_named_as_such_once() {
    let chart = "\
{{- if .Values.enabled }}
apiVersion: v1
kind: Service
metadata:
  name: {{ include \"chart.fullname\" . }}
{{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Values.name }}
  {{- with .Values.labels }}
  labels: x
  {{- end }}
";
    let (_, _, out) = read_texts(&[chart]);
    let found: Vec<_> = out.iter().collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("template"), "{found:?}");
    assert!(found[0].help.as_ref().unwrap().contains("helm template"));
    let (_, _, out) = read_texts(&["kind: Service\nmetadata:\n  name: {{ .Values.name }}\n"]);
    assert!(out.iter().any(|d| d.help.as_ref().is_some_and(|help| help.contains("helm template"))), "{out:?}");
}

#[test]
fn values_never_reach_messages() {
    let secret = "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, args: [5550199], env: [{name: K, value: 5550199}]}]}\n";
    let found = findings(&[secret]);
    assert!(found.len() == 2 && found.iter().all(|message| !message.contains("5550199")), "{found:?}");
}

proptest! {
    #[test]
    fn reading_any_text_never_panics(text in "\\PC{0,200}") {
        let _ = read_one(&text);
    }

    #[test]
    fn reading_anything_made_of_yaml_never_panics(parts in prop::collection::vec(prop::sample::select(vec![
        "kind: Service\n", "kind: Pod\n", "kind: List\n", "metadata:\n", "spec:\n", "  name: a\n", "  ports:\n", "  - port: 80\n",
        "    - ", "  ", "- ", "items:\n", "? ", ": ", "{", "}", "[", "]", ",", "&a ", "*a", "<<: ", "!!str ", "!x ", "|\n", ">-\n",
        "'", "\"", "\\x41", "#", "---\n", "...\n", "%TAG ! x\n", "\t", "\n", "\u{e4}", "\u{feff}", "\u{85}", "\u{0}", "~", "0", "{{ .x }}",
        "containers:\n", "env:\n", "template:\n",
    ]), 0..40)) {
        let _ = read_one(&parts.concat());
    }

    #[test]
    fn a_broken_manifest_never_panics(at in 0..CART.len(), insert in "[\\PC\n\t]{0,3}", cut in 0..20_usize) {
        let end = (at + cut).min(CART.len());
        let text = format!("{}{insert}{}", &CART[..at], &CART[end..]);
        let (sources, inventory, out) = read_texts(&[&text]);
        // Every place lies within the text, on one line.
        let spans = inventory.workloads.values().map(|w| w.span).chain(out.iter().map(|d| d.primary.span));
        for span in spans {
            prop_assert!(span.end as usize <= text.len());
            prop_assert!(!sources.text(span).contains('\n'));
        }
    }
}
