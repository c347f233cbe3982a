//! Arguments of the programs here: `--name value`, `--name`, and words.

/// What was typed, taken apart bit by bit.
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

    /// Whether a flag is there.
    pub fn flag(&mut self, name: &str) -> bool {
        let found = self.left.iter().position(|word| word == name);
        found.map(|at| self.left.remove(at)).is_some()
    }

    /// The word after a name; an error when there is none.
    pub fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(at) = self.left.iter().position(|word| word == name) else { return Ok(None) };
        if at + 1 == self.left.len() {
            return Err(format!("{name} needs a value"));
        }
        self.left.remove(at);
        Ok(Some(self.left.remove(at)))
    }

    /// What is left; an error when it has a flag that nobody asked for.
    pub fn words(self) -> Result<Vec<String>, String> {
        match self.left.iter().find(|word| word.starts_with("--")) {
            Some(word) => Err(format!("{word} is unknown")),
            None => Ok(self.left),
        }
    }
}
