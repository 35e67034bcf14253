//! Delta links: a list and the changes told of it since are, put together, the list as it is; whatever is written, and
//! whenever, between the pages of the list as well.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use turntable::store::facade::Store;
use turntable_tests::{Answer, EVENTS, Fhir, PATIENT, PEOPLE, Server, builtin, digest, encode, with_text};

/// Rounds of the random test, and what is done in each.
const ROUNDS: usize = 24;
const STEPS: u64 = 22;

/// Lists that are tracked: of a root table, of child tables, with conditions and without, of rows that point to another.
fn lists() -> Vec<String> {
    let filter = |set: &str, filter: &str| format!("{set}?$filter={}", encode(filter));
    vec![
        "contacts?$select=lastname,statecode,_msemr_managingorganization_value".to_owned(),
        filter("contacts", "contains(lastname,'a') and statecode eq 0"),
        // Not of the database: checked row by row.
        filter("contacts", "length(lastname) gt 4"),
        "tt_contacttelecoms".to_owned(),
        filter("tt_contacttelecoms", "tt_use eq 935000000"),
        "contacts?$search=a".to_owned(),
        format!("contacts({PATIENT})/{}", "tt_contacttelecom_tt_contact"),
    ]
}

/// What an app keeps of a list.
pub(super) struct Client {
    pub(super) list: String,
    pub(super) rows: BTreeMap<String, Value>,
    /// Where to go on.
    pub(super) link: Option<String>,
    /// The list is whole: what comes are changes.
    pub(super) is_whole: bool,
    pub(super) begun_anew: usize,
    /// Rows that were told to be deleted, and to be changed.
    pub(super) gone: [usize; 2],
}

impl Client {
    pub(super) fn new(list: String) -> Self {
        Self { list, rows: BTreeMap::new(), link: None, is_whole: false, begun_anew: 0, gone: [0; 2] }
    }

    /// Takes one page. True: there is no more for now.
    pub(super) async fn step(&mut self, server: &Server, size: u64) -> bool {
        let prefer = format!("odata.maxpagesize={size}, odata.track-changes");
        let is_first = self.link.is_none();
        let path = self.link.clone().unwrap_or_else(|| self.list.clone());
        let answer = server.call(Method::GET, &path).header("prefer", &prefer).send().await;
        if answer.status == 410 {
            assert!(!is_first, "{}", answer.text);
            let expected = if self.is_whole { "DeltaTokenExpired" } else { "PageTokenExpired" };
            assert_eq!(answer.error_code(), expected, "{}", answer.text);
            *self = Self { begun_anew: self.begun_anew + 1, gone: self.gone, ..Self::new(self.list.clone()) };
            return false;
        }
        let answer = answer.expect(200);
        if is_first {
            assert!(answer.header("preference-applied").contains("track-changes"));
        }
        let page = answer.json();
        let context = page["@odata.context"].as_str().expect("a context");
        assert_eq!(context.ends_with("/$delta"), self.is_whole, "{context}");
        for row in page["value"].as_array().expect("rows") {
            self.take(row);
        }
        let link = |name: &str| page[name].as_str().map(str::to_owned);
        let (next, delta) = (link("@odata.nextLink"), link("@odata.deltaLink"));
        assert!(next.is_some() != delta.is_some(), "{}: one of the two: {page}", self.list);
        self.is_whole |= delta.is_some();
        let is_done = delta.is_some();
        self.link = next.or(delta);
        is_done
    }

    fn take(&mut self, row: &Value) {
        if let Some(reason) = row["reason"].as_str() {
            assert!(self.is_whole && ["deleted", "changed"].contains(&reason), "{row}");
            assert!(row["@odata.context"].as_str().is_some_and(|c| c.ends_with("/$deletedEntity")), "{row}");
            self.gone[usize::from(reason == "changed")] += 1;
            self.rows.remove(row["id"].as_str().expect("a key"));
        } else {
            self.rows.insert(key_of(row), row.clone());
        }
    }

