//! What was found, for people and for machines.

use meshc_core::source::Text;
use serde::Serialize;

use crate::output::{BOLD, CYAN, GREEN, PLAIN, RED};
use crate::report::json::{SCHEMA, to_text};

/// What a finding means for tonight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// A publish or a rollback would fail, or would not reach the cluster.
    Fails,
    /// It would work, later or less well than it could.
    Warns,
    /// In order.
    Fine,
    /// Nobody looked, or nobody can from here.
    NotLooked,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    /// What was looked at: "signing".
    pub(super) subject: &'static str,
    /// What was found, as a sentence.
    pub(super) text: String,
    /// What to do.
    pub(super) fix: Option<String>,
}

impl Finding {
    pub(super) fn fails(subject: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fails, subject, text: sentence(&text.into()), fix: Some(fix.into()) }
    }

    pub(super) fn warns(subject: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warns, subject, text: text.into(), fix: Some(fix.into()) }
    }

    pub(super) fn fine(subject: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fine, subject, text: text.into(), fix: None }
    }

    pub(super) fn not_looked(subject: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotLooked, subject, text: text.into(), fix: None }
    }
}

/// What another program said, on one line and without the advice that git puts behind each failure.
fn sentence(text: &str) -> String {
    let advice = ["Please make sure you have", "and the repository exists.", "fatal: Could not read from remote"];
    let said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said: Vec<&str> = said.filter(|line| !advice.iter().any(|start| line.starts_with(start))).collect();
    said.join("; ")
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Examination {
    mesh: Option<Text>,
    /// By environment; those of the machine have none, and come first.
    found: Vec<(Option<Text>, Vec<Finding>)>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    mesh: Option<&'a Text>,
    fails: usize,
    warns: usize,
    findings: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    environment: Option<&'a Text>,
    #[serde(flatten)]
    finding: &'a Finding,
}

impl Examination {
    /// Nothing yet, about a mesh.
    pub(super) fn of(mesh: Option<Text>) -> Self {
        Self { mesh, ..Self::default() }
    }

    /// Takes the findings of the machine, or of an environment.
    pub(super) fn add(&mut self, environment: Option<Text>, found: Vec<Finding>) {
        match self.found.iter_mut().find(|(known, _)| *known == environment) {
            Some((_, known)) => known.extend(found),
            None => self.found.push((environment, found)),
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.found.iter().flat_map(|(environment, found)| {
            found.iter().map(|finding| Entry { environment: environment.as_ref(), finding })
        })
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.entries().filter(|entry| entry.finding.verdict == verdict).count()
    }

    /// How many things would fail.
    pub(super) fn failures(&self) -> usize {
        self.count(Verdict::Fails)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (environment, found) in &self.found {
            let title = environment.as_ref().map_or("this machine", |environment| environment.as_str());
            text.push_str(&format!("{BOLD}{title}{PLAIN}\n"));
            for Finding { verdict, subject, text: said, fix } in found {
                let (color, word) = match verdict {
                    Verdict::Fails => (RED, "fails"),
                    Verdict::Warns => (CYAN, "warns"),
                    Verdict::Fine => (GREEN, "fine "),
                    Verdict::NotLooked => ("", "?    "),
                };
                text.push_str(&format!("  {color}{word}{PLAIN}  {subject}: {said}\n"));
                if let Some(fix) = fix {
                    text.push_str(&format!("         {fix}\n"));
                }
            }
        }
        text
    }

    /// For machines, as `docs/formats.md` describes it.
    pub(super) fn json(&self) -> String {
        to_text(&Document {
            schema: SCHEMA,
            mesh: self.mesh.as_ref(),
            fails: self.count(Verdict::Fails),
            warns: self.count(Verdict::Warns),
            findings: self.entries().collect(),
        })
    }
}
