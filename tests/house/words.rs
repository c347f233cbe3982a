//! Comments begin with the thing that they speak of: a noun or a verb, no pronoun.
//!
//! A block is a run of comment lines with one marker (`//`, `///`, `//!`). Its first word counts,
//! as do a few words for "some person", anywhere in it.

use crate::tree::sources;

/// Comment blocks and lines of one file.
#[derive(Default)]
pub(crate) struct Count {
    blocks: usize,
    openings: usize,
    lines: usize,
    vague: usize,
    /// `line: text` of each block and line that counts.
    pub(crate) found: Vec<String>,
}

impl Count {
    pub(crate) fn of(text: &str) -> Count {
        let mut count = Count::default();
        let mut before = None;
        for (number, line) in text.lines().enumerate() {
            let comment = comment(line);
            if let Some((marker, said)) = comment {
                count.lines += 1;
                let vague = words(said).any(|word| VAGUE.contains(&word.as_str()));
                let opens = before != Some(marker) && opens_with_a_pronoun(said);
                count.blocks += usize::from(before != Some(marker));
                count.vague += usize::from(vague);
                count.openings += usize::from(opens);
                if vague || opens {
                    count.found.push(format!("{}: {said}", number + 1));
                }
            }
            before = comment.map(|(marker, _)| marker);
        }
        count
    }

    fn add(&mut self, other: &Count) {
        self.blocks += other.blocks;
        self.openings += other.openings;
        self.lines += other.lines;
        self.vague += other.vague;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.openings * 100 > self.blocks * MOST_IN_A_FILE
    }
}

#[test]
fn comments_begin_with_their_subject() {
    let (mut all, mut over) = (Count::default(), Vec::new());
    for source in sources() {
        let count = Count::of(&source.text);
        if count.is_over() {
            over.push(format!("{}:{}", source.path, count.found.join("\n    ")));
        }
        all.add(&count);
    }
    println!(
        "{} of {} comment blocks open with a pronoun, {} of {} comment lines are vague",
        all.openings, all.blocks, all.vague, all.lines
    );
    assert!(over.is_empty(), "{} files\n{}", over.len(), over.join("\n"));
    assert!(all.openings * 1000 <= all.blocks * MOST_OPENINGS, "{} openings", all.openings);
    assert!(all.vague * 1000 <= all.lines * MOST_VAGUE, "{} vague lines", all.vague);
}

/// The marker and the text of a line that is a comment.
pub(crate) fn comment(line: &str) -> Option<(&'static str, &str)> {
    let line = line.trim_start();
    ["///", "//!", "//"]
        .into_iter()
        .find_map(|marker| Some((marker, line.strip_prefix(marker)?)))
        .filter(|(marker, said)| *marker != "///" || !said.starts_with('/'))
        .map(|(marker, said)| (marker, said.trim()))
}

fn opens_with_a_pronoun(said: &str) -> bool {
    // A block that begins with code names its subject.
    let begins = said.find(|c: char| c.is_ascii_alphabetic() || c == '`');
    begins.is_some_and(|at| {
        words(&said[at..]).next().is_some_and(|word| {
            let ends = word.find('\'').unwrap_or(word.len());
            !said[at..].starts_with('`') && OPENINGS.contains(&&word[..ends])
        })
    })
}

/// The words of a text in small letters; an apostrophe is part of its word.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphabetic() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

#[test]
fn a_pronoun_counts_only_where_a_block_begins() {
    let count = Count::of("/// This is one.\n/// This is the same block.\n//! What is another.\n");
    assert_eq!((count.blocks, count.openings, count.lines), (2, 2, 3));
    let count = Count::of("// The key.\nlet x = 1; // It is no block.\n\n    // It's one.\n");
    assert_eq!((count.blocks, count.openings, count.lines), (2, 1, 2));
    assert_eq!(Count::of("/// `who` is code.\n// (They) are not.\n").openings, 1);
    assert_eq!(Count::of("//// It is a ruler.\n").lines, 0);
}

#[test]
fn vague_words_count_on_every_line() {
    let count =
        Count::of("/// A key for whoever asks,\n/// and nobody's else.\n/// Anybody may.\n");
    assert_eq!((count.openings, count.vague, count.lines), (0, 2, 3));
}

#[test]
fn a_small_file_with_one_opening_is_over() {
    assert!(Count::of("/// It is one of one.\n").is_over());
    assert!(!Count::of(&format!("// It is.\n{}", "x\n// A key.\n".repeat(9))).is_over());
}

/// Percent of the blocks of one file.
const MOST_IN_A_FILE: usize = 10;

/// Thousandths of all comment blocks that may open with a pronoun.
const MOST_OPENINGS: usize = 50;

/// Thousandths of all comment lines that may be vague.
const MOST_VAGUE: usize = 5;

const OPENINGS: &[&str] = &[
    "i",
    "you",
    "he",
    "she",
    "it",
    "we",
    "they",
    "me",
    "him",
    "her",
    "us",
    "them",
    "my",
    "your",
    "his",
    "its",
    "our",
    "their",
    "mine",
    "yours",
    "hers",
    "ours",
    "theirs",
    "this",
    "that",
    "these",
    "those",
    "what",
    "which",
    "who",
    "whom",
    "whose",
    "whoever",
    "whomever",
    "whatever",
    "whichever",
    "wherever",
    "whenever",
    "when",
    "where",
    "why",
    "how",
    "whether",
    "nobody",
    "somebody",
    "everybody",
    "anybody",
    "nothing",
    "something",
    "everything",
    "anything",
    "none",
    "someone",
    "anyone",
    "everyone",
    "there",
    "here",
];

const VAGUE: &[&str] = &[
    "whoever",
    "nobody",
    "somebody",
    "whatever",
    "everybody",
    "whoever's",
    "nobody's",
    "somebody's",
    "whatever's",
    "everybody's",
];
