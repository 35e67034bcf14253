//! `turntable demo`: a FHIR service with sample data, the server in front of it, and a tour of URLs and commands to
//! paste. `turntable fhir-sandbox`: that FHIR service alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use turntable_fhir_sandbox::{Faults, Running, Sandbox};

use crate::cli::serve::{Server, Signals, tell_panics_briefly};
use crate::cli::terminal::say;
use crate::config::Config;
use crate::fhir::client::SourceSettings;
use crate::http::token;
use crate::model::caller::Caller;
use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::session::Session;
use crate::router::write::ingest::How;

#[derive(Args)]
pub struct Options {
    /// Where to listen; port 0 picks one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep the data here; without it a temporary folder that goes with the demo.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Use this FHIR R4 service instead of the sandbox; nothing is loaded into it.
    #[arg(long, value_name = "URL")]
    fhir: Option<String>,
}

/// Sample bundles, compiled in (`tests/bundles/README.md` has origin and licence). The first two are an exercise in two
/// parts: who and where, then what happened.
const PEOPLE: &str = include_str!("../../../tests/bundles/module-people.json");
const EVENTS: &str = include_str!("../../../tests/bundles/module-events.json");
const SYNTHEA: [&str; 2] =
    [include_str!("../../../tests/bundles/synthea-1.json"), include_str!("../../../tests/bundles/synthea-2.json")];

/// The patient of the exercise.
const PATIENT: &str = "4c73b472-442b-4920-b899-aadc599f1d75";

/// Tables that the demo shows live from the FHIR service; the others are native.
const VIRTUAL: [&str; 3] = ["msemr_encounter", "msemr_observation", "msemr_allergyintolerance"];

pub async fn demo(options: Options) -> Result<()> {
    tell_panics_briefly();
    let sandbox = match &options.fhir {
        Some(_) => None,
        None => Some(sample_service().await?),
    };
    let fhir = options.fhir.clone().or_else(|| sandbox.as_ref().map(Running::base_url)).unwrap_or_default();
    let (data_dir, _temporary) = match &options.data_dir {
        Some(dir) => (dir.clone(), None),
        None => {
            let dir = temporary().map_err(|e| Error::new(Code::Store, format!("no temporary folder: {e}")))?;
            (dir.path().to_owned(), Some(dir))
        }
    };
    let server = Server::start(config(options.listen, data_dir.clone(), &fhir)?).await?;
    if options.fhir.is_none() {
        for bundle in [PEOPLE].into_iter().chain(SYNTHEA) {
            ingest(&server, bundle).await?;
        }
    }
    let mut signals = Signals::heard();
    say(server.listening());
    pages(&server.url(), &data_dir, options.fhir.is_none());
    tour(&server.url(), &fhir, options.fhir.is_none());
    signals.next().await;
    server.end(signals).await;
    if let Some(sandbox) = sandbox {
        sandbox.shutdown().await;
    }
    Ok(())
}

pub async fn sandbox(listen: SocketAddr, load: &[PathBuf], faults: Option<&str>) -> Result<()> {
    let sandbox = Sandbox::new();
    for file in load {
        let bytes = read(file)?;
        let loaded = sandbox
            .load(&bytes)
            .map_err(|e| Error::new(Code::BadRequest, format!("{} cannot be loaded: {e}", file.display())))?;
        say(format!("{}: {} resources", file.display(), loaded.resources));
    }
    if let Some(spec) = faults {
        let faults: Faults = spec.parse().map_err(|e| Error::new(Code::BadOption, format!("--faults: {e}")))?;
        sandbox.set_faults(faults);
    }
    let running = start(sandbox, listen).await?;
    let mut signals = Signals::heard();
    say(format!("listening on {}", running.base_url()));
    signals.next().await;
    running.shutdown().await;
    Ok(())
}

/// The sandbox with what happened; who and where comes through the server's own ingest.
async fn sample_service() -> Result<Running> {
    let sandbox = Sandbox::new();
    sandbox
        .load(EVENTS.as_bytes())
        .map_err(|e| Error::new(Code::Internal, format!("a sample bundle cannot be loaded: {e}")))?;
    start(sandbox, SocketAddr::from(([127, 0, 0, 1], 0))).await
}

async fn start(sandbox: Sandbox, listen: SocketAddr) -> Result<Running> {
    sandbox.start(listen).await.map_err(|e| {
        Error::new(Code::Config, format!("the FHIR sandbox cannot listen on {listen}: {e}"))
            .hint("choose another --listen")
    })
}

fn config(listen: SocketAddr, data_dir: PathBuf, fhir: &str) -> Result<Config> {
    let mut config = Config::parse(None, &BTreeMap::new())?;
    config.listen = listen;
    config.data_dir = data_dir;
    config.sources.insert("main".to_owned(), SourceSettings::new(fhir)?);
    let route = Route::Virtual { source: "main".to_owned() };
    config.tables.extend(VIRTUAL.iter().map(|table| ((*table).to_owned(), route.clone())));
    if !listen.ip().is_loopback() {
        return Err(
            Error::new(Code::Config, "the demo has no authentication and listens on loopback only").target("--listen")
        );
    }
    Ok(config)
}

