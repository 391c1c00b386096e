//! Reads patch files: a kustomization's `patches:`, a list of its entries, or one entry (kustomize 5.5,
//! api/types/patch.go and api/internal/builtins/PatchTransformer.go).

use super::located::{self, Entry, Located, Node};
use super::operation::Operation;
use super::origin::Origin;
use super::replace::{self, Written};
use super::selector::Selector;
use super::strategic;
use super::target::{Field, Pattern, Target};
use super::{Patch, Patches};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, SourceMap, Span};
use crate::suggest;

/// Reads one patch file into `into`; what is wrong goes to `out`. `stated_at` is the statement that names the file.
/// `load` gives the file that an entry's `path:` names, by its path as written, relative to the patch file's folder:
/// its text must already be in `sources` ([`referenced_files`] lists the paths beforehand). Where it gives nothing,
/// that is reported here.
pub fn read(
    sources: &SourceMap,
    file: FileId,
    stated_at: Span,
    load: &mut dyn FnMut(&str) -> Option<FileId>,
    into: &mut Patches,
    out: &mut Diagnostics,
) {
    Reader { sources, file, stated_at, load, into, out }.file();
}

/// The paths that the entries of a patch file name by `path:`, as written, in order. A file that cannot be read names
/// none; [`read`] says why.
pub fn referenced_files(sources: &SourceMap, file: FileId) -> Vec<String> {
    let documents = located::documents(file, &sources.file(file).text, &Origin::Whole).unwrap_or_default();
    let entries = documents.iter().flat_map(|document| match &document.node {
        Node::List(list) => list.as_slice(),
        Node::Map(_) => match document.get("patches").map(|patches| &patches.node) {
            Some(Node::List(list)) => list.as_slice(),
            _ => std::slice::from_ref(document),
        },
        _ => &[],
    });
    let named = entries.filter(|entry| entry.get("op").is_none()).filter_map(|entry| entry.get("path")?.as_str());
    named.map(str::to_owned).collect()
}

/// A key that nothing reads, with the key that was probably meant.
pub(super) fn unknown_key(entry: &Entry, of: &str, known: &[&str]) -> Diagnostic {
    let known_keys = || known.iter().copied();
    let message = format!("`{}` is no key of {of}: {} are", entry.key, suggest::list(known_keys(), known.len()));
    let diagnostic = Diagnostic::new(Code::InvalidPatch, entry.key_at.span, message);
    match suggest::nearest(&entry.key, known_keys()) {
        Some(near) => entry.key_at.suggest(diagnostic, near),
        None => diagnostic,
    }
}

const ENTRY_KEYS: [&str; 4] = ["target", "patch", "path", "options"];
const TARGET_KEYS: [&str; 7] = ["group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"];
const OPTIONS: [&str; 2] = ["allowNameChange", "allowKindChange"];

