//! Does a plan name every call whose answer changes, once, and no other? Every tuple of caller, callee, port, method and
//! path is asked of the evaluator of `authorization`, which knows nothing of the compiler, before and after.

mod boutique;
mod brute;
mod random;
mod scale;
