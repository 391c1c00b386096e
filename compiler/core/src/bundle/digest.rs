//! Digests. The only file that names the hash function.

use sha2::{Digest as _, Sha256};

use crate::source::Text;

/// A digest as it is written: `sha256:` and 64 lower-case hexadecimal digits.
const PREFIX: &str = "sha256:";

/// The digest of exactly these bytes.
pub fn digest(bytes: &[u8]) -> Text {
    let mut text = [0; PREFIX.len() + 64];
    let (prefix, digits) = text.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX.as_bytes());
    for (pair, byte) in digits.chunks_exact_mut(2).zip(Sha256::digest(bytes)) {
        for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 0xf]) {
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        }
    }
    // Hexadecimal digits are always text.
    std::str::from_utf8(&text).unwrap_or_default().into()
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
