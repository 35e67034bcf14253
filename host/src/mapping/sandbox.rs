//! The engine that mappings run in, and one call of a guest inside its limits: memory, work, size of the answer,
//! number at once. Each call has an instance of its own that is thrown away after it, so no call can see another's
//! data, and a trap leaves nothing behind.

use std::{
    borrow::Cow,
    cell::Cell,
    path::Path,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolConcurrencyLimitError, PoolingAllocationConfig,
    ResourceLimiter, Store, StoreContextMut, Trap, UpdateDeadline, WasmFeatures,
    component::{Component, Instance, InstancePre, Linker, WasmStr},
};

use super::{cache::Cache, contract::turntable::mapping::host::Level, functions::Functions, inspect::FEATURES};
use crate::model::{
    error::{Code, Error, Result},
    limits::Limits,
};

/// How often the clock of the deadlines ticks.
const TICK: Duration = Duration::from_millis(1);
/// What a slot keeps of its memory from call to call, set back to what it was instead of given back to the system: it
/// covers the stack, the data and the first heap of a guest that is linked as `mapping build` links it.
const KEEP_RESIDENT: usize = 1 << 20;
/// Calls at once that nobody waits for, beside all others.
const CALLS_BEHIND: usize = 1;
/// Native stack of a guest's frames. Recursion that is deeper traps.
const STACK: usize = 512 << 10;
/// A guest's module, the two that `wit-component` puts around it, and room for other languages' tooling: Python is
/// linked of some twenty modules, JavaScript brings components of its own that have memories of their own.
const MODULES: u32 = 64;
const MEMORIES: u32 = 8;
const TABLES: u32 = 16;
const TABLE_ELEMENTS: usize = 20_000;
/// What of a guest's own words goes to the log with an error.
const TEXT: usize = 2_000;

/// Where mappings run. Cheap to clone; all clones share slots, limits and cache.
///
/// Calls are synchronous and hold their thread: for up to `limits.mapping_wait_ms` until there is a slot, then until they
/// have worked for `limits.mapping_ms`. That is the CPU time of their thread, so a busy machine makes a call slower and
/// does not fail it. [`until`] gives the calls of a job a last moment besides.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>, Keeps);

/// Whether code that is compiled goes to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Code,
    Nothing,
}

struct Inner {
    engine: Engine,
    linker: Linker<Call>,
    limits: Limits,
    slots: Slots,
    /// For calls that nobody waits for ([`behind`]): they take none from others.
    slots_behind: Slots,
    cache: Option<Cache>,
    /// What the last call took, in a sandbox that measures.
    meter: Option<Mutex<Taken>>,
    /// One compilation at a time, since it takes a core for as long as it lasts, and leaves functions that the next one
    /// finds.
    compiling: Mutex<()>,
}

/// What a call took. The same component and the same call take the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Steps of WebAssembly, about one for each instruction; those that set the instance up included.
    pub fuel: u64,
    /// Bytes of linear memory, all memories of the instance together.
    pub memory_bytes: usize,
}

impl Sandbox {
    /// With compiled code kept in this directory, which should be ours alone. Without one, or if it cannot be used,
    /// components are compiled at each start.
    pub fn new(limits: &Limits, cache: Option<&Path>) -> Result<Self> {
        Self::made(limits, cache, None)
    }

    /// One that measures its calls ([`Sandbox::taken`]), for an author's bench. Its code counts its own steps, which
    /// makes it slower, so it has an engine of its own and keeps no code.
    pub fn metered(limits: &Limits) -> Result<Self> {
        Self::made(limits, None, Some(Mutex::default()))
    }

    fn made(limits: &Limits, cache: Option<&Path>, meter: Option<Mutex<Taken>>) -> Result<Self> {
        let engine = engine(limits, meter.is_some())?;
        let linker = linker(&engine).map_err(|error| internal("the imports of mappings cannot be linked", &error))?;
        let cache = cache.and_then(|directory| {
            Cache::open(directory, limits.mapping_cache_files, limits.mapping_cache_bytes)
                .inspect_err(|error| {
                    tracing::warn!(target: "mapping", directory = %directory.display(), %error, "no cache of compiled mappings");
                })
                .ok()
        });
        tick(&engine)?;
        let (slots, slots_behind) = (Slots::new(limits.mapping_concurrency.max(1)), Slots::new(CALLS_BEHIND));
        let (limits, compiling) = (limits.clone(), Mutex::new(()));
        let inner = Inner { engine, linker, limits, slots, slots_behind, cache, meter, compiling };
        Ok(Self(Arc::new(inner), Keeps::Code))
    }

