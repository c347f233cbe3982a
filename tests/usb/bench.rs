//! A scripted person, and a relying party.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use test_support::sockets::{Shared, Sockets};
use twostep::time::UnixTime;
use twostep::usb;
use twostep::usb::{Bus, Options, Person, Pin, PinRequest, Progress};
use twostep::webauthn::{
    AuthenticationResponse, Credential, Origin, RelyingParty, RelyingPartyConfig, UserEntity,
    UserVerification,
};

type Reaction = Box<dyn FnMut(&Progress)>;

/// A person who types these PINs in order and reacts to progress messages.
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

/// The relying party of the ceremonies.
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
        Service {
            party: RelyingParty::new(config).unwrap(),
            options: Options { deadline: Duration::from_secs(10), ..Options::default() },
        }
    }

    pub(crate) fn within(self, deadline: Duration) -> Service {
        Service { options: Options { deadline, ..self.options }, ..self }
    }

    pub(crate) fn enroll(
        &self,
        sockets: &Sockets,
        exclude: &[&Credential],
        person: &mut Script,
    ) -> Result<Credential, usb::Error> {
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
        let signed =
            usb::authenticate_on(sockets.bus(), &self.options, &request, &origin(), person)?;
        let credential = allow
            .iter()
            .find(|credential| credential.id.as_bytes() == signed.raw_id)
            .unwrap();
        let assertion = self.party.finish_authentication(&state, &signed, credential).unwrap();
        assert_eq!(assertion.credential_id, credential.id);
        Ok(signed)
    }
}

impl Service {
    /// Runs one ceremony on another bus; returns whether it produced a response.
    pub(crate) fn try_both(
        &self,
        bus: Arc<dyn Bus>,
        credential: &Credential,
        register: bool,
    ) -> bool {
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
