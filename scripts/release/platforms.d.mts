export interface PlatformPackage {
  folder: string
  name: string
  version: string
  binary: string
  os: string
  cpu: string
  libc: string | undefined
}

export interface LockedPackage {
  name: string
  version: string
  license: string
  integrity: string
  folder: string
}

export const ROOT: string
export const LICENCES: string[]
export const NOTICES: string
export function platforms(root?: string): PlatformPackage[]
export function productionPackages(): LockedPackage[]
export function writePlatformFolders(root: string): void
export function napi(cwd: string, ...args: string[]): string
// biome-ignore lint/suspicious/noExplicitAny: a manifest has no type of its own
export function readManifest(folder: string): any
