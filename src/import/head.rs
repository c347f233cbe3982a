//! The beginning of a file, by which its format is recognised.

/// The beginning of a file, as text: at most 4 KiB, without a byte order mark. Bytes that are no
/// UTF-8 are replaced.
pub(super) struct Head<'a>(pub(super) &'a str);

impl Head<'_> {
    /// The first line that is neither blank nor a comment.
    pub(super) fn first_line(&self) -> &str {
        let mut lines = self.0.lines().map(str::trim);
        lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("")
    }
}
