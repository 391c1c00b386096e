//! The built binary, run as a person runs it: in folders of its own, without the environment of whoever runs the tests.

mod bootstrap;
mod check;
mod doctor;
mod explain;
mod fmt;
mod folder;
mod generated;
mod init;
mod machines;
mod promote;
mod render;
#[cfg(unix)]
mod rollback;
