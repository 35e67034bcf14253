//! Every path, target, code and search parameter of this mapping is one of FHIR R4.

use std::path::Path;

use mapping_contact::MAPPING;
use turntable_mapping::definitions::Definitions;

#[test]
fn the_mapping_agrees_with_r4() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/r4-definitions");
    let Some(definitions) = Definitions::load(&folder) else {
        return skip("the R4 definitions are not there");
    };
    assert_eq!(definitions.check(&MAPPING), [""; 0]);
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
