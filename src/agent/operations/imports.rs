//! Imports of token files, and what is in stock. For administrators of all accounts.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::agent::access::{Caller, Denied, Failure, Scope};
use crate::agent::config::Role;
use crate::agent::operations::file::{Piece, read_in_background};
use crate::agent::operations::{background, scope};
use crate::agent::state::State;
use crate::device::{Device, DeviceState};
use crate::id::{AccountId, SerialNumber};
use crate::import::{
    Assumed, Checks, Format, Found, Place, Planned, Problem, ProblemCode, Settings, Token,
};
use crate::time::UnixTime;
use crate::verifier::{Added, ClockFacts, Import, Imported, NewStock};

/// An import that a caller asks for.
pub(crate) struct Order {
    pub(crate) format: Option<Format>,
    pub(crate) settings: Settings,
    pub(crate) assumed: Assumed,
    pub(crate) dry_run: bool,
    pub(crate) activate: bool,
    pub(crate) skip_unsupported: bool,
}

/// The outcome of an import.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) format: Option<Format>,
    /// Devices that were added: all of the file, or none.
    pub(crate) imported: u64,
    /// Entries that were left out because they are not supported.
    pub(crate) skipped: u64,
    /// The first problems.
    pub(crate) problems: Vec<Problem>,
    /// The first tokens, in the order of the file.
    pub(crate) tokens: Vec<Imported>,
    /// All tokens by the state of their devices.
    pub(crate) states: States,
    /// Entries that were left out on purpose.
    pub(crate) notes: Vec<(Option<Place>, String)>,
}

/// Numbers of devices by state.
#[derive(Clone, Copy, Default)]
pub(crate) struct States {
    pub(crate) unassigned: u64,
    pub(crate) pending: u64,
    pub(crate) active: u64,
    pub(crate) disabled: u64,
}

/// A file that is being imported.
struct Course<'a> {
    checks: Option<Checks<'a>>,
    import: Import,
    order: &'a Order,
    waiting: Vec<Planned>,
    outcome: Outcome,
}

/// Imports a file, whole or not at all. The pieces of the file arrive by `file`.
///
/// The checks and the sealing of many tokens are work that would keep the threads of all other
/// requests busy: it is done on threads of its own.
pub(crate) async fn import(
    state: Arc<State>,
    caller: Caller,
    order: Order,
    file: mpsc::Receiver<Piece>,
) -> Result<Outcome, Failure> {
    must_administer_all(&caller)?;
    let runtime = Handle::current();
    let imported = background::start("twostep-import", move || {
        runtime.block_on(follow(&state, &caller, order, file))
    });
    let imported = imported.map_err(no_thread)?.await;
    imported.map_err(|_| Denied::Unavailable("the import was broken off".to_owned()))?
}

async fn follow(
    state: &State,
    caller: &Caller,
    order: Order,
    file: mpsc::Receiver<Piece>,
) -> Result<Outcome, Failure> {
    let named = |name: &str| state.accounts.named(name).map_err(|error| error.to_string());
    let import = scope::verifier(state, caller).begin_import(order.activate).await?;
    let reading = read_in_background(file, order.format, order.settings.clone());
    let (mut found, reading) = reading.map_err(no_thread)?;
    let mut course = Course {
        checks: None,
        import,
        order: &order,
        waiting: Vec::new(),
        outcome: Outcome::default(),
    };
    while let Some(found) = found.recv().await {
        match found {
            Found::Format(format) => {
                let (assumed, now) = (order.assumed.clone(), order.settings.now);
                course.checks = Some(Checks::new(format, assumed, now, &named));
                course.outcome.format = Some(format);
            }
            Found::Token(token) => course.token(*token).await?,
            Found::Problem(problem) => course.problem(problem),
            Found::Note(place, note) => course.note(place, note),
        }
        if course.outcome.problems.len() >= MOST_PROBLEMS {
            break;
        }
    }
    drop(found);
    let read = reading.await.map_err(|error| Denied::Unavailable(error.to_string()))?;
    let read = read.map_err(|error| Denied::bad_input(format!("the file was not read: {error}")));
    course.end(read).await
}

