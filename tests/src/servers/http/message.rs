//! Requests and responses of HTTP/1.1, as far as `git` needs them: one of each for a connection.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};

/// No line of a request by `git` is longer.
const LONGEST_LINE: u64 = 64 * 1024;

/// What a client wants.
#[derive(Debug)]
pub(super) struct Request {
    /// GET or POST.
    pub(super) method: String,
    /// The path, without what follows `?`.
    pub(super) path: String,
    /// What follows `?`.
    pub(super) query: String,
    /// Both, as they were sent.
    pub(super) target: String,
    headers: BTreeMap<String, String>,
    /// As it was sent, unless it came in chunks: those are joined.
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads a request; none where the client has hung up before the first byte. A client that waits to be asked for
    /// its body is asked for it.
    pub(super) fn read(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<Option<Self>> {
        let Some(first) = line(from)? else { return Ok(None) };
        let [method, target, _version] = first.split(' ').collect::<Vec<_>>()[..] else {
            return Err(invalid(&first));
        };
        let mut headers = BTreeMap::new();
        loop {
            let header = line(from)?.ok_or_else(|| invalid("no end of the headers"))?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').ok_or_else(|| invalid(&header))?;
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            target: target.to_owned(),
            headers,
            body: Vec::new(),
        };
        if request.header("expect").is_some() {
            to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = request.read_body(from)?;
        Ok(Some(request))
    }

    /// The value of a header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn read_body(&self, from: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = line(from)?.ok_or_else(|| invalid("no last chunk"))?;
                let digits = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(digits, 16).map_err(|_| invalid(&size))?;
                let start = body.len();
                body.resize(start + size, 0);
                from.read_exact(&mut body[start..])?;
                let end = line(from)?;
                if size == 0 {
                    return Ok(body);
                }
                if end.as_deref() != Some("") {
                    return Err(invalid("a chunk without an end"));
                }
            }
        }
        if let Some(length) = self.header("content-length") {
            body.resize(length.parse().map_err(|_| invalid(length))?, 0);
            from.read_exact(&mut body)?;
        }
        Ok(body)
    }
}

/// A line without its end; none at the end of the stream.
fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    from.take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let text = str::from_utf8(&bytes).map_err(|_| invalid("a line that is not UTF-8"))?;
    let text = text.strip_suffix('\n').ok_or_else(|| invalid("a line without an end"))?;
    Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// What a client gets.
#[derive(Debug)]
pub(super) struct Response {
    /// "200 OK".
    pub(super) status: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// A response without a body.
    pub(super) fn refused(code: u16, reason: &str, headers: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { status: format!("{code} {reason}"), headers: headers.iter().map(owned).collect(), body: Vec::new() }
    }

    /// What a program of the Common Gateway Interface wrote (RFC 3875, section 6).
    pub(super) fn from_gateway(output: &[u8]) -> io::Result<Self> {
        let mut rest = output;
        let mut response = Self { status: "200 OK".to_owned(), headers: Vec::new(), body: Vec::new() };
        loop {
            let header = line(&mut rest)?.ok_or_else(|| invalid("no end of the headers"))?;
            match header.split_once(": ") {
                None if header.is_empty() => break,
                None => return Err(invalid(&header)),
                Some(("Status", status)) => status.clone_into(&mut response.status),
                Some((name, value)) => response.headers.push((name.to_owned(), value.to_owned())),
            }
        }
        response.body = rest.to_owned();
        Ok(response)
    }

    /// As it is sent. The connection ends with it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n", self.body.len());
        [head.as_bytes(), &self.body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        let sent =
            b"POST /a.git/git-receive-pack?x=1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n\
            4\r\nwith\r\n5;x=y\r\n this\r\n0\r\n\r\n";
        let mut answer = Vec::new();
        let request = Request::read(&mut &sent[..], &mut answer).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.query.as_str()), ("/a.git/git-receive-pack", "x=1"));
        assert_eq!(request.body, b"with this");
        assert_eq!(answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        assert!(Request::read(&mut &sent[..sent.len() - 10], &mut answer).is_err(), "the last chunk is missing");
        assert!(Request::read(&mut &b""[..], &mut answer).unwrap().is_none());
    }

    #[test]
    fn a_gateway_says_its_status() {
        let response = Response::from_gateway(b"Status: 404 Not Found\r\nA: b\r\n\r\nbody").unwrap();
        let expected = "HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";
        assert_eq!(String::from_utf8(response.bytes()).unwrap(), expected);
        assert!(Response::from_gateway(b"no headers").is_err());
    }
}
