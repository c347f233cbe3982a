//! A bus in memory, a person with a script, and a relying party.

use crate::device::Device;
use crate::device::Report;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;
use twostep::time::UnixTime;
use twostep::usb;
use twostep::usb::Bus;
use twostep::usb::Key;
use twostep::usb::NotOpened;
use twostep::usb::Options;
use twostep::usb::Person;
use twostep::usb::Pin;
use twostep::usb::PinRequest;
use twostep::usb::Progress;
use twostep::usb::Text;
use twostep::usb::Transport;
use twostep::usb::Unplugged;
use twostep::webauthn::AuthenticationResponse;
use twostep::webauthn::Credential;
use twostep::webauthn::Origin;
use twostep::webauthn::RelyingParty;
use twostep::webauthn::RelyingPartyConfig;
use twostep::webauthn::UserEntity;
use twostep::webauthn::UserVerification;

pub(crate) type Shared = Arc<Mutex<Device>>;

/// Sockets with keys in them.
#[derive(Clone, Default)]
pub(crate) struct Sockets(Arc<Mutex<Vec<(Key, Shared, bool)>>>);

impl Sockets {
    pub(crate) fn with(devices: impl IntoIterator<Item = Device>) -> Sockets {
        let sockets = Sockets::default();
        for device in devices {
            sockets.plug(device);
        }
        sockets
    }

    pub(crate) fn plug(&self, device: Device) -> Shared {
        let device = Arc::new(Mutex::new(device));
        self.plug_again(&device);
        device
    }

    pub(crate) fn plug_again(&self, device: &Shared) {
        let mut sockets = self.0.lock().unwrap();
        device.lock().unwrap().unplugged = false;
        let path = format!("/dev/hidraw{}", sockets.len()).into();
        let text = Text::new("Simulated key");
        let key = Key { path, vendor_id: 0x1209, product_id: 1, manufacturer: Text::default(), product: text, serial: Text::default() };
        sockets.push((key, Arc::clone(device), true));
    }

    pub(crate) fn forbid(&self) {
        self.0.lock().unwrap().iter_mut().for_each(|socket| socket.2 = false);
    }

    pub(crate) fn device(&self, number: usize) -> Shared {
        Arc::clone(&self.0.lock().unwrap()[number].1)
    }

    pub(crate) fn bus(&self) -> Arc<dyn Bus> {
        Arc::new(self.clone())
    }
}

impl Bus for Sockets {
    fn keys(&self) -> Result<Vec<Key>, usb::Error> {
        let sockets = self.0.lock().unwrap();
        Ok(sockets.iter().filter(|(_, device, _)| !device.lock().unwrap().unplugged).map(|(key, ..)| key.clone()).collect())
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Transport>, NotOpened> {
        let sockets = self.0.lock().unwrap();
        let (_, device, allowed) = sockets.iter().find(|(key, ..)| key.path == path).ok_or(NotOpened::Gone)?;
        if !allowed {
            return Err(NotOpened::NotAllowed(path.to_owned()));
        }
        let mut open = device.lock().unwrap();
        if open.unplugged {
            return Err(NotOpened::Gone);
        }
        Ok(Box::new(Opened { device: Arc::clone(device), queue: open.open() }))
    }

    fn watch(&self) -> Box<dyn FnMut(Duration)> {
        Box::new(|most| std::thread::sleep(most.min(Duration::from_millis(20))))
    }
}

struct Opened {
    device: Shared,
    queue: Arc<Mutex<VecDeque<Report>>>,
}

impl Transport for Opened {
    fn report_lengths(&self) -> (usize, usize) {
        let length = self.device.lock().unwrap().report_length;
        (length, length)
    }

