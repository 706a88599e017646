export { extractInProcess } from './in-process.ts'
export { SandboxedExtraction } from './sandboxed-extraction.ts'
