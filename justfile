# One-line wrappers of plain cargo commands; nothing needs `just`.

# Sandbox FHIR service, sample data, server, and a tour of URLs to paste.
demo *args:
    cargo run --release -- demo {{args}}

# The server.
serve *args:
    cargo run --release -- serve {{args}}

# Every test that needs nothing installed.
test:
    cargo test --workspace

# What CI runs.
ci:
    bash .ci/run

# Miri over the scanner, which has the unsafe code, and over the walk on top of it, on small inputs.
# Needs `rustup +nightly component add miri rust-src`.
miri:
    MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p turntable-scan
    MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p turntable-mapping-tests --test plan small_texts

# The scanner against serde_json. Needs a nightly compiler and `cargo install cargo-fuzz`; `target` is json or bundle.
fuzz target seconds="240":
    mkdir -p guest-mappings/lib/scan/fuzz/corpus/{{target}}
    cargo +nightly fuzz run --fuzz-dir guest-mappings/lib/scan/fuzz {{target}} guest-mappings/lib/scan/fuzz/corpus/{{target}} guest-mappings/lib/scan/fuzz/seeds/{{target}} -- -dict=guest-mappings/lib/scan/fuzz/json.dict -max_len=2048 -max_total_time={{seconds}}

# So many damaged resources of each type for every mapping, or for those whose name has the word: `just damage 100000 contact`.
damage count="100000" mapping="":
    TURNTABLE_MUTATIONS={{count}} cargo test --release -p turntable-mapping-tests --test mappings -- {{mapping}}::damage

# So many random requests to every route and to an evaluation that knows none; `seed` begins elsewhere.
differential count="100000" seed="1":
    TURNTABLE_DIFFERENTIAL={{count}} TURNTABLE_DIFFERENTIAL_SEED={{seed}} cargo test -p turntable-tests --test differential -- --nocapture

# So many damaged requests to every parser, and planning: they end soon. `seed` begins elsewhere.
bounded count="100000" seed="1":
    TURNTABLE_BOUNDED={{count}},{{seed}} cargo test -p turntable --test bounded -- --nocapture

# Kills a server so many times, at random steps of writes, bundles, releases and turns; `seed` begins elsewhere.
kills count="1000" seed="1":
    TURNTABLE_KILLS={{count}} TURNTABLE_KILLS_SEED={{seed}} cargo test -p turntable-tests --test trials -- kills:: --nocapture

# A mixed load for so many minutes; memory, descriptors and answers are printed, and may not grow.
soak minutes="10":
    TURNTABLE_SOAK={{minutes}} cargo test -p turntable-tests --test trials -- soak:: --nocapture

# Renews golden files after a look at the difference.
bless:
    TURNTABLE_BLESS=1 cargo test --workspace

# All benchmarks, or some: `just bench mapping`, `read`, `start`, `beside`, `native`, `ingest`; `--json FILE` keeps the figures.
bench *which:
    cargo bench -p turntable --bench bench -- {{which}}

fmt:
    cargo fmt --all

lint:
    cargo clippy --workspace --all-targets -- -D warnings
