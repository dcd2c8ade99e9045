//! Signing out at a client's wish (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Keeps: nobody is signed out by a mere link, unless it carries an id token of theirs; nobody is sent to an address that the
//! client has not registered for it.

use crate::audit::{self, Act, Entry};
use crate::authorize::request::append;
use crate::authorize::see_other;
use crate::browser::{self, Browser};
use crate::clients;
use crate::cookie::Jar;
use crate::csrf::{self, Csrf, Form, Shown};
use crate::hint::{self, Hint};
use crate::page;
use crate::pages::{self, texts::texts};
use crate::redirect::is_same;
use crate::store::{self, browsers};
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use souk_kit::form::{self, MAX_FORM};
use souk_kit::id::BrowserId;
use souk_kit::{Caller, Ctx, DbError, Language, Problem, Result};

#[derive(Default, Deserialize)]
struct Parameters {
    id_token_hint: Option<String>,
    client_id: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
    ui_locales: Option<String>,
}

#[derive(Deserialize)]
struct Filled {
    step: Option<String>,
    csrf: Option<String>,
}

/// What cannot be served, and which parameter is to blame.
enum Stop {
    Unreadable(&'static str),
    Address,
    Foreign,
    Fault(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Fault(problem)
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Fault(error.into())
    }
}

/// A wish to sign out that can be served.
struct Wish {
    hint: Option<Hint>,
    /// Where to go then.
    target: Option<String>,
}

struct Visit {
    ctx: Ctx,
    headers: HeaderMap,
    query: String,
    language: Language,
    jar: Jar,
    csrf: Csrf,
}

/// Sign out.
///
/// For browsers (OpenID Connect RP-Initiated Logout). With an `id_token_hint` of the person who is signed in, at once; else a
/// page asks first. What clients began from the browser ends as well.
#[utoipa::path(get, path = "/oauth2/logout", tag = "auth", params(
    ("id_token_hint" = Option<String>, Query, description = "An id token of the person; it may have expired"),
    ("client_id" = Option<String>, Query, description = "The client"),
    ("post_logout_redirect_uri" = Option<String>, Query, description = "Where to go then: one of the client's, exactly"),
    ("state" = Option<String>, Query, description = "Goes along"),
    ("ui_locales" = Option<String>, Query, description = "Languages, the best first")),
    responses((status = 200, description = "A page", content_type = "text/html"),
        (status = 303, description = "On to `post_logout_redirect_uri`"),
        (status = 400, description = "A page: the address is not registered", content_type = "text/html")))]
pub async fn show(ctx: Ctx, _: Caller, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let visit = Visit::begin(ctx.clone(), headers, query.unwrap_or_default()).await;
    match visit {
        Ok(visit) => visit.end(visit.shows().await),
        Err(problem) => pages::fault(Language::default(), &ctx, problem),
    }
}

/// Sign out, by a form.
///
/// Of our own page, or of a client that asks by `POST`.
#[utoipa::path(post, path = "/oauth2/logout", tag = "auth",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A page", content_type = "text/html"),
        (status = 303, description = "On to `post_logout_redirect_uri`"),
        (status = 400, description = "A page: the address is not registered", content_type = "text/html"),
        (status = 403, description = "A page: the form is none of ours, or too old", content_type = "text/html")))]
pub async fn step(
    ctx: Ctx,
    _: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let visit = Visit::begin(ctx.clone(), headers, query.unwrap_or_default()).await;
    match visit {
        Ok(visit) => visit.end(visit.steps(&body).await),
        Err(problem) => pages::fault(Language::default(), &ctx, problem),
    }
}

impl Visit {
    async fn begin(ctx: Ctx, headers: HeaderMap, query: String) -> Result<Self> {
        let jar = Jar::of_suite().await?;
        let csrf = Csrf::of(&headers, jar).await?;
        let parameters: Parameters = form::parse(query.as_bytes()).unwrap_or_default();
        let language = page::language(parameters.ui_locales.as_deref(), &headers);
        Ok(Self { ctx, headers, query, language, jar, csrf })
    }

    async fn browser(&self) -> Result<Option<Browser>> {
        browser::of_request(&self.ctx, &self.headers, self.jar).await
    }

    async fn shows(&self) -> Result<Response, Stop> {
        let wish = self.wish(self.query.as_bytes()).await?;
        let browser = self.browser().await?;
        match (&wish.hint, &browser) {
            (Some(hint), None) => self.signs_out_by_hint(hint, &wish).await,
            (Some(hint), Some(browser)) if hint.user_id == browser.user_id => {
                self.signs_out_by_hint(hint, &wish).await
            }
            (_, Some(browser)) => self.asks(browser, &wish, None),
            (None, None) => self.is_out(&wish),
        }
    }

    async fn steps(&self, body: &[u8]) -> Result<Response, Stop> {
        if !form::is_form(&self.headers) || body.len() > MAX_FORM {
            return Err(Stop::Unreadable("form"));
        }
        let filled: Filled = form::parse(body).map_err(|_| Stop::Unreadable("form"))?;
        let Some(step) = filled.step.as_deref() else { return self.is_asked_by_post(body).await };
        if !csrf::is_from_here(&self.headers).await? {
            return Err(Stop::Foreign);
        }
        let wish = self.wish(self.query.as_bytes()).await?;
        let Some(browser) = self.browser().await? else { return self.is_out(&wish) };
        let session = browser.id.to_string();
        let shown = Shown { form: Form::Logout, query: &self.query, session: &session };
        if !self.csrf.accepts(filled.csrf.as_deref().unwrap_or_default(), shown)? {
            return self.asks(&browser, &wish, Some(texts(self.language).page_too_old));
        }
        if step != "logout" {
            return Ok(pages::told(self.language, false));
        }
        self.ends(Some(browser.id), None).await?;
        self.is_out(&wish)
    }

