use super::super::sample::{self, BASE, GUID, show, show_expr};
use super::*;
use crate::model::query::{Expand, ExpandForm};

fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Call> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let path = path.replace('*', GUID);
    let message = Message {
        method,
        path: &path,
        query,
        headers: Headers(headers),
        body: body.as_bytes(),
        base: BASE,
        user_view: None,
        found: &[],
    };
    parse(&message, &sample::catalog(), &Limits::default(), sample::now())
}

/// The request in a few words.
fn shown(request: &Request) -> String {
    let catalog = sample::catalog();
    let query = |table: &Table, query: &Query| {
        let mut text = String::new();
        if let Some(select) = &query.select {
            let names: Vec<_> = select.iter().map(|c| table.columns[*c].property()).collect();
            text += &format!(" select {}", names.join(","));
        }
        if let Some(filter) = &query.filter {
            text += &format!(" where {}", show(filter, table, &catalog));
        }
        for order in &query.order {
            text += &format!(" by {}{}", show_expr(&order.by, table), if order.descending { " desc" } else { "" });
        }
        if let Some(top) = query.top {
            text += &format!(" top {top}");
        }
        if query.skip > 0 {
            text += &format!(" skip {}", query.skip);
        }
        fn expanded(expands: &[Expand]) -> String {
            let one = |expand: &Expand| {
                let form = match expand.form {
                    ExpandForm::Rows => "",
                    ExpandForm::References => "/$ref",
                    ExpandForm::Count => "/$count",
                };
                let inside = expanded(&expand.query.expand);
                let inside = if inside.is_empty() { inside } else { format!(" [{}]", inside.trim_start()) };
                format!(" expand {}{form}{inside}", expand.navigation)
            };
            expands.iter().map(one).collect()
        }
        text += &expanded(&query.expand);
        text + if query.count { " count" } else { "" }
    };
    match request {
        Request::Read { table, query: q } => format!("read {}{}", table.name, query(table, q)),
        Request::Count { table, query: q } => format!("count {}{}", table.name, query(table, q)),
        Request::ReadOne { table, query: q, .. } => format!("one {}{}", table.name, query(table, q)),
        Request::Property { table, column, raw, .. } => {
            format!("property {}{}", table.columns[*column].name, if *raw { " raw" } else { "" })
        }
        Request::Follow { navigation, .. } => format!("follow {navigation}"),
        Request::Write { table, change, .. } => format!(
            "{} {}{} with {}",
            format!("{:?}", change.operation).split(' ').next().unwrap_or_default().to_lowercase(),
            table.name,
            if change.replaces { " anew" } else { "" },
            change.assignments.len()
        ),
        other => format!("{other:?}"),
    }
}

fn get(url: &str, expected: &str) {
    assert_eq!(
        ask("GET", url, &[], "").map(|c| shown(&c.request)).map_err(|e| e.to_string()).as_deref(),
        Ok(expected),
        "{url}"
    );
}

fn refused(method: &str, url: &str, code: Code, words: &str) {
    let error =
        ask(method, url, &[("Content-Type", "application/json")], "{}").map(|c| shown(&c.request)).expect_err(url);
    assert!(error.code() == code && error.to_string().contains(words), "{method} {url}: {error}");
}

#[test]
fn paths_are_resources() {
    get("", "ServiceDocument");
    get("$metadata", "Metadata(Xml)");
    get("$metadata?$format=json", "Metadata(Json)");
    get("contacts", "read contact");
    get("contacts/", "read contact");
    get("contacts/$count", "count contact");
    get("contacts(*)", "one contact");
    get("contacts('*')", "one contact");
    get("contacts(contactid=*)", "one contact");
    get("contacts%28*%29", "one contact");
    get(&format!("contacts(@k)?@k={GUID}"), "one contact");
    get("contacts(*)/fullname", "property fullname");
    get("contacts(*)/fullname/$value", "property fullname raw");
    get("msemr_observations(*)/_msemr_patient_value", "property msemr_patient");
    get("msemr_observations(*)/msemr_patient?$select=fullname", "follow msemr_patient");
    get("msemr_observations(*)/msemr_code", "follow msemr_code");
    let own = format!("_msemr_patient_value eq guid:{GUID}");
    let children = "contacts(*)/msemr_observation_msemr_patient";
    get(children, &format!("read msemr_observation where {own}"));
    get(&format!("{children}/$count"), &format!("count msemr_observation where {own}"));
    get(
        &format!("{children}?$filter=msemr_count%20eq%201"),
        &format!("read msemr_observation where ({own} and msemr_count eq 1)"),
    );
}

