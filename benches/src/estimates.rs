//! What criterion has just found, for the table of figures.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// The median of the last run in nanoseconds. `None` when criterion was only asked to try the code
/// (`--test`), to list it, or to run other functions.
pub fn median_ns(group: &str, function: &str) -> Option<f64> {
    let file_name =
        |name: &str| name.replace(['?', '"', '/', '\\', '*', '<', '>', ':', '|', '^'], "_");
    let path = output().join(file_name(group)).join(file_name(function)).join("new/estimates.json");
    let written = fs::metadata(&path).and_then(|file| file.modified()).ok()?;
    let began = fs::metadata("/proc/self").and_then(|process| process.modified()).ok()?;
    if written < began {
        return None; // of an earlier run
    }
    let text = fs::read(&path).ok()?;
    serde_json::from_slice::<Estimates>(&text).ok().map(|found| found.median.point_estimate)
}

/// Where criterion writes: beside the build.
fn output() -> PathBuf {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return home.into();
    }
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        return PathBuf::from(target).join("criterion");
    }
    // target/PROFILE/deps/BENCH
    let bench = std::env::current_exe().unwrap_or_default();
    bench.ancestors().nth(3).map(|target| target.join("criterion")).unwrap_or_default()
}
