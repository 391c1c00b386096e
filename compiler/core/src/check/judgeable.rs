//! Whether a release can be judged by requests at all.

use super::shape::Shape;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::setting::{Manual, Metric, NoData, Stage};

/// Whether requests of a service are counted: Istio counts those of HTTP ports alone. A service of which no port is known
/// may have one.
pub(super) fn counts_requests(shape: &Shape<'_>) -> bool {
    shape.broken || shape.ports.is_empty() || shape.ports.iter().any(|port| port.protocol.is_http())
}

/// Bytes of TCP pass no stage by time: only a person can.
pub(super) fn check(shape: &Shape<'_>, stages: &[Stage], out: &mut Diagnostics) {
    if counts_requests(shape) {
        return;
    }
    let name = &shape.decl.name.value;
    let help = "use gates of your own, `abort when query \"…\" > 3`, `on no-data hold` and stages that a person ends, \
                `stage 50% pause`; or state the protocol of the port, if it is HTTP";
    let canary = &shape.stated.canary;
    let counted = canary.gates.iter().filter(|(gate, _)| !matches!(gate.metric, Metric::Query(_)));
    for (gate, span) in counted {
        let message =
            format!("`{}` is measured in requests, and `{name}` has no port that speaks HTTP", gate.metric.name());
        out.add(Diagnostic::new(Code::NoRequestsToJudge, *span, message).help(help));
    }
    if let Some((NoData::Rollback, span)) = canary.no_data {
        let message = format!("`{name}` has no port that speaks HTTP, and silence would take every release back");
        out.add(Diagnostic::new(Code::NoRequestsToJudge, span, message).help(help));
    }
    if let Some(stage) = stages.iter().find(|stage| stage.manual != Manual::Pause) {
        let message = format!("this stage waits for requests, and `{name}` has no port that speaks HTTP");
        out.add(Diagnostic::new(Code::NoRequestsToJudge, stage.span, message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::compile::Compilation;
    use crate::diagnostic::Diagnostics;
    use crate::source::Text;
    use crate::state::State;
    use crate::world::MemoryWorld;

    const GATE: &str = "abort when query \"up\" > 3; ";

    /// Code and line of what is found in a service with this port and this plan, one word of the plan in each line.
    fn findings(port: &str, plan: &str) -> Vec<String> {
        let mesh = format!(
            "mesh shop {{ namespace shop; mtls strict; authorization deny-by-default }}\nservice web {{ port 8080 {port}; \
             allow anyone; version v1 -> v2\n  outlier-detection {{ max-ejected 50% }}\n  canary {{ {plan} }} }}\n\
             environment local {{ target istio 1.31 }}\n"
        );
        let world = MemoryWorld { files: BTreeMap::from([("shop.mesh".to_owned(), mesh)]) };
        let mut out = Diagnostics::default();
        let project = crate::project::load(&world, &mut out);
        let compilation = Compilation::new(&project, &mut out);
        let local: Text = "local".into();
        let checked = compilation.check(&local, &State::default());
        out.append(checked.diagnostics);
        let found = out.into_sorted(&[local]);
        found.iter().map(|found| format!("{}: {}", found.code.name(), found.message)).collect()
    }

    #[test]
    fn what_speaks_no_http_is_released_by_people_alone() {
        let by_people = format!("stage 50% pause; stage 100% pause; {GATE}on no-data hold");
        assert_eq!(findings("tcp", &by_people), Vec::<String>::new());
        for (plan, message) in [
            (by_people.replace("50% pause", "50% for 5m"), "this stage waits for requests"),
            (by_people.replace("50% pause", "50% approve"), "this stage waits for requests"),
            (by_people.replace("hold", "rollback"), "silence would take every release back"),
            (by_people.replace(GATE, &format!("{GATE}abort when error-rate > 1%; ")), "`error-rate` is measured"),
        ] {
            let found = findings("tcp", &plan);
            assert!(
                found.len() == 1 && found[0].starts_with("no-requests-to-judge: ") && found[0].contains(message),
                "{plan}: {found:?}"
            );
        }
    }

    #[test]
    fn requests_are_required_where_they_are_counted() {
        let plan = format!("stage 50% pause; stage 100% pause; {GATE}on no-data hold");
        let found = findings("http", &plan);
        assert!(found.len() == 1 && found[0].contains("no `require N requests`"), "{found:?}");
        assert_eq!(findings("http", &format!("{plan}; require 10 requests")), Vec::<String>::new());
    }
}