    /// The same, for what is tried once: what it compiles takes no place on the disk.
    #[must_use]
    pub fn passing(&self) -> Self {
        Self(Arc::clone(&self.0), Keeps::Nothing)
    }

    /// What the last call took. None where calls are not measured.
    pub fn taken(&self) -> Option<Taken> {
        self.0.meter.as_ref().map(|meter| *meter.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long it takes to compile an inspected component, and the bytes of code that come of it. It differs from
    /// machine to machine.
    pub fn compilation(&self, component: &[u8]) -> Result<(Duration, usize)> {
        let began = Instant::now();
        let compiled = self.compile(component, "")?;
        let took = began.elapsed();
        let code = compiled.serialize().map_err(|error| internal("the compiled code cannot be measured", &error))?;
        Ok((took, code.len()))
    }

    /// A guest's own words, for the log: they may say what is in a resource, and are shown only where its lines are.
    pub(super) fn quoted(&self, words: &str) -> String {
        match self.0.limits.mapping_log_lines {
            0 => format!("{} bytes of its own words, which are not shown (limits.mapping_log_lines)", words.len()),
            _ => cut(words),
        }
    }

    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The code of an inspected component: kept, or compiled of its bytes, which are asked for only then. That takes
    /// tenths of a second.
    pub(super) fn program<'c>(
        &self,
        digest: &str,
        component: impl FnOnce() -> Result<Cow<'c, [u8]>>,
    ) -> Result<InstancePre<Call>> {
        let name = self.cache_name(digest);
        let compiled = match self.kept_code(&name) {
            Some(compiled) => compiled,
            None => {
                let component = component()?;
                let _alone = self.0.compiling.lock().unwrap_or_else(PoisonError::into_inner);
                self.compile(&component, &name)?
            }
        };
        self.0.linker.instantiate_pre(&compiled).map_err(|error| {
            Error::new(Code::ComponentRefused, "the component does not link").internal(cut(&format!("{error:#}")))
        })
    }

    /// Kept code of this name. None if it is of another build of wasmtime, or whatever else it finds.
    fn kept_code(&self, name: &str) -> Option<Component> {
        let code = self.0.cache.as_ref()?.get(name)?;
        thaw(&self.0.engine, &code)
            .inspect_err(|error| {
                tracing::warn!(target: "mapping", %error, "compiled code in the cache does not fit");
            })
            .ok()
    }

    /// Compiles, and keeps the code under this name.
    fn compile(&self, component: &[u8], name: &str) -> Result<Component> {
        let compiled = Component::from_binary(&self.0.engine, component).map_err(|error| {
            Error::new(Code::ComponentRefused, "the component cannot be compiled within the limits")
                .hint("It may ask for more memory than `limits.mapping_memory_bytes` at its start.")
                .internal(cut(&format!("{error:#}")))
        })?;
        if let Some(cache) = self.0.cache.as_ref().filter(|_| self.1 == Keeps::Code) {
            let kept = compiled.serialize().map_err(std::io::Error::other);
            if let Err(error) = kept.and_then(|code| cache.put(name, &code)) {
                tracing::warn!(target: "mapping", %error, "compiled code is not kept");
            }
        }
        Ok(compiled)
    }

    /// Names what the code was made from and for what engine, so that none is ever taken for another.
    fn cache_name(&self, digest: &str) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut engine = DefaultHasher::new();
        self.0.engine.precompile_compatibility_hash().hash(&mut engine);
        format!("{}-{:016x}", digest.trim_start_matches("sha256:"), engine.finish())
    }

