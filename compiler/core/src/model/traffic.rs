//! How calls to a port behave.

use super::PathPattern;
use crate::source::{Span, Text};

/// A span of time in whole milliseconds, which is the finest that Istio accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl std::fmt::Display for Millis {
    /// The spelling that Istio stores and people read: a whole number of the largest unit that fits.
    /// Never a fraction, which other meshes refuse.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Millis(ms) = *self;
        for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
            if ms >= size && ms % size == 0 {
                return write!(f, "{}{unit}", ms / size);
            }
        }
        write!(f, "{ms}ms")
    }
}

/// Settings of calls. What is absent is left to the defaults that each field names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Limit of a whole request, retries included; absent: none.
    pub timeout: Option<Millis>,
    /// Limit of connecting; absent: Istio's 10 s.
    pub connect_timeout: Option<Millis>,
    /// A connection without requests is closed after this; absent: Istio's 1 h.
    pub idle_timeout: Option<Millis>,
    /// Repeats; absent: none, which is written as `attempts: 0` because Istio would repeat twice.
    pub retry: Option<Retry>,
    /// Operations that get a route of their own on which nothing is repeated that may have been done.
    pub not_idempotent: Vec<NotIdempotent>,
    /// Limits of connections and requests.
    pub connection_pool: ConnectionPool,
    /// Ejection of failing pods.
    pub outlier_detection: Option<OutlierDetection>,
}

/// Conditions that Istio accepts in `retryOn` (istio 1.24 and 1.31, pkg/config/validation/validation.go,
/// supportedRetryOnPolicies), beside HTTP statuses.
pub const CONDITIONS: &[&str] = &[
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// Repeats of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Where it is stated.
    pub span: Span,
    /// Repeats after the first try, 1 or more.
    pub attempts: u32,
    /// Limit of each try; absent: the whole timeout.
    pub per_try: Option<Millis>,
    /// Conditions in Istio's spelling, in the order stated. Never empty.
    pub on: Vec<Text>,
    /// First pause between tries; absent: Envoy's 25 ms.
    pub backoff: Option<(Millis, Span)>,
    /// Share of active requests that may be repeats.
    pub budget: Option<RetryBudget>,
}

/// Share of active requests that may be repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// Where it is stated.
    pub span: Span,
    /// Percent of active requests.
    pub percent: u32,
    /// Repeats that are always allowed; absent: Envoy's 3.
    pub min_concurrency: Option<u32>,
}

/// An operation that may not be repeated once it may have been done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotIdempotent {
    /// A gRPC method by its full path.
    Rpc(Text),
    /// An HTTP method on a path.
    Http(Text, PathPattern),
}

/// Limits of connections and requests, for each client proxy and each subset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionPool {
    /// TCP connections.
    pub connections: Option<u32>,
    /// Requests that wait for a connection (`http1MaxPendingRequests`, which counts for HTTP/2 too).
    pub pending_requests: Option<u32>,
    /// Requests under way (`http2MaxRequests`, which counts for HTTP/1.1 too).
    pub requests: Option<u32>,
    /// Requests after which a connection is closed.
    pub requests_per_connection: Option<u32>,
    /// Repeats under way.
    pub retries: Option<u32>,
}

/// Ejection of failing pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutlierDetection {
    /// Where it is stated.
    pub span: Span,
    /// 5xx answers in a row, proxy-made ones and gRPC statuses in headers included; absent: Istio's 5.
    pub consecutive_5xx: Option<u32>,
    /// 502, 503 and 504 in a row.
    pub consecutive_gateway_errors: Option<u32>,
    /// Pause between two looks; absent: Istio's 10 s.
    pub interval: Option<Millis>,
    /// First ejection, multiplied with each further one; absent: Istio's 30 s.
    pub ejection: Option<Millis>,
    /// Percent of the pods that may be ejected. Always written: Istio's default of 10 ejects nobody from fewer
    /// than ten pods.
    pub max_ejected: u32,
}

/// A limit on requests, for each proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Where it is stated.
    pub span: Span,
    /// Whose requests are counted together.
    pub per: LimitKey,
    /// Requests in a window.
    pub requests: u32,
    /// The window in seconds: 1, 60 or 3600.
    pub window_seconds: u32,
    /// Requests that may come at once; absent: as many as in a window.
    pub burst: Option<u32>,
}

impl RateLimit {
    /// Tokens and milliseconds of one refill of the bucket. A burst below the rate means smaller and more frequent
    /// refills: a bucket that holds 100 tokens and is filled once in 60 s would let 100 a minute through, whatever the
    /// rate. Where no whole number of tokens in whole milliseconds keeps the rate exactly, the interval is a part of a
    /// millisecond longer. Nothing where it would be less than the 50 ms that Envoy demands (envoy 1.34,
    /// source/extensions/filters/common/local_ratelimit/local_ratelimit_impl.cc).
    pub fn refill(&self) -> Option<(u32, u32)> {
        let window = self.window_seconds.checked_mul(1_000)?;
        let burst = self.burst.unwrap_or(self.requests).max(1);
        let fewest = self.requests.div_ceil(burst).max(1);
        (fewest..=(window / 50).min(self.requests))
            .find(|parts| self.requests.is_multiple_of(*parts) && window.is_multiple_of(*parts))
            .map(|parts| (self.requests / parts, window / parts))
            .or_else(|| {
                let interval = (u64::from(window) * u64::from(burst)).div_ceil(u64::from(self.requests.max(1)));
                u32::try_from(interval).ok().filter(|interval| *interval >= 50).map(|interval| (burst, interval))
            })
    }
}

/// Whose requests a limit counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitKey {
    /// All requests.
    Total,
    /// Requests of one caller, by its identity.
    Caller,
    /// Requests of one client address, known at a gateway only.
    ClientIp,
}

impl LimitKey {
    /// The word of the language behind `per`.
    pub const fn name(self) -> &'static str {
        match self {
            LimitKey::Total => "total",
            LimitKey::Caller => "caller",
            LimitKey::ClientIp => "client-ip",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    fn refill(requests: u32, window_seconds: u32, burst: Option<u32>) -> Option<(u32, u32)> {
        let span = Span::new(FileId(0), 0, 0);
        RateLimit { span, per: LimitKey::Total, requests, window_seconds, burst }.refill()
    }

    #[test]
    fn a_bucket_smaller_than_the_rate_is_filled_more_often() {
        assert_eq!(refill(1000, 60, None), Some((1000, 60_000)));
        assert_eq!(refill(1000, 60, Some(2000)), Some((1000, 60_000)), "a larger bucket is filled as stated");
        assert_eq!(refill(600, 60, Some(100)), Some((100, 10_000)));
        assert_eq!(refill(1000, 60, Some(300)), Some((250, 15_000)), "whole requests in whole milliseconds");
        assert_eq!(refill(845, 3600, Some(10)), Some((10, 42_604)), "else never more than stated");
        assert_eq!(refill(1000, 1, Some(1)), None, "every millisecond is too often");
    }

    #[test]
    fn durations_are_spelled_in_whole_units() {
        assert_eq!(Millis(1_500).to_string(), "1500ms");
        assert_eq!(Millis(60_000).to_string(), "1m");
        assert_eq!(Millis(86_400_000).to_string(), "24h");
    }
}
