//! `twostep key doctor`: every key that is plugged in, what is wrong with it, and the line that
//! mends it. It works without any right, and changes nothing.

use nix::unistd::{Gid, Group, Uid, User};

use crate::cli::console;
use crate::cli::doctor::{Finding, report};
use crate::cli::key::list::{name, protocols};
use crate::cli::key::manage::blocking;
use crate::cli::key::person::tries;
use crate::cli::output::{Exit, Failure, Report};
use crate::usb;
use crate::usb::{About, Access, Answer, Found, Holders, PinState};

/// Say what is wrong with the security keys that are plugged in, and how to mend it
///
/// Exit 0: nothing. 1: something, and how to mend it. 4: no security key is plugged in.
#[derive(clap::Args)]
pub(in crate::cli) struct Doctor {
    /// Print the udev rule that gives security keys to the user who is logged in at this machine
    ///
    /// systemd 244 and later brings such a rule; it is needed where `ls
    /// /lib/udev/rules.d/60-fido-id.rules` finds nothing.
    #[arg(long)]
    udev_rule: bool,
}

impl Doctor {
    pub(super) async fn run(&self) -> Result<Report, Failure> {
        if self.udev_rule {
            return Ok(Report::verbatim(serde_json::json!({"udev_rule": UDEV_RULE}), UDEV_RULE));
        }
        let looked = blocking(|| {
            usb::list().map(|found| found.into_iter().map(with_holders).collect::<Vec<_>>())
        })
        .await?;
        let mut findings = vec![Finding::good("you", console::whoami())];
        if looked.is_empty() {
            let none = Finding::bad("keys", "no security key is plugged in");
            findings.push(
                none.mend("Plug one in. Does the machine see it? lsusb")
                    .mend("In a virtual machine, hand the USB device to it."),
            );
        }
        findings.extend(looked.iter().flat_map(|(found, holders)| {
            [look(found, holders)].into_iter().chain(held(found, holders))
        }));
        let exit = match findings.iter().any(Finding::is_bad) {
            _ if looked.is_empty() => Exit::NoKey,
            true => Exit::Refused,
            false => Exit::Done,
        };
        Ok(report(&findings, exit, "twostep key doctor"))
    }
}

fn with_holders(found: Found) -> (Found, Holders) {
    let holders = usb::holders(&found.key.path);
    (found, holders)
}

fn look(found: &Found, holders: &Holders) -> Finding {
    let (path, name) = (found.key.path.display(), name(found));
    match (&found.access, &found.answer) {
        (Access::NotAllowed { mode, uid, gid }, _) => {
            let closed = format!(
                "{name} ({path}) is not open to you: it is for {}, mode {mode:03o}",
                owners(*uid, *gid)
            );
            not_allowed(Finding::bad("permission", closed), found)
        }
        (Access::Gone, _) => Finding::bad("key", format!("{name} ({path}) was just unplugged"))
            .mend("Plug it in again."),
        (Access::Failed(why), _) => {
            Finding::bad("key", format!("{name} ({path}) cannot be opened: {why}")).mend(REPLUG)
        }
        (_, Some(Answer::Busy)) => {
            let busy =
                Finding::bad("busy", format!("{name} ({path}) is busy: another program uses it"));
            match holders.seen.is_empty() {
                true => busy.mend(
                    "Close the program that asks for a touch; a browser, perhaps. To see which: \
                     sudo twostep key doctor",
                ),
                false => busy
                    .mend(format!("Close {}, or touch the key if it blinks.", programs(holders))),
            }
        }
        (_, Some(Answer::Slow)) => {
            Finding::bad("slow", format!("{name} ({path}) is too slow to answer in time"))
                .mend(REPLUG)
        }
        (_, Some(Answer::Silent)) => {
            Finding::bad("key", format!("{name} ({path}) does not answer")).mend(REPLUG)
        }
        (_, Some(Answer::Misbehaved(how))) => {
            let odd = Finding::bad(
                "key",
                format!("{name} ({path}) does not speak as a security key does: {how}"),
            );
            odd.mend(REPLUG).mend("If it stays so, use another key.")
        }
        (_, Some(Answer::About(about))) => healthy(found, about),
        (_, _) => Finding::unknown("key", format!("{name} ({path}) was not asked")),
    }
}

