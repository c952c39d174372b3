/** Who is signed in. The access token lives in memory only; the cookie that renews it is out of reach of scripts. */
import { computed, reactive } from 'vue'
import { Problem } from './problem'

export type Role = 'admin' | 'operator' | 'viewer'
export interface Person {
  username: string
  role: Role
}

type State = 'unknown' | 'open' | 'out' | 'in'

const held = reactive<{ state: State; token: string; person: Person | null; expired: boolean }>({
  state: 'open',
  token: '',
  person: null,
  expired: false,
})

export const session = {
  state: computed(() => held.state),
  person: computed(() => held.person),
  expired: computed(() => held.expired),
  /** Without accounts everybody may do everything. */
  may: (...roles: Role[]) => held.state === 'open' || (held.person !== null && roles.includes(held.person.role)),
}

let renewing: Promise<boolean> | null = null

/** fetch, with the credential that is at hand; when it is refused, once more with a renewed one. */
export async function fetchSignedIn(input: Request): Promise<Response> {
  const spare = input.clone()
  const answer = await fetch(withToken(input))
  if (answer.status !== 401 || held.state === 'open') return answer
  if (await renew()) return fetch(withToken(spare))
  signedOut(true)
  return answer
}

/** Value of the Authorization header for what cannot go through `fetchSignedIn`. */
export function authorization(): Record<string, string> {
  return held.token ? { Authorization: `Bearer ${held.token}` } : {}
}

export async function begin(): Promise<void> {
  const answer = await fetch('/auth/me', { headers: authorization() })
  if (answer.ok) {
    held.person = (await answer.json()) as Person
    held.state = held.token ? 'in' : 'open'
  } else if (answer.status === 401) {
    if (await renew()) await learnWho()
    else held.state = 'out'
  } else {
    held.state = 'open'
  }
}

export async function signIn(username: string, password: string): Promise<void> {
  const answer = await fetch('/auth/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password }),
  })
  const body: unknown = await answer.json().catch(() => null)
  if (!answer.ok) throw Problem.of(answer.status, body)
  held.token = (body as { access_token: string }).access_token
  await learnWho()
}

export async function signOut(): Promise<void> {
  await fetch('/auth/logout', { method: 'POST', headers: authorization() })
  signedOut(false)
}

/** Get a new access token; several who ask at once share one request, since a refresh token is good for one only. */
export function renew(): Promise<boolean> {
  renewing ??= (async () => {
    const answer = await fetch('/auth/refresh', { method: 'POST' })
    if (!answer.ok) return false
    held.token = ((await answer.json()) as { access_token: string }).access_token
    return true
  })().finally(() => (renewing = null))
  return renewing
}

async function learnWho(): Promise<void> {
  const answer = await fetch('/auth/me', { headers: authorization() })
  if (!answer.ok) throw Problem.of(answer.status, await answer.json().catch(() => null))
  held.person = (await answer.json()) as Person
  held.state = 'in'
  held.expired = false
}

function signedOut(expired: boolean): void {
  held.expired = expired && held.state === 'in'
  held.token = ''
  held.person = null
  held.state = 'out'
}

function withToken(request: Request): Request {
  for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value)
  return request
}
