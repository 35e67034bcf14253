use serde_json::Value as Json;
use turntable_fhir_sandbox::Sandbox;

use crate::client::{all_pages, get, ids, link, load, send};

const BASE: &str = "http://here/fhir";

fn people() -> Sandbox {
    let sandbox = Sandbox::new();
    load(
        &sandbox,
        &[
            r#"{"resourceType":"Organization","id":"org","name":"Clinic, the \\ old|new"}"#,
            r#"{"resourceType":"Practitioner","id":"doc","name":[{"family":"House"}],"identifier":[{"system":"urn:npi","value":"99"}]}"#,
            r#"{"resourceType":"Patient","id":"a","gender":"male","birthDate":"1970-01-01","active":true,
            "name":[{"family":"Müller","given":["Ann","Zoë"]}],"address":[{"city":"Zürich","postalCode":"8001"}],
            "identifier":[{"system":"urn:mrn","value":"1"},{"value":"bare"}],
            "telecom":[{"system":"phone","value":"555"},{"system":"email","value":"a@x"}],
            "managingOrganization":{"reference":"Organization/org"},"deceasedBoolean":false}"#,
            r#"{"resourceType":"Patient","id":"b","gender":"female","birthDate":"1970","active":false,
            "name":[{"family":"MULLER"},{"family":"Smith","given":["Bo"]}],"deceasedDateTime":"2020-05",
            "identifier":[{"system":"urn:mrn","value":"2"}],
            "generalPractitioner":[{"reference":"http://here/fhir/Practitioner/doc"}]}"#,
            r#"{"resourceType":"Patient","id":"c","birthDate":"1970-01","name":[{"text":"Smithers, J"}],
            "identifier":[{"system":"urn:other","value":"1"}],"meta":{"tag":[{"system":"urn:t","code":"x"}]},
            "generalPractitioner":[{"reference":"http://there/fhir/Practitioner/doc"}]}"#,
            r#"{"resourceType":"Encounter","id":"e1","status":"finished","class":{"system":"urn:act","code":"AMB"},
            "subject":{"reference":"Patient/a"},"period":{"start":"2020-01-01T10:00:00Z","end":"2020-01-03"}}"#,
            r#"{"resourceType":"Encounter","id":"e2","status":"in-progress","subject":{"reference":"Patient/b"},
            "period":{"start":"2020-01-02"}}"#,
            r#"{"resourceType":"Observation","id":"o1","status":"final","code":{"coding":[{"system":"urn:loinc","code":"w"},{"code":"weight"}]},
            "subject":{"reference":"Patient/a"},"effectiveDateTime":"2020-05","encounter":{"reference":"Encounter/e1"},
            "valueQuantity":{"value":70.2,"unit":"kilo","system":"urn:ucum","code":"kg"}}"#,
            r#"{"resourceType":"Observation","id":"o2","status":"final","code":{"coding":[{"system":"urn:loinc","code":"w"}]},
            "subject":{"reference":"Patient/b"},"effectivePeriod":{"start":"2020-05-01T00:00:00Z"},
            "valueQuantity":{"value":70,"unit":"lb"}}"#,
            r#"{"resourceType":"Observation","id":"o3","status":"amended","code":{"text":"only words"},
            "subject":{"reference":"Group/a"},"effectiveInstant":"2020-05-01T00:00:00.500Z","valueString":"Äpfel"}"#,
            r#"{"resourceType":"RiskAssessment","id":"r1","prediction":[{"probabilityDecimal":0.5}]}"#,
            r#"{"resourceType":"ValueSet","id":"v1","url":"http://x/vs"}"#,
            r#"{"resourceType":"PlanDefinition","id":"pd","relatedArtifact":[{"type":"depends-on","resource":"http://x/lib"},{"type":"successor","resource":"http://x/next"}]}"#,
        ],
    );
    sandbox
}

