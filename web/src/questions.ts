/** Asks before what cannot be undone. */
import { reactive } from 'vue'

export interface Question {
  title: string
  text: string
  yes: string
}

export const asking = reactive<{ question: Question | null; answer: (yes: boolean) => void }>({
  question: null,
  answer: () => undefined,
})

export function ask(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    asking.question = question
    asking.answer = (yes) => {
      asking.question = null
      resolve(yes)
    }
  })
}
