//! Versions, the recorded state, and the plan of a release.

use super::judgeable;
use super::shape::Shape;
use super::stated::At;
use super::traffic;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::setting::{Gate, Metric, Relative, Stage};
use crate::model::release::{Canary, KEEP, Routing, Subset, VersionDecl, subset_name};
use crate::source::{Span, Spanned, Text};
use crate::state::{Record, Recorded};
use crate::suggest;

/// The routing of a service, from what it declares and what is recorded.
pub(crate) fn routing(shape: &Shape<'_>, recorded: Option<&Recorded>, out: &mut Diagnostics) -> Option<Routing> {
    let Some((declared, span)) = shape.stated.version else {
        if let Some(Recorded { record: Some(record), .. }) = recorded {
            let message = format!("`{}` has a recorded release and states no version", shape.decl.name.value);
            out.add(
                Diagnostic::new(Code::InvalidState, shape.decl.name.span, message)
                    .note(format!("recorded: {}", record.describe()))
                    .help(format!(
                        "keep `version {}`; a release that ran is ended by its state, not by its line",
                        record.stable
                    )),
            );
        }
        return None;
    };
    if let Some(headless) = shape.headless {
        out.add(traffic::headless("version", span, headless));
    }
    check_plan(shape, declared, span, out);
    check_names(declared, span, out)?;
    let shares = shares(declared, span, recorded, out)?;
    let held = recorded.is_some_and(|recorded| recorded.held);
    let mut routing = build(&shares, held, span, out)?;
    routing.release |= declared.next.is_some();
    let next = declared.next.as_ref().filter(|_| !shares.waits);
    let runs = shares.canary.as_ref().map(|(canary, _)| canary);
    // A release that the environment keeps goes on by the stated plan, too.
    let stated = if shares.waits { runs } else { next.map(|next| &next.value) };
    routing.next = stated.filter(|next| **next != shares.stable).cloned();
    if routing.next.as_ref().is_some_and(|next| runs.is_none_or(|runs| runs == next)) {
        routing.plan = plan(shape);
    }
    routing.record = shares.record;
    check_pods(shape, declared, next, &routing, span, out);
    Some(routing)
}

/// Versions with their weights, stable first; every subset that must exist, in order.
struct Shares {
    stable: Text,
    /// The other version and its weight.
    canary: Option<(Text, u32)>,
    /// The environment keeps its own release, and what the file declares does not concern it yet.
    waits: bool,
    /// A version with a subset and without a route: one that is about to get a route, or had one.
    spare: Option<Text>,
    /// What the record says once these shares are published.
    record: Option<Record>,
}

impl Shares {
    fn alone(stable: &Text) -> Self {
        Self { stable: stable.clone(), canary: None, waits: false, spare: None, record: None }
    }

    fn of(record: &Record) -> Self {
        let canary = record.canary.clone().map(|canary| (canary, record.weight));
        Self { canary, ..Self::alone(&record.stable) }
    }
}

