//! What the worker's process may do: read segments and compute. Nothing else of the machine.
//!
//! Landlock takes away every file but the segments, where the kernel has it; a seccomp filter takes
//! away sockets and new programs. Both hold for all threads and cannot be undone.

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The newest rules asked for; an older kernel holds those it has.
const RULES: ABI = ABI::V5;

/// Takes everything away but reading below a directory.
///
/// # Errors
/// The kernel has neither, and nothing would be taken away.
pub(crate) fn enter(segments: &Path) -> io::Result<()> {
    let files = landlock(segments);
    let calls = seccomp();
    match (files, calls) {
        // One that fails leaves the other; the statement itself was allowed before (`policy`).
        (Err(a), Err(b)) => Err(io::Error::other(format!("no sandbox: {a}; {b}"))),
        _ => Ok(()),
    }
}

fn landlock(segments: &Path) -> Result<(), String> {
    let told = |e: &dyn std::fmt::Display| e.to_string();
    let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))
        .and_then(Ruleset::create)
        .map_err(|e| told(&e))?;
    let rules = match PathFd::new(segments) {
        Ok(directory) => {
            rules.add_rule(PathBeneath::new(directory, reading)).map_err(|e| told(&e))?
        }
        // Nothing was sealed yet: there is nothing to read.
        Err(_) => rules,
    };
    rules.restrict_self().map(drop).map_err(|e| told(&e))
}

/// System calls that reach beyond the process. Numbers are those of the architecture this is built for.
#[cfg(target_arch = "x86_64")]
const DENIED: &[i64] = &[
    41, 42, 43, 44, 46, 49, 50, 53, 288,
    307, // socket, connect, accept, send, bind, listen, …
    57, 58, 59, 322, // fork, vfork, execve, execveat
    101, 310, 311, // ptrace, process_vm_readv, process_vm_writev
    62, 200, 234, // kill, tkill, tgkill
    165, 166, 161, 155, // mount, umount2, chroot, pivot_root
    425, 426, 427, // io_uring
];
#[cfg(target_arch = "aarch64")]
const DENIED: &[i64] = &[
    198, 199, 200, 201, 202, 203, 206, 211, 242, 269, 221, 281, 117, 270, 271, 129, 130, 131, 39,
    40, 41, 51, 425, 426, 427,
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const DENIED: &[i64] = &[];

/// `EPERM`.
const REFUSED: u32 = 1;

fn seccomp() -> Result<(), String> {
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        DENIED.iter().map(|number| (*number, Vec::new())).collect();
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|e| e.to_string())?;
    let filter =
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(REFUSED), arch)
            .map_err(|e| e.to_string())?;
    let program: BpfProgram =
        filter.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    seccompiler::apply_filter_all_threads(&program).map_err(|e| e.to_string())
}
