//! Against any behaviour of a key, a ceremony ends in time with a typed error.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::Value;

use crate::faults;
use crate::faults::{End, Fault, On};
use crate::guest::{Agent, Case, Key, Outcome, Place, Ran, Wire};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ceremony {
    Enrolment,
    Login,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Fido2,
    U2f,
}

struct Bench {
    agent: Agent,
    key: Key,
    words: Vec<&'static str>,
}

impl Bench {
    fn set_up(ceremony: Ceremony, kind: Kind) -> Result<Bench, String> {
        let agent = Agent::start("")?;
        let key =
            Key::plug(Wire::Uhid, "BAD-1", if kind == Kind::U2f { &["--u2f-only"] } else { &[] })?;
        let words = match ceremony {
            Ceremony::Enrolment => {
                ["--json", "key", "enroll", "--account", "zoe", "--wait", WAIT].to_vec()
            }
            Ceremony::Login => {
                ["--json", "login", "--key", "--account", "ann", "--wait", WAIT].to_vec()
            }
        };
        if ceremony == Ceremony::Login {
            agent.enroll("ann")?;
        }
        Ok(Bench { agent, key, words })
    }

    /// Runs the ceremony once and removes the enrolled device afterwards.
    fn run(&self) -> Result<Ran, String> {
        let ran = self.agent.twostep(&self.words)?;
        if let Some(serial) = serde_json::from_str::<Value>(&ran.stdout)
            .ok()
            .and_then(|document| Some(document["device"]["serial"].as_str()?.to_owned()))
        {
            self.agent.twostep(&["device", "remove", "--yes", &serial])?.done()?;
        }
        Ok(ran)
    }
}

/// Tries each behaviour for replies of these kinds, after the given number of honest replies.
fn matrix(ceremony: Ceremony, kind: Kind, plan: &[(On, u32)]) -> Outcome {
    let bench = Bench::set_up(ceremony, kind)?;
    let mut healthy = Duration::MAX;
    for _ in 0..3 {
        healthy = healthy.min(bench.run()?.done()?.took);
    }
    let memory = resident()?;
    let (mut met, mut slowest, mut faults) = (0, Duration::ZERO, Vec::new());
    let planned = plan.iter().flat_map(|(on, skip)| {
        faults::all()
            .filter(move |fault| fault.on == *on)
            .map(move |fault| (fault, skip))
    });
    for (fault, skip) in planned {
        bench.key.tell(&format!("fault {} {skip}", fault.name))?;
        let ran = bench.run()?;
        bench.key.tell("heal")?;
        met += 1;
        slowest = slowest.max(ran.took);
        faults.extend(judge(fault, &ran, healthy));
        // Unread reports are dropped by the kernel and the key.
        bench.key.tell("replug")?;
        bench.key.node()?;
    }
    let grown = resident()? - memory;
    println!(
        "figure: {met} behaviours, the slowest {:.2} s, healthy {:.2} s, {grown} KiB more memory",
        slowest.as_secs_f64(),
        healthy.as_secs_f64()
    );
    if grown > GROWTH {
        faults.push(format!("{grown} KiB more memory"));
    }
    bench.run()?.done()?;
    faults
        .is_empty()
        .then_some(())
        .ok_or_else(|| format!("{} of {met}: {}", faults.len(), faults.join("; ")))
}

/// After a single bad reply, the next ceremony succeeds without replugging the key.
fn recovers() -> Outcome {
    let bench = Bench::set_up(Ceremony::Login, Kind::Fido2)?;
    let mut faults = Vec::new();
    for fault in
        faults::all().filter(|fault| LEFT_OVER.iter().any(|start| fault.name.starts_with(start)))
    {
        bench.key.tell(&format!("fault {} 0 1", fault.name))?;
        bench.run()?;
        bench.key.tell("heal")?;
        if let Err(why) = bench.run()?.done() {
            faults.push(format!("after {}: {why}", fault.name));
            bench.key.tell("replug")?;
            bench.key.node()?;
        }
    }
    faults.is_empty().then_some(()).ok_or_else(|| faults.join("; "))
}

/// Returns the fault in a program's reaction to a behaviour, if there is one.
fn judge(fault: &Fault, ran: &Ran, healthy: Duration) -> Option<String> {
    let Ran { code, stdout, stderr, took } = ran;
    let problem = serde_json::from_str::<Value>(stdout)
        .ok()
        .is_some_and(|document| document["code"].is_string());
    let typed = problem && matches!(code, Some(1 | 3 | 4));
    let ended = match fault.end {
        End::Refused => typed,
        End::Harmless => *code == Some(0),
        End::Either => typed || *code == Some(0),
    };
    let late = *took > DEADLINE + healthy;
    let panicked = stderr.contains("panicked");
    (!ended || late || panicked).then(|| {
        format!(
            "{} ended with {code:?} after {:.2} s: {}",
            fault.name,
            took.as_secs_f64(),
            stdout.trim().replace('\n', " ")
        )
    })
}

/// The largest resident set of any program so far, in KiB.
fn resident() -> Result<i64, String> {
    Ok(getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|error| error.to_string())?
        .max_rss())
}

pub(super) const CASES: &[Case] = &[
    Case::new("hostile.enrolment", || {
        matrix(
            Ceremony::Enrolment,
            Kind::Fido2,
            &[(On::Init, 0), (On::Info, 0), (On::Any, 1), (On::Cbor, 1), (On::Made, 0)],
        )
    })
    .on(Place::Counted)
    .within(400),
    Case::new("hostile.login", || {
        matrix(Ceremony::Login, Kind::Fido2, &[(On::Asserted, 0), (On::Asserted, 1)])
    })
    .on(Place::Counted)
    .within(400),
    Case::new("hostile.u2f-enrolment", || {
        matrix(Ceremony::Enrolment, Kind::U2f, &[(On::U2f, 0), (On::U2f, 1)])
    })
    .on(Place::Counted)
    .within(400),
    Case::new("hostile.u2f-login", || {
        matrix(Ceremony::Login, Kind::U2f, &[(On::Any, 1), (On::U2f, 1)])
    })
    .on(Place::Counted)
    .within(400),
    Case::new("hostile.recovers-after-one-bad-reply", recovers)
        .on(Place::Counted)
        .within(400),
];

/// The `--wait` of a ceremony; its tolerance follows.
const WAIT: &str = "1";
const DEADLINE: Duration = Duration::from_millis(1_000 + 250);

/// Allowed growth of the largest resident set after faults, in KiB.
const GROWTH: i64 = 1_024;

/// Behaviours that leave reports in transit.
const LEFT_OVER: [&str; 8] = [
    "begun-twice",
    "continuation-",
    "foreign-",
    "keepalive-burst",
    "keepalive-touch",
    "length-too-long",
    "sent-twice",
    "silent",
];