    pub(super) async fn drain(&mut self, server: &Server, size: u64) {
        let mut pages = 0;
        // The first delta link ends the list; the changes come after it.
        let mut was_whole = self.is_whole;
        while !self.step(server, size).await || !was_whole {
            was_whole = self.is_whole;
            pages += 1;
            assert!(pages < 2_000, "{} has no end", self.list);
        }
    }
}

pub(super) fn key_of(row: &Value) -> String {
    let key = ["contactid", "tt_contacttelecomid"].iter().find_map(|name| row[*name].as_str());
    key.unwrap_or_else(|| panic!("a key: {row}")).to_owned()
}

pub(super) async fn anew(server: &Server, list: &str) -> BTreeMap<String, Value> {
    let mut rows = BTreeMap::new();
    let mut link = Some(list.to_owned());
    while let Some(path) = link.take() {
        let page = server.get(&path, &[]).await.expect(200).json();
        rows.extend(page["value"].as_array().expect("rows").iter().map(|row| (key_of(row), row.clone())));
        link = page["@odata.nextLink"].as_str().map(str::to_owned);
    }
    rows
}

pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    pub(super) fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len() as u64) as usize]
    }
}

pub(super) const NAMES: [&str; 6] = ["Ada", "Bob", "Grace", "Li", "Zoë", "Abel"];

/// A resource with elements of which some are alike, and some go and come.
fn person(random: &mut Random) -> Value {
    let id = format!("p-{}", random.below(12));
    let resource_type = random.one(&["Patient", "Practitioner"]);
    let count = random.below(4);
    let mut telecom = |_| {
        let (number, home) = (random.below(3), random.one(&["home", "work"]));
        json!({ "system": "phone", "value": format!("{number}"), "use": home })
    };
    let telecom: Vec<_> = (0..count).map(&mut telecom).collect();
    let family = random.one(&NAMES);
    json!({ "resourceType": resource_type, "id": id, "name": [{ "family": family }], "telecom": telecom })
}

/// Something is written. What is refused has changed nothing, and that is checked as well.
async fn write(server: &Server, random: &mut Random) {
    let rows = server.get("contacts?$select=contactid", &[]).await.expect(200).rows();
    let telecoms = server.get("tt_contacttelecoms?$select=tt_contacttelecomid", &[]).await.expect(200).rows();
    let pick = |random: &mut Random, rows: &[Value]| {
        let at = random.below(rows.len().max(1) as u64) as usize;
        rows.get(at).map(key_of)
    };
    let (contact, telecom) = (pick(random, &rows), pick(random, &telecoms));
    let answer: Option<Answer> = match (random.below(20), contact, telecom) {
        (0..=1, ..) => {
            let row = json!({ "msemr_contacttype": 935000000, "lastname": random.one(&NAMES) });
            Some(server.post("contacts", &row).await.expect(201))
        }
        (2..=4, Some(key), _) => {
            let row = json!({ "lastname": random.one(&NAMES), "statecode": random.below(2) });
            Some(server.patch(&format!("contacts({key})"), &row).await)
        }
        (5..=6, Some(key), _) if key != PATIENT => Some(server.delete(&format!("contacts({key})")).await),
        (7..=8, Some(key), _) => {
            let row = json!({ "tt_value": "7", "tt_system": 935000000, "tt_use": 935000000 + random.below(2) });
            Some(server.post(&format!("contacts({key})/tt_contacttelecom_tt_contact"), &row).await)
        }
        (9..=10, _, Some(key)) => {
            let row = json!({ "tt_use": 935000000 + random.below(2) });
            Some(server.patch(&format!("tt_contacttelecoms({key})"), &row).await)
        }
        (11..=12, _, Some(key)) => Some(server.delete(&format!("tt_contacttelecoms({key})")).await),
        _ => {
            let entry = |_| {
                let resource = person(random);
                let of = |name: &str| resource[name].as_str().expect("a text").to_owned();
                let url = format!("{}/{}", of("resourceType"), of("id"));
                match random.below(6) {
                    0 => json!({ "request": { "method": "DELETE", "url": url } }),
                    _ => json!({ "resource": resource, "request": { "method": "PUT", "url": url } }),
                }
            };
            let mut entry = entry;
            let entries: Vec<_> = (0..3).map(&mut entry).collect();
            let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
            Some(server.ingest(&bundle.to_string(), None).await.expect(200))
        }
    };
    if let Some(answer) = answer {
        assert!(answer.status < 500, "{}", answer.text);
    }
}

