/** Express and multer with its disk storage, and one INSERT. */
import express from 'express'
import multer from 'multer'
import { folder, insert, prepare, serveBy } from './common.ts'

const app = express()
app.post('/upload/', multer({ dest: folder }).single('file'), (req, res, next) => {
  const { filename = '', size = 0 } = req.file ?? {}
  insert({ file_id: filename, size }).then((media) => res.status(201).json(media), next)
})
await prepare()
await serveBy(app)
