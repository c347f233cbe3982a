//! A page in the language of man(7): sections, paragraphs, items, examples.

/// A page that is being written.
pub(super) struct Page(String);

impl Page {
    /// A page of this name and section of the manual.
    pub(super) fn new(name: &str, section: u8) -> Page {
        let title = format!(
            ".TH {} {section} \"{DATE}\" \"twostep {}\" \"twostep\"\n.nh\n.ad l\n",
            name.to_uppercase(),
            env!("CARGO_PKG_VERSION")
        );
        Page(title)
    }

    /// The section NAME: name and purpose.
    pub(super) fn name(&mut self, name: &str, purpose: &str) {
        self.section("NAME");
        self.text(&format!("{name} - {purpose}"));
    }

    pub(super) fn section(&mut self, heading: &str) {
        self.0 += &format!(".SH {}\n", escaped(heading));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        if !self.is_after_heading() {
            self.0 += ".PP\n";
        }
        self.text(text);
    }

    /// A term and its explanation.
    pub(super) fn item(&mut self, term: &str, text: &str) {
        self.0 += &format!(".TP\n.B {}\n", quoted(term));
        self.text(text);
    }

    /// Commands as they are typed, below what they do.
    pub(super) fn example(&mut self, purpose: &str, commands: &str) {
        if !purpose.is_empty() {
            self.paragraph(purpose);
        }
        let lines = commands.lines().map(|line| format!("{}\n", guarded(&escaped(line))));
        self.0 += &format!(".PP\n.RS 4\n.nf\n{}.fi\n.RE\n", lines.collect::<String>());
    }

    /// Other pages, in the order of the manual.
    pub(super) fn see_also(&mut self, pages: &[(String, u8)]) {
        self.section("SEE ALSO");
        let last = pages.len().saturating_sub(1);
        for (number, (name, section)) in pages.iter().enumerate() {
            let comma = if number < last { " ," } else { "" };
            self.0 += &format!(".BR {} ({section}){comma}\n", escaped(name)).replace(") ,", "),");
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn is_after_heading(&self) -> bool {
        self.0.lines().next_back().is_some_and(|line| line.starts_with(".SH "))
    }

    /// Text in lines of at most 72 columns, since each of a page has at most 80 bytes.
    fn text(&mut self, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace().map(escaped) {
            if !line.is_empty() && line.len() + word.len() >= LINE {
                self.0 += &format!("{}\n", guarded(&line));
                line.clear();
            }
            line += if line.is_empty() { "" } else { " " };
            line += &word;
        }
        if !line.is_empty() {
            self.0 += &format!("{}\n", guarded(&line));
        }
    }
}

/// Text in which no character has a meaning of its own, in ASCII.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => safe.push_str("\\e"),
            '-' => safe.push_str("\\-"),
            '\'' => safe.push_str("\\(aq"),
            c if c.is_ascii() => safe.push(c),
            c => safe.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    safe
}

/// A line that is no request.
fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}

/// One argument of a request.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('"', "\\(dq"))
}

/// The day on which the text of the pages was last changed.
const DATE: &str = "2026-11-29";

const LINE: usize = 72;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_request() {
        let mut page = Page::new("x", 1);
        page.section("A");
        page.paragraph(".SH 'quoted' \\ and --json");
        let roff = page.finish();
        assert!(roff.ends_with(".SH A\n\\&.SH \\(aqquoted\\(aq \\e and \\-\\-json\n"), "{roff}");
    }

    #[test]
    fn lines_are_short() {
        let mut page = Page::new("x", 1);
        page.paragraph(&"word ".repeat(100));
        assert!(page.finish().lines().all(|line| line.len() <= 80));
    }
}
