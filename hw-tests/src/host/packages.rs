//! Debian packages: downloaded and unpacked, never installed.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use super::{Fault, at, cache, output, text};

/// One line for each missing tool.
#[must_use]
pub fn missing_tools() -> Vec<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
    let missing = TOOLS
        .iter()
        .filter(|(tool, _)| !folders.iter().any(|folder| folder.join(tool).exists()));
    missing
        .map(|(tool, package)| format!("{tool} is missing: apt-get install {package}"))
        .collect()
}

/// The package to which a meta package currently refers.
pub(super) fn behind(meta: &str, wanted: &str) -> Option<String> {
    let printed = text(Command::new("apt-cache").args(["depends", meta])).ok()?;
    let dependencies = printed.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    dependencies.map(str::to_owned).find(|name| name.starts_with(wanted))
}

/// Updates the package lists.
pub(super) fn update() -> Result<(), Fault> {
    output(Command::new("apt-get").args(["-qq", "update"])).map(drop)
}

/// The folder with a package's files: downloaded and unpacked once.
pub(super) fn unpacked(package: &str) -> Result<PathBuf, Fault> {
    let folder = cache().join(package);
    if folder.exists() {
        return Ok(folder);
    }
    let downloads = cache().join("downloads");
    fs::create_dir_all(&downloads).map_err(at(&downloads))?;
    eprintln!("bench: downloading {package}");
    let download = || {
        output(
            Command::new("apt-get")
                .args(["-qq", "download", package])
                .current_dir(&downloads),
        )
    };
    // The package lists may be older than the package's last update.
    download().or_else(|_| update().and_then(|()| download()))?;
    let start = format!("{package}_");
    let files = fs::read_dir(&downloads).map_err(at(&downloads))?.filter_map(Result::ok);
    let file = files.map(|entry| entry.path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start))
    });
    let file = file.ok_or_else(|| format!("apt-get downloaded no {package}"))?;
    // Unpack to a temporary name, then rename: an incomplete package never appears complete.
    let half = cache().join(format!("{package}.half"));
    let _ = fs::remove_dir_all(&half);
    output(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&half))?;
    fs::rename(&half, &folder).map_err(at(&folder))?;
    fs::remove_file(&file).map_err(at(&file))?;
    Ok(folder)
}

/// Tools that the bench calls, with their Debian packages.
const TOOLS: &[(&str, &str)] = &[
    ("apt-get", "apt"),
    ("dpkg-deb", "dpkg"),
    ("fido2-token", "fido2-tools"),
    ("ldd", "libc-bin"),
    ("modinfo", "kmod"),
    ("openssl", "openssl"),
    ("pamtester", "pamtester"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("strip", "binutils"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
];
