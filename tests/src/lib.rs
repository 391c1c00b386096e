//! Support for the tests and the benchmark.

pub mod dice;
pub mod generate;
pub mod odd;
#[cfg(unix)]
pub mod servers;
