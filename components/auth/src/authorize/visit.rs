//! One visit of a browser to the authorization endpoint.

use super::next::{Done, Known, Next, next};
use super::request::{Failure, Refusal, Request, Target, Unproven, client_id, once};
use crate::audit::{self, Act, Entry};
use crate::browser::{self, Browser, Proof};
use crate::clients;
use crate::code::{self, CodeGrant};
use crate::cookie::Jar;
use crate::csrf::{self, Csrf, Form, Shown};
use crate::hint;
use crate::oauth_error::Code;
use crate::page;
use crate::pages::texts::{Texts, texts};
use crate::pages::{self, View};
use crate::person::{self, Person};
use crate::sign_in::{self, Checked};
use crate::store::{browsers, consents};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use souk_kit::form::{self, MAX_FORM};
use souk_kit::id::UserId;
use souk_kit::{Caller, Ctx, DbError, Language, Problem, Result, Secret, Timestamp, settings};
use std::time::Duration;

/// The longest that users takes for an e-mail address, and for a password.
const MAX_EMAIL: usize = 1000;
const MAX_PASSWORD: usize = 1000;

/// Why a visit ends without the page that was meant.
pub enum Stop {
    /// The request is refused.
    Failure(Failure),
    /// The form is none of ours.
    Foreign,
    /// Something of ours failed.
    Fault(Problem),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Failure(Failure::Redirect(refusal))
    }
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

/// What a form of ours says.
#[derive(Deserialize)]
struct Filled {
    step: Option<String>,
    csrf: Option<String>,
    email: Option<String>,
    password: Option<Secret>,
}

/// A browser that asks for an authorization.
pub struct Visit {
    ctx: Ctx,
    address: Option<String>,
    headers: HeaderMap,
    query: String,
    language: Language,
    jar: Jar,
    csrf: Csrf,
    cookies: Vec<HeaderValue>,
    /// Where even faults are told, if nothing may be shown (`prompt=none`).
    silent: Option<Target>,
}

impl Visit {
    /// Reads what goes for every page.
    pub async fn begin(ctx: Ctx, caller: Caller, headers: HeaderMap, query: String) -> Result<Self> {
        let jar = Jar::of_suite().await?;
        let csrf = Csrf::of(&headers, jar).await?;
        let locales = once(&query, "ui_locales").unwrap_or_default();
        let language = page::language(locales.as_deref(), &headers);
        let cookies = csrf.set_cookie()?.into_iter().collect();
        let address = caller.address;
        Ok(Self { ctx, address, headers, query, language, jar, csrf, cookies, silent: None })
    }