    /// One call in an instance of its own.
    pub(super) fn call<T>(
        &self,
        program: &InstancePre<Call>,
        speaker: &Arc<Speaker>,
        guest: impl FnOnce(&mut Store<Call>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<T, Stop> {
        let limits = &self.0.limits;
        let slots = if BEHIND.get() { &self.0.slots_behind } else { &self.0.slots };
        let Some(_slot) = slots.take(Duration::from_millis(limits.mapping_wait_ms)) else {
            return Err(Stop::new(Code::MappingBusy, "no free slot"));
        };
        let call = Call {
            memory_bytes: limits.mapping_memory_bytes,
            memory_taken: 0,
            memory_refused: false,
            overdue: false,
            speaker: Arc::clone(speaker),
            log_lines: limits.mapping_log_lines,
            log_bytes: limits.mapping_log_bytes,
        };
        let mut store = Store::new(&self.0.engine, call);
        store.limiter(|call| call);
        store.set_hostcall_fuel(limits.mapping_output_bytes);
        watch(&mut store, Duration::from_millis(limits.mapping_ms.max(1)));
        if self.0.meter.is_some() {
            store.set_fuel(u64::MAX).map_err(|error| stop(&error, store.data()))?;
        }
        let answer = program.instantiate(&mut store).and_then(|instance| guest(&mut store, &instance));
        if let Some(meter) = &self.0.meter {
            let fuel = store.get_fuel().map_or(0, |left| u64::MAX - left);
            let taken = Taken { fuel, memory_bytes: store.data().memory_taken };
            *meter.lock().unwrap_or_else(PoisonError::into_inner) = taken;
        }
        answer.map_err(|error| stop(&error, store.data()))
    }
}

/// Why a call came to no answer. The text is the guest's or the engine's and goes to the log only.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) code: Code,
    pub(super) text: String,
    /// It was stopped by the last moment of its job ([`until`]), not by a limit of its own.
    pub(super) overdue: bool,
}

impl Stop {
    pub(super) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), overdue: false }
    }
}

thread_local! {
    /// The last moment of the job that this thread does.
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Nobody waits for what this thread does.
    static BEHIND: Cell<bool> = const { Cell::new(false) };
}

/// Does a job whose calls of mappings have a slot of their own, since nobody waits for what they give: for a thread that
/// does nothing else.
pub(crate) fn behind<T>(job: impl FnOnce() -> T) -> T {
    BEHIND.set(true);
    job()
}

/// Does a job whose calls of mappings are stopped at `deadline`, however little they have worked: nobody waits for their
/// answer any more. The moment belongs to the thread, since a job calls mappings from many places and on this one only.
pub(crate) fn until<T>(deadline: Instant, job: impl FnOnce() -> T) -> T {
    struct Before(Option<Instant>);
    impl Drop for Before {
        fn drop(&mut self) {
            UNTIL.set(self.0);
        }
    }
    let _before = Before(UNTIL.replace(Some(deadline)));
    job()
}

