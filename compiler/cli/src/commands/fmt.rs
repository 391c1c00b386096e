//! `meshc fmt`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::source::SourceMap;
use similar::{ChangeTag, TextDiff};

use super::Session;
use crate::disk::mesh_files_below;
use crate::failure::Failure;
use crate::output::{BOLD, CYAN, GREEN, PLAIN, RED};
use crate::paths::Paths;
use crate::pipeline;
use crate::replace::stage;
use crate::report::{Report, plural};

/// The name of the standard input, as a file and in what is printed.
const STDIN: &str = "-";
/// Lines around a difference.
const CONTEXT: usize = 3;

/// Bring .mesh files to their canonical form
///
/// A file with syntax errors is reported and left as it is.
#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// Change nothing: print the differences, and end with exit code 1 where there are any
    #[arg(long)]
    check: bool,
    /// Files and folders [default: the project]; `-` formats the standard input
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    pub(super) files: Vec<PathBuf>,
}

/// One file, read and formatted.
struct Formatted {
    /// As it was typed or found.
    path: PathBuf,
    /// As it is, with its line ends but for those of Windows.
    before: String,
    /// Its canonical form; absent where its syntax is at fault.
    after: Option<String>,
    /// All its lines end as they do on Windows, and shall: line ends are the checkout's affair.
    crlf: bool,
}

/// Formats all files, and then writes those that differ.
pub(crate) fn run(session: &Session, args: &FmtArgs) -> Result<(), Failure> {
    let mut sources = SourceMap::default();
    let mut found = Diagnostics::default();
    let files = files(session, args)?
        .into_iter()
        .map(|path| {
            let text = read(&path)?;
            Ok(format(path, &text, &mut sources, &mut found))
        })
        .collect::<Result<Vec<Formatted>, Failure>>()?;
    let findings = found.into_sorted(&[]);
    if !findings.is_empty() {
        let paths = Paths::default();
        let report = Report { findings: &findings, sources: &sources, paths, mesh: None, environments: &[] };
        session.output.tell(&report.text(session.format));
    }
    let different = files.iter().filter(|file| file.differs()).count();
    if args.check {
        for file in files.iter().filter(|file| file.differs()) {
            session.output.result(&difference(file))?;
        }
    } else {
        files.iter().try_for_each(|file| write(session, file))?;
    }
    if !findings.is_empty() {
        return Err(Failure::Reported);
    }
    if args.check && different > 0 {
        let text =
            format!("{} not in canonical form; `meshc fmt` writes it", plural(different, "file is", "files are"));
        return Err(Failure::Refused(text));
    }
    if different == 0 && (args.check || !files.iter().any(Formatted::is_stdin)) {
        session.output.success(&format!("{} in canonical form\n", plural(files.len(), "file is", "files are")))?;
    }
    Ok(())
}

impl Formatted {
    fn differs(&self) -> bool {
        self.after.as_ref().is_some_and(|after| *after != self.before)
    }

    fn is_stdin(&self) -> bool {
        self.path == Path::new(STDIN)
    }
}

/// The files that are meant: those named, those in folders that are named, or the project's.
fn files(session: &Session, args: &FmtArgs) -> Result<Vec<PathBuf>, Failure> {
    let own = [session.folder.clone()];
    let named = if args.files.is_empty() { &own[..] } else { &args.files };
    if named.iter().any(|path| path == Path::new(STDIN)) && named.len() > 1 {
        return Err(Failure::Usage("`-` is the standard input, and stands alone".to_owned()));
    }
    let mut files = Vec::new();
    for path in named {
        if path.is_dir() {
            let below = mesh_files_below(path).map_err(|(path, error)| Failure::file("read", &path, &error))?;
            files.extend(below.into_iter().map(|file| file.strip_prefix("./").map_or(file.clone(), Path::to_path_buf)));
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        return Err(Failure::Refused(format!("there is no .mesh file in `{}`", named[0].display())));
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes = if path == Path::new(STDIN) {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|error| Failure::file("read", path, &error))?;
    String::from_utf8(bytes).map_err(|_| Failure::Refused(format!("`{}` is not UTF-8 text", path.display())))
}

fn format(path: PathBuf, text: &str, sources: &mut SourceMap, found: &mut Diagnostics) -> Formatted {
    let crlf = text.contains("\r\n") && text.matches('\n').count() == text.matches("\r\n").count();
    let before = if crlf { text.replace("\r\n", "\n") } else { text.to_owned() };
    let shown = if path == Path::new(STDIN) { "<stdin>".into() } else { path.to_string_lossy() };
    let id = sources.add(shown, text);
    let after = pipeline::format(sources, id, found);
    Formatted { path, before, after, crlf }
}

fn write(session: &Session, file: &Formatted) -> Result<(), Failure> {
    let Some(after) = &file.after else { return Ok(()) };
    let text = with_line_ends(after, file.crlf);
    if file.is_stdin() {
        return session.output.result(&text);
    }
    if !file.differs() {
        return Ok(());
    }
    // The file that a link leads to is written, not the link.
    let path = file.path.canonicalize().map_err(|error| Failure::file("read", &file.path, &error))?;
    stage(&path, &text)?.commit()?;
    session.output.success(&format!("{BOLD}formatted{PLAIN} {}\n", file.path.display()))
}

fn with_line_ends(text: &str, crlf: bool) -> String {
    if crlf { text.replace('\n', "\r\n") } else { text.to_owned() }
}

/// A unified diff.
fn difference(file: &Formatted) -> String {
    let shown = if file.is_stdin() { "<stdin>".into() } else { file.path.to_string_lossy() };
    let diff = TextDiff::from_lines(file.before.as_str(), file.after.as_deref().unwrap_or_default());
    let mut text = format!("{BOLD}--- {shown}\n+++ {shown}{PLAIN}\n");
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        text.push_str(&format!("{CYAN}{}{PLAIN}\n", hunk.header()));
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ("-", RED),
                ChangeTag::Insert => ("+", GREEN),
                ChangeTag::Equal => (" ", ""),
            };
            let end = if style.is_empty() { "" } else { PLAIN };
            let line = change.value();
            text.push_str(&format!("{style}{sign}{}{end}\n", line.strip_suffix('\n').unwrap_or(line)));
            if !line.ends_with('\n') {
                text.push_str("\\ No newline at end of file\n");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_read_as_patches() {
        let file =
            Formatted { path: "a.mesh".into(), before: "a\nb".into(), after: Some("a\nc\n".into()), crlf: false };
        let plain = anstream::adapter::strip_str(&difference(&file)).to_string();
        assert_eq!(plain, "--- a.mesh\n+++ a.mesh\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n");
    }
}
