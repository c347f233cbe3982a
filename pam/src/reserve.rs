//! Memory for the time after memory has run out.
//!
//! Rust aborts the process when an allocation fails, and the process here is the host: a screen
//! locker that dies may leave the screen unlocked. When the system has no memory left, allocations
//! are served from a reserve, and the call ends with a failure.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};

struct Reserve {
    arena: Arena,
    /// The number of blocks in use (upper half), and the bytes up to the end of the last one (lower
    /// half). Freeing the last block frees all bytes.
    used: AtomicU64,
    touched: AtomicBool,
}

#[repr(align(64))]
struct Arena(UnsafeCell<[u8; SIZE]>);

/// Starts a call and clears the mark for use of the reserve.
pub(crate) fn begin() {
    ALLOCATOR.touched.store(false, SeqCst);
}

/// Returns whether memory ran out since the call began, in this thread or another.
pub(crate) fn is_touched() -> bool {
    ALLOCATOR.touched.load(SeqCst)
}

// SAFETY: the arena is only handed out in blocks that do not overlap (`take`).
#[allow(unsafe_code, reason = "shared by threads through `used`")]
unsafe impl Sync for Arena {}

#[allow(unsafe_code, reason = "an allocator")]
// SAFETY: each block is the system's or an exclusive part of the arena, with the size and alignment
// asked for; no method unwinds.
unsafe impl GlobalAlloc for Reserve {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() { self.take(layout) } else { block }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.owns(block) {
            self.give_back();
        } else {
            // SAFETY: a block outside the arena came from `System`, with this layout.
            unsafe { System.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !self.owns(block) {
            // SAFETY: the block came from `System`; on null it is still the caller's.
            let grown = unsafe { System.realloc(block, layout, size) };
            if !grown.is_null() {
                return grown;
            }
        }
        let Ok(new) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        // SAFETY: `size` is not zero, by the contract of `realloc`.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: two blocks of at least this size, which do not overlap; the old one is not
            // used again.
            unsafe {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
        }
        moved
    }
}

impl Reserve {
    /// Takes a block of the arena; null if the arena is full.
    fn take(&self, layout: Layout) -> *mut u8 {
        self.touched.store(true, SeqCst);
        let base = self.arena.0.get().cast::<u8>();
        let mut used = self.used.load(Relaxed);
        loop {
            let Some((start, next)) = place(used, layout) else { return ptr::null_mut() };
            match self.used.compare_exchange_weak(used, next, SeqCst, Relaxed) {
                Ok(_) => return base.wrapping_add(start),
                Err(other) => used = other,
            }
        }
    }

    fn give_back(&self) {
        let one_less = |used: u64| {
            let blocks = (used >> 32).saturating_sub(1);
            Some(if blocks == 0 { 0 } else { blocks << 32 | used & u64::from(u32::MAX) })
        };
        // The update always succeeds: `one_less` never returns `None`.
        let _ = self.used.fetch_update(SeqCst, Relaxed, one_less);
    }

    fn owns(&self, block: *mut u8) -> bool {
        let base = self.arena.0.get().cast::<u8>();
        (base.addr()..base.addr() + SIZE).contains(&block.addr())
    }
}

/// Uses the reserve, as an allocation does when memory has run out.
#[cfg(test)]
pub(crate) fn touch() {
    let block = ALLOCATOR.take(Layout::new::<u64>());
    assert!(!block.is_null(), "the reserve is not full");
    ALLOCATOR.give_back();
}

/// The offset of a new block, and the next value of `used`.
fn place(used: u64, layout: Layout) -> Option<(usize, u64)> {
    // The arena itself is aligned no better.
    if layout.align() > align_of::<Arena>() {
        return None;
    }
    let start = usize::try_from(used & u64::from(u32::MAX))
        .ok()?
        .checked_next_multiple_of(layout.align())?;
    let end = start.checked_add(layout.size()).filter(|end| *end <= SIZE)?;
    let blocks = (used >> 32).checked_add(1)?;
    Some((start, blocks << 32 | u64::try_from(end).ok()?))
}

/// More than the largest answers of two connections.
const SIZE: usize = 128 * 1_024;

#[global_allocator]
static ALLOCATOR: Reserve = Reserve {
    arena: Arena(UnsafeCell::new([0; SIZE])),
    used: AtomicU64::new(0),
    touched: AtomicBool::new(false),
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

    use super::*;

    #[test]
    fn blocks_do_not_overlap_and_the_last_one_frees_them_all() {
        let reserve = Reserve {
            arena: Arena(UnsafeCell::new([0; SIZE])),
            used: AtomicU64::new(0),
            touched: AtomicBool::new(false),
        };
        let odd = Layout::from_size_align(3, 1).unwrap();
        let word = Layout::from_size_align(8, 8).unwrap();
        let (first, second) = (reserve.take(odd), reserve.take(word));
        assert!(reserve.touched.load(SeqCst) && reserve.owns(first) && reserve.owns(second));
        assert_eq!((second.addr() - first.addr(), second.addr() % 8), (8, 0));
        reserve.give_back();
        assert_eq!(reserve.take(odd).addr() - first.addr(), 16);
        reserve.give_back();
        reserve.give_back();
        assert_eq!(reserve.take(odd), first);
    }

    #[test]
    fn a_full_reserve_returns_null() {
        let reserve = Reserve {
            arena: Arena(UnsafeCell::new([0; SIZE])),
            used: AtomicU64::new(0),
            touched: AtomicBool::new(false),
        };
        assert!(!reserve.take(Layout::from_size_align(SIZE, 1).unwrap()).is_null());
        assert!(reserve.take(Layout::from_size_align(1, 1).unwrap()).is_null());
        assert!(reserve.take(Layout::from_size_align(1, 128).unwrap()).is_null());
    }
}
