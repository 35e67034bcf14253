//! The admin API described for tools.

use serde_json::{Value, json};

pub fn document() -> Value {
    let ok =
        |what: &str| json!({ "200": { "description": what }, "default": { "$ref": "#/components/responses/Error" } });
    let table = json!({ "name": "table", "in": "path", "required": true, "schema": { "type": "string" }, "description": "Logical name, e.g. msemr_encounter" });
    let digest = json!({ "name": "digest", "in": "path", "required": true, "schema": { "type": "string" }, "description": "sha256:…" });
    let body = |schema: Value| json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Turntable administration", "version": env!("CARGO_PKG_VERSION") },
        "paths": {
            "/admin/v1/tables": {
                "get": { "summary": "Every table with route and mapping", "responses": ok("Tables") },
            },
            "/admin/v1/tables/{table}": {
                "get": { "summary": "One table with its columns and counters", "parameters": [table], "responses": ok("A table") },
            },
            "/admin/v1/tables/{table}/route": {
                "put": {
                    "summary": "Turn the route of a table, its child tables with it",
                    "parameters": [table],
                    "requestBody": body(json!({
                        "type": "object",
                        "required": ["provider"],
                        "properties": {
                            "provider": { "type": "string", "enum": ["native", "virtual"] },
                            "source": { "type": "string", "description": "FHIR service of a virtual route", "default": "main" },
                            "copy": { "type": "boolean", "default": false, "description": "Only false is supported" },
                            "dry_run": { "type": "boolean", "default": false },
                        },
                    })),
                    "responses": ok("What changed, or would"),
                },
            },
            "/admin/v1/tables/{table}/mapping": {
                "post": {
                    "summary": "Put a loaded mapping in force",
                    "parameters": [table],
                    "requestBody": body(json!({
                        "type": "object",
                        "required": ["digest"],
                        "properties": {
                            "digest": { "type": "string" },
                            "mode": { "type": "string", "enum": ["activate"], "default": "activate" },
                        },
                    })),
                    "responses": ok("The mapping now in force, and the tables that it serves"),
                },
            },
            "/admin/v1/tables/{table}/mapping/rollback": {
                "post": { "summary": "Go back to the mapping before", "parameters": [table], "responses": ok("As for activation") },
            },
            "/admin/v1/mappings": {
                "get": { "summary": "Every mapping that was loaded", "responses": ok("Mappings") },
                "post": {
                    "summary": "Load a component through the gate",
                    "parameters": [
                        { "name": "laws_ms", "in": "query", "description": "How long the laws are looked at", "schema": { "type": "integer", "default": 3000, "maximum": 3000 } },
                    ],
                    "requestBody": { "required": true, "content": { "application/wasm": { "schema": { "type": "string", "format": "binary" } } } },
                    "responses": {
                        "200": { "description": "Known already" },
                        "201": { "description": "Loaded; digest, tables, checks, schema difference" },
                        "422": { "description": "Refused, with each failed check", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } },
                        "default": { "$ref": "#/components/responses/Error" },
                    },
                },
            },
            "/admin/v1/mappings/{digest}": {
                "get": { "summary": "One mapping with its gate report", "parameters": [digest], "responses": ok("A mapping") },
            },
            "/admin/v1/events": {
                "get": {
                    "summary": "The audit trail, oldest first",
                    "parameters": [
                        { "name": "after", "in": "query", "schema": { "type": "integer", "default": 0 } },
                        { "name": "limit", "in": "query", "schema": { "type": "integer", "default": 100, "maximum": 1000 } },
                    ],
                    "responses": ok("Events"),
                },
            },
        },
        "components": {
            "responses": {
                "Error": { "description": "What went wrong, and what to do", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } },
            },
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {
                        "error": {
                            "type": "object",
                            "properties": {
                                "code": { "type": "string" },
                                "message": { "type": "string" },
                                "target": { "type": "string" },
                                "details": { "type": "array", "items": { "type": "object" } },
                            },
                        },
                    },
                },
            },
        },
    })
}
