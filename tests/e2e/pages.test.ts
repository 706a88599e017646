import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PNG } from '../samples.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startServer, type TestServer } from './harness.ts'

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const hasChromium = existsSync(CHROMIUM)
if (!hasChromium && process.env['REQUIRE_SERVICES'] === '1')
  throw new Error(`REQUIRE_SERVICES=1 needs Chromium, which is not at ${CHROMIUM}. Set CHROMIUM to its path.`)

describe.skipIf(!hasChromium)(hasChromium ? 'The pages in Chromium' : `skipped: Chromium is not at ${CHROMIUM}`, () => {
  const cleanups: (() => Promise<void>)[] = []
  let server: TestServer
  let browser: Browser
  let page: Page
  let folder: string
  let photo: string
  let errors: string[]
  let foreignUrls: string[]

  beforeAll(async () => {
    server = await startServer({}, (cleanup) => cleanups.push(cleanup))
    folder = temporaryFolder((cleanup) => cleanups.push(cleanup))
    photo = join(folder, 'photo.png')
    await writeFile(photo, PNG)
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    })
  })
  afterAll(async () => {
    await browser.close()
    for (const cleanup of cleanups.toReversed()) await cleanup()
  })

  const open = async (path: string, options: { javaScriptEnabled?: boolean } = {}): Promise<void> => {
    const context = await browser.newContext(options)
    page = await context.newPage()
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (url.origin !== server.url && !['data:', 'blob:'].includes(url.protocol)) foreignUrls.push(request.url())
    })
    await page.goto(server.url + path)
  }

  beforeEach(() => {
    errors = []
    foreignUrls = []
  })
  afterEach(async () => {
    await page.context().close()
    expect(errors).toEqual([])
    expect(foreignUrls).toEqual([])
  })

  it('run an upload in Swagger UI', async () => {
    await open('/swagger/?url=https://example.org/other.json&configUrl=https://example.org/config.json')
    const upload = page.locator('.opblock-post', { hasText: '/upload/' })
    await upload.locator('.opblock-summary').click()
    await upload.locator('input[type=file]').setInputFiles(photo)
    await upload.getByRole('button', { name: 'Execute' }).click()
    await upload.locator('.live-responses-table .response-col_status', { hasText: '201' }).waitFor()
    expect((await server.stored()).map(({ filename }) => filename)).toContain('photo.png')
  })

  it('show the reference in ReDoc', async () => {
    await open('/redoc/')
    await page.getByRole('heading', { name: 'Upload a file' }).first().waitFor()
    await page.getByText('unsupported-file-type').first().waitFor({ state: 'attached' })
  })

  it('upload the file of the form and show the result', async () => {
    await open('/')
    await page.getByLabel('File').setInputFiles(photo)
    await page.getByLabel('Title').fill('Été <b>à Nice</b>')
    await page.getByLabel('Tags').fill('Summer, sea')
    await page.getByRole('button', { name: 'Upload' }).click()
    await page.getByRole('heading', { name: 'Uploaded' }).waitFor()
    expect((await server.stored()).at(-1)).toMatchObject({ title: 'Été <b>à Nice</b>', tags: ['summer', 'sea'] })
    expect(await page.locator('#result b').count()).toBe(0)
    expect(await page.getByRole('link', { name: 'Open photo.png' }).getAttribute('href')).toMatch(
      /^\/media\/.*\/content\/$/,
    )
  })

  it('show the error if an upload is refused', async () => {
    await open('/')
    const text = join(folder, 'notes.txt')
    await writeFile(text, 'just text')
    await page.getByLabel('File').setInputFiles(text)
    await page.getByRole('button', { name: 'Upload' }).click()
    await page.getByRole('heading', { name: 'The file type is not accepted' }).waitFor()
    // Chromium logs the status of a refused request as an error.
    errors = errors.filter((error) => !error.includes('415'))
  })

  it('upload the file of the form without JavaScript', async () => {
    await open('/', { javaScriptEnabled: false })
    await page.getByLabel('File').setInputFiles(photo)
    await page.getByRole('button', { name: 'Upload' }).click()
    await page.waitForURL('**/upload/')
    expect(await page.textContent('body')).toContain('"filename":"photo.png"')
  })
})
