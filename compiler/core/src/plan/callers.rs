//! Callers that policies tell apart, and which of them a source means (istio 1.31, pilot/pkg/security/authz/model and
//! pilot/pkg/security/trustdomain/bundle.go).

use std::collections::BTreeSet;

use smol_str::format_smolstr;

use super::access::Identity;
use super::pattern::{classes, matches, representative};
use super::policy::{Policy, Source};
use crate::source::Text;

/// A class of callers; nothing: without an identity.
pub(super) type Class = Option<Identity>;

/// Whether a source matches a class of callers.
pub(super) fn fits(source: &Source, policy: &Policy, caller: &Class, own_domain: &str) -> bool {
    let parts = caller.as_ref().map(|identity| {
        [&identity.domain, &identity.namespace, &identity.account].map(|class| representative(&class.replace('?', "*")))
    });
    let is = |check: &dyn Fn(&[String; 3]) -> bool| parts.as_ref().is_some_and(check);
    let by_principal = |pattern: &str| {
        is(&|[domain, namespace, account]| {
            let rest = format!("/ns/{namespace}/sa/{account}");
            aliases(pattern, own_domain).iter().any(|pattern| matches(pattern, &format!("{domain}{rest}")))
        })
    };
    let by_namespace = |pattern: &str| is(&|[_, namespace, _]| matches(pattern, namespace));
    let by_account = |pattern: &str| {
        is(&|[_, namespace, account]| {
            let (of, name) = pattern.split_once('/').unwrap_or((&policy.scope.namespace, pattern));
            dotted(of, namespace) && dotted(name, account)
        })
    };
    source.principals.holds(by_principal) && source.namespaces.holds(by_namespace) && source.accounts.holds(by_account)
}

/// The trust domain that stands for the mesh's own, whatever that is called.
const ANY_NAME_OF_OURS: &str = "cluster.local";

/// A principal's pattern under every name of the mesh's own trust domain, if it names that.
fn aliases(pattern: &str, own_domain: &str) -> Vec<String> {
    match pattern.split_once("/ns/") {
        Some((domain, rest)) if domain == ANY_NAME_OF_OURS || domain == own_domain => {
            [ANY_NAME_OF_OURS, own_domain].iter().map(|name| format!("{name}/ns/{rest}")).collect()
        }
        _ => vec![pattern.to_owned()],
    }
}

/// An account's pattern is a regular expression in which `.` matched any character, until the fix of istio issue 59700.
/// Which patch level runs is not known: what may be admitted is taken to be.
fn dotted(pattern: &str, value: &str) -> bool {
    pattern.chars().count() == value.chars().count()
        && pattern.chars().zip(value.chars()).all(|(pattern, value)| pattern == '.' || pattern == value)
}

/// The classes of identities that policies tell apart.
pub(super) fn identities<'p>(
    policies: impl Iterator<Item = &'p Policy> + Clone,
    own_domain: &str,
) -> BTreeSet<Identity> {
    let mut domains: BTreeSet<Text> = BTreeSet::from(["*".into(), own_domain.into()]);
    let mut pairs: BTreeSet<(Text, Text)> = BTreeSet::from([("*".into(), "*".into())]);
    let mut product = false;
    for policy in policies {
        for source in policy.rules.iter().flat_map(|rule| rule.from.iter().flatten()) {
            for pattern in source.principals.patterns() {
                let (domain, namespace, account) = principal(pattern);
                product |= pattern.contains('*');
                if domain != ANY_NAME_OF_OURS {
                    domains.insert(domain);
                }
                pairs.insert((namespace, account));
            }
            for pattern in source.namespaces.patterns() {
                product |= pattern.contains('*');
                pairs.insert((pattern.into(), "*".into()));
            }
            for pattern in source.accounts.patterns() {
                let (namespace, name) = pattern.split_once('/').unwrap_or((&policy.scope.namespace, pattern));
                pairs.insert((namespace.into(), name.into()));
                if pattern.contains('.') {
                    // What only looks like it.
                    pairs.insert((namespace.replace('.', "?").into(), name.replace('.', "?").into()));
                }
            }
        }
    }
    let mut out = BTreeSet::new();
    if product {
        let parts = |part: fn(&(Text, Text)) -> &Text| classes(pairs.iter().map(|pair| part(pair).as_str()));
        let (namespaces, accounts) = (parts(|pair| &pair.0), parts(|pair| &pair.1));
        pairs = namespaces
            .iter()
            .flat_map(|namespace| accounts.iter().map(move |account| (namespace.clone(), account.clone())))
            .collect();
        domains = classes(domains.iter().map(Text::as_str)).into_iter().collect();
    }
    for domain in &domains {
        out.extend(pairs.iter().map(|(namespace, account)| Identity {
            domain: domain.clone(),
            namespace: namespace.clone(),
            account: account.clone(),
        }));
    }
    out
}

/// Trust domain, namespace and account of a principal's pattern, `*` where it does not say.
fn principal(pattern: &str) -> (Text, Text, Text) {
    let anything = || Text::new_static("*");
    match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        // `DOMAIN/ns/NAMESPACE/sa/ACC*` and shorter.
        (Some(prefix), _) => match prefix.split_once("/ns/") {
            None => (format_smolstr!("{prefix}*"), anything(), anything()),
            Some((domain, rest)) => match rest.split_once("/sa/") {
                Some((namespace, account)) => (domain.into(), namespace.into(), format_smolstr!("{account}*")),
                None if rest.contains('/') => {
                    (domain.into(), rest.split('/').next().unwrap_or(rest).into(), anything())
                }
                None => (domain.into(), format_smolstr!("{rest}*"), anything()),
            },
        },
        // `*IN/ns/NAMESPACE/sa/ACCOUNT` and shorter.
        (None, Some(suffix)) => match suffix.rsplit_once("/sa/") {
            None => (anything(), anything(), format_smolstr!("*{}", suffix.rsplit('/').next().unwrap_or(suffix))),
            Some((rest, account)) => match rest.rsplit_once("/ns/") {
                Some((domain, namespace)) => (format_smolstr!("*{domain}"), namespace.into(), account.into()),
                None => (anything(), format_smolstr!("*{}", rest.rsplit('/').next().unwrap_or(rest)), account.into()),
            },
        },
        (None, None) => {
            match pattern.split_once("/ns/").and_then(|(domain, rest)| Some((domain, rest.split_once("/sa/")?))) {
                Some((domain, (namespace, account))) => (domain.into(), namespace.into(), account.into()),
                // It names nobody.
                None => (anything(), anything(), anything()),
            }
        }
    }
}
