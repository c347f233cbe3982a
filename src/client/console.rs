//! The console's one-time links, and sign-ins that services start.

use crate::client::{Client, Error, pages};
use crate::wire::{
    ConsoleLink, ConsoleLinks, ListConsoleLinks, MadeConsoleLink, MakeConsoleLink, StartSignIn,
    StartedSignIn,
};

impl Client {
    /// Makes a one-time link to the console; its address is shown this once.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn make_console_link(
        &self,
        link: &MakeConsoleLink,
    ) -> Result<MadeConsoleLink, Error> {
        self.post(&["v1", "console", "links"]).json(link)?.read().await
    }

    /// A page of the links that can be opened.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn console_links(&self, which: &ListConsoleLinks) -> Result<ConsoleLinks, Error> {
        self.get(&["v1", "console", "links"]).query_of(which).read().await
    }

    /// All links that can be opened, page by page.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn all_console_links(&self) -> Result<Vec<ConsoleLink>, Error> {
        pages::all(async |after| {
            let which = ListConsoleLinks { limit: Some(pages::LONGEST), after };
            self.console_links(&which).await.map(|page| (page.links, page.next))
        })
        .await
    }

    /// Withdraws a link.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn withdraw_console_link(&self, id: &str) -> Result<(), Error> {
        self.delete(&["v1", "console", "links", id]).send().await.map(drop)
    }

    /// Starts a sign-in on the console's page, for an account whose first factor was checked.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start_sign_in(&self, sign_in: &StartSignIn) -> Result<StartedSignIn, Error> {
        self.post(&["v1", "console", "sign-ins"]).json(sign_in)?.read().await
    }
}
