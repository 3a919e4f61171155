import test from 'ava'
import { commandLine, resumeCommand } from '../src/cli/session.ts'

test('the command that continues is the one that was typed, with --resume, and begins nothing anew', t => {
  const resumed = (...words: string[]) => resumeCommand(words)
  t.is(resumed('align', '--out', 'moved'), 'modality-gap align --out moved --resume')
  t.is(resumed('align', '--overwrite', '--out', 'moved'), 'modality-gap align --out moved --resume')
  t.is(resumed('align', '--resume', '--out', 'moved'), 'modality-gap align --resume --out moved')
})

test('words that a shell would take apart are quoted', t => {
  t.is(commandLine(['fit', '--out', 'a b']), "modality-gap fit --out 'a b'")
  t.is(commandLine(['fit', '--out', "it's"]), String.raw`modality-gap fit --out 'it'\''s'`)
  t.is(commandLine(['fit', '--text', 'rows.parquet#embedding']), 'modality-gap fit --text rows.parquet#embedding')
})
