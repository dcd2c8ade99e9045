"""The suite that is tested, its people and clients, and a browser without JavaScript that goes through its pages."""

import os
import secrets
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

ISSUER = os.environ["SOUK_URL"]
PASSWORD = "correct horse battery"
REDIRECT_URI = "https://app.example/callback"
PATIENCE_S = 45


def call(method, path, body=None, token=None):
    """Asks the API; the answer's JSON."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = requests.request(method, ISSUER + path, json=body, headers=headers, timeout=PATIENCE_S)
    if not answer.ok:
        raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
    return answer.json() if answer.content else None


def admin_token():
    login = {"email": os.environ["SOUK_ADMIN_EMAIL"], "password": os.environ["SOUK_ADMIN_PASSWORD"]}
    return call("POST", "/api/v1/auth/login", login)["access_token"]


def sign_up(name):
    """Somebody registers."""
    email = f"{name}-{secrets.token_hex(5)}@example.com"
    person = call("POST", "/api/v1/users", {"email": email, "password": PASSWORD, "name": name})
    return {"id": person["id"], "email": email, "name": name}


def register(**fields):
    """The administrator registers a client."""
    client = {
        "name": "An independent client",
        "kind": "confidential",
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": [],
        "scopes": ["openid", "profile", "email", "offline_access"],
        "grants": ["authorization_code", "refresh_token"],
    }
    made = call("POST", "/api/v1/auth/clients", client | fields, admin_token())
    return {"id": made["id"], "secret": made.get("client_secret")}


class Form(HTMLParser):
    """The form of a page: where it goes, its fields, and the steps that its buttons take."""

    def __init__(self, html):
        super().__init__()
        self.action, self.fields, self.steps = None, {}, []
        self.feed(html)
        assert self.action, f"no form on this page: {html}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.action = attrs["action"]
        elif tag == "input":
            self.fields[attrs["name"]] = attrs.get("value") or ""
        elif tag == "button":
            self.steps.append(attrs["value"])


class Browser:
    def __init__(self):
        self.session = requests.Session()

    def open(self, url, **options):
        """Goes on until there is a page, which it answers, or until it leads away: then None, and the address."""
        method = "POST" if options else "GET"
        for _ in range(10):
            if urlsplit(url).netloc != urlsplit(ISSUER).netloc:
                return None, url
            page = self.session.request(method, url, allow_redirects=False, timeout=PATIENCE_S, **options)
            if not page.is_redirect:
                return page, url
            url, method, options = urljoin(url, page.headers["location"]), "GET", {}
        raise AssertionError("too many redirects")

    def allows(self, url, person):
        """Goes through the pages as somebody who signs in and allows what is asked for; where that leads to."""
        page, url = self.open(url)
        for _ in range(5):
            if page is None:
                return url
            form = Form(page.text)
            step = next((step for step in ("login", "consent", "account") if step in form.steps), None)
            assert step, f"the pages lead nowhere: {page.status_code} {page.text}"
            filled = form.fields | {"step": step}
            if step == "login":
                filled |= {"email": person["email"], "password": PASSWORD}
            page, url = self.open(urljoin(url, form.action), data=filled, headers={"origin": ISSUER})
        raise AssertionError("too many pages")
