//! Tests of the whole. `tests/README.md` says how to add one.

mod authorization;
mod kubectl;
mod kustomize;
mod examples;
mod golden;
mod pages;
mod reference;
mod support;
mod yaml_readers;
