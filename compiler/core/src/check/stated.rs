//! A draft's entries as one structure with a place for each setting, filled in one pass.

use std::collections::BTreeMap;

use crate::lower::setting::{
    AllowDecl, CallerKey, ExposeDecl, Field, Gate, NoData, OperationDecl, OutlierField, PoolField, PortDecl, PortKey,
    RateDecl, RetryField, Setting, Stage,
};
use crate::model::MtlsMode;
use crate::model::release::VersionDecl;
use crate::model::traffic::{LimitKey, Millis};
use crate::resolve::layers::{Draft, Entry};
use crate::source::{Span, Spanned, Text};

/// A value and the line that states it.
pub(crate) type At<T> = (T, Span);

/// What the merged layers state about a service.
#[derive(Debug, Default)]
pub(crate) struct Stated<'d> {
    pub(crate) ports: Vec<(PortKey, &'d PortDecl, Span)>,
    pub(crate) selector: Option<At<&'d [(Text, Text)]>>,
    pub(crate) account: Option<At<&'d Text>>,
    pub(crate) also: &'d [Spanned<Text>],
    pub(crate) headless: Option<Span>,
    pub(crate) replicas: Option<At<u32>>,
    pub(crate) allow_none: Option<Span>,
    pub(crate) allows: Vec<(&'d CallerKey, &'d AllowDecl, Span)>,
    pub(crate) exposes: Vec<At<&'d ExposeDecl>>,
    pub(crate) version: Option<At<&'d VersionDecl>>,
    pub(crate) canary: Canary<'d>,
    pub(crate) behaviour: Behaviour<'d>,
    pub(crate) port_behaviours: BTreeMap<PortKey, Behaviour<'d>>,
    pub(crate) owner: Option<&'d Text>,
    pub(crate) rpcs: Vec<(&'d Text, &'d [Text])>,
    pub(crate) protos: Option<&'d [Spanned<Text>]>,
    pub(crate) raw: &'d [Spanned<Text>],
}

/// The plan of a release.
#[derive(Debug, Default)]
pub(crate) struct Canary<'d> {
    pub(crate) stages: Option<At<&'d [Stage]>>,
    pub(crate) gates: Vec<At<&'d Gate>>,
    pub(crate) require: Option<At<u32>>,
    pub(crate) no_data: Option<At<NoData>>,
    pub(crate) failures: Option<At<u32>>,
    pub(crate) keep: Option<At<Millis>>,
    pub(crate) confidence: Option<At<u32>>,
}

/// How calls behave, of a service or of one of its ports.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour<'d> {
    pub(crate) mtls: Option<At<MtlsMode>>,
    pub(crate) timeout: Option<At<Millis>>,
    pub(crate) connect_timeout: Option<At<Millis>>,
    pub(crate) idle_timeout: Option<At<Millis>>,
    pub(crate) attempts: Option<At<u32>>,
    pub(crate) per_try: Option<At<Millis>>,
    pub(crate) conditions: Option<At<&'d [Spanned<Text>]>>,
    pub(crate) backoff: Option<At<Millis>>,
    pub(crate) budget: Option<At<(u32, Option<u32>)>>,
    pub(crate) not_idempotent: Option<At<&'d [OperationDecl]>>,
    /// Sorted as [`LimitKey`] is.
    pub(crate) limits: [Option<At<RateDecl>>; 3],
    /// Sorted as [`PoolField`] is.
    pub(crate) pool: [Option<At<u32>>; 5],
    pub(crate) consecutive_5xx: Option<At<u32>>,
    pub(crate) consecutive_gateway_errors: Option<At<u32>>,
    pub(crate) interval: Option<At<Millis>>,
    pub(crate) ejection: Option<At<Millis>>,
    pub(crate) max_ejected: Option<At<u32>>,
}

impl<'d> Stated<'d> {
    /// Sorts the entries of a draft into their places.
    pub(crate) fn new(draft: &'d Draft<'_>) -> Self {
        let mut stated = Stated::default();
        for entry in &draft.entries {
            match entry.key.port {
                None => stated.take(entry),
                Some(port) => stated.port_behaviours.entry(port).or_default().take(entry),
            }
        }
        stated
    }

    fn take(&mut self, entry: &'d Entry<'_>) {
        let span = entry.span;
        match (&entry.key.field, entry.value) {
            (Field::Port(key), Setting::Port(decl)) => self.ports.push((*key, decl, span)),
            (Field::Selector, Setting::Selector(pairs)) => self.selector = Some((pairs, span)),
            (Field::ServiceAccount, Setting::Name(name)) => self.account = Some((name, span)),
            (Field::Also, Setting::Names(names)) => self.also = names,
            (Field::Headless, _) => self.headless = Some(span),
            (Field::Replicas, Setting::Number(number)) => self.replicas = Some((*number, span)),
            (Field::AllowNone, _) => self.allow_none = Some(span),
            (Field::Allow(caller, _), Setting::Allow(decl)) => self.allows.push((caller, decl, span)),
            (Field::Expose(..), Setting::Expose(decl)) => self.exposes.push((decl, span)),
            (Field::Version, Setting::Version(decl)) => self.version = Some((decl, span)),
            (Field::Stages, Setting::Stages(stages)) => self.canary.stages = Some((stages, span)),
            (Field::Abort(_), Setting::Abort(gate)) => self.canary.gates.push((gate, span)),
            (Field::Require, Setting::Number(number)) => self.canary.require = Some((*number, span)),
            (Field::NoData, Setting::NoData(rule)) => self.canary.no_data = Some((*rule, span)),
            (Field::Failures, Setting::Number(number)) => self.canary.failures = Some((*number, span)),
            (Field::Keep, Setting::Duration(time)) => self.canary.keep = Some((*time, span)),
            (Field::Confidence, Setting::Number(number)) => self.canary.confidence = Some((*number, span)),
            (Field::Owner, Setting::Name(name)) => self.owner = Some(name),
            (Field::Rpcs(service), Setting::Rpcs(methods)) => self.rpcs.push((service, methods)),
            (Field::Protos, Setting::Files(files)) => self.protos = Some(files),
            (Field::Raw, Setting::Files(files)) => self.raw = files,
            _ => self.behaviour.take(entry),
        }
    }
}

