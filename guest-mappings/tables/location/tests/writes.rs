//! Opening days: a list of codes in FHIR, one text here.

use mapping_location::MAPPING;
use turntable_laws::testing::{change, update_row};
use turntable_mapping::bindings::exports::turntable::mapping::write::Operation;

const LOCATION: &str = include_str!("../samples/every-list.json");
const KEY: &str = "every-list/hoursOfOperation/1";

#[test]
fn days_are_written_as_a_list_and_go_with_null() {
    let sunday = update_row(&MAPPING, "tt_locationhours", KEY, LOCATION, r#"{"tt_daysofweek": "sun,mon"}"#);
    assert!(sunday.contains(r#"{"daysOfWeek": ["sun","mon"], "allDay": true}"#), "{sunday}");
    let never = update_row(&MAPPING, "tt_locationhours", KEY, LOCATION, r#"{"tt_daysofweek": null}"#);
    assert!(never.contains(r#"{"allDay": true}"#), "{never}");
}

#[test]
fn what_is_no_day_is_refused() {
    for days in [r#""Saturday""#, r#""sat, sun""#, r#""""#, r#""mon,""#] {
        let values = format!(r#"{{"tt_daysofweek": {days}}}"#);
        let answer = change(&MAPPING, "tt_locationhours", Operation::Update, Some(KEY), Some(LOCATION), &values);
        assert!(answer.is_err(), "{days}");
    }
}
