//! `meshc explain`.

use clap::Args;
use meshc_core::code::Code;
use meshc_core::diagnostic::Severity;
use meshc_core::suggest;

use super::Session;
use crate::failure::Failure;
use crate::output::{BOLD, CYAN, PLAIN};

/// Explain a diagnostic, or where a value comes from
///
/// `meshc explain unknown-caller` explains a code, with a wrong and a right example; `meshc explain` lists all codes.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, as it is printed in `error[CODE]`
    #[arg(value_name = "CODE")]
    what: Option<String>,
}

/// Prints the page of a code, or the list of all.
pub(crate) fn run(session: &Session, args: &ExplainArgs) -> Result<(), Failure> {
    let Some(name) = &args.what else { return session.output.result(&list()) };
    match Code::find(name) {
        Some(code) => session.output.result(&highlighted(code.page())),
        None => Err(Failure::Usage(unknown(name))),
    }
}

fn unknown(name: &str) -> String {
    match suggest::nearest(name, Code::ALL.iter().map(|code| code.name())) {
        Some(near) => format!("there is no code `{name}`; did you mean `{near}`?"),
        None => format!("there is no code `{name}`; `meshc explain` lists all of them"),
    }
}

fn list() -> String {
    let width = Code::ALL.iter().map(|code| code.name().len()).max().unwrap_or(0);
    let line = |code: &Code| {
        let severity = match code.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
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
    fn a_misspelt_code_is_guessed() {
        assert_eq!(unknown("unknown-callr"), "there is no code `unknown-callr`; did you mean `unknown-caller`?");
        assert!(unknown("E0308").contains("lists all"));
    }
}
