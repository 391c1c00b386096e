//! Scalars, and when a string needs quotes.
//!
//! A string stays plain only if every reader of YAML 1.1 and 1.2 takes it for that string. Readers disagree on more
//! than one would think: for `on`, kustomize (go-yaml v3) gives a string and kubectl (sigs.k8s.io/yaml) `true`; PyYAML
//! takes `1:30` for 90 and `1_000` for 1000; a date becomes a timestamp in some. So the rule is a short list of what
//! is safe, not a list of what is dangerous: letters, digits and `. _ / -` after a letter or `/`, if that is no word
//! for a truth value, nothing or a float; and whole numbers of `ms`, `s`, `m`, `h`, which are all over a mesh.

use std::sync::LazyLock;

use regex::Regex;

/// May start a plain string.
const START: u8 = 1;
/// May stand within a plain string.
const BODY: u8 = 2;
/// Must be escaped or looked at between quotes: controls, `"`, `\`, and everything that is not ASCII.
const SPECIAL: u8 = 4;

/// What each byte may do.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let b = byte as u8;
        let mut bits = 0;
        if b.is_ascii_alphabetic() || b == b'/' {
            bits |= START;
        }
        if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-') {
            bits |= BODY;
        }
        if b < 0x20 || b >= 0x7f || matches!(b, b'"' | b'\\') {
            bits |= SPECIAL;
        }
        #[expect(clippy::indexing_slicing, reason = "the loop ends at 255, and a constant has no `get_mut`")]
        {
            class[byte] = bits;
        }
        byte += 1;
    }
    class
};

/// The bits of a byte.
fn class(byte: u8) -> u8 {
    // The table has an entry for each byte, so nothing is ever missing.
    CLASS.get(usize::from(byte)).copied().unwrap_or(SPECIAL)
}

/// Words that some reader takes for a truth value, nothing or a float, in any case (YAML 1.1 bool, null and float
/// types; YAML 1.2 core schema; `infinity` and `nan` of readers that use their language's own float parser).
const WORDS: [&str; 12] = ["y", "n", "no", "on", "off", "yes", "nan", "inf", "true", "null", "false", "infinity"];

fn is_word(text: &str) -> bool {
    let starts_one = matches!(
        text.as_bytes().first(),
        Some(b'y' | b'Y' | b'n' | b'N' | b'o' | b'O' | b'i' | b'I' | b't' | b'T' | b'f' | b'F')
    );
    starts_one && text.len() <= 8 && WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// `15s`, `250ms`: digits and a unit. No reader has a number of that shape.
fn is_duration(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && matches!(bytes.get(digits..), Some(b"ms" | b"s" | b"m" | b"h"))
}

/// Whether a string is safe without quotes.
pub(super) fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else { return false };
    if class(*first) & START == 0 {
        return is_duration(bytes);
    }
    bytes.iter().all(|b| class(*b) & BODY != 0) && !is_word(text)
}

/// Appends a string, in double quotes unless it is safe without.
pub(super) fn push_string(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        push_quoted(out, text);
    }
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| class(b) & SPECIAL != 0) {
        // A special byte is ASCII or the first of a character, so both cuts lie between characters.
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let mut chars = from.chars();
        if let Some(c) = chars.next() {
            push_char(out, c);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn push_char(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_escaped(c) => {
            out.push_str("\\u");
            let code = u32::from(c);
            for shift in [12, 8, 4, 0] {
                // Four bits always make a hexadecimal digit.
                out.push(char::from_digit(code >> shift & 0xf, 16).unwrap_or('0'));
            }
        }
        c => out.push(c),
    }
}

/// What a reader refuses or takes for a line break (YAML 1.1 section 5: everything that is not "printable", next
/// line, line and paragraph separator, byte order mark), and the marks that turn text around on a reviewer's
/// screen. All lie below U+10000.
fn is_escaped(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Appends a whole number.
pub(super) fn push_integer(out: &mut String, value: u64, negative: bool) {
    if negative {
        out.push('-');
    }
    if let Some(digit) = u32::try_from(value).ok().and_then(|value| char::from_digit(value, 10)) {
        // Weights, counts and ports: mostly one digit, or few.
        out.push(digit);
        return;
    }
    let mut power = 10_u64.pow(value.ilog10());
    let mut rest = value;
    while power > 0 {
        // The quotient is below ten.
        out.push(char::from_digit((rest / power) as u32, 10).unwrap_or('0'));
        rest %= power;
        power /= 10;
    }
}

/// A number with a fraction in a spelling that YAML 1.1, YAML 1.2 and JSON read alike: whole ones without a point
/// (the API server stores `1.0` as `1`), very large and very small ones with a point and a signed exponent.
/// The compiler itself has whole numbers only; patches and raw resources may have others (`percentage.value: 0.5`).
pub(super) fn float(value: f64) -> Option<String> {
    /// Beyond 2^53 not every whole number is a float, and spelling out its digits would claim more than is known.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let size = value.abs();
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 {
        return Some("0".to_owned());
    }
    if (1e-5..=WHOLE).contains(&size) {
        return Some(value.to_string());
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    Some(format!("{mantissa}{point}e{sign}{exponent}"))
}

/// Numbers, times and dates as some YAML 1.1 reader resolves them (yaml.org/type: int, float, timestamp; PyYAML 6.0
/// and go-yaml v2 each take a part), and `0o17` of YAML 1.2.
static NUMBER_SOMEWHERE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x) ^ (
            [-+]? ( 0[xX][0-9a-fA-F_]+ | 0o?[0-7_]+ | 0b[01_]+ )
          | [-+]? ( [0-9][0-9_]* )? \.? [0-9_]* ( [eE][-+]?[0-9]+ )?
          | [-+]? [0-9][0-9_]* ( :[0-5]?[0-9] )+ ( \.[0-9_]* )?
          | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2} ( [Tt\ \t] .* )?
        ) $",
    )
    .ok()
});

/// Whether a string, written without quotes by a person, is a string to some readers of YAML and a truth value, a
/// number, a date or nothing to others. kustomize reads a patch by two libraries that disagree on these (go-yaml v3,
/// and sigs.k8s.io/yaml with YAML 1.1), so that its author must say which one is meant.
pub fn differs_between_readers(text: &str) -> bool {
    let signless = text.strip_prefix(['+', '-']).unwrap_or(text);
    is_word(text)
        || signless.strip_prefix('.').is_some_and(is_word)
        || matches!(text, "=" | "<<" | "~")
        || (text.contains(|c: char| c.is_ascii_digit())
            && NUMBER_SOMEWHERE.as_ref().is_some_and(|number| number.is_match(text)))
}
