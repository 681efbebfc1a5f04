import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.js'
import { startMarkedGuard } from '../support/guard.js'
import type { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const folder = mkdtempSync(join(tmpdir(), 'stop-signals-'))
chmodSync(folder, 0o755)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The first path that a shell finds. */
const found = (pattern: string): string | undefined =>
  spawnSync('sh', ['-c', `ls ${pattern}`], { encoding: 'utf8' })
    .stdout.split('\n')
    .find((path) => path !== '')
const programs = {
  nginx: found('/usr/sbin/nginx'),
  httpd: found('/usr/sbin/apache2'),
  'php-fpm': found('/usr/sbin/php-fpm*'),
  postgres: found('/usr/lib/postgresql/*/bin/postgres'),
}
for (const [name, path] of Object.entries(programs)) {
  if (path === undefined) console.warn(`skipped: ${name}, which is not installed`)
}

function made(name: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  return path
}

/** It would start the program again, if it took the stop for a failure. */
const guarded = (signal: string, command: string[]): Program =>
  startMarkedGuard(['--region', uniqueRegion(), '--stop-signal', signal, '--restart', '3', '--', ...command])

async function respondsAt(port: number): Promise<void> {
  await until(
    `an answer at ${port}`,
    async () => (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) !== undefined,
  )
}

const megabytes = 2
/** Begins to take a large file slowly; its length once it is there. */
async function beginDownload(port: number): Promise<Promise<number>> {
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    get({ host: '127.0.0.1', port, path: '/large', agent: false }, resolve).on('error', reject),
  )
  let bytes = 0
  response.on('data', (data: Buffer) => (bytes += data.length))
  await until('the first bytes', () => bytes > 0)
  return new Promise((resolve) => response.on('close', () => resolve(bytes)))
}

function webRoot(name: string): string {
  const root = made(name)
  writeFileSync(join(root, 'index.html'), 'up')
  writeFileSync(join(root, 'large'), Buffer.alloc(megabytes << 20))
  return root
}

async function drains(program: Program, port: number, signal: NodeJS.Signals): Promise<void> {
  await respondsAt(port)
  const download = await beginDownload(port)
  process.kill(program.pid, signal)
  expect(await download).toBe(megabytes << 20)
  expect(await program.ended).toEqual({ code: 0, signal: null })
  expect(program.stderr).not.toContain('; restart')
}

describe.concurrent('a real server under the guard drains by its own stop signal, and is not started again', () => {
  it.runIf(programs.nginx)('nginx: SIGQUIT', async () => {
    const [root, port] = [webRoot('nginx'), await freePort()]
    const config = join(folder, 'nginx.conf')
    const paths = ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind === 'body' ? 'client_body' : kind}_temp_path ${root}/${kind};`,
    )
    writeFileSync(
      config,
      `daemon off; user root; pid ${root}/pid; error_log stderr; events {}
http { access_log off; ${paths.join(' ')} server { listen 127.0.0.1:${port}; root ${root}; location /large { limit_rate 1m; } } }`,
    )
    await drains(guarded('QUIT', [programs.nginx as string, '-c', config, '-e', 'stderr']), port, 'SIGQUIT')
  })

  it.runIf(programs.httpd)('httpd: SIGWINCH', async () => {
    const [root, port] = [webRoot('httpd'), await freePort()]
    const config = join(folder, 'httpd.conf')
    const modules = ['mpm_event', 'authz_core', 'ratelimit', 'env'].map(
      (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
    )
    writeFileSync(
      config,
      `${modules.join('\n')}
ServerName test
Listen 127.0.0.1:${port}
PidFile ${root}/pid
DefaultRuntimeDir ${root}
ErrorLog ${root}/log
User www-data
Group www-data
DocumentRoot ${root}
<Location /large>
SetOutputFilter RATE_LIMIT
SetEnv rate-limit 1024
</Location>
`,
    )
    await drains(guarded('WINCH', [programs.httpd as string, '-DFOREGROUND', '-f', config]), port, 'SIGWINCH')
  })

  it.runIf(programs['php-fpm'])('php-fpm: SIGQUIT', async () => {
    const root = made('php')
    const config = join(folder, 'php.conf')
    writeFileSync(
      config,
      `[global]
daemonize = no
error_log = ${root}/log
[www]
user = www-data
group = www-data
listen = ${root}/socket
pm = static
pm.max_children = 2
`,
    )
    const program = guarded('QUIT', [programs['php-fpm'] as string, '-F', '-n', '-y', config])
    // Not on standard error, which is a socket here: nobody can open that by its path.
    const log = () => (existsSync(join(root, 'log')) ? readFileSync(join(root, 'log'), 'utf8') : '')
    await until('it is ready', () => log().includes('ready to handle connections'))
    process.kill(program.pid, 'SIGQUIT')
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(log()).toContain('Finishing')
    expect(program.stderr).not.toContain('; restart')
  })

  it.runIf(programs.postgres)('postgres: SIGINT, with a client that is connected', async () => {
    const [root, port] = [made('postgres'), await freePort()]
    const binaries = join(programs.postgres as string, '..')
    const user = ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--init-groups']
    const [uid, gid] = ['-u', '-g'].map((flag) =>
      Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout),
    ) as [number, number]
    chownSync(root, uid, gid)
    const initialized = spawnSync(user[0] as string, [
      ...user.slice(1),
      join(binaries, 'initdb'),
      '-D',
      join(root, 'data'),
      '-A',
      'trust',
      '--no-sync',
    ])
    expect(initialized.status, String(initialized.stderr)).toBe(0)
    const command = [
      ...user,
      programs.postgres as string,
      '-D',
      join(root, 'data'),
      '-k',
      root,
      '-p',
      String(port),
      '-h',
      '',
    ]
    const program = guarded('INT', command)
    await until('it is ready', () => program.stderr.includes('ready to accept connections'))
    const client = spawn(user[0] as string, [
      ...user.slice(1),
      join(binaries, 'psql'),
      '-h',
      root,
      '-p',
      String(port),
      'postgres',
    ])
    try {
      client.stdin.write('select 40 + 2;\n')
      await new Promise((resolve) => client.stdout.once('data', resolve))
      process.kill(program.pid, 'SIGINT')
      expect(await program.ended).toEqual({ code: 0, signal: null })
      expect(program.stderr).toContain('received fast shutdown request')
      expect(program.stderr).not.toContain('; restart')
    } finally {
      client.kill()
    }
  })
})
