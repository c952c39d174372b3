import createClient from 'openapi-fetch'
import { Problem } from './problem'
import type { components, paths } from './schema'
import { fetchSignedIn } from './session'

export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: fetchSignedIn })

type Schemas = components['schemas']
export type Call = Schemas['Call']
/** openapi-fetch makes arrays of tuples. */
export type Highlight = Omit<Schemas['Highlight'], 'marks'> & { marks: number[][] }
export type FoundCall = Omit<Schemas['FoundCall'], 'highlights'> & { highlights?: Highlight[] | null }
export type CallStatus = Call['status']
export type Recording = Schemas['Recording']
export type Step = Schemas['Step']
export type Segment = Schemas['Segment']
export type Waveform = Schemas['Waveform']
export type Stats = Schemas['Stats']
export type Filters = NonNullable<paths['/calls']['get']['parameters']['query']>

/** The body of an answer; throws a `Problem` when the request was refused. */
export async function told<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer
  if (!response.ok) throw Problem.of(response.status, error)
  return data as T
}

/** Save what `path` answers, to a POST where there is a `body`, as a file. Where accounts are on, a plain link would
come without the credential. */
export async function save(path: string, filename: string, body?: unknown): Promise<void> {
  const headers = { 'Content-Type': 'application/json' }
  const asked = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) }
  const answer = await fetchSignedIn(new Request(path, asked))
  if (!answer.ok) throw Problem.of(answer.status, await answer.json().catch(() => null))
  const url = URL.createObjectURL(await answer.blob())
  const link = document.createElement('a')
  link.href = url
  link.download = filename
  link.click()
  URL.revokeObjectURL(url)
}