/// Stops the call when it has worked for so long, or when its job's last moment has come. The engine's clock only says
/// when to look: a call cannot have worked for longer than time has passed.
fn watch(store: &mut Store<Call>, most: Duration) {
    // One more than asked for, since the tick under way is nearly over; and never 0, which would trap at once.
    let ticks = |left: Duration| u64::try_from(left.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    let until = UNTIL.get();
    let time_left = move || until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
    let begun = cpu_time();
    store.set_epoch_deadline(ticks(most.min(time_left())));
    store.epoch_deadline_callback(move |mut store| {
        let work_left = most.saturating_sub(cpu_time().saturating_sub(begun));
        let time_left = time_left();
        if work_left.is_zero() || time_left.is_zero() {
            store.data_mut().overdue = !work_left.is_zero();
            return Err(Trap::Interrupt.into());
        }
        Ok(UpdateDeadline::Continue(ticks(work_left.min(time_left))))
    });
}

/// What this thread has worked since it began.
#[cfg(unix)]
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Where no such clock can be had, time stands for work.
#[cfg(not(unix))]
pub(crate) fn cpu_time() -> Duration {
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

fn stop(error: &wasmtime::Error, call: &Call) -> Stop {
    // The engine's type for this is private to it. `huge_answers_are_cut_off` in tests/mapping.rs notices if the text changes.
    const TOO_LARGE: &str = "fuel allocated for hostcalls has been exhausted";
    let text = cut(&format!("{error:?}"));
    let code = match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Code::MappingTimeout,
        // A guest that is refused memory nearly always gives up by a trap.
        Some(_) if call.memory_refused => Code::MappingMemory,
        Some(_) => Code::MappingFault,
        None if error.is::<PoolConcurrencyLimitError>() => Code::MappingBusy,
        None if text.contains(TOO_LARGE) => Code::MappingOutputTooLarge,
        // More at its start than a call may have.
        None if call.memory_refused => Code::MappingMemory,
        None => Code::MappingIllFormed,
    };
    Stop { code, text, overdue: call.overdue }
}

/// Foreign text made fit for a log: short, on one line, nothing that a terminal would obey.
pub(super) fn cut(text: &str) -> String {
    clean(text, TEXT)
}

pub(super) fn clean(text: &str, bytes: usize) -> String {
    let end = text.floor_char_boundary(bytes);
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What one call has and may.
pub(super) struct Call {
    memory_bytes: usize,
    memory_taken: usize,
    memory_refused: bool,
    /// Stopped because the time of its job was over.
    overdue: bool,
    speaker: Arc<Speaker>,
    log_lines: u32,
    log_bytes: usize,
}

impl ResourceLimiter for Call {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= self.memory_bytes && maximum.is_none_or(|maximum| desired <= maximum);
        self.memory_refused |= !allowed;
        if allowed {
            self.memory_taken += desired.saturating_sub(current);
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS && maximum.is_none_or(|maximum| desired <= maximum))
    }
}

/// Who speaks in the log, and how much it has spoken in this second.
pub(super) struct Speaker {
    name: String,
    second: Mutex<(Instant, u32)>,
    pub(super) lines_dropped: AtomicU64,
}

impl Speaker {
    pub(super) fn new(name: String) -> Arc<Self> {
        Arc::new(Self { name, second: Mutex::new((Instant::now(), 0)), lines_dropped: AtomicU64::new(0) })
    }

    fn may_speak(&self, lines: u32) -> bool {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.0.elapsed() >= Duration::from_secs(1) {
            *second = (Instant::now(), 0);
        }
        second.1 = second.1.saturating_add(1);
        second.1 <= lines
    }
}

/// All that a mapping may ask for: a line in the log, and settings, of which there are none yet.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<Call>> {
    let mut linker = Linker::new(engine);
    linker.instance("turntable:mapping/types@0.2.0")?;
    let mut host = linker.instance("turntable:mapping/host@0.2.0")?;
    host.func_wrap("log", log)?;
    host.func_wrap("setting", |_: StoreContextMut<'_, Call>, (_,): (WasmStr,)| Ok((None::<String>,)))?;
    Ok(linker)
}

fn log(store: StoreContextMut<'_, Call>, (level, message): (Level, WasmStr)) -> wasmtime::Result<()> {
    if matches!(level, Level::Debug | Level::Info) {
        return Ok(());
    }
    let call = store.data();
    if !call.speaker.may_speak(call.log_lines) {
        call.speaker.lines_dropped.fetch_add(1, Relaxed);
        return Ok(());
    }
    let text = clean(&message.to_str(&store)?, call.log_bytes);
    match level {
        Level::Error => tracing::error!(target: "mapping", mapping = call.speaker.name, "{text}"),
        _ => tracing::warn!(target: "mapping", mapping = call.speaker.name, "{text}"),
    }
    Ok(())
}

/// Turns kept bytes into machine code.
#[expect(
    unsafe_code,
    reason = "the only way to load compiled code; `Cache::get` let through only what this program wrote"
)]
fn thaw(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be what `Component::serialize` gave. Their MAC covers all of them and their name, its
    // key is readable to this user alone, and wasmtime itself checks its version and the engine's settings.
    unsafe { Component::deserialize(engine, code) }
}

fn engine(limits: &Limits, metered: bool) -> Result<Engine> {
    let mut failed = None;
    for (way, mut config) in ways(limits) {
        config.consume_fuel(metered);
        match Engine::new(&config) {
            Ok(engine) => {
                if failed.is_some() {
                    tracing::warn!(target: "mapping", way, "few addresses for the memories of mappings; they run slower");
                }
                return Ok(engine);
            }
            Err(error) => failed = Some(error),
        }
    }
    let error = failed.expect("each way either returned or failed");
    Err(internal("no engine for mappings can be made here", &error))
}

