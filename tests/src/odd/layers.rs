//! Presets, environments and overrides.

use super::{Files, Named, lines, mesh};

pub(super) const SHAPES: &[Named] = &[
    ("presets in a chain", chain),
    ("presets in a chain, each with a caller", chain_of_callers),
    ("presets of one service", presets_of_one),
    ("unknown presets", unknown_presets),
    ("blocks of one service in an environment", blocks_of_one),
    ("callers that an environment replaces", replaced),
    ("callers that an environment removes", removed),
    ("callers that an environment does not find to remove", not_found),
    ("openings of an environment", openings),
    ("environments", environments),
    ("services that an environment changes", changed),
    ("settings stated twice", stated_twice),
];

fn chain(count: usize) -> Files {
    let presets = lines(count, |i| match i {
        0 => "preset p0 { timeout 1s }".to_owned(),
        _ => format!("preset p{i} is p{} {{ timeout {}s }}", i - 1, i + 1),
    });
    mesh(&format!("{presets}service api is p{} {{ port 80 http; allow none }}\n", count - 1))
}

fn chain_of_callers(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}"));
    let presets = lines(count, |i| match i {
        0 => "preset p0 { allow job-0 }".to_owned(),
        _ => format!("preset p{i} is p{} {{ allow job-{i} }}", i - 1),
    });
    mesh(&format!("{callers}{presets}service api is p{} {{ port 80 http }}\n", count - 1))
}

fn presets_of_one(count: usize) -> Files {
    let presets = lines(count, |i| format!("caller job-{i}\npreset p{i} {{ allow job-{i} }}"));
    let names: Vec<String> = (0..count).map(|i| format!("p{i}")).collect();
    mesh(&format!("{presets}service api is {} {{ port 80 http }}\n", names.join(", ")))
}

fn unknown_presets(count: usize) -> Files {
    let presets = lines(count, |i| format!("preset known-{i} {{ timeout 1s }}"));
    mesh(&(presets + &lines(count, |i| format!("service api-{i} is strange-{i} {{ port 80 http; allow none }}"))))
}

fn blocks_of_one(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}"));
    let blocks = lines(count, |i| format!("  service api {{ allow job-{i} }}"));
    mesh(&format!(
        "{callers}service api {{ port 80 http; allow none }}\nenvironment dev {{\n  target istio 1.31\n{blocks}}}\n"
    ))
}

/// A service with many callers, which an environment's block changes.
fn overridden(count: usize, change: impl Fn(usize) -> String) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}"));
    let allows = lines(count, |i| format!("  allow job-{i}"));
    let changes = lines(count, change);
    mesh(&format!(
        "{callers}service api {{\n  port 80 http\n{allows}}}\n\
         environment dev {{\n  target istio 1.31\n  service api {{\n{changes}  }}\n}}\n"
    ))
}

fn replaced(count: usize) -> Files {
    overridden(count, |i| format!("    allow job-{i} to GET /"))
}

fn removed(count: usize) -> Files {
    overridden(count - 1, |i| format!("    no allow job-{i}"))
}

fn not_found(count: usize) -> Files {
    overridden(count, |i| format!("    no allow jib-{i}"))
}

fn openings(count: usize) -> Files {
    let services = lines(count, |i| format!("service api-{i} {{ port 80 http; allow none }}"));
    mesh(&(services + &lines(count, |i| format!("environment prod {{ service api-{i} {{ timeout 1s }} }}"))))
}

fn environments(count: usize) -> Files {
    let environments = lines(count, |i| {
        let after = if i == 0 { String::new() } else { format!("after e{}; ", i - 1) };
        format!("environment e{i} {{ target istio 1.31; {after}service api {{ timeout 1s }} }}")
    });
    // A finding of every environment.
    mesh(&format!(
        "service api {{ port 80 http; allow none; expose a.example.com on ingress port 81 }}\n{environments}"
    ))
}

fn changed(count: usize) -> Files {
    let services = lines(count, |i| format!("service api-{i} {{ port 80 http; allow none }}"));
    let blocks = lines(count, |i| format!("  service api-{i} {{ timeout 1s }}"));
    mesh(&format!("{services}environment dev {{\n  target istio 1.31\n{blocks}}}\n"))
}

fn stated_twice(count: usize) -> Files {
    let twice = |count| lines(count, |i| format!("  allow job-{}", i / 2));
    mesh(&format!("service api {{\n  port 80 http\n{}}}\n", twice(count)))
}
