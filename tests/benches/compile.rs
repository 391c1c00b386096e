//! `cargo bench`: how long it takes to compile generated projects of 10 to 10,000 services for three environments, from
//! texts in memory to bytes in memory, and how much memory that needs.
//!
//! Each size runs in a process of its own, because the peak of memory is a process's. A first compilation is not
//! counted; of the further ones the median is. `cargo bench -- 1000` measures one size only.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use meshc_core::bundle::Bundle;
use meshc_core::compile::Compilation;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::project::{self, Project};
use meshc_core::source::Text;
use meshc_core::state::State;
use meshc_core::world::MemoryWorld;
use meshc_tests::generate::{self, Generated, Size};
use rayon::prelude::*;

/// As `meshc` itself has it.
#[global_allocator]
static ALLOCATOR: meshc_allocator::MiMalloc = meshc_allocator::MiMalloc;

/// Sizes, and how often each is compiled.
const SIZES: [(usize, usize); 4] = [(10, 101), (100, 41), (1_000, 11), (10_000, 5)];
/// What a size's process prints before its numbers.
const MARK: &str = "measured:";

fn main() -> ExitCode {
    meshc_allocator::keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<usize>().ok());
    match arguments.first().map(String::as_str) {
        Some("measure") => {
            let (services, runs) = (number(arguments.get(1)).unwrap_or(10), number(arguments.get(2)).unwrap_or(1));
            measure(services, runs, arguments.iter().any(|argument| argument == "read"));
            ExitCode::SUCCESS
        }
        _ => {
            // `cargo test --benches` runs this too, without `--bench`: then the smallest size must do.
            let asked = number(arguments.iter().find(|argument| argument.parse::<usize>().is_ok()));
            let asked = asked.or((!arguments.iter().any(|argument| argument == "--bench")).then_some(10));
            let sizes = SIZES.iter().copied().filter(|(services, _)| asked.is_none_or(|asked| asked == *services));
            let mut sizes: Vec<(usize, usize)> = sizes.collect();
            if let (true, Some(services)) = (sizes.is_empty(), asked) {
                sizes.push((services, 5));
            }
            report(&sizes)
        }
    }
}

/// Compiles one project again and again and prints the medians, in microseconds, and the peak of memory in KiB.
fn measure(services: usize, runs: usize, read: bool) {
    let generated = generate::project(Size { services, read });
    let world = MemoryWorld { files: generated.files.clone() };
    let (files, bytes) = {
        let bundles = compile(&world, &generated, &mut Stages::default());
        let texts = bundles.iter().flat_map(|bundle| bundle.files.values());
        (texts.clone().count(), texts.map(String::len).sum::<usize>())
    };
    let peak = memory("VmHWM");
    let mut all: Vec<Stages> = (0..runs)
        .map(|_| {
            let mut stages = Stages::default();
            let before = processor_time();
            let bundles = compile(&world, &generated, &mut stages);
            stages.processor = processor_time().saturating_sub(before);
            drop(bundles);
            stages
        })
        .collect();
    let check = median((0..runs.min(5)).map(|_| check(&world, &generated)).collect());
    all.sort_by_key(Stages::total);
    let Some(middle) = all.get(all.len() / 2) else { return };
    let numbers = [middle.load, middle.resolve, middle.state, middle.render, check, middle.processor]
        .map(|time| time.as_micros().to_string());
    println!("{MARK} {} {peak} {files} {bytes}", numbers.join(" "));
}

/// How long the stages of one compilation took.
#[derive(Debug, Default, Clone, Copy)]
struct Stages {
    load: Duration,
    resolve: Duration,
    state: Duration,
    /// All environments, checks included.
    render: Duration,
    /// Of all cores together.
    processor: Duration,
}

impl Stages {
    fn total(&self) -> Duration {
        self.load + self.resolve + self.state + self.render
    }
}

fn timed<T>(into: &mut Duration, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = run();
    *into += start.elapsed();
    out
}

/// Compiles as `meshc render` does, without writing. What is dropped at the end is not counted.
fn compile(world: &MemoryWorld, generated: &Generated, stages: &mut Stages) -> Vec<Bundle> {
    let mut out = Diagnostics::default();
    let project: Project = timed(&mut stages.load, || project::load(world, &mut out));
    let compilation = timed(&mut stages.resolve, || Compilation::new(&project, &mut out));
    let environments = compilation.environments();
    let with_state = |environment: &Text| (environment.clone(), state(&compilation, generated, environment));
    let states: Vec<(Text, State)> = timed(&mut stages.state, || environments.iter().map(with_state).collect());
    let rendered = timed(&mut stages.render, || compilation.render_all(&states));
    let mut bundles = Vec::new();
    for (environment, rendered) in environments.iter().zip(rendered) {
        out.append_environment(environment, rendered.diagnostics);
        bundles.push(rendered.bundle);
    }
    if let Some(first) = out.into_sorted(&compilation.environments()).first() {
        panic!("a generated project has a finding at {}: {first:?}", project.sources.locate(first.primary.span));
    }
    bundles
}

