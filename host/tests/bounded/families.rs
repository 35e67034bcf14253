//! Texts of any length, each by a rule: what is deep, what is long, what is repeated, what is large.

use super::reading::{Text, Where};

type Family = (String, Box<dyn Fn(usize) -> Text + Send + Sync>);

/// The options that a list takes, and what is refused by name.
pub(crate) const OPTIONS: [&str; 10] =
    ["$filter", "$orderby", "$expand", "$select", "$apply", "$search", "$compute", "$skiptoken", "$format", "$top"];

/// What is put together to a text: `head`, then `unit` as often as there is room, then `tail`; of units that are nested, what
/// closes each.
struct Rule {
    head: &'static str,
    unit: &'static str,
    middle: &'static str,
    close: &'static str,
    tail: &'static str,
}

impl Rule {
    /// `#` in a unit is its number.
    fn text(&self, bytes: usize) -> String {
        let room = bytes.saturating_sub(self.head.len() + self.middle.len() + self.tail.len());
        let mut text = self.head.to_owned();
        let mut count = 0;
        while text.len() + (count + 1) * self.close.len() + self.unit.len() < room {
            text += &self.unit.replace('#', &count.to_string());
            count += 1;
        }
        text += self.middle;
        text += &self.close.repeat(count);
        text + self.tail
    }
}

const fn rule(head: &'static str, unit: &'static str, tail: &'static str) -> Rule {
    Rule { head, unit, middle: "", close: "", tail }
}

const fn nest(unit: &'static str, middle: &'static str, close: &'static str) -> Rule {
    Rule { head: "", unit, middle, close, tail: "" }
}

/// The same with so many units, whatever the length: as far as the limits let it go.
fn times(head: &str, unit: &str, count: usize, middle: &str, close: &str) -> String {
    format!("{head}{}{middle}{}", unit.repeat(count), close.repeat(count))
}

