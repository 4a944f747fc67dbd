//! A folder for one test's files, kept unless the test says that all went well.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use anyhow::{Context as _, Result};

/// Dropped without [`remove`](Self::remove), it stays and its path is printed.
#[derive(Debug)]
pub struct Scratch(Option<PathBuf>);

impl Scratch {
    pub fn new(name: &str) -> Result<Self> {
        static SEQUENCE: AtomicU32 = AtomicU32::new(0);
        let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
        let folder = format!("monoligne-{name}-{}-{sequence}", process::id());
        let path = env::temp_dir().join(folder);
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(Self(Some(path)))
    }

    pub fn path(&self) -> &Path {
        self.0.as_deref().expect("only `remove` takes the path, and the scratch with it")
    }

    /// The test went well: nothing needs to be looked at.
    pub fn remove(mut self) -> Result<()> {
        let path = self.0.take().expect("only `remove` takes the path, and the scratch with it");
        fs::remove_dir_all(&path).with_context(|| path.display().to_string())
    }
}

impl Drop for Scratch {
    #[expect(clippy::print_stderr, reason = "tells a failed test's reader where to look")]
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            eprintln!("what the test left behind: {}", path.display());
        }
    }
}
