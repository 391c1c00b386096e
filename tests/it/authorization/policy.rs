//! AuthorizationPolicy and PeerAuthentication as they are read: the fields that this project may write, strictly, so that
//! a field whose meaning the evaluator does not know can never be passed over. What the API server would refuse is
//! refused here too (istio 1.31, manifests/charts/base/files/crd-all.gen.yaml; pkg/config/validation/validation.go).

use std::collections::BTreeMap;

use serde::Deserialize;
use yaml_serde::Value;

/// Labels of a pod, or those that select one.
pub(crate) type Labels = BTreeMap<String, String>;

/// Who may call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AuthorizationPolicy {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) spec: AuthorizationSpec,
}

/// What both kinds have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: String,
    #[serde(default, rename = "labels")]
    _labels: Labels,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

/// `spec` of an AuthorizationPolicy. No `when`, no `targetRefs`, no `provider`: they are not modelled.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorizationSpec {
    pub(super) selector: Option<Selector>,
    #[serde(default)]
    pub(super) action: Action,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

/// Which pods of the namespace.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Selector {
    #[serde(default)]
    pub(super) match_labels: Labels,
}

/// `CUSTOM` is not modelled.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Action {
    #[default]
    Allow,
    Deny,
    Audit,
}

/// One of `from` and one of `to`; absent: any.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) from: Option<Vec<From>>,
    pub(super) to: Option<Vec<To>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    pub(super) source: Source,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct To {
    pub(super) operation: Operation,
}

/// Every field that is there must match.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Source {
    pub(super) principals: Option<Vec<String>>,
    pub(super) not_principals: Option<Vec<String>>,
    pub(super) namespaces: Option<Vec<String>>,
    pub(super) not_namespaces: Option<Vec<String>>,
    pub(super) service_accounts: Option<Vec<String>>,
    pub(super) not_service_accounts: Option<Vec<String>>,
}

/// Every field that is there must match.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Operation {
    pub(super) ports: Option<Vec<String>>,
    pub(super) not_ports: Option<Vec<String>>,
    pub(super) methods: Option<Vec<String>>,
    pub(super) not_methods: Option<Vec<String>>,
    pub(super) paths: Option<Vec<String>>,
    pub(super) not_paths: Option<Vec<String>>,
}

impl Operation {
    /// Whether it speaks of requests, which a port of bytes does not have.
    pub(super) fn has_http(&self) -> bool {
        [&self.methods, &self.not_methods, &self.paths, &self.not_paths].iter().any(|field| field.is_some())
    }
}

/// Over which transport.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PeerAuthentication {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(super) metadata: Metadata,
    pub(super) spec: PeerSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PeerSpec {
    pub(super) selector: Option<Selector>,
    #[serde(default)]
    pub(super) mtls: Mtls,
    #[serde(default)]
    pub(super) port_level_mtls: BTreeMap<String, Mtls>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mtls {
    #[serde(default)]
    pub(super) mode: Mode,
}

/// Modes of mTLS.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Mode {
    /// As above it.
    #[default]
    Unset,
    /// Plaintext only.
    Disable,
    /// Both.
    Permissive,
    /// mTLS only.
    Strict,
}

/// Both kinds, from documents of every kind.
#[derive(Debug, Default)]
pub(super) struct Policies {
    pub(super) authorization: Vec<AuthorizationPolicy>,
    pub(super) authentication: Vec<PeerAuthentication>,
}

impl Policies {
    /// Takes the two kinds out of documents. `minor` is Istio's version.
    pub(super) fn of(documents: &[Value], minor: u32) -> Result<Self, String> {
        let mut out = Self::default();
        for document in documents {
            let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or("");
            if !text("apiVersion").starts_with("security.istio.io/") {
                continue;
            }
            match text("kind") {
                "AuthorizationPolicy" => {
                    let policy: AuthorizationPolicy = read(document)?;
                    policy.accept(minor)?;
                    out.authorization.push(policy);
                }
                "PeerAuthentication" => {
                    let policy: PeerAuthentication = read(document)?;
                    policy.accept()?;
                    out.authentication.push(policy);
                }
                other => return Err(format!("`{other}` is not modelled")),
            }
        }
        Ok(out)
    }
}

fn read<T: for<'d> Deserialize<'d>>(document: &Value) -> Result<T, String> {
    yaml_serde::from_value(document.clone()).map_err(|error| format!("{error} in {document:?}"))
}

impl AuthorizationPolicy {
    /// Refuses what the API server refuses.
    fn accept(&self, minor: u32) -> Result<(), String> {
        let refuse = |why: &str| Err(format!("{}: {why}", self.metadata.name));
        if self.spec.rules.len() > 512 {
            return refuse("more than 512 rules");
        }
        if self.spec.action == Action::Deny && self.spec.rules.is_empty() {
            return refuse("DENY without rules");
        }
        for rule in &self.spec.rules {
            if rule.from.as_ref().is_some_and(Vec::is_empty) || rule.to.as_ref().is_some_and(Vec::is_empty) {
                return refuse("an empty list");
            }
            if rule.from.as_ref().is_some_and(|from| from.len() > 512) {
                return refuse("more than 512 sources");
            }
            for From { source } in rule.from.iter().flatten() {
                let others = [&source.principals, &source.not_principals, &source.namespaces, &source.not_namespaces];
                let accounts = [&source.service_accounts, &source.not_service_accounts];
                if others.iter().chain(&accounts).all(|field| field.is_none()) {
                    return refuse("an empty source");
                }
                if others.iter().chain(&accounts).any(|field| field.as_ref().is_some_and(Vec::is_empty)) {
                    return refuse("an empty list");
                }
                for list in accounts.iter().filter_map(|field| field.as_ref()) {
                    if minor < 25 {
                        return refuse("`serviceAccounts` before 1.25");
                    }
                    if others.iter().any(|field| field.is_some()) {
                        return refuse("`serviceAccounts` beside principals or namespaces");
                    }
                    if list.len() > 16 || list.iter().any(|account| account.len() > 320 || account.contains('*')) {
                        return refuse("more than 16 accounts, or one that is too long or has `*`");
                    }
                }
            }
            for To { operation } in rule.to.iter().flatten() {
                let Operation { ports, not_ports, methods, not_methods, paths, not_paths } = operation;
                let fields = [ports, not_ports, methods, not_methods, paths, not_paths];
                if fields.iter().all(|field| field.is_none())
                    || fields.iter().any(|field| field.as_ref().is_some_and(Vec::is_empty))
                {
                    return refuse("an empty operation or list");
                }
                for port in [ports, not_ports].into_iter().flatten().flatten() {
                    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
                        return refuse("a port that is none");
                    }
                }
                if [paths, not_paths].into_iter().flatten().flatten().any(|path| path.contains(['{', '}'])) {
                    return refuse("a path template, which is not modelled");
                }
            }
        }
        Ok(())
    }
}

impl PeerAuthentication {
    fn accept(&self) -> Result<(), String> {
        let selects = self.spec.selector.as_ref().is_some_and(|selector| !selector.match_labels.is_empty());
        if !self.spec.port_level_mtls.is_empty() && !selects {
            return Err(format!("{}: `portLevelMtls` without a selector", self.metadata.name));
        }
        if self.spec.port_level_mtls.keys().any(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
            return Err(format!("{}: a port that is none", self.metadata.name));
        }
        Ok(())
    }
}
