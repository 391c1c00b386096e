//! The recorded state of releases, read from a deploy checkout: `state/ENV/NAMESPACE/SERVICE.json`, and beside it
//! `SERVICE.hold`, whose existence is the hold. Source, inventory and state are the three inputs of a rendering.

use foldhash::HashMap;
use serde::{Deserialize, Serialize};

use crate::source::Text;

/// The schema that this compiler reads.
const SCHEMA: u32 = 1;

/// What is recorded about a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of this shape: 1.
    pub schema: u32,
    /// The version that takes what the canary does not.
    pub stable: Text,
    /// The version being released; absent: none.
    #[serde(default)]
    pub canary: Option<Text>,
    /// Percent of the traffic that the canary has.
    #[serde(default)]
    pub weight: u32,
    /// When this weight was decided, as Prometheus told the time: RFC 3339 or seconds. Not used for rendering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<serde_json::Value>,
    /// The last decision with its evidence. Not used for rendering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<serde_json::Value>,
    /// The last stage passed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finished: bool,
    /// Until when the old version stays, in seconds since 1970; set when the last stage is passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<i64>,
}

impl Record {
    /// A release as it begins: declared, without a request on the new version.
    pub fn begin(stable: Text, canary: Text) -> Self {
        Self { canary: Some(canary), ..Self::only(stable) }
    }

    /// One version, and no release.
    pub fn only(stable: Text) -> Self {
        Self {
            schema: SCHEMA,
            stable,
            canary: None,
            weight: 0,
            since: None,
            decision: None,
            finished: false,
            kept_until: None,
        }
    }

    /// As it is written.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// "v1 95 %, v2 5 %".
    pub fn describe(&self) -> String {
        match &self.canary {
            Some(canary) => format!("{} {} %, {canary} {} %", self.stable, 100 - self.weight.min(100), self.weight),
            None => format!("{} 100 %", self.stable),
        }
    }
}

/// What is recorded about one service.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// The record; absent: none yet.
    pub record: Option<Record>,
    /// A hold exists: all weight on stable.
    pub held: bool,
    /// The release is finished, and the time for which the old version is kept is over. See [`Recorded::at`].
    pub kept: bool,
    /// Why the record cannot be used.
    pub fault: Option<String>,
}

impl Recorded {
    /// Says what time it is, in seconds since 1970: the old version of a finished release is kept for a while. Without
    /// it the while never ends.
    pub fn at(&mut self, now: i64) {
        let until = self.record.as_ref().filter(|record| record.finished).and_then(|record| record.kept_until);
        self.kept = until.is_some_and(|until| until <= now);
    }
}

/// The recorded state of one environment, by logical namespace and service.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Looked up, never walked.
    pub services: HashMap<(Text, Text), Recorded>,
}

impl State {
    /// The state of one environment. `names` are the services that state a version; `read` gives the text of a file
    /// below the deploy checkout, or nothing where there is none.
    pub fn read<'n>(
        folder: &str,
        names: impl IntoIterator<Item = (&'n Text, &'n Text)>,
        read: impl Fn(&str) -> Result<Option<String>, String>,
    ) -> State {
        let mut state = State::default();
        for (namespace, service) in names {
            let path = format!("state/{folder}/{namespace}/{service}");
            let mut recorded = Recorded::default();
            match read(&format!("{path}.json")).map(|text| text.map(|text| parse(&text))) {
                Ok(None) => {}
                Ok(Some(Ok(record))) => recorded.record = Some(record),
                Ok(Some(Err(reason))) | Err(reason) => recorded.fault = Some(format!("`{path}.json` {reason}")),
            }
            match read(&format!("{path}.hold")) {
                Ok(text) => recorded.held = text.is_some(),
                Err(reason) => recorded.fault = Some(format!("`{path}.hold` {reason}")),
            }
            if recorded.record.is_some() || recorded.held || recorded.fault.is_some() {
                state.services.insert((namespace.clone(), service.clone()), recorded);
            }
        }
        state
    }
}

/// Reads a record. The error says what is wrong with it, to be read behind the file's name.
pub fn parse(text: &str) -> Result<Record, String> {
    let record: Record = serde_json::from_str(text).map_err(|error| format!("is not a state: {error}"))?;
    if record.schema != SCHEMA {
        return Err(format!("has schema {}, and this compiler reads schema {SCHEMA}", record.schema));
    }
    if record.weight > 100 {
        return Err(format!("has the weight {}, which is more than 100", record.weight));
    }
    if record.canary.is_none() && record.weight != 0 {
        return Err("has a weight without a canary".to_owned());
    }
    if record.canary.as_ref() == Some(&record.stable) {
        return Err(format!("releases `{}` onto itself", record.stable));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_strictly() {
        let good = r#"{"schema":1,"stable":"v1","canary":"v2","weight":5,"since":"2026-11-23T03:00:00Z"}"#;
        assert_eq!(parse(good).map(|record| record.describe()), Ok("v1 95 %, v2 5 %".to_owned()));
        for wrong in [
            "",
            "{}",
            r#"{"schema":2,"stable":"v1"}"#,
            r#"{"schema":1,"stable":"v1","weight":5}"#,
            r#"{"schema":1,"stable":"v1","canary":"v2","weight":101}"#,
            r#"{"schema":1,"stable":"v1","canary":"v1","weight":1}"#,
            r#"{"schema":1,"stable":"v1","wieght":1}"#,
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hold_is_the_existence_of_its_file() {
        let name = (Text::new("shop"), Text::new("web"));
        let state =
            State::read(
                "prod",
                [(&name.0, &name.1)],
                |path| Ok((path == "state/prod/shop/web.hold").then(String::new)),
            );
        assert!(state.services.get(&name).is_some_and(|recorded| recorded.held));
    }
}
