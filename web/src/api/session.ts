/** Who is signed in. The access token lives in memory only; the cookie that renews it is out of reach of scripts. */
import { computed, reactive } from 'vue'
import { Problem } from './problem'

export type Role = 'admin' | 'operator' | 'viewer'
export interface Person {
  id: string
  name: string
  role: Role | null
  accounts: boolean
}

type State = 'unknown' | 'open' | 'out' | 'in'

const held = reactive<{ state: State; token: string; person: Person | null; expired: boolean }>({
  state: 'unknown',
  token: '',
  person: null,
  expired: false,
})

export const session = {
  state: computed(() => held.state),
  person: computed(() => held.person),
  expired: computed(() => held.expired),
  /** Without accounts everybody may do everything. */
  may: (...roles: Role[]) => held.state === 'open' || roles.some((role) => role === held.person?.role),
}

let renewing: Promise<boolean> | null = null

/** fetch, with the credential that is at hand; when it is refused, once more with a renewed one. */
export async function fetchSignedIn(input: Request): Promise<Response> {
  const spare = input.clone()
  const answer = await fetch(withToken(input))
  if (answer.status === 403) void learnWho().catch(() => undefined) // their role has changed; offer them what it allows
  if (answer.status !== 401 || held.state === 'open') return answer
  if (await renew()) return fetch(withToken(spare))
  signedOut(true)
  return answer
}

/** Value of the Authorization header for what cannot go through `fetchSignedIn`. */
export function authorization(): Record<string, string> {
  return held.token ? { Authorization: `Bearer ${held.token}` } : {}
}

/** Find out whether there are accounts, and whether the cookie of an earlier visit still holds. */
export async function begin(): Promise<void> {
  const answer = await fetchSignedIn(new Request('/auth/me'))
  if (answer.ok) become((await answer.json()) as Person)
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
  const answer = await fetch('/auth/logout', { method: 'POST', headers: authorization() })
  if (!answer.ok) throw Problem.of(answer.status, await answer.json().catch(() => null))
  signedOut(false)
}

/** Get a new access token. A refresh token is good for one only, so several who ask at once share it, and tabs wait for
each other. */
export function renew(): Promise<boolean> {
  renewing ??= alone(async () => {
    const answer = await fetch('/auth/refresh', { method: 'POST' })
    if (answer.status >= 500 || answer.status === 429) throw Problem.of(answer.status, await answer.json().catch(() => null))
    if (!answer.ok) return false
    held.token = ((await answer.json()) as { access_token: string }).access_token
    if (!held.person) await learnWho()
    return true
  }).finally(() => (renewing = null))
  return renewing
}

/** Browsers lend locks to safe origins only, which is https and the own machine. */
async function alone(work: () => Promise<boolean>): Promise<boolean> {
  const locks = (navigator as { locks?: LockManager }).locks
  return locks ? await locks.request('calls-refresh', work) : await work()
}

async function learnWho(): Promise<void> {
  const answer = await fetch('/auth/me', { headers: authorization() })
  if (!answer.ok) throw Problem.of(answer.status, await answer.json().catch(() => null))
  become((await answer.json()) as Person)
}

function become(person: Person): void {
  held.person = person
  held.state = person.accounts ? 'in' : 'open'
  held.expired = false
}

export function signedOut(expired: boolean): void {
  held.expired = expired && held.state === 'in'
  held.token = ''
  held.person = null
  held.state = 'out'
}

function withToken(request: Request): Request {
  for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value)
  return request
}
