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

# Renews golden files after a look at the difference.
bless:
    TURNTABLE_BLESS=1 cargo test --workspace

# All benchmarks, or some: `just bench mapping`, `read`, `start`; `--json FILE` keeps the figures.
bench *which:
    cargo bench -p turntable --bench bench -- {{which}}

fmt:
    cargo fmt --all

lint:
    cargo clippy --workspace --all-targets -- -D warnings
