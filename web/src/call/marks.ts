/** What is drawn on a waveform. Times are seconds. */
import type { Recording } from '@/api/client'

export interface Mark {
  kind: 'silence' | 'overlap'
  start: number
  end: number
  /** null: across all lanes */
  channel: number | null
}

type Stretch = [start: number, end: number]

/** Silences of each channel, or of the whole where the audio has one channel only; and where two speak at once. */
export function marksOf(recording: Recording): Mark[] {
  const duration = recording.duration_sec ?? 0
  const channels = recording.channels ?? 1
  const silences = recording.silence_marks
  if (channels < 2) {
    return silences.filter((mark) => mark.channel === null).map((mark) => silence(mark.start_sec, mark.end_sec, null))
  }
  const own = silences.filter((mark) => mark.channel !== null)
  const marks = own.map((mark) => silence(mark.start_sec, mark.end_sec, mark.channel))
  if (channels > 2) return marks
  const [first, second] = [0, 1].map((channel) =>
    sounding(own.filter((mark) => mark.channel === channel).map((mark): Stretch => [mark.start_sec, mark.end_sec]), duration),
  ) as [Stretch[], Stretch[]]
  return [...marks, ...common(first, second).map(([start, end]): Mark => ({ kind: 'overlap', start, end, channel: null }))]
}

export function silentTogether(recording: Recording): Stretch[] {
  return recording.silence_marks.filter((mark) => mark.channel === null).map((mark) => [mark.start_sec, mark.end_sec])
}

function silence(start: number, end: number, channel: number | null): Mark {
  return { kind: 'silence', start, end, channel }
}

function sounding(silent: Stretch[], duration: number): Stretch[] {
  const found: Stretch[] = []
  let at = 0
  for (const [start, end] of silent) {
    if (start > at) found.push([at, start])
    at = end
  }
  if (duration > at) found.push([at, duration])
  return found
}

/** What lies in both of two ordered lists. */
export function common(one: Stretch[], other: Stretch[]): Stretch[] {
  const found: Stretch[] = []
  for (let i = 0, j = 0; i < one.length && j < other.length; ) {
    const [a, b] = [one[i]!, other[j]!]
    const start = Math.max(a[0], b[0])
    const end = Math.min(a[1], b[1])
    if (end > start) found.push([start, end])
    if (a[1] < b[1]) i += 1
    else j += 1
  }
  return found
}

export const lengthOf = (stretches: Iterable<{ start: number; end: number }>): number =>
  [...stretches].reduce((sum, { start, end }) => sum + end - start, 0)
