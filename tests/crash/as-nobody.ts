/** Preloaded into a server that root has started: it is the user 65534 from then on, to whom files may be forbidden. */
process.setgid?.(65_534)
process.setuid?.(65_534)