/// The shares and what is recorded with them. A release ends, or gives way to another, in commits of which each moves
/// weights between versions that are live, or adds and drops a version without weight.
fn shares(declared: &VersionDecl, span: Span, recorded: Option<&Recorded>, out: &mut Diagnostics) -> Option<Shares> {
    let left = &declared.stable.value;
    let Some((recorded, record)) = recorded.and_then(|recorded| Some((recorded, recorded.record.as_ref()?))) else {
        return Some(Shares::alone(left));
    };
    let next = declared.next.as_ref().map(|next| &next.value);
    // The last stage was passed, and the sources want it so or say already that it was.
    if let (Some(new), true) = (&record.canary, record.finished)
        && (new == left || (record.stable == *left && next == Some(new)))
    {
        if recorded.kept && !recorded.held {
            return Some(Shares { record: Some(Record::only(new.clone())), ..Shares::alone(new) });
        }
        if new == left && next.is_some() {
            out.add(waits(declared, span, record, "the old version is kept for a while after its release"));
        }
        return Some(Shares { waits: new == left, ..Shares::of(record) });
    }
    if record.stable == *left {
        return Some(match (&record.canary, next) {
            (None, None) => Shares::alone(left),
            // A hold lets nothing begin.
            (None, Some(_)) if recorded.held => Shares::alone(left),
            (None, Some(next)) => begin(left, next, None),
            (Some(running), Some(next)) if running == next => Shares::of(record),
            // A newer version while one runs, or none any more: first everything goes back to stable.
            (Some(running), next) if record.weight > 0 || recorded.held => {
                let back = Record { weight: 0, ..Record::begin(left.clone(), running.clone()) };
                if recorded.held {
                    out.add(waits(declared, span, record, "a hold lets nothing begin; `meshc resume` lifts it"));
                }
                let spare = next.filter(|_| !recorded.held).cloned();
                let changed = record.weight > 0 || record.finished;
                Shares { spare, record: changed.then(|| back.clone()), ..Shares::of(&back) }
            }
            (Some(running), Some(next)) => begin(left, next, Some(running)),
            (Some(_), None) => Shares { record: Some(Record::only(left.clone())), ..Shares::alone(left) },
        });
    }
    if record.canary.is_none() && next == Some(&record.stable) {
        return Some(Shares::of(record));
    }
    out.add(waits(declared, span, record, &format!("it follows once `{left}` is what it runs by its own record")));
    Some(Shares { waits: true, ..Shares::of(record) })
}

/// A release that begins where another one ended.
fn begin(stable: &Text, next: &Text, former: Option<&Text>) -> Shares {
    let record = Record::begin(stable.clone(), next.clone());
    Shares { spare: former.cloned(), record: Some(record.clone()), ..Shares::of(&record) }
}

fn waits(declared: &VersionDecl, span: Span, record: &Record, why: &str) -> Diagnostic {
    let left = &declared.stable.value;
    let message = format!("this environment keeps its own release: {}", record.describe());
    Diagnostic::new(Code::StateWaits, span, message)
        .label(match &declared.next {
            Some(next) => format!("declared: {left} -> {}", next.value),
            None => format!("declared: {left}"),
        })
        .help(why.to_owned())
}

/// The stated plan, where nothing of it is missing.
fn plan(shape: &Shape<'_>) -> Option<Canary> {
    let canary = &shape.stated.canary;
    let (stages, _) = canary.stages?;
    if canary.gates.is_empty() {
        return None;
    }
    Some(Canary {
        stages: stages.to_vec(),
        gates: canary.gates.iter().map(|(gate, _)| (*gate).clone()).collect(),
        require: match canary.require {
            Some((requests, _)) => requests,
            // None can be counted, and only a person passes a stage.
            None if !judgeable::counts_requests(shape) => 1,
            None => return None,
        },
        no_data: canary.no_data?.0,
        failures: canary.failures.map_or(1, |(failures, _)| failures),
        keep: canary.keep.map_or(KEEP, |(keep, _)| keep),
        confidence: canary.confidence.map(|(confidence, _)| confidence),
    })
}

fn build(shares: &Shares, held: bool, span: Span, out: &mut Diagnostics) -> Option<Routing> {
    let canary = shares.canary.as_ref().map(|(version, _)| version);
    // Sorted, so that a version that gives way to another one changes places with it in no file.
    let mut others: Vec<&Text> = canary.into_iter().chain(shares.spare.as_ref()).collect();
    others.sort_unstable();
    let place = 1 + others.iter().position(|version| Some(*version) == canary).unwrap_or(0);
    let versions: Vec<&Text> = std::iter::once(&shares.stable).chain(others).collect();
    let subsets = subsets(&versions, span, out)?;
    let (weights, at_hold, summary) = match &shares.canary {
        None => (vec![(0, 100)], vec![(0, 100)], format!("{} 100 %", shares.stable)),
        Some((canary, weight)) => {
            let weight = if held { 0 } else { *weight };
            let mark = if held { " (held)" } else { "" };
            let summary = format!("{} {} %, {canary} {weight} %{mark}", shares.stable, 100 - weight);
            (vec![(0, 100 - weight), (place, weight)], vec![(0, 100), (place, 0)], summary)
        }
    };
    let release = shares.canary.is_some();
    Some(Routing { subsets, weights, held: at_hold, next: None, release, plan: None, record: None, summary })
}

