/** Files may be dropped anywhere: a browser would leave the page and open them. */
import { onScopeDispose, ref } from 'vue'

/** Whether files are being dragged over the page. */
export const isOver = ref(false)

export function takeDroppedFiles(take: (files: File[]) => void): void {
  const carries = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
  const heard = {
    dragover: (event: DragEvent) => {
      if (!carries(event)) return
      event.preventDefault()
      isOver.value = true
    },
    dragleave: (event: DragEvent) => {
      if (event.relatedTarget === null) isOver.value = false
    },
    drop: (event: DragEvent) => {
      if (!carries(event)) return
      event.preventDefault()
      isOver.value = false
      void filesIn(event.dataTransfer!).then(take)
    },
  }
  for (const [name, hear] of Object.entries(heard)) window.addEventListener(name, hear as EventListener)
  onScopeDispose(() => {
    for (const [name, hear] of Object.entries(heard)) window.removeEventListener(name, hear as EventListener)
  })
}

/** The files, and those in folders among them. */
async function filesIn(carried: DataTransfer): Promise<File[]> {
  // All are taken before anything is awaited: then the browser empties the list.
  const taken = [...carried.items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry() ?? item.getAsFile())
  const found = await Promise.all(taken.map(async (one) => (one instanceof File ? [one] : one ? await filesBelow(one) : [])))
  return found.flat()
}

async function filesBelow(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))]
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: File[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (!some.length) return found
    // What systems keep in folders for themselves has such names.
    for (const one of some) if (!one.name.startsWith('.')) found.push(...(await filesBelow(one)))
  }
}
