// The suite that is tested, its people, and the clients that an administrator registers there.

import { randomBytes } from 'node:crypto'

/** The address of the suite, which is the issuer of its tokens. */
export const issuer = process.env.SOUK_URL
export const password = 'correct horse battery'
/** Nobody listens there: the browser stops at the address. */
export const redirectUri = 'https://app.example/callback'
export const goodbyeUri = 'https://app.example/goodbye'

async function call(method, path, { token, body } = {}) {
  const headers = { 'content-type': 'application/json' }
  if (token) headers.authorization = `Bearer ${token}`
  const response = await fetch(issuer + path, { method, headers, body: body && JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : undefined
}

let known
async function adminToken() {
  const body = { email: process.env.SOUK_ADMIN_EMAIL, password: process.env.SOUK_ADMIN_PASSWORD }
  known ??= await call('POST', '/api/v1/auth/login', { body })
  return known.access_token
}

/** Asks the API as the administrator does. */
export async function asAdmin(method, path, body) {
  return call(method, path, { token: await adminToken(), body })
}

/** Asks the API with a token; the status. */
export async function statusWith(token, path) {
  const response = await fetch(issuer + path, { headers: { authorization: `Bearer ${token}` } })
  await response.arrayBuffer()
  return response.status
}

/** Somebody registers. */
export async function signUp(name) {
  const email = `${name}-${randomBytes(5).toString('hex')}@example.com`
  const { id } = await call('POST', '/api/v1/users', { body: { email, password, name } })
  return { id, email, name }
}

/** The administrator registers a client: `id`, and `secret` unless it is public. */
export async function register(fields = {}) {
  const { id, client_secret: secret } = await asAdmin('POST', '/api/v1/auth/clients', {
    name: 'An independent client',
    kind: 'confidential',
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [goodbyeUri],
    scopes: ['openid', 'profile', 'email', 'offline_access', 'account'],
    grants: ['authorization_code', 'refresh_token'],
    ...fields,
  })
  return { id, secret }
}
