//! The pages are served whole, to everybody, and hold no door open: what they show they ask for as any client does.

use reqwest::Method;
use turntable_tests::Server;

#[tokio::test(flavor = "multi_thread")]
async fn every_address_leads_to_its_page_and_every_part_is_there() {
    let server = Server::setup().start().await;
    for (page, deep) in [
        ("/", "/"),
        ("/app/", "/app/t/contacts/4c73b472-442b-4920-b899-aadc599f1d75?tab=x"),
        ("/console/", "/console/t/x"),
        ("/auth/callback", "/auth/callback?code=x&state=y"),
    ] {
        let first = server.get(page, &[]).await.expect(200);
        assert_eq!(first.header("content-type"), "text/html; charset=utf-8", "{page}");
        assert_eq!(server.get(deep, &[]).await.expect(200).text, first.text, "{deep}");
        // A link in a letter, or in a page of another site, leads there too: it is the same for everybody.
        for site in ["cross-site", "same-site"] {
            assert_eq!(server.get(deep, &[("sec-fetch-site", site)]).await.expect(200).text, first.text, "{deep}");
        }
        let policy = first.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{page}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{page}: {policy}");
        let names = first.text.split("/pages/").skip(1).filter_map(|rest| rest.split('"').next());
        let names: Vec<_> = names.map(str::to_owned).collect();
        assert!(names.len() >= 3, "{page}: {names:?}");
        for name in names {
            let part = server.get(&format!("/pages/{name}"), &[]).await.expect(200);
            assert!(part.header("cache-control").contains("immutable"), "{name}");
            assert_eq!(part.header("x-content-type-options"), "nosniff", "{name}");
            let again = server.call(Method::GET, &format!("/pages/{name}"));
            again.header("if-none-match", part.header("etag")).send().await.expect(304);
        }
    }
    assert_eq!(server.get("/pages/nothing.js", &[]).await.expect(404).error_code(), "NotFound");
    assert_eq!(server.get("/pages/..%2F..%2FCargo.toml", &[]).await.expect(404).error_code(), "NotFound");
    assert!(server.get("/pages/LICENSES.txt", &[]).await.expect(200).text.contains("lit"));
}
