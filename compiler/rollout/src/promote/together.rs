//! Services that are released as one: none goes on before all can. What fails is taken back all the same, and the
//! others with it.

use super::Candidate;
use crate::decide::Decision;

/// Makes one decision of those about each service.
pub(super) fn decide(candidates: &mut [Candidate]) {
    let failed = candidates.iter().find_map(|candidate| match &candidate.report.decided.decision {
        Decision::Abort { why } => Some((candidate.name.to_string(), why.clone())),
        _ => None,
    });
    if let Some((name, why)) = failed {
        go_back_with(&name, &why, candidates);
        return;
    }
    let behind = candidates.iter().find_map(|candidate| match &candidate.report.decided.decision {
        Decision::Wait { .. } | Decision::Approve { .. } => Some(candidate.name.to_string()),
        _ => None,
    });
    if let Some(name) = behind {
        wait_for(&name, candidates);
    }
}

/// One fails: the others go back with it, or do not begin.
fn go_back_with(name: &str, why: &str, candidates: &mut [Candidate]) {
    for candidate in candidates.iter_mut() {
        let decision = &mut candidate.report.decided.decision;
        let runs = candidate.record.weight > 0 && candidate.ground.hold.is_none();
        let why = format!("it is released together with {name}: {why}");
        match decision {
            Decision::Abort { .. } => {}
            _ if runs => *decision = Decision::Abort { why },
            Decision::Advance { .. } | Decision::Finish { .. } => *decision = Decision::Wait { why, until: None },
            Decision::Wait { .. } | Decision::Approve { .. } => {}
        }
    }
}

/// One cannot go on: no other does.
pub(super) fn wait_for(name: &str, candidates: &mut [Candidate]) {
    for candidate in candidates.iter_mut() {
        let decision = &mut candidate.report.decided.decision;
        if matches!(decision, Decision::Advance { .. } | Decision::Finish { .. }) {
            let why = format!("it is released together with {name}, which waits");
            *decision = Decision::Wait { why, until: None };
        }
    }
}
