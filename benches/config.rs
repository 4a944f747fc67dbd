//! Reading and checking a large configuration: what `check`, a start and a reload take. The reference reads
//! the same files and only parses them.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use benches::{Bar, Figures, practices};

const PRACTICES: usize = 1_000;
const RUNS: usize = 15;

fn main() -> io::Result<()> {
    // `cargo test --benches` only asks whether it runs.
    let is_try = std::env::args().any(|argument| argument == "--test");
    let (practices, runs) = if is_try { (10, 1) } else { (PRACTICES, RUNS) };
    let folder = std::env::temp_dir().join(format!("monoligne-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    practices::write(&folder, practices)?;
    let result = measure(&folder, practices, runs);
    fs::remove_dir_all(&folder)?;
    result
}

fn measure(folder: &Path, practices: usize, runs: usize) -> io::Result<()> {
    let mut figures = Figures::of("config");
    let files = files(folder)?;
    let ids = server::config::load(folder).map_err(io::Error::other)?.ids;
    let mut times: [Vec<Duration>; 3] = Default::default();
    // In turn, so that what else the machine does is spread over all of them.
    for _ in 0..runs {
        let [load, again, toml] = &mut times;
        load.push(time(|| server::config::load(folder).map_err(io::Error::other))?);
        let ids = ids.clone();
        again.push(time(|| server::config::load_again(folder, ids).map_err(io::Error::other))?);
        toml.push(time(|| parse(&files))?);
    }
    let [load, again, toml] = times.map(|times| median(times).as_secs_f64() * 1e3);
    let case = format!("{practices} practices, {} files", files.len());
    figures.judge(&case, "load and check", load, "ms", Bar::AtMost(1_000.0));
    figures.tell(&case, "the same for a reload", again, "ms");
    figures.tell(&case, "the crate toml alone", toml, "ms");
    figures.tell(&case, "load and check, times the crate toml", load / toml, "times");
    figures.keep()
}

/// Reads the same files into the crate's own tables, and checks nothing.
fn parse(files: &[PathBuf]) -> io::Result<Vec<toml::Table>> {
    let table = |file: &PathBuf| fs::read_to_string(file)?.parse().map_err(io::Error::other);
    files.iter().map(table).collect()
}

/// Until it has its result; dropping that is not counted.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn time<T>(run: impl FnOnce() -> io::Result<T>) -> io::Result<Duration> {
    let begin = std::time::Instant::now();
    let result = std::hint::black_box(run()?);
    let took = begin.elapsed();
    drop(result);
    Ok(took)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(files(&path)?);
        } else {
            all.push(path);
        }
    }
    Ok(all)
}
