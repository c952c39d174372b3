/** Numbers and times as people of the chosen language write them. */
import { computed } from 'vue'
import { i18n } from './i18n'

const locale = computed(() => (i18n.global.locale.value === 'ru' ? 'ru-RU' : 'en-GB'))
const dates = computed(() => ({
  today: new Intl.DateTimeFormat(locale.value, { hour: '2-digit', minute: '2-digit' }),
  near: new Intl.DateTimeFormat(locale.value, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }),
  far: new Intl.DateTimeFormat(locale.value, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' }),
  full: new Intl.DateTimeFormat(locale.value, { dateStyle: 'long', timeStyle: 'medium' }),
  day: new Intl.DateTimeFormat(locale.value, { day: 'numeric', month: 'short' }),
}))
const relative = computed(() => new Intl.RelativeTimeFormat(locale.value, { numeric: 'auto' }))
const plain = computed(() => new Intl.NumberFormat(locale.value, { maximumFractionDigits: 2 }))
const whole = computed(() => new Intl.NumberFormat(locale.value, { maximumFractionDigits: 0 }))
const percent = computed(() => new Intl.NumberFormat(locale.value, { style: 'percent', maximumFractionDigits: 0 }))
const finePercent = computed(() => new Intl.NumberFormat(locale.value, { style: 'percent', maximumFractionDigits: 1 }))

/** As short as it can be said: hours of today, no year within this one. */
export function when(time: string | Date): string {
  const date = new Date(time)
  const now = new Date()
  const { today, near, far } = dates.value
  if (date.toDateString() === now.toDateString()) return today.format(date)
  return (date.getFullYear() === now.getFullYear() ? near : far).format(date)
}

export const moment = (time: string | Date): string => dates.value.full.format(new Date(time))
export const day = (time: string | Date): string => dates.value.day.format(new Date(time))
export const number = (value: number): string => plain.value.format(value)
export const count = (value: number): string => whole.value.format(value)
export const share = (value: number): string =>
  (value > 0 && value < 0.1 ? finePercent : percent).value.format(value)

/** How long ago, or in how long. */
export function ago(time: string | Date): string {
  const seconds = (new Date(time).getTime() - Date.now()) / 1000
  const size = Math.abs(seconds)
  if (size < 60) return relative.value.format(Math.round(seconds), 'second')
  if (size < 3600) return relative.value.format(Math.round(seconds / 60), 'minute')
  if (size < 86400) return relative.value.format(Math.round(seconds / 3600), 'hour')
  return relative.value.format(Math.round(seconds / 86400), 'day')
}

/** Seconds as 0:07 or 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const shown = parts[0] ? parts : parts.slice(1)
  return shown.map((part, index) => (index ? String(part).padStart(2, '0') : String(part))).join(':')
}

/** A length of time: exact while it is short. */
export function span(seconds: number): string {
  if (seconds >= 60) return clock(seconds)
  return `${number(Number(seconds.toPrecision(seconds < 1 ? 2 : 3)))} ${i18n.global.t('common.seconds')}`
}

export function bytes(size: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']
  const power = size < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(size) / 3))
  return new Intl.NumberFormat(locale.value, {
    style: 'unit',
    unit: units[power] ?? 'byte',
    unitDisplay: 'short',
    maximumFractionDigits: power ? 1 : 0,
  }).format(size / 1000 ** power)
}
