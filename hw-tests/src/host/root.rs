//! The guest's file system: programs with their libraries, modules, attestation keys, udev.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cpio::Cpio;
use super::{Fault, Kernel, at, cache, output, packages, target, text};

/// The file system of a guest.
pub struct Root {
    archive: Cpio,
    copied: BTreeSet<PathBuf>,
}

impl Root {
    /// Collects the kernel's modules, our programs and Debian's.
    pub fn new(kernel: &Kernel) -> Result<Root, Fault> {
        let mut root = Root { archive: Cpio::default(), copied: BTreeSet::new() };
        for folder in ["/dev", "/proc", "/sys", "/tmp", "/run", "/var", "/root", "/home"] {
            root.archive.folder(folder);
        }
        let mut order = String::new();
        for (file, parameters) in &kernel.modules {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            order += &format!("{name} {parameters}\n");
            root.archive.file(
                &format!("/modules/{name}"),
                0o644,
                &fs::read(file).map_err(at(file))?,
            );
        }
        root.archive.file("/modules/order", 0o644, order.as_bytes());
        root.archive.file(
            "/etc/passwd",
            0o644,
            b"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n\
              ann:x:1000:1000::/home:/bin/sh\n",
        );
        root.archive.file(
            "/etc/group",
            0o644,
            b"root:x:0:\nnogroup:x:65534:\nann:x:1000:\nplugdev:x:46:ann\n",
        );
        root.archive.file("/etc/nsswitch.conf", 0o644, b"passwd: files\ngroup: files\n");
        let guest = target().join("debug/guest");
        root.program(&guest, "/bin/guest")?;
        root.archive.link("/init", "/bin/guest");
        root.program(&target().join("debug/vkey"), "/bin/vkey")?;
        root.program(&target().join("debug/twostep"), "/bin/twostep")?;
        for tool in FIDO2_TOOLS {
            root.program(Path::new(tool), tool)?;
        }
        root.program(Path::new(PAMTESTER), PAMTESTER)?;
        root.program(&target().join("debug/libpam_twostep.so"), "/lib/security/pam_twostep.so")?;
        let attestation = attestation()?;
        for name in ["att.key", "att.der"] {
            let file = attestation.join(name);
            root.archive.file(
                &format!("/attestation/{name}"),
                0o644,
                &fs::read(&file).map_err(at(&file))?,
            );
        }
        Ok(root)
    }

    /// Adds Debian's systemd-udevd with the rules for keys, and this project's own `rule`.
    pub fn with_udev(mut self, rule: Option<&Path>) -> Result<Root, Fault> {
        let folder = packages::unpacked("udev")?;
        self.program(&folder.join("bin/udevadm"), "/bin/udevadm")?;
        self.archive.link("/lib/systemd/systemd-udevd", "/bin/udevadm");
        self.program(&folder.join("lib/udev/fido_id"), "/lib/udev/fido_id")?;
        for name in RULES {
            let file = folder.join("lib/udev/rules.d").join(name);
            self.archive.file(
                &format!("/lib/udev/rules.d/{name}"),
                0o644,
                &fs::read(&file).map_err(at(&file))?,
            );
        }
        if let Some(rule) = rule {
            let name = rule.file_name().unwrap_or_default().to_string_lossy();
            self.archive.file(
                &format!("/lib/udev/rules.d/{name}"),
                0o644,
                &fs::read(rule).map_err(at(rule))?,
            );
        }
        Ok(self)
    }

    /// Writes the archive into the cache.
    pub fn write(self, name: &str) -> Result<PathBuf, Fault> {
        let file = cache().join(format!("{name}.cpio"));
        fs::write(&file, self.archive.finish()).map_err(at(&file))?;
        Ok(file)
    }

    /// Adds a program without debug information, and its libraries.
    fn program(&mut self, file: &Path, path: &str) -> Result<(), Fault> {
        let stripped = cache().join("stripped");
        let status = Command::new("strip").arg("-o").arg(&stripped).arg(file).status();
        let small = if status.is_ok_and(|status| status.success()) { &stripped } else { file };
        self.archive.file(path, 0o755, &fs::read(small).map_err(at(file))?);
        for library in libraries(file)? {
            if self.copied.insert(library.clone()) {
                let found = fs::canonicalize(&library).map_err(at(&library))?;
                let mode = fs::metadata(&found).map_err(at(&found))?.permissions().mode() & 0o777;
                self.archive.file(
                    &library.to_string_lossy(),
                    mode,
                    &fs::read(&found).map_err(at(&found))?,
                );
            }
        }
        Ok(())
    }
}

/// The absolute paths in the output of `ldd`, the loader included.
fn libraries(program: &Path) -> Result<Vec<PathBuf>, Fault> {
    let printed = text(Command::new("ldd").arg(program))?;
    if let Some(line) = printed.lines().find(|line| line.contains("not found")) {
        return Err(format!(
            "{}: {}: install the package that has it",
            program.display(),
            line.trim()
        ));
    }
    let words = printed.lines().flat_map(str::split_whitespace);
    Ok(words.filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}

/// An attestation key and certificate in the form of a key's maker (WebAuthn L3 §8.2.1, U2F §5.1),
/// made once.
fn attestation() -> Result<PathBuf, Fault> {
    const SUBJECT: &str = "/C=XX/O=Example/OU=Authenticator Attestation/CN=Batch";
    let folder = cache().join("attestation");
    if folder.join("att.key").exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let run = |arguments: &str| {
        output(Command::new("openssl").args(arguments.split('|')).current_dir(&folder))
    };
    run("ecparam|-name|prime256v1|-genkey|-noout|-out|att.pem")?;
    run(&format!(
        "req|-new|-x509|-key|att.pem|-subj|{SUBJECT}|-days|7300|-outform|DER|-out|att.der"
    ))?;
    // SEC 1: the 32 bytes of the private key follow a header of seven bytes.
    let key = run("ec|-in|att.pem|-outform|DER")?;
    let secret = key.get(7..39).ok_or("openssl made a key of another form")?;
    fs::write(folder.join("att.key"), secret).map_err(at(&folder))?;
    Ok(folder)
}

/// Debian's programs for the same keys.
const FIDO2_TOOLS: [&str; 3] =
    ["/usr/bin/fido2-token", "/usr/bin/fido2-cred", "/usr/bin/fido2-assert"];

/// A PAM host.
const PAMTESTER: &str = "/usr/bin/pamtester";

/// udev rules that concern keys; the others concern disks, networks and sound.
const RULES: [&str; 3] = ["50-udev-default.rules", "60-fido-id.rules", "80-drivers.rules"];
