import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeResult } from '../../../examples/kata-build-runner/report/result-file.js'
import { result } from './results.js'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'result-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('the result file', () => {
  it('is the result as JSON, and nothing else is left', async () => {
    const path = join(directory, 'result.json')
    await writeFile(path, 'old and longer than nothing')
    await writeResult(path, result())
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(result())
    expect(await readdir(directory)).toEqual(['result.json'])
  })

  it('has no control characters, whatever a step has printed or is called', async () => {
    const path = join(directory, 'result.json')
    const step = { number: 1, name: 'a  \u001b[2J', outcome: 'exited\u202e' }
    await writeResult(path, [result({ steps: [step] })])
    const [written] = JSON.parse(await readFile(path, 'utf8'))
    expect(written.steps).toEqual([{ number: 1, name: 'a  \ufffd[2J', outcome: 'exited\ufffd' }])
  })

  it('is never seen half written', async () => {
    const path = join(directory, 'result.json')
    const large = result({
      steps: Array.from({ length: 5_000 }, (_, index) => ({ number: index + 1, name: 'x', outcome: 'exited' })),
    })
    await writeResult(path, large)
    let isWriting = true
    const writing = (async () => {
      for (let i = 0; i < 10; ++i) await writeResult(path, large)
      isWriting = false
    })()
    while (isWriting) expect(JSON.parse(await readFile(path, 'utf8')).steps).toHaveLength(5_000)
    await writing
  })

  it('that cannot be written is an error with its path, and leaves nothing behind', async () => {
    await expect(writeResult(join(directory, 'none', 'result.json'), result())).rejects.toMatchObject({
      code: 'RESULT_FILE',
      exitCode: 2,
      message: expect.stringContaining(join(directory, 'none', 'result.json')),
    })
    // Its temporary file can be written, and not be renamed.
    await expect(writeResult(directory, result())).rejects.toMatchObject({ code: 'RESULT_FILE' })
    expect(await readdir(join(directory, '..'))).not.toContainEqual(
      expect.stringMatching(`${directory.split('/').pop()}.*tmp`),
    )
  })
})
