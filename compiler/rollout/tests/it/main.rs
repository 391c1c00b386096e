//! Releases measured by a real Prometheus, which scrapes an exporter that plays a mesh once a second.

mod client;
mod compiled;
mod deploy;
mod exporter;
mod scenarios;
mod server;
mod simulation;
