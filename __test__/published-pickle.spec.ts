import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import test from 'ava'
import { openEmbeddings } from '../src/embeddings.ts'
import { writePublished } from '../src/revision/published-pickle.ts'
import { folderOf } from './helpers/place.ts'

/** As many records as a file holds in the published data. */
const PUBLISHED = 200_000

test('a file holds as many records as a published one, and the next one the others', async t => {
  async function* records(count: number) {
    for (let i = 0; i < count; i++) {
      yield { texts: { id: `${i}` }, embed: Float32Array.of(1 + i) }
    }
  }
  const whole = await writePublished(folderOf(t), 'text_embeds', 1, records(PUBLISHED))
  t.deepEqual(
    whole.map(path => basename(path)),
    ['text_embeds_0.pkl'],
  )
  const more = await writePublished(folderOf(t), 'text_embeds', 1, records(PUBLISHED + 1))
  t.deepEqual(
    more.map(path => basename(path)),
    ['text_embeds_0.pkl', 'text_embeds_1.pkl'],
  )
  t.deepEqual(readFileSync(more[0] as string), readFileSync(whole[0] as string))
  const { rows, shards } = await openEmbeddings(more)
  t.deepEqual([rows, shards.map(shard => shard.rows)], [PUBLISHED + 1, [PUBLISHED, 1]])
})
