//! Promotes releases.
