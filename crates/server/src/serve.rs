//! `monoligne serve`: from the configuration to the last record.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::config::{self, Loaded};
use crate::server::Server;

pub fn run(config: &Path) -> anyhow::Result<ExitCode> {
    let Loaded { settings, engine, log, .. } = config::load(config)?;
    crate::log::init(&log);
    let drain = settings.drain_timeout;
    let server = Server::start(settings, engine).context("monoligne does not start")?;
    server.shutdown(drain);
    Ok(ExitCode::SUCCESS)
}
