//! Source texts and places in them. Everything that points at text does so by [`Span`]: a file and byte offsets,
//! `Copy`, without paths or lifetimes. Lines and columns are computed only where a person or a machine reads them.

use smol_str::SmolStr;

/// A short string that is cheap to clone: names, words, hosts.
pub type Text = SmolStr;

/// Index of a file in its [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// Bytes `start..end` of a file's LF-normalised text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of bytes `start..end` in `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file, start: clamp(start), end: clamp(end) }
    }

    /// From the start of `self` to the end of `last`, which lies in the same file.
    #[must_use]
    pub fn to(self, last: Span) -> Span {
        Span { file: self.file, start: self.start, end: last.end.max(self.end) }
    }

    /// The empty span just behind this one: where something is missing.
    #[must_use]
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }

    /// The byte range.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether `other` lies wholly within this span.
    pub fn contains(self, other: Span) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }
}

/// A value with the text that stated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value written at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// One source text: a `.mesh` file, a manifest, a patch, a file of the standard library.
#[derive(Debug)]
pub struct SourceFile {
    /// As it is shown and looked up: relative to the project's folder, `/`-separated, or `<std/NAME>`.
    pub path: Text,
    /// LF line ends, no byte order mark. Digests are taken over this text, so a CRLF checkout changes nothing.
    pub text: String,
    line_starts: Vec<u32>,
    /// Where bytes stand that go on with a character. Mostly there are none.
    further_bytes: Vec<u32>,
}

impl SourceFile {
    fn new(path: Text, text: &str) -> Self {
        let text = normalise(text);
        let mut line_starts = vec![0];
        line_starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1));
        let goes_on = |byte: &u8| (0x80..0xc0).contains(byte);
        let further_bytes = match text.is_ascii() {
            true => Vec::new(),
            false => text.bytes().enumerate().filter(|(_, b)| goes_on(b)).map(|(i, _)| i as u32).collect(),
        };
        Self { path, text, line_starts, further_bytes }
    }

    /// Line and column of a byte offset, both counted from 1, the column in characters.
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1) - 1;
        let start = self.line_starts.get(line).copied().unwrap_or(0);
        // By bytes and those that begin no character: a line may be as long as the file, and hold a finding in each word.
        let further = |end: u32| self.further_bytes.partition_point(|at| *at < end);
        let bytes = if self.text.is_char_boundary(offset as usize) { offset.saturating_sub(start) } else { 0 };
        let column = if bytes == 0 { 0 } else { bytes - (further(offset) - further(start)) as u32 };
        (line as u32 + 1, column + 1)
    }
}

/// Windows line ends and byte order marks are the reader's affair, not the language's.
fn normalise(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

/// All texts of one compilation, in the order in which they were read.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a text and returns its id. Line ends are normalised.
    pub fn add(&mut self, path: impl Into<Text>, text: &str) -> FileId {
        let id = FileId(self.files.len() as u32);
        self.files.push(SourceFile::new(path.into(), text));
        id
    }

    /// The file with this id. Ids come from [`SourceMap::add`] of the same map.
    #[expect(clippy::indexing_slicing, reason = "ids are made by `add` of this map only")]
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// The text of a span; empty where the span does not lie in the text.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.range()).unwrap_or("")
    }

    /// The id of the file with this path, if it was read.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.files.iter().position(|f| f.path == path).map(|i| FileId(i as u32))
    }

    /// All files with their ids, in order of reading.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(i as u32), f))
    }

    /// `path:line:column` of the start of a span.
    pub fn locate(&self, span: Span) -> String {
        let file = self.file(span.file);
        let (line, column) = file.line_column(span.start);
        format!("{}:{line}:{column}", file.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crlf_and_byte_order_marks_are_normalised() {
        let mut map = SourceMap::default();
        let id = map.add("a.mesh", "\u{feff}mesh a\r\nservice b\r\n");
        assert_eq!(map.file(id).text, "mesh a\nservice b\n");
    }

    #[test]
    fn columns_count_characters() {
        let mut map = SourceMap::default();
        let id = map.add("a.mesh", "x\nüü z");
        assert_eq!(map.file(id).line_column(7), (2, 4));
        assert_eq!(map.locate(Span::new(id, 0, 1)), "a.mesh:1:1");
    }
}
