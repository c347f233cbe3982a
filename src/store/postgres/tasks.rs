//! Tasks that one agent at a time has of all that serve from one database.
//!
//! A task is an advisory lock of a session of its own. Every five seconds the session shows the
//! server that it lives; the server ends it after twenty seconds without a word, so that the tasks
//! of an agent that is frozen or cut off are free again.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::AbortHandle;

use super::columns::column;
use super::dial::Dial;
use super::reader::Reader;
use crate::store::{Error, Task};

/// The tasks of one store's handle.
pub(super) struct Tasks(Arc<Shared>);

struct Shared {
    dial: Arc<Dial>,
    session: Mutex<Option<Session>>,
}

/// A session and the locks that it holds.
struct Session {
    reader: Reader,
    held: BTreeSet<Task>,
    /// The time of the last answer.
    answered: Instant,
    signs_of_life: AbortHandle,
}

impl Tasks {
    pub(super) fn new(dial: Arc<Dial>) -> Tasks {
        Tasks(Arc::new(Shared { dial, session: Mutex::default() }))
    }

    /// True if this handle has the task now.
    pub(super) async fn hold(&self, task: Task) -> Result<bool, Error> {
        let mut kept = self.0.session.lock().await;
        let mut session = match alive(&mut kept).await {
            Some(session) => session,
            None => self.begin().await?,
        };
        let held = session.hold(task).await?;
        *kept = Some(session);
        Ok(held)
    }

    async fn begin(&self) -> Result<Session, Error> {
        let reader = Reader::open(&self.0.dial).await?;
        reader.rows(LIMIT, &[]).await?;
        let signs_of_life = tokio::spawn(live(Arc::downgrade(&self.0))).abort_handle();
        let (held, answered) = (BTreeSet::new(), Instant::now());
        Ok(Session { reader, held, answered, signs_of_life })
    }
}

impl Session {
    async fn hold(&mut self, task: Task) -> Result<bool, Error> {
        if self.held.contains(&task) {
            return Ok(true);
        }
        let number: i32 = match task {
            Task::Chores => 1,
            Task::Program => 2,
            Task::Webhook => 3,
        };
        let row = self.reader.first(TRY, &[&number]).await?;
        let held = row.map_or(Ok(false), |row| column("a lock", &row, 0))?;
        if held {
            self.held.insert(task);
        }
        self.answered = Instant::now();
        Ok(held)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.signs_of_life.abort();
    }
}

/// Takes the session out if it lives; its locks are lost with it otherwise.
async fn alive(kept: &mut MutexGuard<'_, Option<Session>>) -> Option<Session> {
    let mut session = kept.take().filter(|session| session.reader.is_sound())?;
    if session.answered.elapsed() >= BEAT {
        session.reader.rows(ALIVE, &[]).await.ok()?;
        session.answered = Instant::now();
    }
    Some(session)
}

/// Shows that the session lives, until it does not.
async fn live(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(BEAT).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut kept = shared.session.lock().await;
        match alive(&mut kept).await {
            Some(session) => *kept = Some(session),
            None => return,
        }
    }
}

/// The interval between signs of life, and the age at which an answer is not relied on.
const BEAT: Duration = Duration::from_secs(5);

const LIMIT: &str = "SELECT set_config('idle_session_timeout', '20s', false)";

const TRY: &str = "SELECT pg_try_advisory_lock(7462, $1)";

const ALIVE: &str = "SELECT 1";
