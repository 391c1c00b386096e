//! `cargo bench --bench growth`: how the work on meshes of odd shapes grows with their size. Each shape is compiled in
//! two sizes, one four times the other; where the time grows much more than that, something compares all with all.
//! `cargo bench --bench growth -- "unknown callers" 4000` measures one shape, from 1,000 to 4,000.
//!
//! Times are of the processor, all threads together, the best of several runs. Nothing is asserted: they depend on the
//! machine. Shapes of which a small one takes less than a millisecond say little.

use std::process::ExitCode;
use std::time::Duration;

use meshc_core::compile::Compilation;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::project;
use meshc_core::source::Text;
use meshc_core::state::State;
use meshc_core::world::MemoryWorld;
use meshc_tests::odd::{Files, Shape, shapes};

/// As `meshc` itself has it.
#[global_allocator]
static ALLOCATOR: meshc_allocator::MiMalloc = meshc_allocator::MiMalloc;

/// How much larger the larger mesh is.
const FACTOR: usize = 4;
/// Beyond this the larger mesh takes more than its share: linear is 4, with a logarithm 5, quadratic 16.
const STEEP: f64 = 7.0;

fn main() -> ExitCode {
    meshc_allocator::keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this too, without `--bench`: then small meshes must do.
    let usual = if arguments.iter().any(|argument| argument == "--bench") { 4_000 } else { 40 };
    let size = arguments.iter().find_map(|argument| argument.parse::<usize>().ok()).unwrap_or(usual);
    let wanted = arguments.iter().find(|argument| !argument.starts_with('-') && argument.parse::<usize>().is_err());
    let shapes: Vec<Shape> =
        shapes().into_iter().filter(|shape| wanted.is_none_or(|wanted| shape.name.contains(wanted.as_str()))).collect();
    if shapes.is_empty() {
        eprintln!("no shape is named like that");
        return ExitCode::from(2);
    }
    let small = (size / FACTOR).max(2);
    println!("Processor time of compiling {small} and {size} of one thing, in ms.\n");
    println!("{:<55} {:>9} {:>9} {:>7} {:>9}", "shape", small, size, "growth", "findings");
    for shape in shapes {
        let (before, _) = measure(&(shape.make)(small));
        let (after, findings) = measure(&(shape.make)(size));
        let growth = after.as_secs_f64() / before.as_secs_f64().max(1e-6);
        let mark = if growth > STEEP && after > Duration::from_millis(20) { "  steep" } else { "" };
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        println!("{:<55} {:>9.1} {:>9.1} {growth:>7.1} {findings:>9}{mark}", shape.name, millis(before), millis(after));
    }
    ExitCode::SUCCESS
}

/// The best time of several compilations, and what one found.
fn measure(files: &Files) -> (Duration, usize) {
    let world = MemoryWorld { files: files.clone() };
    let mut best = Duration::MAX;
    let mut findings = 0;
    for run in 0..5 {
        let start = processor_time();
        findings = compile(&world);
        best = best.min(processor_time().saturating_sub(start));
        // What takes long need not be measured again.
        if best > Duration::from_millis(500) && run > 0 || best > Duration::from_secs(5) {
            break;
        }
    }
    (best, findings)
}

/// Compiles as `meshc render` does, and finds the line of each finding. Returns how many there are.
fn compile(world: &MemoryWorld) -> usize {
    let mut out = Diagnostics::default();
    let project = project::load(world, &mut out);
    let compilation = Compilation::new(&project, &mut out);
    let environments = compilation.environments();
    let state = |environment: &Text| State::read(environment, [], |_| Ok(None));
    let states: Vec<(Text, State)> = environments.iter().map(|name| (name.clone(), state(name))).collect();
    for (environment, rendered) in environments.iter().zip(compilation.render_all(&states)) {
        out.append_environment(environment, rendered.diagnostics);
    }
    let sorted = out.into_sorted(&environments);
    for diagnostic in &sorted {
        std::hint::black_box(project.sources.locate(diagnostic.primary.span));
    }
    sorted.len()
}

/// The time that all threads of this process have had on a core; zero where the system does not say.
fn processor_time() -> Duration {
    let nanoseconds = |thread: std::fs::DirEntry| -> Option<u64> {
        std::fs::read_to_string(thread.path().join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
    };
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    Duration::from_nanos(threads.filter_map(nanoseconds).sum())
}
