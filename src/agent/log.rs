//! The log: one JSON object a line on standard error.
//!
//! A request leaves one line, with its route and never its path, its query, its headers or its body. Only this crate's own
//! lines are logged below warnings: what a library prints about bytes it reads could be a secret.

use axum::http::Method;
use tracing_subscriber::EnvFilter;

use super::config::LogConfig;
use super::config::LogFormat;
use super::config::LogLevel;

/// Who asked, for the request's line in the log; an extension of the answer. Only what names a caller without being a secret.
#[derive(Clone, Debug)]
pub(crate) struct LoggedCaller(pub(crate) String);

/// Sends what is logged to standard error, unless the program has a log of its own already.
pub(crate) fn start(config: &LogConfig) {
    let level = match config.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    let others = if config.level == LogLevel::Error { "error" } else { "warn" };
    let filter = EnvFilter::new(format!("{others},twostep={level}"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    let started = match config.format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        LogFormat::Text => lines.try_init(),
    };
    if started.is_ok() {
        // What a panic says may quote what it failed on; where it was is enough.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "panic");
        }));
    }
}

/// The method, if it is one of those that the agent knows: others are the caller's own words.
pub(crate) fn method_name(method: &Method) -> &str {
    let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
    if known.contains(method) { method.as_str() } else { "OTHER" }
}
