//! Tests of the whole.

mod kubectl;
mod kustomize;
mod yaml_readers;
