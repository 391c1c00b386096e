//! Asks a Prometheus, or what speaks its HTTP API (prometheus.io, querying/api, stable since 1.0): instant and range
//! queries, with credentials from files, a deadline for each question and bounded repeats. What is secret is in no
//! message.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::measure::{Reading, Source};
use crate::plan::Server;

/// Largest answer that is read. Every question asks for one number, or a few.
const MOST_BYTES: u64 = 4 << 20;
/// A question is put this often where the server does not answer, or says that it cannot now.
const ATTEMPTS: u32 = 3;

/// A server with its credentials.
pub struct Prometheus {
    agent: Agent,
    url: String,
    /// The `Authorization` header.
    authorization: Option<String>,
    pause: Duration,
}

impl Prometheus {
    /// A server as it is declared. `folder` is where relative paths of its files begin; `deadline` bounds one question.
    pub fn new(server: &Server, folder: &Path, deadline: Duration) -> Result<Self, String> {
        let option = |name: &str| server.options.get(name);
        let read = |name: &str| option(name).map(|path| file(name, &folder.join(path))).transpose();
        let text = |name: &str| -> Result<Option<String>, String> {
            let Some(bytes) = read(name)? else { return Ok(None) };
            let text = String::from_utf8(bytes).map_err(|_| format!("`{name}` names a file that is not text"))?;
            Ok(Some(text.trim().to_owned()))
        };
        let authorization = match (text("bearer-token-file")?, option("username"), text("password-file")?) {
            (Some(token), None, None) => Some(format!("Bearer {token}")),
            (None, Some(user), password) => {
                Some(format!("Basic {}", base64(format!("{user}:{}", password.unwrap_or_default()).as_bytes())))
            }
            (None, None, None) => None,
            (None, None, Some(_)) => return Err("`prometheus` has a `password-file` and no `username`".to_owned()),
            (Some(_), ..) => return Err("`prometheus` has a token and a password; one of them is sent".to_owned()),
        };
        if authorization.as_ref().is_some_and(|header| header.chars().any(char::is_control)) {
            return Err("the file with the credentials for Prometheus has more than one line".to_owned());
        }
        let mut tls = TlsConfig::builder();
        tls = match read("ca-file")? {
            Some(pem) => tls.root_certs(RootCerts::new_with_certs(&certificates("ca-file", &pem)?)),
            None => tls.root_certs(RootCerts::PlatformVerifier),
        };
        match (read("certificate-file")?, read("key-file")?) {
            (Some(chain), Some(key)) => {
                let key =
                    PrivateKey::from_pem(&key).map_err(|_| "`key-file` holds no private key in PEM".to_owned())?;
                tls =
                    tls.client_cert(Some(ClientCert::new_with_certs(&certificates("certificate-file", &chain)?, key)));
            }
            (None, None) => {}
            _ => return Err("`certificate-file` and `key-file` belong together".to_owned()),
        }
        let agent = Agent::config_builder()
            .timeout_global(Some(deadline))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls.build())
            .user_agent("meshc")
            .build()
            .new_agent();
        let url = server.url.trim_end_matches('/').to_owned();
        Ok(Self { agent, url, authorization, pause: Duration::from_millis(250) })
    }

    /// Puts a question, again where the server does not answer or says that it cannot now.
    fn ask(&self, api: &str, fields: &[(&str, &str)]) -> Result<Value, String> {
        let mut failed = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(self.pause * attempt + Duration::from_millis(fastrand::u64(0..100)));
            }
            match self.once(api, fields) {
                Ok(answer) => return answer,
                Err(why) => failed = why,
            }
        }
        Err(format!("{failed} (asked {ATTEMPTS} times)"))
    }

    /// One exchange. The outer error may be gone in a moment; the inner one is an answer.
    fn once(&self, api: &str, fields: &[(&str, &str)]) -> Result<Result<Value, String>, String> {
        let mut request = self.agent.post(format!("{}/api/v1/{api}", self.url));
        if let Some(header) = &self.authorization {
            request = request.header("Authorization", header);
        }
        let unreachable = |error: &ureq::Error| format!("`{}` cannot be asked: {error}", self.url);
        let mut response = request.send_form(fields.iter().copied()).map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_string();
        let body = body.map_err(|error| unreachable(&error))?;
        let value: Option<Value> = serde_json::from_str(&body).ok();
        let said = value.as_ref().and_then(|value| value.get("error")?.as_str()).unwrap_or_default().to_owned();
        match (status, value) {
            (200, Some(mut value)) if value.get("status").and_then(Value::as_str) == Some("success") => {
                Ok(Ok(value.get_mut("data").map(Value::take).unwrap_or_default()))
            }
            (200, _) => Ok(Err(format!("`{}` does not answer as a Prometheus does", self.url))),
            (301..=399, _) => {
                Ok(Err(format!("`{}` leads elsewhere (HTTP {status}); name the server itself", self.url)))
            }
            (401 | 403, _) => Ok(Err(format!("`{}` refuses these credentials (HTTP {status})", self.url))),
            (429 | 500..=599, _) => Err(format!("`{}` answered HTTP {status} {said}", self.url).trim_end().to_owned()),
            _ => Ok(Err(format!("`{}` answered HTTP {status} {said}", self.url).trim_end().to_owned())),
        }
    }
}

