//! The console's sign-in page: neither the length nor the time of a refusal shows if the account
//! exists, or what its devices are.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use test_support::agent::Agent;
use test_support::http::Client;
use test_support::timing::{BOUND, difference};

use super::store::{Attempt, attempts};
use super::{CALLERS, alone, requests};

/// The classes that a typed code can be of.
const TYPED: [&str; 7] = [
    "unknown account",
    "wrong code",
    "used code",
    "throttled device",
    "locked device",
    "pending device",
    "throttled account",
];

/// A page of refusal without what differs by account: the name, the number of the key's ceremony,
/// and its options.
fn common(html: &str, account: &str) -> String {
    let without = |html: &str, before: &str| match html.split_once(before) {
        Some((head, rest)) => {
            format!("{head}{}", rest.split_once('"').map_or("", |(_, rest)| rest))
        }
        None => html.to_owned(),
    };
    let html = without(html, "name=\"ceremony\" value=\"");
    without(&html, "data-options=\"").replace(account, "")
}

#[test]
fn a_page_of_refusal_does_not_tell_which_accounts_exist() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let attempts = attempts(folder.path(), requests());
    let typed: Vec<&Attempt> =
        attempts.iter().filter(|attempt| TYPED.contains(&attempt.class)).collect();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let origin = format!("http://localhost:{port}");
    let agent = Agent::start_in(
        folder,
        &format!(
            "origins = [\"{origin}\"]\n[sessions]\nrefusal_interval_ms = 50\n\
             [console]\norigin = \"{origin}\"\nlisten = [\"127.0.0.1:{port}\"]\n\
             open_codes = true\nbehind = [\"127.0.0.1\"]\n[log]\nlevel = \"debug\"\n"
        ),
    );
    let page = Client::tcp(format!("127.0.0.1:{port}")).to_host(&format!("localhost:{port}"));
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let page = page.with("Origin", &origin);
                // The connection is made before anything is measured.
                page.get("/lost");
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(attempt) = typed.get(number) else { break };
                    let (html, time) = ask(&page, attempt, number);
                    done.lock().unwrap().push((attempt.class, html, time));
                }
            });
        }
    });
    let (mut times, mut pages) = (BTreeMap::<_, Vec<f64>>::new(), Vec::new());
    for (class, html, time) in done.into_inner().unwrap() {
        times.entry(class).or_default().push(time);
        pages.push((class, html));
    }
    for (class, html) in &pages {
        assert_eq!(html, &pages[0].1, "{class}");
    }
    let log = agent.log();
    for (reason, classes) in [("no_match", 1), ("replayed", 1), ("locked", 1), ("throttled", 2)] {
        let told = log.matches(&format!("\"reason\":\"{reason}\"")).count();
        assert!(told >= classes * requests(), "{reason}: {told}");
    }
    assert_eq!(times.len(), TYPED.len());
    told_apart(&times);
}

fn told_apart(times: &BTreeMap<&str, Vec<f64>>) {
    for (class, times) in times {
        assert!(times.iter().all(|time| *time >= 0.050), "{class}: before the interval is over");
    }
    for (one, of_one) in times {
        for (other, of_other) in times {
            let apart = difference(of_one, of_other);
            assert!(apart.abs() < BOUND, "{apart:.2} between {one} and {other}");
        }
    }
}

/// Types a code, from an address of its own: addresses wait after ten refusals.
fn ask(page: &Client, attempt: &Attempt, number: usize) -> (String, f64) {
    let address = format!("198.18.{}.{}", number / 200, number % 200);
    let code = attempt.proof["code"].as_str().unwrap();
    let form = format!("account={}&code={code}", attempt.account);
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Forwarded-For", address.as_str()),
    ];
    let began = Instant::now();
    let answer = page.raw("POST", "/sign-in/code", &headers, form.as_bytes());
    let took = began.elapsed().as_secs_f64();
    assert_eq!(answer.status, 403, "{}: {}", attempt.class, answer.text());
    (common(&answer.text(), &attempt.account), took)
}
