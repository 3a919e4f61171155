import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeNpy } from './npy.ts'
import { someRows } from './rows.ts'

/** Two folders of shards with so many rows each; the shards of a side have seeds of their own, from the one given on. */
export function shardedSides(
  folder: string,
  { shards, dim, seeds }: { shards: readonly number[]; dim: number; seeds: readonly [number, number] },
): { target: string; source: string } {
  const side = (name: string, seed: number) => {
    mkdirSync(join(folder, name))
    for (const [i, rows] of shards.entries()) {
      writeNpy(join(folder, name, `${i}.npy`), someRows(rows, dim, seed + i), [rows, dim])
    }
    return join(folder, name)
  }
  return { target: side('images', seeds[0]), source: side('texts', seeds[1]) }
}
