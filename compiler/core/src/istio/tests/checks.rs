//! What is refused, and where the finger points.

use super::super::testing::{exposure, gateway, grant, limit, mesh, retry, routing, service, span};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::model::access::Operation;
use crate::model::target::{IstioVersion, Profile};
use crate::model::traffic::{LimitKey, Millis, OutlierDetection, RateLimit, RetryBudget};
use crate::model::{Exposure, Host, Listener, Mesh, PathPattern, Protocol, Service};

fn check(mesh: &Mesh) -> Vec<Diagnostic> {
    let mut out = Diagnostics::default();
    super::super::check(mesh, &mut out);
    out.into_sorted(&[])
}

fn codes(mesh: &Mesh) -> Vec<Code> {
    check(mesh).iter().map(|found| found.code).collect()
}

fn web() -> Service {
    service("web", &[(80, 8080, Protocol::Http)])
}

fn exposed(limits: Vec<RateLimit>) -> Service {
    let mut web = web();
    web.rate_limits = limits;
    web.exposures = vec![exposure("www.example.com", PathPattern::All, 80)];
    web
}

/// The codes for a mesh of one service that `change` spoils.
fn codes_with(change: impl FnOnce(&mut Service)) -> Vec<Code> {
    let mut web = web();
    change(&mut web);
    codes(&mesh(vec![web]))
}

#[test]
fn nothing_is_wrong_with_a_plain_service() {
    assert_eq!(codes(&mesh(vec![exposed(vec![limit(LimitKey::ClientIp, 10)])])), []);
}

#[test]
fn features_wait_for_their_version() {
    let limits = |per| {
        let mut web = exposed(vec![limit(per, 10)]);
        web.rate_limits[0].span = span(500);
        mesh(vec![web])
    };
    let budget = || {
        let mut web = web();
        let mut repeats = retry(1, None, &["reset"]);
        repeats.budget = Some(RetryBudget { span: span(500), percent: 20, min_concurrency: None });
        web.ports[0].traffic.retry = Some(repeats);
        mesh(vec![web])
    };
    let backoff = || {
        let mut web = web();
        let mut repeats = retry(1, None, &["reset"]);
        repeats.backoff = Some((Millis(100), span(500)));
        web.ports[0].traffic.retry = Some(repeats);
        mesh(vec![web])
    };
    let cases = [(limits(LimitKey::Caller), 26), (limits(LimitKey::ClientIp), 26), (budget(), 28), (backoff(), 26)];
    for (mut mesh, since) in cases {
        mesh.target.istio = IstioVersion::new(since - 1);
        let found = check(&mesh);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].code, Code::NeedsNewerIstio);
        assert_eq!(found[0].primary.span, span(500));
        assert!(found[0].message.contains(&format!("Istio 1.{since} or later")), "{}", found[0].message);
        mesh.target.istio = IstioVersion::new(since);
        assert_eq!(codes(&mesh), []);
    }
    let mut total = limits(LimitKey::Total);
    total.target.istio = IstioVersion::OLDEST;
    assert_eq!(codes(&total), [], "a total works everywhere");
}

#[test]
fn the_stable_profile_refuses_limits() {
    let mut mesh = mesh(vec![exposed(vec![limit(LimitKey::Total, 10)])]);
    mesh.target.profile = Profile::Stable;
    assert_eq!(codes(&mesh), [Code::ProfileForbids]);
    mesh.namespaces[0].services[0].rate_limits.clear();
    assert_eq!(codes(&mesh), []);
}

