//! Label and annotation selectors, as kustomize takes them from Kubernetes: `app=web,tier in (a, b),!legacy`
//! (kustomize 5.5, kyaml/yaml/internal/k8sgen/pkg/labels/selector.go).

use serde_json::Value;

/// A selector: all of its requirements must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    /// The key is there, with one of these values.
    In(Vec<String>),
    /// The key is not there, or has none of these values.
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    /// The value is a whole number above this one.
    Above(i64),
    /// The value is a whole number below this one.
    Below(i64),
}

impl Selector {
    /// Reads a selector. The error says what was expected.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens { rest: text };
        let mut requirements = Vec::new();
        if tokens.peek() == Token::End {
            return Ok(Self { requirements });
        }
        loop {
            requirements.push(requirement(&mut tokens)?);
            match tokens.next() {
                Token::Symbol(",") => {}
                Token::End => return Ok(Self { requirements }),
                other => return Err(format!("expected `,` and found {other}")),
            }
        }
    }

    /// Whether it holds for a map of labels or annotations; nothing where the object has none.
    pub(super) fn matches(&self, labels: Option<&Value>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.and_then(|labels| labels.get(&requirement.key)).and_then(Value::as_str);
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.operator {
                Operator::In(values) => value.is_some_and(|value| values.iter().any(|v| v == value)),
                Operator::NotIn(values) => value.is_none_or(|value| values.iter().all(|v| v != value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
                Operator::Above(bound) => number().is_some_and(|number| number > *bound),
                Operator::Below(bound) => number().is_some_and(|number| number < *bound),
            }
        })
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, String> {
    let absent = tokens.peek() == Token::Symbol("!");
    if absent {
        tokens.next();
    }
    let Token::Word(key) = tokens.next() else { return Err("expected the name of a label".to_owned()) };
    let key = key.to_owned();
    if absent {
        return Ok(Requirement { key, operator: Operator::DoesNotExist });
    }
    let operator = match tokens.peek() {
        Token::End | Token::Symbol(",") => return Ok(Requirement { key, operator: Operator::Exists }),
        _ => tokens.next(),
    };
    let operator = match operator {
        Token::Symbol("=" | "==") => Operator::In(vec![value(tokens)]),
        Token::Symbol("!=") => Operator::NotIn(vec![value(tokens)]),
        Token::Symbol(">") => Operator::Above(number(tokens)?),
        Token::Symbol("<") => Operator::Below(number(tokens)?),
        Token::Word("in") => Operator::In(values(tokens)?),
        Token::Word("notin") => Operator::NotIn(values(tokens)?),
        other => return Err(format!("expected `=`, `!=`, `in`, `notin`, `>` or `<` and found {other}")),
    };
    Ok(Requirement { key, operator })
}

/// One value, which may be empty.
fn value(tokens: &mut Tokens<'_>) -> String {
    match tokens.peek() {
        Token::Word(word) => {
            tokens.next();
            word.to_owned()
        }
        Token::Symbol(_) | Token::End => String::new(),
    }
}

fn number(tokens: &mut Tokens<'_>) -> Result<i64, String> {
    let text = value(tokens);
    text.parse().map_err(|_| format!("expected a whole number and found `{text}`"))
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, String> {
    if tokens.next() != Token::Symbol("(") {
        return Err("expected `(` and values".to_owned());
    }
    let mut values = Vec::new();
    loop {
        values.push(value(tokens));
        match tokens.next() {
            Token::Symbol(",") => {}
            Token::Symbol(")") => return Ok(values),
            other => return Err(format!("expected `,` or `)` and found {other}")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'a str),
    End,
}

impl std::fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Word(text) | Token::Symbol(text) => write!(f, "`{text}`"),
            Token::End => f.write_str("nothing more"),
        }
    }
}

struct Tokens<'a> {
    rest: &'a str,
}

/// Longest first.
const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

impl<'a> Tokens<'a> {
    fn peek(&self) -> Token<'a> {
        Tokens { rest: self.rest }.next()
    }

    fn next(&mut self) -> Token<'a> {
        let text = self.rest.trim_start();
        let special = |c: char| c.is_whitespace() || matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<');
        let symbol = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol)).map(|symbol| symbol.len());
        let (token, rest) = text.split_at(symbol.unwrap_or_else(|| text.find(special).unwrap_or(text.len())));
        self.rest = rest;
        match symbol {
            Some(_) => Token::Symbol(token),
            None if token.is_empty() => Token::End,
            None => Token::Word(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_mean_what_kubernetes_means() {
        let labels = json!({"app": "web", "tier": "a", "legacy": "", "cost": "5"});
        for (selector, expected) in [
            ("", true),
            ("app=web", true),
            ("app == web", true),
            ("app=db", false),
            ("app!=db", true),
            ("app!=web", false),
            ("owner!=me", true),
            ("app", true),
            ("owner", false),
            ("!owner", true),
            ("!app", false),
            ("legacy=", true),
            ("tier in (a, b)", true),
            ("tier in (b,c)", false),
            ("tier notin (b,c)", true),
            ("owner notin (b)", true),
            ("owner in (b)", false),
            ("app=web,tier in (a),!owner", true),
            ("app=web, tier=b", false),
            ("cost>4", true),
            ("cost > 5", false),
            ("cost<6", true),
            ("app<6", false),
        ] {
            assert_eq!(Selector::parse(selector).unwrap().matches(Some(&labels)), expected, "{selector}");
        }
        assert!(!Selector::parse("app").unwrap().matches(None));
        assert!(Selector::parse("!app").unwrap().matches(None));
    }

    #[test]
    fn broken_selectors_say_what_was_expected() {
        for (selector, expected) in [
            ("=web", "name of a label"),
            ("app=web,", "name of a label"),
            ("app web", "`in`"),
            ("app in a", "`(`"),
            ("app in (a", "`)`"),
            ("app=a b", "`,`"),
            ("cost>x", "whole number"),
            ("!app=web", "`,`"),
        ] {
            let error = Selector::parse(selector).unwrap_err();
            assert!(error.contains(expected), "{selector}: {error}");
        }
    }
}
