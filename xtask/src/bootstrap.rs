//! What a fresh suite gets before anybody uses it: the first administrator and the demo catalogue.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::api::Api;
use crate::catalogue;
use crate::env_file::{ADMIN_EMAIL, ADMIN_PASSWORD, EnvFile};
use crate::project::{self, Project};
use crate::shell::{self, Progress};

/// Products in one import request: small enough for progress to be seen, large enough for speed.
const IMPORT_LINES: usize = 500;
/// Bytes of one import request, below what the service takes at once.
const IMPORT_BYTES: usize = 900_000;

/// What became of the first administrator.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum Administrator {
    /// Made just now.
    Created,
    /// There was one already.
    Existed,
}

/// Creates the administrator whose credentials stand in `.env`, when the suite has none.
pub fn administrator(api: &Api, secrets: &EnvFile) -> Result<Administrator> {
    let key = secrets.variable("bootstrap_key")?;
    let (email, password) = credentials(secrets)?;
    let body = json!({ "email": email, "password": password });
    let answer = api.with_token(key).post("/api/v1/users/bootstrap", &body)?;
    match answer.status {
        201 => Ok(Administrator::Created),
        409 => Ok(Administrator::Existed),
        _ => {
            answer.expect(201, "creating the first administrator")?;
            unreachable!("any status but 201 was just refused")
        }
    }
}

/// The same suite, as its first administrator sees it.
pub fn signed_in(api: &Api, secrets: &EnvFile) -> Result<Api> {
    let (email, password) = credentials(secrets)?;
    let token = api.sign_in(email, password).with_context(|| {
        format!(
            "cannot sign in as {email} with the password in {}. If it was changed since, write the new one there",
            secrets.path().display()
        )
    })?;
    Ok(api.with_token(token))
}

/// The first administrator's e-mail address and password.
pub fn credentials(secrets: &EnvFile) -> Result<(&str, &str)> {
    let email = secrets.get(ADMIN_EMAIL);
    email.zip(secrets.get(ADMIN_PASSWORD)).with_context(|| {
        format!("{} has no lines {ADMIN_EMAIL} and {ADMIN_PASSWORD}", secrets.path().display())
    })
}

/// Loads the committed demo catalogue when the shop has no product.
pub fn demo_catalogue(project: &Project, api: &Api, secrets: &EnvFile) -> Result<()> {
    let first = api.get("/api/v1/products?limit=1")?.expect(200, "listing products")?.json()?;
    if first["items"].as_array().is_none_or(|items| !items.is_empty()) {
        return Ok(());
    }
    shell::say("Loading the demo catalogue");
    let admin = signed_in(api, secrets)?;
    let categories = project::read(&project.path(catalogue::CATEGORIES_FILE))?;
    let categories: Result<Vec<Value>, _> = categories.lines().map(serde_json::from_str).collect();
    create_categories(&admin, categories.context(catalogue::CATEGORIES_FILE)?)?;
    let products = project::read(&project.path(catalogue::PRODUCTS_FILE))?;
    let lines: Vec<_> = products.lines().map(str::to_owned).collect();
    import(&admin, lines.len(), lines.into_iter())?;
    demo_stock(&admin)
}

/// How many units of each variant the demo has.
const DEMO_UNITS: u32 = 100;
/// The location that is there from the start.
pub const MAIN_LOCATION: &str = "loc_00000000000000000000000000";

/// Puts the demo's products into the stock, so that they can be bought.
fn demo_stock(admin: &Api) -> Result<()> {
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/products?limit=100{cursor}");
        let page = admin.get(&path)?.expect(200, "listing products")?.json()?;
        let mut counts = Vec::new();
        for product in page["items"].as_array().into_iter().flatten() {
            let path = format!("/api/v1/products/{}", product["id"].as_str().unwrap_or_default());
            let product = admin.get(&path)?.expect(200, "reading a product")?.json()?;
            let variants = product["variants"].as_array().into_iter().flatten();
            counts.extend(variants.map(|it| json!({"variant_id": it["id"], "on_hand": DEMO_UNITS})));
        }
        for counts in counts.chunks(COUNTED) {
            let count =
                json!({"location_id": MAIN_LOCATION, "reason": "the demo's first stock", "counts": counts});
            let key = random_key()?;
            let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
            let answer = admin.send(
                Method::POST,
                "/api/v1/inventory/counts",
                &headers,
                count.to_string().into_bytes(),
            )?;
            answer.expect(200, "counting the demo's stock")?;
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}

/// The most variants of one count.
const COUNTED: usize = 1000;

/// Creates categories, parents first; those that exist stay as they are.
pub fn create_categories(admin: &Api, categories: Vec<Value>) -> Result<()> {
    for category in categories {
        let answer = admin.post("/api/v1/categories", &category)?;
        if answer.status != 409 {
            answer.expect(201, &format!("creating the category {}", category["slug"]))?;
        }
    }
    Ok(())
}

/// Imports products, JSON lines of them, in requests of a bearable size.
pub fn import(admin: &Api, total: usize, lines: impl Iterator<Item = String>) -> Result<()> {
    let mut progress = Progress::new("products", total as u64);
    let mut done = 0;
    let mut chunk = Vec::new();
    for line in lines {
        let bytes: usize = chunk.iter().map(String::len).sum();
        if chunk.len() == IMPORT_LINES || bytes + line.len() > IMPORT_BYTES {
            done += import_chunk(admin, &std::mem::take(&mut chunk))?;
            progress.at(done);
        }
        chunk.push(line);
    }
    if !chunk.is_empty() {
        import_chunk(admin, &chunk)?;
    }
    progress.done();
    Ok(())
}

fn import_chunk(admin: &Api, lines: &[String]) -> Result<u64> {
    let key = random_key()?;
    let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", key.as_str())];
    let body = (lines.join("\n") + "\n").into_bytes();
    let report = admin
        .send(Method::POST, "/api/v1/products/import", &headers, body)?
        .expect(200, "importing products")?
        .json()?;
    if let Some(bad) = report["errors"].as_array().and_then(|errors| errors.first()) {
        bail!("the import refused a line: {bad}");
    }
    Ok(lines.len() as u64)
}

/// A key of its own for each request: the same lines may be imported again after their products were deleted.
fn random_key() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("this machine gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
