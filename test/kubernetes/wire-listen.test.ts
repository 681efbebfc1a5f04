import { execFile } from 'node:child_process'
import { constants } from 'node:os'
import { promisify } from 'node:util'
import { guardPath } from 'shm-liveness'
import { type Container, lint, type WireOptions, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { container, named, podOf } from '../support/manifests.js'

const refused = (code: string | RegExp, text = '') =>
  expect.objectContaining({ code: expect.stringMatching(code), message: expect.stringContaining(text) })

describe('where guards listen', () => {
  it('listens at a port of its own for each container', () => {
    const ports = [{ containerPort: 9809 }]
    const three = podOf({
      initContainers: [container({ name: 'proxy', restartPolicy: 'Always', command: ['proxy'] })],
      containers: [container({ command: ['a'], ports }), container({ name: 'b', command: ['b'] })],
    })
    const image = 'registry.example/shm-liveness:1'
    const wired = wire(three, { containers: ['camera', 'b', 'proxy'], via: 'httpGet', image })
    const listens = ['camera', 'b', 'proxy'].map((name) => named(wired, name).env?.[1]?.value)
    expect(listens).toEqual(['0.0.0.0:9808', '0.0.0.0:9810', '0.0.0.0:9811'])
    expect(named(wired, 'b').readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 9810 })
    expect(wire(wired, { containers: ['camera', 'b', 'proxy'], via: 'httpGet' })).toEqual(wired)
    expect(lint(wired)).toEqual([])
  })

  it('finds no port above the last', () => {
    const ports = [{ containerPort: 65535 }]
    const full = podOf({ containers: [container({ command: ['a'], ports })] })
    expect(() => wire(full, { via: 'httpGet', port: 65535 })).toThrow(refused('PORT_UNAVAILABLE'))
  })

  const withListen = (fields: Partial<NonNullable<Container['env']>[number]>) =>
    podOf({ containers: [container({ command: ['a'], env: [{ name: 'SHM_LIVENESS_LISTEN', ...fields }] })] })
  const guarded = (flag: string, fields: Partial<Container> = {}) =>
    podOf({ containers: [container({ command: ['/shm-liveness/shm-guard', flag, '--', 'a'], ...fields })] })
  const listenOf = (pod: ReturnType<typeof podOf>) => {
    const { env, livenessProbe } = named(pod, 'camera')
    return [env?.find(({ name }) => name === 'SHM_LIVENESS_LISTEN')?.value, livenessProbe?.httpGet?.port]
  }

  it.each(['[::]:7000', '0.0.0.0:7000', ':7000', '10.0.0.1:7000'])('stays as the variable has it: %s', (value) => {
    expect(listenOf(wire(withListen({ value }), { via: 'httpGet' }))).toEqual([value, 7000])
  })

  it.each<[string, WireOptions, string]>([
    ['0.0.0.0:7000', { port: 9000 }, '0.0.0.0:9000'],
    ['[::]:7000', { port: 9000 }, '[::]:9000'],
    [':7000', { port: 9000 }, ':9000'],
    ['127.0.0.1:7000', { port: 9000 }, '0.0.0.0:9000'],
    ['0.0.0.0:7000', { address: '[::]' }, '[::]:7000'],
    ['127.0.0.1:7000', { address: '[::]' }, '[::]:7000'],
    ['0.0.0.0:7000', { port: 9000, address: '[::]' }, '[::]:9000'],
  ])('changes from %s to what is asked for, %j, but only on request', (value, asked, wanted) => {
    const options: WireOptions = { via: 'httpGet', ...asked }
    expect(() => wire(withListen({ value }), options)).toThrow(refused(/VARIABLE_IN_USE|PORT_UNAVAILABLE/, '--replace'))
    const replaced = wire(withListen({ value }), { ...options, replace: true })
    expect(listenOf(replaced)).toEqual([wanted, Number(wanted.split(':').at(-1))])
    expect(wire(replaced, options)).toEqual(replaced)
  })

  it('moves all guards to ports from the one that is asked for up, also to those of each other', () => {
    const two = podOf({ containers: ['a', 'b'].map((name) => container({ name, command: [name] })) })
    const wired = wire(two, { containers: 'all', via: 'httpGet' })
    const options: WireOptions = { containers: 'all', via: 'httpGet', port: 9809 }
    expect(() => wire(wired, options)).toThrow(refused('VARIABLE_IN_USE', 'give no --port and --address'))
    const moved = wire(wired, { ...options, replace: true })
    const listens = ['a', 'b'].map((name) => named(moved, name).env?.[1]?.value)
    expect(listens).toEqual(['0.0.0.0:9809', '0.0.0.0:9810'])
    expect(wire(moved, options)).toEqual(moved)
    // One alone goes past the others.
    expect(wire(moved, { ...options, containers: ['b'] })).toEqual(moved)
  })

  it.each(['127.0.0.1:7000', '127.9.9.9:7000', '[::1]:7000', '[::ffff:7f00:1]:7000'])(
    'is not %s, which the kubelet cannot reach',
    (value) => {
      const remedy = 'replace it (--replace), or write 0.0.0.0:7000'
      expect(() => wire(withListen({ value }), { via: 'httpGet' })).toThrow(refused('PORT_UNAVAILABLE', remedy))
      expect(listenOf(wire(withListen({ value }), { via: 'httpGet', replace: true }))).toEqual(['0.0.0.0:7000', 7000])
      // An exec probe asks nobody there.
      expect(listenOf(wire(withListen({ value })))).toEqual([value, undefined])
    },
  )

  it.each<Partial<NonNullable<Container['env']>[number]>>([
    { valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { value: '7000' },
    { value: ':::7000' },
    { value: '0.0.0.0:0' },
    { value: '0.0.0.0:70000' },
  ])('is nothing that the guard, or nobody here, can read: %j', (fields) => {
    expect(() => wire(withListen(fields), { via: 'httpGet' })).toThrow(refused('PORT_UNAVAILABLE', 'ADDRESS:PORT'))
  })

  it.each(['127.0.0.1', '0.0.0.0'])('keeps the port of a flag %s, but as the variable that all read', (host) => {
    const flag = guarded(`--listen=${host}:7001`)
    expect(() => wire(flag, { via: 'httpGet' })).toThrow(refused('GUARD_EXISTS', 'such as wire cannot give'))
    const replaced = wire(flag, { via: 'httpGet', replace: true })
    expect(listenOf(replaced)).toEqual(['0.0.0.0:7001', 7001])
    expect(named(replaced, 'camera').command).toEqual(['/shm-liveness/shm-guard', '--', 'a'])
    // With the flag gone the guard goes by its variable.
    const both = guarded(`--listen=${host}:7001`, { env: [{ name: 'SHM_LIVENESS_LISTEN', value: '0.0.0.0:7002' }] })
    expect(listenOf(wire(both, { via: 'httpGet', replace: true }))).toEqual(['0.0.0.0:7002', 7002])
  })
})

/** Whether the real guard reads each of a flag's values. One shell asks them all: it starts a guard faster than node. */
async function areRead(flag: string, values: string[]): Promise<boolean[]> {
  const script = 'for value; do "$GUARD" "$FLAG" "$value" --help 2>&1 >/dev/null; printf "%s\\0" $?; done'
  const { stdout } = await promisify(execFile)('sh', ['-c', script, 'sh', ...values], {
    env: { GUARD: guardPath(), FLAG: flag },
  })
  const answers = stdout.split('\0').slice(0, -1)
  expect(answers).toHaveLength(values.length)
  for (const answer of answers) {
    if (answer !== '0') expect(answer).toMatch(new RegExp(`${flag}[^]*\\n2$`))
  }
  return answers.map((answer) => answer === '0')
}

async function expectAsTheGuard(flag: string, values: string[], isTaken: (value: string) => boolean): Promise<void> {
  const read = await areRead(flag, values)
  expect(values.map((value) => [value, isTaken(value)])).toEqual(values.map((value, index) => [value, read[index]]))
  expect(new Set(read)).toEqual(new Set([true, false]))
}
function isWired(...[pod, options]: Parameters<typeof wire>): boolean {
  try {
    wire(pod, options)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/INVALID_OPTION|PORT_UNAVAILABLE/) })
    return false
  }
}
const pod = podOf({ containers: [container({ command: ['a'] })] })

