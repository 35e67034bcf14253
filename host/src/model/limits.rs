//! Every limit of the server in one place: name, meaning, default. Each is checked where it bites and answered with
//! the code named here.

use serde::{Deserialize, Serialize};

/// `[limits]` of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once. One more takes the place of the one that has said nothing for the longest time; where all are
    /// busy it is told so (503).
    pub connections: usize,
    /// Bytes of a request's line and headers. `HeadersTooLarge`, and the connection ends.
    pub header_bytes: usize,
    /// Headers of a request. As `header_bytes`.
    pub header_count: usize,
    /// Milliseconds from the start of a connection, or the first byte of a request, to the end of its headers. The
    /// connection ends.
    pub header_ms: u64,
    /// Milliseconds that a connection may rest between an answer and the next request. It ends. Longer than clients and
    /// proxies keep theirs (60 to 90 s): whoever asks on a connection that is just being closed gets no answer.
    pub idle_ms: u64,
    /// Milliseconds in which `transfer_bytes` of a body must come, or of an answer be taken, where somebody waits for it.
    /// `RequestTimeout`; of an answer the connection ends.
    pub transfer_ms: u64,
    /// See `transfer_ms`.
    pub transfer_bytes: usize,
    /// Bytes of answers that clients have not taken yet, of all of them together. `Busy` for a large one on top.
    pub answers_bytes: usize,
    /// Bytes of bodies that are here, whole or in part, of all requests together. `Busy` for a large one on top.
    pub bodies_bytes: usize,
    /// Milliseconds that a request takes at least that is told to come again later (`Retry-After`), from its beginning.
    pub refusal_ms: u64,
    /// Milliseconds that requests under way have when the server is told to end. They are broken off.
    pub shutdown_ms: u64,
    /// API keys that a data folder may have. `Conflict` for one more.
    pub api_keys: usize,
    /// Bytes of a token of a provider. `Unauthorized`.
    pub token_bytes: usize,
    /// Bytes of a document of a provider: where its keys are, or its keys. It is not taken.
    pub jwks_bytes: usize,
    /// Milliseconds that the keys of a provider are used before it is asked for them again.
    pub jwks_ms: u64,
    /// Times in a minute that a provider is asked for its keys, whatever tokens come.
    pub jwks_fetches: u32,
    /// Calls of a provider at once for people who sign in there on a page. `Busy` for one more.
    pub sign_ins: usize,
    /// Passwords that are checked at once. More wait.
    pub password_checks: usize,
    /// Requests whose password waits to be checked. `Busy` for one more.
    pub password_queue: usize,
    /// Wrong passwords for one name in a minute, after which only who was right before is heard under it. `Busy`.
    pub password_failures: u32,
    /// Bytes of a request URL. `UrlTooLong`.
    pub url_bytes: usize,
    /// Bytes of a request body to the table API. `BodyTooLarge`.
    pub body_bytes: usize,
    /// Bytes of a `$batch`. `BodyTooLarge`.
    pub batch_bytes: usize,
    /// Requests in a `$batch`, those of its change sets included. `BadRequest`.
    pub batch_parts: usize,
    /// Levels of rows inside a new row that is posted. `BadRequest`.
    pub insert_depth: usize,
    /// Rows inside a new row that is posted, those of all levels together. `BadRequest`.
    pub insert_rows: usize,
    /// Bytes of the answers of a `$batch`, after which its further requests are refused. `BodyTooLarge`.
    pub batch_answer_bytes: usize,
    /// Bytes of an ingested bundle. `BodyTooLarge`.
    pub bundle_bytes: usize,
    /// Bytes of an uploaded component. `BodyTooLarge`.
    pub component_bytes: usize,
    /// Components that are uploaded, or wait at the gate, at once. `Busy` for one more, before it is read.
    pub uploads: usize,
    /// Bytes of the manifest of a component in a registry. `BodyTooLarge`; as the two below of commands, not of servers.
    pub manifest_bytes: usize,
    /// Milliseconds that putting a component into a registry may take, and getting it from there. `UpstreamTimeout`.
    pub registry_ms: u64,
    /// Nesting of a `$filter`, and of a FetchXML. `BadFilter`, `BadOption`.
    pub filter_depth: usize,
    /// Operators, functions and literals of a `$filter`, elements of a FetchXML. `BadFilter`, `BadOption`.
    pub filter_nodes: usize,
    /// Words and phrases of a `$search`. `BadOption`.
    pub search_words: usize,
    /// Navigation properties in an `$expand`, those of all levels together; links of a FetchXML. `BadOption`.
    pub expand_width: usize,
    /// Levels of an `$expand`. `BadOption`.
    pub expand_depth: usize,
    /// Bytes of an answer that has related rows in it, each as often as it is shown. `ScanBudgetExceeded`.
    pub expand_bytes: usize,
    /// Rows of a page where the client asks for none.
    pub page_rows: u32,
    /// Rows of a page at most, whatever the client asks for.
    pub page_rows_max: u32,
    /// Bytes of the cells of a page, without related rows. A next link; a page has at least one row.
    pub page_bytes: usize,
    /// Pages of more than 500 rows under way at once, from the first row read to the answer written. More wait, then `Busy`.
    pub large_pages: usize,
    /// Rows or resources looked at for one request, related ones included. `ScanBudgetExceeded`, or a short page with a
    /// next link.
    pub scan_rows: u64,
    /// Calls to FHIR services for one request, those for related rows included. As `scan_rows`.
    pub upstream_calls: u32,
    /// Tables that one description for tools may have. `BadOption`.
    pub described_tables: usize,
    /// Exports under way at once: answers of all rows of a query. `Busy` for one on top.
    pub exports: usize,
    /// Rows or resources looked at for one export. `ScanBudgetExceeded`, which breaks it off.
    pub export_rows: u64,
    /// Calls to FHIR services for one export. As `export_rows`.
    pub export_calls: u32,
    /// Milliseconds that one export may take, its client's part of it included. `UpstreamTimeout`, which breaks it off.
    pub export_ms: u64,
    /// Calls of a trial of a FHIR service. It ends, and says that it is not whole.
    pub probe_calls: u32,
    /// Milliseconds of such a trial. As `probe_calls`.
    pub probe_ms: u64,
    /// Milliseconds in which what stands against a turn of a route is looked for. What has not come by then is not known.
    pub preflight_ms: u64,
    /// Bytes of a resource that a mapping is tried on, and of a mapping written for it. `BodyTooLarge`.
    pub try_bytes: usize,
    /// Milliseconds that such a trial may take, and as many what is tried may take to be loaded. `MappingTimeout`; where its
    /// cells came from is left out first.
    pub try_ms: u64,
    /// Bytes of mappings in YAML that are read to be tried or loaded, from the start to the end of the server, which keeps what it
    /// reads of each. `Busy` for one more.
    pub drafts_bytes: usize,
    /// Bytes of one answer of a FHIR service. `UpstreamInvalid`.
    pub upstream_bytes: usize,
    /// Requests under way to one FHIR service. More wait, then `UpstreamBusy`.
    pub upstream_concurrency: usize,
    /// Requests that wait to go to one FHIR service. More are `UpstreamBusy` at once.
    pub upstream_queue: usize,
    /// Callers of one FHIR service that is asked with their tokens of whom it is remembered what its answers have taught, and the
    /// token that theirs was exchanged for. Whoever asked longest ago goes first.
    pub source_callers: usize,
    /// Percent of the places and of the queues above and below (`upstream_concurrency`, `upstream_queue`, `store_reads`,
    /// `store_queue`, `mapping_concurrency`, `work_queue`, `large_pages`) that one mapping, table or resource type may have, so that
    /// the others have the rest; at least one place. The error is that of the queue.
    pub share_percent: usize,
    /// Milliseconds that one table request may take in all. `UpstreamTimeout`; `MappingTimeout` where several calls of a
    /// mapping for one page take longer.
    pub request_ms: u64,
    /// Keys that a condition on a related table may bring. `ScanBudgetExceeded`.
    pub related_keys: usize,
    /// Related rows whose keys a FHIR service is asked for. Where a condition brings more, it is asked by a chained parameter or `_has`,
    /// if it does that.
    pub chained_keys: usize,
    /// Levels of a hierarchy that a condition may go up or down. `ScanBudgetExceeded`.
    pub hierarchy_levels: usize,
    /// Groups that `$apply` may make of the rows of a table. `ScanBudgetExceeded`.
    pub aggregate_groups: usize,
    /// Milliseconds that a next link stays good. `PageTokenExpired`.
    pub page_token_ms: u64,
    /// Reads of the store at once; one writes beside them. More wait, then `Busy`.
    pub store_reads: usize,
    /// Reads of the store that wait for their turn, and writes. More are `Busy` at once.
    pub store_queue: usize,
    /// Steps of the database's machine, some six for each row that it looks at, after which a read of a page asks for an index.
    pub store_index_steps: u64,
    /// Such indexes that a native table may have. One that was of no use for ten minutes gives way to another; none more is
    /// made else.
    pub store_indexes: usize,
    /// Milliseconds that making one may take, in which nobody else writes. It is given up, and not asked for again before
    /// the next start.
    pub store_index_ms: u64,
    /// Keys of long ids and of child rows that are remembered, in memory and in the store. The oldest go first, and come
    /// back when a list shows their rows.
    pub known_keys: usize,
    /// Rows of a native table that are gone and remembered, so that a delta link can tell of them. Of a link from before the
    /// oldest `DeltaTokenExpired`.
    pub deleted_rows: u64,
    /// Milliseconds after the time that it says within which a change in a FHIR service can be seen in the history there, and
    /// by which the service's clocks may differ. What has changed in so long before a delta link was given may be told twice.
    pub history_late_ms: u64,
    /// Milliseconds that a delta link of rows in a FHIR service stays good: it keeps its history for longer. `DeltaTokenExpired`.
    pub delta_link_ms: u64,
    /// Requests that may be under way or wait to be written to the audit trail. More wait, then `Busy`.
    pub audit_queue: usize,
    /// Keys of rows that one entry of the audit trail has; of more it has the number.
    pub audit_keys: usize,
    /// Entries that the audit trail keeps. The oldest go first.
    pub audit_entries: u64,
    /// Days that it keeps them, as they pass in the life of the store. As `audit_entries`.
    pub audit_days: u32,
    /// Steps of requests that wait to go to the collector of telemetry. More are dropped and counted.
    pub telemetry_queue: usize,
    /// Requests that are kept with their steps, for administrators. The oldest go first; half of the places are for those that went
    /// well, a quarter for those that were refused, a quarter for those that failed or took long.
    pub traces: usize,
    /// Steps of one of them. Of more there is their number.
    pub trace_steps: usize,
    /// Milliseconds from which on a request took long.
    pub trace_slow_ms: u64,
    /// Views of users that are kept (`userqueries`), of all users together. `Conflict` for one more.
    pub user_queries: usize,
    /// Bytes of one, its texts together. `BadValue`.
    pub user_query_bytes: usize,
    /// Milliseconds that one call of a mapping may work: CPU time, not time that others use. With several resources it
    /// is made again with fewer, else `MappingTimeout`; the same goes for memory and for the bytes of the answer.
    pub mapping_ms: u64,
    /// Bytes of memory that one call of a mapping may have. `MappingMemory`.
    pub mapping_memory_bytes: usize,
    /// Bytes that one call of a mapping may be given. A larger page is given in several; one resource that is larger is
    /// `MappingInputTooLarge`.
    pub mapping_input_bytes: usize,
    /// Bytes that one call of a mapping may answer. `MappingOutputTooLarge`.
    pub mapping_output_bytes: usize,
    /// Calls of mappings, and other jobs that hold a thread, at once. More wait, then `MappingBusy`. They compute all the
    /// time, so more of them than twice the cores would take their time from the threads that answer everybody else.
    pub mapping_concurrency: usize,
    /// Milliseconds that such a job waits for its turn. `MappingBusy`.
    pub mapping_wait_ms: u64,
    /// Jobs that wait for their turn. `Busy`.
    pub work_queue: usize,
    /// Resources that one call of a mapping may be given; the contract allows no more. A larger page is given in
    /// several; more changes at once are `MappingInputTooLarge`.
    pub mapping_documents: usize,
    /// Lines that one mapping may write to the log in a second. More are dropped and counted. None: a mapping's words can
    /// say what a resource says, so neither its lines nor what it says of its failures is shown.
    pub mapping_log_lines: u32,
    /// Bytes of one such line. More are cut off.
    pub mapping_log_bytes: usize,
    /// Tables that one mapping may describe. `MappingIllFormed`.
    pub mapping_tables: usize,
    /// Columns that one table may have. `MappingIllFormed`.
    pub mapping_columns: usize,
    /// Options that one choice may have. `MappingIllFormed`.
    pub mapping_options: usize,
    /// Bytes of one label, description or path in a description. `MappingIllFormed`.
    pub mapping_text_bytes: usize,
    /// Files of compiled code that are kept on disk. The oldest go first; their components are compiled anew.
    pub mapping_cache_files: usize,
    /// Bytes of all those files. As `mapping_cache_files`.
    pub mapping_cache_bytes: u64,
    /// Mappings that are loaded or were in force and stay in memory, so that putting one in force is a matter of
    /// milliseconds.
    pub mapping_retired: usize,
    /// Versions of a mapping that are kept for a rollback.
    pub mapping_versions: usize,
    /// Canaries under way at once, of all tables. `Conflict` for one more.
    pub canaries: usize,
    /// Distinct resources or requests that a canary may fail on within `canary_window_ms`; with the last of them it is
    /// stopped.
    pub canary_failures: usize,
    /// See `canary_failures`.
    pub canary_window_ms: u64,
    /// Milliseconds in which a version that was stopped as a canary is none again (`Conflict`); twice as many each time that
    /// it is stopped once more, a day at most.
    pub canary_backoff_ms: u64,
    /// Percent of one core's time that comparing versions on trial with those in force may take. It takes longer.
    pub compare_percent: u32,
    /// Reads and writes that wait for such a comparison. More are not compared, and counted.
    pub compare_queue: usize,
    /// Bytes of the resources that wait for it. As `compare_queue`.
    pub compare_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            header_bytes: 64 << 10,
            header_count: 100,
            header_ms: 10_000,
            idle_ms: 120_000,
            refusal_ms: 50,
            transfer_ms: 20_000,
            transfer_bytes: 16 << 10,
            answers_bytes: 256 << 20,
            bodies_bytes: 256 << 20,
            shutdown_ms: 30_000,
            api_keys: 1_000,
            token_bytes: 16 << 10,
            jwks_bytes: 256 << 10,
            jwks_ms: 10 * 60 * 1_000,
            jwks_fetches: 6,
            sign_ins: 16,
            password_checks: 2,
            password_queue: 64,
            password_failures: 20,
            url_bytes: 32 << 10,
            body_bytes: 4 << 20,
            batch_bytes: 16 << 20,
            batch_parts: 1_000,
            insert_depth: 3,
            insert_rows: 200,
            batch_answer_bytes: 64 << 20,
            bundle_bytes: 64 << 20,
            component_bytes: 32 << 20,
            uploads: 8,
            manifest_bytes: 4 << 20,
            registry_ms: 120_000,
            filter_depth: 64,
            filter_nodes: 1_000,
            search_words: 16,
            expand_width: 15,
            expand_depth: 3,
            expand_bytes: 64 << 20,
            page_rows: 500,
            page_rows_max: 5_000,
            page_bytes: 16 << 20,
            large_pages: (2 * cores()).max(8),
            scan_rows: 5_000,
            upstream_calls: 25,
            described_tables: 50,
            exports: 4,
            export_rows: 5_000_000,
            export_calls: 10_000,
            export_ms: 10 * 60 * 1_000,
            probe_calls: 5_000,
            probe_ms: 240_000,
            preflight_ms: 5_000,
            try_bytes: 1 << 20,
            try_ms: 5_000,
            drafts_bytes: 32 << 20,
            upstream_bytes: 32 << 20,
            upstream_concurrency: 64,
            upstream_queue: 256,
            source_callers: 500,
            share_percent: 50,
            request_ms: 30_000,
            related_keys: 1_000,
            chained_keys: 100,
            hierarchy_levels: 100,
            aggregate_groups: 10_000,
            page_token_ms: 60 * 60 * 1_000,
            store_reads: 8,
            store_queue: 256,
            store_index_steps: 200_000,
            store_indexes: 8,
            store_index_ms: 4_000,
            known_keys: 200_000,
            deleted_rows: 100_000,
            history_late_ms: 120_000,
            delta_link_ms: 7 * 24 * 60 * 60 * 1_000,
            audit_queue: 4_096,
            audit_keys: 5_000,
            audit_entries: 50_000_000,
            audit_days: 6 * 365 + 2,
            telemetry_queue: 8_192,
            traces: 500,
            trace_steps: 200,
            trace_slow_ms: 1_000,
            user_queries: 1_000,
            user_query_bytes: 64 << 10,
            mapping_ms: 250,
            mapping_memory_bytes: 64 << 20,
            mapping_input_bytes: 32 << 20,
            mapping_output_bytes: 32 << 20,
            mapping_concurrency: 2 * cores(),
            mapping_wait_ms: 5_000,
            work_queue: 256,
            mapping_documents: 1_000,
            mapping_log_lines: 0,
            mapping_log_bytes: 1 << 10,
            mapping_tables: 32,
            mapping_columns: 500,
            mapping_options: 2_000,
            mapping_text_bytes: 4 << 10,
            mapping_cache_files: 200,
            mapping_cache_bytes: 256 << 20,
            mapping_retired: 8,
            mapping_versions: 10,
            canaries: 3,
            canary_failures: 5,
            canary_window_ms: 10 * 60 * 1_000,
            canary_backoff_ms: 60_000,
            compare_percent: 25,
            compare_queue: 16,
            compare_bytes: 32 << 20,
        }
    }
}

/// Of this machine, as far as this process may use them.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