#[test]
fn limits_that_a_proxy_cannot_hold() {
    let with = |limits: Vec<RateLimit>| codes(&mesh(vec![exposed(limits)]));
    let total = limit(LimitKey::Total, 10);
    assert_eq!(with(vec![RateLimit { requests: 0, ..total.clone() }]), [Code::InvalidValue]);
    assert_eq!(with(vec![RateLimit { burst: Some(0), ..total.clone() }]), [Code::InvalidValue]);
    assert_eq!(with(vec![RateLimit { window_seconds: 7, ..total.clone() }]), [Code::InvalidValue]);
    assert_eq!(with(vec![total.clone(), total.clone()]), [Code::InvalidValue]);
    let hourly = RateLimit { window_seconds: 3600, ..total.clone() };
    assert_eq!(with(vec![hourly, limit(LimitKey::Caller, 5)]), [Code::InvalidValue]);
    let each_second = RateLimit { window_seconds: 1, ..total.clone() };
    assert_eq!(with(vec![each_second, limit(LimitKey::Caller, 5)]), []);
    let nowhere = codes_with(|web| {
        web.hosts[0].ports.clear();
        web.ports[0].rate_limits = Some(vec![total]);
    });
    assert_eq!(nowhere, [Code::InvalidValue]);
}

#[test]
fn services_of_one_host_agree_on_its_limit() {
    let shared = |limits: Vec<RateLimit>, path: PathPattern| {
        let mut help = service("help", &[(80, 8080, Protocol::Http)]);
        help.exposures = vec![exposure("www.example.com", PathPattern::Below("/help".into()), 80)];
        help.rate_limits = limits;
        let mut web = exposed(vec![limit(LimitKey::ClientIp, 10)]);
        web.exposures[0].path = path.clone();
        check(&mesh(vec![web, help]))
    };
    let other = |limits: Vec<RateLimit>| shared(limits, PathPattern::Below("/shop".into()));
    assert_eq!(shared(vec![], PathPattern::All), [], "who serves the whole host limits the whole host");
    assert_eq!(other(vec![limit(LimitKey::ClientIp, 10)]), []);
    let differs = other(vec![RateLimit { span: span(99), ..limit(LimitKey::ClientIp, 11) }]);
    assert_eq!(differs.len(), 1);
    assert_eq!((differs[0].code, differs[0].severity), (Code::LimitSharedHost, Severity::Error));
    let ends = [differs[0].primary.span, differs[0].related[0].span];
    assert!(ends.contains(&span(50)) && ends.contains(&span(99)), "{ends:?}");
    let none = other(vec![]);
    assert_eq!(none.len(), 1);
    assert_eq!((none[0].code, none[0].severity), (Code::LimitSharedHost, Severity::Warning));
}

#[test]
fn more_rules_or_sources_than_the_api_server_accepts() {
    let rules = |count: usize| {
        codes_with(|web| {
            web.grants =
                (0..count).map(|n| grant("a", &[8080], vec![Operation::Rpc(format!("/a.B/M{n}").into())])).collect();
        })
    };
    assert_eq!(rules(512), []);
    assert_eq!(rules(513), [Code::TooMany]);
    let callers = |count: usize| {
        codes_with(|web| web.grants = (0..count).map(|n| grant(&format!("sa-{n}"), &[8080], vec![])).collect())
    };
    assert_eq!(callers(512 * 16), []);
    assert_eq!(callers(512 * 16 + 1), [Code::TooMany]);
}

#[test]
fn values_that_would_be_refused_or_mean_something_else() {
    let invalid = [Code::InvalidValue];
    assert_eq!(codes_with(|web| web.ports[0].traffic.timeout = Some(Millis(0))), invalid);
    assert_eq!(codes_with(|web| web.ports[0].traffic.connection_pool.requests = Some(0)), invalid);
    assert_eq!(codes_with(|web| web.ports[0].traffic.connection_pool.connections = Some(u32::MAX)), invalid);
    assert_eq!(codes_with(|web| web.ports[0].traffic.connection_pool.requests_per_connection = Some(0)), []);
    for condition in ["5xx, reset", "timeout", "", "42"] {
        assert_eq!(codes_with(|web| web.ports[0].traffic.retry = Some(retry(1, None, &[condition]))), invalid);
    }
    assert_eq!(codes_with(|web| web.ports[0].traffic.retry = Some(retry(1, None, &["503", "reset"]))), []);
    assert_eq!(codes_with(|web| web.ports[0].traffic.retry = Some(retry(0, None, &["reset"]))), invalid);
    for (max_ejected, wrong) in [(0, true), (1, false), (100, false), (101, true)] {
        let got = codes_with(|web| {
            web.ports[0].traffic.outlier_detection = Some(OutlierDetection {
                span: span(45),
                consecutive_5xx: None,
                consecutive_gateway_errors: None,
                interval: None,
                ejection: None,
                max_ejected,
            });
        });
        assert_eq!(got, if wrong { &invalid[..] } else { &[] });
    }
    for path in ["cart", "/cart/*", "/a b", "/{id}"] {
        let path = PathPattern::Exact(path.into());
        assert_eq!(codes_with(|web| web.exposures = vec![exposure("a.example.com", path, 80)]), invalid);
    }
    assert_eq!(codes_with(|web| web.selector.clear()), invalid);
}

