//! Releases whose routes are published in different steps.

use meshc_tests::servers::git::Git;
use meshc_tests::servers::process;
use meshc_tests::servers::remote::Remote;

use crate::team::{LIMIT, meshc};

/// A service that is released and exposed at once: its routes are those of the mesh and those that the gateway's host
/// delegates to.
const EXPOSED: &str = "\
mesh shop { namespace shop; mtls strict; authorization deny-by-default }
gateway ingress { pods edge istio=gateway; service-account edge/gateway; trusted-proxies 1; listen 80 http }
service web {
  port 80 -> 8080 http
  expose shop.example.com on ingress
  version v1 -> v2
  canary { stage 5% for 2m; stage 100% for 1h; abort when error-rate > 1%; require 200 requests; on no-data hold }
}
environment prod { target istio 1.31 }
";

#[test]
fn a_release_is_recorded_with_the_first_of_its_routes() {
    let (git, deploy, project) = (Git::new(), Remote::new(), tempfile::tempdir().unwrap());
    std::fs::write(project.path().join("shop.mesh"), EXPOSED).unwrap();
    let run = |args: &[&str]| {
        let args = [args, &["--repository", deploy.url()]].concat();
        process::run(&mut meshc(&git, project.path(), &args), LIMIT).ended(0)
    };
    let publish = || run(&["publish", "--allow-dirty", "--settle", "0s"]);
    publish();
    let there = |path: &str| deploy.tree("main").contains_key(path);
    // Nobody comes to the gateway's delegate yet, so that it need not wait for its subsets.
    let (delegate, mesh) =
        ("prod/shop/web/virtual-service.shop.example.com.yaml", "prod/shop/web/virtual-service.yaml");
    assert!(there(delegate) && !there(mesh), "the gateway's delegate is a step ahead of the mesh's route");
    for path in ["state/prod/shop/web.json", "state/prod/shop/web.plan.json"] {
        assert!(there(path), "{path}");
    }
    assert!(there(&format!("rollback/prod/shop.web/files/{delegate}")));
    run(&["verify"]);
    publish();
    assert!(there(mesh) && there(&format!("rollback/prod/shop.web/files/{mesh}")));
    run(&["verify"]);
    let tip = deploy.tip("main");
    publish();
    assert_eq!(deploy.tip("main"), tip);
}

#[test]
fn a_rollback_brings_back_no_file_that_is_gone() {
    let (git, deploy, project) = (Git::new(), Remote::new(), tempfile::tempdir().unwrap());
    let run = |args: &[&str]| {
        let args = [args, &["--repository", deploy.url()]].concat();
        process::run(&mut meshc(&git, project.path(), &args), LIMIT).ended(0)
    };
    let publish = || run(&["publish", "--allow-dirty", "--settle", "1h"]);
    std::fs::write(project.path().join("shop.mesh"), EXPOSED).unwrap();
    publish();
    // It is not exposed after all, while the mesh's route still waits for its subsets.
    let allowed = EXPOSED.replace("expose shop.example.com on ingress", "allow anyone");
    std::fs::write(project.path().join("shop.mesh"), allowed).unwrap();
    publish();
    run(&["verify"]);
    let delegate = "prod/shop/web/virtual-service.shop.example.com.yaml";
    let there = || deploy.tree("main").keys().any(|path| path.ends_with(delegate));
    assert!(!there());
    let args = ["rollback", "web", "--repository", deploy.url()];
    let rolled_back = process::run(&mut meshc(&git, project.path(), &args), LIMIT);
    assert!(!there(), "{rolled_back:?}");
    run(&["verify"]);
}
