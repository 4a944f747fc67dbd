fn main() {
    let o = sim::run(std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1), sim::Options{trace:true, restore:true});
    for l in &o.trace { println!("{l}"); }
    println!("{}", o.tally);
    println!("{:?} steps {} lasted {:?} digest {:x}", o.failure, o.steps, o.lasted, o.digest);
}