const EXPRESSIONS: &[Rule] = &[
    nest("(", "firstname eq 'a'", ")"),
    rule("", "not ", "true"),
    rule("", "- ", "1 eq 1"),
    rule("", "-", "1 eq 1"),
    rule("firstname eq 'a'", " or firstname eq 'a#'", ""),
    rule("firstname eq 'a'", " and contains(lastname,'a#')", ""),
    rule("1", " add 1", " eq 2"),
    rule("firstname in ('a'", ",'b#'", ")"),
    rule("contactid in (", "00000000-0000-4000-8000-000000000001,", "00000000-0000-4000-8000-000000000001)"),
    rule("gendercode in (1", ",#", ")"),
    nest("parentcustomerid/contact_parentcustomerid/any(a:a/", "x", ")"),
    nest("contact_parentcustomerid/any(a:", "true", ")"),
    rule("", "parentcustomerid/", "name eq 'a'"),
    nest("concat(", "'a'", ",'b')"),
    nest("case(true:", "1", ") eq 1"),
    nest("tolower(", "firstname", ")"),
    nest("[", "", "]"),
    nest("{\"a\":", "1", "}"),
    rule("firstname eq '", "a", "'"),
    rule("firstname eq '", "''", "'"),
    rule("firstname eq '", "a", ""),
    rule("", "a", " eq 1"),
    rule("", "a.", "b eq 1"),
    rule("", "a/", "b eq 1"),
    rule("gendercode eq 1", "0", ""),
    rule("gendercode eq 1.", "0", "1"),
    rule("gendercode eq 1e", "9", ""),
    rule("gendercode eq 1e-", "9", " mul 1e9999999999999 eq 1"),
    rule("birthdate eq 1", "9", "-01-01"),
    rule("birthdate eq duration'P1", "9", "D'"),
    rule("birthdate eq geography'SRID=0;LineString(0 0", ",0 0", ")'"),
    rule("firstname eq geography'SRID=0;", "Collection(", "'"),
    rule("firstname eq T'a", ",a#", "'"),
    rule("Microsoft.Dynamics.CRM.In(PropertyName='firstname',PropertyValues=['a'", ",'b#'", "])"),
    rule("Microsoft.Dynamics.CRM.In(", "a#=1,", "b=1)"),
    rule("cast(", "a", ")"),
    rule("", "(((((((((((1) add 1) add 1) add 1) add 1) add 1) add 1) add 1) add 1) add 1) add 1) add ", "1 eq 1"),
    rule("", " ", "1 eq 1"),
    rule("", "\u{fc}", " eq 1"),
    rule("", "\"", ""),
    rule("", "\\", ""),
    rule("\"", "\\u0061", "\""),
    rule("contact_parentcustomerid/$count($filter=", "(", ""),
    rule("", "firstname,", "firstname"),
    rule("", "firstname,lastname#,", "firstname"),
    rule("", "firstname desc,", "firstname"),
    rule("", "a#,", "b"),
    rule("", "a#/b#,", "b"),
    rule("", "*,", "*"),
    rule("", "parentcustomerid,", "parentcustomerid"),
    nest("parentcustomerid($expand=", "x", ")"),
    rule("parentcustomerid($select=name", ",name", ")"),
    rule("parentcustomerid(", "@a#=1;", "$select=name)"),
    rule("parentcustomerid(", "$select=name;", "$select=name)"),
    rule("parentcustomerid($search=", "(", ")"),
    rule("parentcustomerid($filter=name eq 'a'", " or name eq 'a#'", ")"),
    rule("aggregate($count as a", ",$count as a#", ")"),
    rule("groupby((firstname", ",firstname", "))"),
    rule("", "filter(firstname eq 'a')/", "aggregate($count as a)"),
    rule("", "groupby((firstname))/", "aggregate($count as a)"),
    rule("", "identity/", "aggregate($count as a)"),
    nest("groupby((firstname),", "aggregate($count as a)", ")"),
    rule("compute(1 add 1 as a)", "/compute(a add # as a#)", "/groupby((a))"),
    rule("compute(1 add 1 as a", ",1 add # as a#", ")/groupby((a))"),
    rule("groupby((firstname))", "/compute(1 add 1 as a#)", ""),
    rule("groupby((firstname))/compute(1 add 1 as a", ",1 add # as a#", ")/compute(a add 1 as b)/top(1)"),
    rule("groupby((firstname),aggregate($count as n))", "/topcount(5,n)", ""),
    rule("groupby((firstname),aggregate($count as n))", "/orderby(n desc)/skip(#)", "/top(1)"),
    rule("groupby((firstname))/orderby(firstname", ",firstname desc", ")"),
    rule("matchespattern(firstname,'", "(a|b)*", "')"),
    rule("matchespattern(firstname,'", "[a-b]{50}", "')"),
    rule("matchespattern(firstname,'", "(", "')"),
    rule("", "matchespattern(firstname,'\\w{50}') or ", "true"),
    rule("", "concat(", ""),
    rule("", "%41", ""),
    rule("firstname eq '", "ss", "'"),
    rule("firstname eq '", "fi", "'"),
    rule("startswith(firstname,'", "ffl", "')"),
    rule("contains(firstname,'", "s\u{301}s", "')"),
    rule("contains(firstname,'", "\u{301}", "')"),
    rule("emailaddress1 eq '", "a", "'"),
    rule("", ";", ""),
    rule("", "0", ""),
    rule("", "a#,b;", ""),
];

/// Of options that are no expressions.
const TEXTS: &[Rule] = &[
    rule("", "word ", "word"),
    rule("", "NOT ", "word"),
    rule("", "a# OR ", "word"),
    nest("(", "word", ")"),
    rule("\"", "word ", "word\""),
    rule("", "ss", ""),
    rule("", "'", ""),
    rule("", "\"", ""),
    rule("", "s\u{301}", ""),
    rule("", "0", ""),
    rule("application/json", ";a=b", ""),
    rule("application/json;q=", "0", ""),
    rule("00000000", "00", "zz"),
];

