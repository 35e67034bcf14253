//! The plan against the definition: rows and issues are the same, whatever the resource. `tests/mappings` holds the
//! shipped mappings to it, on damaged resources by the hundred thousand.
#![expect(clippy::print_stdout, reason = "a property test says its seed and what it looked at")]

use std::fs;
use std::path::Path;

use turntable_mapping::bindings::exports::turntable::mapping::read::{ReadRequest, RowBatch, TableRequest};
use turntable_mapping::bindings::turntable::mapping::types::{Documents, Severity};
use turntable_mapping::{Mapping, describe, tools::cells};
use turntable_mapping_tests::damage::{Random, damaged, number};
use turntable_plan::{make as plan_of, rows, rows_by_definition, unsettled};
use turntable_test_data::{carried, shared};

static MAPPINGS: [&Mapping; 7] = [
    &mapping_account::MAPPING,
    &mapping_allergyintolerance::MAPPING,
    &mapping_contact::MAPPING,
    &mapping_encounter::MAPPING,
    &mapping_location::MAPPING,
    &mapping_observation::MAPPING,
    &odd::MAPPING,
];

/// Paths of every form, over a resource that has what they ask for.
mod odd {
    use turntable_mapping::*;

    pub(crate) const MAPPING: Mapping = mapping("odd", "1.0.0", &[ODD, CHILD, GRANDCHILD, NESTED, UNPLANNED]);

    const CODES: &[Code] = &[
        code(1, "home", "Home"),
        code(2, "a", "A").system("s"),
        code(3, "Patient", "Patient"),
        code(4, "string", "String"),
    ];

    #[rustfmt::skip]
    const ODD: Table = table("odd", "odds", "Odd", "", &[
        key("id", "Key"),
        text("first", "", "name.given"),
        text("second", "", "name[1].given[1]"),
        text("official", "", "name.where(use='official').given[0]"),
        text("either", "", "name.where(use='nickname').family | name[0].family | text"),
        text("current", "", "name.current().family"),
        text("currentgiven", "", "name.current().given[1]"),
        text("currentuse", "", "name.current().use"),
        text("currentend", "", "name.current().period.end"),
        json("currentjson", "", "name.current()"),
        text("city", "", "address.current().city"),
        text("phone", "", "telecom.current(system='phone').value"),
        int("phonerank", "", "telecom.current(system='phone').rank"),
        text("reach", "", "telecom.current().value | telecom[0].value"),
        text("deep", "", "identifier.where(type.coding.code='MR' and rank=1).value"),
        text("flag", "", "identifier.where(flag=true).period.start"),
        text("extended", "", "extension('u').extension('v').valueString"),
        text("birth", "", "_birthDate.extension('u')[0].valueDateTime"),
        text("inner", "", "name.extension('u').valueString"),
        choice("use", "", CODES, "name.use"),
        choice("system", "", CODES, "code.coding.code").system("t"),
        choice("value", "", CODES, "value").derived(),
        choice("open", "", CODES, "value").derived().open(),
        choice("subject", "", CODES, "subject").derived(),
        choice("nested", "", CODES, "name[0].value").derived(),
        lookup("patient", "", &[("contacts", "Patient"), ("odds", "Basic")], "subject"),
        lookup("list", "", &[("contacts", "Patient")], "list"),
        concept("concept", "", "code"),
        code_concept("plain", "", "http://codes", "status"),
        quantity_code("unit", "", "valueQuantity"),
        coding("coding", "", "code.coding[1]"),
        json("json", "", "name"),
        json("json0", "", "name[0]"),
        json("jsonw", "", "name.where(use='official').given"),
        int("int", "", "rank"),
        long("long", "", "valueQuantity.value"),
        decimal("decimal", "", "valueQuantity.value"),
        boolean("boolean", "", "flag"),
        date("date", "", "birthDate"),
        date_time("datetime", "", "birthDate"),
        partial_date("partial", "", "period.start | birthDate"),
        text("whole", "", "").read_with(whole),
        text("read", "", "name").read_with(whole),
        text("readeither", "", "none | name[1] | subject").read_with(whole),
        text("never", "", "name.where(use='official')[1].family"),
        text("long", "", "aVeryLongMemberNameIndeed.anotherVeryLongMemberName"),
        constant("constant", "", CODES, "home"),
        uri("nothing", "", ""),
    ]).source(resource("Basic")).source(resource("Other"));

