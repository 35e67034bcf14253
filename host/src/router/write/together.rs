//! Several changes of one table that are made together or not at all.

use crate::model::error::{Code, Error};
use crate::model::query::Change;
use crate::router::session::Session;
use crate::router::write::change::Written;

/// How often they are made anew because others wrote one of the resources in between, or versions of mappings came into
/// force.
const ATTEMPTS: usize = 8;

impl Session {
    /// What each has done; or which one was refused, and why, and nothing is done.
    pub async fn write_all(
        &self,
        table: &str,
        changes: &[Change],
    ) -> std::result::Result<Vec<Written>, (usize, Error)> {
        let mut attempt = 1;
        loop {
            // One is made whole or not at all by itself, wherever it goes.
            let session = if changes.len() == 1 { self.beside() } else { self.beside().staging() };
            let served = session.snapshot().table(table).map_err(|error| (0, error))?.clone();
            let mut written = Vec::with_capacity(changes.len());
            for (position, change) in changes.iter().enumerate() {
                session.begin_part(position);
                written.push(session.write(&served, change).await.map_err(|error| (position, error))?);
            }
            if together(&session, attempt).await? {
                for (position, written) in written.iter_mut().enumerate() {
                    written.key = session.settled(&served, written).await.map_err(|error| (position, error))?;
                }
                return Ok(written);
            }
            attempt += 1;
        }
    }
}

/// Stores what a session has staged, or sends it to its FHIR service, in its so manieth attempt. False: it is to be made anew.
/// An error has the place of the change that it is about.
pub async fn together(session: &Session, attempt: usize) -> std::result::Result<bool, (usize, Error)> {
    match session.send_gathered().await {
        Ok(true) => return Ok(true),
        Ok(false) => {}
        Err((_, error)) if error.code() == Code::VersionMismatch && attempt < ATTEMPTS => return Ok(false),
        Err(error) => return Err(error),
    }
    let committed = match session.commit().await {
        Ok(false) if attempt >= ATTEMPTS => {
            let message = "other versions of mappings come into force all the time";
            Err(Error::new(Code::Busy, message).hint("try again").retry_after(1))
        }
        Err(error) if error.code() == Code::VersionMismatch && attempt < ATTEMPTS => Ok(false),
        answer => answer,
    };
    committed.map_err(|error| (0, error))
}
