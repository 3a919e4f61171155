import { type SpawnSyncReturns, spawnSync } from 'node:child_process'

/** Runs a standard program of the system (`tar`, `mkfifo`, `bash`) where the system keeps it, whatever PATH says. */
export function system(program: string, args: readonly string[], env = process.env): SpawnSyncReturns<string> {
  if (process.platform === 'win32') {
    return spawnSync(program, args, { env, encoding: 'utf8' })
  }
  return spawnSync('/bin/sh', ['-c', 'command -p "$0" "$@"', program, ...args], { env, encoding: 'utf8' })
}
