//! Components that loop, grow, trap and lie, and bytes that are no component: each is refused or contained under the
//! name of its error, and honest calls are answered meanwhile. The component is `tests/hostile`.

#![expect(clippy::unwrap_used, reason = "a test's own helpers")]

use std::{
    fs,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use turntable::{
    cli::mapping::{
        build,
        inspect::{as_json, as_text},
    },
    mapping::{
        component::{Documents, FhirRequest, Mapping, WriteChange, WriteOperation},
        inspect::inspect,
        sandbox::Sandbox,
        shipped::SHIPPED,
    },
    model::{
        error::{Code, Error},
        limits::Limits,
        table::Route,
    },
    router::{
        map::{self, Mapped, Resource},
        release::gate::{self, Report},
        snapshot::ServedTable,
        work::Work,
    },
};

/// The hostile component, built once; cargo keeps it from run to run.
fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hostile");
        let file = build::build(&directory, None).unwrap_or_else(|e| panic!("{e} {:?}", e.get_details()));
        fs::read(file).unwrap()
    })
}

/// Small limits, so that running into them takes no time.
fn limits() -> Limits {
    Limits {
        mapping_ms: 100,
        mapping_memory_bytes: 16 << 20,
        mapping_output_bytes: 1 << 20,
        mapping_input_bytes: 1 << 20,
        mapping_concurrency: 4,
        ..Limits::default()
    }
}

/// The mapping that most tests call; compiled once.
fn hostile() -> &'static Mapping {
    static MAPPING: OnceLock<Mapping> = OnceLock::new();
    MAPPING.get_or_init(|| load(component()).unwrap())
}

fn load(bytes: &[u8]) -> Result<Mapping, Error> {
    Sandbox::new(&limits(), None).unwrap().load(bytes)
}

/// The component with some of its bytes overwritten, wherever they stand, by as many others.
fn with(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = component().to_vec();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from} is not in the component");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

fn describing(how: &str) -> Result<Mapping, Error> {
    load(&with("DESCRIBE:honest                 ", &format!("DESCRIBE:{how:<23}")))
}

fn documents() -> Documents {
    [&b"{\"one\":1}"[..], b"{\"two\":\"\xc3\xa9\"}"].into_iter().collect()
}

fn assert_good(mapping: &Mapping) {
    let batch = mapping.rows("good", &documents(), &[0, 1]).unwrap();
    assert_eq!(batch.origin, [0, 1]);
    assert_eq!(batch.rows.row(1).collect::<Vec<_>>(), [Some("1"), Some("{\"two\":\"é\"}")]);
}

#[test]
fn a_sound_component_is_described_and_answers() {
    let mapping = hostile();
    assert_eq!((mapping.name.as_str(), mapping.version.as_str()), ("hostile", "0.1.0"));
    assert!(mapping.digest.starts_with("sha256:") && mapping.digest.len() == 71);
    assert_eq!(mapping.table("good").map(|t| (t.entity_set.as_str(), t.mapped())), Some(("good_set", 2)));
    assert_good(mapping);
    let batch = mapping.rows("good", &documents(), &[1]).unwrap();
    assert_eq!(batch.rows.cell(0, 1), Some("{\"one\":1}"));
    assert!(mapping.rows("good", &Documents::new(), &[0]).unwrap().rows.is_empty());
}

#[test]
fn samples_travel_in_the_component() {
    let inspection = inspect(component(), &limits()).unwrap();
    assert_eq!(inspection.samples.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["basic"]);
    assert_eq!(hostile().samples[0].rows.as_ref().map(|rows| rows.get()), Some("[]"));
    let text = as_text(&inspection, Some(hostile()));
    for line in [
        "mapping   hostile 0.1.0",
        "writes    yes",
        "table     good (good_set), 2 columns, from Basic",
        "sample    basic rows",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert_eq!(as_json(&inspection, None)["samples"][0], "basic");
    assert_eq!(as_json(&inspection, Some(hostile()))["tables"][0]["name"], "good");
}

#[test]
fn a_core_module_is_made_a_component() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hostile");
    let component = build::build(&directory, None).unwrap();
    let module = fs::read(component.with_extension("").with_extension("wasm")).unwrap();
    let inspection = inspect(&module, &limits()).unwrap();
    assert!(inspection.wrapped && inspection.samples.is_empty());
    assert_good(&load(&inspection.component).unwrap());
}

