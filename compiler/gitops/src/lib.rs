//! Publishing to git.
