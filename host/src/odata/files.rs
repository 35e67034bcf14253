//! Files that open the tables elsewhere: Power BI (`.pbids`), Excel (`.odc`), and the description of the API for tools
//! (OpenAPI, Postman). Each is made of the tables, and has the address that the client reached the service by.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::model::error::{Code, Error, Result};
use crate::model::table::{Column, Kind, Table};

/// What files of the whole service are called.
pub const SERVICE: &str = "turntable";

/// A file: what it is called, its media type, its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
}

/// What Postman's file is called.
pub const POSTMAN: &str = "postman.json";

/// What opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    PowerBi,
    Excel,
}

/// A description of the API of some tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Described {
    OpenApi,
    Postman,
}

/// The endings of names.
const ENDINGS: [(&str, Opener); 2] = [(".pbids", Opener::PowerBi), (".odc", Opener::Excel)];

/// What a file's name asks for: the kind, and what stands before the ending.
pub fn parse(name: &str) -> Option<(Opener, &str)> {
    ENDINGS.into_iter().find_map(|(ending, kind)| Some((kind, name.strip_suffix(ending)?)))
}

/// A file that opens a table, or, with none, the service. `base` is the service root with a slash at its end.
pub fn opening(kind: Opener, base: &str, table: Option<&Table>) -> File {
    let called = table.map_or(SERVICE, |table| &table.entity_set);
    match kind {
        Opener::PowerBi => {
            // Power BI takes the address of a feed, of which the user picks tables, or of one table.
            let url = table.map_or_else(|| base.to_owned(), |table| format!("{base}{}", table.entity_set));
            let details = json!({"protocol": "odata", "address": {"url": url}});
            let text = json!({"version": "0.1", "connections": [{"details": details, "mode": "Import"}]}).to_string();
            File { name: format!("{called}.pbids"), content_type: "application/json", bytes: text.into_bytes() }
        }
        Opener::Excel => File {
            name: format!("{called}.odc"),
            content_type: "text/x-ms-odc;charset=utf-8",
            bytes: office(called, &query(base, table)).into_bytes(),
        },
    }
}

/// The query in Power Query's language. The second implementation reads what older ones call invalid.
fn query(base: &str, table: Option<&Table>) -> String {
    let text = |text: &str| text.replace('"', "\"\"");
    let feed = format!("OData.Feed(\"{}\", null, [Implementation = \"2.0\"])", text(base));
    match table {
        Some(table) => {
            let set = text(&table.entity_set);
            format!("let Source = {feed}, Rows = Source{{[Name = \"{set}\", Signature = \"table\"]}}[Data] in Rows")
        }
        None => format!("let Source = {feed} in Source"),
    }
}

/// An Office data connection around a query, as Excel itself writes them.
fn office(name: &str, query: &str) -> String {
    // A `]]>` would end the text before its time.
    let formula = query.replace("]]>", "]]]]><![CDATA[>");
    let mashup = format!(
        "<Mashup xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns=\"http://schemas.microsoft.com/DataMashup\"><Client>EXCEL</Client><Version>2.100.0.0</Version>\
         <MinVersion>2.21.0.0</MinVersion><Culture>en-US</Culture><SafeCombine>true</SafeCombine><Items>\
         <Query Name=\"{}\"><Formula><![CDATA[{formula}]]></Formula><IsParameterQuery xsi:nil=\"true\" />\
         <IsDirectQuery xsi:nil=\"true\" /></Query></Items></Mashup>",
        escaped(name)
    );
    let name = escaped(name);
    let mashup = escaped(&mashup);
    format!(
        r#"<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns="http://www.w3.org/TR/REC-html40">
<head>
<meta http-equiv="Content-Type" content="text/x-ms-odc; charset=utf-8"/>
<meta name="ProgId" content="ODC.Database"/>
<meta name="SourceType" content="OLEDB"/>
<title>{name}</title>
<xml id="msodc"><odc:OfficeDataConnection xmlns:odc="urn:schemas-microsoft-com:office:odc" xmlns="http://www.w3.org/TR/REC-html40">
<odc:PowerQueryConnection odc:Type="OLEDB">
<odc:ConnectionString>Provider=Microsoft.Mashup.OleDb.1;Data Source=$Workbook$;Location={name};Extended Properties=&quot;&quot;</odc:ConnectionString>
<odc:CommandType>SQL</odc:CommandType>
<odc:CommandText>SELECT * FROM [{name}]</odc:CommandText>
</odc:PowerQueryConnection>
<odc:PowerQueryMashupData>{mashup}</odc:PowerQueryMashupData>
</odc:OfficeDataConnection></xml>
</head>
<body></body>
</html>
"#
    )
}

fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// The description of some tables. `base` as above.
pub fn description(form: Described, base: &str, tables: &[Arc<Table>]) -> File {
    let (name, described) = match form {
        Described::OpenApi => ("openapi.json", openapi(base, tables)),
        Described::Postman => (POSTMAN, postman(base, tables)),
    };
    let bytes = described.to_string().into_bytes();
    File { name: name.to_owned(), content_type: "application/json", bytes }
}

/// OpenAPI 3.0.
fn openapi(base: &str, tables: &[Arc<Table>]) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for table in tables {
        describe(table, &mut paths, &mut schemas);
    }
    schemas.insert("error".to_owned(), error_schema());
    let tags: Vec<_> = tables
        .iter()
        .map(|table| json!({"name": table.entity_set, "description": said(&table.label, &table.description)}))
        .collect();
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Turntable",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Clinical data as tables, over OData v4. Rows of the tables that were asked for; the service has more \
                            in its $metadata.",
        },
        "servers": [{"url": base.trim_end_matches('/')}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parameters(),
            "responses": {
                "error": {"description": "What is wrong, and what to do.", "content": of_json(&reference("schemas", "error"))},
            },
        },
    })
}

fn describe(table: &Table, paths: &mut Map<String, Value>, schemas: &mut Map<String, Value>) {
    let (set, name) = (&table.entity_set, &table.name);
    let row = reference("schemas", name);
    let error = reference("responses", "error");
    let writes = |suffix: &str| json!({"required": true, "content": of_json(&reference("schemas", &format!("{name}-{suffix}")))});
    let operation = |id: &str, summary: &str, parameters: Vec<Value>, responses: Value| {
        let mut responses = responses;
        responses["default"] = error.clone();
        json!({
            "operationId": format!("{set}-{id}"), "summary": summary, "description": format!("{summary}: {}.", table.label),
            "tags": [set], "parameters": parameters, "responses": responses,
        })
    };
    let with_body = |mut operation: Value, body: Value| {
        operation["requestBody"] = body;
        operation
    };
    let shared = |names: &[&str]| names.iter().map(|name| reference("parameters", name)).collect::<Vec<_>>();
    let page = json!({
        "type": "object",
        "properties": {
            "@odata.context": {"type": "string"},
            "@odata.count": {"type": "integer"},
            "@odata.nextLink": {"type": "string"},
            "value": {"type": "array", "items": row},
        },
        "required": ["value"],
    });
    let (mut of_set, mut of_row) = (Map::new(), Map::new());
    if table.access.read {
        let mut files = of_json(&page);
        files["text/csv"] = json!({"schema": {"type": "string"}});
        files["application/vnd.apache.parquet"] = json!({"schema": {"type": "string", "format": "binary"}});
        let options = shared(&["select", "filter", "search", "orderby", "top", "skip", "count", "expand"]);
        let found = json!({"200": {"description": "A page of rows, or all of them as a file.", "content": files}});
        of_set.insert("get".into(), operation("list", "Rows", options, found));
        let one = json!({"200": {"description": "The row.", "content": of_json(&row)}});
        of_row.insert("get".into(), operation("read", "One row", shared(&["select", "expand"]), one));
        let number =
            json!({"200": {"description": "How many.", "content": {"text/plain": {"schema": {"type": "string"}}}}});
        let count = operation("count", "How many rows", shared(&["filter", "search"]), number);
        paths.insert(format!("/{set}/$count"), json!({ "get": count }));
    }
    if table.access.create {
        let made = json!({"201": {"description": "The new row.", "content": of_json(&row)}});
        of_set.insert("post".into(), with_body(operation("create", "A new row", Vec::new(), made), writes("create")));
        schemas.insert(format!("{name}-create"), schema(table, |column| column.access.create, true));
    }
    if table.access.update {
        let done = json!({"204": {"description": "It is done."}});
        let change = operation("update", "A change", shared(&["if-match"]), done);
        of_row.insert("patch".into(), with_body(change, writes("update")));
        schemas.insert(format!("{name}-update"), schema(table, |column| column.access.update, false));
    }
    if table.access.delete {
        let done = json!({"204": {"description": "It is done."}});
        of_row.insert("delete".into(), operation("delete", "Delete a row", shared(&["if-match"]), done));
    }
    schemas.insert(name.clone(), rows_schema(table));
    if !of_set.is_empty() {
        paths.insert(format!("/{set}"), of_set.into());
    }
    if !of_row.is_empty() {
        let key = &table.columns[table.key].name;
        let schema = json!({"type": "string", "format": "uuid"});
        let key = json!([{"name": key, "in": "path", "required": true, "description": "The key of the row.", "schema": schema}]);
        of_row.insert("parameters".into(), key);
        paths.insert(format!("/{set}({{{}}})", table.columns[table.key].name), of_row.into());
    }
}