#[test]
fn misbehaviour_has_a_name_and_harms_nobody() {
    let check = |table: &str, expected: Code| {
        let began = Instant::now();
        let error = hostile().rows(table, &documents(), &[0, 1]).expect_err(table);
        assert_eq!(error.code(), expected, "{table}: {error} {:?}", error.get_internal());
        assert!(began.elapsed() < Duration::from_secs(5), "{table} took {:?}", began.elapsed());
        for part in ["hostile 0.1.0 (sha256:", &format!("of table {table}")] {
            assert!(error.message().contains(part), "{error}");
        }
        assert!(error.get_hint().is_some() && error.get_internal().is_some());
        assert_good(hostile());
    };
    check("loops", Code::MappingTimeout);
    check("grows", Code::MappingMemory);
    check("recurses", Code::MappingFault);
    check("traps", Code::MappingFault);
    check("panics", Code::MappingFault);
    check("fails", Code::MappingFault);
    check("huge", Code::MappingMemory);
    check("ends_backwards", Code::MappingIllFormed);
    check("ends_beyond", Code::MappingIllFormed);
    check("ends_in_character", Code::MappingIllFormed);
    check("half_row", Code::MappingIllFormed);
    check("cell_beyond", Code::MappingIllFormed);
    check("origin_beyond", Code::MappingIllFormed);
    check("origin_backwards", Code::MappingIllFormed);
    check("origin_short", Code::MappingIllFormed);
    check("issue_beyond", Code::MappingIllFormed);
    check("not_utf8", Code::MappingIllFormed);
    check("wild_pointer", Code::MappingIllFormed);
    check("no_key", Code::MappingIllFormed);
    check("silent", Code::MappingIllFormed);
    let counters = hostile().counters();
    assert!(counters.calls.load(Relaxed) > 30 && counters.timeouts.load(Relaxed) >= 1);
}

#[test]
fn several_tables_are_one_call() {
    let mapping = load(component()).unwrap();
    let batches = mapping.rows_of(&[("good", &[0, 1]), ("floods", &[1]), ("good", &[0])], &documents()).unwrap();
    assert_eq!(mapping.counters().calls.load(Relaxed), 1);
    let rows: Vec<Vec<_>> = batches.iter().map(|batch| batch.rows.row(1).collect()).collect();
    let text = Some("{\"two\":\"é\"}");
    assert_eq!(rows, [vec![Some("1"), text], vec![text], vec![Some("1")]]);
    assert!(mapping.rows_of(&[], &documents()).unwrap().is_empty());

    // One that lies spoils the call, under its own name.
    let check = |tables: &[(&str, &[usize])], expected: Code, part: &str| {
        let error = mapping.rows_of(tables, &documents()).unwrap_err();
        assert!(error.code() == expected && error.message().contains(part), "{error}");
    };
    check(&[("good", &[0]), ("half_row", &[0, 1])], Code::MappingIllFormed, "of table half_row gave");
    check(&[("good", &[0]), ("traps", &[0]), ("good", &[0])], Code::MappingFault, "of table good and 2 others failed");
    check(&[("good", &[0]), ("keeps_a_batch", &[0])], Code::MappingIllFormed, "of table good and another gave");
    assert_eq!(mapping.counters().calls.load(Relaxed), 4);
    assert_good(&mapping);
}

/// A page of the hostile mapping's tables, by way of the router.
fn page(mapping: &Arc<Mapping>, tables: &[&str], bodies: &[&[u8]]) -> Result<Vec<Mapped>, Error> {
    let served: Vec<_> = tables.iter().map(|table| served(mapping, table)).collect();
    let asked: Vec<_> = served.iter().map(|served| (served, &[0, 1][..])).collect();
    let resources: Vec<_> = bodies.iter().map(|body| Resource { resource_type: "Basic", body }).collect();
    map::rows_of_tables(&asked, &resources, "")
}

