let guarded = false

/** Standard output, made when it is first needed: that takes as long as reading the arguments does. */
export function output(): NodeJS.WriteStream {
  if (!guarded) {
    guarded = true
    // a reader that has seen enough, such as head, is no failure
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? 0 : 1)
    })
  }
  return process.stdout
}