/// A subset for each version, in order; two versions with one name are an error.
fn subsets(versions: &[&Text], span: Span, out: &mut Diagnostics) -> Option<Vec<Subset>> {
    let mut subsets: Vec<Subset> = Vec::new();
    for version in versions {
        let name = subset_name(version);
        if let Some(other) = subsets.iter().find(|subset| subset.name == name) {
            let message = format!("`{}` and `{version}` both become the subset `{name}`", other.version);
            out.add(
                Diagnostic::new(Code::VersionsCollide, span, message)
                    .note("a subset is named in lower-case letters, digits and `-`")
                    .help("give one of the versions another name"),
            );
            return None;
        }
        subsets.push(Subset { name, version: (*version).clone() });
    }
    Some(subsets)
}

/// Two versions of a release need two subsets.
fn check_names(declared: &VersionDecl, span: Span, out: &mut Diagnostics) -> Option<()> {
    let next = declared.next.as_ref().map(|next| &next.value);
    let versions: Vec<&Text> = std::iter::once(&declared.stable.value).chain(next).collect();
    subsets(&versions, span, out).map(|_| ())
}

/// Every version that gets traffic, or is about to, has pods, as far as the inventory knows. The pods of a release
/// stand before the first request is sent to them.
fn check_pods(
    shape: &Shape<'_>,
    declared: &VersionDecl,
    next: Option<&Spanned<Text>>,
    routing: &Routing,
    span: Span,
    out: &mut Diagnostics,
) {
    if shape.workloads.is_empty() || shape.broken {
        return;
    }
    let label = |version: &Text| shape.workloads.iter().any(|workload| workload.labels.get("version") == Some(version));
    let routed = routing.weights.iter().filter(|(_, weight)| *weight > 0);
    let mut versions: Vec<&Text> =
        routed.filter_map(|(index, _)| routing.subsets.get(*index)).map(|subset| &subset.version).collect();
    versions.extend(next.map(|next| &next.value).filter(|next| !versions.contains(next)));
    for version in versions {
        if label(version) {
            continue;
        }
        let stated = [Some(&declared.stable), declared.next.as_ref()];
        let at =
            stated.into_iter().flatten().find(|stated| stated.value == *version).map_or(span, |stated| stated.span);
        let mut diagnostic = Diagnostic::new(
            Code::UnknownVersion,
            at,
            format!("no pod of `{}` carries `version: {version}`", shape.decl.name.value),
        );
        let carried: Vec<&str> =
            shape.workloads.iter().filter_map(|w| w.labels.get("version")).map(Text::as_str).collect();
        if let Some(workload) = shape.workloads.first() {
            let text = match workload.labels.get("version") {
                Some(version) => format!("this {} carries `version: {version}`", workload.kind.name()),
                None => format!("this {} has no `version` label", workload.kind.name()),
            };
            diagnostic = diagnostic.related(workload.span, text);
        }
        diagnostic = diagnostic.note("its subset would be empty, and every call sent to it would fail");
        let free = |near: &&str| {
            declared.next.as_ref().is_none_or(|next| next.value != **near) && declared.stable.value != **near
        };
        out.add(match suggest::nearest(version, carried).filter(free) {
            Some(near) if at != span => diagnostic.suggest(format!("did you mean `{near}`?"), at, near),
            _ => diagnostic.help(format!("add a workload with `version: {version}` among the labels of its pods")),
        });
    }
}

