//! Random ports: equal numbers, unequal ones, each other's, two for one, and ports that no Service has.

use meshc_tests::dice::Dice;

use super::plan::MODES;
use crate::authorization::declared::Speaks;
use crate::authorization::policy::Mode;

/// A port of a planned service.
#[derive(Debug, Clone)]
pub(super) struct PlannedPort {
    /// Numbers of the Kubernetes Service: none, one or two.
    pub(super) numbers: Vec<u16>,
    pub(super) container: u16,
    pub(super) speaks: Speaks,
    pub(super) mode: Option<Mode>,
}

/// The ports of one service.
pub(super) fn random(dice: &mut Dice) -> Vec<PlannedPort> {
    let port = |numbers: &[u16], container: u16, speaks: Speaks| PlannedPort {
        numbers: numbers.to_vec(),
        container,
        speaks,
        mode: None,
    };
    let any = |dice: &mut Dice| *dice.pick(&[Speaks::Http, Speaks::Http, Speaks::Grpc, Speaks::Bytes]);
    let mut ports = match dice.below(6) {
        0 => vec![port(&[8080], 8080, any(dice))],
        1 => vec![port(&[80], 8080, any(dice))],
        // Each other's numbers.
        2 => vec![port(&[80], 8080, any(dice)), port(&[8080], 80, any(dice))],
        3 => vec![port(&[80], 8080, any(dice)), port(&[7070], 7070, any(dice))],
        // Two numbers for one container port.
        4 => vec![port(&[80, 81], 8080, any(dice)), port(&[9000], 9001, any(dice))],
        _ => vec![port(&[5000], 8080, any(dice)), port(&[6379], 6379, Speaks::Bytes)],
    };
    if dice.once_in(2) {
        ports.push(port(&[], 9090, *dice.pick(&[Speaks::Http, Speaks::Bytes])));
    }
    for port in &mut ports {
        if port.numbers.len() < 2 && dice.once_in(4) {
            port.mode = Some(*dice.pick(&MODES));
        }
    }
    ports
}
