//! `twostep pam-check`: which stack lets somebody in without the second factor, and the line that
//! mends it. Nothing is changed, and libpam is not asked.

mod control;
mod files;
mod line;
mod mend;
mod stack;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::output::{Exit, Failure, Report};
use crate::cli::pam_check::line::Line;
use crate::cli::pam_check::mend::Fault;
use crate::cli::pam_check::stack::Stacks;

/// Say which PAM stack lets somebody in without pam_twostep.so, and how to mend it
///
/// Every way through every stack that names pam_twostep.so is gone, with included files: a failure
/// that is ignored, a jump over it, a line before it that ends the stack, the wrong group. Also,
/// whether its file is there, and who could write what libpam reads. Nothing is changed. Exit 0:
/// nothing is wrong. 1: something is, or no stack names it. 2: there are no stacks.
#[derive(clap::Args)]
pub(super) struct PamCheck {
    /// Look at the stacks of the system below this folder
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// What is wrong, and in which stacks.
struct Finding {
    services: Vec<String>,
    file: PathBuf,
    line: usize,
    what: String,
    mended: Option<String>,
}

impl PamCheck {
    pub(super) fn run(&self) -> Result<Report, Failure> {
        let unreadable = |error| {
            Failure::bad_input(format!(
                "cannot read the stacks below {}: {error}",
                self.root.display()
            ))
        };
        let root = self.root.canonicalize().map_err(unreadable)?;
        let stacks = Stacks::read(&root).map_err(unreadable)?;
        let named = |service: &&str| stacks.lines(service).iter().any(Line::is_ours);
        let services: Vec<&str> = stacks.services().filter(named).collect();
        let mut findings = Vec::new();
        for service in &services {
            look_at(&root, &stacks, service, &mut findings);
        }
        Ok(report(&services, &findings))
    }
}

fn look_at(root: &Path, stacks: &Stacks, service: &str, findings: &mut Vec<Finding>) {
    let mut add = |line: &Line, what: String, mended: Option<String>| {
        let same = |known: &&mut Finding| {
            known.file == line.file && known.line == line.number && known.what == what
        };
        match findings.iter_mut().find(same) {
            // Many include the same line.
            Some(known) if known.services.iter().any(|known| known == service) => {}
            Some(known) => known.services.push(service.to_owned()),
            None => findings.push(Finding {
                services: vec![service.to_owned()],
                file: line.file.clone(),
                line: line.number,
                what,
                mended,
            }),
        }
    };
    let lines = stacks.lines(service);
    for line in lines.iter().filter(|line| line.is_ours()) {
        if line.group != "auth" {
            let auth =
                Line { group: "auth".to_owned(), control: "required".to_owned(), ..line.clone() };
            let what = format!("in the group {} the module verifies nobody, and fails", line.group);
            add(line, what, Some(auth.to_text()));
        }
        if line.quiet {
            let loud = Line { quiet: false, ..line.clone() };
            add(
                line,
                "if the module is missing, nobody is told: the log stays empty".to_owned(),
                Some(loud.to_text()),
            );
        }
        match files::module(root, &line.target) {
            None => {
                add(line, format!("there is no {}: libpam lets this line fail", line.target), None)
            }
            Some(file) => {
                if let Some(open) = files::writable(root, &file) {
                    add(
                        line,
                        format!(
                            "the module can be replaced: others than root can write {}",
                            open.display()
                        ),
                        None,
                    );
                }
            }
        }
        let socket = line.arguments.iter().find_map(|argument| argument.strip_prefix("socket=/"));
        if let Some(open) =
            socket.and_then(|socket| files::writable(root, root.join(socket).parent()?))
        {
            add(
                line,
                format!(
                    "others than root can answer in the agent's place: they can write {}",
                    open.display()
                ),
                None,
            );
        }
    }
    let steps = stacks.steps(service);
    for step in steps.iter().filter(|step| step.control.is_none() && !step.begins_substack) {
        let what = if step.line.includes() {
            "what this includes is not there"
        } else {
            "libpam cannot read this line"
        };
        add(&step.line, format!("{what}: nobody comes in"), None);
    }
    if steps.iter().any(|step| step.line.is_ours()) {
        for Fault { line, what, mended } in
            mend::unreachable(&steps).into_iter().chain(mend::leaks(steps))
        {
            add(&line, what, mended.as_ref().map(Line::to_text));
        }
    }
    let files: BTreeSet<&Path> = lines.iter().map(|line| line.file.as_path()).collect();
    for line in files.iter().filter_map(|file| lines.iter().find(|line| line.file == **file)) {
        if let Some(open) = files::writable(root, &line.file) {
            add(
                line,
                format!("the stack can be changed: others than root can write {}", open.display()),
                None,
            );
        }
    }
}

fn report(services: &[&str], findings: &[Finding]) -> Report {
    let document = json!({
        "ok": findings.is_empty() && !services.is_empty(),
        "services": services,
        "findings": findings.iter().map(Finding::to_json).collect::<Vec<Value>>(),
    });
    if services.is_empty() {
        let text = "No stack names pam_twostep.so: nobody is asked for a second factor.";
        return Report::new(document, text).exit(Exit::Refused);
    }
    if findings.is_empty() {
        return Report::new(
            document,
            format!("Nobody comes in without pam_twostep.so: {}.", services.join(", ")),
        );
    }
    let text: Vec<String> = findings.iter().map(Finding::to_text).collect();
    Report::new(document, text.join("\n")).exit(Exit::Refused)
}

impl Finding {
    fn to_json(&self) -> Value {
        let Finding { services, file, line, what, mended } = self;
        json!({"services": services, "file": file.display().to_string(), "line": line, "what": what, "mended": mended})
    }

    fn to_text(&self) -> String {
        let mended = self.mended.as_ref().map_or(String::new(), |line| format!("\n  -> {line}"));
        format!("{}:{}: {}{mended}", self.file.display(), self.line, self.what)
    }
}
