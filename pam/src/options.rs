//! Options of the module on its line in the stack.

use std::time::Duration;

/// The options of one line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The socket on which the agent listens for verifications.
    pub(crate) socket: String,
    /// The user whom the agent runs as, by name or number.
    pub(crate) agent: String,
    /// Precedes the login name in the name of the account.
    pub(crate) prefix: String,
    /// The time limit for one answer of the agent.
    pub(crate) timeout: Duration,
    /// The time limit for the person to plug in the key and touch it.
    pub(crate) wait: Duration,
    /// The audience of the session; the agent itself by default.
    pub(crate) audience: Option<String>,
    pub(crate) key: KeyOffer,
    /// True to accept a verification that is still fresh, if the agent's configuration allows it.
    pub(crate) reuse: bool,
}

/// The people to whom a security key on this machine is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOffer {
    /// A person in front of this machine.
    Local,
    Never,
    /// All people, also over the network.
    Always,
}

/// An invalid option, with its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadOption<'a>(pub(crate) &'a str);

impl Options {
    /// Parses the options. An unknown, malformed or repeated option is an error, since its intent
    /// is unclear.
    pub(crate) fn parse<'a>(arguments: &[&'a str]) -> Result<Options, BadOption<'a>> {
        let (mut socket, mut agent, mut prefix, mut timeout, mut wait) =
            (None, None, None, None, None);
        let (mut audience, mut key, mut reuse) = (None, None, None);
        for argument in arguments {
            let (name, value) = argument
                .split_once('=')
                .map_or((*argument, None), |(name, value)| (name, Some(value)));
            let taken = match (name, value) {
                ("socket", Some(path)) if path.starts_with('/') && path.len() < LONGEST_PATH => {
                    set(&mut socket, path.to_owned())
                }
                ("agent", Some(name)) if (1..=32).contains(&name.len()) => {
                    set(&mut agent, name.to_owned())
                }
                ("prefix", Some(text)) if (1..=32).contains(&text.len()) => {
                    set(&mut prefix, text.to_owned())
                }
                ("timeout", Some(value)) => {
                    seconds(value, 1, 60).and_then(|value| set(&mut timeout, value))
                }
                ("wait", Some(value)) => {
                    seconds(value, 5, 120).and_then(|value| set(&mut wait, value))
                }
                ("audience", Some(name)) if (1..=256).contains(&name.len()) => {
                    set(&mut audience, name.to_owned())
                }
                ("key", Some("local")) => set(&mut key, KeyOffer::Local),
                ("key", Some("never")) => set(&mut key, KeyOffer::Never),
                ("key", Some("always")) => set(&mut key, KeyOffer::Always),
                ("reuse", None) => set(&mut reuse, true),
                _ => None,
            };
            taken.ok_or(BadOption(argument))?;
        }
        Ok(Options {
            socket: socket.unwrap_or_else(|| SOCKET.to_owned()),
            agent: agent.unwrap_or_else(|| AGENT.to_owned()),
            prefix: prefix.unwrap_or_default(),
            timeout: timeout.unwrap_or(Duration::from_secs(5)),
            wait: wait.unwrap_or(Duration::from_secs(30)),
            audience,
            key: key.unwrap_or(KeyOffer::Local),
            reuse: reuse.unwrap_or(false),
        })
    }
}

fn set<T>(option: &mut Option<T>, value: T) -> Option<()> {
    option.is_none().then(|| *option = Some(value))
}

fn seconds(text: &str, least: u64, most: u64) -> Option<Duration> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| digits && (least..=most).contains(seconds))?;
    Some(Duration::from_secs(seconds))
}

/// The user of `twostep.service`.
const AGENT: &str = "twostep";

const SOCKET: &str = "/run/twostep/verify.sock";

/// `sun_path` of `unix(7)`, with its final zero.
const LONGEST_PATH: usize = 108;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

    use super::*;

    #[test]
    fn without_options_the_defaults_hold() {
        let options = Options::parse(&[]).unwrap();
        assert_eq!(options.socket, "/run/twostep/verify.sock");
        assert_eq!(options.agent, "twostep");
        assert_eq!(
            (options.timeout, options.wait),
            (Duration::from_secs(5), Duration::from_secs(30))
        );
        assert_eq!((options.audience, options.key, options.reuse), (None, KeyOffer::Local, false));
    }

    #[test]
    fn each_option_is_read() {
        let options = Options::parse(&[
            "socket=/x",
            "agent=1000",
            "prefix=host:",
            "timeout=9",
            "wait=20",
            "audience=ops",
            "key=never",
            "reuse",
        ])
        .unwrap();
        assert_eq!((options.socket.as_str(), options.audience.as_deref()), ("/x", Some("ops")));
        assert_eq!(
            (options.timeout, options.wait),
            (Duration::from_secs(9), Duration::from_secs(20))
        );
        assert_eq!((options.key, options.reuse), (KeyOffer::Never, true));
        assert_eq!((options.agent.as_str(), options.prefix.as_str()), ("1000", "host:"));
    }

    #[test]
    fn an_invalid_option_is_refused() {
        for option in [
            "",
            "debug",
            "nullok",
            "use_first_pass",
            "socket",
            "socket=",
            "socket=run/x",
            "agent=",
            "prefix=",
            "prefix",
            "agent",
            "timeout=0",
            "timeout=61",
            "timeout=+5",
            "timeout=5s",
            "timeout",
            "wait=4",
            "wait=121",
            "audience=",
            "key",
            "key=",
            "key=Local",
            "reuse=yes",
            "reuse=",
            "Reuse",
            "key=local ",
        ] {
            assert_eq!(Options::parse(&["timeout=5", option]), Err(BadOption(option)), "{option}");
        }
        assert_eq!(Options::parse(&["reuse", "reuse"]), Err(BadOption("reuse")));
        let long = format!("socket=/{}", "x".repeat(107));
        assert_eq!(Options::parse(&[&long]), Err(BadOption(&long)));
    }
}
