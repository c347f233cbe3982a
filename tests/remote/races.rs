//! Contexts issued while their account is revoked, as a follower sees them.

use std::time::Duration;

use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{Token, enrol};
use twostep::client;
use twostep::client::{OpenSession, Proof, RevokeSessions};
use twostep::http::Endpoint;
use twostep::id::AccountId;
use twostep::session::{Invalid, RemoteIssuer, SignedContext};

use super::{BOUND, BUSY};

/// `TWOSTEP_REMOTE_ROUNDS` says how many rounds there are (40); fifty of them go on at the same
/// time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_dead_is_accepted_after_the_bound_and_nothing_alive_refused() {
    let rounds: usize = std::env::var("TWOSTEP_REMOTE_ROUNDS")
        .ok()
        .map_or(40, |rounds| rounds.parse().unwrap());
    let agent = Agent::start(BUSY);
    let admin = Client::unix(agent.socket());
    let mut people: Vec<(AccountId, Token)> = (0..rounds.min(50))
        .map(|number| {
            let name = format!("person {number}");
            (name.parse().unwrap(), enrol(&admin, &name))
        })
        .collect();
    let following = RemoteIssuer::new(Endpoint::unix(agent.socket()), "twostep").follow();
    following.ready(BOUND).await.unwrap();
    let (validator, client) = (
        following.validator("twostep"),
        client::Client::unix(agent.socket()).timeout(Duration::from_secs(30)),
    );
    let (mut dead, mut alive, mut done) = (0, 0, 0);
    while done < rounds {
        let mut tasks = tokio::task::JoinSet::new();
        for (number, (account, token)) in people.iter_mut().enumerate() {
            let [before, during] =
                [(); 2].map(|()| OpenSession::new(account, Proof::Code(token.code().into(), None)));
            let (client, account) = (client.clone(), account.clone());
            let serial = (number % 3 == 0).then(|| token.serial.parse().unwrap());
            tasks.spawn(async move {
                let revoked = RevokeSessions::new(None, serial.as_ref());
                let before = client.open_session(&before).await.unwrap();
                let (issued, revoked) = tokio::join!(
                    client.open_session(&during),
                    client.revoke_sessions(&account, &revoked)
                );
                revoked.unwrap();
                [before.token, issued.unwrap().token]
            });
        }
        let tokens = tasks.join_all().await;
        done += tokens.len();
        tokio::time::sleep(BOUND).await;
        for token in tokens.into_iter().flatten() {
            let lives = client.introspect(token.as_str(), None).await.unwrap().is_some();
            let judged = validator.validate(&SignedContext::new(token.as_str())).map(drop);
            assert_eq!(judged, if lives { Ok(()) } else { Err(Invalid::Revoked) });
            (dead, alive) = (dead + usize::from(!lives), alive + usize::from(lives));
        }
    }
    println!("{done} rounds: {dead} contexts were dead, {alive} were issued after the revocation");
    assert!(dead >= done);
}
