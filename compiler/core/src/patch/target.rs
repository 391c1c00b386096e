//! What a patch applies to, with kustomize's meaning: every field that is stated must match, and group, version,
//! kind, name and namespace are regular expressions over the whole text (kustomize 5.5, api/types/selector.go).

use regex::Regex;
use serde_json::Value;

use super::located::Place;
use super::selector::Selector;
use crate::bundle::Head;

/// `target:` of a patch.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    /// `group`, `version`, `kind`, `name`, `namespace`, where stated: see [`Field`].
    pub(super) fields: [Option<Pattern>; 5],
    /// `labelSelector`.
    pub(super) labels: Option<Selector>,
    /// `annotationSelector`.
    pub(super) annotations: Option<Selector>,
}

/// The fields of a target that are compared with the head of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Group,
    Version,
    Kind,
    Name,
    Namespace,
}

impl Field {
    /// In the order of [`Target::fields`].
    pub(super) const ALL: [Field; 5] = [Field::Group, Field::Version, Field::Kind, Field::Name, Field::Namespace];

    /// The key in `target:`.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Field::Group => "group",
            Field::Version => "version",
            Field::Kind => "kind",
            Field::Name => "name",
            Field::Namespace => "namespace",
        }
    }

    /// The field's value of a resource. One without namespace is in `default` to kustomize, unless it knows its kind
    /// to have none (kustomize 5.5, kyaml/resid/resid.go, `EffectiveNamespace`); of those kinds the usual ones.
    pub(super) fn of(self, head: &Head) -> &str {
        let (group, version) = head.api_version.split_once('/').unwrap_or(("", &head.api_version));
        match self {
            Field::Group => group,
            Field::Version => version,
            Field::Kind => &head.kind,
            Field::Name => &head.name,
            Field::Namespace if !head.namespace.is_empty() => &head.namespace,
            Field::Namespace if is_cluster_scoped(&head.kind) => "_non_namespaceable_",
            Field::Namespace => "default",
        }
    }
}

fn is_cluster_scoped(kind: &str) -> bool {
    kind.starts_with("Cluster")
        || matches!(kind, "Namespace" | "CustomResourceDefinition" | "PriorityClass" | "StorageClass")
}

/// A regular expression over a whole text; most are plain names.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// As written.
    pub(super) text: String,
    /// Where it is written.
    pub(super) at: Place,
    /// Absent where the text means only itself.
    regex: Option<Regex>,
}

impl Pattern {
    /// Reads a pattern; the error is that of the regular expression.
    pub(super) fn new(text: &str, at: Place) -> Result<Self, String> {
        let literal = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b':'));
        let regex = if literal {
            None
        } else {
            Some(Regex::new(&format!("^(?:{text})$")).map_err(|error| last_line(&error.to_string()))?)
        };
        Ok(Self { text: text.to_owned(), at, regex })
    }

    /// The only text that matches, unless it is a true expression.
    pub(super) fn literal(&self) -> Option<&str> {
        self.regex.is_none().then_some(self.text.as_str())
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match &self.regex {
            Some(regex) => regex.is_match(text),
            None => self.text == text,
        }
    }
}

/// The `regex` crate draws the pattern over several lines and ends with `error: …`.
fn last_line(error: &str) -> String {
    let line = error.lines().last().unwrap_or(error);
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

impl Target {
    pub(super) fn field(&self, field: Field) -> Option<&Pattern> {
        Field::ALL.iter().zip(&self.fields).find(|(f, _)| **f == field).and_then(|(_, pattern)| pattern.as_ref())
    }

    /// The stated fields that keep this target from a resource.
    pub(super) fn misses<'a>(&'a self, head: &'a Head) -> impl Iterator<Item = (Field, &'a Pattern)> {
        let stated = Field::ALL.into_iter().zip(&self.fields).filter_map(|(f, pattern)| Some((f, pattern.as_ref()?)));
        stated.filter(|(field, pattern)| !pattern.matches(field.of(head)))
    }

    /// Whether the stated fields let this target have a resource. Selectors are another matter: they need the object.
    pub(super) fn matches_head(&self, head: &Head) -> bool {
        self.misses(head).next().is_none()
    }

    /// Whether the selectors hold for an object as it is now, earlier patches included.
    pub(super) fn matches_object(&self, object: &Value) -> bool {
        let holds = |selector: &Option<Selector>, at: &str| {
            selector.as_ref().is_none_or(|selector| selector.matches(object.pointer(at)))
        };
        holds(&self.labels, "/metadata/labels") && holds(&self.annotations, "/metadata/annotations")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::located::documents;
    use crate::patch::origin::Origin;
    use crate::source::FileId;

    fn parse(text: &str) -> Result<Pattern, String> {
        let anywhere = documents(FileId(0), "x", &Origin::Whole).unwrap().pop().unwrap().at;
        Pattern::new(text, anywhere)
    }

    fn pattern(text: &str) -> Pattern {
        parse(text).unwrap()
    }

    #[test]
    fn patterns_match_whole_texts() {
        assert!(pattern("frontend").matches("frontend"));
        assert!(!pattern("front").matches("frontend"));
        assert!(pattern("front.*").matches("frontend"));
        assert!(!pattern("ront.*").matches("frontend"));
        assert!(pattern("a|b").matches("b"));
        assert!(!pattern("a|b").matches("ab"));
        assert!(pattern("shop.example.com").matches("shop-example.com"));
        assert_eq!(pattern("shop.example.com").literal(), None);
        assert_eq!(pattern("productcatalogservice-v2").literal(), Some("productcatalogservice-v2"));
    }

    #[test]
    fn a_broken_pattern_says_why_on_one_line() {
        let error = parse("front(").unwrap_err();
        assert_eq!(error, "unclosed group");
    }
}