    #[rustfmt::skip]
    const CHILD: Table = child("child", "children", "Child", "", parent("odd", "odd"), "name", &[
        key("id", "Key"),
        text("family", "", "family"),
        text("given", "", "given[1] | given"),
        choice("value", "", CODES, "value").derived(),
        choice("use", "", CODES, "use"),
        text("whole", "", "").read_with(whole),
    ]).source(resource("Basic"));

    #[rustfmt::skip]
    const GRANDCHILD: Table = child("grandchild", "grandchildren", "Grandchild", "", parent("child", "child"), "given", &[
        key("id", "Key"),
        text("given", "", "$this"),
        choice("use", "", CODES, "$this"),
        text("whole", "", "").read_with(whole),
        json("json", "", "$this"),
    ]).source(resource("Basic"));

    #[rustfmt::skip]
    const NESTED: Table = child("nested", "nested", "Nested", "", parent("odd", "odd"), "code.coding", &[
        key("id", "Key"),
        text("code", "", "code | $this"),
        coding("coding", "", "$this"),
        choice("use", "", CODES, "$this"),
        lookup("patient", "", &[("contacts", "Patient")], "$this"),
    ]).source(resource("Basic"));

    #[rustfmt::skip]
    const UNPLANNED: Table = table("unplanned", "unplanned", "Unplanned", "", &[
        key("id", "Key"),
        text("deep", "", "name[0][0].family | name[0].where(use='home').family"),
    ]).source(resource("Basic"));

    fn whole(value: Value<'_>) -> Option<std::borrow::Cow<'_, str>> {
        Some(value.raw().into())
    }

    pub(crate) const SAMPLE: &str = r##"{"resourceType":"Basic","id":"b1","name":[{"use":"home","given":["A","B"],"family":"C"},
        {"given":[null,"D\"\u00e9"],"use":"official","extension":[{"url":"u","valueString":"é"}],"valueBoolean":true}],
        "telecom":[{"system":"phone","value":"1","use":"old"},{"system":"phone","value":"2","rank":2},{"system":"phone","value":"3","rank":1,
        "period":{"end":"2001"}},{"system":"fax","value":"4","rank":1},{"system":"phone","rank":1.5}],
        "address":[{"use":"old","city":"A"},{"city":"B","period":{"end":"2001"}},{"city":"C","use":"work"},{"use":"home"}],
        "identifier":[{"type":{"coding":[{"code":"X"},{"code":"MR"}]},"rank":1.0,"value":"42"},{"flag":true,"period":{"start":"2020"}}],
        "extension":[{"url":"t"},{"url":"u","extension":[{"url":"v","valueString":"deep"}]}],
        "birthDate":"2015-02","_birthDate":{"extension":[{"url":"u","valueDateTime":"2015"}]},"status":"final","text":"t",
        "code":{"coding":[{"system":"s","code":"a","display":"A"},{"code":"b"}],"text":"A"},
        "subject":{"reference":"Patient/1","type":"Group","display":"x"},"list":["Patient/2","#c","urn:uuid:1"],
        "valueQuantity":{"value":72.10,"unit":"kg"},"rank":2.5,"flag":false,"period":{"start":"2020-01-01T00:00:00Z"},
        "aVeryLongMemberNameIndeed":{"anotherVeryLongMemberName":"x"}}"##;
}

/// Few columns and short texts, for Miri: it takes minutes to make the plan of a large table.
mod small {
    use turntable_mapping::*;

    #[rustfmt::skip]
    pub(crate) const MAPPING: Mapping = mapping("small", "1.0.0", &[table("small", "smalls", "Small", "", &[
        key("id", "Key"),
        text("official", "", "name.where(use='official').given[0]"),
        concept("code", "", "code"),
        decimal("size", "", "size.value"),
        json("size_json", "", "size"),
    ]).source(resource("Basic"))]);

    pub(crate) const SAMPLE: &str = r#"{"resourceType":"Basic","id":"b1","name":[{"use":"home","given":["A"]},
        {"given":[null,"D\"\u00e9 and a text of more than sixteen bytes"],"use":"official"}],"code":{"coding":[{"system":"s","code":"é"}]},
        "unmapped":[{"a":[1.5e3,true,null,{}]}],"size":{"value":72.10,"unit":"kg"}}"#;
}

