//! The memory that a hostile key can make a ceremony allocate: at most 64 KiB more than an honest
//! key.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    unsafe_code,
    reason = "an allocator that counts"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use test_support::process::alone;
use twostep::usb::{self, Bus, Key, NotOpened, Text, Transport, Unplugged};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The data in the longest message of a key, after the status byte.
#[derive(Clone, Copy, Debug)]
enum Content {
    /// A list of as many numbers as fit.
    Numbers,
    /// A map that claims 2⁶⁴ − 1 pairs.
    HugeMap,
    /// Bytes that claim to be 2⁶⁴ − 1.
    HugeBytes,
    /// A description with the longest possible value in every member that is kept.
    LongTexts,
    /// Endless keepalives.
    Keepalives,
    /// The first report, endlessly.
    Beginnings,
    /// Endless reports on other channels.
    Others,
    /// An honest answer, to measure the need of a ceremony.
    Nothing,
}

/// A key without memory: every report is computed when it is read.
struct Canned(Content);

struct Line {
    content: Content,
    nonce: [u8; 8],
    at: Option<usize>,
}

const LONGEST: usize = 7609;

impl Bus for Canned {
    fn keys(&self) -> Result<Vec<Key>, usb::Error> {
        let text = Text::default;
        Ok(vec![Key {
            path: "/dev/hidraw0".into(),
            vendor_id: 0,
            product_id: 0,
            manufacturer: text(),
            product: text(),
            serial: text(),
        }])
    }

    fn open(&self, _: &Path) -> Result<Box<dyn Transport>, NotOpened> {
        Ok(Box::new(Line { content: self.0, nonce: [0; 8], at: None }))
    }

    fn watch(&self) -> Box<dyn FnMut(Duration)> {
        Box::new(std::thread::sleep)
    }
}

impl Line {
    /// One byte of the message.
    fn byte(&self, index: usize) -> u8 {
        let head: &[u8] = match self.content {
            Content::Numbers => b"\x00\xa2\x01\x99\x1d\xb0",
            Content::HugeMap => b"\x00\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
            Content::HugeBytes => b"\x00\xa1\x01\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            Content::LongTexts => b"\x00\xa2\x03\x50AAAAAAAAAAAAAAAA\x01\x99\x1c\x00",
            _ => b"\x00\xa2\x01\x81\x68FIDO_2_0\x03\x50AAAAAAAAAAAAAAAA",
        };
        head.get(index)
            .copied()
            .unwrap_or(if matches!(self.content, Content::LongTexts) { 0x60 } else { 0 })
    }

    fn length(&self) -> usize {
        if matches!(self.content, Content::Nothing) { 31 } else { LONGEST }
    }
}

impl Transport for Line {
    fn report_lengths(&self) -> (usize, usize) {
        (64, 64)
    }

    fn write(&mut self, report: &[u8]) -> Result<(), Unplugged> {
        match report[4] {
            0x86 => {
                self.nonce.copy_from_slice(&report[7..15]);
                self.at = Some(usize::MAX);
            }
            0x91 => self.at = None,
            _ => self.at = Some(0),
        }
        Ok(())
    }

    fn read(&mut self, report: &mut [u8], within: Duration) -> Result<Option<usize>, Unplugged> {
        let Some(at) = self.at else {
            std::thread::sleep(within);
            return Ok(None);
        };
        report.fill(0);
        if at == usize::MAX {
            report[..7].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x86, 0, 17]);
            report[7..15].copy_from_slice(&self.nonce);
            report[15..24].copy_from_slice(&[0, 0, 0, 1, 2, 0, 0, 0, 0x0c]);
            self.at = None;
            return Ok(Some(64));
        }
        report[..4].copy_from_slice(&[0, 0, 0, 1]);
        match self.content {
            Content::Keepalives => report[4..8].copy_from_slice(&[0xbb, 0, 1, 1]),
            Content::Others => report[0] = 9,
            _ => {
                let first = at == 0 || matches!(self.content, Content::Beginnings);
                let header = if first { 7 } else { 5 };
                if first {
                    report[4] = 0x90;
                    report[5..7]
                        .copy_from_slice(&u16::try_from(self.length()).unwrap().to_be_bytes());
                } else {
                    report[4] = u8::try_from((at - 57) / 59).unwrap();
                }
                for (index, byte) in report[header..].iter_mut().enumerate() {
                    *byte = self.byte(at + index);
                }
                let next = at + 64 - header;
                self.at = (next < self.length()).then_some(next);
            }
        }
        Ok(Some(64))
    }
}

/// The peak of live bytes beyond those that were live before.
fn peak(content: Content) -> usize {
    let bus = Arc::new(Canned(content));
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let found = usb::list_on(bus).unwrap();
    assert_eq!(found.len(), 1, "{content:?}");
    PEAK.load(Ordering::Relaxed) - before
}

#[test]
fn no_key_makes_a_channel_grow_beyond_64_kib() {
    // In a process of its own, because the count covers all threads.
    if std::env::var_os(CHILD).is_none() {
        let test = "usb_memory::no_key_makes_a_channel_grow_beyond_64_kib";
        println!("{}", alone(test, (CHILD, OsStr::new("1"))));
        return;
    }
    peak(Content::Nothing);
    let needed = peak(Content::Nothing);
    for content in [
        Content::Numbers,
        Content::HugeMap,
        Content::HugeBytes,
        Content::LongTexts,
        Content::Keepalives,
        Content::Beginnings,
        Content::Others,
    ] {
        let peak = peak(content);
        println!("{content:?}: {peak} bytes, {needed} are needed anyway");
        assert!(
            peak.saturating_sub(needed) <= 64 << 10,
            "{content:?} took {peak} bytes, {needed} are needed anyway"
        );
    }
}

/// Set for the process that counts.
const CHILD: &str = "TWOSTEP_TEST_USB_MEMORY";
