//! The end of a hold: the release starts again with no request on the new version, and with fresh evidence. The files
//! stay as they are: the held form is that of weight 0.

use std::borrow::Cow;

use meshc_core::state::{self, Record};

use crate::commit::{Blobs, Changes};
use crate::error::{Error, Result};
use crate::folder::Commit;
use crate::remote::Remote;
use crate::rollback::{Name, Order, Outcome, Refusal, extend, prepared, said};

/// Deletes the holds of these services and sets their states back to where a release begins. Services without a hold
/// are passed over; without any, nothing is committed.
pub fn resume(remote: &mut Remote, order: &Order<'_>) -> std::result::Result<Outcome, Refusal> {
    extend(remote, order, |commit| {
        let (texts, blobs) = changes(commit, order.folder, order.names)?;
        if texts.is_empty() {
            return Ok(None);
        }
        Ok(Some((texts, blobs, said(order, "resume", "starts again at 0 %"))))
    })
}

/// What resuming changes in a commit. Unlike a rollback it reads the state, and refuses one that cannot be read: it has
/// to say which versions start again.
pub fn changes(commit: &Commit<'_>, folder: &str, names: &[Name]) -> Result<(Changes<'static>, Blobs)> {
    let known = prepared(commit, folder)?;
    let (mut texts, mut blobs) = (Changes::new(), Blobs::new());
    for name in names {
        let hold = name.state(folder, "hold");
        if commit.entry(&hold)?.is_none() {
            continue;
        }
        texts.insert(hold, None);
        let path = name.state(folder, "json");
        let refused = |why: &str| {
            Error::Refused(format!(
                "`{name}` was not resumed: `{path}`, which says what is released, {why}; restore it from an earlier \
                 commit, or end the release in its `.mesh` file and publish"
            ))
        };
        let text = commit.text(&path)?.ok_or_else(|| refused("is missing"))?;
        let record = state::parse(&text).map_err(|why| refused(&why))?;
        let canary = record.canary.ok_or_else(|| refused("names no new version"))?;
        let begun = Record::begin(record.stable, canary).to_text();
        if begun != text {
            texts.insert(path, Some(Cow::Owned(begun)));
        }
        // Somebody may have edited the files while they were held.
        if let Some(prepared) = known.iter().find(|prepared| prepared.name == *name) {
            blobs.extend(prepared.held_files());
        }
    }
    Ok((texts, blobs))
}
