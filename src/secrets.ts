/** A name and a password before the host of a web server, and what follows a `?` in its address, such as a signature. */
const SECRETS = /\b(https?:\/\/)([^\s/?#@'"]+@)?([^\s?'"]*)(\?[^\s'")<]+)?/g

/** Signs that end an address within a sentence. */
const SENTENCE = /[.,:;]$/

/** A text whose addresses of web servers are without passwords and without what follows their `?`: a signature is a secret. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(SECRETS, (_, scheme: string, user = '', place: string, query = '') => {
    const shown = query === '' ? '' : `?…${SENTENCE.exec(query)?.[0] ?? ''}`
    return `${scheme}${user === '' ? '' : '…@'}${place}${shown}`
  })
}
