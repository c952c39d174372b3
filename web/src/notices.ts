import { reactive } from 'vue'
import { Problem } from './api/problem'
import { i18n, said } from './i18n'

export interface Notice {
  id: number
  text: string
  bad: boolean
}

export const notices = reactive<Notice[]>([])
let last = 0

export function notify(text: string, bad = false): void {
  notices.push({ id: ++last, text, bad })
}

export function dismiss(id: number): void {
  const index = notices.findIndex((notice) => notice.id === id)
  if (index >= 0) notices.splice(index, 1)
}

/** Tell people why something did not work. */
export function complain(error: unknown): void {
  notify(reason(error), true)
}

export function reason(error: unknown): string {
  if (typeof error === 'string') return error
  if (error instanceof Problem) return said({ code: error.code, detail: error.message })
  if (error instanceof TypeError) return i18n.global.t('common.unreachable')
  return String(error)
}
