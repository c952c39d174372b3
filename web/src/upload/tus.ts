/** Sends a file so that a break of the line costs nothing but time: tus 1.0.0, which goes on where it was cut off. */
import { Upload, type DetailedError } from 'tus-js-client'
import { Problem } from '@/api/problem'
import { authorization, renew } from '@/api/session'

const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000, 30_000, 30_000]

/** Returns the id of the call. `metadata` are the fields of the call; `tell` hears shares from 0 to 1. */
export function sendFile(file: File, metadata: Record<string, string>, tell: (share: number) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let place = ''
    const upload = new Upload(file, {
      endpoint: '/uploads',
      metadata: { filename: file.name, ...metadata },
      // What was begun with other fields of the call is not gone on with: it would keep them.
      fingerprint: () => Promise.resolve(['calls', file.size, file.lastModified, file.name, ...Object.values(metadata)].join('|')),
      retryDelays: WAITS_MS,
      removeFingerprintOnSuccess: true,
      onBeforeRequest: (request) => {
        for (const [name, value] of Object.entries(authorization())) request.setHeader(name, value)
      },
      onAfterResponse: (_, response) => {
        place = response.getHeader('Content-Location') ?? place
      },
      onProgress: (sent, total) => tell(total ? sent / total : 0),
      onShouldRetry: (error) => {
        const status = (error as DetailedError).originalResponse?.getStatus() ?? 0
        if (status === 401) void renew()
        return status < 400 || status >= 500 || [401, 409, 423, 429].includes(status)
      },
      onSuccess: () => {
        const id = /\/calls\/([^/]+)\/recording/.exec(place)?.[1]
        if (id) resolve(id)
        else reject(new Error(`no recording in ${place}`))
      },
      onError: (error) => {
        const answer = (error as DetailedError).originalResponse
        reject(answer ? Problem.of(answer.getStatus(), parsed(answer.getBody())) : new TypeError(error.message))
      },
    })
    upload
      .findPreviousUploads()
      .then(([earlier]) => {
        if (earlier) upload.resumeFromPreviousUpload(earlier)
        upload.start()
      })
      .catch(reject)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