const FETCHES: &[Rule] = &[
    nest("<a>", "", "</a>"),
    rule("<fetch><entity name='contact'>", "<attribute name='firstname'/>", "</entity></fetch>"),
    rule("<fetch><entity name='contact'>", "<attribute name='firstname' alias='a#'/>", "</entity></fetch>"),
    rule("<fetch><entity name='contact' ", "a#='' ", "/></fetch>"),
    rule("<fetch ", "xmlns:a#='' ", "><entity name='contact'/></fetch>"),
    rule("<fetch>", "<!-- -->", "<entity name='contact'/></fetch>"),
    rule("<fetch>", "&amp;", "</fetch>"),
    rule("<fetch>", "&#65;", "</fetch>"),
    rule("<fetch>", "&a;", "</fetch>"),
    rule("<!DOCTYPE a [<!ENTITY a 'a'>", "<!ENTITY b# '&a;&a;'>", "]><fetch>&b;</fetch>"),
    rule("<fetch a='", "&amp;", "'/>"),
    rule("<fetch a='", "&#x41;", "'/>"),
    rule("<", "a", "/>"),
    rule("", "<", ""),
    rule("<fetch>", "<![CDATA[ ]]>", "</fetch>"),
    rule("<fetch>", "]]>", "</fetch>"),
    rule("", " ", "<fetch/>"),
    rule(
        "<fetch><entity name='contact'><filter type='or'>",
        "<condition attribute='firstname' operator='like' value='%#%'/>",
        "</filter></entity></fetch>",
    ),
    rule(
        "<fetch><entity name='contact'><filter><condition attribute='firstname' operator='in'>",
        "<value>#</value>",
        "</condition></filter></entity></fetch>",
    ),
    rule(
        "<fetch><entity name='contact'><filter><condition attribute='firstname' operator='like' value='",
        "%_",
        "'/></filter></entity></fetch>",
    ),
    rule("<fetch><entity name='contact'>", "<order attribute='firstname'/>", "</entity></fetch>"),
    rule(
        "<fetch><entity name='contact'>",
        "<link-entity name='account' from='accountid' to='parentcustomerid' alias='a#'/>",
        "</entity></fetch>",
    ),
    rule(
        "<fetch aggregate='true'><entity name='contact'>",
        "<attribute name='contactid' aggregate='count' alias='a#'/>",
        "</entity></fetch>",
    ),
    Rule {
        head: "<fetch><entity name='contact'>",
        unit: "<filter>",
        middle: "<condition attribute='firstname' operator='null'/>",
        close: "</filter>",
        tail: "</entity></fetch>",
    },
    rule("<fetch count='", "9", "'><entity name='contact'/></fetch>"),
    rule("<fetch paging-cookie='", "&lt;a", "'><entity name='contact'/></fetch>"),
];

const QUERIES: &[Rule] = &[
    rule("", "a#=1&", "$top=1"),
    rule("", "@a#=1&", "$top=1"),
    rule("", "$top=1&", ""),
    rule("", "&", ""),
    rule("", "=", ""),
    rule("", "%25", ""),
    rule("", "%", ""),
    rule("", "%ff", ""),
    rule("", "+", ""),
    rule("$", "a", "=1"),
    rule("", "$a#=1&", ""),
    rule("$filter=firstname eq @a&@a='", "a", "'"),
    rule("@a=1 add 1 add 1 add 1 add 1&$filter=@a eq 1", " or @a eq #", ""),
    rule("@a=firstname eq 'b' or lastname eq 'c' or firstname eq 'd'&$filter=@a", " or @a", ""),
    rule("$filter=firstname eq ", "@a", ""),
    rule("$expand=parentcustomerid(", "@a=1;", ")"),
];