fn healthy(found: &Found, about: &About) -> Finding {
    let (path, name) = (found.key.path.display(), name(found));
    let usb = format!("{:04x}:{:04x}", found.key.vendor_id, found.key.product_id);
    let key =
        format!("{name} ({path}, USB {usb}, {}, firmware {})", protocols(about), about.firmware);
    match about.pin {
        PinState::Blocked => Finding::bad("PIN", format!("{key}: its PIN is blocked")).mend(
            "Use another key. Only a reset frees this one, and erases every credential on it: \
                 fido2-token -R PATH",
        ),
        PinState::Set { power_cycle: true, .. } => {
            let full = format!("{key}: it takes no PIN after three wrong ones in a row");
            Finding::bad("PIN", full).mend("Unplug it, plug it in, try again.")
        }
        PinState::Set { must_change: true, .. } => {
            Finding::bad("PIN", format!("{key}: it wants another PIN"))
                .mend("twostep key pin change")
        }
        PinState::Set { retries: Some(retries), .. } => {
            Finding::good("key", format!("{key}: PIN set, {} left", tries(retries)))
        }
        PinState::Set { .. } => Finding::good("key", format!("{key}: PIN set")),
        PinState::NotSet => Finding::good("key", format!("{key}: no PIN set")),
        PinState::Unsupported => Finding::good("key", format!("{key}: it has no PIN")),
    }
}

/// Other programs that have the key open; harmless by itself.
fn held(found: &Found, holders: &Holders) -> Option<Finding> {
    let busy = matches!(found.answer, Some(Answer::Busy));
    let told = !busy && !holders.seen.is_empty();
    told.then(|| {
        Finding::good(
            "open",
            format!("{} is open in {}", found.key.path.display(), programs(holders)),
        )
    })
}

fn programs(holders: &Holders) -> String {
    let programs: Vec<String> = holders
        .seen
        .iter()
        .map(|holder| format!("{} (process {})", holder.program, holder.pid))
        .collect();
    programs.join(", ")
}

/// Ways to open the node to this user: they depend on what manages nodes here.
fn not_allowed(finding: Finding, found: &Found) -> Finding {
    let path = found.key.path.display();
    let now = format!("For now: sudo setfacl -m u:{}:rw {path}", me());
    match found.tagged {
        Some(true) => {
            let screen = "Keys are given to the user who is logged in at this machine's screen, \
                          and you are not (over ssh, perhaps).";
            finding.mend(screen).mend(now)
        }
        Some(false) => finding
            .mend("No udev rule knows it for a security key. Install one, then plug it in anew:")
            .mend(
                "  twostep key doctor --udev-rule \
                 | sudo tee /etc/udev/rules.d/70-twostep-keys.rules",
            )
            .mend(
                "  sudo udevadm control --reload \
                 && sudo udevadm trigger --subsystem-match=hidraw",
            ),
        None => finding.mend("No udevd runs here that would give it to you.").mend(now),
    }
}

fn owners(uid: u32, gid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid))
        .ok()
        .flatten()
        .map_or(uid.to_string(), |user| user.name);
    let group = Group::from_gid(Gid::from_raw(gid))
        .ok()
        .flatten()
        .map_or(gid.to_string(), |group| group.name);
    format!("{user} and the group {group}")
}

fn me() -> String {
    let uid = Uid::current();
    User::from_uid(uid).ok().flatten().map_or(uid.to_string(), |user| user.name)
}

const REPLUG: &str = "Unplug it, plug it in again, then run this again.";

/// See udev(7). The report descriptor of every security key begins with the usage page F1D0.
const UDEV_RULE: &str = include_str!("../../../packaging/udev/70-twostep-keys.rules");
