//! Manifests that are read.

use super::{Files, Named, lines, mesh_with};

pub(super) const SHAPES: &[Named] = &[
    ("workloads of one service", workloads_of_one),
    ("Services on the same pods", services_on_one),
    ("undeclared workloads", undeclared),
    ("services that select nothing", select_nothing),
    ("services without a Service", without_service),
    ("services without ports", without_ports),
    ("addresses in one workload", addresses_of_one),
    ("workloads that call one service", callers_of_one),
    ("calls that nobody allows", not_allowed),
    ("inventory files", inventory_files),
    ("patterns of inventory files", patterns),
    ("namespaces of an environment's inventory", renamed),
    ("RPCs of protos", protos),
];

fn deployment(namespace: &str, name: &str, app: &str, extra: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  template:\n    \
         metadata: {{labels: {{app: {app}}}}}\n    spec:\n      serviceAccountName: {app}\n      containers:\n        - name: c\n{extra}---"
    )
}

fn service(namespace: &str, name: &str, app: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{selector: {{app: {app}}}, ports: [{{port: 80, name: http}}]}}\n---"
    )
}

fn with_manifests(manifests: String, odd: &str) -> Files {
    let mut files = mesh_with("inventory \"manifests.yaml\"", odd);
    files.insert("manifests.yaml".to_owned(), manifests);
    files
}

fn workloads_of_one(count: usize) -> Files {
    let manifests =
        service("shop", "api", "api") + "\n" + &lines(count, |i| deployment("shop", &format!("api-{i}"), "api", ""));
    with_manifests(manifests, "service api { allow anyone }\n")
}

fn services_on_one(count: usize) -> Files {
    let manifests = lines(count, |i| {
        service("shop", &format!("api-{i}"), "api") + "\n" + &deployment("shop", &format!("w-{i}"), "api", "")
    });
    with_manifests(manifests, "service api-0 { allow anyone }\n")
}

fn undeclared(count: usize) -> Files {
    let manifests = lines(count, |i| deployment("shop", &format!("job-{i}"), &format!("job-{i}"), ""));
    with_manifests(manifests, "service api { port 80 http; allow anyone }\n")
}

fn select_nothing(count: usize) -> Files {
    let manifests = lines(count, |i| deployment("shop", &format!("w-{}", i * 7919), &format!("w-{i}"), ""));
    with_manifests(manifests, &lines(count, |i| format!("service strange-{i} {{ port 80 http; allow anyone }}")))
}

fn without_service(count: usize) -> Files {
    let manifests = lines(count, |i| deployment("a", &format!("api-{i}"), &format!("api-{i}"), ""));
    with_manifests(manifests, &lines(count, |i| format!("service api-{i} {{ port 80 http; allow anyone }}")))
}

fn without_ports(count: usize) -> Files {
    let manifests = lines(count, |i| service("shop", &format!("w-{}", i * 7919), &format!("w-{i}")));
    with_manifests(manifests, &lines(count, |i| format!("service strange-{i} {{ allow anyone }}")))
}

fn env(variable: &str, value: &str) -> String {
    format!("            - {{name: {variable}, value: {value:?}}}")
}

fn addresses_of_one(count: usize) -> Files {
    let variables = lines(count, |i| {
        env(&format!("API_{i}_HOST"), &format!("api-{i}")) + "\n" + &env(&format!("API_{i}_PORT"), "80")
    });
    let calls = format!("          env:\n{variables}");
    let manifests = deployment("shop", "web", "web", &calls)
        + "\n"
        + &lines(count, |i| {
            service("shop", &format!("api-{i}"), &format!("api-{i}"))
                + "\n"
                + &deployment("shop", &format!("api-{i}"), &format!("api-{i}"), "")
        });
    let services = lines(count, |i| format!("service api-{i} {{ allow web }}"));
    with_manifests(manifests, &format!("caller web\n{services}"))
}

/// Workloads that hold the address of one service.
fn calling(count: usize) -> String {
    let calls = format!("          env:\n{}\n", env("API_HOST", "api"));
    service("shop", "api", "api")
        + "\n"
        + &deployment("shop", "api", "api", "")
        + "\n"
        + &lines(count, |i| deployment("shop", &format!("job-{i}"), &format!("job-{i}"), &calls))
}

fn callers_of_one(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}"));
    let allows = lines(count, |i| format!("  allow job-{i}"));
    with_manifests(calling(count), &format!("{callers}service api {{\n{allows}}}\n"))
}

fn not_allowed(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}\ncaller other-{i}"));
    let allows = lines(count, |i| format!("  allow other-{i}"));
    let removed = lines(count / 2, |i| format!("    no allow job-{i}"));
    let both = lines(count / 2, |i| format!("  allow job-{i}"));
    let dev = format!("environment dev {{\n  target istio 1.31\n  service api {{\n{removed}  }}\n}}\n");
    with_manifests(calling(count), &format!("{callers}service api {{\n{allows}{both}}}\n{dev}"))
}

fn inventory_files(count: usize) -> Files {
    let mut files =
        mesh_with("inventory \"kubernetes/*.yaml\"", &lines(count, |i| format!("service api-{i} {{ allow anyone }}")));
    files.extend((0..count).map(|i| {
        let name = format!("api-{i}");
        (
            format!("kubernetes/{name}.yaml"),
            service("shop", &name, &name) + "\n" + &deployment("shop", &name, &name, ""),
        )
    }));
    files
}

fn patterns(count: usize) -> Files {
    let patterns = lines(count, |i| format!("  inventory \"kubernetes/api-{i}.yaml\""));
    let mut files = mesh_with(&patterns, "service api-0 { allow anyone }\n");
    files.extend((0..count).map(|i| {
        let name = format!("api-{i}");
        (format!("kubernetes/{name}.yaml"), service("shop", &name, "api"))
    }));
    files
}

fn renamed(count: usize) -> Files {
    let spaces = lines(count, |i| format!("namespace n{i} {{ service api {{ allow anyone }} }}"));
    let names = lines(count, |i| format!("  namespace n{i} as dev-{i}"));
    let mut files = mesh_with(
        "inventory \"all.yaml\"",
        &format!("{spaces}environment dev {{\n  target istio 1.31\n  inventory \"dev.yaml\"\n{names}}}\n"),
    );
    let manifests = |prefix: &str| {
        lines(count, |i| {
            let space = format!("{prefix}{i}");
            service(&space, "api", "api") + "\n" + &deployment(&space, "api", "api", "")
        })
    };
    files.insert("all.yaml".to_owned(), manifests("n"));
    files.insert("dev.yaml".to_owned(), manifests("dev-"));
    files
}

fn protos(count: usize) -> Files {
    let rpcs = lines(count, |i| format!("  rpc Get{i}(A) returns (A);"));
    let callers = lines(count, |i| format!("caller job-{i}"));
    let allows = lines(count, |i| format!("  allow job-{i} to Get{i}"));
    let mut files =
        mesh_with("protos \"api.proto\"", &format!("{callers}service api {{\n  port 80 grpc\n{allows}}}\n"));
    files.insert("api.proto".to_owned(), format!("syntax = \"proto3\";\nservice Api {{\n{rpcs}}}\nmessage A {{}}\n"));
    files
}
