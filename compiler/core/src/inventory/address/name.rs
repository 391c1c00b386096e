//! What the name of a variable or flag says about its value.

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// The value is a host, with or without a port: `CART_SERVICE_ADDR`, `--redis-host`.
    Host,
    /// The value is an address in some longer form, so that a bare word is one only if it is a Service's name:
    /// `CATALOG_URL`, `BOOTSTRAP_SERVERS`; also what a process listens on itself, `HOST`.
    Address,
    /// The value is something else: `POSTGRES_USER`, `LISTEN_ADDR`.
    NoHost,
    /// Nothing.
    Nothing,
}

/// Last words of names whose value is a host.
const HOSTS: [&str; 6] = ["ADDR", "ADDRESS", "HOST", "HOSTNAME", "ENDPOINT", "BROKER"];

/// Last words of names whose value is an address of any form.
const ADDRESSES: [&str; 13] = [
    "ADDRS",
    "ADDRESSES",
    "HOSTS",
    "ENDPOINTS",
    "BROKERS",
    "URL",
    "URLS",
    "URI",
    "URIS",
    "TARGET",
    "TARGETS",
    "SERVER",
    "SERVERS",
];

/// Last words of names whose value often equals a Service's name without being its address.
const NO_HOSTS: [&str; 32] = [
    "NAME",
    "USER",
    "USERNAME",
    "DB",
    "DATABASE",
    "SCHEMA",
    "TABLE",
    "PASSWORD",
    "PASS",
    "SECRET",
    "TOKEN",
    "KEY",
    "MODE",
    "TYPE",
    "KIND",
    "DRIVER",
    "ENGINE",
    "ROLE",
    "ENV",
    "ENVIRONMENT",
    "NAMESPACE",
    "TOPIC",
    "QUEUE",
    "GROUP",
    "PREFIX",
    "PATH",
    "APP",
    "ID",
    "LABELS",
    "VERSION",
    "IMAGE",
    "PORT",
];

/// What the name of a variable (`CART_ADDR`), flag (`cart-addr`, `cartAddr`) or key (`cart.addr`) says.
pub(super) fn says(name: &str) -> Says {
    let words = words(name);
    let Some((last, before)) = words.split_last() else { return Says::Nothing };
    let last = last.as_str();
    if before.iter().any(|word| word == "LISTEN" || word == "BIND") || NO_HOSTS.contains(&last) {
        Says::NoHost
    } else if HOSTS.contains(&last) {
        // Alone it is often the process's own.
        if before.is_empty() { Says::Address } else { Says::Host }
    } else if ADDRESSES.contains(&last) {
        Says::Address
    } else {
        Says::Nothing
    }
}

/// `REDIS_PORT` for `REDIS_HOST`.
pub(super) fn sibling_port(name: &str) -> Option<String> {
    let (prefix, last) = name.rsplit_once('_')?;
    let host = HOSTS.contains(&last.to_ascii_uppercase().as_str());
    host.then(|| format!("{prefix}_{}", if last.starts_with(|c: char| c.is_lowercase()) { "port" } else { "PORT" }))
}

/// Whether text before a `=` is a name.
pub(super) fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// The words of a name in upper case, split at `_`, `-`, `.` and where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for character in name.chars() {
        let breaks = matches!(character, '_' | '-' | '.');
        if breaks || (small && character.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !breaks) {
            word.push(character.to_ascii_uppercase());
        }
        small = character.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_their_last_word_says() {
        for name in ["CART_SERVICE_ADDR", "redis-host", "catalogAddr", "spring.redis.host", "OTLP_ENDPOINT"] {
            assert_eq!(says(name), Says::Host, "{name}");
        }
        for name in ["CATALOG_URL", "BOOTSTRAP_SERVERS", "HOST", "addr", "x-targets"] {
            assert_eq!(says(name), Says::Address, "{name}");
        }
        for name in ["POSTGRES_USER", "LISTEN_ADDR", "bind-address", "OTEL_SERVICE_NAME", "REDIS_PORT"] {
            assert_eq!(says(name), Says::NoHost, "{name}");
        }
        for name in ["BACKEND", "", "_", "MYADDRX"] {
            assert_eq!(says(name), Says::Nothing, "{name}");
        }
    }

    #[test]
    fn the_port_beside_a_host() {
        assert_eq!(sibling_port("REDIS_HOST").as_deref(), Some("REDIS_PORT"));
        assert_eq!(sibling_port("redis_addr").as_deref(), Some("redis_port"));
        assert_eq!(sibling_port("REDIS_USER"), None);
        assert_eq!(sibling_port("HOST"), None);
    }
}
