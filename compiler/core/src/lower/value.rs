//! Values with units, read from single words. Each reader says what it expected and gives an example.

use crate::model::traffic::Millis;
use crate::model::{MtlsMode, PathPattern, Protocol};
use crate::source::Text;
use crate::suggest;

/// `250ms`, `3s`, `1.5s`, `1m`, `24h`: whole milliseconds, more than none.
pub fn duration(word: &str) -> Result<Millis, String> {
    let split = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
    let (number, unit) = word.split_at(split);
    let size: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("expected a duration with its unit, such as `{number}s`, found `{word}`")),
        "min" => return Err(format!("expected a duration; minutes are written `{number}m`, found `{word}`")),
        _ => return Err(format!("expected a duration such as `250ms`, `3s`, `1m` or `24h`, found `{word}`")),
    };
    let millis = decimal(number, size).ok_or_else(|| {
        format!("expected a duration of whole milliseconds, such as `1500ms` or `1.5s`, found `{word}`")
    })?;
    if millis == 0 {
        return Err(format!("expected a duration of at least `1ms`, found `{word}`"));
    }
    Ok(Millis(millis))
}

/// `number × size`, where the number may have a fraction that leaves a whole product.
fn decimal(number: &str, size: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<u64>().ok()?.checked_mul(size)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(size)?;
    (part % scale == 0).then(|| whole + part / scale)
}

/// `1000` or `1_000`, in a range.
pub(crate) fn number(word: &str, range: std::ops::RangeInclusive<u32>) -> Result<u32, String> {
    let plain = word.replace('_', "");
    match plain.parse::<u32>() {
        Ok(value) if range.contains(&value) && plain.bytes().all(|b| b.is_ascii_digit()) => Ok(value),
        Ok(_) | Err(_) if !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit()) => {
            Err(format!("expected a number from {} to {}, found `{word}`", range.start(), range.end()))
        }
        _ => Err(format!("expected a whole number, found `{word}`")),
    }
}

/// A port, 1 to 65535.
pub(crate) fn port(word: &str) -> Result<u16, String> {
    number(word, 1..=65_535)
        .map(|port| port as u16)
        .map_err(|_| format!("expected a port from 1 to 65535, found `{word}`"))
}

/// `5%`: whole percents in a range.
pub(crate) fn percent(word: &str, range: std::ops::RangeInclusive<u32>) -> Result<u32, String> {
    let expected = format!("expected whole percents from `{}%` to `{}%`, found `{word}`", range.start(), range.end());
    let digits = word.strip_suffix('%').ok_or(&expected)?;
    number(digits, range).map_err(|_| expected)
}

/// `0.5%`: percents with a fraction, as written without the sign.
pub(crate) fn fine_percent(word: &str) -> Result<f64, String> {
    let expected = || format!("expected percents such as `1%` or `0.5%`, found `{word}`");
    let digits = word.strip_suffix('%').ok_or_else(expected)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value: f64 = digits.parse().map_err(|_| expected())?;
    if plain && (0.0..=100.0).contains(&value) { Ok(value) } else { Err(expected()) }
}

/// `1000/min`: requests and seconds of the window.
pub(crate) fn rate(word: &str) -> Result<(u32, u32), String> {
    let expected = || format!("expected a rate such as `100/s`, `1000/min` or `5000/h`, found `{word}`");
    let (count, unit) = word.split_once('/').ok_or_else(expected)?;
    let window = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        _ => return Err(expected()),
    };
    Ok((number(count, 1..=1_000_000_000)?, window))
}

/// A DNS-1123 label: what Kubernetes accepts as the name of a Service or namespace.
pub(crate) fn label(word: &str) -> Result<Text, String> {
    if is_label(word) {
        Ok(word.into())
    } else {
        Err(format!(
            "`{word}` is not a name that Kubernetes accepts: lower-case letters, digits and `-`, \
             at most 63, a letter or digit at both ends"
        ))
    }
}

/// Whether Kubernetes accepts it as a DNS-1123 label.
pub(crate) fn is_label(word: &str) -> bool {
    let bytes = word.as_bytes();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    bytes.len() <= 63
        && bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|b| alphanumeric(b) || *b == b'-')
}

/// A DNS-1123 subdomain: labels joined by dots, at most 253.
pub(crate) fn subdomain(word: &str) -> Result<Text, String> {
    if word.len() <= 253 && word.split('.').all(is_label) {
        Ok(word.into())
    } else {
        Err(format!("`{word}` is not a name that Kubernetes accepts: lower-case letters, digits, `-` and `.`"))
    }
}

/// A host that clients name: a domain, with `*` as the whole first label at most. Not all-numeric at the end, which
/// Istio refuses (istio 1.31, pkg/config/validation/agent/validation.go).
pub(crate) fn host(word: &str) -> Result<Text, String> {
    let rest = word.strip_prefix("*.").unwrap_or(word);
    let top = rest.rsplit('.').next().unwrap_or("");
    let fine = word.len() <= 255
        && rest.contains('.')
        && rest.split('.').all(is_label)
        && !top.bytes().all(|b| b.is_ascii_digit());
    if fine { Ok(word.into()) } else { Err(format!("expected a host such as `shop.example.com`, found `{word}`")) }
}

/// A value of a label: at most 63 of letters, digits, `-`, `_`, `.`, a letter or digit at both ends.
pub(crate) fn label_value(word: &str) -> Result<Text, String> {
    let bytes = word.as_bytes();
    let fine = bytes.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
    if fine { Ok(word.into()) } else { Err(format!("`{word}` cannot be the value of a Kubernetes label")) }
}

