/** Doing the same with many calls: the API takes one at a time. */
import { reason } from '@/notices'

const AT_ONCE = 4

export interface Outcome {
  done: number
  refused: number
  reason: string
}

export async function each(ids: Iterable<string>, act: (id: string) => Promise<unknown>): Promise<Outcome> {
  const waiting = [...ids]
  const outcome: Outcome = { done: 0, refused: 0, reason: '' }
  const worker = async () => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      try {
        await act(id)
        outcome.done += 1
      } catch (error) {
        outcome.refused += 1
        outcome.reason ||= reason(error)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return outcome
}