impl Course<'_> {
    async fn token(&mut self, token: Token) -> Result<(), Failure> {
        let Some(checks) = &mut self.checks else { return Ok(()) };
        match checks.check(token) {
            Ok(planned) => self.waiting.push(planned),
            Err(problem) => self.problem(problem),
        }
        if self.waiting.len() >= AT_ONCE { self.stage().await } else { Ok(()) }
    }

    /// Stages the tokens that wait; looks at them only, once the file cannot be imported.
    async fn stage(&mut self) -> Result<(), Failure> {
        let waiting = std::mem::take(&mut self.waiting);
        let looks = self.order.dry_run || !self.outcome.problems.is_empty();
        let staged = match looks {
            true => self.import.look(&waiting).await?,
            false => self.import.stage(&waiting).await?,
        };
        for token in staged {
            match token {
                Ok(imported) => self.outcome.count(imported),
                Err(problem) => self.problem(problem),
            }
        }
        Ok(())
    }

    fn problem(&mut self, problem: Problem) {
        if self.order.skip_unsupported && problem.code.is_unsupported() {
            self.outcome.skipped = self.outcome.skipped.saturating_add(1);
            self.note(problem.place, problem.detail);
        } else if self.outcome.problems.len() < MOST_PROBLEMS {
            self.outcome.problems.push(problem);
        }
    }

    fn note(&mut self, place: Option<Place>, note: String) {
        if self.outcome.notes.len() < MOST_NOTES {
            self.outcome.notes.push((place, note));
        }
    }

    /// Makes the import real, or ends it.
    async fn end(mut self, read: Result<String, Denied>) -> Result<Outcome, Failure> {
        let digest = match read {
            Ok(digest) => digest,
            Err(denied) => {
                self.import.cancel().await?;
                return Err(denied.into());
            }
        };
        self.stage().await?;
        if self.outcome.problems.is_empty() && self.outcome.states.all() == 0 {
            let detail = "there is no token in the file that can be imported";
            self.outcome.problems.push(Problem::of_file(ProblemCode::Syntax, detail));
        }
        self.outcome.problems.sort_by_key(|problem| problem.place);
        if !self.outcome.problems.is_empty() || self.order.dry_run {
            self.import.cancel().await?;
            return Ok(self.outcome);
        }
        let format = self.outcome.format.map_or("unknown", Format::name);
        let file = format!("{format} sha256:{digest}, {} left out", self.outcome.skipped);
        self.outcome.imported = self.import.publish(&file).await?;
        Ok(self.outcome)
    }
}

impl Outcome {
    fn count(&mut self, imported: Imported) {
        let count = match imported.device.state {
            DeviceState::Unassigned => &mut self.states.unassigned,
            DeviceState::Pending => &mut self.states.pending,
            DeviceState::Active | DeviceState::Locked => &mut self.states.active,
            DeviceState::Disabled => &mut self.states.disabled,
        };
        *count = count.saturating_add(1);
        if self.tokens.len() < MOST_TOKENS {
            self.tokens.push(imported);
        }
    }
}

impl States {
    fn all(self) -> u64 {
        let States { unassigned, pending, active, disabled } = self;
        [pending, active, disabled]
            .iter()
            .fold(unassigned, |all, more| all.saturating_add(*more))
    }
}

fn no_thread(error: std::io::Error) -> Failure {
    Denied::Unavailable(format!("no thread for the import: {error}")).into()
}

/// Gives a device of no account to an account.
pub(crate) async fn assign(
    state: &State,
    caller: &Caller,
    serial: &str,
    account: &str,
) -> Result<Device, Failure> {
    caller.must_be(Role::Admin)?;
    let serial = in_stock(caller, serial)?;
    let account: AccountId = scope::account(state, caller, Role::Admin, account)?;
    let _lane = scope::lane(caller, &account).await;
    Ok(scope::verifier(state, caller).assign(&serial, &account).await?)
}

/// Adds a device of no account.
pub(crate) async fn add(
    state: &State,
    caller: &Caller,
    new: NewStock,
    clock_set: Option<UnixTime>,
) -> Result<Added, Failure> {
    must_administer_all(caller)?;
    let clock = ClockFacts { set_at: clock_set, rate: None };
    Ok(scope::verifier(state, caller).add_unassigned(new, clock).await?)
}

/// Shows a device of no account.
pub(super) async fn show(state: &State, caller: &Caller, serial: &str) -> Result<Device, Failure> {
    let serial = in_stock(caller, serial)?;
    Ok(scope::verifier(state, caller).unassigned(&serial).await?)
}

/// Removes a device of no account.
pub(super) async fn remove(state: &State, caller: &Caller, serial: &str) -> Result<(), Failure> {
    let serial = in_stock(caller, serial)?;
    Ok(scope::verifier(state, caller).remove_unassigned(&serial).await?)
}

/// The serial number of a device of no account, for a caller who may see such devices.
pub(super) fn in_stock(caller: &Caller, serial: &str) -> Result<SerialNumber, Failure> {
    let serial = serial.parse().map_err(Denied::bad_input)?;
    // For others there is no stock.
    let sees = caller.role == Role::Admin && caller.scope == Scope::All;
    if sees { Ok(serial) } else { Err(Denied::NotFound("device").into()) }
}

/// Refuses callers below an administrator of all accounts: a file may name any account, and a
/// device in stock may come to any.
pub(crate) fn must_administer_all(caller: &Caller) -> Result<(), Failure> {
    caller.must_be(Role::Admin)?;
    match caller.scope {
        Scope::All => Ok(()),
        Scope::Only { .. } => {
            let why = "imports and devices in stock take an administrator of all accounts";
            Err(Denied::Forbidden(why.to_owned()).into())
        }
    }
}

/// Tokens that are checked and staged at once: changes of others wait no longer for them than for
/// each other.
const AT_ONCE: usize = 100;

const MOST_PROBLEMS: usize = 100;

const MOST_NOTES: usize = 100;

const MOST_TOKENS: usize = 1_000;
