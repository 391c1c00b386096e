//! Tests of the whole.

mod yaml_readers;
