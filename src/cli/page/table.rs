//! Tables and facts.

use unicode_width::UnicodeWidthStr;

use super::{CELL, FACT, HEADING, Page, fold};

/// Rows below a heading.
pub(in crate::cli) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading: String = heading.iter().map(|cell| format!("{cell}{CELL}")).collect();
    format!("{HEADING}{heading}\n") + &more(rows)
}

/// Rows that follow those of a table.
pub(in crate::cli) fn more(rows: &[Vec<String>]) -> String {
    let row = |row: &Vec<String>| {
        row.iter().map(|cell| format!("{cell}{CELL}")).collect::<String>() + "\n"
    };
    rows.iter().map(row).collect()
}

/// Facts under each other.
pub(in crate::cli) fn facts<'a, F: AsRef<str> + 'a>(
    facts: impl IntoIterator<Item = &'a (&'a str, F)>,
) -> String {
    facts
        .into_iter()
        .map(|(name, fact)| format!("{name}{FACT}{}\n", fact.as_ref()))
        .collect()
}

/// Lays out the rows of a table: in columns as wide as their widest cell; in narrower ones, where
/// those are too many; one fact a line, where the longest words do not stand beside each other.
pub(super) fn rows(page: &Page, lines: &[&str], laid_out: &mut String) {
    let rows: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| line.trim_start_matches(HEADING).split_terminator(CELL).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |of: fn(&str) -> usize| -> Vec<usize> {
        let cells = |column| rows.iter().filter_map(move |row| row.get(column));
        (0..columns)
            .map(|column| cells(column).map(|cell| of(cell)).max().unwrap_or(0))
            .collect()
    };
    let mut widths = widest(UnicodeWidthStr::width);
    let least = widest(longest_word);
    let over = |widths: &[usize]| {
        let whole = widths.iter().sum::<usize>() + GAP.len() * columns.saturating_sub(1);
        page.width.is_some_and(|width| whole > width)
    };
    while over(&widths) {
        let yields = widths.iter_mut().zip(&least).filter(|(width, least)| **width > **least);
        let Some((width, _)) = yields.max_by_key(|(width, _)| **width) else {
            return records(page, &rows, laid_out);
        };
        *width -= 1;
    }
    for (line, row) in lines.iter().zip(&rows) {
        let cells: Vec<Vec<String>> =
            row.iter().zip(&widths).map(|(cell, width)| fold::cell(cell, *width)).collect();
        for at in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let part = |cell: &Vec<String>| cell.get(at).cloned().unwrap_or_default();
            let parts = cells.iter().zip(&widths).map(|(cell, width)| filled(&part(cell), *width));
            let text = parts.collect::<Vec<String>>().join(GAP);
            let text = text.trim_end();
            let text = if line.starts_with(HEADING) { page.bold(text) } else { text.to_owned() };
            laid_out.push_str(&text);
            laid_out.push('\n');
        }
    }
}

/// The rows as facts that the heading names, with an empty line between two.
fn records(page: &Page, rows: &[Vec<&str>], laid_out: &mut String) {
    let Some((heading, rows)) = rows.split_first() else { return };
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            laid_out.push('\n');
        }
        let facts: Vec<(&str, &str)> = heading.iter().copied().zip(row.iter().copied()).collect();
        beside(page, &facts, laid_out);
    }
}

/// Lays out facts: their names in one column; the facts below their names on a narrow page.
pub(super) fn named(page: &Page, lines: &[&str], laid_out: &mut String) {
    let facts: Vec<(&str, &str)> =
        lines.iter().map(|line| line.split_once(FACT).unwrap_or(("", line))).collect();
    beside(page, &facts, laid_out);
}

fn beside(page: &Page, facts: &[(&str, &str)], laid_out: &mut String) {
    let column = facts.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let left = page.width.map_or(usize::MAX, |width| width.saturating_sub(column + GAP.len()));
    let longest = facts.iter().map(|(_, fact)| longest_word(fact)).max().unwrap_or(0);
    if left < longest {
        return below(page, facts, laid_out);
    }
    for (name, fact) in facts {
        for (at, part) in fold::cell(fact, left).iter().enumerate() {
            let name = filled(if at == 0 { name } else { "" }, column);
            laid_out.push_str(format!("{name}{GAP}{part}").trim_end());
            laid_out.push('\n');
        }
    }
}

fn below(page: &Page, facts: &[(&str, &str)], laid_out: &mut String) {
    let left = page.width.map_or(usize::MAX, |width| width.saturating_sub(GAP.len()));
    for (name, fact) in facts {
        if !name.trim().is_empty() {
            fold::line(page, name.trim_end(), laid_out);
        }
        for part in fold::cell(fact, left) {
            laid_out.push_str(&format!("{GAP}{part}\n"));
        }
    }
}

/// A cell as wide as its column. Characters of East Asia and emoji take two columns of a terminal,
/// combining marks none (UAX #11).
fn filled(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
}

fn longest_word(cell: &str) -> usize {
    cell.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0)
}

const GAP: &str = "  ";
