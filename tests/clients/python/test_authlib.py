"""Authlib runs the flows; PyJWT, which knows nothing but the published keys, verifies what they give."""

import base64
import hashlib
import secrets
import unittest

import jwt
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from suite import ISSUER, PATIENCE_S, REDIRECT_URI, Browser, admin_token, call, register, sign_up

METADATA = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=PATIENCE_S).json()
SCOPE = "openid profile email offline_access"


def session(client, method="client_secret_basic", **options):
    options = {"scope": SCOPE, "redirect_uri": REDIRECT_URI, "code_challenge_method": "S256"} | options
    return OAuth2Session(
        client["id"],
        client.get("secret"),
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        token_endpoint=METADATA["token_endpoint"],
        **options,
    )


def sign_in(oauth, person, browser=None):
    """Through the pages to tokens, and with which nonce."""
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    url, state = oauth.create_authorization_url(
        METADATA["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    back = (browser or Browser()).allows(url, person)
    tokens = oauth.fetch_token(authorization_response=back, code_verifier=verifier, state=state)
    return tokens, nonce


def verified(token, audience, kind=None):
    """The claims of a token that the published keys verify."""
    key = jwt.PyJWKClient(METADATA["jwks_uri"]).get_signing_key_from_jwt(token)
    assert kind is None or jwt.get_unverified_header(token)["typ"] == kind
    required = {"require": ["exp", "iat", "sub", "iss", "aud"]}
    return jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=ISSUER, options=required)


class Flows(unittest.TestCase):
    def refused(self, code, act, *arguments, **options):
        with self.assertRaises(OAuthError) as caught:
            act(*arguments, **options)
        self.assertEqual(caught.exception.error, code)

    def test_a_person_signs_in_with_each_way_to_prove_a_client(self):
        ways = [("client_secret_basic", "confidential"), ("client_secret_post", "confidential"), ("none", "public")]
        for method, kind in ways:
            with self.subTest(method):
                ana, client = sign_up("ana"), register(kind=kind)
                oauth = session(client, method)
                tokens, nonce = sign_in(oauth, ana)

                claims = verified(tokens["id_token"], client["id"])
                self.assertEqual((claims["sub"], claims["nonce"], claims["amr"]), (ana["id"], nonce, ["pwd"]))
                half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
                self.assertEqual(claims["at_hash"], base64.urlsafe_b64encode(half).rstrip(b"=").decode())
                access = verified(tokens["access_token"], "souk", "at+jwt")
                self.assertEqual((access["sub"], access["client_id"]), (ana["id"], client["id"]))
                self.assertEqual(set(access["scope"].split()), set(SCOPE.split()))

                info = oauth.get(METADATA["userinfo_endpoint"], timeout=PATIENCE_S).json()
                self.assertEqual((info["sub"], info["email"]), (ana["id"], ana["email"]))

                first = tokens["refresh_token"]
                second = oauth.refresh_token(refresh_token=first)["refresh_token"]
                third = oauth.refresh_token(refresh_token=second)["refresh_token"]
                self.assertEqual(len({first, second, third}), 3)
                self.refused("invalid_grant", oauth.refresh_token, refresh_token=first)
                self.refused("invalid_grant", oauth.refresh_token, refresh_token=third)

    def test_a_client_acts_for_itself(self):
        client = register(grants=["client_credentials"], scopes=["customers:read"])
        for method in ["client_secret_basic", "client_secret_post"]:
            with self.subTest(method):
                oauth = session(client, method, scope="customers:read")
                tokens = oauth.fetch_token(grant_type="client_credentials")
                claims = verified(tokens["access_token"], "souk", "at+jwt")
                self.assertEqual((claims["sub"], claims["client_id"]), (client["id"], client["id"]))
                self.assertEqual(oauth.get(f"{ISSUER}/api/v1/customers", timeout=PATIENCE_S).status_code, 200)
                self.assertEqual(oauth.get(f"{ISSUER}/api/v1/users", timeout=PATIENCE_S).status_code, 403)
                greedy = session(client, method, scope="users:read")
                self.refused("invalid_scope", greedy.fetch_token, grant_type="client_credentials")
                wrong = session(client | {"secret": "scs_guessed"}, method, scope="customers:read")
                self.refused("invalid_client", wrong.fetch_token, grant_type="client_credentials")

    def test_a_code_is_good_once_and_for_its_verifier(self):
        ana, client = sign_up("ana"), register()
        oauth, verifier = session(client), secrets.token_urlsafe(48)
        url, _ = oauth.create_authorization_url(METADATA["authorization_endpoint"], code_verifier=verifier)
        back = Browser().allows(url, ana)
        tokens = oauth.fetch_token(authorization_response=back, code_verifier=verifier)
        self.refused("invalid_grant", oauth.fetch_token, authorization_response=back, code_verifier=verifier)
        self.refused("invalid_grant", oauth.refresh_token, refresh_token=tokens["refresh_token"])
        url, _ = oauth.create_authorization_url(METADATA["authorization_endpoint"], code_verifier=verifier)
        back = Browser().allows(url, ana)
        other = secrets.token_urlsafe(48)
        self.refused("invalid_grant", oauth.fetch_token, authorization_response=back, code_verifier=other)

    def test_what_is_revoked_is_over(self):
        ana, client = sign_up("ana"), register()
        oauth = session(client)
        tokens, _ = sign_in(oauth, ana)
        looked = oauth.introspect_token(METADATA["introspection_endpoint"], tokens["access_token"]).json()
        self.assertEqual((looked["active"], looked["sub"]), (True, ana["id"]))
        revoked = oauth.revoke_token(METADATA["revocation_endpoint"], tokens["refresh_token"], "refresh_token")
        self.assertEqual(revoked.status_code, 200)
        looked = oauth.introspect_token(METADATA["introspection_endpoint"], tokens["access_token"]).json()
        self.assertEqual(looked, {"active": False})
        self.refused("invalid_grant", oauth.refresh_token, refresh_token=tokens["refresh_token"])

    def test_tokens_outlive_a_turn_of_the_keys(self):
        ana, client = sign_up("ana"), register()
        tokens, _ = sign_in(session(client), ana)
        call("POST", "/api/v1/auth/keys/rotate", {}, admin_token())
        self.assertEqual(verified(tokens["id_token"], client["id"])["sub"], ana["id"])
        with self.assertRaises(jwt.InvalidAudienceError):
            verified(tokens["id_token"], "souk")


if __name__ == "__main__":
    unittest.main()