impl Source for Prometheus {
    fn now(&self) -> Result<i64, String> {
        let data = self.ask("query", &[("query", "time()")])?;
        let value = data.pointer("/result/1").and_then(Value::as_str).and_then(|text| text.parse::<f64>().ok());
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970, checked to be in range")]
        value
            .filter(|time| (0.0..1e15).contains(time))
            .map(|time| time as i64)
            .ok_or_else(|| format!("`{}` does not say what time it is", self.url))
    }

    fn at(&self, query: &str, time: i64) -> Reading {
        let data = self.ask("query", &[("query", query), ("time", &time.to_string())])?;
        match (data.get("resultType").and_then(Value::as_str), data.get("result")) {
            (Some("scalar"), Some(sample)) => number(sample.get(1)),
            (Some("vector"), Some(Value::Array(series))) => match series.as_slice() {
                [] => Err("no data".to_owned()),
                [one] => number(one.pointer("/value/1")),
                several => Err(several_series(several.len())),
            },
            _ => Err("the answer is no number".to_owned()),
        }
    }

    fn range(&self, query: &str, end: i64, step: i64, count: u32) -> Vec<Reading> {
        let start = end - i64::from(count.saturating_sub(1)) * step;
        let missing = |why: &str| (0..count).map(|_| Err(why.to_owned())).collect();
        let [from, to, step_text] = [start, end, step].map(|number| number.to_string());
        let fields = [("query", query), ("start", &from), ("end", &to), ("step", &step_text)];
        let data = match self.ask("query_range", &fields) {
            Ok(data) => data,
            Err(why) => return missing(&why),
        };
        let series = data.get("result").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let points = match series {
            [] => return missing("no data"),
            [one] => one.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default(),
            several => return missing(&several_series(several.len())),
        };
        let mut looks: Vec<Reading> = missing("no data");
        for point in points {
            let time = point.get(0).and_then(Value::as_f64).unwrap_or(f64::NAN);
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
            let index = ((time - start as f64) / step as f64).round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
            if (0.0..f64::from(count)).contains(&index)
                && let Some(look) = looks.get_mut(index as usize)
            {
                *look = number(point.get(1));
            }
        }
        looks
    }
}

/// A sample's value, which stands as text. NaN is 0/0, and nothing to compare with.
fn number(value: Option<&Value>) -> Reading {
    let text = value.and_then(Value::as_str).ok_or("the answer is no number")?;
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("the answer is {text}")),
    }
}

fn several_series(count: usize) -> String {
    format!("the answer has {count} series; a gate needs one: aggregate with `sum` or `max`")
}

fn file(name: &str, path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("`{name}` of `prometheus`: cannot read `{}`: {error}", path.display()))
}

fn certificates(name: &str, pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let wrong = || format!("`{name}` of `prometheus` holds no certificate in PEM");
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| wrong())? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(wrong()) } else { Ok(found) }
}

/// RFC 4648, with padding: what the `Basic` scheme wants.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_padded() {
        for (text, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("a:b?>", "YTpiPz4=")] {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }

    #[test]
    fn what_is_no_finite_number_is_no_reading() {
        for text in ["NaN", "+Inf", "-Inf", "", "x"] {
            assert!(number(Some(&Value::from(text))).is_err(), "{text}");
        }
        assert_eq!(number(Some(&Value::from("0.25"))), Ok(0.25));
        assert!(number(None).is_err());
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
        let new = |options: &[(&str, &str)]| {
            let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let server = Server { url: "http://127.0.0.1:1".to_owned(), options };
            Prometheus::new(&server, folder.path(), Duration::from_secs(1)).map(drop)
        };
        assert_eq!(new(&[]), Ok(()));
        assert_eq!(new(&[("username", "me"), ("password-file", "secret")]), Ok(()));
        for wrong in [
            &[("bearer-token-file", "nowhere")][..],
            &[("bearer-token-file", "secret"), ("username", "me")],
            &[("password-file", "secret")],
            &[("certificate-file", "secret")],
            &[("ca-file", "secret")],
        ] {
            let why = new(wrong).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}