/// The one that decides: at random, and between all pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_and_its_changes_are_the_list_as_it_is() {
    // Some pages have fewer rows than are asked for, as these have more bytes.
    let server = Server::setup().limits(|limits| limits.page_bytes = 400).start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let second = with_text("contact", "Row state", "Row stat2");
    server.load(&second).await.expect(201);
    let versions = [digest(builtin("contact")), digest(&second)];
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut clients: Vec<_> = lists().into_iter().map(Client::new).collect();
    for round in 0..ROUNDS {
        for step in 0..STEPS {
            // Another version of the mapping, or the one before: with rows that were written meanwhile by neither.
            if step == STEPS / 2 && round % 6 == 3 {
                server.activate("contact", &versions[1]).await.expect(200);
            } else if step == STEPS / 2 && round % 6 == 5 {
                server.rollback("contact").await.expect(200);
            } else if random.below(3) > 0 {
                write(&server, &mut random).await;
            } else {
                let (client, size) = (random.below(clients.len() as u64) as usize, 1 + random.below(5));
                clients[client].step(&server, size).await;
            }
        }
        for client in &mut clients {
            client.drain(&server, 1 + random.below(6)).await;
            let list = anew(&server, &client.list).await;
            assert_eq!(client.rows, list, "round {round}: {}", client.list);
        }
    }
    for client in &clients {
        assert!(client.begun_anew >= 4, "{}: another version in force ends every link", client.list);
        assert!(client.is_whole && (client.gone[0] > 0 || client.list.contains(PATIENT)), "{}", client.list);
        let has_condition = ["$filter", "$search", PATIENT].iter().any(|part| client.list.contains(part));
        assert_eq!(client.gone[1] > 0, has_condition, "{}", client.list);
    }
}

/// A page after the other of rows that hold still would never show it.
#[tokio::test]
async fn a_row_that_stays_is_in_the_list_whatever_goes_before_it() {
    let server = Server::setup().start().await;
    for n in 0..6 {
        let row = json!({ "msemr_contacttype": 935000000, "lastname": format!("Row {n}") });
        server.post("contacts", &row).await.expect(201);
    }
    let mut client = Client::new("contacts".to_owned());
    assert!(!client.step(&server, 2).await);
    let given: Vec<_> = client.rows.keys().cloned().collect();
    for key in &given {
        server.delete(&format!("contacts({key})")).await.expect(204);
    }
    client.drain(&server, 2).await;
    assert_eq!(client.rows, anew(&server, "contacts").await);
    assert_eq!(client.rows.len(), 4);
}

pub(super) async fn tracked(server: &Server, list: &str) -> String {
    let answer = server.call(Method::GET, list).header("prefer", "odata.track-changes").send().await.expect(200);
    answer.json()["@odata.deltaLink"].as_str().unwrap_or_else(|| panic!("a delta link: {}", answer.text)).to_owned()
}