/// Ways to hold memories, the fastest first. It reserves 4 GiB of addresses for each slot, which a container, or a
/// machine with few address bits, may not have.
fn ways(limits: &Limits) -> [(&'static str, Config); 3] {
    let mut pool = config();
    pool.allocation_strategy(InstanceAllocationStrategy::Pooling(slots(limits)));
    let mut tight = pool.clone();
    tight.memory_reservation(memory_bytes(limits) as u64).memory_guard_size(64 << 10);
    let mut on_demand = config();
    on_demand.memory_reservation(0).memory_guard_size(64 << 10).memory_may_move(true);
    [("pool", pool), ("pool without reserve", tight), ("on demand", on_demand)]
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .enable_incremental_compilation(Arc::new(Functions::default()))
        .expect("in memory, nothing can fail")
        .concurrency_support(false)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(STACK)
        .wasm_features(WasmFeatures::all().difference(FEATURES), false)
        // Between the components of a component wasmtime puts glue of its own, which sees both memories.
        .wasm_features(FEATURES.union(WasmFeatures::MULTI_MEMORY), true);
    config
}

fn slots(limits: &Limits) -> PoolingAllocationConfig {
    let slots = limits.mapping_concurrency.max(1).saturating_add(CALLS_BEHIND);
    let slots = u32::try_from(slots).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(MODULES))
        .total_memories(slots.saturating_mul(MEMORIES))
        .total_tables(slots.saturating_mul(TABLES))
        .max_core_instances_per_component(MODULES)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(1)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(memory_bytes(limits))
        .max_unused_warm_slots(slots)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        // A page: a guest has few functions that are called by reference.
        .table_keep_resident(4 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// In whole pages of WebAssembly.
fn memory_bytes(limits: &Limits) -> usize {
    limits.mapping_memory_bytes.next_multiple_of(64 << 10).clamp(64 << 10, 4 << 30)
}

/// Moves the deadlines' clock until the engine is gone.
fn tick(engine: &Engine) -> Result<()> {
    let engine = engine.weak();
    let clock = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("mapping-clock".into()).spawn(clock).map(drop).map_err(|error| {
        Error::new(Code::Internal, "the clock for mappings cannot be started").internal(error.to_string())
    })
}

fn internal(message: &str, error: &wasmtime::Error) -> Error {
    Error::new(Code::Internal, message).internal(cut(&format!("{error:#}")))
}

/// Places for calls at once.
struct Slots {
    places: Mutex<Places>,
    freed: Condvar,
}

struct Places {
    free: usize,
    /// Calls that wait for one: to wake nobody costs a system call too.
    waiting: usize,
}

struct Slot<'a>(&'a Slots);

impl Slots {
    fn new(free: usize) -> Self {
        Self { places: Mutex::new(Places { free, waiting: 0 }), freed: Condvar::new() }
    }

    /// None if none became free in this time.
    fn take(&self, wait: Duration) -> Option<Slot<'_>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.free == 0 {
            places.waiting += 1;
            let (after, _) = self
                .freed
                .wait_timeout_while(places, wait, |places| places.free == 0)
                .unwrap_or_else(PoisonError::into_inner);
            places = after;
            places.waiting -= 1;
        }
        places.free = places.free.checked_sub(1)?;
        Some(Slot(self))
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.free += 1;
        if places.waiting > 0 {
            self.0.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_makes_an_engine() {
        for (way, config) in ways(&Limits { mapping_concurrency: 2, ..Limits::default() }) {
            assert!(Engine::new(&config).is_ok(), "{way}");
        }
    }

    #[test]
    fn kept_code_of_another_engine_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let limits = Limits { mapping_concurrency: 1, ..Limits::default() };
        let sandbox = Sandbox::new(&limits, Some(directory.path())).unwrap();
        let (cache, name) = (sandbox.0.cache.as_ref().unwrap(), sandbox.cache_name("sha256:00"));
        // Its MAC is good, so it gets as far as wasmtime, which knows its own.
        cache.put(&name, b"\x7fELF of an older wasmtime").unwrap();
        let empty = b"\0asm\x0d\0\x01\0".as_slice();
        assert!(sandbox.program("sha256:00", || Ok(empty.into())).is_ok());
        assert!(cache.get(&name).is_some_and(|code| code.len() > 100), "and is written over the old");
    }

    #[test]
    fn slots_are_bounded_and_come_back() {
        let slots = Slots::new(2);
        let wait = Duration::from_millis(5);
        let (a, b) = (slots.take(wait), slots.take(wait));
        assert!(a.is_some() && b.is_some());
        assert!(slots.take(wait).is_none());
        drop(a);
        assert!(slots.take(wait).is_some());
    }

    #[test]
    fn a_waiting_call_gets_the_next_slot() {
        let slots = Slots::new(1);
        let taken = slots.take(Duration::ZERO);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| slots.take(Duration::from_secs(10)).is_some());
            thread::sleep(Duration::from_millis(5));
            drop(taken);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn foreign_text_is_tamed() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text, 8), expected);
        check("short", "short");
        check("a\n\u{1b}[31m", "a  [31m");
        check("1234567é", "1234567");
        check("123456é89", "123456é");
    }

    #[test]
    fn a_speaker_is_cut_short() {
        let speaker = Speaker::new("m".into());
        assert!((0..3).all(|_| speaker.may_speak(3)));
        assert!(!speaker.may_speak(3));
    }
}
