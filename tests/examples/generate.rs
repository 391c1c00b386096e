//! Writes a generated project to a folder, to try things at size: `cargo run --release -p meshc-tests --example generate
//! -- FOLDER SERVICES [read]`. With `read`, ports, accounts and RPCs are in manifests and `.proto` files. Recorded
//! releases are below `FOLDER/deploy`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use meshc_tests::generate::{self, Size};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(folder), Some(services)) = (arguments.first(), arguments.get(1).and_then(|number| number.parse().ok()))
    else {
        eprintln!("usage: generate FOLDER SERVICES [read]");
        return ExitCode::FAILURE;
    };
    let read = arguments.iter().any(|argument| argument == "read");
    match write(Path::new(folder), Size { services, read }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, size: Size) -> std::io::Result<()> {
    let generated = generate::project(size);
    let project = generated.files.iter().map(|(path, text)| (folder.join(path), text));
    let deploy = generated.state.iter().map(|(path, text)| (folder.join("deploy").join(path), text));
    let all: Vec<(PathBuf, &String)> = project.chain(deploy).collect();
    for (path, text) in all {
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
