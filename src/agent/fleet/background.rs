//! The work in the background: readings for the watch, surveys for the metrics.
//!
//! A reading never waits for the watch: the verifier keeps readings in memory, and the watch takes
//! them every few seconds. A survey reads the store page by page.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::agent::fleet::troubled::Troubled;
use crate::agent::fleet::{Asked, Look};
use crate::agent::state::{Shared, State};
use crate::fleet::{Notice, Survey, Surveyor, Token, Watch};
use crate::id::AccountId;
#[cfg(feature = "console")]
use crate::id::SerialNumber;
use crate::store::{Action, FleetDevice};
use crate::verifier::Error;

/// Works until it is aborted.
pub(in crate::agent) async fn run(state: Shared) {
    match restore(&state).await {
        Ok(()) => {}
        Err(error) => tracing::error!(%error, "the watch over the tokens begins anew"),
    }
    let every = |period| {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let (mut reads, mut surveys) = (every(READ), every(SURVEY));
    let mut kept = Instant::now();
    loop {
        let done = tokio::select! {
            _ = reads.tick() => read(&state, &mut kept).await,
            _ = surveys.tick() => survey_for_metrics(&state).await,
        };
        if let Err(error) = done {
            tracing::error!(%error, "the tokens' clocks are not watched now");
        }
    }
}

/// The last readings, after the last request.
pub(in crate::agent) async fn finish(state: &State) -> Result<(), Error> {
    let notices = take(state);
    keep(state, &notices).await
}

/// Surveys the tokens of accounts that `sees` accepts; one survey at a time.
pub(in crate::agent) async fn survey(
    state: &State,
    within: Duration,
    sees: impl Fn(&AccountId) -> bool,
) -> Result<Survey, Error> {
    let _one_at_a_time = state.fleet.surveying.lock().await;
    let mut surveyor = Surveyor::new(state.verifier.clock().read().wall, within);
    each(state, |device, token| {
        if sees(&device.account) {
            surveyor.add(token);
        }
    })
    .await?;
    Ok(surveyor.finish())
}

/// Surveys all tokens, or answers with the survey before: see [`Asked::is_recent`].
pub(in crate::agent) async fn survey_all(
    state: &State,
    within: Duration,
) -> Result<Arc<Survey>, Error> {
    Ok(look(state, within).await?.survey)
}

/// Tokens of any account whose owners may need help now; as old as [`survey_all`].
#[cfg(feature = "console")]
pub(in crate::agent) async fn troubled(state: &State) -> Result<Arc<[SerialNumber]>, Error> {
    Ok(look(state, WITHIN).await?.troubled)
}

async fn look(state: &State, within: Duration) -> Result<Look, Error> {
    let _one_at_a_time = state.fleet.surveying.lock().await;
    if let Some(recent) = state.fleet.recent(within) {
        return Ok(recent);
    }
    let began = Instant::now();
    let now = state.verifier.clock().read().wall;
    let (mut surveyor, mut troubled) = (Surveyor::new(now, within), Troubled::at(now));
    each(state, |device, token| {
        troubled.note(device, &token);
        surveyor.add(token);
    })
    .await?;
    let (survey, troubled) = (Arc::new(surveyor.finish()), troubled.finish());
    let look = Look { survey, troubled };
    let asked = Asked { look: look.clone(), within, took: began.elapsed(), made: Instant::now() };
    state.fleet.keep(asked);
    Ok(look)
}

/// Reads the store page by page, and gives each token in use.
async fn each(state: &State, mut give: impl FnMut(&FleetDevice, Token)) -> Result<(), Error> {
    let now = state.verifier.clock().read().wall;
    let mut after = None;
    loop {
        let page = state.verifier.store().fleet(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.serial.clone());
        for device in &page {
            if let Some(token) = Token::of(device, now) {
                give(device, token);
            }
        }
        // Requests come first.
        tokio::task::yield_now().await;
    }
}

async fn survey_for_metrics(state: &State) -> Result<(), Error> {
    state.fleet.surveyed(survey(state, WITHIN, |_| true).await?);
    Ok(())
}

/// The watch as it was when the agent last ended.
async fn restore(state: &State) -> Result<(), Error> {
    let Some(kept) = state.verifier.watch_state().await? else { return Ok(()) };
    match serde_json::from_slice::<Watch>(&kept) {
        Ok(watch) => *state.fleet.watch() = watch,
        // Another version's: what it knew is days old at most.
        Err(error) => tracing::warn!(%error, "the watch over the tokens begins anew"),
    }
    Ok(())
}

async fn read(state: &State, kept: &mut Instant) -> Result<(), Error> {
    // Readings by a clock that is not believed say nothing; there are none.
    if state.verifier.clock_fault().is_some() {
        return Ok(());
    }
    let notices = take(state);
    if notices.is_empty() && kept.elapsed() < KEEP {
        return Ok(());
    }
    *kept = Instant::now();
    keep(state, &notices).await
}

/// Gives the watch what was read since.
fn take(state: &State) -> Vec<Notice> {
    let readings = state.verifier.take_readings();
    let now = state.verifier.clock().read().wall;
    let mut watch = state.fleet.watch();
    let mut notices: Vec<Notice> =
        readings.iter().flat_map(|reading| watch.read(reading)).collect();
    notices.extend(watch.pass(now));
    notices
}

/// Stores the watch, with what it told, and logs that.
async fn keep(state: &State, notices: &[Notice]) -> Result<(), Error> {
    let is_synchronised = state.verifier.clock().synchronised().is_some();
    let told: Vec<(Action, String)> =
        notices.iter().map(|notice| in_words(notice, is_synchronised)).collect();
    for (action, message) in &told {
        tracing::warn!(%action, "{message}");
    }
    let watch = serde_json::to_vec(&*state.fleet.watch()).unwrap_or_default();
    state.verifier.keep_watch(&watch, &told).await
}

fn in_words(notice: &Notice, is_synchronised: bool) -> (Action, String) {
    match notice {
        Notice::Suspect(suspicion) => {
            (Action::ServerClockSuspect, suspicion.message(is_synchronised))
        }
        Notice::Over(_, ending) => (Action::ServerClockTrusted, ending.message().to_owned()),
    }
}

/// The time that metrics look ahead.
const WITHIN: Duration = Duration::from_secs(30 * 86_400);

/// The interval at which readings are taken.
const READ: Duration = Duration::from_secs(5);

/// The interval of surveys for the metrics.
const SURVEY: Duration = Duration::from_secs(300);

/// The interval at which the watch is stored.
const KEEP: Duration = Duration::from_secs(600);

/// Devices per read of a survey.
const PAGE: u32 = 500;
