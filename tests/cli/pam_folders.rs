//! `twostep pam-check`: the folders in which libpam looks for a stack, and their order.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::pam_check::{UNIX, check, findings, system};

/// Adds a stack to another folder that libpam reads.
fn add(root: &Path, folder: &str, service: &str, stack: &str) {
    let folder = root.join(folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(service), stack).unwrap();
    let mut above = folder.as_path();
    while above != root {
        fs::set_permissions(above, Permissions::from_mode(0o755)).unwrap();
        above = above.parent().unwrap();
    }
}

const BYPASS: &str = "auth sufficient pam_unix.so\nauth required pam_twostep.so\n";

/// The stacks of packages lie in `/usr/lib/pam.d`, and those of `/etc/pam.d` come first.
#[test]
fn stacks_of_packages_are_read_where_libpam_reads_them() {
    let safe = "auth required pam_twostep.so\n";
    for folder in ["usr/lib/pam.d", "usr/etc/pam.d", "usr/share/pam.d"] {
        let root = system(&[("sshd", safe)]);
        add(root.path(), folder, "sudo", BYPASS);
        let (ended, document) = check(root.path());
        assert_eq!(ended.exit, 1, "{folder}: {document}");
        assert_eq!(document["services"], serde_json::json!(["sshd", "sudo"]), "{folder}");
        assert_eq!(findings(&document)[0].0, "sudo:1", "{folder}");
        // The administrator's file counts instead.
        add(root.path(), "etc/pam.d", "sudo", safe);
        let (ended, document) = check(root.path());
        assert_eq!((ended.exit, findings(&document)), (0, vec![]), "{folder}");
    }
    // No folder of the administrator's, and none at all.
    let root = system(&[]);
    fs::remove_dir_all(root.path().join("etc/pam.d")).unwrap();
    add(root.path(), "usr/lib/pam.d", "sudo", BYPASS);
    fs::write(root.path().join("etc/pam.conf"), "sudo auth required pam_twostep.so\n").unwrap();
    assert_eq!(check(root.path()).0.exit, 1, "pam.conf is read only without the folders");
}

/// An included file is looked for in the same folders, in the same order.
#[test]
fn included_files_of_packages_are_read_where_libpam_reads_them() {
    for include in ["@include common-auth", "auth include common-auth", "auth substack common-auth"]
    {
        let stack = format!("{include}\nauth required pam_twostep.so\n");
        let root = system(&[("sudo", &stack)]);
        add(root.path(), "usr/lib/pam.d", "common-auth", "auth sufficient pam_unix.so\n");
        let (ended, document) = check(root.path());
        let ends = !include.contains("substack");
        assert_eq!(ended.exit, i32::from(ends), "{include}: {document}");
        add(root.path(), "etc/pam.d", "common-auth", UNIX);
        let (ended, document) = check(root.path());
        assert_eq!((ended.exit, findings(&document)), (0, vec![]), "{include}");
    }
}
