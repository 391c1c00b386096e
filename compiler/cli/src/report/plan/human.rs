//! A plan for a terminal: the verdict, what it means by risk with the line that causes it, then the files and the
//! diff. Nothing is cut.

use meshc_core::plan::{Change, FileChange, Lines, Risk, lines, unified};

use meshc_core::source::Text;

use super::{EnvironmentPlan, PlanReport, RISKS, cause, fate, files, plain, verdict};
use crate::output::{BOLD, BOLD_RED, CYAN, GREEN, PLAIN, RED};

/// The whole plan. `diff` adds the unified diff of every file. Styled; a stream without colour drops the styles.
pub(crate) fn human(report: &PlanReport<'_>, diff: bool) -> String {
    let mut text = format!("{BOLD}{}{PLAIN}: {}\n", plain(report.mesh), plain(&verdict(report)));
    for environment in &report.environments {
        let mut section = String::new();
        one(report, environment, diff, &mut section);
        if !section.is_empty() {
            text.push('\n');
            text.push_str(section.trim_start_matches('\n'));
        }
    }
    text
}

fn one(report: &PlanReport<'_>, environment: &EnvironmentPlan, diff: bool, text: &mut String) {
    let EnvironmentPlan { name, folder, plan, waiting, note, .. } = environment;
    let step = environment.step();
    // The verdict has said the rest of a single environment.
    if report.environments.len() > 1 || step.is_some() {
        let step = step.map_or(String::new(), |step| format!(", {step}"));
        let summary = if plan.is_empty() { "nothing to change".to_owned() } else { environment.counts() };
        text.push_str(&format!("{BOLD}{}{PLAIN}{step}: {summary}\n", plain(name)));
    }
    if let Some(note) = note {
        text.push_str(&format!("  {}\n", plain(note)));
    }
    for (risk, heading) in RISKS {
        let changes: Vec<_> = environment.of_risk(risk).collect();
        if changes.is_empty() {
            continue;
        }
        let style = match risk {
            Risk::Weakens => BOLD_RED,
            Risk::Behaviour => BOLD,
            Risk::Safe => PLAIN,
        };
        text.push_str(&format!("\n  {style}{heading}{PLAIN}\n"));
        // What concerns one subject stands together, where its riskiest change is.
        let mut by_subject: Vec<(&Text, Vec<&Change>)> = Vec::new();
        for change in changes {
            match by_subject.iter_mut().find(|(subject, _)| *subject == &change.subject) {
                Some((_, list)) => list.push(change),
                None => by_subject.push((&change.subject, vec![change])),
            }
        }
        for (subject, changes) in by_subject {
            text.push_str(&format!("    {CYAN}{}{PLAIN}\n", plain(subject)));
            for change in changes {
                let at = change.cause.map_or(String::new(), |span| format!("  {}", cause(report, span)));
                text.push_str(&format!("      {}{at}\n", plain(&change.text)));
            }
        }
    }
    if !waiting.is_empty() {
        text.push_str(&format!("\n  {BOLD}Waits for a later step{PLAIN}\n"));
        for (path, why) in waiting {
            text.push_str(&format!("    {}: {}\n", plain(path), plain(why)));
        }
    }
    if plan.is_empty() {
        return;
    }
    text.push_str(&format!("\n  {BOLD}{}{PLAIN} in {}/\n", files(environment), plain(folder)));
    for file in &plan.files {
        text.push_str(&summary_of(file));
    }
    if diff {
        text.push('\n');
        plan.files.iter().for_each(|file| text.push_str(&coloured(&unified(file))));
    }
}

fn summary_of(file: &FileChange) -> String {
    let (sign, style) = match fate(file) {
        "added" => ('+', GREEN),
        "deleted" => ('-', RED),
        _ => ('~', PLAIN),
    };
    let Lines { added, removed } = lines(file);
    format!("    {style}{sign} {}{PLAIN}  +{added} -{removed}\n", plain(&file.path))
}

fn coloured(diff: &str) -> String {
    let mut text = String::with_capacity(diff.len() + diff.len() / 8);
    for line in diff.lines() {
        let style = match line.as_bytes() {
            [b'-', b'-', b'-', b' ', ..] | [b'+', b'+', b'+', b' ', ..] => BOLD,
            [b'@', b'@', ..] => CYAN,
            [b'-', ..] => RED,
            [b'+', ..] => GREEN,
            _ => "",
        };
        let end = if style.is_empty() { "" } else { PLAIN };
        text.push_str(&format!("{style}{}{end}\n", plain_line(line)));
    }
    text
}

/// A line of a file: tabs stay.
fn plain_line(line: &str) -> String {
    line.chars().map(|letter| if letter.is_control() && letter != '\t' { '\u{fffd}' } else { letter }).collect()
}