fn served(mapping: &Arc<Mapping>, table: &str) -> ServedTable {
    let table = mapping.table(table).unwrap().clone();
    ServedTable::new(table, mapping.clone(), Route::Native)
}

#[test]
fn a_page_is_split_where_it_does_not_fit() {
    let limits = Limits { mapping_documents: 3, mapping_input_bytes: 30, ..limits() };
    let mapping = Arc::new(Sandbox::new(&limits, None).unwrap().load(component()).unwrap());
    // Twelve bytes each, so two to a call; and small ones, three to a call.
    let large: Vec<String> = (0..5).map(|at| format!("{{\"large\": {at}}}")).collect();
    let small: Vec<String> = (0..7).map(|at| format!("{{{at}}}")).collect();
    for (bodies, calls) in [(&large, 3), (&small, 3)] {
        let before = mapping.counters().calls.load(Relaxed);
        let bodies: Vec<&[u8]> = bodies.iter().map(|body| body.as_bytes()).collect();
        let mapped = page(&mapping, &["good"], &bodies).unwrap().remove(0);
        assert_eq!(mapping.counters().calls.load(Relaxed) - before, calls);
        assert_eq!(mapped.origin, (0..bodies.len()).collect::<Vec<_>>());
        let texts: Vec<_> = (0..mapped.rows.len()).map(|row| mapped.rows.cell(row, 1).unwrap().as_bytes()).collect();
        assert_eq!(texts, bodies);
    }
    let error = page(&mapping, &["good"], &[b"{}", &[b' '; 31], b"{}"]).err().unwrap();
    assert_eq!(error.code(), Code::MappingInputTooLarge, "one alone that is too large");
    assert_eq!(page(&mapping, &["good"], &[]).unwrap()[0].rows.len(), 0);
}

