/** A form's rules as people write them, and as the API has them. */
import type { components } from '@/api/schema'

type Form = components['schemas']['Form']

export interface FormDraft {
  fields: { key: symbol; name: string; template: string }[]
  /** Empty sends no audio. */
  file: string
  /** Numbers between commas or spaces. */
  statuses: string
  pattern: string
}

export function drafted(form: Form | null | undefined): FormDraft {
  const fields = Object.entries(form?.fields ?? { caller: '{call.caller}', agent: '{call.agent}' })
  return {
    fields: fields.map(([name, template]) => ({ key: Symbol(), name, template })),
    file: form ? (form.file ?? '') : 'file',
    statuses: (form?.statuses ?? []).join(', '),
    pattern: form?.pattern ?? '',
  }
}

export function written(draft: FormDraft): Form {
  const named = draft.fields.filter(({ name }) => name.trim())
  return {
    fields: Object.fromEntries(named.map(({ name, template }) => [name.trim(), template])),
    file: draft.file.trim() || null,
    statuses: (draft.statuses.match(/\d+/g) ?? []).map(Number),
    pattern: draft.pattern || null,
  }
}
