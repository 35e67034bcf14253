//! What somebody would write by hand in Turntable's place, for one table and nothing else: the yardsticks of a gateway.
//! Each is an HTTP server of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value;

use crate::Result;
use crate::baseline::Baseline;
use crate::read;

/// The least that can stand between a client and a service: it asks the same and gives the answer unread.
pub async fn pass_through(upstream: String) -> Result<SocketAddr> {
    async fn answer(State((client, upstream)): State<(reqwest::Client, String)>) -> Response {
        let body = async { client.get(upstream).send().await?.error_for_status()?.bytes().await };
        match body.await {
            Ok(body) => ([(header::CONTENT_TYPE, "application/fhir+json")], body).into_response(),
            Err(error) => failed(error.into()),
        }
    }
    serve(Router::new().fallback(answer).with_state((read::client()?, upstream))).await
}

/// A service on a machine of its own: what it answers to a question it remembers, so that its work takes nothing of this
/// machine. Its base URL.
pub async fn remembering(upstream: &str) -> Result<String> {
    type Remembered = Arc<Mutex<HashMap<String, (HeaderMap, Bytes)>>>;
    type Shared = State<(reqwest::Client, String, String, Remembered)>;
    async fn answer(State((client, upstream, own, remembered)): Shared, uri: Uri) -> Response {
        let known = || remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = uri.to_string();
        if let Some(answer) = known().get(&asked).cloned() {
            return answer.into_response();
        }
        let answer = async {
            let answer = client.get(format!("{upstream}{asked}")).send().await?.error_for_status()?;
            let mut headers = answer.headers().clone();
            headers.remove(header::CONTENT_LENGTH);
            headers.remove(header::TRANSFER_ENCODING);
            // Links lead on here.
            Ok::<_, crate::Error>((headers, Bytes::from(answer.text().await?.replace(&upstream, &own))))
        };
        match answer.await {
            Ok(answer) => {
                known().insert(asked, answer.clone());
                answer.into_response()
            }
            Err(error) => failed(error),
        }
    }
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let base: Uri = upstream.parse()?;
    let origin = format!("http://{}", base.authority().ok_or("no authority")?);
    let own = format!("http://{address}");
    let remembering = format!("{own}{}", base.path());
    let state = (read::client()?, origin, own, Remembered::default());
    let router = Router::new().fallback(answer).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(remembering)
}

/// Typed structs over the page, and the rows of all columns out.
pub async fn virtual_table(upstream: String, baseline: Baseline) -> Result<SocketAddr> {
    type Shared = State<(reqwest::Client, String, Baseline)>;
    async fn answer(State((client, upstream, baseline)): Shared) -> Response {
        let rows = async {
            let page = client.get(upstream).send().await?.error_for_status()?.bytes().await?;
            baseline.rows(&page)
        };
        json(rows.await)
    }
    serve(Router::new().fallback(answer).with_state((read::client()?, upstream, baseline))).await
}

/// An SQL table with a column for each property, holding the rows of an answer in the form in which they are answered,
/// and a page of it.
pub async fn native_table(directory: &Path, answer: &[u8]) -> Result<SocketAddr> {
    let page: Value = serde_json::from_slice(answer)?;
    let rows = page["value"].as_array().ok_or("an answer without rows")?;
    let first = rows.first().and_then(Value::as_object).ok_or("an answer without a row")?;
    let names: Vec<String> = first.keys().cloned().collect();
    let connection = Connection::open(directory.join("by-hand.db"))?;
    let columns: Vec<String> = names.iter().map(|name| format!("\"{name}\" TEXT")).collect();
    connection.execute_batch(&format!("CREATE TABLE rows (id INTEGER PRIMARY KEY, {})", columns.join(", ")))?;
    let places = vec!["?"; names.len()].join(", ");
    for row in rows {
        let cells = names.iter().map(|name| row.get(name).filter(|cell| !cell.is_null()).map(Value::to_string));
        let insert = format!("INSERT INTO rows VALUES (NULL, {places})");
        connection.prepare_cached(&insert)?.execute(rusqlite::params_from_iter(cells))?;
    }
    let select: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let select = format!("SELECT {} FROM rows ORDER BY id LIMIT {}", select.join(", "), read::ROWS);
    let names: Vec<String> = names.iter().map(|name| format!("{}:", Value::from(name.as_str()))).collect();
    let table = Arc::new((Mutex::new(connection), select, names));
    type Shared = State<Arc<(Mutex<Connection>, String, Vec<String>)>>;
    async fn page_of(State(table): Shared) -> Response {
        let rows = tokio::task::spawn_blocking(move || {
            let connection = table.0.lock().unwrap_or_else(PoisonError::into_inner);
            rows_as_json(&connection, &table.1, &table.2)
        });
        json(rows.await.unwrap_or_else(|error| Err(error.into())))
    }
    serve(Router::new().fallback(page_of).with_state(table)).await
}

fn rows_as_json(connection: &Connection, select: &str, names: &[String]) -> Result<Vec<u8>> {
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([])?;
    let mut out = Vec::with_capacity(256 << 10);
    out.extend_from_slice(b"{\"value\":[");
    while let Some(row) = rows.next()? {
        if out.ends_with(b"}") {
            out.push(b',');
        }
        for (index, name) in names.iter().enumerate() {
            out.push(if index == 0 { b'{' } else { b',' });
            out.extend_from_slice(name.as_bytes());
            match row.get_ref(index)? {
                ValueRef::Text(text) => out.extend_from_slice(text),
                _ => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

fn json(rows: Result<Vec<u8>>) -> Response {
    match rows {
        Ok(rows) => ([(header::CONTENT_TYPE, "application/json")], rows).into_response(),
        Err(error) => failed(error),
    }
}

fn failed(error: crate::Error) -> Response {
    (StatusCode::BAD_GATEWAY, error.to_string()).into_response()
}

async fn serve(router: Router) -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}
