/** Who called whom, as far as the name of a file tells: exchanges put numbers and times into it. */
export interface Guess {
  caller: string
  receiver: string
  startedAt: Date
}

const STAMP = /(20\d{2})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?:[-_T. ]{0,2}([01]\d|2[0-3])[-_.:h]?([0-5]\d)(?:[-_.:m]?([0-5]\d))?)?/
const NUMBER = /\+?\d{3,15}/g
const LONGEST = 64

export function guess(name: string, modified: number): Guess {
  const stem = name.replace(/\.[^.]+$/, '')
  const stamp = STAMP.exec(stem)
  const numbers = (stamp ? stem.replace(stamp[0], ' ') : stem).match(NUMBER) ?? []
  const [year, month, day, hour = 0, minute = 0, second = 0] = (stamp ?? []).slice(1).map((part) => Number(part ?? 0))
  return {
    caller: (numbers[0] ?? stem.trim().slice(0, LONGEST)) || name.slice(0, LONGEST),
    receiver: numbers[1] ?? '',
    startedAt: year && month && day ? new Date(year, month - 1, day, hour, minute, second) : new Date(modified),
  }
}
