//! `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever watches the process.
//!
//! Each scrape asks the engine for one snapshot and writes it out: no figure is kept twice. What is
//! said is bounded by the configuration's teams and by our own words: no number, no user and no call
//! is a label. The format is OpenMetrics 1.0, which Prometheus asks for.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::Listener;
use call::{Disposition, EmergencyOutcome};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tracing::warn;

use crate::inbox::Inbox;
use crate::limits::{METRICS_CONNECTIONS_MAX, METRICS_IDLE};
use crate::server::StartError;
use crate::status::{AGENT_STATES, CALL_STAGES, Status};
use crate::timing::TimingStatus;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The bound socket.
pub(crate) struct Metrics {
    listener: std::net::TcpListener,
    local: SocketAddr,
}

impl Metrics {
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, StartError> {
        let failed = |source| StartError::Metrics { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, local })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Answers on the current runtime until it ends.
    pub(crate) fn serve(self, inbox: Inbox) -> Result<(), StartError> {
        let listener = TcpListener::from_std(self.listener)
            .map_err(|source| StartError::Metrics { address: self.local, source })?;
        let listener =
            Doors { listener, places: Arc::new(Semaphore::new(METRICS_CONNECTIONS_MAX)) };
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(health))
            .route("/readyz", get(readiness))
            .with_state(inbox);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                warn!(%error, "metrics cannot be served any longer");
            }
        });
        Ok(())
    }
}

/// Whoever connects and says nothing takes no descriptor that calls need.
struct Doors {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Doors {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        loop {
            let (stream, remote) = Listener::accept(&mut self.listener).await;
            // Without a place the stream is dropped, hence closed.
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { continue };
            let until = Box::pin(sleep(METRICS_IDLE));
            return (Visit { stream, until, _place: place }, remote);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends unless something is answered on it in time.
struct Visit {
    stream: TcpStream,
    until: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Visit {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.until.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let count = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.until.as_mut().reset(Instant::now() + METRICS_IDLE);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

async fn metrics(State(inbox): State<Inbox>) -> impl IntoResponse {
    let Some(status) = ask(inbox).await else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CONTENT_TYPE, "text/plain")],
            ENDED.to_owned(),
        );
    };
    match render(status) {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, CONTENT_TYPE)], text),
        Err(fmt::Error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            "the figures cannot be written".to_owned(),
        ),
    }
}

const ENDED: &str = "the engine does not answer\n";

/// The engine answers: the process need not be started anew.
async fn health(State(inbox): State<Inbox>) -> (StatusCode, String) {
    match ask(inbox).await {
        Some(_) => (StatusCode::OK, "ok\n".to_owned()),
        None => (StatusCode::SERVICE_UNAVAILABLE, ENDED.to_owned()),
    }
}

/// New calls are taken, and can be recorded.
async fn readiness(State(inbox): State<Inbox>) -> (StatusCode, String) {
    match ask(inbox).await {
        Some(status) if status.draining => {
            (StatusCode::SERVICE_UNAVAILABLE, "draining: new calls are refused\n".to_owned())
        }
        Some(status) if status.records.is_failing => {
            (StatusCode::SERVICE_UNAVAILABLE, "records cannot be written\n".to_owned())
        }
        Some(_) => (StatusCode::OK, "ready\n".to_owned()),
        None => (StatusCode::SERVICE_UNAVAILABLE, ENDED.to_owned()),
    }
}

async fn ask(inbox: Inbox) -> Option<Status> {
    tokio::task::spawn_blocking(move || inbox.ask_status(false)).await.ok()?.ok()
}

