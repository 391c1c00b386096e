//! What only the whole mesh shows: waiting and repeating along paths of calls.

use foldhash::{HashMap, HashMapExt, HashSet};

use super::shape::Shape;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::setting::CallerKey;
use crate::model::Service;
use crate::model::traffic::Millis;
use crate::source::{Span, Text};

/// More calls than this from one request are worth a warning: three tries on each of two hops are usual, on each of
/// three hops they turn a slow database into an outage.
const MOST_CALLS: u64 = 9;

/// So many hops of a path are told, from its end: a longer one is not read.
const LONGEST: usize = 100;

/// Conditions under which the server has not begun: a repeat then adds no work behind it.
const HARMLESS: &[&str] = &["connect-failure", "refused-stream"];

/// Finds callers that give up before their callees, and repeats that multiply.
pub(crate) fn check(shapes: &[Shape<'_>], services: &[Service], out: &mut Diagnostics) {
    let index: HashMap<(&Text, &Text), usize> =
        shapes.iter().enumerate().map(|(i, shape)| ((&shape.namespace, &shape.decl.name.value), i)).collect();
    // Callees of each service, with the line that allows the call.
    let mut callees: Vec<Vec<(usize, Span)>> = vec![Vec::new(); shapes.len()];
    for (callee, shape) in shapes.iter().enumerate() {
        for (caller, decl, _) in &shape.stated.allows {
            let CallerKey::Named(Some(namespace), name) = caller else { continue };
            if let Some(list) = index.get(&(namespace, name)).and_then(|caller| callees.get_mut(*caller)) {
                list.push((callee, decl.caller));
            }
        }
    }
    gives_up(shapes, services, &callees, out);
    multiply(shapes, services, &callees, out);
}

/// The longest timeout among a service's ports, with its line; nothing where a port has none.
fn patience(shape: &Shape<'_>, service: &Service) -> Option<(Millis, Span)> {
    let mut longest: Option<(Millis, Span)> = None;
    for (port, built) in shape.ports.iter().zip(&service.ports).filter(|(port, _)| port.protocol.is_http()) {
        let (Some(timeout), Some((_, span))) = (built.traffic.timeout, port.behaviour.timeout) else { return None };
        longest = longest.max(Some((timeout, span)));
    }
    longest
}

/// A caller and a callee that it does not wait for, by index, with the line that allows the call.
type Call = (usize, usize, Span);

/// One finding for each pair of lines: where presets state both timeouts, one slip makes thousands of such calls.
fn gives_up(shapes: &[Shape<'_>], services: &[Service], callees: &[Vec<(usize, Span)>], out: &mut Diagnostics) {
    let patience: Vec<Option<(Millis, Span)>> =
        shapes.iter().zip(services).map(|(shape, service)| patience(shape, service)).collect();
    let of = |index: usize| patience.get(index).copied().flatten();
    let mut lines: HashMap<(Span, Span), usize> = HashMap::new();
    let mut found: Vec<Vec<Call>> = Vec::new();
    for (caller, list) in callees.iter().enumerate() {
        let (Some((own, at)), Some(shape)) = (of(caller), shapes.get(caller)) else { continue };
        for (callee, allowed) in list {
            let (Some((theirs, their_at)), Some(other)) = (of(*callee), shapes.get(*callee)) else { continue };
            if own >= theirs || shape.broken || other.broken {
                continue;
            }
            let call = (caller, *callee, *allowed);
            match lines.get(&(at, their_at)).and_then(|group| found.get_mut(*group)) {
                Some(group) => group.push(call),
                None => {
                    lines.insert((at, their_at), found.len());
                    found.push(vec![call]);
                }
            }
        }
    }
    for group in found {
        let Some((&(caller, callee, allowed), others)) = group.split_first() else { continue };
        let (Some((own, at)), Some((theirs, their_at))) = (of(caller), of(callee)) else { continue };
        let name = |index: usize| shapes.get(index).map_or("", |shape| shape.decl.name.value.as_str());
        let (caller, callee) = (name(caller), name(callee));
        let mut diagnostic = Diagnostic::new(
            Code::CallerGivesUpFirst,
            at,
            format!("callers of `{caller}` give up after {own}, and `{callee}`, which it calls, may take {theirs}"),
        )
        .related(their_at, format!("the timeout of `{callee}`"))
        .related(allowed, format!("`{caller}` calls it"))
        .note(format!("the work that `{callee}` does after {own} is for nobody"));
        if let Some((first, second, _)) = others.first() {
            let (count, calls) = (others.len(), if others.len() == 1 { "call" } else { "calls" });
            diagnostic = diagnostic.note(format!(
                "these two lines do the same to {count} more {calls}, such as `{}` to `{}`",
                name(*first),
                name(*second)
            ));
        }
        out.add(diagnostic.help(format!("give `{caller}` at least {theirs}, or `{callee}` at most {own}")));
    }
}

/// Tries of a call to this service that may each do work, with the line.
fn tries(service: &Service) -> (u64, Option<Span>) {
    let repeats = service.ports.iter().filter_map(|port| port.traffic.retry.as_ref());
    let worst = repeats
        .filter(|retry| !retry.on.iter().all(|condition| HARMLESS.contains(&condition.as_str())))
        .max_by_key(|retry| retry.attempts);
    worst.map_or((1, None), |retry| (u64::from(retry.attempts) + 1, Some(retry.span)))
}

/// The most calls that one call may become at each service, by the worst path to it.
fn multiply(shapes: &[Shape<'_>], services: &[Service], callees: &[Vec<(usize, Span)>], out: &mut Diagnostics) {
    let own: Vec<(u64, Option<Span>)> = services.iter().map(tries).collect();
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); shapes.len()];
    for (caller, list) in callees.iter().enumerate() {
        for (callee, _) in list {
            if let Some(callers) = callers.get_mut(*callee) {
                callers.push(caller);
            }
        }
    }
    let mut worst = Worst { own: &own, callers: &callers, known: vec![Known::Unknown; shapes.len()] };
    for index in 0..shapes.len() {
        let (calls, _) = worst.of(index);
        let (Some((factor, Some(span))), Some(shape)) = (own.get(index).copied(), shapes.get(index)) else { continue };
        // Told where the product passes the limit, not again for everything behind it.
        if calls <= MOST_CALLS || calls / factor > MOST_CALLS || shape.broken {
            continue;
        }
        let mut path = vec![index];
        let mut at = index;
        let mut on_path = HashSet::from_iter([index]);
        while let (_, Some(before)) = worst.of(at) {
            if path.len() >= LONGEST || !on_path.insert(before) {
                break;
            }
            path.push(before);
            at = before;
        }
        path.reverse();
        let names: Vec<String> = path
            .iter()
            .filter_map(|index| Some((shapes.get(*index)?, own.get(*index)?.0)))
            .map(|(shape, tries)| format!("{} ({tries})", shape.decl.name.value))
            .collect();
        let mut diagnostic = Diagnostic::new(
            Code::RetriesMultiply,
            span,
            format!("one request may become {calls} calls of `{}`", shape.decl.name.value),
        );
        for before in path.iter().filter(|before| **before != index) {
            if let (Some((tries, Some(line))), Some(shape)) = (own.get(*before), shapes.get(*before)) {
                diagnostic = diagnostic.related(*line, format!("{tries} tries of `{}`", shape.decl.name.value));
            }
        }
        out.add(
            diagnostic
                .note(format!("tries along the path: {}", names.join(" -> ")))
                .help("repeat in one place, best at the last hop: write `no retry` for a service on the way"),
        );
    }
}

#[derive(Clone, Copy)]
enum Known {
    Unknown,
    Walking,
    Calls(u64, Option<usize>),
}

struct Worst<'a> {
    own: &'a [(u64, Option<Span>)],
    callers: &'a [Vec<usize>],
    known: Vec<Known>,
}

