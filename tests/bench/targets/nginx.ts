/** nginx with one process, which serves the folder. This process becomes it. */

import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'

const folder = process.env['DATA_DIR'] ?? ''
const probe = createServer().listen(0, '127.0.0.1')
await once(probe, 'listening')
const { port } = probe.address() as AddressInfo
await once(probe.close(), 'close')

mkdirSync(`${folder}/files`, { recursive: true })
writeFileSync(
  `${folder}/nginx.conf`,
  `daemon off; master_process off; pid ${folder}/pid; error_log stderr notice;
  events {}
  http {
    access_log ${folder}/access.log; client_body_temp_path ${folder}; proxy_temp_path ${folder};
    fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
    default_type image/jpeg; sendfile on; tcp_nopush on; keepalive_requests 1000000;
    server { listen 127.0.0.1:${port}; root ${folder}/files; }
  }`,
)
// nginx writes its version, "nginx/1.22.1", once it listens.
console.log(`listening on http://127.0.0.1:${port}`)
const nginx = process.env['NGINX'] ?? '/usr/sbin/nginx'
process.execve?.(nginx, [nginx, '-p', folder, '-c', `${folder}/nginx.conf`])
