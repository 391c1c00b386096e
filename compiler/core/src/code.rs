//! The kinds of faults. A code is stable: it is printed, searched for, suppressed in CI and linked to, so it is
//! never renamed or given another meaning. Each has a page in `docs/diagnostics`, which `meshc explain CODE` prints
//! and whose examples a test compiles: the wrong one must give the code, the right one must give nothing.

use crate::diagnostic::Severity;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $severity:ident;)+) => {
        /// Kind of a fault. `Display`ed and looked up by its kebab-case name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of the list below: by subject.
            pub const ALL: &[Code] = &[$(Code::$variant,)+];

            /// The stable name, kebab case.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// How bad it is, unless the place where it is found says otherwise.
            pub const fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)+ }
            }

            /// What the code means, in one sentence.
            pub fn summary(self) -> &'static str {
                match self { $(Code::$variant => concat!($($doc),+).trim(),)+ }
            }

            /// The page of `docs/diagnostics`: Markdown with a wrong and a right example.
            pub const fn page(self) -> &'static str {
                match self { $(Code::$variant => include_str!(concat!("../../../docs/diagnostics/", $name, ".md")),)+ }
            }
        }
    };
}

codes! {
    // Text and declarations.
    /// The text does not have the shape of statements and blocks.
    Syntax "syntax" Error;
    /// A statement outside of every block starts with a word that declares nothing.
    UnknownDeclaration "unknown-declaration" Error;
    /// The word is reserved for a declaration that this version does not have.
    ReservedDeclaration "reserved-declaration" Error;
    /// The head of a declaration does not read as its kind demands.
    MalformedDeclaration "malformed-declaration" Error;
    /// Two declarations of one kind have one name.
    DuplicateDeclaration "duplicate-declaration" Error;
    /// A name is not one that Kubernetes accepts there.
    InvalidName "invalid-name" Error;
    /// No file of the project declares the mesh.
    NoMesh "no-mesh" Error;
    /// An environment that is named is not declared.
    UnknownEnvironment "unknown-environment" Error;
    /// The mesh requires a newer compiler than this one.
    RequiresNewerCompiler "requires-newer-compiler" Error;
    // Files.
    /// A file or pattern that is named matches nothing.
    FileNotFound "file-not-found" Error;
    /// A path leads out of the project's folder.
    PathOutsideProject "path-outside-project" Error;
    /// A file cannot be read as what it should be: YAML, a Kubernetes manifest, a .proto file.
    InvalidFile "invalid-file" Error;
    // Settings.
    /// A block has no setting of that name.
    UnknownSetting "unknown-setting" Error;
    /// A setting does not read as its kind demands.
    MalformedSetting "malformed-setting" Error;
    /// A value is outside of what the mesh accepts.
    InvalidValue "invalid-value" Error;
    /// One setting is stated twice on one layer.
    DuplicateSetting "duplicate-setting" Error;
    /// Two presets set one field and the service does not decide.
    PresetConflict "preset-conflict" Error;
    /// A preset that is named is not declared or not in use.
    UnknownPreset "unknown-preset" Error;
    /// A preset is built on itself.
    PresetCycle "preset-cycle" Error;
    /// `no` removes a setting that no lower layer states.
    RemovesNothing "removes-nothing" Error;
    /// A setting that must be stated cannot be removed.
    CannotRemove "cannot-remove" Error;
    /// A setting without a default is not stated.
    MissingSetting "missing-setting" Error;
    // Names.
    /// A caller that is allowed is not declared.
    UnknownCaller "unknown-caller" Error;
    /// A service that is named is not declared.
    UnknownService "unknown-service" Error;
    /// A namespace that is named is not declared.
    UnknownNamespace "unknown-namespace" Error;
    /// A gateway that is named is not declared.
    UnknownGateway "unknown-gateway" Error;
    /// A name without its namespace fits several declarations.
    AmbiguousName "ambiguous-name" Error;
    /// An environment renames or overrides something that is not there.
    OverrideMatchesNothing "override-matches-nothing" Error;
    /// Two namespaces get one name in an environment.
    NamespacesCollide "namespaces-collide" Error;
    // Ports, workloads and the inventory.
    /// A service has no port, neither stated nor in the inventory.
    NoPorts "no-ports" Error;
    /// A port that is named is not one of the service's.
    UnknownPort "unknown-port" Error;
    /// Nothing says which protocol a port speaks.
    UnknownProtocol "unknown-protocol" Error;
    /// What the file states and what the inventory says differ.
    InventoryMismatch "inventory-mismatch" Error;
    /// The inventory holds one object twice.
    DuplicateObject "duplicate-object" Error;
    /// The inventory holds a workload that nothing declares.
    UndeclaredWorkload "undeclared-workload" Warning;
    /// A Job or CronJob of the inventory would lose its calls.
    JobCutOff "job-cut-off" Warning;
    /// A selector matches no workload of the inventory.
    SelectsNothing "selects-nothing" Error;
    /// Two services select the same pods.
    OverlappingSelectors "overlapping-selectors" Error;
    /// No pod of the inventory carries a version that traffic is sent to.
    UnknownVersion "unknown-version" Error;
    /// A setting needs a virtual address and the Service is headless.
    HeadlessService "headless-service" Error;
    /// A LoadBalancer or NodePort would send plaintext to pods that demand mTLS.
    PlaintextEntry "plaintext-entry" Error;
    // Callers.
    /// A service does not say who may call it.
    NoCallers "no-callers" Error;
    /// `allow none` or `allow anyone` stands beside callers.
    ConflictingAllow "conflicting-allow" Error;
    /// A caller that is allowed by its identity has none on that connection.
    CallerWithoutIdentity "caller-without-identity" Error;
    /// Allowing a caller admits every workload that runs under its account.
    SharedAccount "shared-account" Warning;
    /// The inventory shows a workload calling a service that does not allow it.
    MissingCaller "missing-caller" Warning;
    /// A caller is allowed although the inventory shows no address for the call.
    UnseenCall "unseen-call" Note;
    /// An RPC that is named does not exist.
    UnknownRpc "unknown-rpc" Error;
    /// An RPC is named and nothing says which RPCs the service has.
    RpcsNotKnown "rpcs-not-known" Error;
    /// An operation does not belong to the protocol of the port.
    WrongOperation "wrong-operation" Error;
    /// More entries than the API server accepts.
    TooMany "too-many" Error;
    // Exposure.
    /// Two services claim one path of one host.
    DuplicateExposure "duplicate-exposure" Error;
    /// A host is exposed on a port that does not speak HTTP.
    ExposureNeedsHttp "exposure-needs-http" Error;
    /// Services that share a host of a gateway do not agree on its limit for each client address.
    LimitSharedHost "limit-shared-host" Error;
    // How a call behaves.
    /// A setting needs HTTP or gRPC and the port speaks neither.
    NeedsHttp "needs-http" Error;
    /// A per-try timeout is not shorter than the whole timeout.
    PerTryTooLong "per-try-too-long" Error;
    /// The tries do not fit into the timeout.
    RetriesExceedTimeout "retries-exceed-timeout" Warning;
    /// A retry condition cannot fire for the protocol, or on slowness as it stands.
    ConditionNeverFires "condition-never-fires" Warning;
    /// A service waits for less long than the service it calls may take.
    CallerGivesUpFirst "caller-gives-up-first" Warning;
    /// Retries along a path of calls multiply.
    RetriesMultiply "retries-multiply" Warning;
    /// A timeout bounds a streaming RPC as a whole.
    TimeoutCutsStream "timeout-cuts-stream" Warning;
    /// The ejection limit rounds down to no pod at all.
    EjectsNobody "ejects-nobody" Warning;
    /// A limit for each client address stands where the address is not known.
    RemoteAddressUnknown "remote-address-unknown" Error;
    /// The target version of Istio does not have what a setting needs.
    NeedsNewerIstio "needs-newer-istio" Error;
    /// The target is not one that this compiler renders for.
    UnsupportedTarget "unsupported-target" Error;
    /// The target's profile refuses a resource that a setting needs.
    ProfileForbids "profile-forbids" Error;
    // Releases.
    /// A release has no canary that says how it goes.
    ReleaseWithoutPlan "release-without-plan" Error;
    /// The stages of a canary do not rise to 100 %.
    StagesNotRising "stages-not-rising" Error;
    /// A canary could advance without evidence.
    GateNotHonest "gate-not-honest" Error;
    /// A release rests on requests that a service without HTTP ports does not have.
    NoRequestsToJudge "no-requests-to-judge" Error;
    /// A stage cannot gather its samples at the limited traffic.
    CanaryStarved "canary-starved" Warning;
    /// A release and another controller write the same weights.
    WeightsOwnedTwice "weights-owned-twice" Error;
    /// Two versions get one subset name.
    VersionsCollide "versions-collide" Error;
    /// The recorded state of a release cannot be used.
    InvalidState "invalid-state" Error;
    /// An environment keeps its recorded release and waits.
    StateWaits "state-waits" Note;
    // Patches and raw files.
    /// A patch does not have the shape of kustomize's `patches:` entries.
    InvalidPatch "invalid-patch" Error;
    /// A strategic-merge patch stands where a JSON patch is needed.
    StrategicMergePatch "strategic-merge-patch" Error;
    /// A patch has a target that no rendered resource matches.
    PatchMatchesNothing "patch-matches-nothing" Error;
    /// An operation of a patch cannot be applied.
    PatchFailed "patch-failed" Error;
    /// A raw file or a patch takes a resource that the compiler writes.
    OwnedResource "owned-resource" Error;
    /// Two resources would be written to one file.
    OutputCollision "output-collision" Error;
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Code {
    /// The code with this name.
    pub fn find(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.name() == name)
    }
}
