/** The program of a server of Google Cloud Storage, which is installed when it is not there yet. */
export function gcsServer(): string
