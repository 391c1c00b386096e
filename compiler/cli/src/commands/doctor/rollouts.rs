//! Other controllers that write the weights of our routes: Argo Rollouts and Flagger. A sync engine that heals and such
//! a controller undo each other's changes. Fields are those of argo-rollouts 1.10, pkg/apis/rollouts/v1alpha1/types.go,
//! and flagger 1.36, pkg/apis/flagger/v1beta1/canary.go.

use serde_json::Value;

use super::Published;
use super::cluster::Kubectl;
use super::finding::Finding;

/// Asks, and judges.
pub(super) fn look(kubectl: &Kubectl, published: &Published) -> Vec<Finding> {
    let mut found = Vec::new();
    for (resource, judge) in [
        ("rollouts.argoproj.io", rollout as fn(&Value) -> Vec<String>),
        ("canaries.flagger.app", canary as fn(&Value) -> Vec<String>),
    ] {
        match kubectl.list(resource) {
            Ok(objects) => found.extend(objects.iter().filter_map(|object| owner(object, &judge(object), published))),
            Err(why) => found.push(Finding::not_looked("weights", format!("{resource} cannot be read: {why}"))),
        }
    }
    found
}

/// A controller's object that writes one of our VirtualServices.
fn owner(object: &Value, routes: &[String], published: &Published) -> Option<Finding> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name, namespace) = (text("/kind"), text("/metadata/name"), text("/metadata/namespace"));
    let ours =
        |route: &&String| published.virtual_services.iter().any(|(there, known)| there == namespace && known == *route);
    let route = routes.iter().find(ours)?;
    let said = format!("the {kind} `{namespace}/{name}` writes the weights of the VirtualService `{route}` too");
    let fix = "one of both must let go: take the release out of the sources, or the traffic routing out of that object";
    Some(Finding::fails("weights", said, fix))
}

/// The VirtualServices that a Rollout writes.
fn rollout(object: &Value) -> Vec<String> {
    let istio = object.pointer("/spec/strategy/canary/trafficRouting/istio");
    let one = istio.and_then(|istio| istio.get("virtualService"));
    let many = istio.and_then(|istio| istio.get("virtualServices")).and_then(Value::as_array).into_iter().flatten();
    one.into_iter().chain(many).filter_map(|route| route.get("name")?.as_str().map(str::to_owned)).collect()
}

/// The VirtualService that Flagger makes for a Canary: it has the name of its service.
fn canary(object: &Value) -> Vec<String> {
    let name = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).filter(|name| !name.is_empty());
    name("/spec/service/name").or_else(|| name("/spec/targetRef/name")).map(str::to_owned).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use meshc_core::bootstrap::repository::Repository;
    use serde_json::json;

    use super::*;

    fn published() -> Published {
        Published {
            repository: Repository::parse("https://git.example.com/deploy.git"),
            branch: "main".to_owned(),
            folder: "prod".to_owned(),
            namespaces: vec!["shop".to_owned()],
            virtual_services: vec![("shop".to_owned(), "web".to_owned())],
            environment: "prod".to_owned(),
        }
    }

    #[test]
    fn a_rollout_owns_the_routes_that_it_names() {
        let rollout_of = |istio: Value, namespace: &str| {
            let object = json!({
                "kind": "Rollout",
                "metadata": {"name": "web", "namespace": namespace},
                "spec": {"strategy": {"canary": {"trafficRouting": {"istio": istio}}}},
            });
            owner(&object, &rollout(&object), &published()).map(|finding| finding.text)
        };
        let one = rollout_of(json!({"virtualService": {"name": "web"}}), "shop").unwrap();
        assert_eq!(one, "the Rollout `shop/web` writes the weights of the VirtualService `web` too");
        assert!(rollout_of(json!({"virtualServices": [{"name": "other"}, {"name": "web"}]}), "shop").is_some());
        assert!(rollout_of(json!({"virtualService": {"name": "web"}}), "bank").is_none());
        assert!(rollout_of(json!({"destinationRule": {"name": "web"}}), "shop").is_none());
    }

    #[test]
    fn a_canary_owns_the_route_of_its_service() {
        let canary_of = |spec: Value| {
            let object = json!({"kind": "Canary", "metadata": {"name": "x", "namespace": "shop"}, "spec": spec});
            owner(&object, &canary(&object), &published()).is_some()
        };
        assert!(canary_of(json!({"targetRef": {"name": "web"}, "service": {"port": 80}})));
        assert!(canary_of(json!({"targetRef": {"name": "web-v2"}, "service": {"name": "web", "port": 80}})));
        assert!(!canary_of(json!({"targetRef": {"name": "web"}, "service": {"name": "other", "port": 80}})));
    }
}