/// The form that Dataverse gives.
#[tokio::test]
async fn changes_are_told_as_dataverse_tells_them() {
    let server = Server::setup().start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let made = server.post("contacts", &json!({ "msemr_contacttype": 935000000, "lastname": "Gone" })).await;
    let gone = made.expect(201).json()["contactid"].as_str().expect("a key").to_owned();
    let link = tracked(&server, "contacts?$select=lastname").await;
    assert!(link.contains("$select=lastname&$deltatoken="), "{link}");
    let nothing = server.get(&link, &[]).await.expect(200).json();
    assert_eq!(nothing["value"], json!([]));
    server.patch(&format!("contacts({PATIENT})"), &json!({ "lastname": "Changed" })).await.expect(204);
    server.delete(&format!("contacts({gone})")).await.expect(204);
    let changes = server.get(&link, &[]).await.expect(200).json();
    let root = format!("{}/$metadata", server.api());
    assert_eq!(changes["@odata.context"], format!("{root}#contacts(lastname)/$delta"));
    let rows = changes["value"].as_array().expect("rows");
    assert_eq!(rows.len(), 2, "{changes}");
    assert_eq!((&rows[0]["contactid"], &rows[0]["lastname"]), (&json!(PATIENT), &json!("Changed")));
    let expected =
        json!({ "@odata.context": format!("{root}#contacts/$deletedEntity"), "id": gone, "reason": "deleted" });
    assert_eq!(rows[1], expected);
    // As often as one likes, and from there on.
    assert_eq!(server.get(&link, &[]).await.json()["value"], changes["value"]);
    let later = changes["@odata.deltaLink"].as_str().expect("a link");
    assert_eq!(server.get(later, &[]).await.json()["value"], json!([]));

    // A row that meets the condition no more.
    let link = tracked(&server, &format!("contacts?$filter={}", encode("lastname eq 'Changed'"))).await;
    server.patch(&format!("contacts({PATIENT})"), &json!({ "lastname": "Other" })).await.expect(204);
    let changes = server.get(&link, &[]).await.expect(200).json();
    assert_eq!(changes["value"][0]["reason"], "changed", "{changes}");

    // By a second name, in a batch, and where dates are moments.
    let link = tracked(&server, "msemr_ve_encounters?$select=msemr_name").await;
    let changes = server.get(&link, &[]).await.expect(200).json();
    assert!(changes["@odata.context"].as_str().is_some_and(|c| c.contains("#msemr_ve_encounters(")), "{changes}");
    let described = server.get("EntityDefinitions(LogicalName='contact')?$select=ChangeTrackingEnabled", &[]).await;
    assert_eq!(described.expect(200).json()["ChangeTrackingEnabled"], true);
}

#[tokio::test]
async fn what_cannot_be_tracked_is_refused_by_name() {
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().set_faults("no-history".parse().expect("a fault"));
    let server = Server::with(&fhir).route("msemr_observation", "virtual").start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let filter = |text: &str| format!("contacts?$filter={}", encode(text));
    for (list, named) in [
        ("contacts?$orderby=lastname".to_owned(), "$orderby"),
        ("contacts?$top=3".to_owned(), "$top"),
        ("contacts?$skip=3".to_owned(), "$skip"),
        ("contacts?$count=true".to_owned(), "$count"),
        ("contacts?$expand=msemr_managingorganization".to_owned(), "$expand"),
        (format!("contacts?$apply={}", encode("aggregate($count as n)")), "$apply"),
        (filter("msemr_managingorganization/name eq 'a'"), "related"),
        (filter("length(msemr_managingorganization/name) gt 1"), "related"),
        (filter("tt_contacttelecom_tt_contact/any(x:x/tt_value eq '1')"), "related"),
        (filter("birthdate lt now()"), "time"),
        (filter("Microsoft.Dynamics.CRM.Last7Days(PropertyName='birthdate')"), "time"),
        ("msemr_observations".to_owned(), "`history-type` of Observation"),
        ("contacts?$format=csv".to_owned(), "csv"),
    ] {
        let answer = server.call(Method::GET, &list).header("prefer", "odata.track-changes").send().await;
        assert_eq!((answer.status, &*answer.error_code()), (501, "NotSupported"), "{list}: {}", answer.text);
        assert!(answer.text.contains(named), "{list}: {}", answer.text);
        if !list.starts_with("msemr_observations") {
            let plain = server.get(&list, &[]).await;
            assert!(plain.status == 200 && !plain.text.contains("deltaLink"), "{list}: {}", plain.text);
        }
    }
    let link = tracked(&server, "contacts").await;
    let token = link.split("deltatoken=").nth(1).expect("a token");
    for (path, code) in [
        (format!("contacts?$select=lastname&$deltatoken={token}"), "DeltaTokenInvalid"),
        ("contacts?$deltatoken=abc".to_owned(), "DeltaTokenInvalid"),
        (format!("contacts?$skiptoken={token}"), "PageTokenInvalid"),
        (format!("contacts?$deltatoken={token}&$orderby=lastname"), "BadOption"),
        (format!("contacts/$count?$deltatoken={token}"), "BadOption"),
        (format!("contacts({PATIENT})?$deltatoken={token}"), "BadOption"),
        (format!("contacts?$deltatoken={token}&$explain=true"), "NotSupported"),
    ] {
        let answer = server.get(&path, &[]).await;
        assert_eq!(answer.error_code(), code, "{path}: {}", answer.text);
    }
    let metadata = server.get("$metadata", &[]).await.expect(200).text;
    let said = |set: &str| {
        let at = metadata.find(&format!("<EntitySet Name=\"{set}\"")).expect("the set");
        let end = metadata[at..].find("</EntitySet>").expect("its end");
        let of_set = &metadata[at..at + end];
        let term = &of_set[of_set.find("ChangeTracking").expect("what is tracked")..];
        term[..100].contains("true")
    };
    assert_eq!((said("contacts"), said("msemr_observations")), (true, false));
}

