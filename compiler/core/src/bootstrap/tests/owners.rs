use super::super::owners::{of_deploy, of_sources};
use super::*;

#[test]
fn a_file_has_the_owners_of_its_services() {
    let mesh = rendered("prod", &[]).mesh.unwrap();
    let text = of_sources(&templates(), &[&mesh], |_| Some("mesh/shop.mesh".to_owned())).unwrap();
    assert!(text.ends_with("\n/mesh/shop.mesh @money/prices @shop\n"), "{text}");
    let refused = of_sources(&templates(), &[&mesh], |_| None).unwrap_err();
    assert!(refused.contains("no service has an owner"), "{refused}");
    let refused = of_sources(&templates(), &[&mesh], |_| Some("a b.mesh".to_owned())).unwrap_err();
    assert!(refused.contains("`/a b.mesh` cannot be named"), "{refused}");
}

#[test]
fn release_managers_decide_about_states_and_rollbacks() {
    let mesh = rendered("prod", &[]).mesh.unwrap();
    let text = of_deploy(&templates(), &[("live", &mesh)], &["@shop/release".to_owned()]).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('/')).collect();
    assert_eq!(
        lines,
        [
            "/live/money/prices/ @money/prices",
            "/live/shop/web/ @shop",
            "/rollback/live/ @shop/release",
            "/state/live/ @shop/release",
        ]
    );
}
