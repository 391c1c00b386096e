//! Words of arguments, scripts and values: runs without space, quotes and shell operators.

/// What stands where a shell or Kubernetes would put a value. No host has this character, so that a word with a
/// value to be filled in is no address.
const FILLED_IN: char = '$';

/// The words of a text. `$NAME`, `${NAME…}` and `$(NAME)` stay part of their word as one `$`; the commands of a shell's
/// `$(…)` are words like all others.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or("");
        if let Some(length) = reference(rest).filter(|_| character == '$') {
            rest = rest.get(length..).unwrap_or("");
            append(&mut words, FILLED_IN);
            continue;
        }
        if character.is_whitespace() || "'\"`|&;()<>,".contains(character) {
            words.push(String::new());
        } else {
            append(&mut words, character);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn append(words: &mut [String], character: char) {
    if let Some(word) = words.last_mut() {
        word.push(character);
    }
}

/// Length of the reference that follows a `$`; nothing for a command.
fn reference(rest: &str) -> Option<usize> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if rest.starts_with('{') {
        return Some(rest.find('}').map_or(rest.len(), |end| end + 1));
    }
    if let Some(inner) = rest.strip_prefix('(') {
        let end = inner.find(|c| !is_name(c))?;
        return inner.get(end..)?.starts_with(')').then_some(end + 2);
    }
    Some(rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn references_stay_in_their_word_and_commands_do_not() {
        assert_eq!(words("wget http://${ADDR}/x 2>&1"), ["wget", "http://$/x", "2", "1"]);
        assert_eq!(words("$(HOST)-api:80 $NS.svc"), ["$-api:80", "$.svc"]);
        assert_eq!(words("x=$(wget 'http://a:80')"), ["x=$", "wget", "http://a:80"]);
        assert_eq!(words("a,b;c"), ["a", "b", "c"]);
        assert_eq!(words("${open $"), ["$"]);
    }
}
