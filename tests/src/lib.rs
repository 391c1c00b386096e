//! Support for the tests and the benchmark.

pub mod dice;
pub mod generate;
#[cfg(unix)]
pub mod servers;
