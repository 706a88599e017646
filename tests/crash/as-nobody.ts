/** Preload for a server that root starts. Runs the server as user 65534, so that file permissions apply to it. */
process.setgid?.(65_534)
process.setuid?.(65_534)
