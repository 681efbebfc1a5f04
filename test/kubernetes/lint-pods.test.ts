/** Rules on what the containers of a pod share: regions, volumes, ports, a virtual machine. */
import { expect, it } from 'vitest'
import { env, findings, hostile, lines, live, pod, ready, spec } from '../support/hostile.js'

hostile(
  'region-shared',
  {
    'equal regions in argv, beside others in the environment': pod(
      lines(env({ SHM_LIVENESS_REGION: 'a' }), live('/shm-probe', '--region=same')),
      lines(env({ SHM_LIVENESS_REGION: 'b' }), live('/shm-probe', '--region', 'same')),
    ),
    'one region of several': pod(live('/shm-probe', '--region', 'x,same'), live('/shm-probe', '--region=same')),
    "a guard's region that is another's": pod(
      'command: [shm-guard, --region, b, --, camera]',
      lines(env({ SHM_LIVENESS_REGION: 'b' }), live('/shm-probe')),
    ),
    'a guard whose program stands in args': pod(
      lines('command: [shm-guard]', 'args: [--, camera]'),
      live('/shm-probe'),
    ),
    "liveness by another's region": pod(
      lines(env({ SHM_LIVENESS_REGION: 'a' }), live('/shm-probe')),
      live('/shm-probe', '--region', 'a'),
    ),
    'one volume at two paths': spec(`
containers:
- {name: a, volumeMounts: [{name: v, mountPath: /x/}], ${live('shm-probe', '--dir', '/x')}}
- {name: b, volumeMounts: [{name: v, mountPath: /y}], ${live('shm-probe', '--dir=/y/')}}
volumes: [{name: v, emptyDir: {medium: Memory}}]`),
  },
  {
    'regions that argv tells apart': pod(live('/shm-probe', '--region', 'a'), live('/shm-probe', '--region', 'b')),
    'argv in one, the default in the other': pod(live('/shm-probe', '--region', 'a'), live('/shm-probe')),
    'what a config map tells': spec(`
containers:
- {name: a, ${live('/shm-probe')}}
- name: b
  env: [{name: SHM_LIVENESS_REGION, valueFrom: {configMapKeyRef: {name: x, key: y}}}]
  ${live('/shm-probe')}
- name: c
  envFrom: [{configMapRef: {name: z}}]
  ${live('/shm-probe')}`),
    'a region that is a reference': pod(
      lines(env({ SHM_LIVENESS_REGION: '$(POD)' }), live('/shm-probe')),
      lines(env({ SHM_LIVENESS_REGION: '$(POD)' }), live('/shm-probe')),
    ),
    "a sidecar's readiness of others": pod(live('/shm-probe', '--region', 'a'), ready('/shm-probe', '--region', 'a')),
    "a sidecar's readiness of others, by its variable": pod(
      lines(env({ SHM_LIVENESS_REGION: 'a' }), live('/shm-probe')),
      lines(
        'command: [shm-guard, --listen, ":9900"]',
        env({ SHM_LIVENESS_REGION: 'a' }),
        ready('/shm-probe', '--check', 'readiness'),
      ),
    ),
    'readiness of two containers by one region': pod(
      ready('/shm-probe', '--check', 'readiness'),
      ready('/shm-probe', '--check', 'readiness'),
    ),
    'a sidecar that only answers': pod(
      lines(env({ SHM_LIVENESS_REGION: 'a' }), live('/shm-probe')),
      'command: [shm-guard, --listen, ":9900", --region, a]',
    ),
    'folders of their own': pod(
      lines(env({ SHM_LIVENESS_DIR: '/run/a' }), live('/shm-probe')),
      lines(env({ SHM_LIVENESS_DIR: '/run/a' }), live('/shm-probe')),
    ),
  },
)

it('says whose region is shared, and that envFrom with another prefix tells nothing', () => {
  const prefixed = spec(`
containers:
- {name: a, ${live('/shm-probe')}}
- {name: b, envFrom: [{prefix: APP_, configMapRef: {name: z}}], ${live('/shm-probe')}}`)
  expect(findings('region-shared', prefixed)).toMatchObject([
    { container: 'b', message: 'region "default" is that of "a" and "b"' },
  ])
})

