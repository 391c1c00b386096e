//! What follows from a text that could not be read is not reported beside it. Where a statement is broken, nobody can
//! say that something is missing: it may be what the statement says. So findings of absence are dropped where such a
//! statement could have supplied what is absent, and every other finding stays: a broken service hides its own
//! consequences, a broken `mesh`, `use`, `preset` or head of a declaration those of the whole project.

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::source::{Span, Text};
use crate::syntax::tree::{File, Statement};

/// A service, caller or gateway as a whole, from its keyword to its closing brace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The place.
    pub span: Span,
    /// Its name, without the namespace.
    pub name: Text,
    /// A gateway: services build on it.
    pub gateway: bool,
}

/// The services, callers and gateways of a file, those within namespaces and environments included.
pub fn extents(file: &File) -> Vec<Extent> {
    let mut list = Vec::new();
    for statement in &file.statements {
        let within: &[Statement] = match (statement.keyword(), &statement.block) {
            ("service" | "caller" | "gateway", _) => std::slice::from_ref(statement),
            (_, Some(block)) => &block.statements,
            (_, None) => &[],
        };
        for member in within.iter().filter(|inner| matches!(inner.keyword(), "service" | "caller" | "gateway")) {
            let Some(word) = member.words.get(1) else { continue };
            let name = word.text.rsplit('/').next().unwrap_or_default();
            list.push(Extent { span: member.span, name: name.into(), gateway: member.keyword() == "gateway" });
        }
    }
    list
}

/// What could not be read.
#[derive(Debug, Clone, Default)]
pub struct Unread {
    /// Something that others build on.
    everywhere: bool,
    /// Services, callers and gateways; the former two by name, wherever they stand.
    members: Vec<Extent>,
    /// Those among them whose text does not have the shape of statements.
    shapeless: Vec<Extent>,
}

impl Unread {
    /// Takes note of every statement that could not be read.
    pub fn add_texts(&mut self, found: &Diagnostics, extents: &[Extent]) {
        self.add_codes(found, extents, is_of_text);
    }

    /// Takes note of every statement, file and preset that could not be read.
    pub fn add(&mut self, found: &Diagnostics, extents: &[Extent]) {
        self.add_codes(found, extents, |code| is_of_text(code) || is_of_reference(code));
    }

    fn add_codes(&mut self, found: &Diagnostics, extents: &[Extent], of: fn(Code) -> bool) {
        for diagnostic in found.iter().filter(|d| d.severity == Severity::Error && of(d.code)) {
            let member = member(diagnostic.primary.span, extents);
            self.everywhere |= in_head(diagnostic.code) || member.is_none_or(|extent| extent.gateway);
            self.members.extend(member.cloned());
            self.shapeless.extend(member.filter(|_| diagnostic.code == Code::Syntax).cloned());
        }
    }

    /// Drops what follows from it among the findings of loading and resolving.
    pub fn fold(&self, found: &mut Diagnostics, extents: &[Extent]) {
        if !self.is_empty() {
            found.retain(|diagnostic| !self.explains(diagnostic, extents));
        }
    }

    /// Drops what follows from it among the findings of checking, where values are made of what could be read.
    pub fn fold_checked(&self, found: &mut Diagnostics, extents: &[Extent]) {
        let made = |code| matches!(code, Code::InvalidValue | Code::InvalidName | Code::WrongOperation);
        if !self.is_empty() {
            found.retain(|diagnostic| {
                let of_member = made(diagnostic.code) && within(&self.members, diagnostic, extents);
                !of_member && !self.explains(diagnostic, extents)
            });
        }
    }

    fn is_empty(&self) -> bool {
        !self.everywhere && self.members.is_empty()
    }

    fn explains(&self, diagnostic: &Diagnostic, extents: &[Extent]) -> bool {
        match diagnostic.code {
            // Words that lost their braces or quotes.
            Code::UnknownSetting | Code::MalformedSetting | Code::DuplicateSetting => {
                within(&self.shapeless, diagnostic, extents)
            }
            // Any service could make the resource or expose the host.
            Code::PatchMatchesNothing | Code::PatchFailed | Code::OverrideMatchesNothing => true,
            code => is_absence(code) && (self.everywhere || within(&self.members, diagnostic, extents)),
        }
    }
}

/// Whether a finding has a place in one of these.
fn within(list: &[Extent], diagnostic: &Diagnostic, extents: &[Extent]) -> bool {
    let spans = std::iter::once(&diagnostic.primary).chain(&diagnostic.related).map(|label| label.span);
    let mut around = spans.filter_map(|span| member(span, extents));
    around.any(|extent| list.iter().any(|known| known.name == extent.name && known.gateway == extent.gateway))
}