/// A row as it is shown.
fn rows_schema(table: &Table) -> Value {
    let shown = table.columns.iter().filter(|column| column.access.read || column.kind == Kind::Key);
    let properties: Map<_, _> = shown.map(|column| (column.property().into_owned(), property(column))).collect();
    let etag = ("@odata.etag".to_owned(), json!({"type": "string"}));
    json!({"type": "object", "description": said(&table.label, &table.description),
           "properties": properties.into_iter().chain([etag]).collect::<Map<_, _>>()})
}

/// A body that is written.
fn schema(table: &Table, written: impl Fn(&Column) -> bool, creates: bool) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for column in &table.columns {
        let name = match &column.kind {
            Kind::ConceptKey { .. } => continue,
            // The key of a root table's new row may be chosen.
            Kind::Key if creates && table.parent.is_none() => column.name.clone(),
            Kind::Key => continue,
            _ if !written(column) => continue,
            Kind::Lookup(lookup) => format!("{}@odata.bind", lookup.navigation),
            _ => column.name.clone(),
        };
        let described = match &column.kind {
            Kind::Lookup(lookup) => {
                let sets: Vec<_> = lookup.targets.iter().map(|target| target.entity_set.as_str()).collect();
                let what = format!("{}: the address of a row, `/{}(…)`", column.label, sets.join("(…)`, `/"));
                json!({"type": "string", "nullable": true, "description": what})
            }
            _ => property(column),
        };
        if creates && column.required && column.kind != Kind::Key {
            required.push(Value::from(name.clone()));
        }
        properties.insert(name, described);
    }
    let mut schema = json!({"type": "object", "properties": properties});
    // An empty list is no list of OpenAPI's.
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn property(column: &Column) -> Value {
    let mut schema = match &column.kind {
        Kind::Key | Kind::Lookup(_) | Kind::ConceptKey { .. } => json!({"type": "string", "format": "uuid"}),
        Kind::Text { max_length: Some(length), .. } => json!({"type": "string", "maxLength": length}),
        Kind::Text { .. } | Kind::PartialDate | Kind::Uri | Kind::Json => json!({"type": "string"}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Int32 | Kind::Choice(_) => json!({"type": "integer", "format": "int32"}),
        Kind::Int64 => json!({"type": "integer", "format": "int64"}),
        Kind::Decimal { .. } => json!({"type": "number"}),
        Kind::Date => json!({"type": "string", "format": "date"}),
        Kind::DateTime => json!({"type": "string", "format": "date-time"}),
    };
    if column.kind != Kind::Key {
        schema["nullable"] = true.into();
    }
    let mut text = said(&column.label, &column.description);
    if let Kind::Choice(choice) = &column.kind {
        let options: Vec<_> =
            choice.options.iter().map(|option| format!("{} = {}", option.value, option.label)).collect();
        if !options.is_empty() {
            text = format!("{text}. {}", options.join(", "));
        }
    }
    if !text.is_empty() {
        schema["description"] = text.into();
    }
    schema
}

fn said(label: &str, description: &str) -> String {
    match (label, description) {
        (label, "") => label.to_owned(),
        ("", description) => description.to_owned(),
        (label, description) => format!("{label}: {description}"),
    }
}

fn reference(of: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{of}/{name}")})
}

fn of_json(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn error_schema() -> Value {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": text, "message": text, "target": text, "@Turntable.hint": text,
                "details": {"type": "array", "items": {
                    "type": "object", "properties": {"code": text, "message": text, "target": text},
                }},
            },
        }},
    })
}

/// Query options and headers, by their names here.
fn parameters() -> Value {
    let option = |name: &str, schema: Value, what: &str| json!({"name": format!("${name}"), "in": "query", "description": what, "schema": schema});
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer", "minimum": 0}));
    json!({
        "select": option("select", text.clone(), "Columns to show, with commas between them."),
        "filter": option("filter", text.clone(), "A condition, as OData has it."),
        "search": option("search", text.clone(), "Words that a text of the row contains."),
        "orderby": option("orderby", text.clone(), "Columns to order by, each with asc or desc."),
        "top": option("top", number.clone(), "Rows at most."),
        "skip": option("skip", number, "Rows that are left out at the beginning."),
        "count": option("count", json!({"type": "boolean"}), "Also say how many there are in all."),
        "expand": option("expand", text.clone(), "Navigation properties to follow."),
        "if-match": {
            "name": "If-Match", "in": "header", "description": "The @odata.etag that the row must still have.", "schema": text,
        },
    })
}

