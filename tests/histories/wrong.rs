//! Faults that are built into agents on purpose: the checker must see each of them.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use test_support::careless::Careless;
use test_support::hooked::{Hook, Hooked};
use test_support::world::watermark;
use twostep::store::{
    AfterUnknown, Answer, Change, Commit, Committed, Conflict, Error, Store, Write,
};

/// The fault of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The right agent on a store that loses answers: rules hold even there.
    LosesAnswers,
    /// Compares revisions first, and writes after that.
    ReadsFirst,
    /// Answers before the change is made.
    AnswersEarly,
    /// Commits again after a lost answer, and takes a watermark that is high enough for its
    /// own.
    AsksAgain,
    /// Believes for a second what it was told of a context.
    Remembers,
}

impl Wrong {
    /// The variable that makes the agent of a test one of these.
    pub(crate) const VARIABLE: &str = "TWOSTEP_TEST_WRONG";

    /// The variable that names its store, and the one that says whether that has no standby.
    pub(crate) const STORE: &str = "TWOSTEP_TEST_WRONG_STORE";
    pub(crate) const SINGLE: &str = "TWOSTEP_TEST_WRONG_SINGLE";

    pub(crate) const ALL: [Wrong; 5] = [
        Wrong::LosesAnswers,
        Wrong::ReadsFirst,
        Wrong::AnswersEarly,
        Wrong::AsksAgain,
        Wrong::Remembers,
    ];

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(crate) fn asked_for() -> Option<Wrong> {
        let name = std::env::var(Wrong::VARIABLE).ok()?;
        Wrong::ALL.into_iter().find(|wrong| wrong.name() == name)
    }

    /// True for the one that breaks no rule.
    pub(crate) fn is_right(self) -> bool {
        self == Wrong::LosesAnswers
    }

    /// The store of this agent.
    pub(crate) fn over<S: Store + Clone + 'static>(self, store: S) -> Arc<dyn Store> {
        match self {
            Wrong::LosesAnswers => Arc::new(Hooked { store, hook: Lossy::default() }),
            Wrong::ReadsFirst => Arc::new(Hooked { store, hook: Careless }),
            Wrong::AnswersEarly => Arc::new(Hooked { store, hook: Early }),
            // Behind a network that loses answers there is nothing to add.
            Wrong::AsksAgain if store.after_unknown() == AfterUnknown::GoOn => {
                Arc::new(Hooked { store, hook: Insistent })
            }
            Wrong::AsksAgain => {
                let store = Hooked { store, hook: Lossy::default() };
                Arc::new(Hooked { store, hook: Insistent })
            }
            Wrong::Remembers => Arc::new(store),
        }
    }
}

/// Loses one answer in eight, to changes that are made and to changes that are not.
#[derive(Default)]
struct Lossy(AtomicUsize);

impl<S: Store> Hook<S> for Lossy {
    fn commit<'a>(&'a self, store: &'a S, change: Change) -> Answer<'a, Commit> {
        let number = self.0.fetch_add(1, Relaxed);
        Box::pin(async move {
            if number % 16 != 7 {
                let done = store.commit(change).await?;
                if number % 16 != 15 {
                    return Ok(done);
                }
            }
            // As long as it takes to give up and connect again.
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(Error::Unknown("the answer was lost".to_owned()))
        })
    }
}

struct Early;

impl<S: Store + Clone + 'static> Hook<S> for Early {
    fn commit<'a>(&'a self, store: &'a S, change: Change) -> Answer<'a, Commit> {
        Box::pin(async move {
            let done = already(store, &change).await?;
            let store = store.clone();
            tokio::spawn(async move { store.commit(change).await });
            Ok(done)
        })
    }
}

struct Insistent;

impl<S: Store> Hook<S> for Insistent {
    fn commit<'a>(&'a self, store: &'a S, change: Change) -> Answer<'a, Commit> {
        Box::pin(async move {
            let first = store.commit(change.clone()).await;
            if !matches!(first, Err(Error::Unknown(_))) {
                return first;
            }
            let again = until_answered(store, &change).await?;
            let mine =
                again == Commit::Conflict(Conflict::Revision) && reached(store, &change).await?;
            if mine { already(store, &change).await } else { Ok(again) }
        })
    }
}

/// Commits until there is an answer, for longer than a network loses answers.
async fn until_answered(store: &impl Store, change: &Change) -> Result<Commit, Error> {
    let mut answer = store.commit(change.clone()).await;
    for _ in 0..40 {
        if answer.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        answer = store.commit(change.clone()).await;
    }
    answer
}

/// True if each device is consumed as far as the change would have it.
async fn reached(store: &impl Store, change: &Change) -> Result<bool, Error> {
    for write in &change.writes {
        let Write::UpdateDevice { device, .. } = write else { continue };
        let Some(owner) = store.owner(&device.serial).await? else { return Ok(false) };
        let Some(seen) = store.account(&owner).await? else { return Ok(false) };
        let present = seen.device(&device.serial).map(|enrolled| watermark(&enrolled.device));
        if present.is_none_or(|present| present < watermark(device)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The answer to a change as if it were made.
async fn already(store: &impl Store, change: &Change) -> Result<Commit, Error> {
    let control_version = store.control_version().await?;
    let account = change.audit.iter().find_map(|event| event.account.clone());
    let marks = match &account {
        Some(account) => store.account(account).await?.map(|seen| seen.account.marks()),
        None => None,
    };
    let marks = marks.unwrap_or_default();
    Ok(Commit::Committed(Committed { marks, control_version }))
}