/// Each time something lies between that the link cannot tell of.
#[tokio::test]
async fn a_link_ends_by_name_where_changes_cannot_be_told() {
    let fhir = Fhir::sandbox().await;
    let (data, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let server = Server::with(&fhir).data_dir(data.path()).limits(|limits| limits.deleted_rows = 8).start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    server.ingest(EVENTS, None).await.expect(200);
    let expired = |answer: &Answer| (answer.status, answer.error_code()) == (410, "DeltaTokenExpired".to_owned());

    // The route is turned.
    let link = tracked(&server, "msemr_encounters").await;
    server.turn("msemr_encounter", "virtual").await.expect(200);
    let answer = server.get(&link, &[]).await;
    assert!(expired(&answer) && answer.text.contains("route"), "{}", answer.text);
    assert!(answer.text.contains("read the list anew"), "{}", answer.text);
    server.turn("msemr_encounter", "native").await.expect(200);
    assert_eq!(server.get(&link, &[]).await.status, 200);

    // More rows are gone than are remembered.
    let link = tracked(&server, "contacts").await;
    let vanish = async || {
        let made = server.post("contacts", &json!({ "msemr_contacttype": 935000000, "lastname": "Short" })).await;
        let key = made.expect(201).json()["contactid"].as_str().expect("a key").to_owned();
        server.delete(&format!("contacts({key})")).await.expect(204);
    };
    for _ in 0..8 {
        vanish().await;
    }
    assert_eq!(server.get(&link, &[]).await.rows().len(), 8, "all that are remembered");
    let later = tracked(&server, "contacts").await;
    vanish().await;
    let answer = server.get(&link, &[]).await;
    assert!(expired(&answer) && answer.text.contains("deleted_rows"), "{}", answer.text);
    assert_eq!(server.get(&later, &[]).await.rows().len(), 1);

    // The store goes on, and a copy of it goes another way; a link of the one says nothing of the other.
    let file = other.path().join("backup.db");
    Store::backup(data.path(), &file).await.expect("a backup");
    let before = tracked(&server, "contacts").await;
    let rename = async |server: &Server, name: &str| {
        server.patch(&format!("contacts({PATIENT})"), &json!({ "lastname": name })).await.expect(204);
    };
    for name in ["One", "Two"] {
        rename(&server, name).await;
    }
    let after = tracked(&server, "contacts").await;
    let (old_root, copy) = (server.api(), other.path().join("data"));
    server.stop().await;
    Store::restore(&copy, &file).await.expect("it is put in its place");
    let server = Server::with(&fhir).data_dir(&copy).start().await;
    let (before, after) = (before.replace(&old_root, &server.api()), after.replace(&old_root, &server.api()));
    assert!(expired(&server.get(&after, &[]).await), "of writes that are not there");
    for name in ["Three", "Four", "Five"] {
        rename(&server, name).await;
        assert!(expired(&server.get(&after, &[]).await), "of other writes of these numbers");
    }
    let told = server.get(&before, &[]).await.expect(200).rows();
    assert_eq!((told.len(), &told[0]["lastname"]), (1, &json!("Five")), "of before the copy was made");
}
