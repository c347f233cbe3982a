//! The agent's HTTP contract as types: requests, answers and problems, for both ends.
//!
//! The agent answers with these types, [`client`](crate::client) sends and returns them, the
//! command line prints them, and the OpenAPI document is derived from them. Request bodies refuse
//! unknown members. Answers may get members later, and readers skip unknown ones. JSON that
//! WebAuthn defines is passed on as it is.

mod access_keys;
mod account;
mod aws;
mod ceremony;
mod console;
mod control;
mod device;
mod diagnosis;
mod fleet;
mod health;
mod import;
mod local;
mod names;
mod problem;
mod reason;
mod role;
#[cfg(feature = "agent")]
mod schema;
mod secret_text;
mod session;
#[cfg(feature = "agent")]
mod shapes;
mod timestamp;
mod two_codes;

pub use access_keys::{AccessKey, AccessKeys, ChangeAccessKey, MadeAccessKey, MakeAccessKey};
pub use account::{Account, Accounts, Bypass, ListAccounts, MakeBypass, Recover, Recovery};
pub use aws::{
    AskAwsCredentials, AskAwsSigningKey, AwsAsk, AwsCredentials, AwsDecided, AwsDecision, AwsError,
    AwsMatch, AwsPlace, AwsPrincipal, AwsRefused, AwsSigned, AwsSigningKey, AwsVerification,
    VerifyAwsRequest,
};
pub use ceremony::{
    BeginAuthentication, BeginRegistration, BegunAuthentication, BegunRegistration,
    FinishRegistration, RegisteredKey, RelatedOrigins,
};
pub use console::{
    ConsoleLink, ConsoleLinks, HandOver, ListConsoleLinks, MadeConsoleLink, MakeConsoleLink,
    StartSignIn, StartedSignIn,
};
pub use control::{
    AcceptedRestore, ApiKey, ApiKeys, AuditCheckpoint, AuditReport, Backup, ChainReport,
    ClockReading, Event, Events, ListEvents, MadeApiKey, MakeApiKey, MakeBackup, MakeSigningKey,
    SigningKey, SigningKeys,
};
pub use device::{
    Attestation, CreateDevice, CreatedDevice, Device, Devices, ListDevices, Provisioning, Rename,
    Resynced,
};
pub use diagnosis::{Cause, CauseKind, Diagnosis};
pub use fleet::{
    AlarmCause, AlarmKind, AskFleet, AttentionReason, FleetAlarm, FleetAttention, FleetDrift,
    FleetGroup, FleetToken, Quantiles,
};
pub use health::{Alive, OlderSealingKey, Ready};
pub use import::{
    Assign, Expired, ExportDevices, ExportFormat, Import, ImportDevices, ImportNote, ImportProblem,
    ImportedStates, ImportedToken, Signature,
};
pub use local::{
    AskFresh, BeginKeyCeremony, FailureCode, FreshAnswer, GivePin, KeepFresh, KeyCeremonyEvent,
};
pub use problem::{Problem, ProblemCode};
pub use reason::Reason;
pub use role::{Role, UnknownRole};
pub use secret_text::SecretText;
pub use session::{
    Context, HalfProof, Introspect, Introspected, Mfa, OpenSession, OpenedSession, Proof,
    RevokeSession, RevokeSessions, RevokedSessions,
};
pub use timestamp::Timestamp;
pub use two_codes::{ActivateDevice, TwoCodes};