#[tokio::test]
async fn every_kind_of_criterion_finds_what_it_should() {
    let sandbox = people();
    let table: &[(&str, &str)] = &[
        // token
        ("Patient?gender=male", "a"),
        ("Patient?gender=male,female", "a b"),
        ("Patient?gender=http://hl7.org/fhir/administrative-gender|male", "a"),
        ("Patient?gender=urn:else|male", ""),
        ("Patient?gender:not=male", "b c"),
        ("Patient?gender:missing=true", "c"),
        ("Patient?gender:missing=false", "a b"),
        ("Patient?gender=Male", ""),
        ("Patient?active=true", "a"),
        ("Patient?identifier=urn:mrn|1", "a"),
        ("Patient?identifier=1", "a c"),
        ("Patient?identifier=urn:mrn|", "a b"),
        ("Patient?identifier=|bare", "a"),
        ("Patient?identifier=|1", ""),
        ("Patient?email=a@x", "a"),
        ("Patient?phone=a@x", ""),
        ("Patient?telecom=555", "a"),
        ("Patient?deceased=true", "b"),
        ("Patient?deceased=false", "a c"),
        ("Patient?_tag=urn:t|x", "c"),
        ("Patient?_id=c,a,nobody", "a c"),
        ("Patient?_id=c&gender:missing=true", "c"),
        ("Observation?code=w", "o1 o2"),
        ("Observation?code=|weight", "o1"),
        ("Observation?code:not=weight", "o2 o3"),
        ("Observation?code:missing=true", ""),
        ("Encounter?class=urn:act|AMB", "e1"),
        // string
        ("Patient?family=mull", "a b"),
        ("Patient?family=MÜLL", "a b"),
        ("Patient?family=üller", ""),
        ("Patient?family:contains=ller", "a b"),
        ("Patient?family:exact=MULLER", "b"),
        ("Patient?family:exact=Muller", ""),
        ("Patient?name=smith", "b c"),
        (r"Patient?name=smithers\,", "c"),
        ("Patient?name=zoe&gender=male", "a"),
        ("Patient?name=mull&name=bo", "b"),
        ("Patient?address-city=zur", "a"),
        ("Patient?address=8001", "a"),
        (r"Organization?name=clinic\,%20the%20\\%20old\|new", "org"),
        ("Observation?value-string=apf", "o3"),
        // reference
        ("Observation?patient=Patient/a", "o1"),
        ("Observation?patient=a", "o1"),
        ("Observation?subject=a", "o1 o3"),
        ("Observation?subject:Patient=a", "o1"),
        ("Observation?subject:Group=a", "o3"),
        ("Observation?subject=http://here/fhir/Patient/a", "o1"),
        ("Observation?subject=http://there/fhir/Patient/a", ""),
        ("Observation?subject=Patient/a,Patient/b", "o1 o2"),
        ("Patient?general-practitioner=Practitioner/doc", "b"),
        ("Patient?general-practitioner=http://there/fhir/Practitioner/doc", "c"),
        ("Patient?general-practitioner:missing=true", "a"),
        // chains
        ("Observation?patient.family=muller", "o1 o2"),
        ("Observation?subject:Patient.name=bo", "o2"),
        ("Observation?patient.organization.name=clinic", "o1"),
        ("Patient?general-practitioner.identifier=urn:npi|99", "b"),
        ("Patient?_has:Observation:patient:code=w", "a b"),
        ("Patient?_has:Observation:patient:_has:x:y:z=w", "a b c"),
        ("Encounter?_has:Observation:encounter:patient.family:exact=Müller", "e1"),
        // date: 1970 and 1970-01 are not within 1970-01-01
        ("Patient?birthdate=1970-01-01", "a"),
        ("Patient?birthdate=1970", "a b c"),
        ("Patient?birthdate=ne1970-01-01", "b c"),
        ("Patient?birthdate=gt1970-01-01", "b c"),
        ("Patient?birthdate=ge1970-01-31", "b"),
        ("Patient?birthdate=lt1970-01-01", ""),
        ("Patient?birthdate=le1970-01-01", "a"),
        ("Patient?birthdate=le1970-01-02", "a b c"),
        ("Patient?birthdate=1969,1970-01", "a c"),
        ("Patient?death-date=sa2020-04", "b"),
        ("Encounter?date=2020-01", "e1"),
        ("Encounter?date=gt2020-02", "e2"),
        ("Encounter?date=ge2020-01-02", "e1 e2"),
        ("Encounter?date=sa2020-01-01", "e2"),
        ("Encounter?date=eb2020-01-04", "e1"),
        ("Encounter?date=ge2020-01-01&date=le2020-01-02", "e1"),
        ("Observation?date=le2020-05-01T00:00:00Z", "o3"),
        ("Observation?date=le2020-05-01T00:00:00.500Z", "o1 o2 o3"),
        ("Observation?date=2020-05-01T00:00:00.500Z", "o3"),
        ("Observation?date=2020-05-01T02:00:00%2B02:00", "o3"),
        ("Patient?_lastUpdated=gt2025-01-01", "a b c"),
        ("Patient?_lastUpdated=lt2025-01-01", ""),
        // quantity and number
        ("Observation?value-quantity=70", "o1 o2"),
        ("Observation?value-quantity=70.0", "o2"),
        ("Observation?value-quantity=gt70", "o1"),
        ("Observation?value-quantity=ge70.2|urn:ucum|kg", "o1"),
        ("Observation?value-quantity=ge5.4|urn:ucum|lb", ""),
        ("Observation?value-quantity=ge5.4||lb", "o2"),
        ("Observation?value-quantity=ge5.4||kilo", "o1"),
        ("Observation?value-quantity=lt70.2,gt1000", "o2"),
        ("RiskAssessment?probability=gt0.4", "r1"),
        ("RiskAssessment?probability=0.50", "r1"),
        ("RiskAssessment?probability=0.6", ""),
        // uri, and a path with a filter
        ("ValueSet?url=http://x/vs", "v1"),
        ("ValueSet?url=http://x/", ""),
        ("PlanDefinition?depends-on=http://x/lib", "pd"),
        ("PlanDefinition?depends-on=http://x/next", ""),
        // nothing asked is everything
        ("Patient?name=", "a b c"),
    ];
    for (search, expected) in table {
        let bundle = get(&sandbox, &format!("/{search}").replace(r"\", "%5C")).await.json();
        let found = ids(&bundle, "match").join(" ");
        assert_eq!(found, *expected, "{search}");
        assert_eq!(bundle["total"], expected.split_whitespace().count(), "{search}");
    }
}

#[tokio::test]
async fn posted_searches_are_searches() {
    let form = &["Content-Type: application/x-www-form-urlencoded"];
    let bundle = send(&people(), "POST /Patient/_search?gender=male", form, "family=M%C3%BCll").await.json();
    assert_eq!(ids(&bundle, "match"), ["a"]);
    assert_eq!(link(&bundle, "self").unwrap(), format!("{BASE}/Patient?gender=male&family=M%C3%BCll"));
}

#[tokio::test]
async fn what_is_not_known_is_left_out_and_said() {
    let sandbox = people();
    let bundle = get(&sandbox, "/Patient?shoe=1&gender=male&_sort=shoe").await.json();
    assert_eq!(link(&bundle, "self").unwrap(), format!("{BASE}/Patient?gender=male"));
    assert_eq!((ids(&bundle, "match"), &bundle["total"]), (vec!["a".to_owned()], &1.into()));
    let outcome = &bundle["entry"][1];
    assert_eq!(outcome["search"]["mode"], "outcome");
    let issues = outcome["resource"]["issue"].as_array().unwrap();
    let named: Vec<&str> = issues.iter().map(|issue| issue["expression"][0].as_str().unwrap()).collect();
    assert_eq!(named, ["http.shoe", "http._sort"]);
}

#[tokio::test]
async fn results_are_shaped_as_asked() {
    let sandbox = people();
    let bundle = |path: &'static str| {
        let sandbox = sandbox.clone();
        async move { get(&sandbox, path).await.json() }
    };
    let counted = bundle("/Patient?_summary=count").await;
    assert_eq!((&counted["total"], counted.get("entry")), (&3.into(), None));
    assert_eq!(bundle("/Patient?_count=0").await.get("entry"), None);

    let slim = bundle("/Observation?_id=o1&_elements=value,status").await;
    let resource = slim["entry"][0]["resource"].as_object().unwrap().clone();
    let names: Vec<&String> = resource.keys().collect();
    assert_eq!(names, ["resourceType", "id", "meta", "status", "valueQuantity"]);
    assert_eq!(resource["meta"]["tag"][0]["code"], "SUBSETTED");
    assert_eq!(slim["entry"][0]["fullUrl"], format!("{BASE}/Observation/o1"));

    let with = bundle("/Observation?code=w&_include=Observation:subject:Patient&_include=Observation:encounter").await;
    assert_eq!((ids(&with, "match").len(), ids(&with, "include")), (2, vec!["a".into(), "b".into(), "e1".into()]));
    assert_eq!(with["total"], 2);
    let reverse = bundle("/Patient?gender=male&_revinclude=Observation:patient").await;
    assert_eq!(ids(&reverse, "include"), ["o1"]);
}

#[tokio::test]
async fn rows_come_in_the_order_asked() {
    let sandbox = people();
    let table = [
        ("Patient?_sort=family", "a b c"),
        ("Patient?_sort=-family", "b a c"),
        ("Patient?_sort=gender", "b a c"),
        ("Patient?_sort=-gender", "a b c"),
        ("Patient?_sort=birthdate,-_id", "c b a"),
        ("Patient?_sort=-birthdate", "b c a"),
        ("Observation?_sort=-value-quantity", "o1 o2 o3"),
        ("Observation?_sort=value-quantity", "o2 o1 o3"),
    ];
    for (search, expected) in table {
        let bundle = get(&sandbox, &format!("/{search}")).await.json();
        assert_eq!(ids(&bundle, "match").join(" "), expected, "{search}");
    }
}

#[tokio::test]
async fn pages_hold_every_row_once() {
    let sandbox = Sandbox::new();
    for at in 0..107 {
        let patient = format!(r#"{{"resourceType":"Patient","id":"p{at:03}","birthDate":"19{:02}"}}"#, at % 10 + 10);
        load(&sandbox, &[&patient]);
    }
    let everyone: Vec<String> = (0..107).map(|at| format!("p{at:03}")).collect();
    for search in ["/Patient?_count=10", "/Patient", "/Patient?_count=107", "/Patient?_count=1000", "/Patient?_count=1"]
    {
        assert_eq!(all_pages(&sandbox, search).await, everyone, "{search}");
    }
    let mut sorted = all_pages(&sandbox, "/Patient?_count=7&_sort=-birthdate").await;
    assert_eq!(sorted[0], "p009");
    sorted.sort_unstable();
    assert_eq!(sorted, everyone);

    let first: Json = get(&sandbox, "/Patient?_count=100").await.json();
    assert_eq!((ids(&first, "match").len(), &first["total"]), (100, &107.into()));
    let next = link(&first, "next").unwrap().replace(BASE, "");
    // What is written between pages neither shifts nor repeats a row; what is deleted is left out.
    load(&sandbox, &[r#"{"resourceType":"Patient","id":"new"}"#]);
    send(&sandbox, "DELETE /Patient/p103", &[], "").await;
    let rest = ids(&get(&sandbox, &next).await.json(), "match");
    assert_eq!(rest, ["p100", "p101", "p102", "p104", "p105", "p106"]);
    assert_eq!(ids(&get(&sandbox, &next).await.json(), "match"), rest, "a page can be read again");
    let capped = get(&sandbox, "/Patient?_count=5000").await.json();
    assert_eq!(link(&capped, "self").unwrap(), format!("{BASE}/Patient?_count=1000"));
}
