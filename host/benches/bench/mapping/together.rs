//! Pages that are mapped on several threads at once: whether a core more is a core more, and how long the slowest wait.

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use super::Path;
use crate::measure::{Table, quantile};
use crate::{Result, data};

/// Resources of each page.
const PAGE: usize = 100;
const TIME: Duration = Duration::from_millis(500);

impl Path<'_> {
    /// Wall time: figures of a machine that does something else besides mean little.
    pub(super) fn together(&self) -> Result<Table> {
        let page = data::search_set(self.subject.resource_type, PAGE)?;
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let title = format!("{}, pages of {PAGE} on threads of their own, wall time", self.subject.resource_type);
        let mut table = Table::new(title, &["resources/s", "µs a page", "p99", "p99.9"], &["1 thread"]);
        for threads in [1, cores] {
            let begun = Instant::now();
            let mut times = thread::scope(|scope| {
                let worker = || self.pages(page.as_bytes());
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
                let joined = workers.into_iter().map(|worker| worker.join().map_err(|_| "a thread panicked")?);
                Ok::<_, crate::Error>(joined.collect::<Result<Vec<_>>>()?.concat())
            })?;
            let each = (times.len() * PAGE) as f64 / begun.elapsed().as_secs_f64();
            let name = format!("{threads} thread{}", if threads == 1 { "" } else { "s" });
            table.row(name, [each, quantile(&mut times, 0.5), quantile(&mut times, 0.99), quantile(&mut times, 0.999)]);
        }
        Ok(table)
    }

    /// Microseconds of each page that went from page to JSON in the time.
    fn pages(&self, page: &[u8]) -> Result<Vec<f64>> {
        let (begun, mut times) = (Instant::now(), Vec::new());
        while begun.elapsed() < TIME {
            let own = Instant::now();
            self.whole(page)?;
            times.push(own.elapsed().as_secs_f64() * 1e6);
        }
        Ok(times)
    }
}