/// Into the native tables, and on to the FHIR service. The resources keep the ids that the samples give them, so that a
/// second start on the same data changes them and makes no others.
async fn ingest(server: &Server, bundle: &str) -> Result<()> {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let session = Session::new(server.turntable().clone(), Caller::local()).until(deadline);
    let said = bundle.replacen("\"transaction\"", "\"collection\"", 1);
    let how = How { forward: Some("main"), as_batch: true, ..How::default() };
    let taken = session.ingest(said.into(), how).await?;
    match taken.outcomes.iter().find(|outcome| !outcome.kind.is_done()) {
        Some(outcome) => Err(Error::new(Code::Internal, format!("a sample was not stored: {}", outcome.note))),
        None => Ok(()),
    }
}

/// A folder for this user alone.
fn temporary() -> std::io::Result<tempfile::TempDir> {
    let mut folder = tempfile::Builder::new();
    #[cfg(unix)]
    folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    folder.tempdir()
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|e| Error::new(Code::BadRequest, format!("{} cannot be read: {e}", file.display())))
}

/// Where people look. The links bring the token of administrators in their fragment, which no browser sends.
fn pages(url: &str, data_dir: &Path, with_samples: bool) {
    let token = std::fs::read_to_string(data_dir.join(token::FILE)).ok();
    let token = token.map(|token| format!("#token={}", token.trim())).unwrap_or_default();
    let tour = if with_samples { format!("A tour             {url}/app/tour{token}\n") } else { String::new() };
    say(format!(
        "\nOpen in a browser:\n\
         {tour}\
         Tables and rows    {url}/app/\n\
         Console            {url}/console/{token}"
    ));
}

fn tour(url: &str, fhir: &str, with_samples: bool) {
    let api = format!("{url}/api/data/v9.2");
    say(format!(
        "\nTables (OData v4)   {api}/\n\
         FHIR service        {fhir}\n\
         Administration      {url}/admin/v1/tables\n\
         \n\
         Paste a line at a time:\n\
         \n\
         # The tables there are, and what they look like\n\
         curl -s '{api}/'\n\
         curl -s '{api}/$metadata'\n"
    ));
    if !with_samples {
        say(format!(
            "# Live rows out of the FHIR service\n\
             curl -s '{api}/msemr_encounters?$top=5'\n\
             # What is asked of the FHIR service, and what is checked here\n\
             curl -s -H 'Prefer: explain' '{api}/msemr_encounters?$top=5'"
        ));
        return;
    }
    say(format!(
        "# Patients: native rows, out of a bundle that was ingested\n\
         curl -sG '{api}/contacts' --data-urlencode '$select=fullname,birthdate,gendercode' --data-urlencode '$filter=msemr_contacttype eq 935000000' -H 'Prefer: odata.include-annotations=\"*\"'\n\
         \n\
         # Her encounters: virtual rows, live out of the FHIR service\n\
         curl -sG '{api}/msemr_encounters' --data-urlencode '$filter=_msemr_subjectpatient_value eq {PATIENT}' --data-urlencode '$select=msemr_name,msemr_class,msemr_periodstart'\n\
         \n\
         # The same question explained: what is asked of the FHIR service, what is checked here\n\
         curl -sG '{api}/msemr_encounters' --data-urlencode '$filter=_msemr_subjectpatient_value eq {PATIENT}' -H 'Prefer: explain'\n\
         \n\
         # A native parent with its virtual children\n\
         curl -sG '{api}/contacts({PATIENT})' --data-urlencode '$select=fullname' --data-urlencode '$expand=msemr_observation_msemr_subjecttypepatient($select=msemr_description,msemr_valuetypequantityvalue,msemr_valuequantityunit)'\n\
         \n\
         # Write an allergy through, and read it where it now is\n\
         curl -s -X POST '{api}/msemr_allergyintolerances' -H 'Content-Type: application/json' -H 'Prefer: return=representation' -d '{{\"msemr_allergyintoleranceid\":\"{ALLERGY}\",\"msemr_name\":\"Allergy: Patient One\",\"msemr_code\":\"ABC123\",\"msemr_criticality\":935000000,\"msemr_type\":935000000,\"msemr_verificationstatus\":935000001,\"msemr_patient@odata.bind\":\"/contacts({PATIENT})\"}}'\n\
         curl -s '{fhir}/AllergyIntolerance/{ALLERGY}'\n\
         \n\
         # Change one column; everything else in the resource stays as it is\n\
         curl -s -X PATCH '{api}/msemr_allergyintolerances({ALLERGY})' -H 'Content-Type: application/json' -d '{{\"msemr_code\":\"XYZ456\",\"msemr_criticality\":935000001}}'\n\
         curl -s '{fhir}/AllergyIntolerance/{ALLERGY}'\n\
         \n\
         # Turn the route: the same URL now shows the native rows (none yet), and back\n\
         curl -s -X PUT '{url}/admin/v1/tables/msemr_encounter/route' -H 'Content-Type: application/json' -d '{{\"provider\":\"native\"}}'\n\
         curl -s '{api}/msemr_encounters/$count'\n\
         curl -s -X PUT '{url}/admin/v1/tables/msemr_encounter/route' -H 'Content-Type: application/json' -d '{{\"provider\":\"virtual\",\"source\":\"main\"}}'\n\
         curl -s '{api}/msemr_encounters/$count'\n\
         \n\
         # Who did what\n\
         curl -s '{url}/admin/v1/audit'\n\
         \n\
         Ctrl-C ends the demo."
    ));
}

/// A key for the tour's allergy; any GUID does.
const ALLERGY: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f11";
