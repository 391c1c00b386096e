//! Where declarations may stand. Correct text does not need it: it tells a missing brace from a long block.

/// Keyword of a declaration, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declaration {
    Mesh,
    Namespace,
    Service,
    Caller,
    Gateway,
    Preset,
    Environment,
    Use,
    /// `policy`, `test` and `external`: of a later version.
    Reserved,
}

impl Declaration {
    /// The declaration that a statement with this first word is.
    pub(crate) fn of(keyword: &str) -> Option<Declaration> {
        Some(match keyword {
            "mesh" => Declaration::Mesh,
            "namespace" => Declaration::Namespace,
            "service" => Declaration::Service,
            "caller" => Declaration::Caller,
            "gateway" => Declaration::Gateway,
            "preset" => Declaration::Preset,
            "environment" => Declaration::Environment,
            "use" => Declaration::Use,
            "policy" | "test" | "external" => Declaration::Reserved,
            _ => return None,
        })
    }

    /// Whether a fault in its block makes the declaration a broken one. A namespace holds others and stays whole.
    pub(crate) fn breaks(self) -> bool {
        !matches!(self, Declaration::Namespace | Declaration::Use | Declaration::Reserved)
    }
}

/// What a block belongs to, as far as it decides which declarations may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Outside of every block.
    File,
    /// `mesh`: `namespace shop` is a setting there.
    Mesh,
    /// `namespace`.
    Namespace,
    /// `environment`, and statements outside of every block whose first word is no keyword: probably misspelt.
    Environment,
    /// Every other block.
    Settings,
}

impl Place {
    /// The place that the block of a statement with this first word is.
    pub(crate) fn within(self, keyword: &str) -> Place {
        match (self, Declaration::of(keyword)) {
            (Place::File, Some(Declaration::Mesh)) => Place::Mesh,
            (Place::File | Place::Environment, Some(Declaration::Namespace)) => Place::Namespace,
            (Place::File, Some(Declaration::Environment | Declaration::Reserved) | None) => Place::Environment,
            _ => Place::Settings,
        }
    }

    /// Whether a statement that begins a line with this keyword may stand here. `has_block`: a `{` follows on the line.
    pub(crate) fn admits(self, declaration: Declaration, has_block: bool) -> bool {
        use Declaration::{Caller, Gateway, Namespace, Service};
        match self {
            Place::File => true,
            Place::Mesh => declaration == Namespace && !has_block,
            Place::Namespace => matches!(declaration, Service | Caller),
            Place::Environment => matches!(declaration, Namespace | Service | Caller | Gateway),
            Place::Settings => false,
        }
    }
}
