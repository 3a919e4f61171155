/** The script of a server of Azure, which is installed when it is not there yet. */
export function azureServer(): string
