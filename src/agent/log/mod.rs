//! The log: one JSON object a line on standard error.
//!
//! It only observes: nothing waits for its reader, and a reader that is gone ends nothing
//! ([`Lossy`]).
//!
//! A request leaves one line, with its route and never its path, its query, its headers or its
//! body. Only this crate's own lines are logged below warnings: what a library prints about bytes
//! it reads could be a secret.

mod lossy;

pub(crate) use lossy::Lossy;

use std::io::Write;
use std::time::Duration;

use axum::http::Method;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::agent::config::{LogConfig, LogFormat, LogLevel};

/// Sends what is logged to standard error, unless the program has a log of its own already. The
/// answer counts what was dropped.
pub(crate) fn start(config: &LogConfig) -> Lossy {
    let lossy = Lossy::default();
    let level = match config.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    let others = if config.level == LogLevel::Error { "error" } else { "warn" };
    let filter = EnvFilter::new(format!("{others},twostep={level}"));
    // It would complain about itself on standard error, and panic where that is closed.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lossy.clone())
        .with_ansi(false)
        .log_internal_errors(false);
    let started = match config.format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
        LogFormat::Text => lines.try_init(),
    };
    if started.is_err() {
        return lossy;
    }
    let (queue, format) = (lossy.clone(), config.format);
    let writer = std::thread::Builder::new().name("twostep-log".to_owned());
    let Ok(_running) = lossy::Stderr::open().and_then(|stderr| {
        writer.spawn(move || {
            queue.write_to(stderr, |lines| dropped(format, lines));
        })
    }) else {
        // Its lines are dropped, and counted.
        return lossy;
    };
    // What a panic says may quote what it failed on; where it was is enough.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    lossy
}

/// Gives what was logged the time to be written, and no more: the reader may have stopped reading.
pub(crate) fn finish(lossy: &Lossy) {
    lossy.flush(LAST_LINES);
}

/// The line that tells of lines that are missing, in the format of the others. It goes past the
/// queue, which may be full.
fn dropped(format: LogFormat, lines: u64) -> Vec<u8> {
    let mut time = String::new();
    let _ = SystemTime.format_time(&mut tracing_subscriber::fmt::format::Writer::new(&mut time));
    let mut line = Vec::new();
    let _ = match format {
        LogFormat::Json => {
            let fields = serde_json::json!({
                "timestamp": time, "level": "WARN", "message": "lines of the log were dropped", "lines": lines, "target": TARGET,
            });
            writeln!(line, "{fields}")
        }
        LogFormat::Text => {
            writeln!(line, "{time}  WARN {TARGET}: {lines} lines of the log were dropped")
        }
    };
    line
}

/// The method, if it is one of those that the agent knows: others are the caller's own words.
pub(crate) fn method_name(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    if known.contains(method) { method.as_str() } else { "OTHER" }
}

const TARGET: &str = module_path!();

/// How long the last lines may take when the agent ends.
const LAST_LINES: Duration = Duration::from_millis(500);