#[test]
fn releases_that_cannot_be_routed() {
    assert_eq!(codes_with(|web| web.routing = Some(routing(&[95, 5]))), []);
    assert_eq!(codes_with(|web| web.routing = Some(routing(&[95, 6]))), [Code::InvalidValue]);
    let spoilt = |change: fn(&mut crate::model::release::Routing)| {
        codes_with(|web| {
            let mut routing = routing(&[95, 5]);
            change(&mut routing);
            web.routing = Some(routing);
        })
    };
    assert_eq!(spoilt(|routing| routing.weights[1].0 = 2), [Code::InvalidValue]);
    assert_eq!(spoilt(|routing| routing.weights[1].0 = 0), [Code::InvalidValue]);
    assert_eq!(spoilt(|routing| routing.held.clear()), [Code::InvalidValue]);
    assert_eq!(spoilt(|routing| routing.subsets[1].name = "V2".into()), [Code::InvalidValue]);
    assert_eq!(spoilt(|routing| routing.subsets[1].name = "v1".into()), [Code::VersionsCollide]);
    let tls = |weights: &'static [u32]| {
        codes_with(|web| {
            web.ports[0].protocol = Protocol::Tls;
            web.routing = Some(routing(weights));
        })
    };
    assert_eq!(tls(&[95, 5]), [Code::NeedsHttp]);
    assert_eq!(tls(&[100]), []);
}

#[test]
fn a_budget_is_one_and_is_not_lost() {
    let with = |change: fn(&mut Service)| {
        let mut web = service("web", &[(80, 8080, Protocol::Http), (90, 9090, Protocol::Http)]);
        for port in &mut web.ports {
            let mut repeats = retry(1, None, &["reset"]);
            repeats.budget = Some(RetryBudget { span: span(42), percent: 20, min_concurrency: None });
            port.traffic.retry = Some(repeats);
        }
        change(&mut web);
        codes(&mesh(vec![web]))
    };
    assert_eq!(with(|_| {}), []);
    assert_eq!(with(|web| web.ports[1].traffic.retry = None), [], "what is not repeated needs no budget");
    assert_eq!(with(|web| web.ports[1].traffic.retry.as_mut().unwrap().budget = None), [Code::InvalidValue]);
    assert_eq!(with(|web| web.ports[1].traffic.connection_pool.requests = Some(5)), [Code::InvalidValue]);
}

