//! A configuration folder of a test's own, removed at the end.

use std::fs;
use std::path::PathBuf;

use server::config::{self, Loaded, Mistake, Mistakes};

/// One of each that callers need: a trunk, a practice, a team and its secretary.
pub(crate) const MAIN: &str = r#"
[server]
realm = "pbx.example.fr"

[[listen]]
address = "127.0.0.1:5060"

[trunks.op]
sources = ["192.0.2.0/24"]

[practices.martin]
name = "Dr Martin"
numbers = ["01 99 00 12 34"]
plan = [{ queue = "pool", for = "3 min" }, "busy"]

[teams.pool]

[agents.101]
teams = ["pool"]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
"#;

pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("monoligne-{name}-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn with(self, file: &str, text: &str) -> Self {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn load(&self) -> Result<Loaded, Mistakes> {
        config::load(&self.0)
    }

    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        self.load().expect_err("the configuration was accepted").iter().cloned().collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}
