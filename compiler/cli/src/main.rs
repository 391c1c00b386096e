//! The `meshc` program.

fn main() {}
