//! Command line arguments of these programs: `--name value`, `--name`, and words.

/// The arguments that are not consumed yet.
#[derive(Debug)]
pub struct Arguments {
    left: Vec<String>,
}

impl Arguments {
    /// The arguments of this process.
    #[must_use]
    pub fn of_process() -> Arguments {
        Arguments { left: std::env::args().skip(1).collect() }
    }

    /// Consumes a flag and returns whether it was given.
    pub fn flag(&mut self, name: &str) -> bool {
        let found = self.left.iter().position(|word| word == name);
        found.map(|at| self.left.remove(at)).is_some()
    }

    /// Consumes the value after a name; an error if the value is missing.
    pub fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(at) = self.left.iter().position(|word| word == name) else { return Ok(None) };
        if at + 1 == self.left.len() {
            return Err(format!("{name} needs a value"));
        }
        self.left.remove(at);
        Ok(Some(self.left.remove(at)))
    }

    /// The remaining words; an error if an unknown flag is among them.
    pub fn words(self) -> Result<Vec<String>, String> {
        match self.left.iter().find(|word| word.starts_with("--")) {
            Some(word) => Err(format!("{word} is unknown")),
            None => Ok(self.left),
        }
    }
}
