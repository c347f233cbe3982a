//! Another program uses the same key continuously.

use test_support::device::{CBOR, Device, INIT, reports};

use super::bench::{Script, Service, Sockets};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_hundred_logins_succeed_beside_another_busy_program() {
    let service = Service::new();
    let sockets = Sockets::with([Device { busy: true, ..Device::new("a") }]);
    let credential = service.enroll(&sockets, &[], &mut Script::default()).unwrap();
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let other = {
        let (bus, stop, asked) = (sockets.bus(), Arc::clone(&stop), Arc::clone(&asked));
        thread::spawn(move || {
            let mut transport = bus.open(Path::new("/dev/hidraw0")).unwrap();
            let mut report = [0; 64];
            while !stop.load(Ordering::Relaxed) {
                for request in reports([0xff; 4], INIT, &[3; 8], 64) {
                    transport.write(&request).unwrap();
                }
                // A message of three reports on its own channel, so that reports of both programs
                // interleave.
                for request in reports([0, 0, 7, 7], CBOR, &[&[0x04][..], &[0; 150]].concat(), 64) {
                    transport.write(&request).unwrap();
                    thread::yield_now();
                }
                while let Ok(Some(_)) = transport.read(&mut report, Duration::from_micros(200)) {}
                asked.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    for _ in 0..100 {
        let begun = Instant::now();
        service.sign_in(&sockets, &[&credential], &mut Script::default()).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    other.join().unwrap();
    assert!(asked.load(Ordering::Relaxed) > 100, "the other program was there");
}