#[test]
fn hosts_and_gateways_that_istio_refuses() {
    let host = |host: &str| codes_with(|web| web.exposures = vec![exposure(host, PathPattern::All, 80)]);
    for good in ["a.example.com", "*.example.com", "*", "localhost"] {
        assert_eq!(host(good), [], "{good}");
    }
    for bad in ["A.example.com", "a..com", "a.*.com", "*a.com", "10.0.0.1", "", "a_b.com"] {
        assert_eq!(host(bad), [Code::InvalidValue], "{bad}");
    }
    let spoilt = |change: fn(&mut crate::model::Gateway)| {
        let mut mesh = mesh(vec![web()]);
        change(&mut mesh.gateways[0]);
        codes(&mesh)
    };
    let https = |credential| Listener { span: span(2), port: 443, https: true, credential, redirect: false };
    assert_eq!(spoilt(|gateway| gateway.resource.1 = "public.old".into()), [Code::InvalidName]);
    assert_eq!(spoilt(|gateway| gateway.selector.clear()), [Code::InvalidValue]);
    let mut mesh = mesh(vec![web()]);
    mesh.gateways[0].listen = vec![https(None)];
    assert_eq!(codes(&mesh), [Code::MissingSetting]);
    mesh.gateways[0].listen = vec![https(Some("cert".into()))];
    assert_eq!(codes(&mesh), []);
    mesh.namespaces[0].services[0].exposures = vec![exposure("localhost", PathPattern::All, 80)];
    assert_eq!(codes(&mesh), [Code::InvalidValue], "a Gateway wants a dot");
    mesh.namespaces[0].services[0].exposures.clear();
    mesh.gateways[0].listener = 8443;
    assert_eq!(codes(&mesh), [Code::InvalidValue]);
    mesh.gateways[0].listener = 443;
    mesh.gateways[0].listen = vec![https(Some("cert".into())), https(Some("cert".into()))];
    assert_eq!(codes(&mesh), [Code::InvalidValue]);
}

#[test]
fn a_host_has_the_same_paths_on_every_gateway() {
    let on = |paths: Vec<(usize, PathPattern)>| {
        let mut web = web();
        let all = exposure("www.example.com", PathPattern::All, 80);
        web.exposures = paths.into_iter().map(|(gateway, path)| Exposure { gateway, path, ..all.clone() }).collect();
        let mut mesh = mesh(vec![web]);
        let mut inside = gateway("inside");
        inside.resource.1 = "inside".into();
        mesh.gateways.push(inside);
        codes(&mesh)
    };
    let cart = || PathPattern::Exact("/cart".into());
    assert_eq!(on(vec![(0, cart()), (1, cart())]), []);
    assert_eq!(on(vec![(0, cart()), (1, PathPattern::All)]), [Code::InvalidValue]);
}

#[test]
fn names_that_meet_or_grow_too_long() {
    let mut a = service("a", &[(80, 8080, Protocol::Http)]);
    a.exposures = vec![exposure("b-c.example.com", PathPattern::All, 80)];
    let mut ab = service("a-b", &[(80, 8080, Protocol::Http)]);
    ab.exposures = vec![exposure("c.example.com", PathPattern::All, 80)];
    assert_eq!(codes(&mesh(vec![a, ab])), [Code::OutputCollision]);
    let external = codes_with(|web| {
        web.hosts.push(Host { name: "external".into(), ports: vec![(80, 0)] });
        web.exposures = vec![exposure("external", PathPattern::All, 80)];
    });
    assert_eq!(external, [Code::OutputCollision], "both in virtual-service.external.yaml");
    // At the gateway the limit of `a` in `boutique` is `boutique-a`.
    let at_gateway = |limits: Vec<RateLimit>| {
        let mut mesh = mesh(vec![Service { name: "a".into(), ..exposed(vec![limit(LimitKey::ClientIp, 10)]) }]);
        let mut other = mesh.namespaces[0].clone();
        other.name = "istio-system".into();
        other.rendered = "istio-system".into();
        other.services = vec![service("boutique-a", &[(80, 8080, Protocol::Http)])];
        other.services[0].rate_limits = limits;
        mesh.namespaces.push(other);
        codes(&mesh)
    };
    assert_eq!(at_gateway(vec![]), []);
    assert_eq!(at_gateway(vec![limit(LimitKey::Total, 10)]), [Code::OutputCollision]);
    let long = ["a"; 124].join(".");
    assert_eq!(codes_with(|web| web.exposures = vec![exposure(&long, PathPattern::All, 80)]), []);
    let longer = ["a"; 126].join(".");
    assert_eq!(codes_with(|web| web.exposures = vec![exposure(&longer, PathPattern::All, 80)]), [Code::InvalidName]);
}
