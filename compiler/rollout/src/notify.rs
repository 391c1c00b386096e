//! Telling others what became of a release: a JSON text posted to a webhook, or given to a program. Whatever goes wrong
//! here is said and changes nothing.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// How often a program is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Posts a JSON text to the URL that a file holds. The error names the file: whoever knows the URL can post there.
pub fn webhook(file: &Path, body: &str, deadline: Duration) -> Result<(), String> {
    let shown = file.display();
    let url = std::fs::read_to_string(file).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(deadline))
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(tls)
        .user_agent("meshc")
        .build()
        .new_agent();
    let request = agent.post(url.trim()).header("Content-Type", "application/json");
    // Its words may hold the URL.
    let response = request.send(body).map_err(|error| match error {
        ureq::Error::Timeout(_) => format!("the webhook in `{shown}` does not answer within {} s", deadline.as_secs()),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => format!("`{shown}` does not hold a URL"),
        _ => format!("the webhook in `{shown}` cannot be reached"),
    })?;
    match response.status().as_u16() {
        200..=299 => Ok(()),
        status => Err(format!("the webhook in `{shown}` answered HTTP {status}")),
    }
}

/// Runs a program, without a shell, with a text as its standard input. `folder` is where it runs, and where a relative
/// path of the program begins.
pub fn command(words: &[&str], folder: &Path, body: &str, deadline: Duration) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let path = if program.contains('/') { folder.join(program) } else { Path::new(program).to_owned() };
    let path = if path.is_relative() && program.contains('/') {
        // Otherwise it depends on the system whether it begins here or in `folder`.
        std::env::current_dir().map(|here| here.join(&path)).unwrap_or(path)
    } else {
        path
    };
    let mut command = Command::new(path);
    command.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // A program that does not want to know closes its end.
        let _ = input.write_all(body.as_bytes());
    }
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`{program}` failed: {status}")),
            Ok(None) if started.elapsed() > deadline => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("`{program}` did not end within {} s", deadline.as_secs()));
            }
            Ok(None) => std::thread::sleep(LOOK),
            Err(error) => return Err(format!("`{program}` is lost: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(1);

    #[test]
    fn a_webhook_gets_the_text_and_its_url_is_in_no_message() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("webhook");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        std::fs::write(&file, format!("http://{}/s3cret\n", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let mut requests = Vec::new();
            for status in ["204 No Content", "404 Not Found"] {
                let (mut stream, _) = listener.accept().unwrap();
                let (mut text, mut buffer) = (String::new(), [0; 4096]);
                while !text.ends_with('}') {
                    let count = stream.read(&mut buffer).unwrap();
                    text.push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
                requests.push(text);
                write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
            requests
        });
        assert_eq!(webhook(&file, "{\"a\":1}", DEADLINE), Ok(()));
        let refused = webhook(&file, "{\"a\":1}", DEADLINE).unwrap_err();
        assert!(refused.ends_with("answered HTTP 404") && !refused.contains("s3cret"), "{refused}");
        let requests = server.join().unwrap();
        assert!(
            requests[0].starts_with("POST /s3cret ") && requests[0].ends_with("\r\n\r\n{\"a\":1}"),
            "{}",
            requests[0]
        );
        // The server is gone.
        let away = webhook(&file, "{}", DEADLINE).unwrap_err();
        assert!(away.ends_with("cannot be reached") && !away.contains("s3cret"), "{away}");
        std::fs::write(&file, "s3cret of another kind").unwrap();
        let wrong = webhook(&file, "{}", DEADLINE).unwrap_err();
        assert!(!wrong.contains("s3cret"), "{wrong}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_reads_the_text_and_has_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let run = |words: &[&str]| command(words, folder.path(), "{\"a\":1}", DEADLINE);
        assert_eq!(run(&["sh", "-c", "cat > got; echo \"$1\" >> got", "sh", "$(x) y"]), Ok(()));
        assert_eq!(std::fs::read_to_string(folder.path().join("got")).unwrap(), "{\"a\":1}$(x) y\n");
        assert!(run(&["false"]).unwrap_err().starts_with("`false` failed"));
        assert!(run(&["no-such-program"]).unwrap_err().contains("cannot be run"));
        assert!(run(&["sleep", "20"]).unwrap_err().contains("did not end within 1 s"));
    }
}
