//! The key is pulled out at each report of a ceremony in turn.

use super::bench::{Script, Service, Sockets};
use std::time::{Duration, Instant};
use test_support::device::Device;
use twostep::usb::Error;
use twostep::webauthn::{Credential, UserVerification};

const DEADLINE: Duration = Duration::from_millis(300);

/// Repeats a ceremony that loses the key after 0, 1, 2… reports until one succeeds; returns the
/// number of reports it needed.
fn pull_out_everywhere(device: impl Fn() -> Device, credential: Option<&Credential>) -> usize {
    for reports in 0..500 {
        let sockets = Sockets::with([Device { reports_left: Some(reports), ..device() }]);
        let service = Service::asking(UserVerification::Preferred).within(DEADLINE);
        let mut person = Script::typing(&["123456"]);
        let begun = Instant::now();
        let ended = match credential {
            None => service.enroll(&sockets, &[], &mut person).map(|_| ()),
            Some(credential) => service.sign_in(&sockets, &[credential], &mut person).map(|_| ()),
        };
        let took = begun.elapsed();
        match ended {
            Ok(()) => return reports,
            Err(Error::Unplugged | Error::NoKey) => {}
            Err(other) => panic!("after {reports} reports: {other:?}"),
        }
        assert!(
            took <= DEADLINE + Duration::from_millis(250),
            "after {reports} reports it took {took:?}"
        );
        let device = sockets.device(0);
        let closed = Instant::now() + Duration::from_secs(1);
        while device.lock().unwrap().open_count() > 0 {
            assert!(Instant::now() < closed, "after {reports} reports the key stayed open");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    panic!("it never ended");
}

#[test]
fn a_key_may_be_pulled_out_at_every_report() {
    for device in
        [|| Device::new("a"), || Device::with_pin("a", "123456"), || Device::u2f_only("a")]
    {
        let service = Service::asking(UserVerification::Preferred);
        let registered = pull_out_everywhere(device, None);
        let sockets = Sockets::with([device()]);
        let credential = service.enroll(&sockets, &[], &mut Script::typing(&["123456"])).unwrap();
        let signed = pull_out_everywhere(device, Some(&credential));
        assert!(registered > 8 && signed > 8, "{registered} and {signed} reports");
    }
}
