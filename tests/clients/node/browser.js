// A browser without JavaScript: it keeps cookies, fills in forms, presses buttons and follows redirects, until one of them
// leads away from the suite.

import { issuer, password } from './suite.js'

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
const decoded = (text) => text.replace(/&(#?\w+);/g, (whole, name) => entities[name] ?? whole)

function attributes(tag) {
  const found = {}
  for (const [, name, quoted, bare] of tag.matchAll(/([\w-]+)(?:="([^"]*)"|=([^\s">]+))?/g)) {
    found[name.toLowerCase()] = decoded(quoted ?? bare ?? '')
  }
  return found
}

/** The one form of a page: where it goes, its fields, and the steps that its buttons take. */
export function form(html) {
  const [, opening, content] = html.match(/<form([^>]*)>(.*?)<\/form>/s) ?? []
  if (content === undefined) throw new Error(`no form on this page: ${html}`)
  const fields = [...content.matchAll(/<input([^>]*)>/g)].map(([, tag]) => attributes(tag))
  const steps = [...content.matchAll(/<button([^>]*)>/g)].map(([, tag]) => attributes(tag).value)
  return { action: attributes(opening).action, fields, steps }
}

export class Browser {
  #cookies = new Map()

  /** Asks for an address, and goes on until there is a page (`{ url, status, html }`) or it leads away (`{ left }`). */
  async open(url, options = {}) {
    for (let redirects = 0; redirects < 10; redirects++) {
      if (new URL(url).origin !== new URL(issuer).origin) return { left: new URL(url) }
      const headers = { ...options.headers, accept: 'text/html' }
      if (this.#cookies.size) headers.cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const response = await fetch(url, { ...options, headers, redirect: 'manual' })
      this.#keep(response.headers.getSetCookie())
      const html = await response.text()
      if (response.status < 300 || response.status > 399) return { url, status: response.status, html }
      url = new URL(response.headers.get('location'), url).href
      options = {}
    }
    throw new Error('too many redirects')
  }

  #keep(cookies) {
    for (const cookie of cookies) {
      const [, name, value] = cookie.match(/^([^=]+)=([^;]*)/)
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(cookie)) this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
  }

  /** Fills in the form of a page and presses a button. */
  async press(page, step, values = {}) {
    const { action, fields, steps } = form(page.html)
    if (!steps.includes(step)) throw new Error(`no button ${step} among ${steps}: ${page.html}`)
    const body = new URLSearchParams({ step })
    for (const { name, value = '' } of fields) body.set(name, values[name] ?? value)
    const headers = { origin: new URL(issuer).origin, 'sec-fetch-site': 'same-origin' }
    return this.open(new URL(action, page.url).href, { method: 'POST', headers, body })
  }

  /** Goes through the pages as somebody who signs in and allows what is asked for; where it leads to in the end. */
  async allows(url, person) {
    let page = await this.open(String(url))
    for (let pages = 0; pages < 5 && page.html; pages++) {
      const { steps } = form(page.html)
      if (steps.includes('login')) page = await this.press(page, 'login', { email: person.email, password })
      else if (steps.includes('consent')) page = await this.press(page, 'consent')
      else if (steps.includes('account')) page = await this.press(page, 'account')
      else break
    }
    if (!page.left) throw new Error(`the pages lead nowhere: ${page.status} ${page.html}`)
    return page.left
  }
}
