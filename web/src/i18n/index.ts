import { createI18n } from 'vue-i18n'
import en from './en'

export type Language = 'en' | 'ru'
/** The same keys in every language. */
export type Messages = Texts<typeof en>
type Texts<T> = { [Key in keyof T]: T[Key] extends string ? string : Texts<T[Key]> }

/** What the API refuses, in Russian. */
const translated: Record<string, string> = {}

/** What the API says, which is English, in the language that was chosen. */
export const said = ({ code, detail }: { code: string; detail: string }): string =>
  (i18n.global.locale.value === 'ru' && translated[code]) || detail

/** What the plugins that come with Calls find, in Russian. */
const named: Record<string, string> = {}

/** The name of an analyzer or of one of its values, without its unit; none where only its key tells what it is. */
export const nameOf = (key: string): string | undefined => (i18n.global.locale.value === 'ru' ? named[key] : undefined)

const KEPT = 'calls.language'

export const i18n = createI18n({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  messages: { en } as Record<string, Messages>,
  pluralRules: { ru: russian },
})

/** One, few, many: as "1 звонок, 3 звонка, 5 звонков". */
function russian(count: number): number {
  const tens = Math.abs(count) % 100
  const ones = tens % 10
  if (tens > 10 && tens < 20) return 2
  return ones === 1 ? 0 : ones > 1 && ones < 5 ? 1 : 2
}

export async function speak(language: Language): Promise<void> {
  if (language === 'ru') {
    const { default: ru, refusals, found } = await import('./ru')
    i18n.global.setLocaleMessage('ru', ru)
    Object.assign(translated, refusals)
    Object.assign(named, found)
  }
  i18n.global.locale.value = language
  document.documentElement.lang = language
  localStorage.setItem(KEPT, language)
}

export function preferred(): Language {
  const language = localStorage.getItem(KEPT) ?? navigator.language
  return language.startsWith('ru') ? 'ru' : 'en'
}
