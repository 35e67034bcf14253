//! Turns at the database: who finds no place, or waits too long, is told to come back.

use std::time::{Duration, Instant};

use crate::model::error::{Code, Error, Result};
use crate::turns::{Refused, Turn, Turns};

/// How long anybody waits for a turn.
const WAIT: Duration = Duration::from_secs(5);

/// A turn of this name; whoever is cancelled while the database still works for him keeps it until it is done. `Busy` if
/// too many wait, or nothing became free in time.
pub(crate) async fn turn(turns: &Turns, of: &str, deadline: Option<Instant>) -> Result<Turn> {
    let wait = Instant::now() + WAIT;
    turns.turn(of, deadline.map_or(wait, |deadline| deadline.min(wait))).await.map_err(|refused| {
        busy().internal(match refused {
            Refused::Full => "the queue is full",
            Refused::Late => "no turn in time",
        })
    })
}

/// Too many want the database at once.
pub(crate) fn busy() -> Error {
    Error::new(Code::Busy, "the database is busy").hint("try again").retry_after(1)
}