    fn write(&mut self, report: &[u8]) -> Result<(), Unplugged> {
        let mut device = self.device.lock().unwrap();
        if !device.count_report() {
            return Err(Unplugged);
        }
        device.take(report);
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], within: Duration) -> Result<Option<usize>, Unplugged> {
        let begun = Instant::now();
        loop {
            let mut device = self.device.lock().unwrap();
            if device.unplugged {
                return Err(Unplugged);
            }
            if self.queue.lock().unwrap().is_empty() {
                device.tick();
            }
            let report = self.queue.lock().unwrap().pop_front();
            if let Some(report) = report {
                if !device.count_report() {
                    return Err(Unplugged);
                }
                let length = report.len().min(buffer.len());
                buffer[..length].copy_from_slice(&report[..length]);
                return Ok(Some(length));
            }
            drop(device);
            if begun.elapsed() >= within {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

type Reaction = Box<dyn FnMut(&Progress)>;

/// A person who types these PINs, one after the other, and reacts to what they are told.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) pins: VecDeque<&'static str>,
    pub(crate) told: Vec<Progress>,
    pub(crate) asked: Vec<PinRequest>,
    pub(crate) reaction: Option<Reaction>,
}

impl Script {
    pub(crate) fn typing(pins: &[&'static str]) -> Script {
        Script { pins: pins.iter().copied().collect(), ..Script::default() }
    }

    pub(crate) fn reacting(reaction: impl FnMut(&Progress) + 'static) -> Script {
        Script { reaction: Some(Box::new(reaction)), ..Script::default() }
    }

    pub(crate) fn was_told(&self, what: impl Fn(&Progress) -> bool) -> bool {
        self.told.iter().any(what)
    }
}

impl Person for Script {
    fn tell(&mut self, progress: Progress) {
        if let Some(reaction) = &mut self.reaction {
            reaction(&progress);
        }
        self.told.push(progress);
    }

    fn pin(&mut self, request: &PinRequest) -> Option<Pin> {
        self.asked.push(request.clone());
        self.pins.pop_front().map(|pin| Pin::new(pin.to_owned()))
    }
}

/// The service on whose behalf keys are asked.
pub(crate) struct Service {
    pub(crate) party: RelyingParty,
    pub(crate) options: Options,
}

pub(crate) const ORIGIN: &str = "https://login.example.org";

impl Service {
    pub(crate) fn new() -> Service {
        Service::asking(UserVerification::Discouraged)
    }

    pub(crate) fn asking(user_verification: UserVerification) -> Service {
        let config = RelyingPartyConfig {
            rp_id: "example.org".into(),
            name: "Example".into(),
            origins: vec![ORIGIN.into()],
            user_verification,
            ..RelyingPartyConfig::default()
        };
        Service { party: RelyingParty::new(config).unwrap(), options: Options { deadline: Duration::from_secs(10), ..Options::default() } }
    }

    pub(crate) fn within(self, deadline: Duration) -> Service {
        Service { options: Options { deadline, ..self.options }, ..self }
    }

    pub(crate) fn enroll(&self, sockets: &Sockets, exclude: &[&Credential], person: &mut Script) -> Result<Credential, usb::Error> {
        let user = UserEntity { handle: b"alice's handle".to_vec(), name: "alice".into() };
        let (creation, state) = self.party.start_registration(&user, exclude).unwrap();
        let made = usb::register_on(sockets.bus(), &self.options, &creation, &origin(), person)?;
        Ok(self.party.finish_registration(&state, &made, UnixTime(1_800_000_000)).unwrap())
    }

    pub(crate) fn sign_in(
        &self,
        sockets: &Sockets,
        allow: &[&Credential],
        person: &mut Script,
    ) -> Result<AuthenticationResponse, usb::Error> {
        let (request, state) = self.party.start_authentication(allow).unwrap();
        let signed = usb::authenticate_on(sockets.bus(), &self.options, &request, &origin(), person)?;
        let credential = allow.iter().find(|credential| credential.id.as_bytes() == signed.raw_id).unwrap();
        let assertion = self.party.finish_authentication(&state, &signed, credential).unwrap();
        assert_eq!(assertion.credential_id, credential.id);
        Ok(signed)
    }
}

impl Service {
    /// Runs one ceremony on another bus; whether the relying party could have been given an answer.
    pub(crate) fn try_both(&self, bus: Arc<dyn Bus>, credential: &Credential, register: bool) -> bool {
        let mut person = Script::typing(&["123456"]);
        if register {
            let user = UserEntity { handle: b"alice's handle".to_vec(), name: "alice".into() };
            let (creation, _) = self.party.start_registration(&user, &[]).unwrap();
            usb::register_on(bus, &self.options, &creation, &origin(), &mut person).is_ok()
        } else {
            let (request, _) = self.party.start_authentication(&[credential]).unwrap();
            usb::authenticate_on(bus, &self.options, &request, &origin(), &mut person).is_ok()
        }
    }
}

pub(crate) fn origin() -> Origin {
    ORIGIN.parse().unwrap()
}
