use std::collections::BTreeMap;

use super::super::super::sample::{self, GUID};
use super::*;
use crate::model::limits::Limits;
use crate::odata::filter;

fn with_context<T>(then: impl FnOnce(Context<'_>) -> T) -> T {
    let (catalog, limits, aliases) = (sample::catalog(), Limits::default(), BTreeMap::new());
    then(Context { catalog: &catalog, limits: &limits, aliases: &aliases, now: sample::now() })
}

fn fetch(text: &str, table: &str) -> std::result::Result<Fetch, String> {
    with_context(|context| {
        let table = context.catalog.table(table).unwrap();
        read(text, table, context).map_err(|error| error.to_string())
    })
}

/// Of a fetch of a table with this inside its entity.
fn inside(table: &str, inside: &str) -> std::result::Result<Fetch, String> {
    fetch(&format!("<fetch><entity name='{table}'>{inside}</entity></fetch>"), table)
}

/// What a filter of an observation asks is what this `$filter` asks.
fn means(filter: &str, odata: &str) {
    let found = inside("msemr_observation", &format!("<filter>{filter}</filter>")).expect(filter);
    let expected = with_context(|context| {
        let table = context.catalog.table("msemr_observation").unwrap();
        let joined = RefCell::default();
        filter::filter(Source { text: odata, target: "$filter" }, table, context, &joined).unwrap()
    });
    assert_eq!(found.filter.as_ref(), Some(&expected), "{filter}");
    assert!(found.beside.is_empty());
}

#[test]
fn conditions_are_those_of_a_filter() {
    let means = |condition: &str, odata: &str| means(&format!("<condition attribute={condition}/>"), odata);
    for (operator, odata) in
        [("eq", "eq"), ("ne", "ne"), ("neq", "ne"), ("gt", "gt"), ("ge", "ge"), ("lt", "lt"), ("le", "le")]
    {
        means(&format!("'msemr_count' operator='{operator}' value='5'"), &format!("msemr_count {odata} 5"));
    }
    means("'msemr_name' operator='eq' value='a &amp; &lt;b&gt; &#65;'", "msemr_name eq 'a & <b> A'");
    means("'msemr_name' operator='null'", "msemr_name eq null");
    means("'msemr_patient' operator='not-null'", "msemr_patient ne null");
    means("'msemr_name' operator='like' value='%a%'", "contains(msemr_name,'a')");
    means("'msemr_name' operator='like' value='a%'", "startswith(msemr_name,'a')");
    means("'msemr_name' operator='like' value='%a'", "endswith(msemr_name,'a')");
    means("'msemr_name' operator='like' value='a'", "msemr_name eq 'a'");
    means("'msemr_name' operator='like' value='%'", "contains(msemr_name,'')");
    means("'msemr_name' operator='not-like' value='%a%'", "not contains(msemr_name,'a')");
    means("'msemr_name' operator='not-like' value='a'", "msemr_name ne null and msemr_name ne 'a'");
    means("'msemr_name' operator='begins-with' value='a'", "startswith(msemr_name,'a')");
    means("'msemr_name' operator='not-begin-with' value='a'", "not startswith(msemr_name,'a')");
    means("'msemr_name' operator='ends-with' value='a'", "endswith(msemr_name,'a')");
    means("'msemr_name' operator='not-end-with' value='a'", "not endswith(msemr_name,'a')");
    means(
        &format!("'msemr_patient' operator='eq' value='{{{}}}'", GUID.to_uppercase()),
        &format!("msemr_patient eq {GUID}"),
    );
    means("'msemr_issued' operator='ge' value='2020-01-31'", "msemr_issued ge 2020-01-31T00:00:00Z");
    means("'msemr_issued' operator='lt' value='2020-01-31 10:00:00'", "msemr_issued lt 2020-01-31T10:00:00Z");
    means("'msemr_issued' operator='lt' value='2020-01-31T10:00:00+02:00'", "msemr_issued lt 2020-01-31T08:00:00Z");
    means("'msemr_count' operator='eq' valueof='msemr_total'", "msemr_count eq msemr_total");
    means("'msemr_name' operator='eq' value='a' uiname='b' uitype='c'", "msemr_name eq 'a'");
    let dataverse = |condition: &str, function: &str| means(condition, &format!("Microsoft.Dynamics.CRM.{function}"));
    dataverse("'msemr_issued' operator='today'", "Today(PropertyName='msemr_issued')");
    dataverse("'msemr_issued' operator='last-seven-days'", "Last7Days(PropertyName='msemr_issued')");
    dataverse("'msemr_issued' operator='this-month'", "ThisMonth(PropertyName='msemr_issued')");
    dataverse(
        "'msemr_issued' operator='last-x-days' value='3'",
        "LastXDays(PropertyName='msemr_issued',PropertyValue=3)",
    );
    dataverse(
        "'msemr_issued' operator='olderthan-x-minutes' value='30'",
        "OlderThanXMinutes(PropertyName='msemr_issued',PropertyValue=30)",
    );
    dataverse(
        "'msemr_issued' operator='on-or-after' value='2020-02-29T10:00:00Z'",
        "OnOrAfter(PropertyName='msemr_issued',PropertyValue=2020-02-29)",
    );
}

#[test]
fn conditions_have_several_values() {
    let values = |operator: &str, odata: &str| {
        let condition = format!("<condition attribute='msemr_count' operator='{operator}'>");
        means(&format!("{condition}<value>1</value><value uiname='two'> 2 </value></condition>"), odata);
    };
    values("in", "msemr_count in (1,2)");
    values("not-in", "not (msemr_count in (1,2))");
    values("between", "msemr_count ge 1 and msemr_count le 2");
    values("not-between", "not (msemr_count ge 1 and msemr_count le 2)");
    let status = "<condition attribute='msemr_status' operator='contain-values'><value>935000001</value></condition>";
    means(status, "msemr_status in (935000001)");
}

#[test]
fn filters_nest_and_lead_to_related_rows() {
    let condition = |name: &str| format!("<condition attribute='msemr_name' operator='eq' value='{name}'/>");
    let (a, b, c) = (condition("a"), condition("b"), condition("c"));
    let odata = "msemr_name eq 'a' and (msemr_name eq 'b' or msemr_name eq 'c')";
    means(&format!("{a}<filter type='or'>{b}{c}</filter><filter/>"), odata);
    let active = "<filter><condition attribute='active' operator='eq' value='1'/></filter>";
    let link = |kind: &str, inside: &str| {
        format!(
            "<link-entity name='contact' from='contactid' to='msemr_patient' link-type='{kind}'>{inside}</link-entity>"
        )
    };
    for kind in ["any", "exists", "in", "not all"] {
        means(&link(kind, active), "msemr_patient/active eq true");
    }
    let of_patient = |kind: &str, inside: &str| {
        format!(
            "<link-entity name='msemr_observation' from='msemr_patient' to='contactid' link-type='{kind}'>{inside}\
             </link-entity>"
        )
    };
    let named = format!("<filter>{a}</filter>");
    let contacts = |filter: &str, odata: &str| {
        let found = inside("contact", &format!("<filter>{filter}</filter>")).expect(filter);
        let expected = with_context(|context| {
            let (table, joined) = (context.catalog.table("contact").unwrap(), RefCell::default());
            filter::filter(Source { text: odata, target: "$filter" }, table, context, &joined).unwrap()
        });
        assert_eq!(found.filter, Some(expected), "{filter}");
    };
    let any = "msemr_observation_msemr_patient/any(x:x/msemr_name eq 'a')";
    contacts(&of_patient("any", &named), any);
    contacts(&of_patient("any", ""), "msemr_observation_msemr_patient/any()");
    contacts(&of_patient("not any", &named), &format!("not {any}"));
    contacts(&of_patient("all", &named), &format!("msemr_observation_msemr_patient/any() and not {any}"));
}

#[test]
fn links_stand_beside_rows() {
    let found = inside(
        "msemr_observation",
        "<attribute name='msemr_name'/><attribute name='msemr_patient' alias='who'/>
         <order attribute='fullname' entityname='p'/>
         <filter type='or'>
           <condition attribute='birthdate' entityname='p' operator='null'/>
           <condition attribute='msemr_name' operator='eq' valueof='p.fullname'/>
         </filter>
         <link-entity name='contact' from='contactid' to='msemr_patient' link-type='outer' alias='p'>
           <attribute name='fullname'/><attribute name='contactid' alias='key'/>
           <link-entity name='msemr_observation' from='msemr_patient' to='contactid' link-type='outer'>
             <attribute name='msemr_count'/>
             <filter><condition attribute='msemr_count' operator='gt' value='1'/></filter>
             <order attribute='msemr_count' descending='true'/>
           </link-entity>
         </link-entity>",
    )
    .unwrap();
    let names: Vec<_> = found.shown.iter().map(|shown| (shown.link, shown.name.as_str())).collect();
    assert_eq!(
        names,
        [
            (None, "msemr_observationid"),
            (None, "msemr_name"),
            (None, "who"),
            (Some(0), "p.fullname"),
            (Some(0), "key"),
            (Some(1), "msemr_observation2.msemr_count"),
        ]
    );
    // Birth date, full name, the count that is ordered by, and the key that makes that order total.
    let beside: Vec<_> = found.beside.iter().map(|beside| (beside.link, beside.column)).collect();
    assert_eq!(beside, [(0, 2), (0, 1), (1, 7), (1, 0)]);
    let order: Vec<_> = found.order.iter().map(|order| (order.by.clone(), order.descending)).collect();
    let column = |column| Expr::Column(column);
    assert_eq!(order, [(column(18), false), (column(19), true), (column(0), false), (column(20), false)]);
    let links = found.all_links();
    let kinds: Vec<_> = links.iter().map(|link| (link.alias.as_str(), link.inner, link.many)).collect();
    assert_eq!(kinds, [("p", false, false), ("msemr_observation2", false, true)]);
    assert!(found.query.expand[0].query.expand[0].query.filter.is_some());
}

#[test]
fn an_inner_link_is_a_condition() {
    let link = |inside: &str| {
        format!("<link-entity name='contact' from='contactid' to='msemr_patient'>{inside}</link-entity>")
    };
    let plain = inside("msemr_observation", &link("<attribute name='fullname'/>")).unwrap();
    assert!(!plain.links[0].is_conditioned && plain.links[0].inner && plain.beside.is_empty());
    assert_eq!(plain.shown.last().map(|shown| shown.name.as_str()), Some("contact1.fullname"));
    let active = "<filter><condition attribute='active' operator='eq' value='true'/></filter>";
    let asked = inside("msemr_observation", &link(active)).unwrap();
    let expected = with_context(|context| {
        let (table, joined) = (context.catalog.table("msemr_observation").unwrap(), RefCell::default());
        let source = Source { text: "msemr_patient/active eq true", target: "$filter" };
        filter::filter(source, table, context, &joined).unwrap()
    });
    assert_eq!((asked.links[0].is_conditioned, asked.links[0].meets.as_ref()), (true, Some(&expected)));
    let first = link("").replace("<link-entity ", "<link-entity link-type='matchfirstrowusingcrossapply' ");
    assert!(inside("msemr_observation", &first).unwrap().links[0].is_conditioned);
}

#[test]
fn a_row_is_shown_with_its_key() {
    let shown = |text: &str| -> Vec<String> {
        fetch(text, "contact").unwrap().shown.into_iter().map(|shown| shown.name).collect()
    };
    let all = ["contactid", "fullname", "birthdate", "gendercode", "active", "version"];
    assert_eq!(shown("<fetch><entity name='contact'/></fetch>"), all);
    assert_eq!(shown("<fetch><entity name='contact'><all-attributes/></entity></fetch>"), all);
    let one = "<entity name='contact'><attribute name='fullname'/></entity></fetch>";
    assert_eq!(shown(&format!("<fetch>{one}")), ["contactid", "fullname"]);
    assert_eq!(shown(&format!("<fetch distinct='true'>{one}")), ["fullname"], "with its key no row is like another");
}

#[test]
fn pages_go_by_number_or_by_cookie() {
    let page = |attributes: &str| {
        let found = fetch(&format!("<fetch {attributes}><entity name='contact'/></fetch>"), "contact").unwrap();
        let Page { number, size, is_top, is_clients, token } = found.page;
        (number, size, is_top, is_clients, token, found.query.skip)
    };
    assert_eq!(page(""), (1, 5_000, false, false, None, 0));
    assert_eq!(page("top='3'"), (1, 3, true, true, None, 0));
    assert_eq!(page("count='10'"), (1, 10, false, true, None, 0));
    assert_eq!(page("count='10' page='3'"), (3, 10, false, true, None, 20));
    assert_eq!(page("count='9999' page='2'"), (2, 5_000, false, true, None, 5_000));
    // As a client makes it of the annotation.
    let annotation = cookie(&Page { number: 3, ..Page::default() }, 20, "abc");
    assert!(
        annotation.starts_with("<cookie pagenumber=\"4\" pagingcookie=\"%253Ccookie%2520page%253D"),
        "{annotation}"
    );
    let encoded = annotation.split('"').nth(3).unwrap();
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let given = decode(&decode(encoded)).replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let token = Some("abc".to_owned());
    assert_eq!(page(&format!("count='10' page='4' paging-cookie='{given}'")), (4, 10, false, true, token, 20));
    // Of another page it says nothing.
    assert_eq!(page(&format!("count='10' page='2' paging-cookie='{given}'")), (2, 10, false, true, None, 10));
    assert_eq!(page("count='10' paging-cookie=''"), (1, 10, false, true, None, 0));
    let theirs =
        "<fetch page='2' paging-cookie='&lt;cookie page=\"1\"&gt;&lt;accountid last=\"{1}\"/&gt;&lt;/cookie&gt;'>";
    let error = fetch(&format!("{theirs}<entity name='contact'/></fetch>"), "contact").unwrap_err();
    assert!(error.contains("PageTokenInvalid"), "{error}");
}

#[test]
fn pages_of_the_same_rows_are_bound_alike() {
    let binding = |text: &str| fetch(text, "contact").unwrap().binding;
    let first = "<fetch count='2'><entity name='contact'><attribute name='fullname'/></entity></fetch>";
    let other = "<?xml version='1.0'?><!-- the same -->\n<fetch page=\"2\" count=\"2\" >\n <entity name=\"contact\">
                 <attribute name='fullname' /> </entity></fetch>";
    assert_eq!(binding(first), binding(other));
    assert_ne!(binding(first), binding(&first.replace("fullname", "birthdate")));
    assert_ne!(binding(first), binding(&first.replace("count='2'", "count='3'")));
}

#[test]
fn what_is_not_done_is_refused_with_its_place() {
    let refused = |text: &str, expected: &str| {
        let error = fetch(text, "msemr_observation").expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!error.contains("secret"), "{text}: {error}");
    };
    refused("", "there is no element at position 0");
    refused("<fetch>", "`fetch` is not closed, at position 0");
    refused("<fetch></fetsh>", "no XML");
    refused("<fetch><entity name='msemr_observation'/></fetch><fetch/>", "a second element at the top at position 49");
    refused("<!DOCTYPE fetch [<!ENTITY x 'secret'>]><fetch/>", "NotSupported: a document type");
    refused("<fetch x='&secret;'/>", "the value of `x` is no XML");
    refused("<fetch><entity name='msemr_observation'>&secret;</entity></fetch>", "no such entity");
    refused("<fetch a='1' a='2'/>", "an attribute is no XML");
    refused("<query/>", "`fetch` is expected");
    refused("<fetch/>", "holds one `entity`");
    refused("<fetch><entity name='contact'/></fetch>", "asks for rows of `msemr_observation`");
    for (attribute, expected) in [
        ("datasource='retained'", "NotSupported: the attribute `datasource` of `fetch`"),
        ("min-active-row-version='true'", "NotSupported"),
        ("utc-offset='60'", "NotSupported"),
        ("mapping='internal'", "NotSupported"),
        ("topp='1'", "has no attribute `topp`"),
        ("top='0'", "a whole number from 1 on"),
        ("top='5001'", "`page_rows_max`"),
        ("top='5' count='5'", "does not go with pages"),
        ("distinct='maybe'", "true or false"),
    ] {
        refused(&format!("<fetch {attribute}><entity name='msemr_observation'/></fetch>"), expected);
    }
    let refused = |inside: &str, expected: &str| {
        refused(&format!("<fetch><entity name='msemr_observation'>{inside}</entity></fetch>"), expected);
    };
    refused("text", "takes no text");
    refused("<attribute/>", "needs the attribute `name`");
    refused("<attribute name='msemr_nam'/>", "did you mean `msemr_name`?");
    refused("<attribute name='msemr_count' aggregate='sum' alias='a'/>", "NotSupported: the attribute `aggregate`");
    refused("<attribute name='msemr_count' alias='a b'/>", "letters, digits and underscores");
    refused(
        "<attribute name='msemr_count' alias='msemr_name'/><attribute name='msemr_name'/>",
        "two columns of the answer",
    );
    refused("<order attribute='msemr_patient'/>", "NotSupported: ordering by the lookup");
    refused("<order attribute='fullname' entityname='p'/>", "there is no link `p`");
    refused("<order alias='x' attribute='msemr_name'/>", "NotSupported");
    refused("<filter type='xor'/>", "`and` or `or`");
    refused("<sort/>", "`sort` has no place in `entity`");
    for (condition, expected) in [
        ("operator='eq' value='1'", "needs the attribute `attribute`"),
        ("attribute='msemr_count' operator='eq'", "takes one value"),
        ("attribute='msemr_count' operator='null' value='1'", "takes no value"),
        ("attribute='msemr_count' operator='eq' value='secret'", "a value of `msemr_count` is a number; this is none"),
        ("attribute='msemr_status' operator='eq' value='secret'", "935000001 = Final"),
        ("attribute='msemr_patient' operator='eq' value='secret'", "a GUID"),
        ("attribute='msemr_issued' operator='eq' value='secret'", "a date-time"),
        ("attribute='msemr_issued' operator='eq' value='2020'", "a date-time"),
        ("attribute='msemr_count' operator='equals' value='1'", "there is no operator `equals`"),
        ("attribute='msemr_name' operator='begin-with' value='1'", "did you mean `begins-with`?"),
        ("attribute='msemr_patient' operator='eq-userid'", "no login"),
        ("attribute='msemr_issued' operator='in-fiscal-year' value='2020'", "no fiscal calendar"),
        ("attribute='msemr_patient' operator='under' value='1'", "a value of `msemr_patient` is"),
        (
            "attribute='msemr_patient' operator='under' value='0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11'",
            "part of each other",
        ),
        ("attribute='msemr_count' operator='under' value='1'", "is for keys"),
        ("attribute='msemr_name' operator='like' value='a%b'", "NotSupported: a wildcard inside"),
        ("attribute='msemr_name' operator='like' value='a_b'", "NotSupported: a wildcard inside"),
        ("attribute='msemr_count' operator='like' value='a'", "is for texts"),
        ("attribute='msemr_count' operator='today'", "is for dates"),
        ("attribute='msemr_count' operator='contain-values' value='1'", "is for choices"),
        ("attribute='msemr_issued' operator='last-x-days' value='-1'", "no number of so many"),
        ("attribute='msemr_count' operator='eq' value='1' valueof='msemr_total'", "not both"),
        ("attribute='msemr_count' operator='eq' valueof='msemr_name'", "is a text"),
        ("attribute='msemr_count' operator='in' valueof='msemr_total'", "`valueof` goes with"),
        ("attribute='msemr_count' operator='eq' value='1' aggregate='sum'", "NotSupported"),
    ] {
        refused(&format!("<filter><condition {condition}/></filter>"), expected);
    }
    let link = |attributes: &str| format!("<link-entity {attributes}/>");
    refused(&link("name='contacts' from='contactid' to='msemr_patient'"), "did you mean `contact`?");
    refused(&link("name='contact' from='contactid'"), "needs the attribute `to`");
    refused(&link("name='contact' from='fullname' to='msemr_name'"), "NotSupported: joining `contact.fullname`");
    refused(&link("name='contact' from='contactid' to='msemr_patient' link-type='left'"), "no such `link-type`");
    refused(&link("name='contact' from='contactid' to='msemr_patient' alias='a.b'"), "letters, digits and underscores");
    let nested = "<link-entity name='contact' from='contactid' to='msemr_patient' link-type='outer'>
                  <link-entity name='msemr_observation' from='msemr_patient' to='contactid'/></link-entity>";
    refused(nested, "NotSupported: a link inside an outer one");
    let shows = "<link-entity name='contact' from='contactid' to='msemr_patient' link-type='exists'>
                 <attribute name='fullname'/></link-entity>";
    refused(shows, "`attribute` has no meaning in a link that is a condition");
    let twice = "<link-entity name='contact' from='contactid' to='msemr_patient' alias='p'/>";
    refused(&twice.repeat(2), "two links are called `p`");
    let many: String = (0..16).map(|n| twice.replace("'p'", &format!("'p{n}'"))).collect();
    refused(&many, "more than 15 links (limit `expand_width`)");
    let deep = format!("{}{}", "<filter>".repeat(70), "</filter>".repeat(70));
    refused(&deep, "limit `filter_depth`");
    refused(&"<filter/>".repeat(1_000), "limit `filter_nodes`");
}
