/** Tells the page's queries when calls changed, from the service's stream of events.

EventSource can carry no credential, so the stream is read by fetch. A browser opens few connections to one host, so
only tabs that are seen keep one. */
import type { QueryClient } from '@tanstack/vue-query'
import { onScopeDispose, ref, watch } from 'vue'
import { begin, fetchSignedIn, session } from './api/session'

/** Whether changes arrive by themselves; otherwise one has to look. */
export const isLive = ref(false)
/** Whether the service has not answered twice in a row. */
export const isLost = ref(false)
const AT_MOST_EVERY_MS = 400
const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 10_000
const LOOK_SELDOM_MS = 30_000

export function followEvents(cache: QueryClient): void {
  let stream: AbortController | null = null
  let told = 0

  function tell(): void {
    if (told) return
    told = window.setTimeout(() => {
      told = 0
      for (const name of ['calls', 'call', 'stats', 'deliveries']) void cache.invalidateQueries({ queryKey: [name] })
    }, AT_MOST_EVERY_MS)
  }

  async function keep(signal: AbortSignal): Promise<void> {
    let failures = 0
    for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      failures += 1
      try {
        const answer = await fetchSignedIn(new Request('/events/stream', { signal }))
        if (answer.status < 500) failures = 0
        if (answer.ok && answer.body) {
          isLive.value = true
          isLost.value = false
          if (session.state.value === 'unknown') void begin().catch(() => undefined)
          wait = FIRST_WAIT_MS
          tell() // what happened while nobody listened
          await read(answer.body, tell)
        }
      } catch {
        // Closed from either side: what was missed is looked up after the next start.
      }
      if (signal.aborted) return
      isLive.value = false
      isLost.value = failures > 1
      await new Promise((resolve) => window.setTimeout(resolve, wait))
    }
  }

  function seen(): void {
    stream?.abort()
    stream = null
    isLive.value = false
    isLost.value = false
    if (document.visibilityState === 'hidden' || session.state.value === 'out') return
    stream = new AbortController()
    void keep(stream.signal)
  }

  document.addEventListener('visibilitychange', seen)
  watch(() => session.state.value === 'out', seen)
  seen()
  onScopeDispose(() => {
    document.removeEventListener('visibilitychange', seen)
    stream?.abort()
  })
}

/** Call `tell` for every event; comments, which keep the connection alive, are none. */
async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>, tell: () => void): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + value).split('\n')
    rest = lines.pop() ?? ''
    if (lines.some((line) => line.startsWith('data:'))) tell()
  }
}

/** How often to look again: seldom while changes arrive by themselves. */
export function lookAgain(ms: number): number {
  return isLive.value ? LOOK_SELDOM_MS : ms
}
