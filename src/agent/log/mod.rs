//! The log: one JSON object a line on standard error.
//!
//! Logging never blocks: a slow or missing reader loses lines and stops nothing ([`Lossy`]).
//!
//! A request leaves one line, with its id and its route and never its path, query, headers or body;
//! with the reason of a refusal, and the account where the configuration says so. Below
//! warnings only this crate's lines are logged: a library's message about bytes that it reads could
//! hold a secret.

mod lossy;

pub(crate) use lossy::Lossy;

use std::io::{IsTerminal, Write};
use std::time::Duration;

use axum::http::Method;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::agent::config::{LogConfig, LogFormat, LogLevel};

/// Sends the log to standard error, unless the program has a log of its own already. The result
/// counts dropped lines.
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
    // Internal errors would go to standard error, and panic where it is closed.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lossy.clone())
        .with_ansi(false)
        .log_internal_errors(false);
    let format = match config.format {
        LogFormat::Auto if std::io::stderr().is_terminal() => LogFormat::Text,
        LogFormat::Auto => LogFormat::Json,
        format => format,
    };
    let started = match format {
        LogFormat::Json | LogFormat::Auto => lines
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
    let queue = lossy.clone();
    let writer = std::thread::Builder::new().name("twostep-log".to_owned());
    let Ok(_running) = lossy::Stderr::open().and_then(|stderr| {
        writer.spawn(move || {
            queue.write_to(stderr, |lines| dropped(format, lines));
        })
    }) else {
        // Without a writer, lines are dropped and counted.
        return lossy;
    };
    // Log the place of a panic alone: its message may quote a secret.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    lossy
}

/// Gives queued lines [`LAST_LINES`] to be written; the reader may have stopped reading.
pub(crate) fn finish(lossy: &Lossy) {
    lossy.flush(LAST_LINES);
}

/// The line that reports dropped lines, in the format of the log. It bypasses the queue, which may
/// be full.
fn dropped(format: LogFormat, lines: u64) -> Vec<u8> {
    let mut time = String::new();
    let _ = SystemTime.format_time(&mut tracing_subscriber::fmt::format::Writer::new(&mut time));
    let mut line = Vec::new();
    let _ = match format {
        LogFormat::Json | LogFormat::Auto => {
            let fields = serde_json::json!({
                "timestamp": time,
                "level": "WARN",
                "message": "lines of the log were dropped",
                "lines": lines,
                "target": TARGET,
            });
            writeln!(line, "{fields}")
        }
        LogFormat::Text => {
            writeln!(line, "{time}  WARN {TARGET}: {lines} lines of the log were dropped")
        }
    };
    line
}

/// The method's name, or `OTHER`: an unknown method is text of the caller.
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

/// Time for the last lines when the agent ends.
const LAST_LINES: Duration = Duration::from_millis(500);
