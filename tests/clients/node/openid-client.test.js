// openid-client runs every flow, with each way for a client to prove who it is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oidc from 'openid-client'
import { Browser } from './browser.js'
import { asAdmin, goodbyeUri, issuer, redirectUri, register, signUp, statusWith } from './suite.js'

const scope = 'openid profile email offline_access'
const insecure = { execute: [oidc.allowInsecureRequests] }

async function configured(client, authentication) {
  return oidc.discovery(new URL(issuer), client.id, undefined, authentication, insecure)
}

/** What an authorization request says, and what must be known of it when the answer comes. */
async function asks(config, parameters = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()]
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  })
  return { url, checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } }
}

async function signsIn(config, person, { browser = new Browser(), parameters } = {}) {
  const { url, checks } = await asks(config, parameters)
  const back = await browser.allows(url, person)
  return oidc.authorizationCodeGrant(config, back, checks)
}

const isError = (code) => (error) => error.error === code

const ways = {
  client_secret_basic: ['confidential', oidc.ClientSecretBasic],
  client_secret_post: ['confidential', oidc.ClientSecretPost],
  none: ['public', () => oidc.None()],
}

for (const [way, [kind, authentication]] of Object.entries(ways)) {
  test(`a person signs in at a client that proves itself by ${way}, and stays signed in`, async () => {
    const [ana, client] = [await signUp('ana'), await register({ kind })]
    const config = await configured(client, authentication(client.secret))
    const tokens = await signsIn(config, ana)
    const claims = tokens.claims()
    assert.equal(claims.sub, ana.id)
    assert.equal(claims.aud, client.id)
    assert.equal(claims.iss, issuer)
    assert.ok(claims.exp - claims.iat <= 600 && claims.auth_time <= claims.iat)
    assert.equal(tokens.token_type, 'bearer')
    assert.ok(tokens.expires_in > 0 && tokens.expires_in <= 600)

    const info = await oidc.fetchUserInfo(config, tokens.access_token, ana.id)
    assert.deepEqual([info.sub, info.name, info.email], [ana.id, ana.name, ana.email])

    const second = await oidc.refreshTokenGrant(config, tokens.refresh_token)
    assert.notEqual(second.refresh_token, tokens.refresh_token)
    const narrowed = await oidc.refreshTokenGrant(config, second.refresh_token, { scope: 'openid' })
    assert.equal(narrowed.scope, 'openid')
    await assert.rejects(oidc.refreshTokenGrant(config, narrowed.refresh_token, { scope: 'account' }), isError('invalid_scope'))

    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), isError('invalid_grant'), 'a used one')
    await assert.rejects(oidc.refreshTokenGrant(config, narrowed.refresh_token), isError('invalid_grant'), 'its family')
  })
}

test('a wrong secret gets nobody a token', async () => {
  const client = await register({ grants: ['client_credentials'], scopes: ['prices:write'] })
  for (const authentication of [oidc.ClientSecretBasic, oidc.ClientSecretPost]) {
    const config = await configured(client, authentication('scs_guessed'))
    await assert.rejects(oidc.clientCredentialsGrant(config), (error) => {
      const challenge = error.cause?.[0]?.scheme ?? error.error
      return ['basic', 'invalid_client'].includes(challenge)
    })
  }
})

test('a client acts for itself, within what it was given', async () => {
  const client = await register({ grants: ['client_credentials'], scopes: ['customers:read'] })
  for (const authentication of [oidc.ClientSecretBasic, oidc.ClientSecretPost]) {
    const config = await configured(client, authentication(client.secret))
    const tokens = await oidc.clientCredentialsGrant(config, { scope: 'customers:read' })
    assert.equal(tokens.scope, 'customers:read')
    assert.ok(!tokens.refresh_token && !tokens.id_token)
    assert.equal(await statusWith(tokens.access_token, '/api/v1/customers'), 200)
    assert.equal(await statusWith(tokens.access_token, '/api/v1/users'), 403)
    await assert.rejects(oidc.clientCredentialsGrant(config, { scope: 'users:read' }), isError('invalid_scope'))
  }
})

test('a client that may not act for itself, or for people, does not', async () => {
  const person = await register()
  const config = await configured(person, oidc.ClientSecretBasic(person.secret))
  await assert.rejects(oidc.clientCredentialsGrant(config), isError('unauthorized_client'))
})

test('who denies is sent back with the error', async () => {
  const [ana, client] = [await signUp('ana'), await register()]
  const config = await configured(client, oidc.ClientSecretBasic(client.secret))
  const { url, checks } = await asks(config)
  const browser = new Browser()
  const login = await browser.open(url.href)
  const consent = await browser.press(login, 'login', { email: ana.email, password: 'correct horse battery' })
  const { left } = await browser.press(consent, 'deny')
  await assert.rejects(oidc.authorizationCodeGrant(config, left, checks), isError('access_denied'))
})