/// All of it as text.
pub(crate) fn render(status: Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("monoligne");
    registry.register_collector(Box::new(Snapshot(status)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Snapshot(Status);

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = &self.0;
        let mut page = Page(encoder);
        page.calls(status)?;
        page.people(status)?;
        page.signalling(status)?;
        page.connections(status)?;
        page.voice(status)?;
        page.process(status)?;
        page.timings(status)
    }
}

/// What a label and its value are.
type Label<'a> = [(&'static str, &'a str); 1];

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn calls(&mut self, status: &Status) -> fmt::Result {
        let ledger = &status.ledger;
        self.counter("calls_offered", "INVITEs of trunks that opened a call", ledger.offered)?;
        let ended = |disposition| ledger.dispositions.get(disposition).copied().unwrap_or_default();
        let all = Disposition::ALL.iter().map(|it| (it.as_str(), ended(it)));
        self.counters("calls", "Calls that are over, by how they ended", "disposition", all)?;
        self.counter(
            "calls_lost",
            "Calls that were lost by our own failing",
            ended(&Disposition::Lost),
        )?;
        let emergencies = &status.ledger.emergencies;
        let of = |outcome| emergencies.get(outcome).copied().unwrap_or_default();
        let all = EmergencyOutcome::ALL.iter().map(|it| (it.as_str(), of(it)));
        let help = "Emergency numbers that secretaries dialled, by what came of it";
        self.counters("emergency_calls", help, "outcome", all)?;
        self.counter(
            "ledger_imbalances",
            "Times that offered was not what is over plus what is live",
            ledger.ledger_imbalances,
        )?;
        self.counter(
            "single_line_violations",
            "Times that a secretary was found in two calls",
            ledger.single_line_violations,
        )?;
        self.gauge("calls_live", "Calls that are up", status.calls.len())?;
        let of = |stage: &str| status.calls.iter().filter(|call| call.stage == stage).count();
        let stages = CALL_STAGES.map(|stage| (stage, of(stage)));
        self.gauges("calls_in_stage", "Calls that are up, by where they are", "stage", stages)?;
        let longest =
            status.queue.iter().map(|waiting| waiting.waited_ms).max().unwrap_or_default();
        self.seconds("longest_wait", "How long the one has waited who waits longest", longest)
    }

    fn people(&mut self, status: &Status) -> fmt::Result {
        let mut teams: Vec<&String> = status.agents.iter().flat_map(|agent| &agent.teams).collect();
        teams.sort();
        teams.dedup();
        let of = |team: &str| status.queue.iter().filter(|waiting| waiting.team == team).count();
        let waiting = teams.iter().map(|team| (team.as_str(), of(team)));
        self.gauges("callers_waiting", "Callers who wait without an offer", "team", waiting)?;
        let of = |state: &str| status.agents.iter().filter(|agent| agent.state == state).count();
        let states = AGENT_STATES.map(|state| (state, of(state)));
        self.gauges("agents", "Secretaries, by their state", "state", states)?;
        let reachable = status.agents.iter().filter(|agent| agent.is_reachable).count();
        self.gauge("agents_reachable", "Secretaries whose phone can be reached", reachable)?;
        let phones = status.registrations.len();
        self.gauge("registrations", "Phones that are registered", phones)
    }

    fn signalling(&mut self, status: &Status) -> fmt::Result {
        let (ledger, sip, traffic) = (&status.ledger, &status.sip, &status.traffic);
        let each = [
            ("sip_messages_received", "Messages of anybody", traffic.received),
            ("sip_messages_sent", "Messages of ours", traffic.sent),
            ("sip_send_failures", "Messages that the system refused to send", traffic.send_failed),
            ("sip_messages_malformed", "Messages that could not be read", traffic.malformed),
            ("sip_keep_alives", "Keep-alives of phones", traffic.keep_alives),
            (
                "sip_messages_dropped",
                "Messages dropped because the engine was behind",
                status.inbox_dropped,
            ),
            ("sip_strangers", "Requests of strangers, met with silence", ledger.strangers),
            (
                "sip_registers_amplifying",
                "REGISTERs too short for the answer they wanted, met with silence",
                ledger.amplifying,
            ),
            (
                "sip_registers_throttled",
                "REGISTERs of who guessed passwords, met with silence",
                ledger.throttled,
            ),
            ("sip_retransmissions", "Messages that we sent again", sip.retransmissions),
            ("sip_absorbed", "Messages that came again", sip.absorbed),
            ("sip_refused_full", "Requests refused because a table was full", sip.refused_full),
        ];
        for (name, help, value) in each {
            self.counter(name, help, value)?;
        }
        self.gauge("sip_dialogs", "Dialogs that are open", sip.dialogs)?;
        let transactions = sip.client_transactions + sip.server_transactions;
        self.gauge("sip_transactions", "Transactions that are open", transactions)
    }

    fn connections(&mut self, status: &Status) -> fmt::Result {
        let connections = &status.traffic.connections;
        self.gauge("sip_connections", "TCP connections that are up", connections.open)?;
        let made = [("accepted", connections.accepted), ("opened", connections.opened)];
        self.counters("sip_connections_made", "TCP connections, by who began", "by", made)?;
        let failed = [
            ("unreached", connections.unreached),
            ("refused", connections.refused),
            ("displaced", connections.displaced),
            ("slow", connections.slow),
            ("broken", connections.broken),
            ("overflowed", connections.overflowed),
            ("idle", connections.idle),
        ];
        self.counters(
            "sip_connections_failed",
            "TCP connections refused or closed by us",
            "why",
            failed,
        )
    }

    fn voice(&mut self, status: &Status) -> fmt::Result {
        let relay = &status.relay;
        self.gauge("media_port_pairs_in_use", "Port pairs that calls hold", status.ports_in_use)?;
        self.gauge(
            "media_port_pairs_spare",
            "Port pairs for new calls, two each; below two callers hear busy",
            status.ports_spare,
        )?;
        self.gauge("media_port_pairs", "Port pairs that there are", status.ports)?;
        self.gauge("relay_legs", "Legs that the relay has", relay.legs)?;
        let each = [
            ("relay_packets_received", "RTP and RTCP packets of anybody", relay.packets_in),
            ("relay_packets_sent", "RTP and RTCP packets of ours", relay.packets_out),
            ("relay_bytes_received", "Octets of the packets received", relay.bytes_in),
            ("relay_bytes_sent", "Octets of the packets sent", relay.bytes_out),
            (
                "relay_packets_rejected",
                "Packets of strangers, or neither RTP nor RTCP",
                relay.rejected,
            ),
            ("relay_packets_stray", "Packets to a port that no call has", relay.stray),
            ("relay_send_failures", "Packets that the system refused to send", relay.send_failed),
        ];
        for (name, help, value) in each {
            self.counter(name, help, value)?;
        }
        Ok(())
    }

    fn process(&mut self, status: &Status) -> fmt::Result {
        let (records, reloads) = (&status.records, &status.reloads);
        self.counter("records_written", "Records of calls on the disk", records.written)?;
        self.counter(
            "records_lost",
            "Records that neither disk nor memory had room for",
            records.lost,
        )?;
        self.gauge("records_held", "Records in memory because the disk fails", records.held)?;
        self.gauge(
            "records_failing",
            "1: the last try to write failed",
            u8::from(records.is_failing),
        )?;
        let results = [("done", reloads.done), ("refused", reloads.refused)];
        self.counters(
            "reloads",
            "Readings of the configuration since the start",
            "result",
            results,
        )?;
        let refused = reloads.last_refused_ms > reloads.last_done_ms;
        self.gauge("reload_failing", "1: the last reading was refused", u8::from(refused))?;
        let last = reloads.last_done_ms.unwrap_or_default().unsigned_abs();
        self.seconds(
            "last_reload_timestamp",
            "When it was last read again, since 1970; 0: never",
            last,
        )?;
        self.gauge("draining", "1: new calls are refused", u8::from(status.draining))?;
        self.seconds("uptime", "Since the start", status.uptime_s.saturating_mul(1_000))?;
        let labels = [("version", status.version.as_str())];
        let mut info = self.0.encode_descriptor("build", "The program", None, MetricType::Info)?;
        info.encode_info(&labels)
    }

    fn timings(&mut self, status: &Status) -> fmt::Result {
        let timings = &status.timings;
        let each = [
            (
                "engine_message",
                "From reading a message to sending what it led to",
                &timings.message,
            ),
            ("engine_batch", "One turn of the engine", &timings.batch),
            (
                "call_setup",
                "From a caller's INVITE to his 200, of calls that are over",
                &timings.setup,
            ),
            (
                "call_first_offer",
                "From his INVITE until a first phone is rung",
                &timings.first_offer,
            ),
            ("call_handover", "From the offer that is answered to his 200", &timings.handover),
        ];
        for (name, help, timing) in each {
            self.histogram(name, help, timing)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
    }

    fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (word, value) in values {
            let labels: Label<'_> = [(label, word)];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl TryInto<u64>) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        metric.encode_gauge(&value.try_into().unwrap_or(u64::MAX))
    }

    fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'a str, usize)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (word, value) in values {
            let labels: Label<'_> = [(label, word)];
            metric
                .encode_family(&labels)?
                .encode_gauge(&u64::try_from(value).unwrap_or(u64::MAX))?;
        }
        Ok(())
    }

    fn seconds(&mut self, name: &str, help: &str, millis: u64) -> fmt::Result {
        let unit = Unit::Seconds;
        let mut metric = self.0.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
        metric.encode_gauge(&(millis as f64 / 1_000.0))
    }

    fn histogram(&mut self, name: &str, help: &str, timing: &TimingStatus) -> fmt::Result {
        let unit = Unit::Seconds;
        let mut metric =
            self.0.encode_descriptor(name, help, Some(&unit), MetricType::Histogram)?;
        let seconds = |micros: u64| micros as f64 / 1_000_000.0;
        let buckets: Vec<(f64, u64)> = timing
            .buckets
            .iter()
            .map(|(bound, count)| (bound.map_or(f64::MAX, seconds), *count))
            .collect();
        let sum = timing.sum_us as f64 / 1_000_000.0;
        metric.encode_histogram::<NoLabelSet>(sum, timing.count, &buckets, None)
    }
}
