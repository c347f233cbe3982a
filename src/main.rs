//! The program `twostep`.

fn main() {}