const PATHS: &[Rule] = &[
    rule("contacts", "/a", ""),
    rule("", "/", ""),
    rule("", "a", ""),
    rule("contacts/", "a", ""),
    rule("contacts(00000000-0000-4000-8000-000000000001)/", "a", ""),
    rule("contacts", "(", ""),
    rule("contacts(", "(", ")"),
    rule("contacts(contactid=", "'", ")"),
    rule("contacts(", "a#=1,", "b=2)"),
    rule("", "%2F", ""),
    rule("", "$", ""),
    rule("EntityDefinitions(", "a", ")"),
    rule("EntityDefinitions(LogicalName='", "a", "')"),
    rule("EntityDefinitions(LogicalName='contact')/", "Attributes/", ""),
    rule("Microsoft.Dynamics.CRM.", "a", "()"),
    rule("$metadata", "/a", ""),
    rule("$files/", "a", ""),
];

const HEADERS: &[Rule] = &[
    rule("", "a,", "a"),
    rule("", "application/json;q=0.1,", "application/json"),
    rule("", "application/json;a;b;c,", "text/xml"),
    rule("application/json", ";a=\"b\"", ""),
    rule("", "\"", ""),
    rule("\"", "\\\"", "\""),
    rule("", "W/\"#\",", "W/\"1\""),
    rule("W/\"", "1", "\""),
    rule("odata.include-annotations=\"", "a.b#,", "*\""),
    rule("odata.maxpagesize=", "9", ""),
    rule("", "return=minimal,", "return=representation"),
    rule("", ";", ""),
    rule("", "=", ""),
    rule("4.", "0", ""),
];

const BODIES: &[Rule] = &[
    nest("[", "", "]"),
    nest("{\"a\":", "1", "}"),
    nest("{\"firstname\":[", "1", "]}"),
    rule("{", "\"a#\":1,", "\"b\":1}"),
    rule("{", "\"@a#\":1,", "\"firstname\":\"b\"}"),
    rule("{", "\"firstname\":\"a\",", "\"firstname\":\"b\"}"),
    rule("{\"", "a", "\":1}"),
    rule("{\"firstname\":\"", "a", "\"}"),
    rule("{\"firstname\":\"", "\\u0000", "\"}"),
    rule("{\"firstname\":\"", "\\ud83d\\ude00", "\"}"),
    rule("{\"birthdate\":\"", "9", "-01-01\"}"),
    rule("{\"gendercode\":1", "0", "}"),
    rule("{\"gendercode\":1e", "9", "}"),
    rule("{\"gendercode\":-0.", "0", "1}"),
    rule("{\"parentcustomerid_account@odata.bind\":\"/accounts(", "(", ")\"}"),
    rule("{\"@odata.type\":\"#Microsoft.Dynamics.CRM.", "a", "\"}"),
    rule("{\"contact_parentcustomerid\":[{}", ",{}", "]}"),
    nest("{\"contact_parentcustomerid\":[", "{}", "]}"),
    rule("{\"Targets\":[{}", ",{}", "]}"),
    rule("{\"Targets\":[", "{\"@odata.id\":\"contacts(#)\"},", "{}]}"),
    rule("{\"msind_JSON\":\"", "\\\\", "\"}"),
    rule("{\"requests\":[", "{\"id\":\"#\",\"method\":\"GET\",\"url\":\"a\"},", "{}]}"),
    rule(
        "{\"requests\":[",
        "{\"id\":\"#\",\"method\":\"POST\",\"url\":\"a\",\"atomicityGroup\":\"#\",\"body\":{\"a@odata.bind\":\"$1\"}},",
        "{\"id\":\"a\",\"method\":\"GET\",\"url\":\"a\"}]}",
    ),
    rule("{\"requests\":[{\"id\":\"1\",\"method\":\"GET\",\"url\":\"a\",\"dependsOn\":[\"1\"", ",\"1\"", "]}]}"),
    rule("", "\u{feff}", "{}"),
    rule("", " ", "{}"),
];

