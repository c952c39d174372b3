/** Reads the values of any plugin: what a number means is in the end of its name, as the plugins' guide asks for. */
import { number, share, span } from '@/format'
import { i18n, nameOf } from '@/i18n'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

export interface Reading {
  name: string
  unit: string
}

const UNITS = ['_spans_sec', '_at_sec', '_sec', '_share', '_dbfs', '_db', '_hz']
/** Of what one thing is counted, timed and placed, each says how. */
const KINDS: Record<string, string> = { _spans_sec: 'when', _at_sec: 'when', _share: 'share', _sec: 'time' }

export function reading(name: string): Reading {
  const unit = UNITS.find((ending) => name.endsWith(ending)) ?? ''
  const key = unit ? name.slice(0, -unit.length) : name
  const bare = key.replaceAll('_', ' ').trim()
  return { name: nameOf(key) ?? bare.charAt(0).toUpperCase() + bare.slice(1), unit }
}

/** Readings of all `names`, told apart where the bare names are equal. */
export function readings(names: string[]): Record<string, Reading> {
  const all = names.map((name) => [name, reading(name)] as const)
  const times = (bare: string) => all.filter(([, { name }]) => name === bare).length
  return Object.fromEntries(
    all.map(([key, { name, unit }]) => {
      const kind = KINDS[unit]
      return [key, { name: kind && times(name) > 1 ? `${name}: ${i18n.global.t(`finding.${kind}`)}` : name, unit }]
    }),
  )
}

export function figure(value: number, unit: string): string {
  switch (unit) {
    case '_share':
      return share(value)
    case '_sec':
      return span(value)
    case '_db':
      return `${number(value)} dB`
    case '_dbfs':
      return `${number(value)} dBFS`
    case '_hz':
      return `${number(value)} Hz`
    default:
      return number(value)
  }
}

/** A moment or a stretch of the recording, to which one can jump. */
export function moments(value: Json, unit: string): [number, number | null][] | null {
  if (!Array.isArray(value)) return null
  if (unit === '_at_sec' && value.every((item) => typeof item === 'number')) return value.map((item) => [item as number, null])
  const pairs = value.every((item) => Array.isArray(item) && item.length === 2 && item.every((time) => typeof time === 'number'))
  return unit === '_spans_sec' && pairs ? (value as [number, number][]) : null
}

/** Nothing to show: null, an empty list or text, or a list of such for each channel. */
export function isEmpty(value: Json): boolean {
  if (Array.isArray(value)) return value.every(isEmpty)
  return value === null || value === '' || (typeof value === 'object' && !Object.keys(value).length)
}

export const isPlain = (value: Json): value is null | boolean | number | string => typeof value !== 'object' || value === null
