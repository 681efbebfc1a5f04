import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { native } from '../../internal/native.js'
import { hour } from '../claimed.js'
import { fieldOf } from '../layout.js'
import { pause, type Scene } from '../scene.js'
import type { Scenario } from './scenario.js'

const tmpfsMagic = 0x01021994

const claimLine = `claim grabber ${hour} 0 3`

/** A file in the region's place that is refused: the answer names the region's fault, and the file stays as it is. */
async function refused(scene: Scene, what: string, codes: string[]): Promise<void> {
  const before = readFileSync(scene.path)
  const answer = await scene.start().ask(claimLine)
  scene.same(`${what}: the answer`, answer.ok ? 'ok' : answer.code, {
    says: codes.join(' or '),
    holds: (found) => codes.includes(String(found)),
  })
  scene.same(`${what}: the file`, readFileSync(scene.path).equals(before) ? 'unchanged' : 'changed', 'unchanged')
}

/** A region of this layout that is made by the worker and then given up. */
async function stoppedRegion(scene: Scene): Promise<Buffer> {
  rmSync(scene.path, { force: true })
  const worker = scene.start()
  await worker.must(claimLine)
  await worker.must('stop')
  return readFileSync(scene.path)
}

export const foreign: Scenario = {
  name: 'foreign',
  proves: 'a file that is not a region of this layout is refused, or replaced if nobody holds a lock in it',
  async run(scene) {
    const good = await stoppedRegion(scene)
    const damaged = (field: string): Buffer => {
      const bytes = Buffer.from(good)
      const { offset } = fieldOf(`Header.${field}`)
      bytes.writeUInt8((bytes.readUInt8(offset) + 1) & 0xff, offset)
      return bytes
    }
    const files: [what: string, bytes: Buffer, codes: string[]][] = [
      ['foreign first bytes', damaged('magic'), ['REGION_MAGIC', 'REGION_IN_USE']],
      ['another layout version', damaged('version'), ['REGION_VERSION', 'REGION_IN_USE']],
      ['another signature', damaged('signature'), ['REGION_LAYOUT', 'REGION_IN_USE']],
      ['a count of slots that does not fit the size', damaged('slot_count'), ['REGION_LAYOUT', 'REGION_IN_USE']],
      ['a file that was cut short', good.subarray(0, 4096), ['REGION_SIZE', 'REGION_IN_USE']],
    ]
    for (const [what, bytes, codes] of files) {
      writeFileSync(scene.path, bytes)
      const held = native().lockByte(scene.path, 2 ** 40 + 5)
      await refused(scene, `${what}, in use`, codes)
      closeSync(held)
      const answer = await scene.start().ask(claimLine)
      if (answer.ok) {
        scene.same(`${what}, replaced: the layout version`, scene.snapshot().word('Header.version'), 2n)
      } else {
        scene.same(`${what}: the answer`, answer.code, {
          says: codes.join(' or '),
          holds: (found) => codes.includes(String(found)),
        })
      }
      rmSync(scene.path, { force: true })
    }
  },
}

export const unsafe: Scenario = {
  name: 'unsafe',
  proves: 'a region that is writable for everybody, a symbolic link and a disk are refused',
  async run(scene) {
    await stoppedRegion(scene)
    chmodSync(scene.path, 0o666)
    await refused(scene, 'a region that is writable for everybody', ['REGION_MODE'])
    chmodSync(scene.path, 0o600)
    const aside = `${scene.options.directory}/.${scene.options.region}.aside`
    renameSync(scene.path, aside)
    symlinkSync(aside, scene.path)
    await refused(scene, 'a symbolic link to a region', ['REGION_NOT_A_FILE'])
    const { region } = scene.options
    if (statfsSync(tmpdir()).type !== tmpfsMagic) {
      const answer = await scene.start(tmpdir()).ask(claimLine)
      scene.same('the answer on a disk', answer.ok ? 'ok' : answer.code, 'REGION_NOT_TMPFS')
      const left = readdirSync(tmpdir()).filter((entry) => entry.includes(region))
      scene.same('what is left on the disk', left.join(' '), '')
    }
    scene.same('the link', lstatSync(scene.path).isSymbolicLink() ? 'is there' : 'is gone', 'is there')
  },
}

export const names: Scenario = {
  name: 'names',
  proves: 'names outside the portable set are refused, and nothing is made',
  async run(scene) {
    const worker = scene.start()
    for (const name of ['.hidden', 'a/b', 'x'.repeat(64), 'über']) {
      const answer = await worker.ask(`claim ${name} ${hour} 0 3`)
      scene.same(`the answer to a claim of ${name}`, answer.ok ? 'ok' : answer.code, 'INVALID_NAME')
    }
    const none = await worker.ask('claim grabber 0 0 3')
    scene.same('the answer to max age 0', none.ok ? 'ok' : none.code, 'INVALID_OPTION')
    scene.same('the region', existsSync(scene.path) ? 'was made' : 'was not made', 'was not made')
    await worker.must(`claim ${'x'.repeat(63)} ${hour} 0 3`)
  },
}

export const removed: Scenario = {
  name: 'removed',
  feature: 'comeback',
  proves: 'a worker whose region is removed claims its name in a new one within some seconds',
  async run(scene) {
    const worker = scene.start()
    await worker.must(claimLine)
    await worker.must('beat')
    await worker.must('ready')
    rmSync(scene.path)
    const deadline = performance.now() + 30_000
    while (performance.now() < deadline && (!existsSync(scene.path) || scene.snapshot().slotOf('grabber') < 0)) {
      await worker.ask('beat')
      await pause(20)
    }
    scene.same('the region', existsSync(scene.path) ? 'is there again' : 'is not there', 'is there again')
    await worker.must('beat')
    await scene.judged('claimed again', { startup: 'healthy', liveness: 'healthy', readiness: 'healthy' })
  },
}
