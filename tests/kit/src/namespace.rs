//! A network namespace with nothing but `lo`, for the calling thread and what it starts.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Proof that the calling thread lives in a network of its own.
///
/// The namespace has no name: it is gone with its last thread, process and socket, so a killed run
/// leaves nothing behind. Threads and processes started afterwards inherit it.
#[derive(Debug)]
pub struct Namespace {
    _seal: (),
}

impl Namespace {
    /// Makes a namespace and moves the calling thread into it. Needs CAP_SYS_ADMIN.
    pub fn enter() -> Result<Self> {
        // A child makes the namespace, because unshare(2) in a thread is `unsafe` in rustix.
        let mut maker = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", "--", "sh", "-c"])
            .arg("ip link set lo up && echo up && exec cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start setpriv (package util-linux)")?;
        let stdout = maker.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line == "up\n", "no network namespace: the wire tests need root and iproute2");
        let path = format!("/proc/{}/ns/net", maker.id());
        let file = File::open(&path).with_context(|| path.clone())?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .context("cannot enter the namespace")?;
        drop(maker.stdin.take()); // ends its `cat`
        maker.wait()?;
        Ok(Self { _seal: () })
    }
}
