/** The stretch of time that the dashboard shows, in the service's buckets. */
import type { Stats } from '@/api/client'

export type Bucket = Stats['bucket']
export interface Period {
  hours: number
  bucket: Bucket
}

export const PERIODS = {
  day: { hours: 24, bucket: 'hour' },
  week: { hours: 7 * 24, bucket: 'day' },
  month: { hours: 30 * 24, bucket: 'day' },
  quarter: { hours: 91 * 24, bucket: 'day' },
} as const satisfies Record<string, Period>
export type PeriodName = keyof typeof PERIODS

const LENGTH_MS: Record<Bucket, number> = { hour: 3_600_000, day: 86_400_000 }

/** From the beginning of a bucket, so that the first one is whole. */
export function beginning({ hours, bucket }: Period, now: number): number {
  const length = LENGTH_MS[bucket]
  return Math.floor((now - hours * 3_600_000) / length + 1) * length
}

/** One row for every bucket: the service leaves out those without calls. */
export function everyBucket(stats: Stats, from: number, now: number): { time: number; row: Stats['total'] | null }[] {
  const rows = new Map(stats.items.map((row) => [Date.parse(row.start ?? ''), row]))
  const found = []
  for (let time = from; time <= now; time += LENGTH_MS[stats.bucket]) found.push({ time: time / 1000, row: rows.get(time) ?? null })
  return found
}
