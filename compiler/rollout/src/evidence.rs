//! What a decision rests on: each question with its answer, its limit and what follows.

use serde::{Deserialize, Serialize};

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What was measured: `error-rate`, `latency p99`, `requests`.
    pub name: String,
    /// The query as it was asked; empty where it follows from other answers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The limit that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Requests that it was counted over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
    /// Why, where the numbers do not say it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What follows from an answer. Only [`Verdict::Passes`] and [`Verdict::NotJudged`] let a release go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Within its limit, on enough requests.
    Passes,
    /// Beyond its limit.
    Fails,
    /// Beyond its limit now, and not yet as often in a row as the plan wants.
    Failing,
    /// Not enough requests to tell.
    TooFew,
    /// No answer, or none that is a finite number.
    NoData,
    /// The interval of confidence holds the limit.
    Uncertain,
    /// Does not apply: there is nothing to compare with.
    NotJudged,
}

impl Verdict {
    /// As people read it.
    pub const fn words(self) -> &'static str {
        match self {
            Verdict::Passes => "passes",
            Verdict::Fails => "fails",
            Verdict::Failing => "is failing",
            Verdict::TooFew => "too few requests",
            Verdict::NoData => "no data",
            Verdict::Uncertain => "not certain yet",
            Verdict::NotJudged => "not judged",
        }
    }
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(value) = self.value {
            write!(f, " {}", number(value))?;
        }
        if let Some(threshold) = self.threshold {
            write!(f, ", limit {}", number(threshold))?;
        }
        if let Some(samples) = self.samples {
            write!(f, ", {} requests", number(samples.round()))?;
        }
        write!(f, ": {}", self.verdict.words())?;
        if self.note.is_empty() { Ok(()) } else { write!(f, " ({})", self.note) }
    }
}

/// A number with at most four digits behind the point.
pub fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