test('prompt and max_age say when somebody is asked again', async () => {
  const [ana, client] = [await signUp('ana'), await register()]
  const config = await configured(client, oidc.ClientSecretBasic(client.secret))
  const browser = new Browser()
  const silently = async () => {
    const { url, checks } = await asks(config, { prompt: 'none' })
    const { left } = await browser.open(url.href)
    return oidc.authorizationCodeGrant(config, left, checks)
  }
  await assert.rejects(silently(), isError('login_required'))
  const first = await signsIn(config, ana, { browser })
  assert.equal((await silently()).claims().auth_time, first.claims().auth_time)

  await new Promise((resolve) => setTimeout(resolve, 1100))
  const { url, checks } = await asks(config, { max_age: 1 })
  const page = await browser.open(url.href)
  const again = await browser.press(page, 'login', { email: ana.email, password: 'correct horse battery' })
  const second = await oidc.authorizationCodeGrant(config, again.left, { ...checks, maxAge: 1 })
  assert.ok(second.claims().auth_time > first.claims().auth_time)

  const asked = await asks(config, { prompt: 'login', login_hint: ana.email })
  assert.ok((await browser.open(asked.url.href)).html.includes(ana.email))
  assert.equal((await signsIn(config, ana, { browser, parameters: { prompt: 'consent' } })).claims().sub, ana.id)
  assert.equal((await signsIn(config, ana, { browser, parameters: { prompt: 'select_account' } })).claims().sub, ana.id)
})

test('a code is good once, for its own verifier, and its second use ends what it gave', async () => {
  const [ana, client] = [await signUp('ana'), await register()]
  const config = await configured(client, oidc.ClientSecretBasic(client.secret))
  const { url, checks } = await asks(config)
  const back = await new Browser().allows(url, ana)
  const other = { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }
  await assert.rejects(oidc.authorizationCodeGrant(config, back, other), isError('invalid_grant'))

  const asked = await asks(config)
  const answer = await new Browser().allows(asked.url, ana)
  const tokens = await oidc.authorizationCodeGrant(config, answer, asked.checks)
  await assert.rejects(oidc.authorizationCodeGrant(config, answer, asked.checks), isError('invalid_grant'))
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), isError('invalid_grant'))
})

test('what is revoked is no longer active', async () => {
  const [ana, client] = [await signUp('ana'), await register()]
  const config = await configured(client, oidc.ClientSecretBasic(client.secret))
  const tokens = await signsIn(config, ana)
  const looked = await oidc.tokenIntrospection(config, tokens.access_token)
  assert.deepEqual([looked.active, looked.sub, looked.client_id], [true, ana.id, client.id])
  assert.ok(looked.scope.split(' ').includes('openid') && looked.exp > looked.iat)
  assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, true)

  await oidc.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' })
  for (const token of [tokens.refresh_token, tokens.access_token, 'nonsense']) {
    assert.deepEqual(await oidc.tokenIntrospection(config, token), { active: false })
  }
  await oidc.tokenRevocation(config, 'nonsense')
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), isError('invalid_grant'))

  const stranger = await register()
  const others = await configured(stranger, oidc.ClientSecretBasic(stranger.secret))
  const mine = await signsIn(config, ana)
  assert.equal((await oidc.tokenIntrospection(others, mine.access_token)).active, false, "another client's")
})

test('a token of a client that acts for itself can be revoked too', async () => {
  const client = await register({ grants: ['client_credentials'], scopes: ['customers:read'] })
  const config = await configured(client, oidc.ClientSecretPost(client.secret))
  const { access_token } = await oidc.clientCredentialsGrant(config)
  assert.equal((await oidc.tokenIntrospection(config, access_token)).active, true)
  await oidc.tokenRevocation(config, access_token)
  assert.equal((await oidc.tokenIntrospection(config, access_token)).active, false)
})

test('who signs out is signed out here and there, and is sent where the client wants', async () => {
  const [ana, client] = [await signUp('ana'), await register()]
  const config = await configured(client, oidc.ClientSecretBasic(client.secret))
  const browser = new Browser()
  const tokens = await signsIn(config, ana, { browser })
  const url = oidc.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: goodbyeUri,
    state: 'bye',
  })
  const { left } = await browser.open(url.href)
  assert.equal(left?.href, `${goodbyeUri}?state=bye`)
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), isError('invalid_grant'))
  const { url: silent, checks } = await asks(config, { prompt: 'none' })
  const back = await browser.open(silent.href)
  await assert.rejects(oidc.authorizationCodeGrant(config, back.left, checks), isError('login_required'))
})

test('a new secret takes over from the old one without a gap', async () => {
  const client = await register({ grants: ['client_credentials'], scopes: ['customers:read'] })
  const { client_secret: secret } = await asAdmin('POST', `/api/v1/auth/clients/${client.id}/secret`, { overlap_s: 60 })
  assert.notEqual(secret, client.secret)
  for (const each of [secret, client.secret]) {
    const config = await configured(client, oidc.ClientSecretBasic(each))
    assert.ok((await oidc.clientCredentialsGrant(config)).access_token)
  }
})