#[test]
fn what_is_too_much_at_once_is_done_one_by_one() {
    let mapping = Arc::new(load(component()).unwrap());
    let bodies: [&[u8]; 5] = [b"{0}", b"{1}", b"{2}", b"{3}", b"{4}"];
    for table in ["crowds_time", "crowds_memory", "crowds_answer"] {
        let mapped = page(&mapping, &[table], &bodies).unwrap().remove(0);
        assert_eq!(mapped.origin, [0, 1, 2, 3, 4], "{table}");
        let texts: Vec<_> = (0..5).map(|row| mapped.rows.cell(row, 1).unwrap().as_bytes()).collect();
        assert!(table == "crowds_answer" || texts == bodies, "{table}");
    }
    // Five and two are too many; and three tables are, and two.
    let before = mapping.counters().calls.load(Relaxed);
    let all = page(&mapping, &["good", "alone", "leak"], &[b"{0}"]).unwrap();
    assert_eq!(all.iter().map(|mapped| mapped.rows.len()).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(mapping.counters().calls.load(Relaxed) - before, 5);

    // What is too much by itself is refused by its own name, after as few tries as there are halves.
    let before = mapping.counters().calls.load(Relaxed);
    assert_eq!(page(&mapping, &["loops"], &bodies).err().unwrap().code(), Code::MappingTimeout);
    assert_eq!(mapping.counters().calls.load(Relaxed) - before, 3);
    // A fault is no matter of size.
    assert_eq!(page(&mapping, &["traps"], &bodies).err().unwrap().code(), Code::MappingFault);
    assert_eq!(mapping.counters().calls.load(Relaxed) - before, 4);
}

#[test]
fn huge_answers_are_cut_off() {
    let limits = Limits { mapping_ms: 5_000, mapping_memory_bytes: 256 << 20, ..limits() };
    let mapping = Sandbox::new(&limits, None).unwrap().load(component()).unwrap();
    for table in ["huge", "huge_list"] {
        let error = mapping.rows(table, &documents(), &[0, 1]).unwrap_err();
        assert_eq!(error.code(), Code::MappingOutputTooLarge, "{error} {:?}", error.get_internal());
    }
}

#[test]
fn too_much_to_give_is_not_given() {
    let large: Documents = [&vec![b' '; 2 << 20][..]].into_iter().collect();
    let many: Documents = std::iter::repeat_n(&b"{}"[..], 1_001).collect();
    for documents in [large, many] {
        let error = hostile().rows("good", &documents, &[0]).unwrap_err();
        assert_eq!(error.code(), Code::MappingInputTooLarge, "{error}");
    }
}

#[test]
fn refused_memory_need_not_be_the_end() {
    let batch = hostile().rows("grows_politely", &documents(), &[0, 1]).unwrap();
    assert_eq!(batch.rows.len(), 2);
}

#[test]
fn no_call_sees_another() {
    for _ in 0..10 {
        let batch = hostile().rows("leak", &documents(), &[0, 1]).unwrap();
        assert_eq!(batch.rows.cell(0, 1), Some("0"), "an earlier call has been seen");
    }
}

#[test]
fn memory_is_clean_however_much_of_it_was_written() {
    // One slot, so that each call has the memory of the one before. Many words to look at, in an unoptimised host too.
    let limits = Limits { mapping_concurrency: 1, mapping_ms: 10_000, ..limits() };
    let mapping = Sandbox::new(&limits, None).unwrap().load(component()).unwrap();
    for _ in 0..10 {
        let batch = mapping.rows("scribbles", &documents(), &[0, 1]).unwrap();
        assert_eq!(batch.rows.cell(0, 1), Some("0"), "words of an earlier call");
        assert_good(&mapping);
    }
}

#[test]
fn patient_data_stays_out_of_errors() {
    let secret: Documents = [&b"{\"family\":\"Chalmers\"}"[..]].into_iter().collect();
    for table in ["panics", "traps", "not_utf8", "fails"] {
        let error = hostile().rows(table, &secret, &[0, 1]).unwrap_err();
        assert!(!format!("{error:?}").contains("Chalmers"), "{error:?}");
        assert!(!error.message().contains("feel like"), "a guest's words");
    }
}

#[test]
fn a_flood_of_log_lines_is_dropped() {
    let mapping = load(component()).unwrap();
    let batch = mapping.rows("floods", &documents(), &[0, 1]).unwrap();
    assert_eq!(batch.rows.len(), 2);
    assert!(mapping.log_lines_dropped() >= 900, "{}", mapping.log_lines_dropped());
}

#[test]
fn loops_do_not_keep_others_from_their_answers() {
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let error = hostile().rows("loops", &documents(), &[0, 1]).unwrap_err();
                assert_eq!(error.code(), Code::MappingTimeout);
            });
        }
        for _ in 0..20 {
            assert_good(hostile());
        }
    });
}

#[test]
fn more_calls_than_slots_are_told_so() {
    let limits = Limits { mapping_concurrency: 1, mapping_wait_ms: 1, mapping_ms: 500, ..limits() };
    let mapping = Sandbox::new(&limits, None).unwrap().load(component()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| mapping.rows("loops", &documents(), &[0, 1]).unwrap_err());
        std::thread::sleep(Duration::from_millis(100));
        let error = mapping.rows("good", &documents(), &[0, 1]).unwrap_err();
        assert_eq!((error.code(), error.get_retry_after()), (Code::MappingBusy, Some(1)));
    });
    assert_good(&mapping);
}

/// So many threads that turn round and round, while something is done.
fn beside_spinning_threads<T>(threads: usize, done: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let done = done();
        over.store(true, Relaxed);
        done
    })
}

#[cfg(unix)]
#[test]
fn a_busy_machine_fails_no_call_and_saves_none() {
    let cpu_time = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
    };
    let long: Documents = [&[b' '; 500][..]].into_iter().collect();
    let patient = Limits { mapping_ms: 60_000, ..limits() };
    let mapping = Sandbox::new(&patient, None).unwrap().load(component()).unwrap();
    let begun = cpu_time();
    mapping.rows("works", &long, &[0, 1]).unwrap();
    let worked = cpu_time() - begun;

    let enough = worked * 2 + Duration::from_millis(20);
    let limits = Limits { mapping_ms: u64::try_from(enough.as_millis()).unwrap(), ..limits() };
    let mapping = Sandbox::new(&limits, None).unwrap().load(component()).unwrap();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    beside_spinning_threads(8 * cores, || {
        let began = Instant::now();
        mapping.rows("works", &long, &[0, 1]).unwrap();
        assert!(began.elapsed() > enough, "the machine is not busy: {:?} of {worked:?}", began.elapsed());
        let error = mapping.rows("loops", &documents(), &[0, 1]).unwrap_err();
        assert_eq!(error.code(), Code::MappingTimeout);
        assert!(error.message().contains("worked for more than"), "{error}");
    });
}