struct Reader<'a> {
    sources: &'a SourceMap,
    file: FileId,
    stated_at: Span,
    load: &'a mut dyn FnMut(&str) -> Option<FileId>,
    into: &'a mut Patches,
    out: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn invalid(&mut self, span: Span, message: impl Into<String>) {
        self.out.add(Diagnostic::new(Code::InvalidPatch, span, message));
    }

    /// The documents of a text, unless it cannot be read.
    fn documents(&mut self, file: FileId, text: &str, origin: &Origin) -> Option<Vec<Located>> {
        match located::documents(file, text, origin) {
            Ok(documents) => Some(documents),
            Err(unreadable) => {
                let diagnostic = Diagnostic::new(Code::InvalidFile, unreadable.span, unreadable.message);
                self.out.add(match unreadable.first {
                    Some(first) => diagnostic.related(first, "first here"),
                    None => diagnostic,
                });
                None
            }
        }
    }

    fn file(&mut self) {
        let sources = self.sources;
        let Some(documents) = self.documents(self.file, &sources.file(self.file).text, &Origin::Whole) else { return };
        if documents.is_empty() {
            let message = format!("`{}` holds no patch", sources.file(self.file).path);
            self.invalid(self.stated_at, message);
        }
        for document in &documents {
            self.document(document, documents.len() == 1);
        }
    }

    fn document(&mut self, document: &Located, alone: bool) {
        match &document.node {
            Node::List(list) if list.iter().any(|item| item.get("op").is_some()) => {
                let first = list.first().map_or(document.span(), |item| item.span());
                let message = "these operations have no target: nothing says which resources they are for";
                self.out.add(Diagnostic::new(Code::InvalidPatch, first, message).help(
                    "write an entry around them:\n- target:\n    kind: VirtualService\n    name: …\n  patch: |\n    - op: …",
                ));
            }
            Node::List(list) => list.iter().for_each(|entry| self.entry(entry)),
            Node::Map(_) if document.get("patches").is_some() => self.kustomization(document),
            Node::Map(entries) if entries.iter().any(|e| ENTRY_KEYS.contains(&e.key.as_str()) && e.key != "path") => {
                self.entry(document);
            }
            Node::Map(_) if document.get("op").is_some() => {
                let message = "one operation stands where entries with `target` and `patch` are expected";
                self.invalid(document.span(), message);
            }
            Node::Map(_) if document.get("kind").and_then(Located::as_str) == Some("Kustomization") => {
                self.kustomization(document);
                self.invalid(document.span(), "this kustomization has no `patches`");
            }
            Node::Map(_) if document.get("kind").is_some() => {
                self.strategic(document.span(), std::slice::from_ref(document), None, alone.then_some(Written::File));
            }
            Node::Map(_) => self.entry(document),
            _ => {
                let message = format!("a patch file is a list of entries, and this is {}", document.kind());
                self.invalid(document.span(), message);
            }
        }
    }

    fn kustomization(&mut self, document: &Located) {
        for entry in document.as_map().unwrap_or_default() {
            match (entry.key.as_str(), &entry.value.node) {
                ("patches", Node::List(list)) => list.iter().for_each(|entry| self.entry(entry)),
                ("patches", _) => {
                    let message = format!("`patches` is a list of entries, and this is {}", entry.value.kind());
                    self.invalid(entry.value.span(), message);
                }
                ("apiVersion" | "kind", _) => {}
                (key, _) => {
                    let message = format!("`{key}` is not read here: of a kustomization only `patches` is");
                    let diagnostic = Diagnostic::new(Code::InvalidPatch, entry.key_at.span, message);
                    self.out.add(match key {
                        "patchesJson6902" | "patchesStrategicMerge" => {
                            diagnostic.help("`kustomize edit fix` moves its entries to `patches`")
                        }
                        "namespace" | "namePrefix" | "nameSuffix" => {
                            diagnostic.help("names are the environment's: `namespace shop as shop-dev`")
                        }
                        _ => diagnostic.help("leave it out; the deploy repository has its own kustomization"),
                    });
                }
            }
        }
    }

    fn entry(&mut self, entry: &Located) {
        let Some(keys) = entry.as_map() else {
            let message = format!("an entry is a mapping with `target` and `patch`, and this is {}", entry.kind());
            return self.invalid(entry.span(), message);
        };
        let unknown = keys.iter().filter(|key| !ENTRY_KEYS.contains(&key.key.as_str()));
        unknown.for_each(|key| self.out.add(unknown_key(key, "an entry of `patches`", &ENTRY_KEYS)));
        if let Some(options) = entry.get("options") {
            self.options(options);
        }
        let (file, origin, text) = match (entry.get("patch"), entry.get("path")) {
            (Some(patch), None) => match patch.as_str() {
                Some(text) => {
                    let file_text = &self.sources.file(self.file).text;
                    (self.file, Origin::of_scalar(file_text, patch.span(), text), text)
                }
                None => {
                    let message = format!("`patch` is a text, and this is {}", patch.kind());
                    let help = "write `patch: |` with the operations below, two spaces further right";
                    self.out.add(Diagnostic::new(Code::InvalidPatch, patch.span(), message).help(help));
                    return;
                }
            },
            (None, Some(path)) => match self.named_file(path) {
                Some(file) => (file, Origin::Whole, self.sources.file(file).text.as_str()),
                None => return,
            },
            (Some(_), Some(path)) => return self.invalid(path.span(), "`patch` and `path` exclude each other"),
            (None, None) => {
                return self.invalid(entry.span(), "an entry has `patch` or `path`, and this one has neither");
            }
        };
        let Some(documents) = self.documents(file, text, &origin) else { return };
        let at = documents.first().map_or(origin.start(file), Located::span);
        if documents.first().is_some_and(|first| matches!(first.node, Node::Map(_)) && first.get("op").is_none()) {
            let file_text = &self.sources.file(self.file).text;
            let place = origin.is_block().then(|| replace::written(file_text, entry.span())).flatten();
            return self.strategic(at, &documents, entry.get("target"), place);
        }
        let operations = self.operations(file, &origin, &documents);
        let Some(target) = entry.get("target") else {
            let message = "a JSON patch has a `target`, and this entry has none";
            let help = "say which resources it is for: `target: {kind: VirtualService, name: …}`";
            self.out.add(Diagnostic::new(Code::InvalidPatch, entry.span(), message).help(help));
            return;
        };
        if let (Some(target_read), Some(operations)) = (self.target(target), operations) {
            let span = entry.entry("target").map_or(target.span(), |entry| entry.key_at.span.to(target.span()));
            self.into.push(Patch::new(target_read, span, operations, self.stated_at));
        }
    }

    fn named_file(&mut self, path: &Located) -> Option<FileId> {
        let Some(text) = path.as_str() else {
            self.invalid(path.span(), format!("`path` is a text, and this is {}", path.kind()));
            return None;
        };
        let file = (self.load)(text);
        if file.is_none() {
            let message = format!("there is no file `{text}`, seen from the folder of the patch file");
            self.out.add(Diagnostic::new(Code::FileNotFound, path.span(), message));
        }
        file
    }

    fn options(&mut self, options: &Located) {
        for option in options.as_map().unwrap_or_default() {
            if !OPTIONS.contains(&option.key.as_str()) {
                self.out.add(unknown_key(option, "`options`", &OPTIONS));
            } else if !matches!(option.value.node, Node::Bool(_)) {
                let message = format!("`{}` is `true` or `false`, and this is {}", option.key, option.value.kind());
                self.invalid(option.value.span(), message);
            }
        }
        if options.as_map().is_none() {
            self.invalid(options.span(), format!("`options` is a mapping, and this is {}", options.kind()));
        }
    }

    fn target(&mut self, target: &Located) -> Option<Target> {
        let Some(keys) = target.as_map() else {
            self.invalid(target.span(), format!("`target` is a mapping, and this is {}", target.kind()));
            return None;
        };
        let mut read = Target::default();
        let mut good = true;
        for key in keys {
            let Some(text) = key.value.as_str() else {
                // `name:` with nothing is the same as none, as it is to kustomize.
                if !matches!(key.value.node, Node::Null) {
                    self.invalid(
                        key.value.span(),
                        format!("`{}` is a text, and this is {}", key.key, key.value.kind()),
                    );
                    good = false;
                }
                continue;
            };
            if text.is_empty() {
                continue;
            }
            let problem = match key.key.as_str() {
                "labelSelector" => Selector::parse(text).map(|selector| read.labels = Some(selector)),
                "annotationSelector" => Selector::parse(text).map(|selector| read.annotations = Some(selector)),
                name => match Field::ALL.iter().zip(&mut read.fields).find(|(field, _)| field.key() == name) {
                    Some((_, place)) => Pattern::new(text, key.value.at).map(|pattern| *place = Some(pattern)),
                    None => {
                        self.out.add(unknown_key(key, "`target`", &TARGET_KEYS));
                        good = false;
                        continue;
                    }
                },
            };
            if let Err(why) = problem {
                let what = if key.key.ends_with("Selector") { "selector" } else { "regular expression" };
                self.invalid(key.value.span(), format!("`{text}` is no {what}: {why}"));
                good = false;
            }
        }
        good.then_some(read)
    }

    /// The operations of a JSON patch; nothing where any of them is wrong.
    fn operations(&mut self, file: FileId, origin: &Origin, documents: &[Located]) -> Option<Vec<Operation>> {
        match documents {
            [Located { node: Node::List(list), .. }] if !list.is_empty() => {
                let read: Vec<_> = list.iter().map(|item| Operation::read(item, self.out)).collect();
                return read.into_iter().collect();
            }
            [Located { node: Node::List(_), .. }] | [] => {
                self.invalid(origin.start(file), "this patch has no operations");
            }
            [Located { node: Node::Map(_), at }] => {
                let message = "operations are a list, and this is one alone";
                self.out.add(Diagnostic::new(Code::InvalidPatch, at.span, message).help("write `- ` before `op`"));
            }
            [_, second, ..] => {
                self.invalid(second.span(), "a JSON patch is one document, and here a second one starts")
            }
            [other] => self.invalid(other.span(), format!("operations are a list, and this is {}", other.kind())),
        }
        None
    }

    /// Reports a strategic-merge patch with what it would be as a JSON patch. `place`: where its entry can be replaced.
    fn strategic(&mut self, at: Span, patches: &[Located], target: Option<&Located>, place: Option<Written>) {
        let message = "a strategic-merge patch stands where a JSON patch is needed";
        let mut diagnostic = Diagnostic::new(Code::StrategicMergePatch, at, message);
        let converted: Vec<_> = patches.iter().filter_map(|patch| strategic::convert(patch, target)).collect();
        if converted.is_empty() {
            self.out.add(diagnostic.help("it changes nothing that a JSON patch could: leave it out"));
            return;
        }
        for note in converted.iter().flat_map(|conversion| &conversion.notes) {
            if !diagnostic.notes.iter().any(|known| known == note) {
                diagnostic = diagnostic.note(*note);
            }
        }
        let entries: Vec<String> = converted.into_iter().map(|conversion| conversion.entry).collect();
        diagnostic = diagnostic.help(format!("write this instead:\n{}", strategic::as_items(&entries)));
        let whole = Span::new(self.file, 0, self.sources.file(self.file).text.len());
        if let Some((span, text)) = place.and_then(|place| replace::with(place, whole, &entries)) {
            diagnostic = diagnostic.suggest("write it as a JSON patch", span, text);
        }
        self.out.add(diagnostic);
    }
}