hostile(
  'dev-shm-on-disk',
  {
    'SHM_LIVENESS_DIR on an emptyDir': spec(`
containers: [{name: a, ${env({ SHM_LIVENESS_DIR: '/regions' })}, volumeMounts: [{name: v, mountPath: /regions}], ${live('shm-probe')}}]
volumes: [{name: v, emptyDir: {}}]`),
    'a folder below a claim': spec(`
containers: [{name: a, volumeMounts: [{name: v, mountPath: /data}], ${live('shm-probe', '--dir=/data/shm/')}}]
volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]`),
    "a folder of the node's disk": spec(`
containers: [{name: a, volumeMounts: [{name: v, mountPath: /data}], command: [shm-guard, --dir, /data, --, a]}]
volumes: [{name: v, hostPath: {path: /var/lib/a}}]`),
  },
  {
    'an emptyDir in memory': spec(`
containers: [{name: a, ${env({ SHM_LIVENESS_DIR: '/regions' })}, volumeMounts: [{name: v, mountPath: /regions}], ${live('shm-probe')}}]
volumes: [{name: v, emptyDir: {medium: Memory}}]`),
    "the node's /dev/shm": spec(`
containers: [{name: a, volumeMounts: [{name: v, mountPath: /dev/shm}], ${live('shm-probe')}}]
volumes: [{name: v, hostPath: {path: /dev/shm}}]`),
    'what is allowed in words': spec(`
containers: [{name: a, volumeMounts: [{name: v, mountPath: /data}], ${live('shm-probe', '--dir=/data', '--allow-disk')}}]
volumes: [{name: v, emptyDir: {}}]`),
    'a /dev/shm that no region is in': spec(`
containers: [{name: a, ${env({ SHM_LIVENESS_DIR: '/run/a' })}, volumeMounts: [{name: v, mountPath: /dev/shm}], ${live('shm-probe')}}]
volumes: [{name: v, emptyDir: {}}]`),
  },
)

hostile(
  'probe-noexec',
  {
    'one file of a config map': spec(`
containers: [{name: a, volumeMounts: [{name: v, mountPath: /bin/shm-probe, subPath: shm-probe}], ${live('/bin/shm-probe')}}]
volumes: [{name: v, configMap: {name: c}}]`),
  },
  {
    'a config map whose files are executable': spec(`
containers: [{name: a, volumeMounts: [{name: v, mountPath: /bin/ours}], ${live('/bin/ours/shm-probe')}}]
volumes: [{name: v, configMap: {name: c, defaultMode: 0755}}]`),
    'one executable file': spec(`
containers: [{name: a, volumeMounts: [{name: v, mountPath: /bin/ours}], ${live('/bin/ours/shm-probe')}}]
volumes: [{name: v, configMap: {name: c, items: [{key: p, path: shm-probe, mode: 0555}]}}]`),
  },
)

const installing = `
initContainers: [{name: i, command: [/shm-probe, --install, /hb], volumeMounts: [{name: v, mountPath: /hb}]}]
volumes: [{name: v, emptyDir: {}}]
containers:`

hostile(
  'probe-not-installed',
  { 'a container that forgot the mount': spec(`${installing} [{name: a, ${live('/hb/shm-probe')}}]`) },
  {
    'one that has it': spec(
      `${installing} [{name: a, volumeMounts: [{name: v, mountPath: /hb}], ${live('/hb/shm-probe')}}]`,
    ),
    'one that has the program in its image': spec(`${installing} [{name: a, ${live('/usr/bin/shm-probe')}}]`),
  },
)

hostile(
  'port-shared',
  {
    'a guard whose flags stand in args': pod(
      lines('command: [shm-guard]', 'args: [--listen, ":80", --, a]'),
      'ports: [{containerPort: 80}]',
    ),
  },
  { 'a port of UDP': pod(env({ SHM_LIVENESS_LISTEN: ':53' }), 'ports: [{containerPort: 53, protocol: UDP}]') },
)

hostile(
  'kata-limits',
  {
    'half of the limits': spec(
      'runtimeClassName: kata-clh\nresources: {limits: {cpu: 1}}\ncontainers: [{name: a, resources: {limits: {cpu: 1}}}]',
    ),
  },
  {
    'limits of the pod as a whole': spec(
      'runtimeClassName: kata-clh\nresources: {limits: {cpu: 1, memory: 1Gi}}\ncontainers: [{name: a}]',
    ),
  },
)
