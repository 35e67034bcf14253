//! `$search` and parts of texts over a native table that gets an index of its words while it is read and written: every answer is
//! that of the rows as they are at that moment.

use serde_json::{Value, json};
use turntable_tests::Server;

const PATIENTS: usize = 1_500;

fn patient(number: usize, family: &str) -> Value {
    json!({"resourceType": "Patient", "id": format!("p-{number}"), "gender": "female",
        "name": [{"family": family, "given": [format!("Given{}", number % 50)]}]})
}

async fn ingest(server: &Server, entries: impl Iterator<Item = (usize, Option<String>)>) {
    let entry = |(number, family): (usize, Option<String>)| {
        let url = format!("Patient/p-{number}");
        match family {
            Some(family) => json!({"resource": patient(number, &family), "request": {"method": "PUT", "url": url}}),
            None => json!({"request": {"method": "DELETE", "url": url}}),
        }
    };
    let entries: Vec<Value> = entries.map(entry).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    let answer = server.ingest(&bundle.to_string(), None).await.expect(200).json();
    for entry in answer["entry"].as_array().expect("entries") {
        assert!(entry["response"]["status"].as_str().unwrap_or_default().starts_with('2'), "{entry}");
    }
}

#[tokio::test]
async fn answers_are_those_of_the_rows_whatever_index_is_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = async || {
        let setup = Server::setup().data_dir(directory.path());
        setup.limits(|limits| limits.store_index_steps = 2_000).start().await
    };
    let server = start().await;
    let mut families: Vec<Option<String>> = (0..PATIENTS).map(|number| Some(format!("Name{number:04}"))).collect();
    for from in (0..PATIENTS).step_by(500) {
        ingest(&server, (from..from + 500).map(|number| (number, families[number].clone()))).await;
    }
    let shown = async |server: &Server, options: &[(&str, &str)]| {
        let mut options = options.to_vec();
        options.extend([("$select", "lastname"), ("$count", "true"), ("$orderby", "lastname")]);
        let answer = server.get("contacts", &options).await.expect(200).json();
        let names = answer["value"].as_array().expect("rows").iter();
        let names: Vec<String> = names.map(|row| row["lastname"].as_str().unwrap_or_default().to_owned()).collect();
        assert_eq!(answer["@odata.count"], json!(names.len()));
        names
    };
    let check = async |server: &Server, families: &[Option<String>]| {
        let meant = |keep: &dyn Fn(usize, &str) -> bool| {
            let rows = families.iter().enumerate().filter_map(|(number, family)| Some((number, family.as_deref()?)));
            let mut names: Vec<String> =
                rows.filter(|(number, name)| keep(*number, name)).map(|(_, name)| name.to_owned()).collect();
            names.sort_by_key(|name| name.to_lowercase().replace('é', "e"));
            names
        };
        let search = shown(server, &[("$search", "NAME012")]).await;
        assert_eq!(search, meant(&|_, name| name.contains("Name012")));
        let both = shown(server, &[("$search", "given17 AND name00 NOT name0017")]).await;
        assert_eq!(both, meant(&|number, name| number % 50 == 17 && name.contains("Name00") && name != "Name0017"));
        let either = shown(server, &[("$search", "name0005 OR renee")]).await;
        assert_eq!(either, meant(&|_, name| name.contains("Name0005") || name.contains("Renée")));
        let part = shown(server, &[("$filter", "contains(lastname,'ÉE-1') and gendercode eq 2")]).await;
        assert_eq!(part, meant(&|_, name| name.contains("Renée-1")));
        let groups = "filter(contains(lastname,'ÉE-1'))/groupby((gendercode),aggregate($count as n))";
        let groups = server.get("contacts", &[("$apply", groups)]).await.expect(200).rows();
        assert_eq!(groups.first().map_or(0, |group| group["n"].as_u64().unwrap_or_default()), part.len() as u64);
        let ends = shown(server, &[("$filter", "endswith(lastname,'0123') or endswith(lastname,'-77')")]).await;
        assert_eq!(ends, meant(&|_, name| name.ends_with("0123") || name.ends_with("-77")));
    };
    for round in 0..20 {
        check(&server, &families).await;
        let changed: Vec<usize> = (0..PATIENTS).filter(|number| number % 97 == round * 3).collect();
        for (nth, number) in changed.iter().enumerate() {
            families[*number] = (nth % 3 != 0).then(|| format!("Renée-{number}"));
        }
        ingest(&server, changed.iter().map(|number| (*number, families[*number].clone()))).await;
    }
    server.stop().await;
    let server = start().await;
    for _ in 0..3 {
        check(&server, &families).await;
    }
}
