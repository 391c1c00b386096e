//! Rehearsals: a rollback on a scratch copy of the server's branch, and a push of a commit that changes nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use git2::Oid;

use crate::commit::{Blobs, Changes, Identity, create_with_blobs};
use crate::error::{Error, Result};
use crate::message::message;
use crate::program::Git;
use crate::remote::{Pushed, Remote};
use crate::rollback::{PATIENCE, Refusal};
use crate::store::Store;

/// Makes a bare repository below `scratch` whose branch is at `tip` of `store`, to be pushed to in the place of the
/// server.
pub fn scratch_server(store: &Store, tip: Oid, branch: &str, scratch: &Path, deadline: Duration) -> Result<PathBuf> {
    let server = scratch.join("server.git");
    let project = scratch.join("project");
    std::fs::create_dir_all(&project)
        .map_err(|error| Error::Local(format!("cannot write `{}`: {error}", project.display())))?;
    let path = server.to_string_lossy().into_owned();
    let git = Git::new(store.path(), deadline);
    let run = |arguments: &[&str]| {
        let finished = git.run(arguments, b"")?;
        if finished.succeeded() {
            return Ok(());
        }
        Err(Error::Local(format!("cannot make a scratch clone in `{path}`: {}", finished.stderr)))
    };
    run(&["init", "--quiet", "--bare", "--template=", "--", &path])?;
    // The store has as much of the history as it needed so far.
    run(&["-C", &path, "config", "receive.shallowUpdate", "true"])?;
    run(&["push", "--quiet", "--no-verify", "--", &path, &format!("{tip}:refs/heads/{branch}")])?;
    Ok(server)
}

/// Pushes a commit that changes nothing: who can do that can roll back.
pub fn push_nothing(remote: &mut Remote, identity: &Identity) -> std::result::Result<Oid, Refusal> {
    let started = Instant::now();
    let text = message(
        "rehearse: a commit that changes nothing",
        &["It proves that a rollback can be pushed.".to_owned()],
        &[("Mesh-Operation", "rehearse".to_owned())],
    );
    for attempt in 1_u32.. {
        let tip = remote.tip()?;
        let (git, repository) = (remote.git(), remote.store().repository());
        let commit = create_with_blobs(repository, &git, tip, &Changes::new(), &Blobs::new(), &text, identity)?;
        match remote.push(tip, commit) {
            Ok(Pushed::Done) => return Ok(commit),
            Ok(Pushed::Lost) if started.elapsed() > PATIENCE => {
                return Err(Error::LostRaces { attempts: attempt, during: started.elapsed() }.into());
            }
            Ok(Pushed::Lost) => std::thread::sleep(Duration::from_millis(fastrand::u64(2..20))),
            Err(error) => return Err(Refusal { error, commit: Some(commit) }),
        }
    }
    Err(Error::LostRaces { attempts: u32::MAX, during: started.elapsed() }.into())
}
