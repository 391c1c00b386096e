//! How a Prometheus is asked: with credentials, over TLS, again where it cannot answer now, and never in a way that
//! shows a secret.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshc_rollout::measure::Source as _;
use meshc_rollout::plan::Server;
use meshc_rollout::prometheus::Prometheus;

use super::server::Running;

fn open(url: &str, folder: &Path, options: &[(&str, &str)]) -> Result<Prometheus, String> {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Prometheus::new(&Server { url: url.to_owned(), options }, folder, Duration::from_secs(10))
}

/// A server that gives these answers, one after the other, the last one again and again; and the heads that it got.
fn scripted(answers: &[(u16, &str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let heads = Arc::new(Mutex::new(Vec::new()));
    let (kept, answers) = (Arc::clone(&heads), answers.iter().map(|(code, body)| (*code, (*body).to_owned())));
    let answers: Vec<(u16, String)> = answers.collect();
    std::thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { continue };
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).unwrap_or(0);
            kept.lock().expect("not poisoned").push(String::from_utf8_lossy(&buffer[..count]).to_lowercase());
            let (code, body) = &answers[index.min(answers.len() - 1)];
            let length = body.len();
            let text = format!("HTTP/1.1 {code} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(text.as_bytes());
        }
    });
    (url, heads)
}

const TIME: &str = r#"{"status":"success","data":{"resultType":"scalar","result":[1.5,"1.5"]}}"#;

#[test]
fn credentials_are_sent_and_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), "s3cret\n").expect("a file");
    let token = [("bearer-token-file", "secret")];
    let password = [("username", "me"), ("password-file", "secret")];
    for (options, header) in
        [(&token[..], "authorization: bearer s3cret"), (&password[..], "authorization: basic bwu6")]
    {
        let (url, heads) = scripted(&[(200, TIME)]);
        assert_eq!(open(&url, folder.path(), options).expect("a client").now(), Ok(1));
        let heads = heads.lock().expect("not poisoned");
        assert!(heads.first().is_some_and(|head| head.contains(header)), "{heads:?}");
        let (url, heads) = scripted(&[(401, "go away")]);
        let why = open(&url, folder.path(), options).expect("a client").now().unwrap_err();
        assert!(why.contains("refuses these credentials") && !why.contains("s3cret"), "{why}");
        assert_eq!(heads.lock().expect("not poisoned").len(), 1, "what is refused is not asked again");
    }
}

#[test]
fn what_may_be_gone_in_a_moment_is_asked_again() {
    let here = Path::new(".");
    let (url, heads) = scripted(&[(503, ""), (429, ""), (200, TIME)]);
    assert_eq!(open(&url, here, &[]).expect("a client").now(), Ok(1));
    assert_eq!(heads.lock().expect("not poisoned").len(), 3);
    let (url, heads) = scripted(&[(503, "")]);
    let why = open(&url, here, &[]).expect("a client").now().unwrap_err();
    assert!(why.contains("HTTP 503") && why.contains("asked 3 times"), "{why}");
    assert_eq!(heads.lock().expect("not poisoned").len(), 3);
}

#[test]
fn an_answer_is_one_finite_number_or_none() {
    let vector =
        |result: &str| format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#);
    let sample = |value: &str| format!(r#"{{"metric":{{}},"value":[1,"{value}"]}}"#);
    for (result, expected) in [
        (sample("0.5"), Ok(0.5)),
        (String::new(), Err("no data")),
        (sample("NaN"), Err("NaN")),
        (sample("+Inf"), Err("+Inf")),
        (format!("{},{}", sample("1"), sample("2")), Err("2 series")),
    ] {
        let (url, _) = scripted(&[(200, &vector(&result))]);
        let answer = open(&url, Path::new("."), &[]).expect("a client").at("x", 1);
        match expected {
            Ok(number) => assert_eq!(answer, Ok(number)),
            Err(why) => assert!(answer.clone().is_err_and(|said| said.contains(why)), "{why}: {answer:?}"),
        }
    }
    let (url, _) = scripted(&[(400, r#"{"status":"error","error":"parse error: unexpected end"}"#)]);
    let why = open(&url, Path::new("."), &[]).expect("a client").at("sum(", 1).unwrap_err();
    assert!(why.contains("parse error: unexpected end"), "{why}");
    let (url, _) = scripted(&[(200, "<html>")]);
    assert!(open(&url, Path::new("."), &[]).expect("a client").at("x", 1).is_err());
}

/// Runs `openssl` in a folder.
fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("`openssl`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_real_server_is_asked_over_mutual_tls_with_a_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(at, &format!("{new} -keyout ca.key -out ca.pem -subj /CN=ca"));
    for (name, san) in [("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")] {
        openssl(
            at,
            &format!(
                "{new} -CA ca.pem -CAkey ca.key -keyout {name}.key -out {name}.pem -subj /CN={name} -addext {san} -addext \
                 basicConstraints=critical,CA:FALSE"
            ),
        );
    }
    // The hash is that of the password `test`, from Prometheus' own documentation (prometheus.io, guides/basic-auth).
    let web = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_auth_type: \
               RequireAndVerifyClientCert\n  client_ca_file: ca.pem\nbasic_auth_users:\n  admin: \
               $2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay\n";
    std::fs::write(at.join("web.yml"), web).expect("its configuration");
    std::fs::write(at.join("password"), "test\n").expect("a password");
    std::fs::write(at.join("wrong"), "tset\n").expect("a password");
    let server = Running::secured(folder);
    let all = [
        ("username", "admin"),
        ("password-file", "password"),
        ("ca-file", "ca.pem"),
        ("certificate-file", "client.pem"),
        ("key-file", "client.key"),
    ];
    let ask = |options: &[(&str, &str)]| open(&server.url, server.folder(), options).expect("a client");
    server.wait(&ask(&all));
    let without = |left: &str| all.iter().filter(|(name, _)| !name.starts_with(left)).copied().collect::<Vec<_>>();
    assert!(ask(&without("ca-file")).now().is_err(), "an unknown authority");
    let anonymous: Vec<_> = without("certificate").into_iter().filter(|(name, _)| *name != "key-file").collect();
    assert!(ask(&anonymous).now().is_err(), "no certificate");
    let mut wrong = all;
    wrong[1].1 = "wrong";
    assert!(ask(&wrong).now().is_err_and(|why| why.contains("refuses these credentials")));
}
