//! The frames of git's protocols: four hexadecimal digits of length, which counts them too, then the bytes
//! (`Documentation/gitprotocol-common.txt` of git 2.39).

use std::io::{self, Read};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// What a client of `git://` asks to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Read.
    Fetch,
    /// Write.
    Push,
}

impl Service {
    /// The service that a client names in its first frame, which stays unread.
    pub(super) fn asked_for(client: &TcpStream) -> io::Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(10);
        // "0037git-receive-pack /deploy.git": the name is whole once this many bytes are there.
        let mut start = [0; 20];
        loop {
            let there = client.peek(&mut start)?;
            match &start[..there] {
                bytes if bytes.get(4..) == Some(b"git-receive-pack") => return Ok(Self::Push),
                bytes if bytes.get(4..).is_some_and(|name| name.starts_with(b"git-upload-pack")) => {
                    return Ok(Self::Fetch);
                }
                [_, ..] if there < start.len() && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(1));
                }
                other => {
                    let shown = String::from_utf8_lossy(other).into_owned();
                    return Err(io::Error::new(io::ErrorKind::InvalidData, format!("no request of git: {shown:?}")));
                }
            }
        }
    }
}

/// Frames up to and with the one that ends a list ("0000"), or up to the end of the stream.
pub(super) fn read_list(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut length = [0; 4];
        match from.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(bytes),
            other => other?,
        }
        bytes.extend_from_slice(&length);
        let length = str::from_utf8(&length).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        match length {
            Some(0) => return Ok(bytes),
            Some(length @ 4..) => {
                let start = bytes.len();
                bytes.resize(start + length - 4, 0);
                from.read_exact(&mut bytes[start..])?;
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame without a length")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_at_its_last_frame() {
        let bytes = b"0008abcd00040009000";
        assert!(read_list(&mut &bytes[..]).is_err(), "the third frame is cut short");
        let mut bytes = &b"0008abcd00040000rest"[..];
        assert_eq!(read_list(&mut bytes).unwrap(), b"0008abcd00040000");
        assert_eq!(bytes, b"rest");
        assert_eq!(read_list(&mut &b"0008abcd"[..]).unwrap(), b"0008abcd");
        assert!(read_list(&mut &b"HTTP/1.1"[..]).is_err());
    }
}
