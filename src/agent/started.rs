//! The facts of a start, for the person who started the agent.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::agent::config::StoreUrl;
use crate::agent::state::State;
use crate::store;
use crate::store::AccountList;

/// An agent that is ready.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Started {
    /// The store.
    pub store: StoreUrl,
    /// The number of its accounts; none if there are more than [`Started::COUNTED`].
    pub accounts: Option<usize>,
    /// The file of the sealing keys.
    pub key_file: PathBuf,
    /// The agent has made the file at this start.
    pub key_is_new: bool,
    /// The Unix sockets.
    pub sockets: Vec<PathBuf>,
    /// The TCP addresses.
    pub listen: Vec<SocketAddr>,
}

impl Started {
    /// The most accounts that a start counts.
    pub const COUNTED: usize = 10_000;

    pub(super) async fn of(state: &State, key_is_new: bool) -> Result<Started, store::Error> {
        let config = &state.config;
        let verify = config.verify_socket().and_then(|socket| socket.path);
        Ok(Started {
            store: config.store_url(),
            accounts: accounts(state).await?,
            key_file: config.key_file(),
            key_is_new,
            sockets: [config.socket_path()].into_iter().chain(verify).collect(),
            listen: config.listen.clone(),
        })
    }
}

async fn accounts(state: &State) -> Result<Option<usize>, store::Error> {
    let (mut count, mut after) = (0, None);
    while count <= Started::COUNTED {
        let list = AccountList { after, limit: PAGE, ..AccountList::default() };
        let page = state.verifier.store().accounts(list).await?;
        let Some(last) = page.last() else { return Ok(Some(count)) };
        count += page.len();
        after = Some(last.account.id.clone());
    }
    Ok(None)
}

const PAGE: u32 = 1_000;
