//! The differential run: requests made at random over awkward data are asked of the native route, in turns of the virtual
//! route over a service as it should be, over an odd one (with the other reading that FHIR allows of a number's precision)
//! and of a mix of routes, and of an evaluation written here that knows nothing of the host's. All must say the same.
//!
//! `cargo test` asks a few hundred; `TURNTABLE_DIFFERENTIAL=100000` that many (`just differential`), and
//! `TURNTABLE_DIFFERENTIAL_SEED` begins elsewhere. What differs is made smaller, as long as it still differs, and shown with
//! its seed, the request and the answers.

#![expect(clippy::print_stdout, reason = "what was asked, and how much of it was answered")]

mod cuts;
mod data;
mod groups;
mod naive;
mod pipeline;
mod query;
mod random;
mod rules;
mod schema;
mod value;
mod values;
mod world;

use std::sync::Arc;
use std::time::Instant;

use query::Maker;
use random::Random;
use world::{Refusals, World};

/// Requests where the environment names no number.
const REQUESTS: usize = 300;
/// Requests about the same data.
const OF_ONE_WORLD: usize = 4_000;
/// Differences after which the run ends.
const MOST: usize = 12;
/// Requests under way.
const AT_ONCE: usize = 4;
/// Of a hundred requests so many are answered at least, on each route; else the run proves nothing.
const ANSWERED: usize = 90;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: a number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_say_the_same() {
    let (requests, first) = (number("TURNTABLE_DIFFERENTIAL", REQUESTS), number("TURNTABLE_DIFFERENTIAL_SEED", 1));
    let mut run = Run::default();
    for (nth, seed) in (first..).enumerate() {
        let left = requests.saturating_sub(nth * OF_ONE_WORLD).min(OF_ONE_WORLD);
        if left == 0 || run.differences.len() >= MOST {
            break;
        }
        let small = requests <= REQUESTS;
        let (others, each) = if small { (4, 14) } else { (8, 24) };
        run.ask(seed, World::start(seed as u64, others, each).await, left).await;
    }
    run.judge();
}

/// The same of a FHIR server that nobody here wrote.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_says_the_same() {
    let (requests, seed) = (number("TURNTABLE_DIFFERENTIAL", REQUESTS), number("TURNTABLE_DIFFERENTIAL_SEED", 1));
    let Some(world) = World::real(seed as u64, 14).await else { return };
    let mut run = Run::default();
    run.ask(seed, world, requests.min(OF_ONE_WORLD)).await;
    run.judge();
}

/// The same of callers who see a part.
#[tokio::test(flavor = "multi_thread")]
async fn who_sees_a_part_is_told_of_that_part_alone() {
    let (requests, seed) = (number("TURNTABLE_DIFFERENTIAL", REQUESTS), number("TURNTABLE_DIFFERENTIAL_SEED", 1));
    let world = rules::world(seed as u64, 4, 12).await;
    let mut run = Run::default();
    run.ask(seed, world, requests.min(OF_ONE_WORLD)).await;
    run.judge();
}

/// What has been asked, and what came of it.
#[derive(Default)]
struct Run {
    asked: usize,
    differences: Vec<String>,
    refusals: Refusals,
}

impl Run {
    /// So many requests about a world, several at once.
    async fn ask(&mut self, seed: usize, world: World, requests: usize) {
        let (world, begun) = (Arc::new(world), Instant::now());
        println!("seed {seed}: {} tables; odd: {:?}", world.tables.len(), world.oddity);
        let workers = (0..AT_ONCE).map(|worker| {
            let world = world.clone();
            tokio::spawn(async move {
                let (mut found, mut refusals) = (Vec::new(), Refusals::default());
                for at in (worker..requests).step_by(AT_ONCE) {
                    let random = &mut Random::new(seed as u64 * 1_000_000 + at as u64);
                    if random.chance(5) {
                        found.extend(world.difference_of_row(random).await);
                        continue;
                    }
                    if random.chance(12) {
                        found.extend(world.difference_of_groups(random, at / AT_ONCE, &mut refusals).await);
                        continue;
                    }
                    let query = Maker { random, tables: &world.tables }.query();
                    refusals.note(&query.to_string());
                    if let Some(difference) = world.difference(&query, at / AT_ONCE, &mut refusals).await {
                        found.push(world.shrunk(query, difference).await);
                        if found.len() >= MOST {
                            break;
                        }
                    }
                }
                (found, refusals)
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            let (found, said) = worker.await.expect("a worker ends");
            self.differences.extend(found.into_iter().map(|difference| format!("seed {seed}: {difference}")));
            self.refusals.add(said);
        }
        self.asked += requests;
        println!("seed {seed}: {requests} requests, {:?}", begun.elapsed());
    }

    fn judge(mut self) {
        let (asked, refusals) = (self.asked, self.refusals);
        println!("{asked} requests; refused, by server and code: {:#?}", refusals.by_code);
        println!("not judged by the evaluation here: {}", refusals.not_judged);
        println!("with: {:?}", refusals.with);
        self.differences.sort_by_key(String::len);
        let differences = self.differences;
        assert!(differences.is_empty(), "{} differences:\n\n{}", differences.len(), differences.join("\n\n"));
        for (server, asked) in &refusals.asked {
            let of_server = refusals.by_code.iter().filter(|((refusing, _), _)| refusing == server);
            let refused: usize = of_server.map(|(_, count)| count).sum();
            assert!(refused * 100 <= asked * (100 - ANSWERED), "{server} refuses {refused} of {asked} requests");
        }
        assert!(refusals.not_judged * 100 <= asked * (100 - ANSWERED), "too many requests are not judged");
    }
}
