export { extractInProcess } from './adapters/extraction/in-process.ts'
export { SandboxedExtraction } from './adapters/extraction/sandboxed-extraction.ts'
