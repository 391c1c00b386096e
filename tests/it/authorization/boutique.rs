//! Online Boutique against a table of who calls whom, which was taken from the shop's own code (microservices-demo
//! v0.10.6: `*_SERVICE_ADDR` in src/*/main.go, and kustomize/components/network-policies, which agree with it).

use yaml_serde::Value;

use super::agreement::{Questions, documents, mutations};
use super::declared::{Allow, Declared, Port, Speaks, What, Who, Workload};
use super::evaluate::Cluster;
use super::policy::{Labels, Mode};
use crate::support::project::Texts;

/// Callee, container port, what it speaks, and callers with the RPCs that they may call; no RPC: all.
type Row = (&'static str, u16, Speaks, &'static [(&'static str, &'static [&'static str])]);

/// All workloads with what the mesh says of each. The frontend differs between environments.
const GRAPH: [Row; 11] = [
    ("adservice", 9555, Speaks::Grpc, &[("frontend", &[])]),
    (
        "cartservice",
        7070,
        Speaks::Grpc,
        &[
            ("frontend", &["CartService/AddItem", "CartService/GetCart", "CartService/EmptyCart"]),
            ("checkoutservice", &["CartService/GetCart", "CartService/EmptyCart"]),
        ],
    ),
    ("checkoutservice", 5050, Speaks::Grpc, &[("frontend", &[])]),
    ("currencyservice", 7000, Speaks::Grpc, &[("frontend", &[]), ("checkoutservice", &[])]),
    ("emailservice", 8080, Speaks::Grpc, &[("checkoutservice", &[])]),
    ("frontend", 8080, Speaks::Http, &[]),
    ("paymentservice", 50051, Speaks::Grpc, &[("checkoutservice", &["PaymentService/Charge"])]),
    (
        "productcatalogservice",
        3550,
        Speaks::Grpc,
        &[("frontend", &[]), ("checkoutservice", &[]), ("recommendationservice", &[])],
    ),
    ("recommendationservice", 8080, Speaks::Grpc, &[("frontend", &[])]),
    ("redis-cart", 6379, Speaks::Bytes, &[("cartservice", &[])]),
    (
        "shippingservice",
        50051,
        Speaks::Grpc,
        &[
            ("frontend", &["ShippingService/GetQuote"]),
            ("checkoutservice", &["ShippingService/GetQuote", "ShippingService/ShipOrder"]),
        ],
    ),
];

/// Every RPC of the shop.
const RPCS: [&str; 15] = [
    "CartService/AddItem",
    "CartService/GetCart",
    "CartService/EmptyCart",
    "RecommendationService/ListRecommendations",
    "ProductCatalogService/ListProducts",
    "ProductCatalogService/GetProduct",
    "ProductCatalogService/SearchProducts",
    "ShippingService/GetQuote",
    "ShippingService/ShipOrder",
    "CurrencyService/GetSupportedCurrencies",
    "CurrencyService/Convert",
    "PaymentService/Charge",
    "EmailService/SendOrderConfirmation",
    "CheckoutService/PlaceOrder",
    "AdService/GetAds",
];

/// The account that Istio's own charts give an ingress gateway.
const INGRESS: (&str, &str) = ("istio-system", "istio-ingressgateway-service-account");

/// One environment.
struct Environment {
    name: &'static str,
    namespace: &'static str,
    trust_domain: &'static str,
    minor: u32,
    /// Who may call the frontend, and its mode.
    frontend: (&'static [Entry], Mode),
}

/// A caller of the frontend.
enum Entry {
    Anyone,
    LoadGenerator,
    Ingress,
}

const ENVIRONMENTS: [Environment; 3] = [
    Environment {
        name: "dev",
        namespace: "boutique-dev",
        trust_domain: "cluster.local",
        minor: 31,
        frontend: (&[Entry::Anyone], Mode::Permissive),
    },
    Environment {
        name: "staging",
        namespace: "boutique-staging",
        // Not stated in the sources: it must not matter what the mesh calls itself.
        trust_domain: "staging.example.com",
        minor: 30,
        frontend: (&[Entry::LoadGenerator, Entry::Ingress], Mode::Strict),
    },
    Environment {
        name: "prod",
        namespace: "boutique",
        trust_domain: "prod.example.com",
        minor: 31,
        frontend: (&[Entry::Ingress], Mode::Strict),
    },
];

impl Environment {
    fn declared(&self) -> Declared {
        let workload = |(name, container, speaks, callers): &Row| {
            let (entries, mode) = if *name == "frontend" { self.frontend } else { (&[][..], Mode::Strict) };
            let mut allows: Vec<Allow> = entries.iter().map(|entry| self.entry(entry)).collect();
            for (caller, rpcs) in *callers {
                let who = Who::Account(self.namespace.to_owned(), (*caller).to_owned());
                let rpc = |rpc: &&str| What::Rpc(format!("/hipstershop.{rpc}"));
                let what = if rpcs.is_empty() { vec![What::Everything] } else { rpcs.iter().map(rpc).collect() };
                allows.extend(what.into_iter().map(|what| Allow { who: who.clone(), what }));
            }
            Workload {
                namespace: self.namespace.to_owned(),
                labels: Labels::from([("app".to_owned(), (*name).to_owned())]),
                mode,
                ports: vec![Port { container: *container, speaks: *speaks, mode, allows }],
            }
        };
        Declared {
            dry_run: false,
            workloads: GRAPH.iter().map(workload).collect(),
            namespaces: vec![(self.namespace.to_owned(), Mode::Strict)],
        }
    }

    fn entry(&self, entry: &Entry) -> Allow {
        let account = |namespace: &str, name: &str| Who::Account(namespace.to_owned(), name.to_owned());
        let who = match entry {
            Entry::Anyone => Who::Anyone,
            Entry::LoadGenerator => account(self.namespace, "loadgenerator"),
            Entry::Ingress => account(INGRESS.0, INGRESS.1),
        };
        Allow { who, what: What::Everything }
    }

    /// Every account of the shop in every namespace, and more.
    fn questions(&self, declared: &Declared) -> Questions {
        let mut further: Vec<(&str, &str)> = GRAPH.iter().map(|(name, ..)| ("elsewhere", *name)).collect();
        further.extend([
            ("boutique", "loadgenerator"),
            ("elsewhere", "default"),
            ("elsewhere", "intruder"),
            (self.namespace, "intruder"),
            INGRESS,
        ]);
        let mut questions = Questions::about(declared, self.trust_domain, &further);
        questions.rpcs.extend(RPCS.iter().map(|rpc| format!("/hipstershop.{rpc}")));
        questions.paths.extend(["/cart", "/cart/checkout", "/product/OLJCESPC7Z", "/_healthz"].map(str::to_owned));
        // Ports of Services that are not ports of containers: 80 of the frontend, 5000 of the mail service.
        questions.ports.extend([80, 5000]);
        questions.everywhere = true;
        questions
    }

    fn rendered(&self) -> Vec<Value> {
        let compiled = Texts::example("online-boutique").compile();
        let rendered = compiled.rendered.get(self.name).expect("an environment of the example");
        assert!(!rendered.bundle.files.is_empty(), "{:?}", compiled.lines());
        policies(&rendered.bundle.files)
    }
}

/// The documents that decide who may call.
fn policies(files: &std::collections::BTreeMap<String, String>) -> Vec<Value> {
    let decides = |path: &String| path.contains("authorization-policy") || path.contains("peer-authentication");
    documents(files.iter().filter(|(path, _)| decides(path)).map(|(_, text)| text))
}

#[test]
fn the_shop_lets_in_whom_its_graph_names_in_every_environment() {
    for environment in &ENVIRONMENTS {
        let declared = environment.declared();
        let cluster = Cluster::of(&environment.rendered(), environment.trust_domain, environment.minor).unwrap();
        let (found, asked) = environment.questions(&declared).ask(&cluster, &declared, 20);
        assert!(found.is_empty(), "{}: {} or more\n{}", environment.name, found.len(), found.join("\n"));
        assert!(asked > 10_000, "{}: asked {asked} questions only", environment.name);
    }
}

#[test]
fn the_graph_has_the_edges_of_the_shop() {
    let callers: usize = GRAPH.iter().map(|(_, _, _, callers)| callers.len()).sum();
    // The load generator and the gateway call the frontend.
    assert_eq!(callers + 2, 17);
}

#[test]
fn a_change_anywhere_in_the_policies_is_noticed() {
    for environment in &ENVIRONMENTS {
        let declared = environment.declared();
        let questions = environment.questions(&declared);
        let first = Questions { everywhere: false, ..environment.questions(&declared) };
        let rendered = environment.rendered();
        let mutations = mutations(&rendered);
        assert!(mutations.len() > 150, "{}: {} mutations only", environment.name, mutations.len());
        let unnoticed: Vec<String> = mutations
            .into_iter()
            .filter(|(_, documents)| {
                // What cannot be read would be refused by the API server.
                let cluster = Cluster::of(documents, environment.trust_domain, environment.minor);
                let agree =
                    |questions: &Questions, cluster: &Cluster| questions.ask(cluster, &declared, 1).0.is_empty();
                cluster.is_ok_and(|cluster| agree(&first, &cluster) && agree(&questions, &cluster))
            })
            .map(|(how, _)| how)
            .collect();
        assert!(unnoticed.is_empty(), "{}: {}", environment.name, unnoticed.join("\n"));
    }
}
