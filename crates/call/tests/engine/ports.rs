//! Which port pairs a new call may get.

use std::time::Duration;

use sip::Method;

use crate::bench::{Bench, sdp};

/// Who hangs up earlier without a packet has not served her caller.
const SERVED: Duration = Duration::from_secs(6);

#[test]
fn a_pair_is_not_used_again_before_its_caller_has_heard_of_the_end() {
    let mut bench = Bench::with(&["101"]);
    let all = bench.engine.ports_spare();
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    let invite = bench.rung.clone().unwrap();
    // His ACK is lost, so that our BYE must wait for it: he may go on talking.
    bench.run_for(SERVED);
    bench.phone_within(&invite, "BYE", 2, "");
    assert_eq!(bench.engine.ports_in_use(), 0);
    assert_eq!(bench.engine.ports_spare(), all - 1);
    bench.within("a", &to, "ACK", 1, "");
    assert_eq!(bench.engine.ports_spare(), all - 1);
    let bye = bench.ours(&Method::Bye).unwrap();
    bench.answers(&bye, 200);
    assert_eq!(bench.engine.ports_spare(), all);
}

#[test]
fn a_caller_who_never_hears_of_the_end_keeps_his_pair_for_as_long_as_our_bye_lives() {
    let mut bench = Bench::with(&["101"]);
    let all = bench.engine.ports_spare();
    bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    let invite = bench.rung.clone().unwrap();
    bench.run_for(SERVED);
    bench.phone_within(&invite, "BYE", 2, "");
    assert_eq!(bench.engine.ports_spare(), all - 1);
    bench.run_for(Duration::from_secs(70));
    assert_eq!(bench.engine.ports_spare(), all);
}
