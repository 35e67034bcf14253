//! The samples give their rows and keep the laws; so does all FHIR data that is at hand.

use std::path::Path;

use mapping_observation::MAPPING;
use turntable_mapping::samples;

#[test]
fn samples_give_their_rows() {
    samples::check(&MAPPING, &Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"));
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn the_laws_hold_for_all_data_at_hand() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.is_dir() {
        return eprintln!("skipped: no FHIR data in {}", data.display());
    }
    // Panics where a law is broken.
    let shapes = samples::laws(&MAPPING, &data);
    assert!(shapes > 0, "{} holds no resource of this mapping", data.display());
}
