//! Long lines, folded between words.

use unicode_width::UnicodeWidthStr;

use super::Page;

/// Adds one line, or the several that it takes.
pub(super) fn line(page: &Page, line: &str, laid_out: &mut String) {
    let text = line.trim_start_matches(' ');
    let indent = line.len() - text.len();
    let width = page.width.unwrap_or(usize::MAX).saturating_sub(indent);
    let lines = match is_drawn(line) {
        true => vec![text.to_owned()],
        false => folded(text, width, indent > 0),
    };
    let bold = indent > 0 && is_command(text);
    for part in lines {
        let line = format!("{}{part}", " ".repeat(indent));
        laid_out.push_str(&if bold { page.bold(&line) } else { line });
        laid_out.push('\n');
    }
}

/// The text of a cell in lines of this width; a longer word has a line of its own.
pub(super) fn cell(text: &str, width: usize) -> Vec<String> {
    folded(text, width, true)
}

fn folded(text: &str, width: usize, may_be_command: bool) -> Vec<String> {
    let mark = LISTED.iter().find(|mark| text.starts_with(**mark)).map_or("", |mark| *mark);
    let (text, indent) = (text.get(mark.len()..).unwrap_or(text), " ".repeat(mark.len()));
    let width = width.saturating_sub(mark.len());
    let lines = if text.width() <= width {
        vec![text.to_owned()]
    } else if may_be_command && is_command(text) {
        command(text, width)
    } else if let Some((sentence, pasted)) = with_a_command(text) {
        let pasted = command(pasted, width.saturating_sub(2));
        let pasted = pasted.iter().map(|line| format!("  {line}"));
        filled(sentence.split(' '), width).into_iter().chain(pasted).collect()
    } else {
        filled(text.split(' '), width)
    };
    let marked = |(at, line): (usize, &String)| match at {
        0 => format!("{mark}{line}"),
        _ => format!("{indent}{line}"),
    };
    lines.iter().enumerate().map(marked).collect()
}

fn filled<'a>(words: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A command over several lines that a shell reads as one.
fn command(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let mut quote = None;
    let arguments = text.split(|c: char| {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        c == ' ' && quote.is_none()
    });
    let parts = filled(arguments, width.saturating_sub(ON.len() + CONTINUED.len()));
    let last = parts.len().saturating_sub(1);
    let line = |(at, part): (usize, &String)| {
        let indent = if at == 0 { "" } else { ON };
        let end = if at < last { CONTINUED } else { "" };
        format!("{indent}{part}{end}")
    };
    parts.iter().enumerate().map(line).collect()
}

/// A line that ends with a command to type is parted before it.
fn with_a_command(line: &str) -> Option<(&str, &str)> {
    line.match_indices(": ").find_map(|(at, colon)| {
        let (sentence, command) = line.split_at_checked(at + colon.len())?;
        let alone = [", ", ". ", "; ", ": "].iter().all(|more| !command.contains(more));
        (alone && is_command(command)).then_some((sentence.trim_end(), command))
    })
}

/// Tells a command of this program, behind variables that are set for it.
fn is_command(text: &str) -> bool {
    let is_variable = |word: &&str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    let mut words = text.split(' ').skip_while(is_variable);
    let program = words.next().is_some_and(|word| word == "twostep" || word == "sudo");
    program && words.next().is_some()
}

/// A drawing, such as a QR code.
fn is_drawn(line: &str) -> bool {
    line.contains('\u{1b}') || line.chars().any(|c| ('\u{2580}'..='\u{259f}').contains(&c))
}

/// Ends a line of a command that goes on.
const CONTINUED: &str = " \\";

/// The indent of a line that goes on with a command.
const ON: &str = "    ";

/// The marks of a list's items.
const LISTED: [&str; 4] = ["- ", "* ", "=> ", "-> "];
