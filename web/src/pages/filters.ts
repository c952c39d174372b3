/** The filters of the list, which live in the address: a filtered list can be sent to a colleague. */
import { computed, reactive, watch } from 'vue'
import { onBeforeRouteLeave, useRoute, useRouter } from 'vue-router'
import type { CallStatus, Filters } from '@/api/client'

const FIELDS = ['query', 'text', 'status', 'from', 'until', 'agent', 'tag', 'min', 'max', 'order'] as const
type Field = (typeof FIELDS)[number]
const TYPED_MS = 180
const SHORTEST = 2

export function useFilters() {
  const route = useRoute()
  const router = useRouter()
  const read = () => Object.fromEntries(FIELDS.map((field) => [field, String(route.query[field] ?? '')])) as Record<Field, string>
  const typed = reactive(read())
  let waiting = 0

  watch(typed, () => {
    window.clearTimeout(waiting)
    waiting = window.setTimeout(write, TYPED_MS)
  })
  // Or what was typed a moment ago would call off the way to another page that is still being loaded.
  onBeforeRouteLeave(() => window.clearTimeout(waiting))
  watch(
    () => route.query,
    () => {
      if (route.name === 'calls') Object.assign(typed, read())
    },
  )

  function write(): void {
    const query = Object.fromEntries(Object.entries(typed).filter(([, value]) => value.trim()))
    if (route.name === 'calls') void router.replace({ query })
  }

  function clear(): void {
    for (const field of FIELDS) if (field !== 'order') typed[field] = ''
  }

  /** As the API takes them. A text that is too short to search for is left out. */
  const wanted = computed<Filters>(() => {
    const given = read()
    return {
      query: long(given.query),
      text: long(given.text),
      status: (given.status || undefined) as CallStatus | undefined,
      started_from: midnight(given.from),
      started_until: midnight(given.until, 1),
      agent: given.agent.trim() || undefined,
      tag: given.tag.trim() || undefined,
      min_duration: seconds(given.min),
      max_duration: seconds(given.max),
    }
  })
  const order = computed(() => (route.query.order === 'started_at' ? 'started_at' : '-started_at'))
  const used = computed(() => FIELDS.filter((field) => field !== 'order' && route.query[field]).length)
  const hidden = computed(() => FIELDS.filter((field) => !['query', 'text', 'order'].includes(field) && route.query[field]).length)
  return { typed, wanted, order, used, hidden, clear }
}

function long(text: string): string | undefined {
  return text.trim().length >= SHORTEST ? text.trim() : undefined
}

function seconds(text: string): number | undefined {
  const value = Number.parseFloat(text)
  return Number.isFinite(value) && value >= 0 ? value : undefined
}

/** The beginning of a day of the person's calendar, which may have 23 hours. */
function midnight(text: string, later = 0): string | undefined {
  const [year, month, day] = text.split('-').map(Number)
  if (!year || !month || !day || year < 1970 || year > 9998) return undefined
  return new Date(year, month - 1, day + later).toISOString()
}