fn check_plan(shape: &Shape<'_>, declared: &VersionDecl, span: Span, out: &mut Diagnostics) {
    let canary = &shape.stated.canary;
    if let Some((stages, _)) = canary.stages {
        check_stages(stages, out);
    }
    let Some(next) = &declared.next else { return };
    let Some((stages, stages_at)) = canary.stages else {
        out.add(
            Diagnostic::new(Code::ReleaseWithoutPlan, span, format!("nothing says how `{}` is released", next.value))
                .help("use a preset with a canary, such as `is cautious` of `std/canary`, or write `canary { … }`"),
        );
        return;
    };
    let missing = [
        (canary.gates.is_empty(), "no `abort when …`: nothing would stop a failing version"),
        (
            !canary.gates.is_empty() && canary.gates.iter().all(|(gate, _)| gate.relative != Relative::No),
            "no `abort when …` with a threshold of its own: at 100 % there is no stable version to compare with",
        ),
        (
            canary.require.is_none() && judgeable::counts_requests(shape),
            "no `require N requests`: a stage without traffic would count as a success",
        ),
        (canary.no_data.is_none(), "no `on no-data …`: nothing says what an unreachable Prometheus means"),
    ];
    for (_, text) in missing.into_iter().filter(|(missing, _)| *missing) {
        out.add(
            Diagnostic::new(Code::GateNotHonest, stages_at, format!("the canary has {text}"))
                .related(span, "this release follows it")
                .help("state it in the `canary` block, or use a preset of `std/canary`"),
        );
    }
    judgeable::check(shape, stages, out);
    check_queries(&canary.gates, out);
    check_samples(shape, stages, out);
}

/// What a query of one's own may name. What it becomes is known only when the release is published.
fn check_queries(gates: &[At<&Gate>], out: &mut Diagnostics) {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let names = minijinja::context! { namespace => "", service => "", stable => "", canary => "", window => "" };
    for (gate, span) in gates {
        let Metric::Query(query) = &gate.metric else { continue };
        if let Err(error) = environment.render_str(query, &names) {
            let message = format!("the query cannot be filled in: {error}");
            out.add(Diagnostic::new(Code::MalformedSetting, *span, message).help(
                "it may name `{{ namespace }}`, `{{ service }}`, `{{ stable }}`, `{{ canary }}` and `{{ window }}`",
            ));
        }
    }
}

fn check_stages(stages: &[Stage], out: &mut Diagnostics) {
    for pair in stages.windows(2) {
        if let [before, after] = pair
            && after.weight <= before.weight
        {
            out.add(
                Diagnostic::new(
                    Code::StagesNotRising,
                    after.span,
                    format!("a stage of {} % follows one of {} %", after.weight, before.weight),
                )
                .related(before.span, "the stage before")
                .help("stages rise; put them in order"),
            );
        }
    }
    if let Some(last) = stages.last().filter(|last| last.weight != 100) {
        out.add(
            Diagnostic::new(Code::StagesNotRising, last.span, format!("the last stage is {} %", last.weight))
                .help("add the stage that ends the release: `stage 100% for 1h`"),
        );
    }
}

/// A limit on all requests bounds what a stage can see.
fn check_samples(shape: &Shape<'_>, stages: &[Stage], out: &mut Diagnostics) {
    let Some((required, require_at)) = shape.stated.canary.require else { return };
    let Some((rate, limit_at)) = shape.stated.behaviour.limits.first().copied().flatten() else { return };
    let proxies = u64::from(shape.replicas.unwrap_or(1));
    for stage in stages {
        let Some(duration) = stage.duration else { continue };
        // Requests in the stage, times 100, at most: rate per window on each proxy, of which the canary gets its share.
        let requests = u64::from(rate.requests) * duration.0 / (u64::from(rate.window_seconds) * 1_000) * proxies;
        let seen = requests * u64::from(stage.weight) / 100;
        if seen < u64::from(required) {
            out.add(
                Diagnostic::new(
                    Code::CanaryStarved,
                    stage.span,
                    format!(
                        "at {} % for {duration} the canary sees at most {seen} requests, and {required} are required",
                        stage.weight
                    ),
                )
                .related(limit_at, "the limit lets no more through")
                .related(require_at, "required here")
                .help("make the stage longer, require fewer requests, or raise the limit"),
            );
            return;
        }
    }
}
