//! The questions that a release asks, in PromQL, rendered from the templates `promql-…`, which a project may replace:
//! other names of metrics or labels, a label of the cluster. The program's own are written for Istio's standard metrics
//! `istio_requests_total` and `istio_request_duration_milliseconds` (istio.io, reference/config/metrics).
//!
//! A rendered query has `$window` where its range goes: how long a stage has been measured is known only when the
//! question is asked. A `$` stands in no PromQL outside of strings.

use std::collections::BTreeMap;

use meshc_core::template::Templates;
use minijinja::{Environment, UndefinedBehavior, context};

/// Macros that stand before each of the others.
const MACROS: &str = "promql-counted";
const ERROR_RATIO: &str = "promql-error-ratio";
const FAILURES: &str = "promql-failures";
const LATENCY: &str = "promql-latency-quantile";
const LOST: &str = "promql-lost-requests";
const REQUESTS: &str = "promql-requests";
const ALL: [&str; 5] = [ERROR_RATIO, FAILURES, LATENCY, LOST, REQUESTS];
/// Instructions of one rendering; the longest of the program's own takes less than a thousandth.
const FUEL: u64 = 1_000_000;

/// Where the range of a query goes.
pub const WINDOW: &str = "$window";

/// gRPC statuses that are the server's fault, by number as Istio labels them: unknown, deadline exceeded, resource
/// exhausted, unimplemented, internal, unavailable, data loss (grpc, doc/statuscodes.md).
const GRPC_FAILURES: &str = "2|4|8|12|13|14|15";

/// The templates, read once for all releases.
pub struct Queries {
    environment: Environment<'static>,
    /// How messages name the macros, and how many lines of each text they are.
    macros: (String, usize),
    /// How messages name each template.
    files: BTreeMap<&'static str, String>,
    /// What cannot be read, by template: told when a release asks for it.
    faults: BTreeMap<&'static str, String>,
}

/// Who is asked about.
#[derive(Clone)]
pub struct Subject<'q> {
    /// What the questions are made from.
    pub queries: &'q Queries,
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

impl Queries {
    /// Reads the templates.
    pub fn new(templates: &Templates) -> Self {
        let source = |name: &'static str| templates.source(name).unwrap_or((name, ""));
        let (file, macros) = source(MACROS);
        let macros = macros.trim_end();
        let mut queries = Self {
            environment: strict(),
            macros: (file.to_owned(), macros.lines().count()),
            files: BTreeMap::new(),
            faults: BTreeMap::new(),
        };
        for name in ALL {
            let (file, text) = source(name);
            queries.files.insert(name, file.to_owned());
            // A macro sees the values of the query only where it stands in the same text.
            let added = queries.environment.add_template_owned(name, format!("{macros}\n{text}"));
            if let Err(error) = added {
                let fault = queries.fault(name, &error);
                queries.faults.insert(name, fault);
            }
        }
        queries
    }

    fn render(&self, name: &'static str, values: minijinja::Value) -> Result<String, String> {
        if let Some(fault) = self.faults.get(name) {
            return Err(fault.clone());
        }
        let rendered = self.environment.get_template(name).and_then(|template| template.render(values));
        let text = rendered.map_err(|error| self.fault(name, &error))?;
        match text.trim() {
            "" => Err(format!("{}: gives no query", self.file(name))),
            text => Ok(text.to_owned()),
        }
    }

    fn file<'n>(&'n self, name: &'n str) -> &'n str {
        self.files.get(name).map_or(name, String::as_str)
    }

    /// A fault with its file and line.
    fn fault(&self, name: &str, error: &minijinja::Error) -> String {
        let reason = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        let (macros, lines) = &self.macros;
        match error.line() {
            Some(line) if line > *lines => format!("{}:{}: {reason}", self.file(name), line - lines),
            Some(line) => format!("{macros}:{line}: {reason}"),
            None => format!("{}: {reason}", self.file(name)),
        }
    }
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

    fn render(
        &self,
        template: &'static str,
        reporter: Reporter,
        version: &str,
        percent: u32,
    ) -> Result<String, String> {
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
        self.queries.render(template, values)
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

    fn subject(queries: &Queries, grpc: bool) -> Subject<'_> {
        Subject {
            queries,
            namespace: "shop".into(),
            service: "web".into(),
            hosts: vec!["web".into(), "web-old".into()],
            grpc,
            stable: "v1".into(),
            canary: "v2".into(),
        }
    }

    fn built_in() -> Queries {
        Queries::new(&Templates::built_in())
    }

    #[test]
    fn requests_are_those_of_one_side_and_version() {
        let query = subject(&built_in(), false).requests(Reporter::Source, "v2").unwrap();
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
        let query = subject(&built_in(), true).error_ratio("v2").unwrap();
        assert!(query.contains("grpc_response_status=~\"2|4|8|12|13|14|15\""), "{query}");
        assert!(query.contains("or vector(0)"), "{query}");
        assert!(!subject(&built_in(), false).error_ratio("v2").unwrap().contains("grpc"));
        assert!(subject(&built_in(), false).lost().unwrap().contains("destination_version!~\"v1|v2\""));
    }

    #[test]
    fn queries_of_ones_own_are_filled_in_strictly() {
        let own = |query: &str| subject(&built_in(), false).own(query);
        assert_eq!(own("max(x{v=\"{{ canary }}\"}[{{ window }}])").unwrap(), "max(x{v=\"v2\"}[$window])");
        assert!(own("x{v=\"{{ version }}\"}").is_err());
    }

    #[test]
    fn quantiles_are_fractions() {
        let query = subject(&built_in(), false).latency("v2", 99).unwrap();
        assert!(query.starts_with("histogram_quantile(0.99, sum by (le) ((increase("), "{query}");
    }
}
