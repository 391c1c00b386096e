//! Namespaces, gateways, hosts, files and names that many have.

use super::{Files, Named, lines, mesh, mesh_with};

pub(super) const SHAPES: &[Named] = &[
    ("namespaces", namespaces),
    ("namespaces that an environment renames", renamed_namespaces),
    ("unknown namespaces", unknown_namespaces),
    ("openings of one namespace", openings),
    ("namespaces that have one name", one_name),
    ("services declared twice", declared_twice),
    ("gateways", gateways),
    ("unknown gateways", unknown_gateways),
    ("hosts of one service", hosts_of_one),
    ("hosts that an environment renames", renamed_hosts),
    ("hosts that an environment renames in vain", unknown_hosts),
    ("paths of one host and service", paths_of_one),
    ("services on one host", services_of_one_host),
    ("services that claim one path", claims),
    ("files that `use` names", used),
    ("files of the project", files),
    ("raw files", raw),
    ("patches of one resource", patches_of_one),
    ("patches of one resource each", patches_of_each),
    ("resources of one patch", resources_of_one_patch),
    ("patches that find nothing", idle_patches),
    ("patches that fail", failing_patches),
];

fn namespaces(count: usize) -> Files {
    mesh(&lines(count, |i| format!("namespace n{i} {{ owner @team; service api {{ port 80 http; allow none }} }}")))
}

fn renamed_namespaces(count: usize) -> Files {
    let spaces = lines(count, |i| format!("namespace n{i} {{ service api {{ port 80 http; allow none }} }}"));
    let names = lines(count, |i| format!("  namespace n{i} as dev-{i}"));
    mesh(&format!("{spaces}environment dev {{\n  target istio 1.31\n{names}}}\n"))
}

fn unknown_namespaces(count: usize) -> Files {
    let spaces =
        lines(count, |i| format!("namespace n{i} {{ service api {{ port 80 http; allow strange-{i}/api }} }}"));
    let names = lines(count, |i| format!("  namespace other-{i} as dev-{i}"));
    mesh(&format!("{spaces}environment dev {{\n  target istio 1.31\n{names}}}\n"))
}

fn openings(count: usize) -> Files {
    mesh(&lines(count, |i| format!("namespace n {{ service api-{i} {{ port 80 http; allow none }} }}")))
}

fn one_name(count: usize) -> Files {
    let spaces = lines(count, |i| format!("namespace n{i} {{ service api {{ port 80 http; allow none }} }}"));
    let blocks = lines(count, |_| "  service api { timeout 1s }".to_owned());
    let misspelt = lines(count, |i| format!("service web-{i} {{ port 80 http; allow apj }}"));
    mesh(&format!("{spaces}{misspelt}environment dev {{\n  target istio 1.31\n{blocks}}}\n"))
}

fn declared_twice(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{} {{ port 80 http; allow none }}", i / 2)))
}

fn gateways(count: usize) -> Files {
    let gateways = lines(count, |i| {
        format!(
            "gateway g{i} {{ pods edge a=b{i}; service-account edge/g{i}; trusted-proxies 1; listen 443 https {{ credential c }} }}"
        )
    });
    let exposed = "rate-limit 100/s per client-ip each proxy";
    mesh(
        &(gateways
            + &lines(count, |i| {
                format!("service api-{i} {{ port 80 http; expose h{i}.example.com on g{i}; {exposed} }}")
            })),
    )
}

fn unknown_gateways(count: usize) -> Files {
    let gateways = lines(count, |i| {
        format!("gateway g{i} {{ pods edge a=b{i}; service-account edge/g{i}; resource edge/g{i}; listener 80 }}")
    });
    mesh(
        &(gateways
            + &lines(count, |i| format!("service api-{i} {{ port 80 http; expose h{i}.example.com on strange-{i} }}"))),
    )
}

fn hosts_of_one(count: usize) -> Files {
    let hosts = lines(count, |i| format!("  expose h{i}.example.com on ingress"));
    mesh(&format!("service api {{\n  port 80 http\n  rate-limit 100/s per client-ip each proxy\n{hosts}}}\n"))
}

