//! The memory of a process, as a debugger sees it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// Memory that a process may write, by its name in the list of the kernel. The stacks of threads
/// are left out: what a call leaves behind is overwritten by the next ones, and nothing can wipe
/// it.
pub fn of(process: u32) -> Vec<(String, Vec<u8>)> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let (mut regions, mut before) = (Vec::new(), "");
    for line in maps.lines() {
        // A stack has a guard of one page below it.
        let is_stack = before.contains(" ---p ") && pages(before) == 1 && !line.contains('/');
        before = line;
        if !line.contains(" rw") || is_stack {
            continue;
        }
        let [from, to] = bounds(line);
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // Regions of devices cannot be read.
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            regions.push((line.to_owned(), bytes));
        }
    }
    regions
}

/// The number of pages of a region.
fn pages(line: &str) -> u64 {
    let [from, to] = bounds(line);
    (to - from) / 4_096
}

fn bounds(line: &str) -> [u64; 2] {
    let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
    [from, to].map(|address| u64::from_str_radix(address, 16).unwrap())
}
