import { join } from 'node:path'
import { expect, it } from 'vitest'
import { marked } from '../support/left-behind.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'

const library = join(import.meta.dirname, '../../dist/index.js')

// The C library makes all threads change their user, by a signal that a thread could block (nptl(7), setxid).
it.each([
  ['takes stacks', { stacks: true }],
  ['samples counted beats', { clock: 'counted' }],
])('the thread that %s does not keep the process from changing its user', async (_, options) => {
  const claim = { region: uniqueRegion(), name: 'grabber', maxAge: '250ms', ...options }
  const script = `import { Heartbeat } from ${JSON.stringify(library)}
    Heartbeat.claim(${JSON.stringify(claim)})
    process.setuid(65534)
    console.log('uid', process.getuid())
    process.exit(0)`
  const program = Program.run(process.execPath, ['--input-type=module', '-e', script], marked)
  expect(await program.said('uid')).toBe('65534')
  expect(await program.ended).toEqual({ code: 0, signal: null })
})
