//! Reading a message off the wire, ours and rsip's in the same run.

use std::hint::black_box;
use std::time::Duration;

use benches::{Bar, CountingAllocator, Figures, allocations, median_ns, messages};
use bytes::Bytes;
use criterion::{Criterion, Throughput};
use sip::Message;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// An INVITE of 1.3 kB is read within this, in microseconds.
const INVITE_MAX_US: f64 = 0.8;

fn main() -> std::io::Result<()> {
    let messages = [("INVITE", messages::invite()), ("200", messages::ok())];
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for (name, bytes) in &messages {
        read(&mut criterion, name, bytes);
    }
    criterion.final_summary();

    let mut figures = Figures::of("parse");
    for (name, bytes) in &messages {
        let of_rsip = format!("{name} by rsip");
        let is_judged = *name == "INVITE";
        let ((), ours) = allocations(|| drop(black_box(Message::read(black_box(bytes).clone()))));
        figures.judge(name, "allocations", ours.count as f64, "", Bar::AtMost(0.0));
        let ((), theirs) =
            allocations(|| drop(black_box(rsip::SipMessage::try_from(black_box(&bytes[..])))));
        figures.tell(&of_rsip, "allocations", theirs.count as f64, "");
        match median_ns(name, "read") {
            Some(nanos) if is_judged => {
                figures.judge(name, "time", nanos / 1e3, "us", Bar::AtMost(INVITE_MAX_US));
            }
            Some(nanos) => figures.tell(name, "time", nanos / 1e3, "us"),
            None => {}
        }
        if let Some(nanos) = median_ns(name, "rsip") {
            figures.tell(&of_rsip, "time", nanos / 1e3, "us");
        }
    }
    figures.keep()
}

fn read(criterion: &mut Criterion, name: &str, bytes: &Bytes) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("read", |bencher| {
        bencher.iter(|| Message::read(black_box(bytes).clone()).is_ok());
    });
    group.bench_function("read, then what a transaction asks", |bencher| {
        bencher.iter(|| {
            let message = Message::read(black_box(bytes).clone()).expect("a valid message");
            let via = message.top_via().expect("checked").branch().map(str::len);
            let tags = (message.from_tag().map(str::len), message.to_tag().map(str::len));
            let numbers = (message.cseq().is_ok(), message.call_id().map_or(0, str::len));
            black_box((via, tags, numbers));
        });
    });
    group.bench_function("rsip", |bencher| {
        bencher.iter(|| rsip::SipMessage::try_from(black_box(&bytes[..])).is_ok());
    });
    group.finish();
}