/// So many exposed hosts, and an environment.
fn hosts_in(count: usize, renaming: impl Fn(usize) -> String) -> Files {
    let services = lines(count, |i| format!("service api-{i} {{ port 80 http; expose h{i}.example.com on ingress }}"));
    mesh(&format!("{services}environment dev {{\n  target istio 1.31\n{}}}\n", lines(count, renaming)))
}

fn renamed_hosts(count: usize) -> Files {
    hosts_in(count, |i| format!("  host h{i}.example.com as h{i}.example.dev"))
}

fn unknown_hosts(count: usize) -> Files {
    hosts_in(count, |i| format!("  host x{i}.example.com as h{i}.example.dev"))
}

fn paths_of_one(count: usize) -> Files {
    let paths = lines(count, |i| format!("  expose shop.example.com /p{i}/** on ingress"));
    let limits = "rate-limit 100/s per client-ip each proxy\n  not-idempotent POST /**";
    mesh(&format!("service api {{\n  port 80 http\n  {limits}\n{paths}}}\n"))
}

fn services_of_one_host(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{i} {{ port 80 http; expose shop.example.com /p{i}/** on ingress }}")))
}

fn claims(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{i} {{ port 80 http; expose shop.example.com on ingress }}")))
}

fn used(count: usize) -> Files {
    let mut files =
        mesh(&(lines(count, |i| format!("use \"pages/p{i}.mesh\"")) + &lines(count, |_| "use std/grpc".to_owned())));
    files.extend((0..count).map(|i| (format!("pages/p{i}.mesh"), format!("preset p{i} {{ timeout 1s }}\n"))));
    files
}

fn files(count: usize) -> Files {
    let mut files = mesh("");
    files.extend(
        (0..count).map(|i| (format!("s{i}.mesh"), format!("service api-{i} {{ port 80 http; allow none }}\n"))),
    );
    files
}

fn raw(count: usize) -> Files {
    let raw = lines(count, |i| format!("  raw \"raw/r{i}.yaml\""));
    let services = lines(count, |i| format!("namespace n{i} {{ service api-{i} {{ port 80 http; allow none }} }}"));
    let mut files = mesh_with(&raw, &services);
    files.extend((0..count).map(|i| {
        let text = format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: r{i}\n  namespace: n{i}\nspec:\n  hosts: [a{i}.example.com]\n"
        );
        (format!("raw/r{i}.yaml"), text)
    }));
    files
}

/// So many services, and patches.
fn patched(
    services: usize,
    patches: usize,
    target: impl Fn(usize) -> String,
    value: impl Fn(usize) -> String,
) -> Files {
    let services = lines(services, |i| format!("service api-{i} {{ port 80 http; allow none }}"));
    let mut files = mesh(&format!("{services}environment dev {{ target istio 1.31; patch \"patches.yaml\" }}\n"));
    let entry = |i| format!("  - target:\n{}\n    patch: |-\n{}", target(i), value(i));
    files.insert("patches.yaml".to_owned(), format!("patches:\n{}", lines(patches, entry)));
    files
}

fn label(i: usize) -> String {
    format!("      - op: add\n        path: /metadata/labels/l{i}\n        value: x")
}

fn patches_of_one(count: usize) -> Files {
    patched(1, count, |_| "      kind: AuthorizationPolicy\n      name: api-0".to_owned(), label)
}

fn patches_of_each(count: usize) -> Files {
    patched(count, count, |i| format!("      kind: AuthorizationPolicy\n      name: api-{i}"), label)
}

fn resources_of_one_patch(count: usize) -> Files {
    patched(count, 1, |_| "      name: .*".to_owned(), label)
}

fn idle_patches(count: usize) -> Files {
    patched(count, count, |i| format!("      kind: AuthorizationPolicy\n      name: strange-{i}"), label)
}

fn failing_patches(count: usize) -> Files {
    let fails = |i| format!("      - op: remove\n        path: /metadata/annotations/l{i}");
    patched(count, count, |i| format!("      kind: AuthorizationPolicy\n      name: api-{i}"), fails)
}
