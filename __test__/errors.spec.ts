import test from 'ava'
import { ModalityGapError, unwrap } from '../src/errors.ts'

test('the value of an outcome is its ok, whatever it is', t => {
  t.is(unwrap({ ok: 7 }), 7)
  t.is(unwrap({ ok: null }), null)
})

test('an error outcome becomes a typed error that keeps code and place', t => {
  const outcome = { error: { code: 'BAD_ROW', message: 'row 3: not finite', file: 'a.npy', row: 3, column: 2 } }
  const error = t.throws(() => unwrap(outcome), { instanceOf: ModalityGapError, message: 'row 3: not finite' })
  t.like(error, { name: 'ModalityGapError', code: 'BAD_ROW', file: 'a.npy', row: 3, column: 2 })
})

test('a cancelled call looks like every other aborted one and keeps the reason', t => {
  const error = new ModalityGapError('CANCELLED', 'stopped', { cause: 'enough' })
  t.is(error.name, 'AbortError')
  t.is(error.cause, 'enough')
})
