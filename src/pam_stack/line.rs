//! The lines of a stack, as libpam reads them (pam.conf(5)).

use std::path::{Path, PathBuf};

/// A line that is neither empty nor a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file that it is in.
    pub file: PathBuf,
    /// The number of its first line in the file.
    pub number: usize,
    /// The group in lower case; empty for an `@include`.
    pub group: String,
    /// A module that is missing is not logged: `-auth`.
    pub quiet: bool,
    /// A word, a list in brackets, `include`, `substack` or `@include`.
    pub control: String,
    /// A module, or a file to include.
    pub target: String,
    /// The arguments of the module.
    pub arguments: Vec<String>,
}

impl Line {
    /// Parses a file of `/etc/pam.d`, or `/etc/pam.conf`, where each line begins with its service.
    pub fn parse(file: &Path, text: &str, is_conf: bool) -> Vec<(Option<String>, Line)> {
        let mut lines = Vec::new();
        let mut numbered = text.lines().zip(1..);
        while let Some((first, number)) = numbered.next() {
            let mut whole = without_comment(first).to_owned();
            while let Some(begun) = whole.strip_suffix('\\') {
                let more = numbered.next().map_or("", |(more, _)| without_comment(more));
                whole = format!("{begun} {}", more.trim_start());
            }
            let mut words = words(&whole).into_iter();
            let service = if is_conf {
                words.next().map(|service| service.to_ascii_lowercase())
            } else {
                None
            };
            if let Some(line) = Line::of(file, number, words.collect()) {
                lines.push((service, line));
            }
        }
        lines
    }

    /// The line as text.
    pub fn to_text(&self) -> String {
        let quiet = if self.quiet { "-" } else { "" };
        let mut text = format!("{quiet}{}\t{}\t{}", self.group, self.control, self.target);
        for argument in &self.arguments {
            text.push(' ');
            text.push_str(argument);
        }
        text
    }

    /// The file name of the module.
    pub fn module(&self) -> &str {
        self.target.rsplit('/').next().unwrap_or_default()
    }

    /// Tells a line that names `pam_twostep.so`.
    pub fn is_ours(&self) -> bool {
        self.module() == "pam_twostep.so" && !self.includes()
    }

    /// Tells a line that includes another file.
    pub fn includes(&self) -> bool {
        matches!(self.control.to_ascii_lowercase().as_str(), "include" | "substack" | "@include")
    }

    fn of(file: &Path, number: usize, words: Vec<String>) -> Option<Line> {
        let mut words = words.into_iter();
        let first = words.next()?;
        if first.eq_ignore_ascii_case("@include") {
            let (control, target) = (first, words.next()?);
            return Some(Line {
                file: file.to_owned(),
                number,
                group: String::new(),
                quiet: false,
                control,
                target,
                arguments: Vec::new(),
            });
        }
        let (quiet, group) =
            first.strip_prefix('-').map_or((false, first.as_str()), |group| (true, group));
        let group = group.to_ascii_lowercase();
        // A missing word stays empty: libpam lets such a line fail.
        let (control, target) =
            (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        Some(Line {
            file: file.to_owned(),
            number,
            group,
            quiet,
            control,
            target,
            arguments: words.collect(),
        })
    }
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

/// Words; a list in brackets is one.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = match rest.starts_with('[') {
            true => rest.find(']').map_or(rest.len(), |at| at.saturating_add(1)),
            false => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

    use super::*;

    #[test]
    fn a_line_is_read_as_libpam_reads_it() {
        let text = "# nothing\n\n-Auth [success=1 \\\n  default=ignore]  /lib/pam_unix.so nullok \
                    # why\n@include common-auth\nauth required\n";
        let lines: Vec<Line> = Line::parse(Path::new("x"), text, false)
            .into_iter()
            .map(|(_, line)| line)
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!((lines[0].number, lines[0].quiet, lines[0].group.as_str()), (3, true, "auth"));
        assert_eq!(
            (lines[0].control.as_str(), lines[0].module()),
            ("[success=1  default=ignore]", "pam_unix.so")
        );
        assert_eq!(lines[0].arguments, ["nullok"]);
        assert_eq!(
            (lines[1].number, lines[1].target.as_str(), lines[1].includes()),
            (5, "common-auth", true)
        );
        assert_eq!((lines[2].control.as_str(), lines[2].target.as_str()), ("required", ""));
    }

    #[test]
    fn in_the_single_file_the_service_comes_first() {
        let lines = Line::parse(Path::new("x"), "Sudo auth required pam_twostep.so\n", true);
        assert_eq!(lines[0].0.as_deref(), Some("sudo"));
        assert!(lines[0].1.is_ours());
    }
}
