use std::collections::BTreeMap;

use super::*;
use crate::model::limits::Limits;
use crate::odata::sample;

fn asked(inside: &str) -> std::result::Result<Asked, String> {
    let text = format!("<fetch aggregate='true'><entity name='msemr_observation'>{inside}</entity></fetch>");
    let (catalog, limits, aliases) = (sample::catalog(), Limits::default(), BTreeMap::new());
    let context = Context { catalog: &catalog, limits: &limits, aliases: &aliases, now: sample::now() };
    read(&text, catalog.table("msemr_observation").unwrap(), context).map_err(|error| error.to_string())
}

const PATIENT: &str = "<link-entity name='contact' from='contactid' to='msemr_patient' alias='p'";

#[test]
fn groups_are_an_aggregation() {
    let text = format!(
        "<attribute name='msemr_issued' alias='year' groupby='true' dategrouping='year'/>
         <attribute name='msemr_count' alias='most' aggregate='max'/>
         <attribute name='msemr_name' alias='names' aggregate='countcolumn' distinct='true'/>
         <order alias='most' descending='true'/>
         {PATIENT}><attribute name='gendercode' alias='gender' groupby='true'/></link-entity>"
    );
    let Asked::Groups(aggregation) = asked(&text).unwrap() else { panic!("groups") };
    let [step] = aggregation.steps.as_slice() else { panic!("one step") };
    let names: Vec<_> = step.table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["year", "gender", "most", "names"]);
    let methods: Vec<_> = step.aggregates.iter().map(|aggregate| aggregate.method).collect();
    assert_eq!(methods, [Method::Most, Method::Distinct]);
    // The gender, and the key that says whether there is somebody.
    let joined: Vec<_> = aggregation.of.joined.iter().map(|joined| (joined.name.as_str(), joined.value)).collect();
    assert_eq!(joined, [("p/gendercode", JoinedValue::Column(3)), ("p/contactid", JoinedValue::Column(0))]);
    assert!(aggregation.of.filter.is_some());
    assert_eq!(aggregation.then.order, [Order { by: Expr::Column(2), descending: true }]);
}

#[test]
fn what_is_no_group_is_refused() {
    let count = "<attribute name='msemr_count' alias='n' aggregate='count'/>";
    for (inside, expected) in [
        ("", "attributes with `aggregate` or `groupby`"),
        ("<all-attributes/>", "no place in an aggregate"),
        ("<attribute name='msemr_count'/>", "needs the attribute `alias`"),
        ("<attribute name='msemr_count' alias='n'/>", "either `aggregate` or `groupby`"),
        ("<attribute name='msemr_count' alias='n' aggregate='sum' groupby='true'/>", "either `aggregate` or `groupby`"),
        ("<attribute name='msemr_count' alias='n' aggregate='median'/>", "count, countcolumn, sum, avg, min or max"),
        ("<attribute name='msemr_name' alias='n' aggregate='sum'/>", "takes numbers"),
        ("<attribute name='msemr_count' alias='n' aggregate='sum' distinct='true'/>", "NotSupported: `distinct`"),
        ("<attribute name='msemr_count' alias='n' aggregate='sum' rowaggregate='CountChildren'/>", "NotSupported"),
        ("<attribute name='msemr_count' alias='n' groupby='true' dategrouping='day'/>", "is for dates"),
        ("<attribute name='msemr_issued' alias='n' groupby='true' dategrouping='week'/>", "NotSupported"),
        ("<attribute name='msemr_issued' alias='n' groupby='true' dategrouping='fiscal-year'/>", "NotSupported"),
        ("<attribute name='msemr_issued' alias='n' groupby='true' dategrouping='hour'/>", "no such `dategrouping`"),
        (&format!("{count}{count}"), "`n` is given twice"),
        (&format!("{count}<order attribute='msemr_count'/>"), "`order` has no attribute `attribute`"),
        (&format!("{count}<order alias='m'/>"), "no attribute of the alias `m`"),
        (&format!("{count}{PATIENT} link-type='matchfirstrowusingcrossapply'/>"), "NotSupported: a link to many rows"),
    ] {
        let error = asked(inside).expect_err(inside);
        assert!(error.contains(expected), "{inside}: {error}");
    }
}
