//! Random and mutated reports in quick succession: `TWOSTEP_USB_FRAMES` of them, 100,000 by
//! default.

use super::bench::{Script, Service, Shared, Sockets};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, panic, thread};
use test_support::device::{
    BROADCAST, CBOR, Device, ERROR, FIRST, INIT, KEEPALIVE, MSG, Report, Touch,
};
use twostep::usb;
use twostep::usb::{Bus, Key, NotOpened, Transport, Unplugged};
use twostep::webauthn::UserVerification;

/// Pseudorandom numbers from a seed (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % bound
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// A key whose reports are corrupted in transit, and which never stays silent for long.
struct Noisy {
    sockets: Sockets,
    reports: Arc<AtomicUsize>,
    seed: u64,
}

struct Line {
    device: Shared,
    queue: Arc<Mutex<VecDeque<Report>>>,
    reports: Arc<AtomicUsize>,
    chance: Chance,
    spoils: usize,
    /// True once a channel was allocated and used.
    open: bool,
}

impl Bus for Noisy {
    fn keys(&self) -> Result<Vec<Key>, usb::Error> {
        self.sockets.keys()
    }

    fn open(&self, _: &Path) -> Result<Box<dyn Transport>, NotOpened> {
        let device = self.sockets.device(0);
        let queue = device.lock().unwrap().open();
        let mut chance = Chance(self.seed);
        // The first messages sometimes stay whole, so that later ones are reached.
        let spoils = chance.one_of(&[2, 10, 50, 500]);
        Ok(Box::new(Line {
            device,
            queue,
            reports: Arc::clone(&self.reports),
            chance,
            spoils,
            open: false,
        }))
    }

    fn watch(&self) -> Box<dyn FnMut(Duration)> {
        Box::new(thread::sleep)
    }
}

impl Transport for Line {
    fn report_lengths(&self) -> (usize, usize) {
        (64, 64)
    }

    fn write(&mut self, report: &[u8]) -> Result<(), Unplugged> {
        self.open |= report[..4] != BROADCAST;
        self.device.lock().unwrap().take(report);
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], within: Duration) -> Result<Option<usize>, Unplugged> {
        let begun = Instant::now();
        let sound = {
            let mut device = self.device.lock().unwrap();
            if self.queue.lock().unwrap().is_empty() {
                device.tick();
            }
            self.queue.lock().unwrap().pop_front()
        };
        // Silence occurs as well while stale reports are drained. While waiting for a channel,
        // noise has little effect.
        let quiet = if self.open { self.chance.below(8) == 0 } else { self.chance.below(4) > 0 };
        if sound.is_none() && (within.is_zero() || quiet) {
            thread::sleep(within.min(Duration::from_micros(100)));
            return Ok(None);
        }
        let spoils = if self.open { self.spoils } else { self.spoils * 20 };
        let report = match sound {
            Some(report) if self.chance.below(spoils) > 0 => report,
            Some(mut report) => {
                self.spoil(&mut report);
                report
            }
            None => self.invent(),
        };
        self.reports.fetch_add(1, Ordering::Relaxed);
        let length = report.len().min(buffer.len());
        buffer[..length].copy_from_slice(&report[..length]);
        assert!(begun.elapsed() < Duration::from_secs(60));
        Ok(Some(length))
    }
}

impl Line {
    fn spoil(&mut self, report: &mut Report) {
        for _ in 0..=self.chance.below(4) {
            let place = self.chance.below(64);
            match self.chance.below(4) {
                0 => report[place % 12] = self.chance.byte(),
                1 => report[place] ^= 1 << self.chance.below(8),
                2 => {
                    report[place] =
                        self.chance.one_of(&[0, 1, 0x18, 0x5b, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xff])
                }
                _ => report[place] = self.chance.byte(),
            }
        }
        if self.chance.below(16) == 0 {
            report.truncate(self.chance.below(64));
            report.resize(64, 0);
        }
    }

    fn invent(&mut self) -> Report {
        let channel = match self.chance.below(8) {
            0 => BROADCAST,
            1 => [9, 9, 9, self.chance.byte()],
            _ => FIRST,
        };
        let mut report = channel.to_vec();
        match self.chance.below(if self.spoils > 100 { 40 } else { 6 }) {
            0 => report.extend([
                self.chance.one_of(&[INIT, MSG, CBOR, ERROR]) | 0x80,
                self.chance.byte() & 0x1f,
                self.chance.byte(),
            ]),
            1 => report.extend([self.chance.byte() & 0x7f]),
            _ => report.extend([KEEPALIVE | 0x80, 0, 1, self.chance.one_of(&[1, 2])]),
        }
        while report.len() < 64 {
            let byte = self.chance.byte();
            report.push(byte);
        }
        if self.chance.below(50) == 0 {
            report.truncate(self.chance.below(64));
        }
        report
    }
}

#[test]
fn no_report_makes_a_ceremony_panic_or_outlive_its_deadline() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let ours = info.location().is_some_and(|location| location.file().contains("src/usb"));
        PANICS.fetch_add(usize::from(ours), Ordering::Relaxed);
        before(info);
    }));
    let wanted = env::var("TWOSTEP_USB_FRAMES")
        .map_or(100_000, |number| number.parse().expect("a number of frames"));
    let (reports, mut seed, mut ended) = (Arc::new(AtomicUsize::new(0)), 0x5eed_u64, [0, 0]);
    let sockets = Sockets::with([Device::new("a")]);
    let credential = Service::new().enroll(&sockets, &[], &mut Script::default()).unwrap();
    while reports.load(Ordering::Relaxed) < wanted {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let device = match seed >> 60 & 3 {
            0 => Device::u2f_only("a"),
            1 => Device::with_pin("a", "123456"),
            _ => Device::new("a"),
        };
        let device = Device { touch: Touch::After(Duration::ZERO), ..device };
        let noisy = Noisy { sockets: Sockets::with([device]), reports: Arc::clone(&reports), seed };
        let service =
            Service::asking(UserVerification::Preferred).within(Duration::from_millis(40));
        let begun = Instant::now();
        let ok = service.try_both(Arc::new(noisy), &credential, seed >> 59 & 1 == 0);
        ended[usize::from(ok)] += 1;
        let took = begun.elapsed();
        // A quarter of a second for the final cancel; the remainder for a busy machine.
        assert!(took < Duration::from_millis(40 + 250 + 750), "seed {seed:#x} took {took:?}");
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "seed {seed:#x}");
    }
    let [refused, through] = ended;
    assert!(
        refused > 0 && through > 0,
        "both ends were reached: {refused} refused, {through} got through"
    );
    println!(
        "{} reports: {refused} ceremonies refused, {through} got through",
        reports.load(Ordering::Relaxed)
    );
}
