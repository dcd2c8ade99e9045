//! What comes next: a pure decision.

use super::request::Request;
use crate::browser::Browser;
use crate::oauth_error::Code;
use souk_kit::Timestamp;
use souk_kit::id::UserId;

/// What the person has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Nothing: they come from the client.
    Nothing,
    /// They signed in.
    SignedIn,
    /// They chose the account that is signed in.
    Chosen,
    /// They allowed what is asked for.
    Allowed,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// They sign in.
    Login,
    /// They choose the account.
    Choose,
    /// They are asked whether they allow it.
    Consent,
    /// The client gets its code.
    Issue,
    /// The client gets an error.
    Refuse(Code, &'static str),
}

/// What is known when it is decided.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Where the person is signed in, if they are.
    pub browser: Option<&'a Browser>,
    /// Who is expected to be (`id_token_hint`).
    pub expected: Option<UserId>,
    /// Whether all that is asked for was allowed before.
    pub is_covered: bool,
    /// What they have just done.
    pub done: Done,
}

/// Decides what comes next.
pub fn next(request: &Request, known: Known<'_>, now: Timestamp) -> Next {
    let (prompt, done) = (request.prompt, known.done);
    let is_other = |browser: &Browser| known.expected.is_some_and(|expected| expected != browser.user_id);
    let is_old = |browser: &Browser| {
        request.max_age.is_some_and(|most| most.is_zero() || browser.auth_time.after(most) < now)
    };
    // Whoever comes from one of our pages was asked there all that the request wants asked.
    let must_sign_in = |browser: &Browser| done == Done::Nothing && (prompt.login || is_old(browser));
    match known.browser {
        Some(browser) if is_other(browser) && done != Done::Nothing => {
            return Next::Refuse(Code::LoginRequired, "somebody else signed in than was expected");
        }
        Some(browser) if !is_other(browser) && !must_sign_in(browser) => {}
        _ if prompt.none => return Next::Refuse(Code::LoginRequired, "nobody is signed in as it is needed"),
        _ => return Next::Login,
    }
    if prompt.select_account && done == Done::Nothing {
        return Next::Choose;
    }
    let is_settled = request.client.first_party || (known.is_covered && !prompt.consent);
    match is_settled || done == Done::Allowed {
        true => Next::Issue,
        false if prompt.none => Next::Refuse(Code::ConsentRequired, "consent is needed"),
        false => Next::Consent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::request::{Prompt, Target};
    use crate::clients::{Client, Kind};
    use souk_kit::id::BrowserId;
    use std::time::Duration;

    fn request(prompt: Prompt, first_party: bool) -> Request {
        let now = Timestamp::now();
        let client = Client {
            id: "cli_1".into(),
            name: "App".into(),
            kind: Kind::Public,
            secret_hash: None,
            old_secret_hash: None,
            old_secret_until: None,
            redirect_uris: vec![],
            post_logout_redirect_uris: vec![],
            scopes: vec![],
            grants: vec![],
            first_party,
            created_at: now,
            updated_at: now,
            version: 1,
            disabled_at: None,
        };
        Request {
            client,
            target: Target { redirect_uri: "https://app.example/cb".into(), state: None },
            scope: vec![],
            nonce: None,
            challenge: String::new(),
            prompt,
            max_age: None,
            login_hint: None,
            id_token_hint: None,
        }
    }

    fn browser(signed_in: Duration) -> Browser {
        let at = Timestamp::now().before(signed_in);
        Browser {
            id: BrowserId::new(),
            user_id: UserId::new(),
            auth_time: at,
            methods: vec![],
            password_version: 1,
            address: None,
            user_agent: None,
            created_at: at,
            last_used_at: at,
            expires_at: at,
        }
    }

    fn decide(request: &Request, browser: Option<&Browser>, is_covered: bool, done: Done) -> Next {
        next(request, Known { browser, expected: None, is_covered, done }, Timestamp::now())
    }

    const NONE: Prompt = Prompt { none: true, login: false, consent: false, select_account: false };
    const PLAIN: Prompt = Prompt { none: false, ..NONE };

    #[test]
    fn who_is_not_signed_in_signs_in_and_is_asked_once() {
        let (ana, third) = (browser(Duration::from_secs(5)), request(PLAIN, false));
        assert_eq!(decide(&third, None, false, Done::Nothing), Next::Login);
        assert_eq!(decide(&third, Some(&ana), false, Done::Nothing), Next::Consent);
        assert_eq!(decide(&third, Some(&ana), false, Done::SignedIn), Next::Consent);
        assert_eq!(decide(&third, Some(&ana), false, Done::Allowed), Next::Issue);
        assert_eq!(decide(&third, Some(&ana), true, Done::Nothing), Next::Issue);
        assert_eq!(decide(&request(PLAIN, true), Some(&ana), false, Done::Nothing), Next::Issue);
        assert_eq!(decide(&third, None, true, Done::Allowed), Next::Login);
    }

    #[test]
    fn who_may_not_be_asked_is_not() {
        let (ana, third) = (browser(Duration::from_secs(5)), request(NONE, false));
        let refused = |next| match next {
            Next::Refuse(code, _) => code.name(),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(decide(&third, None, false, Done::Nothing)), "login_required");
        assert_eq!(refused(decide(&third, Some(&ana), false, Done::Nothing)), "consent_required");
        assert_eq!(decide(&third, Some(&ana), true, Done::Nothing), Next::Issue);
    }

    #[test]
    fn each_prompt_asks_once() {
        let ana = browser(Duration::from_secs(5));
        for (prompt, first, then) in [
            (Prompt { login: true, ..PLAIN }, Next::Login, Done::SignedIn),
            (Prompt { select_account: true, ..PLAIN }, Next::Choose, Done::Chosen),
            (Prompt { consent: true, ..PLAIN }, Next::Consent, Done::Allowed),
        ] {
            let request = request(prompt, false);
            assert_eq!(decide(&request, Some(&ana), true, Done::Nothing), first, "{prompt:?}");
            assert_eq!(decide(&request, Some(&ana), true, then), Next::Issue, "{prompt:?}");
        }
    }

    #[test]
    fn a_sign_in_gets_too_old() {
        let ana = browser(Duration::from_secs(60));
        let mut request = request(PLAIN, true);
        for (seconds, expected) in [(0, Next::Login), (59, Next::Login), (70, Next::Issue)] {
            request.max_age = Some(Duration::from_secs(seconds));
            assert_eq!(decide(&request, Some(&ana), true, Done::Nothing), expected, "{seconds}");
            assert_eq!(decide(&request, Some(&ana), true, Done::SignedIn), Next::Issue, "{seconds}");
        }
    }

    #[test]
    fn another_person_than_expected_signs_in_or_is_refused() {
        let (ana, request) = (browser(Duration::from_secs(5)), request(PLAIN, true));
        let known =
            |done| Known { browser: Some(&ana), expected: Some(UserId::new()), is_covered: true, done };
        let now = Timestamp::now();
        assert_eq!(next(&request, known(Done::Nothing), now), Next::Login);
        assert!(matches!(next(&request, known(Done::SignedIn), now), Next::Refuse(Code::LoginRequired, _)));
    }
}
