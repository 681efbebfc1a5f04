/** Whose memory regions are in: reasoned from the mount that counts. */
import { expect, it } from 'vitest'
import { env, findings, hostile, lines, live, pod, spec } from '../support/hostile.js'

const mounted = (at: string, volume: string, more = '') => `
hostIPC: false
containers: [{name: a, volumeMounts: [{name: v, mountPath: ${at}}], ${live('shm-probe', '--termination-log')}${more}}]
volumes: [{name: v, ${volume}}]`

hostile(
  'host-ipc',
  {
    'hostIPC beside a volume at /dev, which does not take the place of /dev/shm': spec(
      mounted('/dev', 'hostPath: {path: /dev}').replace('false', 'true'),
    ),
    "the node's /dev/shm by a hostPath": spec(mounted('/dev/shm', 'hostPath: {path: /dev/shm}')),
    'the same in another spelling': spec(mounted('/dev//shm/', 'hostPath: {path: /dev/./shm/}')),
    'a folder of it': spec(mounted('/dev/shm', 'hostPath: {path: /dev/shm/ours}')),
    "the node's /dev elsewhere": spec(
      mounted('/host/dev', 'hostPath: {path: /dev}', `, ${env({ SHM_LIVENESS_DIR: '/host/dev/shm' })}`),
    ),
    'the whole node': spec(mounted('/host', 'hostPath: {path: /}', `, ${env({ SHM_LIVENESS_DIR: '/host/dev/shm' })}`)),
    'the /run of the node': spec(
      mounted('/regions', 'hostPath: {path: /run/ours}', `, ${env({ SHM_LIVENESS_DIR: '/regions' })}`),
    ),
  },
  {
    'a volume at /dev': spec(mounted('/dev', 'hostPath: {path: /dev}')),
    'hostIPC beside memory of its own': spec(
      mounted('/dev/shm', 'emptyDir: {medium: Memory}').replace('false', 'true'),
    ),
    'a folder of the node for each pod': spec(`
containers:
- name: a
  env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
  volumeMounts: [{name: v, mountPath: /dev/shm, subPathExpr: $(POD)}]
  ${live('shm-probe')}
volumes: [{name: v, hostPath: {path: /dev/shm}}]`),
    'a region that no other pod has': spec(`
hostIPC: true
containers:
- name: a
  env: [{name: SHM_LIVENESS_REGION, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}]
  ${live('shm-probe')}`),
    "the node's /dev/shm where no region is": spec(mounted('/host/shm', 'hostPath: {path: /dev/shm}')),
  },
)

it('host-ipc says which folder of the node it is', () => {
  expect(findings('host-ipc', spec(mounted('/dev/shm', 'hostPath: {path: /dev/shm}')))).toMatchObject([
    {
      message: 'regions in /dev/shm are in /dev/shm of the node, by the volume "v"',
      path: ['spec', 'containers', 0, 'volumeMounts', 0],
    },
  ])
})

hostile(
  'dev-shm-on-disk',
  {
    'a disk at /dev/shm in another spelling': spec(mounted('/dev/shm/', 'emptyDir: {}')),
    'a disk at a folder of /dev/shm': spec(
      mounted('/dev/shm/ours', 'emptyDir: {}', `, ${env({ SHM_LIVENESS_DIR: '/dev/shm/ours' })}`),
    ),
  },
  {
    'a volume at /dev': spec(mounted('/dev', 'hostPath: {path: /dev}')),
    'an emptyDir at /dev': spec(mounted('/dev', 'emptyDir: {}')),
    "the node's /dev with its /dev/shm": spec(
      mounted('/host/dev', 'hostPath: {path: /dev}', `, ${env({ SHM_LIVENESS_DIR: '/host/dev/shm' })}`),
    ),
  },
)

hostile(
  'dev-shm-replaced',
  {
    'one volume in two folders of it': spec(`
containers:
- {name: a, ${env({ SHM_LIVENESS_REGION: 'a' })}, volumeMounts: [{name: v, mountPath: /dev/shm, subPath: a}], ${live('shm-probe')}}
- {name: b, ${env({ SHM_LIVENESS_REGION: 'b' })}, volumeMounts: [{name: v, mountPath: /dev/shm}], ${live('shm-probe')}}
volumes: [{name: v, emptyDir: {medium: Memory}}]`),
    'a sidecar that only answers': spec(`
containers:
- {name: a, volumeMounts: [{name: v, mountPath: /dev/shm}], ${live('shm-probe')}}
- {name: b, command: [shm-guard, --listen, ":9808"]}
volumes: [{name: v, emptyDir: {medium: Memory}}]`),
  },
  {
    'a container that has nothing to do with it': spec(`
containers:
- {name: a, volumeMounts: [{name: v, mountPath: /dev/shm}], ${live('shm-probe')}}
- {name: log}
volumes: [{name: v, emptyDir: {medium: Memory}}]`),
    'a volume at /dev of one': spec(`
containers:
- {name: a, volumeMounts: [{name: v, mountPath: /dev}], ${live('shm-probe')}}
- {name: b, ${env({ SHM_LIVENESS_REGION: 'b' })}, ${live('shm-probe')}}
volumes: [{name: v, hostPath: {path: /dev}}]`),
  },
)

