//! What the backend writes, compared with JSON written by hand, and what must hold for every mesh.

mod checks;
mod delegation;
mod entry;
mod invariants;
mod limits;
mod routes;
mod security;
