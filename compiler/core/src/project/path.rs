//! Paths as texts: relative to the project's folder, `/`-separated, without `.` parts and with `..` at the front
//! only. Links are the world's affair; here a path leaves its boundary by its letters or not at all.

/// The path that `written` in the file `from` names, or why it may not.
pub fn resolve(from: &str, written: &str, boundary: &str) -> Result<String, String> {
    if written.starts_with('/') || written.contains('\\') || written.contains(':') || written.contains('\0') {
        return Err(format!("expected a path relative to this file, with `/` between its parts, found `{written}`"));
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(written.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let above = parts.iter().filter(|part| **part == "..").count();
    let allowed = boundary.split('/').filter(|part| *part == "..").count();
    if above > allowed {
        return Err(format!("`{written}` leads out of the project"));
    }
    if parts.is_empty() || parts.last() == Some(&"..") {
        return Err(format!("`{written}` is a folder"));
    }
    Ok(parts.join("/"))
}

/// Whether a file's name matches a pattern in which `*` stands for any run of characters.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let Some((middle, last)) = rest.rsplit_once('*') else { return left.ends_with(rest) };
    for part in middle.split('*') {
        match left.find(part) {
            Some(at) => left = left.get(at + part.len()..).unwrap_or(""),
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_their_file() {
        assert_eq!(resolve("environments/prod.mesh", "../k8s/a.yaml", "."), Ok("k8s/a.yaml".into()));
        assert_eq!(resolve("shop.mesh", "./k8s//a.yaml", "."), Ok("k8s/a.yaml".into()));
        assert_eq!(
            resolve("shop.mesh", "../../environments/prod.mesh", "../.."),
            Ok("../../environments/prod.mesh".into())
        );
        assert_eq!(
            resolve("../../environments/prod.mesh", "tls.yaml", "../.."),
            Ok("../../environments/tls.yaml".into())
        );
    }

    #[test]
    fn paths_do_not_leave_the_boundary() {
        for written in ["../a", "a/../../b", "/etc/passwd", "c:\\a", "..", ".", "a/.."] {
            assert!(resolve("shop.mesh", written, ".").is_err(), "{written}");
        }
        assert!(resolve("shop.mesh", "../../../a", "../..").is_err());
        assert!(resolve("a/shop.mesh", "../../b", ".").is_err());
    }

    #[test]
    fn stars_match_runs() {
        assert!(matches("*.yaml", "a.yaml") && matches("a*c*.y", "abcd.y") && matches("a", "a"));
        assert!(!matches("*.yaml", "a.yml") && !matches("a*b*c", "acb") && !matches("ab*ba", "aba"));
    }
}
