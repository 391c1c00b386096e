//! Runs `git http-backend` for a request, as a program of the Common Gateway Interface (RFC 3875).

use std::io::{self, Read as _, Write as _};
use std::process::Stdio;
use std::thread;

use super::Backend;
use super::message::{Request, Response};

impl Backend {
    /// The answer of `git` to a request by this user.
    pub(super) fn run(&self, request: &Request, user: Option<&str>) -> io::Result<Response> {
        let mut command = self.git.command(&self.folder, &["http-backend"]);
        command.env("GIT_PROJECT_ROOT", &self.folder).env("GIT_HTTP_EXPORT_ALL", "1");
        // Without a user, pushes need the server's configuration to allow them.
        command.env("GIT_CONFIG_COUNT", "1");
        command.env("GIT_CONFIG_KEY_0", "http.receivepack").env("GIT_CONFIG_VALUE_0", "true");
        command.env("REQUEST_METHOD", &request.method).env("SERVER_PROTOCOL", "HTTP/1.1");
        command.env("PATH_INFO", &request.path).env("QUERY_STRING", &request.query);
        command.env("CONTENT_LENGTH", request.body.len().to_string()).env("REMOTE_ADDR", "127.0.0.1");
        for (header, variable) in [
            ("content-type", "CONTENT_TYPE"),
            ("content-encoding", "HTTP_CONTENT_ENCODING"),
            ("git-protocol", "GIT_PROTOCOL"),
        ] {
            if let Some(value) = request.header(header) {
                command.env(variable, value);
            }
        }
        if let Some(user) = user {
            command.env("REMOTE_USER", user);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let output = self.groups.run(&mut command, |child| {
            let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
            thread::scope(|scope| {
                // A program that has read enough closes its input.
                scope.spawn(|| stdin.map(|mut stdin| stdin.write_all(&request.body)));
                let mut output = Vec::new();
                stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut output)).map(|_| output)
            })
        })??;
        Response::from_gateway(&output)
    }
}
