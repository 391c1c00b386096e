//! Ports, operations and limits of one service.

use super::{Files, Named, lines, mesh};

pub(super) const SHAPES: &[Named] = &[
    ("ports of one service", ports),
    ("ports with a caller each", ports_with_callers),
    ("ports with blocks", ports_with_blocks),
    ("ports that cannot repeat", faulty_ports),
    ("operations that are not idempotent", not_idempotent),
    ("RPCs that are not idempotent", rpcs_not_idempotent),
    ("operations and paths of one host", operations_of_paths),
    ("operations of one caller", operations_of_one_caller),
    ("gRPC services of one service", grpc_services),
    ("unknown RPCs", unknown_rpcs),
    ("unknown ports", unknown_ports),
    ("further Services", further_services),
    ("labels of a selector", selector),
];

fn ports(count: usize) -> Files {
    mesh(&format!("service api {{\n  allow anyone\n{}}}\n", lines(count, |i| format!("  port {} http", 1000 + i))))
}

fn ports_with_callers(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}"));
    let ports = lines(count, |i| format!("  port {0} http\n  allow job-{i} on {0}", 1000 + i));
    mesh(&format!("{callers}service api {{\n{ports}}}\n"))
}

fn ports_with_blocks(count: usize) -> Files {
    let ports = lines(count, |i| {
        format!(
            "  port {} http {{ timeout 1s; not-idempotent POST /a; rate-limit {}/s each proxy }}",
            1000 + i,
            100 + i
        )
    });
    mesh(&format!("service api {{\n  allow anyone\n{ports}}}\n"))
}

fn faulty_ports(count: usize) -> Files {
    let ports = lines(count, |i| format!("  port {} http {{ retry 2 }}", 1000 + i));
    mesh(&format!("service api {{\n  allow anyone\n{ports}}}\n"))
}

/// `not-idempotent` with many operations.
fn operations(count: usize, operation: impl Fn(usize) -> String) -> String {
    (0..count).map(operation).collect::<Vec<_>>().join(", ")
}

fn not_idempotent(count: usize) -> Files {
    let list = operations(count, |i| format!("POST /of/{i}/**"));
    mesh(&format!(
        "service api {{\n  port 80 http\n  allow none\n  expose a.example.com on ingress\n  not-idempotent {list}\n}}\n"
    ))
}

fn rpcs_not_idempotent(count: usize) -> Files {
    let list = operations(count, |i| format!("Put{i}"));
    mesh(&format!("service api {{\n  port 80 grpc\n  allow none\n  rpcs odd.Api {list}\n  not-idempotent {list}\n}}\n"))
}

fn operations_of_paths(count: usize) -> Files {
    let list = operations(count, |i| format!("POST /p{i}/a"));
    let paths = lines(count, |i| format!("  expose a.example.com /p{i}/** on ingress"));
    mesh(&format!("service api {{\n  port 80 http\n{paths}  not-idempotent {list}\n}}\n"))
}

fn operations_of_one_caller(count: usize) -> Files {
    let verbs = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let verb = |i: usize| {
        let some: Vec<&str> =
            verbs.iter().enumerate().filter(|(bit, _)| (i % 127 + 1) >> bit & 1 == 1).map(|(_, v)| *v).collect();
        some.join("|")
    };
    let list = operations(count, |i| format!("{} /of/{i}", verb(i)));
    mesh(&format!("caller job\nservice api {{ port 80 http; allow job to {list} }}\n"))
}

fn grpc_services(count: usize) -> Files {
    let rpcs = lines(count, |i| format!("  rpcs odd.S{i} Get\n  allow job to S{i}/Get on {}", 1000 + i));
    let ports = lines(count, |i| format!("  port {} grpc", 1000 + i));
    mesh(&format!("caller job\nservice api {{\n{ports}{rpcs}}}\n"))
}

fn unknown_rpcs(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}"));
    let allows = lines(count, |i| format!("  allow job-{i} to Got{}", i * 7919));
    let list = operations(count, |i| format!("Get{i}"));
    mesh(&format!("{callers}service api {{\n  port 80 grpc\n  rpcs odd.Api {list}\n{allows}}}\n"))
}

fn unknown_ports(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}"));
    let allows = lines(count, |i| format!("  allow job-{i} on {}", 30_000 + i));
    let ports = lines(count, |i| format!("  port {} http", 1000 + i));
    mesh(&format!("{callers}service api {{\n{ports}{allows}}}\n"))
}

fn further_services(count: usize) -> Files {
    let also = operations(count, |i| format!("other-{i}"));
    mesh(&format!("service api {{\n  port 80 http\n  allow anyone\n  also {also}\n}}\n"))
}

fn selector(count: usize) -> Files {
    let labels: Vec<String> = (0..count).map(|i| format!("l{i}=x")).collect();
    mesh(&format!("service api {{\n  port 80 http\n  allow anyone\n  selector {}\n}}\n", labels.join(" ")))
}
