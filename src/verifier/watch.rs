//! The state of the reader of readings: a value of the store, kept with the audit rows of what the
//! reader told.

use crate::store::{Action, Write};
use crate::verifier::decide::Judgement;
use crate::verifier::{Error, Verifier};

impl Verifier {
    /// The state of the reader of readings, as it was last kept.
    ///
    /// # Errors
    /// [`Error::Store`], or [`Error::Key`] if the store's keys are missing.
    pub async fn watch_state(&self) -> Result<Option<Vec<u8>>, Error> {
        drop(self.present_sealer().await?);
        Ok(self.core.store.value(WATCH).await?)
    }

    /// Keeps the state of the reader of readings, in one change with the audit rows of what it
    /// told: each an action with its reason.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Clock`] if the clock is not to be trusted.
    pub async fn keep_watch(&self, state: &[u8], told: &[(Action, String)]) -> Result<(), Error> {
        self.decide_alone(|now| {
            let event = |(action, reason): &(Action, String)| {
                self.event(now, action.clone()).reason(reason.clone())
            };
            let write = Write::PutValue { name: WATCH.to_owned(), value: state.to_vec() };
            let audit = told.iter().map(event).collect();
            std::future::ready(Ok(Judgement::change(vec![write], audit, ())))
        })
        .await
    }
}

/// The name of the state among the values of a store.
const WATCH: &str = "fleet.watch";
