import { isDeepStrictEqual } from 'node:util'

/** Prints each check when it is made, and counts them. */
export class Checks {
  #passed = 0
  #failed = 0
  #skipped = 0

  equal(name: string, got: unknown, expected: unknown): void {
    this.#print(name, isDeepStrictEqual(got, expected), `got ${short(got)}, not ${short(expected)}`)
  }

  /** @param got Printed after the name, also if the check passes. */
  holds(name: string, isTrue: boolean, got?: unknown): void {
    this.#print(got === undefined ? name : `${name}: ${short(got)}`, isTrue)
  }

  skip(name: string, reason: string): void {
    this.#skipped++
    console.log(`skip  ${name}: ${reason}`)
  }

  get hasFailed(): boolean {
    return this.#failed > 0
  }

  get summary(): string {
    const skipped = this.#skipped > 0 ? `, ${this.#skipped} skipped` : ''
    return `docker: ${this.#passed} checks passed, ${this.#failed} failed${skipped}`
  }

  #print(name: string, isPassed: boolean, reason = ''): void {
    if (isPassed) this.#passed++
    else this.#failed++
    console.log(isPassed ? `ok    ${name}` : `FAIL  ${name}${reason && `: ${reason}`}`)
  }
}

const short = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 600 ? `${text.slice(0, 300)} … ${text.slice(-300)}` : text
}
