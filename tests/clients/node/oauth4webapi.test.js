// oauth4webapi, which hides nothing and forgives nothing: metadata, the answer's issuer, access tokens as RFC 9068 wants them;
// and jose, which knows nothing but the published keys.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import { Browser } from './browser.js'
import { asAdmin, issuer, redirectUri, register, signUp } from './suite.js'

const insecure = { [oauth.allowInsecureRequests]: true }

async function discovered(algorithm) {
  const response = await oauth.discoveryRequest(new URL(issuer), { algorithm, ...insecure })
  return oauth.processDiscoveryResponse(new URL(issuer), response)
}

/** A public client sends a person through the pages; what came back, and the verifier of its code. */
async function answered(as, client, person, { redirect = redirectUri, scope = 'openid' } = {}) {
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirect,
    response_type: 'code',
    scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  })
  return { back: await new Browser().allows(url, person), verifier, state, nonce, redirect }
}

async function exchanged(as, client, answer) {
  const parameters = oauth.validateAuthResponse(as, client, answer.back, answer.state)
  const { verifier, redirect, nonce } = answer
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, oauth.None(), parameters, redirect, verifier, insecure)
  assert.equal(response.headers.get('cache-control'), 'no-store')
  const options = { expectedNonce: nonce, requireIdToken: true }
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, options)
  return tokens
}

test('both discovery documents say the same, and what they promise', async () => {
  const [as, plain] = [await discovered('oidc'), await discovered('oauth2')]
  for (const name of Object.keys(plain)) assert.deepEqual(as[name], plain[name], name)
  assert.deepEqual(as.response_types_supported, ['code'])
  assert.deepEqual(as.code_challenge_methods_supported, ['S256'])
  assert.equal(as.authorization_response_iss_parameter_supported, true)
  assert.deepEqual(as.id_token_signing_alg_values_supported, ['ES256'])
  assert.deepEqual(as.subject_types_supported, ['public'])
  for (const method of ['client_secret_basic', 'client_secret_post', 'none']) {
    assert.ok(as.token_endpoint_auth_methods_supported.includes(method), method)
  }
  const endpoints = Object.entries(as).filter(([name]) => name.endsWith('_endpoint') || name === 'jwks_uri')
  assert.ok(endpoints.length >= 7, Object.keys(as).join())
  for (const [name, url] of endpoints) assert.ok(url.startsWith(`${issuer}/`), `${name} ${url}`)
})

test('an answer of another issuer, or with another state, is noticed (mix-up)', async () => {
  const [as, ana] = [await discovered('oidc'), await signUp('ana')]
  const client = { client_id: (await register({ kind: 'public' })).id }
  const { back, state } = await answered(as, client, ana)
  assert.equal(back.searchParams.get('iss'), issuer)
  assert.ok(oauth.validateAuthResponse(as, client, back, state))
  const honest = { ...as, issuer: 'https://honest.example' }
  assert.throws(() => oauth.validateAuthResponse(honest, client, back, state))
  assert.throws(() => oauth.validateAuthResponse(as, client, back, oauth.generateRandomState()))
})

test('an app on a telephone comes back to whatever port it listens on', async () => {
  const [as, ana] = [await discovered('oidc'), await signUp('ana')]
  const registered = await register({ kind: 'public', redirect_uris: ['http://127.0.0.1/callback'] })
  const client = { client_id: registered.id }
  const answer = await answered(as, client, ana, { redirect: 'http://127.0.0.1:50123/callback' })
  assert.equal(answer.back.port, '50123')
  assert.equal(oauth.getValidatedIdTokenClaims(await exchanged(as, client, answer)).sub, ana.id)
})

