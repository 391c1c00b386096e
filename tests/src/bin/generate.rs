//! `generate SERVICES FOLDER`: writes a generated project, and the recorded state of its releases beside it, for
//! scripts that measure whole processes.

use std::path::Path;
use std::process::ExitCode;

use meshc_tests::generate::{Size, project};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(services), Some(folder)) = (arguments.first().and_then(|text| text.parse().ok()), arguments.get(1))
    else {
        eprintln!("usage: generate SERVICES FOLDER");
        return ExitCode::from(2);
    };
    let generated = project(Size { services, read: false });
    let folder = Path::new(folder);
    for (root, files) in [("project", &generated.files), ("deploy", &generated.state)] {
        for (path, text) in files {
            let path = folder.join(root).join(path);
            let written =
                path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
            if let Err(error) = written {
                eprintln!("{}: {error}", path.display());
                return ExitCode::from(3);
            }
        }
    }
    ExitCode::SUCCESS
}
