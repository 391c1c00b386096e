//! The questions that a release asks, in PromQL, rendered from the templates `promql-…`, which a project may replace:
//! other names of metrics or labels, a label of the cluster. The program's own are written for Istio's standard metrics
//! `istio_requests_total` and `istio_request_duration_milliseconds` (istio.io, reference/config/metrics).
//!
//! A rendered query has `$window` where its range goes: how long a stage has been measured is known only when the
//! question is asked. A `$` stands in no PromQL outside of strings.

use meshc_core::template::Templates;
use minijinja::{Environment, UndefinedBehavior, context};

/// Macros that stand before each of the others.
const MACROS: &str = "promql-counted";
const ERROR_RATIO: &str = "promql-error-ratio";
const FAILURES: &str = "promql-failures";
const LATENCY: &str = "promql-latency-quantile";
const LOST: &str = "promql-lost-requests";
const REQUESTS: &str = "promql-requests";
/// Instructions of one rendering; the longest of the program's own takes less than a thousandth.
const FUEL: u64 = 1_000_000;

/// Where the range of a query goes.
pub const WINDOW: &str = "$window";

/// gRPC statuses that are the server's fault, by number as Istio labels them: unknown, deadline exceeded, resource
/// exhausted, unimplemented, internal, unavailable, data loss (grpc, doc/statuscodes.md).
const GRPC_FAILURES: &str = "2|4|8|12|13|14|15";

/// Who is asked about.
#[derive(Debug, Clone)]
pub struct Subject<'t> {
    /// What the questions are made from.
    pub templates: &'t Templates,
    /// The namespace in the cluster.
    pub namespace: String,
    /// The service.
    pub service: String,
    /// Names of its Kubernetes Services.
    pub hosts: Vec<String>,
    /// Whether one of its ports speaks gRPC.
    pub grpc: bool,
    /// The stable version.
    pub stable: String,
    /// The new version.
    pub canary: String,
}

/// Whose account of a request counts. Each is counted by the caller's proxy and by the callee's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporter {
    /// The callee's.
    Destination,
    /// The caller's, which also sees what never arrived.
    Source,
}

impl Subject<'_> {
    /// Share of failed requests of a version.
    pub fn error_ratio(&self, version: &str) -> Result<String, String> {
        self.render(ERROR_RATIO, Reporter::Destination, version, 0)
    }

    /// Failed requests of a version.
    pub fn failures(&self, reporter: Reporter, version: &str) -> Result<String, String> {
        self.render(FAILURES, reporter, version, 0)
    }

    /// Quantile of a version's answer times, in milliseconds; `percent` is 99 for `p99`.
    pub fn latency(&self, version: &str, percent: u32) -> Result<String, String> {
        self.render(LATENCY, Reporter::Destination, version, percent)
    }

    /// Requests of a version; of all versions where it is empty.
    pub fn requests(&self, reporter: Reporter, version: &str) -> Result<String, String> {
        self.render(REQUESTS, reporter, version, 0)
    }

    /// Failed requests that belong to no version.
    pub fn lost(&self) -> Result<String, String> {
        self.render(LOST, Reporter::Source, "", 0)
    }

    /// A query of the user's own. It may name `namespace`, `service`, `stable`, `canary` and `window`.
    pub fn own(&self, query: &str) -> Result<String, String> {
        let values = context! {
            namespace => self.namespace.as_str(),
            service => self.service.as_str(),
            stable => self.stable.as_str(),
            canary => self.canary.as_str(),
            window => WINDOW,
        };
        strict().render_str(query, values).map_err(|error| error.to_string())
    }

    fn render(&self, template: &str, reporter: Reporter, version: &str, percent: u32) -> Result<String, String> {
        let values = context! {
            namespace => self.namespace.as_str(),
            hosts => self.hosts.join("|"),
            grpc => if self.grpc { GRPC_FAILURES } else { "" },
            stable => self.stable.as_str(),
            canary => self.canary.as_str(),
            version,
            reporter => match reporter { Reporter::Destination => "destination", Reporter::Source => "source" },
            quantile => f64::from(percent) / 100.0,
        };
        let missing = |name: &str| format!("there is no template `{name}`");
        let (macros_file, macros) = self.templates.source(MACROS).ok_or_else(|| missing(MACROS))?;
        let (file, text) = self.templates.source(template).ok_or_else(|| missing(template))?;
        // A macro sees the values of the query only where it stands in the same text.
        let before = macros.trim_end();
        let lines = before.lines().count();
        let text = strict().render_str(&format!("{before}\n{text}"), values).map_err(|error| {
            let reason = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            match error.line() {
                Some(line) if line > lines => format!("{file}:{}: {reason}", line - lines),
                Some(line) => format!("{macros_file}:{line}: {reason}"),
                None => format!("{file}: {reason}"),
            }
        })?;
        let text = text.trim();
        if text.is_empty() {
            return Err(format!("{file}: gives no query"));
        }
        Ok(text.to_owned())
    }
}

/// A query for a window of whole seconds.
pub fn with_window(query: &str, seconds: u64) -> String {
    query.replace(WINDOW, &format!("{seconds}s"))
}

fn strict() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(templates: &Templates, grpc: bool) -> Subject<'_> {
        Subject {
            templates,
            namespace: "shop".into(),
            service: "web".into(),
            hosts: vec!["web".into(), "web-old".into()],
            grpc,
            stable: "v1".into(),
            canary: "v2".into(),
        }
    }

    #[test]
    fn requests_are_those_of_one_side_and_version() {
        let query = subject(&Templates::built_in(), false).requests(Reporter::Source, "v2").unwrap();
        let series = "istio_requests_total{reporter=\"source\",destination_service_namespace=\"shop\",\
                      destination_service_name=~\"web|web-old\",destination_version=\"v2\"}";
        assert_eq!(
            query,
            format!(
                "sum((increase({series}[$window]) and ({series} offset $window)) or (increase({series}[$window]) > \
                 max_over_time({series}[$window])) or max_over_time({series}[$window]))"
            )
        );
        assert!(with_window(&query, 120).contains("[120s]) and ("));
        assert!(!with_window(&query, 120).contains('$'));
    }

    #[test]
    fn a_grpc_status_is_a_failure_whatever_the_http_code() {
        let query = subject(&Templates::built_in(), true).error_ratio("v2").unwrap();
        assert!(query.contains("grpc_response_status=~\"2|4|8|12|13|14|15\""), "{query}");
        assert!(query.contains("or vector(0)"), "{query}");
        assert!(!subject(&Templates::built_in(), false).error_ratio("v2").unwrap().contains("grpc"));
        assert!(subject(&Templates::built_in(), false).lost().unwrap().contains("destination_version!~\"v1|v2\""));
    }

    #[test]
    fn queries_of_ones_own_are_filled_in_strictly() {
        let own = |query: &str| subject(&Templates::built_in(), false).own(query);
        assert_eq!(own("max(x{v=\"{{ canary }}\"}[{{ window }}])").unwrap(), "max(x{v=\"v2\"}[$window])");
        assert!(own("x{v=\"{{ version }}\"}").is_err());
    }

    #[test]
    fn quantiles_are_fractions() {
        let query = subject(&Templates::built_in(), false).latency("v2", 99).unwrap();
        assert!(query.starts_with("histogram_quantile(0.99, sum by (le) ((increase("), "{query}");
    }
}
