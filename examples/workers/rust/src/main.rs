//! A worker in Rust: warms up in a phase, and beats every millisecond until its input ends.
//!
//! `cargo run --release -- grabber`; with `--conformance` it does what its standard input says (docs/conformance.md).

mod conformance;

use std::io::Read;
use std::process::ExitCode;
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use shm_liveness_worker::{Heartbeat, Options, Result};

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("--conformance") => {
            conformance::serve();
            Ok(())
        }
        Some(name) => work(name),
        None => {
            eprintln!("usage: shm-liveness-worker NAME | --conformance");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shm-liveness-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(name: &str) -> Result<()> {
    let mut options = Options::new(name, Duration::from_millis(250));
    options.cycle_limit = Some(Duration::from_millis(20));
    let mut heartbeat = Heartbeat::claim(&options)?;
    if let Some(last) = heartbeat.last_words() {
        println!("before: {} after {} beats", last.ended, last.beats);
    }

    heartbeat.begin_phase("warm up", Duration::from_secs(2))?;
    thread::sleep(Duration::from_millis(100));
    heartbeat.end_phase()?;

    // std knows no signals, so the end of the input is what stops this example.
    let (end, ended) = channel::<()>();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    heartbeat.beat();
    heartbeat.ready()?;
    while ended.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
        heartbeat.beat();
    }
    heartbeat.stop(); // without it the end would count as a death
    Ok(())
}
