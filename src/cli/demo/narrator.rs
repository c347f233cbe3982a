//! Tells the steps of the demo: line by line to people, as one list to programs.

use serde_json::{Value, json};

use crate::cli::output;

/// The narrator: prints for people, collects for programs.
pub(super) struct Narrator {
    json: bool,
    steps: Vec<Step>,
}

struct Step {
    title: &'static str,
    told: Vec<String>,
    outcomes: Vec<String>,
}

impl Narrator {
    pub(super) fn new(json: bool) -> Narrator {
        Narrator { json, steps: Vec::new() }
    }

    pub(super) fn preface(&self, text: &str) {
        self.show(text);
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &'static str) {
        self.steps.push(Step { title, told: Vec::new(), outcomes: Vec::new() });
        self.show(&format!("\n{:>2}  {title}", self.steps.len()));
    }

    /// Tells an action of the story, or its reason.
    pub(super) fn tell(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.show(&indented(&text, "    ", "    "));
        if let Some(step) = self.steps.last_mut() {
            step.told.push(text);
        }
    }

    /// Draws something that only a terminal can show.
    pub(super) fn draw(&self, drawing: &str) {
        self.show(&indented(drawing, "    ", "    "));
    }

    /// Tells a verified outcome.
    pub(super) fn outcome(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.show(&indented(&text, "    => ", "       "));
        if let Some(step) = self.steps.last_mut() {
            step.outcomes.push(text);
        }
    }

    pub(super) fn epilogue(&self, text: &str) {
        self.show(&format!("\n{text}"));
    }

    pub(super) fn into_steps(self) -> Vec<Value> {
        self.steps
            .into_iter()
            .map(|step| json!({"title": step.title, "told": step.told, "outcomes": step.outcomes}))
            .collect()
    }

    fn show(&self, text: &str) {
        if !self.json {
            // A reader that closes the pipe misses the rest; the steps are verified all the same.
            let _ = output::show(text);
        }
    }
}

fn indented(text: &str, first: &str, others: &str) -> String {
    let line = |(number, line): (usize, &str)| {
        format!("{}{line}\n", if number == 0 { first } else { others })
    };
    text.lines().enumerate().map(line).collect()
}
