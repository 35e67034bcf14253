//! Every path, target, code and search parameter of this mapping is one of FHIR R4.

use mapping_observation::MAPPING;
use turntable_mapping::definitions;

#[test]
fn the_mapping_agrees_with_r4() {
    assert_eq!(definitions::check(&MAPPING), []);
}
