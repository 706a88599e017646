import createClient from 'openapi-fetch'
import type { components, paths } from './api.ts'

/** Uploads with the client that was generated from the schema, and finds what it uploaded. */
const [server = ''] = process.argv.slice(2)
const client = createClient<paths>({ baseUrl: server })
const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')

const uploaded = await client.POST('/upload/', {
  body: { file: 'dot.gif', title: 'A dot', tags: 'tiny, dot' },
  bodySerializer: ({ file, title = '', tags = '' }) => {
    const form = new FormData()
    form.append('title', title)
    form.append('tags', tags)
    form.append('file', new Blob([gif]), file)
    return form
  },
})
if (uploaded.error) throw new Error(uploaded.error.title)
const media: components['schemas']['Media'] = uploaded.data

const found = await client.GET('/media/{id}/', { params: { path: { id: media.id } } })
const page = await client.GET('/media/', { params: { query: { tag: 'tiny', limit: 1 } } })
if (found.data?.title !== 'A dot' || page.data?.items[0]?.id !== media.id) throw new Error('it was not found again')
console.log(`uploaded and found ${media.id} as ${media.mime_type}`)
