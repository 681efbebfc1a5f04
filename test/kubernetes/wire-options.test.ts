import { type WireOptions, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { podOf } from '../support/manifests.js'

const refused = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) })

describe('options of wire()', () => {
  it.each<[object, string]>([
    [{ containers: [] }, 'containers'],
    [{ containers: 'camera' }, 'containers'],
    [{ image: '' }, 'image'],
    [{ image: 'a b' }, 'image'],
    [{ name: 'Heart_Beat' }, 'name'],
    [{ directory: 'relative' }, 'directory'],
    [{ directory: '/shm/../dev' }, 'directory: an absolute path'],
    [{ directory: '/./dev' }, 'directory: an absolute path'],
    [{ directory: '/dev/shm' }, "hides the runtime's own /dev"],
    [{ directory: '/proc/x' }, "hides the runtime's own /proc"],
    [{ directory: '/var/run/x' }, "hides the runtime's own /var/run"],
    [{ directory: '/etc' }, 'hides what the image has in /etc'],
    [{ directory: '/usr/bin' }, 'hides what the image has in /usr'],
    [{ directory: '/tmp' }, 'hides what the image has in /tmp'],
    [{ region: '.hidden' }, 'region'],
    [{ region: 'a', containers: 'all' }, 'region'],
    [{ expect: ['a'], containers: 'all' }, 'expect'],
    [{ expect: 'a' }, 'expect'],
    [{ expect: [] }, 'expect'],
    [{ expect: ['a,b'] }, 'expect'],
    [{ expect: Array(65).fill('a') }, 'expect'],
    [{ expect: ['a'], guard: { flags: ['--expect=b'] } }, 'no --expect beside'],
    [{ min: 2, guard: { flags: ['--min', '1'] } }, 'no --min beside'],
    [{ min: 0 }, 'min'],
    [{ min: 4097 }, 'min'],
    [{ min: '2' }, 'min'],
    [{ via: 'tcp' }, 'via'],
    [{ via: 'httpGet', guard: false }, 'guard'],
    [{ guard: { restart: -1 } }, 'guard.restart'],
    [{ guard: { grace: '5' } }, 'guard.grace'],
    [{ guard: { signal: 'kill -9' } }, 'guard.signal'],
    [{ guard: { signal: 'FOO' } }, 'guard.signal: a signal that the guard knows'],
    [{ guard: { signal: 6 } }, 'guard.signal'],
    [{ guard: { flags: ['--'] } }, 'guard.flags'],
    [{ guard: { flags: ['--listen=0.0.0.0:9000'] } }, 'port and address'],
    [{ guard: { flags: ['--build', '--listen', '[::]:9000'] } }, 'port and address'],
    [{ guard: { flags: ['--region=x'] } }, 'say region'],
    [{ guard: { flags: ['--dir=/data'] } }, "set the container's SHM_LIVENESS_DIR"],
    [{ guard: { flags: ['--allow-disk'] } }, "set the container's SHM_LIVENESS_ALLOW_DISK"],
    [{ guard: { flags: ['--restart', '3'] } }, 'guard.restart '],
    [{ guard: { flags: ['--restart-budget=1s'] } }, 'guard.restartBudget'],
    [{ guard: { flags: ['--signal=TERM'] } }, 'guard.signal'],
    [{ guard: { flags: ['--grace=1s'] } }, 'guard.grace'],
    [{ guard: { flags: ['--steps=/steps.json'] } }, 'write such a guard in the pod'],
    [{ guard: { restarts: 1 } }, 'restarts'],
    [{ command: [] }, 'command'],
    [{ command: 'node main.js' }, 'command'],
    [{ port: 0 }, 'port'],
    [{ address: '' }, 'address'],
    [{ address: '::' }, 'address: [::], in brackets'],
    [{ address: 'fd00::1' }, 'address: [fd00::1], in brackets'],
    [{ address: '0.0.0.0:9808' }, 'address: an IPv4 address'],
    [{ address: 'localhost' }, 'address: an IPv4 address'],
    [{ address: '127.0.0.1', via: 'httpGet' }, 'that the kubelet can reach'],
    [{ address: '[::1]', via: 'httpGet' }, 'that the kubelet can reach'],
    [{ port: 9000 }, 'port: no value without via httpGet'],
    [{ address: '[::]', guard: true }, 'address: no value without via httpGet'],
    [{ command: ['/entry'] }, 'command: no value without the guard'],
    [{ replace: 1 }, 'replace'],
    [{ runAsUser: 0 }, 'runAsUser'],
    [{ liveness: { period: 1 } }, 'period'],
    [{ contaners: ['a'] }, 'contaners'],
  ])('are checked: %j', (options, what) => {
    expect(() => wire(podOf(), options as WireOptions)).toThrow(refused('INVALID_OPTION', what))
  })

  it.each(['/devices', '/tmp/shm', '/opt/shm', '/var/lib/shm', '/..shm', '/a.b/c'])(
    'allow --directory %s',
    (directory) => {
      expect(() => wire(podOf(), { directory })).not.toThrow()
    },
  )
})
