//! The layout of text: columns, the width of a terminal, its colours and its characters.
//!
//! A command writes lines of any length, and marks the cells of tables and facts with control
//! characters; `output::plain` spells those out in all text from elsewhere. Here the cells become
//! columns and long lines are folded between words. A pipe gets lines of any length.

mod fold;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::env;
use std::os::fd::AsFd;

use anstream::stream::RawStream;
use unicode_width::UnicodeWidthStr;

pub(super) use table::{facts, more, table};

/// The form in which text is laid out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Page {
    /// Columns of the terminal; none for a file or a pipe.
    width: Option<usize>,
    colour: bool,
    ascii: bool,
}

/// The use of colours and bold letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Colour {
    /// On a terminal that has them, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// The choice among the program's arguments, which also holds for messages about them.
    pub(super) fn of_the_arguments() -> Colour {
        let (flag, mut arguments) = ("--color", env::args().skip(1));
        let named =
            arguments.by_ref().take_while(|argument| argument != "--").find_map(|argument| {
                let value = argument.strip_prefix(flag)?;
                Some(value.strip_prefix('=').map(str::to_owned))
            });
        let value = named.and_then(|value| value.or_else(|| arguments.next()));
        value
            .and_then(|value| clap::ValueEnum::from_str(&value, true).ok())
            .unwrap_or_default()
    }

    /// Makes this the choice for all output.
    ///
    /// A dumb terminal has no colours, in the environment of a build server (`CI`) as elsewhere.
    pub(super) fn choose(self) -> clap::ColorChoice {
        let dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        let (all, help) = match self {
            Colour::Auto if dumb => (anstream::ColorChoice::Never, clap::ColorChoice::Never),
            Colour::Auto => (anstream::ColorChoice::Auto, clap::ColorChoice::Auto),
            Colour::Always => (anstream::ColorChoice::Always, clap::ColorChoice::Always),
            Colour::Never => (anstream::ColorChoice::Never, clap::ColorChoice::Never),
        };
        all.write_global();
        help
    }
}

impl Page {
    /// The page of standard output or standard error. `COLUMNS` sets another width.
    pub(super) fn of(out: &(impl RawStream + AsFd)) -> Page {
        let terminal = out.is_terminal();
        let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let columns = columns.or_else(|| {
            let (width, _) = terminal_size::terminal_size_of(out)?;
            Some(usize::from(width.0))
        });
        Page {
            width: columns.filter(|columns| *columns >= NARROWEST),
            colour: anstream::AutoStream::choice(out) != anstream::ColorChoice::Never,
            ascii: terminal && !is_utf8(),
        }
    }

    /// The columns of a line; none where there is no limit.
    pub(super) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Lays text out, line by line.
    pub(super) fn lay_out(&self, text: &str) -> String {
        let mut laid_out = String::with_capacity(text.len());
        let mut lines = text.split_inclusive('\n').peekable();
        while let Some(line) = lines.peek().copied() {
            let group: Vec<&str> = match Kind::of(line) {
                Kind::Text => lines.by_ref().take(1).collect(),
                kind => {
                    std::iter::from_fn(|| lines.next_if(|line| Kind::of(line) == kind)).collect()
                }
            };
            let whole = group.last().is_none_or(|line| line.ends_with('\n'));
            let group: Vec<&str> = group.iter().map(|line| line.trim_end_matches('\n')).collect();
            match Kind::of(line) {
                Kind::Row => table::rows(self, &group, &mut laid_out),
                Kind::Fact => table::named(self, &group, &mut laid_out),
                Kind::Text => group.iter().for_each(|line| fold::line(self, line, &mut laid_out)),
            }
            if !whole && laid_out.ends_with('\n') {
                laid_out.pop();
            }
        }
        self.in_ascii(&laid_out).into_owned()
    }

    /// A message about a failure, and what helps.
    pub(super) fn complaint(&self, message: &str, hints: &[String]) -> String {
        let hints: String = hints.iter().map(|hint| format!("\n  {hint}")).collect();
        let said = self.lay_out(&format!("{NAME} {message}{hints}"));
        match said.strip_prefix(NAME) {
            Some(rest) if self.colour => format!("{RED}{NAME}{PLAIN}{rest}"),
            _ => said,
        }
    }

    /// Tells whether all lines are short enough.
    pub(super) fn holds(&self, text: &str) -> bool {
        self.width.is_none_or(|width| text.lines().all(|line| line.width() <= width))
    }

    fn bold(&self, line: &str) -> String {
        if self.colour { format!("{BOLD}{line}{PLAIN}") } else { line.to_owned() }
    }

    /// A terminal of another character set gets the signs that it has.
    fn in_ascii<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.ascii || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        SIGNS
            .iter()
            .fold(text.to_owned(), |text, (sign, ascii)| text.replace(sign, ascii))
            .into()
    }
}

/// A kind of lines that are laid out together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Row,
    Fact,
    Text,
}

impl Kind {
    fn of(line: &str) -> Kind {
        if line.contains(CELL) {
            Kind::Row
        } else if line.contains(FACT) {
            Kind::Fact
        } else {
            Kind::Text
        }
    }
}

/// The lines of the terminal on standard output; none where there is no limit.
pub(super) fn height() -> Option<usize> {
    let (_, height) = terminal_size::terminal_size_of(std::io::stdout())?;
    Some(usize::from(height.0)).filter(|height| *height > 0)
}

/// Tells whether the terminal's character set is UTF-8, from the variables of locale(7).
pub(super) fn is_utf8() -> bool {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Ends a cell of a table.
const CELL: char = '\u{1f}';

/// Stands between the name of a fact and the fact.
const FACT: char = '\u{1e}';

/// Begins the heading of a table.
const HEADING: char = '\u{1d}';

/// A page narrower than this is taken for one without a width.
const NARROWEST: usize = 20;

const NAME: &str = "twostep:";

const BOLD: &str = "\u{1b}[1m";
const RED: &str = "\u{1b}[1;31m";
const PLAIN: &str = "\u{1b}[0m";

const SIGNS: [(&str, &str); 3] = [("±", "+-"), ("…", "..."), ("§", "section ")];
