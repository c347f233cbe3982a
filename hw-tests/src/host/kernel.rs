//! Debian's kernel: the uncompressed image, and the modules for keys.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Fault, at, cache, output, packages, text};

/// An unpacked kernel package.
pub struct Kernel {
    /// The uncompressed image, which boots seconds faster under emulation.
    pub image: PathBuf,
    /// Module files in loading order, each with its parameters.
    pub modules: Vec<(PathBuf, String)>,
    /// The package's name.
    pub package: String,
}

impl Kernel {
    /// Finds the kernel in the cache, or downloads it.
    pub fn fetch() -> Result<Kernel, Fault> {
        let known = || META.iter().find_map(|meta| packages::behind(meta, "linux-image-"));
        let package = cached()
            .or_else(known)
            .or_else(|| packages::update().ok().and_then(|()| known()));
        let package = package.ok_or_else(|| format!("apt knows none of {META:?}"))?;
        let folder = packages::unpacked(&package)?;
        let image = folder.join("vmlinux");
        if !image.exists() {
            let packed =
                entries(&folder.join("boot"))?.into_iter().find(|path| named(path, "vmlinuz-"));
            let packed = packed.ok_or_else(|| format!("{package} has no image"))?;
            let bytes = payload(&fs::read(&packed).map_err(at(&packed))?)?;
            fs::write(&image, bytes).map_err(at(&image))?;
        }
        let modules = modules(&folder)?;
        Ok(Kernel { image, modules, package })
    }
}

/// A package that was unpacked before; such a run needs no network.
fn cached() -> Option<String> {
    let folders = entries(&cache()).ok()?;
    let mut names: Vec<String> = folders
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
        .into_iter()
        .rev()
        .find(|name| name.starts_with("linux-image-") && !name.ends_with(".half"))
}

/// The kernel inside a bzImage (Documentation/arch/x86/boot.rst: `setup_sects`, `payload_offset`,
/// `payload_length`).
fn payload(image: &[u8]) -> Result<Vec<u8>, Fault> {
    let byte = |at: usize| image.get(at).copied().map(usize::from);
    let word = |at: usize| {
        usize::try_from(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?)).ok()
    };
    let find = || {
        let begin = (byte(0x1f1)? + 1) * 512 + word(0x248)?;
        image.get(begin..begin + word(0x24c)?)
    };
    let packed = find().ok_or("the kernel is no bzImage")?;
    let unpacker = match packed {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0xfd, b'7', b'z', ..] => "xz",
        [0x1f, 0x8b, ..] => "gzip",
        _ => return Err("the kernel is packed in an unknown way".to_owned()),
    };
    // The uncompressed length follows the compressed data; decompressors would reject it as
    // trailing garbage.
    let packed = &packed[..packed.len().saturating_sub(4)];
    piped(Command::new(unpacker).args(["-d", "-c"]), packed)
}

fn piped(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let written = writer.join().is_ok_and(|result| result.is_ok());
    let whole = written && output.status.success();
    whole
        .then_some(output.stdout)
        .ok_or_else(|| "the kernel cannot be unpacked".to_owned())
}

fn modules(folder: &Path) -> Result<Vec<(PathBuf, String)>, Fault> {
    let unpacked = folder.join("modules");
    fs::create_dir_all(&unpacked).map_err(at(&unpacked))?;
    let files = files_under(&folder.join("lib/modules"))?;
    let mut order = Vec::new();
    for (name, _) in MODULES {
        needed(name, &files, &mut order)?;
    }
    let mut modules = Vec::new();
    for (name, file) in order {
        let plain = unpacked.join(format!("{name}.ko"));
        if !plain.exists() {
            let bytes = if file.extension().is_some_and(|extension| extension == "xz") {
                output(Command::new("xz").args(["-d", "-c"]).arg(&file))?
            } else {
                fs::read(&file).map_err(at(&file))?
            };
            fs::write(&plain, bytes).map_err(at(&plain))?;
        }
        let parameters = MODULES
            .iter()
            .find(|(wanted, _)| *wanted == name)
            .map_or("", |(_, parameters)| parameters);
        modules.push((plain, parameters.to_owned()));
    }
    Ok(modules)
}

/// Adds a module to the loading order after its dependencies.
fn needed(name: &str, files: &[PathBuf], order: &mut Vec<(String, PathBuf)>) -> Result<(), Fault> {
    if order.iter().any(|(known, _)| known == name) {
        return Ok(());
    }
    let called = |file: &&PathBuf| {
        let stem = file
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.split('.').next());
        stem.is_some_and(|stem| stem.replace('-', "_") == name)
    };
    // A missing file means that the module is built in.
    let Some(file) = files.iter().find(called) else { return Ok(()) };
    for dependency in text(Command::new("/sbin/modinfo").args(["-F", "depends"]).arg(file))?
        .trim()
        .split(',')
        .filter(|name| !name.is_empty())
    {
        needed(&dependency.replace('-', "_"), files, order)?;
    }
    order.push((name.to_owned(), file.clone()));
    Ok(())
}

fn files_under(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() && !path.is_symlink() {
            files.extend(files_under(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
}

fn named(path: &Path, start: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
}

/// Meta packages in order of preference. The flavour is `amd64`: the cloud flavour lacks USB.
const META: [&str; 2] = ["linux-image-6.12-amd64", "linux-image-amd64"];

/// Modules for the guest, with parameters; their dependencies are loaded first.
const MODULES: [(&str, &str); 6] = [
    ("hid_generic", ""),
    ("uhid", ""),
    ("usbhid", ""),
    ("dummy_hcd", "num=4"),
    ("libcomposite", ""),
    ("usb_f_hid", ""),
];
