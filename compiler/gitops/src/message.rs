//! Commit messages that can be read, with trailers for tools.

/// A message: subject, lines of text, trailers. Values are made one line each, so that no text of a user can look
/// like a trailer of its own.
pub fn message(subject: &str, body: &[String], trailers: &[(&str, String)]) -> String {
    let mut text = one_line(subject);
    text.push_str("\n\n");
    for line in body {
        text.push_str(&one_line(line));
        text.push('\n');
    }
    if !body.is_empty() && !trailers.is_empty() {
        text.push('\n');
    }
    for (name, value) in trailers {
        text.push_str(&format!("{name}: {}\n", one_line(value)));
    }
    text
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_come_last_and_cannot_be_forged() {
        let text =
            message("a\nMesh-Env: x", &["b".to_owned()], &[("Mesh-Env", "prod\nMesh-Operation: rollback".into())]);
        assert_eq!(text, "a Mesh-Env: x\n\nb\n\nMesh-Env: prod Mesh-Operation: rollback\n");
        assert_eq!(message("a", &[], &[("B", "c".into())]), "a\n\nB: c\n");
    }
}
