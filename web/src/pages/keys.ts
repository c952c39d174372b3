/** Shortcuts of one letter, which who dictates to the browser, or slips, must be able to switch off (WCAG 2.1.4). */
import { ref } from 'vue'

const KEPT = 'calls.keys'
export const keysAreOn = ref(localStorage.getItem(KEPT) !== 'off')

export function switchKeys(): void {
  keysAreOn.value = !keysAreOn.value
  localStorage.setItem(KEPT, keysAreOn.value ? 'on' : 'off')
}

/** The character on the key as a Latin keyboard has it, while another one is chosen. */
export function latin({ key, code }: KeyboardEvent): string {
  if (key.length === 1 && key.charCodeAt(0) > 127 && code.startsWith('Key')) return code.slice(3).toLowerCase()
  return key === '.' && code === 'Slash' ? '/' : key
}