describe('what the guard reads, wire takes, and nothing else', () => {
  it('as a signal', async () => {
    const names = [
      ...Object.keys(constants.signals),
      'SIGCLD',
      'SIGRTMIN',
      'SIGRTMIN+1',
      'SIGRTMIN+30',
      'SIGRTMIN+31',
      'SIGRTMAX-0',
      'SIGRTMAX-31',
      'SIGRTMIN-1',
      'SIGRTMIN+',
      'SIGRTMIN+01',
      'SIGFOO',
      'SIGSIGHUP',
      'SIG6',
    ]
    const numbers = Array.from({ length: 70 }, (_, number) => String(number))
    const odd = ['SIG', 'sighup', 'Hup', 'hup', ' HUP', 'HUP ', '06', '+6', '6.0', '0x6', '1e1', '99999999999999999999']
    const values = [...names, ...names.map((name) => name.replace(/^SIG/, '')), ...numbers, ...odd]
    await expectAsTheGuard(
      '--signal',
      values.filter((value) => value !== ''),
      (signal) => isWired(pod, { guard: { signal } }),
    )
  })

  const hosts = [
    ...['0.0.0.0', '10.1.2.3', '255.255.255.255', '256.0.0.1', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1..2.3', '1.2.3.'],
    ...[
      '[::]',
      '[fd00::1]',
      '[1:2:3:4:5:6:7:8]',
      '[1:2:3:4:5:6:7:8:9]',
      '[1:2:3:4:5:6:7]',
      '[1::]',
      '[::8]',
      '[ABCD::ef]',
    ],
    ...['[1:2:3:4:5:6:7::]', '[::2:3:4:5:6:7:8]', '[::1:2:3:4:5:6:7:8]', '[1::2::3]', '[:::]', '[:1::]', '[1:]', '[]'],
    ...[
      '[::g]',
      '[12345::]',
      '[::1.2.3.4]',
      '[::',
      '::]',
      '::',
      'fd00::1',
      '[fe80::1%eth0]',
      'localhost',
      ' 0.0.0.0',
      '*',
    ],
  ]

  it('as an address', async () => {
    await expectAsTheGuard(
      '--listen',
      hosts.map((host) => `${host}:9808`),
      (text) => isWired(pod, { via: 'httpGet', address: text.slice(0, -':9808'.length) }),
    )
  })

  it('as an address and port that are there', async () => {
    const ports = ['1', '65535', '65536', '0', '00', '09808', '-1', '9808 ', 'http', ''].map(
      (port) => `0.0.0.0:${port}`,
    )
    const values = [...hosts.map((host) => `${host}:9808`), ...ports, ':9808', '0.0.0.0', '[::]', '9808', '\n:9808']
    await expectAsTheGuard('--listen', values, (value) => {
      const env = [{ name: 'SHM_LIVENESS_LISTEN', value }]
      return isWired(podOf({ containers: [container({ command: ['a'], env })] }), { via: 'httpGet' })
    })
  })
})
