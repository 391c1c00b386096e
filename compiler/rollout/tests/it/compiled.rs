//! What the language says about releases, and the plan that it becomes.

use meshc_core::compile::Compilation;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::project;
use meshc_core::source::Text;
use meshc_core::state::{Record, Recorded, State};
use meshc_core::template::Templates;
use meshc_core::world::MemoryWorld;
use meshc_rollout::plan::{self, Freeze, Gate, Manual, Metric, NoData, Plan, Relative, Stage};
use meshc_rollout::query::Queries;

const BASE: &str =
    "stage 5% for 2m\n stage 100% for 1h\n abort when error-rate > 1%\n require 200 requests\n on no-data hold\n";

/// Compiles a service whose release goes by `canary`; findings come back one a line.
fn compile(canary: &str, environment: &str) -> Result<Plan, String> {
    compile_with(&[], canary, environment)
}

/// The same in a project that replaces templates.
fn compile_with(templates: &[(&str, &str)], canary: &str, environment: &str) -> Result<Plan, String> {
    let text = format!(
        "mesh shop {{ namespace shop; mtls strict; authorization deny-by-default }}\nservice web {{\n port 80 -> 8080 \
         http\n also web-old\n allow anyone\n version v1 -> V2.0\n canary {{\n{canary}\n}}\n}}\nenvironment prod {{ target \
         istio 1.31\n namespace shop as shop-prod\n{environment}\n}}\n"
    );
    let mut found = Diagnostics::default();
    let project = project::load(&MemoryWorld { files: [("shop.mesh".to_owned(), text)].into() }, &mut found);
    let compilation = Compilation::new(&project, &mut found);
    let mut state = State::default();
    let record = Record::begin(Text::new("v1"), Text::new("V2.0"));
    let recorded = Recorded { record: Some(record), ..Recorded::default() };
    state.services.insert((Text::new("shop"), Text::new("web")), recorded);
    let prod = Text::new("prod");
    let rendered = compilation.render(&prod, &state);
    found.append_environment(&prod, rendered.diagnostics);
    let found: Vec<String> =
        found.into_sorted(&[prod]).into_iter().map(|finding| finding.message.to_string()).collect();
    if !found.is_empty() {
        return Err(found.join("\n"));
    }
    let mesh = rendered.mesh.ok_or("no mesh")?;
    let namespace = mesh.namespaces.first().ok_or("no namespace")?;
    let service = namespace.services.first().ok_or("no service")?;
    let files = templates.iter().map(|(name, text)| (format!("templates/{name}"), (*text).to_owned()));
    let templates = Templates::load(&MemoryWorld { files: files.collect() }).map_err(|error| error.to_string())?;
    plan::compile("prod", namespace, service, &rendered.facts, &rendered.bundle, &Queries::new(&templates))?
        .ok_or("no plan".to_owned())
}

