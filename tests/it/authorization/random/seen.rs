//! What random plans had.

use std::collections::BTreeSet;

use super::plan::{NAMESPACES, Plan, Planned};
use crate::authorization::policy::Mode;

/// What the plans of a test had, so that none of it is missed by chance.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeSet<String>);

impl Seen {
    /// Takes note of a plan.
    pub(super) fn note(&mut self, plan: &Plan) {
        let mut see = |what: &str| {
            self.0.insert(what.to_owned());
        };
        see(&format!("1.{}", plan.minor));
        see(&format!("{}, stated: {}", plan.trust_domain, plan.states_trust_domain));
        for (what, there) in [("dry run", plan.dry_run), ("renamed", plan.rendered != NAMESPACES.map(str::to_owned))] {
            if there {
                see(what);
            }
        }
        for service in &plan.services {
            let most = service.lines.iter().map(|line| line.callers.len()).max().unwrap_or(0);
            let exposed = service.exposed.iter().any(|exposed| exposed.path.is_some());
            let operations =
                || service.lines.iter().filter(|line| !line.callers.is_empty()).flat_map(|line| &line.operations);
            for (what, there) in [
                ("more than 16", most > 16),
                ("more than 32", most > 32),
                ("nobody", service.lines.is_empty() && service.exposed.is_empty()),
                ("anyone", service.lines.iter().any(|line| line.callers.is_empty())),
                ("two ports", service.ports.len() > 1),
                (
                    "unequal",
                    service.ports.iter().any(|port| port.numbers.first().is_some_and(|n| *n != port.container)),
                ),
                (
                    "container only",
                    service.lines.iter().any(|l| l.on.is_some_and(|(at, _)| service.ports[at].numbers.is_empty())),
                ),
                ("exposed path", exposed),
                ("RPC", operations().any(|operation| matches!(operation, Planned::Rpc(_)))),
                ("path", operations().any(|operation| matches!(operation, Planned::Http(..)))),
                (
                    "port mode",
                    service
                        .ports
                        .iter()
                        .any(|port| port.mode.is_some_and(|mode| mode != plan.mode_of_service(service))),
                ),
                ("disable", service.ports.iter().any(|port| plan.mode_of(service, port) == Mode::Disable)),
                ("removed", !service.removed.is_empty()),
                ("added", !service.added.is_empty()),
            ] {
                if there {
                    see(what);
                }
            }
        }
    }

    /// Fails if anything was missing.
    pub(super) fn assert_everything(&self) {
        assert_eq!(self.0.len(), 5 + 3 + 2 + 14, "{:?}", self.0);
    }
}
