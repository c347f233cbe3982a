//! Ten comments of ten files, to be read by eye: a count sees no bad sentence.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::tree::sources;
use crate::words::comment;

/// `TWOSTEP_HOUSE_SEED` repeats a choice.
#[test]
fn ten_comments_are_shown() {
    let seed = std::env::var("TWOSTEP_HOUSE_SEED")
        .map_or_else(|_| now(), |seed| seed.parse().expect("TWOSTEP_HOUSE_SEED is a number"));
    println!("\nten comments, TWOSTEP_HOUSE_SEED={seed}; does each sentence stand alone?");
    let mut random = Random(seed);
    let mut files: Vec<(String, Vec<String>)> = sources()
        .into_iter()
        .map(|source| (source.path, blocks(&source.text)))
        .filter(|(_, blocks)| !blocks.is_empty())
        .collect();
    assert!(files.len() > 10, "{} files with comments", files.len());
    for _ in 0..10 {
        let (path, blocks) = files.swap_remove(random.below(files.len()));
        println!("\n{path}:{}", blocks[random.below(blocks.len())]);
    }
}

/// The comment blocks of a file, each as `line`, then its text.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut before = None;
    for (number, line) in text.lines().enumerate() {
        let comment = comment(line);
        if let Some((marker, said)) = comment {
            if before != Some(marker) {
                blocks.push((number + 1).to_string());
            }
            let block = blocks.last_mut().expect("a block has begun");
            block.push_str("\n    ");
            block.push_str(said);
        }
        before = comment.map(|(marker, _)| marker);
    }
    blocks
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).expect("a count of files");
        usize::try_from((mixed ^ (mixed >> 31)) % bound).expect("below a usize")
    }
}
