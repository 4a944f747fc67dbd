//! The server from outside: its configuration, its command, its sockets.

#![expect(clippy::unwrap_used, reason = "what a test stands on fails it loudly")]

mod card;
mod config;
mod diff;
mod explain;
mod folder;
mod many;
mod metrics;
mod odd_files;
mod operation;
mod orders;
mod peer;
mod plans;
mod ports;
mod practitioners;
mod reach;
mod reload;
mod replay;
mod rules;
mod running;
mod serve;
mod stream;
mod tcp;
mod warnings;
