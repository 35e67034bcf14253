//! Signing in on a page at a provider. The page has what begins and ends it (a state, a verifier, the token); these calls say
//! where one signs in, and get the token that the provider gives for what it sent the page back with.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, extract::rejection::PathRejection};
use serde::{Deserialize, Serialize};

use crate::http::body;
use crate::http::doors::Entered;
use crate::http::identity::refused;
use crate::http::shared::{App, Shared, failure, json_reply};
use crate::identity::identify::Shown;
use crate::identity::sign_in::{Grant, Granted, SignIn};
use crate::model::error::{Code, Error, Result};

/// Bytes of what a page brings.
const BODY_BYTES: usize = 32 << 10;

/// Where a provider sends people back to.
const CALLBACK: &str = "/auth/callback";

#[derive(Serialize)]
struct Known<'a> {
    name: &'a str,
    label: &'a str,
}

#[derive(Serialize)]
struct Address<'a> {
    address: String,
    issuer: &'a str,
}

/// A code with its verifier, or a token to be renewed.
#[derive(Deserialize)]
#[serde(untagged)]
enum Brought {
    Code { code: String, verifier: String },
    Refresh { refresh: String },
}

#[derive(Serialize)]
struct Token {
    token: String,
    /// Seconds that it is good for, as the provider says.
    expires: Option<u64>,
    /// What a page brings for the next one.
    refresh: Option<String>,
}

/// `GET /auth/providers`: those at which people sign in.
pub(super) async fn providers(State(app): Shared) -> Response {
    let all: Vec<_> = app.identity.sign_ins().map(|(name, sign_in)| Known { name, label: sign_in.label() }).collect();
    json_reply(StatusCode::OK, &serde_json::json!({ "providers": all }))
}

/// `GET /auth/providers/NAME`: where one signs in; the page adds its `state` and its `code_challenge`.
pub(super) async fn address(
    State(app): Shared,
    Extension(entered): Extension<Entered>,
    name: std::result::Result<Path<String>, PathRejection>,
) -> Response {
    let found = async {
        let sign_in = known(&app, name)?;
        Ok(Address { address: sign_in.address(&callback(&entered)).await?, issuer: sign_in.issuer() })
    };
    match found.await {
        Ok(address) => json_reply(StatusCode::OK, &address),
        Err(error) => failure(&error),
    }
}

/// `POST /auth/providers/NAME/token`: the token for a code, or for what renews one.
pub(super) async fn token(
    State(app): Shared,
    Extension(entered): Extension<Entered>,
    name: std::result::Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let granted = async {
        let sign_in = known(&app, name)?;
        let (parts, body) = request.into_parts();
        let body = body::read(&app, &parts.headers, body, ("", BODY_BYTES)).await?;
        // What is wrong with it is not said: it is a secret.
        let brought: Brought = serde_json::from_slice(&body).map_err(|_| {
            Error::new(Code::BadJson, "the body is neither a code with its verifier nor a token to be renewed")
                .hint(r#"send {"code":"…","verifier":"…"} or {"refresh":"…"}"#)
        })?;
        let grant = match &brought {
            Brought::Code { code, verifier } => Grant::Code { code, verifier },
            Brought::Refresh { refresh } => Grant::Refresh { token: refresh },
        };
        let granted = sign_in.exchange(&grant, &callback(&entered)).await?;
        taken_here(&app, &granted).await?;
        Ok(Token { token: granted.access_token, expires: granted.expires_in, refresh: granted.refresh_token })
    };
    match granted.await {
        Ok(token) => json_reply(StatusCode::OK, &token),
        Err(error) => refused(&app.identity, &error),
    }
}

fn known(app: &App, name: std::result::Result<Path<String>, PathRejection>) -> Result<&SignIn> {
    let found = name.ok().and_then(|Path(name)| app.identity.sign_in(&name));
    found.ok_or_else(|| {
        Error::new(Code::NotFound, "nobody signs in on the pages at a provider of this name")
            .hint("/auth/providers lists those at which people do")
    })
}

fn callback(entered: &Entered) -> String {
    format!("{}{CALLBACK}", entered.root)
}

/// A token that would be refused at the next request is refused here, where it can be said whose matter that is.
async fn taken_here(app: &App, granted: &Granted) -> Result<()> {
    match app.identity.of(&Shown::Bearer(&granted.access_token)).await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Code::Unauthorized => {
            let why = format!("the provider let you in, but its token is not taken here: {}", error.message());
            Err(Error::new(Code::Unauthorized, why).hint(
                "an administrator can set `scope` or `resource` in [auth.oidc.NAME.sign_in], or the provider, so that its \
                 access tokens are JWTs for the `audience` of [auth.oidc.NAME]",
            ))
        }
        Err(error) => Err(error),
    }
}
