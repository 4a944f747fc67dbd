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
    let load = || server::config::load(folder).map_err(io::Error::other);
    let load = median(runs, || load().map(drop))?;
    let again = {
        let ids = server::config::load(folder).map_err(io::Error::other)?.ids;
        let load = || server::config::load_again(folder, ids.clone()).map_err(io::Error::other);
        median(runs, || load().map(drop))?
    };
    let toml = median(runs, || {
        for file in &files {
            let table: toml::Table = fs::read_to_string(file)?.parse().map_err(io::Error::other)?;
            std::hint::black_box(table);
        }
        Ok(())
    })?;
    let case = format!("{practices} practices, {} files", files.len());
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    figures.judge(&case, "load and check", ms(load), "ms", Bar::AtMost(1_000.0));
    figures.tell(&case, "the same for a reload", ms(again), "ms");
    figures.tell(&case, "the crate toml alone", ms(toml), "ms");
    figures.keep()
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn median(runs: usize, mut run: impl FnMut() -> io::Result<()>) -> io::Result<Duration> {
    let mut all = Vec::new();
    for _ in 0..runs {
        let begin = std::time::Instant::now();
        run()?;
        all.push(begin.elapsed());
    }
    all.sort();
    Ok(all[all.len() / 2])
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