/// A request whose rows are all there, in a few words, and what had to be looked up for it.
fn looked_up(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Result<(String, Vec<Named>)> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (path, query) = (path.replace('*', GUID), query.replace('*', GUID));
    let mut found: Vec<(Named, Option<Uuid>)> = Vec::new();
    loop {
        let headers = Headers(headers);
        let (body, path, query) = (body.as_bytes(), path.as_str(), query.as_str());
        let message = Message { method, path, query, headers, body, base: BASE, user_view: None, found: &found };
        match read(&message, &sample::catalog(), &Limits::default(), sample::now())? {
            Reading::Whole(call) => {
                let references = if call.references { " addresses" } else { "" };
                return Ok((shown(&call.request) + references, found.into_iter().map(|(named, _)| named).collect()));
            }
            Reading::Wants(wanted) => {
                let key = Some(GUID.parse().unwrap());
                found.extend(wanted.into_iter().map(|named| (named, key)));
            }
        }
    }
}

#[test]
fn a_path_leads_from_row_to_row() {
    let check = |method: &str, url: &str, expected: &str, steps: usize| {
        let (request, looked) = looked_up(method, url, &[("Content-Type", "application/json")], "{}").expect(url);
        assert_eq!((request.as_str(), looked.len()), (expected, steps), "{method} {url}: {looked:?}");
    };
    let children = "contacts(*)/msemr_observation_msemr_patient";
    check("GET", &format!("{children}(*)"), "one msemr_observation", 1);
    check("GET", &format!("{children}(*)/msemr_name/$value"), "property msemr_name raw", 1);
    check("PATCH", &format!("{children}(*)"), "upsert msemr_observation with 0", 1);
    check("DELETE", &format!("{children}(*)"), "delete msemr_observation with 0", 1);
    check("GET", "msemr_observations(*)/msemr_patient/fullname", "property fullname", 1);
    check(
        "GET",
        "msemr_observations(*)/msemr_patient/msemr_observation_msemr_patient(*)/msemr_name",
        "property msemr_name",
        2,
    );
    let own = format!("_msemr_patient_value eq guid:{GUID}");
    let addresses = format!("read msemr_observation select msemr_observationid where {own} addresses");
    check("GET", &format!("{children}/$ref"), &addresses, 0);
    check("GET", "contacts/$ref?$top=2", "read contact select contactid top 2 addresses", 0);
    check("GET", "$entity?$id=contacts(*)&$select=fullname", "one contact select fullname", 0);
    check("GET", &format!("$entity?$id={BASE}contacts(*)"), "one contact", 0);
    let text = [("Content-Type", "text/plain")];
    for (column, body, is_taken) in [
        ("fullname", "O'Brien \"x", true),
        ("active", "true", true),
        ("active", "\"true\"", false),
        ("gendercode", "2", true),
        ("birthdate", "1970-01-01", true),
        ("birthdate", "tomorrow", false),
    ] {
        let url = format!("contacts(*)/{column}/$value");
        let written = looked_up("PUT", &url, &text, body).map(|(request, _)| request);
        assert_eq!(written.is_ok(), is_taken, "{url} {body}: {written:?}");
        assert!(written.is_err() || written.as_deref() == Ok("update contact with 1"), "{written:?}");
    }
    let null = looked_up("DELETE", "contacts(*)/fullname/$value", &[], "").unwrap();
    assert_eq!(null.0, "update contact with 1");

    let long = format!("msemr_observations(*)/{}fullname", "msemr_patient/".repeat(9));
    let url = long.as_str();
    let refused = |url: &str| looked_up("GET", url, &[], "").map(|(request, _)| request).expect_err(url);
    assert!(refused(url).to_string().contains("`expand_depth`"), "{:?}", refused(url));
    for (url, code) in [
        ("$entity", Code::BadOption),
        ("$entity?$id=http://elsewhere/contacts(*)", Code::BadOption),
        ("$entity?$id=contacts", Code::BadOption),
        ("contacts?$id=contacts(*)", Code::BadOption),
        ("contacts/$ref?$select=fullname", Code::BadOption),
        ("msemr_observations(*)/msemr_patient(*)", Code::BadUrl),
        ("msemr_observations(*)/msemr_patient/nothing", Code::UnknownColumn),
        ("contacts(*)/msemr_observation_msemr_patient(x)", Code::BadKey),
    ] {
        assert_eq!(refused(url).code(), code, "{url}: {:?}", refused(url));
    }
    // Which row of those that point here is to leave is known; its lookup has to lead somewhere.
    let rows = "msemr_observations(*)";
    for url in [format!("({})", "*"), format!("?$id={rows}"), format!("?$id=/{rows}"), format!("?$id={BASE}{rows}")] {
        let (row, id) = url.split_once('?').unwrap_or((&url, ""));
        let url = format!("{children}{row}/$ref?{id}");
        let error = looked_up("DELETE", &url, &[], "").expect_err(&url);
        assert_eq!(error.code(), Code::RequiredColumn, "{url}: {error}");
    }
}