const MULTIPARTS: &[Rule] = &[
    rule("--b\r\nContent-Type: application/http\r\n\r\nGET a", "/a", " HTTP/1.1\r\n\r\n--b--"),
    rule("", "--b\r\nContent-Type: application/http\r\n\r\nGET a HTTP/1.1\r\n\r\n", "--b--"),
    rule("", "--b\r\n", "--b--"),
    rule("", "--b", ""),
    rule("", "\n", ""),
    rule("--b\r\n", "a: b\r\n", "\r\n--b--"),
    rule("--b\r\n", "a", ": b\r\n\r\n--b--"),
    rule("", "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n", "--c--\r\n--b--"),
    rule(
        "",
        "--b\r\nContent-Type: multipart/mixed; boundary=c#\r\n\r\n--c#\r\nContent-Type: application/http\r\nContent-ID: #\r\n\r\nPOST a HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"a@odata.bind\":\"$1\"}\r\n--c#--\r\n",
        "--b--",
    ),
];

/// What stands at the limits of depth and size: short, and yet the most that is let in.
fn at_the_limits() -> Vec<(&'static str, &'static str, String)> {
    let nodes = |unit: &str, by: &str, count: usize| vec![unit; count].join(by);
    vec![
        ("contacts", "$filter", format!("1{} eq 1", " add 1".repeat(58))),
        ("contacts", "$filter", times("", "- ", 60, "gendercode eq 1", "")),
        ("contacts", "$filter", times("", "-(1 add ", 28, "gendercode", ")") + " eq 1"),
        ("contacts", "$filter", times("", "case((", 18, "gendercode", ") lt INF:1)") + " eq 1"),
        ("contacts", "$filter", times("", "(", 50, "firstname eq 'a'", ") eq true")),
        ("contacts", "$filter", times("", "not (", 29, "firstname lt 'a'", ") eq true")),
        (
            "contacts",
            "$filter",
            times("", "((((((((1 add ", 7, "1", ") add 1) add 1) add 1) add 1) add 1) add 1) add 1)") + " eq 1",
        ),
        ("contacts", "$filter", times("", "concat(", 28, "firstname", ",'a')") + " eq 'a'"),
        ("contacts", "$filter", times("", "case(firstname eq 'a':", 28, "1", ",true:2)") + " eq 1"),
        ("contacts", "$filter", nodes("firstname eq 'a'", " or ", 240)),
        ("contacts", "$filter", nodes("contains(firstname,'a')", " or ", 240)),
        ("contacts", "$filter", nodes("(firstname eq 'a' or lastname ne 'b')", " and ", 120)),
        ("contacts", "$filter", nodes("not (firstname eq 'a' and gendercode gt 1)", " and ", 110)),
        ("contacts", "$filter", nodes("parentcustomerid_account/name eq 'a'", " or ", 180)),
        ("contacts", "$filter", nodes("parentcustomerid_account/name eq firstname", " or ", 140)),
        ("accounts", "$filter", nodes("contact_parentcustomerid/any(c:c/firstname eq 'a')", " and ", 120)),
        ("accounts", "$filter", nodes("contact_parentcustomerid/$count gt 1", " and ", 180)),
        (
            "accounts",
            "$filter",
            times("", "contact_parentcustomerid/all(c:c/parentcustomerid_account/", 12, "name eq 'a'", ")"),
        ),
        ("contacts", "$filter", times("", "parentcustomerid_account/primarycontactid/", 25, "firstname eq 'a'", "")),
        ("accounts", "$filter", times("", "parentaccountid/", 56, "name eq 'a'", "")),
        ("accounts", "$orderby", times("", "parentaccountid/", 56, "name", "")),
        (
            "accounts",
            "$orderby",
            times("", "parentaccountid/", 50, "contact_parentcustomerid/all(c:c/firstname eq 'a')", ""),
        ),
        (
            "accounts",
            "$filter",
            format!(
                "case({}:1) eq 1",
                times("", "parentaccountid/", 40, "contact_parentcustomerid/all(c:c/firstname eq c/lastname)", "")
            ),
        ),
        ("msemr_locations", "$orderby", times("", "msemr_partof/", 40, "msemr_locationid", "")),
        ("contacts", "$filter", format!("firstname in ({})", nodes("'a'", ",", 990))),
        ("contacts", "$filter", format!("contactid in ({})", nodes("00000000-0000-4000-8000-000000000001", ",", 800))),
        ("contacts", "$orderby", nodes("firstname", ",", 990)),
        ("contacts", "$orderby", nodes("firstname eq 'a'", ",", 320)),
        ("EntityDefinitions", "$filter", nodes("LogicalName eq 'a'", " or ", 240)),
        ("EntityDefinitions(LogicalName='contact')/Attributes", "$filter", nodes("LogicalName eq 'a'", " or ", 240)),
        ("contacts", "$search", nodes("word", " OR ", 16)),
        ("contacts", "$search", times("", "NOT ", 62, "word", "")),
        ("contacts", "$apply", format!("groupby(({}))", nodes("firstname", ",", 900))),
        ("contacts", "$apply", format!("{}/aggregate($count as a)", nodes("groupby((firstname))", "/", 900))),
        (
            "contacts",
            "$expand",
            times(
                "",
                "parentcustomerid_account($expand=primarycontactid($expand=",
                1,
                "parentcustomerid_account",
                "))",
            ),
        ),
    ]
}

