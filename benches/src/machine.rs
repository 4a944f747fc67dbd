//! On what it was measured.

use std::fmt;
use std::fs;

use rustix::thread::{CpuSet, sched_setaffinity};

/// What stands above any figure.
pub struct Machine {
    processor: String,
    cores: usize,
    system: String,
    /// Others' work, as the system counts it: the mean number of runnable tasks of the last minute.
    load: String,
}

impl Machine {
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let processor = processor.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "model name").then(|| value.trim().to_owned())
        });
        let first_word = |text: String| text.split_whitespace().next().unwrap_or("?").to_owned();
        Self {
            processor: processor.unwrap_or_else(|| "an unknown processor".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: first_word(read("/proc/sys/kernel/osrelease")),
            load: first_word(read("/proc/loadavg")),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, system, load } = self;
        write!(f, "{processor}, {cores} cores, Linux {system}, load before {load}")
    }
}

/// The thread that calls, and all threads and processes that it starts from now on, run on this core only.
pub fn pin(core: usize) -> std::io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