#[test]
fn a_plan_says_what_the_canary_says() {
    let canary = "stage 5% for 2m\n stage 25% for 10m approve\n stage 50% pause\n stage 100% for 1h\n abort when error-rate > \
                  1%\n abort when error-rate > 0.5% above stable\n abort when latency p99 > 150% of stable\n abort when latency \
                  p50 > 250ms\n abort when query \"max(x{v='{{ canary }}'}[{{ window }}])\" > 3\n require 200 requests\n on \
                  no-data rollback\n after 3 failures\n keep 12h\n confidence 95%";
    let plan = compile(canary, "settle 90s\n freeze fri 16:00 to mon 08:00\n freeze 2026-12-20 to 2026-12-20").unwrap();
    let stage = |weight, seconds, manual| Stage { weight, seconds, manual };
    assert_eq!(
        plan.stages,
        [
            stage(5, 120, None),
            stage(25, 600, Some(Manual::Approve)),
            stage(50, 0, Some(Manual::Pause)),
            stage(100, 3_600, None)
        ]
    );
    let gate = |gate: &Gate| (gate.name.clone(), gate.metric, gate.limit, gate.relative, gate.baseline.is_some());
    let all: Vec<_> = plan.gates.iter().map(gate).collect();
    for expected in [
        ("error-rate".to_owned(), Metric::ErrorRate, 0.01, Relative::No, false),
        ("error-rate".to_owned(), Metric::ErrorRate, 0.005, Relative::Above, true),
        ("latency p99".to_owned(), Metric::Latency, 1.5, Relative::Of, true),
        ("latency p50".to_owned(), Metric::Latency, 250.0, Relative::No, false),
        ("query".to_owned(), Metric::Query, 3.0, Relative::No, false),
    ] {
        assert!(all.contains(&expected), "{expected:?}: {all:?}");
    }
    assert_eq!(all.len(), 5);
    let own = plan.gates.iter().find(|gate| gate.metric == Metric::Query).map(|gate| gate.query.as_str());
    assert_eq!(own, Some("max(x{v='V2.0'}[$window])"));
    assert_eq!((plan.require, plan.no_data, plan.failures), (200, NoData::Rollback, 3));
    assert_eq!((plan.keep_seconds, plan.settle_seconds, plan.confidence), (43_200, 90, Some(95)));
    // 2026-12-20 is day 20807 since 1970.
    let freezes = [
        Freeze::Weekly { from: 4 * 1_440 + 960, to: 480 },
        Freeze::Once { from: 20_807 * 86_400, to: 20_808 * 86_400 },
    ];
    assert_eq!(plan.freezes, freezes);
    // Names of the cluster in queries, names of the sources in paths; versions as pods carry them.
    for part in ["shop-prod", "web|web-old", "V2.0"] {
        assert!(plan.traffic.canary.contains(part), "{part}: {}", plan.traffic.canary);
    }
    let files: Vec<&String> = plan.places.keys().collect();
    assert_eq!(files, ["prod/shop/web/virtual-service.web-old.yaml", "prod/shop/web/virtual-service.yaml"]);
    assert_eq!(Plan::parse(&plan.to_text()), Ok(plan));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let with = |line: &str| compile(&format!("{BASE} {line}"), "").unwrap_err();
    for (line, expected) in [
        ("abort when latency p99 > 150%", "percents of a latency are written `> 150% of stable`"),
        ("abort when latency p99 > 5ms of stable", "in percent: `> 150% of stable`"),
        ("abort when error-rate > 150%", "no more than `100%` of the requests can fail"),
        ("abort when query \"x\" > 3 above stable", "has no counterpart for the stable version"),
        ("abort when latency p99 > 5ms above canary", "expected `stable`"),
        ("abort when query \"x{v='{{ version }}'}\" > 3", "the query cannot be filled in"),
        ("confidence 100%", "expected whole percents from `50%` to `99%`"),
    ] {
        let found = with(line);
        assert!(found.contains(expected), "{line}: {found}");
    }
    let paused = compile(&BASE.replace("for 2m", "for 2m pause"), "").unwrap_err();
    assert!(paused.contains("lasts until somebody goes on"), "{paused}");
    let relative = compile(&BASE.replace("> 1%", "> 1% above stable"), "").unwrap_err();
    assert!(relative.contains("there is no stable version to compare with"), "{relative}");
    for (line, expected) in [
        ("freeze fri 16:00 to 2026-12-20", "expected two days of the week, or two dates"),
        ("freeze 2026-12-20 to 2026-12-19", "the end lies before the beginning"),
        ("freeze friday 16:00 to mon 08:00", "expected a day such as `fri`"),
        ("freeze fri 16:00", "expected `to` and the end"),
    ] {
        let found = compile(BASE, line).unwrap_err();
        assert!(found.contains(expected), "{line}: {found}");
    }
}

/// Another metric, and a label of one's own, in the macro that all queries share and in one query.
#[test]
fn a_project_replaces_the_queries() {
    let requests = ("promql-requests.j2", "sum(increase(calls{v=\"{{ version }}\",by=\"{{ reporter }}\"}[$window]))\n");
    let plan = compile_with(&[requests], BASE, "").unwrap();
    assert_eq!(plan.traffic.canary, "sum(increase(calls{v=\"V2.0\",by=\"destination\"}[$window]))");
    assert!(plan.traffic.failed.contains("istio_requests_total"), "{}", plan.traffic.failed);
    let macros =
        Templates::built_in().source("promql-counted").unwrap().1.replace("reporter=", "cluster=\"eu\",reporter=");
    let plan = compile_with(&[("promql-counted.j2", &macros)], BASE, "").unwrap();
    for query in [&plan.traffic.canary, &plan.traffic.lost, &plan.gates[0].query] {
        assert!(query.contains("{cluster=\"eu\",reporter="), "{query}");
    }
}

#[test]
fn a_faulty_query_is_named_with_its_line() {
    let error = |name: &str, text: &str| compile_with(&[(name, text)], BASE, "").unwrap_err();
    let own = error("promql-requests.j2", "{# mine #}\nsum({{ nobody }})\n");
    assert!(own.starts_with("templates/promql-requests.j2:2: "), "{own}");
    let shared = error("promql-counted.j2", "{% macro requests(a, b) %}\n{{ oops( }}\n{% endmacro %}\n");
    assert!(shared.starts_with("templates/promql-counted.j2:2: "), "{shared}");
    assert_eq!(error("promql-failures.j2", "{# later #}"), "templates/promql-failures.j2: gives no query");
    let near = error("promql-request.j2", "x");
    assert!(near.contains("did you mean `promql-requests.j2`?"), "{near}");
}
