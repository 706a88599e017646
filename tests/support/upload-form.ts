import { PNG } from '../samples.ts'

/** Returns the form of an upload with one file. */
export function uploadForm(bytes: Uint8Array = PNG, name = 'a.png'): FormData {
  const form = new FormData()
  form.append('file', new Blob([Uint8Array.from(bytes)]), name)
  return form
}
