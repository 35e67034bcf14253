//! `turntable backup` and `turntable restore`: the whole store as one file. They go to the data folder, not to a server.

use std::path::Path;

use serde_json::json;

use crate::cli::serve::read_config;
use crate::cli::terminal::say;
use crate::model::error::Result;
use crate::store::facade::Store;

/// While a server runs or while none does.
pub async fn backup(config: Option<&Path>, file: &Path, as_json: bool) -> Result<()> {
    let bytes = Store::backup(&read_config(config)?.data_dir, file).await?;
    match as_json {
        true => say(format!("{:#}", json!({ "file": file, "bytes": bytes }))),
        false => say(format!("{}: {bytes} bytes", file.display())),
    }
    Ok(())
}

/// While no server runs.
pub async fn restore(config: Option<&Path>, file: &Path, as_json: bool) -> Result<()> {
    let data_dir = read_config(config)?.data_dir;
    let kept = Store::restore(&data_dir, file).await?;
    if as_json {
        say(format!("{:#}", json!({ "data_dir": data_dir, "restored": file, "kept": kept })));
        return Ok(());
    }
    say(format!("{}: restored from {}", data_dir.display(), file.display()));
    if let Some(kept) = kept {
        say(format!("the store of before is kept as {}", kept.display()));
    }
    Ok(())
}