    fn texts(&self) -> &'static Texts {
        texts(self.language)
    }

    /// The answer to a request that comes from a client.
    pub async fn shows(&mut self) -> Result<Response, Stop> {
        let request = self.request().await?;
        let browser = browser::of_request(&self.ctx, &self.headers, self.jar).await?;
        self.goes_on(&request, browser, Done::Nothing, None).await
    }

    /// The answer to a form.
    pub async fn steps(&mut self, body: &[u8]) -> Result<Response, Stop> {
        let unreadable = || Stop::Failure(Failure::Page(Unproven::Unreadable("form")));
        if !form::is_form(&self.headers) || body.len() > MAX_FORM {
            return Err(unreadable());
        }
        // A client may ask by POST (OpenID Connect Core, section 3.1.2.1). Without our cookies, since it is another site's
        // form: they come with the redirect.
        if self.query.is_empty() {
            let asked = std::str::from_utf8(body).map_err(|_| unreadable())?;
            return see_other(&format!("/oauth2/authorize?{asked}")).map_err(|_| unreadable());
        }
        if !csrf::is_from_here(&self.headers).await? {
            return Err(Stop::Foreign);
        }
        let request = self.request().await?;
        let filled: Filled = form::parse(body).map_err(|_| unreadable())?;
        let browser = browser::of_request(&self.ctx, &self.headers, self.jar).await?;
        let is_from = |form| self.is_from(&filled, form, browser.as_ref());
        let too_old = Some(self.texts().page_too_old);
        match filled.step.as_deref() {
            Some("login") if is_from(Form::Login)? => self.signs_in(&request, browser, filled).await,
            Some("login") => self.login(&request, filled.email.as_deref(), too_old, StatusCode::FORBIDDEN),
            Some("account") if is_from(Form::Choose)? => {
                self.goes_on(&request, browser, Done::Chosen, None).await
            }
            Some("consent") if is_from(Form::Consent)? => {
                self.goes_on(&request, browser, Done::Allowed, None).await
            }
            Some("deny") if is_from(Form::Login)? || is_from(Form::Choose)? || is_from(Form::Consent)? => {
                Err(request.refuse(Code::AccessDenied, "the person did not allow it").into())
            }
            Some("other") => self.login(&request, None, None, StatusCode::OK),
            Some("account" | "consent" | "deny") => {
                self.goes_on(&request, browser, Done::Nothing, too_old).await
            }
            _ => Err(unreadable()),
        }
    }

    async fn request(&mut self) -> Result<Request, Stop> {
        let id = client_id(&self.query)?;
        let client = clients::find(&self.ctx.conn().await?, &id).await?;
        let client = client.ok_or(Failure::Page(Unproven::Client))?;
        let request = Request::read(&self.query, client)?;
        self.silent = Some(&request.target).filter(|_| request.prompt.none).cloned();
        Ok(request)
    }

    fn shown<'s>(&'s self, form: Form, session: &'s str) -> Shown<'s> {
        Shown { form, query: &self.query, session }
    }

    fn is_from(&self, filled: &Filled, form: Form, browser: Option<&Browser>) -> Result<bool> {
        let session = session_of(form, browser);
        self.csrf.accepts(filled.csrf.as_deref().unwrap_or_default(), self.shown(form, &session))
    }

    async fn signs_in(
        &mut self,
        request: &Request,
        before: Option<Browser>,
        filled: Filled,
    ) -> Result<Response, Stop> {
        let texts = self.texts();
        let email = filled.email.as_deref();
        let again = |visit: &Self, alert: &str, status| visit.login(request, email, Some(alert), status);
        let (Some(address), Some(password)) = (email, &filled.password) else {
            return again(self, texts.fill_in, StatusCode::UNPROCESSABLE_ENTITY);
        };
        if address.len() > MAX_EMAIL || password.expose().chars().count() > MAX_PASSWORD {
            return again(self, texts.wrong_credentials, StatusCode::UNPROCESSABLE_ENTITY);
        }
        let proven = match sign_in::check(&self.ctx, address, password, self.address.as_deref()).await? {
            Checked::Proven(proven) => proven,
            Checked::Wrong => return again(self, texts.wrong_credentials, StatusCode::UNPROCESSABLE_ENTITY),
            Checked::TooMany(wait) => {
                let alert = texts.too_many_attempts.replace("{wait}", &wait.as_secs().max(1).to_string());
                let response = again(self, &alert, StatusCode::TOO_MANY_REQUESTS)?;
                return Ok(with_retry_after(response, wait));
            }
        };
        let proof = Proof {
            user_id: proven.user_id,
            password_version: proven.password_version,
            methods: vec!["pwd".into()],
            address: self.address.clone(),
        };
        let mut tx = self.ctx.begin().await?;
        let begun = browser::begin(&mut tx, proof, &self.headers, before.as_ref(), self.jar).await?;
        let Some((browser, cookie)) = begun else {
            tx.rollback().await?;
            return again(self, texts.wrong_credentials, StatusCode::UNPROCESSABLE_ENTITY);
        };
        let entry = Entry::new(Act::SignedIn, &self.ctx).user(browser.user_id).session(browser.id);
        audit::record(&tx, entry.client(&request.client.id).email(address).await?).await?;
        tx.commit().await?;
        self.cookies.push(cookie);
        self.goes_on(request, Some(browser), Done::SignedIn, None).await
    }

    /// Shows what comes next, or sends the browser back.
    async fn goes_on(
        &mut self,
        request: &Request,
        browser: Option<Browser>,
        done: Done,
        alert: Option<&str>,
    ) -> Result<Response, Stop> {
        let expected = self.expected(request).await?;
        let signed_in = match browser {
            Some(browser) => person::find(&self.ctx, browser.user_id).await?.map(|person| (browser, person)),
            None => None,
        };
        let scope =
            signed_in.as_ref().map(|(_, person)| request.grantable(&person.roles)).unwrap_or_default();
        let is_covered = match &signed_in {
            Some((browser, _)) => self.is_covered(request, browser.user_id, &scope).await?,
            None => false,
        };
        let browser = signed_in.as_ref().map(|(browser, _)| browser);
        let known = Known { browser, expected, is_covered, done };
        match (next(request, known, Timestamp::now()), &signed_in) {
            (Next::Refuse(code, why), _) => Err(request.refuse(code, why).into()),
            (Next::Choose, Some((browser, person))) => self.choose(request, browser, person),
            (Next::Consent | Next::Issue, Some(_)) if scope.is_empty() => {
                Err(request.refuse(Code::InvalidScope, "the person may not grant any of this").into())
            }
            (Next::Consent, Some((browser, person))) => self.consent(request, browser, person, &scope, alert),
            (Next::Issue, Some((browser, _))) => self.issue(request, browser, &scope, done).await,
            (_, _) => {
                let status = if alert.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
                self.login(request, request.login_hint.as_deref(), alert, status)
            }
        }
    }

    /// Who is expected to be signed in, if the client says.
    async fn expected(&self, request: &Request) -> Result<Option<UserId>, Stop> {
        let Some(token) = &request.id_token_hint else { return Ok(None) };
        let hint = hint::read(&self.ctx, token).await?.filter(|hint| hint.client_id == request.client.id);
        let refused = || request.refuse(Code::InvalidRequest, "id_token_hint is no id token of this client");
        Ok(Some(hint.ok_or_else(refused)?.user_id))
    }

    async fn is_covered(&self, request: &Request, user: UserId, scope: &[&str]) -> Result<bool> {
        let allowed = consents::find(&self.ctx.conn().await?, user, &request.client.id).await?;
        let allowed = allowed.unwrap_or_default();
        Ok(scope.iter().all(|name| allowed.split(' ').any(|it| it == *name)))
    }

    fn view<'s>(&'s self, request: &'s Request, csrf: &'s str) -> View<'s> {
        View {
            language: self.language,
            client: &request.client.name,
            redirect_uri: &request.target.redirect_uri,
            query: &self.query,
            csrf,
        }
    }

    fn login(
        &self,
        request: &Request,
        email: Option<&str>,
        alert: Option<&str>,
        status: StatusCode,
    ) -> Result<Response, Stop> {
        let code = self.csrf.code(self.shown(Form::Login, &session_of(Form::Login, None)))?;
        Ok(pages::login(self.view(request, &code), email, alert, status))
    }

    fn choose(&self, request: &Request, browser: &Browser, person: &Person) -> Result<Response, Stop> {
        let code = self.csrf.code(self.shown(Form::Choose, &session_of(Form::Choose, Some(browser))))?;
        Ok(pages::choose(self.view(request, &code), &person.shown()))
    }

    fn consent(
        &self,
        request: &Request,
        browser: &Browser,
        person: &Person,
        scope: &[&str],
        alert: Option<&str>,
    ) -> Result<Response, Stop> {
        let code = self.csrf.code(self.shown(Form::Consent, &session_of(Form::Consent, Some(browser))))?;
        Ok(pages::consent(self.view(request, &code), &person.shown(), scope, alert))
    }

    /// Gives the client its code, and notes what was allowed.
    async fn issue(
        &self,
        request: &Request,
        browser: &Browser,
        scope: &[&str],
        done: Done,
    ) -> Result<Response, Stop> {
        let mut tx = self.ctx.begin().await?;
        // Whoever was signed out meanwhile gives nothing.
        if browsers::find_by_id(&tx, browser.id).await?.is_none() {
            tx.rollback().await?;
            return self.login(request, None, Some(self.texts().page_too_old), StatusCode::FORBIDDEN);
        }
        let client_id = request.client.id.clone();
        if clients::find(&tx, &client_id).await?.is_none() {
            tx.rollback().await?;
            return Err(Failure::Page(Unproven::Client).into());
        }
        if done == Done::Allowed {
            let before = consents::find(&tx, browser.user_id, &client_id).await?.unwrap_or_default();
            let more = before.split(' ').filter(|name| !name.is_empty() && !scope.contains(name));
            let all: Vec<&str> = scope.iter().copied().chain(more).collect();
            consents::put(&mut tx, browser.user_id, &client_id, &all.join(" ")).await?;
            let entry = Entry::new(Act::ConsentGiven, &self.ctx).user(browser.user_id).client(&client_id);
            audit::record(&tx, entry.session(browser.id).with("scope", scope.join(" "))).await?;
        }
        let grant = CodeGrant {
            client_id,
            user_id: browser.user_id,
            browser_id: Some(browser.id),
            redirect_uri: request.target.redirect_uri.clone(),
            scope: scope.join(" "),
            nonce: request.nonce.clone(),
            challenge: request.challenge.clone(),
            auth_time: browser.auth_time,
            methods: browser.methods.clone(),
            password_version: browser.password_version,
        };
        let code = code::issue(&mut tx, &grant).await?;
        tx.commit().await?;
        let issuer = settings::variable("public_url").await?;
        Ok(see_other(&request.target.with(&issuer, &[("code", &code)]))?)
    }

    /// The answer, with its cookies.
    pub async fn end(self, outcome: Result<Response, Stop>) -> Response {
        let mut response = match outcome {
            Ok(response) => response,
            Err(stop) => self.stopped(stop).await,
        };
        for cookie in &self.cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie.clone());
        }
        response
    }

    async fn stopped(&self, stop: Stop) -> Response {
        let texts = self.texts();
        let refused = |status, why: &str| pages::refusal(self.language, &self.ctx, status, why);
        match stop {
            Stop::Failure(Failure::Page(Unproven::Client)) => {
                refused(StatusCode::BAD_REQUEST, texts.unknown_client)
            }
            Stop::Failure(Failure::Page(Unproven::Address)) => {
                refused(StatusCode::BAD_REQUEST, texts.unknown_redirect)
            }
            Stop::Failure(Failure::Page(Unproven::Unreadable(what))) => {
                refused(StatusCode::BAD_REQUEST, &texts.bad_request.replace("{why}", what))
            }
            Stop::Failure(Failure::Redirect(refusal)) => match sent_back(&refusal).await {
                Ok(response) => response,
                Err(problem) => pages::fault(self.language, &self.ctx, problem),
            },
            Stop::Foreign => refused(StatusCode::FORBIDDEN, texts.foreign_form),
            Stop::Fault(problem) => match self.told_silently(&problem).await {
                Some(response) => response,
                None => pages::fault(self.language, &self.ctx, problem),
            },
        }
    }

    /// The fault as the client is told where nothing may be shown.
    async fn told_silently(&self, problem: &Problem) -> Option<Response> {
        let target = self.silent.clone()?;
        pages::log_fault(&self.ctx, problem);
        let (code, description) = match problem.spec().transient {
            true => (Code::TemporarilyUnavailable, "a service that is needed does not answer right now"),
            false => (Code::ServerError, "something went wrong on our side; it has been logged"),
        };
        sent_back(&Refusal { target, code, description }).await.ok()
    }
}

/// Whose sign-in a form is bound to. Who signs in may have done so in another tab meanwhile.
fn session_of(form: Form, browser: Option<&Browser>) -> String {
    let browser = browser.filter(|_| form != Form::Login);
    browser.map(|browser| browser.id.to_string()).unwrap_or_default()
}

async fn sent_back(refusal: &Refusal) -> Result<Response> {
    let issuer = settings::variable("public_url").await?;
    let parameters = [("error", refusal.code.name()), ("error_description", refusal.description)];
    see_other(&refusal.target.with(&issuer, &parameters))
}

/// Sends the browser on by `GET`, whatever it came with: 307 would send a password along (RFC 9700, section 4.12).
pub fn see_other(uri: &str) -> Result<Response> {
    let location =
        HeaderValue::from_str(uri).map_err(|error| Problem::internal(format!("redirect: {error}")))?;
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

fn with_retry_after(mut response: Response, wait: Duration) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    response
}