/// A path pattern: `/p` or `/p/**`.
pub(crate) fn path(word: &str) -> Result<PathPattern, String> {
    let Some(rest) = word.strip_prefix('/') else {
        return Err(format!("expected a path that begins with `/`, found `{word}`"));
    };
    if rest == "**" {
        return Ok(PathPattern::All);
    }
    let (plain, pattern): (&str, fn(Text) -> PathPattern) = match word.strip_suffix("/**") {
        Some(below) => (below, PathPattern::Below),
        None => (word, PathPattern::Exact),
    };
    if plain.contains('*') {
        return Err(format!("`*` stands only at the end of a path, as `/**`; found `{word}`"));
    }
    if plain.contains(['?', '#', '{', '}']) || plain.contains("//") || !plain.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("`{word}` is not a plain path: no `?`, `#`, `{{`, `}}`, spaces or empty parts"));
    }
    Ok(pattern(plain.into()))
}

/// `strict`, `permissive` or `disable`.
pub(crate) fn mtls(word: &str) -> Result<MtlsMode, Refusal> {
    match word {
        "strict" => Ok(MtlsMode::Strict),
        "permissive" => Ok(MtlsMode::Permissive),
        "disable" => Ok(MtlsMode::Disable),
        _ => Err(choice(word, &["strict", "permissive", "disable"])),
    }
}

/// A protocol by the language's name.
pub(crate) fn protocol(word: &str) -> Result<Protocol, Refusal> {
    Ok(match word {
        "http" => Protocol::Http,
        "http2" => Protocol::Http2,
        "grpc" => Protocol::Grpc,
        "grpc-web" => Protocol::GrpcWeb,
        "https" => Protocol::Https,
        "tls" => Protocol::Tls,
        "tcp" => Protocol::Tcp,
        _ => return Err(choice(word, &["http", "http2", "grpc", "grpc-web", "https", "tls", "tcp"])),
    })
}

/// Why a word is refused, and what it was probably meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What was expected and found.
    pub(crate) message: String,
    /// The nearest word that would be right.
    pub(crate) near: Option<String>,
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message, near: None }
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::from(message.to_owned())
    }
}

/// What to say when a word is none of a few.
pub(crate) fn choice(word: &str, choices: &[&str]) -> Refusal {
    let near = suggest::nearest(word, choices.iter().copied()).map(str::to_owned);
    let message = if near.is_some() && choices.len() > 7 {
        format!("`{word}` is not one of the words that stand here")
    } else {
        let names = suggest::list(choices.iter().copied(), choices.len()).replace(" and ", " or ");
        format!("expected {names}, found `{word}`")
    };
    Refusal { message, near }
}

/// Where a deploy repository is. A password would be committed with the file, and what starts with `-` would be an
/// option of `git`.
pub(crate) fn repository(word: &str) -> Result<(), String> {
    let authority = word.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(rest));
    match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => Err("a password does not belong in a file that is committed; \
             let git's credential helper or an ssh key have it"
            .to_owned()),
        _ if word.is_empty() || word.starts_with('-') || word.contains("::") || word.contains(char::is_control) => {
            Err(format!("expected a URL or a path that `git` fetches from, found `{word}`"))
        }
        _ => Ok(()),
    }
}

/// The name of a branch, as `git check-ref-format --branch` has it, as far as people meet it.
pub(crate) fn branch(word: &str) -> Result<(), String> {
    let wrong = |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let good = !word.starts_with('-')
        && !word.ends_with('.')
        && !word.contains(wrong)
        && !["..", "@{"].iter().any(|text| word.contains(text))
        && word != "@"
        && word.split('/').all(part);
    if good { Ok(()) } else { Err(format!("expected the name of a branch, such as `main`, found `{word}`")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_milliseconds() {
        assert_eq!(duration("250ms"), Ok(Millis(250)));
        assert_eq!(duration("1.5s"), Ok(Millis(1_500)));
        assert_eq!(duration("24h"), Ok(Millis(86_400_000)));
        for wrong in ["0s", "3", "1.5ms", "-1s", "s", "1min", "9999999999h", "1.s", "1_0s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn repositories_are_urls_and_paths_without_passwords() {
        for good in
            ["git@git.example.com:shop/deploy.git", "https://user@git.example.com/a", "../deploy.git", "file:///a"]
        {
            assert_eq!(repository(good), Ok(()));
        }
        for wrong in ["", "-oProxyCommand=x", "ext::sh -c x", "https://user:secret@git.example.com/a", "a\nb"] {
            assert!(repository(wrong).is_err(), "{wrong}");
        }
        assert!(!repository("https://user:secret@git.example.com/a").unwrap_err().contains("secret"));
    }

    #[test]
    fn branches_have_git_names() {
        for good in ["main", "environments/prod", "a.b"] {
            assert_eq!(branch(good), Ok(()));
        }
        for wrong in ["", "-f", "a b", "a..b", "a.lock", "/a", "a/", "@", "a:b", ".a", "refs/heads/*"] {
            assert!(branch(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_have_a_window() {
        assert_eq!(rate("1000/min"), Ok((1_000, 60)));
        assert_eq!(rate("1_000/s"), Ok((1_000, 1)));
        for wrong in ["1000", "0/s", "10/day", "/s", "1.5/s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_end_in_two_stars_or_none() {
        assert_eq!(path("/"), Ok(PathPattern::Exact("/".into())));
        assert_eq!(path("/**"), Ok(PathPattern::All));
        assert_eq!(path("/a/**"), Ok(PathPattern::Below("/a".into())));
        for wrong in ["a", "/a*", "/*/b", "/a//b", "/a?b", "/{x}"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_are_domains() {
        assert!(host("shop.example.com").is_ok());
        assert!(host("*.example.com").is_ok());
        for wrong in ["shop", "*", "a.*.com", "1.2.3.4", "Shop.example.com"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }
}
