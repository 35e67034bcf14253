//! Turns at the database: who finds no place, or waits too long, is told to come back.

use std::time::{Duration, Instant};

use crate::model::error::{Code, Error, Result};
use crate::turns::{Refused, Turn, Turns, Wait};

/// How long anybody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// A turn of this name; whoever is cancelled while the database still works for him keeps it until it is done. `Busy` if
/// too many wait, or nothing became free in time.
pub(crate) async fn turn(turns: &Turns, of: &str, wait: Option<Wait>) -> Result<Turn> {
    let patience = Instant::now() + PATIENCE;
    let wait = wait.map_or(patience.into(), |wait| Wait { until: wait.until.min(patience), ..wait });
    turns.turn(of, wait).await.map_err(|refused| {
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