#[test]
fn options_make_the_query() {
    get("contacts?$select=birthdate,fullname", "read contact select fullname,birthdate");
    get("contacts?$select=*", "read contact");
    get(
        "contacts?$filter=fullname+eq+'a%26b'&$top=5&$skip=2&$count=true",
        "read contact where fullname eq 'a&b' top 5 skip 2 count",
    );
    get("contacts?$orderby=birthdate desc,fullname", "read contact by birthdate desc by fullname");
    get(
        "msemr_observations?$orderby=msemr_patient/fullname desc,msemr_name",
        "read msemr_observation by joined:0 desc by msemr_name",
    );
    get("contacts?$orderby=msemr_observation_msemr_patient/$count", "read contact by joined:0");
    get("contacts?$search=x OR \"y z\"", "read contact where (Contains(fullname,'x') or Contains(fullname,'y z'))");
    get(
        "contacts?$search=NOT x&$filter=active",
        "read contact where (active and (not (fullname ne null and Contains(fullname,'x'))))",
    );
    get("contacts/$count?$search=x", "count contact where Contains(fullname,'x')");
    // Words and phrases are no literals: of numbers, quotes and backslashes nothing is asked but that they are there.
    for text in ["o'brien", "1a", "\"d\\e\"", "\"c\\\"", "\"\\\" x", "-1"] {
        let nested =
            ask("GET", &format!("contacts?$expand=msemr_observation_msemr_patient($search={text};$top=1)"), &[], "");
        let alone = ask("GET", &format!("msemr_observations?$search={text}"), &[], "");
        assert!(nested.is_ok() && alone.is_ok(), "{text}: {nested:?} {alone:?}");
    }
    get(
        "contacts?$expand=msemr_observation_msemr_patient($search=x NOT y;$top=1)",
        "read contact expand msemr_observation_msemr_patient",
    );
    get("contacts?top=5&FILTER=active", "read contact where active top 5");
    get("contacts?$filter=fullname eq @n&@n='x'", "read contact where fullname eq 'x'");
    get("contacts?custom=1&other", "read contact");
    get(
        "msemr_observations?$select=msemr_name,msemr_patient,msemr_code&$expand=msemr_patient($select=fullname),msemr_code",
        "read msemr_observation select msemr_name expand msemr_patient expand msemr_code",
    );
    get(
        "msemr_observations?$select=msemr_patient&$expand=msemr_patient",
        "read msemr_observation select  expand msemr_patient",
    );
    get(
        "msemr_observations?$expand=msemr_patient($select=fullname),msemr_code",
        "read msemr_observation expand msemr_patient expand msemr_code",
    );
    get(
        "contacts?$expand=msemr_observation_msemr_patient($select=msemr_name;$filter=msemr_count gt 1;$orderby=msemr_name;$top=3)",
        "read contact expand msemr_observation_msemr_patient",
    );
    let many = "msemr_observation_msemr_patient";
    get(
        &format!("contacts?$expand={many}($expand=msemr_patient($expand={many}/$count;$select=fullname),msemr_code)"),
        &format!("read contact expand {many} [expand msemr_patient [expand {many}/$count] expand msemr_code]"),
    );
    get(
        &format!("contacts?$expand={many}/$ref($filter=msemr_count gt @n;$top=2)&@n=5"),
        &format!("read contact expand {many}/$ref"),
    );
    get(
        &format!("contacts?$expand={many}(@n=5;$filter=msemr_count gt @n;$expand=msemr_patient)"),
        &format!("read contact expand {many} [expand msemr_patient]"),
    );
    get("msemr_observations?$expand=*", "read msemr_observation expand msemr_patient expand msemr_code");
    get("msemr_observations?$expand=*/$ref", "read msemr_observation expand msemr_patient/$ref");
    get(
        "msemr_observations?$expand=*,msemr_patient/$ref",
        "read msemr_observation expand msemr_patient/$ref expand msemr_code",
    );
    let call =
        ask("GET", "contacts?$skiptoken=a%2Bb", &[("Prefer", "odata.maxpagesize=7, return=minimal")], "").unwrap();
    let Request::Read { query, .. } = call.request else { panic!("a read") };
    assert_eq!((query.skip_token.as_deref(), query.max_page_size), (Some("a+b"), Some(7)));
    assert!(ask("GET", "contacts?$explain=true", &[], "").unwrap().preferences.explain);
}

