import { ref } from 'vue'

export type Theme = 'light' | 'dark'
const KEPT = 'calls.theme'

const asked = window.matchMedia('(prefers-color-scheme: dark)')
export const theme = ref<Theme>(kept() ?? wished())

function kept(): Theme | null {
  const value = localStorage.getItem(KEPT)
  return value === 'light' || value === 'dark' ? value : null
}

function wished(): Theme {
  return asked.matches ? 'dark' : 'light'
}

function show(value: Theme): void {
  theme.value = value
  document.documentElement.dataset.theme = value
}

export function switchTheme(): void {
  show(theme.value === 'dark' ? 'light' : 'dark')
  localStorage.setItem(KEPT, theme.value)
}

export function beginTheme(): void {
  show(theme.value)
  asked.addEventListener('change', () => {
    if (kept() === null) show(wished())
  })
}

/** A colour of the theme that is on, for canvases, which know no style sheets. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}
