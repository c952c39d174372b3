/** Takes files to the service: a few at once, with progress. */
import { reactive } from 'vue'
import type { CallStatus } from '@/api/client'
import { reason } from '@/notices'
import { guess } from './guess'
import { sendFile } from './tus'

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
export const items = reactive<Item[]>([])
let running = 0

window.addEventListener('beforeunload', (event) => {
  if (running) event.preventDefault()
})

/** Put files on the list, except those that are on it; returns how many were. */
export function add(files: Iterable<File>): number {
  let known = 0
  for (const file of files) {
    if (items.some((item) => isSame(item.file, file))) {
      known += 1
      continue
    }
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
  return known
}

const isSame = (one: File, other: File): boolean =>
  one.name === other.name && one.size === other.size && one.lastModified === other.lastModified

/** Nothing that one person chose is left for the next. */
export function removeAll(): void {
  items.splice(0)
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
  const call = {
    caller: item.caller.trim(),
    receiver: item.receiver.trim(),
    started_at: new Date(item.startedAt).toISOString(),
  }
  item.callId = await sendFile(item.file, call, (share) => (item.progress = share))
  item.status = 'processing'
}

function localTime(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}
