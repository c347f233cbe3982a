//! Hostile and broken behaviours of a security key, by name.
//!
//! A behaviour is a pure function from an honest reply to the reports sent instead; the owner of
//! the wire sends them. The table depends on no clock or device, so it serves keys on a kernel's
//! bus and keys in memory alike.

mod content;
mod framing;
mod reply;
mod u2f;

use std::time::Duration;

use reply::{CBOR, INIT, MSG, REPORT, Reply};

/// One kind of misbehaviour.
#[derive(Clone, Copy)]
pub struct Fault {
    /// The name on the command line.
    pub name: &'static str,
    /// The replies that it spoils.
    pub on: On,
    /// The expected end of a ceremony that meets it.
    pub end: End,
    change: fn(&Reply) -> Sent,
}

/// The replies that a behaviour spoils.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The reply to CTAPHID_INIT.
    Init,
    /// Replies to CTAPHID_CBOR and CTAPHID_MSG.
    Any,
    /// Every CTAP2 reply.
    Cbor,
    /// The answer to authenticatorGetInfo.
    Info,
    /// The answer to authenticatorMakeCredential.
    Made,
    /// The answer to authenticatorGetAssertion.
    Asserted,
    /// Every CTAP1 reply.
    U2f,
}

/// The expected end of a ceremony that meets a behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The ceremony fails with a typed error.
    Refused,
    /// The ceremony succeeds: clients must tolerate the behaviour.
    Harmless,
    /// Either end is acceptable.
    Either,
}

/// The reports sent instead of an honest reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Reports, of any length.
    pub reports: Vec<Vec<u8>>,
    /// A report that is repeated until the key is pulled out or told to stop.
    pub endless: Option<Endless>,
}

/// A report that is sent endlessly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endless {
    /// The report.
    pub report: Vec<u8>,
    /// The pause between two repetitions.
    pub every: Duration,
}

/// Every behaviour.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    framing::FAULTS.iter().chain(content::FAULTS).chain(u2f::FAULTS)
}

/// Finds a behaviour by its name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Fault> {
    all().find(|fault| fault.name == name)
}

/// The reports that a key with this fault sends instead of `reports`; `None` if the fault does not
/// concern such a reply.
#[must_use]
pub fn mutate(fault: &Fault, reports: &[[u8; REPORT]]) -> Option<Sent> {
    let reply = Reply::read(reports)?;
    fault.on.concerns(&reply).then(|| (fault.change)(&reply))
}

impl On {
    fn concerns(self, reply: &Reply) -> bool {
        match self {
            On::Init => reply.command == INIT,
            On::Any => matches!(reply.command, CBOR | MSG),
            On::Cbor => reply.command == CBOR,
            On::U2f => reply.command == MSG,
            On::Info => {
                content::member(reply, 1).is_some_and(|versions| versions.extract_array().is_some())
            }
            On::Made => content::member(reply, 1)
                .is_some_and(|format| format.extract_text_string().is_some()),
            // Authenticator data and a signature. getInfo has a list and an identifier under these
            // keys.
            On::Asserted => [2, 3].iter().all(|key| {
                content::member(reply, *key)
                    .is_some_and(|value| value.extract_byte_string().is_some())
            }),
        }
    }
}

impl From<Vec<Vec<u8>>> for Sent {
    fn from(reports: Vec<Vec<u8>>) -> Sent {
        Sent { reports, endless: None }
    }
}

impl From<Reply> for Sent {
    fn from(reply: Reply) -> Sent {
        reply.reports().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn at_least_forty_behaviours_have_distinct_names() {
        let names: BTreeSet<&str> = all().map(|fault| fault.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(names.len() >= 40, "{}", names.len());
    }

    #[test]
    fn every_behaviour_changes_only_the_replies_it_concerns() {
        let samples = samples();
        for fault in all() {
            let mut met = 0;
            for (kinds, reply) in &samples {
                let honest = reply.reports();
                let reports: Vec<[u8; REPORT]> =
                    honest.iter().filter_map(|report| report.as_slice().try_into().ok()).collect();
                match mutate(fault, &reports) {
                    Some(sent) if kinds.contains(&fault.on) => {
                        met += 1;
                        assert!(
                            sent.endless.is_some() || sent.reports != honest,
                            "{} does nothing",
                            fault.name
                        );
                    }
                    None if !kinds.contains(&fault.on) => {}
                    other => panic!("{}: {other:?} for {kinds:?}", fault.name),
                }
            }
            assert!(met > 0, "{}", fault.name);
        }
    }

    fn samples() -> Vec<(Vec<On>, Reply)> {
        use sk_cbor::Value;
        let map = |members: Vec<(u64, Value)>| {
            let mut bytes = vec![0];
            let members =
                members.into_iter().map(|(key, value)| (Value::unsigned(key), value)).collect();
            sk_cbor::write(Value::map(members), &mut bytes).expect("a map that can be written");
            bytes
        };
        let text = |text: &str| Value::text_string(text.to_owned());
        let reply = |command, payload| Reply { channel: [0, 0, 0, 1], command, payload };
        let info = map(vec![
            (1, Value::array(vec![text("FIDO_2_0")])),
            (3, Value::byte_string(vec![0; 16])),
            (5, Value::unsigned(1200)),
        ]);
        let data = Value::byte_string(vec![0x41; 164]);
        let statement = Value::map(vec![
            (text("alg"), Value::integer(-7)),
            (text("sig"), Value::byte_string(vec![5; 71])),
        ]);
        let made = map(vec![(1, text("packed")), (2, data.clone()), (3, statement)]);
        let id = Value::map(vec![
            (text("id"), Value::byte_string(vec![9; 64])),
            (text("type"), text("public-key")),
        ]);
        let asserted = map(vec![(1, id), (2, data), (3, Value::byte_string(vec![5; 71]))]);
        let mut registered = vec![5, 4];
        registered.extend([3; 64]);
        registered.push(64);
        registered.extend([6; 64]);
        registered.extend([0x30, 0x82, 0x00, 0x10]);
        registered.extend([2; 90]);
        registered.extend([0x90, 0x00]);
        // An authentication, in whose signature each byte has the same value.
        let authenticated = |byte| [&[1, 0, 0, 0, 7][..], &[byte; 70], &[0x90, 0x00]].concat();
        vec![
            (vec![On::Init], reply(INIT, vec![1; 17])),
            (vec![On::Any, On::Cbor, On::Info], reply(CBOR, info)),
            (vec![On::Any, On::Cbor, On::Made], reply(CBOR, made)),
            (vec![On::Any, On::Cbor, On::Asserted], reply(CBOR, asserted)),
            (vec![On::Any, On::U2f], reply(MSG, registered)),
            (vec![On::Any, On::U2f], reply(MSG, authenticated(0))),
            (vec![On::Any, On::U2f], reply(MSG, authenticated(255))),
        ]
    }
}
