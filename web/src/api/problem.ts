/** What the API refuses, as RFC 9457 tells it. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** The end of the problem's type, which never changes. */
    readonly code: string,
    detail: string,
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(detail)
    this.name = 'Problem'
  }

  static of(status: number, body: unknown): Problem {
    if (typeof body !== 'object' || body === null || !('type' in body)) {
      return new Problem(status, 'unknown', `HTTP ${status}`)
    }
    const problem = body as { type: string; title?: string; detail?: string; errors?: { detail: string; pointer: string }[] }
    const fields = Object.fromEntries((problem.errors ?? []).map((error) => [error.pointer.slice(1), error.detail]))
    const code = problem.type.split(':').at(-1) ?? 'unknown'
    return new Problem(status, code, problem.detail ?? problem.title ?? code, fields)
  }
}
