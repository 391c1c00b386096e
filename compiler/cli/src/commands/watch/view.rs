//! What a watch shows: on a terminal the releases as they stand, redrawn in place, below the lines of what was done;
//! elsewhere a line for whatever changes.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressStyle};
use meshc_gitops::publish::now;
use meshc_rollout::decide::Decision;
use meshc_rollout::outcome::Report;

use super::Turn;
use crate::args::Format;
use crate::commands::Session;
use crate::commands::promote::report::{json, sentence};
use crate::commands::promote::turn::Promoted;
use crate::commands::rollback::held;
use crate::failure::Failure;
use crate::output::{BOLD, CYAN, Output, PLAIN, RED};
use crate::publishing::deployed::short;
use crate::report::json::to_line;
use crate::time::shown;

/// What is shown.
pub(super) struct View {
    output: Output,
    format: Format,
    /// The part that is redrawn; nothing where it is not a terminal.
    live: Option<ProgressBar>,
    /// Whether the live part has colour.
    colored: bool,
    /// What the live part says, without the time to the next turn.
    picture: String,
    /// What was last said of each release or failure.
    said: BTreeMap<String, String>,
}

impl View {
    pub(super) fn new(session: &Session) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let live = terminal && session.format == Format::Human && !session.output.is_quiet();
        Self {
            output: session.output,
            format: session.format,
            live: live.then(|| {
                let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
                ProgressBar::new_spinner().with_style(style)
            }),
            colored: AutoStream::choice(&std::io::stderr()) != ColorChoice::Never,
            picture: String::new(),
            said: BTreeMap::new(),
        }
    }

    /// Shows what came of a turn.
    pub(super) fn show(&mut self, turn: &Turn) -> Result<(), Failure> {
        let failures = self.failures(turn);
        let results = match self.format {
            Format::Human => turn.promoted.iter().map(|promoted| self.lines(promoted)).collect(),
            _ => json(&turn.promoted, |document| to_line(document)),
        };
        self.picture = if self.live.is_some() { turn.promoted.iter().map(picture).collect() } else { String::new() };
        let say = || {
            self.output.tell(&failures);
            // Machines get each turn, also where nobody else wants to hear of it.
            if self.format == Format::Human { self.output.success(&results) } else { self.output.result(&results) }
        };
        match &self.live {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// Says when the next turn is.
    pub(super) fn wait(&self, left: Duration) {
        let Some(bar) = &self.live else { return };
        let text = format!("{}{CYAN}next look in {} s{PLAIN}, ctrl-c stops", self.picture, left.as_secs());
        bar.set_message(if self.colored { text } else { anstream::adapter::strip_str(&text).to_string() });
        bar.tick();
    }

    /// What could not be done, once for as long as it stays the same.
    fn failures(&mut self, turn: &Turn) -> String {
        let failures = turn.failures.iter().chain(&turn.nothing).filter_map(Failure::message);
        let mut list: Vec<String> = failures.map(|text| format!("{text}; trying again")).collect();
        list.extend(turn.promoted.iter().flat_map(Promoted::faults));
        let list: String = list.iter().map(|text| format!("{RED}warning{PLAIN}: {text}\n")).collect();
        let before = self.said.insert(String::new(), list.clone());
        match before {
            Some(before) if before == list => String::new(),
            Some(before) if list.is_empty() && !before.is_empty() => "everything can be reached again\n".to_owned(),
            _ => list,
        }
    }

    /// A line for each release that changed, with its evidence where something was done.
    fn lines(&mut self, promoted: &Promoted) -> String {
        let Promoted { environment, outcome } = promoted;
        let mut text = String::new();
        for report in &outcome.reports {
            let acts = report.decided.decision.acts() && !report.dropped;
            let what = match &report.decided.decision {
                _ if report.hold.is_some() => {
                    format!("{}; {}", report.before, report.hold.as_ref().map_or_else(String::new, held))
                }
                // What remains of a time changes with each look, and is no news.
                Decision::Wait { why, .. } if !report.dropped => format!("{}; {why}", report.before),
                _ => sentence(report),
            };
            let key = format!("{} {}", environment.name, report.name);
            let known = self.said.insert(key.clone(), what.clone());
            if !acts && (self.live.is_some() || known.as_ref() == Some(&what)) {
                continue;
            }
            let commit = outcome.commit.filter(|_| acts).map(|(commit, _)| format!(" in {}", short(commit)));
            text.push_str(&format!("{} {BOLD}{key}{PLAIN}: {what}{}\n", shown(now()), commit.unwrap_or_default()));
            if acts {
                report.decided.evidence.iter().for_each(|evidence| text.push_str(&format!("    {evidence}\n")));
            }
        }
        text
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }
}

/// An environment as it stands.
fn picture(promoted: &Promoted) -> String {
    let Promoted { environment, outcome } = promoted;
    let mut text = format!("{BOLD}{}{PLAIN}", environment.name);
    text.push_str(if outcome.reports.is_empty() { ": nothing is being released\n" } else { "\n" });
    for report in &outcome.reports {
        text.push_str(&format!("  {BOLD}{}{PLAIN}  {}\n", report.name, stages(report)));
        match &report.hold {
            Some(hold) => text.push_str(&format!("    {RED}{}{PLAIN}\n", held(hold))),
            None => text.push_str(&format!("    {}\n", sentence(report))),
        }
        for evidence in &report.decided.evidence {
            text.push_str(&format!("    {evidence}\n"));
        }
    }
    text
}

/// The stages of a release, with the one that it is in: "v2: 5 % [20 %] 50 % 100 %".
fn stages(report: &Report) -> String {
    let weight = match &report.decided.decision {
        Decision::Advance { to } if !report.dropped => *to,
        Decision::Abort { .. } if !report.dropped => 0,
        _ => report.weight,
    };
    // After an edit of the stages there may be none of this very weight: then it is in the last one below.
    let current = report.stages.iter().copied().filter(|stage| *stage <= weight).max();
    let stage = |stage: &u32| {
        if Some(*stage) == current { format!("{CYAN}[{weight} %]{PLAIN}") } else { format!("{stage} %") }
    };
    let list: Vec<String> = report.stages.iter().map(stage).collect();
    format!("{}: {}", report.canary, list.join(" "))
}
