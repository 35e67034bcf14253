//! The laws ask for no more at once than a host lets a call have, however large a resource is.

use std::cell::Cell;

use turntable_laws::{Answer, Batch, Law, Named, Native, Subject, check_some};
use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::bindings::exports::turntable::mapping::write::Change;
use turntable_mapping_tests::mappings::all;

/// What the host lets one call have, by default.
const INPUT_BYTES: usize = 32 << 20;

/// A mapping that refuses a call as its host would.
struct Bounded {
    mapping: Native,
    changes: Cell<usize>,
}

impl Subject for Bounded {
    fn describe(&self) -> wit::Mapping {
        self.mapping.describe()
    }

    fn rows(&self, table: &str, documents: &[&str], columns: &[u16]) -> Result<Batch, String> {
        fits(documents.iter().map(|document| document.len()).sum())?;
        self.mapping.rows(table, documents, columns)
    }

    fn resources(&self, table: &str, changes: &[Change]) -> Result<Vec<Answer>, String> {
        self.changes.set(self.changes.get() + changes.len());
        fits(changes.iter().map(|change| change.existing.as_ref().map_or(0, Vec::len)).sum())?;
        self.mapping.resources(table, changes)
    }
}

fn fits(bytes: usize) -> Result<(), String> {
    if bytes <= INPUT_BYTES { Ok(()) } else { Err(format!("{bytes} bytes in one call")) }
}

#[test]
fn a_large_attachment_is_written_in_parts() {
    let documents = all().into_iter().find(|shipped| shipped.name == "documentreference");
    let mapping = documents.and_then(|shipped| shipped.mapping()).expect("documents are mapped");
    let text = format!(
        r#"{{"resourceType":"DocumentReference","id":"large","status":"current","description":"a scan",
            "content":[{{"attachment":{{"contentType":"image/tiff","title":"page 1","data":"{}"}}}}]}}"#,
        "QUJD".repeat(500_000)
    );
    let subject = Bounded { mapping: Native(mapping), changes: Cell::new(0) };
    let named = Named { name: "a large document", text: &text };
    let violations = check_some(&subject, &[Law::PutGet], &[named]);
    assert!(violations.is_empty(), "{}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let at_once = subject.changes.get() * text.len();
    assert!(at_once > INPUT_BYTES, "{at_once} bytes fit in one call: the resource is not large");
}