/// How long the checks of all environments take.
fn check(world: &MemoryWorld, generated: &Generated) -> Duration {
    let mut out = Diagnostics::default();
    let project = project::load(world, &mut out);
    let compilation = Compilation::new(&project, &mut out);
    let with_state = |environment: Text| {
        let state = state(&compilation, generated, &environment);
        (environment, state)
    };
    let states: Vec<(Text, State)> = compilation.environments().into_iter().map(with_state).collect();
    let mut time = Duration::ZERO;
    timed(&mut time, || states.par_iter().for_each(|(environment, state)| drop(compilation.check(environment, state))));
    time
}

fn state(compilation: &Compilation<'_>, generated: &Generated, environment: &str) -> State {
    let names = compilation.versioned();
    let names = names.iter().map(|(namespace, service)| (namespace, service));
    State::read(environment, names, |path| Ok(generated.state.get(path).cloned()))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A line of `/proc/self/status`, in KiB; 0 where there is none.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The time that all threads of this process have had on a core; zero where the system does not say.
fn processor_time() -> Duration {
    let nanoseconds = |thread: std::fs::DirEntry| -> Option<u64> {
        std::fs::read_to_string(thread.path().join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
    };
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    Duration::from_nanos(threads.filter_map(nanoseconds).sum())
}

/// What the process of one size measured.
struct Row {
    services: usize,
    /// Milliseconds: load, resolve, state, render, check, and of all cores together.
    times: [f64; 6],
    peak_mib: f64,
    files: usize,
    megabytes: f64,
}

impl Row {
    fn total(&self) -> f64 {
        self.times.iter().take(4).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    fn run(services: usize, runs: usize, read: bool) -> Result<Row, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["measure", &services.to_string(), &runs.to_string()]);
        if read {
            command.arg("read");
        }
        let output = command.output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix(MARK));
        let line = line.ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [load, resolve, state, render, check, processor, peak, files, bytes] = numbers[..] else {
            return Err(format!("not understood: {line}"));
        };
        Ok(Row {
            services,
            times: [load, resolve, state, render, check, processor].map(|micros| micros as f64 / 1000.0),
            peak_mib: peak as f64 / 1024.0,
            files: files as usize,
            megabytes: bytes as f64 / 1e6,
        })
    }
}

fn report(sizes: &[(usize, usize)]) -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "Compilation for three environments, bytes in memory to bytes in memory, on {cores} cores. Times in ms.\n"
    );
    println!(
        "{:>8} {:>9} {:>9} | {:>14} {:>14} {:>14} {:>14} | {:>9} {:>8} | {:>9} {:>7} {:>8}",
        "services",
        "total",
        "CPU",
        "parse, lower",
        "resolve",
        "check",
        "render",
        "µs/serv.",
        "growth",
        "peak MiB",
        "files",
        "MB"
    );
    let mut rows: Vec<Row> = Vec::new();
    for (services, runs) in sizes {
        let row = match Row::run(*services, *runs, false) {
            Ok(row) => row,
            Err(error) => {
                eprintln!("{services} services: {error}");
                return ExitCode::FAILURE;
            }
        };
        print_row(&row, rows.last());
        rows.push(row);
    }
    println!("\ngrowth: time for each service, against the size before (1.00 is linear).");
    println!("peak MiB: of a fresh process that compiles once, with the project's texts and all three results.\n");
    println!("The same with an inventory and `.proto` files, which are read once:\n");
    println!("{:>8} {:>9} | {:>14} | {:>9}", "services", "total", "load", "peak MiB");
    for (services, runs) in sizes {
        match Row::run(*services, *runs, true) {
            Ok(row) => {
                let [load, ..] = row.times;
                println!("{services:>8} {:>9.1} | {load:>14.1} | {:>9.0}", row.total(), row.peak_mib);
            }
            Err(error) => {
                eprintln!("{services} services: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn print_row(row: &Row, before: Option<&Row>) {
    let [load, resolve, state, render, check, processor] = row.times;
    let total = row.total();
    let each = |row: &Row| row.total() / row.services as f64;
    let share = |time: f64| format!("{time:.1} ({:.0} %)", 100.0 * time / total);
    let growth = before.map_or(String::new(), |before| format!("{:.2}", each(row) / each(before)));
    println!(
        "{:>8} {total:>9.1} {processor:>9.1} | {:>14} {:>14} {:>14} {:>14} | {:>9.1} {growth:>8} | {:>9.0} {:>7} {:>8.1}",
        row.services,
        share(load),
        share(resolve + state),
        share(check),
        share((render - check).max(0.0)),
        1000.0 * each(row),
        row.peak_mib,
        row.files,
        row.megabytes,
    );
}