pub(crate) fn all() -> Vec<Family> {
    let mut all: Vec<Family> = Vec::new();
    let mut add = |place: Where, rules: &'static [Rule]| {
        for rule in rules {
            let name = format!("{place:?} {}{}{}…", rule.head, rule.unit, rule.middle);
            all.push((name, Box::new(move |bytes| Text { place, text: rule.text(bytes) })));
        }
    };
    for option in ["$filter", "$orderby", "$expand", "$select", "$apply", "$compute"] {
        add(Where::Option("contacts", option), EXPRESSIONS);
    }
    for option in ["$search", "$skiptoken", "$format", "$top"] {
        add(Where::Option("contacts", option), TEXTS);
    }
    add(Where::Option("EntityDefinitions", "$filter"), EXPRESSIONS);
    add(Where::Option("EntityDefinitions", "$select"), EXPRESSIONS);
    add(Where::Option("EntityDefinitions(LogicalName='contact')/Attributes", "$filter"), EXPRESSIONS);
    add(Where::Option("contacts", "fetchXml"), FETCHES);
    add(Where::Option("contacts", "savedQuery"), FETCHES);
    add(Where::Query("contacts"), QUERIES);
    add(Where::Query("$metadata"), QUERIES);
    add(Where::Path, PATHS);
    add(Where::Key, EXPRESSIONS);
    add(Where::Token, EXPRESSIONS);
    for header in ["Prefer", "Accept", "If-Match", "If-None-Match", "OData-MaxVersion", "Content-Type"] {
        add(Where::Header(header), HEADERS);
    }
    add(Where::Body("POST", "contacts"), BODIES);
    add(Where::Body("POST", "accounts"), BODIES);
    add(Where::Body("PATCH", "contacts(00000000-0000-4000-8000-000000000001)"), BODIES);
    add(Where::Body("PUT", "contacts(00000000-0000-4000-8000-000000000001)/firstname"), BODIES);
    add(Where::Body("POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple"), BODIES);
    add(Where::Body("POST", "msind_UpsertBundle"), BODIES);
    add(Where::Body("POST", "msind_RetrieveBundle"), BODIES);
    add(Where::Batch("application/json"), BODIES);
    add(Where::Batch("multipart/mixed; boundary=b"), MULTIPARTS);
    for (table, option, text) in at_the_limits() {
        let name = format!("{table}?{option}={}…", text.chars().take(60).collect::<String>());
        all.push((name, Box::new(move |_| Text { place: Where::Option(table, option), text: text.clone() })));
    }
    all
}