impl<'d> Behaviour<'d> {
    fn take(&mut self, entry: &'d Entry<'_>) {
        let span = entry.span;
        match (&entry.key.field, entry.value) {
            (Field::Mtls, Setting::Mtls(mode)) => self.mtls = Some((*mode, span)),
            (Field::NotIdempotent, Setting::Operations(list)) => self.not_idempotent = Some((list, span)),
            (Field::Retry(RetryField::On), Setting::Conditions(list)) => self.conditions = Some((list, span)),
            (Field::Retry(RetryField::Budget), Setting::Budget(percent, min)) => {
                self.budget = Some(((*percent, *min), span));
            }
            (Field::RateLimit(key), Setting::RateLimit(rate)) => {
                let slot = match key {
                    LimitKey::Total => self.limits.first_mut(),
                    LimitKey::Caller => self.limits.get_mut(1),
                    LimitKey::ClientIp => self.limits.get_mut(2),
                };
                if let Some(slot) = slot {
                    *slot = Some((*rate, span));
                }
            }
            (field, Setting::Duration(time)) => {
                if let Some(slot) = self.duration(field) {
                    *slot = Some((*time, span));
                }
            }
            (field, Setting::Number(number)) => {
                if let Some(slot) = self.number(field) {
                    *slot = Some((*number, span));
                }
            }
            // Every other pair is a setting that does not stand in a port's block: lowering refused it.
            _ => {}
        }
    }

    fn duration(&mut self, field: &Field) -> Option<&mut Option<At<Millis>>> {
        Some(match field {
            Field::Timeout => &mut self.timeout,
            Field::ConnectTimeout => &mut self.connect_timeout,
            Field::IdleTimeout => &mut self.idle_timeout,
            Field::Retry(RetryField::PerTry) => &mut self.per_try,
            Field::Retry(RetryField::Backoff) => &mut self.backoff,
            Field::Outlier(OutlierField::Interval) => &mut self.interval,
            Field::Outlier(OutlierField::Ejection) => &mut self.ejection,
            _ => return None,
        })
    }

    fn number(&mut self, field: &Field) -> Option<&mut Option<At<u32>>> {
        Some(match field {
            Field::Retry(RetryField::Attempts) => &mut self.attempts,
            Field::Outlier(OutlierField::Consecutive5xx) => &mut self.consecutive_5xx,
            Field::Outlier(OutlierField::ConsecutiveGatewayErrors) => &mut self.consecutive_gateway_errors,
            Field::Outlier(OutlierField::MaxEjected) => &mut self.max_ejected,
            Field::Pool(pool) => {
                let at = PoolField::ALL.iter().position(|field| field == pool)?;
                return self.pool.get_mut(at);
            }
            _ => return None,
        })
    }

    /// This behaviour with what it leaves open taken from `base`: a port's block over the service's settings.
    pub(crate) fn over(&self, base: &Behaviour<'d>) -> Behaviour<'d> {
        let zip3 = |index: usize| {
            let own = self.limits.get(index).copied().flatten();
            own.or_else(|| base.limits.get(index).copied().flatten())
        };
        let mut pool = base.pool;
        for (slot, own) in pool.iter_mut().zip(self.pool) {
            *slot = own.or(*slot);
        }
        Behaviour {
            mtls: self.mtls.or(base.mtls),
            timeout: self.timeout.or(base.timeout),
            connect_timeout: self.connect_timeout.or(base.connect_timeout),
            idle_timeout: self.idle_timeout.or(base.idle_timeout),
            attempts: self.attempts.or(base.attempts),
            per_try: self.per_try.or(base.per_try),
            conditions: self.conditions.or(base.conditions),
            backoff: self.backoff.or(base.backoff),
            budget: self.budget.or(base.budget),
            not_idempotent: self.not_idempotent.or(base.not_idempotent),
            limits: [zip3(0), zip3(1), zip3(2)],
            pool,
            consecutive_5xx: self.consecutive_5xx.or(base.consecutive_5xx),
            consecutive_gateway_errors: self.consecutive_gateway_errors.or(base.consecutive_gateway_errors),
            interval: self.interval.or(base.interval),
            ejection: self.ejection.or(base.ejection),
            max_ejected: self.max_ejected.or(base.max_ejected),
        }
    }

    /// Lines of settings that need HTTP, with the setting's name.
    pub(crate) fn needs_http(&self) -> Vec<(&'static str, Span)> {
        let mut lines = Vec::new();
        let mut add = |name, span: Option<Span>| lines.extend(span.map(|span| (name, span)));
        add("timeout", self.timeout.map(|(_, span)| span));
        add("retry", self.attempts.map(|(_, span)| span));
        add("retry", self.per_try.map(|(_, span)| span));
        add("retry", self.conditions.map(|(_, span)| span));
        add("retry", self.backoff.map(|(_, span)| span));
        add("retry", self.budget.map(|(_, span)| span));
        add("not-idempotent", self.not_idempotent.map(|(_, span)| span));
        for limit in &self.limits {
            add("rate-limit", limit.map(|(_, span)| span));
        }
        for (field, stated) in PoolField::ALL.iter().zip(&self.pool) {
            if *field != PoolField::Connections {
                add("connection-pool", stated.map(|(_, span)| span));
            }
        }
        lines
    }
}
