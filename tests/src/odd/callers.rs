//! Who calls whom: unknown callers, shared accounts, one for all, all for one.

use super::{Files, Named, lines, mesh};

pub(super) const SHAPES: &[Named] = &[
    ("unknown callers", unknown_callers),
    ("misspelt callers", misspelt_callers),
    ("callers that share an account", shared_account),
    ("callers of one service that share an account", shared_account_of_one),
    ("services that allow one caller", one_caller),
    ("callers of one service", one_service),
    ("callers with operations of their own", own_operations),
    ("services in a chain of retries", chain_of_retries),
    ("repeaters behind a long way", long_way),
    ("services that call in a circle", circle),
];

fn unknown_callers(count: usize) -> Files {
    mesh(&lines(count, |i| format!("service known-{i} {{ port 80 http; allow stranger-{} }}", i * 7919)))
}

fn misspelt_callers(count: usize) -> Files {
    let names = |i: usize| i * 7919 + 100_000;
    mesh(&lines(count, |i| format!("service orders-{} {{ port 80 http; allow oders-{} }}", names(i), names(i))))
}

fn shared_account(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i} {{ service-account shared }}"));
    mesh(&(callers + &lines(count, |i| format!("service api-{i} {{ port 80 http; allow job-{i} }}"))))
}

fn shared_account_of_one(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i} {{ service-account shared }}"));
    let allows = lines(count / 2, |i| format!("  allow job-{}", 2 * i));
    mesh(&format!("{callers}service api {{\n  port 80 http\n{allows}}}\n"))
}

fn one_caller(count: usize) -> Files {
    let web = "service web { port 80 http; allow none }\n";
    mesh(&(web.to_owned() + &lines(count, |i| format!("service api-{i} {{ port 80 http; allow web }}"))))
}

fn one_service(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}"));
    let allows = lines(count, |i| format!("  allow job-{i}"));
    mesh(&format!("{callers}service api {{\n  port 80 http\n{allows}}}\n"))
}

fn own_operations(count: usize) -> Files {
    let callers = lines(count, |i| format!("caller job-{i}"));
    let allows = lines(count, |i| format!("  allow job-{i} to GET /of/{i}, Get{i}"));
    let methods: Vec<String> = (0..count).map(|i| format!("Get{i}")).collect();
    mesh(&format!(
        "{callers}service api {{\n  port 80 http\n  port 81 grpc\n  rpcs odd.Api {}\n{allows}}}\n",
        methods.join(", ")
    ))
}

fn chain_of_retries(count: usize) -> Files {
    let retry = "timeout 100s; retry 2 { per-try 1s; on connect-failure, reset }";
    mesh(&lines(count, |i| match i {
        0 => format!("service hop-0 {{ port 80 http; allow none; {retry} }}"),
        _ => format!("service hop-{i} {{ port 80 http; allow hop-{}; {retry} }}", i - 1),
    }))
}

fn long_way(count: usize) -> Files {
    let retry = "timeout 100s; retry 9 { per-try 1s; on connect-failure, reset }";
    let first = format!("service hop-0 {{ port 80 http; allow none; {retry} }}\n");
    let way = lines(count, |i| format!("service hop-{} {{ port 80 http; allow hop-{i} }}", i + 1));
    let ends = lines(count, |i| format!("service end-{i} {{ port 80 http; allow hop-{count}; {retry} }}"));
    mesh(&(first + &way + &ends))
}

fn circle(count: usize) -> Files {
    mesh(&lines(count, |i| {
        format!("service hop-{i} {{ port 80 http; timeout {}s; allow hop-{} }}", 1 + i % 50, (i + 1) % count)
    }))
}
