//! The fenced examples of Markdown pages: a project is the fences that belong together.

/// A fence: what stands behind its opening backticks, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fence<'a> {
    /// `mesh`, `yaml`, …
    pub(crate) language: &'a str,
    /// The file's name behind the language.
    pub(crate) file: Option<&'a str>,
    /// The text, with a newline at the end.
    pub(crate) text: &'a str,
    /// The line of the opening backticks, from 1.
    pub(crate) line: usize,
}

/// The fences of a page, in order.
pub(crate) fn fences(page: &str) -> Vec<Fence<'_>> {
    let mut fences = Vec::new();
    let mut open: Option<(&str, usize, usize)> = None;
    let mut offset = 0;
    for (index, line) in page.split_inclusive('\n').enumerate() {
        let start = offset;
        offset += line.len();
        let Some(info) = line.trim_end().strip_prefix("```") else {
            continue;
        };
        match open.take() {
            None => open = Some((info, offset, index + 1)),
            Some((info, begin, line)) => {
                let (language, file) = info.split_once(' ').map_or((info, None), |(a, b)| (a, Some(b.trim())));
                fences.push(Fence { language, file, text: &page[begin..start], line });
            }
        }
    }
    assert_eq!(open, None, "a fence is not closed");
    fences
}

/// The part of a page below a heading of the second level, up to the next one.
pub(crate) fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let start = page.find(&format!("\n## {heading}\n"))? + 1;
    let rest = &page[start..];
    Some(&rest[..rest.find("\n## ").unwrap_or(rest.len())])
}

#[test]
fn fences_have_a_language_a_file_and_a_line() {
    let page = "# a\n\n## Wrong\n\n```mesh\nx\n```\n\n```yaml a/b.yaml\ny\n\nz\n```\n\n## Right\nq\n";
    let wrong = section(page, "Wrong").expect("the section");
    assert!(!wrong.contains('q'));
    assert_eq!(section(page, "Neither"), None);
    let expected = [
        Fence { language: "mesh", file: None, text: "x\n", line: 5 },
        Fence { language: "yaml", file: Some("a/b.yaml"), text: "y\n\nz\n", line: 9 },
    ];
    assert_eq!(fences(page), expected);
}
