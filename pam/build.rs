//! Links with the libpam that hosts have loaded.

fn main() {
    // By its file name: `libpam.so`, which `-lpam` looks for, comes only with the headers.
    println!("cargo::rustc-link-arg=-l:libpam.so.0");
    println!("cargo::rerun-if-changed=build.rs");
}
