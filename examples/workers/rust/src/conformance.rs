use std::io::BufRead;
use std::time::Duration;

use shm_liveness_worker::{Error, Heartbeat, Options, Result};

pub fn serve() {
    let mut heartbeat = None;
    for line in std::io::stdin().lock().lines().map_while(|line| line.ok()) {
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match answer(&mut heartbeat, word, rest) {
            Ok(value) => println!("{}", format!("ok {value}").trim_end()),
            Err(error) => println!("error {} {error}", error.code),
        }
    }
}

fn duration(text: &str) -> Duration {
    Duration::from_nanos(text.parse().unwrap_or(0))
}

fn claim(rest: &str) -> Result<Heartbeat> {
    match rest.split(' ').collect::<Vec<_>>()[..] {
        [name, max_age, cycle_limit, capacity] => {
            let mut options = Options::new(name, duration(max_age));
            options.cycle_limit = (cycle_limit != "0").then(|| duration(cycle_limit));
            options.capacity = capacity.parse().unwrap_or(0);
            Heartbeat::claim(&options)
        }
        _ => Err(Error::new("INVALID_OPTION")),
    }
}

fn answer(slot: &mut Option<Heartbeat>, word: &str, rest: &str) -> Result<String> {
    let done = || Ok(String::new());
    match word {
        "features" => return Ok("comeback last-words".to_owned()),
        "claim" => {
            let claimed = claim(rest)?;
            *slot = Some(claimed);
            return done();
        }
        _ => {}
    }
    let heartbeat = slot.as_mut().ok_or_else(|| Error::new("STOPPED"))?;
    match word {
        "beat" if heartbeat.beat() => done(),
        "beat" => Err(Error::new("STOPPED")),
        "ready" => heartbeat.ready().and_then(|()| done()),
        "not-ready" => heartbeat.not_ready(rest).and_then(|()| done()),
        "phase" => {
            let (budget, name) = rest.split_once(' ').unwrap_or((rest, ""));
            heartbeat.begin_phase(name, duration(budget)).and_then(|()| done())
        }
        "end-phase" => heartbeat.end_phase().and_then(|()| done()),
        "stop" => {
            heartbeat.stop();
            done()
        }
        "last-words" => Ok(heartbeat.last_words().map_or("none".to_owned(), |words| {
            format!("{} {} {}", words.ended, words.beats, words.phase.unwrap_or_default())
        })),
        _ => Err(Error::new("INVALID_OPTION")),
    }
}