    /// A client's own form. Without our cookies, since it is another site's: without a hint, they come with the redirect.
    async fn is_asked_by_post(&self, body: &[u8]) -> Result<Response, Stop> {
        let wish = self.wish(body).await?;
        match &wish.hint {
            Some(hint) => self.signs_out_by_hint(hint, &wish).await,
            None => {
                let asked = std::str::from_utf8(body).map_err(|_| Stop::Unreadable("form"))?;
                see_other(&format!("/oauth2/logout?{asked}")).map_err(|_| Stop::Unreadable("form"))
            }
        }
    }

    async fn wish(&self, asked: &[u8]) -> Result<Wish, Stop> {
        let asked: Parameters = form::parse(asked).map_err(|_| Stop::Unreadable("parameters"))?;
        let hint = match &asked.id_token_hint {
            Some(token) => hint::read(&self.ctx, token).await?,
            None => None,
        };
        let hinted = hint.as_ref().map(|hint| hint.client_id.clone());
        if hinted.is_some() && asked.client_id.is_some() && hinted != asked.client_id {
            return Err(Stop::Unreadable("client_id"));
        }
        let target = match (asked.post_logout_redirect_uri, hinted.or(asked.client_id)) {
            (None, _) => None,
            (Some(_), None) => return Err(Stop::Address),
            (Some(uri), Some(id)) => {
                let client = clients::find(&self.ctx.conn().await?, &id).await?.ok_or(Stop::Address)?;
                if !client.post_logout_redirect_uris.iter().any(|registered| is_same(registered, &uri)) {
                    return Err(Stop::Address);
                }
                Some(append(&uri, asked.state.iter().map(|state| ("state", state.as_str()))))
            }
        };
        Ok(Wish { hint, target })
    }

    async fn signs_out_by_hint(&self, hint: &Hint, wish: &Wish) -> Result<Response, Stop> {
        let conn = self.ctx.conn().await?;
        let here = self.browser().await?.filter(|browser| browser.user_id == hint.user_id);
        let there = match hint.session {
            Some(session) => browsers::of_session(&conn, session, hint.user_id).await?,
            None => None,
        };
        drop(conn);
        self.ends(here.map(|browser| browser.id).or(there), Some(hint)).await?;
        self.is_out(wish)
    }

    async fn ends(&self, browser: Option<BrowserId>, hint: Option<&Hint>) -> Result<()> {
        let mut tx = self.ctx.begin().await?;
        if let Some(id) = browser {
            let user = browsers::find_by_id(&tx, id).await?.map(|browser| browser.user_id);
            if browsers::end(&mut tx, id, None).await? {
                let entry = Entry::new(Act::SessionEnded, &self.ctx).session(id);
                audit::record(&tx, user.into_iter().fold(entry, Entry::user)).await?;
            }
        }
        if let Some((session, user)) = hint.and_then(|hint| hint.session.map(|id| (id, hint.user_id)))
            && store::end(&tx, session, Some(user)).await?
        {
            let entry = Entry::new(Act::SessionEnded, &self.ctx).session(session).user(user);
            audit::record(&tx, entry).await?;
        }
        Ok(tx.commit().await?)
    }

    fn asks(&self, browser: &Browser, wish: &Wish, alert: Option<&str>) -> Result<Response, Stop> {
        let session = browser.id.to_string();
        let code = self.csrf.code(Shown { form: Form::Logout, query: &self.query, session: &session })?;
        let mut response = pages::ask(self.language, &self.query, &code, wish.target.as_deref(), alert);
        if let Some(cookie) = self.csrf.set_cookie()? {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// The answer to who is signed out now: on to the client, or a page that says so; without the cookie either way.
    fn is_out(&self, wish: &Wish) -> Result<Response, Stop> {
        let mut response = match &wish.target {
            Some(uri) => see_other(uri)?,
            None => pages::told(self.language, true),
        };
        let headers: &mut HeaderMap<HeaderValue> = response.headers_mut();
        headers.append(header::SET_COOKIE, browser::forget(self.jar)?);
        Ok(response)
    }

    fn end(&self, outcome: Result<Response, Stop>) -> Response {
        let texts = texts(self.language);
        let refused = |status, why: &str| pages::refusal(self.language, &self.ctx, status, why);
        match outcome {
            Ok(response) => response,
            Err(Stop::Unreadable(what)) => {
                refused(StatusCode::BAD_REQUEST, &texts.bad_request.replace("{why}", what))
            }
            Err(Stop::Address) => refused(StatusCode::BAD_REQUEST, texts.unknown_redirect),
            Err(Stop::Foreign) => refused(StatusCode::FORBIDDEN, texts.foreign_form),
            Err(Stop::Fault(problem)) => pages::fault(self.language, &self.ctx, problem),
        }
    }
}
