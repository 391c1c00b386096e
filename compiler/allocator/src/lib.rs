//! The allocator of `meshc`, in a crate of its own because setting it up is a call of C: nothing else of the project
//! contains unsafe code.

use std::ffi::c_long;

pub use mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`: after how many milliseconds freed memory goes back to the system, 1000 if nothing
/// is said, never if negative (`mimalloc.h` and `options.c` of 3.x, as in libmimalloc-sys 0.1.49, which does not name it).
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Lets the process keep the memory that it freed, for it soon asks for as much again: a compilation frees the
/// declarations' intermediate forms while it allocates the files. Giving pages back and taking them again cost a tenth
/// of its processor time, because they came back in small pages. What is kept is at most the peak.
pub fn keep_freed_memory() {
    set(PURGE_DELAY, -1);
}

#[expect(unsafe_code, reason = "a C function")]
fn set(option: libmimalloc_sys::mi_option_t, value: c_long) {
    // SAFETY: mi_option_set writes one element of mimalloc's array of options, of which `option` is an index (the test
    // below reads its default back). It may be called at any time; mimalloc reads options where it uses them.
    unsafe { libmimalloc_sys::mi_option_set(option, value) }
}

#[cfg(test)]
mod tests {
    #[test]
    #[expect(unsafe_code, reason = "a C function")]
    fn the_option_is_the_one_that_is_meant() {
        // SAFETY: reads one element of mimalloc's array of options.
        let get = || unsafe { libmimalloc_sys::mi_option_get(super::PURGE_DELAY) };
        assert_eq!(get(), 1000, "the default of mi_option_purge_delay: has mimalloc's list of options changed?");
        super::keep_freed_memory();
        assert_eq!(get(), -1);
    }
}
