//! Text to statements and back. Knows words, blocks and comments, and no setting's name.

pub mod tree;
