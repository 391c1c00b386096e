//! Writes many new objects as one pack.
//!
//! libgit2's own builder looks for deltas between them, which takes ten times as long as all else; whole objects take
//! about four times the room, and `git push` and `git gc` look for deltas again anyway. The format is that of
//! `gitformat-pack` (git 2.47), version 2: each object is a header of type and size, then its bytes as one zlib stream.

use std::collections::BTreeSet;
use std::io::Write;

use flate2::{Compress, Compression, FlushCompress, Status};
use git2::{ObjectType, Odb, Oid};
use rayon::prelude::*;
use sha1::{Digest, Sha1};

use crate::error::{Error, Result};

/// So many objects are held compressed at a time.
const AT_ONCE: usize = 4_096;

/// Writes a pack with its index of objects that the database has in memory.
pub(crate) fn write(odb: &Odb<'_>, objects: &BTreeSet<Oid>) -> Result<()> {
    let fails = |error: std::io::Error| Error::Local(format!("cannot write a pack: {error}"));
    let count = u32::try_from(objects.len()).map_err(|_| Error::Local("a pack of 2^32 objects".to_owned()))?;
    let mut writer = Hashing { to: odb.packwriter()?, hash: Sha1::new() };
    let mut read = Vec::with_capacity(AT_ONCE);
    writer.put(b"PACK\0\0\0\x02").and_then(|()| writer.put(&count.to_be_bytes())).map_err(fails)?;
    let mut left = objects.iter().peekable();
    while left.peek().is_some() {
        read.clear();
        for id in left.by_ref().take(AT_ONCE) {
            let object = odb.read(*id)?;
            read.push((object.kind(), object.data().to_vec()));
        }
        let packed: Vec<Result<Vec<u8>>> = read
            .par_iter()
            .map_init(|| Compress::new(Compression::fast(), true), |zlib, (kind, bytes)| entry(zlib, *kind, bytes))
            .collect();
        for entry in packed {
            writer.put(&entry?).map_err(fails)?;
        }
    }
    let Hashing { mut to, hash } = writer;
    to.write_all(&hash.finalize()).map_err(fails)?;
    to.commit()?;
    Ok(())
}

/// A writer that hashes what it writes.
struct Hashing<W> {
    to: W,
    hash: Sha1,
}

impl<W: Write> Hashing<W> {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hash.update(bytes);
        self.to.write_all(bytes)
    }
}

/// One object of a pack.
fn entry(zlib: &mut Compress, kind: ObjectType, bytes: &[u8]) -> Result<Vec<u8>> {
    let number: u8 = match kind {
        ObjectType::Commit => 1,
        ObjectType::Tree => 2,
        ObjectType::Blob => 3,
        other => return Err(Error::Local(format!("a pack of files and folders has no {other}"))),
    };
    // zlib's bound for what cannot be compressed, the header of up to ten bytes, and its own frame.
    let mut packed = Vec::with_capacity(bytes.len() + bytes.len() / 1_000 + 64);
    // Four bits of the size beside the type, then seven in each byte, lowest first; the high bit says that more follow.
    let mut size = bytes.len();
    let mut byte = number << 4 | (size & 0xf) as u8;
    size >>= 4;
    while size > 0 {
        packed.push(byte | 0x80);
        byte = (size & 0x7f) as u8;
        size >>= 7;
    }
    packed.push(byte);
    zlib.reset();
    loop {
        let done = usize::try_from(zlib.total_in()).unwrap_or(bytes.len());
        let status = zlib.compress_vec(bytes.get(done..).unwrap_or_default(), &mut packed, FlushCompress::Finish);
        match status.map_err(|error| Error::Local(format!("cannot compress an object: {error}")))? {
            Status::StreamEnd => return Ok(packed),
            Status::Ok | Status::BufError => packed.reserve(bytes.len() / 2 + 64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use git2::Repository;

    use super::*;
    use crate::program::Git;

    #[test]
    fn git_reads_every_size_of_object() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let odb = repository.odb().unwrap();
        let memory = odb.add_new_mempack_backend(1_000).unwrap();
        let mut noise = fastrand::Rng::with_seed(7);
        let sizes = [0, 1, 15, 16, 17, 2_047, 2_048, 100_000, 300_000];
        let texts: Vec<Vec<u8>> = sizes.iter().map(|size| (0..*size).map(|_| noise.u8(..)).collect()).collect();
        let ids: BTreeSet<Oid> = texts.iter().map(|text| repository.blob(text).unwrap()).collect();
        write(&odb, &ids).unwrap();
        memory.reset().unwrap();
        let git = Git::new(folder.path(), Duration::from_secs(20));
        assert!(git.run(&["fsck", "--full", "--strict"], b"").unwrap().succeeded());
        let repository = Repository::open_bare(folder.path()).unwrap();
        for (id, text) in texts.iter().map(|text| (Oid::hash_object(ObjectType::Blob, text).unwrap(), text)) {
            assert_eq!(repository.find_blob(id).unwrap().content(), text);
        }
    }
}
