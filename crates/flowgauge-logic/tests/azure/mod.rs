//! Azure VM Noise: benchmarks run again and again on machines that nobody changed.
//!
//! Owns the reading. Refuses to be there: without the data folder tests say so and are skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The runs of one machine, in order of time.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) runs: Vec<f64>,
}

/// The data folder: named by `FLOWGAUGE_DATA`, or beside the workspace.
fn folder() -> Option<PathBuf> {
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    // Worktrees lie one folder deeper.
    let deeper = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data");
    let named = std::env::var_os("FLOWGAUGE_DATA").map(PathBuf::from);
    let found = named.into_iter().chain([near, deeper]).map(|f| f.join("azure-vm-noise"));
    let found = found.into_iter().find(|f| f.is_dir());
    if found.is_none() {
        eprintln!("skipped: azure-vm-noise is not there; set FLOWGAUGE_DATA");
    }
    found
}

/// Every machine of every benchmark; none where the data is not there.
pub(crate) fn machines() -> Vec<Machine> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let of = |file: PathBuf| {
        let benchmark = file.file_stem().unwrap().to_string_lossy().into_owned();
        let named = move |(name, runs)| Machine { name: format!("{benchmark} {name}"), runs };
        read(&file).into_iter().map(named)
    };
    files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "csv")).flat_map(of).collect()
}

fn read(file: &Path) -> BTreeMap<String, Vec<f64>> {
    let mut rows: Vec<(String, String, f64)> = std::fs::read_to_string(file)
        .unwrap()
        .lines()
        .skip(1)
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [value, _, at, machine] = cells[..] else { return None };
            Some((at.to_owned(), machine.to_owned(), value.parse().ok()?))
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let mut machines: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (_, machine, value) in rows {
        machines.entry(machine).or_default().push(value);
    }
    machines
}
