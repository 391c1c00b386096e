//! Texts that people and other tools read, made from templates in minijinja's language (that of Jinja2): manifests of
//! sync engines, workflows, hooks. The templates are part of the program; a project replaces one by a file of the same
//! name in its folder `templates`.
//!
//! A template sees the values that it is given and nothing else: no file, no program, no clock. A name that is not
//! defined is an error, a text is printed only through a filter that quotes it ([`quoting`]), and a loop that does not
//! end runs out of fuel.

mod quoting;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::Serialize;

use crate::suggest;
use crate::world::{ReadError, World};

/// The folder in which a project replaces templates.
pub const FOLDER: &str = "templates";
/// What follows the name of every template.
const ENDING: &str = ".j2";
/// Instructions of one rendering. A manifest for 10,000 namespaces takes less than a tenth of them.
const FUEL: u64 = 20_000_000;

/// The templates that are part of the program, by name, without the ending `.j2`.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("argo-cd.yaml", include_str!("../../../stdlib/templates/argo-cd.yaml.j2")),
    ("codeowners", include_str!("../../../stdlib/templates/codeowners.j2")),
    ("cron-job.yaml", include_str!("../../../stdlib/templates/cron-job.yaml.j2")),
    ("flux.yaml", include_str!("../../../stdlib/templates/flux.yaml.j2")),
    ("github-check.yaml", include_str!("../../../stdlib/templates/github-check.yaml.j2")),
    ("github-publish.yaml", include_str!("../../../stdlib/templates/github-publish.yaml.j2")),
    ("gitlab.yaml", include_str!("../../../stdlib/templates/gitlab.yaml.j2")),
    ("grafana.json", include_str!("../../../stdlib/templates/grafana.json.j2")),
    ("k6.js", include_str!("../../../stdlib/templates/k6.js.j2")),
    ("pre-commit-config.yaml", include_str!("../../../stdlib/templates/pre-commit-config.yaml.j2")),
    ("pre-commit.sh", include_str!("../../../stdlib/templates/pre-commit.sh.j2")),
    ("promql-counted", include_str!("../../../stdlib/templates/promql-counted.j2")),
    ("promql-error-ratio", include_str!("../../../stdlib/templates/promql-error-ratio.j2")),
    ("promql-failures", include_str!("../../../stdlib/templates/promql-failures.j2")),
    ("promql-latency-quantile", include_str!("../../../stdlib/templates/promql-latency-quantile.j2")),
    ("promql-lost-requests", include_str!("../../../stdlib/templates/promql-lost-requests.j2")),
    ("promql-requests", include_str!("../../../stdlib/templates/promql-requests.j2")),
    ("promql.yaml", include_str!("../../../stdlib/templates/promql.yaml.j2")),
];

/// The templates of a project.
#[derive(Debug)]
pub struct Templates {
    texts: BTreeMap<&'static str, Source>,
}

/// One template.
#[derive(Debug)]
struct Source {
    /// As messages name it: `templates/argo-cd.yaml.j2`, or `<std/argo-cd.yaml.j2>`.
    shown: String,
    text: Cow<'static, str>,
}

/// A template that cannot be read or rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The file: relative to the project's folder, or `<std/NAME>` for one that is part of the program.
    pub file: String,
    /// Counted from 1; nothing where the file as a whole is at fault.
    pub line: Option<usize>,
    /// One sentence.
    pub message: String,
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for TemplateError {}

impl Templates {
    /// The templates of the program alone.
    pub fn built_in() -> Self {
        let source = |name: &str, text: &'static str| Source {
            shown: format!("<std/{name}{ENDING}>"),
            text: Cow::Borrowed(text),
        };
        Self { texts: TEMPLATES.iter().map(|(name, text)| (*name, source(name, text))).collect() }
    }

    /// The templates of the program, and in their place those that the project has in its folder `templates`. A file
    /// there whose name is almost that of a template is an error: it would replace nothing.
    pub fn load(world: &dyn World) -> Result<Self, TemplateError> {
        let mut texts = Self::built_in().texts;
        let fault = |file: String, error: ReadError| {
            let message = match error {
                ReadError::NotFound => "there is no such file".to_owned(),
                ReadError::Outside => "leads out of the project through a link".to_owned(),
                ReadError::NotText => "is not UTF-8 text".to_owned(),
                ReadError::Other(reason) => format!("cannot be read: {reason}"),
            };
            TemplateError { file, line: None, message }
        };
        let files = match world.list(FOLDER, ".") {
            Ok(files) => files,
            Err(ReadError::NotFound) => Vec::new(),
            Err(error) => return Err(fault(FOLDER.to_owned(), error)),
        };
        for path in files {
            let Some(name) = path.rsplit('/').next().and_then(|file| file.strip_suffix(ENDING)) else { continue };
            let names = || TEMPLATES.iter().map(|(known, _)| *known);
            let Some(known) = names().find(|known| *known == name) else {
                // Templates of other tools may stand there too.
                let Some(near) = suggest::nearest(name, names()) else { continue };
                let message = format!("replaces no template; did you mean `{near}{ENDING}`?");
                return Err(TemplateError { file: path, line: None, message });
            };
            let text = world.read(&path, ".").map_err(|error| fault(path.clone(), error))?;
            texts.insert(known, Source { shown: path, text: Cow::Owned(text.replace("\r\n", "\n")) });
        }
        Ok(Self { texts })
    }

    /// How messages name a template, and its text, for those who render it by rules of their own.
    pub fn source(&self, name: &str) -> Option<(&str, &str)> {
        self.texts.get(name).map(|source| (source.shown.as_str(), source.text.as_ref()))
    }

    /// Renders a template with the fields of `values` as its names. The result ends with a newline.
    pub fn render(&self, name: &str, values: &impl Serialize) -> Result<String, TemplateError> {
        let Some(source) = self.texts.get(name) else {
            let message = "there is no such template".to_owned();
            return Err(TemplateError { file: format!("<std/{name}{ENDING}>"), line: None, message });
        };
        let failed = |error: &minijinja::Error| TemplateError {
            file: source.shown.clone(),
            line: error.line(),
            message: describe(error, &source.text),
        };
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
        environment.set_syntax(syntax.build().map_err(|error| failed(&error))?);
        environment.set_fuel(Some(FUEL));
        // A kind of escaping of its own marks what blocks and macros capture as quoted already.
        environment.set_auto_escape_callback(|_| AutoEscape::Custom(Cow::Borrowed("quoted")));
        environment.set_formatter(quoting::format);
        quoting::add_filters(&mut environment);
        let template = environment.template_from_named_str(&source.shown, &source.text);
        let template = template.map_err(|error| failed(&error))?;
        let values = Value::from(Serde(values));
        let mut text = template.render(values).map_err(|error| failed(&error))?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }
}

/// What is wrong, in one sentence.
fn describe(error: &minijinja::Error, text: &str) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError => {
            let line = error.line().and_then(|line| text.lines().nth(line - 1)).unwrap_or_default().trim();
            format!("a name is not defined: `{line}`")
        }
        ErrorKind::OutOfFuel => "does not come to an end: it ran more instructions than any template needs".to_owned(),
        ErrorKind::InvalidOperation if !detail.is_empty() => detail.to_owned(),
        kind if detail.is_empty() => kind.to_string(),
        kind => format!("{kind}: {detail}"),
    }
}