#[test]
fn what_is_wrong_is_refused() {
    use Code::*;
    refused("GET", "contcats", UnknownTable, "did you mean `contacts`?");
    refused("GET", "contacts(5)", BadKey, "contacts(00000000-");
    refused("GET", "contacts()", BadKey, "empty");
    refused("GET", "contacts(nothing='x')", BadKey, "does not exist");
    refused("GET", "contacts(*", BadUrl, "not closed");
    refused("GET", "contacts/*", BadUrl, "in parentheses");
    refused("GET", "contacts//x", BadUrl, "empty segment");
    refused("GET", "contacts(*)/fullnam", UnknownColumn, "did you mean `fullname`?");
    refused("GET", "contacts?$filtr=x", BadOption, "did you mean `$filter`?");
    refused("GET", "contacts?$top=1&top=2", BadOption, "twice");
    refused("GET", "contacts?@a=1&@a=2", BadOption, "twice");
    refused("GET", "contacts?$top=-1", BadOption, "$top");
    refused("GET", "contacts?$count=yes", BadOption, "true or false");
    refused("GET", "contacts?$select=nothing", UnknownColumn, "`nothing`, at position 0");
    refused("GET", "contacts?$select=", BadOption, "a name is expected");
    refused("GET", "msemr_observations?$select=msemr_patient", UnknownColumn, "`_msemr_patient_value`");
    refused(
        "GET",
        "msemr_observations?$select=msemr_patient&$expand=msemr_code",
        UnknownColumn,
        "`_msemr_patient_value`",
    );
    refused("GET", "msemr_observations?$expand=_msemr_patient_value", UnknownRelation, "did you mean `msemr_patient`?");
    refused("GET", "msemr_observations?$expand=msemr_device", UnknownRelation, "not served here");
    refused("GET", "msemr_observations?$expand=msemr_patient,msemr_patient", BadOption, "twice");
    refused("GET", "msemr_observations?$expand=msemr_code($select=x)", BadOption, "has no `x`");
    refused("GET", "contacts?$search=x \"y", BadOption, "no closing quote at position 4");
    let nested = "contacts?$expand=msemr_observation_msemr_patient($search=x \"y\"z)";
    refused("GET", nested, BadOption, "at position 45");
    refused("GET", "msemr_observations?$expand=msemr_patient/$count", BadOption, "is not counted at position 0");
    refused("GET", "contacts?$expand=msemr_observation_msemr_patient($levels=2)", BadOption, "another table");
    refused("GET", "contacts?$expand=msemr_observation_msemr_patient(@a=1;@a=2)", BadOption, "`@a` is given twice");
    let two = |inside: &str| format!("msemr_observation_msemr_patient($expand=msemr_patient{inside})");
    let four = format!("contacts?$expand={}", two(&format!("($expand={})", two(""))));
    refused("GET", &four, BadOption, "`expand_depth`) at position 102");
    refused("GET", "contacts(*)?$filter=active", BadOption, "no meaning for one row");
    refused("GET", "contacts(*)?fetchXml=x", BadOption, "`fetchXml` has no meaning for one row");
    refused("GET", "contacts?FETCHXML=x&$top=1", BadOption, "`$top` has no meaning for a FetchXML");
    refused("GET", "contacts/$count?fetchxml=x", BadOption, "`fetchXml` has no meaning");
    refused("POST", "contacts?fetchXml=x", BadOption, "`fetchXml` has no meaning for a write");
    refused("GET", "contacts?fetchXml=x&fetchXml=y", BadOption, "given twice");
    refused("GET", "contacts?fetchXml=%3Cfetch%3E", BadOption, "not closed");
    refused("GET", "contacts(*)?savedQuery=x", BadOption, "`savedQuery` has no meaning for one row");
    refused("GET", "contacts?savedQuery=x", NotFound, "no view of this id");
    refused("GET", "contacts/$count?$top=5", BadOption, "no meaning");
    refused("GET", "contacts?$filter=%FF", BadUrl, "UTF-8");
    refused("DELETE", "contacts", MethodNotAllowed, "GET, POST");
    refused("POST", "contacts(*)", MethodNotAllowed, "PATCH, PUT");
    refused("POST", "$metadata", MethodNotAllowed, "GET");
    let long = format!("contacts?x={}", "a".repeat(40_000));
    refused("GET", &long, UrlTooLong, "url_bytes");
}

