import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { marked } from '../support/left-behind.js'
import { lives, loop, pollsByItself, shell, stalled } from '../support/progress.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'

const folder = mkdtempSync(join(tmpdir(), 'polls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.concurrent('a poll', () => {
  /** Short-lived processes several times in a window of time, as a poll once a second has them in one of two seconds. */
  const poll = (command: string, pause: string) => shell(`until ${command}; do sleep ${pause}; done`)
  const asks = 'import socket; socket.create_connection(("127.0.0.1", 1))'
  const polls: [name: string, command: string[]][] = [
    ['of a file that does not come', poll('[ -e /nonexistent ]', '0.2')],
    ['by programs that do little', poll('ls /nonexistent 2>/dev/null', '0.2')],
    ['by curl', poll('curl -s http://127.0.0.1:1/', '1')],
    ['by Python', poll(`${python.join(' ')} -c '${asks}' 2>/dev/null`, '1')],
    ['by a program that stays', [...python, '-c', pollsByItself]],
    ['by Node.js', [process.execPath, '-e', 'setInterval(() => fetch("http://127.0.0.1:1/").catch(() => {}), 500)']],
    ['of a file that does not grow', ['tail', '-f', '/etc/passwd']],
  ]

  it.each(polls)('%s is silence, however often it reads its own program', async (_name, command) => {
    const flags = ['--progress', 'cpu,io', '--max-age', '4s', '--interval', '10ms', '--grace', '1s']
    const result = await guard(['--region', uniqueRegion(), ...flags, '--', ...command], { env: marked })
    expect(result).toMatchObject(stalled)
  })
})

describe.concurrent('real work without output', () => {
  const source = join(folder, 'work.cc')
  writeFileSync(source, '#include <regex>\nint main() { return std::regex_match("ab", std::regex("a+b")); }\n')

  it('is a compiler', async () => {
    await lives('cpu', shell(`while g++ -O2 -c ${source} -o ${source}.o; do :; done`))
  })

  it('is many short-lived compilers', async () => {
    await lives('io', shell(`while echo 'int a[9999] = {1};' | gcc -c -x c - -o ${source}.o; do :; done`))
  })

  it('is a download', async () => {
    const server = createServer((_request, response) => {
      const more = setInterval(() => response.write(Buffer.alloc(10_000)), 100)
      response.on('close', () => clearInterval(more))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    try {
      await lives('io', ['curl', '-s', '-o', join(folder, 'downloaded'), `http://127.0.0.1:${port}/`])
    } finally {
      server.close()
    }
  })

  it('is a disk that is read', async () => {
    await lives('io', loop('os.read(zero, 8192); time.sleep(0.1)'))
  })
})