/// The service, caller or gateway that a place lies in. `extents` are sorted by place and do not overlap.
fn member(span: Span, extents: &[Extent]) -> Option<&Extent> {
    let after = extents.partition_point(|extent| extent.span <= Span { end: u32::MAX, ..span });
    let extent = extents.get(after.checked_sub(1)?)?;
    extent.span.contains(span).then_some(extent)
}

/// Errors after which a statement says nothing.
fn is_of_text(code: Code) -> bool {
    let statement = matches!(
        code,
        Code::Syntax | Code::UnknownSetting | Code::MalformedSetting | Code::InvalidValue | Code::UnsupportedTarget
    );
    statement || in_head(code)
}

/// Errors after which what a statement refers to says nothing.
fn is_of_reference(code: Code) -> bool {
    matches!(code, Code::FileNotFound | Code::PathOutsideProject | Code::InvalidFile | Code::UnknownPreset)
}

/// Errors that leave a name unread, which others may use.
fn in_head(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownDeclaration | Code::ReservedDeclaration | Code::MalformedDeclaration | Code::InvalidName
    )
}

/// Findings that say that something is not there, or that rest on a value which a statement would replace.
fn is_absence(code: Code) -> bool {
    matches!(
        code,
        Code::NoMesh
            | Code::UnknownEnvironment
            | Code::PathOutsideProject
            | Code::UnknownPreset
            | Code::RemovesNothing
            | Code::CannotRemove
            | Code::MissingSetting
            | Code::UnknownCaller
            | Code::UnknownService
            | Code::UnknownNamespace
            | Code::UnknownGateway
            | Code::NoPorts
            | Code::UnknownPort
            | Code::UnknownProtocol
            | Code::UndeclaredWorkload
            | Code::JobCutOff
            | Code::SelectsNothing
            | Code::UnknownVersion
            | Code::PlaintextEntry
            | Code::NoCallers
            | Code::MissingCaller
            | Code::UnseenCall
            | Code::UnknownRpc
            | Code::RpcsNotKnown
            | Code::ExposureNeedsHttp
            | Code::RemoteAddressUnknown
            | Code::ReleaseWithoutPlan
            | Code::GateNotHonest
            | Code::PresetConflict
            | Code::PerTryTooLong
            | Code::RetriesExceedTimeout
            | Code::ConditionNeverFires
            | Code::CallerGivesUpFirst
            | Code::RetriesMultiply
            | Code::TimeoutCutsStream
            | Code::EjectsNobody
            | Code::CanaryStarved
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    const TEXT: &str = "mesh shop { mtls strict }\nnamespace shop {\n  service web { allow x }\n}\nservice api { }\n";

    fn found(list: &[(Code, &str)]) -> Diagnostics {
        let mut out = Diagnostics::default();
        for (code, at) in list {
            let start = TEXT.find(at).expect("a place");
            out.add(Diagnostic::new(*code, Span::new(FileId(0), start, start + at.len()), ""));
        }
        out
    }

    fn after(unread: (Code, &str), list: &[(Code, &str)]) -> Vec<Code> {
        let extents = extents(&crate::syntax::parse(FileId(0), TEXT).0);
        let mut known = Unread::default();
        known.add(&found(&[unread]), &extents);
        let mut rest = found(list);
        known.fold(&mut rest, &extents);
        rest.iter().map(|diagnostic| diagnostic.code).collect()
    }

    const ABSENT: [(Code, &str); 2] = [(Code::UnknownCaller, "allow x"), (Code::NoPorts, "api")];

    #[test]
    fn a_broken_service_hides_its_own_consequences() {
        assert_eq!(after((Code::MalformedSetting, "allow"), &ABSENT), [Code::NoPorts]);
        assert_eq!(after((Code::Syntax, "api { }"), &ABSENT), [Code::UnknownCaller]);
    }

    #[test]
    fn what_others_build_on_hides_all_consequences() {
        assert_eq!(after((Code::MalformedSetting, "mtls strict"), &ABSENT), []);
        assert_eq!(after((Code::MalformedDeclaration, "web"), &ABSENT), []);
    }

    #[test]
    fn what_is_there_and_wrong_is_always_told() {
        let list = [(Code::ConflictingAllow, "allow x"), (Code::DuplicateSetting, "api")];
        assert_eq!(after((Code::UnknownSetting, "mtls strict"), &list).len(), 2);
        assert_eq!(after((Code::DuplicateSetting, "mtls strict"), &ABSENT).len(), 2);
    }
}
