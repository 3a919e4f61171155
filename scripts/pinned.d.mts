export function tarball(folder: string, pin: { name: string; version: string; integrity: string }): string
export function requirement(pin: { name: string; version: string; sha256: readonly string[] }): string
