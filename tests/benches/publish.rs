//! `cargo bench --bench publish`: what publishing costs beside rendering, against a bare program that writes the same
//! blobs, trees and packs with libgit2 alone. Both run in turn in one process, in bare repositories of their own in a
//! temporary folder. `cargo bench --bench publish -- 1000` measures one size only.
//!
//! Three questions: a first publish of everything; one changed service in a repository that is full; and whether the
//! second depends on how long the history is.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Repository, Signature, Time};
use meshc_core::compile::Compilation;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::project;
use meshc_core::published::Tree;
use meshc_core::state::State;
use meshc_core::world::MemoryWorld;
use meshc_gitops::commit::{Changes, Identity, create};
use meshc_gitops::folder::{Commit, id_of};
use meshc_gitops::next::{Rendering, Subject, next};
use meshc_gitops::program::Git;
use meshc_gitops::record::Record;
use meshc_tests::generate::{self, Generated, Size};

/// As `meshc` itself has it.
#[global_allocator]
static ALLOCATOR: meshc_allocator::MiMalloc = meshc_allocator::MiMalloc;

const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// Commits that the history is filled with before one service is changed once more.
const HISTORY: usize = 5_000;
/// How often one changed service is published; the median is told.
const RUNS: usize = 21;

fn main() -> ExitCode {
    meshc_allocator::keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = arguments.iter().find_map(|argument| argument.parse::<usize>().ok());
    // `cargo test --benches` runs this too, without `--bench`: then the smallest size must do.
    let asked = asked.or((!arguments.iter().any(|argument| argument == "--bench")).then_some(10));
    let sizes: Vec<usize> = asked.map_or_else(|| SIZES.to_vec(), |size| vec![size]);
    println!(
        "A first publish for three environments, two commits each. Times in ms; `bare` writes the same objects.\n"
    );
    println!(
        "{:>8} {:>8} {:>7} | {:>9} {:>9} {:>9} {:>9} | {:>9} | {:>12} {:>12}",
        "services", "files", "MB", "render", "hash", "steps", "commit", "bare", "commit/bare", "all/bare"
    );
    let mut ones = Vec::new();
    for size in sizes {
        match measure(size) {
            Ok(one) => ones.push((size, one)),
            Err(error) => {
                eprintln!("{size} services: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "\nhash: git's ids of all files, by which they are compared. steps: the safe next state, and what changes.\n"
    );
    println!("One changed service, median of {RUNS}, in ms:\n");
    println!(
        "{:>8} {:>8} {:>8} | {:>9} {:>9} {:>9} | {:>9} | {:>12}",
        "services", "files", "commits", "render", "compute", "commit", "bare", "commit/bare"
    );
    for (size, rows) in ones {
        for one in rows {
            println!(
                "{size:>8} {:>8} {:>8} | {:>9.1} {:>9.1} {:>9.2} | {:>9.2} | {:>12.2}",
                one.files,
                one.commits,
                ms(one.render),
                ms(one.compute),
                ms(one.commit),
                ms(one.bare),
                ms(one.commit) / ms(one.bare)
            );
        }
    }
    ExitCode::SUCCESS
}

/// One changed service, medians.
struct One {
    files: usize,
    commits: usize,
    render: Duration,
    compute: Duration,
    commit: Duration,
    bare: Duration,
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn measure(services: usize) -> Result<Vec<One>, Box<dyn std::error::Error>> {
    let generated = generate::project(Size { services, read: false });
    let folder = tempfile::tempdir()?;
    let (ours, theirs) = (folder.path().join("ours.git"), folder.path().join("bare.git"));
    // Opened anew for each commit, as a publish does: what a pack brought is then known.
    let open = |path: &std::path::Path| Repository::open_bare(path);
    Repository::init_bare(&ours)?;
    Repository::init_bare(&theirs)?;
    let git = Git::new(&ours, Duration::from_secs(60));
    let identity = Identity::of(&git)?;
    let mut times = [Duration::ZERO; 4];
    let mut bare = Duration::ZERO;
    let (mut tip, mut their_tip) = (None, None);
    let start = Instant::now();
    let renderings = render(&generated)?;
    times[0] = start.elapsed();
    let (mut files, mut bytes) = (0, 0);
    for (environment, rendering) in &renderings {
        files += rendering.bundle.files.len();
        bytes += rendering.bundle.files.values().map(String::len).sum::<usize>();
        let start = Instant::now();
        let ids = Tree::in_memory(&rendering.bundle.files, id_of);
        times[1] += start.elapsed();
        drop(ids);
        for _ in 0..3 {
            let (ours, theirs) = (open(&ours)?, open(&theirs)?);
            let start = Instant::now();
            let at = Commit::new(&ours, tip)?;
            let step = next(&at, &[], &subject(environment), rendering)?;
            times[2] += start.elapsed();
            if step.changes.is_empty() {
                break;
            }
            let start = Instant::now();
            tip = Some(create(&ours, &git, tip, &step.changes, "publish\n", &identity)?);
            times[3] += start.elapsed();
            let start = Instant::now();
            their_tip = Some(write_bare(&theirs, their_tip, &step.changes, true)?);
            bare += start.elapsed();
        }
    }
    let same = |repository: &Repository, tip: Option<Oid>| -> Result<Option<Oid>, git2::Error> {
        tip.map(|tip| Ok(repository.find_commit(tip)?.tree_id())).transpose()
    };
    // A ratio of different work would say nothing.
    let (ours, theirs) = (open(&ours)?, open(&theirs)?);
    assert_eq!(same(&ours, tip)?, same(&theirs, their_tip)?, "both wrote the same tree");
    let all: Duration = times.iter().sum();
    println!(
        "{services:>8} {files:>8} {:>7.1} | {:>9.1} {:>9.1} {:>9.1} {:>9.1} | {:>9.1} | {:>12.2} {:>12.2}",
        bytes as f64 / 1e6,
        ms(times[0]),
        ms(times[1]),
        ms(times[2].saturating_sub(times[1])),
        ms(times[3]),
        ms(bare),
        ms(times[3]) / ms(bare),
        ms(all) / ms(bare)
    );
    let mut rows = Vec::new();
    let mut commits = 6;
    let (Some(mut tip), Some(mut their_tip)) = (tip, their_tip) else { return Ok(rows) };
    for length in [0, HISTORY] {
        for number in 0..length {
            tip = touch(&ours, tip, number)?;
            their_tip = touch(&theirs, their_tip, number)?;
        }
        commits += length;
        rows.push(one(&generated, files, commits, (&ours, &mut tip), (&theirs, &mut their_tip), &git, &identity)?);
        commits += RUNS;
    }
    Ok(rows)
}

fn one(
    generated: &Generated,
    files: usize,
    commits: usize,
    (ours, tip): (&Repository, &mut Oid),
    (theirs, their_tip): (&Repository, &mut Oid),
    git: &Git,
    identity: &Identity,
) -> Result<One, Box<dyn std::error::Error>> {
    let mut all: [Vec<Duration>; 4] = Default::default();
    for run in 0..RUNS {
        let mut changed = generated.clone();
        let opened = |text: &str| {
            let at = text.find("  service ")?;
            Some(at + text.get(at..)?.find("{\n")? + 2)
        };
        let mut teams = changed.files.iter().filter(|(path, _)| path.starts_with("teams/"));
        let found = teams.find_map(|(path, text)| Some((path.clone(), text.clone(), opened(text)?)));
        let (path, text, at) = found.ok_or("no service")?;
        let pool = format!("    connect-timeout {}ms\n", 200 + commits + run);
        changed.files.insert(path, [&text[..at], &pool, &text[at..]].concat());
        let start = Instant::now();
        let renderings = render(&changed)?;
        let (environment, rendering) = renderings.iter().next().ok_or("no environment")?;
        all[0].push(start.elapsed());
        let start = Instant::now();
        let at = Commit::new(ours, Some(*tip))?;
        let step = next(&at, &[], &subject(environment), rendering)?;
        all[1].push(start.elapsed());
        assert!((2..20).contains(&step.changes.len()), "one service changes: {:?}", step.changes.keys());
        let start = Instant::now();
        *tip = create(ours, git, Some(*tip), &step.changes, "publish\n", identity)?;
        all[2].push(start.elapsed());
        let start = Instant::now();
        *their_tip = write_bare(theirs, Some(*their_tip), &step.changes, false)?;
        all[3].push(start.elapsed());
    }
    let [render, compute, commit, bare] = all.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    Ok(One { files, commits, render, compute, commit, bare })
}

/// A commit that changes one small file: history.
fn touch(repository: &Repository, tip: Oid, number: usize) -> Result<Oid, git2::Error> {
    let changes = Changes::from([("notes/history.txt".to_owned(), Some(format!("{number}\n").into()))]);
    write_bare(repository, Some(tip), &changes, false)
}

/// What a program does that only writes: blobs, trees, a commit, and a pack where asked.
fn write_bare(
    repository: &Repository,
    tip: Option<Oid>,
    changes: &Changes<'_>,
    pack: bool,
) -> Result<Oid, git2::Error> {
    let odb = repository.odb()?;
    let mempack = if pack { Some(odb.add_new_mempack_backend(1_000)?) } else { None };
    let parent = tip.map(|tip| repository.find_commit(tip)).transpose()?;
    let base = match &parent {
        Some(parent) => parent.tree()?,
        None => repository.find_tree(repository.treebuilder(None)?.write()?)?,
    };
    let mut update = TreeUpdateBuilder::new();
    for (path, text) in changes {
        match text {
            Some(text) => {
                let mode = if path == "rollback.sh" { FileMode::BlobExecutable } else { FileMode::Blob };
                update.upsert(path.as_str(), repository.blob(text.as_bytes())?, mode);
            }
            None => drop(update.remove(path.as_str())),
        }
    }
    let tree = update.create_updated(repository, &base)?;
    let who = Signature::new("a", "a@example.com", &Time::new(0, 0))?;
    let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
    let commit = repository.commit(None, &who, &who, "publish\n", &repository.find_tree(tree)?, &parents)?;
    if let Some(mempack) = mempack {
        let mut builder = repository.packbuilder()?;
        builder.insert_object(commit, None)?;
        pack_new(repository, &mut builder, tree, parent.as_ref().map(git2::Commit::tree_id))?;
        let mut bytes = git2::Buf::new();
        builder.write_buf(&mut bytes)?;
        mempack.reset()?;
        let mut writer = odb.packwriter()?;
        std::io::Write::write_all(&mut writer, &bytes).map_err(|error| git2::Error::from_str(&error.to_string()))?;
        writer.commit()?;
    }
    Ok(commit)
}

/// Puts into a pack what one tree has and the other has not.
fn pack_new(
    repository: &Repository,
    pack: &mut git2::PackBuilder<'_>,
    new: Oid,
    old: Option<Oid>,
) -> Result<(), git2::Error> {
    pack.insert_object(new, None)?;
    let old = old.and_then(|old| repository.find_tree(old).ok());
    for entry in &repository.find_tree(new)? {
        let before = old.as_ref().and_then(|old| old.get_name_bytes(entry.name_bytes())).map(|before| before.id());
        match (before == Some(entry.id()), entry.kind()) {
            (true, _) => {}
            (false, Some(git2::ObjectType::Tree)) => pack_new(repository, pack, entry.id(), before)?,
            (false, _) => pack.insert_object(entry.id(), None)?,
        }
    }
    Ok(())
}

fn render(generated: &Generated) -> Result<BTreeMap<String, Rendering>, String> {
    let world = MemoryWorld { files: generated.files.clone() };
    let mut found = Diagnostics::default();
    let project = project::load(&world, &mut found);
    let compilation = Compilation::new(&project, &mut found);
    let names = compilation.versioned();
    let environments = compilation.environments();
    let state = |folder: &str| {
        let names = names.iter().map(|(namespace, service)| (namespace, service));
        State::read(folder, names, |path| Ok(generated.state.get(path).cloned()))
    };
    let states: Vec<_> = environments.iter().map(|environment| (environment.clone(), state(environment))).collect();
    let mut renderings = BTreeMap::new();
    for (environment, rendered) in environments.iter().zip(compilation.render_all(&states)) {
        if rendered.diagnostics.has_errors() || rendered.bundle.files.is_empty() {
            return Err(format!("{environment} cannot be rendered"));
        }
        let prefix = format!("state/{environment}/");
        let own = generated.state.iter().filter(|(path, _)| path.starts_with(&prefix));
        let rendering = Rendering {
            bundle: rendered.bundle,
            states: own.map(|(path, text)| (path.clone(), text.clone())).collect(),
            releases: rendered
                .releases
                .into_iter()
                .map(|(namespace, service, shares)| ((namespace, service), shares))
                .collect(),
            ..Rendering::default()
        };
        renderings.insert(environment.to_string(), rendering);
    }
    Ok(renderings)
}

fn subject(environment: &str) -> Subject {
    let record = Record {
        branch: None,
        commit: None,
        compiler: "0.1.0".to_owned(),
        environment: environment.to_owned(),
        inputs: "sha256:".into(),
        library: "sha256:".into(),
        mesh: "company".to_owned(),
        schema: 0,
        unfinished: false,
    };
    Subject {
        branch: "main".to_owned(),
        folder: environment.to_owned(),
        record: record.stamped(),
        metadata: None,
        settle: Duration::ZERO,
        overwrite: false,
        tells_only: false,
        end_releases: true,
    }
}