#[test]
fn small_texts_cut_and_damaged() {
    let step = if cfg!(miri) { 23 } else { 1 };
    let sample = small::SAMPLE.as_bytes();
    for table in Asked::tables(&small::MAPPING) {
        table.check(&[sample.to_vec(), compact(sample), indented(sample)]);
        table.check(&(0..sample.len()).step_by(step).map(|end| sample[..end].to_vec()).collect::<Vec<_>>());
        let mut random = Random::new(1, "small");
        table.check(&(0..200 / step).map(|_| damaged(sample, &mut random)).collect::<Vec<_>>());
    }
}

#[test]
fn all_data() {
    for mapping in MAPPINGS {
        for table in Asked::tables(mapping) {
            let resources = resources(&table.types);
            let pretty: Vec<Vec<u8>> = resources.iter().map(|resource| indented(resource)).collect();
            for set in [&resources, &pretty] {
                for chunk in set.chunks(100) {
                    table.check(chunk);
                }
                let whole: Vec<_> = set.iter().filter(|resource| table.gives_rows(resource)).cloned().collect();
                let long = unsettled(mapping, &table.request(&whole));
                println!("{}: {long} of {} go the long way", table.name, set.len());
                let bound = if table.name == "unplanned" { set.len() } else { set.len() / 50 };
                assert!(long <= bound, "{} of {} resources of {} go the long way", long, set.len(), table.name);
            }
        }
    }
}