test('an access token is what RFC 9068 says, and an id token is none', async () => {
  const [as, ana] = [await discovered('oidc'), await signUp('ana')]
  const client = { client_id: (await register({ kind: 'public' })).id }
  const tokens = await exchanged(as, client, await answered(as, client, ana, { scope: 'openid account' }))
  const request = (token) => new Request(`${issuer}/api/v1/users/me`, { headers: { authorization: `Bearer ${token}` } })
  const claims = await oauth.validateJwtAccessToken(as, request(tokens.access_token), 'souk', insecure)
  assert.deepEqual([claims.sub, claims.client_id, claims.scope], [ana.id, client.client_id, 'openid account'])
  await assert.rejects(oauth.validateJwtAccessToken(as, request(tokens.id_token), 'souk', insecure))
  assert.equal((await fetch(request(tokens.access_token))).status, 200)
  assert.equal((await fetch(request(tokens.id_token))).status, 401)

  const response = await oauth.userInfoRequest(as, client, tokens.access_token, insecure)
  const info = await oauth.processUserInfoResponse(as, client, ana.id, response)
  assert.deepEqual([info.sub, info.email], [ana.id, undefined], 'e-mail was not asked for')
  const posted = await fetch(as.userinfo_endpoint, {
    method: 'POST', headers: { authorization: `Bearer ${tokens.access_token}` } })
  assert.equal((await posted.json()).sub, ana.id)
})

test('jose verifies every token from the published keys alone, before and after they turn', async () => {
  const [as, ana] = [await discovered('oidc'), await signUp('ana')]
  const client = { client_id: (await register({ kind: 'public' })).id }
  const keys = jose.createRemoteJWKSet(new URL(as.jwks_uri), { cooldownDuration: 0 })
  const first = await exchanged(as, client, await answered(as, client, ana))
  await asAdmin('POST', '/api/v1/auth/keys/rotate', {})
  for (const tokens of [first, await exchanged(as, client, await answered(as, client, ana))]) {
    const access = await jose.jwtVerify(tokens.access_token, keys, {
      issuer, audience: 'souk', typ: 'at+jwt', algorithms: ['ES256'], requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'] })
    const id = await jose.jwtVerify(tokens.id_token, keys, {
      issuer, audience: client.client_id, algorithms: ['ES256'], requiredClaims: ['exp', 'iat', 'sub', 'nonce', 'auth_time'] })
    assert.notEqual(id.protectedHeader.typ, 'at+jwt')
    assert.deepEqual([access.payload.sub, id.payload.sub], [ana.id, ana.id])
    assert.deepEqual(id.payload.amr, ['pwd'])
    const half = createHash('sha256').update(tokens.access_token, 'ascii').digest().subarray(0, 16)
    assert.equal(id.payload.at_hash, half.toString('base64url'))
    await assert.rejects(jose.jwtVerify(tokens.access_token, keys, { audience: client.client_id }))
    const forged = tokens.id_token.replace(/\.[^.]*\./, `.${jose.base64url.encode('{"sub":"admin"}')}.`)
    await assert.rejects(jose.jwtVerify(forged, keys))
  }
})

test('an error is the one that its RFC names', async () => {
  const as = await discovered('oidc')
  const registered = await register()
  const basic = `Basic ${Buffer.from(`${registered.id}:${registered.secret}`).toString('base64')}`
  const cases = [
    [{}, 'invalid_request'],
    [{ grant_type: 'password', username: 'a', password: 'b' }, 'unsupported_grant_type'],
    [{ grant_type: 'authorization_code', code: 'x', code_verifier: 'v'.repeat(43) }, 'invalid_grant'],
    [{ grant_type: 'authorization_code', code_verifier: 'v'.repeat(43) }, 'invalid_request'],
    [{ grant_type: 'refresh_token', refresh_token: 'srt_x' }, 'invalid_grant'],
    [{ grant_type: 'client_credentials' }, 'unauthorized_client'],
  ]
  for (const [parameters, expected] of cases) {
    const response = await fetch(as.token_endpoint, {
      method: 'POST', headers: { authorization: basic }, body: new URLSearchParams(parameters) })
    const { error } = await response.json()
    assert.deepEqual([response.status, error], [400, expected], JSON.stringify(parameters))
    assert.equal(response.headers.get('cache-control'), 'no-store')
  }
  const unknown = await fetch(as.token_endpoint, {
    method: 'POST', headers: { authorization: 'Basic eDp5' }, body: new URLSearchParams({ grant_type: 'refresh_token' }) })
  assert.equal(unknown.status, 401)
  assert.match(unknown.headers.get('www-authenticate'), /^basic /i)
  assert.equal((await unknown.json()).error, 'invalid_client')
})
