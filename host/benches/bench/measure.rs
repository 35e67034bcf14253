//! How things are measured and shown: CPU time of one thread for work that stays on it, wall time for the rest,
//! tables of figures with their ratios to a baseline of the same run.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::Result;

/// CPU time that one slot is to take: long enough for the clock, short enough for slots to alternate.
const SLOT: Duration = Duration::from_millis(2);

/// Something to be timed against others of the same run.
pub struct Variant<'a> {
    name: &'static str,
    run: Box<dyn FnMut() -> Result<()> + 'a>,
}

impl<'a> Variant<'a> {
    /// What fails is no figure: an error ends the measurement.
    pub fn new<T>(name: &'static str, mut run: impl FnMut() -> Result<T> + 'a) -> Self {
        Self { name, run: Box::new(move || run().map(|made| drop(black_box(made)))) }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// Microseconds of this thread's CPU time that one run of each variant takes: the median of `slots` slots. The variants
/// take turns, so that whatever else the machine does befalls them alike.
pub fn alternate(variants: &mut [Variant<'_>], slots: usize) -> Result<Vec<(&'static str, f64)>> {
    let runs = variants.iter_mut().map(calibrated).collect::<Result<Vec<u32>>>()?;
    let mut times = vec![Vec::with_capacity(slots); variants.len()];
    for _ in 0..slots {
        for ((variant, runs), times) in variants.iter_mut().zip(&runs).zip(&mut times) {
            let begun = cpu_time();
            for _ in 0..*runs {
                (variant.run)()?;
            }
            times.push((cpu_time() - begun).as_secs_f64() * 1e6 / f64::from(*runs));
        }
    }
    Ok(variants.iter().zip(times).map(|(variant, mut times)| (variant.name, quantile(&mut times, 0.5))).collect())
}

/// Runs that fill a slot. Finding that out warms the variant up.
fn calibrated(variant: &mut Variant<'_>) -> Result<u32> {
    let (mut runs, begun) = (0, cpu_time());
    while cpu_time() - begun < SLOT * 2 {
        (variant.run)()?;
        runs += 1;
    }
    Ok((runs / 2).max(1))
}

fn cpu_time() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

/// One part of what is measured in this process, on threads of its own, so that its CPU time can be told from the others'.
pub struct Side {
    /// Of its threads; the system keeps fifteen bytes of it.
    name: &'static str,
    runtime: Runtime,
}

impl Side {
    pub fn new(name: &'static str) -> Result<Self> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        // A thread that has ended takes its CPU time with it.
        let runtime = runtime.enable_all().thread_name(name).thread_keep_alive(Duration::from_secs(3_600)).build()?;
        Ok(Self { name, runtime })
    }

    /// Runs this on the side's own threads.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        self.runtime.block_on(self.runtime.spawn(work))?
    }

    /// CPU time of its threads so far; an error where there is no `/proc`.
    pub fn cpu_time(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir("/proc/self/task")? {
            let thread = thread?.path();
            let read = |file: &str| std::fs::read_to_string(thread.join(file)).unwrap_or_default();
            if read("comm").trim_end() == self.name {
                nanoseconds += read("schedstat").split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0);
            }
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    let nanos = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
    Duration::from_nanos(nanos)
}

/// Wall time in milliseconds, and what came of it.
pub fn timed<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let result = run();
    (milliseconds(begun.elapsed()), result)
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The value that this share of the values is at most; NaN of none.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// All that is measured. A table is printed as soon as it is there.
#[derive(Default)]
pub struct Report {
    tables: Vec<Value>,
}

impl Report {
    pub fn add(&mut self, table: &Table) {
        table.print();
        self.tables.push(table.to_json());
    }

    pub fn to_json(&self) -> Value {
        json!({ "tables": self.tables })
    }
}

/// Rows of figures of one kind, with their ratios to the rows named as baselines.
pub struct Table {
    title: String,
    figures: &'static [&'static str],
    baselines: &'static [&'static str],
    /// Figures that have ratios, by position.
    compared: &'static [usize],
    rows: Vec<(String, Vec<f64>)>,
}

impl Table {
    pub fn new(title: impl Into<String>, figures: &'static [&'static str], baselines: &'static [&'static str]) -> Self {
        Self { title: title.into(), figures, baselines, compared: &[0], rows: Vec::new() }
    }

    /// Ratios of these figures instead of the first alone.
    pub fn compare(self, compared: &'static [usize]) -> Self {
        Self { compared, ..self }
    }

    pub fn row(&mut self, name: impl Into<String>, figures: impl Into<Vec<f64>>) {
        self.rows.push((name.into(), figures.into()));
    }

    /// A row's ratios by name: figure and baseline.
    fn ratios(&self, figures: &[f64]) -> Vec<(String, f64)> {
        let mut ratios = Vec::new();
        for baseline in self.baselines {
            let Some((_, of_baseline)) = self.rows.iter().find(|(row, _)| row == baseline) else { continue };
            let short = baseline.split(['(', ':']).next().unwrap_or_default().trim();
            for at in self.compared {
                let figure = |figures: &[f64]| figures.get(*at).copied().unwrap_or(f64::NAN);
                let ratio = figure(figures) / figure(of_baseline);
                ratios.push((format!("{} × {short}", self.figures[*at]), ratio));
            }
        }
        ratios
    }

    fn print(&self) {
        let mut head = vec![String::new()];
        head.extend(self.figures.iter().map(|figure| (*figure).to_owned()));
        head.extend(self.ratios(&[]).into_iter().map(|(name, _)| name));
        let rows = self.rows.iter().map(|(name, figures)| {
            let mut cells = vec![name.clone()];
            cells.extend(figures.iter().map(|figure| readable(*figure)));
            cells.extend(self.ratios(figures).iter().map(|(_, ratio)| readable(*ratio)));
            cells
        });
        let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        let widths: Vec<usize> = (0..lines[0].len())
            .map(|column| {
                lines.iter().filter_map(|line| line.get(column)).map(|c| c.chars().count()).max().unwrap_or(0)
            })
            .collect();
        println!("\n{}", self.title);
        for line in lines {
            let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
                0 => format!("  {cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }

    fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|(name, figures)| {
            let named = self.figures.iter().zip(figures).map(|(name, value)| ((*name).to_owned(), json!(value)));
            let ratios = self.ratios(figures).into_iter().map(|(name, ratio)| (name, json!(ratio)));
            json!({
                "name": name,
                "figures": named.collect::<Map<_, _>>(),
                "ratios": ratios.collect::<Map<_, _>>(),
            })
        });
        json!({ "title": self.title, "rows": rows.collect::<Vec<_>>() })
    }
}

/// Three digits that count, thousands apart.
fn readable(figure: f64) -> String {
    match figure.abs() {
        size if !size.is_finite() => "–".to_owned(),
        size if size < 10.0 => format!("{figure:.2}"),
        size if size < 100.0 => format!("{figure:.1}"),
        _ => {
            let digits = format!("{figure:.0}");
            let mut text = String::new();
            for (position, digit) in digits.chars().enumerate() {
                if position > 0 && (digits.len() - position).is_multiple_of(3) {
                    text.push(',');
                }
                text.push(digit);
            }
            text
        }
    }
}