hostile(
  'probe-noexec',
  {
    "the pod's own /dev/shm below a volume at /dev": spec(
      mounted('/dev', 'emptyDir: {}').replace('shm-probe', '/dev/shm/shm-probe'),
    ),
  },
  {
    'a volume below /dev': spec(mounted('/dev/ours', 'emptyDir: {}').replace('shm-probe', '/dev/ours/shm-probe')),
  },
)

const installing = (folder: string, mountPath: string, more = '') => `
initContainers: [{name: i, command: [/shm-probe, --install, ${folder}], volumeMounts: [{name: v, mountPath: ${mountPath}${more}}]}]
volumes: [{name: v, emptyDir: {}}]
containers:`
const from = (program: string, mountPath: string, more = '') =>
  `[{name: a, volumeMounts: [{name: v, mountPath: ${mountPath}${more}}], ${live(program)}}]`

hostile(
  'probe-not-installed',
  {
    'an installer that installs beside its volume': spec(
      `${installing('/hb', '/other')} ${from('/hb/shm-probe', '/hb')}`,
    ),
    'a probe in a folder of the volume': spec(`${installing('/hb', '/hb')} ${from('/hb/bin/shm-probe', '/hb')}`),
    'an installer into a folder of the volume': spec(`${installing('/hb/bin', '/hb')} ${from('/hb/shm-probe', '/hb')}`),
    'an installer with a subPath of its own': spec(
      `${installing('/hb', '/hb', ', subPath: x')} ${from('/hb/shm-probe', '/hb')}`,
    ),
    'a guard that nobody installs': spec(
      'volumes: [{name: v, emptyDir: {}}]\ncontainers: [{name: a, command: [/hb/shm-guard, --, a], volumeMounts: [{name: v, mountPath: /hb}]}]',
    ),
    'a guard elsewhere than it is installed': spec(
      `${installing('/hb', '/hb')} [{name: a, command: [/hb/bin/shm-guard, --, a], volumeMounts: [{name: v, mountPath: /hb}]}]`,
    ),
  },
  {
    'two mount paths of one volume': spec(`${installing('/out', '/out')} ${from('/hb/shm-probe', '/hb')}`),
    'one folder by path and by subPath': spec(
      `${installing('/hb/bin', '/hb')} ${from('/bin/ours/shm-probe', '/bin/ours', ', subPath: bin')}`,
    ),
    'an installer with its flag in one word': spec(
      `${installing('/hb', '/hb').replace('--install, ', '--install=')} ${from('/hb/shm-probe', '/hb')}`,
    ),
    'an installer by the ENTRYPOINT of its image': spec(
      `${installing('/hb', '/hb').replace('command: [/shm-probe, ', 'args: [')} ${from('/hb/shm-probe', '/hb')}`,
    ),
    "somebody else's copy, whose folder cannot be seen": spec(
      `${installing('/hb', '/hb').replace('[/shm-probe, --install, /hb]', '[cp, -r, /bin, /hb]')} ${from('/hb/bin/shm-probe', '/hb')}`,
    ),
    'a guard that is installed': spec(
      `${installing('/hb', '/hb')} [{name: a, command: [/hb/shm-guard, --, a], volumeMounts: [{name: v, mountPath: /hb}]}]`,
    ),
  },
)

it('probe-not-installed says where it was installed', () => {
  const of = spec(`${installing('/hb', '/other')} ${from('/hb/shm-probe', '/hb')}`)
  expect(findings('probe-not-installed', of)).toMatchObject([
    { message: '"i" installs into /hb, which is not the folder of /hb/shm-probe in the volume "v"' },
  ])
})

hostile(
  'image-not-pullable',
  {
    'the image of a container': pod(lines('image: localhost/camera:1', live('shm-probe'))),
    'the image that is always pulled': pod(lines('image: localhost/camera', 'imagePullPolicy: Always')),
  },
  {
    'a registry on each node': pod('image: localhost:5000/camera:1'),
    'an image that is never pulled': pod(lines('image: localhost/camera:1', 'imagePullPolicy: Never')),
    'a registry whose name begins so': pod('image: localhost.example/camera:1'),
    'no image': pod('image: null'),
  },
)
