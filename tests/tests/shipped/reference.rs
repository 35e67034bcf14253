//! The reference of tables in `docs/tables` is what the shipped mappings describe. `TURNTABLE_BLESS=1` renews it.

use std::fs;
use std::path::Path;

use turntable::mapping::sandbox::Sandbox;
use turntable::mapping::shipped::SHIPPED;
use turntable::model::limits::Limits;
use turntable_tests::reference;

#[test]
fn the_reference_of_tables_is_current() {
    let sandbox = Sandbox::new(&Limits::default(), None).expect("a sandbox");
    let mappings: Vec<_> =
        SHIPPED.iter().map(|one| sandbox.shipped(one).unwrap_or_else(|e| panic!("{}: {e}", one.name))).collect();
    let pages = reference::pages(&mappings);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tables");
    if std::env::var_os("TURNTABLE_BLESS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        pages.iter().for_each(|page| fs::write(folder.join(&page.file), &page.text).expect("a page"));
    }
    for page in &pages {
        let kept = fs::read_to_string(folder.join(&page.file)).unwrap_or_default();
        assert!(kept == page.text, "docs/tables/{} is not current: run `just bless` and look at the change", page.file);
    }
    let files = fs::read_dir(&folder).expect("docs/tables").count();
    assert_eq!(files, pages.len(), "docs/tables has a page of a table that is no more: run `just bless`");
}