impl Worst<'_> {
    /// Calls of a service for one request by the worst path, and the caller on it. Walked with a stack of our own,
    /// for a chain of ten thousand services is legal; a cycle counts once.
    fn of(&mut self, index: usize) -> (u64, Option<usize>) {
        let mut stack = vec![index];
        while let Some(at) = stack.last().copied() {
            match self.known.get(at).copied() {
                Some(Known::Unknown) => {
                    self.set(at, Known::Walking);
                    let callers = self.callers.get(at).map_or(&[][..], Vec::as_slice);
                    stack.extend(callers.iter().filter(|c| matches!(self.known.get(**c), Some(Known::Unknown))));
                }
                Some(Known::Walking) => {
                    stack.pop();
                    let mut most = (1, None);
                    for caller in self.callers.get(at).into_iter().flatten() {
                        if let Some(Known::Calls(calls, _)) = self.known.get(*caller)
                            && *calls > most.0
                        {
                            most = (*calls, Some(*caller));
                        }
                    }
                    let tries = self.own.get(at).map_or(1, |(tries, _)| *tries);
                    self.set(at, Known::Calls(most.0.saturating_mul(tries), most.1));
                }
                _ => {
                    stack.pop();
                }
            }
        }
        match self.known.get(index) {
            Some(Known::Calls(calls, before)) => (*calls, *before),
            _ => (1, None),
        }
    }

    fn set(&mut self, index: usize, known: Known) {
        if let Some(slot) = self.known.get_mut(index) {
            *slot = known;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::compile::Compilation;
    use crate::diagnostic::Diagnostics;
    use crate::source::Text;
    use crate::state::State;
    use crate::world::MemoryWorld;

    /// Message and notes of what is found.
    fn findings(services: &str) -> Vec<(String, Vec<String>)> {
        let mesh = format!(
            "mesh shop {{ namespace shop; mtls strict; authorization deny-by-default }}\npreset slow {{ timeout 10s \
             }}\npreset quick {{ timeout 2s }}\n{services}\nenvironment local {{ target istio 1.31 }}\n"
        );
        let world = MemoryWorld { files: BTreeMap::from([("shop.mesh".to_owned(), mesh)]) };
        let mut out = Diagnostics::default();
        let project = crate::project::load(&world, &mut out);
        let compilation = Compilation::new(&project, &mut out);
        let local: Text = "local".into();
        out.append(compilation.check(&local, &State::default()).diagnostics);
        out.into_sorted(&[local]).iter().map(|one| (one.message.to_string(), one.notes.clone())).collect()
    }

    #[test]
    fn two_lines_that_do_not_fit_are_told_once() {
        let services = "service a is quick { port 80 http; allow anyone }\nservice b is quick { port 80 http; allow \
                        anyone }\nservice c is slow { port 80 http; allow a, b }\nservice d is slow { port 80 http; allow \
                        a }\nservice e { port 80 http; allow a; timeout 3s }";
        let found = findings(services);
        let messages: Vec<&str> = found.iter().map(|(message, _)| message.as_str()).collect();
        assert_eq!(messages.len(), 2, "{found:?}");
        assert!(messages.iter().any(|message| message.contains("`c`, which it calls, may take 10s")), "{found:?}");
        assert!(messages.iter().any(|message| message.contains("`e`, which it calls, may take 3s")), "{found:?}");
        let notes: Vec<&String> =
            found.iter().flat_map(|(_, notes)| notes).filter(|note| note.contains("more")).collect();
        assert_eq!(notes, ["these two lines do the same to 2 more calls, such as `a` to `d`"], "{found:?}");
    }
}
