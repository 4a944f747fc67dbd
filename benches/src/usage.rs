//! What the system says of a process.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// CPU time, user and system.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Of all threads.
    pub cpu: Duration,
    /// By the threads' names.
    pub by_thread: BTreeMap<String, Duration>,
}

impl Usage {
    pub fn of(process: u32) -> anyhow::Result<Self> {
        let mut usage = Self::default();
        usage.add(process)?;
        Ok(usage)
    }

    /// Of a process and its children.
    pub fn of_family(process: u32) -> anyhow::Result<Self> {
        let mut usage = Self::of(process)?;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(child) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // One that ends just now is none of ours.
            let Ok(stat) = fs::read_to_string(format!("/proc/{child}/stat")) else { continue };
            let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
            if parent == Some(&process.to_string()) {
                usage.add(child)?;
            }
        }
        Ok(usage)
    }

    fn add(&mut self, process: u32) -> anyhow::Result<()> {
        let tasks = format!("/proc/{process}/task");
        for task in fs::read_dir(&tasks).with_context(|| format!("read {tasks}"))? {
            let path = task?.path();
            let name = fs::read_to_string(path.join("comm"))?.trim().to_owned();
            let text = fs::read_to_string(path.join("schedstat"))?;
            let nanos = text.split_whitespace().next().context("an empty schedstat")?.parse()?;
            let spent = Duration::from_nanos(nanos);
            self.cpu += spent;
            *self.by_thread.entry(name).or_default() += spent;
        }
        Ok(())
    }

    /// What was used from then on.
    pub fn since(&self, before: &Self) -> Self {
        let spent = |(name, time): (&String, &Duration)| {
            let spent =
                time.saturating_sub(before.by_thread.get(name).copied().unwrap_or_default());
            (name.clone(), spent)
        };
        Self { cpu: self.cpu - before.cpu, by_thread: self.by_thread.iter().map(spent).collect() }
    }
}
