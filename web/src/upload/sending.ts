/** Takes files to the service: a few at once, with progress, again when the line breaks. */
import { reactive } from 'vue'
import { api, told, type CallStatus } from '@/api/client'
import { Problem } from '@/api/problem'
import { authorization, renew } from '@/api/session'
import { reason } from '@/notices'
import { guess } from './guess'

export type Stage = 'waiting' | 'sending' | 'sent' | 'refused'

export interface Item {
  readonly key: string
  readonly file: File
  caller: string
  receiver: string
  /** As datetime-local inputs have it. */
  startedAt: string
  stage: Stage
  /** 0 to 1 */
  progress: number
  callId: string | null
  status: CallStatus | null
  reason: string
}

const AT_ONCE = 3
const TRIES = 4
export const items = reactive<Item[]>([])
let running = 0

export function add(files: Iterable<File>): void {
  for (const file of files) {
    const { caller, receiver, startedAt } = guess(file.name, file.lastModified)
    items.unshift({
      key: newKey(),
      file,
      caller,
      receiver,
      startedAt: localTime(startedAt),
      stage: 'waiting',
      progress: 0,
      callId: null,
      status: null,
      reason: '',
    })
  }
}

/** crypto.randomUUID is for safe origins only. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

export const isComplete = (item: Item): boolean => Boolean(item.caller.trim() && item.receiver.trim() && item.startedAt)

export function remove(key: string): void {
  const index = items.findIndex((item) => item.key === key)
  if (index >= 0) items.splice(index, 1)
}

/** Begin what is complete, the oldest first. */
export function sendAll(): void {
  for (const item of items) if (item.stage === 'refused') item.stage = 'waiting'
  while (running < AT_ONCE && sendNext());
}

function sendNext(): boolean {
  const item = items.findLast((one) => one.stage === 'waiting' && isComplete(one))
  if (!item) return false
  running += 1
  item.stage = 'sending'
  item.reason = ''
  send(item)
    .then(() => (item.stage = 'sent'))
    .catch((error: unknown) => {
      item.stage = 'refused'
      item.reason = reason(error)
    })
    .finally(() => {
      running -= 1
      sendNext()
    })
  return true
}

async function send(item: Item): Promise<void> {
  if (!item.callId) {
    const call = await told(
      api.POST('/calls', {
        body: {
          caller: item.caller.trim(),
          receiver: item.receiver.trim(),
          started_at: new Date(item.startedAt).toISOString(),
        },
        headers: { 'Idempotency-Key': item.key },
      }),
    )
    item.callId = call.id
    item.status = call.status
  }
  for (let attempt = 1; ; attempt++) {
    try {
      await put(item)
      item.status = 'processing'
      return
    } catch (error) {
      const final = error instanceof Problem && error.status < 500 && error.status !== 401
      if (final || attempt === TRIES) throw error
      if (error instanceof Problem && error.status === 401 && !(await renew())) throw error
      await new Promise((resolve) => window.setTimeout(resolve, 1000 * 2 ** attempt))
    }
  }
}

/** fetch tells nothing of the progress of what it sends. */
function put(item: Item): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('PUT', `/calls/${item.callId}/recording?${new URLSearchParams({ filename: item.file.name })}`)
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value)
    request.upload.onprogress = ({ loaded, total }) => (item.progress = total ? loaded / total : 0)
    request.onerror = () => reject(new TypeError('no connection'))
    request.onload = () => {
      if (request.status < 300) resolve()
      else reject(Problem.of(request.status, parsed(request.responseText)))
    }
    request.send(item.file)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function localTime(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}
