//! `meshc explain`.

use std::path::PathBuf;

use clap::Args;
use meshc_core::code::Code;
use meshc_core::explain::{Explanation, Step};
use meshc_core::source::SourceMap;
use meshc_core::suggest;
use serde::Serialize;

use super::Session;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{BOLD, CYAN, GREEN, PLAIN};
use crate::paths::Paths;
use crate::pipeline;
use crate::report::json::{SCHEMA, to_text};
use crate::report::severity_name;

/// Statements up to this width are padded, so that their places stand in one column.
const WIDEST: usize = 60;

/// Explain a diagnostic, or where a value comes from
///
/// With a code: what it means, with a wrong and a right example. Without anything: the list of all codes.
///
/// With an environment and a setting, `SERVICE.SETTING` or `NAMESPACE/SERVICE.SETTING`: every preset, file,
/// environment, manifest or state that says something about it, and what holds in the end. With a service alone: all
/// of its settings.
#[derive(Debug, Args)]
#[command(override_usage = "meshc explain [CODE]\n       meshc explain <ENV> <PATH> [--state <DIR>]")]
pub(crate) struct ExplainArgs {
    /// The code, as it is printed in `error[CODE]`; or the environment
    #[arg(value_name = "CODE|ENV")]
    what: Option<String>,
    /// The setting, as in `frontend.timeout`
    path: Option<String>,
    /// Read the state of releases from this deploy checkout
    #[arg(long, value_name = "DIR", requires = "path", value_hint = clap::ValueHint::DirPath)]
    pub(super) state: Option<PathBuf>,
}

/// Prints the page of a code, the list of all, or the layers of a setting.
pub(crate) fn run(session: &Session, args: &ExplainArgs) -> Result<(), Failure> {
    match (&args.what, &args.path) {
        (None, _) => session.output.result(&list()),
        (Some(environment), Some(path)) => value(session, environment, path, args),
        (Some(name), None) => match Code::find(name) {
            Some(code) => session.output.result(&highlighted(code.page())),
            None => Err(Failure::Usage(unknown(name))),
        },
    }
}

fn unknown(name: &str) -> String {
    match suggest::nearest(name, Code::ALL.iter().map(|code| code.name())) {
        Some(near) => format!("there is no code `{name}`; did you mean `{near}`?"),
        None => format!(
            "there is no code `{name}`; `meshc explain` lists all of them, and `meshc explain ENV SERVICE.SETTING` tells \
             where a value comes from"
        ),
    }
}

fn list() -> String {
    let width = Code::ALL.iter().map(|code| code.name().len()).max().unwrap_or(0);
    let line = |code: &Code| {
        let severity = severity_name(code.severity());
        format!("{BOLD}{:width$}{PLAIN}  {severity:7}  {}\n", code.name(), code.summary())
    };
    Code::ALL.iter().map(line).collect()
}

/// Markdown as it is, with its headings and examples set apart where there is colour.
fn highlighted(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut in_code = false;
    for line in page.lines() {
        let fence = line.starts_with("```");
        in_code ^= fence;
        let style = match () {
            () if line.starts_with('#') && !in_code => BOLD,
            () if in_code || fence => CYAN,
            () => "",
        };
        let end = if style.is_empty() { "" } else { PLAIN };
        text.push_str(&format!("{style}{line}{end}\n"));
    }
    text
}

fn value(session: &Session, environment: &str, path: &str, args: &ExplainArgs) -> Result<(), Failure> {
    let explained = pipeline::explain(&session.folder, environment, path, args.state.as_deref())?;
    if explained.faulty {
        session.output.tell("the project has errors, which `meshc check` shows; what follows may be incomplete\n");
    }
    let paths = Paths::new(&session.folder);
    let sources = &explained.project.sources;
    session.output.result(&match session.format {
        Format::Json => json(environment, &explained.explanations, sources, &paths),
        Format::Human | Format::Markdown | Format::Sarif => chains(&explained.explanations, sources, &paths),
    })
}

/// Each setting with its layers, the lowest first; the one that holds is marked.
fn chains(explanations: &[Explanation], sources: &SourceMap, paths: &Paths) -> String {
    let steps = || explanations.iter().flat_map(|explanation| &explanation.steps);
    let layers = steps().map(|step| step.layer.chars().count()).max().unwrap_or(0);
    let texts = steps().map(|step| one_space(&step.text).chars().count()).max().unwrap_or(0).min(WIDEST);
    let mut text = String::new();
    for explanation in explanations {
        text.push_str(&format!("{BOLD}{}{PLAIN}: {}\n", explanation.subject, one_space(&explanation.result)));
        for step in &explanation.steps {
            let (mark, style) = if step.holds { (">", GREEN) } else { (" ", "") };
            let end = if style.is_empty() { "" } else { PLAIN };
            let place = step.span.map(|span| {
                let file = sources.file(span.file);
                let (line, column) = file.line_column(span.start);
                format!("  {}:{line}:{column}", paths.show(&file.path))
            });
            let (layer, stated) = (&step.layer, one_space(&step.text));
            text.push_str(&match place {
                Some(place) => format!("{style}{mark} {layer:layers$}  {stated:texts$}{end}{place}\n"),
                None => format!("{style}{mark} {layer:layers$}  {stated}{end}\n"),
            });
        }
    }
    text
}

/// A statement without the spaces that align it in its file. Quoted words stay as they are.
fn one_space(statement: &str) -> String {
    let mut text = String::with_capacity(statement.len());
    let mut quoted = false;
    for letter in statement.chars() {
        quoted ^= letter == '"';
        if quoted || letter != ' ' || !text.ends_with(' ') {
            text.push(letter);
        }
    }
    text
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    environment: &'a str,
    settings: Vec<SettingDocument<'a>>,
}

#[derive(Serialize)]
struct SettingDocument<'a> {
    subject: &'a str,
    result: &'a str,
    steps: Vec<StepDocument<'a>>,
}

#[derive(Serialize)]
struct StepDocument<'a> {
    layer: &'a str,
    text: &'a str,
    holds: bool,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

fn json(environment: &str, explanations: &[Explanation], sources: &SourceMap, paths: &Paths) -> String {
    let step = |step: &'_ Step| {
        let place = step.span.map(|span| (sources.file(span.file), sources.file(span.file).line_column(span.start)));
        (place.map(|(file, _)| paths.show(&file.path)), place.map(|(_, at)| at))
    };
    let settings = explanations.iter().map(|explanation| SettingDocument {
        subject: &explanation.subject,
        result: &explanation.result,
        steps: explanation
            .steps
            .iter()
            .map(|one| {
                let (file, at) = step(one);
                let (line, column) = at.unzip();
                StepDocument { layer: &one.layer, text: &one.text, holds: one.holds, file, line, column }
            })
            .collect(),
    });
    to_text(&Document { schema: SCHEMA, environment, settings: settings.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lose_nothing_but_colour() {
        for code in Code::ALL {
            let plain = highlighted(code.page()).replace(BOLD, "").replace(CYAN, "").replace(PLAIN, "");
            assert_eq!(plain.trim_end(), code.page().trim_end(), "{code}");
        }
    }

    #[test]
    fn alignment_goes_and_quoted_spaces_stay() {
        assert_eq!(one_space("allow   web  to GET"), "allow web to GET");
        assert_eq!(one_space("query   \"a  b\"  > 3"), "query \"a  b\" > 3");
    }

    #[test]
    fn a_misspelt_code_is_guessed() {
        assert_eq!(unknown("unknown-callr"), "there is no code `unknown-callr`; did you mean `unknown-caller`?");
        assert!(unknown("E0308").contains("lists all"));
    }
}