#[test]
fn every_truncation_and_every_damaged_byte() {
    for mapping in MAPPINGS {
        for table in Asked::tables(mapping) {
            let Some(sample) = samples(&table.types).into_iter().min_by_key(Vec::len) else { continue };
            let cut: Vec<Vec<u8>> = (0..sample.len()).map(|end| sample[..end].to_vec()).collect();
            table.check(&cut);
            for byte in [b'"', b'}', b'[', b',', b'0', 0xff, b'\\'] {
                let damaged = (0..sample.len()).map(|at| {
                    let mut damaged = sample.clone();
                    damaged[at] = byte;
                    damaged
                });
                table.check(&damaged.collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn damaged_resources() {
    let seed = number("TURNTABLE_SEED", u64::from(std::process::id()));
    let count = number("TURNTABLE_MUTATIONS", 1_000);
    println!("TURNTABLE_SEED={seed}");
    for table in Asked::tables(&odd::MAPPING) {
        let mut random = Random::new(seed, &table.name);
        let samples = samples(&table.types);
        let mut done = 0;
        while done < count {
            let batch: Vec<Vec<u8>> = (0..1 + random.below(40))
                .map(|_| damaged(&samples[random.below(samples.len())], &mut random))
                .collect();
            done += batch.len() as u64;
            table.check(&batch);
        }
    }
}

#[test]
fn fewer_columns_are_the_same_cells() {
    let mut random = Random::new(77, "");
    for mapping in MAPPINGS {
        for table in Asked::tables(mapping) {
            let samples = samples(&table.types);
            for _ in 0..50 {
                let columns = (0..table.columns).filter(|_| random.below(8) == 0).collect();
                table.check_columns(&samples, columns);
            }
        }
    }
}

/// A table and how to ask for its rows.
struct Asked {
    mapping: &'static Mapping,
    name: String,
    types: Vec<String>,
    columns: u16,
}

impl Asked {
    fn tables(mapping: &'static Mapping) -> Vec<Self> {
        let tables = describe(mapping).tables.into_iter().map(|table| Self {
            mapping,
            types: table.sources.iter().map(|source| source.resource_type.clone()).collect(),
            columns: table.columns.len() as u16,
            name: table.name,
        });
        tables.collect()
    }

    fn request(&self, resources: &[Vec<u8>]) -> ReadRequest {
        let mut documents = Documents { data: Vec::new(), ends: Vec::new() };
        for resource in resources {
            documents.data.extend_from_slice(resource);
            documents.ends.push(documents.data.len() as u32);
        }
        documents.data.extend_from_slice(&[b' '; 64]);
        let related = Documents { data: Vec::new(), ends: Vec::new() };
        ReadRequest { documents, related, tables: vec![self.asked((0..self.columns).collect())] }
    }

    fn asked(&self, columns: Vec<u16>) -> TableRequest {
        TableRequest { table: self.name.clone(), columns }
    }

    /// Not refused, for want of an id.
    fn gives_rows(&self, resource: &[u8]) -> bool {
        let batches = rows_by_definition(self.mapping, &self.request(&[resource.to_vec()]));
        batches.is_ok_and(|batches| batches[0].issues.iter().all(|issue| issue.severity != Severity::Error))
    }

    fn check(&self, resources: &[Vec<u8>]) {
        self.check_columns(resources, (0..self.columns).collect());
    }

    fn check_columns(&self, resources: &[Vec<u8>], columns: Vec<u16>) {
        let tables = vec![self.asked(columns)];
        let request = ReadRequest { tables, ..self.request(resources) };
        if self.differs(&request) {
            for resource in resources {
                let alone =
                    ReadRequest { tables: request.tables.clone(), ..self.request(std::slice::from_ref(resource)) };
                assert!(!self.differs(&alone), "{}", String::from_utf8_lossy(resource));
            }
            panic!("{}: rows differ, but of no resource alone", self.name);
        }
    }

    fn differs(&self, request: &ReadRequest) -> bool {
        let (Ok(planned), Ok(defined)) = (rows(self.mapping, request), rows_by_definition(self.mapping, request))
        else {
            panic!("{}: the call fails", self.name);
        };
        let ([planned], [defined]) = (&planned[..], &defined[..]) else { panic!("one batch for one table") };
        let width = request.tables[0].columns.len();
        let differs = spelled(planned, width) != spelled(defined, width);
        if differs && request.documents.ends.len() == 1 {
            let parts = |batch: &RowBatch| spelled(batch, width).lines().map(str::to_owned).collect::<Vec<_>>();
            for (planned, defined) in parts(planned).iter().zip(&parts(defined)).filter(|(a, b)| a != b) {
                println!("{}\n  planned {planned}\n  defined {defined}", self.name);
            }
        }
        differs
    }
}

fn spelled(batch: &RowBatch, columns: usize) -> String {
    let mut text = String::new();
    for row in cells(batch, columns).expect("a batch that holds together") {
        row.iter().enumerate().for_each(|(index, cell)| text.push_str(&format!("{index} {cell:?}\n")));
    }
    text.push_str(&format!("{:?}\n", batch.origin));
    for issue in &batch.issues {
        text.push_str(&format!("{issue:?}\n"));
    }
    text
}

fn samples(types: &[String]) -> Vec<Vec<u8>> {
    if types.iter().any(|kind| kind == "Basic") {
        let sample = odd::SAMPLE.as_bytes().to_vec();
        return vec![compact(&sample), sample];
    }
    let mut found = Vec::new();
    for mapping in ["account", "allergyintolerance", "contact", "encounter", "location", "observation"] {
        let directory =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-mappings/tables").join(mapping).join("samples");
        collect(&directory, types, &mut found);
    }
    assert!(!found.is_empty(), "{types:?} have no sample");
    found.sort();
    found
}

fn resources(types: &[String]) -> Vec<Vec<u8>> {
    let mut found = samples(types);
    for folder in carried().into_iter().chain(shared("")) {
        collect(&folder, types, &mut found);
    }
    found
}

/// Resources of these types in all files below a directory, those inside of bundles too.
fn collect(directory: &Path, types: &[String], found: &mut Vec<Vec<u8>>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            collect(&path, types, found);
        } else if path.extension().is_some_and(|extension| extension == "json" || extension == "ndjson") {
            let Ok(text) = fs::read(&path) else { continue };
            for value in
                serde_json::Deserializer::from_slice(&text).into_iter::<serde_json::Value>().map_while(Result::ok)
            {
                let entries = value["entry"].as_array().into_iter().flatten().map(|entry| &entry["resource"]);
                for resource in entries.chain([&value]) {
                    if resource["resourceType"].as_str().is_some_and(|kind| types.iter().any(|own| own == kind)) {
                        found.push(serde_json::to_vec(resource).expect("JSON"));
                    }
                }
            }
        }
    }
}

fn compact(text: &[u8]) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_slice(text).expect("JSON");
    serde_json::to_vec(&value).expect("JSON")
}

fn indented(text: &[u8]) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_slice(text).expect("JSON");
    serde_json::to_vec_pretty(&value).expect("JSON")
}

/// A plan is memory that every call begins with.
#[test]
fn plans_are_small() {
    for mapping in MAPPINGS {
        let columns: usize =
            describe(mapping).tables.iter().map(|table| table.columns.len() * table.sources.len()).sum();
        let bytes = plan_of(mapping).len();
        println!("{}: {bytes} bytes for {columns} columns", describe(mapping).name);
        assert!(bytes < 512 * (columns + 1), "{bytes} bytes for {columns} columns");
    }
}