#[test]
fn what_we_lack_is_refused_by_name() {
    for (method, url, name) in [
        ("POST", "$batch", "`$batch`"),
        ("GET", "$crossjoin(contacts)", "`$crossjoin`"),
        ("GET", "$all", "`$all`"),
        ("GET", "contacts?$apply=topsum(2,length(fullname))", "`topsum`"),
        ("GET", "contacts/$count?$apply=aggregate($count as n)", "`$apply` beside `/$count`"),
        ("GET", "contacts?$search='x", "not finished"),
        ("GET", "contacts?$index=x", "`$index`"),
        ("GET", "contacts?sql=x", "`sql`"),
        ("GET", "?sql=x", "`sql`"),
        ("GET", "contacts?partitionId=x", "`partitionId`"),
        ("POST", "contacts?tag=x", "`tag`"),
        ("GET", "contacts(fullname='x')", "no alternate key of `fullname`"),
        ("GET", "contacts(fullname='x',active=true)", "no alternate key of `fullname` and `active`"),
        ("GET", "contacts/Microsoft.Dynamics.CRM.Do()", "Microsoft.Dynamics.CRM.Do"),
        (
            "GET",
            "RetrieveTotalRecordCount(EntityNames=@p1)?@p1=['contact']",
            "`RetrieveTotalRecordCount` is not supported",
        ),
        ("GET", "RetrieveUserQueues()", "`RetrieveUserQueues`"),
        ("POST", "Merge", "`Merge`"),
        ("POST", "Microsoft.Dynamics.CRM.GrantAccess", "`GrantAccess`"),
        ("DELETE", "contacts(*)/msemr_observation_msemr_patient/$ref", "to take all rows away"),
        ("GET", "msemr_codeableconcepts", "concepts by themselves"),
        ("GET", "contacts?$expand=msemr_observation_msemr_patient($levels=max)", "`$levels=max`"),
        ("GET", "contacts?$expand=msemr_observation_msemr_patient/fullname", "/fullname`"),
        ("GET", "contacts?$expand=*($levels=2)", "an option for all navigation properties"),
        ("GET", "msemr_observations?$expand=msemr_code/$ref", "`msemr_code/$ref`"),
        ("GET", "msemr_observations?$expand=msemr_patient($filter=active)", "`$filter` here"),
        ("GET", "contacts?$expand=msemr_observation_msemr_patient/$count($top=1)", "`$top` here"),
        ("GET", "contacts?$select=a/b", "a path in `$select`"),
    ] {
        refused(method, url, Code::NotSupported, name);
    }
}

