//! What is said of each kind of change.

use std::collections::BTreeMap;

use super::{SHOP, edit, lines, plan, render};

#[test]
#[ignore = "prints only"]
fn look() {
    for edits in [
        vec![("allow web to Get", "allow web to Get, Add\n  allow batch")],
        vec![("  allow batch\n", "  allow anyone\n")],
        vec![("mtls          strict", "mtls          permissive")],
        vec![
            ("timeout 3s", "timeout 5s\n  retry 2 { on connect-failure }\n rate-limit 100/s each proxy"),
            ("consecutive-5xx 3", "consecutive-5xx 5"),
        ],
        vec![("deny-by-default", "dry-run")],
        vec![(
            "version v1",
            "version v1 -> v2\n canary { stage 5% for 2m\n stage 100% for 1h\n abort when error-rate > 1%\n require 10 requests\n on no-data hold }",
        )],
        vec![(
            "expose shop.example.com on ingress",
            "expose shop.example.com /cart/** on ingress\n expose b.example.com on ingress",
        )],
    ] {
        println!("{edits:?}\n{}\n", edit(&edits).join("\n"));
    }
    let (after, sources) = render(SHOP);
    println!("first\n{}\n", lines(&plan(&BTreeMap::new(), &after), &sources).join("\n"));
    let less = SHOP[..SHOP.find("service cart").unwrap()].to_owned();
    let (gone, sources) = render(&less);
    println!("gone\n{}\n", lines(&plan(&after.bundle.files, &gone), &sources).join("\n"));
}
