//! `twostep audit`: who did what, and whether the log is whole.

use std::path::PathBuf;

use crate::cli::console::Console;
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::refusal::Task;
use crate::cli::{audit_export, audit_list, database, store, words};
use crate::store::AuditCursor;
use crate::wire::{AuditReport, ChainReport};
use clap::Subcommand;

/// Read the audit log, and see whether it is whole
#[derive(Subcommand)]
pub(super) enum Audit {
    List(audit_list::List),
    /// Print a signed statement on where the log ends: keep it elsewhere, with the keys of then
    ///
    /// The keys are those of /.well-known/jwks.json. With both, `audit verify --checkpoint` finds
    /// an edit of the log, a cut at either end and a forged chain, without the sealing keys.
    Checkpoint,
    /// Print all entries as JSON, one a line, with checkpoints between them
    Export {
        /// Begin after this place: `next` of a page, or the number of an entry
        #[arg(long, value_name = "PLACE")]
        after: Option<AuditCursor>,
    },
    /// Recompute the chain of hashes over all entries; exit 1 if one is missing or was changed
    #[command(group = clap::ArgGroup::new("log").args(["store", "export"]))]
    Verify {
        /// A store that no agent holds, as a file, or a store in PostgreSQL (postgres://…);
        /// otherwise the agent does it
        #[arg(long, value_name = "PATH")]
        store: Option<PathBuf>,
        /// The file with its sealing keys [default: the one that an agent of yours would use, if
        /// you may read it]
        #[arg(long, value_name = "FILE", requires = "store")]
        key: Option<PathBuf>,
        /// A log that `audit export` has printed, from its beginning, in place of a store
        #[arg(long, value_name = "FILE", conflicts_with = "store", requires = "checkpoint")]
        export: Option<PathBuf>,
        /// A file with a checkpoint: the log must lead to it. Needs no sealing keys
        #[arg(long, value_name = "FILE", requires = "log", requires = "jwks")]
        checkpoint: Option<PathBuf>,
        /// The agent's public keys, as they were when the checkpoint was made
        #[arg(long, value_name = "FILE", requires = "checkpoint")]
        jwks: Option<PathBuf>,
    },
}

impl Audit {
    pub(super) async fn run(&self, console: &Console, json: bool) -> Result<Report, Failure> {
        match self {
            Audit::List(list) => list.run(console, json).await,
            Audit::Verify {
                export: Some(path), checkpoint: Some(file), jwks: Some(jwks), ..
            } => audit_export::compare_rows(path, file, jwks)
                .map(|(report, covered)| verified(report.into()).note(covered)),
            Audit::Verify { store: None, .. } => {
                let report = console.client().verify_audit().await;
                Ok(verified(report.map_err(console.failing(Task::Other))?))
            }
            Audit::Checkpoint => {
                let checkpoint = console.client().audit_checkpoint().await;
                let checkpoint = checkpoint.map_err(console.failing(Task::Other))?;
                let text = checkpoint.checkpoint.clone();
                Ok(Report::new(checkpoint, text))
            }
            Audit::Export { after } => audit_export::export(console, after.as_ref()).await,
            Audit::Verify {
                store: Some(path), checkpoint: Some(file), jwks: Some(jwks), ..
            } => audit_export::compare(path, file, jwks)
                .map(|(report, covered)| verified(report.into()).note(covered)),
            Audit::Verify { store: Some(path), key, .. } => {
                if let Some(options) = database::named(Some(path))? {
                    return Ok(verified(
                        database::look(options, key.as_deref()).await?.audit.into(),
                    ));
                }
                let found = store::look(path, key.as_deref())?;
                let unreadable = || {
                    Failure::new(Exit::Refused, "the audit log cannot be read")
                        .hint(format!("See why: twostep store check {}", path.display()))
                };
                Ok(verified(found.audit.ok_or_else(unreadable)?.into()))
            }
        }
    }
}

fn verified(report: AuditReport) -> Report {
    let several = report.chains.len() > 1;
    let named = |chain: &ChainReport| {
        if several { format!("chain {}, ", chain.chain) } else { String::new() }
    };
    if report.ok {
        let mut lines = format!("whole: {} entries", report.rows);
        for chain in &report.chains {
            let head = words::or_dash(chain.head.as_ref());
            lines += &format!("\n{}hash of the last one: {head}", named(chain));
        }
        if !report.authenticated {
            lines += "\nnot authenticated: without the store's keys an editor of the file who \
                      recomputed the hashes is found by a checkpoint alone";
        }
        return Report::new(report, lines);
    }
    let broken = report.chains.iter().filter(|chain| !chain.ok);
    let lines: Vec<String> = broken
        .map(|chain| {
            let at = words::or_dash(chain.broken_at);
            format!("broken: {}entry {at} is missing or was changed", named(chain))
        })
        .collect();
    Report::new(report, lines.join("\n")).exit(Exit::Refused)
}
