//! `after staging`: an environment's turn comes when the one before it holds what these sources render to.

use meshc_gitops::folder::{Commit, id_of};

use super::Publishing;
use super::target::{Target, TargetArgs};
use crate::failure::Failure;

/// Why it is not yet an environment's turn; nothing where it is.
pub(crate) fn missed(
    publishing: &Publishing<'_>,
    target: &Target,
    args: &TargetArgs,
) -> Result<Option<String>, Failure> {
    let Some(before) = &target.after else { return Ok(None) };
    let earlier = Target::of(publishing, before, args);
    // Closed again before the environment's own repository, which may be the same one, is opened.
    let mut remote = earlier.open(publishing, args)?;
    let tip = remote.tip()?;
    let commit = Commit::new(remote.store().repository(), tip)?;
    let rendering = publishing.render(before, &commit, false)?.rendering;
    let folder = commit.folder(&earlier.folder)?;
    let mut files = rendering.bundle.files.iter();
    let differs = files.find(|(path, text)| folder.ids.get(*path) != Some(&id_of(text)));
    Ok(differs.map(|(path, _)| {
        format!("it comes after `{before}`, which does not hold these sources yet (`{path}` differs)")
    }))
}
