//! `tt_locationhours` ⇄ Location.hoursOfOperation. The days are a list of codes in FHIR and one text here.

use std::borrow::Cow;

use turntable_mapping::*;

#[rustfmt::skip]
pub(crate) const HOURS: Table = child("tt_locationhours", "tt_locationhours", "Location hours", "Days of the week on which a location is open at the same hours.",
    parent("msemr_location", "tt_location"), "hoursOfOperation", &[
    key("tt_locationhoursid", "Location hours"),
    text("tt_daysofweek", "Days", "daysOfWeek").read_with(days).write_with(write_days).describe("mon, tue, wed, thu, fri, sat, sun; several as mon,tue without spaces."),
    boolean("tt_allday", "All day", "allDay"),
    text("tt_openingtime", "Opens at", "openingTime").describe("hh:mm:ss"),
    text("tt_closingtime", "Closes at", "closingTime").describe("hh:mm:ss"),
])
.source(resource("Location"))
.primary_name("tt_daysofweek");

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn days(list: Value<'_>) -> Option<Cow<'_, str>> {
    let days: Vec<_> = list.items().filter_map(Value::text).collect();
    (!days.is_empty()).then(|| Cow::Owned(days.join(",")))
}

fn write_days(edit: &mut Edit<'_>, days: Option<&str>) -> Result<(), Problem> {
    let Some(days) = days else {
        return edit.remove("daysOfWeek");
    };
    let days: Vec<_> = days.split(',').collect();
    if days.iter().any(|day| !DAYS.contains(day)) {
        return Err(Problem::value("days are mon, tue, wed, thu, fri, sat or sun; several as mon,tue without spaces"));
    }
    edit.set_json("daysOfWeek", &format!("[\"{}\"]", days.join("\",\"")))
}
