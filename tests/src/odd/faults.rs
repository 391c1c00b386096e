//! Texts full of faults, and lines without an end.

use super::{Files, Named, lines, mesh};

pub(super) const SHAPES: &[Named] = &[
    ("unknown settings", unknown_settings),
    ("unknown settings on one line", one_line),
    ("words on one line", one_list),
    ("missing closing braces", missing_close),
    ("closing braces too many", stray_close),
    ("missing opening braces", missing_open),
    ("unclosed quotes", unclosed_quotes),
    ("commas too many", commas),
    ("deceiving characters", characters),
    ("unknown services of an environment", unknown_services),
    ("broken services and what follows", broken),
    ("limits on a gateway that does not know its clients", unknown_clients),
];

fn unknown_settings(count: usize) -> Files {
    mesh(&format!("service api {{\n  port 80 http\n{}}}\n", lines(count, |i| format!("  timeot{i} 1s"))))
}

fn one_line(count: usize) -> Files {
    let settings: Vec<String> = (0..count).map(|i| format!("timeot{i} 1s")).collect();
    mesh(&format!("service api {{ port 80 http; {} }}\n", settings.join("; ")))
}

fn one_list(count: usize) -> Files {
    let callers: Vec<String> = (0..count).map(|i| format!("job-{i}")).collect();
    mesh(&format!("service api {{ port 80 http; allow {} }}\n", callers.join(", ")))
}

fn missing_close(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{i} {{\n  port 80 http\n  allow none\n")))
}

fn stray_close(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{i} {{\n  port 80 http\n  allow none\n}}\n}}\n")))
}

fn missing_open(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{i}\n  port 80 http\n  allow none\n}}\n")))
}

fn unclosed_quotes(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{i} {{\n  port 80 http\n  raw \"a.yaml\n  allow none\n}}\n")))
}

fn commas(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{i} {{\n  port 80 http\n  allow a,,b,\n}}")))
}

fn characters(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{i} {{\n  port 80 http\n  allow job\u{200b}-{i}\n}}")))
}

fn unknown_services(count: usize) -> Files {
    let services = lines(count, |i| format!("service known-{i} {{ port 80 http; allow none }}"));
    let blocks = lines(count, |i| format!("  service strange-{i} {{ timeout 1s }}"));
    mesh(&format!("{services}environment dev {{\n  target istio 1.31\n{blocks}}}\n"))
}

fn broken(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service api-{i} {{ prt 80 http; allow api-{} }}", (i + 1) % count)))
}

fn unknown_clients(count: usize) -> Files {
    let gateway = "gateway other { pods edge a=b; service-account edge/other; resource edge/other; listener 80 }\n";
    let exposed = lines(count, |i| format!("  expose h{i}.example.com on other port 1000"));
    let ports = lines(count, |i| format!("  port {} http {{ rate-limit 10/s per client-ip each proxy }}", 1000 + i));
    mesh(&format!("{gateway}service api {{\n{ports}{exposed}}}\n"))
}