#[test]
fn writes() {
    let json = ("Content-Type", "application/json; charset=utf-8");
    let check = |method: &str, url: &str, headers: &[(&str, &str)], body: &str, expected: &str| {
        let found = ask(method, url, headers, body).map(|c| shown(&c.request)).map_err(|e| format!("{:?}", e.code()));
        assert_eq!(found.unwrap_or_else(|code| code), expected, "{method} {url} {headers:?}");
    };
    check("POST", "contacts", &[json], r#"{"fullname":"x"}"#, "create contact with 1");
    check("PATCH", "contacts(*)", &[json], r#"{"fullname":"x"}"#, "upsert contact with 1");
    check("PATCH", "contacts(*)", &[json, ("If-Match", "*")], "{}", "update contact with 0");
    check("PATCH", "contacts(*)", &[json, ("If-None-Match", "*")], "{}", "upsert contact with 0");
    check("PUT", "contacts(*)", &[json], r#"{"fullname":"x"}"#, "upsert contact anew with 1");
    check("PUT", "contacts(*)", &[json, ("If-Match", "*")], "{}", "update contact anew with 0");
    check("PUT", "msemr_observations(*)", &[json], r#"{"msemr_name":"x"}"#, "RequiredColumn");
    check(
        "PUT",
        "msemr_observations(*)",
        &[json],
        r#"{"msemr_status":935000001}"#,
        "upsert msemr_observation anew with 1",
    );
    check("DELETE", "contacts(*)", &[], "", "delete contact with 0");
    check(
        "POST",
        "contacts(*)/msemr_observation_msemr_patient",
        &[json],
        r#"{"msemr_status":935000001}"#,
        "create msemr_observation with 2",
    );
    check("PUT", "contacts(*)/fullname", &[json], r#"{"value":"x"}"#, "update contact with 1");
    check("PUT", "contacts(*)/fullname", &[json], r#"{"fullname":"x"}"#, "BadRequest");
    check("PUT", "contacts(*)/contactid", &[json], r#"{"value":"x"}"#, "BadValue");
    check("DELETE", "contacts(*)/fullname", &[], "", "update contact with 1");
    let bound = format!(r#"{{"@odata.id":"contacts({GUID})"}}"#);
    check("PUT", "msemr_observations(*)/msemr_patient/$ref", &[json], &bound, "update msemr_observation with 1");
    check("DELETE", "msemr_observations(*)/msemr_patient/$ref", &[], "", "RequiredColumn");
    check("POST", "msemr_observations(*)/msemr_patient/$ref", &[json], &bound, "MethodNotAllowed");
    let child = format!(r#"{{"@odata.id":"msemr_observations({GUID})"}}"#);
    let children = "contacts(*)/msemr_observation_msemr_patient/$ref";
    check("POST", children, &[json], &child, "update msemr_observation with 1");
    check("POST", children, &[json], &bound, "BadValue");
    let multiple = |action: &str, targets: &str, expected: &str| {
        let found = ask("POST", &format!("contacts/{action}"), &[json], targets).map(|call| match call.request {
            Request::Multiple { changes, shows, .. } => {
                let operations = changes.iter().map(|change| format!("{:?}", change.operation));
                let operations: Vec<_> =
                    operations.map(|o| o.split(' ').next().unwrap_or_default().to_owned()).collect();
                format!("{} {shows}", operations.join(","))
            }
            other => format!("{other:?}"),
        });
        assert_eq!(found.unwrap_or_else(|error| format!("{:?}", error.code())), expected, "{action} {targets}");
    };
    multiple(
        "Microsoft.Dynamics.CRM.CreateMultiple",
        r##"{"Targets":[{"fullname":"x","@odata.type":"#Microsoft.Dynamics.CRM.contact"},{}]}"##,
        "Create,Create true",
    );
    multiple("CreateMultiple", r#"{"Targets":[]}"#, " true");
    multiple("UpdateMultiple", &format!(r#"{{"Targets":[{{"contactid":"{GUID}","fullname":"x"}}]}}"#), "Update false");
    multiple(
        "UpsertMultiple",
        &format!(r#"{{"Targets":[{{"@odata.id":"contacts({GUID})","fullname":"x"}}]}}"#),
        "Upsert false",
    );
    multiple("UpdateMultiple", r#"{"Targets":[{"fullname":"x"}]}"#, "BadKey");
    multiple("UpdateMultiple", &format!(r#"{{"Targets":[{{"@odata.id":"accounts({GUID})"}}]}}"#), "BadValue");
    multiple("CreateMultiple", r#"{"Targets":{}}"#, "BadValue");
    multiple("CreateMultiple", r#"{"Rows":[]}"#, "BadRequest");
    check("POST", "contacts", &[], "{}", "UnsupportedMediaType");
    check("POST", "contacts", &[("Content-Type", "text/plain")], "{}", "UnsupportedMediaType");
    check("POST", "contacts", &[json], "{", "BadJson");
    check("POST", "contacts", &[json, ("If-Match", "*")], "{}", "BadRequest");
    check("POST", "contacts", &[json], &format!("{{\"x\":\"{}\"}}", "a".repeat(5 << 20)), "BodyTooLarge");
    check("POST", "msind_UpsertBundle", &[json], r#"{"Bundle":{}}"#, "UpsertBundle { bundle: \"{}\", action: false }");
    check(
        "POST",
        "msind_UpsertBundle",
        &[json],
        r#"{"msind_JSON":"{}","msind_BundleTag":"t"}"#,
        "UpsertBundle { bundle: \"{}\", action: true }",
    );
    let query = r#"{"msind_FHIRQuery":"Patient/p1?_elements=name,id"}"#;
    let expected = "RetrieveBundle { resource_type: \"Patient\", id: \"p1\", elements: [\"name\", \"id\"] }";
    check("POST", "msind_RetrieveBundle", &[json], query, expected);
    check("GET", "contacts", &[("Accept", "text/html")], "", "NotAcceptable");
    check("GET", "contacts", &[("OData-MaxVersion", "3.0")], "", "BadRequest");
    let known = ask("GET", "contacts(*)", &[("If-None-Match", "W/\"3\"")], "").unwrap();
    assert!(matches!(known.request, Request::ReadOne { known, .. } if known == ["3"]));
    let expanded = [("If-None-Match", "W/\"3\""), ("Prefer", "odata.include-annotations=\"*\"")];
    let known = ask("GET", "contacts(*)", &expanded, "").unwrap();
    assert!(matches!(known.request, Request::ReadOne { known, .. } if known.is_empty()));
}
