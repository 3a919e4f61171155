import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { refuseLinks } from '../src/no-links.ts'
import { folderOf } from './helpers/place.ts'

// a link takes rights that not every user of Windows has
if (process.platform !== 'win32') {
  test('a link is refused wherever it stands among the places, and what is none is not', async t => {
    const folder = folderOf(t)
    const at = (name: string) => join(folder, name)
    writeFileSync(at('file'), '')
    mkdirSync(at('folder'))
    symlinkSync(at('file'), at('link'))
    symlinkSync(at('nowhere'), at('dangling'))
    await t.notThrowsAsync(refuseLinks([at('file'), at('folder'), at('missing')]))
    for (const link of ['link', 'dangling']) {
      for (const places of [[link], ['file', link], ['missing', 'folder', link, 'file']]) {
        const error = await t.throwsAsync(refuseLinks(places.map(at)))
        t.like(error, { code: 'WRITE_FAILED', file: at(link) }, places.join())
      }
    }
  })
}