/// A Postman collection (v2.1): a folder a table, its requests at an address that is a variable.
fn postman(base: &str, tables: &[Arc<Table>]) -> Value {
    let root = base.trim_end_matches('/');
    let folders: Vec<_> = tables.iter().map(|table| folder(table)).collect();
    json!({
        "info": {
            "name": "Turntable",
            "description": "Rows of tables, over OData v4.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "variable": [{"key": "root", "value": root}, {"key": "id", "value": "00000000-0000-0000-0000-000000000000"}],
        "item": folders,
    })
}

fn folder(table: &Table) -> Value {
    let set = &table.entity_set;
    let item = |name: &str, method: &str, path: &str, body: Option<Value>| {
        let mut request = json!({
            "method": method,
            "header": [{"key": "Accept", "value": "application/json"}],
            "url": {"raw": format!("{{{{root}}}}/{path}"), "host": ["{{root}}"], "path": path.split('/').collect::<Vec<_>>()},
        });
        if let Some(body) = body {
            request["header"] = json!([{"key": "Content-Type", "value": "application/json"}]);
            let language = json!({"raw": {"language": "json"}});
            request["body"] = json!({"mode": "raw", "raw": format!("{body:#}"), "options": language});
        }
        json!({"name": name, "request": request, "response": []})
    };
    let listed = |top: &str| {
        let mut rows = item("rows", "GET", set, None);
        rows["request"]["url"]["raw"] = format!("{{{{root}}}}/{set}?$top={top}").into();
        rows["request"]["url"]["query"] = json!([{"key": "$top", "value": top}]);
        rows
    };
    // What a new row must have; an app fills in the values.
    let required = table.columns.iter().filter(|column| column.required && column.kind != Kind::Key);
    let body: Map<_, _> = required
        .map(|column| match &column.kind {
            Kind::Lookup(lookup) => {
                let set = lookup.targets.first().map_or("", |target| &target.entity_set);
                (format!("{}@odata.bind", lookup.navigation), json!(format!("/{set}({{{{id}}}})")))
            }
            _ => (column.name.clone(), Value::Null),
        })
        .collect();
    let row = format!("{set}({{{{id}}}})");
    let mut items = Vec::new();
    if table.access.read {
        items.push(listed("10"));
        items.push(item("how many", "GET", &format!("{set}/$count"), None));
        items.push(item("one row", "GET", &row, None));
    }
    if table.access.create {
        items.push(item("a new row", "POST", set, Some(body.into())));
    }
    if table.access.update {
        items.push(item("a change", "PATCH", &row, Some(json!({}))));
    }
    if table.access.delete {
        items.push(item("delete", "DELETE", &row, None));
    }
    json!({"name": set, "description": said(&table.label, &table.description), "item": items})
}

/// The tables that `?tables=a,b` names, by entity set or logical name, none twice. `BadOption` for none at all and for more
/// than `most`.
pub fn chosen(query: &str, find: impl Fn(&str) -> Result<Arc<Table>>, most: usize) -> Result<Vec<Arc<Table>>> {
    let bad = |text: String| Error::new(Code::BadOption, text).target("tables");
    let mut names = None;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name != "tables" {
            continue;
        }
        let value = percent_encoding::percent_decode_str(value).decode_utf8();
        let value =
            value.map_err(|_| Error::new(Code::BadUrl, "the query string is not UTF-8 after percent-decoding"))?;
        if names.replace(value.into_owned()).is_some() {
            return Err(bad("`tables` is given twice".to_owned()));
        }
    }
    let names = names.unwrap_or_default();
    let mut tables: Vec<Arc<Table>> = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let table = find(name)?;
        if !tables.iter().any(|own| own.name == table.name) {
            tables.push(table);
        }
        if tables.len() > most {
            return Err(bad(format!("more than {most} tables (limit `described_tables`)")));
        }
    }
    match tables.is_empty() {
        true => Err(bad("no table is named".to_owned()).hint("write ?tables=contacts,msemr_encounters")),
        false => Ok(tables),
    }
}