#[tokio::test]
async fn a_call_ends_with_its_request() {
    let limits = Limits { mapping_ms: 600_000, ..limits() };
    let mapping = Sandbox::new(&limits, None).unwrap().load(component()).unwrap();
    let (began, soon) = (Instant::now(), Some(Instant::now() + Duration::from_millis(50)));
    let work = Work::new(&limits);
    let stopped = work.run("loops", 0, soon, move || mapping.rows("loops", &documents(), &[0, 1]).unwrap_err());
    let error = stopped.await.unwrap();
    assert_eq!(error.code(), Code::MappingTimeout);
    assert!(error.message().contains("when the time of the request was over"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn writes_are_held_to_what_was_asked() {
    let change = |operation: WriteOperation| WriteChange {
        operation,
        key: Some("a1".into()),
        assignments: vec![(1, Some("x".into()))],
        existing: (operation == WriteOperation::Update).then(|| br#"{"id":"a1","value":72.10}"#.to_vec()),
    };
    let (create, update) = (change(WriteOperation::Create), change(WriteOperation::Update));
    let answers = hostile().resource("good", &[create.clone(), update.clone()]).unwrap();
    let unchanged = update.existing.clone().unwrap();
    assert_eq!(answers, [Ok(FhirRequest::Create(b"{}".to_vec())), Ok(FhirRequest::Update(unchanged))]);

    let check = |table: &str, expected: Code| {
        let error = hostile().resource(table, std::slice::from_ref(&update)).expect_err(table);
        assert_eq!(error.code(), expected, "{table}: {error}");
    };
    check("traps", Code::MappingFault);
    check("loops", Code::MappingTimeout);
    check("leak", Code::MappingIllFormed);
    check("half_row", Code::MappingIllFormed);
    check("origin_short", Code::MappingIllFormed);
    check("fails", Code::MappingIllFormed);
}

#[test]
fn descriptions_are_not_believed() {
    let check = |how: &str, expected: Code, part: &str| {
        let error = describing(how).err().unwrap_or_else(|| panic!("{how} was taken"));
        assert_eq!(error.code(), expected, "{how}: {error} {:?}", error.get_internal());
        assert!(error.message().contains(part), "{how}: {error}");
    };
    check("loops", Code::MappingTimeout, "asked to describe itself");
    check("traps", Code::MappingFault, "asked to describe itself");
    check("duplicate column", Code::MappingIllFormed, "good: column id is there twice");
    check("index", Code::MappingIllFormed, "good: primary_name points to column 7 of 2");
    check("odd name", Code::MappingIllFormed, "is no name for a table");
    check("many columns", Code::MappingOutputTooLarge, "asked to describe itself");
    assert_good(hostile());
}

#[test]
fn what_is_no_mapping_is_refused_with_reasons() {
    let check = |bytes: &[u8], check: &str, part: &str| {
        let error = load(bytes).err().unwrap_or_else(|| panic!("{part}: was taken"));
        assert_eq!(error.code(), Code::ComponentRefused, "{error}");
        let found = error.get_details().iter().any(|d| d.code == check && d.message.contains(part));
        assert!(found, "no {check} finding with {part:?} in {:#?}", error.get_details());
    };
    let good = component();
    check(b"garbage", "format", "not WebAssembly at all");
    check(&good[..good.len() / 2], "validation", "not sound");
    check(b"\0asm\x01\0\0\0", "format", "a core WebAssembly module");
    let imports = |to: &str| with("turntable:mapping/host", to);
    check(
        &imports("turntable:mapping/hose"),
        "imports",
        "imports `turntable:mapping/hose@0.2.0`, which no mapping may",
    );
    check(&imports("wasi:clocks/wall-clock"), "imports", "Build it for wasm32-unknown-unknown");
    let exports = |to: &str| with("turntable:mapping/read@0.2.0", to);
    check(&exports("turntable:mapping/reed@0.2.0"), "exports", "does not export `turntable:mapping/read@0.2.0`");
    let older = load(&with("@0.2.0", "@0.1.0")).err().unwrap();
    let text = "the component was refused: built for contract 0.1.0, and this server speaks 0.2.0: build it again with \
                this version's SDK, or with this version's wit/mapping.wit";
    assert_eq!((older.message(), older.get_details().len()), (text, 1), "{older:?}");
    check(&exports("turntable:mapping/read@0.3.0"), "contract", "built for contract 0.3.0");
    check(&with("@0.2.0", "@2.2.0"), "contract", "built for contract 2.2.0");
    check(&with("max-length", "min-length"), "exports", "with other types than the contract's");
    check(&with("setting", "sitting"), "imports", "with other types than the contract's");
    let many = load(&with("turntable:mapping/", "turntable:mepping/")).err().unwrap();
    assert!(many.get_details().len() >= 3, "every failed check is listed: {many:?}");
}

#[test]
fn compiled_code_is_kept_and_only_believed_if_ours() {
    let directory = tempfile::tempdir().unwrap();
    let code = directory.path().join("code");
    let load = || assert_good(&Sandbox::new(&limits(), Some(&code)).unwrap().load(component()).unwrap());
    load();
    let file = fs::read_dir(&code).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().is_some()).unwrap();
    let kept = fs::read(&file).unwrap();
    let written = || fs::metadata(&file).unwrap().modified().unwrap();
    let first = written();
    load();
    assert_eq!(written(), first, "what is ours is used");

    let recompiles = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        load();
        let now = fs::read(&file).unwrap();
        assert!(now.len() == kept.len() && now != bytes, "the file was not written anew");
    };
    let mut tampered = kept.clone();
    let middle = tampered.len() / 2;
    tampered[middle] ^= 1;
    recompiles(&tampered);
    recompiles(&kept[..1_000]);
    // A directory in the file's place can neither be read nor written: the mapping loads all the same.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    load();
}

#[test]
fn shipped_mappings_are_what_the_build_wrote_of_them_and_pass_the_gate() {
    let sandbox = Sandbox::new(&Limits::default(), None).unwrap();
    for shipped in SHIPPED {
        let name = shipped.name;
        let loaded = sandbox.load(shipped.component);
        let loaded = loaded.unwrap_or_else(|e| panic!("{name}: {e} {:#?}", e.get_details()));
        let known = sandbox.shipped(shipped).unwrap();
        assert_eq!((&*known.name, &known.version, &known.digest), (name, &loaded.version, &loaded.digest));
        assert_eq!(known.writes(), loaded.writes(), "{name}");
        assert_eq!(known.tables, loaded.tables, "{name}");

        assert!(!loaded.samples.is_empty(), "{name}");
        let mut report = Report::default();
        gate::check(&loaded, &mut report);
        assert!(report.passed(), "{name}: {report:#?}");
    }
}

#[test]
fn a_mapping_is_compiled_by_its_first_call() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(&Limits::default(), Some(directory.path())).unwrap();
    let compiled = || fs::read_dir(directory.path()).unwrap().count() - 1;
    let mapping = sandbox.shipped(SHIPPED.iter().find(|shipped| shipped.name == "location").unwrap()).unwrap();
    assert_eq!(compiled(), 0, "only the key is there");
    let table = mapping.tables[0].clone();
    let location: Documents =
        [br#"{"resourceType":"Location","id":"a","name":"ward"}"#.as_slice()].into_iter().collect();
    for _ in 0..2 {
        assert_eq!(mapping.rows(&table.name, &location, &[table.key]).unwrap().rows.cell(0, table.key), Some("a"));
        assert_eq!(compiled(), 1);
    }
}

#[test]
fn mappings_go_from_thread_to_thread() {
    fn sendable<T: Send + Sync + 'static>() {}
    sendable::<Arc<Mapping>>();
    sendable::<Sandbox>();
}
