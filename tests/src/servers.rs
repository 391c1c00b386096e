//! Repositories, servers and checkouts as publishing meets them: real `git` over real transports on loopback, the faults
//! of networks and servers on demand, and checkouts in every state a person leaves them in.
//!
//! Nothing here outlives the value that started it, and every wait has an end. What a test does to a remote goes
//! through `git` itself, never through the code under test.

pub mod ack_dropper;
pub mod black_hole;
pub mod checkouts;
pub mod daemon;
pub mod fingerprint;
pub mod git;
pub mod hooks;
pub mod http;
mod loopback;
mod pkt_line;
pub mod process;
pub mod remote;
