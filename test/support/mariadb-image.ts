import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { podmanDid, sharedFolder } from './podman.js'
import { copyPrograms } from './shell-image.js'

/** MariaDB, its client and a shell, with an empty database that root may use without a password. */
export const mariadbImage = 'localhost/shm-liveness-mariadb:test'

const programs = {
  ...{ '/bin/sh': '/bin/dash', '/bin/sleep': '/bin/sleep', '/bin/cat': '/bin/cat' },
  ...{ '/usr/sbin/mariadbd': '/usr/sbin/mariadbd', '/usr/bin/mariadb': '/usr/bin/mariadb' },
}
const messages = '/usr/share/mysql'
const small = ['--innodb-log-file-size=4M', '--innodb-buffer-pool-size=8M']

/** What the image's ENTRYPOINT would be. */
export const mariadbEntrypoint = [
  ...['/usr/sbin/mariadbd', '--no-defaults', '--user=root', '--datadir=/data', '--socket=/tmp/mariadb.sock'],
  ...['--bind-address=127.0.0.1', '--skip-log-bin', ...small],
]

/** Made of this machine's own MariaDB, because no registry can be asked. */
export function buildMariadbImage(): void {
  const context = sharedFolder('mariadb-image')
  const root = join(context, 'root')
  copyPrograms(root, programs)
  for (const name of ['english', 'charsets'])
    cpSync(join(messages, name), join(root, messages, name), { recursive: true })
  mkdirSync(join(root, 'etc'))
  mkdirSync(join(root, 'tmp'))
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files\n')
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n')
  execFileSync('mariadb-install-db', [
    ...['--no-defaults', '--user=root', `--datadir=${join(root, 'data')}`, '--skip-test-db', ...small],
    '--auth-root-authentication-method=normal',
  ])
  writeFileSync(join(context, 'Containerfile'), 'FROM scratch\nCOPY root /\nCMD ["/bin/sh"]\n')
  podmanDid(['build', '--quiet', '--file', join(context, 'Containerfile'), '--tag', mariadbImage, context])
}
