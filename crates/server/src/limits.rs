//! Bounds at the edge, and what happens beyond them.

use std::time::Duration;

/// Inputs that wait for the engine. Beyond: a datagram is dropped and counted (SIP sends it again), a
/// connection is not read on.
pub(crate) const INBOX_MAX: usize = 8_192;
/// How often what may not be dropped is offered again to a full inbox.
pub(crate) const ROOM_RETRY: Duration = Duration::from_millis(2);
/// Inputs that the engine takes before what they led to goes out.
pub(crate) const BATCH_MAX: usize = 256;
/// Datagrams read from one socket before the engine gets them.
pub(crate) const READ_BATCH_MAX: usize = 64;
/// How long further datagrams gather in the socket after some were read.
pub(crate) const GATHER: Duration = Duration::from_micros(500);
/// The engine's timers run at most so late: each that is due wakes its thread, and there are some for
/// each message.
pub(crate) const TIMER_GRAIN: Duration = Duration::from_millis(1);
/// How long lines of the log, records and the relay's news gather: nobody waits for them.
pub(crate) const NEWS_GATHER: Duration = Duration::from_millis(5);
/// Octets of a datagram. A UDP payload cannot be larger.
pub(crate) const DATAGRAM_BYTES_MAX: usize = 65_535;
/// What a signalling socket may hold, as asked for: a burst while the process is not scheduled.
pub(crate) const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Notices that a slow subscriber may be behind. Beyond: it misses the oldest, and is told so.
pub(crate) const NOTICES_MAX: usize = 8_192;
/// Records on their way to the writer. Beyond what it holds too: lost, counted and logged.
pub(crate) const RECORDS_QUEUE_MAX: usize = 2_048;
/// Records that the writer keeps in memory while the disk fails.
pub(crate) const RECORDS_HELD_MAX: usize = 10_000;
/// Records of one transaction.
pub(crate) const RECORDS_BATCH_MAX: usize = 512;
/// How often the writer tries a failed disk again.
pub(crate) const RECORDS_RETRY: Duration = Duration::from_secs(1);
/// How long a query of the running engine may take before it is given up.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// After the drain: how long BYEs and CANCELs may take to be answered.
pub(crate) const FAREWELL: Duration = Duration::from_secs(3);
/// How long the edge's tasks may take to end; only a query under way takes any time.
pub(crate) const EDGE_END: Duration = Duration::from_secs(3);
/// Connections to the control socket at once. Beyond: closed at once.
pub(crate) const CONTROL_CONNECTIONS_MAX: usize = 16;
/// Octets of one control command. Beyond: the connection is closed.
pub(crate) const CONTROL_LINE_BYTES_MAX: usize = 16 * 1024;
/// Orders that an answer lists, the latest. Beyond: `--since` chooses.
pub(crate) const ORDERS_SHOWN_MAX: usize = 10_000;
/// How long a reload at the control socket waits for another one to end. Beyond: refused, to be tried again.
pub(crate) const RELOAD_TURN: Duration = Duration::from_secs(5);
/// How long a control connection may be idle.
pub(crate) const CONTROL_IDLE: Duration = Duration::from_secs(30);
/// Connections to `/metrics` at once. Beyond: closed at once.
pub(crate) const METRICS_CONNECTIONS_MAX: usize = 64;
/// How long such a connection may be without an answer of ours. Prometheus asks once a minute or more.
pub(crate) const METRICS_IDLE: Duration = Duration::from_secs(90);
/// Lines that wait for stderr to be read. Beyond: dropped, and counted in a line once there is room.
pub(crate) const LOG_LINES_MAX: usize = 8_192;
/// Octets of them that are written at once, about.
pub(crate) const LOG_WRITE_BYTES: usize = 64 * 1024;
/// How long the process waits at its end for stderr to be read.
pub(crate) const LOG_FLUSH: Duration = Duration::from_secs(1);
/// How long a source whose registration was refused is not logged again.
pub(crate) const REFUSAL_LOGGED: Duration = Duration::from_secs(60);
/// Such sources that are remembered. Beyond: further ones are not logged.
pub(crate) const REFUSALS_LOGGED_MAX: usize = 1_024;
/// Octets of a file of the configuration. Beyond: a mistake.
pub(crate) const CONFIG_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Folders and files that are looked at for what nobody reads, and how deep.
pub(crate) const STRAYS_LOOKED_AT_MAX: usize = 1_000;
pub(crate) const STRAYS_DEPTH_MAX: usize = 3;
/// Octets of a prompt's file. Beyond: a mistake in the configuration, as for the next two.
pub(crate) const PROMPT_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A prompt takes 16 kB of memory a second.
pub(crate) const PROMPT_DURATION_MAX: Duration = Duration::from_secs(300);
pub(crate) const PROMPTS_MAX: usize = 500;
/// Octets of a message's head on a stream. Beyond: 513, and the connection is closed.
pub(crate) const STREAM_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Octets read from a connection before the others have their turn.
pub(crate) const STREAM_READ_BYTES: usize = 8 * 1024;
/// Messages that wait for one peer to read. Beyond: its connection is closed. One turn of the engine may
/// have some for each call of a trunk, before its connection can write any.
pub(crate) const CONNECTION_QUEUE_MAX: usize = 16 * 1024;
/// The same for a peer that nobody knows.
pub(crate) const STRANGER_QUEUE_MAX: usize = 64;
/// How long a peer may read nothing of what we write. Beyond: its connection is closed.
pub(crate) const STALLED_MAX: Duration = Duration::from_secs(15);
/// How long a connection may take to be opened.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// After the end of a peer's stream, or one that cannot be read on: how long our last word may take.
pub(crate) const LINGER: Duration = Duration::from_millis(500);
/// Connections that the system holds until they are accepted.
pub(crate) const ACCEPT_BACKLOG: i32 = 1_024;
/// How long accepting rests when the system has no room (of files, of memory).
pub(crate) const ACCEPT_REST: Duration = Duration::from_millis(100);
/// A silent connection is probed after this, this often and so many times: then its peer is gone.
pub(crate) const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
pub(crate) const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
pub(crate) const KEEPALIVE_TRIES: u32 = 3;
/// How long what we sent may stay unacknowledged by the peer's system.
pub(crate) const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(20);
/// How long a call may be unanswered where its trunk does not say; networks give up after 90 to 180 s.
pub(crate) const MAX_UNANSWERED: Duration = Duration::from_secs(85);
