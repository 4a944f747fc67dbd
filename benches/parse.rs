//! Reading a message off the wire, ours and rsip's in the same run.

use std::hint::black_box;

use benches::{Bar, CountingAllocator, Figures, allocations, median_ns, messages};
use criterion::{Criterion, Throughput};
use sip::Message;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const READ: &str = "read";
const RSIP: &str = "rsip";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    parse(&mut criterion);
    criterion.final_summary();

    let bytes = messages::invite();
    let mut figures = Figures::of("parse");
    let ((), ours) = allocations(|| drop(black_box(Message::read(black_box(&bytes).clone()))));
    figures.judge("INVITE", "allocations", ours.count as f64, "", Bar::AtMost(0.0));
    if let Some(median) = median_ns("parse", READ) {
        figures.judge("INVITE", "time", median / 1_000.0, "us", Bar::AtMost(0.8));
    }
    if let Some(median) = median_ns("parse", RSIP) {
        figures.tell("INVITE by rsip", "time", median / 1_000.0, "us");
    }
    figures.keep().expect("the file of figures can be written");
}

fn parse(criterion: &mut Criterion) {
    let bytes = messages::invite();
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function(READ, |bencher| {
        bencher.iter(|| Message::read(black_box(&bytes).clone()).is_ok());
    });
    group.bench_function("read, then what a transaction asks", |bencher| {
        bencher.iter(|| {
            let message = Message::read(black_box(&bytes).clone()).expect("a valid message");
            let via = message.top_via().expect("checked").branch().map(str::len);
            let tags = message.from().expect("checked").tag().map(str::len);
            let numbers = (message.cseq().is_ok(), message.call_id().map_or(0, str::len));
            black_box((via, tags, numbers));
        });
    });
    group.bench_function(RSIP, |bencher| {
        bencher.iter(|| rsip::SipMessage::try_from(black_box(&bytes[..])).is_ok());
    });
    group.finish();
}
