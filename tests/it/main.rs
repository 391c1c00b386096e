//! Tests of the whole. `tests/README.md` says how to add one.

mod authorization;
mod examples;
mod golden;
mod kustomize;
mod lifecycle;
mod pages;
mod plan;
mod properties;
mod proved;
mod reference;
mod support;
mod transition;
mod yaml_readers;
