//! Digests. The only file that names the hash function.

use sha2::{Digest as _, Sha256};

use crate::source::Text;

/// A digest as it is written: `sha256:` and 64 lower-case hexadecimal digits.
const PREFIX: &str = "sha256:";

/// The digest of exactly these bytes.
pub fn digest(bytes: &[u8]) -> Text {
    let mut text = String::with_capacity(PREFIX.len() + 64);
    text.push_str(PREFIX);
    for byte in Sha256::digest(bytes) {
        for nibble in [byte >> 4, byte & 0xf] {
            // Four bits always make a hexadecimal digit.
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text.into()
}

/// Whether a text has the form that [`digest`] gives.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix(PREFIX)
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sha256() {
        // FIPS 180-2, appendix B.1.
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc"), abc);
        assert!(is_digest(abc));
    }

    #[test]
    fn other_forms_are_no_digests() {
        for text in ["", "sha256:", "ba78", "md5:ba78", &digest(b"").to_uppercase(), &format!("{}0", digest(b""))] {
            assert!(!is_digest(text), "{text}");
        }
    }
}
